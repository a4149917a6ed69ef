#include "make.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dbpages.h"
#include "store/store_sqlite.h"

static char folder[64];
static struct collected collected;

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        unlink(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seismo-store-test-XXXXXX");
    memset(&collected, 0, sizeof collected);
    clock_fake(NOW_MS + 12 * HOUR_MS, 1000);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    clock_fake(-1, 0);
    remove_folder(folder);
    return 0;
}

static struct store *open_store(void)
{
    struct store_options options = {.kind = "sqlite", .path = folder, .retention_days = 7};
    struct store *store = NULL;
    struct err_text text = {""};
    enum err err = store_open(&store, &options, &text);
    if (err != ERR_OK)
        fail_msg("store_open: %s: %s", err_name(err), text.at);
    return store;
}

static uint32_t write_one(struct store *store, enum store_item_kind kind, struct slice value)
{
    struct refused refused = {0};
    struct store_item item = make_item(kind, value);
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_true(item.done);
    assert_int_equal(refused.n, 0);
    make_free(value);
    return item.stored;
}

static size_t read_all(struct store *store, struct store_event_query query)
{
    collected.n = 0;
    assert_int_equal(store_read_events(store, &query, collect_document, &collected), ERR_OK);
    return collected.n;
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

/* ---- writing ---- */

static void beacon_becomes_one_document_an_event(void **state)
{
    (void)state;
    struct store *store = open_store();
    uint64_t before = store_generation(store);
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("b-1", NOW_MS, 3)), 3);
    assert_true(store_generation(store) > before);
    assert_int_equal(read_all(store, (struct store_event_query){0}), 3);
    assert_int_equal(strlen(collected.ids[0]), 32 + 2);
    assert_string_not_equal(collected.ids[0], collected.ids[1]);
    assert_true(collected.texts[0][0] == '{');
    assert_true(store_is_ready(store));
    assert_true(store_keeps_positions(store));
    store_close(store);
}

static void same_beacon_twice_is_stored_once(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct slice value = make_simple("b-1", NOW_MS, 2);
    struct store_item items[3] = {make_item(STORE_BEACON, value), make_item(STORE_BEACON, value),
                                  make_item(STORE_BEACON, value)};
    struct refused refused = {0};
    assert_int_equal(store_write(store, items, 3, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(items[0].stored + items[1].stored + items[2].stored, 2);
    make_free(value);
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("b-1", NOW_MS, 2)), 0);
    store_close(store);
    store = open_store();
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("b-1", NOW_MS, 2)), 0);
    assert_int_equal(read_all(store, (struct store_event_query){0}), 2);
    store_close(store);
}

/* A large beacon comes in several records; each is known again by itself. */
static void parts_of_a_beacon_are_all_stored(void **state)
{
    (void)state;
    struct make_beacon beacon = {.id = "b-1", .session = "s", .received_ms = NOW_MS + 1000, .n = 2};
    struct store *store = open_store();
    beacon.events[0] = beacon.events[1] = (struct make_event){EVENT_PAGE, NOW_MS, NULL, "/home"};
    for (int round = 0; round < 2; round++) {
        for (uint16_t first = 0; first < 6; first += 2)
            assert_int_equal(write_one(store, STORE_BEACON, make_part(&beacon, first)), round == 0 ? 2 : 0);
    }
    assert_int_equal(read_all(store, (struct store_event_query){0}), 6);
    store_close(store);
}

/* A row a case: a beacon whose event is at at_ms, received twice. */
static void repeats_are_found_on_other_days(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t at_ms, first_ms, second_ms;
    } cases[] = {
        {"around midnight", -2000, -1000, 1000},
        {"the next day", -6 * HOUR_MS, -6 * HOUR_MS, 6 * HOUR_MS},
        {"three days later", -60 * HOUR_MS, -60 * HOUR_MS, 6 * HOUR_MS},
        {"the repeat first", -6 * HOUR_MS, 6 * HOUR_MS, -6 * HOUR_MS},
        {"ahead of its time", 100 * HOUR_MS, -6 * HOUR_MS, 6 * HOUR_MS},
    };
    struct store *store = open_store();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct make_beacon beacon = {.id = cases[i].name, .session = "s", .n = 1};
        beacon.events[0] = (struct make_event){EVENT_CLICK, NOW_MS + cases[i].at_ms, NULL, NULL};
        beacon.received_ms = NOW_MS + cases[i].first_ms;
        assert_int_equal(write_one(store, STORE_BEACON, make_record(&beacon)), 1);
        beacon.received_ms = NOW_MS + cases[i].second_ms;
        if (write_one(store, STORE_BEACON, make_record(&beacon)) != 0)
            fail_msg("stored twice: %s", cases[i].name);
    }
    assert_int_equal(read_all(store, (struct store_event_query){0}), sizeof cases / sizeof *cases);
    store_close(store);
}

/* The marks of the newest beacons are not written yet; another instance must know of them all the same. */
static void repeats_are_found_by_another_instance(void **state)
{
    (void)state;
    struct store *a = open_store(), *b = open_store();
    assert_int_equal(write_one(a, STORE_BEACON, make_simple("one", NOW_MS, 2)), 2);
    assert_int_equal(write_one(b, STORE_BEACON, make_simple("one", NOW_MS, 2)), 0);
    assert_int_equal(write_one(b, STORE_BEACON, make_simple("two", NOW_MS, 2)), 2);
    assert_int_equal(write_one(a, STORE_BEACON, make_simple("two", NOW_MS, 2)), 0);
    clock_fake(NOW_MS + 12 * HOUR_MS, 10000); /* old enough to be written */
    assert_int_equal(write_one(a, STORE_BEACON, make_simple("three", NOW_MS, 2)), 2);
    assert_int_equal(write_one(b, STORE_BEACON, make_simple("three", NOW_MS, 2)), 0);
    assert_int_equal(write_one(b, STORE_BEACON, make_simple("one", NOW_MS, 2)), 0);
    assert_int_equal(read_all(b, (struct store_event_query){.session = SLICE("session-1")}), 6);
    store_close(a);
    store_close(b);
}

