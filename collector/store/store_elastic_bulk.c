/* Writing into Elasticsearch: several _bulk requests in flight, and a verdict for each document
 * (store_elastic_answer.h).
 *
 *   stored, a repeat             done
 *   later                        that document alone is sent again after a pause, a few times; then its item is not
 * done and comes again whole: what was stored of it is a repeat then, so that `stored` counts each document once no
 * answer, 502 to 504        the request goes to the next node, once to each 429 or 5xx of a request      less is sent
 * from now on; the call ends with ERR_AGAIN 401, 403                     the credentials: the call ends 413 or 400 of a
 * request      halve it; the one document left over is refused refused                      told, with the node's
 * reason, once the whole item is done */
#include "store/store_elastic_bulk.h"

#include <assert.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/store_elastic_answer.h"
#include "store/store_elastic_flow.h"

#define WAIT_MS 100
#define LATER_TRIES 4
#define LATER_FIRST_MS 100
#define LATER_MOST_MS 2000
#define PAUSE_MOST_MS 60000 /* of what Retry-After says */
#define GZIP_LEVEL 1

struct slice document_id(const struct request *request, const struct document *document)
{
    const char *at = request->body.at + document->at + sizeof ACTION_HEAD - 1;
    return (struct slice){at, (size_t)((const char *)memchr(at, '"', document->len) - at)};
}

/* ---- verdicts ---- */

void writer_refuse(struct writer *writer, uint32_t item, int32_t event, const char *kind, const char *reason)
{
    if (writer->n_refusals == writer->refusals_size) {
        writer->refusals_size = writer->refusals_size ? 2 * writer->refusals_size : 16;
        writer->refusals = realloc(writer->refusals, writer->refusals_size * sizeof *writer->refusals);
        if (!writer->refusals)
            abort();
    }
    struct refused *refused = &writer->refusals[writer->n_refusals++];
    refused->item = item;
    refused->event = event;
    snprintf(refused->reason, sizeof refused->reason, "%s%s%s", kind, *reason ? ": " : "", reason);
}

static void note_again(struct writer *writer, const struct document *document)
{
    struct progress *progress = &writer->progress[document->item];
    progress->again = true;
    progress->waiting--;
    METRIC_ADD("seismo_elastic_retried_total", "documents that Elasticsearch asked to send again later", 1);
}

void writer_note_stored(struct writer *writer, const struct document *document, bool is_new)
{
    writer->progress[document->item].waiting--;
    writer->items[document->item].stored += is_new;
    if (!is_new)
        METRIC_ADD("seismo_elastic_repeats_total", "documents that Elasticsearch had already", 1);
}

static void stop(struct writer *writer, enum err why)
{
    if (writer->stopped == ERR_OK)
        writer->stopped = why;
}

static void put_off(struct request *request, struct range range)
{
    for (size_t i = 0; i < range.n; i++)
        note_again(request->writer, &request->documents[range.first + i]);
}

/* To the front of its range: it is all that remains of it. */
static void keep_for_later(struct request *request, const struct document *document)
{
    struct document *to = &request->documents[request->now.first + request->n_later], moved = *document;
    moved.at = request->n_later ? to[-1].at + to[-1].len : request->documents[request->now.first].at;
    memmove(request->body.at + moved.at, request->body.at + document->at, document->len);
    *to = moved;
    request->n_later++;
}

