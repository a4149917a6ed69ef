/* What a Kafka cluster must have for us: makes it (admin API), or looks it up. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus_kafka_compare.h"

/* Why the brokers do not let us in: each call itself only says that time is over. */
struct kept_out {
    char reason[256]; /* empty: they do */
};

static void note_kept_out(rd_kafka_t *client, int code, const char *reason, void *kept_out)
{
    (void)client;
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL)
        snprintf(((struct kept_out *)kept_out)->reason, sizeof((struct kept_out *)kept_out)->reason, "%s", reason);
}

/* *kept_out outlives the client. */
static enum err client_of(struct kafka_bus *bus, struct kept_out *kept_out, rd_kafka_t **ret_client,
                          struct err_text *text)
{
    rd_kafka_conf_t *conf = kafka_conf(bus, NULL, text);
    if (conf) {
        rd_kafka_conf_set_error_cb(conf, note_kept_out);
        rd_kafka_conf_set_opaque(conf, kept_out);
    }
    rd_kafka_t *client = kafka_client(RD_KAFKA_PRODUCER, conf, text);
    if (client)
        *ret_client = client;
    return client ? ERR_OK : ERR_BUS_OPEN;
}

/* Ends the client. */
static enum err leave(rd_kafka_t *client, const struct kept_out *kept_out, enum err err, struct err_text *text)
{
    if (!client)
        return err;
    rd_kafka_poll(client, 0);
    rd_kafka_destroy(client);
    return err && kept_out->reason[0] ? err_set(text, ERR_BUS_AUTH, "bus: kafka: %s", kept_out->reason) : err;
}

/* ---- making ---- */

static void configure(rd_kafka_NewTopic_t *made, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    rd_kafka_NewTopic_set_config(made, name, text);
}

static rd_kafka_NewTopic_t *new_topic(struct kafka_bus *bus, enum topic topic, const struct bus_options *options)
{
    char name[KAFKA_TOPIC_BYTES], why[128];
    kafka_topic_name(bus, topic, name);
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(
        name, options->partitions, options->replication ? options->replication : -1, why, sizeof why);
    if (!made)
        return NULL;
    /* The broker's clock says when a record arrived, as bus.h promises; a client's may be wrong. */
    rd_kafka_NewTopic_set_config(made, "message.timestamp.type", "LogAppendTime");
    configure(made, "max.message.bytes", KAFKA_TOPIC_MAX_MESSAGE);
    if (options->min_insync)
        configure(made, "min.insync.replicas", options->min_insync);
    if (options->topic_retention_ms)
        configure(made, "retention.ms", options->topic_retention_ms);
    return made;
}

static enum err check_created(rd_kafka_event_t *event, struct err_text *text)
{
    if (!event)
        return err_set(text, ERR_BUS_OPEN, "bus: kafka did not answer within %d s", KAFKA_ASK_MS / 1000);
    if (rd_kafka_event_error(event))
        return err_set(text, ERR_BUS_OPEN, "bus: kafka: making topics: %s", rd_kafka_event_error_string(event));
    size_t n = 0;
    const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);
        if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            const char *why = rd_kafka_topic_result_error_string(topics[i]);
            return err_set(text, ERR_BUS_OPEN, "bus: kafka: making %s: %s", rd_kafka_topic_result_name(topics[i]),
                           why ? why : rd_kafka_err2str(code));
        }
    }
    return ERR_OK;
}

