/* Reading from Elasticsearch: a search for a page or two, a point in time for more. */
#include "store/store_elastic.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

#define PAGE 1000
#define PAGE_LEAST 16
#define KEEP_ALIVE "2m"
#define MAX_ALERTS 10000 /* states of alerts looked through for the latest ones */

/* One walk over a stream's documents in the order of their time. */
struct walk {
    struct elastic *elastic;
    enum stream stream;
    struct buf filters; /* terms and ranges, separated by commas */
    const char *source; /* what of the document is wanted: JSON for _source */
    bool newest_first;
    size_t limit; /* 0: all */
    /* false: enough */
    bool (*hit)(struct walk *walk, const char *id, const json_t *source);
    void *owner;
    size_t seen, page;
    char *pit;
    json_t *after; /* sort values of the last hit */
    struct http_response response;
};

/* ---- the query ---- */

static void add_comma(struct buf *filters)
{
    if (filters->len)
        buf_char(filters, ',');
}

static void add_term(struct buf *filters, const char *field, struct slice value)
{
    if (value.len == 0)
        return;
    add_comma(filters);
    buf_printf(filters, "{\"term\":{\"%s\":", field);
    buf_json_string(filters, value);
    buf_text(filters, "}}");
}

static void add_range(struct buf *filters, int64_t from_ms, int64_t to_ms)
{
    if (from_ms <= 0 && to_ms == 0)
        return;
    add_comma(filters);
    buf_printf(filters, "{\"range\":{\"@timestamp\":{\"format\":\"epoch_millis\",\"gte\":%" PRId64,
               from_ms > 0 ? from_ms : 0);
    if (to_ms)
        buf_printf(filters, ",\"lt\":%" PRId64, to_ms);
    buf_text(filters, "}}}");
}

/* Documents of one time have an order too, or a page would end among them and the next begin behind them all.
 * Elasticsearch adds one to a point in time by itself. */
static const char *tie_of(const struct walk *walk)
{
    if (!walk->pit || !atomic_load(&walk->elastic->is_open))
        return "";
    return atomic_load(&walk->elastic->has_shard_doc) ? ",{\"_shard_doc\":\"asc\"}" : ",{\"_id\":\"asc\"}";
}

static void write_query(const struct walk *walk, size_t size, struct buf *buf)
{
    buf_printf(buf, "{\"size\":%zu,\"track_total_hits\":false,\"_source\":%s,\"query\":{\"bool\":{\"filter\":[", size,
               walk->source);
    if (walk->filters.len)
        buf_add_slice(buf, buf_slice(&walk->filters));
    buf_printf(buf, "]}},\"sort\":[{\"@timestamp\":{\"order\":\"%s\",\"unmapped_type\":\"date\"}}%s]",
               walk->newest_first ? "desc" : "asc", tie_of(walk));
    if (walk->pit) {
        buf_text(buf, ",\"pit\":{\"keep_alive\":\"" KEEP_ALIVE "\",\"id\":");
        buf_json_string(buf, slice_of(walk->pit));
        buf_char(buf, '}');
    }
    if (walk->after) {
        char *after = json_dumps(walk->after, JSON_COMPACT);
        buf_text(buf, ",\"search_after\":");
        buf_text(buf, after ? after : "[]");
        free(after);
    }
    buf_char(buf, '}');
}

/* ---- pages ---- */

static json_t *parse(const struct walk *walk)
{
    return json_loadb(walk->response.body.at, walk->response.body.len, 0, NULL);
}

static enum err ask_for_pit(struct walk *walk, bool is_open)
{
    char path[NAME_BYTES + 96];
    /* OpenSearch stumbles over a stream that is not there when told to ignore that. */
    snprintf(path, sizeof path, "/%s/%s&keep_alive=" KEEP_ALIVE, walk->elastic->streams[walk->stream],
             is_open ? "_search/point_in_time?allow_partial_pit_creation=false" : "_pit?ignore_unavailable=true");
    return elastic_send(walk->elastic, "POST", path, SLICE_NONE, false, &walk->response);
}

