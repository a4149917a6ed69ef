/* gzip bodies: whole, cut, damaged, in members, bombs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "fakes/gzip.h"
#include "ingest/ingest_int.h"

#define MAX_BYTES 2097152

static struct inflaters *inflaters;

static int start(void **state)
{
    (void)state;
    inflaters = inflaters_new(MAX_BYTES);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    inflaters_free(inflaters);
    return 0;
}

/* ret_text may be NULL; at most 63 bytes of it. */
static enum err inflate_text(const void *body, size_t n, size_t *ret_len, char ret_text[64])
{
    struct inflater *inflater = inflater_take(inflaters);
    struct slice out = SLICE("");
    enum err err = inflate_body(inflater, (struct slice){body, n}, &out);
    if (ret_len)
        *ret_len = out.len;
    if (ret_text)
        snprintf(ret_text, 64, "%.*s", SLICE_ARG(out));
    inflater_give(inflaters, inflater);
    return err;
}

static void test_one_member(void **state)
{
    (void)state;
    size_t n;
    char text[64];
    unsigned char *gzip = gzip_make("{\"a\":1}", 7, 1, &n);
    assert_int_equal(inflate_text(gzip, n, NULL, text), ERR_OK);
    assert_string_equal(text, "{\"a\":1}");
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(inflate_text(gzip, cut, NULL, NULL), ERR_BAD_GZIP);
    for (size_t i = 0; i < n; i++) { /* any byte but those of time, system and flags' spare bits is missed */
        gzip[i] ^= 0x55;
        if (i < 3 || i >= 10)
            assert_int_equal(inflate_text(gzip, n, NULL, NULL), ERR_BAD_GZIP);
        gzip[i] ^= 0x55;
    }
    free(gzip);
}

static void test_members_and_rubbish(void **state)
{
    (void)state;
    size_t a_len, b_len, empty_len;
    char text[64];
    unsigned char *a = gzip_make("ab", 2, 1, &a_len), *b = gzip_make("cd", 2, 1, &b_len), all[256];
    unsigned char *empty = gzip_make("", 0, 1, &empty_len);
    memcpy(all, a, a_len);
    memcpy(all + a_len, empty, empty_len);
    memcpy(all + a_len + empty_len, b, b_len);
    size_t n = a_len + empty_len + b_len;
    assert_int_equal(inflate_text(all, n, NULL, text), ERR_OK);
    assert_string_equal(text, "abcd");
    assert_int_equal(inflate_text(all, n - 1, NULL, NULL), ERR_BAD_GZIP);
    memcpy(all + n, "x", 1);
    assert_int_equal(inflate_text(all, n + 1, NULL, NULL), ERR_BAD_GZIP);
    memcpy(all + n, "\x1f\x8b", 2);
    assert_int_equal(inflate_text(all, n + 2, NULL, NULL), ERR_BAD_GZIP);
    assert_int_equal(inflate_text(empty, empty_len, NULL, text), ERR_OK);
    assert_string_equal(text, "");
    assert_int_equal(inflate_text("plain text", 10, NULL, NULL), ERR_BAD_GZIP);
    free(a), free(b), free(empty);
}

static void test_limit_is_exact(void **state)
{
    (void)state;
    static char bytes[MAX_BYTES + 1];
    for (size_t over = 0; over < 2; over++) {
        size_t n, len;
        unsigned char *gzip = gzip_make(bytes, MAX_BYTES + over, 1, &n);
        assert_int_equal(inflate_text(gzip, n, &len, NULL), over ? ERR_INFLATED_TOO_LARGE : ERR_OK);
        assert_int_equal(len, over ? 0 : MAX_BYTES);
        free(gzip);
    }
    for (size_t over = 0; over < 2; over++) { /* the limit is for all members together */
        size_t n, m;
        unsigned char *gzip = gzip_make(bytes, MAX_BYTES - 1, 1, &n), *rest = gzip_make("abc", 1 + over, 1, &m);
        gzip = realloc(gzip, n + m);
        memcpy(gzip + n, rest, m);
        assert_int_equal(inflate_text(gzip, n + m, NULL, NULL), over ? ERR_INFLATED_TOO_LARGE : ERR_OK);
        free(gzip), free(rest);
    }
}

static size_t resident_bytes(void)
{
    size_t size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void test_bomb(void **state)
{
    (void)state;
    static const char zeros[1 << 20];
    size_t n;
    unsigned char *bomb = gzip_make(zeros, sizeof zeros, 200, &n);
    assert_true(n > 150000 && n < 262144);
    inflate_text("\x1f\x8b", 2, NULL, NULL); /* what is kept anyway */
    size_t before = resident_bytes();
    struct inflater *inflater = inflater_take(inflaters);
    struct slice out;
    assert_int_equal(inflate_body(inflater, (struct slice){(char *)bomb, n}, &out), ERR_INFLATED_TOO_LARGE);
    size_t after = resident_bytes();
    inflater_give(inflaters, inflater);
#if defined(__SANITIZE_ADDRESS__)
    size_t allowed = 3 * 4194304; /* freed blocks stay in quarantine */
#else
    size_t allowed = 4194304;
#endif
    if (after > before + allowed)
        fail_msg("%zu bytes more", after - before);
    free(bomb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_member, start, stop),
        cmocka_unit_test_setup_teardown(test_members_and_rubbish, start, stop),
        cmocka_unit_test_setup_teardown(test_limit_is_exact, start, stop),
        cmocka_unit_test_setup_teardown(test_bomb, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
