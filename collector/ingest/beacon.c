/* A beacon's way from the request to the sink and back.
 *
 *   POST ──> key ──> origin ──> type ──> encoding ──> body ──> batch BORN ──> sink … done ──> 202 or 503
 *              └───────┴─────────┴──────────┴──────────┴── refused at once: answer.c
 *
 * What a pending answer needs lives in its batch's arena and its ticket, never in struct ingest: a batch may be done
 * after ingest_stop. */
#include <assert.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "ingest/ingest_int.h"

#define MAX_KEY_BYTES 200
#define MAX_ASKED_HEADERS_BYTES 512

/* In the batch's arena while the sink has it. */
struct pending {
    struct serve_ticket *ticket;
    struct rules *rules; /* held: batch->application is theirs */
    struct slice origin;
    struct diagnosis *diagnosis; /* only while there is a request */
    enum err result;
};

/* ---- to the sink and back ---- */

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

/* ---- what may come in ---- */

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

/* ---- before a beacon: may this page send one? ---- */

static struct slice asked_headers(const struct serve_request *request)
{
    struct slice asked = serve_header(request, "access-control-request-headers");
    bool plain = asked.len > 0 && asked.len <= MAX_ASKED_HEADERS_BYTES;
    for (size_t i = 0; i < asked.len && plain; i++)
        plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ", asked.at[i]) != NULL;
    return plain ? asked : SLICE("content-type, content-encoding");
}

/* A wrong key passes here: the answer to the POST can be read by the page, a failed preflight cannot. */
static void preflight(const struct visit *visit)
{
    struct key *key = NULL;
    if (check_key(visit, &key) == ERR_OK && visit->headers[ORIGIN].len &&
        !origin_allowed(key->application, visit->outlet.origin)) {
        visit_note(visit, SIGN_ORIGIN, visit->outlet.origin);
        answer_refused(&visit->outlet, 0, ERR_FORBIDDEN_ORIGIN, NULL, NULL, NULL);
        return;
    }
    if (visit->outlet.origin.len)
        visit_note(visit, SIGN_PREFLIGHT, visit->outlet.origin);
    struct serve_field fields[] = {
        {"access-control-allow-methods", SLICE("POST, OPTIONS")},
        {"access-control-allow-headers", asked_headers(visit->request)},
        {"access-control-max-age", SLICE("86400")},
    };
    answer_send(&visit->outlet, 204, fields, visit->outlet.origin.len ? 3 : 0, SLICE(""));
}

void visit_endpoint(struct visit *visit)
{
    client_find(visit->rules, visit->request, &visit->client);
    if (!is_address_in_pace(visit))
        return;
    if (slice_is(serve_method(visit->request), "POST"))
        beacon(visit);
    else
        preflight(visit);
}
