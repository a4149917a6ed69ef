/* The book of alerts: its bytes, and two processes that write into one. */
#include "unit/test.h"

#include <stdio.h>
#include <string.h>

#include "alert/alerts_int.h"

static struct alert make(const char *id, enum alert_state state, const char *name)
{
    struct alert alert = {.kind = ALERT_LATENCY,
                          .state = state,
                          .key = {.kind = SERIES_API,
                                  .application = SLICE("shop"),
                                  .service = SLICE("web"),
                                  .environment = SLICE("test"),
                                  .name = slice_of(name),
                                  .detail = SLICE("")},
                          .since_ms = 1000,
                          .opened_ms = 2000,
                          .observed = 5,
                          .expected = 1};
    snprintf(alert.id, sizeof alert.id, "%s", id);
    return alert;
}

static struct entry *put(struct entries *entries, const char *id, enum alert_state state, const char *name)
{
    struct alert alert = make(id, state, name);
    struct entry *entry = entry_new(&alert);
    entries_add(entries, entry);
    return entry;
}

static struct book through_bytes(const struct book *book)
{
    struct buf buf;
    struct book back;
    buf_init(&buf, BOOK_BYTES);
    book_write(book, &buf);
    assert_int_equal(book_read(buf_slice(&buf), &back), ERR_OK);
    buf_done(&buf);
    return back;
}

static void bytes_there_and_back(void **state)
{
    (void)state;
    struct book book;
    book_init(&book);
    put(&book.firing, "A-1", ALERT_FIRING, "GET /a")->announced = true;
    struct entry *change = put(&book.outbox, "A-2", ALERT_RESOLVED, "GET /b");
    change->todo = TODO_TELL | TODO_STORE;
    change->claimed_by = 77;
    change->claimed_until_ms = 12345;
    struct book back = through_bytes(&book);
    assert_true(back.firing.n == 1 && back.outbox.n == 1);
    assert_true(back.firing.list[0]->announced && back.firing.list[0]->is_kept);
    assert_true(slice_is(back.firing.list[0]->alert.key.name, "GET /a"));
    assert_int_equal(back.outbox.list[0]->todo, TODO_TELL | TODO_STORE);
    assert_true(back.outbox.list[0]->claimed_by == 77 && back.outbox.list[0]->claimed_until_ms == 12345);
    book_done(&book);
    book_done(&back);
}

static void damage_and_newer_versions_are_told(void **state)
{
    (void)state;
    struct book book, back;
    struct buf buf;
    book_init(&book);
    put(&book.firing, "A-1", ALERT_FIRING, "GET /a");
    put(&book.outbox, "A-1", ALERT_FIRING, "GET /a");
    buf_init(&buf, BOOK_BYTES);
    book_write(&book, &buf);
    for (size_t cut = 0; cut < buf.len; cut++)
        assert_int_equal(book_read((struct slice){buf.at, cut}, &back), ERR_CORRUPT);
    buf.at[0] = 3;
    assert_int_equal(book_read(buf_slice(&buf), &back), ERR_NEWER_VERSION);
    buf.at[0] = 1; /* as it was before there were owners */
    assert_int_equal(book_read((struct slice){buf.at, buf.len - 1}, &back), ERR_OK);
    assert_true(back.firing.n == 1 && back.outbox.n == 1 && back.n_owners == 0);
    book_done(&back);
    buf_done(&buf);
    book_done(&book);
}

/* What a merge must do, seen from the one who lost the race. */
static void two_writers_agree(void **state)
{
    (void)state;
    struct book ours, theirs;
    book_init(&ours);
    book_init(&theirs);
    put(&ours.firing, "A-both", ALERT_FIRING, "GET /both")->is_kept = true;
    put(&ours.firing, "A-new", ALERT_FIRING, "GET /new");
    put(&ours.outbox, "A-new", ALERT_FIRING, "GET /new")->todo = TODO_TELL;
    put(&ours.firing, "A-over", ALERT_FIRING, "GET /over")->is_kept = true; /* they have resolved it */
    put(&ours.outbox, "A-told", ALERT_FIRING, "GET /told")->is_kept = true; /* they have told it */
    struct entry *mine = put(&ours.outbox, "A-mine", ALERT_FIRING, "GET /mine");
    mine->is_kept = true;
    book_finish(&ours, &ours.outbox, mine); /* we have told it, and have not yet kept that */

    put(&theirs.firing, "A-both", ALERT_FIRING, "GET /both")->announced = true;
    put(&theirs.firing, "A-theirs", ALERT_FIRING, "GET /theirs");
    put(&theirs.outbox, "A-mine", ALERT_FIRING, "GET /mine");
    struct book read = through_bytes(&theirs);
    read.version = 9;
    book_merge(&ours, &read, 1, 0);

    assert_int_equal(ours.version, 9);
    assert_int_equal(ours.firing.n, 3);
    assert_true(entries_find(&ours.firing, "A-both", ALERT_FIRING)->announced);
    assert_non_null(entries_find(&ours.firing, "A-new", ALERT_FIRING));
    assert_non_null(entries_find(&ours.firing, "A-theirs", ALERT_FIRING));
    assert_int_equal(ours.outbox.n, 1);
    assert_non_null(entries_find(&ours.outbox, "A-new", ALERT_FIRING));
    book_done(&ours);
    book_done(&theirs);
    book_done(&read);
}

