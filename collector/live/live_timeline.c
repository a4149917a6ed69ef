/* /api/session and /api/find: what one visitor went through, and where a text that somebody pasted leads.
 *
 * A timeline carries what the page shows of an event, under short names; the whole document is in the store. A session
 * is told from its beginning; of a user, who may have come for years, the newest events are told. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "live/live_int.h"

#define MAX_TIMELINE 2000

/* What the timeline shows of a document, under which name. */
static const struct {
    const char *from, *to;
} shown[] = {
    {"@timestamp", "at"},
    {"event.action", "kind"},
    {"session.id", "session"},
    {"seismo.view.id", "view"},
    {"seismo.page.route", "page"},
    {"seismo.page.path", "path"},
    {"seismo.page.title", "title"},
    {"seismo.route", "route"},
    {"url.full", "url"},
    {"seismo.duration_ms", "ms"},
    {"http.request.method", "method"},
    {"http.response.status_code", "status"},
    {"event.outcome", "outcome"},
    {"http.response.bytes", "bytes"},
    {"seismo.initiator", "initiator"},
    {"trace.id", "trace"},
    {"seismo.navigation", "navigation"},
    {"seismo.previous_page", "from"},
    {"seismo.click.name", "name"},
    {"seismo.click.role", "role"},
    {"seismo.click.selector", "selector"},
    {"seismo.click.count", "times"},
    {"seismo.click.flags", "flags"},
    {"error.code", "code"},
    {"error.type", "type"},
    {"error.message", "message"},
    {"error.stack_trace", "stack"},
    {"seismo.error.source", "source"},
    {"seismo.error.count", "times"},
    {"seismo.vital.name", "vital"},
    {"seismo.vital.value", "value"},
    {"seismo.vital.rating", "rating"},
    {"seismo.vital.target", "target"},
    {"seismo.event.name", "event"},
    {"seismo.event.value", "worth"},
    {"seismo.event.props", "props"},
    {"seismo.mark.name", "mark"},
    {"seismo.mark.value_ms", "value"},
    {"seismo.measure.name", "measure"},
    {"event.original", "original"},
};

/* Under "parts": the phases of a page or a call, and what a vital is made of. */
static const struct {
    const char *from, *to;
} parts[] = {
    {"seismo.phase.redirect_ms", "redirect"},
    {"seismo.phase.dns_ms", "dns"},
    {"seismo.phase.connect_ms", "connect"},
    {"seismo.phase.request_ms", "request"},
    {"seismo.phase.response_ms", "response"},
    {"seismo.phase.dom_ms", "dom"},
    {"seismo.phase.load_ms", "load"},
    {"seismo.vital.resource", "resource"},
    {"seismo.vital.ttfb_ms", "ttfb"},
    {"seismo.vital.load_delay_ms", "load_delay"},
    {"seismo.vital.load_time_ms", "load_time"},
    {"seismo.vital.render_delay_ms", "render_delay"},
    {"seismo.vital.interaction", "interaction"},
    {"seismo.vital.input_delay_ms", "input_delay"},
    {"seismo.vital.processing_ms", "processing"},
    {"seismo.vital.presentation_ms", "presentation"},
    {"seismo.vital.script", "script"},
    {"seismo.vital.invoker", "invoker"},
    {"seismo.vital.shift", "shift"},
};

/* The same in every event of a session; taken from the newest that has it. */
static const struct {
    const char *from, *to;
} common[] = {
    {"session.id", "id"},
    {"user.id", "user"},
    {"seismo.application", "application"},
    {"service.name", "service"},
    {"labels", "labels"},
    {"service.version", "version"},
    {"service.environment", "environment"},
    {"user_agent.name", "browser"},
    {"user_agent.version", "browser_version"},
    {"user_agent.os.name", "os"},
    {"user_agent.device.name", "device"},
    {"client.geo.country_iso_code", "country"},
};

struct timeline {
    struct live *live;
    int64_t left_ms;           /* for source maps */
    struct buf rows;           /* in the order in which they were read */
    size_t ends[MAX_TIMELINE]; /* of each row in rows */
    size_t n;
    json_t *about;
    bool more, newest_first;
};

static void write_bare(struct buf *buf, const json_t *value);

/* Not by jansson, which lets control characters pass that some terminals obey. Names may be the page's own. */
static void write_members(struct buf *buf, const json_t *object)
{
    json_t *members = (json_t *)(uintptr_t)object; /* the iterator wants it so and changes nothing */
    buf_char(buf, '{');
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        if (buf->at[buf->len - 1] != '{')
            buf_char(buf, ',');
        buf_json_string(buf, slice_of(json_object_iter_key(at)));
        buf_char(buf, ':');
        write_bare(buf, json_object_iter_value(at));
    }
    buf_char(buf, '}');
}

static void write_list(struct buf *buf, const json_t *list)
{
    buf_char(buf, '[');
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i)
            buf_char(buf, ',');
        write_bare(buf, json_array_get(list, i));
    }
    buf_char(buf, ']');
}

static void write_bare(struct buf *buf, const json_t *value)
{
    if (json_is_string(value))
        buf_json_string(buf, (struct slice){json_string_value(value), json_string_length(value)});
    else if (json_is_number(value))
        buf_number(buf, json_number_value(value));
    else if (json_is_object(value))
        write_members(buf, value);
    else if (json_is_array(value))
        write_list(buf, value);
    else
        buf_text(buf, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
}

static void write_value(struct buf *buf, const char *name, const json_t *value)
{
    if (!value)
        return;
    buf_json_name(buf, name);
    write_bare(buf, value);
}

static void write_parts(struct buf *buf, const json_t *document)
{
    bool any = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const json_t *value = json_object_get(document, parts[i].from);
        if (!value)
            continue;
        if (!any) {
            buf_json_name(buf, "parts");
            buf_char(buf, '{');
        }
        any = true;
        write_value(buf, parts[i].to, value);
    }
    if (any)
        buf_char(buf, '}');
}

