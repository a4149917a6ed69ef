/* The Kafka bus (librdkafka): what its parts share, and its ops. Publishing: bus_kafka_producer.c. Reading:
 * bus_kafka_cursor.c and bus_kafka_group.c. As one with positions: bus_kafka_transact.c.
 *
 * Topics are PREFIX.events and so on, groups PREFIX-GROUP. The options' properties go to every client and may hold
 * secrets: they are never logged, not even when one is wrong. What the promises rest on (acks, idempotence, manual
 * commits, read_committed) is set after them and cannot be changed by them. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_compare.h"

#define SPOOL_AFTER_MS 1500
#define ADOPT_MS 30000
#define GOODBYE_MS 1000        /* to a cluster that is away */
#define ASK_WITH_SPOOL_MS 2000 /* nobody waits for the answer but the way back from the spool */

/* librdkafka prefixes its lines with the client's name; level and text are enough. log_line bounds and escapes. */
static void pass_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    /* syslog's numbers: 4 warning, 6 info. Its errors are warnings here: it retries, and what fails is told by err. */
    enum log_level ours = strcmp(facility, "CONFWARN") == 0 ? LOG_DEBUG /* a consumer's property at a producer */
                          : level <= 4                      ? LOG_WARN
                          : level <= 6                      ? LOG_INFO
                                                            : LOG_DEBUG;
    log_line(ours, "bus", ERR_OK, "kafka: %s: %s", facility, text);
}

static bool set_one(rd_kafka_conf_t *conf, const char *name, const char *value, struct err_text *text)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    /* librdkafka quotes the value, which may be a secret. */
    err_set(text, ERR_BUS_OPEN, "bus: kafka property \"%s\" is unknown, or its value is not allowed", name);
    return false;
}

static bool set_property(rd_kafka_conf_t *conf, const char *property, struct err_text *text)
{
    char name[128];
    const char *equals = strchr(property, '=');
    size_t len = equals ? (size_t)(equals - property) : 0;
    if (len == 0 || len >= sizeof name) {
        err_set(text, ERR_BUS_OPEN, "bus: a kafka property is not name=value");
        return false;
    }
    memcpy(name, property, len);
    name[len] = '\0';
    return set_one(conf, name, equals + 1, text);
}

rd_kafka_conf_t *kafka_conf(const struct kafka_bus *bus, const char *const *settings, struct err_text *text)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, pass_log);
    bool ok = set_one(conf, "bootstrap.servers", bus->brokers, text) && set_one(conf, "client.id", "seismo", text) &&
              set_one(conf, "socket.keepalive.enable", "true", text) &&
              set_one(conf, "reconnect.backoff.max.ms", "2000", text) && set_one(conf, "linger.ms", "0", text) &&
              set_one(conf, "compression.codec", "lz4", text);
    for (char **property = bus->properties; ok && *property; property++)
        ok = set_property(conf, *property, text);
    for (; ok && settings && *settings; settings += 2)
        ok = set_one(conf, settings[0], settings[1], text);
    if (ok)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err_text *text)
{
    char why[256] = "";
    if (!conf)
        return NULL;
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
    if (!client) {
        rd_kafka_conf_destroy(conf);
        err_set(text, ERR_BUS_OPEN, "bus: kafka: %s", why);
    }
    return client;
}

enum err kafka_check_properties(const struct kafka_bus *bus, struct err_text *text)
{
    rd_kafka_conf_t *conf = kafka_conf(bus, NULL, text);
    if (conf)
        rd_kafka_conf_destroy(conf);
    return conf ? ERR_OK : ERR_BUS_OPEN;
}

void kafka_topic_name(const struct kafka_bus *bus, enum topic topic, char ret_name[KAFKA_TOPIC_BYTES])
{
    snprintf(ret_name, KAFKA_TOPIC_BYTES, "%s.%s", bus->prefix, topic_name(topic));
}

static char *copy(const char *text)
{
    char *copied = strdup(text);
    if (!copied)
        abort();
    return copied;
}

/* Without a stable name a random one, so that two on one host never fence each other; then what a killed one has left
 * open ends by transaction.timeout.ms instead of at once. */
