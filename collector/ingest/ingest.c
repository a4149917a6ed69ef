/* The public listener's addresses, and a beacon's way from the request to the sink and back.
 *
 *   POST ──> key ──> origin ──> type ──> encoding ──> body ──> batch BORN ──> sink … done ──> 202 or 503
 *              └───────┴─────────┴──────────┴──────────┴── refused at once: answer.c
 *
 * What a pending answer needs lives in its batch's arena and its ticket, never in struct ingest: a batch may be done
 * after ingest_stop. */
#include "ingest/ingest.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "ingest/diagnosis.h"
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
    struct slice endpoint; /* prefix and "/v1"; ours */
    struct senders *senders;
    struct inflaters *inflaters;
    struct asset agent, agent_gzip;
    atomic_bool draining;
    bool has_tls; /* for good */
    struct serve *serve;
    /* rules.c tells who holds what */
    pthread_mutex_t mutex;
    struct rules *latest;               /* under mutex */
    atomic_uint number;                 /* of the latest */
    struct rules *current[SERVE_LOOPS]; /* each its loop's alone */
};

/* What of a request's head is looked at. */
enum header { ORIGIN, CONTENT_TYPE, CONTENT_ENCODING, USER_AGENT, HEADERS };

/* A request while the handler has it. */
struct visit {
    struct ingest *ingest;
    struct serve_request *request;
    struct rules *rules; /* borrowed for as long as the handler runs */
    struct slice headers[HEADERS];
    struct outlet outlet;
    struct client client; /* of requests to the endpoint */
};

/* In the batch's arena while the sink has it. */
struct pending {
    struct serve_ticket *ticket;
    struct rules *rules; /* held: batch->application is theirs */
    struct slice origin;
    struct diagnosis *diagnosis; /* only while there is a request */
    enum err result;
};

static void end(struct batch *batch)
{
    struct rules *rules = ((const struct pending *)batch->owner)->rules;
    batch_free(batch);
    rules_release(rules);
}

/* On the loop's thread again, or on the sink's when the server has ended; request is NULL when nobody is there. */
static void finish(void *ctx, struct serve_request *request)
{
    struct batch *batch = ctx;
    const struct pending *pending = batch->owner;
    struct outlet outlet = {.request = request, .origin = pending->origin};
    if (pending->result == ERR_OK) {
        METRIC_ADD("seismo_beacons_accepted_total", "beacons answered 202", 1);
        METRIC_ADD("seismo_events_accepted_total", "events of beacons answered 202", (int64_t)batch->n_events);
        count_rejects(ERR_OK, batch);
        if (request) {
            diagnosis_accepted(pending->diagnosis, pending->origin, batch->envelope.id, batch->clock_offset_ms,
                               clock_mono_ms());
            answer_accepted(&outlet, batch);
        }
    } else {
        count_rejects(pending->result, NULL);
        if (request)
            answer_refused(&outlet, 503, pending->result, batch->text.at, NULL, NULL);
    }
    end(batch);
}

static void on_done(struct batch *batch, enum err result)
{
    struct pending *pending = batch->owner;
    pending->result = result;
    serve_ticket_resume(pending->ticket, finish, batch);
}

/* The country first, then the address without what would tell one person from another. */
static void set_client(const struct visit *visit, struct batch *batch)
{
    char text[ADDRESS_TEXT_BYTES] = "", code[3];
    struct address cut = visit->client.address;
    if (visit->client.is_known) {
        address_cut(&cut, 24, 48);
        address_text(&cut, text);
    }
    batch->country = arena_copy(batch->arena, client_country(visit->rules, visit->request, &visit->client, code));
    batch->client_address = arena_copy(batch->arena, slice_of(text));
}

