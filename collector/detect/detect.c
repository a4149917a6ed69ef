/* The detector: windows in, findings out. Windows are only collected; all judging happens at a watermark, when every
 * series has its windows of that time, so that what is wrong with a service as a whole is told from what is wrong with
 * one of its parts.
 *
 * Of each series that has new windows: the newest open_ms, and three times that for the rarer ones, against its own
 * usual (history.c, compare.c). A machine, one for latency and one for errors, opens when all hold:
 *   - enough events and enough sessions, and enough history; where more than one session is asked for, all the rest
 *     must hold without the busiest one too;
 *   - z, divided by the spread that the series is known for, is past OPEN_Z (wider while young);
 *   - the effect is large: `ratio` times the usual, and in shares of requests;
 *   - it has been so for open_ms in all: going back from now for as long as no more than half was nearer to the usual.
 * and closes after quiet_ms without a bad window when the whole of them looks usual, or has nothing in it.
 *
 * The service as a whole ("*") is said instead of its parts when most of the parts are worse, otherwise never; while it
 * fires its parts are silent. */
#include "detect/detect_int.h"

#include <stdlib.h>

#include "base/metric.h"

#define LEAP_MS 600000 /* a watermark that goes back by more says that the clock was wrong */

static int64_t span_of(const struct detect *detect)
{
    int64_t judged_ms = detect->options.open_ms * LONG_SPANS;
    return judged_ms > detect->options.quiet_ms ? judged_ms : detect->options.quiet_ms;
}

struct series *detect_parent(const struct detect *detect, const struct series *series)
{
    if (slice_equal(series->key.name, EVERY_NAME))
        return NULL;
    struct series_key key = series->key;
    key.name = EVERY_NAME;
    return table_find(&detect->table, &key);
}

static void mark_dirty(struct detect *detect, struct series *series)
{
    if (series->is_dirty)
        return;
    if (detect->n_dirty == detect->max_dirty) {
        detect->max_dirty = detect->max_dirty ? detect->max_dirty * 2 : 64;
        detect->dirty = realloc(detect->dirty, detect->max_dirty * sizeof *detect->dirty);
        if (!detect->dirty)
            abort();
    }
    series->is_dirty = true;
    detect->dirty[detect->n_dirty++] = series;
}

void detect_take(struct detect *detect, struct series *series, const struct rollup *rollup, bool history)
{
    bool frozen = series_is_firing(series) && !learn_is_accepted(detect, series);
    if (history)
        history_learn(&series->history, rollup);
    else if (rollup->width_s * 1000 == FINE_MS && history_add(&series->history, rollup, frozen))
        mark_dirty(detect, series);
    series->seen_ms = series->history.last_end_ms;
}

struct series *detect_series(struct detect *detect, const struct series_key *key)
{
    return table_get(&detect->table, key, detect->options.history_ms, span_of(detect));
}

static void take_window(struct window_sink *sink, const struct rollup *rollup, bool history)
{
    struct detect *detect = (struct detect *)sink;
    bool is_whole = slice_equal(rollup->key.name, EVERY_NAME) && rollup->key.detail.len == 0;
    if (!history && rollup->width_s * 1000 != FINE_MS)
        return;
    if (is_whole && rollup->key.kind != SERIES_VITAL)
        service_add(detect, rollup, history);
    if (rollup->key.kind != SERIES_PAGE && rollup->key.kind != SERIES_ROUTE && rollup->key.kind != SERIES_API)
        return;
    struct series *series = detect_series(detect, &rollup->key);
    if (series)
        detect_take(detect, series, rollup, history);
}

static void judge(struct detect *detect, struct series *series)
{
    for (int kind = 0; kind < MACHINES; kind++)
        if (series_has_machine(series, kind) && series->machines[kind].firing)
            machine_go_on(detect, series, kind);
        else if (series_has_machine(series, kind))
            machine_try_open(detect, series, kind);
}

static void judge_all(struct detect *detect, bool wholes)
{
    for (size_t i = 0; i < detect->n_dirty; i++)
        if (slice_equal(detect->dirty[i]->key.name, EVERY_NAME) == wholes)
            judge(detect, detect->dirty[i]);
}

static void view_series(struct detect *detect, struct series *series)
{
    struct view view;
    view_init(&view, series, detect->options.open_ms);
    for (int kind = 0; kind < MACHINES; kind++)
        if (series_has_machine(series, kind))
            assess_series(detect, series, kind, &view);
    learn_windows(detect, series, &view.usual);
    view_done(&view);
}

/* What was seen by a clock that was ahead is forgotten; what fires goes on, and its quiet begins with the first word.
 */
