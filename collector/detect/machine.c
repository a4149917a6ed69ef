/* A machine opens, goes on and closes: what is seen of its series (assess.c) becomes a finding, said of the part or of
 * the service as a whole, never of both. */
#include <math.h>

#include "detect/detect_int.h"

#define PART_RATIO 1.1
#define PARTS_Z 3.0  /* of the other parts together */
#define CHANCE_Z 0.8 /* the mean of the largest of three */

/* ---- opening ---- */

static void say(struct detect *detect, struct series *series, int kind, enum alert_state state, double observed)
{
    const struct machine *machine = &series->machines[kind];
    struct finding finding = {.kind = kind == LATENCY ? ALERT_LATENCY : ALERT_ERRORS,
                              .state = state,
                              .key = series->key,
                              .since_ms = machine->since_ms,
                              .at_ms = series->history.last_end_ms,
                              .observed = observed,
                              .expected = machine->expected,
                              .sessions = hll_estimate(&machine->sessions),
                              .events = machine->events,
                              .young = machine->young,
                              .history_s = machine->history_s};
    detect->findings->finding(detect->findings, &finding);
}

static void open_machine(struct detect *detect, struct series *series, int kind)
{
    struct machine *machine = &series->machines[kind];
    struct sample bad;
    machine->firing = true;
    machine->is_restored = false;
    machine->since_ms = machine->assessment.since_ms;
    machine->opened_ms = machine->last_bad_ms = series->history.last_end_ms;
    machine->expected = machine->assessment.verdict.expected;
    machine->young = machine->assessment.young;
    machine->history_s = machine->assessment.history_s;
    sample_init(&bad);
    history_pool(&series->history, machine->since_ms, machine->opened_ms, &bad);
    machine->worst = kind == LATENCY ? sketch_quantile(&bad.values, 0.75) : fmin(1, bad.failed / bad.count);
    machine->worst = fmax(machine->worst, machine->assessment.verdict.observed);
    machine->events = bad.count;
    machine->sessions = bad.sessions;
    sample_done(&bad);
    learn_not_from(series, machine->since_ms);
    say(detect, series, kind, ALERT_FIRING, machine->worst);
}

/* Is the trouble that of most parts? Of those that can be judged three in five are worse, and all but the worst of them
 * are so together beyond chance (Stouffer's sum), however little each says by itself. */
static bool is_service_wide(const struct detect *detect, const struct series *whole, int kind)
{
    int judged = 0, worse = 0;
    double sum = 0, worst = -INFINITY;
    int64_t since_ms = whole->history.last_end_ms - detect->options.open_ms * LONG_SPANS;
    for (size_t i = 0; i < detect->table.n; i++) {
        const struct series *part = detect->table.list[i];
        const struct assessment *found = &part->machines[kind].assessment;
        if (part == whole || part->key.kind != whole->key.kind || !found->judged || found->at_ms < since_ms ||
            detect_parent(detect, part) != whole)
            continue;
        bool is_worse = found->verdict.z > CHANCE_Z && found->verdict.ratio >= PART_RATIO &&
                        (kind == LATENCY || found->verdict.share >= 0.5);
        double z = kind == LATENCY || is_worse ? found->verdict.z - CHANCE_Z : 0;
        judged++;
        worse += is_worse;
        sum += z;
        worst = fmax(worst, z);
    }
    return judged >= 2 && worse * 5 >= judged * 3 && (sum - worst) / sqrt(judged - 1) >= PARTS_Z;
}

/* A part's trouble waits for a moment when it looks like that of the whole, which may be said next time. */
static bool is_for_parent(const struct detect *detect, const struct series *series, int kind)
{
    const struct series *parent = detect_parent(detect, series);
    if (!parent)
        return false;
    if (parent->machines[kind].firing)
        return true;
    const struct machine *machine = &series->machines[kind];
    return parent->machines[kind].assessment.weak &&
           machine->assessment.at_ms - machine->strong_since_ms < detect->options.open_ms &&
           is_service_wide(detect, parent, kind);
}

