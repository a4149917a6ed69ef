/* /api/series: one series over time, and the slowest or failed ones among its newest events. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "live/live_int.h"

#define MAX_SAMPLES 20
#define MAX_LOOKED_AT 3000

struct point {
    double count, failed;
    struct sketch values;
    struct hll sessions;
};

struct series {
    const struct live_query *query;
    struct point *points, all;
    size_t n;
};

static void add_to(struct point *point, const struct rollup *rollup)
{
    point->count += rollup->count;
    point->failed += rollup->failed;
    sketch_merge(&point->values, &rollup->values);
    hll_merge(&point->sessions, &rollup->sessions);
}

/* The whole service stands there once by kind and again by kind and detail; without a detail the first is meant. */
static void add(void *ctx, const struct rollup *rollup)
{
    struct series *series = ctx;
    size_t at = (size_t)((rollup->start_ms - series->query->from_ms) / series->query->step_ms);
    if (at >= series->n)
        return;
    if (!series->query->detail.len && rollup->key.detail.len && slice_is(rollup->key.name, "*"))
        return;
    add_to(&series->points[at], rollup);
    add_to(&series->all, rollup);
}

static void series_init(struct series *series, const struct live_query *query)
{
    size_t n = (size_t)((query->to_ms - query->from_ms) / query->step_ms);
    *series = (struct series){.query = query, .n = n, .points = calloc(n + 1, sizeof *series->points)};
    if (!series->points)
        abort();
    for (size_t i = 0; i < n; i++)
        sketch_init(&series->points[i].values);
    sketch_init(&series->all.values);
}

static void series_done(struct series *series)
{
    for (size_t i = 0; i < series->n; i++)
        sketch_done(&series->points[i].values);
    sketch_done(&series->all.values);
    free(series->points);
}

static void write_column(struct buf *buf, const char *name, const struct series *series,
                         double (*value)(const struct point *))
{
    buf_json_name(buf, name);
    buf_char(buf, '[');
    for (size_t i = 0; i < series->n; i++) {
        if (i)
            buf_char(buf, ',');
        buf_number(buf, round(value(&series->points[i]) * 1000) / 1000);
    }
    buf_char(buf, ']');
}

static double quantile(const struct point *point, double q)
{
    return point->values.count > 0 ? sketch_quantile(&point->values, q) : NAN;
}

static double count_of(const struct point *point)
{
    return point->count;
}

static double failed_of(const struct point *point)
{
    return point->failed;
}

static double p50_of(const struct point *point)
{
    return quantile(point, 0.5);
}

static double p75_of(const struct point *point)
{
    return quantile(point, 0.75);
}

static double p95_of(const struct point *point)
{
    return quantile(point, 0.95);
}

static void write_points(struct buf *buf, const struct series *series)
{
    static const struct {
        const char *name;
        double (*value)(const struct point *);
    } columns[] = {{"count", count_of}, {"failed", failed_of}, {"p50", p50_of}, {"p75", p75_of}, {"p95", p95_of}};
    buf_json_name(buf, "points");
    buf_char(buf, '{');
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        write_column(buf, columns[i].name, series, columns[i].value);
    buf_char(buf, '}');
}

static void write_all(struct buf *buf, const struct series *series)
{
    const struct point *all = &series->all;
    buf_json_name(buf, "all");
    buf_char(buf, '{');
    buf_json_number(buf, "count", round(all->count));
    buf_json_number(buf, "failed", round(all->failed));
    live_write_quantiles(buf, &all->values);
    buf_json_number(buf, "sessions", round(hll_estimate(&all->sessions)));
    buf_char(buf, '}');
}

/* ---- samples: single events, so that a line on a chart leads to somebody's session ---- */

struct sample {
    char at[CLOCK_TEXT_BYTES], session[72];
    double value;
    int status;
    bool failed;
};

struct samples {
    const struct live_query *query;
    struct sample found[MAX_SAMPLES];
    size_t n, looked_at;
};

static bool is_of_series(const struct live_query *query, const json_t *document)
{
    if (query->detail.len) {
        struct slice detail = live_member(document, query->kind == SERIES_ERROR ? "error.code" : "seismo.vital.name");
        if (!slice_equal(detail, query->detail))
            return false;
    }
    if (slice_is(query->name, "*") || !query->name.len)
        return true;
    return slice_equal(live_member(document, "seismo.route"), query->name) ||
           slice_equal(live_member(document, "seismo.page.route"), query->name);
}

