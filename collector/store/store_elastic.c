/* The Elasticsearch store: opening and closing, and the ping that readiness and the live page rest on. */
#include "store/store_elastic.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store_elastic_flow.h"

#define PING_MS 3000
#define PING_BYTES 65536
#define CONNECT_MS 5000
#define REQUEST_MS 60000

struct http_options elastic_http_options(struct elastic *elastic)
{
    return (struct http_options){.ca_file = elastic->ca_file,
                                 .user = elastic->user,
                                 .password = elastic->password,
                                 .authorization = elastic->authorization,
                                 .connect_timeout_ms = CONNECT_MS,
                                 .timeout_ms = REQUEST_MS,
                                 .max_response = ANSWER_BYTES,
                                 .give_up_ms = &elastic->give_up_ms};
}

bool elastic_is_giving_up(const struct elastic *elastic)
{
    int64_t give_up_ms = atomic_load(&elastic->give_up_ms);
    return give_up_ms && clock_mono_ms() >= give_up_ms;
}

/* ---- the ping ---- */

/* Who writes, we or another instance, moves the number of documents indexed; without the right to see it (403) we
 * still learn that the node is there. */
static void ping(struct elastic *elastic, struct http_client *client, struct http_response *response)
{
    char path[STREAM_COUNT * NAME_BYTES + 128];
    struct err_text text = {""};
    snprintf(path, sizeof path,
             "/%s,%s,%s/_stats/indexing?ignore_unavailable=true&filter_path=_all.primaries.indexing.index_total",
             elastic->streams[STREAM_EVENTS], elastic->streams[STREAM_ROLLUPS], elastic->streams[STREAM_ALERTS]);
    enum err err = elastic_send_by(elastic, client, "GET", path, SLICE_NONE, response, &text);
    if (err != ERR_OK) {
        log_warn("store", err, "elastic: ping: %s", text.at);
        return;
    }
    json_t *root = response->status == 200 ? json_loadb(response->body.at, response->body.len, 0, NULL) : NULL;
    json_int_t total = -1;
    if (json_unpack(root, "{s:{s:{s:{s:I}}}}", "_all", "primaries", "indexing", "index_total", &total) == 0 &&
        total != elastic->indexed) {
        elastic->indexed = total;
        atomic_fetch_add(&elastic->generation, 1);
    }
    json_decref(root);
}

static void *run_pinger(void *arg)
{
    struct elastic *elastic = arg;
    struct http_options options = elastic_http_options(elastic);
    options.connect_timeout_ms = options.timeout_ms = PING_MS;
    options.max_response = PING_BYTES;
    struct http_client *client = http_client_new(&options);
    struct http_response response;
    http_response_init(&response, PING_BYTES);
    pthread_mutex_lock(&elastic->ping_mutex);
    while (!elastic->stop) {
        pthread_mutex_unlock(&elastic->ping_mutex);
        ping(elastic, client, &response);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PING_MS / 1000;
        pthread_mutex_lock(&elastic->ping_mutex);
        while (!elastic->stop && pthread_cond_timedwait(&elastic->ping_wake, &elastic->ping_mutex, &until) == 0)
            ;
    }
    pthread_mutex_unlock(&elastic->ping_mutex);
    http_response_done(&response);
    http_client_free(client);
    return NULL;
}

static bool elastic_is_ready(struct store *store)
{
    struct elastic *elastic = (struct elastic *)store;
    int64_t good_ms = atomic_load(&elastic->good_ms);
    return good_ms && clock_mono_ms() - good_ms <= READY_MS && !atomic_load(&elastic->is_refused);
}

static uint64_t elastic_generation(struct store *store)
{
    return atomic_load(&((struct elastic *)store)->generation);
}

/* ---- life ---- */

static char *copy_text(const char *prefix, const char *text)
{
    if (!text || !*text)
        return NULL;
    char *copy = malloc(strlen(prefix) + strlen(text) + 1);
    if (!copy)
        abort();
    strcpy(copy, prefix);
    return strcat(copy, text);
}

