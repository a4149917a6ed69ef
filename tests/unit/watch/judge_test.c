/* When Seismo says that it is not well: rows of figures over a clock of our own, and what is said at each. */
#include "unit/test.h"

#include "watch/watch_int.h"

#define MINUTE 60000

static const struct watch_limits usual = {.for_ms = 5 * MINUTE,
                                          .quiet_ms = 5 * MINUTE,
                                          .lag = 1000,
                                          .spool_age_s = 300,
                                          .spool_bytes = 1000000,
                                          .rejects = 0.25,
                                          .clock = 0.5,
                                          .min_events = 1000};

/* What was said since it was last asked. */
struct heard {
    struct judge judge;
    struct figures figures;
    int fired[WATCH_CAUSES], over[WATCH_CAUSES]; /* changes, not looks */
    bool is_firing[WATCH_CAUSES];
};

static struct heard begin(void)
{
    struct heard heard = {.figures = {.now_ms = 1000000}};
    judge_init(&heard.judge, &usual);
    return heard;
}

/* A look each second, with a well-behaved stream of a hundred events. */
static void pass(struct heard *heard, int64_t ms, int refused, int wrong)
{
    enum verdict verdicts[WATCH_CAUSES];
    for (int64_t end_ms = heard->figures.now_ms + ms; heard->figures.now_ms < end_ms;) {
        heard->figures.now_ms += 1000;
        heard->figures.accepted += 100;
        heard->figures.rejected += refused;
        heard->figures.wrong_clock += wrong;
        judge_look(&heard->judge, &heard->figures, verdicts);
        for (int i = 0; i < WATCH_CAUSES; i++) {
            heard->fired[i] += verdicts[i] == VERDICT_FIRING && !heard->is_firing[i];
            heard->over[i] += verdicts[i] == VERDICT_OVER;
            if (verdicts[i] != VERDICT_SAME)
                heard->is_firing[i] = verdicts[i] == VERDICT_FIRING;
        }
    }
}

static void assert_heard(struct heard *heard, enum watch_cause cause, int fired, int over)
{
    assert_int_equal(heard->fired[cause], fired);
    assert_int_equal(heard->over[cause], over);
    for (int i = 0; i < WATCH_CAUSES; i++)
        heard->fired[i] = heard->over[i] = 0;
}

/* What a process before this one may have said is over once all was well for a while; then there is silence. */
static void settle(struct heard *heard)
{
    pass(heard, 6 * MINUTE, 0, 0);
    for (int i = 0; i < WATCH_CAUSES; i++)
        assert_int_equal(heard->over[i], 1);
    assert_heard(heard, WATCH_LAG, 0, 1);
    pass(heard, 60 * MINUTE, 0, 0);
    for (int i = 0; i < WATCH_CAUSES; i++)
        assert_int_equal(heard->over[i] + heard->fired[i], 0);
}

static void what_passes_soon_wakes_nobody(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    settle(&heard);
    heard.figures.lag = 1000000;
    heard.figures.is_away = true;
    heard.figures.failed++;
    pass(&heard, 4 * MINUTE, 60, 90);
    heard.figures.lag = 0;
    heard.figures.is_away = false;
    heard.figures.sent++;
    pass(&heard, 30 * MINUTE, 0, 0);
    for (int i = 0; i < WATCH_CAUSES; i++)
        if (i != WATCH_REJECTS && i != WATCH_CLOCK) /* theirs is a share of the last five minutes */
            assert_int_equal(heard.fired[i], 0);
}

static void lag_is_told_once_and_its_end_once(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    settle(&heard);
    heard.figures.lag = 5000;
    pass(&heard, 4 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_LAG, 0, 0);
    pass(&heard, 120 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_LAG, 1, 0);
    heard.figures.lag = 0;
    pass(&heard, 4 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_LAG, 0, 0);
    pass(&heard, 60 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_LAG, 0, 1);
    assert_true(heard.judge.states[WATCH_LAG].observed == 5000 && heard.judge.states[WATCH_LAG].expected == 1000);
}

/* Above half of its limit it is neither well nor worth a new alert. */
static void what_swings_about_its_limit_is_one_alert(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    settle(&heard);
    heard.figures.lag = 1200;
    pass(&heard, 6 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_LAG, 1, 0);
    for (int i = 0; i < 20; i++) {
        heard.figures.lag = i % 2 ? 1200 : 800;
        pass(&heard, 7 * MINUTE, 0, 0);
        heard.figures.lag = 100;
        pass(&heard, MINUTE, 0, 0);
    }
    assert_heard(&heard, WATCH_LAG, 0, 0);
    pass(&heard, 6 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_LAG, 0, 1);
}

