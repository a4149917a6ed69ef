/* Error codes: what must be the same, what must differ, and that any bytes have one code. */
#include "enrich/enrich_int.h"

#include <stdlib.h>

#include "unit/test.h"

static void code_of(const char *type, const char *message, const char *stack, char code[ENRICH_CODE_BYTES])
{
    struct buf masked;
    buf_init(&masked, 65536);
    enrich_error_code(SLICE("shop"), slice_of(type), slice_of(message), slice_of(stack), code, &masked);
    buf_done(&masked);
}

struct error {
    const char *type, *message, *stack;
};

/* Both of a row are the same error. */
static void same_errors_have_the_same_code(void **state)
{
    (void)state;
    static const struct {
        struct error a, b;
    } rows[] = {
        {{"Error", "request 17 failed", ""}, {"Error", "request 4711 failed", ""}},
        {{"Error", "no user 3f2504e0-4f89-11d3-9a0c-0305e82c3301", ""},
         {"Error", "no user 9a0c04e0-4f89-11d3-9a0c-0305e82c3301", ""}},
        {{"Error", "connect to db1.shop.internal:5432 timed out after 30s", ""},
         {"Error", "connect to db2.shop.internal:5433 timed out after 5s", ""}},
        {{"Error", "open '/tmp/a1' failed", ""}, {"Error", "open '/var/run/x' failed", ""}},
        {{"", "Uncaught TypeError: x is not a function", ""}, {"TypeError", "x is not a function", ""}},
        {{"TypeError", "TypeError: x is not a function", ""}, {"TypeError", "x is not a function", ""}},
        /* the next release: other lines, hashes, minified names */
        {{"TypeError", "x is not a function",
          "TypeError: x\n    at Cart.addItem (https://a/main-8f3a2b1c.js:10:12)\n    at e (https://a/4821.9a.js:1:5)"},
         {"TypeError", "x is not a function",
          "TypeError: x\n    at Cart.addItem (https://a/main-0011aabb.js?v=2:99:1)\n    at Ot "
          "(https://a/77.b1.js:1:9)"}},
        /* another browser */
        {{"TypeError", "x is not a function", "    at Cart.addItem (https://a/shop.js:10:12)"},
         {"TypeError", "x is not a function", "addItem@https://a/shop.js:10:20\n"}},
        {{"TypeError", "x is not a function", "    at https://a/shop.js:10:12"},
         {"TypeError", "x is not a function", "module code@https://a/shop.js:10:20\n"}},
        /* a message with an address in it stands before the frames in Chrome alone */
        {{"Error", "cannot load x",
          "Error: cannot load https://a/npm/lodash@4/lodash.js\n    at load (https://a/shop.js:1:1)"},
         {"Error", "cannot load x", "load@https://a/shop.js:1:20\n"}},
        /* recursion of another depth; libraries above us */
        {{"RangeError", "too much recursion", "    at walk (https://a/t.js:1:1)\n    at walk (https://a/t.js:1:1)"},
         {"RangeError", "too much recursion",
          "    at walk (https://a/t.js:1:1)\n    at f (https://a/node_modules/x.js:1:1)"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char a[ENRICH_CODE_BYTES], b[ENRICH_CODE_BYTES];
        code_of(rows[i].a.type, rows[i].a.message, rows[i].a.stack, a);
        code_of(rows[i].b.type, rows[i].b.message, rows[i].b.stack, b);
        assert_string_equal(a, b);
    }
}

/* All of these are different errors. */
static void different_errors_have_different_codes(void **state)
{
    (void)state;
    static const struct error errors[] = {
        {"", "", ""},
        {"TypeError", "", ""},
        {"TypeError", "x is not a function", ""},
        {"ReferenceError", "x is not a function", ""},
        {"TypeError", "y is not a function", ""},
        {"TypeError", "Cannot read properties of undefined (reading 'price')", ""},
        {"TypeError", "Cannot read properties of undefined (reading 'name')", ""},
        {"TypeError", "Cannot read properties of null (reading 'name')", ""},
        {"TypeError", "x is not a function", "    at addItem (https://a/shop.js:10:12)"},
        {"TypeError", "x is not a function", "    at dropItem (https://a/shop.js:10:12)"},
        {"TypeError", "x is not a function", "    at addItem (https://a/cart.js:10:12)"},
        {"Error", "job started", ""},
        {"Error", "job failed", ""},
        {"Error", "user denied", ""},
        {"Error", "user accepted", ""},
    };
    char codes[sizeof errors / sizeof *errors][ENRICH_CODE_BYTES];
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        code_of(errors[i].type, errors[i].message, errors[i].stack, codes[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(codes[i], codes[k]);
    }
}

/* Codes stand in tickets: these must never change while the version is v1. */
static void codes_are_for_ever(void **state)
{
    (void)state;
    char code[ENRICH_CODE_BYTES];
    code_of("TypeError", "Cannot read properties of undefined (reading 'price')",
            "TypeError: Cannot read properties of undefined (reading 'price')\n    at buy "
            "(http://127.0.0.1:3000/shop.js:10:12)",
            code);
    assert_string_equal(code, "E-BZACQ8VC");
    code_of("", "timeout of 3000ms exceeded", "", code);
    assert_string_equal(code, "E-45TFGR62");
}

static void messages_are_masked(void **state)
{
    (void)state;
    static const struct {
        const char *message, *masked;
    } rows[] = {
        {"", ""},
        {"plain words stay", "plain words stay"},
        {"took 17 ms, 3 times", "took * ms, * times"},
        {"user 'bob' has no cart", "user * has no cart"},
        {"user bob has no cart", "user * has no cart"},
        {"user is not logged in", "user is not logged in"},
        {"it's what it's", "it's what it's"},
        {"open /etc/passwd: denied", "open *: denied"},
        {"GET https://shop.example/a?b failed", "GET * failed"},
        {"read shop.db.internal failed", "read * failed"},
        {"retries=3 state=open", "retries=* state=*"},
        {"at Fri Jun 17 07:07:00 2005", "at *"},
        {"we may fail", "we may fail"},
        {"a\nb\tc", "a b c"},
        {"ids 1, 2, 3", "ids *, *, *"},
        {"1 2 3", "*"},
        {"Can't find variable: price", "Can't find variable: price"},
        {"Failed to execute 'appendChild' on 'Node'", "Failed to execute 'appendChild' on 'Node'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char bytes[MASKED_MAX_BYTES];
        struct text masked = {bytes, 0, sizeof bytes, false};
        mask_message(slice_of(rows[i].message), &masked);
        assert_slice(text_slice(&masked), rows[i].masked);
    }
}

static void lines_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *line, *type, *message;
    } rows[] = {
        {"", "", ""},
        {"disk is full", "", "disk is full"},
        {"2026-11-22T10:00:00.123Z ERROR disk is full", "", "disk is full"},
        {"2026-11-22 10:00:00,123 [WARN] - disk is full", "", "disk is full"},
        {"[2026-11-22 10:00:00] error: disk is full", "", "disk is full"},
        {"Nov 22 10:00:00 web disk is full", "", "web disk is full"},
        {"\x1b[31mERROR\x1b[0m disk is full", "", "disk is full"},
        {"error while reading", "", "error while reading"},
        {"17 errors", "", "17 errors"},
        {"{\"ts\":1,\"msg\":\"disk is \\\"full\\\"\"}", "", "disk is \"full\""},
        {"{\"message\":\"broken\",\"error\":{\"type\":\"IOError\",\"message\":\"no\"}}", "IOError", "broken"},
        {"{\"error\":\"it broke\"}", "", "it broke"},
        {"{\"a\":1}", "", "{\"a\":1}"},
        {"{broken", "", "{broken"},
        {"level=error msg=\"disk is full\" err=EIO", "EIO", "disk is full"},
        {"time=1 level=error msg=full", "", "full"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char scratch[LINE_MAX_BYTES];
        struct line_parts parts = line_cut(slice_of(rows[i].line), scratch);
        assert_slice(parts.message, rows[i].message);
        assert_slice(parts.type, rows[i].type);
    }
}

/* Any bytes: one code of the form E-XXXXXXXX, no line break in the mask, and the same when asked again. */
static void any_bytes_have_one_code(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 5000; round++) {
        char code[ENRICH_CODE_BYTES], again[ENRICH_CODE_BYTES];
        size_t n = (size_t)(round % 400);
        char *line = malloc(n + 1);
        for (size_t i = 0; i < n; i++) {
            static const char often[] = "{}[]\":=,'\\/ \n\x1b[1m0aE.@\xff\xc3msg\0";
            seed = seed * 1103515245u + 12345u;
            line[i] = round % 2 ? (char)(seed >> 16) : often[(seed >> 16) % sizeof often];
        }
        struct buf masked, masked_again;
        buf_init(&masked, 65536);
        buf_init(&masked_again, 65536);
        enrich_line_code(SLICE(""), (struct slice){line, n}, code, &masked);
        enrich_line_code(SLICE(""), (struct slice){line, n}, again, &masked_again);
        assert_string_equal(code, again);
        assert_true(slice_equal(buf_slice(&masked), buf_slice(&masked_again)));
        assert_int_equal(strlen(code), 10);
        assert_int_equal(strspn(code + 2, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 8);
        assert_true(masked.len <= MASKED_MAX_BYTES && (!masked.len || !memchr(masked.at, '\n', masked.len)));
        buf_done(&masked);
        buf_done(&masked_again);
        free(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_errors_have_the_same_code),
        cmocka_unit_test(different_errors_have_different_codes),
        cmocka_unit_test(codes_are_for_ever),
        cmocka_unit_test(messages_are_masked),
        cmocka_unit_test(lines_are_cut),
        cmocka_unit_test(any_bytes_have_one_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
