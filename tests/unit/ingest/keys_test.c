/* Keys, origins and clients, table by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "ingest/ingest_int.h"

static void test_keys(void **state)
{
    (void)state;
    enum { N = 300 };
    static char names[N][2][16];
    static const char *lists[N][3];
    static struct application applications[N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < 2; j++) {
            snprintf(names[i][j], sizeof names[i][j], "key-%d-%d", i, j);
            lists[i][j] = names[i][j];
        }
        applications[i].keys = lists[i];
    }
    struct keys *keys = keys_new(applications, N);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < 2; j++)
            assert_ptr_equal(keys_find(keys, slice_of(names[i][j]))->application, &applications[i]);
    static const char *const unknown[] = {"", "key", "key-0-", "key-0-2", "key-0-00", "KEY-0-0"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_null(keys_find(keys, slice_of(unknown[i])));
    keys_free(keys);
    keys = keys_new(NULL, 0);
    assert_null(keys_find(keys, SLICE("demo")));
    keys_free(keys);
}

static const struct {
    const char *pattern, *origin;
    bool allowed;
} origins[] = {
    {"https://shop.example", "https://shop.example", true},
    {"https://shop.example", "https://SHOP.example", true},
    {"https://shop.example", "http://shop.example", false},
    {"https://shop.example", "https://shop.example:8443", false},
    {"https://shop.example", "https://shop.example.evil.test", false},
    {"https://shop.example", "https://evil.test/https://shop.example", false},
    {"https://shop.example", "null", false},
    {"https://shop.example", "", false},
    {"*", "https://any.test", true},
    {"*", "null", true},
    {"*", "", false},
    {"null", "null", true},
    {"https://*.shop.example", "https://a.shop.example", true},
    {"https://*.shop.example", "https://a.b.shop.example", true},
    {"https://*.shop.example", "http://a.shop.example", false},
    {"https://*.shop.example", "https://shop.example", false},
    {"https://*.shop.example", "https://.shop.example", false},
    {"https://*.shop.example", "https://evilshop.example", false},
    {"https://*.shop.example", "https://a.shop.example.evil.test", false},
    {"https://*.shop.example:8443", "https://a.shop.example:8443", true},
    {"https://*.shop.example:8443", "https://a.shop.example", false},
    {"*.shop.example", "https://a.shop.example", true},
    {"*.shop.example", "http://a.shop.example", true},
    {"*.shop.example", "a.shop.example", false},
    {"http://localhost:3000", "http://localhost:3000", true},
};

static void test_origins(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        const char *const list[] = {"https://first.example", origins[i].pattern, NULL};
        struct application application = {.origins = list};
        if (origin_allowed(&application, slice_of(origins[i].origin)) != origins[i].allowed)
            fail_msg("%s against %s", origins[i].origin, origins[i].pattern);
    }
    struct application none = {.name = "no origins"};
    assert_false(origin_allowed(&none, SLICE("https://first.example")));
}

static const struct {
    const char *header;
    bool gzip;
} encodings[] = {{"", false},
                 {"gzip", true},
                 {"gzip, deflate, br", true},
                 {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
                 {"GZIP", true},
                 {"deflate", false},
                 {"gzip;q=0", false},
                 {"gzip; q=0.000", false},
                 {"gzip;q=0.001", true},
                 {"xgzip", false},
                 {",,,", false}};

static void test_accept_encoding(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++)
        if (accepts_gzip(slice_of(encodings[i].header)) != encodings[i].gzip)
            fail_msg("%s", encodings[i].header);
}

static void test_etags(void **state)
{
    (void)state;
    assert_true(etag_matches(SLICE("\"a\""), SLICE("\"a\"")));
    assert_true(etag_matches(SLICE("W/\"a\""), SLICE("\"a\"")));
    assert_true(etag_matches(SLICE("\"b\", \"a\""), SLICE("\"a\"")));
    assert_true(etag_matches(SLICE("*"), SLICE("\"a\"")));
    assert_false(etag_matches(SLICE(""), SLICE("\"a\"")));
    assert_false(etag_matches(SLICE("a"), SLICE("\"a\"")));
    assert_false(etag_matches(SLICE("\"ab\""), SLICE("\"a\"")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_accept_encoding),
        cmocka_unit_test(test_etags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
