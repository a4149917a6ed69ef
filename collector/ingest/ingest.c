/* The public listener's addresses, and a beacon's way from the request to the sink and back.
 *
 *   POST ──> key ──> origin ──> type ──> encoding ──> body ──> batch BORN ──> sink … done ──> 202 or 503
 *              └───────┴─────────┴──────────┴──────────┴── refused at once: answer.c
 *
 * What a pending answer needs lives in its batch's arena and its ticket, never in struct ingest: a batch may be done
 * after ingest_stop. */
#include "ingest/ingest.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/metric.h"
#include "ingest/ingest_int.h"

#define MAX_KEY_BYTES 200
#define MAX_ASKED_HEADERS_BYTES 512
#define ETAG_HEX 32

struct asset {
    struct slice bytes;
    char etag[ETAG_HEX + 3];
};

struct ingest {
    struct ingest_options options;
    char *endpoint; /* prefix and "/v1" */
    struct keys *keys;
    struct inflaters *inflaters;
    struct asset agent, agent_gzip;
    atomic_bool draining;
    struct serve *serve;
};

/* In the batch's arena while the sink has it. */
struct pending {
    struct serve_ticket *ticket;
    struct slice origin;
};

static void on_done(struct batch *batch, enum err result)
{
    const struct pending *pending = batch->owner;
    struct outlet outlet = {.ticket = pending->ticket, .origin = pending->origin};
    if (result == ERR_OK) {
        METRIC_ADD("seismo_beacons_accepted_total", "beacons answered 202", 1);
        METRIC_ADD("seismo_events_accepted_total", "events of beacons answered 202", (int64_t)batch->n_events);
        count_rejects(ERR_OK, batch);
        answer_accepted(&outlet, batch);
    } else {
        count_rejects(result, NULL);
        answer_refused(&outlet, 503, result, batch->text.at, NULL, NULL);
    }
    batch_free(batch);
}

static struct slice last_of(struct slice list)
{
    struct slice element = SLICE("");
    while (list_next(&list, &element))
        ;
    return element;
}

static struct slice client_of(const struct ingest *ingest, struct serve_request *request)
{
    struct slice forwarded =
        ingest->options.trust_proxy ? last_of(serve_header(request, "x-forwarded-for")) : SLICE("");
    return forwarded.len ? forwarded : serve_peer(request);
}

static struct batch *make_batch(const struct ingest *ingest, struct serve_request *request, struct slice body,
                                const struct application *application)
{
    struct batch *batch = batch_new(body.len);
    char client[CLIENT_BYTES];
    struct slice agent = serve_header(request, "user-agent");
    memcpy((char *)(uintptr_t)batch->body.at, body.at, body.len);
    if (agent.len > MAX_USER_AGENT_BYTES)
        agent.len = MAX_USER_AGENT_BYTES;
    client_truncate(client_of(ingest, request), client);
    batch->received_at_ms = clock_wall_ms();
    batch->application = application;
    batch->client_address = arena_copy(batch->arena, slice_of(client));
    batch->user_agent = arena_copy(batch->arena, agent);
    batch->done = on_done;
    return batch;
}

static void push(const struct ingest *ingest, struct serve_request *request, struct slice origin, struct batch *batch)
{
    struct pending *pending = arena_zero(batch->arena, sizeof *pending);
    assert(pending);
    pending->origin = arena_copy(batch->arena, origin);
    pending->ticket = serve_defer(request);
    batch->owner = pending;
    enum err err = sink_push(ingest->options.sink, batch);
    if (err == ERR_OK)
        return; /* batch and pending may be gone already */
    struct outlet outlet = {.ticket = pending->ticket, .origin = pending->origin};
    const struct batch *blamed = err_number(err) < 2000 ? batch : NULL; /* else it is our moment, and it comes again */
    count_rejects(err, blamed);
    answer_refused(&outlet, 0, err, batch->text.at, blamed, NULL);
    batch_free(batch);
}