static struct batch *make_batch(const struct visit *visit, struct slice body, const struct application *application)
{
    struct batch *batch = batch_new(body.len);
    struct slice agent = visit->headers[USER_AGENT];
    memcpy((char *)(uintptr_t)batch->body.at, body.at, body.len);
    if (agent.len > MAX_USER_AGENT_BYTES)
        agent.len = MAX_USER_AGENT_BYTES;
    set_client(visit, batch);
    batch->received_at_ms = clock_wall_ms();
    batch->application = application;
    batch->user_agent = arena_copy(batch->arena, agent);
    batch->done = on_done;
    return batch;
}

/* The sink would not have it. */
static void turn_away(void *ctx, struct serve_request *request)
{
    struct batch *batch = ctx;
    const struct pending *pending = batch->owner;
    struct outlet outlet = {.request = request, .origin = pending->origin};
    enum err err = pending->result;
    const struct batch *blamed = err_number(err) < 2000 ? batch : NULL; /* else it is our moment, and it comes again */
    count_rejects(err, blamed);
    if (request)
        diagnosis_refused(pending->diagnosis, err, pending->origin, clock_mono_ms());
    answer_refused(&outlet, 0, err, batch->text.at, blamed, NULL);
    end(batch);
}

static void push(const struct visit *visit, struct batch *batch)
{
    struct pending *pending = arena_zero(batch->arena, sizeof *pending);
    assert(pending);
    pending->origin = arena_copy(batch->arena, visit->outlet.origin);
    pending->rules = rules_hold(visit->rules);
    pending->diagnosis = visit->ingest->options.diagnosis;
    pending->ticket = serve_defer(visit->request);
    batch->owner = pending;
    enum err err = sink_push(visit->ingest->options.sink, batch);
    if (err == ERR_OK)
        return; /* batch and pending may be gone already */
    pending->result = err;
    serve_ticket_resume(pending->ticket, turn_away, batch);
}

/* An Origin as it may be echoed; one that is no origin at all counts as forbidden and is not. */
static struct slice echoable(struct slice origin)
{
    if (origin.len > MAX_ORIGIN_BYTES)
        return SLICE("");
    for (size_t i = 0; i < origin.len; i++)
        if (origin.at[i] <= ' ' || origin.at[i] == ',' || (unsigned char)origin.at[i] >= 0x7f)
            return SLICE("");
    return origin;
}

static enum err check_key(const struct visit *visit, struct key **ret_key)
{
    struct slice text;
    if (!serve_parameter(visit->request, "k", &text) || text.len == 0)
        return ERR_NO_KEY;
    struct key *key = text.len <= MAX_KEY_BYTES ? keys_find(visit->rules->keys, text) : NULL;
    if (!key)
        return ERR_UNKNOWN_KEY;
    *ret_key = key;
    return ERR_OK;
}

/* A proxy that is not named would have all its clients share one address' pace. */
static void warn_of_proxy(const struct visit *visit)
{
    char text[ADDRESS_TEXT_BYTES];
    if (visit->client.is_proxied || serve_header(visit->request, "x-forwarded-for").len == 0)
        return;
    address_text(&visit->client.address, text);
    log_warn("ingest", ERR_RATE_ADDRESS,
             "%s sends X-Forwarded-For: if it is a proxy of yours, name it in ingest.trusted_proxies", text);
}

/* False when it has been answered 429. */
static bool is_address_in_pace(const struct visit *visit)
{
    const struct ingest_rules *rules = &visit->rules->from;
    int64_t wait_ns;
    if (visit->client.is_shared ||
        senders_take(visit->ingest->senders, &visit->client.address, &rules->address_requests, &rules->address_bytes,
                     serve_body(visit->request).len, clock_mono_ms() * 1000000, &wait_ns))
        return true;
    warn_of_proxy(visit);
    answer_too_fast(&visit->outlet, ERR_RATE_ADDRESS, wait_ns);
    return false;
}

