/* The detector in simulated time: what must be said, when, how often; and what must never be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "detect/detect.h"

#define MAX_PAGES 12
#define START 1795354200000 /* a multiple of 10 s */
#define MINUTE 60

/* ---- randomness that is the same on every machine ---- */

static uint64_t seed;

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return ((double)(seed >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

static int poisson(double mean)
{
    int n = 0;
    for (double left = exp(-mean), p = uniform(); mean < 500 && p > left; p *= uniform())
        n++;
    return n;
}

/* ---- the world ---- */

struct page {
    const char *name;
    enum series_kind kind;
    double per_s, median_ms, sigma, failing;
    double slow;   /* times, at present */
    int sessions;  /* who may call */
    double shared; /* common swing of a window, standard deviation of its logarithm */
    double tail;   /* share of calls that take ten times as long */
    int first_session;
    struct page *guest; /* calls the same route */
};

struct told {
    int64_t at_s; /* after the start, when production would have said it */
    struct finding finding;
    char name[64];
};

struct world {
    struct finding_sink sink;
    struct window_sink *detect;
    struct page pages[MAX_PAGES];
    size_t n_pages;
    int64_t now_s; /* simulated seconds since START */
    double errors_per_s;
    struct told told[256];
    size_t n_told, n_words; /* changes; all findings */
    char firing[64][96];
};

static const struct detect_options demo = {.open_ms = 20000,
                                           .quiet_ms = 60000,
                                           .history_ms = 1800000,
                                           .young_ms = 180000,
                                           .ratio = 1.5,
                                           .min_events = 20,
                                           .min_sessions = 2,
                                           .max_series = 1000};
static const struct detect_options production = {.open_ms = 120000,
                                                 .quiet_ms = 300000,
                                                 .history_ms = 1800000,
                                                 .young_ms = 600000,
                                                 .ratio = 1.5,
                                                 .min_events = 20,
                                                 .min_sessions = 2,
                                                 .max_series = 1000};

static void hear(struct finding_sink *sink, const struct finding *finding)
{
    struct world *world = (struct world *)sink;
    char id[96];
    size_t at = 0, free_at = 64;
    snprintf(id, sizeof id, "%d/%d/%.*s", finding->kind, finding->key.kind, SLICE_ARG(finding->key.name));
    for (; at < 64 && strcmp(world->firing[at], id) != 0; at++)
        if (!world->firing[at][0] && free_at == 64)
            free_at = at;
    world->n_words++;
    assert_true(finding->since_ms <= finding->at_ms);
    if ((finding->state == ALERT_FIRING) == (at < 64))
        return; /* goes on, or was not open */
    if (at == 64) {
        assert_true(free_at < 64);
        snprintf(world->firing[free_at], sizeof world->firing[0], "%s", id);
    } else {
        world->firing[at][0] = '\0';
    }
    assert_true(world->n_told < 256);
    struct told *told = &world->told[world->n_told++];
    told->at_s = world->now_s;
    told->finding = *finding;
    snprintf(told->name, sizeof told->name, "%.*s", SLICE_ARG(finding->key.name));
}

static void world_init(struct world *world, const struct detect_options *options, uint64_t with_seed)
{
    *world = (struct world){.sink = {hear}};
    world->detect = detect_new(options, &world->sink);
    seed = with_seed * 0x9e3779b97f4a7c15u | 1;
}

static struct page *add_page(struct world *world, const char *name, double per_s, double median_ms)
{
    struct page *page = &world->pages[world->n_pages++];
    *page = (struct page){.name = name,
                          .kind = SERIES_API,
                          .per_s = per_s,
                          .median_ms = median_ms,
                          .sigma = 0.5,
                          .slow = 1,
                          .sessions = 50,
                          .failing = 0.002};
    return page;
}

static struct rollup make_window(const struct world *world, enum series_kind kind, const char *name)
{
    struct rollup rollup;
    rollup_init(&rollup);
    rollup.key = (struct series_key){.kind = kind,
                                     .application = SLICE("shop"),
                                     .service = SLICE("web"),
                                     .environment = SLICE("test"),
                                     .name = slice_of(name),
                                     .detail = SLICE("")};
    rollup.start_ms = START + world->now_s * 1000;
    rollup.width_s = 10;
    return rollup;
}

static void add_call(const struct page *page, double swing, struct rollup *rollup)
{
    char session[16];
    double value = page->median_ms * exp(page->sigma * normal() + swing) * page->slow;
    if (uniform() < page->tail)
        value *= 10;
    sketch_add(&rollup->values, fmin(value, 6e4), 1);
    rollup->events++;
    rollup->count++;
    double failed_before = rollup->failed;
    rollup->failed += uniform() < page->failing;
    snprintf(session, sizeof session, "s%d", page->first_session + (int)(uniform() * page->sessions));
    hll_add(&rollup->sessions, slice_of(session));
    heavy_add(&rollup->busiest, slice_of(session), 1);
    if (rollup->failed > failed_before)
        heavy_add(&rollup->failing, slice_of(session), 1);
}

static void merge(struct rollup *into, const struct rollup *from)
{
    into->events += from->events;
    into->count += from->count;
    into->failed += from->failed;
    sketch_merge(&into->values, &from->values);
    hll_merge(&into->sessions, &from->sessions);
    heavy_merge(&into->busiest, &from->busiest);
    heavy_merge(&into->failing, &from->failing);
}

static void send(struct world *world, struct rollup *rollup)
{
    if (rollup->events)
        world->detect->window(world->detect, rollup, false);
    rollup_done(rollup);
}

/* Ten seconds of it, as the merger tells them: the whole before its parts, then the time. */
static void step(struct world *world)
{
    struct rollup wholes[SERIES_KINDS], parts[MAX_PAGES];
    for (int kind = SERIES_PAGE; kind < SERIES_KINDS; kind++)
        wholes[kind] = make_window(world, (enum series_kind)kind, "*");
    for (size_t i = 0; i < world->n_pages; i++) {
        struct page *page = &world->pages[i];
        parts[i] = make_window(world, page->kind, page->name);
        double swing = page->shared * normal();
        for (int n = poisson(page->per_s * 10); n > 0; n--)
            add_call(page, swing, &parts[i]);
        for (int n = page->guest ? poisson(page->guest->per_s * 10) : 0; n > 0; n--)
            add_call(page->guest, 0, &parts[i]);
        merge(&wholes[page->kind], &parts[i]);
    }
    wholes[SERIES_ERROR].events = (uint64_t)poisson(world->errors_per_s * 10);
    for (uint64_t i = 0; i < wholes[SERIES_ERROR].events; i++) {
        char session[16];
        snprintf(session, sizeof session, "s%d", (int)(uniform() * 50));
        heavy_add(&wholes[SERIES_ERROR].failing, slice_of(session), 1);
    }
    wholes[SERIES_ERROR].count = wholes[SERIES_ERROR].failed = (double)wholes[SERIES_ERROR].events;
    world->now_s += 10;
    for (int kind = SERIES_PAGE; kind < SERIES_KINDS; kind++)
        send(world, &wholes[kind]);
    for (size_t i = 0; i < world->n_pages; i++)
        send(world, &parts[i]);
    world->detect->watermark(world->detect, START + world->now_s * 1000);
}

static void run(struct world *world, int64_t seconds)
{
    for (int64_t until = world->now_s + seconds; world->now_s < until;)
        step(world);
}

static void world_done(struct world *world)
{
    detect_free(world->detect);
}

static void assert_quiet(const struct world *world, const char *what)
{
    for (size_t i = 0; i < world->n_told; i++)
        print_message("%s: %s %s at %lld s: %g, usually %g\n", what, world->told[i].name,
                      alert_kind_name(world->told[i].finding.kind), (long long)world->told[i].at_s,
                      world->told[i].finding.observed, world->told[i].finding.expected);
    assert_int_equal(world->n_told, 0);
}

/* ---- what must be said ---- */

/* The demonstration: a short normal history, the checkout 20 times slower for two minutes, then normal again. */
static void the_demonstration_is_told_once_each_way(void **state)
{
    (void)state;
    int soon = 0, over_soon = 0;
    for (uint64_t s = 1; s <= 30; s++) {
        struct world world;
        struct detect_options options = demo;
        options.min_sessions = s % 2 ? 1 : 2;
        world_init(&world, &options, s);
        add_page(&world, "GET /api/products", 2, 40);
        add_page(&world, "GET /api/product/:id", 1.5, 30);
        add_page(&world, "GET /api/cart", 1, 25);
        struct page *checkout = add_page(&world, "POST /api/checkout", 2 + (double)(s % 4), 71);
        checkout->sessions = options.min_sessions == 1 ? 1 : 20;
        run(&world, 60 + (int64_t)(s % 4) * 10);
        assert_quiet(&world, "before");
        int64_t slow_s = world.now_s;
        checkout->slow = 20;
        checkout->per_s /= s % 3 ? 1 : 2; /* people who wait call less */
        run(&world, 120);
        if (world.n_told != 1)
            fail_msg("seed %d: %zu told in the slow phase", (int)s, world.n_told);
        struct told *opened = &world.told[0];
        assert_string_equal(opened->name, "POST /api/checkout");
        assert_int_equal(opened->finding.state, ALERT_FIRING);
        assert_int_equal(opened->finding.kind, ALERT_LATENCY);
        assert_in_range(opened->at_s - slow_s, 20, 40);
        soon += opened->at_s - slow_s <= 30;
        assert_in_range(opened->finding.since_ms, START + slow_s * 1000 - 10000, START + slow_s * 1000 + 10000);
        assert_true(opened->finding.young && opened->finding.history_s >= 30 && opened->finding.history_s <= 120);
        assert_true(opened->finding.observed / opened->finding.expected > 8);
        assert_true(opened->finding.observed / opened->finding.expected < 40);
        assert_true(opened->finding.events >= 20);
        int64_t good_s = world.now_s;
        checkout->slow = 1;
        run(&world, 600);
        if (world.n_told != 2)
            fail_msg("seed %d: %zu told in the end", (int)s, world.n_told);
        assert_int_equal(world.told[1].finding.state, ALERT_RESOLVED);
        assert_in_range(world.told[1].at_s - good_s, 60, 130);
        over_soon += world.told[1].at_s - good_s <= 80;
        world_done(&world);
    }
    assert_true(soon >= 25); /* the others call so seldom that 20 s do not hold 20 calls */
    assert_true(over_soon >= 29);
}

/* Steps of a busy service under the settings of production, after half an hour. */
static void steps_are_found(void **state)
{
    (void)state;
    static const struct {
        double factor;
        int64_t within_s;
        int at_least; /* of 10 seeds */
    } rows[] = {{3, 150, 10}, {2, 200, 9}, {1.5, 1200, 6}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int found = 0;
        for (uint64_t s = 1; s <= 10; s++) {
            struct world world;
            world_init(&world, &production, s + 100 * r);
            struct page *page = add_page(&world, "GET /api/search", 2, 120);
            add_page(&world, "GET /api/other", 2, 50);
            page->sigma = 0.8;
            run(&world, 30 * MINUTE);
            assert_quiet(&world, "before the step");
            page->slow = rows[r].factor;
            run(&world, rows[r].within_s);
            assert_true(world.n_told <= 1);
            found += world.n_told == 1 && strcmp(world.told[0].name, "GET /api/search") == 0;
            world_done(&world);
        }
        if (found < rows[r].at_least)
            fail_msg("times %g: found in %d of 10", rows[r].factor, found);
    }
}

static void errors_are_found(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 8; s++) {
        struct world world;
        world_init(&world, s % 2 ? &production : &demo, s);
        struct page *page = add_page(&world, "POST /api/pay", 1.5, 80);
        add_page(&world, "GET /api/a", 2, 80);
        add_page(&world, "GET /api/b", 2, 80);
        page->failing = 0.01;
        run(&world, 30 * MINUTE);
        assert_quiet(&world, "one in a hundred");
        int64_t bad_s = world.now_s;
        page->failing = 0.2;
        run(&world, 10 * MINUTE);
        assert_int_equal(world.n_told, 1);
        assert_int_equal(world.told[0].finding.kind, ALERT_ERRORS);
        assert_string_equal(world.told[0].name, "POST /api/pay");
        assert_true(world.told[0].at_s - bad_s <= 240);
        assert_true(world.told[0].finding.observed > 0.1 && world.told[0].finding.expected < 0.03);
        page->failing = 0.01;
        run(&world, 12 * MINUTE);
        assert_int_equal(world.n_told, 2);
        assert_int_equal(world.told[1].finding.state, ALERT_RESOLVED);
        world_done(&world);
    }
}

/* Script errors have no call of their own to fail: they are counted against all that users do. */
static void script_errors_are_found(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &production, 5);
    add_page(&world, "GET /api/a", 3, 80);
    world.errors_per_s = 0.02;
    run(&world, 40 * MINUTE);
    assert_quiet(&world, "a few errors");
    world.errors_per_s = 1;
    run(&world, 5 * MINUTE);
    assert_int_equal(world.n_told, 1);
    assert_int_equal(world.told[0].finding.key.kind, SERIES_ERROR);
    assert_int_equal(world.told[0].finding.kind, ALERT_ERRORS);
    world_done(&world);
}

