/* The page with the answers of its first screen in it.
 *
 * The overview asks for five things as soon as its script runs. To ask costs the browser more than to answer costs us,
 * so the page brings them along where they are at hand: as JSON in a script element of a type that is never run, which
 * the policy need not allow. What is missing there (it failed, or would take long) the page asks for as ever. */
#include "base/clock.h"
#include "live/live_int.h"

#define BUDGET_MS 60 /* past it what is missing is left to the page, which has been drawn by then */

static const char place[] = "<script src=\"/live.js\">"; /* before which the answers stand */

static const struct part {
    const char *name;
    live_answer_fn *answer;
    const char *key; /* behind the address's query: it is kept apart from other limits */
    size_t limit;
} parts[] = {
    {"status", live_answer_status, "", 50},
    {"alerts", live_answer_alerts, "&limit=50", 50},
    {"deploys", live_answer_deploys, "&limit=200", 200},
    {"overview", live_answer_overview, "", 50},
    {"sessions", live_answer_sessions, "&limit=24", 24},
};

/* No text from elsewhere can end the element. */
static void add_escaped(struct buf *buf, struct slice json)
{
    size_t from = 0;
    for (size_t i = 0; i < json.len; i++) {
        if (json.at[i] != '<')
            continue;
        buf_add(buf, json.at + from, i - from);
        buf_text(buf, "\\u003c");
        from = i + 1;
    }
    buf_add(buf, json.at + from, json.len - from);
}

static void add_part(struct live *live, const struct part *part, struct slice query_text,
                     const struct live_query *query, struct buf *buf)
{
    struct live_query own = *query;
    struct err_text text = {{0}};
    struct buf key, answer;
    own.limit = part->limit;
    buf_init(&key, SIZE_MAX / 2);
    buf_init(&answer, LIVE_MAX_ANSWER);
    buf_add(&key, query_text.at, query_text.len);
    buf_text(&key, part->key);
    if (live_jobs_answer(live->jobs, part->answer, buf_slice(&key), &own, &answer, &text) == ERR_OK) {
        buf_json_name(buf, part->name);
        add_escaped(buf, buf_slice(&answer));
    }
    buf_done(&answer);
    buf_done(&key);
}

static struct slice page_of(const struct live *live)
{
    for (size_t i = 0; i < live->n_assets; i++)
        if (slice_is(live->assets[i].path, "/"))
            return live->assets[i].bytes;
    return SLICE_NONE;
}

/* Where the answers go into the page; 0: nowhere. */
static size_t place_in(struct slice page)
{
    const char *found = page.len ? memmem(page.at, page.len, place, sizeof place - 1) : NULL;
    return found ? (size_t)(found - page.at) : 0;
}

static void write_page(struct live *live, struct slice key, const struct live_query *query, struct buf *buf)
{
    struct slice page = page_of(live);
    size_t at = place_in(page);
    int64_t began_ms = clock_mono_ms();
    buf_add(buf, page.at, at);
    buf_text(buf, "<script id=\"first\" type=\"application/json\">{");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (clock_mono_ms() - began_ms > BUDGET_MS)
            break;
        if (parts[i].answer != live_answer_overview || live_tally_is_kept(live, query))
            add_part(live, &parts[i], key, query, buf);
    }
    buf_text(buf, "}</script>\n");
    buf_add(buf, page.at + at, page.len - at);
}

/* The overview, and nothing that the page does before it. */
static bool is_overview(struct serve_request *request)
{
    static const char *const others[] = {"view", "id", "user", "code", "kind", "name", "detail", "token"};
    struct slice value;
    bool found = !slice_is(serve_path(request), "/") || !slice_is(serve_method(request), "GET");
    for (size_t i = 0; !found && i < sizeof others / sizeof *others; i++)
        found = serve_parameter(request, others[i], &value);
    return !found;
}

bool live_first_reply(struct live *live, struct serve_request *request)
{
    struct live_query query;
    struct err_text text = {{0}};
    if (!live->jobs || !slice_is(slice_of(live->options.kind), "sqlite") || !is_overview(request) ||
        !place_in(page_of(live)))
        return false;
    struct arena *arena = arena_new(1024, 65536);
    if (live_query_read(request, arena, clock_wall_ms(), &query, &text) != ERR_OK) {
        arena_free(arena); /* the page says what is wrong */
        return false;
    }
    live_jobs_push_page(live->jobs, request, write_page, &query, arena);
    return true;
}
