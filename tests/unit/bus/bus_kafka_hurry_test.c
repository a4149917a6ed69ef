/* The end of the program while the Kafka cluster does not answer: whatever waits for it gives up in time. Also what is
 * not known while a member joins. Times are bounds far above what is wanted and far below what librdkafka waits by
 * itself. */
#include "bus_kafka_stage.h"

#include "base/metric.h"

#define SILENT_MS 90000
#define SOON_MS 15000

static void set_rtt(int ms)
{
    for (int i = 1; i <= 3; i++)
        rd_kafka_mock_broker_set_rtt(mock, i, ms);
}

static bool is_shown(const char *group)
{
    struct buf buf;
    char label[64];
    buf_init(&buf, 1 << 20);
    metrics_write(&buf);
    buf_char(&buf, '\0');
    snprintf(label, sizeof label, "seismo_bus_lag{group=\"%s\"}", group);
    bool shown = strstr(buf.at, label) != NULL;
    buf_done(&buf);
    return shown;
}

static struct bus_cursor *join_and_read(struct bus *bus, const char *group)
{
    struct seen seen = {0};
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, group, NULL);
    publish_numbered(bus, 0, 5);
    assert_int_equal(fetch_some(cursor, 5 * PARTITIONS, check_order, &seen), 5 * PARTITIONS);
    return cursor;
}

struct call {
    struct bus_cursor *cursor;
    enum err (*run)(struct bus_cursor *cursor);
    enum err err;
    pthread_t thread;
};

static enum err commit_one(struct bus_cursor *cursor)
{
    struct position position = {TOPIC_EVENTS, 1, 3};
    return bus_commit(cursor, &position, 1);
}

static enum err transact_one(struct bus_cursor *cursor)
{
    struct position position = {TOPIC_EVENTS, 1, 3};
    struct bus_message message = message_of(TOPIC_ROLLUPS, 0, "last words");
    return bus_transact(cursor, &message, 1, &position, 1);
}

static void *run_call(void *arg)
{
    struct call *call = arg;
    call->err = call->run(call->cursor);
    return NULL;
}

/* The threads that leave end when the cluster answers at last, and then let go of the bus. */
static void close_in_time(struct bus *bus)
{
    struct kafka_bus *kafka = (struct kafka_bus *)bus;
    int64_t began_ms = clock_mono_ms();
    bool clean = bus_close(bus, 1000);
    assert_true(clock_mono_ms() - began_ms < SOON_MS);
    if (clean)
        return;
    set_rtt(0);
    for (int i = 1; i <= 3; i++) {
        rd_kafka_mock_broker_set_down(mock, i);
        rd_kafka_mock_broker_set_up(mock, i);
    }
    assert_true(kafka_await_leavers(kafka, clock_mono_ms() + SILENT_MS));
    kafka_bus_free(kafka);
}

/* The call waits for a cluster that says nothing, until the program ends. */
static void gives_up(enum err (*run)(struct bus_cursor *cursor))
{
    if (!mock)
        return;
    struct bus *bus = open_bus();
    struct call call = {.cursor = join_and_read(bus, "index"), .run = run};
    set_rtt(SILENT_MS);
    assert_int_equal(pthread_create(&call.thread, NULL, run_call, &call), 0);
    nap_ms(300);
    int64_t began_ms = clock_mono_ms();
    bus_hurry(bus, 500);
    pthread_join(call.thread, NULL);
    assert_true(clock_mono_ms() - began_ms < SOON_MS);
    assert_int_not_equal(call.err, ERR_OK);
    bus_unsubscribe(call.cursor);
    assert_true(clock_mono_ms() - began_ms < SOON_MS);
    close_in_time(bus);
}

static void test_commit_gives_up(void **state)
{
    (void)state;
    gives_up(commit_one);
}

static void test_transaction_gives_up(void **state)
{
    (void)state;
    gives_up(transact_one);
}

/* Once it is too late nothing is begun. */
static void test_too_late(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    struct bus_cursor *cursor = join_and_read(bus, "index");
    assert_int_equal(transact_one(cursor), ERR_OK);
    bus_hurry(bus, 0);
    nap_ms(20);
    assert_int_equal(transact_one(cursor), ERR_CLOSED);
    bus_unsubscribe(cursor);
    bus_close(bus, 10000);
}

static void count_revoked(void *ctx, enum topic topic, int32_t partition, bool lost)
{
    (void)topic, (void)partition, (void)lost;
    ++*(int *)ctx;
}

/* The owner hears of its partitions before unsubscribe returns, and never after; with the cluster there, the goodbye is
 * said: the next member need not wait for the session to end. */
static void test_leaves(void **state)
{
    (void)state;
    int revoked = 0;
    struct bus_owner owner = {.revoked = count_revoked, .ctx = &revoked};
    struct bus *bus = open_bus();
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index", &owner);
    struct seen seen = {0};
    publish_numbered(bus, 0, 5);
    assert_int_equal(fetch_some(cursor, 5 * PARTITIONS, check_order, &seen), 5 * PARTITIONS);
    bus_hurry(bus, 5000);
    bus_unsubscribe(cursor);
    assert_int_equal(revoked, PARTITIONS);
    assert_true(bus_close(bus, 30000));
    assert_int_equal(revoked, PARTITIONS);
}

/* Before it is known where the group stands there is no figure, not a 0. */
static void test_lag_unknown(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    publish_numbered(bus, 0, 5);
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "joiner", NULL);
    assert_int_equal(bus_lag(cursor), -1);
    assert_false(is_shown("joiner"));
    struct seen seen = {0};
    assert_int_equal(fetch_some(cursor, 5 * PARTITIONS, check_order, &seen), 5 * PARTITIONS);
    assert_int_equal(bus_lag(cursor), 5 * PARTITIONS); /* read, not committed */
    assert_true(is_shown("joiner"));
    assert_int_equal(commit_all(cursor, &seen), ERR_OK);
    await_lag(cursor, 0);
    bus_unsubscribe(cursor);
    bus_close(bus, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commit_gives_up, begin, end),
        cmocka_unit_test_setup_teardown(test_transaction_gives_up, begin, end),
        cmocka_unit_test_setup_teardown(test_too_late, begin, end),
        cmocka_unit_test_setup_teardown(test_leaves, begin, end),
        cmocka_unit_test_setup_teardown(test_lag_unknown, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
