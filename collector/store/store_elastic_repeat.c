/* Repeats across a rollover. `create` compares ids within the newest backing index alone, so what may stand in an older
 * one is looked up before it is sent. The rule:
 *
 *   - A document cannot have been stored before its beacon's last event (a window's end, an alert's state). If that is
 *     younger than the newest backing index, with a minute for clocks that disagree, an older index cannot have it.
 *     Without a rollover there is no older index. So nothing is looked up, whatever the backlog, but what was about to
 * be stored when the stream last rolled over, and what browsers send late.
 *   - A call knows the newest backing index before its first document and asks again after its last. If it is another
 * one by then, nothing of the call counts as done: it is made again, once at once, and looked up by the new index.
 *   - A look-up that finds an id in two backing indices removes the younger one: that is how a double looks that such a
 *     call, or one that was killed in the middle, has made.
 *
 * Searches see what was refreshed: the stream is refreshed when a new backing index is first noticed. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/store_elastic_bulk.h"

#define CLOCKS_MS 60000

/* ---- what the stream is made of ---- */

/* {".ds-…-000002":{"settings":{"index.creation_date":"1795…"}},…} */
static void read_view(const json_t *root, struct view *ret_view)
{
    const char *name;
    json_t *index;
    json_object_foreach((json_t *)(uintptr_t)root, name, index)
    {
        const char *date =
            json_string_value(json_object_get(json_object_get(index, "settings"), "index.creation_date"));
        int64_t created_ms = date ? strtoll(date, NULL, 10) : 0;
        if (!date || strlen(name) >= sizeof ret_view->newest)
            continue;
        ret_view->n++;
        if (created_ms > ret_view->created_ms ||
            (created_ms == ret_view->created_ms && strcmp(name, ret_view->newest) > 0)) {
            ret_view->created_ms = created_ms;
            strcpy(ret_view->newest, name);
        }
    }
    ret_view->is_known = true;
}

static enum err ask(struct elastic *elastic, enum stream stream, struct view *ret_view)
{
    char path[NAME_BYTES + 80];
    struct http_response response;
    snprintf(path, sizeof path, "/%s/_settings/index.creation_date?flat_settings=true", elastic->streams[stream]);
    http_response_init(&response, 1u << 20);
    *ret_view = (struct view){0};
    enum err err = elastic_send(elastic, "GET", path, SLICE_NONE, false, &response);
    if (err == ERR_OK && response.status == 404) {
        ret_view->is_known = true; /* no stream yet */
    } else if (err == ERR_OK && response.status == 403 && !strstr(response.body.at, "cluster_block_exception")) {
        ret_view->is_known = ret_view->is_forbidden = true;
    } else if (err == ERR_OK && response.status == 200) {
        json_t *root = json_loadb(response.body.at, response.body.len, 0, NULL);
        if (json_is_object(root))
            read_view(root, ret_view);
        else
            err = ERR_AGAIN;
        json_decref(root);
    } else if (err == ERR_OK) {
        err = elastic_status(&response, "asking for backing indices", ERR_AGAIN);
    }
    http_response_done(&response);
    return err;
}

/* What was stored before the rollover shows in searches from now on. */
static enum err refresh(struct elastic *elastic, enum stream stream)
{
    char path[NAME_BYTES + 64];
    struct http_response response;
    snprintf(path, sizeof path, "/%s/_refresh?filter_path=_shards.failed", elastic->streams[stream]);
    http_response_init(&response, 1u << 20);
    enum err err = elastic_send(elastic, "POST", path, SLICE_NONE, false, &response);
    if (err == ERR_OK && response.status == 403)
        log_info("store",
                 "elastic: the credentials may not refresh %s: what was stored in the second before a rollover"
                 " may be stored twice",
                 elastic->streams[stream]);
    else if (err == ERR_OK && response.status != 200 && response.status != 404)
        err = elastic_status(&response, "refresh", ERR_AGAIN);
    http_response_done(&response);
    return err;
}

static bool is_same(const struct view *a, const struct view *b)
{
    return a->is_known && b->is_known && strcmp(a->newest, b->newest) == 0;
}