static void free_secret(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* A namespace becomes part of index names: what those do not allow is refused here, with a reason. */
static enum err set_names(struct elastic *elastic, const char *namespace_, struct err_text *text)
{
    static const char *const names[STREAM_COUNT] = {"logs-seismo.events", "metrics-seismo.rollups",
                                                    "logs-seismo.alerts", "logs-seismo.rejects",
                                                    "metrics-seismo.health"};
    const char *ns = namespace_ && *namespace_ ? namespace_ : "default";
    if (strlen(ns) > 64 || ns[strspn(ns, "abcdefghijklmnopqrstuvwxyz0123456789_.")] != '\0')
        return err_set(text, ERR_CONFIG,
                       "store: the namespace \"%.100s\" has more than 64 characters, or others than a-z 0-9 _ .", ns);
    for (int i = 0; i < STREAM_COUNT; i++)
        snprintf(elastic->streams[i], NAME_BYTES, "%s-%s", names[i], ns);
    snprintf(elastic->state_index, NAME_BYTES, "seismo-state-%s", ns);
    return ERR_OK;
}

static void elastic_close(struct store *store)
{
    struct elastic *elastic = (struct elastic *)store;
    if (elastic->has_pinger) {
        pthread_mutex_lock(&elastic->ping_mutex);
        elastic->stop = true;
        pthread_cond_signal(&elastic->ping_wake);
        pthread_mutex_unlock(&elastic->ping_mutex);
        pthread_join(elastic->pinger, NULL);
    }
    for (size_t i = 0; i < elastic->n_idle; i++)
        http_client_free(elastic->idle[i]);
    for (size_t i = 0; i < elastic->n_writers; i++)
        elastic_writer_free(elastic->writers[i]);
    for (size_t i = 0; i < elastic->n_nodes; i++)
        free(elastic->nodes[i].url);
    free(elastic->ca_file);
    free_secret(elastic->user);
    free_secret(elastic->password);
    free_secret(elastic->authorization);
    flow_done(&elastic->flow);
    pthread_mutex_destroy(&elastic->view_mutex);
    pthread_mutex_destroy(&elastic->pool_mutex);
    pthread_mutex_destroy(&elastic->setup_mutex);
    pthread_mutex_destroy(&elastic->ping_mutex);
    pthread_cond_destroy(&elastic->ping_wake);
    free(elastic);
}

static enum err elastic_new(struct elastic **ret_elastic, const struct store_options *options, struct err_text *text)
{
    pthread_condattr_t monotonic;
    struct elastic *elastic = calloc(1, sizeof *elastic);
    if (!elastic)
        abort();
    elastic->store.ops = &store_elastic_ops;
    elastic->retention_days = options->retention_days;
    elastic->user = copy_text("", options->user);
    elastic->password = copy_text("", options->password);
    elastic->authorization = copy_text("ApiKey ", options->api_key);
    elastic->ca_file = copy_text("", options->ca_file);
    elastic->compress = options->compress;
    flow_init(&elastic->flow, options->bulk_bytes ? options->bulk_bytes : BULK_BYTES_MOST,
              options->requests ? options->requests : 4);
    pthread_mutex_init(&elastic->view_mutex, NULL);
    pthread_mutex_init(&elastic->pool_mutex, NULL);
    pthread_mutex_init(&elastic->setup_mutex, NULL);
    pthread_mutex_init(&elastic->ping_mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&elastic->ping_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum err err = elastic_read_nodes(elastic, options->url, options->cloud_id, text);
    if (err == ERR_OK)
        err = set_names(elastic, options->namespace_, text);
    if (err == ERR_OK)
        *ret_elastic = elastic;
    else
        elastic_close(&elastic->store);
    return err;
}

static bool is_for_later(enum err err)
{
    return err == ERR_HTTP || err == ERR_TIMED_OUT || err == ERR_AGAIN;
}

/* Elasticsearch may be away when we start: the bus holds what comes in, and the first write sets up what is missing. */
static enum err elastic_open(struct store **ret_store, const struct store_options *options, struct err_text *text)
{
    struct elastic *elastic;
    enum err err = elastic_new(&elastic, options, text);
    if (err != ERR_OK)
        return err;
    elastic->is_starting = true;
    err = elastic_set_up(elastic, false, text);
    elastic->is_starting = false;
    if (is_for_later(err)) {
        log_warn("store", err, "elastic: %s does not answer; what comes in waits until it does", elastic->nodes[0].url);
        err = ERR_OK;
    }
    if (err == ERR_OK && pthread_create(&elastic->pinger, NULL, run_pinger, elastic) != 0)
        err = err_set(text, ERR_STORE_OPEN, "store: no thread");
    if (err == ERR_OK) {
        elastic->has_pinger = true;
        *ret_store = &elastic->store;
    } else {
        elastic_close(&elastic->store);
    }
    return err;
}

static enum err elastic_setup(const struct store_options *options, struct err_text *text)
{
    struct elastic *elastic;
    enum err err = elastic_new(&elastic, options, text);
    if (err != ERR_OK)
        return err;
    err = elastic_set_up(elastic, true, text);
    elastic_close(&elastic->store);
    return err;
}

/* ---- what this store leaves to others ---- */

/* Whatever is under way ends by then. */
static void elastic_give_up(struct store *store, int within_ms)
{
    struct elastic *elastic = (struct elastic *)store;
    int64_t at_ms = clock_mono_ms() + within_ms;
    atomic_store(&elastic->give_up_ms, at_ms ? at_ms : 1);
}

static enum err elastic_position(struct store *store, const char *group, enum topic topic, int32_t partition,
                                 int64_t *ret_next)
{
    (void)store, (void)group, (void)topic, (void)partition, (void)ret_next;
    return ERR_MISSING; /* they live on the bus */
}

static enum err elastic_expire(struct store *store, int64_t now_ms)
{
    (void)store, (void)now_ms;
    return ERR_OK; /* the data streams' lifecycle does it; setup says when the node has none */
}

const struct store_ops store_elastic_ops = {
    .name = "elastic",
    .keeps_positions = false,
    .open = elastic_open,
    .setup = elastic_setup,
    .close = elastic_close,
    .is_ready = elastic_is_ready,
    .give_up = elastic_give_up,
    .write = elastic_write,
    .position = elastic_position,
    .expire = elastic_expire,
    .forget = elastic_forget,
    .state_get = elastic_state_get,
    .state_put = elastic_state_put,
    .read_events = elastic_read_events,
    .read_rollups = elastic_read_rollups,
    .read_alerts = elastic_read_alerts,
    .read_rejects = elastic_read_rejects,
    .generation = elastic_generation,
};
