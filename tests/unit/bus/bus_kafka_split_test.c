/* A beacon that is larger than a record of the topic: several records, one answer, the same events. */
#include "bus_kafka_stage.h"

#include "event/application.h"
#include "event/record.h"

#define EVENTS 12
#define MAX_RECORD 16384

static const char *const small[] = {"session.timeout.ms=6000", "message.max.bytes=17408", NULL};

static struct bus *open_small(void)
{
    struct bus_options options = options_of();
    struct err_text text = {""};
    struct bus *bus = NULL;
    options.properties = small;
    if (bus_open(&bus, &options, &text))
        fail_msg("%s", text.at);
    assert_int_equal(bus_max_message(bus), MAX_RECORD);
    return bus;
}

static void note_done(struct batch *batch, enum err result)
{
    note_outcome(batch->owner, result);
}

static struct batch *batch_of(const size_t *json_bytes, size_t n, struct outcome *outcome)
{
    static const struct application application = {.name = "shop"};
    struct batch *batch = batch_new(64);
    batch->done = note_done;
    batch->owner = outcome;
    batch->application = &application;
    batch->envelope = (struct envelope){.id = SLICE("beacon-1"), .session = SLICE("s"), .rate = 1, .dropped = 7};
    batch->events = arena_zero(batch->arena, n * sizeof *batch->events);
    batch->n_events = n;
    for (size_t i = 0; i < n; i++) {
        char *json = arena_alloc(batch->arena, json_bytes[i]);
        memset(json, ' ', json_bytes[i]);
        json[0] = '{';
        json[json_bytes[i] - 1] = '}';
        batch->events[i] = (struct event){.kind = EVENT_CLICK, .index = (uint16_t)(i + 1), .count = 1};
        batch->events[i].json = (struct slice){json, json_bytes[i]};
    }
    return batch;
}

struct parts_seen {
    size_t n_records, dropped;
    int times[EVENTS + 2], parts[EVENTS + 2];
};

static void note_parts(void *ctx, const struct bus_record *bus_record)
{
    struct parts_seen *seen = ctx;
    struct arena *arena = arena_new(65536, 1 << 20);
    struct record record;
    assert_int_equal(record_decode(bus_record->value, arena, &record), ERR_OK);
    assert_true(bus_record->value.len <= MAX_RECORD);
    assert_true(slice_is(record.beacon, "beacon-1"));
    for (size_t i = 0; i < record.n_facts; i++)
        seen->times[record.facts[i].index]++;
    seen->parts[record_part(&record)]++;
    seen->dropped += record.dropped;
    seen->n_records++;
    arena_free(arena);
}

static void test_split(void **state)
{
    (void)state;
    static const size_t sizes[EVENTS] = {5000, 5000, 5000, 100, 16000, 100, 20000, 9000, 9000, 300, 300, 17000};
    struct outcome outcome = {0};
    struct parts_seen seen = {0};
    struct bus *bus = open_small();
    struct batch *batch = batch_of(sizes, EVENTS, &outcome);
    assert_int_equal(sink_push(bus_sink(bus), batch), ERR_OK);
    assert_int_equal(outcome_wait(&outcome), ERR_OK);
    /* Two are larger than any record: refused by name, the rest is accepted. */
    assert_int_equal(batch->n_events, EVENTS - 2);
    assert_int_equal(batch->n_refused, 2);
    assert_int_equal(batch->refused[0].index, 7);
    assert_int_equal(batch->refused[1].index, 12);
    assert_int_equal(batch->refused[0].why, ERR_EVENT_TOO_LARGE);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index", NULL);
    fetch_some(cursor, 4, note_parts, &seen);
    assert_int_equal(seen.n_records, 4); /* 1-4, 5 6, 8, 9-11 */
    for (int i = 1; i <= EVENTS; i++)
        assert_int_equal(seen.times[i], i == 7 || i == 12 ? 0 : 1);
    for (int i = 0; i <= EVENTS; i++)
        assert_true(seen.parts[i] <= 1); /* no two parts are taken for one */
    assert_int_equal(seen.dropped, 7);
    bus_unsubscribe(cursor);
    batch_free(batch);
    bus_close(bus, 5000);
}

static void test_nothing_fits(void **state)
{
    (void)state;
    static const size_t sizes[] = {20000, 30000};
    struct outcome outcome = {0};
    struct bus *bus = open_small();
    struct batch *batch = batch_of(sizes, 2, &outcome);
    assert_int_equal(sink_push(bus_sink(bus), batch), ERR_EVENT_TOO_LARGE);
    assert_int_equal(atomic_load(&outcome.told), 0);
    assert_int_equal(batch->n_refused, 2);
    batch_free(batch);
    bus_close(bus, 5000);
}

/* One part fails: the beacon has failed, once, when the last part is told. */
static void test_part_fails(void **state)
{
    (void)state;
    static const size_t sizes[] = {12000, 12000, 12000};
    struct outcome outcome = {0};
    struct bus *bus = open_small();
    struct batch *batch = batch_of(sizes, 3, &outcome);
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(sink_push(bus_sink(bus), batch), ERR_OK);
    assert_int_equal(outcome_wait(&outcome), ERR_TOO_LARGE);
    nap_ms(50);
    assert_int_equal(atomic_load(&outcome.told), 1);
    batch_free(batch);
    bus_close(bus, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_split, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing_fits, begin, end),
        cmocka_unit_test_setup_teardown(test_part_fails, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