static enum err open_pit(struct walk *walk)
{
    bool is_open = atomic_load(&walk->elastic->is_open);
    enum err err = ask_for_pit(walk, is_open);
    /* It was away at the start, and nobody has asked yet what it is. */
    if (err == ERR_OK && !is_open && walk->response.status == 400 && walk->response.body.len &&
        strstr(walk->response.body.at, "no handler found for uri")) {
        is_open = true;
        atomic_store(&walk->elastic->is_open, true);
        err = ask_for_pit(walk, true);
    }
    if (err != ERR_OK)
        return err;
    if (walk->response.status == 404)
        return ERR_MISSING; /* nothing was stored yet */
    if (walk->response.status != 200)
        return elastic_status(&walk->response, "open a point in time", ERR_STORE_READ);
    json_t *root = parse(walk);
    const char *id = json_string_value(json_object_get(root, is_open ? "pit_id" : "id"));
    walk->pit = id ? strdup(id) : NULL;
    json_decref(root);
    return walk->pit ? ERR_OK : ERR_STORE_READ;
}

/* A failure only costs the node two minutes of a search context. */
static void close_pit(struct walk *walk)
{
    struct buf body;
    if (!walk->pit)
        return;
    buf_init(&body, 1u << 20);
    bool is_open = atomic_load(&walk->elastic->is_open);
    buf_text(&body, is_open ? "{\"pit_id\":[" : "{\"id\":");
    buf_json_string(&body, slice_of(walk->pit));
    buf_text(&body, is_open ? "]}" : "}");
    elastic_send(walk->elastic, "DELETE", is_open ? "/_search/point_in_time" : "/_pit", buf_slice(&body), false,
                 &walk->response);
    buf_done(&body);
    free(walk->pit);
    walk->pit = NULL;
}

static enum err fetch_page(struct walk *walk, size_t size, json_t **ret_root)
{
    char path[NAME_BYTES + 64] = "/_search";
    struct buf query;
    if (!walk->pit)
        snprintf(path, sizeof path, "/%s/_search?ignore_unavailable=true", walk->elastic->streams[walk->stream]);
    buf_init(&query, 1u << 21);
    write_query(walk, size, &query);
    enum err err = buf_failed(&query)
                       ? ERR_TOO_LARGE
                       : elastic_send(walk->elastic, "POST", path, buf_slice(&query), false, &walk->response);
    buf_done(&query);
    if (err == ERR_OK && walk->response.status == 404 && !walk->pit)
        return ERR_MISSING;
    if (err == ERR_OK && walk->response.status != 200)
        err = elastic_status(&walk->response, "search", ERR_STORE_READ);
    if (err != ERR_OK)
        return err;
    int failed = 1, timed_out = 1;
    *ret_root = parse(walk);
    json_unpack(*ret_root, "{s:b, s:{s:i}}", "timed_out", &timed_out, "_shards", "failed", &failed);
    if (!failed && !timed_out)
        return ERR_OK;
    log_warn("store", ERR_STORE_READ, "elastic: search: only a part of the shards answered");
    json_decref(*ret_root);
    *ret_root = NULL;
    return ERR_STORE_READ;
}

/* Gives the page's hits away. *ret_more: the page was full and nobody said stop. */
static void give_page(struct walk *walk, const json_t *root, size_t size, bool *ret_more)
{
    const json_t *hits = json_object_get(json_object_get(root, "hits"), "hits"), *hit;
    const char *pit = json_string_value(json_object_get(root, "pit_id"));
    size_t i;
    *ret_more = json_array_size(hits) == size;
    json_array_foreach(hits, i, hit)
    {
        const char *id = json_string_value(json_object_get(hit, "_id"));
        walk->seen++;
        if (!walk->hit(walk, id ? id : "", json_object_get(hit, "_source")) || walk->seen == walk->limit) {
            *ret_more = false;
            return;
        }
        if (i + 1 == json_array_size(hits)) {
            json_decref(walk->after);
            walk->after = json_incref(json_object_get(hit, "sort"));
        }
    }
    if (walk->pit && pit && strcmp(walk->pit, pit) != 0) { /* it may change from page to page */
        free(walk->pit);
        walk->pit = strdup(pit);
    }
}