static void judge(void *ctx, size_t i, enum verdict verdict, const char *type, const char *reason)
{
    struct request *request = ctx;
    struct writer *writer = request->writer;
    const struct document *document = &request->documents[request->now.first + i];
    switch (verdict) {
    case VERDICT_STORED: writer_note_stored(writer, document, true); break;
    case VERDICT_REPEAT: writer_note_stored(writer, document, false); break;
    case VERDICT_LATER:
        if (request->n_later == 0)
            log_warn("store", ERR_AGAIN, "elastic: put off: %s: %s", type, reason);
        keep_for_later(request, document);
        break;
    case VERDICT_NO_STREAM: /* look for templates again before the next write */
        note_again(writer, document);
        if (atomic_exchange(&writer->elastic->is_set_up, false))
            log_warn("store", ERR_AGAIN, "elastic: put off: %s: %s", type, reason);
        break;
    case VERDICT_AUTH:
        note_again(writer, document);
        if (writer->stopped != ERR_STORE_AUTH)
            log_error("store", ERR_STORE_AUTH, "elastic: %s: %s", type, reason);
        writer->stopped = ERR_STORE_AUTH;
        break;
    case VERDICT_REFUSED:
        writer->progress[document->item].waiting--;
        writer_refuse(writer, document->item, document->event, type, reason);
        break;
    }
}

/* ---- one request ---- */

static void push(struct request *request, size_t first, size_t n, int64_t not_before_ms)
{
    assert(request->n_todo < MAX_RANGES);
    request->todo[request->n_todo++] = (struct range){first, n, not_before_ms};
    request->phase = PHASE_WAITING;
}

static struct slice body_of(const struct request *request)
{
    const struct document *first = &request->documents[request->now.first], *last = first + request->now.n - 1;
    return (struct slice){request->body.at + first->at, last->at + last->len - first->at};
}

static struct slice compress(struct request *request, struct slice body)
{
    struct writer *writer = request->writer;
    if (!writer->deflate && !(writer->deflate = libdeflate_alloc_compressor(GZIP_LEVEL)))
        abort();
    buf_clear(&request->packed);
    size_t bound = libdeflate_gzip_compress_bound(writer->deflate, body.len);
    char *to = buf_reserve(&request->packed, bound);
    assert(to);
    request->packed.len = libdeflate_gzip_compress(writer->deflate, body.at, body.len, to, bound);
    assert(request->packed.len);
    return buf_slice(&request->packed);
}

static void start(struct request *request)
{
    static const char *const gzip[] = {"Content-Encoding: gzip", NULL};
    struct writer *writer = request->writer;
    struct elastic *elastic = writer->elastic;
    char url[2048];
    request->now = request->todo[--request->n_todo];
    request->node = elastic_pick_node(elastic);
    request->started_ms = clock_mono_ms();
    struct slice body = body_of(request);
    snprintf(url, sizeof url, "%s/%s/_bulk?filter_path=" ANSWER_FILTER "%s", elastic->nodes[request->node].url,
             elastic->streams[request->stream],
             atomic_load(&elastic->requires_streams) ? "&require_data_stream=true" : "");
    struct http_request http = {.method = "POST",
                                .url = url,
                                .content_type = "application/x-ndjson",
                                .body = elastic->compress ? compress(request, body) : body,
                                .headers = elastic->compress ? gzip : NULL};
    writer->has_sent[request->stream] = true;
    request->phase = PHASE_SENT;
    bool started = http_many_start(writer->many, &http, &request->response, request);
    assert(started);
}

/* 200: its documents have verdicts of their own, or it is not an answer at all. */
static void take_answer(struct request *request, int64_t now_ms)
{
    struct writer *writer = request->writer;
    request->n_later = 0;
    if (!answer_read(buf_slice(&request->response.body), request->now.n, judge, request)) {
        log_warn("store", ERR_AGAIN, "elastic: the answer to %zu documents cannot be understood: %.*s", request->now.n,
                 (int)(request->response.body.len < 200 ? request->response.body.len : 200),
                 request->response.body.len ? request->response.body.at : "");
        put_off(request, request->now);
        stop(writer, ERR_AGAIN);
        return;
    }
    atomic_store(&writer->elastic->is_refused, writer->stopped == ERR_STORE_AUTH);
    if (request->n_later == 0) {
        flow_note_good(&writer->elastic->flow, body_of(request).len, request->is_full, now_ms - request->started_ms);
        return;
    }
    flow_note_busy(&writer->elastic->flow);
    struct range later = {request->now.first, request->n_later, 0};
    int pause_ms = http_backoff_ms((int)request->later_tries, LATER_FIRST_MS, LATER_MOST_MS, -1);
    if (++request->later_tries >= LATER_TRIES)
        put_off(request, later);
    else
        push(request, later.first, later.n, now_ms + pause_ms);
}

