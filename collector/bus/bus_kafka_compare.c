/* What the topics that exist have otherwise than is wanted: asked of the cluster and told a line each. Nothing is
 * changed: more partitions move series to other owners, and the rest is the cluster's owner's to decide. */
#include <inttypes.h>
#include <stdlib.h>

#include "bus/bus_kafka_compare.h"

/* ---- comparing ---- */

struct comparing {
    const struct kafka_topic_found *found;
    struct buf *lines;
    int n;
};

static void tell(struct comparing *comparing, const char *what, const char *is, const char *wanted, const char *why)
{
    char line[768];
    int n = snprintf(line, sizeof line, "topic %s: %s is %s, wanted is %s: %s\n", comparing->found->name, what, is,
                     wanted, why);
    assert(n > 0 && (size_t)n < sizeof line);
    buf_add(comparing->lines, line, (size_t)n);
    comparing->n++;
}

static void tell_number(struct comparing *comparing, const char *what, int64_t is, int64_t wanted, const char *why)
{
    char is_text[24], wanted_text[24];
    snprintf(is_text, sizeof is_text, "%" PRId64, is);
    snprintf(wanted_text, sizeof wanted_text, "%" PRId64, wanted);
    tell(comparing, what, is_text, wanted_text, why);
}

static void compare_partitions(struct comparing *comparing, const struct kafka_topic_wanted *wanted)
{
    int is = comparing->found->partitions;
    if (wanted->partitions == 0 || is == wanted->partitions)
        return;
    tell_number(comparing, "partitions", is, wanted->partitions,
                is < wanted->partitions
                    ? "kafka-topics --alter --partitions adds them; series then change their owners once"
                    : "partitions cannot be taken away, so set bus.partitions to what is there");
}

static void compare_copies(struct comparing *comparing, const struct kafka_topic_wanted *wanted)
{
    const struct kafka_topic_found *found = comparing->found;
    if (wanted->replication && found->replication != wanted->replication)
        tell_number(comparing, "the replication factor", found->replication, wanted->replication,
                    "kafka-reassign-partitions changes it");
    else if (!wanted->replication && found->replication == 1 && found->n_brokers > 1)
        tell(comparing, "the replication factor", "1", "2 or more", "a broker that is lost takes its records with it");
    if (found->min_insync < 0)
        return;
    if (wanted->min_insync && found->min_insync != wanted->min_insync)
        tell_number(comparing, "min.insync.replicas", found->min_insync, wanted->min_insync,
                    "kafka-configs --alter changes it");
    else if (found->replication > 1 && found->min_insync >= found->replication)
        tell(comparing, "min.insync.replicas", "the replication factor", "less",
             "beacons go to the spool whenever one broker restarts");
    else if (!wanted->min_insync && found->replication > 1 && found->min_insync == 1)
        tell(comparing, "min.insync.replicas", "1", "2", "a 202 may rest on one broker's copy");
}

static void compare_keeping(struct comparing *comparing, const struct kafka_topic_wanted *wanted)
{
    const struct kafka_topic_found *found = comparing->found;
    char at_least[48];
    if (found->cleanup[0] && strcmp(found->cleanup, "delete") != 0)
        tell(comparing, "cleanup.policy", found->cleanup, "delete",
             "records have no key, and a compacted topic refuses those");
    if (wanted->retention_ms && found->retention_ms != wanted->retention_ms && found->retention_ms != KAFKA_UNTOLD)
        tell_number(comparing, "retention.ms", found->retention_ms, wanted->retention_ms,
                    "kafka-configs --alter changes it");
    else if (!wanted->retention_ms && found->retention_ms >= 0 && found->retention_ms < KAFKA_LEAST_RETENTION_MS) {
        char is[24];
        snprintf(is, sizeof is, "%" PRId64, found->retention_ms);
        snprintf(at_least, sizeof at_least, "%d or more", KAFKA_LEAST_RETENTION_MS);
        tell(comparing, "retention.ms", is, at_least, "what a reader misses for longer than that is lost");
    }
}

int kafka_compare(const struct kafka_topic_found *found, const struct kafka_topic_wanted *wanted, struct buf *lines)
{
    struct comparing comparing = {found, lines, 0};
    compare_partitions(&comparing, wanted);
    compare_copies(&comparing, wanted);
    compare_keeping(&comparing, wanted);
    if (found->max_message >= 0 && found->max_message < KAFKA_TOPIC_MAX_MESSAGE)
        tell_number(&comparing, "max.message.bytes", found->max_message, KAFKA_TOPIC_MAX_MESSAGE,
                    "larger beacons are split, and an event that is larger alone is refused (SE-1017)");
    if (found->timestamp[0] && strcmp(found->timestamp, "LogAppendTime") != 0)
        tell(&comparing, "message.timestamp.type", found->timestamp, "LogAppendTime",
             "a sender's clock that is wrong is believed");
    return comparing.n;
}