static enum err walk_pages(struct walk *walk)
{
    bool more = true;
    enum err err = ERR_OK;
    if (walk->limit == 0 || walk->limit > PAGE)
        err = open_pit(walk);
    while (err == ERR_OK && more) {
        json_t *root = NULL;
        size_t left = walk->limit ? walk->limit - walk->seen : walk->page;
        size_t size = left < walk->page ? left : walk->page;
        err = fetch_page(walk, size, &root);
        if (err == ERR_TOO_LARGE && walk->page > PAGE_LEAST) { /* long documents: fewer at a time */
            walk->page /= 2;
            err = walk->pit ? ERR_OK : open_pit(walk);
            continue;
        }
        if (err == ERR_OK)
            give_page(walk, root, size, &more);
        if (more && !walk->pit)
            more = false;
        json_decref(root);
    }
    return err == ERR_MISSING ? ERR_OK : err; /* no stream, no documents */
}

static enum err walk_run(struct walk *walk)
{
    walk->page = PAGE;
    http_response_init(&walk->response, ANSWER_BYTES);
    enum err err = buf_failed(&walk->filters) ? ERR_TOO_LARGE : walk_pages(walk);
    close_pit(walk);
    json_decref(walk->after);
    http_response_done(&walk->response);
    buf_done(&walk->filters);
    return err;
}

/* ---- events ---- */

struct event_reader {
    store_document_fn *each;
    void *ctx;
    struct buf text;
};

/* Compact, members in the order that they were stored in, numbers as short as they can be: like document_write. */
static void write_json(struct buf *buf, const json_t *value)
{
    size_t i;
    const json_t *member;
    const char *name;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        buf_char(buf, '{');
        for (void *at = json_object_iter((json_t *)(uintptr_t)value); at;
             at = json_object_iter_next((json_t *)(uintptr_t)value, at)) {
            name = json_object_iter_key(at);
            if (buf->at[buf->len - 1] != '{')
                buf_char(buf, ',');
            buf_json_string(buf, slice_of(name));
            buf_char(buf, ':');
            write_json(buf, json_object_iter_value(at));
        }
        buf_char(buf, '}');
        break;
    case JSON_ARRAY:
        buf_char(buf, '[');
        json_array_foreach(value, i, member)
        {
            if (i)
                buf_char(buf, ',');
            write_json(buf, member);
        }
        buf_char(buf, ']');
        break;
    case JSON_STRING: buf_json_string(buf, (struct slice){json_string_value(value), json_string_length(value)}); break;
    case JSON_INTEGER: buf_int(buf, json_integer_value(value)); break;
    case JSON_REAL: buf_number(buf, json_real_value(value)); break;
    case JSON_TRUE: buf_text(buf, "true"); break;
    case JSON_FALSE: buf_text(buf, "false"); break;
    case JSON_NULL: buf_text(buf, "null"); break;
    }
}

static bool give_event(struct walk *walk, const char *id, const json_t *source)
{
    struct event_reader *reader = walk->owner;
    buf_clear(&reader->text);
    if (source)
        write_json(&reader->text, source);
    if (!source || buf_failed(&reader->text)) {
        METRIC_ADD("seismo_store_unreadable_total", "stored events that could not be read back", 1);
        return true;
    }
    return reader->each(reader->ctx, slice_of(id), buf_slice(&reader->text));
}

