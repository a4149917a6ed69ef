/* Writing into Elasticsearch: items become documents, documents become _bulk requests, and each document gets its own
 * verdict.
 *
 *   201                          stored
 *   409                          a repeat, which is success
 *   429, 5xx, 404, blocked index later: the item is not done and comes again whole; what was stored of it is a repeat
 *                                then, so that `stored` counts each document once
 *   401, 403                     the credentials: stop
 *   413 or 400 of a whole request  halve it; the one document left over is refused
 *   other 4xx                    refused for good, with the node's reason; told once the whole item is done */
#include "store/store_elastic.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "event/document.h"

struct document {
    size_t at, len; /* in the body: the action's line and the document's */
    uint32_t item;
    int32_t event;
    enum stream stream;
    bool may_be_old; /* could have been stored before the last rollover: looked up first */
    char id[RECORD_ID_BYTES];
};

/* What the attempt has made of one item so far. */
struct progress {
    bool is_complete; /* all its documents were put into requests */
    bool again;
    uint32_t waiting; /* documents without a verdict */
};

struct refused {
    uint32_t item;
    int32_t event;
    char reason[240];
};

struct bulk {
    struct elastic *elastic;
    struct store_item *items;
    size_t n;
    struct progress *progress;
    struct buf body, document;
    struct document *documents;
    size_t n_documents;
    struct refused *refusals;
    size_t n_refusals, refusals_size;
    struct http_response response;
    int64_t now_ms;
    enum err stopped; /* why nothing more is sent in this call */
};

/* ---- verdicts ---- */

static void refuse(struct bulk *bulk, uint32_t item, int32_t event, const char *kind, const char *reason)
{
    if (bulk->n_refusals == bulk->refusals_size) {
        bulk->refusals_size = bulk->refusals_size ? 2 * bulk->refusals_size : 16;
        bulk->refusals = realloc(bulk->refusals, bulk->refusals_size * sizeof *bulk->refusals);
        if (!bulk->refusals)
            abort();
    }
    struct refused *refused = &bulk->refusals[bulk->n_refusals++];
    refused->item = item;
    refused->event = event;
    snprintf(refused->reason, sizeof refused->reason, "%s%s%s", kind, *reason ? ": " : "", reason);
}

static void judge_again(struct bulk *bulk, const struct document *document)
{
    struct progress *progress = &bulk->progress[document->item];
    progress->again = true;
    progress->waiting--;
    METRIC_ADD("seismo_elastic_retried_total", "documents that Elasticsearch asked to send again later", 1);
}

static void judge_stored(struct bulk *bulk, const struct document *document, bool is_new)
{
    bulk->progress[document->item].waiting--;
    bulk->items[document->item].stored += is_new;
    if (!is_new)
        METRIC_ADD("seismo_elastic_repeats_total", "documents that Elasticsearch had already", 1);
}

static void judge_refused(struct bulk *bulk, const struct document *document, const char *type, const char *reason)
{
    bulk->progress[document->item].waiting--;
    refuse(bulk, document->item, document->event, type, reason);
}

