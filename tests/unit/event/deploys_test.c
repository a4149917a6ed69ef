/* Deploys: seen once, marked as often as somebody likes, bounded, and their bytes. */
#include "unit/test.h"

#include <stdio.h>

#include "event/deploys.h"

static struct deploy make(const char *name, const char *service, int64_t at_ms, bool is_seen)
{
    struct deploy deploy = {.at_ms = at_ms, .is_seen = is_seen, .application = "shop", .environment = "test"};
    snprintf(deploy.name, sizeof deploy.name, "%s", name);
    snprintf(deploy.service, sizeof deploy.service, "%s", service);
    return deploy;
}

static void a_release_is_seen_first_once(void **state)
{
    (void)state;
    struct deploys deploys;
    deploys_init(&deploys);
    struct deploy one = make("1.0", "web", 1000, true), later = make("1.0", "web", 2000, true),
                  other = make("1.0", "api", 500, true), marked = make("1.0", "web", 3000, false);
    assert_true(deploys_add(&deploys, &one));
    assert_false(deploys_add(&deploys, &later));
    assert_true(deploys_add(&deploys, &other));
    assert_true(deploys_add(&deploys, &marked));
    assert_true(deploys_add(&deploys, &marked));
    assert_int_equal(deploys.n, 4);
    assert_string_equal(deploys.list[0].service, "api"); /* oldest first */
    deploys_done(&deploys);
}

static void invented_releases_are_bounded(void **state)
{
    (void)state;
    struct deploys deploys;
    char name[16];
    size_t kept = 0;
    deploys_init(&deploys);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "v%d", i);
        struct deploy deploy = make(name, "web", 10000 + i, true);
        kept += deploys_add(&deploys, &deploy);
    }
    assert_int_equal(kept, DEPLOYS_SEEN_AN_HOUR);
    struct deploy next = make("next", "web", 10000 + 3700000, true), other = make("v1", "api", 10001, true);
    assert_true(deploys_add(&deploys, &next));
    assert_true(deploys_add(&deploys, &other));
    for (int i = 0; i < 2 * DEPLOYS_MAX; i++) {
        struct deploy marked = make("by hand", "web", 20000000 + i, false);
        assert_true(deploys_add(&deploys, &marked));
    }
    assert_int_equal(deploys.n, DEPLOYS_MAX);
    assert_int_equal(deploys.list[deploys.n - 1].at_ms, 20000000 + 2 * DEPLOYS_MAX - 1);
    deploys_done(&deploys);
}

static void bytes_come_back_and_cut_ones_are_refused(void **state)
{
    (void)state;
    struct deploys deploys, read;
    struct buf bytes;
    deploys_init(&deploys);
    struct deploy one = make("1.0 <b>", "web", 1000, true), two = make("2.0", "", 2000, false);
    deploys_add(&deploys, &one);
    deploys_add(&deploys, &two);
    buf_init(&bytes, 65536);
    deploys_write(&deploys, &bytes);
    assert_int_equal(deploys_read(buf_slice(&bytes), &read), ERR_OK);
    assert_int_equal(read.n, 2);
    assert_string_equal(read.list[0].name, "1.0 <b>");
    assert_true(read.list[0].is_seen && !read.list[1].is_seen);
    assert_int_equal(read.list[1].at_ms, 2000);
    deploys_done(&read);
    for (size_t n = 1; n < bytes.len; n++) {
        assert_int_equal(deploys_read((struct slice){bytes.at, n}, &read), ERR_CORRUPT);
        assert_int_equal(read.n, 0);
    }
    assert_int_equal(deploys_read(SLICE_NONE, &read), ERR_OK);
    bytes.at[0] = 2;
    assert_int_equal(deploys_read(buf_slice(&bytes), &read), ERR_NEWER_VERSION);
    buf_done(&bytes);
    deploys_done(&deploys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_is_seen_first_once),
        cmocka_unit_test(invented_releases_are_bounded),
        cmocka_unit_test(bytes_come_back_and_cut_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