/* Halves what is too large or cannot be parsed as a whole, until one document stands alone. */
static void halve(struct request *request, enum err err)
{
    struct writer *writer = request->writer;
    struct range whole = request->now;
    int status = request->response.status;
    char reason[200];
    if (status == 413 && flow_note_too_large(&writer->elastic->flow, body_of(request).len))
        log_warn("store", ERR_TOO_LARGE, "elastic: %zu bytes are too many for it; fewer from now on",
                 body_of(request).len);
    if (whole.n > 1) {
        push(request, whole.first + whole.n / 2, whole.n - whole.n / 2, 0);
        push(request, whole.first, whole.n / 2, 0);
    } else if (err == ERR_OK) {
        const struct document *document = &request->documents[whole.first];
        snprintf(reason, sizeof reason, "%s", request->response.body.len ? request->response.body.at : "");
        writer->progress[document->item].waiting--;
        writer_refuse(writer, document->item, document->event, status == 413 ? "status 413, too large" : "status 400",
                      reason);
    } else { /* the answer to a single document is too large */
        put_off(request, whole);
        stop(writer, ERR_AGAIN);
    }
}

/* The whole request has failed in a way that is not its documents' fault. */
static void fail(struct request *request, enum err err, const char *text)
{
    struct writer *writer = request->writer;
    struct elastic *elastic = writer->elastic;
    int retry_after_ms = request->response.retry_after_ms;
    flow_note_busy(&elastic->flow);
    if (err != ERR_OK)
        log_warn("store", err, "elastic: %s", text);
    else
        err = elastic_status(&request->response, "bulk", ERR_AGAIN);
    if (retry_after_ms > 0)
        atomic_store(&elastic->pause_ms,
                     clock_mono_ms() + (retry_after_ms < PAUSE_MOST_MS ? retry_after_ms : PAUSE_MOST_MS));
    if (err == ERR_STORE_AUTH)
        atomic_store(&elastic->is_refused, true);
    put_off(request, request->now);
    stop(writer, err);
}

static void finish(struct request *request, enum err err, const char *text)
{
    struct writer *writer = request->writer;
    int status = request->response.status;
    elastic_note_node(writer->elastic, request->node, err, status);
    bool elsewhere = err == ERR_HTTP || (err == ERR_OK && status >= 502 && status <= 504);
    request->phase = PHASE_WAITING;
    if (elsewhere && writer->stopped == ERR_OK && ++request->tries < writer->elastic->n_nodes)
        push(request, request->now.first, request->now.n, 0);
    else if (err == ERR_TOO_LARGE || (err == ERR_OK && (status == 413 || status == 400)))
        halve(request, err);
    else if (err == ERR_OK && status == 200)
        take_answer(request, clock_mono_ms());
    else
        fail(request, err, text);
}

/* ---- many requests ---- */

static void release(struct request *request)
{
    buf_clear(&request->body);
    request->n = request->n_todo = request->n_later = 0;
    request->tries = request->later_tries = 0;
    request->may_be_old = request->is_full = false;
    request->phase = PHASE_FREE;
}

static int count_sent(const struct writer *writer)
{
    int n = 0;
    for (size_t i = 0; i < writer->n_requests; i++)
        n += writer->requests[i].phase == PHASE_SENT;
    return n;
}

/* What waits is started, or put off when nothing more is sent. */
static void start_waiting(struct writer *writer)
{
    int64_t now_ms = clock_mono_ms();
    int room = flow_requests(&writer->elastic->flow) - count_sent(writer);
    for (size_t i = 0; i < writer->n_requests; i++) {
        struct request *request = &writer->requests[i];
        if (request->phase != PHASE_WAITING)
            continue;
        while (writer->stopped != ERR_OK && request->n_todo)
            put_off(request, request->todo[--request->n_todo]);
        if (request->n_todo == 0) {
            release(request);
        } else if (room > 0 && request->todo[request->n_todo - 1].not_before_ms <= now_ms) {
            room--;
            start(request);
        }
    }
}

