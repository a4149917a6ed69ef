/* The lean cursor: members as they stand, and damaged bytes that end the walk. */
#include "event/json_scan.h"

#include <stdlib.h>

#include "unit/test.h"

static void members_come_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"a", "1"},
        {"b", "\"x\\\"}\""},
        {"c\\u0041", "{\"a\":[1,\"]}\"]}"},
        {"d", "[{},[],\"\\\\\"]"},
        {"e", "-1.5e3"},
        {"f", "null"},
        {"", "true"},
    };
    struct json_scan scan =
        json_scan_of(SLICE("{ \"a\":1 ,\"b\" : \"x\\\"}\",\"c\\u0041\":{\"a\":[1,\"]}\"]},\n"
                           "\"d\":[{},[],\"\\\\\"],\"e\":-1.5e3\t,\"f\":null,\"\":true }"));
    struct json_member member;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(json_scan_next(&scan, &member));
        assert_slice(member.name, rows[i].name);
        assert_slice(member.value, rows[i].value);
    }
    assert_false(json_scan_next(&scan, &member));
    assert_false(json_scan_next(&scan, &member));
}

static void empty_and_broken_objects_end(void **state)
{
    (void)state;
    static const char *const broken[] = {"{}",       "{ }",         "",       "[1]",      "{",
                                         "{\"",      "{\"a",        "{\"a\"", "{\"a\":",  "{\"a\":\"",
                                         "{\"a\":{", "{\"a\":[\"]", "{1:2}",  "{\"a\\\"", "{,}"};
    struct json_member member;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        size_t n = strlen(broken[i]);
        char *exact = malloc(n + 1); /* so that ASan sees a byte too far */
        memcpy(exact, broken[i], n);
        struct json_scan scan = json_scan_of((struct slice){exact, n});
        assert_false(json_scan_next(&scan, &member));
        free(exact);
    }
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum unescaped how;
        const char *text;
    } rows[] = {
        {"plain", UNESCAPED_OK, "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", UNESCAPED_OK, "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20ac\\ud83d\\ude00", UNESCAPED_OK, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\\ud83d", UNESCAPED_ODD, "a\xef\xbf\xbd"},
        {"\\ude00b", UNESCAPED_ODD,
         "\xef\xbf\xbd"
         "b"},
        {"\\ud83d\\u0041", UNESCAPED_ODD,
         "\xef\xbf\xbd"
         "A"},
        {"\\u00", UNESCAPED_BAD, ""},
        {"\\u00g0", UNESCAPED_BAD, ""},
        {"\\x", UNESCAPED_BAD, ""},
        {"\\", UNESCAPED_BAD, ""},
        {"\\ud83d\\", UNESCAPED_BAD, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice raw = slice_of(rows[i].raw);
        char *text = malloc(raw.len);
        size_t len, counted;
        assert_int_equal(json_unescape(raw, text, &len), rows[i].how);
        assert_int_equal(json_unescape(raw, NULL, &counted), rows[i].how);
        if (rows[i].how != UNESCAPED_BAD) {
            assert_slice(((struct slice){text, len}), rows[i].text);
            assert_int_equal(len, counted);
        }
        free(text);
    }
    size_t len;
    assert_int_equal(json_unescape(SLICE("\\u0000"), NULL, &len), UNESCAPED_ODD);
}

/* A caller has no bytes at all where a value was missing. */
static void nothing_is_read_as_nothing(void **state)
{
    (void)state;
    struct json_scan scan = json_scan_of(SLICE_NONE);
    struct json_member member;
    struct slice value;
    size_t len = 9;
    assert_false(json_scan_next(&scan, &member));
    scan = json_array_of(SLICE_NONE);
    assert_false(json_array_next(&scan, &value));
    assert_int_equal(json_unescape(SLICE_NONE, NULL, &len), UNESCAPED_OK);
    assert_int_equal(len, 0);
}

static void names_lose_their_escapes(void **state)
{
    (void)state;
    char text[JSON_NAME_BYTES];
    assert_slice(json_name(SLICE("kind"), text), "kind");
    assert_slice(json_name(SLICE("k\\u0069nd"), text), "kind");
    assert_slice(json_name(SLICE("k\\x"), text), "k\\x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_order),    cmocka_unit_test(empty_and_broken_objects_end),
        cmocka_unit_test(escapes_are_decoded),      cmocka_unit_test(nothing_is_read_as_nothing),
        cmocka_unit_test(names_lose_their_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