static void eight_slow_pages_are_one_alert(void **state)
{
    (void)state;
    static const char *const names[] = {"/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"};
    for (uint64_t s = 1; s <= 8; s++) {
        struct world world;
        world_init(&world, s % 2 ? &production : &demo, s);
        for (int i = 0; i < 8; i++)
            add_page(&world, names[i], 0.4 + 0.3 * i, 200 + 50 * i)->kind = SERIES_PAGE;
        run(&world, 40 * MINUTE);
        assert_quiet(&world, "before");
        for (int i = 0; i < 8; i++)
            world.pages[i].slow = 4;
        run(&world, 8 * MINUTE);
        if (world.n_told != 1)
            for (size_t i = 0; i < world.n_told; i++)
                print_message("seed %d: %s at %lld\n", (int)s, world.told[i].name, (long long)world.told[i].at_s);
        assert_int_equal(world.n_told, 1);
        assert_string_equal(world.told[0].name, "*");
        for (int i = 0; i < 8; i++)
            world.pages[i].slow = 1;
        run(&world, 20 * MINUTE);
        assert_int_equal(world.n_told, 2);
        assert_string_equal(world.told[1].name, "*");
        world_done(&world);
    }
}

/* ---- what must never be said ---- */

static void furnish(struct world *world)
{
    static const char *const names[] = {"GET /1", "GET /2", "GET /3", "GET /4", "GET /5", "GET /6",
                                        "/p/1",   "/p/2",   "/p/3",   "/p/4",   "GET /7", "GET /8"};
    for (int i = 0; i < MAX_PAGES; i++) {
        struct page *page = add_page(world, names[i], 0.01 * pow(2.2, i % 8), 20 * pow(1.7, i % 9));
        page->kind = names[i][0] == '/' ? SERIES_PAGE : SERIES_API;
        page->sigma = 0.3 + 0.12 * i;
        page->shared = i % 3 * 0.08;
        page->tail = i % 4 * 0.02;
        page->failing = i % 5 * 0.01;
    }
    world->errors_per_s = 0.05;
}

