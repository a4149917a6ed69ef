/* Final windows from the store and open ones from rollup, each window once.
 *
 * The open ones are copied first: a window that closes in between is then seen twice and never missed, and of the two
 * the final one counts. Which ones to look out for is told by their ids. */
#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/metric.h"
#include "live/live_int.h"

#define MAX_OPEN 20000
#define MAX_OPEN_BYTES 33554432

struct open_id {
    uint64_t id;
    uint32_t place; /* in bytes, counted from 0 */
};

struct open_windows {
    const struct store_rollup_query *filter;
    struct buf bytes;    /* rollup_write's form, one behind the other */
    struct open_id *ids; /* sorted once all are there */
    bool *is_final;      /* by place: became final meanwhile */
    size_t n, size;
    int64_t oldest_ms;
    bool full;
    void (*each)(void *ctx, const struct rollup *rollup);
    void *ctx;
};

static uint64_t window_id(const struct rollup *rollup)
{
    char id[RECORD_ID_BYTES];
    rollup_id(rollup, id);
    return hash_keyed(slice_of(id));
}

static int by_id(const void *left, const void *right)
{
    const struct open_id *a = left, *b = right;
    return a->id < b->id ? -1 : a->id > b->id;
}

static bool passes(struct slice wanted, struct slice has)
{
    return wanted.len == 0 || slice_equal(wanted, has);
}

static bool is_wanted(const struct store_rollup_query *filter, const struct rollup *rollup)
{
    const struct series_key *key = &rollup->key;
    return rollup->width_s == filter->width_s && rollup->start_ms >= filter->from_ms &&
           rollup->start_ms < filter->to_ms && (!filter->kind || filter->kind == key->kind) &&
           passes(filter->application, key->application) && passes(filter->service, key->service) &&
           passes(filter->environment, key->environment) && passes(filter->name, key->name) &&
           passes(filter->detail, key->detail);
}

/* Called under the owner's lock. */
static void copy_open(void *ctx, const struct rollup *rollup)
{
    struct open_windows *open = ctx;
    if (!is_wanted(open->filter, rollup) || open->full)
        return;
    if (open->n == open->size) {
        open->size = open->size ? open->size * 2 : 256;
        open->ids = realloc(open->ids, open->size * sizeof *open->ids);
        if (!open->ids)
            abort();
    }
    size_t before = open->bytes.len;
    if (open->n < MAX_OPEN)
        rollup_write(rollup, &open->bytes);
    if (open->n == MAX_OPEN || buf_failed(&open->bytes)) {
        open->bytes.len = before;
        open->full = true;
        return;
    }
    open->ids[open->n] = (struct open_id){window_id(rollup), (uint32_t)open->n};
    open->n++;
    if (open->n == 1 || rollup->start_ms < open->oldest_ms)
        open->oldest_ms = rollup->start_ms;
}

static bool pass_final(void *ctx, const struct rollup *rollup)
{
    struct open_windows *open = ctx;
    if (open->n && rollup->start_ms >= open->oldest_ms) {
        struct open_id wanted = {window_id(rollup), 0};
        const struct open_id *found = bsearch(&wanted, open->ids, open->n, sizeof *open->ids, by_id);
        if (found)
            open->is_final[found->place] = true;
    }
    open->each(open->ctx, rollup);
    return true;
}

static void pass_open(struct open_windows *open)
{
    struct reader reader = reader_of(buf_slice(&open->bytes));
    for (size_t i = 0; i < open->n; i++) {
        struct rollup rollup;
        enum err err = rollup_read(&reader, &rollup);
        assert(err == ERR_OK); /* we wrote it */
        if (!open->is_final[i])
            open->each(open->ctx, &rollup);
        rollup_done(&rollup);
    }
}

enum err live_windows_read(struct live *live, const struct live_query *query, const struct store_rollup_query *narrow,
                           void (*each)(void *ctx, const struct rollup *rollup), void *ctx)
{
    struct store_rollup_query filter = *narrow;
    filter.application = query->application;
    filter.service = query->service;
    filter.environment = query->environment;
    filter.width_s = query->width_s;
    filter.from_ms = query->from_ms;
    filter.to_ms = query->to_ms;
    struct open_windows open = {.filter = &filter, .each = each, .ctx = ctx};
    buf_init(&open.bytes, MAX_OPEN_BYTES);
    if (live->options.open_windows)
        live->options.open_windows(live->options.open_ctx, query->width_s, copy_open, &open);
    open.is_final = calloc(open.n + 1, sizeof *open.is_final);
    if (!open.is_final)
        abort();
    if (open.n)
        qsort(open.ids, open.n, sizeof *open.ids, by_id);
    enum err err = store_read_rollups(live->options.store, &filter, pass_final, &open);
    if (err == ERR_OK)
        pass_open(&open);
    if (open.full)
        METRIC_ADD("seismo_live_windows_left_out_total", "readings that could not hold all open windows", 1);
    buf_done(&open.bytes);
    free(open.ids);
    free(open.is_final);
    return err;
}