static enum err create(struct kafka_bus *bus, rd_kafka_t *client, const struct bus_options *options,
                       struct err_text *text)
{
    rd_kafka_NewTopic_t *topics[TOPIC_COUNT];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *admin = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char why[128];
    size_t n = 0;
    enum err err = ERR_OK;
    rd_kafka_AdminOptions_set_request_timeout(admin, KAFKA_ASK_MS, why, sizeof why);
    rd_kafka_AdminOptions_set_operation_timeout(admin, KAFKA_ASK_MS, why, sizeof why);
    for (; n < TOPIC_COUNT && !err; n++) {
        if (!(topics[n] = new_topic(bus, (enum topic)n, options))) {
            err = err_set(text, ERR_BUS_OPEN, "bus: kafka: %d partitions or the prefix are not allowed",
                          options->partitions);
            break;
        }
    }
    if (!err) {
        rd_kafka_CreateTopics(client, topics, n, admin, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_ASK_MS + 1000);
        err = check_created(event, text);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_NewTopic_destroy_array(topics, n);
    rd_kafka_AdminOptions_destroy(admin);
    rd_kafka_queue_destroy(queue);
    return err;
}

enum err kafka_setup(const struct bus_options *options, struct err_text *text)
{
    struct kafka_bus *bus = kafka_bus_new(options);
    rd_kafka_t *client = NULL;
    struct kept_out kept_out = {""};
    enum err err = client_of(bus, &kept_out, &client, text);
    if (!err)
        err = create(bus, client, options, text);
    err = leave(client, &kept_out, err, text);
    if (!err)
        err = kafka_look_up(bus, text);
    kafka_bus_free(bus);
    return err;
}

/* ---- looking up ---- */

/* Partitions of a topic; 0: it does not exist (yet). */
static rd_kafka_resp_err_t count_partitions(rd_kafka_t *client, const char *name, int ask_ms, int *ret_n)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, topic, &metadata, ask_ms);
    if (!code) {
        const struct rd_kafka_metadata_topic *found = metadata->topic_cnt ? &metadata->topics[0] : NULL;
        *ret_n = found && !found->err ? found->partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return code;
}

/* A topic made a moment ago is not yet known to every broker: asks again for a while. */
static enum err look_up_topic(struct kafka_bus *bus, rd_kafka_t *client, enum topic topic, struct err_text *text)
{
    char name[KAFKA_TOPIC_BYTES];
    kafka_topic_name(bus, topic, name);
    for (int tries = 0; tries < 20 && !atomic_load(&bus->closing); tries++) {
        int n = 0;
        rd_kafka_resp_err_t code = count_partitions(client, name, bus->ask_ms, &n);
        if (code)
            return err_set(text, ERR_BUS_OPEN, "bus: kafka at %s: %s", bus->brokers, rd_kafka_err2str(code));
        if (n > 0) {
            atomic_store(&bus->n_partitions[topic], n);
            return ERR_OK;
        }
        nanosleep(&(struct timespec){0, 100000000}, NULL);
    }
    return err_set(text, ERR_BUS_OPEN, "bus: kafka has no topic %s; `seismo setup` makes it", name);
}

static void set_max(struct kafka_bus *bus, size_t max)
{
    max = max > 2 * KAFKA_FRAME_BYTES ? max - KAFKA_FRAME_BYTES : KAFKA_FRAME_BYTES;
    atomic_store(&bus->max_message, max < RECORD_MAX_BYTES ? max : RECORD_MAX_BYTES);
}

/* The property message.max.bytes is believed; else the topic is asked. */
static bool is_max_given(struct kafka_bus *bus)
{
    static const char name[] = "message.max.bytes=";
    for (char **property = bus->properties; *property; property++) {
        if (strncmp(*property, name, sizeof name - 1) == 0) {
            set_max(bus, (size_t)strtoul(*property + sizeof name - 1, NULL, 10));
            return true;
        }
    }
    return false;
}

/* What the events' topic takes; when the cluster will not say, what every cluster takes by default. */
static void look_up_max(struct kafka_bus *bus, rd_kafka_t *client)
{
    char name[KAFKA_TOPIC_BYTES];
    struct kafka_topic_found found;
    kafka_topic_name(bus, TOPIC_EVENTS, name);
    kafka_topic_found_init(&found, name);
    if (!kafka_ask_topic(client, &found) || found.max_message <= 0) {
        log_info("bus", "kafka does not tell the largest message of %s; %d bytes are assumed", name,
                 KAFKA_DEFAULT_MAX_MESSAGE);
        found.max_message = KAFKA_DEFAULT_MAX_MESSAGE;
    }
    set_max(bus, (size_t)found.max_message);
}

enum err kafka_look_up(struct kafka_bus *bus, struct err_text *text)
{
    rd_kafka_t *client = NULL;
    struct kept_out kept_out = {""};
    enum err err = client_of(bus, &kept_out, &client, text);
    for (int t = 0; t < TOPIC_COUNT && !err; t++)
        err = look_up_topic(bus, client, (enum topic)t, text);
    if (!err && !is_max_given(bus))
        look_up_max(bus, client);
    return leave(client, &kept_out, err, text);
}
