#include "detect/detect_int.h"

#include <math.h>

void sample_init(struct sample *sample)
{
    *sample = (struct sample){.first_ms = INT64_MAX, .end_ms = NEVER};
    sketch_init(&sample->values);
}

void sample_done(struct sample *sample)
{
    sketch_done(&sample->values);
    sample_init(sample);
}

void sample_add(struct sample *sample, const struct sample *from)
{
    sketch_merge(&sample->values, &from->values);
    sample->events += from->events;
    sample->count += from->count;
    sample->failed += from->failed;
    hll_merge(&sample->sessions, &from->sessions);
    heavy_merge(&sample->busiest, &from->busiest);
    heavy_merge(&sample->failing, &from->failing);
    if (from->first_ms < sample->first_ms)
        sample->first_ms = from->first_ms;
    if (from->end_ms > sample->end_ms)
        sample->end_ms = from->end_ms;
}

void sample_add_window(struct sample *sample, const struct rollup *rollup)
{
    struct sample from = {.values = rollup->values, /* borrowed for the call */
                          .events = (double)rollup->events,
                          .count = rollup->count,
                          .failed = rollup->failed,
                          .sessions = rollup->sessions,
                          .busiest = rollup->busiest,
                          .failing = rollup->failing,
                          .first_ms = rollup->start_ms,
                          .end_ms = rollup->start_ms + (int64_t)rollup->width_s * 1000};
    sample_add(sample, &from);
}

static double divergence(double a, double b)
{
    return a > 0 ? a * log(a / b) : 0;
}

double binomial_z(double k, double n, double share, double n_usual)
{
    double s0 = (share * n_usual + 0.5) / (n_usual + 1); /* nothing that was never seen is impossible */
    double s1 = k / n;
    double weight = n * n_usual / (n + n_usual); /* the usual share is an estimate too */
    double z = sqrt(fmax(0, 2 * weight * (divergence(s1, s0) + divergence(1 - s1, 1 - s0))));
    return s1 < s0 ? -z : z;
}

/* Raw number of events that have a value. */
static double n_values(const struct sample *sample)
{
    return sample->count > 0 ? sample->events * fmin(1, sample->values.count / sample->count) : 0;
}

static double usual_share(const struct sample *usual, double limit)
{
    return sketch_count_above(&usual->values, limit) / usual->values.count;
}

/* `kept` of the requests remain when the slowest are left out; ranks and shares are those among them. */
struct verdict compare_latency(const struct sample *now, const struct sample *usual, bool alone)
{
    static const struct {
        double q, gate; /* a share this large of requests above the usual quantile is an effect */
    } cuts[] = {{0.5, 0.6}, {0.75, 0.36}, {0.9, 0.25}};
    double left_out = alone ? 0 : fmin(0.95, heavy_most(&now->busiest) / fmax(1, now->events)), kept = 1 - left_out;
    struct verdict verdict = {.z = -INFINITY,
                              .observed = sketch_quantile(&now->values, 0.75),
                              .expected = sketch_quantile(&usual->values, 0.75)};
    double n = n_values(now) * kept, n_usual = n_values(usual);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        double limit = sketch_quantile(&usual->values, cuts[i].q);
        double above = sketch_count_above(&now->values, limit) / now->values.count;
        above = fmax(0, above - left_out) / kept;
        verdict.z = fmax(verdict.z, binomial_z(above * n, n, usual_share(usual, limit), n_usual));
        verdict.share = fmax(verdict.share, above / cuts[i].gate);
    }
    double half = sketch_quantile(&usual->values, 0.5);
    verdict.ratio = sketch_quantile(&now->values, 0.75 * kept) / fmax(verdict.expected, SKETCH_MIN);
    verdict.ratio = fmax(verdict.ratio, sketch_quantile(&now->values, 0.5 * kept) / fmax(half, SKETCH_MIN));
    return verdict;
}

struct verdict compare_errors(const struct sample *now, const struct sample *usual, double gate, bool alone)
{
    double observed = fmin(1, now->failed / now->count), usually = fmin(1, usual->failed / usual->count);
    double left_out = alone ? 0 : fmin(observed * now->events, heavy_most(&now->failing));
    double n = fmax(1, now->events - left_out), failed = observed * now->events - left_out, share = failed / n;
    struct verdict verdict = {.observed = observed, .expected = usually};
    verdict.z = binomial_z(failed, n, usually, usual->events);
    double floor = (usually * usual->events + 0.5) / (usual->events + 1);
    verdict.ratio = share / floor;
    verdict.share = fmin(failed / 4, fmin(share / (gate * usually + 1e-9), (share - usually) / 0.02));
    return verdict;
}
