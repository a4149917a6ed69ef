/* Items become documents, documents become the lines of _bulk requests. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/store_elastic_bulk.h"
#include "store/store_elastic_flow.h"

/* Room for one more document in the request that is being filled. */
static struct request *request_for(struct writer *writer, enum stream stream)
{
    struct request *request = writer->filling;
    if (request && (request->stream != stream || request->n == BULK_DOCUMENTS ||
                    request->body.len >= flow_bytes(&writer->elastic->flow))) {
        request->is_full = request->stream == stream;
        writer_submit(writer);
        request = NULL;
    }
    if (!request) {
        writer_next(writer);
        request = writer->filling;
        request->stream = stream;
    }
    if (request->n == request->size) {
        request->size = request->size ? 2 * request->size : 256;
        request->documents = realloc(request->documents, request->size * sizeof *request->documents);
        if (!request->documents)
            abort();
    }
    return request;
}

static struct request *begin(struct writer *writer, const struct document *document, enum stream stream,
                             struct slice id)
{
    struct request *request = request_for(writer, stream);
    request->documents[request->n] = *document;
    request->documents[request->n].at = request->body.len;
    buf_add(&request->body, ACTION_HEAD, sizeof ACTION_HEAD - 1);
    buf_add_slice(&request->body, id);
    buf_add(&request->body, "\"}}\n", 4);
    return request;
}

/* A line's end would end the document; JSON has it between tokens only. */
static void keep_to_one_line(char *at, char *end)
{
    for (; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        *at = ' ';
}

/* The document stands behind its action's line. */
static void end(struct writer *writer, struct request *request)
{
    struct document *document = &request->documents[request->n];
    struct buf *body = &request->body;
    assert(!buf_failed(body));
    char *line = (char *)memchr(body->at + document->at, '\n', body->len - document->at) + 1;
    size_t len = (size_t)(body->at + body->len - line);
    if (len > DOCUMENT_MAX_BYTES) {
        body->len = document->at;
        writer_refuse(writer, document->item, document->event, "the document is larger than allowed", "");
        return;
    }
    keep_to_one_line(line, line + len);
    buf_char(body, '\n');
    document->len = (uint32_t)(body->len - document->at);
    request->may_be_old = request->may_be_old || document->may_be_old;
    request->n++;
    writer->progress[document->item].waiting++;
}

/* No attempt to send a beacon can be older than its last event, nor can it have been stored before. An event that says
 * it comes from the future says nothing about that. */
static int64_t earliest(const struct record *record)
{
    int64_t latest_ms = INT64_MIN;
    for (size_t i = 0; i < record->n_facts; i++) {
        if (record->facts[i].flags & EVENT_FUTURE)
            return INT64_MIN;
        if (record->facts[i].at_ms > latest_ms)
            latest_ms = record->facts[i].at_ms;
    }
    return latest_ms < record->received_at_ms ? latest_ms : record->received_at_ms;
}

static enum err add_beacon(struct writer *writer, uint32_t i)
{
    struct record record;
    char id[RECORD_ID_BYTES];
    arena_reset(writer->arena);
    enum err err = record_decode(writer->items[i].value, writer->arena, &record);
    if (err != ERR_OK)
        return err;
    bool old = repeat_may_be_old(writer, STREAM_EVENTS, earliest(&record));
    record_beacon_id(&record, id);
    buf_clear(&writer->head);
    document_head(&record, &writer->head);
    for (size_t j = 0; j < record.n_facts && writer->stopped == ERR_OK; j++) {
        const struct fact *fact = &record.facts[j];
        struct document document = {.item = i, .event = fact->index, .may_be_old = old};
        struct slice whole = {id, record_event_id(id, fact)};
        struct request *request = begin(writer, &document, STREAM_EVENTS, whole);
        document_write_under(&record, fact, buf_slice(&writer->head), &request->body);
        end(writer, request);
    }
    return ERR_OK;
}

static enum err add_rollup(struct writer *writer, uint32_t i)
{
    struct reader reader = reader_of(writer->items[i].value);
    struct document document = {.item = i, .event = -1};
    struct rollup rollup;
    char id[RECORD_ID_BYTES];
    enum err err = rollup_read(&reader, &rollup);
    if (err != ERR_OK)
        return err;
    rollup_id(&rollup, id);
    document.may_be_old = repeat_may_be_old(writer, STREAM_ROLLUPS, rollup.start_ms + rollup.width_s * 1000);
    struct request *request = begin(writer, &document, STREAM_ROLLUPS, slice_of(id));
    rollup_document(&rollup, &request->body);
    rollup_done(&rollup);
    end(writer, request);
    return ERR_OK;
}

static enum err add_alert(struct writer *writer, uint32_t i)
{
    struct reader reader = reader_of(writer->items[i].value);
    struct document document = {.item = i, .event = -1};
    struct alert alert;
    char id[RECORD_ID_BYTES];
    enum err err = alert_read(&reader, &alert);
    if (err != ERR_OK)
        return err;
    alert_document_id(&alert, id);
    document.may_be_old =
        repeat_may_be_old(writer, STREAM_ALERTS, alert.state == ALERT_RESOLVED ? alert.resolved_ms : alert.opened_ms);
    struct request *request = begin(writer, &document, STREAM_ALERTS, slice_of(id));
    alert_document(&alert, &request->body);
    end(writer, request);
    return ERR_OK;
}

/* The id comes from outside: only what needs no escaping in the action's line is taken.
 * at_ms: it cannot have been stored before. */
static enum err add_whole(struct writer *writer, uint32_t i, enum stream stream, int64_t at_ms)
{
    const struct store_item *item = &writer->items[i];
    struct document document = {.item = i, .event = -1};
    if (item->id.len == 0 || item->id.len >= RECORD_ID_BYTES || item->value.len == 0)
        return ERR_CORRUPT;
    for (size_t j = 0; j < item->id.len; j++)
        if ((unsigned char)item->id.at[j] <= ' ' || strchr("\"\\\177", item->id.at[j]))
            return ERR_CORRUPT;
    document.may_be_old = repeat_may_be_old(writer, stream, at_ms);
    struct request *request = begin(writer, &document, stream, item->id);
    buf_add_slice(&request->body, item->value);
    end(writer, request);
    return ERR_OK;
}

static enum err add_item(struct writer *writer, uint32_t i)
{
    switch (writer->items[i].kind) {
    case STORE_BEACON: return add_beacon(writer, i);
    case STORE_ROLLUP: return add_rollup(writer, i);
    case STORE_ALERT: return add_alert(writer, i);
    case STORE_REJECT: return add_whole(writer, i, STREAM_REJECTS, INT64_MIN); /* nothing says how old it is */
    case STORE_HEALTH: return add_whole(writer, i, STREAM_HEALTH, INT64_MAX);  /* each is sent once */
    }
    abort();
}

void writer_add_all(struct writer *writer)
{
    enum err newer = ERR_OK;
    for (uint32_t i = 0; i < writer->n && writer->stopped == ERR_OK && newer == ERR_OK; i++) {
        if (writer->items[i].done)
            continue;
        enum err err = add_item(writer, i);
        if (err == ERR_NEWER_VERSION) {
            newer = err; /* what came before it is still sent */
            continue;
        }
        if (err != ERR_OK)
            writer_refuse(writer, i, -1, "the value is damaged", "");
        writer->progress[i].is_complete = writer->stopped == ERR_OK;
    }
    writer_submit(writer);
    writer->newer = newer;
}
