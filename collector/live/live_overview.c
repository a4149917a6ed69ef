/* /api/overview: the first screen in one answer. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "live/live_int.h"

#define MAX_ROWS 200
#define MAX_ERRORS 50

struct overview {
    struct live *live;
    const struct live_query *query;
    struct live_tally tally;
    struct buf *buf;
};

/* web.dev/articles/vitals, the limits of good and of poor. */
static const struct vital {
    const char *name;
    double good, poor;
} vitals[] = {{"LCP", 2500, 4000}, {"INP", 200, 500}, {"CLS", 0.1, 0.25}, {"FCP", 1800, 3000}, {"TTFB", 800, 1800}};
#define N_VITALS (sizeof vitals / sizeof *vitals)

static enum live_scope best_scope(const struct live_tally *tally, enum series_kind kind)
{
    enum live_scope scope = SCOPE_ALL;
    while (scope < SCOPE_ONE && tally->sum[kind][scope] <= 0)
        scope++;
    return scope;
}

static double total(const struct live_tally *tally, enum series_kind kind)
{
    return tally->sum[kind][best_scope(tally, kind)];
}

/* ---- vitals ---- */

static const char *rating(const struct vital *vital, double value)
{
    return value <= vital->good ? "good" : value <= vital->poor ? "needs-improvement" : "poor";
}

static void write_shares(struct buf *buf, const struct vital *vital, const struct sketch *values)
{
    double poor = sketch_count_above(values, vital->poor), above = sketch_count_above(values, vital->good);
    buf_json_number(buf, "good", round((values->count - above) / values->count * 1000) / 1000);
    buf_json_number(buf, "needs", round((above - poor) / values->count * 1000) / 1000);
    buf_json_number(buf, "poor", round(poor / values->count * 1000) / 1000);
}

static void write_vital(struct buf *buf, const struct vital *vital, const struct sketch *values)
{
    double p75 = values->count > 0 ? sketch_quantile(values, 0.75) : NAN;
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "name", slice_of(vital->name));
    buf_json_number(buf, "p75", round(p75 * 1000) / 1000);
    buf_json_number(buf, "count", round(values->count));
    buf_json_name(buf, "rating");
    if (isnan(p75))
        buf_text(buf, "null");
    else
        buf_json_string(buf, slice_of(rating(vital, p75)));
    if (!isnan(p75))
        write_shares(buf, vital, values);
    buf_json_name(buf, "limits");
    buf_char(buf, '[');
    buf_number(buf, vital->good);
    buf_char(buf, ',');
    buf_number(buf, vital->poor);
    buf_text(buf, "]}");
}

static void write_vitals(struct overview *overview)
{
    struct sketch values[N_VITALS];
    for (size_t i = 0; i < N_VITALS; i++)
        sketch_init(&values[i]);
    for (size_t bucket = 0; bucket < LIVE_GROUP_BUCKETS; bucket++)
        for (struct live_group *group = overview->tally.groups.buckets[bucket]; group; group = group->next)
            for (size_t i = 0; i < N_VITALS; i++)
                if (group->key.kind == SERIES_VITAL && slice_is(group->key.detail, vitals[i].name))
                    sketch_merge(&values[i], &group->values);
    buf_json_name(overview->buf, "vitals");
    buf_char(overview->buf, '[');
    for (size_t i = 0; i < N_VITALS; i++) {
        write_vital(overview->buf, &vitals[i], &values[i]);
        sketch_done(&values[i]);
    }
    buf_char(overview->buf, ']');
}

/* ---- totals and traffic ---- */

static void write_totals(struct overview *overview)
{
    struct buf *buf = overview->buf;
    const struct live_tally *tally = &overview->tally;
    buf_json_name(buf, "totals");
    buf_char(buf, '{');
    buf_json_number(buf, "loads", round(total(tally, SERIES_PAGE)));
    buf_json_number(buf, "routes", round(total(tally, SERIES_ROUTE)));
    buf_json_number(buf, "calls", round(total(tally, SERIES_API)));
    buf_json_number(buf, "failed_calls", round(tally->failed[SERIES_API][best_scope(tally, SERIES_API)]));
    buf_json_number(buf, "clicks", round(total(tally, SERIES_CLICK)));
    buf_json_number(buf, "errors", round(total(tally, SERIES_ERROR)));
    buf_json_number(buf, "sessions", round(hll_estimate(&tally->sessions)));
    buf_json_number(buf, "sessions_5m", round(hll_estimate(&tally->recent)));
    buf_char(buf, '}');
}

static void write_points(struct overview *overview, const char *name, const double *a, const double *b)
{
    struct buf *buf = overview->buf;
    buf_json_name(buf, name);
    buf_char(buf, '[');
    for (size_t i = 0; i < overview->tally.n_points; i++) {
        if (i)
            buf_char(buf, ',');
        buf_number(buf, round((a[i] + (b ? b[i] : 0)) * 10) / 10);
    }
    buf_char(buf, ']');
}

static void write_traffic(struct overview *overview)
{
    struct live_tally *tally = &overview->tally;
    enum live_scope scopes[SERIES_KINDS];
    for (enum series_kind kind = SERIES_PAGE; kind < SERIES_KINDS; kind++)
        scopes[kind] = best_scope(tally, kind);
    buf_json_name(overview->buf, "traffic");
    buf_char(overview->buf, '{');
    write_points(overview, "views", tally->points[SERIES_PAGE][scopes[SERIES_PAGE]],
                 tally->points[SERIES_ROUTE][scopes[SERIES_ROUTE]]);
    write_points(overview, "calls", tally->points[SERIES_API][scopes[SERIES_API]], NULL);
    write_points(overview, "failed", tally->failed_points[SERIES_API][scopes[SERIES_API]], NULL);
    write_points(overview, "errors", tally->points[SERIES_ERROR][scopes[SERIES_ERROR]], NULL);
    write_points(overview, "clicks", tally->points[SERIES_CLICK][scopes[SERIES_CLICK]], NULL);
    buf_char(overview->buf, '}');
}

