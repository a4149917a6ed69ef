/* The spool of the Kafka bus: an embedded queue (bus_sqlite.c) with one partition a topic, in front of the cluster.
 *
 * A record of it is `"SW" u8 version=1 u8 0 | u32 0 | u64 key | i64 taken_ms | value`: the key chooses Kafka's
 * partition when it is drained, since the number of partitions may not be known before. One process has a spool: where
 * several share a data folder, each takes the first of PATH, PATH-1, … that is free. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_int.h"

#define HEAD_BYTES 24
#define VERSION 1

/* ---- the file ---- */

/* The kernel drops the lock when the process ends, however it ends. */
int kafka_spool_try_lock(const char *path)
{
    char name[KAFKA_SPOOL_PATH_BYTES + 8];
    snprintf(name, sizeof name, "%s.owner", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
        errno = EWOULDBLOCK;
        return -1;
    }
    return fd;
}

void kafka_spool_name(const struct kafka_bus *bus, int place, char ret_path[KAFKA_SPOOL_PATH_BYTES])
{
    if (place == 0)
        snprintf(ret_path, KAFKA_SPOOL_PATH_BYTES, "%s", bus->spool_first);
    else
        snprintf(ret_path, KAFKA_SPOOL_PATH_BYTES, "%s-%d", bus->spool_first, place);
}

/* Finds a spool that no other process has. */
static enum err take_place(struct kafka_bus *bus, struct err_text *text)
{
    char path[KAFKA_SPOOL_PATH_BYTES];
    for (int i = 0; i < KAFKA_SPOOLS; i++) {
        kafka_spool_name(bus, i, path);
        bus->spool_lock_fd = kafka_spool_try_lock(path);
        if (bus->spool_lock_fd < 0 && errno != EWOULDBLOCK)
            return err_set(text, ERR_BUS_OPEN, "bus: %s: %s", path, strerror(errno));
        if (bus->spool_lock_fd < 0)
            continue;
        bus->spool_path = strdup(path);
        return bus->spool_path ? ERR_OK : ERR_NO_MEMORY;
    }
    return err_set(text, ERR_BUS_OPEN, "bus: %s: more than %d processes share the folder", bus->spool_first,
                   KAFKA_SPOOLS);
}

/* What cannot be read is kept for whoever can, and a new file takes its place. */
static void put_aside(const char *path, const struct err_text *why)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char from[KAFKA_SPOOL_PATH_BYTES + 8], to[KAFKA_SPOOL_PATH_BYTES + 48];
    long long now_ms = (long long)clock_wall_ms();
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(from, sizeof from, "%s%s", path, ends[i]);
        snprintf(to, sizeof to, "%s.corrupt-%lld%s", path, now_ms, ends[i]);
        rename(from, to);
    }
    METRIC_ADD("seismo_spool_corrupt_total", "spool files that were damaged and put aside", 1);
    log_error("bus", ERR_CORRUPT, "the spool is put aside as %s.corrupt-%lld: %s", path, now_ms, why->at);
}

enum err kafka_spool_open_file(const struct kafka_bus *bus, const char *path, struct bus **ret_spool,
                               struct err_text *text)
{
    struct bus_options options = {
        .kind = "sqlite",
        .path = path,
        .partitions = 1,
        .max_pending_bytes = bus->max_pending_bytes + bus->max_pending_bytes / 4,
        .max_file_bytes = bus->max_file_bytes,
        .is_inner = true,
    };
    enum err err = bus_open(ret_spool, &options, text);
    if (err != ERR_CORRUPT)
        return err;
    put_aside(path, text);
    return bus_open(ret_spool, &options, text);
}

/* Every topic has its reader from the start, so that nothing is removed before it was drained. */
static enum err subscribe_all(struct kafka_bus *bus, struct err_text *text)
{
    enum err err = ERR_OK;
    for (int t = 0; t < TOPIC_COUNT && !err; t++) {
        struct kafka_lane *lane = &bus->lanes[t];
        lane->records = calloc(KAFKA_DRAIN_RECORDS, sizeof *lane->records);
        lane->drained = calloc(KAFKA_DRAIN_RECORDS, sizeof *lane->drained);
        if (!lane->records || !lane->drained)
            abort();
        err = bus_subscribe(bus->spool, (enum topic)t, KAFKA_SPOOL_GROUP, NULL, &lane->cursor, text);
    }
    return err;
}

static void name_figures(struct kafka_bus *bus)
{
    bus->spool_records =
        metric_get(METRIC_GAUGE, "seismo_spool_records", NULL, NULL, "records in the spool, on their way to Kafka");
    bus->spool_age = metric_get(METRIC_GAUGE, "seismo_spool_age_seconds", NULL, NULL,
                                "age of the oldest record that is accepted and not yet in Kafka");
    METRIC_ADD("seismo_spooled_total", "records that went into the spool", 0);
    METRIC_ADD("seismo_spool_drained_total", "records that came from the spool and are in Kafka", 0);
}

enum err kafka_spool_open(struct kafka_bus *bus, struct err_text *text)
{
    if (!bus->spool_first)
        return ERR_OK;
    enum err err = take_place(bus, text);
    if (!err)
        err = kafka_spool_open_file(bus, bus->spool_path, &bus->spool, text);
    if (!err)
        err = subscribe_all(bus, text);
    if (!err)
        name_figures(bus);
    return err;
}