static void a_clean_stream_says_nothing(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 4; s++) {
        struct world world;
        world_init(&world, s % 2 ? &production : &demo, s);
        furnish(&world);
        run(&world, 3 * 60 * MINUTE);
        assert_quiet(&world, s % 2 ? "production" : "demo");
        assert_int_equal(world.n_words, 0);
        world_done(&world);
    }
}

static void small_changes_say_nothing(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 5; s++) {
        struct world world;
        world_init(&world, &production, s);
        struct page *page = add_page(&world, "GET /x", 5, 100);
        run(&world, 40 * MINUTE);
        page->slow = 1.2;
        run(&world, 30 * MINUTE);
        page->slow = 1.25;
        run(&world, 30 * MINUTE);
        assert_quiet(&world, "a quarter slower");
        world_done(&world);
    }
}

static void a_blip_says_nothing(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 5; s++) {
        struct world world;
        world_init(&world, &production, s);
        struct page *page = add_page(&world, "GET /x", 3, 100);
        run(&world, 40 * MINUTE);
        for (int i = 0; i < 3; i++) {
            page->slow = 20;
            run(&world, 40);
            page->slow = 1;
            run(&world, 10 * MINUTE);
        }
        assert_quiet(&world, "forty seconds");
        world_done(&world);
    }
}

