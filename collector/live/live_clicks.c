/* /api/clicks: clicks that went wrong (the agent flags them), how many of all, and on which elements.
 *
 * Windows know nothing of flags, so all of it rests on the newest MAX_LOOKED_AT click events; "looked_at" tells of how
 * many, "more" that there were others. An element is a name and a selector. */
#include <math.h>
#include <stdlib.h>

#include "live/live_int.h"

#define MAX_LOOKED_AT 3000
#define MAX_ELEMENTS 500
#define SHOWN_ELEMENTS 12

static const char *const flag_names[] = {"rage", "dead", "error", "slow"};
#define FLAGS (sizeof flag_names / sizeof *flag_names)

/* page, session and at are of the newest. */
struct element {
    struct slice name, selector, service, page, session, at;
    int64_t n, flags[FLAGS];
};

struct clicks {
    const struct live_query *query;
    struct arena *arena;
    struct element elements[MAX_ELEMENTS];
    size_t n_elements, looked_at;
    int64_t n, frustrated, flags[FLAGS];
};

static struct element *element_of(struct clicks *clicks, const json_t *document)
{
    struct slice name = live_member(document, "seismo.click.name");
    struct slice selector = live_member(document, "seismo.click.selector");
    for (size_t i = 0; i < clicks->n_elements; i++) {
        struct element *element = &clicks->elements[i];
        if (slice_equal(element->name, name) && slice_equal(element->selector, selector))
            return element;
    }
    if (clicks->n_elements == MAX_ELEMENTS)
        return NULL;
    struct element *element = &clicks->elements[clicks->n_elements++];
    *element = (struct element){
        .name = arena_copy(clicks->arena, name),
        .selector = arena_copy(clicks->arena, selector),
        .service = arena_copy(clicks->arena, live_member(document, "service.name")),
        .page = arena_copy(clicks->arena, live_member(document, "seismo.page.route")),
        .session = arena_copy(clicks->arena, live_member(document, "session.id")),
        .at = arena_copy(clicks->arena, live_member(document, "@timestamp")),
    };
    return element;
}

static bool has_flag(struct slice flags, const char *name)
{
    size_t n = strlen(name);
    for (size_t from = 0; from < flags.len;) {
        const char *comma = memchr(flags.at + from, ',', flags.len - from);
        size_t end = comma ? (size_t)(comma - flags.at) : flags.len;
        if (end - from == n && memcmp(flags.at + from, name, n) == 0)
            return true;
        from = end + 1;
    }
    return false;
}

static void count_click(struct clicks *clicks, const json_t *document)
{
    double times = live_member_number(document, "seismo.click.count");
    int64_t n = times >= 1 && times <= 100000 ? (int64_t)times : 1;
    struct slice flags = live_member(document, "seismo.click.flags");
    clicks->n += n;
    if (!flags.len)
        return;
    clicks->frustrated += n;
    struct element *element = element_of(clicks, document);
    if (element)
        element->n += n;
    for (size_t i = 0; i < FLAGS; i++) {
        if (!has_flag(flags, flag_names[i]))
            continue;
        clicks->flags[i] += n;
        if (element)
            element->flags[i] += n;
    }
}

static bool look(void *ctx, struct slice id, struct slice json)
{
    struct clicks *clicks = ctx;
    (void)id;
    json_t *document = live_document(json);
    clicks->looked_at++;
    if (document && live_is_of_environment(clicks->query, document))
        count_click(clicks, document);
    json_decref(document);
    return true;
}

static int more_first(const void *left, const void *right)
{
    const struct element *a = left, *b = right;
    if (a->n != b->n)
        return (a->n < b->n) - (a->n > b->n);
    size_t len = a->at.len < b->at.len ? a->at.len : b->at.len;
    return len ? memcmp(b->at.at, a->at.at, len) : 0;
}

static void write_flags(struct buf *buf, const int64_t flags[FLAGS])
{
    buf_json_name(buf, "flags");
    buf_char(buf, '{');
    for (size_t i = 0; i < FLAGS; i++)
        if (flags[i])
            buf_json_int(buf, flag_names[i], flags[i]);
    buf_char(buf, '}');
}

static void write_element(struct buf *buf, const struct element *element)
{
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "name", element->name);
    buf_json_field(buf, "selector", element->selector);
    buf_json_field(buf, "service", element->service);
    buf_json_field(buf, "page", element->page);
    buf_json_field(buf, "session", element->session);
    buf_json_field(buf, "last", element->at);
    buf_json_int(buf, "count", element->n);
    write_flags(buf, element->flags);
    buf_char(buf, '}');
}

static void write_clicks(struct buf *buf, struct clicks *clicks)
{
    qsort(clicks->elements, clicks->n_elements, sizeof *clicks->elements, more_first);
    buf_char(buf, '{');
    live_write_span(buf, clicks->query);
    buf_json_int(buf, "looked_at", (int64_t)clicks->looked_at);
    buf_json_name(buf, "more");
    buf_text(buf, clicks->looked_at >= MAX_LOOKED_AT ? "true" : "false");
    buf_json_int(buf, "count", clicks->n);
    buf_json_int(buf, "frustrated", clicks->frustrated);
    write_flags(buf, clicks->flags);
    buf_json_int(buf, "all", (int64_t)clicks->n_elements);
    buf_json_name(buf, "rows");
    buf_char(buf, '[');
    for (size_t i = 0; i < clicks->n_elements && i < SHOWN_ELEMENTS; i++)
        write_element(buf, &clicks->elements[i]);
    buf_text(buf, "]}\n");
}

enum err live_answer_clicks(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct store_event_query filter = {
        .application = query->application,
        .service = query->service,
        .kind = SLICE("click"),
        .from_ms = query->from_ms,
        .to_ms = query->to_ms,
        .newest_first = true,
        .limit = MAX_LOOKED_AT,
    };
    struct clicks *clicks = calloc(1, sizeof *clicks);
    if (!clicks)
        abort();
    clicks->query = query;
    clicks->arena = arena_new(16384, 4194304);
    enum err err = store_read_events(live->options.store, &filter, look, clicks);
    if (err == ERR_OK)
        write_clicks(buf, clicks);
    else
        err_set(text, err, "the clicks cannot be read: %s", err_sentence(err));
    arena_free(clicks->arena);
    free(clicks);
    return err;
}
