/* The sketch against sorted data: heavy tails, tiny vitals, weights, merges in any order, bytes there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "event/sketch.h"

#define N 20000
#define SLACK 1e-6 /* rounding of floats and logarithms on top of the promised accuracy */

static uint64_t seed;

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}

static double lognormal(void)
{
    return 71 * exp(1.1 * normal());
}

static double pareto(void)
{
    return 10 / pow(1 - uniform(), 1 / 1.2);
}

static double bimodal(void)
{
    return uniform() < 0.7 ? 20 + 3 * fabs(normal()) : 4000 * exp(0.5 * normal());
}

static double layout_shift(void)
{
    return 0.0001 * pow(5000, uniform());
}

static double constant(void)
{
    return 71;
}

static double huge(void)
{
    return 8e7 * uniform() + 1e6;
}

static const struct {
    const char *name;
    double (*draw)(void);
} shapes[] = {
    {"constant", constant}, {"lognormal", lognormal}, {"pareto", pareto},
    {"bimodal", bimodal},   {"cls", layout_shift},    {"up to a day", huge},
};
#define N_SHAPES (sizeof shapes / sizeof *shapes)

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void assert_near(double got, double want, const char *what, double q)
{
    if (fabs(got - want) > want * (SKETCH_ACCURACY + SLACK))
        fail_msg("%s: q %g is %.9g, not within 1 %% of %.9g", what, q, got, want);
}

static void check_quantiles(const struct sketch *sketch, double *values, size_t n, const char *what)
{
    static const double qs[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1};
    qsort(values, n, sizeof *values, compare);
    for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
        double rank = ceil(qs[i] * (double)n);
        double want = values[rank < 1 ? 0 : (size_t)rank - 1];
        assert_near(sketch_quantile(sketch, qs[i]), want, what, qs[i]);
    }
    assert_true(sketch->min == values[0] && sketch->max == values[n - 1]);
}

static struct sketch through_bytes(const struct sketch *sketch)
{
    struct buf buf;
    buf_init(&buf, 65536);
    sketch_write(sketch, &buf);
    assert_false(buf_failed(&buf));
    struct reader reader = reader_of(buf_slice(&buf));
    struct sketch back;
    assert_true(sketch_read(&reader, &back));
    assert_ptr_equal(reader.at, reader.end);
    buf_done(&buf);
    return back;
}

static void quantiles_are_within_one_percent(void **state)
{
    (void)state;
    static double values[N];
    for (size_t s = 0; s < N_SHAPES; s++) {
        seed = 88172645463325252u + s;
        struct sketch sketch;
        sketch_init(&sketch);
        double sum = 0;
        for (size_t i = 0; i < N; i++) {
            values[i] = shapes[s].draw();
            sketch_add(&sketch, values[i], 1);
            sum += values[i];
        }
        assert_true(sketch.count == N && fabs(sketch.sum - sum) <= 1e-9 * sum);
        assert_true(sketch.n <= SKETCH_BUCKETS);
        check_quantiles(&sketch, values, N, shapes[s].name);
        struct sketch back = through_bytes(&sketch);
        check_quantiles(&back, values, N, shapes[s].name);
        sketch_done(&back);
        sketch_done(&sketch);
    }
}

#define PARTS 17
static void merging_loses_nothing_in_any_order(void **state)
{
    (void)state;
    static double values[N];
    for (size_t s = 0; s < N_SHAPES; s++) {
        struct sketch parts[PARTS];
        seed = 99 + s;
        for (size_t p = 0; p < PARTS; p++)
            sketch_init(&parts[p]);
        for (size_t i = 0; i < N; i++) {
            values[i] = shapes[s].draw();
            sketch_add(&parts[(size_t)(uniform() * PARTS)], values[i], 1);
        }
        for (size_t left = PARTS; left > 1; left--) { /* fold a random one into another, half of them via bytes */
            size_t a = (size_t)(uniform() * (double)left), b = left - 1;
            if (a == b)
                a = 0;
            struct sketch from = through_bytes(&parts[b]);
            sketch_merge(&parts[a], uniform() < 0.5 ? &from : &parts[b]);
            sketch_done(&from);
            sketch_done(&parts[b]);
        }
        assert_true(parts[0].count == N);
        check_quantiles(&parts[0], values, N, shapes[s].name);
        sketch_done(&parts[0]);
    }
}

static void weights_count_as_that_many_values(void **state)
{
    (void)state;
    struct sketch sampled, all;
    sketch_init(&sampled);
    sketch_init(&all);
    seed = 7;
    for (size_t i = 0; i < 2000; i++) {
        double value = lognormal();
        sketch_add(&sampled, value, 1 / 0.3);
        for (int j = 0; j < 10; j++)
            sketch_add(&all, value, 1 / 3.0);
    }
    assert_true(fabs(sampled.count - 2000 / 0.3) < 1e-6 * sampled.count);
    for (double q = 0.05; q < 1; q += 0.05)
        assert_true(fabs(sketch_quantile(&sampled, q) / sketch_quantile(&all, q) - 1) < 0.021);
    struct sketch back = through_bytes(&sampled);
    assert_true(sketch_quantile(&back, 0.5) == sketch_quantile(&sampled, 0.5));
    sketch_done(&back);
    sketch_done(&sampled);
    sketch_done(&all);
}

