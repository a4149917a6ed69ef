/* The parts of rollup that need neither bus nor store: windows, ids, series, messages, delays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "rollup/rollup_int.h"

static uint64_t hash_of(const struct series_key *key)
{
    return series_hash(series_hash_whom(key), key);
}

static struct series_key key_of(const char *name)
{
    return (struct series_key){.kind = SERIES_API,
                               .application = SLICE("shop"),
                               .service = SLICE("web"),
                               .environment = SLICE("test"),
                               .name = slice_of(name),
                               .detail = SLICE("")};
}

static void windows_start_where_their_width_says(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        int32_t width;
        int64_t want;
    } rows[] = {{0, 10, 0},
                {9999, 10, 0},
                {10000, 10, 10000},
                {59999, 60, 0},
                {60000, 60, 60000},
                {-1, 10, 0},
                {INT64_MIN, 60, 0},
                {1795354629999, 10, 1795354620000},
                {1795354629999, 60, 1795354620000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(window_start(rows[i].at, rows[i].width), rows[i].want);
}

static void count_one(void *ctx, struct window *window)
{
    (void)window;
    ++*(int *)ctx;
}

static void each_series_and_time_has_one_window(void **state)
{
    (void)state;
    struct windows windows;
    windows_init(&windows);
    char name[32];
    bool is_new;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(name, sizeof name, "GET /%d", i % 100);
            struct series_key key = key_of(name);
            struct window *window = windows_get(&windows, &key, hash_of(&key), i / 100 * 10000, 10, &is_new);
            assert_int_equal(is_new, round == 0);
            assert_true(slice_is(window->rollup.key.name, name)); /* its own copy */
            assert_ptr_not_equal(window->rollup.key.name.at, name);
            window->rollup.events++;
        }
    }
    int n = 0;
    windows_each(&windows, count_one, &n);
    assert_int_equal(n, 1000);
    struct series_key key = key_of("GET /7");
    struct window *window = windows_get(&windows, &key, hash_of(&key), 0, 10, &is_new);
    assert_true(!is_new && window->rollup.events == 2);
    windows_remove(&windows, window);
    assert_int_equal(windows.n, 999);
    window = windows_get(&windows, &key, hash_of(&key), 0, 10, &is_new);
    assert_true(is_new && window->rollup.events == 0);
    windows_done(&windows);
    assert_int_equal(windows.bytes, 0);
}

static const struct ending *ending_at(const struct windows *windows, int64_t end_ms)
{
    for (size_t i = 0; i < windows->n_endings; i++)
        if (windows->endings[i].end_ms == end_ms)
            return &windows->endings[i];
    return NULL;
}

static int count_of(const struct ending *ending)
{
    int n = 0;
    for (const struct window *window = ending ? ending->windows : NULL; window; window = window->next, n++)
        assert_true(window_end(window) == ending->end_ms && (!window->next || window->next->before == window));
    return n;
}

/* The merger looks at the endings many times a second: there are few of them, however many windows. */
static void windows_lie_by_their_end(void **state)
{
    (void)state;
    struct windows windows;
    struct window *made[600];
    char name[32];
    windows_init(&windows);
    for (int i = 0; i < 600; i++) { /* six fine ones a series, of which the last ends with the coarse one */
        snprintf(name, sizeof name, "GET /%d", i / 6);
        struct series_key key = key_of(name);
        made[i] = windows_get(&windows, &key, hash_of(&key), i % 6 * 10000, 10, NULL);
        windows_note(&windows, made[i], 1000 - i, 5000 + i);
        if (i % 6 == 0)
            windows_note(&windows, windows_get(&windows, &key, hash_of(&key), 0, 60, NULL), 300 + i, 9000);
    }
    assert_int_equal(windows.n_endings, 6);
    assert_int_equal(count_of(ending_at(&windows, 10000)), 100);
    assert_int_equal(count_of(ending_at(&windows, 60000)), 200);
    assert_int_equal(ending_at(&windows, 10000)->first_position, 1000 - 594);
    assert_int_equal(ending_at(&windows, 10000)->opened_ms, 5000);
    assert_int_equal(ending_at(&windows, 60000)->first_position, 300);
    for (int i = 0; i < 600; i += 6) /* from the middle, the front and the back of the list */
        windows_remove(&windows, made[(i * 7 + 294) % 600]);
    assert_null(ending_at(&windows, 10000));
    assert_int_equal(windows.n_endings, 5);
    assert_int_equal(count_of(ending_at(&windows, 50000)), 100);
    windows_done(&windows);
    assert_int_equal(windows.n_endings, 0);
}

