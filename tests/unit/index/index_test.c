/* The index on the embedded bus and a store of the test's own, which fails and refuses when told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/metric.h"
#include "event/application.h"
#include "event/record.h"
#include "index_int.h"

#define MAX_MS 20000
#define ROWS 4096

/* ---- the store ---- */

struct store {
    pthread_mutex_t mutex;
    int failures;       /* answers of ERR_AGAIN still to give */
    bool refuse_all;    /* every event */
    bool keeps;         /* positions */
    int64_t position;   /* -1: none */
    char ids[ROWS][64]; /* of documents */
    size_t n_ids, n_rejects, writes, expirations;
    int64_t expired_ms; /* the time of the last */
    char last_reject[4096];
    struct forgotten_wish *forgets; /* NULL: nobody */
    int state_failures;
    int64_t lag; /* what was shown when beacons were last written */
};

static int64_t shown_lag(void)
{
    return metric_value(metric_get(METRIC_GAUGE, "seismo_bus_lag", "group", "index", ""));
}

static bool add_id(struct store *store, const char *id)
{
    for (size_t i = 0; i < store->n_ids; i++) {
        if (strcmp(store->ids[i], id) == 0)
            return false;
    }
    assert_true(store->n_ids < ROWS);
    snprintf(store->ids[store->n_ids++], 64, "%s", id);
    return true;
}

static void write_beacon(struct store *store, struct store_item *item, store_reject_fn *reject, void *ctx)
{
    struct arena *arena = arena_new(65536, 1 << 24);
    struct record record;
    assert_int_equal(record_decode(item->value, arena, &record), ERR_OK);
    for (size_t i = 0; i < record.n_facts; i++) {
        char id[RECORD_ID_BYTES];
        record_document_id(&record, &record.facts[i], id);
        if (store->refuse_all || slice_is(record.facts[i].route, "/poison"))
            reject(ctx, item, (int)i, "mapper_parsing_exception");
        else
            item->stored += add_id(store, id);
    }
    item->done = true;
    arena_free(arena);
}

enum err store_write(struct store *store, struct store_item *items, size_t n, const char *group,
                     const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx)
{
    enum err err = ERR_OK;
    pthread_mutex_lock(&store->mutex);
    assert_string_equal(group, "index");
    store->writes++;
    for (size_t i = 0; i < n && !err; i++) {
        if (items[i].done)
            continue;
        if (store->failures > 0) {
            store->failures--;
            err = ERR_AGAIN;
        } else if (items[i].kind == STORE_REJECT) {
            char id[64];
            snprintf(id, sizeof id, "%.*s", SLICE_ARG(items[i].id));
            store->n_rejects += add_id(store, id);
            snprintf(store->last_reject, sizeof store->last_reject, "%.*s", SLICE_ARG(items[i].value));
            items[i].done = true;
        } else {
            store->lag = shown_lag();
            write_beacon(store, &items[i], reject, ctx);
        }
    }
    if (!err && n_positions && store->keeps)
        store->position = positions[0].next;
    pthread_mutex_unlock(&store->mutex);
    return err;
}

enum err store_expire(struct store *store, int64_t now_ms)
{
    pthread_mutex_lock(&store->mutex);
    store->expirations++;
    store->expired_ms = now_ms;
    pthread_mutex_unlock(&store->mutex);
    return ERR_OK;
}

enum err store_state_change(struct store *of, const char *key, store_change_fn *change, void *ctx)
{
    (void)of;
    (void)key;
    (void)change;
    (void)ctx;
    return ERR_MISSING;
}

enum err store_state_get(struct store *of, const char *key, struct buf *ret_value, uint64_t *ret_version)
{
    pthread_mutex_lock(&of->mutex);
    bool fails = of->state_failures > 0;
    struct forgotten_wish *forgets = strcmp(key, FORGOTTEN_KEY) == 0 ? of->forgets : NULL;
    of->state_failures -= fails;
    pthread_mutex_unlock(&of->mutex);
    *ret_version = forgets != NULL;
    return fails ? ERR_AGAIN : forgets ? forgotten_change(forgets, SLICE_NONE, ret_value) : ERR_MISSING;
}

bool store_keeps_positions(struct store *store)
{
    return store->keeps;
}