static void one_session_alone_says_nothing(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &demo, 3);
    struct page *page = add_page(&world, "GET /x", 5, 100);
    page->sessions = 1;
    run(&world, 20 * MINUTE);
    page->slow = 30;
    page->failing = 0.9;
    run(&world, 20 * MINUTE);
    assert_quiet(&world, "one client");
    world_done(&world);
}

/* Among fifty others: a client that calls up to three times as often as all of them, slow and failing. It is no alert,
 * and it does not hide what then happens to the others. */
static void one_session_among_others_says_nothing(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 12; s++) {
        struct world world;
        world_init(&world, s % 2 ? &demo : &production, s);
        struct page *others = add_page(&world, "GET /x", 2, 100);
        struct page client = *others;
        client.sessions = 1;
        client.first_session = 1000;
        client.per_s = s % 3 ? 6 : 1;
        client.slow = 30;
        client.failing = 0.9;
        run(&world, 30 * MINUTE);
        others->guest = &client;
        run(&world, s % 4 < 2 ? 2 * MINUTE : 30 * MINUTE);
        assert_quiet(&world, "one client among others");
        others->slow = s % 4 < 2 ? 30 : 1;
        run(&world, 10 * MINUTE);
        assert_int_equal(world.n_told > 0, s % 4 < 2);
        world_done(&world);
    }
}

