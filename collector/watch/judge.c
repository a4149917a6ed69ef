/* When a figure is worth a person's night: past its limit at each look for for_ms. When it is over: below half of the
 * limit (a share, a number) or gone (the store, the messages) at each look for quiet_ms. Between the two nothing
 * changes, so that a figure that swings about its limit is one alert.
 *
 * Pure: all it knows comes in with judge_look. */
#include <math.h>

#include "watch/watch_int.h"

const char *const watch_cause_names[WATCH_CAUSES] = {"lag", "spool", "store", "telling", "rejects", "clock"};
const enum err watch_cause_codes[WATCH_CAUSES] = {ERR_SELF_LAG,     ERR_SELF_SPOOL,   ERR_SELF_STORE,
                                                  ERR_SELF_TELLING, ERR_SELF_REJECTS, ERR_SELF_CLOCK};

void judge_init(struct judge *judge, const struct watch_limits *limits)
{
    *judge = (struct judge){.limits = *limits};
}

/* What one look says of one cause. */
struct reading {
    double value, limit;
    double well; /* at most that is well */
    bool is_watched;
};

static struct reading of_amount(double value, double limit)
{
    return (struct reading){value, limit, limit / 2, limit > 0};
}

/* The two measures of the spool, as the one that is nearer to its limit. */
static struct reading of_spool(const struct watch_limits *limits, const struct figures *figures)
{
    struct reading age = of_amount((double)figures->spool_age_s, (double)limits->spool_age_s);
    struct reading size = of_amount((double)figures->spool_bytes, (double)limits->spool_bytes);
    if (!age.is_watched || (size.is_watched && size.value / size.limit > age.value / age.limit))
        return size;
    return age;
}

/* ---- what lasts ---- */

/* Seconds since it began; any is too much, as for_ms is how long it has to last. */
static struct reading of_lasting(int64_t since_ms, int64_t now_ms)
{
    double lasted_s = since_ms ? (double)(now_ms - since_ms) / 1000 : 0;
    return (struct reading){since_ms ? fmax(lasted_s, 0.001) : 0, 0, 0, true};
}

static struct reading of_store(struct judge *judge, const struct figures *figures)
{
    if (!figures->is_away)
        judge->away_ms = 0;
    else if (!judge->away_ms)
        judge->away_ms = figures->now_ms;
    return of_lasting(judge->away_ms, figures->now_ms);
}

/* Failing from the first message that did not arrive until the next one that does. */
static struct reading of_telling(struct judge *judge, const struct figures *figures)
{
    if (figures->sent > judge->sent)
        judge->failing_ms = 0;
    else if (figures->failed > judge->failed && !judge->failing_ms)
        judge->failing_ms = figures->now_ms;
    judge->sent = figures->sent;
    judge->failed = figures->failed;
    return of_lasting(judge->failing_ms, figures->now_ms);
}

/* ---- shares ---- */

/* The newest look that is for_ms old, else the oldest: the ring keeps one each sixtieth of for_ms, at most. */
static const struct figures *step(struct judge *judge, const struct figures *figures)
{
    const struct figures *newest = judge->n_steps ? &judge->steps[(judge->at + STEPS - 1) % STEPS] : NULL;
    if (!newest || figures->now_ms - newest->now_ms >= judge->limits.for_ms / STEPS) {
        judge->steps[judge->at] = *figures;
        judge->at = (judge->at + 1) % STEPS;
        judge->n_steps += judge->n_steps < STEPS;
    }
    const struct figures *before = NULL;
    for (int i = 1; i <= judge->n_steps; i++) {
        before = &judge->steps[(judge->at + STEPS - i) % STEPS];
        if (figures->now_ms - before->now_ms >= judge->limits.for_ms)
            break;
    }
    return before;
}

/* Of too few nothing is said, neither that it is bad nor that it is well: the value lies between. */
static struct reading of_share(const struct watch_limits *limits, int64_t part, int64_t whole, double limit)
{
    double share = whole > 0 ? fmin(1, (double)part / (double)whole) : 0;
    if (part > 0 && whole < limits->min_events)
        share = fmin(share, limit * 0.75);
    return of_amount(share, limit);
}

/* ---- the verdict ---- */

static enum verdict judge_firing(struct state *state, const struct reading *reading, int64_t now_ms, int64_t quiet_ms)
{
    state->observed = fmax(state->observed, reading->value);
    if (reading->value > reading->well)
        state->well_ms = 0;
    else if (!state->well_ms)
        state->well_ms = now_ms;
    if (!state->well_ms || now_ms - state->well_ms < quiet_ms)
        return VERDICT_FIRING;
    *state = (struct state){.is_told_well = true, .observed = state->observed, .expected = state->expected};
    return VERDICT_OVER;
}

static enum verdict judge_well(struct state *state, const struct reading *reading, int64_t now_ms,
                               const struct watch_limits *limits)
{
    bool is_bad = reading->value > reading->limit;
    if (!is_bad)
        state->bad_ms = 0;
    else if (!state->bad_ms)
        state->bad_ms = now_ms;
    if (reading->value > reading->well)
        state->well_ms = 0;
    else if (!state->well_ms)
        state->well_ms = now_ms;
    if (is_bad && now_ms - state->bad_ms >= limits->for_ms) {
        *state = (struct state){true, true, state->bad_ms, 0, reading->value, reading->limit};
        return VERDICT_FIRING;
    }
    if (state->is_told_well || !state->well_ms || now_ms - state->well_ms < limits->quiet_ms)
        return VERDICT_SAME;
    state->is_told_well = true;
    return VERDICT_OVER;
}

void judge_look(struct judge *judge, const struct figures *figures, enum verdict ret_verdicts[WATCH_CAUSES])
{
    const struct watch_limits *limits = &judge->limits;
    const struct figures *before = step(judge, figures);
    int64_t accepted = figures->accepted - before->accepted, rejected = figures->rejected - before->rejected;
    const struct reading readings[WATCH_CAUSES] = {
        [WATCH_LAG] = of_amount((double)figures->lag, (double)limits->lag),
        [WATCH_SPOOL] = of_spool(limits, figures),
        [WATCH_STORE] = of_store(judge, figures),
        [WATCH_TELLING] = of_telling(judge, figures),
        [WATCH_REJECTS] = of_share(limits, rejected, accepted + rejected, limits->rejects),
        [WATCH_CLOCK] = of_share(limits, figures->wrong_clock - before->wrong_clock, accepted, limits->clock),
    };
    for (int i = 0; i < WATCH_CAUSES; i++) {
        struct state *state = &judge->states[i];
        if (!readings[i].is_watched)
            ret_verdicts[i] = VERDICT_SAME;
        else if (state->is_firing)
            ret_verdicts[i] = judge_firing(state, &readings[i], figures->now_ms, limits->quiet_ms);
        else
            ret_verdicts[i] = judge_well(state, &readings[i], figures->now_ms, limits);
    }
}
