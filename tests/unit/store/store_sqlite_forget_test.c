/* Forgetting a user in the embedded store: what goes, what stays, no byte left, beside another writer, and however
 * often it is killed. */
#include "make.h"

#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "event/forgotten.h"
#include "store/store_elastic.h"
#include "store/store_sqlite.h"

#define GONE "canary-user-77"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seismo-forget-test-XXXXXX");
    clock_fake(NOW_MS + 12 * HOUR_MS, 1000);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char name[512];
    clock_fake(-1, 0);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    closedir(dir);
    return rmdir(folder);
}

static struct store *open_store(void)
{
    struct store_options options = {.kind = "sqlite", .path = folder, .retention_days = 7};
    struct store *store = NULL;
    struct err_text text = {""};
    if (store_open(&store, &options, &text) != ERR_OK)
        fail_msg("%s", text.at);
    return store;
}

static void no_refusal(void *ctx, const struct store_item *item, int event, const char *reason)
{
    (void)ctx, (void)item, (void)event;
    fail_msg("%s", reason);
}

static void put(struct store *store, enum store_item_kind kind, struct slice value, const char *id)
{
    struct store_item item = {kind, value, slice_of(id), false, 0};
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, no_refusal, NULL), ERR_OK);
    assert_true(item.done);
}

static struct slice make(const char *id, const char *application, const char *session, const char *user, int day,
                         size_t n)
{
    int64_t at_ms = NOW_MS - day * 24 * HOUR_MS;
    struct make_beacon beacon = {
        .id = id, .application = application, .session = session, .user = user, .received_ms = at_ms + 1000, .n = n};
    for (size_t i = 0; i < n; i++)
        beacon.events[i] = (struct make_event){EVENT_ERROR, at_ms + (int64_t)i, "E-1", "/home"};
    return make_record(&beacon);
}

static void put_beacon(struct store *store, const char *id, const char *application, const char *session,
                       const char *user, int day, size_t n)
{
    struct slice value = make(id, application, session, user, day, n);
    put(store, STORE_BEACON, value, "");
    free((char *)value.at);
}

static void put_reject(struct store *store, const char *id, const char *session, const char *user, size_t cut)
{
    struct slice value = make(id, "shop", session, user, 0, 2);
    struct buf json;
    buf_init(&json, 65536);
    buf_text(&json, "{\"@timestamp\":\"2026-11-20T00:00:00.000Z\",\"event.original\":\"");
    elastic_add_base64(&json, (struct slice){value.at, value.len - cut});
    buf_text(&json, "\"}");
    put(store, STORE_REJECT, buf_slice(&json), id);
    buf_done(&json);
    free((char *)value.at);
}

static bool count_one(void *ctx, struct slice id, struct slice json)
{
    (void)id, (void)json;
    ++*(size_t *)ctx;
    return true;
}

static size_t count(struct store *store, struct store_event_query query)
{
    size_t n = 0;
    assert_int_equal(store_read_events(store, &query, count_one, &n), ERR_OK);
    return n;
}

static size_t count_rejects(struct store *store)
{
    size_t n = 0;
    assert_int_equal(store_read_rejects(store, 1000, count_one, &n), ERR_OK);
    return n;
}

static struct store_forgotten forget(struct store *store, const char *application, bool is_trial)
{
    const struct store_forgetting forgetting = {
        .user = SLICE(GONE), .application = slice_of(application), .is_trial = is_trial, .keep_ms = HOUR_MS};
    struct store_forgotten forgotten;
    struct err_text text = {""};
    enum err err = store_forget(store, &forgetting, &forgotten, &text);
    if (err != ERR_OK)
        fail_msg("%s: %s", err_name(err), text.at);
    return forgotten;
}

/* How many files of the folder have the text in some byte. */
static size_t files_with(const char *text)
{
    size_t n = 0, len = strlen(text);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        FILE *file = fopen(name, "rb");
        static char bytes[16 << 20];
        size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
        if (file)
            fclose(file);
        bool found = false;
        for (size_t i = 0; i + len <= size && !found; i++)
            found = memcmp(bytes + i, text, len) == 0;
        n += found;
    }
    closedir(dir);
    return n;
}