void kafka_spool_close(struct kafka_bus *bus, int deadline_ms)
{
    for (int t = 0; t < TOPIC_COUNT; t++) {
        bus_unsubscribe(bus->lanes[t].cursor);
        free(bus->lanes[t].records);
        free(bus->lanes[t].drained);
    }
    bus_close(bus->spool, deadline_ms);
    bus->spool = NULL;
    if (bus->spool_lock_fd >= 0)
        close(bus->spool_lock_fd);
    bus->spool_lock_fd = -1;
}

/* ---- in and out ---- */

static void put_u64(char *at, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        at[i] = (char)(unsigned char)(v >> (8 * i));
}

static struct slice wrap(struct kafka_sent *sent)
{
    struct slice value = sent->message.value;
    if (!sent->wrapped) {
        sent->wrapped = malloc(HEAD_BYTES + value.len);
        if (!sent->wrapped)
            abort();
        memcpy(sent->wrapped, "SW\1\0\0\0\0\0", 8);
        put_u64(sent->wrapped + 8, sent->message.key);
        put_u64(sent->wrapped + 16, (uint64_t)sent->wall_ms);
        if (value.len)
            memcpy(sent->wrapped + HEAD_BYTES, value.at, value.len);
    }
    return (struct slice){sent->wrapped, HEAD_BYTES + value.len};
}

bool kafka_spool_unwrap(struct slice wrapped, uint64_t *ret_key, int64_t *ret_wall_ms, struct slice *ret_value)
{
    struct reader r = reader_of(wrapped);
    if (wrapped.len < HEAD_BYTES || memcmp(wrapped.at, "SW\1\0", 4) != 0)
        return false;
    r.at += 8;
    *ret_key = read_u64(&r);
    *ret_wall_ms = (int64_t)read_u64(&r);
    *ret_value = (struct slice){wrapped.at + HEAD_BYTES, wrapped.len - HEAD_BYTES};
    return true;
}

/* Its first time of sending says how long it has been in the spool, and no longer how far the clock is off. */
void kafka_spool_renew_mark(struct slice *value, char room[MARK_BYTES])
{
    struct buf buf;
    if (!mark_is(*value))
        return;
    buf_init(&buf, MARK_BYTES);
    if (mark_send_again(*value, clock_wall_ms(), &buf)) {
        memcpy(room, buf.at, MARK_BYTES);
        *value = (struct slice){room, MARK_BYTES};
    }
    buf_done(&buf);
}

void kafka_spool_refuse(const struct bus_record *record, enum err why)
{
    METRIC_ADD("seismo_spool_refused_total", "records of the spool that Kafka will never take; they are lost", 1);
    log_error("bus", why, "record %lld of %s in the spool, %zu bytes, is passed over", (long long)record->position,
              topic_name(record->topic), record->value.len);
}

/* On the spool's writer thread. */
static void note_spooled(void *ctx, enum err result)
{
    struct kafka_sent *sent = ctx;
    struct kafka_bus *bus = sent->bus;
    bus_done_fn *done = sent->done;
    void *done_ctx = sent->ctx;
    free(sent->wrapped);
    if (result == ERR_OK)
        METRIC_ADD("seismo_spooled_total", "records that went into the spool", 1);
    pthread_mutex_lock(&bus->mutex);
    struct kafka_lane *lane = &bus->lanes[sent->message.topic];
    lane->n_spooling--;
    kafka_sent_free(bus, sent);
    if (lane->n_spooling == 0)
        pthread_cond_broadcast(&bus->settled);
    pthread_mutex_unlock(&bus->mutex);
    done(done_ctx, result);
}

enum err kafka_spool_add(struct kafka_bus *bus, struct kafka_sent *sent)
{
    /* Not by bus_publish: the largest record is a head larger here. */
    struct bus_message message = {sent->message.topic, 0, wrap(sent)};
    return bus->spool->ops->publish(bus->spool, &message, note_spooled, sent);
}

/* ---- figures ---- */

uint64_t kafka_spool_bytes(struct bus *front)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    return atomic_load(&bus->pending_bytes) + (bus->spool ? bus_spool_bytes(bus->spool) : 0);
}

static int64_t records_in(const struct kafka_bus *bus)
{
    int64_t records = 0;
    for (int t = 0; t < TOPIC_COUNT; t++)
        records += bus->lanes[t].cursor->ops->lag(bus->lanes[t].cursor);
    return records;
}

void kafka_left(struct bus *front, struct bus_left *ret_left)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    char path[KAFKA_SPOOL_PATH_BYTES];
    for (int i = 0; bus->spool && i < KAFKA_SPOOLS; i++) {
        kafka_spool_name(bus, i, path);
        ret_left->files += strcmp(path, bus->spool_path) != 0 && access(path, F_OK) == 0;
    }
    ret_left->records = bus->spool ? records_in(bus) : 0; /* after the files: what leaves them may go to our own */
}

void kafka_spool_show(struct kafka_bus *bus)
{
    metric_set(bus->spool_bytes, (int64_t)kafka_spool_bytes(&bus->bus));
    if (!bus->spool)
        return;
    int64_t oldest_ms = kafka_oldest_waiting_ms(&bus->bus), now_ms = clock_wall_ms();
    metric_set(bus->spool_records, records_in(bus));
    metric_set(bus->spool_age, oldest_ms && now_ms > oldest_ms ? (now_ms - oldest_ms) / 1000 : 0);
}
