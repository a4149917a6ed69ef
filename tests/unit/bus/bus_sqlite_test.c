/* The embedded bus: order, durability under kill -9, bounds, full and damaged files, retention, transactions. */
#include "bus_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/metric.h"
#include "bus_sqlite_int.h"

static char folder[64], path[96];

static void remove_files(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/seismo-bus-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/queue", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_fake(-1, 0);
    remove_files();
    rmdir(folder);
    return 0;
}

static struct bus_options options_of(int partitions)
{
    return (struct bus_options){.kind = "sqlite",
                                .path = path,
                                .partitions = partitions,
                                .max_pending_bytes = 8 << 20,
                                .retention_ms = 3600000};
}

static struct bus *open_with(const struct bus_options *options)
{
    struct bus *bus = NULL;
    struct err_text text = {""};
    if (bus_open(&bus, options, &text))
        fail_msg("%s", text.at);
    return bus;
}

static struct bus *open_bus(int partitions)
{
    struct bus_options options = options_of(partitions);
    return open_with(&options);
}

static struct bus_cursor *subscribe(struct bus *bus, enum topic topic, const char *group)
{
    struct bus_cursor *cursor = NULL;
    struct err_text text = {""};
    if (bus_subscribe(bus, topic, group, NULL, &cursor, &text))
        fail_msg("%s", text.at);
    return cursor;
}

static enum err commit_at(struct bus_cursor *cursor, enum topic topic, int32_t partition, int64_t next)
{
    struct position position = {topic, partition, next};
    return bus_commit(cursor, &position, 1);
}

/* ---- order and positions ---- */

struct seen {
    int64_t next[16];
    int numbers[16];
    size_t n;
};

/* Values are "PARTITION NUMBER": dense positions, numbers in order. */
static void check_order(void *ctx, const struct bus_record *record)
{
    struct seen *seen = ctx;
    int partition = -1, number = -1;
    char text[32] = "";
    memcpy(text, record->value.at, record->value.len);
    assert_int_equal(sscanf(text, "%d %d", &partition, &number), 2);
    assert_int_equal(record->partition, partition);
    assert_int_equal(record->position, seen->next[partition]++);
    assert_int_equal(number, seen->numbers[partition]++);
    assert_true(record->published_ms > 0);
    seen->n++;
}

static void publish_numbered(struct bus *bus, int partitions, int each)
{
    for (int i = 0; i < each; i++) {
        for (int p = 0; p < partitions; p++) {
            char text[32];
            snprintf(text, sizeof text, "%d %d", p, i);
            assert_int_equal(publish_text(bus, TOPIC_EVENTS, (uint64_t)(p + partitions * i), text), ERR_OK);
        }
    }
}