static void repeats_are_known_for_as_long_as_promised(void **state)
{
    (void)state;
    struct ids ids;
    ids_init(&ids, 600000, 1000);
    for (uint64_t id = 0; id < 900; id++)
        assert_true(ids_add(&ids, id * 0x9e3779b97f4a7c15u, 1000 + (int64_t)id));
    for (uint64_t id = 0; id < 900; id++)
        assert_false(ids_add(&ids, id * 0x9e3779b97f4a7c15u, 500000));
    assert_true(ids_add(&ids, 42, 700000)); /* turns the generations */
    assert_false(
        ids_add(&ids, 5 * 0x9e3779b97f4a7c15u, 700001)); /* younger than keep_ms must be known; these still are */
    assert_true(ids_add(&ids, 43, 1400000));
    assert_true(ids_add(&ids, 5 * 0x9e3779b97f4a7c15u, 1400001));
    assert_false(ids_add(&ids, 42, 1400002));
    ids_done(&ids);
}

static void ids_are_bounded(void **state)
{
    (void)state;
    struct ids ids;
    ids_init(&ids, 600000, 1000);
    for (uint64_t id = 1; id <= 10000; id++)
        assert_true(ids_add(&ids, id * 0x9e3779b97f4a7c15u, 5));
    assert_true(ids.now.n <= 1000 && ids.before.n <= 1000 && ids.now.size <= 2048);
    assert_false(ids_add(&ids, 10000 * 0x9e3779b97f4a7c15u, 5));
    ids_done(&ids);
}

/* A flood of names, each seen once or twice, does not push out the pages that people use; and a page that is new and
 * used gets in. */
static void a_flood_evicts_itself(void **state)
{
    (void)state;
    struct series_table *table = series_new(200);
    char name[32];
    for (int page = 0; page < 50; page++) {
        snprintf(name, sizeof name, "/page/%d", page);
        struct series_key key = key_of(name);
        assert_true(series_admit(table, &key, hash_of(&key), 20));
    }
    for (int junk = 0; junk < 100000; junk++) {
        snprintf(name, sizeof name, "/junk/%d", junk);
        struct series_key key = key_of(name);
        series_admit(table, &key, hash_of(&key), 1 + junk % 2);
        assert_true(series_count(table, SLICE("shop")) <= 200);
    }
    struct series_key fresh = key_of("/new");
    assert_true(series_admit(table, &fresh, hash_of(&fresh), 5));
    assert_int_equal(series_count(table, SLICE("shop")), 200);
    int kept = 0;
    for (int page = 0; page < 50; page++) { /* a known series is admitted whatever it weighs; a lost one is not */
        snprintf(name, sizeof name, "/page/%d", page);
        struct series_key key = key_of(name);
        kept += series_admit(table, &key, hash_of(&key), 1e-9);
    }
    assert_int_equal(kept, 50);
    struct series_key other = key_of("/x");
    other.application = SLICE("other"); /* one application's flood is not another's */
    assert_true(series_admit(table, &other, hash_of(&other), 1e-9));
    series_free(table);
}

static void what_is_no_longer_seen_is_forgotten(void **state)
{
    (void)state;
    struct series_table *table = series_new(100);
    struct series_key once = key_of("/once"), often = key_of("/often");
    series_admit(table, &once, hash_of(&once), 1);
    series_admit(table, &often, hash_of(&often), 100);
    series_decay(table);
    assert_int_equal(series_count(table, SLICE("shop")), 2);
    series_decay(table);
    assert_int_equal(series_count(table, SLICE("shop")), 1);
    for (int i = 0; i < 10; i++)
        series_decay(table);
    assert_int_equal(series_count(table, SLICE("shop")), 0);
    assert_true(series_admit(table, &once, hash_of(&once), 1));
    series_free(table);
}

struct heard {
    int marks, rollups;
    bool mark_came_first;
    double count;
};

static void hear_mark(void *ctx, struct source_mark mark)
{
    struct heard *heard = ctx;
    heard->marks++;
    heard->mark_came_first = heard->mark_came_first || heard->rollups == 0;
    assert_true(mark.partition == 3 || mark.partition == 5);
    assert_int_equal(mark.watermark_ms, mark.partition == 3 ? 1795354620000 : -5);
}