static void a_call_a_minute_says_nothing_wrong(void **state)
{
    (void)state;
    for (uint64_t s = 1; s <= 10; s++) {
        struct world world;
        world_init(&world, s % 2 ? &production : &demo, s);
        struct page *page = add_page(&world, "GET /rare", 1.0 / 60, 100);
        page->sigma = 1.5;
        page->failing = 0.05;
        run(&world, 12 * 60 * MINUTE);
        assert_quiet(&world, "rare");
        world_done(&world);
    }
}

static void gaps_say_nothing(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &production, 9);
    struct page *page = add_page(&world, "GET /x", 5, 100);
    for (int i = 0; i < 20; i++) {
        page->per_s = i % 2 ? 0 : 5;
        run(&world, (i * 7 % 5 + 1) * 10 * MINUTE);
    }
    assert_quiet(&world, "gaps");
    world_done(&world);
}

/* ---- how it goes on ---- */

static void silence_ends_it(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &demo, 4);
    struct page *page = add_page(&world, "GET /x", 4, 100);
    run(&world, 10 * MINUTE);
    page->slow = 10;
    run(&world, 2 * MINUTE);
    assert_int_equal(world.n_told, 1);
    page->per_s = 0;
    int64_t last_s = world.now_s;
    run(&world, 5 * MINUTE);
    assert_int_equal(world.n_told, 2);
    assert_int_equal(world.told[1].finding.state, ALERT_RESOLVED);
    assert_true(world.told[1].finding.observed == 0); /* no more calls: that is all that is known */
    assert_in_range(world.told[1].at_s - last_s, 60, 70);
    world_done(&world);
}

