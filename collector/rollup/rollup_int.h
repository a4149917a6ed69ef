/* Inside rollup: the parts that partial.c and merge.c are made of. */
#ifndef SEISMO_ROLLUP_ROLLUP_INT_H
#define SEISMO_ROLLUP_ROLLUP_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus/bus.h"
#include "event/mark.h"
#include "rollup/rollup.h"
#include "store/store.h"

#define FINE_S 10             /* partials are this wide only; */
#define COARSE_S 60           /* the merger makes these of them */
#define EVERY_NAME SLICE("*") /* the service as a whole */
#define NO_TIME INT64_MIN     /* a watermark that nothing is known of */
#define CLOCK_LEAP_MS 600000  /* watermarks further ahead than that are of a clock that was wrong */
#define GROUP_PARTIAL "rollup"
#define GROUP_MERGE "merge"

/* ---- windows.c: a table of windows by series, start and width; owns them and their text ---- */
struct window {
    struct window *chain;
    uint64_t hash;
    struct window *before, *next; /* of those that end at the same time */
    struct rollup rollup;         /* its key's text stands behind it */
    char text[];
};
/* All that end at the same time: few, whatever the number of windows, so that the merger can look at them often. */
struct ending {
    int64_t end_ms;
    int64_t first_position; /* merge: at most that of the oldest record that is part of one of them */
    int64_t opened_ms;      /* merge: by the steady clock, of the first */
    struct window *windows; /* never NULL */
};
struct windows {
    struct window **slots;
    size_t n_slots, n;
    struct ending *endings; /* in no order */
    size_t n_endings;
    size_t bytes; /* about what all of it takes, without the growth of sketches */
};
void windows_init(struct windows *windows);
void windows_done(struct windows *windows); /* may be used again after */
/* Keys come from strangers, so the keyed hash; of whom: application, service and environment, which are the same for a
 * whole record; of what: kind, name and detail. */
uint64_t series_hash_whom(const struct series_key *key);
uint64_t series_hash(uint64_t whom, const struct series_key *key);
/* The window of that series, made when it is missing; *ret_is_new may be NULL. hash: series_hash of the key. */
struct window *windows_get(struct windows *windows, const struct series_key *key, uint64_t hash, int64_t start_ms,
                           int32_t width_s, bool *ret_is_new);
void windows_each(const struct windows *windows, void (*each)(void *ctx, struct window *window), void *ctx);
/* What the merger wants to know of a new one. */
void windows_note(struct windows *windows, const struct window *window, int64_t position, int64_t opened_ms);
/* Removes and frees one that is in the table. */
void windows_remove(struct windows *windows, struct window *window);
int64_t window_end(const struct window *window);
/* The start of the window of that width that holds the time; times before the epoch count as 0. */
int64_t window_start(int64_t at_ms, int32_t width_s);
/* Adds counts, values and sessions; both are of one series. */
void window_merge(struct rollup *into, const struct rollup *from);

/* ---- ids.c: beacon ids of the last minutes ----
 * Two generations, so that an id is remembered for at least `keep_ms` and at most twice that, and never more than
 * IDS_MAX of them; what had to be forgotten early is counted. */
#define IDS_MAX (1u << 20)
struct id_set {
    uint64_t *ids; /* 0: free */
    size_t n, size;
    int64_t since_ms; /* NO_TIME while empty */
};
struct ids {
    struct id_set now, before;
    int64_t keep_ms;
    size_t max; /* of each generation */
};
void ids_init(struct ids *ids, int64_t keep_ms, size_t max);
void ids_done(struct ids *ids);
/* False when it was there already. */
bool ids_add(struct ids *ids, uint64_t id, int64_t at_ms);

/* ---- series.c: the bound on series, per application ----
 * Counts decay by half every SERIES_HALF_MS and what falls below a half is forgotten. When an application is full, a
 * new name has to beat the rarest of a few drawn at random, or, when it is as rare, to be lucky: so that a flood of
 * names evicts itself, and neither the table nor the windows grow with it. */
#define SERIES_HALF_MS 600000
struct series_table;
struct series_table *series_new(size_t max_per_application); /* never NULL */
void series_free(struct series_table *table);                /* takes NULL */
/* Whether the series may have windows of its own; hash: series_hash of the key; weight is what it brings. */
bool series_admit(struct series_table *table, const struct series_key *key, uint64_t hash, double weight);
void series_decay(struct series_table *table);
size_t series_count(const struct series_table *table, struct slice application);

/* ---- message.c: what travels on TOPIC_ROLLUPS ----
 *
 *   "SP" u8 version=1 u8 flags=0 | varint n x { varint source partition, i64 watermark_ms }
 *   | until the end: string (rollup_write's form)
 *
 * Watermarks come in the last message that a flush sends to a partition, so that all which they speak for lies before
 * them. */
