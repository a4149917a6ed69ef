/* The end of the chain of sinks: a batch becomes a record and is published; what becomes of it is told to its owner. */
#include <assert.h>

#include "base/hash.h"
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

static enum err push(struct sink *sink, struct batch *batch)
{
    struct bus *bus = ((struct bus_sink *)sink)->bus;
    assert(batch->done && batch->application);
    enum err err = record_seal(batch);
    if (err)
        return err;
    if (batch->value.len > bus_max_message(bus))
        return err_set(&batch->text, ERR_TOO_LARGE, "the beacon becomes a record of %zu bytes, %zu fit the bus",
                       batch->value.len, bus_max_message(bus));
    struct bus_message message = {TOPIC_EVENTS, partition_key(batch), batch->value};
    return bus_publish(bus, &message, settle, batch);
}

void bus_sink_init(struct bus_sink *sink, struct bus *bus)
{
    *sink = (struct bus_sink){{push, NULL}, bus};
}
