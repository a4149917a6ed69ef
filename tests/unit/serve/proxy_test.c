/* The PROXY protocol's headers, table by table, and cut at each byte. */
#include "unit/test.h"

#include "serve/serve_int.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define LITERAL(text) \
    { \
        text, sizeof(text) - 1 \
    }
#define TWELVE "\1\2\3\4\5\6\7\x8\x9\xa\xb\xc"
#define THIRTY_SIX TWELVE TWELVE TWELVE

static const struct {
    struct slice input;
    enum proxy_result result;
    size_t used;
    const char *source; /* NULL: names nobody */
} headers[] = {
    {LITERAL("PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n"), PROXY_DONE, 43, "203.0.113.7"},
    {LITERAL("PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\nGET / HTTP/1.1\r\n"), PROXY_DONE, 43, "203.0.113.7"},
    {LITERAL("PROXY TCP6 2001:db8::7 ::1 1 65535\r\n"), PROXY_DONE, 36, "2001:db8::7"},
    {LITERAL("PROXY UNKNOWN\r\n"), PROXY_DONE, 15, NULL},
    {LITERAL("PROXY UNKNOWN ffff:f...f ffff 65535 65535\r\n"), PROXY_DONE, 43, NULL},
    {LITERAL("PROXY TCP4 203.0.113.7 10.0.0.1 56324 65536\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP4 203.0.113.7 10.0.0.1 71415555555555555555 443\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP4 203.0.113.7 10.0.0.1 056 443\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP4 203.0.113.7 10.0.0.1 56324\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP4 203.0.113.7 10.0.0.1 56324 443 5\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP4 203.0.113.7:80 10.0.0.1 56324 443\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP4 ::1 ::1 56324 443\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP6 203.0.113.7 10.0.0.1 56324 443\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP6 [2001:db8::7]:8 ::1 1 2\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY UDP4 203.0.113.7 10.0.0.1 56324 443\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY TCP4  203.0.113.7 10.0.0.1 56324 443\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("PROXY UNKNOWN\n"), PROXY_BAD, 0, NULL},
    {LITERAL(
         "PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxx\r\n"),
     PROXY_BAD, 0, NULL},
    {LITERAL("GET / HTTP/1.1\r\n\r\n"), PROXY_BAD, 0, NULL},
    {LITERAL("\x16\x03\x01"), PROXY_BAD, 0, NULL},
    {LITERAL("\r\n\r\nGET"), PROXY_BAD, 0, NULL},
    {LITERAL(SIGNATURE "\x21\x11\0\xc\1\2\3\4\5\6\7\x8\0\1\0\2"), PROXY_DONE, 28, "1.2.3.4"},
    {LITERAL(SIGNATURE "\x21\x11\0\x10\1\2\3\4\5\6\7\x8\0\1\0\2\4\0\1x"), PROXY_DONE, 32, "1.2.3.4"}, /* a TLV */
    {LITERAL(SIGNATURE "\x21\x12\0\xc" TWELVE), PROXY_DONE, 28, "1.2.3.4"},                           /* datagrams */
    {LITERAL(SIGNATURE "\x21\x21\0\x24" THIRTY_SIX), PROXY_DONE, 52, "102:304:506:708:90a:b0c:102:304"},
    {LITERAL(SIGNATURE "\x20\0\0\0"), PROXY_DONE, 16, NULL}, /* LOCAL: a health check */
    {LITERAL(SIGNATURE "\x20\x11\0\xc" TWELVE), PROXY_DONE, 28, NULL},
    {LITERAL(SIGNATURE "\x21\0\0\0"), PROXY_DONE, 16, NULL}, /* of an unknown family */
    {LITERAL(SIGNATURE "\x21\x31\0\xd8" THIRTY_SIX THIRTY_SIX THIRTY_SIX THIRTY_SIX THIRTY_SIX THIRTY_SIX), PROXY_DONE,
     232, NULL}, /* UNIX */
    {LITERAL(SIGNATURE "\x21\x31\0\xc" TWELVE), PROXY_BAD, 0, NULL},
    {LITERAL(SIGNATURE "\x21\x11\0\xb" TWELVE), PROXY_BAD, 0, NULL},
    {LITERAL(SIGNATURE "\x21\x21\0\xc" TWELVE), PROXY_BAD, 0, NULL},
    {LITERAL(SIGNATURE "\x22\x11\0\xc" TWELVE), PROXY_BAD, 0, NULL},
    {LITERAL(SIGNATURE "\x11\x11\0\xc" TWELVE), PROXY_BAD, 0, NULL},
    {LITERAL(SIGNATURE "\x21\x41\0\xc" TWELVE), PROXY_BAD, 0, NULL},
    {LITERAL(SIGNATURE "\x21\x13\0\xc" TWELVE), PROXY_BAD, 0, NULL},
    {LITERAL(SIGNATURE "\x21\x11\xff\xff" TWELVE), PROXY_BAD, 0, NULL}, /* nobody waits for 64 kB */
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct slice whole = headers[i].input;
        char text[ADDRESS_TEXT_BYTES], *exact = malloc(whole.len); /* the sanitizer sees each byte too many */
        struct address source;
        size_t used = 0;
        bool named = false;
        memcpy(exact, whole.at, whole.len);
        if (proxy_parse((struct slice){exact, whole.len}, &used, &named, &source) != headers[i].result)
            fail_msg("row %zu", i);
        free(exact);
        if (headers[i].result != PROXY_DONE)
            continue;
        assert_int_equal(used, headers[i].used);
        assert_int_equal(named, headers[i].source != NULL);
        if (named) {
            address_text(&source, text);
            assert_string_equal(text, headers[i].source);
        }
    }
}

static void test_cut_headers_wait_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        for (size_t n = 0; headers[i].result == PROXY_DONE && n < headers[i].used; n++) {
            char *exact = malloc(n + 1);
            struct address source;
            size_t used = 0;
            bool named = false;
            memcpy(exact, headers[i].input.at, n);
            if (proxy_parse((struct slice){exact, n}, &used, &named, &source) != PROXY_MORE)
                fail_msg("row %zu cut at %zu", i, n);
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_cut_headers_wait_for_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
