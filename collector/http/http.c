/* One libcurl easy handle a client: it keeps connections and TLS sessions between calls.
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

struct http_client {
    CURL *curl;
    char *ca_file, *user, *password, *authorization; /* authorization: the whole header line */
    int connect_timeout_ms, timeout_ms;
    size_t max_response;
};

struct exchange {
    struct http_response *response;
    size_t max;
    bool too_large;
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

static int timeout_of(const struct http_client *client, const struct http_request *request)
{
    return request->timeout_ms > 0 ? request->timeout_ms : client->timeout_ms;
}

static void set_options(const struct http_client *client, const struct http_request *request, struct curl_slist *fields,
                        struct exchange *exchange)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* keeps connections, drops what the last call set */
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_of(client, request));
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "seismo/" SEISMO_VERSION);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, ""); /* all that curl can undo; the bound is on what comes out */
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    if (client->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
    if (client->user) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, client->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, client->password ? client->password : "");
    }
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

static enum err explain(const struct http_client *client, const struct http_request *request,
                        const struct exchange *exchange, CURLcode code, struct err_text *text)
{
    char place[MAX_PLACE_BYTES + 1];
    place_of(request->url, place);
    if (exchange->too_large)
        return err_set(text, ERR_TOO_LARGE, "%s %s: the answer has more than %zu bytes", request->method, place,
                       exchange->max);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(text, ERR_TIMED_OUT, "%s %s: no answer within %d ms", request->method, place,
                       timeout_of(client, request));
    return err_set(text, ERR_HTTP, "%s %s: %s", request->method, place, reason_of(code));
}

enum err http_send(struct http_client *client, const struct http_request *request, struct http_response *response,
                   struct err_text *text)
{
    size_t max = client->max_response < response->body.max ? client->max_response : response->body.max;
    struct exchange exchange = {response, max, false};
    struct curl_slist *fields = make_fields(client, request);
    response->status = 0;
    response->retry_after_ms = -1;
    buf_clear(&response->body);
    set_options(client, request, fields, &exchange);
    CURLcode code = curl_easy_perform(client->curl);
    enum err err = ERR_OK;
    if (code == CURLE_OK)
        read_fields(client->curl, response);
    else
        err = explain(client, request, &exchange, code, text);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(fields);
    return err;
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