static void hear_rollup(void *ctx, const struct rollup *rollup)
{
    struct heard *heard = ctx;
    heard->rollups++;
    heard->count += rollup->count;
}

static void write_example(struct buf *buf, int n)
{
    const struct source_mark marks[] = {{3, 1795354620000}, {5, -5}};
    message_begin(buf, marks, 2);
    for (int i = 0; i < n; i++) {
        struct rollup rollup;
        rollup_init(&rollup);
        rollup.key = key_of("GET /x");
        rollup.start_ms = 10000 * i;
        rollup.width_s = 10;
        rollup.events = 1;
        rollup.count = 2;
        sketch_add(&rollup.values, 5, 2);
        message_add(buf, &rollup);
        rollup_done(&rollup);
    }
}

static void messages_there_and_back(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, MESSAGE_BYTES);
    write_example(&buf, 10);
    struct heard heard = {0};
    const struct message_handler handler = {hear_mark, hear_rollup, &heard};
    assert_int_equal(message_read(buf_slice(&buf), &handler), ERR_OK);
    assert_true(heard.marks == 2 && heard.rollups == 10 && heard.count == 20 && !heard.mark_came_first);
    buf_done(&buf);
}

/* A damaged message is refused as a whole: half of it would be counted twice when it is repaired and read again. */
static void damaged_messages_do_nothing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, MESSAGE_BYTES);
    write_example(&buf, 3);
    size_t one = 0;
    struct buf head;
    buf_init(&head, 1000);
    write_example(&head, 0);
    one = (buf.len - head.len) / 3;
    for (size_t cut = 0; cut < buf.len; cut++) {
        struct heard heard = {0};
        const struct message_handler handler = {hear_mark, hear_rollup, &heard};
        enum err err = message_read((struct slice){buf.at, cut}, &handler);
        bool whole = cut >= head.len && (cut - head.len) % one == 0;
        assert_int_equal(err, whole ? ERR_OK : ERR_CORRUPT);
        assert_true(whole || (heard.marks == 0 && heard.rollups == 0));
    }
    buf.at[2] = 2;
    assert_int_equal(message_read(buf_slice(&buf), &(struct message_handler){hear_mark, hear_rollup, NULL}),
                     ERR_NEWER_VERSION);
    buf_done(&head);
    buf_done(&buf);
}

static void the_watermark_waits_as_long_as_it_must(void **state)
{
    (void)state;
    struct delays delays = {0};
    assert_int_equal(delays_lag_ms(&delays), DELAY_FIRST_MS);
    for (int i = 0; i < 1000; i++)
        delays_add(&delays, i); /* an agent that sends every second */
    assert_int_equal(delays_lag_ms(&delays), 1250);
    for (int i = 0; i < 100000; i++)
        delays_add(&delays, i % 10000); /* all of them now hold events for up to ten */
    int64_t lag = delays_lag_ms(&delays);
    assert_true(lag >= 10000 && lag <= 10500);
    for (int i = 0; i < 100000; i++)
        delays_add(&delays, 3600000); /* leftovers of yesterday do not hold up today */
    assert_int_equal(delays_lag_ms(&delays), lag);
    for (int i = 0; i < 100000; i++)
        delays_add(&delays, i % 1000);
    assert_true(delays_lag_ms(&delays) <= 1500);
}

static void marks_there_and_back(void **state)
{
    (void)state;
    const struct mark mark = {.instance = 7, .upto_ms = 123456, .sent_ms = 123999, .is_goodbye = true};
    struct mark back;
    struct buf buf, again;
    buf_init(&buf, MARK_BYTES);
    mark_write(&mark, &buf);
    assert_int_equal(buf.len, MARK_BYTES);
    assert_true(mark_read(buf_slice(&buf), &back) && back.instance == 7 && back.upto_ms == 123456 && back.is_goodbye);
    assert_int_equal(back.sent_ms, 123999);
    buf_init(&again, MARK_BYTES);
    assert_true(mark_send_again(buf_slice(&buf), 3600000, &again) && mark_read(buf_slice(&again), &back));
    assert_true(back.instance == 7 && back.upto_ms == 123456 && back.sent_ms == 3600000 && back.is_goodbye);
    buf_clear(&again);
    assert_true(mark_send_again(buf_slice(&buf), 1, &again) &&
                mark_read(buf_slice(&again), &back)); /* set back meanwhile */
    assert_int_equal(back.sent_ms, 123456);
    buf_done(&again);
    for (size_t cut = 0; cut < buf.len; cut++)
        assert_false(mark_read((struct slice){buf.at, cut}, &back));
    buf.at[2] = 2;
    assert_true(mark_is(buf_slice(&buf)) && !mark_read(buf_slice(&buf), &back)); /* a newer one is no record either */
    assert_false(mark_is(SLICE("SR\1\0")));
    buf_done(&buf);
}

