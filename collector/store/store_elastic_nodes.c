/* The nodes: their addresses, which one is called, and one call. Nodes are not sniffed: they are those of the
 * configuration. */
#include "store/store_elastic.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define FIRST_MS \
    5000 /* until it has answered once: a node that takes calls and says nothing must not hold up the start */
#define STARTING_MS 2500 /* the same at the start itself, which is to take less than 5 s with Kafka silent too */
#define DEAD_MS 1000
#define DEAD_MOST_MS 60000

/* ---- addresses ---- */

static enum err add_node(struct elastic *elastic, const char *at, size_t n, struct err_text *text)
{
    while (n && at[n - 1] == '/')
        n--;
    if (n == 0)
        return ERR_OK;
    if (strncmp(at, "http://", 7) != 0 && strncmp(at, "https://", 8) != 0)
        return err_set(text, ERR_CONFIG, "store: \"%.*s\" is no address of Elasticsearch: http:// or https://", (int)n,
                       at);
    if (elastic->n_nodes == MAX_NODES)
        return err_set(text, ERR_CONFIG, "store: more than %d addresses of Elasticsearch", MAX_NODES);
    struct node *node = &elastic->nodes[elastic->n_nodes++];
    node->url = strndup(at, n);
    if (!node->url)
        abort();
    return ERR_OK;
}

/* What a Cloud id holds: "host[:port]$deployment[:port][$kibana…]", a host being one label and more of letters, digits,
 * '-' and '.'. */
static enum err add_cloud_node(struct elastic *elastic, const char *decoded, struct err_text *text)
{
    static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    static const char digits[] = "0123456789";
    char url[700];
    const char *deployment = strchr(decoded, '$');
    size_t host = strspn(decoded, host_bytes), n = 0, own_port = 0;
    if (deployment) {
        n = strspn(++deployment, host_bytes);
        own_port = deployment[n] == ':' ? 1 + strspn(deployment + n + 1, digits) : 0;
    }
    size_t port = decoded[host] == ':' ? 1 + strspn(decoded + host + 1, digits) : 0;
    if (!deployment || host == 0 || n == 0 || decoded[host + port] != '$' || port == 1 || own_port == 1 || port > 6 ||
        own_port > 6 || host > 300 || n > 300 || (deployment[n + own_port] && deployment[n + own_port] != '$'))
        return err_set(text, ERR_CONFIG,
                       "store: elastic.cloud_id does not hold a host and an Elasticsearch: copy it again from the "
                       "deployment's page");
    const char *port_at = own_port ? deployment + n : decoded + host;
    int len = snprintf(url, sizeof url, "https://%.*s.%.*s%.*s", (int)n, deployment, (int)host, decoded,
                       (int)(own_port ? own_port : port), port_at);
    if (!own_port && !port)
        len += snprintf(url + len, sizeof url - (size_t)len, ":443");
    return add_node(elastic, url, (size_t)len, text);
}

static enum err read_cloud_id(struct elastic *elastic, const char *cloud_id, struct err_text *text)
{
    struct buf decoded;
    const char *colon = strrchr(cloud_id, ':'), *base64 = colon ? colon + 1 : cloud_id;
    buf_init(&decoded, 2048);
    bool good = elastic_read_base64(&decoded, base64, strlen(base64)) && !buf_failed(&decoded) && decoded.len &&
                !memchr(decoded.at, '\0', decoded.len);
    enum err err = good ? add_cloud_node(elastic, decoded.at, text)
                        : err_set(text, ERR_CONFIG, "store: elastic.cloud_id is not \"name:\" and base64");
    buf_done(&decoded);
    return err;
}