void machine_try_open(struct detect *detect, struct series *series, int kind)
{
    struct machine *machine = &series->machines[kind];
    bool is_whole = slice_equal(series->key.name, EVERY_NAME);
    if (machine->firing || !machine->assessment.strong)
        return;
    if (is_whole && series->key.kind != SERIES_ERROR && !is_service_wide(detect, series, kind))
        return;
    if (is_for_parent(detect, series, kind))
        return;
    open_machine(detect, series, kind);
}

/* ---- going on, and closing ---- */

/* Whether the last quiet_ms as a whole look usual. Without a baseline the expectation of the alert has to do. */
static bool is_usual_again(const struct detect *detect, const struct series *series, int kind)
{
    const struct machine *machine = &series->machines[kind];
    int64_t to_ms = series->history.last_end_ms, from_ms = to_ms - detect->options.quiet_ms;
    struct sample now, usual;
    struct verdict verdict = {.z = 0, .ratio = 1};
    sample_init(&now);
    sample_init(&usual);
    history_pool(&series->history, from_ms, to_ms, &now);
    history_usual(&series->history, from_ms, &usual);
    if (usual.events >= (double)detect->options.min_events)
        assess_compare(detect, kind, &now, &usual, &verdict);
    else if (kind == LATENCY && now.values.count > 0)
        verdict = (struct verdict){.z = INFINITY,
                                   .ratio = sketch_quantile(&now.values, 0.75) / fmax(machine->expected, SKETCH_MIN)};
    else if (kind == ERRORS && now.count > 0)
        verdict = (struct verdict){.z = INFINITY, .ratio = now.failed / now.count / fmax(machine->expected, 0.01)};
    sample_done(&now);
    sample_done(&usual);
    return verdict.z < WEAK_Z * machine->spread || verdict.ratio < assess_weak_ratio(detect);
}

static void close_machine(struct detect *detect, struct series *series, int kind, double observed)
{
    struct machine *machine = &series->machines[kind];
    machine->firing = machine->is_restored = false;
    machine->suspect_since_ms = NEVER;
    for (size_t i = 0; i < series->history.n_excluded; i++)
        if (series->history.excluded[i].to_ms == INT64_MAX)
            series->history.excluded[i].to_ms = series->history.last_end_ms;
    say(detect, series, kind, ALERT_RESOLVED, observed);
}

static void add_new_windows(struct machine *machine, const struct series *series, int64_t after_ms)
{
    for (size_t i = 0; i < series->history.n_recents; i++) {
        const struct sample *sample = &series->history.recents[i].sample;
        if (sample->first_ms < after_ms)
            continue;
        machine->events += sample->count;
        hll_merge(&machine->sessions, &sample->sessions);
    }
}

void machine_go_on(struct detect *detect, struct series *series, int kind)
{
    struct machine *machine = &series->machines[kind];
    const struct assessment *found = &machine->assessment;
    int64_t now_ms = series->history.last_end_ms;
    add_new_windows(machine, series, series->judged_ms);
    if (machine->is_restored && machine->last_bad_ms == NEVER)
        machine->last_bad_ms = now_ms;
    if (found->judged && found->verdict.observed > machine->worst)
        machine->worst = found->verdict.observed;
    if (now_ms - machine->last_bad_ms >= detect->options.quiet_ms && is_usual_again(detect, series, kind))
        close_machine(detect, series, kind, machine->worst);
    else
        say(detect, series, kind, ALERT_FIRING, machine->worst);
}

void machine_close_silent(struct detect *detect, int64_t watermark_ms)
{
    for (size_t i = 0; i < detect->table.n; i++) {
        struct series *series = detect->table.list[i];
        for (int kind = 0; kind < MACHINES; kind++) {
            struct machine *machine = &series->machines[kind];
            int64_t last_ms = series->history.last_end_ms;
            if (machine->firing && machine->is_restored && last_ms == NEVER)
                last_ms = series->history.last_end_ms = watermark_ms; /* the wait begins with the first word */
            if (machine->firing && watermark_ms - last_ms >= detect->options.quiet_ms)
                close_machine(detect, series, kind, 0);
        }
    }
}
