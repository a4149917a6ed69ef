/* From the spool to Kafka: asks for the cluster while it is away, publishes what the spool has, oldest first, and gives
 * the lanes back to librdkafka when it is empty.
 *
 * Up to KAFKA_DRAIN_RECORDS of a topic are under way at a time; the position in the spool moves when the reports of all
 * of them are in, so a kill in the middle repeats some and loses none. When a fetch has taken all that there was, the
 * lane is RETURNING: for the few milliseconds until the rest is out, new messages wait in memory, in order, and then go
 * to librdkafka behind it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_int.h"

#define LOOK_MS 1000 /* without work */
#define NAP_FIRST_MS 50
#define NAP_LAST_MS 2000

/* ---- is the cluster there? ---- */

/* Asks for the lane's topic. The answer wakes librdkafka's own view of it too. */
static rd_kafka_resp_err_t ask_topic(struct kafka_bus *bus, enum topic topic, int *ret_partitions)
{
    const struct rd_kafka_metadata *metadata = NULL;
    pthread_rwlock_rdlock(&bus->lock);
    rd_kafka_resp_err_t code = rd_kafka_metadata(bus->producer, 0, bus->topics[topic], &metadata, bus->ask_ms);
    pthread_rwlock_unlock(&bus->lock);
    if (code)
        return code;
    code = metadata->topic_cnt ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!code)
        *ret_partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    return code;
}

static void note_answer(struct kafka_bus *bus)
{
    if (atomic_exchange(&bus->down_since_ms, 0))
        log_info("bus", "kafka answers again");
}

static void note_silence(struct kafka_bus *bus)
{
    long long none = 0;
    atomic_compare_exchange_strong(&bus->down_since_ms, &none, clock_mono_ms());
}

/* At a start without the cluster: all that is to be known, once it is there. */
static bool look_up(struct kafka_bus *bus)
{
    struct err_text text = {""};
    size_t max = atomic_load(&bus->max_message);
    enum err err = kafka_look_up(bus, &text);
    if (err) {
        note_silence(bus);
        log_warn("bus", err, "%s; what is accepted goes to the spool", text.at);
        return false;
    }
    note_answer(bus);
    kafka_known_write(bus);
    if (atomic_load(&bus->max_message) != max)
        atomic_store(&bus->fatal, true); /* one whose batches fit */
    atomic_store(&bus->is_known, true);
    return true;
}

static bool is_there(struct kafka_bus *bus, struct kafka_lane *lane, enum topic topic)
{
    int partitions = 0;
    if (!lane->must_ask)
        return true;
    rd_kafka_resp_err_t code = ask_topic(bus, topic, &partitions);
    if (code || partitions <= 0) {
        bool missing = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        if (!missing)
            note_silence(bus);
        log_warn("bus", missing ? ERR_MISSING : ERR_BUS_WRITE, "kafka: %s waits in the spool: %s%s", topic_name(topic),
                 rd_kafka_err2str(code), missing ? "; `seismo setup` makes the topic" : "");
        return false;
    }
    atomic_store(&bus->n_partitions[topic], partitions);
    note_answer(bus);
    lane->must_ask = false;
    return true;
}

/* ---- one load ---- */

static void note_drained(void *ctx, enum err result)
{
    struct kafka_drained *drained = ctx;
    pthread_mutex_lock(&drained->bus->mutex);
    drained->result = result;
    if (--drained->lane->n_draining == 0)
        pthread_cond_broadcast(&drained->bus->settled);
    pthread_mutex_unlock(&drained->bus->mutex);
}

/* Takes the next load from the spool; what a load before it could not deliver stays to be tried again. */
static void fetch(struct kafka_bus *bus, struct kafka_lane *lane)
{
    uint64_t key;
    struct slice value;
    int64_t wall_ms = 0;
    if (lane->n_records)
        return;
    if (bus_fetch(lane->cursor, lane->records, KAFKA_DRAIN_RECORDS, &lane->n_records, 0))
        lane->n_records = 0; /* said by the spool */
    lane->is_short = lane->n_records < KAFKA_DRAIN_RECORDS;
    for (size_t i = 0; i < lane->n_records; i++)
        lane->drained[i] = (struct kafka_drained){.lane = lane, .bus = bus, .result = ERR_AGAIN};
    if (lane->n_records && kafka_spool_unwrap(lane->records[0].value, &key, &wall_ms, &value)) {
        pthread_mutex_lock(&bus->mutex);
        lane->spooled_ms = wall_ms;
        pthread_mutex_unlock(&bus->mutex);
    }
}

