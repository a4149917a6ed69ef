#include "unit/test.h"

#include <math.h>

#include "base/buf.h"

static void numbers_read_back_the_same(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-1, "-1"},
        {412.5, "412.5"},
        {0.1, "0.1"},
        {1e-7, "1e-07"},
        {9007199254740991.0, "9007199254740991"},
        {1795354200500.0, "1795354200500"},
        {NAN, "null"},
        {INFINITY, "null"},
        {0.30000000000000004, "0.30000000000000004"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf buf;
        buf_init(&buf, 100);
        buf_number(&buf, rows[i].value);
        assert_string_equal(buf.at, rows[i].text);
        buf_done(&buf);
    }
}

static void integers_at_their_ends(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_int(&buf, INT64_MIN);
    buf_char(&buf, ' ');
    buf_int(&buf, INT64_MAX);
    assert_string_equal(buf.at, "-9223372036854775808 9223372036854775807");
    buf_done(&buf);
}

static void strings_are_escaped_and_made_valid(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *json;
    } rows[] = {
        {SLICE("plain"), "\"plain\""},
        {SLICE(""), "\"\""},
        {SLICE("a\"b\\c\n\t\r"), "\"a\\\"b\\\\c\\n\\t\\r\""},
        {SLICE("\x01\x7f"), "\"\\u0001\\u007f\""},
        {SLICE("\xc2\x9b\xc2\x80\xc2\xa0"), "\"\\u009b\\u0080\xc2\xa0\""}, /* C1, and a space after them */
        {SLICE("\0z"), "\"\\u0000z\""},
        {SLICE("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\""},
        {SLICE("\xff\xc3"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {SLICE("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
        {SLICE("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* an overlong slash */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf buf;
        buf_init(&buf, 100);
        buf_json_string(&buf, rows[i].text);
        assert_string_equal(buf.at, rows[i].json);
        buf_done(&buf);
    }
}

static void objects_get_their_commas(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_char(&buf, '{');
    buf_json_field(&buf, "a", SLICE("x"));
    buf_json_int(&buf, "b", 2);
    buf_json_number(&buf, "c", 0.5);
    buf_char(&buf, '}');
    assert_string_equal(buf.at, "{\"a\":\"x\",\"b\":2,\"c\":0.5}");
    buf_done(&buf);
}

static void past_the_maximum_it_fails_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    buf_text(&buf, "abcd");
    assert_false(buf_failed(&buf));
    buf_char(&buf, 'e');
    assert_true(buf_failed(&buf));
    assert_string_equal(buf.at, "abcd");
    buf_clear(&buf);
    buf_printf(&buf, "%s", "xy");
    assert_false(buf_failed(&buf));
    assert_string_equal(buf.at, "xy");
    buf_done(&buf);
}

static void binary_reads_back(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_u8(&buf, 0xfe);
    buf_u16(&buf, 0xfedc);
    buf_u32(&buf, 0xfedcba98);
    buf_u64(&buf, 0xfedcba9876543210);
    buf_f64(&buf, -0.25);
    buf_varint(&buf, UINT64_MAX);
    buf_varint(&buf, 300);
    buf_string(&buf, SLICE("text"));
    struct reader r = reader_of(buf_slice(&buf));
    assert_int_equal(read_u8(&r), 0xfe);
    assert_int_equal(read_u16(&r), 0xfedc);
    assert_int_equal(read_u32(&r), 0xfedcba98);
    assert_true(read_u64(&r) == 0xfedcba9876543210);
    assert_true(read_f64(&r) == -0.25);
    assert_true(read_varint(&r) == UINT64_MAX);
    assert_int_equal(read_varint(&r), 300);
    assert_slice(read_string(&r), "text");
    assert_false(r.failed);
    assert_int_equal(read_u8(&r), 0);
    assert_true(r.failed);
    buf_done(&buf);
}

static void a_reader_never_passes_the_end(void **state)
{
    (void)state;
    static const struct slice rows[] = {SLICE("\x05"
                                              "abc"),
                                        SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), SLICE("\xff\x7f"),
                                        SLICE("")};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reader r = reader_of(rows[i]);
        read_string(&r);
        assert_true(r.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_back_the_same),
        cmocka_unit_test(integers_at_their_ends),
        cmocka_unit_test(strings_are_escaped_and_made_valid),
        cmocka_unit_test(objects_get_their_commas),
        cmocka_unit_test(past_the_maximum_it_fails_and_keeps_what_it_has),
        cmocka_unit_test(binary_reads_back),
        cmocka_unit_test(a_reader_never_passes_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