static void copy_text(char *to, size_t size, struct slice from)
{
    size_t n = from.len < size ? from.len : size - 1;
    memcpy(to, from.at ? from.at : "", n);
    to[n] = '\0';
}

static bool is_worse(const struct sample *a, const struct sample *b)
{
    if (a->failed != b->failed)
        return a->failed;
    return a->value > b->value;
}

static void keep_worst(struct samples *samples, const struct sample *sample)
{
    size_t at = samples->n;
    while (at && is_worse(sample, &samples->found[at - 1]))
        at--;
    if (at == MAX_SAMPLES)
        return;
    if (samples->n < MAX_SAMPLES)
        samples->n++;
    memmove(&samples->found[at + 1], &samples->found[at], (samples->n - at - 1) * sizeof *sample);
    samples->found[at] = *sample;
}

static bool look(void *ctx, struct slice id, struct slice json)
{
    struct samples *samples = ctx;
    (void)id;
    json_t *document = live_document(json);
    if (document && live_is_of_environment(samples->query, document) && is_of_series(samples->query, document)) {
        struct sample sample = {0};
        double value = live_member_number(document, samples->query->kind == SERIES_VITAL ? "seismo.vital.value"
                                                                                         : "seismo.duration_ms");
        double status = live_member_number(document, "http.response.status_code");
        copy_text(sample.at, sizeof sample.at, live_member(document, "@timestamp"));
        copy_text(sample.session, sizeof sample.session, live_member(document, "session.id"));
        sample.value = isnan(value) ? -1 : value;
        sample.status = isnan(status) ? -1 : (int)status;
        sample.failed = samples->query->kind == SERIES_API && (sample.status == 0 || sample.status >= 500);
        keep_worst(samples, &sample);
    }
    json_decref(document);
    return ++samples->looked_at < MAX_LOOKED_AT;
}

static void write_sample(struct buf *buf, const struct sample *sample)
{
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "at", slice_of(sample->at));
    buf_json_field(buf, "session", slice_of(sample->session));
    buf_json_number(buf, "value", sample->value < 0 ? NAN : sample->value);
    buf_json_number(buf, "status", sample->status < 0 ? NAN : sample->status);
    buf_json_name(buf, "failed");
    buf_text(buf, sample->failed ? "true}" : "false}");
}

static enum err write_samples(struct live *live, const struct live_query *query, struct buf *buf)
{
    struct samples samples = {.query = query};
    struct store_event_query filter = {
        .application = query->application,
        .service = query->service,
        .kind = slice_of(series_kind_name(query->kind)),
        .code = query->kind == SERIES_ERROR ? query->detail : SLICE_NONE,
        .from_ms = query->from_ms,
        .to_ms = query->to_ms,
        .newest_first = true,
        .limit = MAX_LOOKED_AT,
    };
    enum err err = store_read_events(live->options.store, &filter, look, &samples);
    buf_json_name(buf, "samples");
    buf_char(buf, '[');
    for (size_t i = 0; i < samples.n; i++)
        write_sample(buf, &samples.found[i]);
    buf_char(buf, ']');
    return err;
}

static void write_head(struct buf *buf, const struct live_query *query)
{
    live_write_span(buf, query);
    buf_json_field(buf, "kind", slice_of(series_kind_name(query->kind)));
    buf_json_field(buf, "name", query->name);
    buf_json_field(buf, "detail", query->detail);
}

enum err live_answer_series(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    struct series series;
    struct live_query whole = *query;
    if (!query->kind)
        return err_set(text, ERR_BAD_PARAMETER, "kind: say which series: page, route, api, vital, click or error");
    if (!query->name.len)
        whole.name = SLICE("*");
    struct store_rollup_query narrow = {.kind = whole.kind, .name = whole.name, .detail = whole.detail};
    series_init(&series, &whole);
    enum err err = live_windows_read(live, &whole, &narrow, add, &series);
    if (err == ERR_OK) {
        buf_char(buf, '{');
        write_head(buf, &whole);
        write_all(buf, &series);
        write_points(buf, &series);
        err = write_samples(live, &whole, buf);
        buf_text(buf, "}\n");
    }
    series_done(&series);
    return err == ERR_OK ? err : err_set(text, err, "the series cannot be read: %s", err_sentence(err));
}
