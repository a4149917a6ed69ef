/* The producer of the Kafka bus: idempotent, acknowledged by all replicas in sync, without a copy of the value.
 *
 * One thread takes delivery reports, by the batch, and is the only one that says "durable" for what went to Kafka
 * directly. A producer that librdkafka calls fatally broken is replaced by a new one, once the old one has let go of
 * all that it had: with a spool that goes there, without one it fails. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_int.h"

#define DELIVERY_MS "30000"
#define DOWN_MS 10000 /* away for longer: not ready, without a spool */
#define PROBE_MS 2000
#define SHOW_MS 500
#define NAP_NS 2000000 /* under load reports are taken together, and what comes meanwhile leaves together */
#define BUSY 4         /* reports at a time that are called load */

enum err kafka_err(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return ERR_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return ERR_TOO_LARGE;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT: return ERR_CLOSED;
    default: return ERR_BUS_WRITE;
    }
}

/* ---- the client ---- */

struct client {
    rd_kafka_t *producer;
    rd_kafka_queue_t *reports;
    rd_kafka_topic_t *topics[TOPIC_COUNT];
};

static rd_kafka_t *new_producer(struct kafka_bus *bus, struct err_text *text)
{
    char kbytes[32], batch[32];
    size_t queue = bus->max_pending_bytes / 1024 * 2 + 8192, max = atomic_load(&bus->max_message);
    snprintf(kbytes, sizeof kbytes, "%zu", queue < 2097151 ? queue : 2097151); /* our own bound is met first */
    /* A batch is refused as a whole when it is larger than the topic takes. */
    snprintf(batch, sizeof batch, "%zu", max < 1000000 ? max : 1000000);
    const char *const settings[] = {"enable.idempotence",
                                    "true",
                                    "acks",
                                    "all",
                                    "message.timeout.ms",
                                    DELIVERY_MS,
                                    "message.max.bytes",
                                    "5000000",
                                    "batch.size",
                                    batch,
                                    "queue.buffering.max.kbytes",
                                    kbytes,
                                    "queue.buffering.max.messages",
                                    "1000000",
                                    NULL};
    rd_kafka_conf_t *conf = kafka_conf(bus, settings, text);
    if (!conf)
        return NULL;
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    return kafka_client(RD_KAFKA_PRODUCER, conf, text);
}

static enum err connect_client(struct kafka_bus *bus, struct client *ret_client, struct err_text *text)
{
    struct client client = {.producer = new_producer(bus, text)};
    if (!client.producer)
        return ERR_BUS_OPEN;
    client.reports = rd_kafka_queue_get_main(client.producer);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        char name[KAFKA_TOPIC_BYTES];
        kafka_topic_name(bus, (enum topic)t, name);
        client.topics[t] = rd_kafka_topic_new(client.producer, name, NULL);
    }
    *ret_client = client;
    return ERR_OK;
}

/* Exchanges the bus's client for another; what comes out is freed by free_client. */
static struct client exchange(struct kafka_bus *bus, struct client client)
{
    struct client old = {.producer = bus->producer, .reports = bus->reports};
    memcpy(old.topics, bus->topics, sizeof old.topics);
    bus->producer = client.producer;
    bus->reports = client.reports;
    memcpy(bus->topics, client.topics, sizeof old.topics);
    return old;
}

static void free_client(struct client client)
{
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (client.topics[t])
            rd_kafka_topic_destroy(client.topics[t]);
    }
    if (client.reports)
        rd_kafka_queue_destroy(client.reports);
    if (client.producer)
        rd_kafka_destroy(client.producer);
}

enum err kafka_producer_connect(struct kafka_bus *bus, struct err_text *text)
{
    struct client client;
    enum err err = connect_client(bus, &client, text);
    if (!err)
        exchange(bus, client);
    return err;
}

/* Nobody produces directly, or is about to: each lane is elsewhere, or empty and closed to new ones. */
static bool may_replace(struct kafka_bus *bus)
{
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const struct kafka_lane *lane = &bus->lanes[t];
        if (lane->n_out || (bus->spool && lane->mode == KAFKA_DIRECT))
            return false;
    }
    return true;
}

/* Tries once: what is still under way is taken from it first, and the drain must have let go of it. */
static void replace(struct kafka_bus *bus)
{
    struct err_text text;
    struct client client;
    pthread_mutex_lock(&bus->mutex);
    kafka_lane_hold_all(bus);
    bool ready = may_replace(bus);
    pthread_mutex_unlock(&bus->mutex);
    rd_kafka_purge(bus->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    if (!ready || pthread_rwlock_trywrlock(&bus->lock))
        return;
    pthread_mutex_lock(&bus->mutex);
    ready = may_replace(bus) && rd_kafka_outq_len(bus->producer) == 0;
    if (ready && connect_client(bus, &client, &text))
        abort(); /* the same configuration has made one before: out of threads or memory */
    if (ready) {
        client = exchange(bus, client);
        atomic_store(&bus->fatal, false);
    }
    pthread_mutex_unlock(&bus->mutex);
    pthread_rwlock_unlock(&bus->lock);
    if (ready)
        free_client(client);
}

/* ---- reports ---- */

static void note_error(struct kafka_bus *bus, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const char *reason = rd_kafka_event_error_string(event);
    if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event)) {
        char why[256];
        rd_kafka_fatal_error(bus->producer, why, sizeof why);
        log_error("bus", ERR_BUS_WRITE, "kafka: the producer has failed and is replaced: %s", why);
        atomic_store(&bus->fatal, true);
    } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        long long none = 0;
        if (atomic_compare_exchange_strong(&bus->down_since_ms, &none, clock_mono_ms()))
            log_warn("bus", ERR_BUS_WRITE, "kafka: %s", reason);
        pthread_mutex_lock(&bus->mutex);
        kafka_lane_hold_all(bus);
        pthread_mutex_unlock(&bus->mutex);
    } else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
               code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
               code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        log_error("bus", ERR_BUS_AUTH, "kafka: %s", reason);
    }
}