/* Faults of the cluster that come with a document's status, 400 or 403. */
static bool is_not_the_documents_fault(const char *type)
{
    static const char *const types[] = {"cluster_block_exception", "index_closed_exception", "validation_exception",
                                        "es_rejected_execution_exception", "circuit_breaking_exception"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static void judge(struct bulk *bulk, const struct document *document, int status, const json_t *error)
{
    const char *type = "", *reason = "", *cause = NULL;
    json_unpack((json_t *)(uintptr_t)error, "{s?s, s?s, s?{s?s}}", "type", &type, "reason", &reason, "caused_by",
                "reason", &cause);
    if (status == 200 || status == 201 || status == 409) {
        judge_stored(bulk, document, status != 409);
    } else if (status == 429 || status >= 500 || status == 404 || is_not_the_documents_fault(type)) {
        judge_again(bulk, document);
        if (status == 404) /* the template or the stream has gone: look again before the next write */
            atomic_store(&bulk->elastic->is_set_up, false);
        log_warn("store", ERR_AGAIN, "elastic: document put off: status %d %s: %s", status, type, reason);
    } else if (status == 401 || status == 403) {
        judge_again(bulk, document);
        bulk->stopped = ERR_STORE_AUTH;
        log_error("store", ERR_STORE_AUTH, "elastic: %s: %s", type, reason);
    } else {
        judge_refused(bulk, document, type, cause ? cause : reason);
    }
}

static bool judge_all(struct bulk *bulk, const struct document *documents, size_t n)
{
    json_t *root = json_loadb(bulk->response.body.at, bulk->response.body.len, 0, NULL);
    const json_t *answers = json_object_get(root, "items");
    bool fits = json_array_size(answers) == n;
    for (size_t i = 0; fits && i < n; i++) {
        const json_t *answer = json_object_get(json_array_get(answers, i), "create");
        judge(bulk, &documents[i], (int)json_integer_value(json_object_get(answer, "status")),
              json_object_get(answer, "error"));
    }
    json_decref(root);
    return fits;
}

/* ---- sending ---- */

static void put_off(struct bulk *bulk, const struct document *documents, size_t n, enum err why)
{
    for (size_t i = 0; i < n; i++)
        judge_again(bulk, &documents[i]);
    if (bulk->stopped == ERR_OK)
        bulk->stopped = why;
}

static void remember_too_large(struct elastic *elastic, size_t sent)
{
    size_t bytes = sent / 2 < BULK_BYTES_LEAST ? BULK_BYTES_LEAST : sent / 2;
    if (sent > BULK_BYTES_LEAST && bytes < atomic_load(&elastic->bulk_bytes)) {
        atomic_store(&elastic->bulk_bytes, bytes);
        log_warn("store", ERR_TOO_LARGE, "elastic: %zu bytes are too many for it; %zu a request from now on", sent,
                 bytes);
    }
}

/* One request with documents that stand one behind the other in the body. */
static enum err send_bulk(struct bulk *bulk, const struct document *documents, size_t n)
{
    const struct document *last = &documents[n - 1];
    struct slice body = {bulk->body.at + documents->at, last->at + last->len - documents->at};
    const char *path = atomic_load(&bulk->elastic->requires_streams)
                           ? "/_bulk?require_data_stream=true&filter_path=errors,took,items.*.status,items.*.error"
                           : "/_bulk?filter_path=errors,took,items.*.status,items.*.error";
    return elastic_send(bulk->elastic, "POST", path, body, false, &bulk->response);
}

/* Halves what is too large or cannot be parsed as a whole, until one document stands alone. */
static void send_range(struct bulk *bulk, const struct document *documents, size_t n)
{
    if (n == 0)
        return;
    if (bulk->stopped != ERR_OK) {
        put_off(bulk, documents, n, bulk->stopped);
        return;
    }
    enum err err = send_bulk(bulk, documents, n);
    int status = bulk->response.status;
    if (err != ERR_OK && err != ERR_TOO_LARGE) {
        put_off(bulk, documents, n, err);
    } else if (err == ERR_OK && status == 200) {
        if (!judge_all(bulk, documents, n))
            put_off(bulk, documents, n, ERR_AGAIN);
    } else if (n > 1 && (err == ERR_TOO_LARGE || status == 413 || status == 400)) {
        if (status == 413)
            remember_too_large(bulk->elastic, documents[n - 1].at + documents[n - 1].len - documents->at);
        send_range(bulk, documents, n / 2);
        send_range(bulk, documents + n / 2, n - n / 2);
    } else if (err == ERR_OK && (status == 413 || status == 400)) {
        char reason[200];
        snprintf(reason, sizeof reason, "%s", bulk->response.body.len ? bulk->response.body.at : "");
        judge_refused(bulk, documents, status == 413 ? "status 413, too large" : "status 400", reason);
    } else {
        put_off(bulk, documents, n, err != ERR_OK ? ERR_AGAIN : elastic_status(&bulk->response, "bulk", ERR_AGAIN));
    }
}

/* ---- looking up what may be a repeat ---- */

static size_t write_look_up(const struct bulk *bulk, enum stream stream, struct buf *buf)
{
    size_t n = 0;
    buf_text(buf, "{\"_source\":false,\"sort\":[\"_doc\"],\"query\":{\"ids\":{\"values\":[");
    for (size_t i = 0; i < bulk->n_documents; i++)
        if (bulk->documents[i].may_be_old && bulk->documents[i].stream == stream)
            buf_printf(buf, "%s\"%s\"", n++ ? "," : "", bulk->documents[i].id);
    buf_printf(buf, "]}},\"size\":%zu}", n);
    return n;
}

/* Ids that the stream has, as members of an object; NULL: bulk->stopped says why. */
static json_t *look_up(struct bulk *bulk, enum stream stream, struct slice query)
{
    char path[NAME_BYTES + 160];
    snprintf(path, sizeof path,
             "/%s/_search?ignore_unavailable=true&filter_path=timed_out,_shards.failed,hits.hits._id",
             bulk->elastic->streams[stream]);
    enum err err = elastic_send(bulk->elastic, "POST", path, query, false, &bulk->response);
    if (err == ERR_OK && bulk->response.status != 200)
        err = elastic_status(&bulk->response, "look up", ERR_AGAIN);
    json_t *root = err == ERR_OK ? json_loadb(bulk->response.body.at, bulk->response.body.len, 0, NULL) : NULL;
    int failed = 1, timed_out = 1;
    json_unpack(root, "{s:b, s:{s:i}}", "timed_out", &timed_out, "_shards", "failed", &failed);
    if (failed || timed_out) { /* half an answer would store twice */
        bulk->stopped = err == ERR_OK ? ERR_AGAIN : err;
        json_decref(root);
        return NULL;
    }
    json_t *ids = json_object();
    size_t i;
    const json_t *hit;
    json_array_foreach(json_object_get(json_object_get(root, "hits"), "hits"), i, hit)
    {
        const char *id = json_string_value(json_object_get(hit, "_id"));
        if (id)
            json_object_set_new(ids, id, json_true());
    }
    json_decref(root);
    return ids;
}

/* Takes the documents that are there already out of the body. */
static void drop_known(struct bulk *bulk, enum stream stream, const json_t *ids)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < bulk->n_documents; i++) {
        struct document document = bulk->documents[i];
        if (document.stream == stream && json_object_get(ids, document.id)) {
            judge_stored(bulk, &document, false);
            continue;
        }
        memmove(bulk->body.at + at, bulk->body.at + document.at, document.len);
        document.at = at;
        at += document.len;
        bulk->documents[kept++] = document;
    }
    bulk->n_documents = kept;
    bulk->body.len = at;
}