static void mark_at(struct instances *instances, int64_t published_ms, uint64_t id, int64_t upto_ms)
{
    instances_pass(instances, published_ms, 45000);
    instances_mark(instances, &(struct mark){.instance = id, .upto_ms = upto_ms, .sent_ms = published_ms},
                   published_ms);
}

/* What may be believed of the time, by who said what last. */
static void the_slowest_ingest_is_waited_for(void **state)
{
    (void)state;
    struct instances instances = {0};
    assert_true(instances_reached(&instances) == NO_TIME);
    mark_at(&instances, 1000, 1, 900);
    mark_at(&instances, 1100, 2, 1000);
    assert_int_equal(instances_reached(&instances), 900);
    /* The brokers are away for an hour: nobody has vanished. Then the second one drains what it kept meanwhile. */
    mark_at(&instances, 3601000, 1, 3600900);
    mark_at(&instances, 3601100, 2, 2000);
    assert_int_equal(instances_reached(&instances), 2000);
    instances_mark(&instances, &(struct mark){.instance = 2, .is_goodbye = true}, 3601100);
    assert_int_equal(instances_reached(&instances), 3600900);
    /* A third one is killed: it is waited for, for the stated time, and no longer. */
    mark_at(&instances, 3602000, 3, 3601500);
    int64_t now_ms = 3602000;
    for (int i = 0; i < 44; i++)
        mark_at(&instances, now_ms + 1000, 1, now_ms + 1000), now_ms += 1000;
    assert_int_equal(instances_reached(&instances), 3601500);
    mark_at(&instances, now_ms + 1000, 1, now_ms + 1000), now_ms += 1000;
    assert_int_equal(instances_reached(&instances), now_ms);
    instances_done(&instances);
}

/* So many seconds of marks of ingests whose clocks are off by that much each, and nothing waits. */
static int64_t mark_all(struct instances *instances, int64_t now_ms, int seconds, const int64_t *off_ms, size_t n)
{
    for (int i = 0; i < seconds; i++, now_ms += 1000)
        for (size_t at = 0; at < n; at++) {
            const struct mark mark = {
                .instance = at + 1, .upto_ms = now_ms + off_ms[at] - 250, .sent_ms = now_ms + off_ms[at]};
            instances_pass(instances, now_ms, 45000);
            instances_mark(instances, &mark, now_ms + 20);
        }
    return now_ms;
}

/* The clock of one machine is off: the time of all goes by the others'. */
static void one_wrong_clock_hurts_nobody(void **state)
{
    (void)state;
    const int64_t hour = 3600000, start_ms = 100 * hour;
    static const struct {
        int64_t off_ms[3], reached_ms;
        size_t n;
    } cases[] = {
        {{0, 0, 0}, 0, 3},
        {{0, -3600000, 0}, 0, 3},
        {{0, 3600000, 0}, 0, 3},
        {{-3600000, 0}, 0, 2},
        {{3600000, 0}, 0, 2},
        {{3600000, 3600000}, 3600000, 2}, /* it is the bus's clock that is off */
        {{-3600000, -3600000}, -3600000, 2},
        {{-3600000}, -3600000, 1}, /* alone: as its records say */
        {{0, -5000}, -5000, 2},    /* a little is nobody's fault */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct instances instances = {0};
        int64_t now_ms = mark_all(&instances, start_ms, 3, cases[i].off_ms, cases[i].n);
        int64_t apart_ms = instances_reached(&instances) - (now_ms + cases[i].reached_ms);
        if (apart_ms < -2000 || apart_ms > 0)
            fail_msg("case %zu: %lld ms apart", i, (long long)apart_ms);
        instances_done(&instances);
    }
}