/* Looks again; *ret_moved: there is a newer backing index than `than`. */
static enum err look_again(struct elastic *elastic, enum stream stream, const struct view *than, bool *ret_moved)
{
    struct view view;
    enum err err = ask(elastic, stream, &view);
    if (err == ERR_OK && !is_same(&view, than) && view.n > 1)
        err = refresh(elastic, stream);
    if (err != ERR_OK)
        view = (struct view){0};
    pthread_mutex_lock(&elastic->view_mutex);
    elastic->views[stream] = view;
    pthread_mutex_unlock(&elastic->view_mutex);
    /* the first one of a stream comes after nothing that could be repeated */
    *ret_moved = !is_same(&view, than) && view.n > 1;
    return err;
}

/* ---- the rule ---- */

static const enum stream stream_of[] = {[STORE_BEACON] = STREAM_EVENTS,
                                        [STORE_ROLLUP] = STREAM_ROLLUPS,
                                        [STORE_ALERT] = STREAM_ALERTS,
                                        [STORE_REJECT] = STREAM_REJECTS,
                                        [STORE_HEALTH] = STREAM_HEALTH};

void repeat_begin(struct writer *writer)
{
    struct elastic *elastic = writer->elastic;
    bool wanted[STREAM_COUNT] = {false}, moved;
    for (size_t i = 0; i < writer->n; i++)
        wanted[stream_of[writer->items[i].kind]] = true;
    for (int i = 0; i < STREAM_COUNT && writer->stopped == ERR_OK; i++) {
        writer->has_sent[i] = false;
        if (!wanted[i])
            continue;
        pthread_mutex_lock(&elastic->view_mutex);
        writer->views[i] = elastic->views[i];
        pthread_mutex_unlock(&elastic->view_mutex);
        if (writer->views[i].is_known)
            continue;
        writer->stopped = look_again(elastic, (enum stream)i, &writer->views[i], &moved);
        pthread_mutex_lock(&elastic->view_mutex);
        writer->views[i] = elastic->views[i];
        pthread_mutex_unlock(&elastic->view_mutex);
    }
}

bool repeat_may_be_old(const struct writer *writer, enum stream stream, int64_t at_ms)
{
    const struct view *view = &writer->views[stream];
    if (view->is_forbidden)
        return at_ms < writer->now_ms - FRESH_MS;
    return view->n > 1 && at_ms < view->created_ms + CLOCKS_MS;
}

bool repeat_was_overtaken(struct writer *writer)
{
    bool overtaken = false;
    for (int i = 0; i < STREAM_COUNT; i++) {
        bool moved = false;
        if (!writer->has_sent[i] || writer->views[i].is_forbidden)
            continue;
        enum err err = look_again(writer->elastic, (enum stream)i, &writer->views[i], &moved);
        if (moved)
            log_info("store", "elastic: %s has rolled over; what was just written is looked up",
                     writer->elastic->streams[i]);
        overtaken = overtaken || moved || err != ERR_OK;
    }
    return overtaken;
}

/* ---- looking up ---- */

static size_t write_query(const struct request *request, struct buf *query)
{
    size_t n = 0;
    buf_clear(query);
    buf_text(query, "{\"_source\":false,\"sort\":[\"_doc\"],\"query\":{\"ids\":{\"values\":[");
    for (size_t i = 0; i < request->n; i++) {
        if (!request->documents[i].may_be_old)
            continue;
        buf_text(query, n++ ? ",\"" : "\"");
        buf_add_slice(query, document_id(request, &request->documents[i]));
        buf_char(query, '"');
    }
    buf_printf(query, "]}},\"size\":%zu}", 2 * n); /* twice: doubles are to be seen */
    assert(!buf_failed(query));
    return n;
}

