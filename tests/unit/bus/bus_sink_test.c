/* The last sink: a batch becomes a record on the bus, and its owner learns when that is durable. */
#include "bus_test.h"

#include "event/application.h"
#include "event/record.h"

static char folder[64], path[96];
static struct bus *bus;

static int begin(void **state)
{
    (void)state;
    struct err_text text = {""};
    snprintf(folder, sizeof folder, "/tmp/seismo-sink-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/queue", folder);
    struct bus_options options = {.kind = "sqlite", .path = path, .partitions = 16, .max_pending_bytes = 1 << 20};
    if (bus_open(&bus, &options, &text))
        fail_msg("%s", text.at);
    return 0;
}

static int end(void **state)
{
    (void)state;
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    bus_close(bus, 1000);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char file[128];
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
    rmdir(folder);
    return 0;
}

static void note_done(struct batch *batch, enum err result)
{
    note_outcome(batch->owner, result);
}

static struct batch *batch_of(const struct application *application, const char *session, const char *id,
                              size_t json_bytes, struct outcome *outcome)
{
    struct batch *batch = batch_new(64);
    char *json = arena_alloc(batch->arena, json_bytes);
    memset(json, ' ', json_bytes);
    json[0] = '{';
    json[json_bytes - 1] = '}';
    batch->done = note_done;
    batch->owner = outcome;
    batch->application = application;
    batch->envelope.session = slice_of(session);
    batch->envelope.id = slice_of(id);
    batch->envelope.rate = 1;
    batch->events = arena_zero(batch->arena, sizeof *batch->events);
    batch->n_events = 1;
    batch->events[0].kind = EVENT_CLICK;
    batch->events[0].count = 1;
    batch->events[0].json = (struct slice){json, json_bytes};
    return batch;
}

static enum err push(const char *application, const char *session, const char *id, size_t json_bytes)
{
    struct application of = {.name = application};
    struct outcome outcome = {0};
    struct batch *batch = batch_of(&of, session, id, json_bytes, &outcome);
    enum err err = sink_push(bus_sink(bus), batch);
    if (!err)
        err = outcome_wait(&outcome);
    else
        assert_int_equal(atomic_load(&outcome.told), 0);
    batch_free(batch);
    return err;
}

struct seen {
    int32_t partitions[8];
    size_t n;
};

static void note_record(void *ctx, const struct bus_record *bus_record)
{
    struct seen *seen = ctx;
    struct arena *arena = arena_new(65536, 1 << 20);
    struct record record;
    char number[8];
    assert_int_equal(record_decode(bus_record->value, arena, &record), ERR_OK);
    assert_int_equal(record.n_facts, 1);
    assert_true(record.beacon.len == 1);
    snprintf(number, sizeof number, "%.*s", SLICE_ARG(record.beacon));
    seen->partitions[atoi(number)] = bus_record->partition;
    seen->n++;
    arena_free(arena);
}

static void test_partition(void **state)
{
    (void)state;
    static const struct {
        const char *application, *session, *id;
    } rows[] = {{"shop", "one", "0"}, {"shop", "one", "1"}, {"shop", "two", "2"}, {"blog", "one", "3"},
                {"shop", "", "4"},    {"shop", "", "4"},    {"shop", "", "5"}};
    struct seen seen = {0};
    struct bus_cursor *cursor = NULL;
    struct err_text text;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(push(rows[i].application, rows[i].session, rows[i].id, 100), ERR_OK);
    assert_int_equal(bus_subscribe(bus, TOPIC_EVENTS, "index", NULL, &cursor, &text), ERR_OK);
    assert_int_equal(fetch_some(cursor, 7, note_record, &seen), 7);
    assert_int_equal(seen.partitions[0], seen.partitions[1]); /* one session, one partition */
    /* The hash is for ever, so these are: other sessions, applications and beacons spread. */
    assert_int_not_equal(seen.partitions[0], seen.partitions[2]);
    assert_int_not_equal(seen.partitions[0], seen.partitions[3]);
    assert_int_not_equal(seen.partitions[4], seen.partitions[5]);
    bus_unsubscribe(cursor);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        size_t json_bytes;
        enum err err;
    } rows[] = {{100, ERR_OK}, {RECORD_MAX_BYTES, ERR_EVENT_TOO_LARGE}, {1 << 20, ERR_AGAIN}, {1 << 19, ERR_OK}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(push("shop", "s", "0", rows[i].json_bytes), rows[i].err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_partition, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