/* ---- tables ---- */

static double page_weight(const struct live_group *group)
{
    if (group->key.kind != SERIES_PAGE || live_scope_of(&group->key) != SCOPE_ONE)
        return -1;
    return group->count + (group->twin ? group->twin->count : 0);
}

static double call_weight(const struct live_group *group)
{
    return group->key.kind == SERIES_API && live_scope_of(&group->key) == SCOPE_ONE ? group->count : -1;
}

static double error_weight(const struct live_group *group)
{
    return group->key.kind == SERIES_ERROR && slice_is(group->key.name, "*") ? group->count : -1;
}

static double page_error_weight(const struct live_group *group)
{
    return group->key.kind == SERIES_ERROR ? group->count : -1;
}

static void begin_row(struct buf *buf, const struct live_group *group)
{
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "application", group->key.application);
    buf_json_field(buf, "service", group->key.service);
}

static void write_page(void *ctx, const struct live_group *group)
{
    struct overview *overview = ctx;
    struct buf *buf = overview->buf;
    const struct live_group *twin = group->twin;
    struct hll sessions = group->sessions;
    if (twin)
        hll_merge(&sessions, &twin->sessions);
    bool of_routes = group->count <= 0 && twin;
    begin_row(buf, group);
    buf_json_field(buf, "name", group->key.name);
    buf_json_field(buf, "kind", slice_of(of_routes ? "route" : "page"));
    buf_json_number(buf, "count", round(page_weight(group)));
    buf_json_number(buf, "loads", round(group->count));
    live_write_quantiles(buf, of_routes ? &twin->values : &group->values);
    buf_json_number(buf, "sessions", round(hll_estimate(&sessions)));
    buf_char(buf, '}');
}

static void write_call(void *ctx, const struct live_group *group)
{
    struct overview *overview = ctx;
    struct buf *buf = overview->buf;
    begin_row(buf, group);
    buf_json_field(buf, "name", group->key.name);
    buf_json_number(buf, "count", round(group->count));
    buf_json_number(buf, "failed", round(group->failed));
    buf_json_number(buf, "failed_share", group->count > 0 ? round(group->failed / group->count * 1e4) / 1e4 : NAN);
    live_write_quantiles(buf, &group->values);
    buf_json_number(buf, "sessions", round(hll_estimate(&group->sessions)));
    buf_char(buf, '}');
}

static void write_error(void *ctx, const struct live_group *group)
{
    struct overview *overview = ctx;
    struct buf *buf = overview->buf, name;
    char last[CLOCK_TEXT_BYTES];
    buf_init(&name, 8192);
    begin_row(buf, group);
    buf_json_field(buf, "code", group->key.detail);
    live_error_name(overview->live, group->key.detail, &name);
    buf_json_field(buf, "message", buf_slice(&name));
    buf_json_number(buf, "count", round(group->count));
    buf_json_number(buf, "sessions", round(hll_estimate(&group->sessions)));
    /* A window's end may lie ahead; what was seen was not. */
    clock_text(group->last_ms < overview->query->now_ms ? group->last_ms : overview->query->now_ms, last);
    buf_json_field(buf, "last", slice_of(last));
    buf_char(buf, '}');
    buf_done(&name);
}

static void write_table(struct overview *overview, const char *name, size_t limit,
                        double (*weight)(const struct live_group *),
                        void (*write)(void *ctx, const struct live_group *))
{
    struct buf *buf = overview->buf;
    buf_json_name(buf, name);
    buf_text(buf, "{\"rows\":[");
    size_t n = live_groups_top(&overview->tally.groups, limit, weight, write, overview);
    buf_char(buf, ']');
    buf_json_int(buf, "all", (int64_t)n);
    buf_char(buf, '}');
}

void live_write_span(struct buf *buf, const struct live_query *query)
{
    buf_json_int(buf, "now", query->now_ms);
    buf_json_int(buf, "from", query->from_ms);
    buf_json_int(buf, "to", query->to_ms);
    buf_json_int(buf, "step", query->step_ms);
}

static void write_overview(struct overview *overview, uint64_t generation)
{
    struct buf *buf = overview->buf;
    bool by_code = overview->tally.sum[SERIES_ERROR][SCOPE_DETAIL] > 0;
    buf_char(buf, '{');
    buf_json_int(buf, "generation", (int64_t)generation);
    live_write_span(buf, overview->query);
    write_totals(overview);
    write_vitals(overview);
    write_traffic(overview);
    write_table(overview, "pages", MAX_ROWS, page_weight, write_page);
    write_table(overview, "apis", MAX_ROWS, call_weight, write_call);
    write_table(overview, "errors", MAX_ERRORS, by_code ? error_weight : page_error_weight, write_error);
    buf_json_int(buf, "left_out", (int64_t)overview->tally.groups.left_out);
    buf_text(buf, "}\n");
}

enum err live_answer_overview(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct overview overview = {.live = live, .query = query, .buf = buf};
    uint64_t generation = atomic_load(&live->generation);
    enum err err = live_tally_read(live, query, &overview.tally);
    if (err == ERR_OK)
        write_overview(&overview, generation);
    else
        err_set(text, err, "the windows cannot be read: %s", err_sentence(err));
    live_tally_done(&overview.tally);
    return err;
}
