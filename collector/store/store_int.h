/* Inside the store: what an implementation provides. Store.c hands every call through unchanged. */
#ifndef SEISMO_STORE_STORE_INT_H
#define SEISMO_STORE_STORE_INT_H

#include "event/record.h"
#include "store/store.h"

/* What is to be forgotten, in two parts: what names nobody and is of the user's sessions, then what names the user. */
enum forget_part { FORGET_ANONYMOUS, FORGET_NAMED };
struct forget_task {
    struct slice user, application;
    const struct slice *sessions;
    size_t n_sessions;
    bool is_trial;
};
bool forget_concerns(const struct forget_task *task, const struct record *record, enum forget_part part);
/* Whether a reject document keeps a record of the user. */
bool forget_concerns_reject(const struct forget_task *task, struct slice json);

/* Each function is the one of store.h with the same name; `write` gets at least one item or position. An
 * implementation's own struct begins with a struct store. */
struct store_ops {
    const char *name; /* store_options.kind */
    bool keeps_positions;
    enum err (*open)(struct store **ret_store, const struct store_options *options, struct err_text *text);
    enum err (*setup)(const struct store_options *options, struct err_text *text);
    void (*close)(struct store *store);
    bool (*is_ready)(struct store *store);
    void (*give_up)(struct store *store, int within_ms); /* NULL: nothing waits for long */
    enum err (*write)(struct store *store, struct store_item *items, size_t n, const char *group,
                      const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx);
    enum err (*position)(struct store *store, const char *group, enum topic topic, int32_t partition,
                         int64_t *ret_next);
    enum err (*expire)(struct store *store, int64_t now_ms);
    enum err (*remove)(struct store *store, const struct store_removal *removal, struct err_text *text); /* or NULL */
    /* Adds to forgotten; the parts one after the other. */
    enum err (*forget)(struct store *store, const struct forget_task *task, struct store_forgotten *forgotten,
                       struct err_text *text);
    enum err (*state_get)(struct store *store, const char *key, struct buf *ret_value, uint64_t *ret_version);
    enum err (*state_put)(struct store *store, const char *key, struct slice value, uint64_t version,
                          uint64_t *ret_version);
    enum err (*read_events)(struct store *store, const struct store_event_query *query, store_document_fn *each,
                            void *ctx);
    enum err (*read_rollups)(struct store *store, const struct store_rollup_query *query, store_rollup_fn *each,
                             void *ctx);
    enum err (*read_alerts)(struct store *store, struct slice application, bool only_firing, size_t limit,
                            store_alert_fn *each, void *ctx);
    enum err (*read_rejects)(struct store *store, size_t limit, store_document_fn *each, void *ctx);
    uint64_t (*generation)(struct store *store);
};

struct store {
    const struct store_ops *ops;
};

extern const struct store_ops store_sqlite_ops, store_elastic_ops;

#define REJECT_MOST_BYTES 1048576 /* of the record in a reject */
#define DAY_MS INT64_C(86400000)
#define KEPT_LONGER 8 /* rollups and alerts, in raw retentions */
/* How long after an event its beacon may still be a repeat that only a look-up finds: past it we look. */
#define FRESH_MS 60000
/* An arena that holds the facts of the largest record. */
#define FACTS_ARENA_BYTES (BATCH_MAX_EVENTS * sizeof(struct fact) + 65536)

#endif
