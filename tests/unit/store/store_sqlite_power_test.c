/* Power loss: whatever the disk kept of what was not synced, each beacon that store_write called done no later than a
 * write with positions is stored, once, and positions and state stand where they were said to stand.
 * SEISMO_TEST_POWER=N: seeds. */
#include "make.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit/power.h"

#define MANY 400 /* beacons a life of a folder */
#define BATCH 8

/* What the world outside has been told. */
struct ledger {
    bool written[MANY + BATCH]; /* called done; durable with the next position */
    bool done[MANY + BATCH];
    int given;
    int64_t position;       /* the newest that store_write called done */
    uint64_t state_version; /* the newest that store_state_put called done */
    int64_t mono_ms;
};

static char folder[64];

static void empty_folder(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    closedir(dir);
}

static size_t files_like(const char *text)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += strstr(entry->d_name, text) != NULL;
    closedir(dir);
    return n;
}

static enum err try_open(struct store **ret_store)
{
    struct store_options options = {.kind = "sqlite", .path = folder, .retention_days = 30};
    struct err_text text = {""};
    return store_open(ret_store, &options, &text);
}

static struct slice beacon_of(int number)
{
    char id[32];
    snprintf(id, sizeof id, "beacon-%d", number);
    return make_simple(id, NOW_MS + number % 3 * 24 * HOUR_MS, 2);
}

static enum err write_numbers(struct store *store, int from, int n, bool with_position, uint32_t *ret_stored,
                              bool *ret_done)
{
    struct store_item items[BATCH];
    struct refused refused = {0};
    struct position position = {TOPIC_EVENTS, 0, from + n};
    for (int i = 0; i < n; i++)
        items[i] = make_item(STORE_BEACON, beacon_of(from + i));
    enum err err =
        store_write(store, items, (size_t)n, "index", &position, with_position ? 1 : 0, count_refused, &refused);
    assert_int_equal(refused.n, 0);
    for (int i = 0; i < n; i++) {
        *ret_stored += items[i].stored;
        ret_done[i] = items[i].done;
        make_free(items[i].value);
    }
    return err;
}

/* ---- until the power is lost ---- */

static void live_until_lost(struct ledger *ledger)
{
    struct store *store = NULL;
    if (try_open(&store)) {
        assert_true(power_is_lost());
        return;
    }
    while (!power_is_lost() && ledger->given < MANY) {
        int n = 1 + (int)power_random(BATCH);
        uint32_t stored = 0;
        clock_fake(NOW_MS + 48 * HOUR_MS, ledger->mono_ms += 500); /* marks are written every now and then */
        bool with_position = power_random(3) == 0;
        if (write_numbers(store, ledger->given, n, with_position, &stored, ledger->written + ledger->given) == ERR_OK &&
            with_position) {
            ledger->position = ledger->given + n;
            memcpy(ledger->done, ledger->written, sizeof ledger->done);
        }
        ledger->given += n;
        if (store_state_put(store, "key", SLICE("value"), ledger->state_version, &ledger->state_version) ==
            ERR_CONFLICT)
            fail_msg("state is of another version than was said");
    }
    store_close(store);
}

/* ---- and after ---- */

static bool count_document(void *ctx, struct slice id, struct slice json)
{
    (void)id;
    (void)json;
    ++*(size_t *)ctx;
    return true;
}

static size_t count_events(struct store *store, struct store_event_query query)
{
    size_t n = 0;
    assert_int_equal(store_read_events(store, &query, count_document, &n), ERR_OK);
    return n;
}

static bool is_sound(const char *name)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *statement;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (access(path, F_OK))
        return true;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    bool ok = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &statement, NULL) == SQLITE_OK &&
              sqlite3_step(statement) == SQLITE_ROW &&
              strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return ok;
}

static const char *look_at_beacons(struct store *store, const struct ledger *ledger)
{
    uint32_t stored = 0;
    for (int i = 0; i < ledger->given; i++) {
        bool done;
        stored = 0;
        if (write_numbers(store, i, 1, true, &stored, &done) != ERR_OK)
            return "it cannot be written to";
        if (stored && ledger->done[i])
            return "a beacon that was called done is lost";
    }
    if (count_events(store, (struct store_event_query){0}) != 2 * (size_t)ledger->given)
        return "there are more documents than beacons, or fewer";
    if (count_events(store, (struct store_event_query){.session = SLICE("session-1")}) != 2 * (size_t)ledger->given)
        return "marks are missing, or double";
    return NULL;
}

/* What was told must be so. Returns what is wrong, or NULL. */
static const char *look(struct ledger *ledger)
{
    static const char *const names[] = {"seismo.db", "events-2026-11-20.db", "events-2026-11-21.db",
                                        "events-2026-11-22.db"};
    struct store *store = NULL;
    struct buf value;
    uint64_t version = 0;
    int64_t position = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!is_sound(names[i]))
            return "a file is damaged";
    if (try_open(&store))
        return "it does not open";
    buf_init(&value, 64);
    store_position(store, "index", TOPIC_EVENTS, 0, &position);
    store_state_get(store, "key", &value, &version);
    const char *wrong = position < ledger->position       ? "the position went back"
                        : version < ledger->state_version ? "state is lost"
                                                          : look_at_beacons(store, ledger);
    ledger->state_version = version;
    for (int i = 0; i < ledger->given; i++)
        ledger->written[i] = ledger->done[i] = true; /* look_at_beacons has written them again */
    ledger->position = ledger->given;
    buf_done(&value);
    store_close(store);
    return wrong ? wrong : files_like("corrupt") ? "a file was set aside" : NULL;
}

static const char *lose(uint64_t seed, bool lies)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    const char *wrong = NULL;
    assert_non_null(ledger);
    power_begin(seed, -1, lies);
    for (int i = 0; i < 3 && !wrong; i++) {
        power_set(1 + (long)power_random(power_random(2) ? 60 : 600));
        live_until_lost(ledger);
        power_restore();
        wrong = look(ledger);
    }
    empty_folder();
    free(ledger);
    return wrong;
}

static void nothing_stored_is_lost(void **state)
{
    const char *asked = getenv("SEISMO_TEST_POWER");
    int seeds = asked ? atoi(asked) : 40;
    (void)state;
    for (int seed = 1; seed <= seeds; seed++) {
        const char *wrong = lose((uint64_t)seed, false);
        if (wrong)
            fail_msg("seed %d: %s", seed, wrong);
    }
    assert_true(power.torn > 0);
}

/* The test can fail: on a disk that only says that it has synced, something is lost. */
static void a_disk_that_lies_is_found_out(void **state)
{
    int wrong = 0;
    (void)state;
    for (int seed = 1; seed <= 10; seed++)
        wrong += lose((uint64_t)seed, true) != NULL;
    assert_true(wrong > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stored_is_lost),
        cmocka_unit_test(a_disk_that_lies_is_found_out),
    };
    strcpy(folder, "/tmp/seismo-store-power-XXXXXX");
    assert_non_null(mkdtemp(folder));
    power_install();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clock_fake(-1, 0);
    empty_folder();
    rmdir(folder);
    return failed;
}