static void drop_repeats(struct bulk *bulk)
{
    struct buf query;
    buf_init(&query, 1u << 20); /* BULK_DOCUMENTS ids of 35 bytes each */
    for (int i = 0; i < STREAM_COUNT && bulk->stopped == ERR_OK; i++) {
        buf_clear(&query);
        if (write_look_up(bulk, (enum stream)i, &query) == 0)
            continue;
        json_t *ids = look_up(bulk, (enum stream)i, buf_slice(&query));
        if (ids)
            drop_known(bulk, (enum stream)i, ids);
        json_decref(ids);
    }
    assert(!buf_failed(&query));
    buf_done(&query);
}

static void flush(struct bulk *bulk)
{
    if (bulk->n_documents && bulk->stopped == ERR_OK)
        drop_repeats(bulk);
    send_range(bulk, bulk->documents, bulk->n_documents);
    bulk->n_documents = 0;
    buf_clear(&bulk->body);
}

/* ---- from items to documents ---- */

/* A line's end would end the document; JSON has it between tokens only. */
static void keep_to_one_line(struct buf *document)
{
    char *end = document->at + document->len;
    for (char *at = document->at; (at = memchr(at, '\n', (size_t)(end - at)));)
        *at = ' ';
}

/* Takes the document in bulk->document under the id. */
static void add(struct bulk *bulk, struct document document)
{
    char action[NAME_BYTES + RECORD_ID_BYTES + 64];
    if (buf_failed(&bulk->document)) {
        refuse(bulk, document.item, document.event, "the document is larger than allowed", "");
        return;
    }
    int n = snprintf(action, sizeof action, "{\"create\":{\"_index\":\"%s\",\"_id\":\"%s\"}}\n",
                     bulk->elastic->streams[document.stream], document.id);
    keep_to_one_line(&bulk->document);
    document.len = (size_t)n + bulk->document.len + 1;
    if (bulk->n_documents == BULK_DOCUMENTS ||
        (bulk->n_documents && bulk->body.len + document.len > atomic_load(&bulk->elastic->bulk_bytes)))
        flush(bulk);
    document.at = bulk->body.len;
    buf_add(&bulk->body, action, (size_t)n);
    buf_add_slice(&bulk->body, buf_slice(&bulk->document));
    buf_char(&bulk->body, '\n');
    assert(!buf_failed(&bulk->body));
    bulk->documents[bulk->n_documents++] = document;
    bulk->progress[document.item].waiting++;
}