/* On and off every half minute: one alert, not ten. */
static void flapping_is_one_alert(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &production, 8);
    struct page *page = add_page(&world, "GET /x", 4, 100);
    run(&world, 40 * MINUTE);
    for (int i = 0; i < 40; i++) {
        page->slow = i % 2 ? 1 : 8;
        run(&world, 30);
    }
    page->slow = 1;
    run(&world, 20 * MINUTE);
    assert_int_equal(world.n_told, 2);
    world_done(&world);
}

static void a_new_level_is_learnt_in_the_end(void **state)
{
    (void)state;
    struct world world;
    struct detect_options options = demo;
    options.history_ms = 600000;
    world_init(&world, &options, 8);
    struct page *page = add_page(&world, "GET /x", 4, 100);
    run(&world, 20 * MINUTE);
    page->slow = 3;
    run(&world, 35 * MINUTE);
    assert_int_equal(world.n_told, 1); /* it stays while it lasts */
    run(&world, 60 * MINUTE);
    assert_int_equal(world.n_told, 2); /* and is the usual after four times the history */
    page->slow = 9;
    run(&world, 5 * MINUTE);
    assert_int_equal(world.n_told, 3);
    world_done(&world);
}

static void feed_history(struct world *world, const struct page *page, int64_t seconds)
{
    for (int64_t until = world->now_s + seconds; world->now_s < until; world->now_s += 60) {
        struct rollup rollup = make_window(world, page->kind, page->name);
        rollup.width_s = 60;
        for (int n = poisson(page->per_s * 60); n > 0; n--)
            add_call(page, 0, &rollup);
        world->detect->window(world->detect, &rollup, true);
        rollup_done(&rollup);
    }
}

static struct alert alert_of(const struct told *told)
{
    struct alert alert = {.kind = told->finding.kind,
                          .state = ALERT_FIRING,
                          .key = told->finding.key,
                          .since_ms = told->finding.since_ms,
                          .opened_ms = told->finding.at_ms,
                          .observed = told->finding.observed,
                          .expected = told->finding.expected};
    alert.key.name = slice_of(told->name);
    alert.key.application = SLICE("shop");
    alert.key.service = SLICE("web");
    alert.key.environment = SLICE("test");
    return alert;
}

/* After a restart history is learnt and judged by at once, without a word about what lies in it. */
static void history_teaches(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &production, 12);
    struct page *page = add_page(&world, "GET /x", 4, 100);
    feed_history(&world, page, 25 * MINUTE);
    page->slow = 5;
    run(&world, 4 * MINUTE);
    assert_int_equal(world.n_told, 1);
    assert_false(world.told[0].finding.young);
    world_done(&world);
}

/* A restart in the middle of an alert: it goes on, and is resolved once; with history, and with none. */
static void an_alert_survives_a_restart(void **state)
{
    (void)state;
    for (int with_history = 0; with_history < 2; with_history++) {
        struct world world;
        world_init(&world, &demo, 12);
        struct page *page = add_page(&world, "GET /x", 4, 100);
        run(&world, 10 * MINUTE);
        page->slow = 10;
        run(&world, 2 * MINUTE);
        assert_int_equal(world.n_told, 1);
        struct alert alert = alert_of(&world.told[0]);
        detect_free(world.detect);
        world.detect = detect_new(&demo, &world.sink);
        detect_restore(world.detect, &alert);
        if (with_history) {
            world.now_s -= 12 * MINUTE;
            page->slow = 1;
            feed_history(&world, page, 10 * MINUTE);
            page->slow = 10;
            feed_history(&world, page, 2 * MINUTE);
        }
        run(&world, 3 * MINUTE);
        assert_int_equal(world.n_told, 1);
        page->slow = 1;
        int64_t good_s = world.now_s;
        run(&world, 5 * MINUTE);
        assert_int_equal(world.n_told, 2);
        assert_in_range(world.told[1].at_s - good_s, 60, 90);
        world_done(&world);
    }
}