enum err store_position(struct store *store, const char *group, enum topic topic, int32_t partition, int64_t *ret_next)
{
    (void)group;
    (void)topic;
    (void)partition;
    if (store->position >= 0)
        *ret_next = store->position;
    return store->position >= 0 ? ERR_OK : ERR_MISSING;
}

/* ---- the stage ---- */

static char folder[64], path[96];
static size_t max_file_bytes;
static struct bus *bus;
static struct store store;
static struct index *index_;
static atomic_ulong told;

static void open_bus(void)
{
    struct bus_options options = {.kind = "sqlite",
                                  .path = path,
                                  .partitions = 1,
                                  .max_pending_bytes = 1 << 24,
                                  .max_file_bytes = max_file_bytes,
                                  .retention_ms = 3600000};
    struct err_text text = {""};
    if (bus_open(&bus, &options, &text))
        fail_msg("%s", text.at);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/seismo-index-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/queue", folder);
    memset(&store, 0, sizeof store);
    pthread_mutex_init(&store.mutex, NULL);
    store.position = -1;
    atomic_store(&told, 0);
    open_bus();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    clock_fake(-1, 0);
    max_file_bytes = 0;
    index_stop(index_);
    index_ = NULL;
    bus_close(bus, 1000);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
    rmdir(folder);
    return 0;
}

static void note_stored(void *ctx, unsigned long documents)
{
    (void)ctx;
    atomic_fetch_add(&told, documents);
}

static atomic_bool is_paused;

static void note_paused(void *ctx, bool paused)
{
    (void)ctx;
    atomic_store(&is_paused, paused);
}

static atomic_int times_halted;

static void note_halted(void *ctx)
{
    (void)ctx;
    atomic_fetch_add(&times_halted, 1);
}

static void start(int batch_records)
{
    struct index_options options = {bus, &store, batch_records, note_stored, note_paused, note_halted, NULL};
    struct err_text text = {""};
    if (index_start(&index_, &options, &text))
        fail_msg("%s", text.at);
}

static void stop(void)
{
    index_stop(index_);
    index_ = NULL;
}

static void nap_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static size_t count_of(const size_t *counter)
{
    pthread_mutex_lock(&store.mutex);
    size_t n = *counter;
    pthread_mutex_unlock(&store.mutex);
    return n;
}

static void await_count(const size_t *counter, size_t wanted)
{
    for (int ms = 0; ms < MAX_MS && count_of(counter) < wanted; ms += 10)
        nap_ms(10);
    assert_int_equal(count_of(counter), wanted);
}

static void await_position(int64_t wanted)
{
    int64_t position = 0;
    for (int ms = 0; ms < MAX_MS; ms += 10) {
        pthread_mutex_lock(&store.mutex);
        position = store.position;
        pthread_mutex_unlock(&store.mutex);
        if (position >= wanted)
            break;
        nap_ms(10);
    }
    assert_int_equal(position, wanted);
}

/* ---- records ---- */

static const struct application shop = {.name = "shop"};

/* A beacon of n events on the route; waits until it is durable. */
static enum err try_beacon(const char *id, size_t n, const char *route, size_t json_bytes)
{
    static char text[8192] = "{\"kind\":\"page\"";
    struct batch *batch = batch_new(64);
    struct slice json = {text, json_bytes};
    memset(text + 14, ' ', sizeof text - 14);
    text[json_bytes - 1] = '}';
    batch->application = &shop;
    batch->envelope.id = slice_of(id);
    batch->envelope.session = slice_of("s");
    batch->envelope.rate = 1;
    batch->events = arena_zero(batch->arena, n * sizeof *batch->events);
    batch->n_events = n;
    for (size_t i = 0; i < n; i++) {
        batch->events[i].kind = EVENT_PAGE;
        batch->events[i].index = (uint16_t)i;
        batch->events[i].count = 1;
        batch->events[i].json = json;
        batch->events[i].route = slice_of(route);
    }
    assert_int_equal(record_seal(batch), ERR_OK);
    struct bus_message message = {TOPIC_EVENTS, 0, batch->value};
    enum err err = bus_publish_wait(bus, &message, 1);
    batch_free(batch);
    return err;
}

