/* What is seen of a series: its newest windows against its own usual (history.c, compare.c), and since when it has been
 * so. The rules stand in detect.c's head. */
#include <math.h>

#include "detect/detect_int.h"

#define OPEN_Z 6.0
#define LOOK_Z 2.0   /* below that there is no reason to look at a longer time */
#define BIN_EVENTS 5 /* windows with fewer are looked at together */
#define YOUNG_Z 1.25 /* times wider */
#define YOUNG_RATIO 1.5
#define SPREAD_STEP 0.05
#define SPREAD_MAX 3.0

double assess_weak_ratio(const struct detect *detect)
{
    return 1 + (detect->options.ratio - 1) / 2;
}

/* ---- comparing ---- */

static double error_gate(const struct detect *detect)
{
    return 2 * detect->options.ratio;
}

static bool compare_with(const struct detect *detect, int kind, const struct sample *now, const struct sample *usual,
                         bool alone, struct verdict *ret_verdict)
{
    if (kind == LATENCY && now->values.count > 0 && usual->values.count > 0)
        *ret_verdict = compare_latency(now, usual, alone);
    else if (kind == ERRORS && now->count > 0 && usual->count > 0)
        *ret_verdict = compare_errors(now, usual, error_gate(detect), alone);
    else
        return false;
    return true;
}

bool assess_compare(const struct detect *detect, int kind, const struct sample *now, const struct sample *usual,
                    struct verdict *ret_verdict)
{
    return compare_with(detect, kind, now, usual, detect->options.min_sessions <= 1, ret_verdict);
}

static bool has_enough(const struct detect *detect, const struct sample *now, const struct sample *usual,
                       int64_t from_ms)
{
    int64_t least_ms = detect->options.open_ms * 2 > 4 * FINE_MS ? detect->options.open_ms * 2 : 4 * FINE_MS;
    return now->events >= (double)detect->options.min_events &&
           hll_estimate(&now->sessions) >= (double)detect->options.min_sessions - 0.5 &&
           usual->events >= 2 * (double)detect->options.min_events && from_ms - usual->first_ms >= least_ms;
}

static bool is_strong(const struct detect *detect, const struct machine *machine, const struct assessment *assessment)
{
    double z = OPEN_Z * machine->spread, ratio = detect->options.ratio;
    if (assessment->young) {
        z *= YOUNG_Z;
        ratio = 1 + (ratio - 1) * YOUNG_RATIO;
    }
    return assessment->verdict.z >= z && assessment->verdict.ratio >= ratio && assessment->verdict.share >= 1;
}

void view_init(struct view *view, const struct series *series, int64_t span_ms)
{
    view->to_ms = series->history.last_end_ms;
    view->from_ms = view->to_ms - span_ms;
    sample_init(&view->now);
    sample_init(&view->usual);
    history_pool(&series->history, view->from_ms, view->to_ms, &view->now);
    history_usual(&series->history, view->from_ms, &view->usual);
}

void view_done(struct view *view)
{
    sample_done(&view->now);
    sample_done(&view->usual);
}

/* ---- since when ---- */

/* Walks back over the windows in bins of enough events to say something. A bin is bad when it is nearer to the present
 * trouble than to the usual, by ratio. */
struct walk {
    const struct detect *detect;
    const struct series *series;
    const struct sample *usual;
    int kind;
    double limit, bin_events;
    int bins, good;
    int64_t bad_ms;   /* how long all bad bins took, as long as no more than half are good */
    int64_t since_ms; /* start of the oldest bad bin, as long as no more than a quarter are good */
};

/* False: it ends here. */
static bool count_bin(struct walk *walk, const struct sample *bin)
{
    struct verdict verdict;
    if (!compare_with(walk->detect, walk->kind, bin, walk->usual, true, &verdict)) /* too few to leave one out */
        return true;
    bool bad = verdict.ratio >= walk->limit && verdict.z > 0;
    walk->bins++;
    walk->good += !bad;
    if (bad)
        walk->bad_ms += bin->end_ms - bin->first_ms;
    if (bad && walk->good * 4 <= walk->bins)
        walk->since_ms = bin->first_ms;
    return walk->good * 2 <= walk->bins;
}

