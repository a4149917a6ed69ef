/* The public listener: its addresses, its rules, its beginning and end. A beacon's way is in beacon.c. */
#include "ingest/ingest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/hash.h"
#include "ingest/ingest_int.h"

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
    {NULL, {"POST", "OPTIONS"}, "POST, OPTIONS", visit_endpoint},
    {"/seismo.js", {"GET", "HEAD"}, "GET, HEAD", visit_agent},
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

int64_t ingest_quiet_ms(const struct ingest *ingest)
{
    return ingest ? serve_quiet_ms(ingest->serve) : 0;
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