static void test_order(void **state)
{
    (void)state;
    struct bus *bus = open_bus(3);
    struct seen seen = {0};
    assert_int_equal(bus_partitions(bus, TOPIC_ROLLUPS), 3);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    publish_numbered(bus, 3, 50);
    assert_int_equal(bus_lag(cursor), 150);
    assert_true(bus_spool_bytes(bus) > 0);
    assert_int_equal(fetch_some(cursor, 150, check_order, &seen), 150);
    for (int p = 0; p < 3; p++) {
        assert_int_equal(bus_end(cursor, TOPIC_EVENTS, p), 50);
        assert_int_equal(commit_at(cursor, TOPIC_EVENTS, p, 50), ERR_OK);
    }
    assert_int_equal(bus_lag(cursor), 0);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

static void test_positions_survive(void **state)
{
    (void)state;
    struct bus *bus = open_bus(2);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    publish_numbered(bus, 2, 10);
    assert_int_equal(commit_at(cursor, TOPIC_EVENTS, 0, 7), ERR_OK);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);

    bus = open_bus(1); /* fewer than the file has: it keeps its own */
    assert_int_equal(bus_partitions(bus, TOPIC_EVENTS), 2);
    cursor = subscribe(bus, TOPIC_EVENTS, "index");
    struct seen seen = {.next = {7, 0}, .numbers = {7, 0}};
    assert_int_equal(fetch_some(cursor, 13, check_order, &seen), 13);
    struct bus_record record;
    size_t n = 1;
    assert_int_equal(bus_fetch(cursor, &record, 1, &n, 0), ERR_OK);
    assert_int_equal(n, 0);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

static void set_position(void *ctx, enum topic topic, int32_t partition, int64_t *position)
{
    int64_t *wanted = ctx;
    assert_int_equal(topic, TOPIC_EVENTS);
    assert_int_equal(*position, partition == 0 ? 3 : -1);
    if (wanted[partition] != -2)
        *position = wanted[partition];
}

static void test_owner_chooses(void **state)
{
    (void)state;
    static const struct {
        int64_t asked, first;
    } rows[] = {{-2, 3}, {-1, 0}, {5, 5}, {0, 0}, {9999, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        remove_files();
        struct bus *bus = open_bus(2);
        struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
        publish_numbered(bus, 2, 10);
        assert_int_equal(commit_at(cursor, TOPIC_EVENTS, 0, 3), ERR_OK);
        bus_unsubscribe(cursor);
        int64_t wanted[] = {rows[i].asked, 10};
        struct bus_owner owner = {.assigned = set_position, .ctx = wanted};
        struct err_text text;
        assert_int_equal(bus_subscribe(bus, TOPIC_EVENTS, "index", &owner, &cursor, &text), ERR_OK);
        struct bus_record record;
        size_t n = 0;
        assert_int_equal(bus_fetch(cursor, &record, 1, &n, 1000), ERR_OK);
        assert_int_equal(n, 1);
        assert_int_equal(record.position, rows[i].first);
        bus_unsubscribe(cursor);
        bus_close(bus, 1000);
    }
}

static void test_one_cursor_a_group(void **state)
{
    (void)state;
    struct bus *bus = open_bus(1);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index"), *second = NULL;
    struct err_text text;
    assert_int_equal(bus_subscribe(bus, TOPIC_EVENTS, "index", NULL, &second, &text), ERR_CONFLICT);
    second = subscribe(bus, TOPIC_EVENTS, "rollup");
    bus_unsubscribe(second);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

static void count(void *ctx, const struct bus_record *record)
{
    (void)record;
    ++*(size_t *)ctx;
}

static void test_fetch_is_fair(void **state)
{
    (void)state;
    struct bus *bus = open_bus(4);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    for (int i = 0; i < 40; i++)
        assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "much"), ERR_OK);
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 3, "one"), ERR_OK);
    struct bus_record records[8];
    size_t n = 0;
    assert_int_equal(bus_fetch(cursor, records, 8, &n, 1000), ERR_OK);
    assert_int_equal(records[n - 1].partition, 3);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

/* ---- waking ---- */

static void *wake_later(void *cursor)
{
    nap_ms(50);
    bus_wake(cursor);
    return NULL;
}

static void test_wake(void **state)
{
    (void)state;
    struct bus *bus = open_bus(1);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    struct bus_record record;
    size_t n = 1;
    pthread_t thread;
    int64_t before = clock_mono_ms();
    pthread_create(&thread, NULL, wake_later, cursor);
    assert_int_equal(bus_fetch(cursor, &record, 1, &n, 10000), ERR_OK);
    assert_int_equal(n, 0);
    assert_true(clock_mono_ms() - before < 5000);
    pthread_join(thread, NULL);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

static void *publish_later(void *bus)
{
    nap_ms(50);
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "late"), ERR_OK);
    return NULL;
}

