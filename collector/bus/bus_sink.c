/* The end of the chain of sinks: a batch becomes a record and is published; what becomes of it is told to its owner. */
#include <assert.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "base/metric.h"
#include "bus/bus_int.h"
#include "event/application.h"
#include "event/record.h"

#define KEY_BYTES 512

static void settle(void *ctx, enum err result)
{
    struct batch *batch = ctx;
    batch->done(batch, result);
}

/* One session is one partition, so that whoever forgets repeats need ask one place only. A client without sessions
 * is spread by beacon; a repeat has the same id and so the same partition too. */
static uint64_t partition_key(const struct batch *batch)
{
    char bytes[KEY_BYTES];
    struct slice session = batch->envelope.session.len ? batch->envelope.session : batch->envelope.id;
    size_t len = strnlen(batch->application->name, KEY_BYTES / 2 - 1);
    memcpy(bytes, batch->application->name, len);
    bytes[len++] = '\0';
    size_t rest = session.len < KEY_BYTES - len ? session.len : KEY_BYTES - len;
    if (rest)
        memcpy(bytes + len, session.at, rest);
    return hash_stable((struct slice){bytes, len + rest});
}

/* A beacon that needs several records: durable when all of them are. Lives in the batch's arena. */
struct parts {
    struct batch *batch;
    atomic_size_t left;
    _Atomic enum err result; /* the first failure */
};

static void settle_part(void *ctx, enum err result)
{
    struct parts *parts = ctx;
    enum err none = ERR_OK;
    if (result)
        atomic_compare_exchange_strong(&parts->result, &none, result);
    if (atomic_fetch_sub(&parts->left, 1) == 1)
        parts->batch->done(parts->batch, atomic_load(&parts->result));
}

/* While one part is with the bus the batch is its too: from then on a failure is told by `done`. A part that is durable
 * though the beacon is not, is a part of the beacon that the client sends again, and known by its ids. */
static enum err push_parts(struct bus *bus, struct batch *batch)
{
    struct slice *values = NULL;
    size_t n = 0;
    enum err err = record_split(batch, bus_max_message(bus), &values, &n);
    if (err)
        return err;
    struct parts *parts = arena_alloc(batch->arena, sizeof *parts);
    if (!parts)
        return ERR_TOO_LARGE;
    parts->batch = batch;
    atomic_init(&parts->left, n + 1); /* one more until all are handed over: `done` frees the arena */
    atomic_init(&parts->result, ERR_OK);
    uint64_t key = partition_key(batch);
    METRIC_ADD("seismo_bus_split_total", "beacons that needed more than one record", 1);
    for (size_t i = 0; i < n; i++) {
        struct bus_message message = {TOPIC_EVENTS, key, values[i]};
        err = bus_publish(bus, &message, settle_part, parts);
        if (err && i == 0)
            return err;
        if (err)
            settle_part(parts, err);
    }
    settle_part(parts, ERR_OK);
    return ERR_OK;
}

static enum err push(struct sink *sink, struct batch *batch)
{
    struct bus *bus = ((struct bus_sink *)sink)->bus;
    assert(batch->done && batch->application);
    enum err err = record_seal(batch);
    if (err == ERR_TOO_LARGE || (!err && batch->value.len > bus_max_message(bus)))
        return push_parts(bus, batch);
    if (err)
        return err;
    struct bus_message message = {TOPIC_EVENTS, partition_key(batch), batch->value};
    return bus_publish(bus, &message, settle, batch);
}

void bus_sink_init(struct bus_sink *sink, struct bus *bus)
{
    *sink = (struct bus_sink){{push, NULL}, bus};
}
