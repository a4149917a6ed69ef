#include "unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"

static void every_error_has_its_own_number(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_COUNT; i++) {
        assert_true(*err_sentence((enum err)i));
        for (int j = 0; j < i; j++)
            assert_int_not_equal(err_number((enum err)i), err_number((enum err)j));
    }
    assert_string_equal(err_code(ERR_BAD_JSON), "SE-1001");
    assert_string_equal(err_name(ERR_FIELD_MISSING), "field_missing");
}

static void an_arena_stops_at_its_bound(void **state)
{
    (void)state;
    struct arena *arena = arena_new(64, 1024);
    size_t total = 0;
    while (arena_alloc(arena, 48))
        total += 48;
    assert_in_range(total, 256, 1024);
    assert_null(arena_alloc(arena, 4096));
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    char *again = arena_zero(arena, 32);
    assert_non_null(again);
    assert_int_equal((uintptr_t)again % 16, 0);
    assert_slice(arena_copy(arena, SLICE("abc")), "abc");
    arena_free(arena);
    arena_free(NULL);
}

static void times_are_written_and_read(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_BYTES];
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{0, "1970-01-01T00:00:00.000Z"},
                {1795354200500, "2026-11-22T13:30:00.500Z"},
                {951782399999, "2000-02-28T23:59:59.999Z"},
                {-1, "1969-12-31T23:59:59.999Z"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        clock_text(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
        assert_true(clock_parse(text, strlen(text)) == rows[i].ms);
    }
    clock_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    assert_true(clock_parse("yesterday at noon, maybe", 24) == -1);
    assert_true(clock_parse("2026-11-22T13:30:00Z", 20) == 1795354200000);
}

static void the_fake_clock_stands_still(void **state)
{
    (void)state;
    clock_fake(1000, 5);
    assert_int_equal(clock_wall_ms(), 1000);
    assert_int_equal(clock_mono_ms(), 5);
    clock_fake(-1, 0);
    assert_true(clock_wall_ms() > 1700000000000);
}

static void hashes_keep_their_values(void **state)
{
    (void)state;
    char hex[65];
    hash_hex(SLICE("abc"), hex, 64); /* FIPS 180-4, example 1 */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(hash_stable(SLICE("shop")) == 0xdde859a47eeca3d3);
    assert_true(hash_stable(SLICE("")) == 0xecba3df2c3383c52); /* partitions of older releases depend on it */
    assert_true(hash_keyed(SLICE("abcdefgh")) == hash_keyed(SLICE("abcdefgh")));
    assert_true(hash_keyed(SLICE("abcdefgh")) != hash_keyed(SLICE("abcdefgi")));
    assert_true(hash_keyed(SLICE("a")) != hash_keyed(SLICE("a\0")));
}

static void metrics_are_found_again_and_written(void **state)
{
    (void)state;
    struct metric *a = metric_get(METRIC_COUNTER, "test_total", "reason", "bad \"json\"", "help");
    metric_add(a, 3);
    metric_add(metric_get(METRIC_COUNTER, "test_total", "reason", "other", "help"), 1);
    assert_ptr_equal(a, metric_get(METRIC_COUNTER, "test_total", "reason", "bad \"json\"", "help"));
    METRIC_ADD("test_plain_total", "help", 2);
    struct buf buf;
    buf_init(&buf, 10000);
    metrics_write(&buf);
    assert_non_null(strstr(
        buf.at,
        "# TYPE test_total counter\ntest_total{reason=\"bad \\\"json\\\"\"} 3\ntest_total{reason=\"other\"} 1\n"));
    assert_non_null(strstr(buf.at, "\ntest_plain_total 2\n"));
    buf_done(&buf);
}

/* Prometheus knows three escapes and refuses a whole scrape for any other, and for what is no UTF-8. */
static void a_label_is_escaped_as_prometheus_reads_it(void **state)
{
    (void)state;
    char longest[103] = "";
    struct buf buf;
    memset(longest, 'x', 99);
    memcpy(longest + 99, "\xe2\x82\xac", 4);
    metric_get(METRIC_GAUGE, "test_escapes", "name", "a\tb\x01\xc2\x85\\ \"c\"\nd\xff\xc3\xbc", "help");
    metric_get(METRIC_GAUGE, "test_escapes", "name", longest, "help");
    buf_init(&buf, 10000);
    metrics_write(&buf);
    assert_non_null(
        strstr(buf.at, "\ntest_escapes{name=\"a\tb\x01\xc2\x85\\\\ \\\"c\\\"\\nd\xef\xbf\xbd\xc3\xbc\"} 0\n"));
    longest[99] = '\0'; /* a character is not cut in two */
    char expected[200];
    snprintf(expected, sizeof expected, "\ntest_escapes{name=\"%s\"} 0\n", longest);
    assert_non_null(strstr(buf.at, expected));
    buf_done(&buf);
}

static void a_flood_of_labels_is_bounded(void **state)
{
    (void)state;
    char value[32];
    struct metric *last = NULL, *before = NULL;
    for (int i = 0; i < 6000; i++) {
        snprintf(value, sizeof value, "v%d", i);
        before = last;
        last = metric_get(METRIC_GAUGE, "test_flood", "v", value, "help");
    }
    assert_ptr_equal(before, last);
}

static size_t captured(char *text, size_t size, int fd)
{
    lseek(fd, 0, SEEK_SET);
    ssize_t n = read(fd, text, size - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    return (size_t)n;
}

static void the_log_escapes_and_limits(void **state)
{
    (void)state;
    char path[] = "/tmp/seismo-log-XXXXXX", text[16384];
    int fd = mkstemp(path), saved = dup(2);
    unlink(path);
    dup2(fd, 2);
    log_warn("room", ERR_BAD_JSON, "from a page: %s", "\x1b[31mred\nnew line \xff");
    for (int i = 0; i < 100; i++)
        log_info("room", "again %d", i);
    log_debug("room", "not shown");
    dup2(saved, 2);
    captured(text, sizeof text, fd);
    close(fd);
    close(saved);
    assert_non_null(strstr(text, "warn  room SE-1001 from a page: \\x1b[31mred\\x0anew line \\xff\n"));
    assert_non_null(strstr(text, "again 9\n"));
    assert_null(strstr(text, "again 10\n"));
    assert_null(strstr(text, "not shown"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_own_number),
        cmocka_unit_test(an_arena_stops_at_its_bound),
        cmocka_unit_test(times_are_written_and_read),
        cmocka_unit_test(the_fake_clock_stands_still),
        cmocka_unit_test(hashes_keep_their_values),
        cmocka_unit_test(metrics_are_found_again_and_written),
        cmocka_unit_test(a_label_is_escaped_as_prometheus_reads_it),
        cmocka_unit_test(a_flood_of_labels_is_bounded),
        cmocka_unit_test(the_log_escapes_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
