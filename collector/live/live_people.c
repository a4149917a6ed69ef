/* /api/sessions and /api/session: who was here lately, and what one visitor went through.
 *
 * A timeline carries what the page shows of an event, under short names; the whole document is in the store. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/metric.h"
#include "live/live_int.h"

#define MAX_LOOKED_AT 3000 /* newest events from which the list of sessions is made */
#define MAX_SESSIONS 200
#define MAX_TIMELINE 2000

json_t *live_document(struct slice json)
{
    json_t *document = json_loadb(json.at, json.len, JSON_ALLOW_NUL, NULL);
    if (!document)
        METRIC_ADD("seismo_live_documents_unreadable_total", "stored documents that the live page could not read", 1);
    return document;
}

struct slice live_member(const json_t *document, const char *name)
{
    const json_t *value = json_object_get(document, name);
    if (!json_is_string(value))
        return SLICE_NONE;
    return (struct slice){json_string_value(value), json_string_length(value)};
}

double live_member_number(const json_t *document, const char *name)
{
    const json_t *value = json_object_get(document, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* ---- the list ---- */

struct session {
    struct slice id, user, application, service, environment, browser, os, device, country, page, newest, oldest;
    unsigned views, calls, failed, clicks, errors, frustrated;
};

struct sessions {
    struct arena *arena;
    struct session *found;
    size_t n, max, looked_at;
};

static struct session *session_of(struct sessions *sessions, struct slice id)
{
    for (size_t i = 0; i < sessions->n; i++)
        if (slice_equal(sessions->found[i].id, id))
            return &sessions->found[i];
    if (sessions->n == sessions->max)
        return NULL;
    struct session *session = &sessions->found[sessions->n];
    *session = (struct session){.id = arena_copy(sessions->arena, id)};
    if (!session->id.at)
        return NULL;
    sessions->n++;
    return session;
}

/* The first word is the newest, since events come newest first. */
static void note(struct sessions *sessions, struct slice *place, const json_t *document, const char *name)
{
    if (!place->len)
        *place = arena_copy(sessions->arena, live_member(document, name));
}

static void tally(struct session *session, const json_t *document)
{
    struct slice kind = live_member(document, "event.action");
    if (slice_is(kind, "page") || slice_is(kind, "route"))
        session->views++;
    if (slice_is(kind, "click")) {
        session->clicks++;
        session->frustrated += json_object_get(document, "seismo.click.flags") != NULL;
    }
    if (slice_is(kind, "error"))
        session->errors++;
    if (slice_is(kind, "api")) {
        double status = live_member_number(document, "http.response.status_code");
        session->calls++;
        session->failed += status == 0 || status >= 500;
    }
}

static bool list_one(void *ctx, struct slice id, struct slice json)
{
    struct sessions *sessions = ctx;
    (void)id;
    json_t *document = live_document(json);
    struct slice session_id = document ? live_member(document, "session.id") : SLICE_NONE;
    struct session *session = session_id.len ? session_of(sessions, session_id) : NULL;
    if (session) {
        const struct {
            struct slice *place;
            const char *name;
        } notes[] = {
            {&session->newest, "@timestamp"},
            {&session->user, "user.id"},
            {&session->application, "seismo.application"},
            {&session->service, "service.name"},
            {&session->environment, "service.environment"},
            {&session->browser, "user_agent.name"},
            {&session->os, "user_agent.os.name"},
            {&session->device, "user_agent.device.name"},
            {&session->country, "client.geo.country_iso_code"},
            {&session->page, "seismo.page.route"},
        };
        for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
            note(sessions, notes[i].place, document, notes[i].name);
        struct slice at = live_member(document, "@timestamp");
        if (!session->oldest.at || session->oldest.len != at.len)
            session->oldest = arena_copy(sessions->arena, at);
        else
            memcpy((char *)session->oldest.at, at.at, at.len);
        tally(session, document);
    }
    json_decref(document);
    return ++sessions->looked_at < MAX_LOOKED_AT;
}

static void write_text(struct buf *buf, const char *name, struct slice text)
{
    if (text.len)
        buf_json_field(buf, name, text);
}

static void write_session(struct buf *buf, const struct session *session)
{
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "id", session->id);
    write_text(buf, "user", session->user);
    write_text(buf, "application", session->application);
    write_text(buf, "service", session->service);
    write_text(buf, "environment", session->environment);
    write_text(buf, "browser", session->browser);
    write_text(buf, "os", session->os);
    write_text(buf, "device", session->device);
    write_text(buf, "country", session->country);
    write_text(buf, "page", session->page);
    write_text(buf, "first", session->oldest);
    write_text(buf, "last", session->newest);
    buf_json_int(buf, "views", session->views);
    buf_json_int(buf, "calls", session->calls);
    buf_json_int(buf, "failed", session->failed);
    buf_json_int(buf, "clicks", session->clicks);
    buf_json_int(buf, "frustrated", session->frustrated);
    buf_json_int(buf, "errors", session->errors);
    buf_char(buf, '}');
}

enum err live_answer_sessions(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct sessions sessions = {.arena = arena_new(65536, 4194304)};
    sessions.max = query->limit < MAX_SESSIONS ? query->limit : MAX_SESSIONS;
    sessions.found = calloc(sessions.max, sizeof *sessions.found);
    if (!sessions.found)
        abort();
    struct store_event_query filter = {
        .application = query->application,
        .service = query->service,
        .page = slice_is(query->name, "*") ? SLICE_NONE : query->name,
        .code = query->code,
        .from_ms = query->from_ms,
        .to_ms = query->to_ms,
        .newest_first = true,
        .limit = MAX_LOOKED_AT,
    };
    enum err err = store_read_events(live->options.store, &filter, list_one, &sessions);
    if (err == ERR_OK) {
        buf_text(buf, "{\"rows\":[");
        for (size_t i = 0; i < sessions.n; i++)
            write_session(buf, &sessions.found[i]);
        buf_char(buf, ']');
        buf_json_int(buf, "looked_at", (int64_t)sessions.looked_at);
        buf_text(buf, "}\n");
    } else {
        err_set(text, err, "the sessions cannot be read: %s", err_sentence(err));
    }
    free(sessions.found);
    arena_free(sessions.arena);
    return err;
}

/* ---- one session ---- */

/* What the timeline shows of a document, under which name. */
static const struct {
    const char *from, *to;
} shown[] = {
    {"@timestamp", "at"},
    {"event.action", "kind"},
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
    {"event.original", "original"},
};

/* The same in every event of a session; taken from the newest that has it. */
static const struct {
    const char *from, *to;
} common[] = {
    {"session.id", "id"},
    {"user.id", "user"},
    {"seismo.application", "application"},
    {"service.name", "service"},
    {"service.version", "version"},
    {"service.environment", "environment"},
    {"user_agent.name", "browser"},
    {"user_agent.version", "browser_version"},
    {"user_agent.os.name", "os"},
    {"user_agent.device.name", "device"},
    {"client.geo.country_iso_code", "country"},
};

struct timeline {
    struct buf *buf;
    json_t *about;
    size_t n;
    bool more;
};

static void write_value(struct buf *buf, const char *name, const json_t *value)
{
    if (json_is_string(value))
        buf_json_field(buf, name, (struct slice){json_string_value(value), json_string_length(value)});
    else if (json_is_number(value))
        buf_json_number(buf, name, json_number_value(value));
    else if (json_is_array(value) || json_is_object(value)) {
        char *text = json_dumps(value, JSON_COMPACT);
        buf_json_name(buf, name);
        buf_text(buf, text ? text : "null");
        free(text);
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
    buf_text(timeline->buf, timeline->n++ ? ",{" : "{");
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        write_value(timeline->buf, shown[i].to, json_object_get(document, shown[i].from));
    buf_char(timeline->buf, '}');
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        json_t *value = json_object_get(document, common[i].from);
        if (value)
            json_object_set(timeline->about, common[i].to, value);
    }
    json_decref(document);
    return !buf_failed(timeline->buf);
}

enum err live_answer_session(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    if (!query->id.len)
        return err_set(text, ERR_BAD_PARAMETER, "id: say which session");
    struct timeline timeline = {.buf = buf, .about = json_object()};
    struct store_event_query filter = {
        .session = query->id, .application = query->application, .limit = MAX_TIMELINE + 1};
    if (query->is_timed) {
        filter.from_ms = query->from_ms;
        filter.to_ms = query->to_ms;
    }
    buf_text(buf, "{\"rows\":[");
    enum err err = store_read_events(live->options.store, &filter, show, &timeline);
    buf_char(buf, ']');
    buf_json_name(buf, "more");
    buf_text(buf, timeline.more ? "true" : "false");
    write_value(buf, "about", timeline.about);
    buf_text(buf, "}\n");
    json_decref(timeline.about);
    if (err != ERR_OK)
        return err_set(text, err, "the session cannot be read: %s", err_sentence(err));
    return timeline.n ? ERR_OK : err_set(text, ERR_MISSING, "no event of this session is stored here");
}
