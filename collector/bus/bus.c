/* The front of the bus: finds the implementation by name, checks what every one may rely on, shows the figures. */
#include "bus/bus.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"
#include "bus/bus_int.h"

#define LAG_SHOW_MS 1000

static const struct bus_ops *const kinds[] = {&bus_sqlite_ops, &bus_kafka_ops, NULL};

static const struct bus_ops *find(const char *kind, struct err_text *text)
{
    for (size_t i = 0; kind && kinds[i]; i++) {
        if (strcmp(kinds[i]->name, kind) == 0)
            return kinds[i];
    }
    err_set(text, ERR_BUS_OPEN, "bus: there is no kind \"%s\"; known are sqlite and kafka", kind ? kind : "");
    return NULL;
}

enum err bus_open(struct bus **ret_bus, const struct bus_options *options, struct err_text *text)
{
    const struct bus_ops *ops = find(options->kind, text);
    if (!ops)
        return ERR_BUS_OPEN;
    assert(options->partitions >= 1 && options->max_pending_bytes > 0);
    struct bus *bus = NULL;
    enum err err = ops->open(&bus, options, text);
    if (err)
        return err;
    bus->ops = ops;
    bus_sink_init(&bus->sink, bus);
    *ret_bus = bus;
    return ERR_OK;
}

enum err bus_setup(const struct bus_options *options, struct err_text *text)
{
    const struct bus_ops *ops = find(options->kind, text);
    return ops ? ops->setup(options, text) : ERR_BUS_OPEN;
}

enum err bus_differences(const struct bus_options *options, struct buf *lines, int *ret_n, struct err_text *text)
{
    const struct bus_ops *ops = find(options->kind, text);
    if (ops && ops->differences)
        return ops->differences(options, lines, ret_n, text);
    *ret_n = 0;
    return ops ? ERR_OK : ERR_BUS_OPEN;
}

bool bus_close(struct bus *bus, int deadline_ms)
{
    return !bus || bus->ops->close(bus, deadline_ms);
}

enum err bus_publish(struct bus *bus, const struct bus_message *message, bus_done_fn *done, void *ctx)
{
    assert(message->topic < TOPIC_COUNT && done);
    if (message->value.len > bus_max_message(bus))
        return ERR_TOO_LARGE;
    return bus->ops->publish(bus, message, done, ctx);
}

/* ---- publishing for a thread that may wait ---- */

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t settled;
    size_t under_way;
    enum err result; /* the first failure */
};

static void note_done(void *ctx, enum err result)
{
    struct waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->mutex);
    if (result && !waiter->result)
        waiter->result = result;
    waiter->under_way--;
    pthread_cond_signal(&waiter->settled); /* under the lock: the waiter lives on a stack */
    pthread_mutex_unlock(&waiter->mutex);
}

/* Waits until at most `left` are under way. */
static enum err settle(struct waiter *waiter, size_t left)
{
    pthread_mutex_lock(&waiter->mutex);
    while (waiter->under_way > left)
        pthread_cond_wait(&waiter->settled, &waiter->mutex);
    enum err result = waiter->result;
    pthread_mutex_unlock(&waiter->mutex);
    return result;
}

static enum err publish_one(struct waiter *waiter, struct bus *bus, const struct bus_message *message)
{
    for (;;) {
        pthread_mutex_lock(&waiter->mutex);
        size_t before = waiter->under_way++;
        pthread_mutex_unlock(&waiter->mutex);
        enum err err = bus_publish(bus, message, note_done, waiter);
        if (!err)
            return ERR_OK;
        pthread_mutex_lock(&waiter->mutex);
        waiter->under_way--;
        pthread_mutex_unlock(&waiter->mutex);
        /* Full of others' messages: only they can say when to come again. Full of our own: their end makes room. */
        if (err != ERR_AGAIN || before == 0)
            return err;
        if ((err = settle(waiter, before - 1)))
            return err;
    }
}

enum err bus_publish_wait(struct bus *bus, const struct bus_message *messages, size_t n)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, ERR_OK};
    enum err err = ERR_OK;
    for (size_t i = 0; i < n && !err; i++)
        err = publish_one(&waiter, bus, &messages[i]);
    enum err result = settle(&waiter, 0);
    pthread_cond_destroy(&waiter.settled);
    pthread_mutex_destroy(&waiter.mutex);
    return err ? err : result;
}

size_t bus_max_message(const struct bus *bus)
{
    return bus->ops->max_message(bus);
}

void bus_hurry(struct bus *bus, int within_ms)
{
    if (bus && bus->ops->hurry)
        bus->ops->hurry(bus, within_ms);
}

bool bus_is_ready(struct bus *bus)
{
    return bus->ops->is_ready(bus);
}

