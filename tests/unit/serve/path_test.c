/* Paths, queries and framing, table by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/serve_int.h"

static const struct {
    const char *target, *path, *query; /* path NULL: refused */
} targets[] = {
    {"/", "/", ""},
    {"/in/v1?k=demo", "/in/v1", "k=demo"},
    {"/a%20b?x=%20", "/a b", "x=%20"},
    {"/a?", "/a", ""},
    {"/a?b?c", "/a", "b?c"},
    {"/.well-known/x", "/.well-known/x", ""},
    {"/...", "/...", ""},
    {"/a..b/c.", "/a..b/c.", ""},
    {"//a", "//a", ""},
    {"/%c3%a4", "/\xc3\xa4", ""},
    {"", NULL, NULL},
    {"*", NULL, NULL},
    {"in/v1", NULL, NULL},
    {"http://host/in/v1", NULL, NULL},
    {"?k=demo", NULL, NULL},
    {"/%00", NULL, NULL},
    {"/a%", NULL, NULL},
    {"/a%2", NULL, NULL},
    {"/a%2g", NULL, NULL},
    {"/a%0d%0ab", NULL, NULL},
    {"/a%7f", NULL, NULL},
    {"/..", NULL, NULL},
    {"/../etc/passwd", NULL, NULL},
    {"/a/../b", NULL, NULL},
    {"/a/./b", NULL, NULL},
    {"/a/.", NULL, NULL},
    {"/%2e%2e/b", NULL, NULL},
    {"/a%2f..%2fb", NULL, NULL},
    {"/a/..?k=1", NULL, NULL},
};

static void test_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char out[64];
        struct slice path, query;
        bool ok = path_decode(slice_of(targets[i].target), out, &path, &query);
        if (ok != (targets[i].path != NULL))
            fail_msg("%s: %s", targets[i].target, ok ? "taken" : "refused");
        if (ok && (!slice_is(path, targets[i].path) || !slice_is(query, targets[i].query)))
            fail_msg("%s: path %.*s query %.*s", targets[i].target, SLICE_ARG(path), SLICE_ARG(query));
    }
}

static const struct {
    const char *query, *value; /* of k; NULL: absent */
} queries[] = {{"k=demo", "demo"}, {"a=1&k=demo&b=2", "demo"},
               {"k=", ""},         {"k", ""},
               {"k&a", ""},        {"k=a%26b", "a&b"},
               {"k=a+b", "a b"},   {"k=%", "%"},
               {"k=%2", "%2"},     {"k=%zz", "%zz"},
               {"k=1&k=2", "1"},   {"", NULL},
               {"kk=1", NULL},     {"a=k", NULL},
               {"&&&", NULL},      {"K=demo", NULL},
               {"k=a=b", "a=b"},   {"&k=demo&", "demo"}};

static void test_queries(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        char out[64];
        struct slice value;
        bool found = query_find(slice_of(queries[i].query), "k", out, &value);
        if (found != (queries[i].value != NULL) || (found && !slice_is(value, queries[i].value)))
            fail_msg("%s: %s", queries[i].query, found ? "found" : "absent");
    }
}

static const struct {
    const char *head;
    bool plain;
} framings[] = {
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n", true},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", true},
    {"POST / HTTP/1.1\r\nhost: a\r\nx-content-length: 3\r\ncontent-length: 3\r\n\r\n", true},
    {"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", true},
    {"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\n\n", true}, /* what follows is judged in its turn */
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", false},
    {"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nhost: a\r\ncontent-length: 3\r\n\r\n", false},
    {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n", false},
    {"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nhost: a\nx-a: b\r\n\r\n", false},
    {"GET / HTTP/1.1\nhost: a\n\n", false},
    {"GET / HTTP/1.1\r\nhost: a\r\n\n", false},
    {"GET / HTTP/1.1\r\nhost: a\r\nx-a: b\r\n c\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nhost: a\r\nx-a: b\r\n\tc\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nx-host: a\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", false},
    {"GET / HTTP/1.1\r\nhost: a", false},
    {"", false},
};

static void test_framings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof framings / sizeof framings[0]; i++)
        if (framing_is_plain(slice_of(framings[i].head), 0x101) != framings[i].plain)
            fail_msg("%s", framings[i].head);
    assert_true(framing_is_plain(slice_of("GET / HTTP/1.0\r\n\r\n"), 0x100));
    assert_true(framing_is_plain(slice_of("POST / HTTP/1.0\r\ncontent-length: 3\r\n\r\n"), 0x100));
    assert_false(framing_is_plain(slice_of("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n"), 0x100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_framings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