static bool is_old(const struct bulk *bulk, int64_t at_ms)
{
    return at_ms < bulk->now_ms - FRESH_MS;
}

static enum err add_beacon(struct bulk *bulk, uint32_t i, struct arena *arena)
{
    struct record record;
    arena_reset(arena);
    enum err err = record_decode(bulk->items[i].value, arena, &record);
    if (err != ERR_OK)
        return err;
    int64_t latest_ms = INT64_MIN; /* no attempt to send can be older than the beacon's last event */
    for (size_t j = 0; j < record.n_facts; j++)
        if (record.facts[j].at_ms > latest_ms)
            latest_ms = record.facts[j].at_ms;
    bool old = is_old(bulk, record.received_at_ms) || (record.n_facts && is_old(bulk, latest_ms));
    for (size_t j = 0; j < record.n_facts && bulk->stopped == ERR_OK; j++) {
        struct document document = {
            .item = i, .event = record.facts[j].index, .stream = STREAM_EVENTS, .may_be_old = old};
        record_document_id(&record, &record.facts[j], document.id);
        buf_clear(&bulk->document);
        document_write(&record, &record.facts[j], &bulk->document);
        add(bulk, document);
    }
    return ERR_OK;
}

static enum err add_rollup(struct bulk *bulk, uint32_t i)
{
    struct reader reader = reader_of(bulk->items[i].value);
    struct document document = {.item = i, .event = -1, .stream = STREAM_ROLLUPS};
    struct rollup rollup;
    enum err err = rollup_read(&reader, &rollup);
    if (err != ERR_OK)
        return err;
    rollup_id(&rollup, document.id);
    /* A window closes some time after its end: five times as long is old. */
    document.may_be_old = is_old(bulk, rollup.start_ms + rollup.width_s * 1000 + 4 * FRESH_MS);
    buf_clear(&bulk->document);
    rollup_document(&rollup, &bulk->document);
    rollup_done(&rollup);
    add(bulk, document);
    return ERR_OK;
}

static enum err add_alert(struct bulk *bulk, uint32_t i)
{
    struct reader reader = reader_of(bulk->items[i].value);
    struct document document = {.item = i, .event = -1, .stream = STREAM_ALERTS};
    struct alert alert;
    enum err err = alert_read(&reader, &alert);
    if (err != ERR_OK)
        return err;
    alert_document_id(&alert, document.id);
    document.may_be_old = is_old(bulk, alert.state == ALERT_RESOLVED ? alert.resolved_ms : alert.opened_ms);
    buf_clear(&bulk->document);
    alert_document(&alert, &bulk->document);
    add(bulk, document);
    return ERR_OK;
}

