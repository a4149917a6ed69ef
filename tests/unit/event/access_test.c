/* Links and sessions: once, until then, bounded, and never in clear. */
#include "unit/test.h"

#include <stdio.h>

#include "event/access.h"

#define DAY_MS 86400000

static struct buf bytes;

static enum err change(struct access_change with)
{
    struct buf after;
    buf_init(&after, 65536);
    enum err err = access_change(&with, buf_slice(&bytes), &after);
    if (err == ERR_OK) {
        buf_done(&bytes);
        bytes = after;
    } else {
        buf_done(&after);
    }
    return err;
}

static bool knows(const char *session, int64_t now_ms)
{
    struct access_book book;
    assert_int_equal(access_read(buf_slice(&bytes), &book), ERR_OK);
    return access_knows(&book, slice_of(session), now_ms);
}

static enum err add_link(const char *link, int64_t now_ms)
{
    return change((struct access_change){.link = slice_of(link), .now_ms = now_ms, .until_ms = now_ms + DAY_MS});
}

static enum err enter(const char *link, const char *session, int64_t now_ms)
{
    return change((struct access_change){
        .link = slice_of(link), .session = slice_of(session), .now_ms = now_ms, .until_ms = now_ms + 30LL * DAY_MS});
}

static int set_up(void **state)
{
    (void)state;
    buf_init(&bytes, 65536);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&bytes);
    return 0;
}

static void a_link_opens_once(void **state)
{
    (void)state;
    assert_int_equal(enter("one", "mine", 1000), ERR_LINK);
    assert_int_equal(add_link("one", 1000), ERR_OK);
    assert_int_equal(enter("two", "mine", 2000), ERR_LINK);
    assert_false(knows("mine", 2000));
    assert_int_equal(enter("one", "mine", 2000), ERR_OK);
    assert_true(knows("mine", 2000));
    assert_false(knows("one", 2000));
    assert_int_equal(enter("one", "yours", 2000), ERR_LINK);
    assert_false(knows("yours", 2000));
}

static void links_and_sessions_end(void **state)
{
    (void)state;
    add_link("late", 0);
    assert_int_equal(enter("late", "mine", DAY_MS), ERR_LINK);
    add_link("in time", 0);
    assert_int_equal(enter("in time", "mine", DAY_MS - 1), ERR_OK);
    assert_true(knows("mine", 31LL * DAY_MS - 2));
    assert_false(knows("mine", 31LL * DAY_MS - 1));
}

static void a_reset_ends_all_of_before(void **state)
{
    (void)state;
    add_link("one", 0);
    add_link("two", 0);
    enter("one", "mine", 1);
    assert_true(knows("mine", 2));
    assert_int_equal(
        change((struct access_change){
            .link = SLICE("new"), .ends_all = true, .where = "http://h:1", .now_ms = 2, .until_ms = DAY_MS}),
        ERR_OK);
    assert_false(knows("mine", 3));
    assert_int_equal(enter("two", "mine", 3), ERR_LINK);
    assert_int_equal(enter("new", "mine", 3), ERR_OK);
    struct access_book book;
    assert_int_equal(access_read(buf_slice(&bytes), &book), ERR_OK);
    assert_string_equal(book.where, "http://h:1");
}

static void the_book_is_bounded(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < ACCESS_SESSIONS + 1; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(change((struct access_change){.session = slice_of(name), .now_ms = 1, .until_ms = DAY_MS}),
                         ERR_OK);
    }
    for (int i = 0; i < ACCESS_LINKS + 1; i++) {
        snprintf(name, sizeof name, "l%d", i);
        add_link(name, 1);
    }
    assert_false(knows("0", 2));
    assert_true(knows("1", 2));
    assert_true(knows("256", 2));
    assert_int_equal(enter("l0", "mine", 2), ERR_LINK);
    assert_int_equal(enter("l1", "mine", 2), ERR_OK);
}

static void secrets_are_not_kept(void **state)
{
    (void)state;
    char one[ACCESS_SECRET_BYTES], other[ACCESS_SECRET_BYTES];
    access_secret(one);
    access_secret(other);
    assert_int_equal(strlen(one), ACCESS_SECRET_BYTES - 1);
    assert_string_not_equal(one, other);
    add_link(one, 0);
    enter(one, other, 1);
    add_link(one, 1);
    assert_null(memmem(bytes.at, bytes.len, one, 8));
    assert_null(memmem(bytes.at, bytes.len, other, 8));
}

static void damaged_bytes_are_said(void **state)
{
    (void)state;
    struct access_book book;
    add_link("one", 0);
    for (size_t n = 1; n < bytes.len; n++)
        assert_int_equal(access_read((struct slice){bytes.at, n}, &book), ERR_CORRUPT);
    bytes.at[0] = 2;
    assert_int_equal(access_read(buf_slice(&bytes), &book), ERR_NEWER_VERSION);
    bytes.at[0] = 0;
    assert_int_equal(access_read(buf_slice(&bytes), &book), ERR_CORRUPT);
    assert_int_equal(book.n_links, 0);
}

#define ON_BOOK(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOOK(a_link_opens_once),   ON_BOOK(links_and_sessions_end), ON_BOOK(a_reset_ends_all_of_before),
        ON_BOOK(the_book_is_bounded), ON_BOOK(secrets_are_not_kept),   ON_BOOK(damaged_bytes_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