static bool is_key_in_pace(const struct visit *visit, struct key *key)
{
    const struct ingest_rules *rules = &visit->rules->from;
    int64_t wait_ns;
    if (rules->key_requests.per_second == 0 && rules->key_bytes.per_second == 0)
        return true;
    int64_t now_ns = clock_mono_ms() * 1000000, bytes = (int64_t)serve_body(visit->request).len;
    if (pace_take(&key->requests_full_at_ns, &rules->key_requests, 1, now_ns, &wait_ns) &&
        pace_take(&key->bytes_full_at_ns, &rules->key_bytes, bytes, now_ns, &wait_ns))
        return true;
    answer_too_fast(&visit->outlet, ERR_RATE_KEY, wait_ns);
    return false;
}

static enum err check_origin(const struct visit *visit, const struct application *application)
{
    if (visit->headers[ORIGIN].len == 0)
        return application->server_clients ? ERR_OK : ERR_NO_ORIGIN;
    return origin_allowed(application, visit->outlet.origin) ? ERR_OK : ERR_FORBIDDEN_ORIGIN;
}

static enum err check_content_type(const struct visit *visit)
{
    struct slice type = visit->headers[CONTENT_TYPE];
    const char *semicolon = type.len ? memchr(type.at, ';', type.len) : NULL;
    if (semicolon)
        type.len = (size_t)(semicolon - type.at);
    type = text_trim(type);
    bool ok = type.len == 0 || text_equal(type, "text/plain") || text_equal(type, "application/json");
    return ok ? ERR_OK : ERR_BAD_CONTENT_TYPE;
}

/* Whether the body is to be inflated: the header says so, or its first bytes do. */
static enum err check_encoding(const struct visit *visit, bool *ret_gzip)
{
    struct slice encoding = text_trim(visit->headers[CONTENT_ENCODING]);
    bool said = encoding.len && (text_equal(encoding, "gzip") || text_equal(encoding, "x-gzip"));
    if (!said && encoding.len && !text_equal(encoding, "identity"))
        return ERR_BAD_ENCODING;
    *ret_gzip = said || is_gzip(serve_body(visit->request));
    return ERR_OK;
}

static enum err check_request(const struct visit *visit, struct key **ret_key, bool *ret_gzip)
{
    enum err err = check_key(visit, ret_key);
    if (!err)
        err = check_origin(visit, (*ret_key)->application);
    if (!err)
        err = check_content_type(visit);
    if (!err)
        err = check_encoding(visit, ret_gzip);
    return err || serve_body(visit->request).len ? err : ERR_EMPTY_BODY;
}

static void beacon(const struct visit *visit)
{
    struct key *key = NULL;
    struct slice body = serve_body(visit->request);
    struct inflaters *inflaters = visit->ingest->inflaters;
    struct inflater *inflater = NULL;
    bool gzip = false;
    enum err err = check_request(visit, &key, &gzip);
    if (!err && !is_key_in_pace(visit, key))
        return;
    if (!err && gzip) {
        inflater = inflater_take(inflaters);
        err = inflate_body(inflater, body, &body);
        if (!err && body.len == 0)
            err = ERR_EMPTY_BODY;
    }
    struct batch *batch = err ? NULL : make_batch(visit, body, key->application);
    if (inflater)
        inflater_give(inflaters, inflater);
    if (batch) {
        push(visit, batch);
        return;
    }
    count_rejects(err, NULL);
    diagnosis_refused(visit->ingest->options.diagnosis, err, visit->outlet.origin, clock_mono_ms());
    answer_refused(&visit->outlet, 0, err, NULL, NULL, NULL);
}

static struct slice asked_headers(const struct serve_request *request)
{
    struct slice asked = serve_header(request, "access-control-request-headers");
    bool plain = asked.len > 0 && asked.len <= MAX_ASKED_HEADERS_BYTES;
    for (size_t i = 0; i < asked.len && plain; i++)
        plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ", asked.at[i]) != NULL;
    return plain ? asked : SLICE("content-type, content-encoding");
}

static void note(const struct visit *visit, enum sign sign, struct slice origin)
{
    diagnosis_note(visit->ingest->options.diagnosis, sign, origin, clock_mono_ms());
}

