/* /api/rejects: what was refused after it had been taken, newest first: why, from where on the bus, and what it was.
 *
 * What a reject document keeps is the record as it was on the bus, redacted before it came there; of it the refused
 * event is shown. A record that cannot be read, or was cut, shows nothing but its figures. */
#include <math.h>

#include "event/record.h"
#include "live/live_int.h"

#define MAX_ROWS 20
#define SHOWN_BYTES 2000
#define RECORD_BYTES 1048576

struct rejects {
    struct buf *buf;
};

static const struct fact *fact_of(const struct record *record, double event)
{
    for (size_t i = 0; i < record->n_facts; i++)
        if (isnan(event) || event < 0 || record->facts[i].index == event)
            return &record->facts[i];
    return NULL;
}

static void write_original(struct buf *buf, const json_t *document, double event)
{
    struct buf bytes;
    struct record record;
    struct arena *arena = arena_new(65536, RECORD_BYTES * 4);
    buf_init(&bytes, RECORD_BYTES);
    if (base64_read(live_member(document, "event.original"), &bytes) &&
        record_decode(buf_slice(&bytes), arena, &record) == ERR_OK) {
        const struct fact *fact = fact_of(&record, event);
        struct slice json = fact ? fact->json : SLICE_NONE;
        buf_json_field(buf, "application", record.application);
        buf_json_field(buf, "service", record.service);
        buf_json_field(buf, "session", record.session);
        json.len = json.len < SHOWN_BYTES ? json.len : SHOWN_BYTES;
        buf_json_field(buf, "original", json);
    }
    buf_done(&bytes);
    arena_free(arena);
}

static bool write_reject(void *ctx, struct slice id, struct slice json)
{
    struct rejects *rejects = ctx;
    struct buf *buf = rejects->buf;
    json_t *document = live_document(json);
    const json_t *reject = document ? json_object_get(document, "seismo.reject") : NULL;
    if (json_is_object(reject)) {
        double event = live_member_number(reject, "event");
        buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
        buf_json_field(buf, "id", id);
        buf_json_field(buf, "at", live_member(document, "@timestamp"));
        buf_json_field(buf, "code", live_member(reject, "code"));
        buf_json_field(buf, "reason", live_member(reject, "reason"));
        buf_json_field(buf, "topic", live_member(reject, "topic"));
        buf_json_number(buf, "partition", live_member_number(reject, "partition"));
        buf_json_number(buf, "position", live_member_number(reject, "position"));
        buf_json_number(buf, "event", event);
        buf_json_number(buf, "refused", live_member_number(reject, "refused"));
        buf_json_number(buf, "bytes", live_member_number(reject, "bytes"));
        write_original(buf, document, event);
        buf_char(buf, '}');
    }
    json_decref(document);
    return true;
}

enum err live_answer_rejects(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct rejects rejects = {buf};
    buf_text(buf, "{\"rows\":[");
    enum err err = store_read_rejects(live->options.store, query->limit < MAX_ROWS ? query->limit : MAX_ROWS,
                                      write_reject, &rejects);
    buf_text(buf, "]}\n");
    return err == ERR_OK ? err : err_set(text, err, "the rejects cannot be read: %s", err_sentence(err));
}
