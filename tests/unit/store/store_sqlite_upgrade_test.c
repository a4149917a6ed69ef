/* Files of earlier releases: opened, brought up to date, read, written to. The files:
 * tests/cases/upgrade/RELEASE/store/. */
#include "make.h"

#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define DAY "events-2026-11-22.db"
#define MADE_MS INT64_C(1795352400000) /* on that day */

static char folder[64];
static struct collected collected;

static void copy_file(const char *release, const char *name)
{
    char from[512], to[512], bytes[16384];
    snprintf(from, sizeof from, "%s/tests/cases/upgrade/%s/store/%s", SEISMO_SOURCE, release, name);
    snprintf(to, sizeof to, "%s/%s", folder, name);
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    fclose(out);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seismo-upgrade-test-XXXXXX");
    clock_fake(MADE_MS, 1000);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    closedir(dir);
    clock_fake(-1, 0);
    return rmdir(folder);
}

static struct store *open_store(void)
{
    struct store_options options = {.kind = "sqlite", .path = folder, .retention_days = 7};
    struct store *store = NULL;
    struct err_text text = {""};
    if (store_open(&store, &options, &text) != ERR_OK)
        fail_msg("store_open: %s", text.at);
    return store;
}

static size_t count_events(struct store *store, struct store_event_query query)
{
    collected.n = 0;
    assert_int_equal(store_read_events(store, &query, collect_document, &collected), ERR_OK);
    return collected.n;
}

static uint32_t write_beacon(struct store *store, const char *id, const char *session)
{
    struct make_beacon beacon = {.id = id, .session = session, .service = "shop", .received_ms = MADE_MS, .n = 2};
    for (size_t i = 0; i < 2; i++)
        beacon.events[i] = (struct make_event){EVENT_API, MADE_MS, NULL, "/product/:id"};
    struct refused refused = {0};
    struct slice value = make_record(&beacon);
    struct store_item item = make_item(STORE_BEACON, value);
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    make_free(value);
    return item.stored;
}

static int64_t pragma(const char *name, const char *what)
{
    char path[128], sql[64];
    sqlite3 *db;
    sqlite3_stmt *statement;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(sql, sizeof sql, "PRAGMA %s", what);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

/* Made by 0.1.0: upgrade0 … upgrade5 of two events each, in session0 … session2 by turns; "index" stands behind them.
 */
static void release_0_1_0(void **state)
{
    (void)state;
    copy_file("0.1.0", "seismo.db");
    copy_file("0.1.0", DAY);
    assert_int_equal(pragma(DAY, "user_version"), 1);
    struct store *store = open_store();
    assert_int_equal(count_events(store, (struct store_event_query){0}), 12);
    assert_int_equal(count_events(store, (struct store_event_query){.session = SLICE("session1")}), 4);
    assert_int_equal(count_events(store, (struct store_event_query){.beacon = SLICE("upgrade5")}), 2);
    int64_t known = 0, next = 0;
    for (int p = 0; p < 2; p++)
        known += store_position(store, "index", TOPIC_EVENTS, p, &next) == ERR_OK ? next : 0;
    assert_int_equal(known, 6);
    assert_int_equal(write_beacon(store, "upgrade3", "session0"), 0); /* a repeat */
    assert_int_equal(write_beacon(store, "upgrade6", "session1"), 2);
    assert_int_equal(count_events(store, (struct store_event_query){.session = SLICE("session1")}), 6);
    store_close(store);
    assert_int_equal(pragma(DAY, "user_version"), 2);
    assert_int_equal(pragma(DAY, "application_id"), 0x53454459);
    assert_int_equal(pragma("seismo.db", "user_version"), 2);
    assert_int_equal(pragma("seismo.db", "application_id"), 0x53454d41);
    store = open_store();
    assert_int_equal(write_beacon(store, "upgrade6", "session1"), 0);
    assert_int_equal(count_events(store, (struct store_event_query){0}), 14);
    store_close(store);
}

/* Cut short, an upgrade leaves the old file as it was: all of a step is one transaction. */
static void an_upgrade_is_all_or_nothing(void **state)
{
    (void)state;
    copy_file("0.1.0", "seismo.db");
    copy_file("0.1.0", DAY);
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s", folder, DAY);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    /* In the way of the step's first statement. */
    assert_int_equal(sqlite3_exec(db, "CREATE VIEW marked AS SELECT 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct store_options options = {.kind = "sqlite", .path = folder, .retention_days = 7};
    struct store *store = NULL;
    struct err_text text = {""};
    assert_int_equal(store_open(&store, &options, &text), ERR_STORE_OPEN);
    assert_int_equal(pragma(DAY, "user_version"), 1);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DROP VIEW marked", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    store = open_store();
    assert_int_equal(count_events(store, (struct store_event_query){0}), 12);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(release_0_1_0, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_upgrade_is_all_or_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