static void test_commit_wakes_the_reader(void **state)
{
    (void)state;
    struct bus *bus = open_bus(2);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    struct bus_record record;
    size_t n = 0;
    pthread_t thread;
    int64_t before = clock_mono_ms();
    pthread_create(&thread, NULL, publish_later, bus);
    assert_int_equal(bus_fetch(cursor, &record, 1, &n, 10000), ERR_OK);
    assert_int_equal(n, 1);
    assert_true(clock_mono_ms() - before < 5000);
    pthread_join(thread, NULL);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

/* ---- bounds ---- */

static void test_bounds(void **state)
{
    (void)state;
    struct bus_options options = options_of(1);
    options.max_pending_bytes = 100000;
    struct bus *bus = open_with(&options);
    char *large = calloc(1, bus_max_message(bus) + 1);
    struct bus_message message = {TOPIC_EVENTS, 0, {large, bus_max_message(bus) + 1}};
    struct outcome outcome = {0};
    assert_int_equal(bus_publish(bus, &message, note_outcome, &outcome), ERR_TOO_LARGE);
    message.value.len = 200000;
    assert_int_equal(bus_publish(bus, &message, note_outcome, &outcome), ERR_AGAIN);
    message.value.len = 99000;
    assert_int_equal(bus_publish(bus, &message, note_outcome, &outcome), ERR_OK);
    assert_int_equal(outcome_wait(&outcome), ERR_OK);
    /* More than fits at once, for a thread that may wait. */
    struct bus_message many[20];
    for (int i = 0; i < 20; i++)
        many[i] = (struct bus_message){TOPIC_EVENTS, 0, {large, 30000}};
    assert_int_equal(bus_publish_wait(bus, many, 20), ERR_OK);
    bus_close(bus, 1000);
    free(large);
}

static void test_full_and_free_again(void **state)
{
    (void)state;
    struct bus_options options = options_of(1);
    options.max_file_bytes = 4 << 20;
    struct bus *bus = open_with(&options);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    char value[20000];
    memset(value, 'x', sizeof value);
    struct bus_message message = {TOPIC_EVENTS, 0, {value, sizeof value}};
    enum err err = ERR_OK;
    size_t taken = 0, read = 0;
    while (!(err = bus_publish_wait(bus, &message, 1)) && taken < 1000)
        taken++;
    assert_int_equal(err, ERR_FULL);
    assert_true(taken > 20);
    /* What is unread stays, and the file stays within its bound; idle, the WAL goes and gives some room back. */
    struct stat file;
    nap_ms(2500);
    assert_int_equal(stat(path, &file), 0);
    assert_true(file.st_size <= 5 << 20);
    while (!(err = bus_publish_wait(bus, &message, 1)) && taken < 1000)
        taken++;
    assert_int_equal(err, ERR_FULL);
    assert_int_equal(fetch_some(cursor, taken, count, &read), taken);
    /* Once read it may go early, though it is young. */
    assert_int_equal(commit_at(cursor, TOPIC_EVENTS, 0, (int64_t)taken), ERR_OK);
    for (int ms = 0; ms < MAX_MS && bus_publish_wait(bus, &message, 1); ms += 50)
        nap_ms(50);
    assert_int_equal(bus_publish_wait(bus, &message, 1), ERR_OK);
    assert_true(bus_is_ready(bus));
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_disk_full_and_back(void **state)
{
    (void)state;
    struct bus *bus = open_bus(1);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    char value[100000] = {0};
    struct bus_message message = {TOPIC_EVENTS, 0, {value, sizeof value}};
    size_t taken = 0, read = 0;
    enum err err = ERR_OK;
    signal(SIGXFSZ, SIG_IGN);
    set_file_limit(3 << 20);
    while (!(err = bus_publish_wait(bus, &message, 1)) && taken < 1000)
        taken++;
    set_file_limit(0);
    assert_int_equal(err, ERR_BUS_WRITE); /* ENOSPC would be ERR_FULL; a limit on the process is another errno */
    /* Nobody publishes, as the load balancer has taken us out: the bus finds out by itself. */
    for (int ms = 0; ms < MAX_MS && !bus_is_ready(bus); ms += 50)
        nap_ms(50);
    assert_true(bus_is_ready(bus));
    assert_int_equal(bus_publish_wait(bus, &message, 1), ERR_OK);
    taken++;
    assert_int_equal(fetch_some(cursor, taken + 1, count, &read), taken);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

/* What is written to a file without a name is lost with the process. */
static void test_removed_while_open(void **state)
{
    (void)state;
    struct bus *bus = open_bus(1);
    struct bus_message message = {TOPIC_EVENTS, 0, SLICE("value")};
    assert_int_equal(bus_publish_wait(bus, &message, 1), ERR_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(bus_publish_wait(bus, &message, 1), ERR_BUS_WRITE);
    assert_false(bus_is_ready(bus));
    assert_int_equal(bus_publish_wait(bus, &message, 1), ERR_BUS_WRITE);
    bus_close(bus, 1000);
}

/* ---- files ---- */

static void write_file(const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void make_garbage(void)
{
    char bytes[40000];
    memset(bytes, 'g', sizeof bytes);
    write_file(bytes, sizeof bytes);
}

static void make_foreign(void)
{
    run_sql("CREATE TABLE theirs(a)");
}

static void make_ours(void)
{
    struct bus_options options = options_of(1);
    struct err_text text;
    assert_int_equal(bus_setup(&options, &text), ERR_OK);
    assert_int_equal(bus_setup(&options, &text), ERR_OK);
}

static void make_newer(void)
{
    make_ours();
    run_sql("PRAGMA user_version = 99");
}

static void make_lacking(void)
{
    make_ours();
    run_sql("DROP TABLE events_0");
}

static void make_torn(void)
{
    make_ours();
    assert_int_equal(truncate(path, 20000), 0);
}

static void make_folder(void)
{
    mkdir(path, 0700);
}

static void test_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*make)(void);
        enum err err;
    } rows[] = {
        {"ours", make_ours, ERR_OK},
        {"garbage", make_garbage, ERR_OK}, /* set aside: bus_sqlite_damage_test.c */
        {"of something else", make_foreign, ERR_BUS_OPEN},
        {"cut short", make_torn, ERR_OK},
        {"without a table", make_lacking, ERR_OK},
        {"newer", make_newer, ERR_NEWER_VERSION},
        {"a folder", make_folder, ERR_BUS_OPEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bus *bus = NULL;
        struct err_text text = {""};
        struct bus_options options = options_of(1);
        remove_files();
        rows[i].make();
        enum err err = bus_open(&bus, &options, &text);
        if (err != rows[i].err || (err && !strstr(text.at, path)))
            fail_msg("%s: %s: %s", rows[i].name, err_code(err), text.at);
        bus_close(bus, 1000);
        rmdir(path);
    }
}

static void test_one_process(void **state)
{
    (void)state;
    struct bus *bus = open_bus(1), *second = NULL;
    struct bus_options options = options_of(1);
    struct err_text text = {""};
    assert_int_equal(bus_open(&second, &options, &text), ERR_BUS_OPEN);
    assert_non_null(strstr(text.at, "another process"));
    bus_close(bus, 1000);
    bus_close(NULL, 0);
}

/* ---- retention ---- */

static size_t rows_of(const char *table)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    size_t n = (size_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static void await_rows(const char *table, size_t wanted)
{
    for (int ms = 0; ms < MAX_MS && rows_of(table) != wanted; ms += 50)
        nap_ms(50);
    assert_int_equal(rows_of(table), wanted);
}

static void test_retention(void **state)
{
    (void)state;
    struct bus_options options = options_of(1);
    options.retention_ms = 0;
    struct bus *bus = open_with(&options);
    for (int i = 0; i < 10; i++)
        assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "early"), ERR_OK);
    assert_int_equal(publish_text(bus, TOPIC_REJECTS, 0, "nobody reads those here"), ERR_OK);
    await_rows("rejects_0", 0);
    assert_int_equal(rows_of("events_0"), 10); /* nobody has subscribed yet */
    struct bus_cursor *index = subscribe(bus, TOPIC_EVENTS, "index"), *rollup = subscribe(bus, TOPIC_EVENTS, "rollup");
    assert_int_equal(commit_at(index, TOPIC_EVENTS, 0, 10), ERR_OK);
    nap_ms(2500);
    assert_int_equal(rows_of("events_0"), 10);
    assert_int_equal(commit_at(rollup, TOPIC_EVENTS, 0, 4), ERR_OK);
    await_rows("events_0", 6);
    bus_unsubscribe(rollup); /* known though not here */
    nap_ms(2500);
    assert_int_equal(rows_of("events_0"), 6);
    rollup = subscribe(bus, TOPIC_EVENTS, "rollup");
    assert_int_equal(commit_at(rollup, TOPIC_EVENTS, 0, 10), ERR_OK);
    await_rows("events_0", 0);
    assert_int_equal(bus_spool_bytes(bus), 0);
    bus_unsubscribe(rollup);
    bus_unsubscribe(index);
    bus_close(bus, 1000);
    /* Positions go on where they were, though no row is left. */
    bus = open_with(&options);
    index = subscribe(bus, TOPIC_EVENTS, "index");
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "later"), ERR_OK);
    struct bus_record record;
    size_t n = 0;
    assert_int_equal(bus_fetch(index, &record, 1, &n, 1000), ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(record.position, 10);
    bus_unsubscribe(index);
    bus_close(bus, 1000);
}

/* ---- transactions and reading back ---- */

static void test_transact(void **state)
{
    (void)state;
    struct bus *bus = open_bus(2);
    struct bus_cursor *events = subscribe(bus, TOPIC_EVENTS, "rollup"),
                      *rollups = subscribe(bus, TOPIC_ROLLUPS, "merge");
    publish_numbered(bus, 2, 3);
    struct bus_message out[] = {message_of(TOPIC_ROLLUPS, 0, "0 0"), message_of(TOPIC_ROLLUPS, 1, "1 0")};
    struct position positions[] = {{TOPIC_EVENTS, 0, 3}, {TOPIC_EVENTS, 1, 2}};
    assert_int_equal(bus_transact(events, out, 2, positions, 2), ERR_OK);
    assert_int_equal(bus_lag(events), 1);
    struct seen seen = {0};
    assert_int_equal(fetch_some(rollups, 2, check_order, &seen), 2);
    bus_unsubscribe(rollups);
    bus_unsubscribe(events);
    bus_close(bus, 1000);
}

static bool add_position(void *ctx, const struct bus_record *record)
{
    int64_t *sum = ctx;
    *sum = *sum * 10 + record->position;
    return record->position != 6;
}

static void test_read_back(void **state)
{
    (void)state;
    static const struct {
        int64_t from_ms, committed, digits;
    } rows[] = {{0, 4, 123}, {0, 0, 0}, {1003000, 6, 345}, {1003001, 6, 45}, {1003000, 10, 3456}, {9999999, 10, 0}};
    clock_fake(1000000, 1000000);
    struct bus *bus = open_bus(2);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "rollup");
    for (int i = 0; i < 10; i++) {
        clock_fake(1000000 + 1000 * i, 1000000 + i);
        assert_int_equal(publish_text(bus, TOPIC_EVENTS, 1, "back"), ERR_OK);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t digits = 0;
        assert_int_equal(commit_at(cursor, TOPIC_EVENTS, 1, rows[i].committed), ERR_OK);
        assert_int_equal(bus_read_back(cursor, TOPIC_EVENTS, 1, rows[i].from_ms, add_position, &digits), ERR_OK);
        assert_int_equal(digits, rows[i].digits);
    }
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

/* ---- clocks that leap ---- */

#define HOUR_MS INT64_C(3600000)

static int64_t read_after_a_look(struct bus *bus, struct bus_cursor *cursor)
{
    int64_t digits = 0;
    for (int i = 0; i < 3; i++) /* removals ride with what is written */
        assert_int_equal(publish_text(bus, TOPIC_ALERTS, 1, "look"), ERR_OK);
    nap_ms(50);
    assert_int_equal(bus_read_back(cursor, TOPIC_EVENTS, 1, 0, add_position, &digits), ERR_OK);
    return digits;
}

/* An hour's retention, and a clock that goes five hours ahead at once: what is young by the steady clock stays, until
 * the wall clock has been steady for an hour. */
static void test_a_leap_removes_nothing(void **state)
{
    (void)state;
    int64_t wall_ms = 1000 * HOUR_MS, mono_ms = 10 * HOUR_MS;
    clock_fake(wall_ms, mono_ms);
    struct bus_options options = options_of(2);
    options.retention_ms = HOUR_MS;
    struct bus *bus = open_with(&options);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "rollup");
    for (int i = 0; i < 4; i++)
        assert_int_equal(publish_text(bus, TOPIC_EVENTS, 1, "leap"), ERR_OK);
    assert_int_equal(commit_at(cursor, TOPIC_EVENTS, 1, 4), ERR_OK);
    clock_fake(wall_ms + 5 * HOUR_MS, mono_ms + 2000);
    assert_int_equal(read_after_a_look(bus, cursor), 123);
    clock_fake(wall_ms + 5 * HOUR_MS + HOUR_MS / 2, mono_ms + HOUR_MS / 2);
    assert_int_equal(read_after_a_look(bus, cursor), 123);
    clock_fake(wall_ms + 6 * HOUR_MS + 3000, mono_ms + HOUR_MS + 5000);
    assert_int_equal(read_after_a_look(bus, cursor), 0);
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

/* ---- groups that do not come back ---- */

static int64_t retired_groups(void)
{
    return metric_value(metric_get(METRIC_COUNTER, "seismo_bus_groups_retired_total", NULL, NULL,
                                   "groups that had no reader for bus.retire_ms and were given up"));
}

static void look(struct bus *bus) /* who is there is looked at with what is written */
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(publish_text(bus, TOPIC_ALERTS, 0, "look"), ERR_OK);
}

