/* /api/errors: one error. When it was first and last met, by how many, in which releases, browsers and pages, and the
 * newest cases.
 *
 * Who is counted from the newest MAX_LOOKED_AT events, of all that is stored or of the time that is asked for;
 * "looked_at" tells of how many the figures are. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "live/live_int.h"

#define MAX_SAMPLES 20
#define MAX_RESOLVED_BYTES 131072
#define MAX_LOOKED_AT 1000
#define SEEN_SLOTS 4096 /* more than twice MAX_LOOKED_AT: a free slot is always near */

/* Different texts, counted by hash. */
struct seen {
    uint64_t slots[SEEN_SLOTS];
    size_t n;
};

struct cases {
    const struct live_query *query;
    struct live *live;
    int64_t left_ms; /* for source maps */
    struct buf *rows;
    struct seen sessions, users;
    struct live_shares shares[LIVE_SHARED];
    int64_t times[MAX_LOOKED_AT]; /* newest first */
    size_t looked_at, n_times, n_rows, max_rows;
};

static bool see(struct seen *seen, struct slice text)
{
    uint64_t hash = hash_keyed(text) | 1;
    size_t at = hash % SEEN_SLOTS;
    if (!text.len)
        return false;
    for (; seen->slots[at]; at = (at + 1) % SEEN_SLOTS)
        if (seen->slots[at] == hash)
            return false;
    seen->slots[at] = hash;
    seen->n++;
    return true;
}

/* ---- cases ---- */

static const struct {
    const char *from, *to;
} shown[] = {
    {"@timestamp", "at"},
    {"session.id", "session"},
    {"user.id", "user"},
    {"seismo.page.route", "page"},
    {"service.version", "version"},
    {"user_agent.name", "browser"},
    {"user_agent.os.name", "os"},
    {"error.type", "type"},
    {"error.message", "message"},
    {"error.stack_trace", "stack"},
    {"seismo.error.source", "source"},
    {"seismo.error.file", "file"},
};

void live_write_resolved(struct live *live, const json_t *document, int64_t *left_ms, struct buf *buf)
{
    struct slice stack = live_member(document, "error.stack_trace");
    struct buf resolved;
    if (!stack.len || !live->options.resolve_stack)
        return;
    buf_init(&resolved, MAX_RESOLVED_BYTES);
    if (live->options.resolve_stack(live->options.resolve_ctx, live_member(document, "service.version"), stack, left_ms,
                                    &resolved) &&
        !buf_failed(&resolved))
        buf_json_field(buf, "resolved", buf_slice(&resolved));
    buf_done(&resolved);
}

static void write_case(struct cases *cases, const json_t *document)
{
    struct buf *buf = cases->rows;
    buf_text(buf, buf->len ? ",{" : "{");
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        struct slice text = live_member(document, shown[i].from);
        if (text.len)
            buf_json_field(buf, shown[i].to, text);
    }
    double line = live_member_number(document, "seismo.error.line");
    if (!isnan(line))
        buf_json_number(buf, "line", line);
    live_write_resolved(cases->live, document, &cases->left_ms, buf);
    buf_char(buf, '}');
}

static void note_time(struct cases *cases, const json_t *document)
{
    struct slice at = live_member(document, "@timestamp");
    int64_t ms = clock_parse(at.at, at.len);
    if (ms >= 0 && cases->n_times < MAX_LOOKED_AT)
        cases->times[cases->n_times++] = ms;
}

/* Each session once among the rows: three cases of one visitor teach less than three of three. */
static bool take_case(void *ctx, struct slice id, struct slice json)
{
    struct cases *cases = ctx;
    (void)id;
    json_t *document = live_document(json);
    if (!document || !live_is_of_environment(cases->query, document)) {
        json_decref(document);
        return true;
    }
    struct slice session = live_member(document, "session.id");
    bool is_new = see(&cases->sessions, session) || !session.len;
    see(&cases->users, live_member(document, "user.id"));
    live_shares_count(cases->shares, document);
    note_time(cases, document);
    if (is_new && cases->n_rows < cases->max_rows) {
        write_case(cases, document);
        cases->n_rows++;
    }
    cases->looked_at++;
    json_decref(document);
    return !buf_failed(cases->rows);
}

