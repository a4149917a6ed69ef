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

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/metric.h"

#define OPEN_Z 6.0
#define WEAK_Z 3.0
#define LOOK_Z 2.0   /* below that there is no reason to look at a longer time */
#define BIN_EVENTS 5 /* windows with fewer are looked at together */
#define PART_RATIO 1.1
#define PARTS_Z 3.0  /* of the other parts together */
#define CHANCE_Z 0.8 /* the mean of the largest of three */
#define YOUNG_Z 1.25 /* times wider */
#define YOUNG_RATIO 1.5
#define SPREAD_STEP 0.05
#define SPREAD_MAX 3.0
#define ACCEPT_SPANS 4 /* after that many history_ms of firing the new level is learnt */
#define LEAP_MS 600000 /* a watermark that goes back by more says that the clock was wrong */
#define MAX_PENDING 8  /* windows of a service that wait for all their kinds */
#define MAX_SERVICES 1000
#define EVERY_NAME SLICE("*")

/* The service's errors against all that its users did, as one series of kind "error": put together here. */
struct service {
    struct series_key key; /* of kind error; its text is `text` */
    char *text;
    struct rollup pending[MAX_PENDING]; /* keys unused */
    size_t n_pending;
    bool is_history[MAX_PENDING];
};

struct detect {
    struct window_sink sink;
    struct detect_options options;
    struct finding_sink *findings;
    struct table table;
    struct series **dirty;
    size_t n_dirty, max_dirty;
    struct service **services;
    size_t n_services;
    int64_t watermark_ms; /* NEVER: none yet */
    struct metric *judged;
};

static int64_t span_of(const struct detect *detect)
{
    int64_t judged_ms = detect->options.open_ms * LONG_SPANS;
    return judged_ms > detect->options.quiet_ms ? judged_ms : detect->options.quiet_ms;
}

static double weak_ratio(const struct detect *detect)
{
    return 1 + (detect->options.ratio - 1) / 2;
}

static bool has_machine(const struct series *series, int kind)
{
    if (kind == ERRORS)
        return series->key.kind == SERIES_API || series->key.kind == SERIES_ERROR;
    return series->key.kind == SERIES_PAGE || series->key.kind == SERIES_ROUTE || series->key.kind == SERIES_API;
}