/* A day without a cursor, and a clock that goes on by hours, as both of its kinds do. */
static void test_a_group_retires(void **state)
{
    (void)state;
    int64_t wall_ms = 1000 * HOUR_MS, mono_ms = 10 * HOUR_MS, retired;
    clock_fake(wall_ms, mono_ms);
    struct bus_options options = options_of(1);
    options.retention_ms = 0;
    options.retire_ms = 24 * HOUR_MS;
    struct bus *bus = open_with(&options);
    struct bus_cursor *gone = subscribe(bus, TOPIC_EVENTS, "gone"), *idle = subscribe(bus, TOPIC_EVENTS, "idle");
    for (int i = 0; i < 10; i++)
        assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "unread"), ERR_OK);
    assert_int_equal(commit_at(gone, TOPIC_EVENTS, 0, 2), ERR_OK);
    assert_int_equal(commit_at(idle, TOPIC_EVENTS, 0, 6), ERR_OK);
    bus_unsubscribe(gone);
    retired = retired_groups();
    for (int hour = 1; hour <= 23; hour++) {
        clock_fake(wall_ms + hour * HOUR_MS, mono_ms + hour * HOUR_MS);
        look(bus);
    }
    await_rows("events_0", 8);
    assert_int_equal(rows_of("place"), 2);
    /* A restart changes nothing, however long the machine was off: those who read subscribe first. */
    bus_unsubscribe(idle);
    bus_close(bus, 1000);
    wall_ms += 40 * 24 * HOUR_MS;
    clock_fake(wall_ms, mono_ms);
    bus = open_with(&options);
    look(bus);
    idle = subscribe(bus, TOPIC_EVENTS, "idle");
    assert_int_equal(rows_of("place"), 2);
    clock_fake(wall_ms + HOUR_MS, mono_ms + HOUR_MS);
    look(bus);
    await_rows("place", 1);
    await_rows("events_0", 4); /* idle, which is there and reads nothing, has six behind it */
    for (int day = 1; day <= 3; day++) {
        clock_fake(wall_ms + HOUR_MS + day * 24 * HOUR_MS, mono_ms + HOUR_MS + day * 24 * HOUR_MS);
        look(bus);
    }
    assert_int_equal(rows_of("place"), 1);
    assert_int_equal(rows_of("events_0"), 4);
    assert_int_equal(retired_groups(), retired + 1);
    gone = subscribe(bus, TOPIC_EVENTS, "gone"); /* and comes back after all: at the oldest that is kept */
    assert_int_equal(bus_lag(gone), 4);
    bus_unsubscribe(gone);
    bus_unsubscribe(idle);
    bus_close(bus, 1000);
}