struct moment {
    const struct live_query *query;
    struct buf time;
};

static bool take_time(void *ctx, struct slice id, struct slice json)
{
    struct moment *moment = ctx;
    (void)id;
    json_t *document = live_document(json);
    if (document && live_is_of_environment(moment->query, document))
        buf_add_slice(&moment->time, live_member(document, "@timestamp"));
    json_decref(document);
    return moment->time.len == 0;
}

static enum err write_time(struct live *live, const struct live_query *query, const struct store_event_query *filter,
                           bool newest, const char *name, struct buf *buf)
{
    struct store_event_query one = *filter;
    struct moment moment = {.query = query};
    buf_init(&moment.time, 64);
    one.newest_first = newest;
    one.limit = query->environment.len ? MAX_LOOKED_AT : 1;
    enum err err = store_read_events(live->options.store, &one, take_time, &moment);
    if (err == ERR_OK && moment.time.len)
        buf_json_field(buf, name, buf_slice(&moment.time));
    buf_done(&moment.time);
    return err;
}

static void write_cases(struct buf *buf, struct cases *cases)
{
    buf_json_int(buf, "looked_at", (int64_t)cases->looked_at);
    buf_json_int(buf, "sessions", (int64_t)cases->sessions.n);
    buf_json_int(buf, "users", (int64_t)cases->users.n);
    live_shares_write(buf, cases->shares, cases->looked_at, cases->sessions.n);
    buf_text(buf, ",\"rows\":[");
    buf_add_slice(buf, buf_slice(cases->rows));
    buf_text(buf, "]}\n");
}

static enum err read_cases(struct live *live, const struct store_event_query *filter, struct cases *cases,
                           struct buf *buf)
{
    enum err err = store_read_events(live->options.store, filter, take_case, cases);
    struct store_event_query ever = *filter;
    ever.from_ms = ever.to_ms = 0;
    if (err == ERR_OK)
        err = live_shares_hold(live, cases->query, cases->times, cases->n_times, cases->shares);
    if (err == ERR_OK)
        err = write_time(live, cases->query, &ever, false, "first", buf);
    if (err == ERR_OK)
        err = write_time(live, cases->query, &ever, true, "last", buf);
    if (err == ERR_OK)
        write_cases(buf, cases);
    return err;
}

enum err live_answer_errors(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    if (!query->code.len)
        return err_set(text, ERR_BAD_PARAMETER, "code: say which error; the list is in /api/overview");
    struct store_event_query filter = {.application = query->application,
                                       .service = query->service,
                                       .code = query->code,
                                       .from_ms = query->is_timed ? query->from_ms : 0,
                                       .to_ms = query->is_timed ? query->to_ms : 0,
                                       .newest_first = true,
                                       .limit = MAX_LOOKED_AT};
    struct buf rows, name;
    struct cases *cases = calloc(1, sizeof *cases);
    if (!cases)
        abort();
    buf_init(&rows, LIVE_MAX_ANSWER);
    buf_init(&name, 8192);
    cases->query = query;
    cases->live = live;
    cases->left_ms = LIVE_RESOLVE_MS;
    cases->rows = &rows;
    cases->max_rows = query->limit < MAX_SAMPLES ? query->limit : MAX_SAMPLES;
    bool known = live_error_name(live, query->code, &name);
    buf_char(buf, '{');
    buf_json_field(buf, "code", query->code);
    buf_json_field(buf, "message", buf_slice(&name));
    enum err err = read_cases(live, &filter, cases, buf);
    free(cases);
    buf_done(&rows);
    buf_done(&name);
    if (err != ERR_OK)
        return err_set(text, err, "the error cannot be read: %s", err_sentence(err));
    return known ? ERR_OK : err_set(text, ERR_MISSING, "no event with this code is stored here");
}
