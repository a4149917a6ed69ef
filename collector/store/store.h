/* The store: documents written idempotently, read by the live page and by export; small state with compare-and-set.
 *
 * Two implementations: store_sqlite.c (day files, one row a beacon, expanded on read) and store_elastic.c (data streams
 * through libcurl). Nothing outside this room knows which one runs. All calls block, any thread. */
#ifndef SEISMO_STORE_STORE_H
#define SEISMO_STORE_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "event/alert.h"
#include "event/position.h"
#include "event/rollup.h"

struct store;

struct store_options {
    const char *kind;                                /* "sqlite" or "elastic" */
    const char *path;                                /* sqlite: folder of the files; exists */
    const char *url;                                 /* elastic: base addresses, separated by commas; or: */
    const char *cloud_id;                            /* elastic: "name:base64"; NULL or "" = none */
    const char *api_key, *user, *password, *ca_file; /* elastic; NULL or "" = none; never logged */
    const char *namespace_;                          /* elastic: last part of the data streams' names, "default" */
    size_t bulk_bytes;                               /* elastic: of a request at most, before gzip; 0: 16 MiB */
    int requests;                                    /* elastic: in flight at most for one store_write; 0: 4 */
    bool compress;                                   /* elastic: gzip what is written */
    int retention_days; /* raw documents; rollups and alerts are kept eight times as long */
};

enum err store_open(struct store **ret_store, const struct store_options *options, struct err_text *text);
/* Templates, indices, tables: makes what is missing, checks the rest, says in text what it left out. Repeatable. */
enum err store_setup(const struct store_options *options, struct err_text *text);
void store_close(struct store *store); /* takes NULL */
bool store_is_ready(struct store *store);
/* The program ends: what is under way, and all that is called from now on, returns within about that time, with
 * ERR_TIMED_OUT where it would have waited for longer. Any thread. */
void store_give_up(struct store *store, int within_ms);

/* ---- writing ---- */
enum store_item_kind {
    STORE_BEACON, /* value: a bus record (event/record.h); becomes one document an event */
    STORE_ROLLUP, /* value: rollup_write's form of one final window */
    STORE_ALERT,  /* value: alert_write's form */
    STORE_REJECT, /* value: the JSON object of a reject document; Elasticsearch wants a "@timestamp" in it */
    STORE_HEALTH, /* the same of what an instance says of itself (watch/report.h); the embedded store keeps none */
};
struct store_item {
    enum store_item_kind kind;
    struct slice value;
    struct slice id; /* STORE_REJECT, STORE_HEALTH: the document's id; others derive theirs */
    bool done;       /* set by store_write: stored, or refused for good and reported */
    uint32_t stored; /* documents newly stored; repeats do not count */
};
/* Told of every document that the store refuses for good. event is the index in the item's beacon, -1 if none. */
typedef void store_reject_fn(void *ctx, const struct store_item *item, int event, const char *reason);
/* Writes all items, and keeps the positions where the store can (store_keeps_positions). All that was written before
 * positions is durable before they are; where positions are kept, beacons written without any can be read at once, and
 * are durable with the next write that has some (of no items, even). Everything else is durable when it is done.
 * Same id twice = stored once. ERR_OK: every item is done. Else those with done=true are; call again with the same
 * items after a pause, done ones are skipped. ERR_AGAIN, ERR_HTTP, ERR_TIMED_OUT, ERR_FULL (disk), ERR_STORE_WRITE,
 * ERR_CORRUPT (a damaged file that another process keeps open): later. ERR_STORE_AUTH, ERR_NEWER_VERSION: stop and
 * tell. The cause is in the log. `stored` grows over the calls for one item; a beacon whose answer was lost on the way
 * counts as a repeat. */
enum err store_write(struct store *store, struct store_item *items, size_t n, const char *group,
                     const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx);
/* Whether positions live here. If not, the caller commits them on the bus after store_write. */
bool store_keeps_positions(struct store *store);
/* ERR_MISSING when the group has none here for that partition. */
enum err store_position(struct store *store, const char *group, enum topic topic, int32_t partition, int64_t *ret_next);
/* Drops what is older than the retention allows; safe to call at any time. */
enum err store_expire(struct store *store, int64_t now_ms);
struct store_removal {
    struct slice application, service;
};
/* Removes all documents and windows of a service, alone in the folder from now on until store_close. ERR_STORE_OPEN:
 * another process has it open. ERR_USAGE: this store cannot. When it fails, some of it may be left: call again. */