static void test_a_leap_retires_nobody(void **state)
{
    (void)state;
    int64_t wall_ms = 1000 * HOUR_MS, mono_ms = 10 * HOUR_MS;
    clock_fake(wall_ms, mono_ms);
    struct bus_options options = options_of(1);
    options.retire_ms = 24 * HOUR_MS;
    struct bus *bus = open_with(&options);
    bus_unsubscribe(subscribe(bus, TOPIC_EVENTS, "away"));
    clock_fake(wall_ms + 1000 * HOUR_MS, mono_ms + HOUR_MS / 2);
    look(bus);
    assert_int_equal(rows_of("place"), 1);
    clock_fake(wall_ms + 2 * HOUR_MS, mono_ms + 2 * HOUR_MS);
    look(bus);
    assert_int_equal(rows_of("place"), 1);
    bus_close(bus, 1000);
}

/* ---- kill -9 ---- */

#define CHILD_THREADS 4

struct child {
    struct bus *bus;
    int pipe, thread;
};

/* Publishes and, only once it is durable, says so to the parent: "publisher number". */
static void *publish_for_ever(void *arg)
{
    struct child *child = arg;
    for (int i = 0;; i++) {
        char text[2000];
        memset(text, ' ', sizeof text);
        snprintf(text, sizeof text, "%d %d", child->thread, i);
        struct bus_message message = {TOPIC_EVENTS, (uint64_t)child->thread, {text, sizeof text}};
        if (bus_publish_wait(child->bus, &message, 1))
            _exit(3);
        int32_t said[2] = {child->thread, i};
        if (write(child->pipe, said, sizeof said) != sizeof said)
            _exit(4);
    }
    return NULL;
}

