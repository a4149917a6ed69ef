/* The Kafka bus against librdkafka's mock cluster; with SEISMO_TEST_KAFKA=HOST:PORT against a real one as well.
 * The mock knows neither the admin API nor times nor aborted records: those rows run on the real one only. */
#include "bus_kafka_stage.h"

#include "base/metric.h"

static void test_publish_fetch_commit(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    struct seen seen = {0};
    publish_numbered(bus, 0, 20);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index", NULL);
    assert_int_equal(fetch_some(cursor, 80, check_order, &seen), 80);
    assert_int_equal(commit_all(cursor, &seen), ERR_OK);
    await_lag(cursor, 0);
    assert_int_equal(bus_end(cursor, TOPIC_EVENTS, 1), 20);
    bus_unsubscribe(cursor);
    publish_numbered(bus, 20, 25);
    /* The next member goes on where the first stood, and not again from the start. */
    cursor = subscribe(bus, TOPIC_EVENTS, "index", NULL);
    assert_int_equal(fetch_some(cursor, 20, check_order, &seen), 20);
    bus_unsubscribe(cursor);
    assert_int_equal(bus_spool_bytes(bus), 0);
    assert_true(bus_is_ready(bus));
    bus_close(bus, 5000);
}

/* The broker has lost what was there: the reader goes on with what is, once, and says so. */
static void test_topic_is_younger(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    struct seen seen = {0};
    struct metric *resets = metric_get(METRIC_COUNTER, "seismo_bus_resets_total", NULL, NULL,
                                       "partitions that ended before the place at which their reader stood");
    int64_t before = metric_value(resets);
    publish_numbered(bus, 0, 5);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index", NULL);
    assert_int_equal(fetch_some(cursor, 20, check_order, &seen), 20);
    seen.next[1] = 1000;
    assert_int_equal(commit_all(cursor, &seen), ERR_OK);
    bus_unsubscribe(cursor);
    memset(&seen, 0, sizeof seen);
    for (int p = 0; p < PARTITIONS; p++)
        seen.numbers[p] = p == 1 ? 0 : 5;
    cursor = subscribe(bus, TOPIC_EVENTS, "index", NULL);
    assert_int_equal(fetch_some(cursor, 5, check_order, &seen), 5);
    assert_int_equal(seen.numbers[1], 5);
    assert_int_equal(metric_value(resets), before + 1);
    bus_unsubscribe(cursor);
    bus_close(bus, 5000);
}

static void test_bounds(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    struct outcome outcome = {0};
    char *large = calloc(1, bus_max_message(bus) + 1);
    struct bus_message message = {TOPIC_EVENTS, 0, {large, bus_max_message(bus) + 1}};
    assert_int_equal(bus_publish(bus, &message, note_outcome, &outcome), ERR_TOO_LARGE);
    message.value.len = bus_max_message(bus);
    assert_int_equal(bus_publish_wait(bus, &message, 1), ERR_OK);
    enum err err = ERR_OK;
    static struct outcome outcomes[100];
    size_t n = 0;
    message.value.len = 200000;
    while (n < 100 && !(err = bus_publish(bus, &message, note_outcome, &outcomes[n])))
        n++;
    assert_int_equal(err, ERR_AGAIN);
    assert_in_range(n, 1, 27);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(outcome_wait(&outcomes[i]), ERR_OK);
    free(large);
    bus_close(bus, 5000);
}

