/* The Elasticsearch store: opening and closing, one request, the ping that readiness and the live page rest on. */
#include "store/store_elastic.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define PING_MS 3000
#define CONNECT_MS 5000
#define REQUEST_MS 60000
#define FIRST_MS \
    5000 /* until it has answered once: a node that takes calls and says nothing must not hold up the start */

/* ---- one request ---- */

static struct http_client *client_take(struct elastic *elastic)
{
    struct http_client *client = NULL;
    pthread_mutex_lock(&elastic->pool_mutex);
    if (elastic->n_idle)
        client = elastic->idle[--elastic->n_idle];
    pthread_mutex_unlock(&elastic->pool_mutex);
    if (client)
        return client;
    struct http_options options = {.ca_file = elastic->ca_file,
                                   .user = elastic->user,
                                   .password = elastic->password,
                                   .authorization = elastic->authorization,
                                   .connect_timeout_ms = CONNECT_MS,
                                   .timeout_ms = REQUEST_MS,
                                   .max_response = ANSWER_BYTES};
    return http_client_new(&options);
}

static void client_give(struct elastic *elastic, struct http_client *client)
{
    pthread_mutex_lock(&elastic->pool_mutex);
    if (elastic->n_idle < IDLE_CLIENTS) {
        elastic->idle[elastic->n_idle++] = client;
        client = NULL;
    }
    pthread_mutex_unlock(&elastic->pool_mutex);
    http_client_free(client);
}

/* Others may have moved on already: only the one that saw this address fail moves. */
static void move_on(struct elastic *elastic, unsigned from)
{
    atomic_compare_exchange_strong(&elastic->current, &from, from + 1);
}

static enum err send_once(struct elastic *elastic, struct http_client *client, const char *method, const char *path,
                          struct slice body, struct http_response *response, struct err_text *text)
{
    unsigned current = atomic_load(&elastic->current);
    struct buf url;
    buf_init(&url, 65536);
    buf_text(&url, elastic->urls[current % elastic->n_urls]);
    buf_text(&url, path);
    assert(!buf_failed(&url));
    bool is_bulk = strstr(path, "/_bulk") != NULL;
    struct http_request request = {.method = method, .url = url.at, .body = body};
    if (!atomic_load(&elastic->good_ms))
        request.timeout_ms = FIRST_MS;
    if (body.len)
        request.content_type = is_bulk ? "application/x-ndjson" : "application/json";
    enum err err = http_send(client, &request, response, text);
    buf_done(&url);
    if (err == ERR_OK && response->status < 500)
        atomic_store(&elastic->good_ms, clock_mono_ms());
    if ((err != ERR_OK && err != ERR_TOO_LARGE) || (err == ERR_OK && response->status >= 502))
        move_on(elastic, current);
    return err;
}

enum err elastic_send(struct elastic *elastic, const char *method, const char *path, struct slice body, bool once,
                      struct http_response *response)
{
    struct http_client *client = client_take(elastic);
    struct err_text text = {""};
    enum err err = ERR_HTTP;
    for (size_t i = 0; err == ERR_HTTP && i < (once ? 1 : elastic->n_urls); i++)
        err = send_once(elastic, client, method, path, body, response, &text);
    client_give(elastic, client);
    if (err != ERR_OK && err != ERR_TOO_LARGE)
        log_warn("store", err, "elastic: %s", text.at);
    return err;
}

bool elastic_is_block(const char *error_type)
{
    return error_type && strcmp(error_type, "cluster_block_exception") == 0;
}

enum err elastic_status(const struct http_response *response, const char *doing, enum err otherwise)
{
    int status = response->status;
    enum err err = otherwise;
    if (status == 401 || status == 403)
        err = response->body.len && strstr(response->body.at, "cluster_block_exception") ? ERR_AGAIN : ERR_STORE_AUTH;
    else if (status == 429 || status >= 500)
        err = ERR_AGAIN;
    log_warn("store", err, "elastic: %s: status %d: %.*s", doing, status,
             (int)(response->body.len < 400 ? response->body.len : 400), response->body.len ? response->body.at : "");
    return err;
}

void elastic_escape(struct buf *buf, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (isalnum(c) || c == '-' || c == '_' || c == '.')
            buf_char(buf, (char)c);
        else
            buf_printf(buf, "%%%02X", c);
    }
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
    enum err err = send_once(elastic, client, "GET", path, SLICE_NONE, response, &text);
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
    struct http_options options = {.ca_file = elastic->ca_file,
                                   .user = elastic->user,
                                   .password = elastic->password,
                                   .authorization = elastic->authorization,
                                   .connect_timeout_ms = PING_MS,
                                   .timeout_ms = PING_MS,
                                   .max_response = 65536};
    struct http_client *client = http_client_new(&options);
    struct http_response response;
    http_response_init(&response, 65536);
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
    return good_ms && clock_mono_ms() - good_ms <= READY_MS;
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

/* "http://a:9200, http://b:9200/" to two addresses without the slash at the end. */
static enum err read_urls(struct elastic *elastic, const char *list, struct err_text *text)
{
    for (const char *at = list ? list : ""; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        while (*at == ' ')
            at++;
        size_t n = strcspn(at, ", ");
        while (n && at[n - 1] == '/')
            n--;
        if (n == 0)
            continue;
        if (strncmp(at, "http://", 7) != 0 && strncmp(at, "https://", 8) != 0)
            return err_set(text, ERR_CONFIG, "store: \"%.*s\" is no address of Elasticsearch: http:// or https://",
                           (int)n, at);
        if (elastic->n_urls == MAX_URLS)
            return err_set(text, ERR_CONFIG, "store: more than %d addresses of Elasticsearch", MAX_URLS);
        elastic->urls[elastic->n_urls] = strndup(at, n);
        if (!elastic->urls[elastic->n_urls++])
            abort();
    }
    if (elastic->n_urls == 0)
        return err_set(text, ERR_CONFIG, "store: no address of Elasticsearch");
    return ERR_OK;
}

/* A namespace becomes part of index names: what those do not allow is refused here, with a reason. */
static enum err set_names(struct elastic *elastic, const char *namespace_, struct err_text *text)
{
    static const char *const names[STREAM_COUNT] = {"logs-seismo.events", "metrics-seismo.rollups",
                                                    "logs-seismo.alerts", "logs-seismo.rejects"};
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
    for (size_t i = 0; i < elastic->n_urls; i++)
        free(elastic->urls[i]);
    free(elastic->ca_file);
    free_secret(elastic->user);
    free_secret(elastic->password);
    free_secret(elastic->authorization);
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
    atomic_store(&elastic->bulk_bytes, BULK_BYTES);
    pthread_mutex_init(&elastic->pool_mutex, NULL);
    pthread_mutex_init(&elastic->setup_mutex, NULL);
    pthread_mutex_init(&elastic->ping_mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&elastic->ping_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum err err = read_urls(elastic, options->url, text);
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
    err = elastic_set_up(elastic, false, text);
    if (is_for_later(err)) {
        log_warn("store", err, "elastic: %s does not answer; what comes in waits until it does", elastic->urls[0]);
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
    .write = elastic_write,
    .position = elastic_position,
    .expire = elastic_expire,
    .state_get = elastic_state_get,
    .state_put = elastic_state_put,
    .read_events = elastic_read_events,
    .read_rollups = elastic_read_rollups,
    .read_alerts = elastic_read_alerts,
    .generation = elastic_generation,
};