static void run_child(int pipe)
{
    struct child children[CHILD_THREADS];
    pthread_t thread;
    struct bus *bus = open_bus(3);
    for (int i = 0; i < CHILD_THREADS; i++) {
        children[i] = (struct child){bus, pipe, i};
        pthread_create(&thread, NULL, publish_for_ever, &children[i]);
    }
    for (;;)
        pause();
}

static void note_number(void *ctx, const struct bus_record *record)
{
    int *numbers = ctx, thread = -1, number = -1;
    assert_int_equal(sscanf(record->value.at, "%d %d", &thread, &number), 2);
    assert_in_range(thread, 0, CHILD_THREADS - 1);
    assert_int_equal(number, numbers[thread]); /* in order, none twice, none missing */
    numbers[thread]++;
}

static void kill_one(unsigned after_us)
{
    int ends[2], acknowledged[CHILD_THREADS] = {0}, found[CHILD_THREADS] = {0};
    int32_t said[2];
    remove_files();
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_child(ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], said, sizeof said), sizeof said);
    acknowledged[said[0]] = said[1] + 1;
    usleep(after_us);
    kill(pid, SIGKILL);
    while (read(ends[0], said, sizeof said) == sizeof said)
        acknowledged[said[0]] = said[1] + 1;
    close(ends[0]);
    waitpid(pid, NULL, 0);
    struct bus *bus = open_bus(3);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    fetch_some(cursor, (size_t)bus_lag(cursor), note_number, found);
    for (int i = 0; i < CHILD_THREADS; i++) {
        assert_true(found[i] >= acknowledged[i]);
        assert_true(found[i] <= acknowledged[i] + 1);
    }
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

