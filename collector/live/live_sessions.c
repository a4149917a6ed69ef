/* /api/sessions: who was here lately, or how often one user was. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/metric.h"
#include "live/live_int.h"

#define MAX_LOOKED_AT 3000 /* newest events from which the list of sessions is made */
#define MAX_SESSIONS 200

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

bool live_is_of_environment(const struct live_query *query, const json_t *document)
{
    struct slice wanted = query->environment;
    return !wanted.len || (document && slice_equal(wanted, live_member(document, "service.environment")));
}

/* ---- the list ---- */

struct session {
    struct slice id, user, application, service, environment, browser, os, device, country, page, newest, oldest;
    unsigned views, calls, failed, clicks, errors, frustrated;
};

struct sessions {
    const struct live_query *query;
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
    bool is_asked_for = document && live_is_of_environment(sessions->query, document);
    struct slice session_id = is_asked_for ? live_member(document, "session.id") : SLICE_NONE;
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
    struct sessions sessions = {.arena = arena_new(65536, 4194304), .query = query};
    sessions.max = query->limit < MAX_SESSIONS ? query->limit : MAX_SESSIONS;
    sessions.found = calloc(sessions.max, sizeof *sessions.found);
    if (!sessions.found)
        abort();
    struct store_event_query filter = {
        .application = query->application,
        .service = query->service,
        .user = query->user,
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