static char *instance_name(const struct bus_options *options)
{
    char random[8], text[17];
    if (options->instance && options->instance[0])
        return copy(options->instance);
    hash_random(random, sizeof random);
    hash_hex((struct slice){random, sizeof random}, text, 16);
    return copy(text);
}

static char **copy_properties(const char *const *properties)
{
    size_t n = 0;
    while (properties && properties[n])
        n++;
    char **copied = calloc(n + 1, sizeof *copied);
    if (!copied)
        abort();
    for (size_t i = 0; i < n; i++)
        copied[i] = copy(properties[i]);
    return copied;
}

static void init_sync(struct kafka_bus *bus)
{
    pthread_condattr_t steady;
    pthread_rwlock_init(&bus->lock, NULL);
    pthread_mutex_init(&bus->mutex, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&bus->drain_work, &steady);
    pthread_cond_init(&bus->settled, &steady);
    pthread_cond_init(&bus->adopt_work, &steady);
    pthread_condattr_destroy(&steady);
}

struct kafka_bus *kafka_bus_new(const struct bus_options *options)
{
    struct kafka_bus *bus = calloc(1, sizeof *bus);
    if (!bus)
        abort();
    bus->prefix = copy(options->prefix ? options->prefix : "seismo");
    bus->brokers = copy(options->brokers ? options->brokers : "");
    bus->instance = instance_name(options);
    bus->properties = copy_properties(options->properties);
    bus->spool_first = options->path && options->path[0] ? copy(options->path) : NULL;
    bus->spool_lock_fd = -1;
    bus->max_pending_bytes = options->max_pending_bytes;
    bus->max_file_bytes = options->max_file_bytes;
    bus->spool_after_ms = options->spool_after_ms > 0 ? options->spool_after_ms : SPOOL_AFTER_MS;
    bus->adopt_ms = options->adopt_ms > 0 ? options->adopt_ms : ADOPT_MS;
    bus->ask_ms = bus->spool_first ? ASK_WITH_SPOOL_MS : KAFKA_ASK_MS;
    atomic_init(&bus->max_message, KAFKA_DEFAULT_MAX_MESSAGE);
    for (int t = 0; t < TOPIC_COUNT; t++)
        atomic_init(&bus->n_partitions[t], options->partitions);
    bus->spool_bytes = metric_get(METRIC_GAUGE, "seismo_spool_bytes", NULL, NULL,
                                  "bytes of accepted records not yet passed on or not yet read by every group");
    init_sync(bus);
    return bus;
}

void kafka_bus_free(struct kafka_bus *bus)
{
    if (!bus)
        return;
    kafka_lane_free(bus);
    pthread_rwlock_destroy(&bus->lock);
    pthread_cond_destroy(&bus->adopt_work);
    pthread_cond_destroy(&bus->settled);
    pthread_cond_destroy(&bus->drain_work);
    pthread_mutex_destroy(&bus->mutex);
    for (char **property = bus->properties; *property; property++)
        free(*property);
    free(bus->properties);
    free(bus->spool_path);
    free(bus->spool_first);
    free(bus->instance);
    free(bus->brokers);
    free(bus->prefix);
    free(bus);
}

static bool close_kafka(struct kafka_bus *bus, int deadline_ms)
{
    int64_t until_ms = clock_mono_ms() + deadline_ms;
    kafka_producer_stop(bus, deadline_ms);
    kafka_adopt_stop(bus);
    kafka_spool_close(bus, deadline_ms);
    if (atomic_load(&bus->down_since_ms) && until_ms > clock_mono_ms() + GOODBYE_MS)
        until_ms = clock_mono_ms() + GOODBYE_MS; /* nobody hears it */
    if (kafka_await_leavers(bus, until_ms)) {
        kafka_bus_free(bus);
        return true;
    }
    log_warn("bus", ERR_TIMED_OUT, "kafka: a member's goodbye is not waited for");
    return false;
}

bool kafka_is_out_of_time(const struct kafka_bus *bus)
{
    int64_t hurry_ms = atomic_load(&bus->hurry_ms);
    return hurry_ms && (atomic_load(&bus->down_since_ms) || clock_mono_ms() >= hurry_ms);
}

