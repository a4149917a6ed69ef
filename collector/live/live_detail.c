/* /api/detail: what is behind one page, route or call, from its newest events: how they are distributed, in which
 * phases the time went, by whom and with what, and the slowest sessions. Each value can be asked for as a filter.
 *
 * Windows know nothing of browsers and releases, so all of it rests on the newest MAX_LOOKED_AT events of the kind;
 * "looked_at" tells of how many, "more" that there were others. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "live/live_int.h"

#define MAX_LOOKED_AT 5000
#define MAX_VALUES 40 /* of one dimension; further ones count as "other" nowhere: they are left out */
#define SHOWN_VALUES 8
#define MAX_SESSIONS 500
#define SHOWN_SESSIONS 12
#define TEXT_BYTES 128

struct value {
    char name[TEXT_BYTES];
    unsigned n;
    struct sketch times;
};

static const struct dimension {
    const char *name, *field;
    size_t filter; /* where in live_query */
} dimensions[] = {
    {"releases", "service.version", offsetof(struct live_query, release)},
    {"browsers", "user_agent.name", offsetof(struct live_query, browser)},
    {"devices", "user_agent.device.name", offsetof(struct live_query, device)},
    {"countries", "client.geo.country_iso_code", offsetof(struct live_query, country)},
};
#define DIMENSIONS (sizeof dimensions / sizeof *dimensions)

static const struct phase {
    const char *name, *field;
} phases[] = {
    {"redirect", "seismo.phase.redirect_ms"}, {"dns", "seismo.phase.dns_ms"},
    {"connect", "seismo.phase.connect_ms"},   {"request", "seismo.phase.request_ms"},
    {"response", "seismo.phase.response_ms"}, {"dom", "seismo.phase.dom_ms"},
    {"load", "seismo.phase.load_ms"},
};
#define PHASES (sizeof phases / sizeof *phases)

struct visitor {
    char id[TEXT_BYTES], user[TEXT_BYTES], at[32]; /* at: of the slowest */
    unsigned n;
    double slowest;
};

struct detail {
    const struct live_query *query;
    struct sketch times, phase[PHASES];
    struct value values[DIMENSIONS][MAX_VALUES];
    size_t n_values[DIMENSIONS];
    struct visitor visitors[MAX_SESSIONS];
    size_t n_visitors, looked_at, n, failed;
};

static void copy_text(char to[TEXT_BYTES], struct slice from)
{
    size_t n = from.len < TEXT_BYTES ? from.len : TEXT_BYTES - 1;
    if (n)
        memcpy(to, from.at, n);
    to[n] = '\0';
}

bool live_passes(const struct live_query *query, const json_t *document)
{
    for (size_t i = 0; i < DIMENSIONS; i++) {
        struct slice wanted = *(const struct slice *)((const char *)query + dimensions[i].filter);
        if (wanted.len && !slice_equal(wanted, live_member(document, dimensions[i].field)))
            return false;
    }
    if (!live_is_of_environment(query, document))
        return false;
    struct slice name = query->name;
    return !name.len || slice_is(name, "*") || slice_equal(live_member(document, "seismo.route"), name) ||
           slice_equal(live_member(document, "seismo.page.route"), name);
}

static void count_value(struct detail *detail, size_t dimension, struct slice text, double ms)
{
    char name[TEXT_BYTES];
    size_t i = 0, n = detail->n_values[dimension];
    struct value *values = detail->values[dimension];
    if (!text.len)
        return;
    copy_text(name, text);
    while (i < n && strcmp(values[i].name, name) != 0)
        i++;
    if (i == MAX_VALUES)
        return;
    if (i == n) {
        memcpy(values[i].name, name, sizeof name);
        sketch_init(&values[i].times);
        detail->n_values[dimension]++;
    }
    values[i].n++;
    sketch_add(&values[i].times, ms, 1);
}