/* Nothing that will ever be taken may stand in the way of the rest. */
static void refuse(struct kafka_drained *drained, const struct bus_record *record, enum err why)
{
    drained->result = ERR_OK;
    kafka_spool_refuse(record, why);
}

/* False: librdkafka did not take it; what follows must not leave before it. */
static bool send_one(struct kafka_bus *bus, struct kafka_lane *lane, size_t i)
{
    struct kafka_drained *drained = &lane->drained[i];
    struct bus_message message = {.topic = lane->records[i].topic};
    int64_t wall_ms;
    if (!kafka_spool_unwrap(lane->records[i].value, &message.key, &wall_ms, &message.value)) {
        refuse(drained, &lane->records[i], ERR_CORRUPT);
        return true;
    }
    kafka_spool_renew_mark(&message.value, drained->mark);
    pthread_mutex_lock(&bus->mutex);
    struct kafka_sent *sent = kafka_sent_new(bus);
    *sent = (struct kafka_sent){.bus = bus, .message = message, .done = note_drained, .ctx = drained};
    lane->n_draining++;
    pthread_mutex_unlock(&bus->mutex);
    rd_kafka_resp_err_t code = kafka_produce(bus, sent);
    if (!code)
        return true;
    pthread_mutex_lock(&bus->mutex);
    lane->n_draining--;
    kafka_sent_free(bus, sent);
    pthread_mutex_unlock(&bus->mutex);
    drained->result = kafka_err(code);
    return drained->result == ERR_TOO_LARGE; /* nothing waits for one that is never taken */
}

/* True: the whole load is in Kafka. */
static bool send_load(struct kafka_bus *bus, struct kafka_lane *lane)
{
    bool all = true;
    pthread_rwlock_rdlock(&bus->lock);
    /* What a producer that is to be replaced has is taken from it: later ones must not arrive before those. */
    for (size_t i = 0; i < lane->n_records && !atomic_load(&bus->fatal); i++) {
        if (lane->drained[i].result && !send_one(bus, lane, i))
            break;
    }
    pthread_mutex_lock(&bus->mutex);
    while (lane->n_draining) /* librdkafka gives up by itself, or is told to */
        pthread_cond_wait(&bus->settled, &bus->mutex);
    pthread_mutex_unlock(&bus->mutex);
    pthread_rwlock_unlock(&bus->lock);
    for (size_t i = 0; i < lane->n_records; i++) {
        if (lane->drained[i].result == ERR_TOO_LARGE)
            refuse(&lane->drained[i], &lane->records[i], ERR_TOO_LARGE);
        all = all && !lane->drained[i].result;
    }
    return all;
}

/* The load has left the spool. */
static void leave(struct kafka_bus *bus, struct kafka_lane *lane)
{
    const struct bus_record *last = &lane->records[lane->n_records - 1];
    struct position position = {last->topic, last->partition, last->position + 1};
    enum err err = bus_commit(lane->cursor, &position, 1);
    if (err) /* they come again at the next start, which is no harm */
        log_warn("bus", err, "the spool could not be told what has left it");
    METRIC_ADD("seismo_spool_drained_total", "records that came from the spool and are in Kafka",
               (int64_t)lane->n_records);
    lane->n_records = 0;
    (void)bus;
}

/* ---- the thread ---- */

/* Nothing was in the spool when it was last looked at. True: nothing is on its way there either. */
static bool give_back(struct kafka_bus *bus, struct kafka_lane *lane, enum topic topic, bool was_quiet)
{
    pthread_rwlock_rdlock(&bus->lock);
    pthread_mutex_lock(&bus->mutex);
    bool done = lane->mode == KAFKA_RETURNING && was_quiet && !atomic_load(&bus->fatal);
    if (done)
        kafka_lane_go_direct(bus, lane);
    else if (lane->mode == KAFKA_SPOOLED)
        lane->mode = KAFKA_RETURNING;
    pthread_mutex_unlock(&bus->mutex);
    pthread_rwlock_unlock(&bus->lock);
    if (done)
        log_info("bus", "%s go to kafka again", topic_name(topic));
    return done;
}