/* More than are held back: with a clock that stands still only their number says that they have to be written. */
static void many_beacons_are_found_by_their_marks(void **state)
{
    (void)state;
    enum { MANY = 17000 };
    struct store *store = open_store();
    struct store_item *items = calloc(MANY, sizeof *items);
    struct refused refused = {0};
    for (int i = 0; i < MANY; i++) {
        char id[32];
        snprintf(id, sizeof id, "many-%d", i);
        items[i] = make_item(STORE_BEACON, make_simple(id, NOW_MS, 1));
    }
    assert_int_equal(store_write(store, items, MANY, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(items[i].stored, 1);
        items[i].done = false;
        items[i].stored = 0;
    }
    assert_int_equal(store_write(store, items, MANY, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(items[i].stored, 0);
        make_free(items[i].value);
    }
    assert_int_equal(read_all(store, (struct store_event_query){.beacon = SLICE("many-1")}), 1);
    assert_int_equal(read_all(store, (struct store_event_query){.beacon = SLICE("many-16999")}), 1);
    free(items);
    store_close(store);
}

static void damaged_values_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    struct slice good = make_simple("b-1", NOW_MS, 1);
    struct store_item items[] = {make_item(STORE_BEACON, SLICE("SRnonsense")), make_item(STORE_BEACON, good),
                                 make_item(STORE_ROLLUP, SLICE("")), make_item(STORE_ALERT, SLICE("\1"))};
    assert_int_equal(store_write(store, items, 4, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(refused.n, 3);
    assert_int_equal(refused.event, -1);
    for (size_t i = 0; i < 4; i++)
        assert_true(items[i].done);
    assert_int_equal(items[1].stored, 1);
    make_free(good);
    store_close(store);
}

static void newer_records_stop_the_writer(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    struct slice value = make_simple("b-1", NOW_MS, 1);
    ((char *)(uintptr_t)value.at)[2] = RECORD_VERSION + 1;
    struct store_item item = make_item(STORE_BEACON, value);
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_NEWER_VERSION);
    assert_false(item.done);
    assert_int_equal(refused.n, 0);
    make_free(value);
    store_close(store);
}

static void rejects_are_kept_once(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    for (int i = 0; i < 2; i++) {
        struct store_item item = {.kind = STORE_REJECT, .value = SLICE("{\"a\":1}"), .id = SLICE("id-1")};
        assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
        assert_int_equal(item.stored, i == 0);
    }
    store_close(store);
}

static void what_seismo_says_of_itself_is_dropped(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    struct store_item items[] = {{.kind = STORE_REJECT, .value = SLICE("{\"a\":1}"), .id = SLICE("id-1")},
                                 {.kind = STORE_HEALTH, .value = SLICE("{\"a\":1}"), .id = SLICE("id-2")}};
    assert_int_equal(store_write(store, items, 2, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_true(items[0].stored == 1 && items[1].done && items[1].stored == 0);
    assert_int_equal(refused.n, 0);
    store_close(store);
}

static void positions_move_with_what_was_written(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    int64_t next = -1;
    assert_int_equal(store_position(store, "index", TOPIC_EVENTS, 3, &next), ERR_MISSING);
    struct position positions[] = {{TOPIC_EVENTS, 3, 41}, {TOPIC_EVENTS, 4, 7}};
    assert_int_equal(store_write(store, NULL, 0, "index", positions, 2, count_refused, &refused), ERR_OK);
    positions[0].next = 42;
    assert_int_equal(store_write(store, NULL, 0, "index", positions, 1, count_refused, &refused), ERR_OK);
    store_close(store);
    store = open_store();
    assert_int_equal(store_position(store, "index", TOPIC_EVENTS, 3, &next), ERR_OK);
    assert_int_equal(next, 42);
    assert_int_equal(store_position(store, "index", TOPIC_EVENTS, 4, &next), ERR_OK);
    assert_int_equal(next, 7);
    assert_int_equal(store_position(store, "other", TOPIC_EVENTS, 3, &next), ERR_MISSING);
    assert_int_equal(store_position(store, "index", TOPIC_ROLLUPS, 3, &next), ERR_MISSING);
    store_close(store);
}

/* ---- kill -9 ---- */

#define KILLS 12
#define PER_WRITE 5

/* Consumes the made-up log of beacons 0, 1, 2, … from its position on, crossing midnight, until it is killed. */
static void consume(int64_t limit)
{
    struct store *store = open_store();
    int64_t next = 0;
    if (store_position(store, "index", TOPIC_EVENTS, 0, &next) == ERR_MISSING)
        next = 0;
    while (next < limit) {
        struct store_item items[PER_WRITE];
        struct refused refused = {0};
        for (size_t i = 0; i < PER_WRITE; i++) {
            char id[32];
            snprintf(id, sizeof id, "beacon-%lld", (long long)(next + (int64_t)i));
            items[i] = make_item(STORE_BEACON, make_simple(id, NOW_MS + (next % 2 ? 5000 : -5000), 2));
        }
        struct position position = {TOPIC_EVENTS, 0, next + PER_WRITE};
        if (store_write(store, items, PER_WRITE, "index", &position, 1, count_refused, &refused) != ERR_OK)
            _exit(3);
        next = position.next;
        for (size_t i = 0; i < PER_WRITE; i++)
            make_free(items[i].value);
    }
    store_close(store);
}

static void killed_and_restarted_it_stores_each_beacon_once(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    int64_t next = 0;
    for (int i = 0; i < KILLS; i++) {
        pid_t child = fork();
        if (child == 0) {
            consume(INT64_MAX);
            _exit(0);
        }
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        usleep(20000 + (useconds_t)(random % 150000));
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    struct store *store = open_store();
    assert_int_equal(store_position(store, "index", TOPIC_EVENTS, 0, &next), ERR_OK);
    assert_true(next >= PER_WRITE);
    store_close(store);
    consume(next + 100); /* whatever was half done is finished */
    store = open_store();
    assert_int_equal(store_position(store, "index", TOPIC_EVENTS, 0, &next), ERR_OK);
    store_close(store);
    /* Counted in the files themselves: reading expands thousands of documents. */
    int64_t rows = 0, ids = 0;
    for (int day = 19; day <= 20; day++) {
        char sql[256], path[128];
        sqlite3 *db;
        sqlite3_stmt *statement;
        snprintf(path, sizeof path, "%s/events-2026-11-%d.db", folder, day);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        snprintf(sql, sizeof sql, "SELECT count(*), count(DISTINCT id) FROM beacons");
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        rows += sqlite3_column_int64(statement, 0);
        ids += sqlite3_column_int64(statement, 1);
        sqlite3_finalize(statement);
        sqlite3_close(db);
    }
    assert_int_equal(rows, next);
    assert_int_equal(ids, next);
}

/* ---- state ---- */

static void state_is_compared_and_set(void **state)
{
    (void)state;
    struct store *store = open_store(), *other = open_store();
    struct buf value;
    uint64_t version = 9, newer = 0;
    buf_init(&value, 1000);
    assert_int_equal(store_state_get(store, "k", &value, &version), ERR_MISSING);
    assert_int_equal(version, 0);
    assert_int_equal(store_state_put(store, "k", SLICE("one"), 5, &newer), ERR_CONFLICT);
    assert_int_equal(store_state_put(store, "k", SLICE("one"), 0, &newer), ERR_OK);
    assert_int_equal(store_state_put(other, "k", SLICE("two"), 0, &version), ERR_CONFLICT);
    assert_int_equal(store_state_get(other, "k", &value, &version), ERR_OK);
    assert_int_equal(version, newer);
    assert_true(slice_is(buf_slice(&value), "one"));
    assert_int_equal(store_state_put(other, "k", SLICE("two"), version, &version), ERR_OK);
    assert_int_equal(store_state_put(store, "k", SLICE("three"), newer, &newer), ERR_CONFLICT);
    buf_clear(&value);
    assert_int_equal(store_state_get(store, "k", &value, &newer), ERR_OK);
    assert_int_equal(newer, version);
    assert_true(slice_is(buf_slice(&value), "two"));
    buf_done(&value);
    buf_init(&value, 2);
    assert_int_equal(store_state_get(store, "k", &value, &newer), ERR_TOO_LARGE);
    buf_done(&value);
    char *large = calloc(1, STORE_STATE_BYTES + 1);
    assert_int_equal(store_state_put(store, "l", (struct slice){large, STORE_STATE_BYTES + 1}, 0, &newer),
                     ERR_TOO_LARGE);
    assert_int_equal(store_state_put(store, "l", (struct slice){large, STORE_STATE_BYTES}, 0, &newer), ERR_OK);
    free(large);
    store_close(other);
    store_close(store);
}

/* Processes add one to the same number; none may be lost. */
static void racing_writers_lose_no_update(void **state)
{
    (void)state;
    enum { RACERS = 3, ADDS = 40 };
    store_close(open_store());
    for (int i = 0; i < RACERS; i++) {
        if (fork() != 0)
            continue;
        struct store *store = open_store();
        for (int done = 0; done < ADDS;) {
            struct buf value;
            uint64_t version;
            char text[32];
            buf_init(&value, 100);
            store_state_get(store, "n", &value, &version);
            snprintf(text, sizeof text, "%d", (value.len ? atoi(value.at) : 0) + 1);
            enum err err = store_state_put(store, "n", slice_of(text), version, &version);
            done += err == ERR_OK;
            buf_done(&value);
            if (err != ERR_OK && err != ERR_CONFLICT && err != ERR_AGAIN)
                _exit(3);
        }
        store_close(store);
        _exit(0);
    }
    for (int i = 0, status; i < RACERS; i++) {
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct store *store = open_store();
    struct buf value;
    uint64_t version;
    buf_init(&value, 100);
    assert_int_equal(store_state_get(store, "n", &value, &version), ERR_OK);
    assert_int_equal(atoi(value.at), RACERS * ADDS);
    assert_int_equal(version, RACERS * ADDS);
    buf_done(&value);
    store_close(store);
}

static void commits_of_another_instance_show_in_the_generation(void **state)
{
    (void)state;
    struct store *store = open_store(), *other = open_store();
    store_generation(store);
    uint64_t before = store_generation(store);
    assert_int_equal(store_generation(store), before);
    assert_int_equal(write_one(other, STORE_BEACON, make_simple("b", NOW_MS, 1)), 1);
    struct position position = {TOPIC_EVENTS, 0, 1};
    assert_int_equal(store_write(other, NULL, 0, "index", &position, 1, count_refused, NULL), ERR_OK);
    assert_true(store_generation(store) > before);
    store_close(other);
    store_close(store);
}

/* ---- threads ---- */

struct crew {
    struct store *store;
    int number;
    atomic_bool *stop;
};

static void *write_many(void *arg)
{
    struct crew *crew = arg;
    for (int i = 0; i < 100; i++) {
        char id[32];
        struct refused refused = {0};
        snprintf(id, sizeof id, "beacon-%d-%d", crew->number, i);
        struct slice value = make_simple(id, NOW_MS + (i % 2 ? 5000 : -5000), 2);
        struct store_item item = make_item(STORE_BEACON, value);
        struct position position = {TOPIC_EVENTS, crew->number, i + 1};
        if (store_write(crew->store, &item, 1, "index", &position, 1, count_refused, &refused) != ERR_OK ||
            item.stored != 2)
            abort();
        make_free(value);
    }
    return NULL;
}

static bool ignore_document(void *ctx, struct slice id, struct slice json)
{
    (void)ctx, (void)id, (void)json;
    return true;
}

static void *read_many(void *arg)
{
    struct crew *crew = arg;
    uint64_t version;
    while (!atomic_load(crew->stop)) {
        struct store_event_query query = {.newest_first = crew->number % 2, .limit = 50};
        if (store_read_events(crew->store, &query, ignore_document, NULL) != ERR_OK)
            abort();
        store_generation(crew->store);
        store_expire(crew->store, NOW_MS + 12 * HOUR_MS);
        store_state_put(crew->store, "k", SLICE("v"), 0, &version);
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct crew crews[4];
    atomic_bool stop = false;
    struct store *store = open_store();
    for (int i = 0; i < 4; i++) {
        crews[i] = (struct crew){store, i, &stop};
        pthread_create(&threads[i], NULL, i < 2 ? write_many : read_many, &crews[i]);
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    atomic_store(&stop, true);
    pthread_join(threads[2], NULL);
    pthread_join(threads[3], NULL);
    assert_int_equal(read_all(store, (struct store_event_query){0}), 400);
    store_close(store);
}

static void *read_what_is_made(void *arg)
{
    struct crew *crew = arg;
    while (!atomic_load(crew->stop)) {
        struct store_event_query query = {.limit = 5};
        if (store_read_events(crew->store, &query, ignore_document, NULL) != ERR_OK)
            abort();
    }
    return NULL;
}

/* A file that is seen without its tables, or while it gets them, is empty: it is never somebody else's. */
static void files_are_read_while_they_are_made(void **state)
{
    (void)state;
    enum { DAYS = 60, READERS = 3 };
    pthread_t threads[READERS];
    struct crew crews[READERS];
    atomic_bool stop = false;
    struct store *writer = open_store();
    for (int i = 0; i < READERS; i++) {
        crews[i] = (struct crew){open_store(), i, &stop};
        pthread_create(&threads[i], NULL, read_what_is_made, &crews[i]);
    }
    for (int i = 0; i < DAYS; i++) {
        char id[32];
        snprintf(id, sizeof id, "beacon-%d", i);
        assert_int_equal(write_one(writer, STORE_BEACON, make_simple(id, NOW_MS - i * 24 * HOUR_MS, 1)), 1);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        store_close(crews[i].store);
    }
    assert_int_equal(read_all(writer, (struct store_event_query){0}), DAYS);
    store_close(writer);
}

/* ---- reading events ---- */

static void write_three_sessions(struct store *store)
{
    static const struct make_beacon beacons[] = {
        {"shop",
         "web",
         "s-1",
         "ann",
         "b-1",
         NOW_MS - HOUR_MS,
         3,
         {{EVENT_PAGE, NOW_MS - HOUR_MS - 3000, NULL, "/home"},
          {EVENT_ERROR, NOW_MS - HOUR_MS - 2000, "E-AAAAAAAA", "/home"},
          {EVENT_CLICK, NOW_MS - HOUR_MS - 1000, NULL, "/cart"}}},
        {"shop",
         "app",
         "s-2",
         "bob",
         "b-2",
         NOW_MS + HOUR_MS,
         2,
         {{EVENT_PAGE, NOW_MS + HOUR_MS - 2000, NULL, "/cart"},
          {EVENT_ERROR, NOW_MS + HOUR_MS - 1000, "E-BBBBBBBB", "/cart"}}},
        {"blog",
         "web",
         "s-3",
         NULL,
         "b-3",
         NOW_MS + 2 * HOUR_MS,
         2,
         /* one event that waited for long: it belongs before all others */
         {{EVENT_API, NOW_MS - 9 * HOUR_MS, NULL, "/home"}, {EVENT_PAGE, NOW_MS + 2 * HOUR_MS, NULL, "/home"}}},
    };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(write_one(store, STORE_BEACON, make_record(&beacons[i])), beacons[i].n);
}

static void every_filter_finds_its_events(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct store_event_query query;
        size_t n;
    } cases[] = {
        {"all", {.limit = 0}, 7},
        {"application", {.application = {"shop", 4}}, 5},
        {"service", {.service = {"web", 3}}, 5},
        {"session", {.session = {"s-2", 3}}, 2},
        {"user", {.user = {"ann", 3}}, 3},
        {"beacon", {.beacon = {"b-3", 3}}, 2},
        {"code", {.code = {"E-BBBBBBBB", 10}}, 1},
        {"unknown code", {.code = {"E-CCCCCCCC", 10}}, 0},
        {"kind", {.kind = {"page", 4}}, 3},
        {"unknown kind", {.kind = {"pge", 3}}, 0},
        {"page", {.page = {"/cart", 5}}, 3},
        {"page and kind", {.page = {"/cart", 5}, .kind = {"click", 5}}, 1},
        {"session of another application", {.application = {"blog", 4}, .session = {"s-1", 3}}, 0},
        {"from", {.from_ms = NOW_MS}, 3},
        {"to", {.to_ms = NOW_MS}, 4},
        {"from is in, to is out", {.from_ms = NOW_MS - HOUR_MS - 3000, .to_ms = NOW_MS - HOUR_MS - 1000}, 2},
        {"limit", {.limit = 4}, 4},
        {"limit and newest", {.limit = 2, .newest_first = true}, 2},
    };
    struct store *store = open_store();
    write_three_sessions(store);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int newest = 0; newest < 2; newest++) {
            struct store_event_query query = cases[i].query;
            query.newest_first = newest;
            size_t n = read_all(store, query);
            if (n != cases[i].n)
                fail_msg("%s: %zu instead of %zu", cases[i].name, n, cases[i].n);
        }
    store_close(store);
}

/* Business events, marks and measures that a release before them took are kept as other kinds: both are found. */
static void kinds_that_were_unknown_once_are_found(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct make_beacon beacon = {.id = "b-1",
                                 .session = "s-1",
                                 .received_ms = NOW_MS,
                                 .n = 3,
                                 .events = {{EVENT_OTHER, NOW_MS - 3000, NULL, "/"},
                                            {EVENT_BUSINESS, NOW_MS - 2000, NULL, "/"},
                                            {EVENT_CLICK, NOW_MS - 1000, NULL, "/"}}};
    struct slice record = make_record(&beacon);
    char *kind = memmem(record.at, record.len, "\"other\"", 7);
    assert_non_null(kind);
    memcpy(kind, "\"event\"", 7);
    assert_int_equal(write_one(store, STORE_BEACON, record), 3);
    assert_int_equal(read_all(store, (struct store_event_query){.kind = SLICE("event")}), 2);
    assert_int_equal(read_all(store, (struct store_event_query){.kind = SLICE("other")}), 0);
    assert_int_equal(read_all(store, (struct store_event_query){.kind = SLICE("mark")}), 0);
    assert_int_equal(read_all(store, (struct store_event_query){.kind = SLICE("click")}), 1);
    store_close(store);
}

static void timestamp_of(const char *json, char ret_text[32])
{
    const char *at = strstr(json, "\"@timestamp\":\"");
    assert_non_null(at);
    snprintf(ret_text, 32, "%.24s", at + 14);
}

static void events_come_in_order_across_days_and_beacons(void **state)
{
    (void)state;
    struct store *store = open_store();
    write_three_sessions(store);
    for (int newest = 0; newest < 2; newest++) {
        assert_int_equal(read_all(store, (struct store_event_query){.newest_first = newest}), 7);
        for (size_t i = 1; i < collected.n; i++) {
            char a[32], b[32];
            timestamp_of(collected.texts[i - 1], a);
            timestamp_of(collected.texts[i], b);
            if (newest ? strcmp(a, b) < 0 : strcmp(a, b) > 0)
                fail_msg("%s before %s", a, b);
        }
    }
    store_close(store);
}

static void reading_stops_when_told(void **state)
{
    (void)state;
    struct store *store = open_store();
    write_three_sessions(store);
    collected.stop_after = 2;
    assert_int_equal(read_all(store, (struct store_event_query){0}), 2);
    store_close(store);
}

/* ---- windows and alerts ---- */

struct windows {
    size_t n;
    int64_t starts[32];
    double p75;
};
static bool collect_rollup(void *ctx, const struct rollup *rollup)
{
    struct windows *windows = ctx;
    assert_true(windows->n < 32);
    windows->p75 = sketch_quantile(&rollup->values, 0.75);
    windows->starts[windows->n++] = rollup->start_ms;
    return true;
}

static void windows_are_found_by_their_series(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct store_rollup_query query;
        size_t n;
    } cases[] = {
        {"minutes", {.width_s = 60}, 4},
        {"ten seconds", {.width_s = 10}, 1},
        {"name", {.width_s = 60, .name = {"/home", 5}}, 3},
        {"application", {.width_s = 60, .application = {"blog", 4}}, 1},
        {"kind", {.width_s = 60, .kind = SERIES_PAGE}, 4},
        {"other kind", {.width_s = 60, .kind = SERIES_API}, 0},
        {"service", {.width_s = 60, .service = {"web", 3}}, 4},
        {"environment", {.width_s = 60, .environment = {"test", 4}}, 0},
        {"from", {.width_s = 60, .from_ms = NOW_MS + 60000}, 2},
        {"to is out", {.width_s = 60, .to_ms = NOW_MS + 60000}, 2},
    };
    struct store *store = open_store();
    assert_int_equal(write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", NOW_MS + 60000, 60)), 1);
    assert_int_equal(write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", NOW_MS, 60)), 1);
    assert_int_equal(write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", NOW_MS, 60)), 0);
    assert_int_equal(write_one(store, STORE_ROLLUP, make_rollup("shop", "/cart", NOW_MS, 60)), 1);
    assert_int_equal(write_one(store, STORE_ROLLUP, make_rollup("blog", "/home", NOW_MS + 120000, 60)), 1);
    assert_int_equal(write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", NOW_MS, 10)), 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct windows windows = {0};
        assert_int_equal(store_read_rollups(store, &cases[i].query, collect_rollup, &windows), ERR_OK);
        if (windows.n != cases[i].n)
            fail_msg("%s: %zu instead of %zu", cases[i].name, windows.n, cases[i].n);
        for (size_t j = 1; j < windows.n; j++)
            assert_true(windows.starts[j - 1] <= windows.starts[j]);
        if (windows.n)
            assert_true(windows.p75 > 245 && windows.p75 < 255);
    }
    store_close(store);
}

struct alerts {
    size_t n;
    struct alert alerts[16];
};
static bool collect_alert(void *ctx, const struct alert *alert)
{
    struct alerts *alerts = ctx;
    assert_true(alerts->n < 16);
    alerts->alerts[alerts->n++] = *alert;
    return true;
}

static void alerts_show_their_latest_state(void **state)
{
    (void)state;
    struct store *store = open_store();
    assert_int_equal(write_one(store, STORE_ALERT, make_alert("A-1", ALERT_FIRING, NOW_MS)), 1);
    assert_int_equal(write_one(store, STORE_ALERT, make_alert("A-2", ALERT_FIRING, NOW_MS + 1000)), 1);
    assert_int_equal(write_one(store, STORE_ALERT, make_alert("A-1", ALERT_RESOLVED, NOW_MS)), 1);
    /* redelivered: the alert stays resolved */
    assert_int_equal(write_one(store, STORE_ALERT, make_alert("A-1", ALERT_FIRING, NOW_MS)), 0);
    struct alerts alerts = {0};
    assert_int_equal(store_read_alerts(store, SLICE("shop"), false, 10, collect_alert, &alerts), ERR_OK);
    assert_int_equal(alerts.n, 2);
    assert_string_equal(alerts.alerts[0].id, "A-1"); /* by the time of its latest state */
    assert_int_equal(alerts.alerts[0].state, ALERT_RESOLVED);
    alerts.n = 0;
    assert_int_equal(store_read_alerts(store, SLICE_NONE, true, 10, collect_alert, &alerts), ERR_OK);
    assert_int_equal(alerts.n, 1);
    assert_string_equal(alerts.alerts[0].id, "A-2");
    alerts.n = 0;
    assert_int_equal(store_read_alerts(store, SLICE("blog"), false, 10, collect_alert, &alerts), ERR_OK);
    assert_int_equal(alerts.n, 0);
    assert_int_equal(store_read_alerts(store, SLICE_NONE, false, 1, collect_alert, &alerts), ERR_OK);
    assert_int_equal(alerts.n, 1);
    store_close(store);
}

/* ---- retention ---- */

static void old_days_are_dropped_and_windows_kept_longer(void **state)
{
    (void)state;
    struct store *store = open_store();
    const int64_t day = 24 * HOUR_MS, now = NOW_MS + 12 * HOUR_MS;
    for (int i = 0; i <= 9; i++) {
        char id[16];
        snprintf(id, sizeof id, "b-%d", i);
        write_one(store, STORE_BEACON, make_simple(id, now - i * day, 1));
    }
    write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", now - 55 * day, 60));
    write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", now - 57 * day, 60));
    write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", now - 57 * day, 10));
    write_one(store, STORE_ALERT, make_alert("A-1", ALERT_RESOLVED, now - 57 * day));
    write_one(store, STORE_ALERT, make_alert("A-2", ALERT_FIRING, now - 57 * day));
    /* days 8 and 9 were received outside the retention and went to its oldest day */
    assert_int_equal(files_like("events-"), 8 * 3 - 4);
    clock_fake(now + 2 * day, 1000);
    assert_int_equal(read_all(store, (struct store_event_query){0}), 10);
    assert_int_equal(store_expire(store, now + 2 * day), ERR_OK);
    assert_int_equal(files_like("2026-11-12"), 0);
    assert_int_equal(files_like("2026-11-13"), 0);
    assert_int_equal(files_like("2026-11-14"), 0);
    assert_int_equal(read_all(store, (struct store_event_query){0}), 6);
    struct windows windows = {0};
    struct alerts alerts = {0};
    assert_int_equal(store_expire(store, now), ERR_OK);
    store_read_rollups(store, &(struct store_rollup_query){.width_s = 60}, collect_rollup, &windows);
    store_read_rollups(store, &(struct store_rollup_query){.width_s = 10}, collect_rollup, &windows);
    assert_int_equal(windows.n, 0); /* 55 + 2 days */
    store_read_alerts(store, SLICE_NONE, false, 10, collect_alert, &alerts);
    assert_int_equal(alerts.n, 1); /* what still fires stays */
    store_close(store);
}

/* A folder lists its files in no order: each has to be looked at. */
static void many_old_days_are_dropped(void **state)
{
    (void)state;
    struct store *store = open_store();
    enum { DAYS = 900 };
    char path[128], text[CLOCK_TEXT_BYTES];
    for (int i = 1; i <= DAYS; i++) {
        clock_text(NOW_MS - i * 24 * HOUR_MS, text);
        snprintf(path, sizeof path, "%s/events-%.10s.db", folder, text);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fclose(file);
    }
    assert_int_equal(store_expire(store, NOW_MS), ERR_OK);
    assert_int_equal(files_like("events-"), 7);
    store_close(store);
}

/* ---- files of other releases, damaged files ---- */

static void run_sql(const char *name, const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void newer_files_are_not_opened(void **state)
{
    (void)state;
    static const char *const names[] = {"seismo.db", "events-2026-11-20.db"};
    for (size_t i = 0; i < 2; i++) {
        struct store *store = open_store();
        write_one(store, STORE_BEACON, make_simple("b", NOW_MS, 1));
        store_close(store);
        run_sql(names[i], "PRAGMA user_version = 3");
        struct store_options options = {.kind = "sqlite", .path = folder, .retention_days = 7};
        struct err_text text = {""};
        assert_int_equal(store_open(&store, &options, &text), ERR_NEWER_VERSION);
        assert_non_null(strstr(text.at, names[i]));
        run_sql(names[i], "PRAGMA user_version = 2");
    }
}

static void overwrite(const char *name, long from, size_t n)
{
    char path[128], junk[4096];
    memset(junk, 'x', sizeof junk);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    fseek(file, from < 0 ? size + from : from, SEEK_SET);
    for (; n > 0; n -= n < sizeof junk ? n : sizeof junk)
        fwrite(junk, 1, n < sizeof junk ? n : sizeof junk, file);
    fclose(file);
}

static void fill(struct store *store, int from, int to)
{
    for (int i = from; i < to; i++) {
        char id[32];
        snprintf(id, sizeof id, "filler-%d", i);
        write_one(store, STORE_BEACON, make_simple(id, NOW_MS + i * 1000, 8));
    }
}

static void damaged_day_is_set_aside_and_its_rows_saved(void **state)
{
    (void)state;
    struct store *store = open_store();
    fill(store, 0, 60);
    store_close(store);
    overwrite("events-2026-11-20.db", -3 * 16384, 4096);
    store = open_store();
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("new", NOW_MS, 1)), 1);
    assert_int_equal(files_like("events-2026-11-20.db.corrupt-"), 1);
    size_t n = read_all(store, (struct store_event_query){0});
    assert_true(n > 100 && n < 60 * 8 + 1);
    size_t by_session = read_all(store, (struct store_event_query){.session = SLICE("session-1")});
    assert_int_equal(by_session, n);
    store_close(store);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that cannot be made anew for want of room stays where it is until there is some. */
static void damaged_day_waits_for_room(void **state)
{
    (void)state;
    struct store *store = open_store();
    fill(store, 0, 60);
    store_close(store);
    overwrite("events-2026-11-20.db", -3 * 16384, 4096);
    store = open_store();
    struct refused refused = {0};
    struct slice value = make_simple("new", NOW_MS, 1);
    struct store_item item = make_item(STORE_BEACON, value);
    limit_files(65536);
    enum err err = store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused);
    limit_files(RLIM_INFINITY);
    make_free(value);
    assert_true(err != ERR_OK);
    assert_int_equal(files_like("events-2026-11-20.db.corrupt-"), 0);
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("new", NOW_MS, 1)), 1);
    assert_int_equal(files_like("events-2026-11-20.db.corrupt-"), 1);
    assert_true(read_all(store, (struct store_event_query){0}) > 100);
    store_close(store);
}

/* Where in a day's file the beacons' tree begins, and how many pages there are. */
static int64_t ask_day(const char *sql)
{
    char name[PATH_BYTES + 32];
    sqlite3 *db = NULL;
    sqlite3_stmt *read = NULL;
    snprintf(name, sizeof name, "%s/events-2026-11-20.db", folder);
    assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &read, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(read), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(read, 0);
    sqlite3_finalize(read);
    sqlite3_close(db);
    return value;
}

/* Nothing leads to the beacons any more: all of them are found, page by page. */
static void beacons_below_a_damaged_page_are_saved(void **state)
{
    (void)state;
    struct store *store = open_store();
    fill(store, 0, 60);
    size_t all = read_all(store, (struct store_event_query){0});
    store_close(store);
    int64_t root = ask_day("SELECT rootpage FROM sqlite_schema WHERE name = 'beacons'");
    assert_true(ask_day("PRAGMA page_count") > 6);
    overwrite("events-2026-11-20.db", (long)(root - 1) * 16384, 16384);
    store = open_store();
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("new", NOW_MS, 1)), 1);
    assert_int_equal(files_like("events-2026-11-20.db.corrupt-"), 1);
    assert_int_equal(read_all(store, (struct store_event_query){0}), all + 1);
    store_close(store);
}

/* Beacons on the pages that are not hurt; a row of them is the only one with eight columns. */
static size_t beacons_on_whole_pages(const bool *hurt, size_t n_hurt)
{
    char name[PATH_BYTES + 32];
    struct dbpages *pages = NULL;
    size_t n = 0;
    snprintf(name, sizeof name, "%s/events-2026-11-20.db", folder);
    assert_int_equal(dbpages_open(name, 16384, &pages), ERR_OK);
    assert_true(dbpages_count(pages) <= n_hurt);
    for (uint32_t page = 1; page <= dbpages_count(pages); page++) {
        size_t cells = 0;
        struct dbrow row;
        bool leaf = dbpages_kind(pages, page, &cells) == DBPAGE_TABLE_LEAF && !hurt[page - 1];
        for (size_t i = 0; leaf && i < cells; i++)
            n += dbpages_row(pages, page, i, true, &row) && row.n == 8;
    }
    dbpages_close(pages);
    return n;
}

/* Seeds: some pages of a day's file are overwritten, the first one and inner ones too. */
static void beacons_on_whole_pages_are_saved(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        unsigned random = seed;
        bool hurt[256] = {false};
        struct store *store = open_store();
        fill(store, 0, 60);
        size_t all = read_all(store, (struct store_event_query){0});
        store_close(store);
        unsigned pages = (unsigned)ask_day("PRAGMA page_count");
        unsigned chosen[3];
        for (size_t i = 0; i < 3; i++) {
            chosen[i] = (unsigned)rand_r(&random) % pages;
            hurt[chosen[i]] = true;
        }
        size_t kept = beacons_on_whole_pages(hurt, 256);
        for (size_t i = 0; i < 3; i++)
            overwrite("events-2026-11-20.db", (long)chosen[i] * 16384, 16384);
        store = open_store();
        assert_int_equal(write_one(store, STORE_BEACON, make_simple("new", NOW_MS, 1)), 1);
        size_t n = read_all(store, (struct store_event_query){0});
        if (n < all / 60 * kept + 1)
            fail_msg("seed %u: %zu events are read, %zu beacons were on whole pages", seed, n, kept);
        store_close(store);
        remove_folder(folder);
        assert_int_equal(mkdir(folder, 0700), 0);
    }
}

static void a_file_that_is_no_database_is_set_aside(void **state)
{
    (void)state;
    struct store *store = open_store();
    uint64_t version;
    assert_int_equal(store_state_put(store, "k", SLICE("one"), 0, &version), ERR_OK);
    store_close(store);
    overwrite("seismo.db", 0, 65536);
    store = open_store();
    struct buf value;
    buf_init(&value, 100);
    assert_int_equal(store_state_get(store, "k", &value, &version), ERR_MISSING);
    assert_int_equal(store_state_put(store, "k", SLICE("two"), 0, &version), ERR_OK);
    assert_true(files_like("seismo.db.corrupt-") >= 1);
    buf_done(&value);
    store_close(store);
}

static void damage_elsewhere_in_seismo_db_keeps_state_and_positions(void **state)
{
    (void)state;
    struct store *store = open_store();
    uint64_t version;
    struct position position = {TOPIC_EVENTS, 0, 77};
    assert_int_equal(store_state_put(store, "k", SLICE("one"), 0, &version), ERR_OK);
    assert_int_equal(store_write(store, NULL, 0, "index", &position, 1, count_refused, NULL), ERR_OK);
    for (int i = 0; i < 200; i++)
        write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", NOW_MS + i * 60000, 60));
    store_close(store);
    overwrite("seismo.db", -16384, 8192);
    store = open_store();
    struct buf value;
    int64_t next = 0;
    buf_init(&value, 100);
    assert_int_equal(store_state_get(store, "k", &value, &version), ERR_OK);
    assert_true(slice_is(buf_slice(&value), "one"));
    assert_int_equal(store_position(store, "index", TOPIC_EVENTS, 0, &next), ERR_OK);
    assert_int_equal(next, 77);
    assert_int_equal(files_like("seismo.db.corrupt-"), 1);
    buf_done(&value);
    store_close(store);
}

static void another_process_keeps_a_damaged_file_where_it_is(void **state)
{
    (void)state;
    struct store *store = open_store();
    fill(store, 0, 3);
    store_close(store);
    struct store *reader = open_store();
    overwrite("events-2026-11-20.db", 0, 16384);
    store = open_store();
    struct refused refused = {0};
    struct slice value = make_simple("b", NOW_MS, 1);
    struct store_item item = make_item(STORE_BEACON, value);
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_CORRUPT);
    assert_false(item.done);
    assert_int_equal(files_like("corrupt"), 0);
    store_close(reader);
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_true(files_like("events-2026-11-20.db.corrupt-") >= 1);
    make_free(value);
    store_close(store);
}

/* seismo.db is shut because it is damaged and cannot be set aside: retention says so, and comes again. */
static void retention_waits_for_a_file_that_is_shut(void **state)
{
    (void)state;
    struct store *store = open_store(), *other = open_store();
    file_close(&((struct sqlite *)store)->main);
    file_close(&((struct sqlite *)other)->main);
    overwrite("seismo.db", 0, 65536);
    assert_int_equal(store_expire(store, NOW_MS), ERR_CORRUPT);
    store_close(other);
    assert_int_equal(store_expire(store, NOW_MS), ERR_OK);
    store_close(store);
}

/* RLIMIT_FSIZE stands in for a disk without room. */
static void without_room_nothing_is_done_until_there_is(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    struct rlimit before, small;
    fill(store, 0, 2);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 200000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    struct store_item item = {0};
    enum err err = ERR_OK;
    int i = 0;
    for (; err == ERR_OK && i < 200; i++) {
        char id[32];
        make_free(item.value);
        snprintf(id, sizeof id, "late-%d", i);
        item = make_item(STORE_BEACON, make_simple(id, NOW_MS, 16));
        err = store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused);
    }
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(err == ERR_FULL || err == ERR_STORE_WRITE);
    assert_false(item.done);
    assert_false(store_is_ready(store));
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_true(item.done && item.stored == 16);
    assert_true(store_is_ready(store));
    assert_int_equal(read_all(store, (struct store_event_query){0}), 16 + 16 * (size_t)i);
    make_free(item.value);
    store_close(store);
}