/* Returns how many there were. */
static size_t take_reports(struct kafka_bus *bus, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *messages[KAFKA_DRAIN_RECORDS];
    size_t n, all = 0;
    for (; (n = rd_kafka_event_message_array(event, messages, KAFKA_DRAIN_RECORDS)) > 0; all += n)
        kafka_lane_settle(bus, messages, n);
    return all;
}

/* Without a spool nothing tells that the cluster is back while nothing is published: ask. */
static void probe(struct kafka_bus *bus, int64_t *probed_ms)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (bus->spool || !atomic_load(&bus->down_since_ms) || clock_mono_ms() - *probed_ms < PROBE_MS)
        return;
    if (!rd_kafka_metadata(bus->producer, 0, bus->topics[TOPIC_EVENTS], &metadata, 500)) {
        rd_kafka_metadata_destroy(metadata);
        atomic_store(&bus->down_since_ms, 0);
        log_info("bus", "kafka answers again");
    }
    *probed_ms = clock_mono_ms();
}

static void *run(void *arg)
{
    struct kafka_bus *bus = arg;
    int64_t probed_ms = 0;
    bool is_busy = false;
    for (int wait_ms = 0; !atomic_load(&bus->ended); wait_ms = kafka_lane_tend(bus)) {
        kafka_lane_send_gathered(bus);
        if (is_busy && rd_kafka_queue_length(bus->reports) == 0)
            nanosleep(&(struct timespec){0, NAP_NS}, NULL);
        rd_kafka_event_t *event = rd_kafka_queue_poll(bus->reports, wait_ms);
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR: is_busy = take_reports(bus, event) >= BUSY; break;
        case RD_KAFKA_EVENT_ERROR: note_error(bus, event); break;
        default: break;
        }
        rd_kafka_event_destroy(event);
        if (atomic_load(&bus->fatal))
            replace(bus);
        probe(bus, &probed_ms);
        if (clock_mono_ms() - bus->shown_ms >= SHOW_MS) {
            kafka_spool_show(bus);
            bus->shown_ms = clock_mono_ms();
        }
    }
    return NULL;
}

enum err kafka_producer_start(struct kafka_bus *bus, struct err_text *text)
{
    if (pthread_create(&bus->reports_thread, NULL, run, bus))
        return err_set(text, ERR_BUS_OPEN, "bus: kafka: no thread");
    bus->reports_run = true;
    return ERR_OK;
}

/* ---- the end ---- */

static bool await_idle(struct kafka_bus *bus, int64_t until_ms)
{
    struct timespec at = {until_ms / 1000, until_ms % 1000 * 1000000L};
    bool late = false;
    pthread_mutex_lock(&bus->mutex);
    while (!kafka_lane_is_idle(bus) && !late)
        late = pthread_cond_timedwait(&bus->settled, &bus->mutex, &at) != 0;
    bool idle = kafka_lane_is_idle(bus);
    pthread_mutex_unlock(&bus->mutex);
    return idle;
}

void kafka_producer_stop(struct kafka_bus *bus, int deadline_ms)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&bus->mutex);
    atomic_store(&bus->closing, true); /* under the mutex: nothing is enlisted from here on */
    pthread_mutex_unlock(&bus->mutex);
    if (bus->reports_run && !await_idle(bus, now_ms + deadline_ms / 2)) {
        pthread_mutex_lock(&bus->mutex);
        kafka_lane_hold_all(bus); /* the rest goes to the spool */
        pthread_mutex_unlock(&bus->mutex);
        if (bus->spool)
            await_idle(bus, now_ms + deadline_ms);
    }
    if (bus->reports_run && rd_kafka_outq_len(bus->producer) > 0) /* the drain's; or all, without a spool */
        rd_kafka_purge(bus->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    kafka_drain_stop(bus);
    while (bus->reports_run && !await_idle(bus, clock_mono_ms() + 100))
        rd_kafka_purge(bus->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    atomic_store(&bus->ended, true);
    if (bus->reports_run)
        pthread_join(bus->reports_thread, NULL);
    bus->reports_run = false;
    free_client(exchange(bus, (struct client){0}));
}

/* ---- one message ---- */

rd_kafka_resp_err_t kafka_produce(struct kafka_bus *bus, struct kafka_sent *sent)
{
    const struct bus_message *message = &sent->message;
    int32_t partition = (int32_t)(message->key % (uint64_t)atomic_load(&bus->n_partitions[message->topic]));
    /* No flag: the value is neither copied nor freed; it is valid until done. */
    if (rd_kafka_produce(bus->topics[message->topic], partition, 0, (void *)(uintptr_t)message->value.at,
                         message->value.len, NULL, 0, sent))
        return rd_kafka_last_error();
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool kafka_is_ready(struct bus *front)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    long long down_ms = atomic_load(&bus->down_since_ms);
    if (bus->spool) {
        pthread_mutex_lock(&bus->mutex);
        bool is_direct = bus->lanes[TOPIC_EVENTS].mode == KAFKA_DIRECT;
        pthread_mutex_unlock(&bus->mutex);
        return is_direct || bus_is_ready(bus->spool);
    }
    return !atomic_load(&bus->fatal) && (down_ms == 0 || clock_mono_ms() - down_ms < DOWN_MS);
}