/* Ids that the stream has, each with the index it is in, or null; the lines of a request that removes doubles. */
static json_t *read_hits(const json_t *root, struct buf *removals)
{
    json_t *ids = json_object();
    size_t i;
    const json_t *hit;
    json_array_foreach(json_object_get(json_object_get(root, "hits"), "hits"), i, hit)
    {
        const char *id = json_string_value(json_object_get(hit, "_id"));
        const char *index = json_string_value(json_object_get(hit, "_index"));
        const char *other = id ? json_string_value(json_object_get(ids, id)) : NULL;
        if (!id || !index)
            continue;
        if (!other) {
            json_object_set_new(ids, id, json_string(index));
        } else if (strcmp(index, other) != 0) { /* names end in the date and a number that grows */
            buf_printf(removals, "{\"delete\":{\"_index\":\"%s\",\"_id\":\"%s\"}}\n",
                       strcmp(index, other) > 0 ? index : other, id);
            json_object_set_new(ids, id, json_null()); /* stored twice */
        }
    }
    return ids;
}

static void remove_doubles(struct writer *writer, struct slice lines, struct http_response *response)
{
    size_t n = 0;
    for (size_t i = 0; i < lines.len; i++)
        n += lines.at[i] == '\n';
    enum err err = elastic_send(writer->elastic, "POST", "/_bulk?filter_path=errors", lines, false, response);
    bool good = err == ERR_OK && response->status == 200 && strstr(response->body.at, "\"errors\":false");
    log_line(good ? LOG_INFO : LOG_WARN, "store", ERR_OK, "elastic: %zu documents stood on both sides of a rollover%s",
             n, good ? "; the younger ones were removed" : " and could not be removed");
    METRIC_ADD("seismo_elastic_doubles_total", "documents found on both sides of a rollover", (int64_t)n);
}

/* NULL: writer->stopped says why. */
static json_t *find_known(struct writer *writer, enum stream stream)
{
    char path[NAME_BYTES + 160];
    struct http_response response;
    struct buf removals;
    snprintf(path, sizeof path,
             "/%s/_search?ignore_unavailable=true&filter_path=timed_out,_shards.failed,hits.hits._id,hits.hits._index",
             writer->elastic->streams[stream]);
    http_response_init(&response, ANSWER_BYTES);
    buf_init(&removals, 4u << 20);
    enum err err = elastic_send(writer->elastic, "POST", path, buf_slice(&writer->query), false, &response);
    if (err == ERR_OK && response.status != 200)
        err = elastic_status(&response, "look up", ERR_AGAIN);
    json_t *root = err == ERR_OK ? json_loadb(response.body.at, response.body.len, 0, NULL) : NULL, *ids = NULL;
    int failed = 1, timed_out = 1;
    json_unpack(root, "{s:b, s:{s:i}}", "timed_out", &timed_out, "_shards", "failed", &failed);
    if (failed || timed_out) /* half an answer would store twice */
        writer->stopped = err == ERR_OK ? ERR_AGAIN : err;
    else
        ids = read_hits(root, &removals);
    json_decref(root);
    if (removals.len)
        remove_doubles(writer, buf_slice(&removals), &response);
    buf_done(&removals);
    http_response_done(&response);
    return ids;
}

/* Takes the documents that are there already out of the body. */
static void drop_known(struct writer *writer, struct request *request, const json_t *ids)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < request->n; i++) {
        struct document document = request->documents[i];
        struct slice id = document_id(request, &document);
        char key[RECORD_ID_BYTES];
        snprintf(key, sizeof key, "%.*s", SLICE_ARG(id));
        const json_t *known = document.may_be_old ? json_object_get(ids, key) : NULL;
        if (known) {
            uint32_t *stored = &writer->items[document.item].stored;
            writer_note_stored(writer, &document, false);
            *stored -= json_is_null(known) && *stored; /* counted as new by the call that made the double */
            continue;
        }
        memmove(request->body.at + at, request->body.at + document.at, document.len);
        document.at = at;
        at += document.len;
        request->documents[kept++] = document;
    }
    request->n = kept;
    request->body.len = at;
}

void repeat_look_up(struct writer *writer, struct request *request)
{
    if (!request->may_be_old || write_query(request, &writer->query) == 0)
        return;
    json_t *ids = find_known(writer, request->stream);
    if (ids)
        drop_known(writer, request, ids);
    json_decref(ids);
}
