/* The busiest session is known, never too high, too low by no more than promised, whatever the order and the splits. */
#include "unit/test.h"

#include <stdio.h>

#include "event/rollup.h"

static uint64_t seed;

static unsigned draw(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void add(struct heavy *heavy, unsigned number)
{
    char name[16];
    snprintf(name, sizeof name, "s%u", number);
    heavy_add(heavy, slice_of(name), 1);
}

static void few_sessions_are_exact(void **state)
{
    (void)state;
    struct heavy heavy = {{0}, {0}};
    assert_true(heavy_most(&heavy) == 0);
    for (unsigned session = 1; session <= HEAVY_SESSIONS; session++)
        for (unsigned i = 0; i < session; i++)
            add(&heavy, session);
    assert_true(heavy_most(&heavy) == HEAVY_SESSIONS);
}

static void the_error_is_bounded(void **state)
{
    (void)state;
    static const unsigned shares[] = {10, 20, 50, 80, 100}; /* per cent of one session */
    for (unsigned r = 0; r < 5 * 20; r++) {
        struct heavy parts[7] = {{{0}, {0}}}, all = {{0}, {0}};
        double own = 0, others = 0;
        seed = r + 1;
        for (int i = 0; i < 5000; i++) {
            bool is_own = draw(100) < shares[r % 5];
            own += is_own;
            others += !is_own;
            add(&parts[draw(7)], is_own ? 0 : 1 + draw(500));
        }
        for (int i = 0; i < 7; i++)
            heavy_merge(&all, &parts[i]);
        assert_true(heavy_most(&all) <= own + others / 100);
        assert_true(heavy_most(&all) >= own - others / HEAVY_SESSIONS - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_sessions_are_exact),
        cmocka_unit_test(the_error_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
