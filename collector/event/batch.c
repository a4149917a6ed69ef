#include "event/batch.h"

#include <assert.h>

#include "event/alert.h"
#include "event/position.h"

struct batch *batch_new(size_t body_bytes)
{
    struct arena *arena = arena_new(body_bytes + BATCH_PADDING + 8192, BATCH_ARENA_BYTES + body_bytes);
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
    if (batch)
        arena_free(batch->arena);
}

const char *event_kind_name(enum event_kind kind)
{
    static const char *const names[EVENT_KINDS] = {"", "page", "route", "api", "click", "error", "vital", "other"};
    assert(kind > 0 && kind < EVENT_KINDS);
    return names[kind];
}

const char *series_kind_name(enum series_kind kind)
{
    static const char *const names[SERIES_KINDS] = {"", "page", "route", "api", "vital", "click", "error"};
    assert(kind > 0 && kind < SERIES_KINDS);
    return names[kind];
}

const char *alert_kind_name(enum alert_kind kind)
{
    static const char *const names[] = {"", "latency", "errors", "traffic"};
    assert(kind >= ALERT_LATENCY && kind <= ALERT_TRAFFIC);
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