int kafka_patience_ms(const struct kafka_bus *bus, int most)
{
    int64_t hurry_ms = atomic_load(&bus->hurry_ms), left_ms = hurry_ms - clock_mono_ms();
    if (!hurry_ms || left_ms > most)
        return most;
    return left_ms > 1 ? (int)left_ms : 1;
}

/* With a spool the cluster may be away: then what was known of it last time has to do, and it is asked again and again.
 * What is wrong with the configuration itself is found before. */
static enum err meet_cluster(struct kafka_bus *bus, struct err_text *text)
{
    bus->was_seen = kafka_known_read(bus);
    enum err err = kafka_look_up(bus, text);
    atomic_store(&bus->is_known, err == ERR_OK);
    if (!err)
        kafka_known_write(bus);
    if (!err || !bus->spool)
        return err;
    log_warn("bus", err, "%s; what is accepted goes to the spool until it answers", text->at);
    atomic_store(&bus->down_since_ms, clock_mono_ms());
    text->at[0] = '\0';
    return ERR_OK;
}

static enum err open_bus(struct bus **ret_bus, const struct bus_options *options, struct err_text *text)
{
    struct kafka_bus *bus = kafka_bus_new(options);
    enum err err = kafka_check_properties(bus, text);
    if (!err)
        err = kafka_spool_open(bus, text);
    if (!err)
        err = meet_cluster(bus, text);
    if (!err)
        err = kafka_producer_connect(bus, text);
    if (!err)
        err = kafka_producer_start(bus, text);
    if (!err)
        err = kafka_drain_start(bus, text);
    if (!err)
        err = kafka_adopt_start(bus, text);
    if (err)
        close_kafka(bus, 1000);
    else
        *ret_bus = &bus->bus;
    return err;
}

static bool close_bus(struct bus *front, int deadline_ms)
{
    return close_kafka((struct kafka_bus *)front, deadline_ms);
}

static size_t max_message(const struct bus *front)
{
    return atomic_load(&((const struct kafka_bus *)front)->max_message);
}

static int partitions(struct bus *front, enum topic topic)
{
    return atomic_load(&((struct kafka_bus *)front)->n_partitions[topic]);
}

static bool is_known(struct bus *front)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    return bus->was_seen || atomic_load(&bus->is_known);
}

static const char *trouble(struct bus *front)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    pthread_mutex_lock(&bus->mutex);
    bool is_direct = bus->lanes[TOPIC_EVENTS].mode == KAFKA_DIRECT;
    pthread_mutex_unlock(&bus->mutex);
    if (!kafka_is_ready(front))
        return bus->spool ? "kafka takes no records and the spool is full or cannot be written (SE-2003)"
                          : "kafka does not answer (SE-3002)";
    if (!atomic_load(&bus->is_known) && !is_known(front))
        return "kafka, or its topics, have not been there since the start and are asked for again and again (SE-3001)";
    if (atomic_load(&bus->down_since_ms))
        return "kafka does not answer; what is accepted goes to the spool (SE-3002)";
    return is_direct ? NULL : "records go to kafka through the spool, until that is empty";
}

static void hurry(struct bus *front, int within_ms)
{
    atomic_store(&((struct kafka_bus *)front)->hurry_ms, clock_mono_ms() + within_ms + 1);
}

const struct bus_ops bus_kafka_ops = {
    .name = "kafka",
    .is_shared = true,
    .open = open_bus,
    .setup = kafka_setup,
    .differences = kafka_differences,
    .hurry = hurry,
    .close = close_bus,
    .publish = kafka_publish,
    .max_message = max_message,
    .is_ready = kafka_is_ready,
    .spool_bytes = kafka_spool_bytes,
    .left = kafka_left,
    .oldest_waiting_ms = kafka_oldest_waiting_ms,
    .partitions = partitions,
    .is_known = is_known,
    .trouble = trouble,
    .subscribe = kafka_subscribe,
    .unsubscribe = kafka_unsubscribe,
    .fetch = kafka_fetch,
    .wake = kafka_wake,
    .commit = kafka_commit,
    .transact = kafka_transact,
    .read_back = kafka_read_back,
    .is_current = kafka_is_current,
    .lag = kafka_lag,
    .end = kafka_end,
};