static void count_visitor(struct detail *detail, const json_t *document, double ms)
{
    char id[TEXT_BYTES];
    size_t i = 0;
    copy_text(id, live_member(document, "session.id"));
    while (i < detail->n_visitors && strcmp(detail->visitors[i].id, id) != 0)
        i++;
    if (!*id || i == MAX_SESSIONS)
        return;
    struct visitor *visitor = &detail->visitors[i];
    if (i == detail->n_visitors) {
        memcpy(visitor->id, id, sizeof id);
        copy_text(visitor->user, live_member(document, "user.id"));
        detail->n_visitors++;
    }
    if (visitor->n++ == 0 || ms > visitor->slowest) {
        struct slice at = live_member(document, "@timestamp");
        visitor->slowest = ms;
        snprintf(visitor->at, sizeof visitor->at, "%.*s", (int)at.len, at.len ? at.at : "");
    }
}

static bool is_time(double ms)
{
    return isfinite(ms) && ms >= 0;
}

static void count(struct detail *detail, const json_t *document, double ms)
{
    double status = live_member_number(document, "http.response.status_code");
    detail->n++;
    detail->failed += detail->query->kind == SERIES_API && (status == 0 || status >= 500);
    sketch_add(&detail->times, ms, 1);
    for (size_t i = 0; i < PHASES; i++) {
        double phase = live_member_number(document, phases[i].field);
        if (is_time(phase))
            sketch_add(&detail->phase[i], phase, 1);
    }
    for (size_t i = 0; i < DIMENSIONS; i++)
        count_value(detail, i, live_member(document, dimensions[i].field), ms);
    count_visitor(detail, document, ms);
}

static bool look(void *ctx, struct slice id, struct slice json)
{
    struct detail *detail = ctx;
    (void)id;
    json_t *document = live_document(json);
    double ms = document ? live_member_number(document, "seismo.duration_ms") : NAN;
    if (is_time(ms) && live_passes(detail->query, document))
        count(detail, document, ms);
    json_decref(document);
    return ++detail->looked_at < MAX_LOOKED_AT;
}

/* ---- writing ---- */

/* Bars of a width that grows with the time: ten to a factor of ten, up to a day. */
#define BOUNDS 79
static double bound_of(int step)
{
    static const double steps[] = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8};
    return steps[step % 10] * pow(10, step / 10);
}

static void write_histogram(struct buf *buf, const struct sketch *times)
{
    int step = 0;
    buf_json_name(buf, "histogram");
    buf_char(buf, '[');
    if (times->count > 0) {
        while (step < BOUNDS - 1 && bound_of(step + 1) < times->min)
            step++;
        for (double above = times->count; step < BOUNDS && above > 0; step++) {
            double next = sketch_count_above(times, bound_of(step + 1));
            buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
            buf_json_number(buf, "from", step ? bound_of(step) : 0);
            buf_json_number(buf, "to", bound_of(step + 1));
            buf_json_number(buf, "count", round(above - next));
            buf_char(buf, '}');
            above = next;
        }
    }
    buf_char(buf, ']');
}

static void write_phases(struct buf *buf, const struct detail *detail)
{
    buf_json_name(buf, "phases");
    buf_char(buf, '[');
    for (size_t i = 0; i < PHASES; i++) {
        if (detail->phase[i].count <= 0)
            continue;
        buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
        buf_json_field(buf, "name", slice_of(phases[i].name));
        buf_json_number(buf, "count", detail->phase[i].count);
        live_write_quantiles(buf, &detail->phase[i]);
        buf_char(buf, '}');
    }
    buf_char(buf, ']');
}

static int more_first(const void *left, const void *right)
{
    const struct value *a = left, *b = right;
    return a->n != b->n ? (a->n < b->n) - (a->n > b->n) : strcmp(a->name, b->name);
}

