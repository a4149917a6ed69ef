/* One libcurl easy handle a client: it keeps connections and TLS sessions between calls. Many calls at once are as many
 * clients under one multi handle, which keeps the connections then.
 *
 * Nothing secret reaches an error text: it names scheme, host and path, never query, user or password, and curl's own
 * message is replaced by our words. Redirects are not followed: an answer 3xx is an answer. */
#include "http/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"

#define HOUR_MS 3600000
#define MAX_PLACE_BYTES 200
#define UPLOAD_BYTES 262144 /* what curl copies and sends at once */

struct exchange {
    struct http_response *response;
    size_t max;
    bool too_large, given_up;
};

struct http_client {
    CURL *curl;
    char *ca_file, *user, *password, *authorization; /* authorization: the whole header line */
    int connect_timeout_ms, timeout_ms;
    size_t max_response;
    const _Atomic int64_t *give_up_ms;

    /* the call under way */
    struct exchange exchange;
    struct curl_slist *fields;
    char place[MAX_PLACE_BYTES + 1], method[16]; /* for the error's text */
    int call_timeout_ms;
    bool is_busy;
    void *ctx;
};

struct http_many {
    CURLM *curl;
    struct http_client **clients;
    size_t n;
};

static void start_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

static char *copy(const char *prefix, const char *text)
{
    if (!text)
        return NULL;
    char *to = malloc(strlen(prefix) + strlen(text) + 1);
    if (!to)
        abort();
    stpcpy(stpcpy(to, prefix), text);
    return to;
}

struct http_client *http_client_new(const struct http_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    struct http_client *client = calloc(1, sizeof *client);
    if (!client || !(client->curl = curl_easy_init()))
        abort();
    client->ca_file = copy("", options->ca_file);
    client->user = copy("", options->user);
    client->password = copy("", options->password);
    client->authorization = copy("Authorization: ", options->authorization);
    client->connect_timeout_ms = options->connect_timeout_ms;
    client->timeout_ms = options->timeout_ms;
    client->max_response = options->max_response;
    client->give_up_ms = options->give_up_ms;
    return client;
}

static void wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    free(client->ca_file);
    free(client->user);
    wipe(client->password);
    wipe(client->authorization);
    free(client);
}

void http_response_init(struct http_response *response, size_t max_body)
{
    *response = (struct http_response){.retry_after_ms = -1};
    buf_init(&response->body, max_body);
}

void http_response_done(struct http_response *response)
{
    buf_done(&response->body);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *at)
{
    struct exchange *exchange = at;
    struct buf *body = &exchange->response->body;
    n *= size;
    if (n > exchange->max - body->len) {
        exchange->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    buf_add(body, bytes, n);
    return n;
}

/* Seconds or an HTTP date, to milliseconds from now; -1 if it is neither. */
static int retry_after(const char *value)
{
    char *end;
    long seconds = strtol(value, &end, 10);
    int64_t ms;
    if (end != value && *end == '\0') {
        ms = seconds < 0 ? 0 : seconds > HOUR_MS / 1000 ? HOUR_MS : seconds * 1000;
    } else {
        time_t at = curl_getdate(value, NULL);
        if (at == -1)
            return -1;
        ms = (int64_t)at * 1000 - clock_wall_ms();
    }
    return ms < 0 ? 0 : ms > HOUR_MS ? HOUR_MS : (int)ms;
}

/* The last response's fields: those of an interim answer (100) are none of ours. */
static void read_fields(CURL *curl, struct http_response *response)
{
    struct curl_header *field;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    response->status = (int)status;
    if (curl_easy_header(curl, "Retry-After", 0, CURLH_HEADER, -1, &field) == CURLHE_OK)
        response->retry_after_ms = retry_after(field->value);
}

static void add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer)
        abort();
    *list = longer;
}

static struct curl_slist *make_fields(const struct http_client *client, const struct http_request *request)
{
    struct curl_slist *list = NULL;
    add_line(&list, "Expect:"); /* else curl waits a second for a 100 before it sends a large body */
    if (client->authorization)
        add_line(&list, client->authorization);
    char line[200]; /* without a value the field is left out; else curl calls any body a form */
    snprintf(line, sizeof line, "Content-Type:%s%s", request->content_type ? " " : "",
             request->content_type ? request->content_type : "");
    add_line(&list, line);
    for (const char *const *field = request->headers; field && *field; field++)
        add_line(&list, *field);
    return list;
}