enum err elastic_read_events(struct store *store, const struct store_event_query *query, store_document_fn *each,
                             void *ctx)
{
    struct event_reader reader = {.each = each, .ctx = ctx};
    struct walk walk = {.elastic = (struct elastic *)store,
                        .stream = STREAM_EVENTS,
                        .source = "true",
                        .newest_first = query->newest_first,
                        .limit = query->limit,
                        .hit = give_event,
                        .owner = &reader};
    buf_init(&walk.filters, 65536);
    add_term(&walk.filters, "seismo.application", query->application);
    add_term(&walk.filters, "service.name", query->service);
    add_term(&walk.filters, "session.id", query->session);
    add_term(&walk.filters, "error.code", query->code);
    add_term(&walk.filters, "event.action", query->kind);
    add_term(&walk.filters, "user.id", query->user);
    add_term(&walk.filters, "seismo.beacon.id", query->beacon);
    add_term(&walk.filters, "seismo.page.route", query->page);
    add_range(&walk.filters, query->from_ms, query->to_ms);
    buf_init(&reader.text, 4u << 20);
    enum err err = walk_run(&walk);
    buf_done(&reader.text);
    return err;
}

/* ---- windows ---- */

struct rollup_reader {
    store_rollup_fn *each;
    void *ctx;
    struct buf scratch;
};

static bool give_rollup(struct walk *walk, const char *id, const json_t *source)
{
    struct rollup_reader *reader = walk->owner;
    const json_t *state = json_object_get(source, "seismo.rollup.state");
    struct rollup rollup;
    if (rollup_from_state((struct slice){json_string_value(state), json_string_length(state)}, &reader->scratch,
                          &rollup) != ERR_OK) {
        METRIC_ADD("seismo_store_unreadable_total", "stored events that could not be read back", 1);
        log_warn("store", ERR_CORRUPT, "elastic: the window %s cannot be read and is left out", id);
        return true;
    }
    bool more = reader->each(reader->ctx, &rollup);
    rollup_done(&rollup);
    return more;
}

enum err elastic_read_rollups(struct store *store, const struct store_rollup_query *query, store_rollup_fn *each,
                              void *ctx)
{
    struct rollup_reader reader = {.each = each, .ctx = ctx};
    struct walk walk = {.elastic = (struct elastic *)store,
                        .stream = STREAM_ROLLUPS,
                        .source = "[\"seismo.rollup.state\"]",
                        .hit = give_rollup,
                        .owner = &reader};
    buf_init(&walk.filters, 65536);
    add_term(&walk.filters, "seismo.application", query->application);
    add_term(&walk.filters, "service.name", query->service);
    add_term(&walk.filters, "service.environment", query->environment);
    add_term(&walk.filters, "seismo.rollup.name", query->name);
    add_term(&walk.filters, "seismo.rollup.detail", query->detail);
    if (query->kind)
        add_term(&walk.filters, "seismo.rollup.kind", slice_of(series_kind_name(query->kind)));
    add_comma(&walk.filters);
    buf_printf(&walk.filters, "{\"term\":{\"seismo.rollup.width\":%d}}", query->width_s);
    add_range(&walk.filters, query->from_ms, query->to_ms);
    buf_init(&reader.scratch, 1u << 20);
    enum err err = walk_run(&walk);
    buf_done(&reader.scratch);
    return err;
}

/* ---- alerts ---- */

struct alert_reader {
    store_alert_fn *each;
    void *ctx;
    bool only_firing;
    size_t limit, given;
    json_t *seen; /* ids whose latest state has passed */
};

