/* Publishing to Kafka: idempotent, acknowledged by all replicas in sync, without a copy of the value.
 *
 * One thread polls for delivery reports and calls `done`, the only place that says "durable". What cannot be
 * delivered within DELIVERY_MS fails with ERR_BUS_WRITE. A producer that librdkafka calls fatally broken is replaced
 * by a new one; its messages fail. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_int.h"

#define POLL_MS 100
#define DELIVERY_MS "30000"
#define DOWN_MS 10000 /* away for longer: not ready */
#define PROBE_MS 2000

struct under_way {
    bus_done_fn *done;
    void *ctx;
    size_t bytes;
};

static void give_back(struct kafka_bus *bus, size_t bytes)
{
    size_t before = atomic_fetch_sub(&bus->pending_bytes, bytes);
    metric_set(bus->spool, (int64_t)(before - bytes));
}

static enum err result_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return ERR_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return ERR_TOO_LARGE;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT: return ERR_CLOSED;
    default: return ERR_BUS_WRITE;
    }
}

static void note_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *ctx)
{
    (void)producer;
    struct kafka_bus *bus = ctx;
    struct under_way *under_way = message->_private;
    enum err result = result_of(message->err);
    if (!result)
        atomic_store(&bus->down_since_ms, 0);
    else if (result == ERR_BUS_WRITE)
        METRIC_ADD("seismo_bus_undelivered_total", "records that the bus did not take in time", 1);
    if (result && result != ERR_CLOSED)
        log_warn("bus", result, "kafka: %s did not take a record: %s", rd_kafka_topic_name(message->rkt),
                 rd_kafka_err2str(message->err));
    give_back(bus, under_way->bytes);
    under_way->done(under_way->ctx, result);
    free(under_way);
}

static void note_error(rd_kafka_t *producer, int code, const char *reason, void *ctx)
{
    struct kafka_bus *bus = ctx;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        char why[256];
        rd_kafka_fatal_error(producer, why, sizeof why);
        log_error("bus", ERR_BUS_WRITE, "kafka: the producer has failed and is replaced: %s", why);
        atomic_store(&bus->fatal, true);
    } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        long long none = 0;
        if (atomic_compare_exchange_strong(&bus->down_since_ms, &none, clock_mono_ms()))
            log_warn("bus", ERR_BUS_WRITE, "kafka: %s", reason);
    }
}

/* ---- the client ---- */

static rd_kafka_t *new_producer(struct kafka_bus *bus, struct err_text *text)
{
    char kbytes[32], batch[32];
    size_t queue = bus->max_pending_bytes / 1024 * 2 + 8192; /* our own bound is met first */
    snprintf(kbytes, sizeof kbytes, "%zu", queue < 2097151 ? queue : 2097151);
    /* A batch is refused as a whole when it is larger than the topic takes. */
    snprintf(batch, sizeof batch, "%zu", bus->max_message < 1000000 ? bus->max_message : 1000000);
    const char *const settings[] = {"enable.idempotence",
                                    "true",
                                    "acks",
                                    "all",
                                    "linger.ms",
                                    "5",
                                    "compression.codec",
                                    "lz4",
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
    rd_kafka_conf_set_opaque(conf, bus);
    rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
    rd_kafka_conf_set_error_cb(conf, note_error);
    return kafka_client(RD_KAFKA_PRODUCER, conf, text);
}

static enum err connect_producer(struct kafka_bus *bus, struct err_text *text)
{
    bus->producer = new_producer(bus, text);
    for (int t = 0; t < TOPIC_COUNT && bus->producer; t++) {
        char name[KAFKA_TOPIC_BYTES];
        kafka_topic_name(bus, (enum topic)t, name);
        bus->topics[t] = rd_kafka_topic_new(bus->producer, name, NULL);
    }
    return bus->producer ? ERR_OK : ERR_BUS_OPEN;
}

/* What is still under way fails here, on this thread and without the lock, because `done` may publish again. */
static void replace(struct kafka_bus *bus)
{
    struct err_text text;
    rd_kafka_purge(bus->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(bus->producer) > 0)
        rd_kafka_poll(bus->producer, POLL_MS);
    pthread_rwlock_wrlock(&bus->lock);
    rd_kafka_t *old = bus->producer;
    for (int t = 0; t < TOPIC_COUNT; t++)
        rd_kafka_topic_destroy(bus->topics[t]);
    bool made = connect_producer(bus, &text) == ERR_OK;
    pthread_rwlock_unlock(&bus->lock);
    if (!made)
        abort(); /* the same configuration has made one before: out of threads or memory */
    atomic_store(&bus->fatal, false);
    rd_kafka_destroy(old);
}

/* While nothing is published nothing tells that the cluster is back: ask. */
static void probe(struct kafka_bus *bus)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (!rd_kafka_metadata(bus->producer, 0, bus->topics[TOPIC_EVENTS], &metadata, POLL_MS * 5)) {
        rd_kafka_metadata_destroy(metadata);
        atomic_store(&bus->down_since_ms, 0);
        log_info("bus", "kafka answers again");
    }
}