/* Both found the same at the same time: one alert, one message. */
static void twins_become_one(void **state)
{
    (void)state;
    struct book ours, theirs;
    book_init(&ours);
    book_init(&theirs);
    put(&ours.firing, "A-ours", ALERT_FIRING, "GET /x");
    put(&ours.outbox, "A-ours", ALERT_FIRING, "GET /x")->todo = TODO_TELL;
    put(&theirs.firing, "A-theirs", ALERT_FIRING, "GET /x");
    put(&theirs.outbox, "A-theirs", ALERT_FIRING, "GET /x")->todo = TODO_TELL;
    struct book read = through_bytes(&theirs);
    book_merge(&ours, &read, 1, 0);
    assert_true(ours.firing.n == 1 && ours.outbox.n == 1);
    assert_string_equal(ours.firing.list[0]->alert.id, "A-theirs");
    assert_string_equal(ours.outbox.list[0]->alert.id, "A-theirs");
    book_done(&ours);
    book_done(&theirs);
    book_done(&read);
}

#define ME 1
#define OTHER 2

/* One that was stopped has decided while another owns the series: nothing of it is left, and its end of an alert is
 * none. */
static void an_owner_of_before_decides_nothing(void **state)
{
    (void)state;
    struct book ours, theirs;
    book_init(&ours);
    book_init(&theirs);
    const struct alert any = make("A-any", ALERT_FIRING, "GET /any");
    int32_t here = series_partition(&any.key, 4);
    book_set_owner(&ours, (struct owner_row){here, 5, ME, true});
    put(&ours.firing, "A-new", ALERT_FIRING, "GET /new");
    put(&ours.outbox, "A-new", ALERT_FIRING, "GET /new")->todo = TODO_TELL;
    struct entry *old = put(&ours.firing, "A-old", ALERT_FIRING, "GET /old");
    old->is_kept = old->announced = true;
    book_finish(&ours, &ours.firing, old); /* over, as we believe */
    put(&ours.outbox, "A-old", ALERT_RESOLVED, "GET /old")->todo = TODO_TELL;

    put(&theirs.firing, "A-old", ALERT_FIRING, "GET /old")->announced = true;
    book_set_owner(&theirs, (struct owner_row){here, 6, OTHER, false});
    struct book read = through_bytes(&theirs);
    assert_int_equal(book_owner(&read, here), OTHER);
    book_merge(&ours, &read, ME, 4);
    assert_int_equal(book_owner(&ours, here), OTHER);
    assert_int_equal(ours.outbox.n, 0);
    assert_int_equal(ours.firing.n, 1);
    assert_true(ours.firing.list[0]->announced);

    /* The other way round, an older epoch changes nothing here. */
    put(&ours.firing, "A-new", ALERT_FIRING, "GET /new");
    book_set_owner(&ours, (struct owner_row){here, 7, ME, false});
    struct book again = through_bytes(&theirs);
    book_merge(&ours, &again, ME, 4);
    assert_int_equal(book_owner(&ours, here), ME);
    assert_non_null(entries_find(&ours.firing, "A-new", ALERT_FIRING));
    book_done(&ours);
    book_done(&theirs);
    book_done(&read);
    book_done(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_there_and_back),
        cmocka_unit_test(damage_and_newer_versions_are_told),
        cmocka_unit_test(two_writers_agree),
        cmocka_unit_test(twins_become_one),
        cmocka_unit_test(an_owner_of_before_decides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
