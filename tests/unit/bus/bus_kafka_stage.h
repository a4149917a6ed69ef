/* The stage of the Kafka bus's tests: librdkafka's mock cluster, or with SEISMO_TEST_KAFKA=HOST:PORT a real one. */
#ifndef TESTS_UNIT_BUS_BUS_KAFKA_STAGE_H
#define TESTS_UNIT_BUS_BUS_KAFKA_STAGE_H

#include "bus_test.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "base/hash.h"
#include "bus_kafka_int.h"

#define PARTITIONS 4

static rd_kafka_t *mock_owner;
static rd_kafka_mock_cluster_t *mock; /* NULL: the real one */
static char prefix[32];
static const char *brokers;

static const char *const quick[] = {"session.timeout.ms=6000", "heartbeat.interval.ms=300", "message.max.bytes=1000000",
                                    NULL};

static inline struct bus_options options_of(void)
{
    return (struct bus_options){.kind = "kafka",
                                .partitions = PARTITIONS,
                                .brokers = brokers,
                                .prefix = prefix,
                                .properties = quick,
                                .max_pending_bytes = 5 << 20};
}

static inline int begin(void **state)
{
    (void)state;
    char why[256], random[4], hex[9];
    hash_random(random, sizeof random);
    hash_hex((struct slice){random, sizeof random}, hex, 8);
    snprintf(prefix, sizeof prefix, "t%s", hex);
    const char *real = getenv("SEISMO_TEST_KAFKA");
    if (real) {
        brokers = real;
        struct bus_options options = options_of();
        struct err_text text = {""};
        if (bus_setup(&options, &text) || bus_setup(&options, &text))
            fail_msg("%s", text.at);
        return 0;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    mock_owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    mock = rd_kafka_mock_cluster_new(mock_owner, 3);
    brokers = rd_kafka_mock_cluster_bootstraps(mock);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        char name[KAFKA_TOPIC_BYTES];
        snprintf(name, sizeof name, "%s.%s", prefix, topic_name((enum topic)t));
        assert_int_equal(rd_kafka_mock_topic_create(mock, name, PARTITIONS, 1), 0);
    }
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    if (mock) {
        rd_kafka_mock_cluster_destroy(mock);
        rd_kafka_destroy(mock_owner);
        mock = NULL;
    }
    return 0;
}

static inline struct bus *open_bus(void)
{
    struct bus *bus = NULL;
    struct err_text text = {""};
    struct bus_options options = options_of();
    if (bus_open(&bus, &options, &text))
        fail_msg("%s", text.at);
    return bus;
}

static inline struct bus_cursor *subscribe(struct bus *bus, enum topic topic, const char *group,
                                           const struct bus_owner *owner)
{
    struct bus_cursor *cursor = NULL;
    struct err_text text = {""};
    if (bus_subscribe(bus, topic, group, owner, &cursor, &text))
        fail_msg("%s", text.at);
    return cursor;
}

struct seen {
    int64_t next[PARTITIONS];
    int numbers[PARTITIONS];
};

/* Values are "PARTITION NUMBER", numbers in order. */
static inline void check_order(void *ctx, const struct bus_record *record)
{
    struct seen *seen = ctx;
    int partition = -1, number = -1;
    char text[32] = "";
    memcpy(text, record->value.at, record->value.len);
    assert_int_equal(sscanf(text, "%d %d", &partition, &number), 2);
    assert_int_equal(record->partition, partition);
    assert_int_equal(number, seen->numbers[partition]++);
    assert_true(record->position >= seen->next[partition]);
    seen->next[partition] = record->position + 1;
}

static inline void publish_numbered(struct bus *bus, int from, int to)
{
    enum { MAX = 400 };
    static char texts[MAX][32];
    struct bus_message messages[MAX];
    size_t n = 0;
    for (int i = from; i < to; i++) {
        for (int p = 0; p < PARTITIONS; p++) {
            snprintf(texts[n], sizeof texts[n], "%d %d", p, i);
            messages[n] = message_of(TOPIC_EVENTS, (uint64_t)(p + PARTITIONS * i), texts[n]);
            n++;
        }
    }
    assert_int_equal(bus_publish_wait(bus, messages, n), ERR_OK);
}

static inline enum err commit_all(struct bus_cursor *cursor, const struct seen *seen)
{
    struct position positions[PARTITIONS];
    for (int32_t p = 0; p < PARTITIONS; p++)
        positions[p] = (struct position){TOPIC_EVENTS, p, seen->next[p]};
    return bus_commit(cursor, positions, PARTITIONS);
}

static inline void await_lag(struct bus_cursor *cursor, int64_t wanted)
{
    struct bus_record record;
    for (int ms = 0; ms < MAX_MS && bus_lag(cursor) != wanted; ms += 100) {
        size_t n = 0;
        assert_int_equal(bus_fetch(cursor, &record, 1, &n, 100), ERR_OK);
        assert_int_equal(n, 0);
    }
    assert_int_equal(bus_lag(cursor), wanted);
}

#endif