/* The Origin as it may be echoed; one that is no origin at all counts as forbidden and is not. */
static struct slice origin_of(const struct serve_request *request)
{
    struct slice origin = serve_header(request, "origin");
    if (origin.len > MAX_ORIGIN_BYTES)
        return SLICE("");
    for (size_t i = 0; i < origin.len; i++)
        if (origin.at[i] <= ' ' || origin.at[i] == ',' || (unsigned char)origin.at[i] >= 0x7f)
            return SLICE("");
    return origin;
}

static enum err check_key(const struct ingest *ingest, struct serve_request *request,
                          const struct application **ret_application)
{
    struct slice key;
    if (!serve_parameter(request, "k", &key) || key.len == 0)
        return ERR_NO_KEY;
    const struct application *application = key.len <= MAX_KEY_BYTES ? keys_find(ingest->keys, key) : NULL;
    if (!application)
        return ERR_UNKNOWN_KEY;
    *ret_application = application;
    return ERR_OK;
}

static enum err check_origin(const struct application *application, const struct serve_request *request)
{
    struct slice sent = serve_header(request, "origin");
    if (sent.len == 0)
        return application->server_clients ? ERR_OK : ERR_NO_ORIGIN;
    return origin_allowed(application, origin_of(request)) ? ERR_OK : ERR_FORBIDDEN_ORIGIN;
}

static enum err check_content_type(const struct serve_request *request)
{
    struct slice type = serve_header(request, "content-type");
    const char *semicolon = type.len ? memchr(type.at, ';', type.len) : NULL;
    if (semicolon)
        type.len = (size_t)(semicolon - type.at);
    type = text_trim(type);
    bool ok = type.len == 0 || text_equal(type, "text/plain") || text_equal(type, "application/json");
    return ok ? ERR_OK : ERR_BAD_CONTENT_TYPE;
}

/* Whether the body is to be inflated: the header says so, or its first bytes do. */
static enum err check_encoding(const struct serve_request *request, bool *ret_gzip)
{
    struct slice encoding = text_trim(serve_header(request, "content-encoding"));
    bool said = text_equal(encoding, "gzip") || text_equal(encoding, "x-gzip");
    if (!said && encoding.len && !text_equal(encoding, "identity"))
        return ERR_BAD_ENCODING;
    *ret_gzip = said || is_gzip(serve_body(request));
    return ERR_OK;
}

static enum err check_request(const struct ingest *ingest, struct serve_request *request,
                              const struct application **ret_application, bool *ret_gzip)
{
    enum err err = check_key(ingest, request, ret_application);
    if (!err)
        err = check_origin(*ret_application, request);
    if (!err)
        err = check_content_type(request);
    if (!err)
        err = check_encoding(request, ret_gzip);
    return err || serve_body(request).len ? err : ERR_EMPTY_BODY;
}

static void beacon(struct ingest *ingest, struct serve_request *request)
{
    const struct application *application = NULL;
    struct outlet outlet = {.request = request, .origin = origin_of(request)};
    struct slice body = serve_body(request);
    struct inflater *inflater = NULL;
    bool gzip = false;
    enum err err = check_request(ingest, request, &application, &gzip);
    if (!err && gzip) {
        inflater = inflater_take(ingest->inflaters);
        err = inflate_body(inflater, body, &body);
        if (!err && body.len == 0)
            err = ERR_EMPTY_BODY;
    }
    struct batch *batch = err ? NULL : make_batch(ingest, request, body, application);
    if (inflater)
        inflater_give(ingest->inflaters, inflater);
    if (batch) {
        push(ingest, request, outlet.origin, batch);
        return;
    }
    count_rejects(err, NULL);
    answer_refused(&outlet, 0, err, NULL, NULL, NULL);
}

static struct slice asked_headers(const struct serve_request *request)
{
    struct slice asked = serve_header(request, "access-control-request-headers");
    bool plain = asked.len > 0 && asked.len <= MAX_ASKED_HEADERS_BYTES;
    for (size_t i = 0; i < asked.len && plain; i++)
        plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ", asked.at[i]) != NULL;
    return plain ? asked : SLICE("content-type, content-encoding");
}