static void test_kill(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++)
        kill_one(500 + i * i * 3000);
}

/* The child moves each event to the rollups, with its position, as one. */
static void run_transact_child(int pipe)
{
    struct bus *bus = open_bus(1);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "rollup");
    struct bus_record record;
    size_t n = 0;
    for (;;) {
        if (publish_text(bus, TOPIC_EVENTS, 0, "in"))
            _exit(3);
        if (bus_fetch(cursor, &record, 1, &n, 1000) || n != 1)
            _exit(4);
        struct bus_message out = {TOPIC_ROLLUPS, 0, record.value};
        struct position position = {TOPIC_EVENTS, 0, record.position + 1};
        if (bus_transact(cursor, &out, 1, &position, 1) || write(pipe, "x", 1) != 1)
            _exit(5);
    }
}

static void test_transact_is_atomic(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        int ends[2];
        char said[64];
        ssize_t n, all = 0;
        remove_files();
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[0]);
            run_transact_child(ends[1]);
        }
        close(ends[1]);
        all = read(ends[0], said, 1);
        usleep(1000 + i * i * 2000);
        kill(pid, SIGKILL);
        while ((n = read(ends[0], said, sizeof said)) > 0)
            all += n;
        close(ends[0]);
        waitpid(pid, NULL, 0);
        struct bus *bus = open_bus(1);
        struct bus_cursor *events = subscribe(bus, TOPIC_EVENTS, "rollup");
        struct bus_cursor *rollups = subscribe(bus, TOPIC_ROLLUPS, "merge");
        int64_t place = bus_end(events, TOPIC_EVENTS, 0) - bus_lag(events);
        assert_int_equal(place, bus_end(rollups, TOPIC_ROLLUPS, 0));
        assert_true(place >= all && place <= all + 1);
        bus_unsubscribe(events);
        bus_unsubscribe(rollups);
        bus_close(bus, 1000);
    }
}