/* What has waited in a spool is not taken for a clock that is behind, also when it waits there with a wrong clock. */
static void a_spool_is_no_wrong_clock(void **state)
{
    (void)state;
    const int64_t hour = 3600000, off_ms[] = {0, 0, -hour};
    struct instances instances = {0};
    int64_t now_ms = mark_all(&instances, 100 * hour, 30, off_ms, 3);
    instances_mark(&instances, &(struct mark){.instance = 2, .upto_ms = now_ms - hour / 2, .sent_ms = now_ms}, now_ms);
    assert_int_equal(instances_reached(&instances), now_ms - hour / 2);
    now_ms = mark_all(&instances, now_ms, 1, off_ms, 3);
    instances_mark(&instances, &(struct mark){.instance = 3, .upto_ms = now_ms - 3 * hour, .sent_ms = now_ms - hour},
                   now_ms);
    assert_true(instances_reached(&instances) >= now_ms - 2 * hour &&
                instances_reached(&instances) < now_ms - 2 * hour + 100);
    /* Held up on its way for as long as a delivery may take. */
    now_ms = mark_all(&instances, now_ms, 1, off_ms, 3);
    instances_mark(&instances, &(struct mark){.instance = 2, .upto_ms = now_ms, .sent_ms = now_ms}, now_ms + 30000);
    assert_true(instances_reached(&instances) <= now_ms);
    instances_done(&instances);
}

/* Set right, it is soon believed again; meanwhile nothing closes early. */
static void a_clock_set_right_is_soon_believed(void **state)
{
    (void)state;
    const int64_t hour = 3600000;
    for (int64_t off = -hour; off <= hour; off += 2 * hour) {
        struct instances instances = {0};
        int64_t now_ms = mark_all(&instances, 100 * hour, 30, (int64_t[]){0, 0, off}, 3);
        for (int i = 0; i < 2 * SKEW_MARKS + 1; i++) {
            now_ms = mark_all(&instances, now_ms, 1, (int64_t[]){0, 0, 0}, 3);
            assert_true(instances_reached(&instances) <= now_ms);
        }
        assert_true(instances_reached(&instances) >= now_ms - 2000);
        instances_done(&instances);
    }
}

static void look_at(struct believed *believed, int64_t wall_ms, int64_t mono_ms, bool is_believed, int64_t now_ms)
{
    clock_fake(wall_ms, mono_ms);
    assert_int_equal(believed_look(believed, 10000), is_believed);
    assert_int_equal(believed_now_ms(believed), now_ms);
}

static void a_leap_is_believed_when_it_lasts(void **state)
{
    (void)state;
    const int64_t hour = 3600000, day = 24 * hour;
    for (int64_t leap = -hour; leap <= hour; leap += 2 * hour) {
        struct believed believed = {0};
        look_at(&believed, day, 1000, true, day);
        look_at(&believed, day + 3000, 2000, true, day + 3000); /* a little is followed at once */
        look_at(&believed, day + leap, 3000, false, day + 4000);
        look_at(&believed, day + leap + 9000, 12000, false, day + 13000);
        look_at(&believed, day + 14000, 13000, true, day + 14000); /* set right */
        look_at(&believed, day + leap, 14000, false, day + 15000);
        look_at(&believed, day + leap + 9900, 23900, false, day + 24900);
        look_at(&believed, day + leap + 10000, 24000, true, day + leap + 10000);
    }
    /* One that leaps without end is believed at last. */
    struct believed believed = {0};
    look_at(&believed, day, 0, true, day);
    for (int64_t i = 1; i < 30; i++)
        look_at(&believed, day + i * hour, i * 1000, false, day + i * 1000);
    look_at(&believed, day + 31 * hour, 31000, true, day + 31 * hour);
    clock_fake(-1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_start_where_their_width_says),
        cmocka_unit_test(each_series_and_time_has_one_window),
        cmocka_unit_test(windows_lie_by_their_end),
        cmocka_unit_test(repeats_are_known_for_as_long_as_promised),
        cmocka_unit_test(ids_are_bounded),
        cmocka_unit_test(a_flood_evicts_itself),
        cmocka_unit_test(what_is_no_longer_seen_is_forgotten),
        cmocka_unit_test(messages_there_and_back),
        cmocka_unit_test(damaged_messages_do_nothing),
        cmocka_unit_test(the_watermark_waits_as_long_as_it_must),
        cmocka_unit_test(marks_there_and_back),
        cmocka_unit_test(the_slowest_ingest_is_waited_for),
        cmocka_unit_test(one_wrong_clock_hurts_nobody),
        cmocka_unit_test(a_spool_is_no_wrong_clock),
        cmocka_unit_test(a_clock_set_right_is_soon_believed),
        cmocka_unit_test(a_leap_is_believed_when_it_lasts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
