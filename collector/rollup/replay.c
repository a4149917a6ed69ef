/* Windows of records of the past, by the same code as those of today, without bus, clock or detection. */
#include "rollup/rollup_int.h"

#include <assert.h>
#include <stdlib.h>

struct rollup_replay {
    struct windows facts, open; /* of FINE_S as facts make them; final ones to be */
    struct delays delays;       /* as facts_add wants them; not read */
    int64_t upto_ms;
    rollup_replay_fn *each;
    void *ctx;
};

struct rollup_replay *rollup_replay_new(rollup_replay_fn *each, void *ctx)
{
    struct rollup_replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        abort();
    windows_init(&replay->facts);
    windows_init(&replay->open);
    replay->each = each;
    replay->ctx = ctx;
    return replay;
}

void rollup_replay_free(struct rollup_replay *replay)
{
    if (!replay)
        return;
    windows_done(&replay->facts);
    windows_done(&replay->open);
    free(replay);
}

void rollup_replay_add(struct rollup_replay *replay, const struct record *record)
{
    facts_add(&replay->facts, &replay->delays, record);
}

struct spreading {
    struct rollup_replay *replay;
    const struct rollup *rollup;
};

static void merge_series(void *ctx, const struct series_key *key, uint64_t hash)
{
    const struct spreading *spreading = ctx;
    static const int32_t widths[] = {FINE_S, COARSE_S};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        int64_t start_ms = window_start(spreading->rollup->start_ms, widths[i]);
        assert(start_ms + widths[i] * 1000 > spreading->replay->upto_ms); /* else it was closed */
        window_merge(&windows_get(&spreading->replay->open, key, hash, start_ms, widths[i], NULL)->rollup,
                     spreading->rollup);
    }
}

static void spread(void *ctx, struct window *window)
{
    struct spreading spreading = {ctx, &window->rollup};
    facts_spread(&window->rollup, merge_series, &spreading);
}

/* Any of those that end by then. */
static struct window *find_ended(const struct windows *windows, int64_t upto_ms)
{
    for (size_t i = 0; i < windows->n_endings; i++)
        if (windows->endings[i].end_ms <= upto_ms)
            return windows->endings[i].windows;
    return NULL;
}

enum err rollup_replay_close(struct rollup_replay *replay, int64_t upto_ms)
{
    enum err err = ERR_OK;
    windows_each(&replay->facts, spread, replay);
    windows_done(&replay->facts);
    windows_init(&replay->facts);
    replay->upto_ms = upto_ms;
    for (struct window *window; err == ERR_OK && (window = find_ended(&replay->open, upto_ms));) {
        err = replay->each(replay->ctx, &window->rollup);
        windows_remove(&replay->open, window);
    }
    return err;
}
