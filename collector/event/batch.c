#include "event/batch.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "event/alert.h"
#include "event/position.h"

/* Arenas of ordinary beacons are kept for the next ones by the thread that frees them: ingest frees a batch where it
 * made it, so a steady stream of beacons needs no malloc. A beacon's tables and its record take about four times its
 * body; one block holds them all. */
static const struct {
    size_t body, block;
    int keep; /* arenas a thread */
} sizes[] = {{4096, 20480, 64}, {24576, 65536, 8}};
#define N_SIZES (sizeof sizes / sizeof sizes[0])
#define MAX_KEPT 64

struct kept {
    struct arena *arenas[N_SIZES][MAX_KEPT];
    int n[N_SIZES];
};

static _Thread_local struct kept *kept;
static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void free_kept(void *at)
{
    struct kept *mine = at;
    for (size_t i = 0; i < N_SIZES; i++)
        while (mine->n[i])
            arena_free(mine->arenas[i][--mine->n[i]]);
    free(mine);
    kept = NULL;
}

static void make_key(void)
{
    pthread_key_create(&kept_key, free_kept);
}

static struct kept *kept_here(void)
{
    if (kept)
        return kept;
    pthread_once(&kept_once, make_key);
    kept = calloc(1, sizeof *kept);
    if (!kept)
        abort();
    pthread_setspecific(kept_key, kept);
    return kept;
}

/* The least of the sizes that holds it, or N_SIZES. */
static size_t size_of(size_t body_bytes)
{
    size_t i = 0;
    while (i < N_SIZES && body_bytes > sizes[i].body)
        i++;
    return i;
}

static struct arena *take_arena(size_t body_bytes)
{
    size_t i = size_of(body_bytes);
    if (i == N_SIZES)
        return arena_new(body_bytes + BATCH_PADDING + 8192, BATCH_ARENA_BYTES + body_bytes);
    struct kept *mine = kept_here();
    return mine->n[i] ? mine->arenas[i][--mine->n[i]] : arena_new(sizes[i].block, BATCH_ARENA_BYTES);
}

struct batch *batch_new(size_t body_bytes)
{
    struct arena *arena = take_arena(body_bytes);
    struct batch *batch = arena_zero(arena, sizeof *batch);
    char *body = arena_alloc(arena, body_bytes + BATCH_PADDING);
    assert(batch && body);
    memset(body + body_bytes, 0, BATCH_PADDING);
    batch->arena = arena;
    batch->body = (struct slice){body, body_bytes};
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    struct arena *arena = batch->arena;
    size_t i = size_of(batch->body.len);
    struct kept *mine = i < N_SIZES ? kept_here() : NULL;
    if (!mine || mine->n[i] == sizes[i].keep) {
        arena_free(arena);
        return;
    }
    arena_reset(arena);
    mine->arenas[i][mine->n[i]++] = arena;
}

const char *event_kind_name(enum event_kind kind)
{
    static const char *const names[EVENT_KINDS] = {"",      "page",  "route", "api",  "click",  "error",
                                                   "vital", "other", "event", "mark", "measure"};
    assert(kind > 0 && kind < EVENT_KINDS);
    return names[kind];
}

const char *series_kind_name(enum series_kind kind)
{
    static const char *const names[] = {"", "page", "route", "api", "vital", "click", "error", "self"};
    assert(kind > 0 && kind <= SERIES_SELF);
    return names[kind];
}

const char *alert_kind_name(enum alert_kind kind)
{
    static const char *const names[] = {"", "latency", "errors", "traffic", "self"};
    assert(kind >= ALERT_LATENCY && kind <= ALERT_SELF);
    return names[kind];
}

const char *alert_state_name(enum alert_state state)
{
    assert(state == ALERT_FIRING || state == ALERT_RESOLVED);
    return state == ALERT_FIRING ? "firing" : "resolved";
}

const char *topic_name(enum topic topic)
{
    static const char *const names[TOPIC_COUNT] = {"events", "rollups", "alerts", "rejects"};
    assert(topic < TOPIC_COUNT);
    return names[topic];
}