/* A wrong key passes here: the answer to the POST can be read by the page, a failed preflight cannot. */
static void preflight(const struct visit *visit)
{
    struct key *key = NULL;
    if (check_key(visit, &key) == ERR_OK && visit->headers[ORIGIN].len &&
        !origin_allowed(key->application, visit->outlet.origin)) {
        note(visit, SIGN_ORIGIN, visit->outlet.origin);
        answer_refused(&visit->outlet, 0, ERR_FORBIDDEN_ORIGIN, NULL, NULL, NULL);
        return;
    }
    if (visit->outlet.origin.len)
        note(visit, SIGN_PREFLIGHT, visit->outlet.origin);
    struct serve_field fields[] = {
        {"access-control-allow-methods", SLICE("POST, OPTIONS")},
        {"access-control-allow-headers", asked_headers(visit->request)},
        {"access-control-max-age", SLICE("86400")},
    };
    answer_send(&visit->outlet, 204, fields, visit->outlet.origin.len ? 3 : 0, SLICE(""));
}

static void plain(struct serve_request *request, int status, const char *text)
{
    struct serve_field fields[] = {{"content-type", SLICE("text/plain; charset=utf-8")},
                                   {"x-content-type-options", SLICE("nosniff")},
                                   {"cache-control", SLICE("no-store")}};
    struct outlet outlet = {.request = request};
    answer_send(&outlet, status, fields, 3, slice_of(text));
}

static void health(struct visit *visit)
{
    plain(visit->request, 200, "alive\n");
}

static void readiness(struct visit *visit)
{
    struct ingest *ingest = visit->ingest;
    struct outlet outlet = {.request = visit->request};
    if (atomic_load(&ingest->draining))
        answer_refused(&outlet, 503, ERR_DRAINING, NULL, NULL, NULL);
    else if (!ingest->options.ready(ingest->options.ready_ctx))
        answer_refused(&outlet, 503, ERR_AGAIN, "beacons cannot be made durable at the moment", NULL, NULL);
    else
        plain(visit->request, 200, "ready\n");
}

/* Which page asks for the script: its Origin if the tag says crossorigin, else what Referer begins with. */
static struct slice page_of(const struct visit *visit)
{
    struct slice from = serve_header(visit->request, "referer");
    const char *host = from.len ? memmem(from.at, from.len, "://", 3) : NULL;
    if (visit->outlet.origin.len || !host)
        return visit->outlet.origin;
    size_t at = (size_t)(host - from.at) + 3;
    while (at < from.len && from.at[at] != '/')
        at++;
    return (struct slice){from.at, at};
}

/* A proxy stands before us, by its own word. */
static bool is_proxied(const struct visit *visit)
{
    static const char *const names[] = {"x-forwarded-for", "via", "forwarded"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (serve_header(visit->request, names[i]).len)
            return true;
    }
    return false;
}

/* What asks for the script and is no page, such as curl, says neither Referer nor what it is for. */
static void note_script(const struct visit *visit)
{
    struct slice page = page_of(visit);
    if (page.len == 0 && !slice_is(serve_header(visit->request, "sec-fetch-dest"), "script"))
        return;
    note(visit, SIGN_SCRIPT, page);
    if (visit->outlet.origin.len && is_proxied(visit))
        note(visit, SIGN_SCRIPT_CORS, page);
}

/* ?why=: an image without a picture. Kept for an hour by the browser, so that each tells it once. */
static bool hear_why(const struct visit *visit)
{
    static const struct serve_field fields[] = {
        {"cache-control", {"public, max-age=3600", 20}},
        {"cross-origin-resource-policy", {"cross-origin", 12}},
        {"content-type", {"image/svg+xml", 13}},
        {"x-content-type-options", {"nosniff", 7}},
    };
    struct slice why;
    enum sign sign;
    if (!serve_parameter(visit->request, "why", &why) || !diagnosis_sign_of(why, &sign))
        return false;
    note(visit, sign, page_of(visit));
    count_status(200);
    serve_reply_static(visit->request, 200, fields, 4, SLICE("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"));
    return true;
}