static void publish_beacon(const char *id, size_t n, const char *route)
{
    assert_int_equal(try_beacon(id, n, route, 32), ERR_OK);
}

static void publish_bytes(const char *bytes, size_t n)
{
    struct bus_message message = {TOPIC_EVENTS, 0, {bytes, n}};
    assert_int_equal(bus_publish_wait(bus, &message, 1), ERR_OK);
}

static int64_t metric_of(const char *name, const char *label, const char *value)
{
    return metric_value(metric_get(METRIC_COUNTER, name, label, value, ""));
}

/* Records on the rejects' topic. */
static size_t count_rejects(void)
{
    struct bus_cursor *cursor = NULL;
    struct bus_record records[64];
    struct err_text text;
    size_t n = 0;
    assert_int_equal(bus_subscribe(bus, TOPIC_REJECTS, "replay", NULL, &cursor, &text), ERR_OK);
    assert_int_equal(bus_fetch(cursor, records, 64, &n, 100), ERR_OK);
    bus_unsubscribe(cursor);
    return n;
}

/* ---- tests ---- */

static void test_stores_and_commits(void **state)
{
    (void)state;
    int64_t before = metric_of("seismo_events_stored_total", NULL, NULL);
    for (int round = 0; round < 2; round++) {
        store.keeps = round == 1;
        start(4);
        for (int i = 0; i < 10; i++) {
            char id[16];
            snprintf(id, sizeof id, "%d-%d", round, i);
            publish_beacon(id, 3, "/cart");
            publish_beacon(id, 3, "/cart"); /* sent twice, stored once */
        }
        await_count(&store.n_ids, 30 * (size_t)(round + 1));
        await_position(round ? 40 : -1); /* the last repeat, too */
        stop();
    }
    assert_int_equal(atomic_load(&told), 60);
    assert_int_equal(metric_of("seismo_events_stored_total", NULL, NULL) - before, 60);
    assert_int_equal(store.position, 40);
    /* Nothing comes again after a restart. */
    store.n_ids = 0;
    start(4);
    publish_beacon("new", 1, "/cart");
    await_count(&store.n_ids, 1);
    nap_ms(50);
    assert_int_equal(count_of(&store.n_ids), 1);
}

/* A store that hangs holds the thread: what it has in hand is not read, and must not look so meanwhile. */
static void test_lag_while_writing(void **state)
{
    (void)state;
    start(8);
    for (size_t i = 1; i <= 3; i++) {
        char id[16];
        snprintf(id, sizeof id, "lag-%zu", i);
        publish_beacon(id, 1, "/");
        await_count(&store.n_ids, i);
        assert_int_equal(store.lag, 1);
        for (int ms = 0; ms < MAX_MS && shown_lag() != 0; ms += 10)
            nap_ms(10);
        assert_int_equal(shown_lag(), 0);
    }
}