static struct slice text_of(const json_t *source, const char *name)
{
    const json_t *value = json_object_get(source, name);
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static double number_of(const json_t *source, const char *name)
{
    return json_number_value(json_object_get(source, name));
}

static int64_t time_of(const json_t *source, const char *name)
{
    struct slice text = text_of(source, name);
    int64_t ms = text.len ? clock_parse(text.at, text.len) : -1;
    return ms < 0 ? 0 : ms;
}

/* The numbers of one enum by their names. */
static int named(struct slice name, const char *(*name_of)(int), int last)
{
    for (int i = 1; i <= last; i++)
        if (slice_is(name, name_of(i)))
            return i;
    return 0;
}
static const char *kind_name(int i)
{
    return alert_kind_name((enum alert_kind)i);
}
static const char *state_name(int i)
{
    return alert_state_name((enum alert_state)i);
}
static const char *series_name(int i)
{
    return series_kind_name((enum series_kind)i);
}

/* Back from alert_document. */
static bool read_alert(const json_t *source, struct alert *ret_alert)
{
    struct slice id = text_of(source, "seismo.alert.id");
    struct alert alert = {.since_ms = time_of(source, "event.start"),
                          .opened_ms = time_of(source, "seismo.alert.opened"),
                          .resolved_ms = time_of(source, "event.end"),
                          .observed = number_of(source, "seismo.alert.observed"),
                          .expected = number_of(source, "seismo.alert.expected"),
                          .sessions = number_of(source, "seismo.alert.sessions"),
                          .events = number_of(source, "seismo.alert.events"),
                          .young = json_is_true(json_object_get(source, "seismo.alert.young")),
                          .history_s = (int32_t)number_of(source, "seismo.alert.history")};
    alert.kind = (enum alert_kind)named(text_of(source, "seismo.alert.kind"), kind_name, ALERT_SELF);
    alert.state = (enum alert_state)named(text_of(source, "seismo.alert.state"), state_name, ALERT_RESOLVED);
    alert.key = (struct series_key){
        .kind = (enum series_kind)named(text_of(source, "seismo.alert.series.kind"), series_name, SERIES_SELF),
        .application = text_of(source, "seismo.application"),
        .service = text_of(source, "service.name"),
        .environment = text_of(source, "service.environment"),
        .name = text_of(source, "seismo.alert.series.name"),
        .detail = text_of(source, "seismo.alert.series.detail")};
    if (id.len == 0 || id.len >= sizeof alert.id || !alert.kind || !alert.state || !alert.key.kind)
        return false;
    memcpy(alert.id, id.at, id.len);
    *ret_alert = alert;
    return true;
}

/* The newest document of an alert is its latest state; older ones are passed over. */
static bool give_alert(struct walk *walk, const char *id, const json_t *source)
{
    struct alert_reader *reader = walk->owner;
    struct alert alert;
    if (!read_alert(source, &alert)) {
        METRIC_ADD("seismo_store_unreadable_total", "stored events that could not be read back", 1);
        log_warn("store", ERR_CORRUPT, "elastic: the alert %s cannot be read and is left out", id);
        return true;
    }
    if (json_object_get(reader->seen, alert.id))
        return true;
    json_object_set_new(reader->seen, alert.id, json_true());
    if (reader->only_firing && alert.state != ALERT_FIRING)
        return true;
    return reader->each(reader->ctx, &alert) && ++reader->given < reader->limit;
}

enum err elastic_read_alerts(struct store *store, struct slice application, bool only_firing, size_t limit,
                             store_alert_fn *each, void *ctx)
{
    struct alert_reader reader = {.each = each, .ctx = ctx, .only_firing = only_firing, .limit = limit};
    struct walk walk = {.elastic = (struct elastic *)store,
                        .stream = STREAM_ALERTS,
                        .source = "true",
                        .newest_first = true,
                        .limit = MAX_ALERTS,
                        .hit = give_alert,
                        .owner = &reader};
    reader.seen = json_object();
    buf_init(&walk.filters, 65536);
    add_term(&walk.filters, "seismo.application", application);
    enum err err = walk_run(&walk);
    json_decref(reader.seen);
    return err;
}

enum err elastic_read_rejects(struct store *store, size_t limit, store_document_fn *each, void *ctx)
{
    struct event_reader reader = {.each = each, .ctx = ctx};
    struct walk walk = {.elastic = (struct elastic *)store,
                        .stream = STREAM_REJECTS,
                        .source = "true",
                        .newest_first = true,
                        .limit = limit,
                        .hit = give_event,
                        .owner = &reader};
    buf_init(&walk.filters, 65536);
    buf_init(&reader.text, 4u << 20);
    enum err err = walk_run(&walk);
    buf_done(&reader.text);
    return err;
}