/* A wrong key passes here: the answer to the POST can be read by the page, a failed preflight cannot. */
static void preflight(const struct ingest *ingest, struct serve_request *request)
{
    const struct application *application = NULL;
    struct outlet outlet = {.request = request, .origin = origin_of(request)};
    if (check_key(ingest, request, &application) == ERR_OK && serve_header(request, "origin").len &&
        !origin_allowed(application, outlet.origin)) {
        answer_refused(&outlet, 0, ERR_FORBIDDEN_ORIGIN, NULL, NULL, NULL);
        return;
    }
    struct serve_field fields[] = {
        {"access-control-allow-methods", SLICE("POST, OPTIONS")},
        {"access-control-allow-headers", asked_headers(request)},
        {"access-control-max-age", SLICE("86400")},
    };
    answer_send(&outlet, 204, fields, outlet.origin.len ? 3 : 0, SLICE(""));
}

static void plain(struct serve_request *request, int status, const char *text)
{
    struct serve_field fields[] = {{"content-type", SLICE("text/plain; charset=utf-8")},
                                   {"x-content-type-options", SLICE("nosniff")},
                                   {"cache-control", SLICE("no-store")}};
    struct outlet outlet = {.request = request};
    answer_send(&outlet, status, fields, 3, slice_of(text));
}

static void health(struct ingest *ingest, struct serve_request *request)
{
    (void)ingest;
    plain(request, 200, "alive\n");
}

static void readiness(struct ingest *ingest, struct serve_request *request)
{
    struct outlet outlet = {.request = request};
    if (atomic_load(&ingest->draining))
        answer_refused(&outlet, 503, ERR_DRAINING, NULL, NULL, NULL);
    else if (!ingest->options.ready(ingest->options.ready_ctx))
        answer_refused(&outlet, 503, ERR_AGAIN, "beacons cannot be made durable at the moment", NULL, NULL);
    else
        plain(request, 200, "ready\n");
}

static void agent(struct ingest *ingest, struct serve_request *request)
{
    bool gzip = ingest->agent_gzip.bytes.len && accepts_gzip(serve_header(request, "accept-encoding"));
    const struct asset *asset = gzip ? &ingest->agent_gzip : &ingest->agent;
    struct serve_field fields[] = {
        {"etag", slice_of(asset->etag)},
        {"cache-control", SLICE("public, max-age=3600")},
        {"vary", SLICE("Accept-Encoding")},
        {"access-control-allow-origin", SLICE("*")},
        {"cross-origin-resource-policy", SLICE("cross-origin")}, /* pages with COEP may load it too */
        {"content-type", SLICE("text/javascript; charset=utf-8")},
        {"x-content-type-options", SLICE("nosniff")},
        {"content-encoding", SLICE("gzip")},
    };
    if (asset->bytes.len == 0) {
        struct outlet outlet = {.request = request};
        answer_refused(&outlet, 0, ERR_NOT_FOUND, "no agent file is built in", NULL, NULL);
    } else if (etag_matches(serve_header(request, "if-none-match"), slice_of(asset->etag))) {
        count_status(304);
        serve_reply_static(request, 304, fields, 5, SLICE(""));
    } else {
        count_status(200);
        serve_reply_static(request, 200, fields, gzip ? 8 : 7, asset->bytes);
    }
}

static void endpoint(struct ingest *ingest, struct serve_request *request)
{
    if (slice_is(serve_method(request), "POST"))
        beacon(ingest, request);
    else
        preflight(ingest, request);
}