#define MESSAGE_BYTES 524288
#define MESSAGE_MAX_SOURCES 4096
struct source_mark {
    int32_t partition;
    int64_t watermark_ms;
};
void message_begin(struct buf *buf, const struct source_mark *marks, size_t n);
void message_add(struct buf *buf, const struct rollup *rollup);
struct message_handler {
    void (*mark)(void *ctx, struct source_mark mark);
    void (*rollup)(void *ctx, const struct rollup *rollup); /* borrowed */
    void *ctx;
};
/* Nothing is handled unless all of it can be read: ERR_CORRUPT, ERR_NEWER_VERSION. */
enum err message_read(struct slice value, const struct message_handler *handler);

/* ---- delays.c: how late facts arrive, so that the watermark waits as long as it must and no longer ---- */
#define DELAY_STEP_MS 250
#define DELAY_STEPS 80       /* 20 s: what comes later is late whatever we do */
#define DELAY_FIRST_MS 10500 /* until something is known: an agent holds events for up to 10 s */
struct delays {
    uint32_t steps[DELAY_STEPS];
    uint32_t n;
};
void delays_add(struct delays *delays, int64_t delay_ms);
int64_t delays_lag_ms(const struct delays *delays); /* 995 of 1000 arrive within it */

/* ---- facts.c: the facts of a record to windows of FINE_S; pure ---- */
void facts_add(struct windows *windows, struct delays *delays, const struct record *record);
/* The series that such a window is part of: its own, and those of the service as a whole. */
void facts_spread(const struct rollup *rollup, void (*each)(void *ctx, const struct series_key *key, uint64_t hash),
                  void *ctx);

/* ---- instances.c: how far each ingest is, by its marks in one partition of events ----
 * Time is that of the partition's records and stands still while none come at all.
 *
 * How far an ingest's clock is off is the bus's time of arrival less the mark's sent_ms, by the least of the last
 * SKEW_MARKS to twice as many, as a mark that was held up on its way looks like one of a clock that is behind. One is
 * right by the median of all ingests' clocks and the bus's; one that is off by more than SKEW_MS is corrected, so that
 * windows are neither held back nor closed early by it. (What it takes is in windows of its own time.) SKEW_MS is
 * longer than a mark may be on its way. One ingest alone agrees with itself and with its records, and is never
 * corrected. */
#define INSTANCES_MAX 256
#define SKEW_MARKS 10
#define SKEW_MS 60000
struct instance {
    uint64_t id;
    int64_t upto_ms;                 /* of its newest mark */
    int64_t quiet_ms;                /* since then */
    int64_t skew_ms, skew_before_ms; /* the least of this round of SKEW_MARKS, and of the one before */
    int n_marks;                     /* of this round */
};
struct instances {
    struct instance *list;
    size_t n;
    int64_t published_ms; /* of the newest record */
};
void instances_done(struct instances *instances);
/* A record was read: who has been quiet for wait_ms is forgotten and counted. */
void instances_pass(struct instances *instances, int64_t published_ms, int64_t wait_ms);
void instances_mark(struct instances *instances, const struct mark *mark, int64_t published_ms);
int64_t instances_reached(const struct instances *instances); /* by all of them; NO_TIME: none is known */

/* ---- believed.c: what time it is ----
 * The steady clock, and what the wall clock was apart from it. When that changes by more than CLOCK_STEP_MS, up or
 * down, the old time goes on until the new one has lasted wait_ms (or three times as long, when it keeps leaping): a
 * clock that is soon set right closes nothing early and makes nothing late. */
#define CLOCK_STEP_MS 5000
#define TRIAL_LOOK_MS 50
struct believed {
    bool is_set, is_trial;
    int64_t apart_ms, trial_ms;   /* wall less steady clock: as believed, and as it is since */
    int64_t tried_ms, doubted_ms; /* by the steady clock: since when it is so; and since when not as believed */
};
/* False: the wall clock says another time, which is not believed yet. */
bool believed_look(struct believed *believed, int wait_ms);
int64_t believed_now_ms(const struct believed *believed); /* as of the last look */

/* ---- the two stages ---- */
struct partial;
struct merge;
struct rollup_stage {
    struct rollup_options options;
    struct partial *partial;
    struct merge *merge;
    atomic_bool stopping;
};
enum err partial_start(struct partial **ret_partial, struct rollup_stage *stage, struct err_text *text);
void partial_stop(struct partial *partial); /* stage->stopping is set; takes NULL */
enum err merge_start(struct merge **ret_merge, struct rollup_stage *stage, struct err_text *text);
void merge_stop(struct merge *merge); /* as above */
void merge_open_windows(struct merge *merge, int32_t width_s, void (*each)(void *ctx, const struct rollup *rollup),
                        void *ctx);
void stage_halted(const struct rollup_stage *stage);
/* How long a new time has to last: a third of close_wait_ms. */
int stage_trial_ms(const struct rollup_stage *stage);
/* Call before records are taken. Where the bus is of this process, so that records bear the same clock, waits until it
 * is known what time it is: they are late, or early, by the one or by the other. Looks in any case. False: stopping,
 * and it is not known. */
bool stage_await_time(const struct rollup_stage *stage, struct believed *believed);
/* Sleeps, in small steps, until the time is over or the stage stops. */
void stage_pause(const struct rollup_stage *stage, int ms);

#endif