static void *run(void *arg)
{
    struct kafka_bus *bus = arg;
    int64_t probed_ms = 0;
    while (!atomic_load(&bus->closing)) {
        rd_kafka_poll(bus->producer, POLL_MS);
        if (atomic_load(&bus->fatal))
            replace(bus);
        if (atomic_load(&bus->down_since_ms) && clock_mono_ms() - probed_ms >= PROBE_MS) {
            probe(bus);
            probed_ms = clock_mono_ms();
        }
    }
    return NULL;
}

enum err kafka_producer_start(struct kafka_bus *bus, struct err_text *text)
{
    enum err err = connect_producer(bus, text);
    if (!err && pthread_create(&bus->thread, NULL, run, bus))
        err = err_set(text, ERR_BUS_OPEN, "bus: kafka: no thread");
    return err;
}

void kafka_producer_stop(struct kafka_bus *bus, int deadline_ms)
{
    atomic_store(&bus->closing, true);
    pthread_join(bus->thread, NULL);
    rd_kafka_flush(bus->producer, deadline_ms); /* serves the reports, on this thread now */
    rd_kafka_purge(bus->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(bus->producer) > 0)
        rd_kafka_poll(bus->producer, POLL_MS);
}

/* ---- publishing ---- */

static rd_kafka_resp_err_t produce(struct kafka_bus *bus, const struct bus_message *message,
                                   struct under_way *under_way)
{
    int32_t partition = (int32_t)(message->key % (uint64_t)bus->n_partitions[message->topic]);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    pthread_rwlock_rdlock(&bus->lock);
    /* No flag: the value is neither copied nor freed; it is valid until done. */
    if (rd_kafka_produce(bus->topics[message->topic], partition, 0, (void *)(uintptr_t)message->value.at,
                         message->value.len, NULL, 0, under_way))
        code = rd_kafka_last_error();
    pthread_rwlock_unlock(&bus->lock);
    return code;
}

enum err kafka_publish(struct bus *front, const struct bus_message *message, bus_done_fn *done, void *ctx)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    size_t bytes = message->value.len + 256;
    if (atomic_load(&bus->closing))
        return ERR_CLOSED;
    if (atomic_load(&bus->fatal))
        return ERR_AGAIN;
    if (atomic_fetch_add(&bus->pending_bytes, bytes) + bytes > bus->max_pending_bytes) {
        atomic_fetch_sub(&bus->pending_bytes, bytes);
        return ERR_AGAIN;
    }
    struct under_way *under_way = malloc(sizeof *under_way);
    if (!under_way)
        abort();
    *under_way = (struct under_way){done, ctx, bytes};
    rd_kafka_resp_err_t code = produce(bus, message, under_way);
    if (!code)
        return ERR_OK;
    free(under_way);
    atomic_fetch_sub(&bus->pending_bytes, bytes);
    return code == RD_KAFKA_RESP_ERR__QUEUE_FULL || code == RD_KAFKA_RESP_ERR__FATAL ? ERR_AGAIN : result_of(code);
}

bool kafka_is_ready(struct bus *front)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    long long down_ms = atomic_load(&bus->down_since_ms);
    return !atomic_load(&bus->fatal) && (down_ms == 0 || clock_mono_ms() - down_ms < DOWN_MS);
}
