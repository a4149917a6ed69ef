/* Spools that nobody has any more: a process was killed, or there are fewer of them than there were, and what it had
 * acknowledged waits in its file. Each process that shares the folder looks for such files every adopt_ms, while its
 * own records go to Kafka directly: it takes the file's lock, publishes what is there the way of all records (to Kafka,
 * or into its own spool when Kafka goes away meanwhile), tells the file what is durable, and removes it when nothing is
 * left. A kill at any time repeats some and loses none.
 *
 * The first look comes adopt_ms after the start, so that processes that start together find their own files first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_int.h"

#define BATCH 256 /* records under way at a time: live ones go beside them */
#define CLOSE_MS 5000

struct adopted {
    struct kafka_bus *bus;
    enum err result;
    char mark[MARK_BYTES];
};

/* One file, while it is ours. */
struct orphan {
    struct kafka_bus *bus;
    char path[KAFKA_SPOOL_PATH_BYTES];
    int lock_fd;
    struct bus *spool;
    struct bus_record records[BATCH];
    struct adopted adopted[BATCH];
};

/* ---- records ---- */

static void note_adopted(void *ctx, enum err result)
{
    struct adopted *adopted = ctx;
    struct kafka_bus *bus = adopted->bus;
    pthread_mutex_lock(&bus->mutex);
    adopted->result = result;
    if (--bus->n_adopting == 0)
        pthread_cond_broadcast(&bus->adopt_work);
    pthread_mutex_unlock(&bus->mutex);
}

static void count_adopting(struct kafka_bus *bus, int change)
{
    pthread_mutex_lock(&bus->mutex);
    bus->n_adopting += change;
    pthread_mutex_unlock(&bus->mutex);
}

static void await_adopted(struct kafka_bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    while (bus->n_adopting) /* each is told, at the latest when the bus closes */
        pthread_cond_wait(&bus->adopt_work, &bus->mutex);
    pthread_mutex_unlock(&bus->mutex);
}

static enum err publish_one(struct kafka_bus *bus, const struct bus_record *record, struct adopted *adopted)
{
    struct bus_message message = {.topic = record->topic};
    int64_t wall_ms;
    if (!kafka_spool_unwrap(record->value, &message.key, &wall_ms, &message.value))
        return ERR_CORRUPT;
    kafka_spool_renew_mark(&message.value, adopted->mark);
    enum err err;
    count_adopting(bus, 1);
    while ((err = bus_publish(&bus->bus, &message, note_adopted, adopted)) == ERR_AGAIN)
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    if (err)
        count_adopting(bus, -1);
    return err;
}

/* True: all are durable elsewhere, or nothing will ever take them. */
static bool publish_all(struct orphan *orphan, size_t n)
{
    size_t sent = 0;
    bool all = true;
    for (enum err err = ERR_OK; sent < n; sent++) {
        orphan->adopted[sent] = (struct adopted){.bus = orphan->bus};
        err = publish_one(orphan->bus, &orphan->records[sent], &orphan->adopted[sent]);
        if (err == ERR_CORRUPT || err == ERR_TOO_LARGE)
            orphan->adopted[sent].result = err;
        else if (err)
            break;
    }
    await_adopted(orphan->bus);
    for (size_t i = 0; i < sent; i++) {
        enum err result = orphan->adopted[i].result;
        if (result == ERR_CORRUPT || result == ERR_TOO_LARGE)
            kafka_spool_refuse(&orphan->records[i], result);
        else
            all = all && !result;
    }
    return all && sent == n;
}

/* ---- one file ---- */

/* True: nothing of the topic is left in it. */
static bool empty_topic(struct orphan *orphan, enum topic topic, size_t *moved)
{
    struct bus_cursor *cursor = NULL;
    struct err_text text = {""};
    size_t n = 0;
    enum err err = bus_subscribe(orphan->spool, topic, KAFKA_SPOOL_GROUP, NULL, &cursor, &text);
    while (!err && !(err = bus_fetch(cursor, orphan->records, BATCH, &n, 0)) && n) {
        struct position end = {topic, orphan->records[n - 1].partition, orphan->records[n - 1].position + 1};
        if (!publish_all(orphan, n))
            err = ERR_AGAIN;
        else
            err = bus_commit(cursor, &end, 1);
        *moved += err ? 0 : n;
    }
    bool empty = !err && cursor->ops->lag(cursor) == 0;
    if (cursor)
        bus_unsubscribe(cursor);
    return empty;
}