/* An operator clears the folder under a running store: what comes then is stored in files that can be opened. */
static void removed_files_are_begun_again(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    char command[2 * sizeof folder];
    fill(store, 0, 2);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
    struct store_item item = make_item(STORE_BEACON, make_simple("after", NOW_MS, 3));
    const struct position position = {TOPIC_EVENTS, 0, 7};
    enum err err = ERR_AGAIN;
    for (int i = 0; i < 5 && err == ERR_AGAIN; i++)
        err = store_write(store, &item, 1, "index", &position, 1, count_refused, &refused);
    assert_int_equal(err, ERR_OK);
    assert_true(item.done && item.stored == 3);
    store_close(store);
    store = open_store();
    int64_t next = 0;
    assert_int_equal(read_all(store, (struct store_event_query){0}), 3);
    assert_int_equal(store_position(store, "index", TOPIC_EVENTS, 0, &next), ERR_OK);
    assert_int_equal(next, 7);
    make_free(item.value);
    store_close(store);
}

static void unusable_folders_and_kinds_are_said(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct err_text text = {""};
    assert_int_equal(store_open(&store, &(struct store_options){.kind = "oracle"}, &text), ERR_CONFIG);
    assert_non_null(strstr(text.at, "oracle"));
    assert_int_equal(store_open(&store, &(struct store_options){.kind = "sqlite", .path = "/nowhere/x"}, &text),
                     ERR_STORE_OPEN);
    assert_non_null(strstr(text.at, "/nowhere/x"));
    assert_int_equal(store_setup(&(struct store_options){.kind = "sqlite", .path = folder}, &text), ERR_OK);
    assert_non_null(strstr(text.at, "version 2"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(beacon_becomes_one_document_an_event),
        TEST(same_beacon_twice_is_stored_once),
        TEST(parts_of_a_beacon_are_all_stored),
        TEST(repeats_are_found_on_other_days),
        TEST(repeats_are_found_by_another_instance),
        TEST(many_beacons_are_found_by_their_marks),
        TEST(damaged_values_are_refused_with_a_reason),
        TEST(newer_records_stop_the_writer),
        TEST(rejects_are_kept_once),
        TEST(what_seismo_says_of_itself_is_dropped),
        TEST(positions_move_with_what_was_written),
        TEST(killed_and_restarted_it_stores_each_beacon_once),
        TEST(state_is_compared_and_set),
        TEST(racing_writers_lose_no_update),
        TEST(commits_of_another_instance_show_in_the_generation),
        TEST(threads_do_not_disturb_each_other),
        TEST(files_are_read_while_they_are_made),
        TEST(every_filter_finds_its_events),
        TEST(kinds_that_were_unknown_once_are_found),
        TEST(events_come_in_order_across_days_and_beacons),
        TEST(reading_stops_when_told),
        TEST(windows_are_found_by_their_series),
        TEST(alerts_show_their_latest_state),
        TEST(old_days_are_dropped_and_windows_kept_longer),
        TEST(many_old_days_are_dropped),
        TEST(newer_files_are_not_opened),
        TEST(damaged_day_is_set_aside_and_its_rows_saved),
        TEST(damaged_day_waits_for_room),
        TEST(beacons_below_a_damaged_page_are_saved),
        TEST(beacons_on_whole_pages_are_saved),
        TEST(a_file_that_is_no_database_is_set_aside),
        TEST(damage_elsewhere_in_seismo_db_keeps_state_and_positions),
        TEST(another_process_keeps_a_damaged_file_where_it_is),
        TEST(retention_waits_for_a_file_that_is_shut),
        TEST(without_room_nothing_is_done_until_there_is),
        TEST(removed_files_are_begun_again),
        TEST(unusable_folders_and_kinds_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
