/* The parts of rollup that need neither bus nor store: windows, ids, series, messages, delays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

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
    const struct mark mark = {.instance = 7, .upto_ms = 123456, .is_goodbye = true};
    struct mark back;
    struct buf buf;
    buf_init(&buf, 64);
    mark_write(&mark, &buf);
    assert_true(mark_read(buf_slice(&buf), &back) && back.instance == 7 && back.upto_ms == 123456 && back.is_goodbye);
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
    instances_mark(instances, &(struct mark){.instance = id, .upto_ms = upto_ms});
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
    instances_mark(&instances, &(struct mark){.instance = 2, .is_goodbye = true});
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_start_where_their_width_says),
        cmocka_unit_test(each_series_and_time_has_one_window),
        cmocka_unit_test(repeats_are_known_for_as_long_as_promised),
        cmocka_unit_test(ids_are_bounded),
        cmocka_unit_test(a_flood_evicts_itself),
        cmocka_unit_test(what_is_no_longer_seen_is_forgotten),
        cmocka_unit_test(messages_there_and_back),
        cmocka_unit_test(damaged_messages_do_nothing),
        cmocka_unit_test(the_watermark_waits_as_long_as_it_must),
        cmocka_unit_test(marks_there_and_back),
        cmocka_unit_test(the_slowest_ingest_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