static void a_restored_alert_of_a_silent_series_ends(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &demo, 12);
    struct told told = {.name = "GET /gone",
                        .finding = {.kind = ALERT_LATENCY,
                                    .key = {.kind = SERIES_API},
                                    .since_ms = START - 60000,
                                    .at_ms = START - 30000,
                                    .observed = 900,
                                    .expected = 90}};
    struct alert alert = alert_of(&told);
    snprintf(world.firing[0], sizeof world.firing[0], "%d/%d/%s", ALERT_LATENCY, SERIES_API, told.name);
    detect_restore(world.detect, &alert);
    run(&world, 50);
    assert_int_equal(world.n_told, 0);
    run(&world, 60);
    assert_int_equal(world.n_told, 1);
    assert_int_equal(world.told[0].finding.state, ALERT_RESOLVED);
    world_done(&world);
}

/* The clock was six hours ahead for a while: what was seen by it is forgotten, and trouble is found again. */
static void a_clock_that_was_ahead_is_got_over(void **state)
{
    (void)state;
    for (int firing = 0; firing < 2; firing++) {
        struct world world;
        world_init(&world, &demo, 12);
        struct page *page = add_page(&world, "GET /x", 4, 100);
        run(&world, 10 * MINUTE);
        world.now_s += 6 * 60 * MINUTE;
        run(&world, 10 * MINUTE);
        page->slow = firing ? 10 : 1;
        run(&world, 2 * MINUTE);
        assert_int_equal(world.n_told, firing);
        world.now_s -= 6 * 60 * MINUTE;
        run(&world, 2 * MINUTE);
        page->slow = 1;
        run(&world, 10 * MINUTE);
        assert_int_equal(world.n_told, 2 * firing);
        page->slow = 10;
        run(&world, 2 * MINUTE);
        assert_int_equal(world.n_told, 2 * firing + 1);
        assert_in_range(world.told[2 * firing].finding.since_ms, START, START + world.now_s * 1000);
        world_done(&world);
    }
}

static void series_are_bounded(void **state)
{
    (void)state;
    struct world world;
    struct detect_options options = demo;
    options.max_series = 50;
    world_init(&world, &options, 2);
    char names[400][16];
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 400; i++) {
            snprintf(names[i], sizeof names[i], "/%d", i);
            struct rollup rollup = make_window(&world, SERIES_PAGE, names[i]);
            rollup.events = 1;
            rollup.count = 1;
            sketch_add(&rollup.values, 5, 1);
            world.detect->window(world.detect, &rollup, false);
            rollup_done(&rollup);
        }
        world.now_s += 10;
        world.detect->watermark(world.detect, START + world.now_s * 1000);
    }
    assert_quiet(&world, "a flood");
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_demonstration_is_told_once_each_way),
        cmocka_unit_test(steps_are_found),
        cmocka_unit_test(errors_are_found),
        cmocka_unit_test(script_errors_are_found),
        cmocka_unit_test(eight_slow_pages_are_one_alert),
        cmocka_unit_test(a_clean_stream_says_nothing),
        cmocka_unit_test(small_changes_say_nothing),
        cmocka_unit_test(a_blip_says_nothing),
        cmocka_unit_test(one_session_alone_says_nothing),
        cmocka_unit_test(one_session_among_others_says_nothing),
        cmocka_unit_test(a_call_a_minute_says_nothing_wrong),
        cmocka_unit_test(gaps_say_nothing),
        cmocka_unit_test(silence_ends_it),
        cmocka_unit_test(flapping_is_one_alert),
        cmocka_unit_test(a_new_level_is_learnt_in_the_end),
        cmocka_unit_test(history_teaches),
        cmocka_unit_test(an_alert_survives_a_restart),
        cmocka_unit_test(a_restored_alert_of_a_silent_series_ends),
        cmocka_unit_test(a_clock_that_was_ahead_is_got_over),
        cmocka_unit_test(series_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