uint64_t bus_spool_bytes(struct bus *bus)
{
    return bus->ops->spool_bytes(bus);
}

void bus_left(struct bus *bus, struct bus_left *ret_left)
{
    *ret_left = (struct bus_left){0};
    if (bus->ops->left)
        bus->ops->left(bus, ret_left);
}

bool bus_is_shared(const struct bus *bus)
{
    return bus->ops->is_shared;
}

bool bus_is_current(struct bus_cursor *cursor)
{
    return cursor->ops->is_current(cursor);
}

int64_t bus_oldest_waiting_ms(struct bus *bus)
{
    return bus->ops->oldest_waiting_ms(bus);
}

bool bus_is_known(struct bus *bus)
{
    return !bus->ops->is_known || bus->ops->is_known(bus);
}

const char *bus_trouble(struct bus *bus)
{
    return bus->ops->trouble(bus);
}

int bus_partitions(struct bus *bus, enum topic topic)
{
    assert(topic < TOPIC_COUNT);
    return bus->ops->partitions(bus, topic);
}

struct sink *bus_sink(struct bus *bus)
{
    return &bus->sink.sink;
}

/* ---- reading ---- */

void bus_cursor_init(struct bus_cursor *cursor, const struct bus_ops *ops, enum topic topic, const char *group,
                     const struct bus_owner *owner)
{
    cursor->ops = ops;
    cursor->topic = topic;
    memcpy(cursor->group, group, strlen(group) + 1);
    if (owner)
        cursor->owner = *owner;
    cursor->lag_shown_ms = INT64_MIN;
}

enum err bus_subscribe(struct bus *bus, enum topic topic, const char *group, const struct bus_owner *owner,
                       struct bus_cursor **ret_cursor, struct err_text *text)
{
    assert(topic < TOPIC_COUNT && group[0] != '\0' && strlen(group) < BUS_GROUP_BYTES);
    return bus->ops->subscribe(bus, topic, group, owner, ret_cursor, text);
}

void bus_unsubscribe(struct bus_cursor *cursor)
{
    if (cursor)
        cursor->ops->unsubscribe(cursor);
}

/* A figure that is not known is not shown, or stays what it was: 0 would say that all is read. */
static int64_t set_lag(struct bus_cursor *cursor)
{
    int64_t lag = cursor->ops->lag(cursor);
    if (lag < 0)
        return lag;
    if (!cursor->lag)
        cursor->lag = metric_get(METRIC_GAUGE, "seismo_bus_lag", "group", cursor->group,
                                 "records that the group has yet to read, of the partitions that are ours");
    metric_set(cursor->lag, lag);
    return lag;
}

static void show_lag(struct bus_cursor *cursor)
{
    int64_t now_ms = clock_mono_ms();
    if (cursor->lag_shown_ms != INT64_MIN && now_ms - cursor->lag_shown_ms < LAG_SHOW_MS)
        return;
    cursor->lag_shown_ms = now_ms;
    set_lag(cursor);
}

/* Marks come all the time: the figure is that of after a commit, so that who has read everything shows nothing. */
static enum err shown(struct bus_cursor *cursor, enum err err)
{
    if (!err)
        set_lag(cursor);
    return err;
}

enum err bus_fetch(struct bus_cursor *cursor, struct bus_record *ret_records, size_t max, size_t *ret_n, int wait_ms)
{
    *ret_n = 0;
    enum err err = cursor->ops->fetch(cursor, ret_records, max, ret_n, wait_ms);
    show_lag(cursor);
    return err;
}

void bus_wake(struct bus_cursor *cursor)
{
    cursor->ops->wake(cursor);
}

enum err bus_commit(struct bus_cursor *cursor, const struct position *positions, size_t n)
{
    return n ? shown(cursor, cursor->ops->commit(cursor, positions, n)) : ERR_OK;
}

enum err bus_transact(struct bus_cursor *cursor, const struct bus_message *messages, size_t n_messages,
                      const struct position *positions, size_t n_positions)
{
    return shown(cursor, cursor->ops->transact(cursor, messages, n_messages, positions, n_positions));
}

enum err bus_read_back(struct bus_cursor *cursor, enum topic topic, int32_t partition, int64_t from_ms,
                       bool (*each)(void *ctx, const struct bus_record *record), void *ctx)
{
    return cursor->ops->read_back(cursor, topic, partition, from_ms, each, ctx);
}

int64_t bus_lag(struct bus_cursor *cursor)
{
    return set_lag(cursor);
}

int64_t bus_end(struct bus_cursor *cursor, enum topic topic, int32_t partition)
{
    return cursor->ops->end(cursor, topic, partition);
}