/* ---- asking ---- */

static void take_entry(struct kafka_topic_found *found, const char *name, const char *value)
{
    const struct {
        const char *name;
        int64_t *number;
    } numbers[] = {{"min.insync.replicas", &found->min_insync},
                   {"retention.ms", &found->retention_ms},
                   {"max.message.bytes", &found->max_message}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(name, numbers[i].name) == 0)
            *numbers[i].number = strtoll(value, NULL, 10);
    if (strcmp(name, "cleanup.policy") == 0)
        snprintf(found->cleanup, sizeof found->cleanup, "%s", value);
    else if (strcmp(name, "message.timestamp.type") == 0)
        snprintf(found->timestamp, sizeof found->timestamp, "%s", value);
}

static bool take_entries(struct kafka_topic_found *found, rd_kafka_event_t *event)
{
    size_t n = 0, n_entries = 0;
    const rd_kafka_DescribeConfigs_result_t *result = event ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
    const rd_kafka_ConfigResource_t **resources = result ? rd_kafka_DescribeConfigs_result_resources(result, &n) : NULL;
    if (n == 0 || rd_kafka_ConfigResource_error(resources[0]))
        return false;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &n_entries);
    for (size_t i = 0; i < n_entries; i++)
        if (rd_kafka_ConfigEntry_value(entries[i]))
            take_entry(found, rd_kafka_ConfigEntry_name(entries[i]), rd_kafka_ConfigEntry_value(entries[i]));
    return true;
}

void kafka_topic_found_init(struct kafka_topic_found *found, const char *name)
{
    *found = (struct kafka_topic_found){.min_insync = -1, .retention_ms = KAFKA_UNTOLD, .max_message = -1};
    snprintf(found->name, sizeof found->name, "%s", name);
}

bool kafka_ask_topic(rd_kafka_t *client, struct kafka_topic_found *found)
{
    char why[128];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, found->name);
    rd_kafka_AdminOptions_set_request_timeout(options, 3000, why, sizeof why);
    rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 4000);
    bool ok = take_entries(found, event);
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return ok;
}

static enum err ask_shape(rd_kafka_t *client, struct kafka_topic_found *found, struct err_text *text)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, found->name, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, topic, &metadata, KAFKA_ASK_MS);
    if (!code && metadata->topic_cnt == 1 && !(code = metadata->topics[0].err)) {
        const struct rd_kafka_metadata_topic *shape = &metadata->topics[0];
        found->partitions = shape->partition_cnt;
        found->n_brokers = metadata->broker_cnt;
        for (int p = 0; p < shape->partition_cnt; p++) /* the least of them is what a record can rely on */
            if (p == 0 || shape->partitions[p].replica_cnt < found->replication)
                found->replication = shape->partitions[p].replica_cnt;
    }
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    return code ? err_set(text, ERR_BUS_OPEN, "bus: kafka: %s: %s", found->name, rd_kafka_err2str(code)) : ERR_OK;
}

enum err kafka_differences(const struct bus_options *options, struct buf *lines, int *ret_n, struct err_text *text)
{
    const struct kafka_topic_wanted wanted = {options->any_partitions ? 0 : options->partitions, options->replication,
                                              options->min_insync, options->topic_retention_ms};
    struct kafka_bus *bus = kafka_bus_new(options);
    rd_kafka_t *client = kafka_client(RD_KAFKA_PRODUCER, kafka_conf(bus, NULL, text), text);
    enum err err = client ? ERR_OK : ERR_BUS_OPEN;
    int n = 0;
    for (int t = 0; t < TOPIC_COUNT && !err; t++) {
        struct kafka_topic_found found;
        char name[KAFKA_TOPIC_BYTES];
        kafka_topic_name(bus, (enum topic)t, name);
        kafka_topic_found_init(&found, name);
        err = ask_shape(client, &found, text);
        if (!err && !kafka_ask_topic(client, &found))
            err = err_set(text, ERR_BUS_OPEN, "bus: kafka does not tell how %s is configured", name);
        if (!err)
            n += kafka_compare(&found, &wanted, lines);
    }
    if (client)
        rd_kafka_destroy(client);
    kafka_bus_free(bus);
    if (!err)
        *ret_n = n;
    return err;
}