static void an_empty_sketch_has_no_quantile(void **state)
{
    (void)state;
    struct sketch sketch, other;
    sketch_init(&sketch);
    sketch_init(&other);
    assert_true(isnan(sketch_quantile(&sketch, 0.5)));
    assert_true(sketch_count_above(&sketch, 1) == 0);
    struct sketch back = through_bytes(&sketch);
    assert_true(isnan(sketch_quantile(&back, 0.5)) && back.min > back.max);
    sketch_add(&sketch, 5, 1);
    sketch_merge(&sketch, &other);
    sketch_merge(&other, &sketch);
    assert_true(sketch.count == 1 && other.count == 1 && sketch_quantile(&other, 0.5) == 5);
    sketch_done(&sketch);
    sketch_done(&other);
}

static void the_ends_of_the_range_are_kept(void **state)
{
    (void)state;
    struct sketch sketch;
    sketch_init(&sketch);
    sketch_add(&sketch, 0, 1);
    sketch_add(&sketch, 5e-5, 1);
    sketch_add(&sketch, 1e-4, 1);
    sketch_add(&sketch, 8.64e7, 1);
    sketch_add(&sketch, 1e300, 1);
    assert_true(sketch.zero == 2 && sketch.n <= SKETCH_BUCKETS);
    assert_true(sketch_quantile(&sketch, 0) == 0 && sketch_quantile(&sketch, 1) == 1e300);
    assert_near(sketch_quantile(&sketch, 0.5), 1e-4, "smallest", 0.5);
    assert_near(sketch_quantile(&sketch, 0.75), 8.64e7, "largest", 0.75);
    struct sketch back = through_bytes(&sketch);
    assert_true(back.count == 5 && back.zero == 2 && back.max == 1e300);
    sketch_done(&back);
    sketch_done(&sketch);
}

static void counts_above_a_limit(void **state)
{
    (void)state;
    struct sketch sketch;
    sketch_init(&sketch);
    sketch_add(&sketch, 0, 3);
    for (int i = 1; i <= 1000; i++)
        sketch_add(&sketch, i, 1);
    static const struct {
        double limit, least, most;
    } rows[] = {{-1, 1003, 1003}, {0, 1000, 1000}, {0.5, 1000, 1000}, {500, 485, 515},
                {900, 80, 120},   {1000, 0, 11},   {1e6, 0, 0},       {1e300, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double above = sketch_count_above(&sketch, rows[i].limit);
        assert_true(above >= rows[i].least && above <= rows[i].most);
    }
    sketch_done(&sketch);
}

/* Whatever the bytes: an answer, an empty valid sketch on refusal, and what is accepted can be used and written. */
static void damaged_bytes_are_refused_or_usable(void **state)
{
    (void)state;
    struct sketch sketch;
    sketch_init(&sketch);
    seed = 5;
    for (int i = 0; i < 300; i++)
        sketch_add(&sketch, pareto(), i % 3 ? 1 : 2.5);
    struct buf buf, again;
    buf_init(&buf, 65536);
    buf_init(&again, 65536);
    sketch_write(&sketch, &buf);
    for (size_t cut = 0; cut < buf.len; cut++) {
        struct reader reader = reader_of((struct slice){buf.at, cut});
        struct sketch back;
        assert_false(sketch_read(&reader, &back));
        assert_true(back.count == 0 && !back.buckets);
    }
    for (int round = 0; round < 20000; round++) {
        size_t at = (size_t)(uniform() * (double)buf.len);
        char kept = buf.at[at];
        buf.at[at] = (char)(uniform() * 256);
        struct reader reader = reader_of(buf_slice(&buf));
        struct sketch back;
        if (sketch_read(&reader, &back)) {
            assert_false(isnan(sketch_quantile(&back, 0.5)) && back.count > 0);
            sketch_merge(&back, &sketch);
            buf_clear(&again);
            sketch_write(&back, &again);
        }
        sketch_done(&back);
        buf.at[at] = kept;
    }
    buf_done(&buf);
    buf_done(&again);
    sketch_done(&sketch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_sketch_has_no_quantile),     cmocka_unit_test(quantiles_are_within_one_percent),
        cmocka_unit_test(merging_loses_nothing_in_any_order),  cmocka_unit_test(weights_count_as_that_many_values),
        cmocka_unit_test(the_ends_of_the_range_are_kept),      cmocka_unit_test(counts_above_a_limit),
        cmocka_unit_test(damaged_bytes_are_refused_or_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