static void test_properties(void **state)
{
    (void)state;
    static const struct {
        const char *property;
        const char *says; /* NULL: fine */
    } rows[] = {{"linger.ms=1", NULL},
                {"no.such.property=hunter2", "no.such.property"},
                {"linger.ms=hunter2", "linger.ms"},
                {"hunter2", "name=value"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *properties[] = {rows[i].property, NULL};
        struct bus_options options = options_of();
        struct bus *bus = NULL;
        struct err_text text = {""};
        options.properties = properties;
        assert_int_equal(bus_open(&bus, &options, &text), rows[i].says ? ERR_BUS_OPEN : ERR_OK);
        if (rows[i].says)
            assert_non_null(strstr(text.at, rows[i].says));
        assert_null(strstr(text.at, "hunter2"));
        bus_close(bus, 1000);
    }
}

static void test_missing_topic(void **state)
{
    (void)state;
    struct bus_options options = options_of();
    struct bus *bus = NULL;
    struct err_text text = {""};
    if (mock)
        rd_kafka_mock_topic_set_error(mock, "nowhere.events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    options.prefix = "nowhere";
    assert_int_equal(bus_open(&bus, &options, &text), ERR_BUS_OPEN);
    assert_non_null(strstr(text.at, "nowhere.events"));
}

static void *wake_later(void *cursor)
{
    nap_ms(300);
    bus_wake(cursor);
    return NULL;
}

static void test_wake(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index", NULL);
    struct bus_record record;
    size_t n = 1;
    pthread_t thread;
    int64_t before = clock_mono_ms();
    pthread_create(&thread, NULL, wake_later, cursor);
    assert_int_equal(bus_fetch(cursor, &record, 1, &n, 15000), ERR_OK);
    assert_int_equal(n, 0);
    assert_true(clock_mono_ms() - before < 10000);
    pthread_join(thread, NULL);
    bus_unsubscribe(cursor);
    bus_close(bus, 5000);
}

/* ---- transactions ---- */

static void test_transact(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    struct bus_cursor *events = subscribe(bus, TOPIC_EVENTS, "rollup", NULL);
    struct seen seen = {0}, out_seen = {0};
    for (int round = 0; round < 3; round++) {
        publish_numbered(bus, round * 5, round * 5 + 5);
        assert_int_equal(fetch_some(events, 20, check_order, &seen), 20);
        char texts[PARTITIONS][32];
        struct bus_message out[PARTITIONS];
        struct position positions[PARTITIONS];
        for (int p = 0; p < PARTITIONS; p++) {
            snprintf(texts[p], sizeof texts[p], "%d %d", p, round);
            out[p] = message_of(TOPIC_ROLLUPS, (uint64_t)p, texts[p]);
            positions[p] = (struct position){TOPIC_EVENTS, p, seen.next[p]};
        }
        enum err err = ERR_AGAIN;
        for (int tries = 0; err == ERR_AGAIN && tries < 5; tries++)
            err = bus_transact(events, out, PARTITIONS, positions, PARTITIONS);
        assert_int_equal(err, ERR_OK);
    }
    await_lag(events, 0);
    struct bus_cursor *rollups = subscribe(bus, TOPIC_ROLLUPS, "merge", NULL);
    assert_int_equal(fetch_some(rollups, 3 * PARTITIONS, check_order, &out_seen), 3 * PARTITIONS);
    struct position positions[PARTITIONS];
    for (int p = 0; p < PARTITIONS; p++)
        positions[p] = (struct position){TOPIC_ROLLUPS, p, out_seen.next[p]};
    assert_int_equal(bus_commit(rollups, positions, PARTITIONS), ERR_OK);
    await_lag(rollups, 0); /* though the transactions' marks stand behind the last record */
    bus_unsubscribe(rollups);
    bus_unsubscribe(events);
    events = subscribe(bus, TOPIC_EVENTS, "rollup", NULL);
    struct bus_record record;
    size_t n = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(bus_fetch(events, &record, 1, &n, 100), ERR_OK);
        assert_int_equal(n, 0); /* all positions were committed with the output */
    }
    bus_unsubscribe(events);
    bus_close(bus, 5000);
}

static void test_transaction_taken_back(void **state)
{
    (void)state;
    if (!mock)
        return;
    struct bus *bus = open_bus();
    struct bus_cursor *events = subscribe(bus, TOPIC_EVENTS, "rollup", NULL);
    struct seen seen = {0};
    publish_numbered(bus, 0, 1);
    assert_int_equal(fetch_some(events, PARTITIONS, check_order, &seen), PARTITIONS);
    struct bus_message out = message_of(TOPIC_ROLLUPS, 0, "0 0");
    struct position position = {TOPIC_EVENTS, 0, 1};
    static const struct {
        int api;
        rd_kafka_resp_err_t code;
        enum err err;
    } rows[] = {
        {25 /* AddOffsetsToTxn */, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_AGAIN},
        {28 /* TxnOffsetCommit */, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, ERR_FENCED},
        {28 /* TxnOffsetCommit */, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, ERR_FENCED},
        {26 /* EndTxn */, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, ERR_FENCED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rd_kafka_mock_push_request_errors(mock, rows[i].api, 1, rows[i].code);
        enum err err = bus_transact(events, &out, 1, &position, 1);
        if (err != rows[i].err)
            fail_msg("row %zu: %s", i, err_name(err));
        rd_kafka_mock_clear_request_errors(mock, rows[i].api);
        assert_int_equal(bus_transact(events, &out, 1, &position, 1), ERR_OK);
    }
    bus_unsubscribe(events);
    bus_close(bus, 5000);
}

/* ---- a cluster that is not well ---- */

static void test_broker_errors(void **state)
{
    (void)state;
    if (!mock)
        return;
    struct bus *bus = open_bus();
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 1, "in the end"), ERR_OK);
    rd_kafka_mock_push_request_errors(mock, 0, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 1, "refused"), ERR_TOO_LARGE);
    rd_kafka_mock_push_request_errors(mock, 0, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 1, "refused"), ERR_BUS_WRITE);
    /* librdkafka forgets a topic that it may not write to until it asks again. */
    enum err err = ERR_BUS_WRITE;
    for (int ms = 0; ms < MAX_MS && err == ERR_BUS_WRITE; ms += 100) {
        nap_ms(100);
        err = publish_text(bus, TOPIC_EVENTS, 1, "well again");
    }
    assert_int_equal(err, ERR_OK);
    bus_close(bus, 5000);
}

