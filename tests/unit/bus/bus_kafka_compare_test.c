/* What is told of topics that differ from what is wanted. The asking itself: tests/flow/35_setup.mjs, on a real Kafka.
 */
#include "unit/bus/bus_test.h"

#include "bus/bus_kafka_compare.h"

static const struct kafka_topic_found good = {.name = "seismo.events",
                                              .n_brokers = 3,
                                              .partitions = 4,
                                              .replication = 3,
                                              .min_insync = 2,
                                              .max_message = KAFKA_TOPIC_MAX_MESSAGE,
                                              .retention_ms = 604800000,
                                              .cleanup = "delete",
                                              .timestamp = "LogAppendTime"};

static void expect(const struct kafka_topic_found *found, struct kafka_topic_wanted wanted, const char *lines)
{
    struct buf buf;
    size_t n = 0;
    buf_init(&buf, 65536);
    int told = kafka_compare(found, &wanted, &buf);
    for (const char *c = lines; *c; c++)
        n += *c == '\n';
    assert_int_equal(told, n);
    assert_int_equal(buf.len, strlen(lines));
    assert_memory_equal(buf.len ? buf.at : "", lines, buf.len);
    buf_done(&buf);
}

static void test_what_is_as_wanted_is_not_told(void **state)
{
    (void)state;
    expect(&good, (struct kafka_topic_wanted){0}, "");
    expect(&good, (struct kafka_topic_wanted){4, 3, 2, 604800000}, "");
    struct kafka_topic_found one = good;
    one.n_brokers = one.replication = 1;
    one.min_insync = 1;
    one.retention_ms = -1;
    expect(&one, (struct kafka_topic_wanted){0}, "");
}

static void test_each_difference_is_a_line(void **state)
{
    (void)state;
    struct kafka_topic_found found = good;
    found.partitions = 3;
    expect(&found, (struct kafka_topic_wanted){.partitions = 4},
           "topic seismo.events: partitions is 3, wanted is 4: kafka-topics --alter --partitions adds them; series "
           "then change their owners once\n");
    found = good;
    found.replication = 2;
    expect(&found, (struct kafka_topic_wanted){.replication = 3, .min_insync = 1},
           "topic seismo.events: the replication factor is 2, wanted is 3: kafka-reassign-partitions changes it\n"
           "topic seismo.events: min.insync.replicas is 2, wanted is 1: kafka-configs --alter changes it\n");
    found = good;
    strcpy(found.cleanup, "compact");
    strcpy(found.timestamp, "CreateTime");
    found.max_message = 1000000;
    expect(&found, (struct kafka_topic_wanted){.retention_ms = 86400000},
           "topic seismo.events: cleanup.policy is compact, wanted is delete: records have no key, and a compacted "
           "topic refuses those\n"
           "topic seismo.events: retention.ms is 604800000, wanted is 86400000: kafka-configs --alter changes it\n"
           "topic seismo.events: max.message.bytes is 1000000, wanted is 4325376: larger beacons are split, and an "
           "event that is larger alone is refused (SE-1017)\n"
           "topic seismo.events: message.timestamp.type is CreateTime, wanted is LogAppendTime: a sender's clock that "
           "is wrong is believed\n");
}

static void test_what_the_promises_need_is_told_unasked(void **state)
{
    (void)state;
    struct kafka_topic_found found = good;
    found.replication = 1;
    found.min_insync = 1;
    found.retention_ms = 60000;
    expect(&found, (struct kafka_topic_wanted){0},
           "topic seismo.events: the replication factor is 1, wanted is 2 or more: a broker that is lost takes its "
           "records with it\n"
           "topic seismo.events: retention.ms is 60000, wanted is 3600000 or more: what a reader misses for longer "
           "than that is lost\n");
    found = good;
    found.min_insync = 3;
    expect(&found, (struct kafka_topic_wanted){0},
           "topic seismo.events: min.insync.replicas is the replication factor, wanted is less: beacons go to the "
           "spool whenever one broker restarts\n");
    found.min_insync = 1;
    expect(&found, (struct kafka_topic_wanted){0},
           "topic seismo.events: min.insync.replicas is 1, wanted is 2: a 202 may rest on one broker's copy\n");
}

static void test_what_is_not_told_is_not_judged(void **state)
{
    (void)state;
    struct kafka_topic_found found;
    kafka_topic_found_init(&found, "seismo.events");
    found.partitions = 4;
    found.replication = found.n_brokers = 3;
    expect(&found, (struct kafka_topic_wanted){4, 3, 2, 86400000}, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_as_wanted_is_not_told),
        cmocka_unit_test(test_each_difference_is_a_line),
        cmocka_unit_test(test_what_the_promises_need_is_told_unasked),
        cmocka_unit_test(test_what_is_not_told_is_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