static void fill(struct store *store)
{
    put_beacon(store, "b-1", "shop", "s-gone", "", 1, 2); /* before the login, on the day before */
    put_beacon(store, "b-2", "shop", "s-gone", GONE, 0, 3);
    put_beacon(store, "b-3", "shop", "s-both", GONE, 0, 4);
    put_beacon(store, "b-4", "shop", "s-both", "somebody-else", 0, 5);
    put_beacon(store, "b-5", "shop", "s-other", "somebody-else", 1, 6);
    put_beacon(store, "b-6", "shop", "s-nobody", "", 0, 7);
}

static void whole_sessions_go_and_nothing_else(void **state)
{
    (void)state;
    struct store *store = open_store();
    fill(store);
    assert_true(files_with(GONE) > 0);
    struct store_forgotten trial = forget(store, "", true);
    assert_int_equal(trial.events, 9);
    assert_int_equal(trial.sessions, 2);
    assert_string_equal(trial.name, "");
    assert_int_equal(count(store, (struct store_event_query){0}), 27);
    uint64_t before = store_generation(store);
    struct store_forgotten done = forget(store, "", false);
    assert_true(store_generation(store) > before);
    assert_int_equal(done.events, 9);
    assert_int_equal(done.sessions, 2);
    assert_int_equal(strlen(done.name), 12);
    assert_int_equal(count(store, (struct store_event_query){0}), 18);
    assert_int_equal(count(store, (struct store_event_query){.user = SLICE(GONE)}), 0);
    assert_int_equal(count(store, (struct store_event_query){.session = SLICE("s-gone")}), 0);
    assert_int_equal(count(store, (struct store_event_query){.session = SLICE("s-both")}), 5);
    assert_int_equal(count(store, (struct store_event_query){.code = SLICE("E-1")}), 18);
    assert_int_equal(files_with(GONE), 0);
    assert_true(files_with("somebody-else") > 0);
    assert_int_equal(forget(store, "", false).events, 0);
    put_beacon(store, "b-7", "shop", "s-new", GONE, 0, 2); /* and writing goes on */
    assert_int_equal(count(store, (struct store_event_query){.user = SLICE(GONE)}), 2);
    store_close(store);
}

