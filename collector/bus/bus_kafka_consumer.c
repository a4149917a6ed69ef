/* Consumers: one table of what they are set to, the same for members of a group and for readers that join none.
 *
 * What one may hold, with N brokers: `queue` KiB fetched ahead and uncompressed, one answer a broker on top of it (as
 * librdkafka looks before it asks; fetch.max.bytes follows `queue`, or message.max.bytes when that is larger), and
 * what the last fetch lent, which is no longer counted to the queue: at most as much again. With one broker a member
 * takes 8 + 8 + 8 MiB at the worst, a reader 16 + 16 MiB for as long as it reads. A process has a member for each of
 * index, rollup and merge that it runs, and a reader for one partition at a time. */
#include "bus/bus_kafka_int.h"

static const char *const queues[] = {[KAFKA_MEMBER] = "8192", [KAFKA_READER] = "16384"}; /* KiB */

static const struct {
    const char *name, *value; /* NULL: by kind */
    bool is_members;          /* a reader does without */
} table[] = {
    /* positions are committed by us, with what rests on them */
    {"enable.auto.commit", "false", false},
    {"enable.auto.offset.store", "false", false},
    /* records that were dropped before they were read are counted, not skipped in silence: begin at the oldest */
    {"auto.offset.reset", "earliest", false},
    {"isolation.level", "read_committed", false},
    {"enable.partition.eof", "true", false},
    /* memory */
    {"queued.max.messages.kbytes", NULL, false},
    /* the group: librdkafka before 2.2 has ownership faults in the sticky assignor */
    {"partition.assignment.strategy", "range", true},
    {"max.poll.interval.ms", "600000", true},
    {"session.timeout.ms", "10000", true}, /* what a killed member holds is another's that soon */
    {"heartbeat.interval.ms", "2500", true},
    {"fetch.wait.max.ms", "100", true},
};

rd_kafka_t *kafka_consumer(const struct kafka_bus *bus, enum kafka_consumer kind, const char *group, void *opaque,
                           struct err_text *text)
{
    const char *settings[2 * (sizeof table / sizeof *table + 1) + 1] = {"group.id", group};
    size_t n = 2;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].is_members && kind != KAFKA_MEMBER)
            continue;
        settings[n++] = table[i].name;
        settings[n++] = table[i].value ? table[i].value : queues[kind];
    }
    rd_kafka_conf_t *conf = kafka_conf(bus, settings, text);
    if (conf && kind == KAFKA_MEMBER) {
        rd_kafka_conf_set_opaque(conf, opaque);
        rd_kafka_conf_set_rebalance_cb(conf, kafka_rebalance);
    }
    return kafka_client(RD_KAFKA_CONSUMER, conf, text);
}