static void set_method(CURL *curl, const struct http_request *request)
{
    bool has_body = request->content_type || request->body.len || strcmp(request->method, "POST") == 0 ||
                    strcmp(request->method, "PUT") == 0; /* these two say Content-Length: 0 */
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (has_body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.len ? request->body.at : "");
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

/* Asked by curl now and then, and about once a second while nothing moves. */
static int on_progress(void *at, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct http_client *client = at;
    (void)down_all, (void)down, (void)up_all, (void)up;
    int64_t give_up_ms = atomic_load(client->give_up_ms);
    client->exchange.given_up = give_up_ms && clock_mono_ms() >= give_up_ms;
    return client->exchange.given_up;
}

static void set_bounds(struct http_client *client)
{
    curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, (long)client->call_timeout_ms);
    if (client->give_up_ms) {
        curl_easy_setopt(client->curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(client->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(client->curl, CURLOPT_XFERINFODATA, client);
    }
}

static void set_options(struct http_client *client, const struct http_request *request)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* keeps connections, drops what the last call set */
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, request->body.len > 65536 ? (long)UPLOAD_BYTES : 65536L);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, client);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "seismo/" SEISMO_VERSION);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, ""); /* all that curl can undo; the bound is on what comes out */
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->fields);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &client->exchange);
    if (client->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
    if (client->user) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, client->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, client->password ? client->password : "");
    }
    set_bounds(client);
    set_method(curl, request);
}

/* "https://host:port/path" of the URL: no user, no password, no query, no fragment, bounded, printable. */
static void place_of(const char *url, char ret_place[MAX_PLACE_BYTES + 1])
{
    const char *mark = strstr(url, "://"), *host = mark ? mark + 3 : url;
    size_t scheme = (size_t)(host - url), n = 0;
    for (size_t i = strcspn(host, "/?#"); i > 0; i--)
        if (host[i - 1] == '@') { /* the last one: a password may hold others */
            host += i;
            break;
        }
    for (size_t i = 0; i < scheme && n < MAX_PLACE_BYTES; i++)
        ret_place[n++] = url[i];
    for (; *host && *host != '?' && *host != '#' && n < MAX_PLACE_BYTES; host++)
        ret_place[n++] = *host;
    ret_place[n] = '\0';
    for (char *at = ret_place; *at; at++)
        if (*at <= ' ' || *at >= 0x7f)
            *at = '?';
}

static const char *reason_of(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "the host's name is not known";
    case CURLE_COULDNT_CONNECT: return "no connection";
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return "not a URL that can be called (http or https)";
    case CURLE_PEER_FAILED_VERIFICATION: return "its certificate is not trusted";
    case CURLE_SSL_CONNECT_ERROR: return "TLS could not be agreed on";
    case CURLE_SSL_CACERT_BADFILE: return "the CA file cannot be used";
    case CURLE_GOT_NOTHING: return "it closed without an answer";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE: return "the connection broke";
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING: return "its answer is not HTTP that we know";
    default: return curl_easy_strerror(code); /* static, without anything of the call */
    }
}

static enum err explain(const struct http_client *client, CURLcode code, struct err_text *text)
{
    const struct exchange *exchange = &client->exchange;
    if (exchange->too_large)
        return err_set(text, ERR_TOO_LARGE, "%s %s: the answer has more than %zu bytes", client->method, client->place,
                       exchange->max);
    if (exchange->given_up)
        return err_set(text, ERR_TIMED_OUT, "%s %s: given up, since the program ends", client->method, client->place);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(text, ERR_TIMED_OUT, "%s %s: no answer within %d ms", client->method, client->place,
                       client->call_timeout_ms);
    return err_set(text, ERR_HTTP, "%s %s: %s", client->method, client->place, reason_of(code));
}