static void note_common(struct timeline *timeline, const json_t *document)
{
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        json_t *value = json_object_get(document, common[i].from);
        bool is_newer = !timeline->newest_first || !json_object_get(timeline->about, common[i].to);
        if (value && is_newer)
            json_object_set(timeline->about, common[i].to, value);
    }
}

static bool show(void *ctx, struct slice id, struct slice json)
{
    struct timeline *timeline = ctx;
    (void)id;
    if (timeline->n == MAX_TIMELINE) {
        timeline->more = true;
        return false;
    }
    json_t *document = live_document(json);
    if (!document)
        return true;
    buf_char(&timeline->rows, '{');
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        write_value(&timeline->rows, shown[i].to, json_object_get(document, shown[i].from));
    write_parts(&timeline->rows, document);
    live_write_resolved(timeline->live, document, &timeline->left_ms, &timeline->rows);
    buf_char(&timeline->rows, '}');
    timeline->ends[timeline->n++] = timeline->rows.len;
    note_common(timeline, document);
    json_decref(document);
    return !buf_failed(&timeline->rows);
}

/* Oldest first, however they were read. */
static void write_rows(const struct timeline *timeline, struct buf *buf)
{
    for (size_t i = 0; i < timeline->n; i++) {
        size_t at = timeline->newest_first ? timeline->n - 1 - i : i, begin = at ? timeline->ends[at - 1] : 0;
        if (i)
            buf_char(buf, ',');
        buf_add(buf, timeline->rows.at + begin, timeline->ends[at] - begin);
    }
}

static void write_timeline(const struct timeline *timeline, struct buf *buf)
{
    buf_text(buf, "{\"rows\":[");
    write_rows(timeline, buf);
    buf_char(buf, ']');
    buf_json_name(buf, "more");
    buf_text(buf, timeline->more ? "true" : "false");
    write_value(buf, "about", timeline->about);
    buf_text(buf, "}\n");
}

enum err live_answer_session(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    if (!query->id.len == !query->user.len)
        return err_set(text, ERR_BAD_PARAMETER, "id: say which session, or user: say whose");
    struct timeline *timeline = calloc(1, sizeof *timeline);
    if (!timeline)
        abort();
    timeline->live = live;
    timeline->left_ms = LIVE_RESOLVE_MS;
    timeline->about = json_object();
    timeline->newest_first = query->user.len > 0;
    buf_init(&timeline->rows, LIVE_MAX_ANSWER);
    struct store_event_query filter = {.session = query->id,
                                       .user = query->user,
                                       .application = query->application,
                                       .newest_first = timeline->newest_first,
                                       .limit = MAX_TIMELINE + 1};
    if (query->is_timed) {
        filter.from_ms = query->from_ms;
        filter.to_ms = query->to_ms;
    }
    enum err err = store_read_events(live->options.store, &filter, show, timeline);
    if (err != ERR_OK)
        err_set(text, err, "the timeline cannot be read: %s", err_sentence(err));
    else if (!timeline->n)
        err = err_set(text, ERR_MISSING, "no event of this %s is stored here", query->id.len ? "session" : "user");
    else
        write_timeline(timeline, buf);
    buf_done(&timeline->rows);
    json_decref(timeline->about);
    free(timeline);
    return err;
}

/* ---- find ---- */

static bool found(void *ctx, struct slice id, struct slice json)
{
    (void)id;
    (void)json;
    *(bool *)ctx = true;
    return false;
}

/* An error's code as people type it: any case, with or without blanks around. ret_code holds 11 bytes. */
static bool is_code(struct slice text, char *ret_code)
{
    if (text.len != 10)
        return false;
    for (size_t i = 0; i < 10; i++) {
        ret_code[i] = (char)toupper((unsigned char)text.at[i]);
        if (i > 1 && !isalnum((unsigned char)ret_code[i]))
            return false;
    }
    ret_code[10] = '\0';
    return ret_code[0] == 'E' && ret_code[1] == '-';
}

enum err live_answer_find(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    char code[11];
    struct slice upper = is_code(query->id, code) ? slice_of(code) : SLICE_NONE;
    const struct {
        const char *kind;
        struct slice as;
        struct store_event_query filter;
    } places[] = {
        {"error", upper, {.code = upper, .limit = 1, .newest_first = true}},
        {"session", query->id, {.session = query->id, .limit = 1, .newest_first = true}},
        {"user", query->id, {.user = query->id, .limit = 1, .newest_first = true}},
    };
    if (!query->id.len)
        return err_set(text, ERR_BAD_PARAMETER, "id: a user's id, a session's id or an error's code");
    bool is_found = false;
    for (size_t i = 0; i < sizeof places / sizeof *places && !is_found; i++) {
        if (!places[i].as.len)
            continue;
        enum err err = store_read_events(live->options.store, &places[i].filter, found, &is_found);
        if (err != ERR_OK)
            return err_set(text, err, "it cannot be looked up: %s", err_sentence(err));
        if (is_found) {
            buf_char(buf, '{');
            buf_json_field(buf, "kind", slice_of(places[i].kind));
            buf_json_field(buf, "id", places[i].as);
            buf_text(buf, "}\n");
        }
    }
    return is_found ? ERR_OK : err_set(text, ERR_MISSING, "no user, session or error of this name is stored here");
}