static void write_values(struct buf *buf, struct detail *detail, size_t dimension)
{
    struct value *values = detail->values[dimension];
    qsort(values, detail->n_values[dimension], sizeof *values, more_first);
    buf_json_name(buf, dimensions[dimension].name);
    buf_char(buf, '[');
    for (size_t i = 0; i < detail->n_values[dimension] && i < SHOWN_VALUES; i++) {
        buf_text(buf, i ? ",{" : "{");
        buf_json_field(buf, "value", slice_of(values[i].name));
        buf_json_int(buf, "count", values[i].n);
        live_write_quantiles(buf, &values[i].times);
        buf_char(buf, '}');
    }
    buf_char(buf, ']');
}

static int slower_first(const void *left, const void *right)
{
    const struct visitor *a = left, *b = right;
    return a->slowest != b->slowest ? (a->slowest < b->slowest) - (a->slowest > b->slowest) : strcmp(a->id, b->id);
}

static void write_visitors(struct buf *buf, struct detail *detail)
{
    qsort(detail->visitors, detail->n_visitors, sizeof *detail->visitors, slower_first);
    buf_json_name(buf, "sessions");
    buf_char(buf, '[');
    for (size_t i = 0; i < detail->n_visitors && i < SHOWN_SESSIONS; i++) {
        const struct visitor *visitor = &detail->visitors[i];
        buf_text(buf, i ? ",{" : "{");
        buf_json_field(buf, "id", slice_of(visitor->id));
        if (*visitor->user)
            buf_json_field(buf, "user", slice_of(visitor->user));
        buf_json_field(buf, "at", slice_of(visitor->at));
        buf_json_int(buf, "count", visitor->n);
        buf_json_number(buf, "slowest", visitor->slowest);
        buf_char(buf, '}');
    }
    buf_char(buf, ']');
}

static void write_detail(struct buf *buf, struct detail *detail)
{
    buf_char(buf, '{');
    live_write_span(buf, detail->query);
    buf_json_int(buf, "looked_at", (int64_t)detail->looked_at);
    buf_json_name(buf, "more");
    buf_text(buf, detail->looked_at >= MAX_LOOKED_AT ? "true" : "false");
    buf_json_int(buf, "count", (int64_t)detail->n);
    buf_json_int(buf, "failed", (int64_t)detail->failed);
    live_write_quantiles(buf, &detail->times);
    write_histogram(buf, &detail->times);
    write_phases(buf, detail);
    for (size_t i = 0; i < DIMENSIONS; i++)
        write_values(buf, detail, i);
    write_visitors(buf, detail);
    buf_text(buf, "}\n");
}

static void detail_free(struct detail *detail)
{
    sketch_done(&detail->times);
    for (size_t i = 0; i < PHASES; i++)
        sketch_done(&detail->phase[i]);
    for (size_t d = 0; d < DIMENSIONS; d++)
        for (size_t i = 0; i < detail->n_values[d]; i++)
            sketch_done(&detail->values[d][i].times);
    free(detail);
}

enum err live_answer_detail(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    if (query->kind != SERIES_PAGE && query->kind != SERIES_ROUTE && query->kind != SERIES_API)
        return err_set(text, ERR_BAD_PARAMETER, "kind: expected page, route or api");
    struct store_event_query filter = {
        .application = query->application,
        .service = query->service,
        .kind = slice_of(series_kind_name(query->kind)),
        .page = query->kind == SERIES_API || slice_is(query->name, "*") ? SLICE_NONE : query->name,
        .from_ms = query->from_ms,
        .to_ms = query->to_ms,
        .newest_first = true,
        .limit = MAX_LOOKED_AT,
    };
    struct detail *detail = calloc(1, sizeof *detail);
    if (!detail)
        abort();
    detail->query = query;
    sketch_init(&detail->times);
    for (size_t i = 0; i < PHASES; i++)
        sketch_init(&detail->phase[i]);
    enum err err = store_read_events(live->options.store, &filter, look, detail);
    if (err == ERR_OK)
        write_detail(buf, detail);
    else
        err_set(text, err, "the events cannot be read: %s", err_sentence(err));
    detail_free(detail);
    return err;
}