static void test_where_to_begin(void **state)
{
    (void)state;
    /* Ten records, bus committed all; the store's own position decides when it is behind or knows nothing. */
    static const struct {
        int64_t stored;
        size_t again;
    } rows[] = {{10, 0}, {7, 3}, {-1, 10}, {12, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (i) {
            teardown(NULL);
            setup(NULL);
        }
        store.keeps = true;
        start(4);
        for (int k = 0; k < 10; k++) {
            char id[16];
            snprintf(id, sizeof id, "b%d", k);
            publish_beacon(id, 1, "/");
        }
        await_count(&store.n_ids, 10);
        stop();
        store.n_ids = 0;
        store.position = rows[i].stored;
        start(4);
        publish_beacon("last", 1, "/");
        await_count(&store.n_ids, rows[i].again + 1);
        stop();
    }
}

/* Read, counted, committed; neither stored nor refused. */
static void test_forgotten(void **state)
{
    (void)state;
    static const struct slice sessions[] = {{"s", 1}};
    struct forgotten_wish wish = {.user = SLICE("nobody"), .now_ms = 1000, .keep_ms = 1000};
    int64_t before = metric_of("seismo_forgotten_total", NULL, NULL);
    publish_beacon("kept", 3, "/cart"); /* of session s, received at 0 */
    store.forgets = &wish;
    store.state_failures = 1;
    start(4);
    await_count(&store.n_ids, 3);
    stop();
    wish.sessions = sessions;
    wish.n_sessions = 1;
    store.keeps = true;
    store.position = 1;
    publish_beacon("gone", 2, "/cart");
    start(4);
    await_position(2);
    stop();
    assert_int_equal(store.n_ids, 3);
    assert_int_equal(store.n_rejects, 0);
    assert_int_equal(metric_of("seismo_forgotten_total", NULL, NULL), before + 2);
}

/* Until the store has said who was forgotten, nothing is stored: it would be there again for good. */
static void test_forgotten_is_asked_first(void **state)
{
    (void)state;
    static const struct slice sessions[] = {{"s", 1}};
    struct forgotten_wish wish = {
        .user = SLICE("nobody"), .sessions = sessions, .n_sessions = 1, .now_ms = 1000, .keep_ms = 1000};
    int64_t before = metric_of("seismo_forgotten_total", NULL, NULL);
    store.forgets = &wish;
    store.state_failures = 2;
    store.keeps = true;
    publish_beacon("gone", 2, "/cart");
    start(4);
    await_position(1);
    stop();
    assert_int_equal(store.n_ids, 0);
    assert_int_equal(metric_of("seismo_forgotten_total", NULL, NULL), before + 2);
}

/* What was read while the store was away is looked at again before it is written. */
static void test_forgotten_while_the_store_is_away(void **state)
{
    (void)state;
    static const struct slice sessions[] = {{"s", 1}};
    struct forgotten_wish wish = {
        .user = SLICE("nobody"), .sessions = sessions, .n_sessions = 1, .now_ms = 1000, .keep_ms = 1000};
    int64_t before = metric_of("seismo_forgotten_total", NULL, NULL);
    store.failures = 1000000;
    store.keeps = true;
    publish_beacon("gone", 2, "/cart");
    start(4);
    for (int ms = 0; ms < MAX_MS && count_of(&store.writes) < 2; ms += 10)
        nap_ms(10);
    pthread_mutex_lock(&store.mutex);
    store.forgets = &wish;
    store.failures = 0;
    pthread_mutex_unlock(&store.mutex);
    await_position(1);
    stop();
    assert_int_equal(store.n_ids, 0);
    assert_int_equal(metric_of("seismo_forgotten_total", NULL, NULL), before + 2);
}

static void test_store_away(void **state)
{
    (void)state;
    store.failures = 3;
    start(8);
    publish_beacon("a", 2, "/");
    publish_beacon("b", 2, "/");
    await_count(&store.n_ids, 4);
    assert_int_equal(store.failures, 0);
    assert_int_equal(count_of(&store.n_rejects), 0);
    store.failures = 1000000;
    publish_beacon("c", 2, "/");
    nap_ms(300);
    stop(); /* does not wait for the store */
    store.failures = 0;
    start(8);
    await_count(&store.n_ids, 6); /* what was under way was not lost */
}

static void test_poison(void **state)
{
    (void)state;
    int64_t undecodable = metric_of("seismo_rejects_total", "reason", "corrupt");
    int64_t refused = metric_of("seismo_rejects_total", "reason", "store_write");
    start(8);
    publish_beacon("a", 2, "/");
    publish_bytes("nonsense", 8);
    publish_beacon("b", 3, "/poison");
    publish_beacon("c", 2, "/");
    await_count(&store.n_rejects, 2);
    await_count(&store.n_ids, 4 + 2); /* documents and rejects */
    stop();
    assert_int_equal(metric_of("seismo_rejects_total", "reason", "corrupt") - undecodable, 1);
    assert_int_equal(metric_of("seismo_rejects_total", "reason", "store_write") - refused, 3);
    assert_int_equal(count_rejects(), 2);
    assert_non_null(strstr(store.last_reject, "\"reason\":\"mapper_parsing_exception\",\"code\":\"SE-3102\""));
    assert_non_null(strstr(store.last_reject, "\"topic\":\"events\",\"partition\":0,\"position\":2"));
    assert_non_null(strstr(store.last_reject, "\"events\":[0,1,2]}"));
    assert_non_null(strstr(store.last_reject, "\"event.original\":\"U1I")); /* "SR" and the version */
}

/* What makes room on a full bus must not wait for room. */
static void test_poison_on_a_full_bus(void **state)
{
    enum err err = ERR_OK;
    size_t n = 0;
    char id[16];
    teardown(state);
    max_file_bytes = 1 << 20;
    setup(state);
    for (; n < 2000 && !err; n += !err) {
        snprintf(id, sizeof id, "b%zu", n);
        err = try_beacon(id, 1, n ? "/" : "/poison", 8192);
    }
    assert_int_equal(err, ERR_FULL);
    start(64);
    for (int ms = 0; ms < MAX_MS && (err = try_beacon("after", 1, "/", 32)) == ERR_FULL; ms += 100)
        nap_ms(100);
    assert_int_equal(err, ERR_OK);
    await_count(&store.n_rejects, 1);
}

/* Not at once, and not within an hour of a leap of the clock: it may be wrong, and what is dropped does not come back.
 */
static void test_retention(void **state)
{
    (void)state;
    int64_t wall_ms = clock_wall_ms(), mono_ms = clock_mono_ms();
    static const struct {
        int minutes, leap_days;
        size_t expirations;
    } rows[] = {{0, 0, 0}, {11, 0, 0}, {61, 0, 1}, {72, 400, 1}, {83, 0, 1}, {130, 0, 1}, {145, 0, 2}};
    start(8);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char id[16];
        int64_t passed_ms = rows[i].minutes * INT64_C(60000);
        clock_fake(wall_ms + passed_ms + rows[i].leap_days * INT64_C(86400000), mono_ms + passed_ms);
        for (size_t j = 1; j <= 2; j++) { /* the look comes behind a turn, and before the next one */
            snprintf(id, sizeof id, "b%zu-%zu", i, j);
            publish_beacon(id, 1, "/");
            await_count(&store.n_ids, 2 * i + j);
        }
        assert_int_equal(count_of(&store.expirations), rows[i].expirations);
    }
    clock_fake(-1, 0);
    stop();
    assert_int_equal(store.expired_ms, wall_ms + 145 * 60000);
}

