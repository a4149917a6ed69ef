/* Inside the index: the rejects of one batch, and whether there are too many of them. */
#ifndef SEISMO_INDEX_INDEX_INT_H
#define SEISMO_INDEX_INDEX_INT_H

#include <pthread.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/metric.h"
#include "bus/bus.h"
#include "event/deploys.h"
#include "event/forgotten.h"
#include "event/record.h"
#include "index/index.h"
#include "store/store.h"

#define REJECT_ORIGINAL_BYTES 262144 /* of a record, kept in its reject document */
#define GROUP "index"
#define REJECT_EVENTS 1000 /* numbers of refused events told in one */

/* What was refused of one record: all of it (event -1) or some of its events. */
struct reject {
    const struct bus_record *record;
    enum err code;
    char reason[256]; /* of the first */
    int events[REJECT_EVENTS];
    size_t n_events, n_refused;
};

/* The document of one reject: JSON for STORE_REJECT and TOPIC_REJECTS. ret_id: the same record refused for the same
 * events has the same. The original is the record, base64, redacted long before it came here. */
void reject_write(const struct reject *reject, int64_t now_ms, struct buf *json, char ret_id[33]);

/* Documents stored and refused in the last ten seconds. */
#define BURST_SLOTS 10
struct burst {
    struct {
        int64_t second;
        unsigned long documents, refused;
    } slots[BURST_SLOTS];
    int pause_ms; /* of the last one; 0 when all is well */
};
void burst_add(struct burst *burst, int64_t now_ms, unsigned long documents, unsigned long refused);
/* How long to pause: 0, or ten seconds, doubling up to five minutes while it goes on. Forgets what it counted. */
int burst_pause_ms(struct burst *burst, int64_t now_ms);

/* Back-off for the n-th try in a row: 200 ms doubling up to 30 s, between half and all of it by `random`. */
int backoff_ms(unsigned tries, uint32_t random);

/* Releases met for the first time: releases.c. */
#define RELEASES_SLOTS 8192
#define RELEASES_MET 16 /* of a batch; further ones are met in a later one */
struct releases {
    uint64_t known[RELEASES_SLOTS];
    size_t n, n_met;
    int64_t retry_ms; /* not before; by the steady clock */
    struct deploy met[RELEASES_MET];
};
void releases_note(struct releases *releases, const struct record *record);
void releases_keep(struct releases *releases, struct store *store);

/* Who was forgotten: forgetting.c. Zeroed: nobody. */
struct forgetting {
    struct forgotten known;
    uint64_t version;  /* of the state that it is */
    int64_t looked_ms; /* the steady clock: when the store last answered; 0: not yet */
};
/* Before a batch is decoded; asks the store at most every FORGOTTEN_LOOK_MS. An error: the store did not answer, what
 * was known holds. */
enum err forgetting_look(struct forgetting *forgetting, struct store *store);
enum err forgetting_look_now(struct forgetting *forgetting, struct store *store);      /* the same, without the pause */
bool forgetting_has(const struct forgetting *forgetting, const struct record *record); /* and counts it */

struct index {
    struct index_options options;
    struct bus_cursor *cursor; /* NULL once it has left */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stop;
    bool stopping; /* under mutex */

    /* the thread's own; tables of batch_records */
    struct bus_record *records;
    struct store_item *items;
    struct bus_record **sources; /* of each item */
    struct position *positions;  /* at most one a record */
    struct reject **rejects;     /* at most one a record */
    size_t n_records, n_items, n_positions, n_rejects;
    struct position *owed; /* behind what is written, to be committed; two tables of batch_records */
    size_t n_owed;
    int64_t owed_since_ms;            /* the steady clock */
    unsigned long documents, refused; /* of this batch */
    struct arena *arena;              /* of this batch */
    struct burst burst;
    struct releases releases;
    struct forgetting forgetting;
    bool paused;    /* by a burst */
    bool is_halted; /* by a record of a newer release */
    struct metric *is_paused;
    struct metric *stored;
    int64_t looked_wall_ms, looked_mono_ms; /* for what is older than the retention */
    int64_t steady_since_ms;                /* since when the wall clock has not leapt, by the steady one */
};

/* Waits before the n-th try in a row, alive as a member of the group, and says so now and then. False: stopping. */
bool index_back_off(struct index *index, unsigned tries, enum err err, const char *what);
/* Saves all rejects of the batch. False: stopping. */
bool index_save_rejects(struct index *index);

#endif