/* The marks of what is gone lead nowhere: rows get the numbers of removed ones. */
static void marks_go_with_their_beacons(void **state)
{
    (void)state;
    struct store *store = open_store();
    sqlite3 *db;
    sqlite3_stmt *statement;
    fill(store);
    clock_fake(NOW_MS + 12 * HOUR_MS, 60000); /* the marks are due with the next one */
    put_beacon(store, "b-8", "shop", "s-last", GONE, 0, 1);
    forget(store, "", false);
    store_close(store);
    char name[128];
    snprintf(name, sizeof name, "%s/events-2026-11-20.db", folder);
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    static const char text[] =
        "SELECT (SELECT count(*) FROM marks), (SELECT count(*) FROM marks m WHERE NOT EXISTS"
        " (SELECT 1 FROM beacons b WHERE b.beacon = m.beacon)),"
        " (SELECT beacon FROM marked) <= (SELECT max(beacon) FROM beacons)";
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_true(sqlite3_column_int(statement, 0) > 0);
    assert_int_equal(sqlite3_column_int(statement, 1), 0);
    assert_int_equal(sqlite3_column_int(statement, 2), 1);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void one_application_alone(void **state)
{
    (void)state;
    struct store *store = open_store();
    put_beacon(store, "b-1", "shop", "s-1", GONE, 0, 2);
    put_beacon(store, "b-2", "blog", "s-2", GONE, 0, 3);
    put_beacon(store, "b-3", "blog", "s-1", "", 0, 4);
    assert_int_equal(forget(store, "shop", false).events, 2);
    assert_int_equal(count(store, (struct store_event_query){0}), 7);
    store_close(store);
}

static void rejects_that_keep_the_user_go(void **state)
{
    (void)state;
    struct store *store = open_store();
    put_beacon(store, "b-1", "shop", "s-1", GONE, 0, 2);
    put_reject(store, "r-user", "s-9", GONE, 0);
    put_reject(store, "r-session", "s-1", "", 0);
    put_reject(store, "r-cut", "s-9", GONE, 120); /* no record any more */
    put_reject(store, "r-other", "s-1", "somebody-else", 0);
    put_reject(store, "r-nobody", "s-2", "", 120);
    put(store, STORE_REJECT, SLICE("{\"event.original\":7}"), "r-odd");
    assert_int_equal(forget(store, "", true).rejects, 3);
    assert_int_equal(count_rejects(store), 6);
    assert_int_equal(forget(store, "", false).rejects, 3);
    assert_int_equal(count_rejects(store), 3);
    store_close(store);
}

static void another_process_writes_on(void **state)
{
    (void)state;
    struct store *writer = open_store(), *command = open_store();
    fill(writer);
    assert_int_equal(forget(command, "", false).events, 9);
    assert_int_equal(files_with(GONE), 0);
    for (int i = 0; i < 50; i++) { /* into rows with the numbers of those that went */
        char id[16];
        snprintf(id, sizeof id, "n-%d", i);
        put_beacon(writer, id, "shop", "s-new", i % 2 ? GONE : "", 0, 1);
    }
    put_beacon(writer, "n-0", "shop", "s-new", "", 0, 1); /* a repeat */
    assert_int_equal(count(writer, (struct store_event_query){.session = SLICE("s-new")}), 50);
    assert_int_equal(forget(command, "", false).events, 50);
    assert_int_equal(count(writer, (struct store_event_query){0}), 18);
    store_close(command);
    store_close(writer);
}

static void who_was_forgotten_is_noted_for_readers_of_the_bus(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct forgotten forgotten;
    struct buf value;
    uint64_t version;
    fill(store);
    forget(store, "", false);
    buf_init(&value, STORE_STATE_BYTES);
    assert_int_equal(store_state_get(store, FORGOTTEN_KEY, &value, &version), ERR_OK);
    assert_int_equal(forgotten_read(buf_slice(&value), &forgotten), ERR_OK);
    assert_int_equal(forgotten.n, 3); /* the user and two sessions */
    forgotten_done(&forgotten);
    buf_done(&value);
    store_close(store);
}

/* Whatever it had done when it was killed, once more does the rest. */
static void killed_at_any_time_and_done_again(void **state)
{
    (void)state;
    struct store *store = open_store();
    for (int day = 0; day < 4; day++)
        for (int i = 0; i < 40; i++) {
            char id[32], session[32];
            snprintf(id, sizeof id, "b-%d-%d", day, i);
            snprintf(session, sizeof session, "s-%d", i % 5);
            put_beacon(store, id, "shop", session, i % 2 ? GONE : "", day, 2);
            snprintf(id, sizeof id, "o-%d-%d", day, i);
            put_beacon(store, id, "shop", "s-other", "somebody-else", day, 1);
        }
    store_close(store);
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            store = open_store();
            forget(store, "", false);
            _exit(0);
        }
        nanosleep(&(struct timespec){0, (i + 1) * 3000000L}, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    store = open_store();
    forget(store, "", false);
    assert_int_equal(count(store, (struct store_event_query){.user = SLICE(GONE)}), 0);
    assert_int_equal(count(store, (struct store_event_query){.session = SLICE("s-other")}), 160);
    for (int i = 0; i < 5; i++) { /* also what they sent without a user */
        char session[32];
        snprintf(session, sizeof session, "s-%d", i);
        assert_int_equal(count(store, (struct store_event_query){.session = slice_of(session)}), 0);
    }
    assert_int_equal(files_with(GONE), 0);
    store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_sessions_go_and_nothing_else),
        TEST(marks_go_with_their_beacons),
        TEST(one_application_alone),
        TEST(rejects_that_keep_the_user_go),
        TEST(another_process_writes_on),
        TEST(who_was_forgotten_is_noted_for_readers_of_the_bus),
        TEST(killed_at_any_time_and_done_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