static void test_newer_record_stops(void **state)
{
    (void)state;
    start(8);
    publish_beacon("a", 1, "/");
    await_count(&store.n_ids, 1);
    char newer[64] = "SR\x63";
    publish_bytes(newer, sizeof newer);
    publish_beacon("b", 1, "/");
    for (int ms = 0; ms < MAX_MS && !atomic_load(&times_halted); ms += 10)
        nap_ms(10);
    assert_int_equal(atomic_load(&times_halted), 1);
    /* The group of a bus of its own is kept: one that nobody has is given up in time, with what waits for it. */
    struct bus_cursor *second = NULL;
    struct err_text text;
    assert_int_not_equal(bus_subscribe(bus, TOPIC_EVENTS, "index", &(struct bus_owner){0}, &second, &text), ERR_OK);
    index_halt(index_);
    stop();
    assert_int_equal(count_of(&store.n_ids), 1);
    assert_int_equal(count_rejects(), 0);
    start(8); /* nothing was lost: it is met again */
    for (int ms = 0; ms < MAX_MS && atomic_load(&times_halted) < 2; ms += 10)
        nap_ms(10);
    assert_int_equal(atomic_load(&times_halted), 2);
    stop();
    assert_int_equal(count_of(&store.n_ids), 1);
}

static void test_burst_pauses(void **state)
{
    (void)state;
    store.refuse_all = true;
    start(50);
    for (int i = 0; i < 400; i++) {
        char id[16];
        snprintf(id, sizeof id, "b%d", i);
        publish_beacon(id, 2, "/");
    }
    nap_ms(1500);
    assert_true(atomic_load(&is_paused));
    size_t rejects = count_of(&store.n_rejects);
    assert_in_range(rejects, 50, 200); /* the rest waits on the bus, not among the rejects */
    stop();                            /* at once, in the middle of a pause */
    store.refuse_all = false;
    store.n_ids = 0;
    start(50);
    await_count(&store.n_ids, 2 * (400 - rejects));
    atomic_store(&is_paused, false);
}

/* ---- parts ---- */