/* Whether it has been bad for long enough; since when, as far as one can tell. */
static bool has_lasted(const struct detect *detect, const struct series *series, int kind,
                       const struct verdict *verdict, const struct sample *usual, int64_t *ret_since)
{
    const struct history *history = &series->history;
    struct walk walk = {detect, series, usual, kind, .limit = sqrt(verdict->ratio), .bin_events = BIN_EVENTS};
    if (kind == ERRORS)
        walk.bin_events = fmax(BIN_EVENTS, 3 / fmax(verdict->observed, 1e-3));
    walk.since_ms = history->last_end_ms;
    struct sample bin;
    bool goes_on = true;
    sample_init(&bin);
    for (size_t i = history->n_recents; goes_on && i > 0; i--) {
        sample_add(&bin, &history->recents[i - 1].sample);
        if (bin.events < walk.bin_events)
            continue;
        goes_on = count_bin(&walk, &bin);
        sample_done(&bin);
    }
    sample_done(&bin);
    *ret_since = walk.since_ms;
    return walk.bins >= 2 && walk.bad_ms >= detect->options.open_ms;
}

/* ---- assessing ---- */

static struct assessment assess_view(const struct detect *detect, const struct series *series, int kind,
                                     const struct view *view)
{
    const struct machine *machine = &series->machines[kind];
    struct assessment found = {.at_ms = view->to_ms, .since_ms = view->to_ms};
    int64_t history_ms = view->usual.events > 0 ? view->from_ms - view->usual.first_ms : 0;
    found.history_s = (int32_t)(history_ms / 1000);
    found.young = history_ms < detect->options.young_ms;
    found.judged = view->usual.events >= (double)detect->options.min_events &&
                   assess_compare(detect, kind, &view->now, &view->usual, &found.verdict);
    if (!found.judged)
        return found;
    found.weak = found.verdict.z >= WEAK_Z * machine->spread && found.verdict.ratio >= assess_weak_ratio(detect);
    found.strong = has_enough(detect, &view->now, &view->usual, view->from_ms) && is_strong(detect, machine, &found) &&
                   has_lasted(detect, series, kind, &found.verdict, &view->usual, &found.since_ms);
    return found;
}

static void learn_spread(struct machine *machine)
{
    const struct assessment *found = &machine->assessment;
    if (!found->judged || found->weak || machine->firing)
        return;
    bool above = found->verdict.z / 1.5 > machine->spread; /* the largest of three is past 1.5 about that often */
    machine->spread *= exp(SPREAD_STEP * (above ? 0.84 : -0.16));
    machine->spread = fmin(SPREAD_MAX, fmax(1, machine->spread));
}

static void assess_longer(const struct detect *detect, struct series *series, int kind)
{
    struct machine *machine = &series->machines[kind];
    for (int spans = 2; spans <= LONG_SPANS && !machine->assessment.strong; spans++) {
        struct view view;
        view_init(&view, series, detect->options.open_ms * spans);
        struct assessment longer = assess_view(detect, series, kind, &view);
        view_done(&view);
        if (longer.strong)
            machine->assessment = longer;
        else if (longer.weak)
            machine->assessment.weak = true;
    }
}

void assess_series(const struct detect *detect, struct series *series, int kind, const struct view *view)
{
    struct machine *machine = &series->machines[kind];
    machine->assessment = assess_view(detect, series, kind, view);
    learn_spread(machine);
    if (!machine->assessment.strong && machine->assessment.verdict.z >= LOOK_Z)
        assess_longer(detect, series, kind);
    if (!machine->assessment.weak)
        machine->suspect_since_ms = NEVER;
    else if (machine->suspect_since_ms == NEVER)
        machine->suspect_since_ms = machine->assessment.at_ms;
    if (!machine->assessment.strong)
        machine->strong_since_ms = NEVER;
    else if (machine->strong_since_ms == NEVER)
        machine->strong_since_ms = machine->assessment.at_ms;
}