enum err elastic_read_nodes(struct elastic *elastic, const char *urls, const char *cloud_id, struct err_text *text)
{
    enum err err = ERR_OK;
    bool is_cloud = cloud_id && *cloud_id;
    if (is_cloud && urls && *urls)
        return err_set(text, ERR_CONFIG, "store: elastic.url and elastic.cloud_id are both given: leave one out");
    if (is_cloud)
        return read_cloud_id(elastic, cloud_id, text);
    for (const char *at = urls ? urls : ""; *at && err == ERR_OK; at += *at == ',') {
        size_t n = strcspn(at + strspn(at, " "), ", ");
        at += strspn(at, " ");
        err = add_node(elastic, at, n, text);
        at += strcspn(at, ",");
    }
    if (err == ERR_OK && elastic->n_nodes == 0)
        err = err_set(text, ERR_CONFIG, "store: no address of Elasticsearch");
    return err;
}

/* ---- which one ---- */

unsigned elastic_pick_node(struct elastic *elastic)
{
    unsigned n = (unsigned)elastic->n_nodes, turn = atomic_fetch_add(&elastic->turn, 1), best = turn % n;
    int64_t now_ms = clock_mono_ms(), least_ms = INT64_MAX;
    for (unsigned i = 0; i < n; i++) {
        unsigned node = (turn + i) % n;
        int64_t dead_until_ms = atomic_load(&elastic->nodes[node].dead_until_ms);
        if (dead_until_ms <= now_ms)
            return node;
        if (dead_until_ms < least_ms) {
            least_ms = dead_until_ms;
            best = node;
        }
    }
    return best;
}

void elastic_note_node(struct elastic *elastic, unsigned at, enum err err, int status)
{
    struct node *node = &elastic->nodes[at];
    if (err == ERR_OK && status < 500)
        atomic_store(&elastic->good_ms, clock_mono_ms());
    bool is_dead = (err != ERR_OK && err != ERR_TOO_LARGE) || (err == ERR_OK && status >= 502 && status <= 504);
    if (!is_dead) {
        if (atomic_exchange(&node->failures, 0) > 0 && elastic->n_nodes > 1)
            log_info("store", "elastic: %s answers again", node->url);
        atomic_store(&node->dead_until_ms, 0);
        return;
    }
    int failures = atomic_fetch_add(&node->failures, 1);
    atomic_store(&node->dead_until_ms,
                 clock_mono_ms() + DEAD_MS + http_backoff_ms(failures < 16 ? failures : 16, DEAD_MS, DEAD_MOST_MS, -1));
}

/* ---- one call ---- */

static struct http_client *client_take(struct elastic *elastic)
{
    struct http_client *client = NULL;
    pthread_mutex_lock(&elastic->pool_mutex);
    if (elastic->n_idle)
        client = elastic->idle[--elastic->n_idle];
    pthread_mutex_unlock(&elastic->pool_mutex);
    if (client)
        return client;
    struct http_options options = elastic_http_options(elastic);
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

enum err elastic_send_by(struct elastic *elastic, struct http_client *client, const char *method, const char *path,
                         struct slice body, struct http_response *response, struct err_text *text)
{
    unsigned node = elastic_pick_node(elastic);
    struct buf url;
    buf_init(&url, 65536);
    buf_text(&url, elastic->nodes[node].url);
    buf_text(&url, path);
    assert(!buf_failed(&url));
    struct http_request request = {.method = method, .url = url.at, .body = body};
    if (!atomic_load(&elastic->good_ms))
        request.timeout_ms = elastic->is_starting ? STARTING_MS : FIRST_MS;
    if (body.len)
        request.content_type = strstr(path, "/_bulk") ? "application/x-ndjson" : "application/json";
    enum err err = http_send(client, &request, response, text);
    buf_done(&url);
    elastic_note_node(elastic, node, err, response->status);
    return err;
}

enum err elastic_send(struct elastic *elastic, const char *method, const char *path, struct slice body, bool once,
                      struct http_response *response)
{
    struct http_client *client = client_take(elastic);
    struct err_text text = {""};
    enum err err = ERR_HTTP;
    for (size_t i = 0; err == ERR_HTTP && i < (once ? 1 : elastic->n_nodes) && !elastic_is_giving_up(elastic); i++)
        err = elastic_send_by(elastic, client, method, path, body, response, &text);
    client_give(elastic, client);
    if (err != ERR_OK && err != ERR_TOO_LARGE)
        log_warn("store", err, "elastic: %s", text.at);
    return err;
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