/* The program ends: what is in flight is left alone. It may have been stored, and is a repeat then. */
static void abandon(struct writer *writer)
{
    struct http_options options = elastic_http_options(writer->elastic);
    http_many_free(writer->many);
    writer->many = http_many_new(&options, writer->n_requests);
    stop(writer, ERR_TIMED_OUT);
    for (size_t i = 0; i < writer->n_requests; i++) {
        if (writer->requests[i].phase != PHASE_SENT)
            continue;
        put_off(&writer->requests[i], writer->requests[i].now);
        writer->requests[i].phase = PHASE_WAITING;
    }
}

static void pump(struct writer *writer, int wait_ms)
{
    struct http_done done[MAX_REQUESTS];
    start_waiting(writer);
    size_t n = http_many_wait(writer->many, wait_ms, done, MAX_REQUESTS);
    for (size_t i = 0; i < n; i++)
        finish(done[i].ctx, done[i].err, done[i].text.at);
    if (elastic_is_giving_up(writer->elastic))
        abandon(writer);
    if (n)
        start_waiting(writer);
}

static struct request *find_free(struct writer *writer)
{
    for (size_t i = 0; i < writer->n_requests; i++)
        if (writer->requests[i].phase == PHASE_FREE)
            return &writer->requests[i];
    return NULL;
}

void writer_next(struct writer *writer)
{
    while (!(writer->filling = find_free(writer)))
        pump(writer, WAIT_MS);
    writer->filling->phase = PHASE_FILLING;
}

void writer_submit(struct writer *writer)
{
    struct request *request = writer->filling;
    if (!request)
        return;
    writer->filling = NULL;
    if (writer->stopped == ERR_OK)
        repeat_look_up(writer, request);
    request->phase = PHASE_WAITING;
    if (request->n)
        push(request, 0, request->n, 0);
    pump(writer, 0);
}

static void send_all(struct writer *writer)
{
    bool busy = true;
    while (busy) {
        busy = false;
        pump(writer, WAIT_MS);
        for (size_t i = 0; i < writer->n_requests; i++)
            busy = busy || writer->requests[i].phase != PHASE_FREE;
    }
}

/* ---- the writer's life ---- */

static struct writer *writer_new(struct elastic *elastic)
{
    struct http_options options = elastic_http_options(elastic);
    struct writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        abort();
    writer->elastic = elastic;
    writer->n_requests = (size_t)elastic->flow.most_requests + 1; /* one is filled meanwhile */
    writer->many = http_many_new(&options, writer->n_requests);
    writer->arena = arena_new(65536, FACTS_ARENA_BYTES);
    buf_init(&writer->head, DOCUMENT_MAX_BYTES);
    buf_init(&writer->query, 1u << 20); /* BULK_DOCUMENTS ids of 50 bytes each */
    for (size_t i = 0; i < writer->n_requests; i++) {
        struct request *request = &writer->requests[i];
        request->writer = writer;
        buf_init(&request->body, BULK_BYTES_MOST + RECORD_MAX_BYTES + 65536);
        buf_init(&request->packed, BULK_BYTES_MOST + 2 * RECORD_MAX_BYTES);
        http_response_init(&request->response, ANSWER_BYTES);
    }
    return writer;
}

void elastic_writer_free(struct writer *writer)
{
    if (!writer)
        return;
    http_many_free(writer->many);
    for (size_t i = 0; i < writer->n_requests; i++) {
        buf_done(&writer->requests[i].body);
        buf_done(&writer->requests[i].packed);
        http_response_done(&writer->requests[i].response);
        free(writer->requests[i].documents);
    }
    libdeflate_free_compressor(writer->deflate);
    buf_done(&writer->head);
    buf_done(&writer->query);
    arena_free(writer->arena);
    free(writer->progress);
    free(writer->refusals);
    free(writer);
}