/* ---- many at once ---- */

#define PUBLISHERS 8
#define EACH 300

struct publisher {
    struct bus *bus;
    int number;
};

static void *publish_many(void *arg)
{
    struct publisher *publisher = arg;
    for (int i = 0; i < EACH; i++) {
        char text[32];
        snprintf(text, sizeof text, "%d %d", publisher->number, i);
        if (publish_text(publisher->bus, TOPIC_EVENTS, (uint64_t)publisher->number, text))
            return arg;
    }
    return NULL;
}

static void test_many_publishers(void **state)
{
    (void)state;
    struct bus *bus = open_bus(PUBLISHERS);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index");
    struct publisher publishers[PUBLISHERS];
    pthread_t threads[PUBLISHERS];
    struct seen seen = {0};
    for (int i = 0; i < PUBLISHERS; i++) {
        publishers[i] = (struct publisher){bus, i};
        pthread_create(&threads[i], NULL, publish_many, &publishers[i]);
    }
    while (seen.n < (size_t)PUBLISHERS * EACH) {
        size_t n = fetch_some(cursor, 64, check_order, &seen);
        assert_true(n > 0);
        for (int p = 0; p < PUBLISHERS; p++)
            assert_int_equal(commit_at(cursor, TOPIC_EVENTS, p, seen.next[p]), ERR_OK);
        if ((size_t)PUBLISHERS * EACH - seen.n < 64)
            fetch_some(cursor, (size_t)PUBLISHERS * EACH - seen.n, check_order, &seen);
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    bus_unsubscribe(cursor);
    bus_close(bus, 1000);
}

/* One commit carries all that gathered while the one before was under way. */
static void test_commits_are_shared(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct bus *bus = open_bus(2);
    static struct outcome outcomes[N];
    memset(outcomes, 0, sizeof outcomes);
    for (int i = 0; i < N; i++) {
        struct bus_message message = message_of(TOPIC_EVENTS, (uint64_t)i, "together");
        assert_int_equal(bus_publish(bus, &message, note_outcome, &outcomes[i]), ERR_OK);
    }
    bus_close(bus, 20000); /* delivers what is pending */
    for (int i = 0; i < N; i++) {
        assert_int_equal(atomic_load(&outcomes[i].told), 1);
        assert_int_equal(atomic_load(&outcomes[i].result), ERR_OK);
    }
    assert_int_equal(rows_of("events_0") + rows_of("events_1"), N);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_positions_survive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_owner_chooses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_cursor_a_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fetch_is_fair, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wake, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commit_wakes_the_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_and_free_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk_full_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_while_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_process, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_leap_removes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_group_retires, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_leap_retires_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transact_is_atomic, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_publishers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commits_are_shared, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