static void test_reject_document(void **state)
{
    (void)state;
    static const struct {
        const char *value, *base64;
    } rows[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe", "//4="}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bus_record record = {TOPIC_EVENTS, 3, 7, 0, slice_of(rows[i].value)};
        struct reject *reject = calloc(1, sizeof *reject);
        struct buf json;
        char id[33], again[33], wanted[1024];
        *reject = (struct reject){.record = &record, .code = ERR_CORRUPT, .reason = "a \"reason\"", .n_refused = 1};
        buf_init(&json, 65536);
        reject_write(reject, 0, &json, id);
        snprintf(wanted, sizeof wanted,
                 "{\"@timestamp\":\"1970-01-01T00:00:00.000Z\",\"event.dataset\":\"seismo.rejects\","
                 "\"seismo.reject\":{\"reason\":\"a \\\"reason\\\"\",\"code\":\"SE-3202\",\"topic\":\"events\","
                 "\"partition\":3,\"position\":7,\"event\":-1,\"refused\":1,\"bytes\":%zu,\"events\":[]},"
                 "\"event.original\":\"%s\"}",
                 strlen(rows[i].value), rows[i].base64);
        assert_string_equal(json.at, wanted);
        buf_clear(&json);
        record.position = 8;
        reject_write(reject, 5, &json, again);
        assert_string_equal(id, again);
        reject->events[reject->n_events++] = 1;
        reject_write(reject, 5, &json, again);
        assert_string_not_equal(id, again);
        buf_done(&json);
        free(reject);
    }
}

static void test_reject_is_bounded(void **state)
{
    (void)state;
    size_t n = RECORD_MAX_BYTES;
    char *large = calloc(1, n), id[33];
    struct bus_record record = {TOPIC_EVENTS, 0, 0, 0, {large, n}};
    struct reject *reject = calloc(1, sizeof *reject);
    struct buf json;
    *reject = (struct reject){.record = &record, .code = ERR_CORRUPT, .n_events = REJECT_EVENTS, .n_refused = 4000};
    memset(reject->reason, '\x01', sizeof reject->reason - 1);
    for (int i = 0; i < REJECT_EVENTS; i++)
        reject->events[i] = i;
    buf_init(&json, 1 << 22);
    reject_write(reject, 0, &json, id);
    assert_false(buf_failed(&json));
    assert_true(json.len < REJECT_ORIGINAL_BYTES / 3 * 4 + 65536);
    buf_done(&json);
    free(reject);
    free(large);
}

static void test_burst(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        unsigned long documents, refused;
        int pause_ms;
    } rows[] = {
        {1000, 99, 99, 0},          /* too few */
        {2000, 400, 100, 0},        /* 199 of 499 */
        {3000, 500, 400, 10000},    /* 599 of 999 */
        {13000, 10, 10, 0},         /* a probe says little */
        {14000, 100, 100, 20000},   /* still */
        {34000, 200, 200, 40000},   /* */
        {74000, 200, 200, 80000},   /* */
        {154000, 200, 200, 160000}, /* */
        {314000, 200, 200, 300000}, /* */
        {614000, 200, 200, 300000}, /* at most */
        {914000, 200, 10, 0},       /* well again */
        {924500, 200, 200, 10000},  /* and from the beginning */
    };
    struct burst burst = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        burst_add(&burst, rows[i].at_ms, rows[i].documents, rows[i].refused);
        assert_int_equal(burst_pause_ms(&burst, rows[i].at_ms), rows[i].pause_ms);
    }
}

static void test_backoff(void **state)
{
    (void)state;
    static const struct {
        unsigned tries;
        int least, most;
    } rows[] = {{0, 100, 200},     {1, 200, 400},     {4, 1600, 3200},
                {7, 12800, 25600}, {8, 15000, 30000}, {4000000000, 15000, 30000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint32_t random = 0; random < 100000; random += 997)
            assert_in_range(backoff_ms(rows[i].tries, random * 42949), rows[i].least, rows[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reject_document),
        cmocka_unit_test(test_reject_is_bounded),
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test_setup_teardown(test_stores_and_commits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lag_while_writing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_where_to_begin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten_is_asked_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgotten_while_the_store_is_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_store_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_poison, setup, teardown),
        cmocka_unit_test_setup_teardown(test_poison_on_a_full_bus, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_newer_record_stops, setup, teardown),
        cmocka_unit_test_setup_teardown(test_burst_pauses, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