static struct series *parent_of(const struct detect *detect, const struct series *series)
{
    if (slice_equal(series->key.name, EVERY_NAME))
        return NULL;
    struct series_key key = series->key;
    key.name = EVERY_NAME;
    return table_find(&detect->table, &key);
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

/* Where more than one session is asked for, the busiest one is left out. */
static bool compare(const struct detect *detect, int kind, const struct sample *now, const struct sample *usual,
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

/* The newest span_ms of a series, and what is usual before them. */
struct view {
    struct sample now, usual;
    int64_t from_ms, to_ms;
};

static void view_init(struct view *view, const struct series *series, int64_t span_ms)
{
    view->to_ms = series->history.last_end_ms;
    view->from_ms = view->to_ms - span_ms;
    sample_init(&view->now);
    sample_init(&view->usual);
    history_pool(&series->history, view->from_ms, view->to_ms, &view->now);
    history_usual(&series->history, view->from_ms, &view->usual);
}

static void view_done(struct view *view)
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

static struct assessment assess_view(const struct detect *detect, const struct series *series, int kind,
                                     const struct view *view)
{
    const struct machine *machine = &series->machines[kind];
    struct assessment found = {.at_ms = view->to_ms, .since_ms = view->to_ms};
    int64_t history_ms = view->usual.events > 0 ? view->from_ms - view->usual.first_ms : 0;
    found.history_s = (int32_t)(history_ms / 1000);
    found.young = history_ms < detect->options.young_ms;
    found.judged = view->usual.events >= (double)detect->options.min_events &&
                   compare(detect, kind, &view->now, &view->usual, &found.verdict);
    if (!found.judged)
        return found;
    found.weak = found.verdict.z >= WEAK_Z * machine->spread && found.verdict.ratio >= weak_ratio(detect);
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

static void assess(const struct detect *detect, struct series *series, int kind, const struct view *view)
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

/* ---- what may be learnt ---- */

/* What has been so for very long is the usual by now, whatever anybody thinks of it. */
static bool is_accepted(const struct detect *detect, const struct series *series)
{
    for (int kind = 0; series && kind < MACHINES; kind++)
        if (series->machines[kind].firing && series->history.last_end_ms != NEVER &&
            series->history.last_end_ms - series->machines[kind].opened_ms >= detect->options.history_ms * ACCEPT_SPANS)
            return true;
    return false;
}

static bool is_firing(const struct series *series)
{
    return series && (series->machines[LATENCY].firing || series->machines[ERRORS].firing);
}

static bool is_excused(const struct detect *detect, const struct series *series)
{
    int64_t now_ms = series->history.last_end_ms;
    if (is_firing(series) || is_firing(parent_of(detect, series)))
        return true;
    for (int kind = 0; kind < MACHINES; kind++) {
        int64_t since_ms = series->machines[kind].suspect_since_ms;
        if (since_ms != NEVER && now_ms - since_ms < detect->options.history_ms / 2)
            return true;
    }
    return false;
}

static void taint_from(struct series *series, int64_t from_ms)
{
    for (size_t i = 0; i < series->history.n_recents; i++)
        if (series->history.recents[i].sample.first_ms >= from_ms)
            series->history.recents[i].tainted = true;
}

/* Looks at a new window by itself: was it bad; may it be learnt? */
static void look_at_window(const struct detect *detect, struct series *series, struct recent *recent,
                           const struct sample *usual)
{
    struct verdict verdict;
    for (int kind = 0; kind < MACHINES; kind++) {
        if (!has_machine(series, kind) || !compare(detect, kind, &recent->sample, usual, &verdict) ||
            verdict.z < WEAK_Z * series->machines[kind].spread || verdict.ratio < detect->options.ratio)
            continue;
        series->machines[kind].last_bad_ms = recent->sample.end_ms;
        recent->tainted = true;
    }
}

static void look_at_windows(const struct detect *detect, struct series *series, const struct sample *usual)
{
    bool accepted = is_accepted(detect, series) || is_accepted(detect, parent_of(detect, series));
    bool excused = is_excused(detect, series);
    for (size_t i = 0; i < series->history.n_recents; i++) {
        struct recent *recent = &series->history.recents[i];
        if (recent->sample.end_ms <= series->judged_ms)
            continue;
        recent->tainted = excused;
        look_at_window(detect, series, recent, usual);
        if (accepted)
            recent->tainted = false;
    }
}

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
    taint_from(series, machine->since_ms);
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
            parent_of(detect, part) != whole)
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
    const struct series *parent = parent_of(detect, series);
    if (!parent)
        return false;
    if (parent->machines[kind].firing)
        return true;
    const struct machine *machine = &series->machines[kind];
    return parent->machines[kind].assessment.weak &&
           machine->assessment.at_ms - machine->strong_since_ms < detect->options.open_ms &&
           is_service_wide(detect, parent, kind);
}

static void try_open(struct detect *detect, struct series *series, int kind)
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
        compare(detect, kind, &now, &usual, &verdict);
    else if (kind == LATENCY && now.values.count > 0)
        verdict = (struct verdict){.z = INFINITY,
                                   .ratio = sketch_quantile(&now.values, 0.75) / fmax(machine->expected, SKETCH_MIN)};
    else if (kind == ERRORS && now.count > 0)
        verdict = (struct verdict){.z = INFINITY, .ratio = now.failed / now.count / fmax(machine->expected, 0.01)};
    sample_done(&now);
    sample_done(&usual);
    return verdict.z < WEAK_Z * machine->spread || verdict.ratio < weak_ratio(detect);
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

static void go_on(struct detect *detect, struct series *series, int kind)
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

/* Nothing came at all for long enough: what was slow is not being used, and an alert would stay for ever. */
static void close_silent(struct detect *detect, int64_t watermark_ms)
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

/* ---- windows ---- */

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

static void take(struct detect *detect, struct series *series, const struct rollup *rollup, bool history)
{
    bool frozen = is_firing(series) && !is_accepted(detect, series);
    if (history)
        history_learn(&series->history, rollup);
    else if (rollup->width_s * 1000 == FINE_MS && history_add(&series->history, rollup, frozen))
        mark_dirty(detect, series);
    series->seen_ms = series->history.last_end_ms;
}

static struct series *get_series(struct detect *detect, const struct series_key *key)
{
    return table_get(&detect->table, key, detect->options.history_ms, span_of(detect));
}

static struct service *find_service(const struct detect *detect, const struct series_key *key)
{
    for (size_t i = 0; i < detect->n_services; i++) {
        const struct series_key *own = &detect->services[i]->key;
        if (slice_equal(own->service, key->service) && slice_equal(own->environment, key->environment) &&
            slice_equal(own->application, key->application))
            return detect->services[i];
    }
    return NULL;
}

static struct service *make_service(const struct series_key *key)
{
    struct service *service = calloc(1, sizeof *service);
    size_t a = key->application.len, s = key->service.len, e = key->environment.len;
    char *text = malloc(a + s + e + 1);
    if (!service || !text)
        abort();
    snprintf(text, a + s + e + 1, "%.*s%.*s%.*s", SLICE_ARG(key->application), SLICE_ARG(key->service),
             SLICE_ARG(key->environment));
    service->text = text;
    service->key = (struct series_key){.kind = SERIES_ERROR,
                                       .application = {text, a},
                                       .service = {text + a, s},
                                       .environment = {text + a + s, e},
                                       .name = EVERY_NAME,
                                       .detail = SLICE("")};
    return service;
}

static void service_free(struct service *service)
{
    for (size_t i = 0; i < service->n_pending; i++)
        rollup_done(&service->pending[i]);
    free(service->text);
    free(service);
}

static struct service *get_service(struct detect *detect, const struct series_key *key)
{
    struct service *service = find_service(detect, key);
    if (service || detect->n_services == MAX_SERVICES)
        return service;
    detect->services = realloc(detect->services, (detect->n_services + 1) * sizeof *detect->services);
    if (!detect->services)
        abort();
    return detect->services[detect->n_services++] = make_service(key);
}

static void release_first(struct detect *detect, struct service *service)
{
    struct rollup whole = service->pending[0];
    bool history = service->is_history[0];
    service->n_pending--;
    memmove(service->pending, service->pending + 1, service->n_pending * sizeof service->pending[0]);
    memmove(service->is_history, service->is_history + 1, service->n_pending * sizeof service->is_history[0]);
    whole.key = service->key;
    struct series *errors = get_series(detect, &service->key);
    if (errors)
        take(detect, errors, &whole, history);
    rollup_done(&whole);
}

/* Windows of a time come one kind after the other; they wait until the watermark, or newer ones, say that all came. */
static void add_activity(struct detect *detect, const struct rollup *rollup, bool history)
{
    struct service *service = get_service(detect, &rollup->key);
    if (!service)
        return;
    size_t at = 0;
    while (at < service->n_pending &&
           !(service->pending[at].start_ms == rollup->start_ms && service->pending[at].width_s == rollup->width_s))
        at++;
    if (at == service->n_pending) {
        if (service->n_pending == MAX_PENDING)
            release_first(detect, service);
        at = service->n_pending++;
        rollup_init(&service->pending[at]);
        service->pending[at].start_ms = rollup->start_ms;
        service->pending[at].width_s = rollup->width_s;
        service->is_history[at] = history;
    }
    struct rollup *pending = &service->pending[at];
    pending->events += rollup->events;
    pending->count += rollup->count;
    pending->failed += rollup->key.kind == SERIES_ERROR ? rollup->count : 0;
    hll_merge(&pending->sessions, &rollup->sessions);
    heavy_merge(&pending->busiest, &rollup->busiest);
    heavy_merge(&pending->failing, &rollup->failing);
}

static void release_activity(struct detect *detect, int64_t watermark_ms)
{
    for (size_t i = 0; i < detect->n_services; i++) {
        struct service *service = detect->services[i];
        while (service->n_pending &&
               service->pending[0].start_ms + (int64_t)service->pending[0].width_s * 1000 <= watermark_ms)
            release_first(detect, service);
    }
}

static void take_window(struct window_sink *sink, const struct rollup *rollup, bool history)
{
    struct detect *detect = (struct detect *)sink;
    bool is_whole = slice_equal(rollup->key.name, EVERY_NAME) && rollup->key.detail.len == 0;
    if (!history && rollup->width_s * 1000 != FINE_MS)
        return;
    if (is_whole && rollup->key.kind != SERIES_VITAL)
        add_activity(detect, rollup, history);
    if (rollup->key.kind != SERIES_PAGE && rollup->key.kind != SERIES_ROUTE && rollup->key.kind != SERIES_API)
        return;
    struct series *series = get_series(detect, &rollup->key);
    if (series)
        take(detect, series, rollup, history);
}

static void judge(struct detect *detect, struct series *series)
{
    for (int kind = 0; kind < MACHINES; kind++)
        if (has_machine(series, kind) && series->machines[kind].firing)
            go_on(detect, series, kind);
        else if (has_machine(series, kind))
            try_open(detect, series, kind);
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
        if (has_machine(series, kind))
            assess(detect, series, kind, &view);
    look_at_windows(detect, series, &view.usual);
    view_done(&view);
}

/* What was seen by a clock that was ahead is forgotten; what fires goes on, and its quiet begins with the first word.
 */
static void begin_anew(struct detect *detect, struct series *series, int64_t now_ms)
{
    history_done(&series->history);
    history_init(&series->history, detect->options.history_ms, span_of(detect));
    if (is_firing(series))
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
    release_activity(detect, watermark_ms);
    for (size_t i = 0; i < detect->n_dirty; i++)
        view_series(detect, detect->dirty[i]);
    judge_all(detect, true);
    judge_all(detect, false);
    for (size_t i = 0; i < detect->n_dirty; i++) {
        detect->dirty[i]->judged_ms = detect->dirty[i]->history.last_end_ms;
        detect->dirty[i]->is_dirty = false;
    }
    detect->n_dirty = 0;
    close_silent(detect, watermark_ms);
}

void detect_restore(struct window_sink *sink, const struct alert *alert)
{
    struct detect *detect = (struct detect *)sink;
    int kind = alert->kind == ALERT_LATENCY ? LATENCY : ERRORS;
    struct series *series = alert->kind == ALERT_TRAFFIC ? NULL : get_series(detect, &alert->key);
    if (!series || !has_machine(series, kind))
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