static void begin_anew(struct detect *detect, struct series *series, int64_t now_ms)
{
    history_done(&series->history);
    history_init(&series->history, detect->options.history_ms, span_of(detect));
    if (series_is_firing(series))
        history_exclude(&series->history, now_ms, INT64_MAX);
    for (int kind = 0; kind < MACHINES; kind++) {
        struct machine *machine = &series->machines[kind];
        machine->is_restored = machine->firing;
        machine->since_ms = machine->since_ms < now_ms ? machine->since_ms : now_ms;
        machine->opened_ms = machine->opened_ms < now_ms ? machine->opened_ms : now_ms;
        machine->last_bad_ms = machine->suspect_since_ms = machine->strong_since_ms = NEVER;
        machine->assessment = (struct assessment){.at_ms = NEVER};
    }
    series->seen_ms = series->judged_ms = NEVER;
}

static void mind_clock(struct detect *detect, int64_t watermark_ms)
{
    if (watermark_ms > detect->watermark_ms || detect->watermark_ms - watermark_ms < LEAP_MS)
        return;
    for (size_t i = 0; i < detect->n_dirty; i++)
        detect->dirty[i]->is_dirty = false;
    detect->n_dirty = 0;
    for (size_t i = 0; i < detect->table.n; i++)
        if (detect->table.list[i]->history.last_end_ms > watermark_ms + LEAP_MS)
            begin_anew(detect, detect->table.list[i], watermark_ms);
    for (size_t i = 0; i < detect->n_services; i++)
        while (detect->services[i]->n_pending)
            rollup_done(&detect->services[i]->pending[--detect->services[i]->n_pending]);
}

static void take_watermark(struct window_sink *sink, int64_t watermark_ms)
{
    struct detect *detect = (struct detect *)sink;
    mind_clock(detect, watermark_ms);
    detect->watermark_ms = watermark_ms;
    metric_set(detect->judged, watermark_ms / 1000);
    service_release(detect, watermark_ms);
    for (size_t i = 0; i < detect->n_dirty; i++)
        view_series(detect, detect->dirty[i]);
    judge_all(detect, true);
    judge_all(detect, false);
    for (size_t i = 0; i < detect->n_dirty; i++) {
        detect->dirty[i]->judged_ms = detect->dirty[i]->history.last_end_ms;
        detect->dirty[i]->is_dirty = false;
    }
    detect->n_dirty = 0;
    machine_close_silent(detect, watermark_ms);
}

void detect_restore(struct window_sink *sink, const struct alert *alert)
{
    struct detect *detect = (struct detect *)sink;
    int kind = alert->kind == ALERT_LATENCY ? LATENCY : ERRORS;
    struct series *series = alert->kind == ALERT_TRAFFIC ? NULL : detect_series(detect, &alert->key);
    if (!series || !series_has_machine(series, kind))
        return;
    bool firing = alert->state == ALERT_FIRING;
    history_exclude(&series->history, alert->since_ms, firing ? INT64_MAX : alert->resolved_ms);
    struct machine *machine = &series->machines[kind];
    if (!firing && machine->firing && machine->opened_ms <= alert->opened_ms)
        machine->firing = false; /* another instance has seen the end of it */
    if (!firing || machine->firing)
        return;
    machine->firing = machine->is_restored = true;
    machine->since_ms = alert->since_ms;
    machine->opened_ms = alert->opened_ms;
    machine->worst = alert->observed;
    machine->expected = alert->expected;
    machine->events = alert->events;
    machine->young = alert->young;
    machine->history_s = alert->history_s;
}

struct window_sink *detect_new(const struct detect_options *options, struct finding_sink *findings)
{
    struct detect *detect = calloc(1, sizeof *detect);
    if (!detect)
        abort();
    detect->sink = (struct window_sink){take_window, take_watermark};
    detect->options = *options;
    if (detect->options.open_ms < 2 * FINE_MS)
        detect->options.open_ms = 2 * FINE_MS;
    detect->findings = findings;
    detect->watermark_ms = NEVER;
    detect->judged = metric_get(METRIC_GAUGE, "seismo_detect_watermark_seconds", NULL, NULL,
                                "Unix time up to which windows are judged; it moves while detection works");
    table_init(&detect->table, options->max_series > 0 ? (size_t)options->max_series : 1);
    return &detect->sink;
}

void detect_free(struct window_sink *sink)
{
    struct detect *detect = (struct detect *)sink;
    if (!detect)
        return;
    for (size_t i = 0; i < detect->n_services; i++)
        service_free(detect->services[i]);
    free(detect->services);
    free(detect->dirty);
    table_done(&detect->table);
    free(detect);
}