static void agent(struct visit *visit)
{
    struct ingest *ingest = visit->ingest;
    struct serve_request *request = visit->request;
    if (hear_why(visit))
        return;
    note_script(visit);
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

static void endpoint(struct visit *visit)
{
    client_find(visit->rules, visit->request, &visit->client);
    if (!is_address_in_pace(visit))
        return;
    if (slice_is(serve_method(visit->request), "POST"))
        beacon(visit);
    else
        preflight(visit);
}

/* The loop's thread. */
static struct rules *current_rules(struct ingest *ingest, int loop)
{
    struct rules *rules = ingest->current[loop];
    if (rules && rules->number == atomic_load_explicit(&ingest->number, memory_order_acquire))
        return rules;
    pthread_mutex_lock(&ingest->mutex);
    struct rules *latest = rules_hold(ingest->latest);
    pthread_mutex_unlock(&ingest->mutex);
    rules_release(rules);
    return ingest->current[loop] = latest;
}

static void visit_init(struct visit *visit, struct ingest *ingest, struct serve_request *request)
{
    static const struct slice names[HEADERS] = {[ORIGIN] = {"origin", 6},
                                                [CONTENT_TYPE] = {"content-type", 12},
                                                [CONTENT_ENCODING] = {"content-encoding", 16},
                                                [USER_AGENT] = {"user-agent", 10}};
    visit->ingest = ingest;
    visit->request = request;
    visit->rules = current_rules(ingest, serve_loop(request));
    serve_headers(request, names, HEADERS, visit->headers);
    visit->outlet = (struct outlet){request, echoable(visit->headers[ORIGIN])};
}

static const struct place {
    const char *path; /* NULL: the endpoint */
    const char *methods[2], *allow;
    void (*run)(struct visit *visit);
} places[] = {
    {NULL, {"POST", "OPTIONS"}, "POST, OPTIONS", endpoint},
    {"/seismo.js", {"GET", "HEAD"}, "GET, HEAD", agent},
    {"/healthz", {"GET", "HEAD"}, "GET, HEAD", health},
    {"/readyz", {"GET", "HEAD"}, "GET, HEAD", readiness},
};

static const struct place *find_place(const struct ingest *ingest, struct slice path)
{
    if (slice_equal(path, ingest->endpoint))
        return &places[0];
    for (size_t i = 1; i < sizeof places / sizeof places[0]; i++)
        if (slice_is(path, places[i].path))
            return &places[i];
    return NULL;
}

static void handle(void *ctx, struct serve_request *request)
{
    struct visit visit;
    visit_init(&visit, ctx, request);
    const struct place *place = find_place(visit.ingest, serve_path(request));
    struct slice method = serve_method(request);
    if (!place)
        answer_refused(&visit.outlet, 0, ERR_NOT_FOUND, NULL, NULL, NULL);
    else if (slice_is(method, place->methods[0]) || slice_is(method, place->methods[1]))
        place->run(&visit);
    else
        answer_refused(&visit.outlet, 0, ERR_BAD_METHOD, NULL, NULL, place->allow);
}

/* What serve refuses before handle sees it. */
static void refused(void *ctx, struct serve_request *request, int status)
{
    struct ingest *ingest = ctx;
    struct outlet outlet = {.request = request, .origin = echoable(serve_header(request, "origin"))};
    enum err err = status == 413 ? ERR_BODY_TOO_LARGE : status == 503 ? ERR_DRAINING : ERR_BAD_PARAMETER;
    if (status != 503 && slice_equal(serve_path(request), ingest->endpoint))
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

static bool trusts(void *ctx, int loop, const struct address *peer)
{
    return rules_trust(current_rules(ctx, loop), peer);
}

static struct ingest *ingest_new(const struct ingest_options *options, struct rules *rules)
{
    struct ingest *ingest = calloc(1, sizeof *ingest);
    if (!ingest)
        abort();
    ingest->options = *options;
    ingest->endpoint = slice_of(make_endpoint(options->prefix));
    ingest->inflaters = inflaters_new(options->max_inflated);
    ingest->senders = senders_new();
    pthread_mutex_init(&ingest->mutex, NULL);
    ingest->latest = rules;
    set_asset(&ingest->agent, options->agent);
    set_asset(&ingest->agent_gzip, options->agent_gzip);
    return ingest;
}

static void ingest_free(struct ingest *ingest)
{
    for (int i = 0; i < SERVE_LOOPS; i++)
        rules_release(ingest->current[i]);
    rules_release(ingest->latest);
    pthread_mutex_destroy(&ingest->mutex);
    senders_free(ingest->senders);
    inflaters_free(ingest->inflaters);
    free((char *)(uintptr_t)ingest->endpoint.at);
    free(ingest);
}

static bool has_tls(const struct ingest_rules *rules)
{
    return rules->tls_certificate && *rules->tls_certificate;
}

/* Otherwise nobody could connect. */
static enum err check_proxies(bool proxy_protocol, const struct ingest_rules *rules, struct err_text *text)
{
    if (!proxy_protocol || (rules->trusted_proxies && *rules->trusted_proxies))
        return ERR_OK;
    return err_set(text, ERR_CONFIG,
                   "ingest.trusted_proxies: listen.proxy_protocol is required, so name the proxies that speak it");
}

enum err ingest_start(struct ingest **ret_ingest, const struct ingest_options *options, struct err_text *text)
{
    assert(options->prefix[0] == '/' || options->prefix[0] == '\0');
    struct rules *rules;
    enum err err = check_proxies(options->proxy_protocol, &options->rules, text);
    if (!err)
        err = rules_new(&rules, &options->rules, text);
    if (err)
        return err;
    struct ingest *ingest = ingest_new(options, rules);
    ingest->has_tls = has_tls(&options->rules);
    struct serve_options serve_options = {.address = options->address,
                                          .loops = options->loops,
                                          .max_body = options->max_body,
                                          .max_connections = options->max_connections,
                                          .request_timeout_ms = options->request_timeout_ms,
                                          .name = "public",
                                          .refused = refused,
                                          .trusts = trusts,
                                          .proxy_protocol = options->proxy_protocol,
                                          .max_connections_per_address = options->rules.max_connections_per_address,
                                          .tls_certificate = options->rules.tls_certificate,
                                          .tls_key = options->rules.tls_key};
    err = serve_start(&ingest->serve, &serve_options, handle, ingest, text);
    if (err)
        ingest_free(ingest);
    else
        *ret_ingest = ingest;
    return err;
}

static void publish(struct ingest *ingest, struct rules *rules)
{
    pthread_mutex_lock(&ingest->mutex);
    struct rules *old = ingest->latest;
    rules->number = old->number + 1;
    ingest->latest = rules;
    atomic_store_explicit(&ingest->number, rules->number, memory_order_release);
    pthread_mutex_unlock(&ingest->mutex);
    rules_release(old);
}

enum err ingest_check(const struct ingest_rules *from, struct err_text *text)
{
    struct ingest_rules borrowed = *from;
    struct rules *rules;
    borrowed.release = NULL;
    enum err err = rules_new(&rules, &borrowed, text);
    if (err)
        return err;
    rules_release(rules);
    return has_tls(from) ? serve_check_tls(from->tls_certificate, from->tls_key, text) : ERR_OK;
}

enum err ingest_reload(struct ingest *ingest, const struct ingest_rules *from, struct err_text *text)
{
    struct rules *rules;
    enum err err = check_proxies(ingest->options.proxy_protocol, from, text);
    if (!err)
        err = rules_new(&rules, from, text);
    if (err)
        return err;
    if (ingest->has_tls && has_tls(from))
        err = serve_set_tls(ingest->serve, from->tls_certificate, from->tls_key, text);
    if (err) {
        rules->from.release = NULL; /* they are still the caller's */
        rules_release(rules);
        return err;
    }
    serve_limit_addresses(ingest->serve, from->max_connections_per_address);
    publish(ingest, rules);
    return ERR_OK;
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
