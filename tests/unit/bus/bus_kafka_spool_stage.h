/* What the tests of the spool share: a folder, a bus with a spool, brokers that go and come, what a topic has. */
#ifndef SEISMO_TESTS_BUS_KAFKA_SPOOL_STAGE_H
#define SEISMO_TESTS_BUS_KAFKA_SPOOL_STAGE_H

#include "bus_kafka_stage.h"

#define SPOOL_AFTER_MS 300
#define MANY 400

static char folder[64], path[96];
static size_t max_file_bytes;
static int adopt_ms;

static inline int begin_spool(void **state)
{
    /* In memory: what is tried here is the way of the records, not the disk. */
    snprintf(folder, sizeof folder, "%s/seismo-spool-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/spool.db", folder);
    max_file_bytes = 0;
    adopt_ms = 0;
    return begin(state);
}

static inline int end_spool(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    return end(state);
}

static inline struct bus_options spool_options(void)
{
    /* Brokers that are back are found at once. */
    static const char *const properties[] = {"message.max.bytes=1000000", "reconnect.backoff.ms=20",
                                             "reconnect.backoff.max.ms=100", NULL};
    struct bus_options options = options_of();
    options.properties = properties;
    options.path = path;
    options.spool_after_ms = SPOOL_AFTER_MS;
    options.max_file_bytes = max_file_bytes;
    options.adopt_ms = adopt_ms;
    return options;
}

static inline struct bus *open_with_spool(void)
{
    struct bus *bus = NULL;
    struct err_text text = {""};
    struct bus_options options = spool_options();
    if (bus_open(&bus, &options, &text))
        fail_msg("%s", text.at);
    return bus;
}

static inline void set_brokers(bool up)
{
    for (int i = 1; i <= 3; i++) {
        if (up)
            rd_kafka_mock_broker_set_up(mock, i);
        else
            rd_kafka_mock_broker_set_down(mock, i);
    }
}

static inline struct kafka_lane *lane_of_events(struct bus *bus)
{
    return &((struct kafka_bus *)bus)->lanes[TOPIC_EVENTS];
}

static inline enum kafka_mode mode_of(struct bus *bus)
{
    struct kafka_bus *kafka = (struct kafka_bus *)bus;
    pthread_mutex_lock(&kafka->mutex);
    enum kafka_mode mode = lane_of_events(bus)->mode;
    pthread_mutex_unlock(&kafka->mutex);
    return mode;
}

static inline void await_mode(struct bus *bus, enum kafka_mode mode)
{
    for (int ms = 0; ms < 2 * MAX_MS && mode_of(bus) != mode; ms += 10)
        nap_ms(10);
    assert_int_equal(mode_of(bus), mode);
}

/* What was read of each partition: which numbers, how many of them for the first time, and how many again. */
struct read {
    bool seen[PARTITIONS][MANY];
    int n[PARTITIONS], repeats;
};

static inline void note_read(struct read *read, const rd_kafka_message_t *message, bool ordered)
{
    int partition = -1, number = -1;
    char text[32] = "";
    memcpy(text, message->payload, message->len < 31 ? message->len : 31);
    assert_int_equal(sscanf(text, "%d %d", &partition, &number), 2);
    assert_int_equal(message->partition, partition);
    assert_in_range(number, 0, MANY - 1);
    if (ordered && number > read->n[partition])
        fail_msg("partition %d: %d came before %d", partition, number, read->n[partition]);
    if (read->seen[partition][number])
        read->repeats++;
    else
        read->n[partition]++;
    read->seen[partition][number] = true;
}

/* Without a group, which the mock keeps waiting for seconds. */
static inline rd_kafka_t *new_reader(void)
{
    char why[256], topic[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "check", why, sizeof why);
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why); /* nor its coordinator at the end */
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    assert_non_null(reader);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    snprintf(topic, sizeof topic, "%s.events", prefix);
    for (int p = 0; p < PARTITIONS; p++)
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return reader;
}

/* Each number below `numbers` of each partition at least once; ordered: each for the first time in order. */
static inline void read_all(int numbers, bool ordered, struct read *read)
{
    rd_kafka_t *reader = new_reader();
    int64_t until_ms = clock_mono_ms() + 2 * MAX_MS;
    for (int p = 0; p < PARTITIONS && clock_mono_ms() < until_ms;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
        if (message && !message->err)
            note_read(read, message, ordered);
        if (message)
            rd_kafka_message_destroy(message);
        while (p < PARTITIONS && read->n[p] >= numbers)
            p++;
    }
    for (int p = 0; p < PARTITIONS; p++)
        assert_int_equal(read->n[p], numbers);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
}

#endif