static void remove_file(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"}; /* not .owner: somebody may wait for that one */
    char name[KAFKA_SPOOL_PATH_BYTES + 8];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        if (unlink(name) && errno != ENOENT)
            log_warn("bus", ERR_IO, "%s: %s", name, strerror(errno));
    }
}

static bool empty_file(struct orphan *orphan)
{
    struct kafka_bus *bus = orphan->bus;
    struct err_text text = {""};
    size_t moved = 0;
    bool empty = true;
    enum err err = kafka_spool_open_file(bus, orphan->path, &orphan->spool, &text);
    if (err) {
        log_error("bus", err, "a spool that no process has stays where it is: %s", text.at);
        return false;
    }
    for (int t = 0; t < TOPIC_COUNT && !atomic_load(&bus->closing); t++)
        empty = empty_topic(orphan, (enum topic)t, &moved) && empty;
    empty = empty && !atomic_load(&bus->closing);
    bus_close(orphan->spool, CLOSE_MS);
    METRIC_ADD("seismo_spool_adopted_total", "records taken from spools that no process had any more", (int64_t)moved);
    if (moved)
        log_info("bus", "%s, which no process had any more: %zu records of it went on their way%s", orphan->path, moved,
                 empty ? ", and it is removed" : "");
    if (empty)
        remove_file(orphan->path);
    return true;
}

/* ---- all files ---- */

/* Only while the way to Kafka is free: else they would go from one spool into another. */
static bool is_free_way(struct kafka_bus *bus)
{
    bool direct = atomic_load(&bus->is_known) && !atomic_load(&bus->down_since_ms) && !atomic_load(&bus->closing);
    pthread_mutex_lock(&bus->mutex);
    for (int t = 0; t < TOPIC_COUNT; t++)
        direct = direct && bus->lanes[t].mode == KAFKA_DIRECT;
    pthread_mutex_unlock(&bus->mutex);
    return direct;
}

static void look(struct kafka_bus *bus, struct orphan *orphan)
{
    struct stat stat_;
    for (int i = 0; i < KAFKA_SPOOLS && is_free_way(bus); i++) {
        kafka_spool_name(bus, i, orphan->path);
        if (bus->is_unreadable[i] || stat(orphan->path, &stat_) != 0)
            continue;
        orphan->lock_fd = kafka_spool_try_lock(orphan->path); /* ours too is locked */
        if (orphan->lock_fd < 0)
            continue;
        bus->is_unreadable[i] = !empty_file(orphan);
        close(orphan->lock_fd);
    }
}

/* False: the bus closes. */
static bool sleep_until_next(struct kafka_bus *bus)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + bus->adopt_ms % 1000 * INT64_C(1000000);
    at.tv_sec += bus->adopt_ms / 1000 + ns / 1000000000;
    at.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&bus->mutex);
    while (!atomic_load(&bus->closing) && pthread_cond_timedwait(&bus->adopt_work, &bus->mutex, &at) == 0)
        ;
    pthread_mutex_unlock(&bus->mutex);
    return !atomic_load(&bus->closing);
}

static void *run(void *arg)
{
    struct kafka_bus *bus = arg;
    struct orphan *orphan = calloc(1, sizeof *orphan);
    if (!orphan)
        abort();
    orphan->bus = bus;
    while (sleep_until_next(bus))
        look(bus, orphan);
    free(orphan);
    return NULL;
}

enum err kafka_adopt_start(struct kafka_bus *bus, struct err_text *text)
{
    if (!bus->spool)
        return ERR_OK;
    METRIC_ADD("seismo_spool_adopted_total", "records taken from spools that no process had any more", 0);
    if (pthread_create(&bus->adopt_thread, NULL, run, bus))
        return err_set(text, ERR_BUS_OPEN, "bus: kafka: no thread");
    bus->adopt_runs = true;
    return ERR_OK;
}

void kafka_adopt_stop(struct kafka_bus *bus)
{
    if (!bus->adopt_runs)
        return;
    pthread_mutex_lock(&bus->mutex);
    pthread_cond_broadcast(&bus->adopt_work);
    pthread_mutex_unlock(&bus->mutex);
    pthread_join(bus->adopt_thread, NULL);
    bus->adopt_runs = false;
}