static void begin_return(struct kafka_bus *bus, struct kafka_lane *lane)
{
    pthread_mutex_lock(&bus->mutex);
    if (lane->mode == KAFKA_SPOOLED)
        lane->mode = KAFKA_RETURNING;
    pthread_mutex_unlock(&bus->mutex);
}

/* RETURNING before the look, and nothing on its way into the spool: then what the look does not find is not there. */
static bool is_quiet(struct kafka_bus *bus, const struct kafka_lane *lane)
{
    pthread_mutex_lock(&bus->mutex);
    bool quiet = lane->mode == KAFKA_RETURNING && lane->n_spooling == 0;
    pthread_mutex_unlock(&bus->mutex);
    return quiet;
}

/* One load, or the return. False: it cannot go on now. */
static bool drain_lane(struct kafka_bus *bus, enum topic topic)
{
    struct kafka_lane *lane = &bus->lanes[topic];
    if (!is_there(bus, lane, topic))
        return false;
    bool was_quiet = is_quiet(bus, lane);
    fetch(bus, lane);
    if (lane->n_records == 0) {
        if (!give_back(bus, lane, topic, was_quiet))
            nanosleep(&(struct timespec){0, 1000000}, NULL); /* the rest is on its way into the spool */
        return true;
    }
    if (!send_load(bus, lane)) {
        lane->must_ask = true;
        return false;
    }
    leave(bus, lane);
    if (lane->is_short)
        begin_return(bus, lane);
    return true;
}

static bool has_work(const struct kafka_lane *lane)
{
    return lane->mode == KAFKA_SPOOLED || lane->mode == KAFKA_RETURNING;
}

/* Sleeps until there may be work, or for ms. */
static void await(struct kafka_bus *bus, int ms, bool until_work)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&bus->mutex);
    for (;;) {
        bool work = false;
        for (int t = 0; t < TOPIC_COUNT; t++)
            work = work || has_work(&bus->lanes[t]);
        if (atomic_load(&bus->closing) || (until_work && work) ||
            pthread_cond_timedwait(&bus->drain_work, &bus->mutex, &at))
            break;
    }
    pthread_mutex_unlock(&bus->mutex);
}

static bool drain_all(struct kafka_bus *bus, bool *ret_work)
{
    bool well = true;
    *ret_work = false;
    for (int t = 0; t < TOPIC_COUNT && !atomic_load(&bus->closing); t++) {
        pthread_mutex_lock(&bus->mutex);
        bool work = has_work(&bus->lanes[t]);
        pthread_mutex_unlock(&bus->mutex);
        if (work)
            well = drain_lane(bus, (enum topic)t) && well;
        *ret_work = *ret_work || work;
    }
    return well;
}

static void *run(void *arg)
{
    struct kafka_bus *bus = arg;
    int nap_ms = NAP_FIRST_MS;
    while (!atomic_load(&bus->closing)) {
        bool work = false;
        bool well = (atomic_load(&bus->is_known) || look_up(bus)) && drain_all(bus, &work);
        if (well) {
            nap_ms = NAP_FIRST_MS;
            if (!work)
                await(bus, LOOK_MS, true);
        } else {
            await(bus, nap_ms, false);
            nap_ms = nap_ms * 2 < NAP_LAST_MS ? nap_ms * 2 : NAP_LAST_MS;
        }
    }
    return NULL;
}

enum err kafka_drain_start(struct kafka_bus *bus, struct err_text *text)
{
    if (!bus->spool)
        return ERR_OK;
    for (int t = 0; t < TOPIC_COUNT; t++) {
        struct kafka_lane *lane = &bus->lanes[t];
        fetch(bus, lane); /* how old the oldest is, is known from the start */
        lane->must_ask = !atomic_load(&bus->is_known);
        if (lane->n_records || lane->must_ask)
            lane->mode = KAFKA_SPOOLED;
    }
    if (pthread_create(&bus->drain_thread, NULL, run, bus))
        return err_set(text, ERR_BUS_OPEN, "bus: kafka: no thread");
    bus->drain_runs = true;
    return ERR_OK;
}

void kafka_drain_stop(struct kafka_bus *bus)
{
    if (!bus->drain_runs)
        return;
    pthread_mutex_lock(&bus->mutex);
    pthread_cond_signal(&bus->drain_work);
    pthread_mutex_unlock(&bus->mutex);
    pthread_join(bus->drain_thread, NULL);
    bus->drain_runs = false;
}
