/* /api/business: what counts for the business (events of the kind `event`), by name: how often, in how many sessions,
 * and what it was worth.
 *
 * Windows know nothing of these names, so all of it rests on the newest MAX_LOOKED_AT events; where there were others,
 * "since" says from when on all were looked at, and the sessions that they are compared with are those of that time. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "live/live_int.h"

#define MAX_LOOKED_AT 10000
#define MAX_NAMES 200
#define SHOWN_NAMES 50

/* page, session, service and at are of the newest. */
struct named {
    struct slice name, service, page, session, at;
    double count, value; /* by sample rate; value NAN: none had one */
    size_t sessions;
};

/* That a session had an event of a name. */
struct meeting {
    uint64_t session;
    size_t name;
};

struct business {
    const struct live_query *query;
    struct arena *arena;
    struct named names[MAX_NAMES];
    struct meeting meetings[MAX_LOOKED_AT];
    size_t n_names, n_meetings, looked_at;
    double count;
    size_t sessions; /* with any of them */
    int64_t oldest_ms;
};

static struct named *named_of(struct business *business, struct slice name, const json_t *document)
{
    for (size_t i = 0; i < business->n_names; i++)
        if (slice_equal(business->names[i].name, name))
            return &business->names[i];
    if (business->n_names == MAX_NAMES)
        return NULL;
    struct named *named = &business->names[business->n_names++];
    *named = (struct named){
        .name = arena_copy(business->arena, name),
        .service = arena_copy(business->arena, live_member(document, "service.name")),
        .page = arena_copy(business->arena, live_member(document, "seismo.page.route")),
        .session = arena_copy(business->arena, live_member(document, "session.id")),
        .at = arena_copy(business->arena, live_member(document, "@timestamp")),
        .value = NAN,
    };
    return named;
}

static void count_event(struct business *business, const json_t *document)
{
    struct slice name = live_member(document, "seismo.event.name");
    struct named *named = name.len ? named_of(business, name, document) : NULL;
    if (!named)
        return;
    double rate = live_member_number(document, "seismo.sample_rate");
    double weight = rate > 0 && rate <= 1 ? 1 / rate : 1, value = live_member_number(document, "seismo.event.value");
    named->count += weight;
    business->count += weight;
    if (isfinite(value))
        named->value = (isnan(named->value) ? 0 : named->value) + value * weight;
    business->meetings[business->n_meetings++] =
        (struct meeting){hash_stable(live_member(document, "session.id")), (size_t)(named - business->names)};
}

static bool look(void *ctx, struct slice id, struct slice json)
{
    struct business *business = ctx;
    (void)id;
    json_t *document = live_document(json);
    business->looked_at++;
    if (document) {
        struct slice at = live_member(document, "@timestamp");
        int64_t at_ms = clock_parse(at.at, at.len);
        if (at_ms >= 0)
            business->oldest_ms = at_ms;
        if (live_is_of_environment(business->query, document))
            count_event(business, document);
    }
    json_decref(document);
    return true;
}

/* ---- sessions ---- */

static int by_session(const void *left, const void *right)
{
    const struct meeting *a = left, *b = right;
    if (a->session != b->session)
        return a->session < b->session ? -1 : 1;
    return (a->name > b->name) - (a->name < b->name);
}

static void count_sessions(struct business *business)
{
    qsort(business->meetings, business->n_meetings, sizeof *business->meetings, by_session);
    for (size_t i = 0; i < business->n_meetings; i++) {
        const struct meeting *meeting = &business->meetings[i], *before = i ? meeting - 1 : NULL;
        bool is_same = before && before->session == meeting->session;
        business->sessions += !is_same;
        business->names[meeting->name].sessions += !(is_same && before->name == meeting->name);
    }
}

/* Of all that was seen since then, NAN when nothing was. */
static enum err read_sessions(struct live *live, const struct live_query *query, int64_t since_ms, double *ret_sessions)
{
    struct live_query shorter = *query;
    struct live_tally tally;
    shorter.from_ms = since_ms - since_ms % query->step_ms;
    enum err err = live_tally_read(live, &shorter, &tally);
    *ret_sessions = round(hll_estimate(&tally.sessions));
    live_tally_done(&tally);
    return err;
}

/* ---- writing ---- */

static int more_first(const void *left, const void *right)
{
    const struct named *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return slice_equal(a->name, b->name)
               ? 0
               : memcmp(a->name.at, b->name.at, a->name.len < b->name.len ? a->name.len : b->name.len);
}

/* The sessions of windows are an estimate, and events that came too late are in no window. */
static double conversion(size_t with, double sessions)
{
    return sessions > 0 ? fmin(1, round((double)with / sessions * 10000) / 10000) : NAN;
}

static void write_named(struct buf *buf, const struct named *named, double sessions)
{
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "name", named->name);
    buf_json_number(buf, "count", round(named->count));
    buf_json_int(buf, "sessions", (int64_t)named->sessions);
    buf_json_number(buf, "conversion", conversion(named->sessions, sessions));
    buf_json_number(buf, "value", round(named->value * 100) / 100);
    buf_json_field(buf, "service", named->service);
    buf_json_field(buf, "page", named->page);
    buf_json_field(buf, "session", named->session);
    buf_json_field(buf, "last", named->at);
    buf_char(buf, '}');
}

static void write_business(struct buf *buf, struct business *business, bool more, int64_t since_ms, double sessions)
{
    buf_char(buf, '{');
    live_write_span(buf, business->query);
    buf_json_int(buf, "looked_at", (int64_t)business->looked_at);
    buf_json_name(buf, "more");
    buf_text(buf, more ? "true" : "false");
    buf_json_int(buf, "since", since_ms);
    buf_json_number(buf, "count", round(business->count));
    buf_json_number(buf, "sessions", sessions);
    buf_json_int(buf, "converted", (int64_t)business->sessions);
    buf_json_number(buf, "conversion", conversion(business->sessions, sessions));
    buf_json_int(buf, "all", (int64_t)business->n_names);
    buf_json_name(buf, "rows");
    buf_char(buf, '[');
    qsort(business->names, business->n_names, sizeof *business->names, more_first);
    for (size_t i = 0; i < business->n_names && i < SHOWN_NAMES; i++)
        write_named(buf, &business->names[i], sessions);
    buf_text(buf, "]}\n");
}

static enum err answer(struct live *live, struct business *business, struct buf *buf)
{
    const struct live_query *query = business->query;
    const struct store_event_query filter = {
        .application = query->application,
        .service = query->service,
        .kind = SLICE("event"),
        .from_ms = query->from_ms,
        .to_ms = query->to_ms,
        .newest_first = true,
        .limit = MAX_LOOKED_AT,
    };
    double sessions;
    enum err err = store_read_events(live->options.store, &filter, look, business);
    if (err != ERR_OK)
        return err;
    bool more = business->looked_at >= MAX_LOOKED_AT;
    int64_t since_ms = more && business->oldest_ms > query->from_ms ? business->oldest_ms : query->from_ms;
    err = read_sessions(live, query, since_ms, &sessions);
    if (err != ERR_OK)
        return err;
    count_sessions(business);
    write_business(buf, business, more, since_ms, sessions);
    return ERR_OK;
}

enum err live_answer_business(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct business *business = calloc(1, sizeof *business);
    if (!business)
        abort();
    business->query = query;
    business->arena = arena_new(16384, 4194304);
    enum err err = answer(live, business, buf);
    if (err != ERR_OK)
        err_set(text, err, "the business events cannot be read: %s", err_sentence(err));
    arena_free(business->arena);
    free(business);
    return err;
}
