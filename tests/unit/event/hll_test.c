/* Sessions are counted within a few per cent, the same in any order and over any split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <math.h>

#include "event/rollup.h"

static void add_sessions(struct hll *hll, int from, int to)
{
    for (int i = from; i < to; i++) {
        char name[32];
        int n = snprintf(name, sizeof name, "s-%d", i);
        hll_add(hll, (struct slice){name, (size_t)n});
    }
}

static void estimates_are_near(void **state)
{
    (void)state;
    static const struct {
        int members;
        double off; /* allowed share: exact when few, three standard errors when many */
    } rows[] = {{0, 0}, {1, 0.01}, {2, 0.01}, {3, 0.4}, {10, 0.15}, {50, 0.15}, {200, 0.2}, {1000, 0.2}, {100000, 0.2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hll hll = {0};
        add_sessions(&hll, 0, rows[i].members);
        double estimate = hll_estimate(&hll);
        if (fabs(estimate - rows[i].members) > rows[i].off * rows[i].members)
            fail_msg("%d members: %g", rows[i].members, estimate);
        add_sessions(&hll, 0, rows[i].members);
        assert_true(hll_estimate(&hll) == estimate); /* repeats do not count */
    }
}

static void merging_is_a_union(void **state)
{
    (void)state;
    struct hll a = {0}, b = {0}, all = {0};
    add_sessions(&a, 0, 600);
    add_sessions(&b, 300, 900);
    add_sessions(&all, 0, 900);
    hll_merge(&a, &b);
    assert_memory_equal(&a, &all, sizeof a);
}

/* Over many sets the error has the standard deviation that the paper promises, and no lean. */
static void errors_are_as_promised(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    const int sets = 200, members = 2000;
    for (int i = 0; i < sets; i++) {
        struct hll hll = {0};
        add_sessions(&hll, i * members, (i + 1) * members);
        double error = hll_estimate(&hll) / members - 1;
        sum += error;
        squares += error * error;
    }
    assert_true(fabs(sum / sets) < 0.02);
    assert_true(sqrt(squares / sets) < 0.08);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_near),
        cmocka_unit_test(merging_is_a_union),
        cmocka_unit_test(errors_are_as_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