static void handle(void *ctx, struct serve_request *request)
{
    struct ingest *ingest = ctx;
    const struct {
        const char *path, *methods[2], *allow;
        void (*run)(struct ingest *ingest, struct serve_request *request);
    } places[] = {
        {ingest->endpoint, {"POST", "OPTIONS"}, "POST, OPTIONS", endpoint},
        {"/seismo.js", {"GET", "HEAD"}, "GET, HEAD", agent},
        {"/healthz", {"GET", "HEAD"}, "GET, HEAD", health},
        {"/readyz", {"GET", "HEAD"}, "GET, HEAD", readiness},
    };
    struct slice path = serve_path(request), method = serve_method(request);
    struct outlet outlet = {.request = request, .origin = origin_of(request)};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (!slice_is(path, places[i].path))
            continue;
        if (slice_is(method, places[i].methods[0]) || slice_is(method, places[i].methods[1]))
            places[i].run(ingest, request);
        else
            answer_refused(&outlet, 0, ERR_BAD_METHOD, NULL, NULL, places[i].allow);
        return;
    }
    answer_refused(&outlet, 0, ERR_NOT_FOUND, NULL, NULL, NULL);
}

/* What serve refuses before handle sees it. */
static void refused(void *ctx, struct serve_request *request, int status)
{
    struct ingest *ingest = ctx;
    struct outlet outlet = {.request = request, .origin = origin_of(request)};
    enum err err = status == 413 ? ERR_BODY_TOO_LARGE : status == 503 ? ERR_DRAINING : ERR_BAD_PARAMETER;
    if (status != 503 && slice_is(serve_path(request), ingest->endpoint))
        count_rejects(err, NULL);
    answer_refused(&outlet, status, err, err == ERR_BAD_PARAMETER ? "the address or the framing of the body" : NULL,
                   NULL, NULL);
}

static void set_asset(struct asset *asset, struct slice bytes)
{
    asset->bytes = bytes;
    asset->etag[0] = '"';
    hash_hex(bytes, asset->etag + 1, ETAG_HEX);
    memcpy(asset->etag + 1 + ETAG_HEX, "\"", 2);
}

static char *make_endpoint(const char *prefix)
{
    size_t n = strlen(prefix);
    while (n && prefix[n - 1] == '/')
        n--;
    char *path = malloc(n + sizeof "/v1");
    if (!path)
        abort();
    snprintf(path, n + sizeof "/v1", "%.*s/v1", (int)n, prefix);
    return path;
}

static struct ingest *ingest_new(const struct ingest_options *options)
{
    struct ingest *ingest = calloc(1, sizeof *ingest);
    if (!ingest)
        abort();
    ingest->options = *options;
    ingest->endpoint = make_endpoint(options->prefix);
    ingest->keys = keys_new(options->applications, options->n_applications);
    ingest->inflaters = inflaters_new(options->max_inflated);
    set_asset(&ingest->agent, options->agent);
    set_asset(&ingest->agent_gzip, options->agent_gzip);
    return ingest;
}

static void ingest_free(struct ingest *ingest)
{
    inflaters_free(ingest->inflaters);
    keys_free(ingest->keys);
    free(ingest->endpoint);
    free(ingest);
}

enum err ingest_start(struct ingest **ret_ingest, const struct ingest_options *options, struct err_text *text)
{
    assert(options->prefix[0] == '/' || options->prefix[0] == '\0');
    struct ingest *ingest = ingest_new(options);
    struct serve_options serve_options = {.address = options->address,
                                          .loops = options->loops,
                                          .max_body = options->max_body,
                                          .max_connections = options->max_connections,
                                          .name = "public",
                                          .refused = refused};
    enum err err = serve_start(&ingest->serve, &serve_options, handle, ingest, text);
    if (err)
        ingest_free(ingest);
    else
        *ret_ingest = ingest;
    return err;
}

int ingest_port(const struct ingest *ingest)
{
    return serve_port(ingest->serve);
}

void ingest_stop(struct ingest *ingest, int grace_ms, int deadline_ms)
{
    if (!ingest)
        return;
    struct timespec grace = {grace_ms / 1000, (grace_ms % 1000) * 1000000L};
    atomic_store(&ingest->draining, true);
    serve_drain(ingest->serve);
    nanosleep(&grace, NULL);
    serve_stop(ingest->serve, deadline_ms);
    ingest_free(ingest);
}