enum err store_remove(struct store *store, const struct store_removal *removal, struct err_text *text);

/* Forgetting a user. Whole sessions go: what names the user, and what such a session sent without naming anybody; what
 * names somebody else stays. Windows and alerts hold no users. Others may write meanwhile: what the bus still holds of
 * the user is not stored any more (event/forgotten.h). */
struct store_forgetting {
    struct slice user, application; /* application len 0: of any */
    bool is_trial;                  /* counts and changes nothing */
    int settle_ms;                  /* until all who store have looked at who was forgotten */
    int64_t keep_ms;                /* how long the bus may hold records */
};
struct store_forgotten {
    uint64_t sessions, events, rejects; /* removed, or of a trial: that would be */
    uint64_t aside;                     /* damaged files, which cannot be looked through */
    bool is_more;                       /* there are more: call again */
    char name[16];                      /* what stands for the user in logs; "" in a trial */
};
/* Says in the log how many, never who. When it fails, some may be left: call again. ERR_AGAIN, ERR_STORE_WRITE,
 * ERR_STORE_READ, ERR_HTTP, ERR_TIMED_OUT, ERR_STORE_AUTH, and those of store_state_put. */
enum err store_forget(struct store *store, const struct store_forgetting *forgetting, struct store_forgotten *forgotten,
                      struct err_text *text);

/* ---- state: small values under a key, with compare-and-set ---- */
#define STORE_STATE_BYTES 1048576
/* ERR_MISSING: none; *ret_version is 0 then. */
enum err store_state_get(struct store *store, const char *key, struct buf *ret_value, uint64_t *ret_version);
/* Puts value if the present version is still `version` (0: must not exist). ERR_CONFLICT otherwise. */
enum err store_state_put(struct store *store, const char *key, struct slice value, uint64_t version,
                         uint64_t *ret_version);

/* Makes a new value of the present one (len 0: none) and puts it; again when somebody was faster. What `change` returns
 * other than ERR_OK ends it, and nothing is put. ERR_CONFLICT: somebody was faster all the time. */
typedef enum err store_change_fn(void *ctx, struct slice value, struct buf *ret_value);
enum err store_state_change(struct store *store, const char *key, store_change_fn *change, void *ctx);

/* ---- reading ---- */
struct store_event_query {
    struct slice application;                                      /* len 0: all */
    struct slice service, session, code, kind, user, beacon, page; /* exact; len 0: any; kind as sent: event.action;
                                                                      page is a page route */
    int64_t from_ms, to_ms; /* [from, to) by the event's corrected time; to 0: no end */
    bool newest_first;      /* else oldest first */
    size_t limit;           /* 0: no limit (export) */
};
/* Calls each(ctx, id, document) for every stored event document; each returns false to stop. What cannot be read back
 * is left out and counted. Elasticsearch shows a document up to a second after it was stored. */
typedef bool store_document_fn(void *ctx, struct slice id, struct slice json);
enum err store_read_events(struct store *store, const struct store_event_query *query, store_document_fn *each,
                           void *ctx);

struct store_rollup_query {
    struct slice application, service, environment, name, detail; /* len 0: any */
    enum series_kind kind;                                        /* 0: any */
    int32_t width_s;                                              /* 10 or 60 */
    int64_t from_ms, to_ms;                                       /* [from, to) by the window's start; to 0: no end */
};
/* Oldest first. The rollup and its text are borrowed for the call. */
typedef bool store_rollup_fn(void *ctx, const struct rollup *rollup);
enum err store_read_rollups(struct store *store, const struct store_rollup_query *query, store_rollup_fn *each,
                            void *ctx);

/* Newest first by the time of their latest state, each alert once in that state. limit >= 1. */
typedef bool store_alert_fn(void *ctx, const struct alert *alert);
enum err store_read_alerts(struct store *store, struct slice application, bool only_firing, size_t limit,
                           store_alert_fn *each, void *ctx);

/* The reject documents, newest first. limit >= 1. */
enum err store_read_rejects(struct store *store, size_t limit, store_document_fn *each, void *ctx);

/* Number that grows with every write that readers can see, from any instance as far as is cheap to know: live page. */
uint64_t store_generation(struct store *store);

#endif