static void test_brokers_away(void **state)
{
    (void)state;
    if (!mock)
        return;
    struct bus *bus = open_bus();
    struct outcome outcome = {0};
    struct bus_message message = message_of(TOPIC_EVENTS, 0, "patience");
    for (int i = 1; i <= 3; i++)
        rd_kafka_mock_broker_set_down(mock, i);
    assert_int_equal(bus_publish(bus, &message, note_outcome, &outcome), ERR_OK);
    nap_ms(1000);
    assert_int_equal(atomic_load(&outcome.told), 0); /* neither durable nor failed yet */
    assert_true(bus_spool_bytes(bus) > 0);
    for (int i = 1; i <= 3; i++)
        rd_kafka_mock_broker_set_up(mock, i);
    assert_int_equal(outcome_wait(&outcome), ERR_OK);
    for (int i = 1; i <= 3; i++)
        rd_kafka_mock_broker_set_down(mock, i);
    struct outcome last = {0};
    assert_int_equal(bus_publish(bus, &message, note_outcome, &last), ERR_OK);
    bus_close(bus, 500); /* told, whatever became of it */
    assert_int_equal(outcome_wait(&last), ERR_CLOSED);
}

/* ---- the real one only ---- */

static bool add(void *ctx, const struct bus_record *record)
{
    struct seen *seen = ctx;
    assert_int_equal(record->partition, 1);
    check_order(seen, record);
    return true;
}

static void test_read_back(void **state)
{
    (void)state;
    if (mock)
        return;
    struct bus *bus = open_bus();
    struct bus_cursor *events = subscribe(bus, TOPIC_EVENTS, "rollup", NULL);
    struct seen seen = {0};
    publish_numbered(bus, 0, 10);
    nap_ms(100);
    int64_t between_ms = clock_wall_ms();
    nap_ms(100);
    publish_numbered(bus, 10, 30);
    assert_int_equal(fetch_some(events, 120, check_order, &seen), 120);
    struct position position = {TOPIC_EVENTS, 1, 25};
    assert_int_equal(bus_commit(events, &position, 1), ERR_OK);
    static const struct {
        int first, behind;
    } rows[] = {{0, 25}, {10, 25}};
    for (size_t i = 0; i < 2; i++) {
        struct seen again = {.numbers = {0, rows[i].first}};
        assert_int_equal(bus_read_back(events, TOPIC_EVENTS, 1, i ? between_ms : 0, add, &again), ERR_OK);
        assert_int_equal(again.numbers[1], rows[i].behind);
    }
    struct seen none = {0};
    assert_int_equal(bus_read_back(events, TOPIC_EVENTS, 2, 0, add, &none), ERR_OK); /* nothing committed there */
    bus_unsubscribe(events);
    bus_close(bus, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_publish_fetch_commit, begin, end),
        cmocka_unit_test_setup_teardown(test_topic_is_younger, begin, end),
        cmocka_unit_test_setup_teardown(test_bounds, begin, end),
        cmocka_unit_test_setup_teardown(test_properties, begin, end),
        cmocka_unit_test_setup_teardown(test_missing_topic, begin, end),
        cmocka_unit_test_setup_teardown(test_wake, begin, end),
        cmocka_unit_test_setup_teardown(test_transact, begin, end),
        cmocka_unit_test_setup_teardown(test_transaction_taken_back, begin, end),
        cmocka_unit_test_setup_teardown(test_broker_errors, begin, end),
        cmocka_unit_test_setup_teardown(test_brokers_away, begin, end),
        cmocka_unit_test_setup_teardown(test_read_back, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
