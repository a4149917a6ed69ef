#include "store/store_int.h"

#include <assert.h>

#include "base/clock.h"
#include "base/metric.h"

/* A third store is a row here. */
static const struct store_ops *const stores[] = {&store_sqlite_ops, &store_elastic_ops, NULL};

static const struct store_ops *find(const struct store_options *options, struct err_text *text)
{
    for (const struct store_ops *const *ops = stores; *ops; ops++)
        if (options->kind && strcmp(options->kind, (*ops)->name) == 0)
            return *ops;
    err_set(text, ERR_CONFIG, "store: there is no kind \"%s\"; \"sqlite\" and \"elastic\" exist",
            options->kind ? options->kind : "");
    return NULL;
}

enum err store_open(struct store **ret_store, const struct store_options *options, struct err_text *text)
{
    const struct store_ops *ops = find(options, text);
    return ops ? ops->open(ret_store, options, text) : ERR_CONFIG;
}

enum err store_setup(const struct store_options *options, struct err_text *text)
{
    const struct store_ops *ops = find(options, text);
    return ops ? ops->setup(options, text) : ERR_CONFIG;
}

void store_close(struct store *store)
{
    if (store)
        store->ops->close(store);
}

bool store_is_ready(struct store *store)
{
    return store->ops->is_ready(store);
}

void store_give_up(struct store *store, int within_ms)
{
    if (store->ops->give_up)
        store->ops->give_up(store, within_ms);
}

enum err store_write(struct store *store, struct store_item *items, size_t n, const char *group,
                     const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx)
{
    assert(n_positions == 0 || group);
    if (n == 0 && n_positions == 0)
        return ERR_OK;
    int64_t from_ms = clock_mono_ms();
    enum err err = store->ops->write(store, items, n, group, positions, n_positions, reject, ctx);
    METRIC_ADD("seismo_store_writes_total", "times that something was written to the store, whatever it answered", 1);
    metric_add(
        metric_get(METRIC_COUNTER_MS, "seismo_store_write_seconds_total", NULL, NULL, "how long these took together"),
        clock_mono_ms() - from_ms);
    if (err != ERR_OK)
        METRIC_ADD("seismo_store_write_failures_total", "those that have to be tried again", 1);
    return err;
}

bool store_keeps_positions(struct store *store)
{
    return store->ops->keeps_positions;
}

enum err store_position(struct store *store, const char *group, enum topic topic, int32_t partition, int64_t *ret_next)
{
    return store->ops->position(store, group, topic, partition, ret_next);
}

enum err store_expire(struct store *store, int64_t now_ms)
{
    return store->ops->expire(store, now_ms);
}

enum err store_state_get(struct store *store, const char *key, struct buf *ret_value, uint64_t *ret_version)
{
    return store->ops->state_get(store, key, ret_value, ret_version);
}

enum err store_remove(struct store *store, const struct store_removal *removal, struct err_text *text)
{
    if (!store->ops->remove)
        return err_set(text, ERR_USAGE, "only the embedded store can do that");
    return store->ops->remove(store, removal, text);
}

enum err store_state_put(struct store *store, const char *key, struct slice value, uint64_t version,
                         uint64_t *ret_version)
{
    if (value.len > STORE_STATE_BYTES)
        return ERR_TOO_LARGE;
    return store->ops->state_put(store, key, value, version, ret_version);
}

#define MAX_TRIES 20

enum err store_state_change(struct store *store, const char *key, store_change_fn *change, void *ctx)
{
    enum err err = ERR_CONFLICT;
    for (int i = 0; err == ERR_CONFLICT && i < MAX_TRIES; i++) {
        struct buf before, after;
        uint64_t version = 0;
        buf_init(&before, STORE_STATE_BYTES);
        buf_init(&after, STORE_STATE_BYTES);
        err = store_state_get(store, key, &before, &version);
        if (err == ERR_OK || err == ERR_MISSING)
            err = change(ctx, buf_slice(&before), &after);
        if (err == ERR_OK && buf_failed(&after))
            err = ERR_FULL;
        if (err == ERR_OK)
            err = store_state_put(store, key, buf_slice(&after), version, &version);
        buf_done(&before);
        buf_done(&after);
    }
    return err;
}

enum err store_read_events(struct store *store, const struct store_event_query *query, store_document_fn *each,
                           void *ctx)
{
    return store->ops->read_events(store, query, each, ctx);
}

enum err store_read_rollups(struct store *store, const struct store_rollup_query *query, store_rollup_fn *each,
                            void *ctx)
{
    return store->ops->read_rollups(store, query, each, ctx);
}

enum err store_read_rejects(struct store *store, size_t limit, store_document_fn *each, void *ctx)
{
    assert(limit >= 1);
    return store->ops->read_rejects(store, limit, each, ctx);
}

enum err store_read_alerts(struct store *store, struct slice application, bool only_firing, size_t limit,
                           store_alert_fn *each, void *ctx)
{
    assert(limit >= 1);
    return store->ops->read_alerts(store, application, only_firing, limit, each, ctx);
}

uint64_t store_generation(struct store *store)
{
    return store->ops->generation(store);
}