/* The id comes from outside: only what needs no escaping in the action's line is taken. */
static enum err add_reject(struct bulk *bulk, uint32_t i)
{
    const struct store_item *item = &bulk->items[i];
    struct document document = {.item = i, .event = -1, .stream = STREAM_REJECTS};
    if (item->id.len == 0 || item->id.len >= sizeof document.id || item->value.len == 0)
        return ERR_CORRUPT;
    for (size_t j = 0; j < item->id.len; j++)
        if ((unsigned char)item->id.at[j] <= ' ' || strchr("\"\\\177", item->id.at[j]))
            return ERR_CORRUPT;
    memcpy(document.id, item->id.at, item->id.len);
    buf_clear(&bulk->document);
    buf_add_slice(&bulk->document, item->value);
    add(bulk, document);
    return ERR_OK;
}

static enum err add_item(struct bulk *bulk, uint32_t i, struct arena *arena)
{
    switch (bulk->items[i].kind) {
    case STORE_BEACON: return add_beacon(bulk, i, arena);
    case STORE_ROLLUP: return add_rollup(bulk, i);
    case STORE_ALERT: return add_alert(bulk, i);
    case STORE_REJECT: return add_reject(bulk, i);
    }
    abort();
}

static void add_all(struct bulk *bulk)
{
    struct arena *arena = arena_new(65536, FACTS_ARENA_BYTES);
    for (uint32_t i = 0; i < bulk->n && bulk->stopped == ERR_OK; i++) {
        if (bulk->items[i].done)
            continue;
        enum err err = add_item(bulk, i, arena);
        if (err == ERR_NEWER_VERSION) { /* what came before it is still sent */
            flush(bulk);
            bulk->stopped = bulk->stopped == ERR_OK ? err : bulk->stopped;
            break;
        }
        if (err != ERR_OK)
            refuse(bulk, i, -1, "the value is damaged", "");
        bulk->progress[i].is_complete = bulk->stopped == ERR_OK;
    }
    flush(bulk);
    arena_free(arena);
}

/* ---- the whole ---- */

static bool settle(struct bulk *bulk)
{
    bool all = true;
    for (size_t i = 0; i < bulk->n; i++) {
        const struct progress *progress = &bulk->progress[i];
        if (progress->is_complete && !progress->again && progress->waiting == 0)
            bulk->items[i].done = true;
        all = all && bulk->items[i].done;
    }
    return all;
}

static void report(const struct bulk *bulk, store_reject_fn *reject, void *ctx)
{
    for (size_t i = 0; i < bulk->n_refusals; i++) {
        const struct refused *refused = &bulk->refusals[i];
        if (bulk->items[refused->item].done)
            reject(ctx, &bulk->items[refused->item], refused->event, refused->reason);
    }
}

enum err elastic_write(struct store *store, struct store_item *items, size_t n, const char *group,
                       const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx)
{
    struct elastic *elastic = (struct elastic *)store;
    (void)group, (void)positions, (void)n_positions; /* the bus keeps them */
    enum err err = elastic_ensure_set_up(elastic);
    if (err != ERR_OK)
        return err;
    struct bulk bulk = {.elastic = elastic, .items = items, .n = n, .now_ms = clock_wall_ms()};
    bulk.progress = calloc(n + 1, sizeof *bulk.progress);
    bulk.documents = calloc(BULK_DOCUMENTS, sizeof *bulk.documents);
    if (!bulk.progress || !bulk.documents)
        abort();
    buf_init(&bulk.body, BULK_BYTES + DOCUMENT_MAX_BYTES + 4096);
    buf_init(&bulk.document, DOCUMENT_MAX_BYTES);
    http_response_init(&bulk.response, ANSWER_BYTES);
    add_all(&bulk);
    bool all_done = settle(&bulk);
    report(&bulk, reject, ctx);
    atomic_fetch_add(&elastic->generation, 1);
    http_response_done(&bulk.response);
    buf_done(&bulk.document);
    buf_done(&bulk.body);
    free(bulk.refusals);
    free(bulk.documents);
    free(bulk.progress);
    return bulk.stopped != ERR_OK ? bulk.stopped : all_done ? ERR_OK : ERR_AGAIN;
}
