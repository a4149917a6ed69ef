/* Who was forgotten: whom a mark concerns and until when, no name in the bytes, bounds, and damaged bytes. */
#include "unit/test.h"

#include <stdio.h>

#include "event/forgotten.h"

#define NOW_MS 1000000

static bool has(const struct forgotten *forgotten, const char *application, const char *user, const char *session,
                int64_t received_at_ms)
{
    const struct record record = {.application = slice_of(application),
                                  .user = slice_of(user),
                                  .session = slice_of(session),
                                  .received_at_ms = received_at_ms};
    return forgotten_has(forgotten, &record);
}

static void users_and_what_their_sessions_sent_unnamed(void **state)
{
    (void)state;
    struct forgotten forgotten;
    forgotten_init(&forgotten);
    assert_false(has(&forgotten, "shop", "ann", "s-1", 1));
    forgotten_add(&forgotten, FORGOTTEN_USER, SLICE_NONE, SLICE("ann"), NOW_MS, NOW_MS + 1);
    forgotten_add(&forgotten, FORGOTTEN_SESSION, SLICE_NONE, SLICE("s-1"), NOW_MS, NOW_MS + 1);
    forgotten_add(&forgotten, FORGOTTEN_USER, SLICE("shop"), SLICE("bob"), NOW_MS, NOW_MS + 1);
    assert_true(has(&forgotten, "shop", "ann", "s-1", NOW_MS));
    assert_true(has(&forgotten, "blog", "ann", "s-9", 1));
    assert_false(has(&forgotten, "shop", "ann", "s-1", NOW_MS + 1)); /* came back */
    assert_true(has(&forgotten, "shop", "", "s-1", NOW_MS));
    assert_false(has(&forgotten, "shop", "", "s-2", NOW_MS));
    assert_false(has(&forgotten, "shop", "", "", NOW_MS));
    assert_false(has(&forgotten, "shop", "eve", "s-1", NOW_MS)); /* somebody else in the same session */
    assert_false(has(&forgotten, "shop", "", "ann", NOW_MS));    /* a session is no user */
    assert_false(has(&forgotten, "shop", "s-1", "", NOW_MS));
    assert_true(has(&forgotten, "shop", "bob", "s-3", NOW_MS));
    assert_false(has(&forgotten, "blog", "bob", "s-3", NOW_MS));
    forgotten_done(&forgotten);
}

static void bytes_name_nobody_and_read_back(void **state)
{
    (void)state;
    static const struct slice sessions[] = {{"canary-session", 14}, {"canary-other", 12}};
    struct forgotten_wish wish = {
        .user = SLICE("canary-user"), .sessions = sessions, .n_sessions = 2, .now_ms = NOW_MS, .keep_ms = 100};
    struct forgotten forgotten;
    struct buf first, second;
    buf_init(&first, 65536);
    buf_init(&second, 65536);
    assert_int_equal(forgotten_change(&wish, SLICE_NONE, &first), ERR_OK);
    assert_int_equal(strlen(wish.name), FORGOTTEN_NAME_BYTES - 1);
    for (size_t i = 0; i + 6 <= first.len; i++)
        assert_memory_not_equal(first.at + i, "canary", 6);
    assert_int_equal(forgotten_read(buf_slice(&first), &forgotten), ERR_OK);
    assert_int_equal(forgotten.n, 3);
    assert_true(has(&forgotten, "shop", "canary-user", "x", NOW_MS));
    assert_true(has(&forgotten, "shop", "", "canary-other", NOW_MS));
    forgotten_done(&forgotten);
    wish.now_ms += 100; /* the same once more: older marks have expired, these are new */
    wish.n_sessions = 0;
    assert_int_equal(forgotten_change(&wish, buf_slice(&first), &second), ERR_OK);
    assert_int_equal(forgotten_read(buf_slice(&second), &forgotten), ERR_OK);
    assert_int_equal(forgotten.n, 1);
    assert_true(has(&forgotten, "shop", "canary-user", "x", NOW_MS + 100));
    forgotten_done(&forgotten);
    buf_done(&first);
    buf_done(&second);
}

static void the_list_is_bounded(void **state)
{
    (void)state;
    struct forgotten forgotten;
    struct buf buf;
    char name[32];
    forgotten_init(&forgotten);
    for (int i = 0; i < FORGOTTEN_MAX + 10; i++) {
        int len = snprintf(name, sizeof name, "user-%d", i);
        forgotten_add(&forgotten, FORGOTTEN_USER, SLICE_NONE, (struct slice){name, (size_t)len}, NOW_MS, NOW_MS + i);
    }
    assert_int_equal(forgotten.n, FORGOTTEN_MAX);
    assert_false(has(&forgotten, "shop", "user-9", "", 1)); /* those that expire first have gone */
    assert_true(has(&forgotten, "shop", "user-10", "", 1));
    assert_true(has(&forgotten, "shop", name, "", 1));
    buf_init(&buf, 1048576); /* of the store's state */
    forgotten_write(&forgotten, &buf);
    assert_false(buf_failed(&buf));
    buf_done(&buf);
    forgotten_expire(&forgotten, NOW_MS + FORGOTTEN_MAX);
    assert_int_equal(forgotten.n, 9);
    forgotten_add(&forgotten, FORGOTTEN_USER, SLICE_NONE, SLICE("last"), NOW_MS, NOW_MS);
    assert_true(has(&forgotten, "shop", "last", "", 1));
    forgotten_done(&forgotten);
}

static void damaged_bytes_are_nobody(void **state)
{
    (void)state;
    struct forgotten_wish wish = {.user = SLICE("ann"), .now_ms = NOW_MS, .keep_ms = 100};
    struct forgotten forgotten;
    struct buf buf;
    buf_init(&buf, 65536);
    assert_int_equal(forgotten_change(&wish, SLICE_NONE, &buf), ERR_OK);
    for (size_t len = 1; len < buf.len; len++) {
        assert_int_equal(forgotten_read((struct slice){buf.at, len}, &forgotten), ERR_CORRUPT);
        assert_int_equal(forgotten.n, 0);
        forgotten_done(&forgotten);
    }
    buf.at[0] = 2;
    assert_int_equal(forgotten_read(buf_slice(&buf), &forgotten), ERR_NEWER_VERSION);
    forgotten_done(&forgotten);
    buf.at[0] = 0;
    assert_int_equal(forgotten_read(buf_slice(&buf), &forgotten), ERR_CORRUPT);
    forgotten_done(&forgotten);
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_and_what_their_sessions_sent_unnamed),
        cmocka_unit_test(bytes_name_nobody_and_read_back),
        cmocka_unit_test(the_list_is_bounded),
        cmocka_unit_test(damaged_bytes_are_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