static struct writer *writer_take(struct elastic *elastic)
{
    struct writer *writer = NULL;
    pthread_mutex_lock(&elastic->pool_mutex);
    if (elastic->n_writers)
        writer = elastic->writers[--elastic->n_writers];
    pthread_mutex_unlock(&elastic->pool_mutex);
    return writer ? writer : writer_new(elastic);
}

static void writer_give(struct elastic *elastic, struct writer *writer)
{
    pthread_mutex_lock(&elastic->pool_mutex);
    if (elastic->n_writers < IDLE_WRITERS) {
        elastic->writers[elastic->n_writers++] = writer;
        writer = NULL;
    }
    pthread_mutex_unlock(&elastic->pool_mutex);
    elastic_writer_free(writer);
}

/* ---- the whole ---- */

static void begin(struct writer *writer, struct store_item *items, size_t n)
{
    writer->items = items;
    writer->n = n;
    writer->n_refusals = 0;
    writer->now_ms = clock_wall_ms();
    writer->stopped = writer->newer = ERR_OK;
    if (writer->size < n) {
        writer->size = n;
        writer->progress = realloc(writer->progress, n * sizeof *writer->progress);
        if (!writer->progress)
            abort();
    }
    memset(writer->progress, 0, n * sizeof *writer->progress);
}

/* True when all items are done. */
static bool settle(struct writer *writer)
{
    bool all = true;
    for (size_t i = 0; i < writer->n; i++) {
        const struct progress *progress = &writer->progress[i];
        if (progress->is_complete && !progress->again && progress->waiting == 0)
            writer->items[i].done = true;
        all = all && writer->items[i].done;
    }
    return all;
}

static void report(const struct writer *writer, store_reject_fn *reject, void *ctx)
{
    for (size_t i = 0; i < writer->n_refusals; i++) {
        const struct refused *refused = &writer->refusals[i];
        if (writer->items[refused->item].done)
            reject(ctx, &writer->items[refused->item], refused->event, refused->reason);
    }
}

/* False: the stream has rolled over meanwhile, and nothing is done, whatever the verdicts. */
static bool try_once(struct writer *writer, struct store_item *items, size_t n)
{
    begin(writer, items, n);
    repeat_begin(writer);
    if (writer->stopped == ERR_OK)
        writer_add_all(writer);
    send_all(writer);
    return !repeat_was_overtaken(writer);
}

static enum err write_items(struct writer *writer, struct store_item *items, size_t n, store_reject_fn *reject,
                            void *ctx)
{
    bool is_done = try_once(writer, items, n);
    if (!is_done)
        is_done = try_once(writer, items, n);
    if (!is_done)
        return ERR_AGAIN;
    bool all = settle(writer);
    report(writer, reject, ctx);
    return writer->stopped != ERR_OK ? writer->stopped
           : writer->newer != ERR_OK ? writer->newer
           : all                     ? ERR_OK
                                     : ERR_AGAIN;
}

enum err elastic_write(struct store *store, struct store_item *items, size_t n, const char *group,
                       const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx)
{
    struct elastic *elastic = (struct elastic *)store;
    (void)group, (void)positions, (void)n_positions; /* the bus keeps them */
    if (elastic_is_giving_up(elastic))
        return ERR_TIMED_OUT;
    if (clock_mono_ms() < atomic_load(&elastic->pause_ms))
        return ERR_AGAIN;
    enum err err = elastic_ensure_set_up(elastic);
    if (err != ERR_OK || n == 0)
        return err;
    struct writer *writer = writer_take(elastic);
    err = write_items(writer, items, n, reject, ctx);
    writer_give(elastic, writer);
    atomic_fetch_add(&elastic->generation, 1);
    return err;
}