static void a_store_that_is_away_is_told_and_comes_back(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    settle(&heard);
    heard.figures.is_away = true;
    pass(&heard, 10 * MINUTE, 0, 0);
    assert_true(heard.judge.states[WATCH_STORE].observed >= 300);
    assert_heard(&heard, WATCH_STORE, 1, 0);
    for (int i = 0; i < 10; i++) { /* it comes and goes: still the same */
        heard.figures.is_away = i % 2;
        pass(&heard, 2 * MINUTE, 0, 0);
    }
    assert_heard(&heard, WATCH_STORE, 0, 0);
    heard.figures.is_away = false;
    pass(&heard, 6 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_STORE, 0, 1);
}

static void messages_that_do_not_arrive(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    settle(&heard);
    heard.figures.failed++; /* one failure, and nobody tried again: it has not arrived */
    pass(&heard, 6 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_TELLING, 1, 0);
    heard.figures.failed += 3;
    pass(&heard, 20 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_TELLING, 0, 0);
    heard.figures.sent++;
    pass(&heard, 6 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_TELLING, 0, 1);
}

static void shares_are_of_the_last_minutes(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    settle(&heard);
    pass(&heard, 20 * MINUTE, 20, 40); /* 17 % and 40 % */
    assert_heard(&heard, WATCH_REJECTS, 0, 0);
    pass(&heard, 20 * MINUTE, 60, 40); /* 38 % */
    assert_heard(&heard, WATCH_REJECTS, 1, 0);
    pass(&heard, 20 * MINUTE, 0, 80);
    assert_int_equal(heard.fired[WATCH_CLOCK], 1);
    assert_heard(&heard, WATCH_REJECTS, 0, 1);
}

/* With looks that are rare for for_ms, what is older than that is forgotten all the same. */
static void shares_forget_what_was_before(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    struct watch_limits quick = usual;
    quick.for_ms = quick.quiet_ms = 5000;
    quick.min_events = 100;
    judge_init(&heard.judge, &quick);
    pass(&heard, 30000, 100, 0);
    assert_heard(&heard, WATCH_REJECTS, 1, 0);
    pass(&heard, 15000, 0, 0);
    assert_heard(&heard, WATCH_REJECTS, 0, 1);
}

/* Five requests of a wrong key in a quiet night are no reason to get up. */
static void few_events_are_no_share(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    settle(&heard);
    enum verdict verdicts[WATCH_CAUSES];
    for (int i = 0; i < 3600; i++) {
        heard.figures.now_ms += 1000;
        heard.figures.rejected += 1; /* 300 in five minutes, and nothing else */
        judge_look(&heard.judge, &heard.figures, verdicts);
        assert_int_not_equal(verdicts[WATCH_REJECTS], VERDICT_FIRING);
    }
}

static void each_measure_of_the_spool_counts(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    settle(&heard);
    heard.figures.spool_bytes = 2000000;
    pass(&heard, 6 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_SPOOL, 1, 0);
    heard.figures.spool_bytes = 0;
    heard.figures.spool_age_s = 400; /* the same cause */
    pass(&heard, 20 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_SPOOL, 0, 0);
    heard.figures.spool_age_s = 0;
    pass(&heard, 6 * MINUTE, 0, 0);
    assert_heard(&heard, WATCH_SPOOL, 0, 1);
}

static void a_limit_of_zero_watches_nothing(void **unused)
{
    (void)unused;
    struct heard heard = begin();
    struct watch_limits none = usual;
    none.lag = none.spool_age_s = none.spool_bytes = 0;
    none.rejects = none.clock = 0;
    judge_init(&heard.judge, &none);
    heard.figures.lag = heard.figures.spool_age_s = heard.figures.spool_bytes = INT64_MAX / 2;
    pass(&heard, 20 * MINUTE, 99, 99);
    for (int i = 0; i < WATCH_CAUSES; i++)
        assert_int_equal(heard.fired[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_soon_wakes_nobody),
        cmocka_unit_test(lag_is_told_once_and_its_end_once),
        cmocka_unit_test(what_swings_about_its_limit_is_one_alert),
        cmocka_unit_test(a_store_that_is_away_is_told_and_comes_back),
        cmocka_unit_test(messages_that_do_not_arrive),
        cmocka_unit_test(shares_are_of_the_last_minutes),
        cmocka_unit_test(shares_forget_what_was_before),
        cmocka_unit_test(few_events_are_no_share),
        cmocka_unit_test(each_measure_of_the_spool_counts),
        cmocka_unit_test(a_limit_of_zero_watches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