static void begin(struct http_client *client, const struct http_request *request, struct http_response *response)
{
    size_t max = client->max_response < response->body.max ? client->max_response : response->body.max;
    client->exchange = (struct exchange){.response = response, .max = max};
    client->fields = make_fields(client, request);
    client->call_timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : client->timeout_ms;
    place_of(request->url, client->place);
    snprintf(client->method, sizeof client->method, "%s", request->method);
    response->status = 0;
    response->retry_after_ms = -1;
    buf_clear(&response->body);
    set_options(client, request);
}

static enum err end(struct http_client *client, CURLcode code, struct err_text *text)
{
    enum err err = ERR_OK;
    if (code == CURLE_OK)
        read_fields(client->curl, client->exchange.response);
    else
        err = explain(client, code, text);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(client->fields);
    client->fields = NULL;
    return err;
}

enum err http_send(struct http_client *client, const struct http_request *request, struct http_response *response,
                   struct err_text *text)
{
    begin(client, request, response);
    return end(client, curl_easy_perform(client->curl), text);
}

/* ---- several calls at once ---- */

struct http_many *http_many_new(const struct http_options *options, size_t max)
{
    struct http_many *many = calloc(1, sizeof *many);
    if (!many || !(many->clients = calloc(max, sizeof *many->clients)))
        abort();
    for (many->n = 0; many->n < max; many->n++)
        many->clients[many->n] = http_client_new(options);
    if (!(many->curl = curl_multi_init()))
        abort();
    /* no HTTP/2 streams over one connection: a large body would hold the others back */
    curl_multi_setopt(many->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return many;
}

void http_many_free(struct http_many *many)
{
    if (!many)
        return;
    for (size_t i = 0; i < many->n; i++) {
        struct http_client *client = many->clients[i];
        if (client->is_busy)
            curl_multi_remove_handle(many->curl, client->curl);
        curl_slist_free_all(client->fields);
        http_client_free(client);
    }
    curl_multi_cleanup(many->curl);
    free(many->clients);
    free(many);
}

bool http_many_start(struct http_many *many, const struct http_request *request, struct http_response *response,
                     void *ctx)
{
    size_t i = 0;
    while (i < many->n && many->clients[i]->is_busy)
        i++;
    if (i == many->n)
        return false;
    struct http_client *client = many->clients[i];
    int running;
    begin(client, request, response);
    client->ctx = ctx;
    client->is_busy = true;
    if (curl_multi_add_handle(many->curl, client->curl) != CURLM_OK)
        abort(); /* out of memory, or a fault of ours */
    curl_multi_perform(many->curl, &running);
    return true;
}

static size_t collect(struct http_many *many, struct http_done *ret_done, size_t max)
{
    size_t n = 0;
    int left;
    CURLMsg *message;
    while (n < max && (message = curl_multi_info_read(many->curl, &left))) {
        struct http_client *client = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&client);
        struct http_done *done = &ret_done[n++];
        done->ctx = client->ctx;
        done->text.at[0] = '\0';
        done->err = end(client, code, &done->text);
        curl_multi_remove_handle(many->curl, client->curl);
        client->is_busy = false;
    }
    return n;
}

size_t http_many_wait(struct http_many *many, int wait_ms, struct http_done *ret_done, size_t max)
{
    int running = 0;
    curl_multi_perform(many->curl, &running);
    size_t n = collect(many, ret_done, max);
    if (n || wait_ms <= 0)
        return n;
    curl_multi_poll(many->curl, NULL, 0, wait_ms, NULL);
    curl_multi_perform(many->curl, &running);
    return collect(many, ret_done, max);
}

int http_backoff_ms(int attempt, int base_ms, int cap_ms, int retry_after_ms)
{
    assert(attempt >= 0 && base_ms > 0 && cap_ms >= base_ms);
    int64_t bound = base_ms;
    for (int i = 0; i < attempt && bound < cap_ms; i++)
        bound *= 2;
    if (bound > cap_ms)
        bound = cap_ms;
    uint32_t drawn;
    hash_random(&drawn, sizeof drawn);
    int pause_ms = (int)((uint64_t)drawn * (uint64_t)(bound + 1) >> 32);
    if (retry_after_ms < 0)
        return pause_ms;
    /* full jitter on top, so that those who were told the same second do not meet again */
    return retry_after_ms > INT_MAX - pause_ms ? INT_MAX : retry_after_ms + pause_ms;
}
