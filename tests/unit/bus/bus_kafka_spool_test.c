/* The spool in front of Kafka, on librdkafka's mock cluster and a real file: slow, away, away at the start, failing,
 * full, damaged, killed while it drains. What is called durable is read from the topic in the end, whatever happened.
 */
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "bus_kafka_spool_stage.h"

static void test_down_in_the_middle(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    struct read read = {0};
    publish_numbered(bus, 0, 10);
    assert_int_equal(bus_oldest_waiting_ms(bus), 0);
    int64_t before_ms = clock_wall_ms();
    set_brokers(false);
    publish_numbered(bus, 10, 50); /* durable all the same */
    await_mode(bus, KAFKA_SPOOLED);
    assert_true(bus_spool_bytes(bus) > 0);
    assert_in_range(bus_oldest_waiting_ms(bus), before_ms, clock_wall_ms());
    assert_true(bus_is_ready(bus));
    set_brokers(true);
    publish_numbered(bus, 50, 80); /* behind those of the spool, or with them */
    await_mode(bus, KAFKA_DIRECT);
    publish_numbered(bus, 80, 100);
    assert_int_equal(bus_oldest_waiting_ms(bus), 0);
    assert_int_equal(bus_spool_bytes(bus), 0);
    read_all(100, true, &read);
    bus_close(bus, 5000);
}

static void test_down_at_start(void **state)
{
    (void)state;
    struct read read = {0};
    set_brokers(false);
    struct bus *bus = open_with_spool();
    assert_int_equal(bus_partitions(bus, TOPIC_EVENTS), PARTITIONS); /* as configured */
    publish_numbered(bus, 0, 20);
    bus_close(bus, 500);
    bus = open_with_spool(); /* what is spooled is still there */
    assert_true(bus_spool_bytes(bus) > 0);
    assert_true(bus_oldest_waiting_ms(bus) > 0);
    publish_numbered(bus, 20, 30);
    set_brokers(true);
    await_mode(bus, KAFKA_DIRECT);
    publish_numbered(bus, 30, 40);
    read_all(40, true, &read);
    bus_close(bus, 5000);
}

/* The number of partitions that the cluster has is known after one meeting. */
static void test_remembers(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    bus_close(bus, 1000);
    set_brokers(false);
    struct bus_options options = spool_options();
    struct err_text text = {""};
    options.partitions = 1;
    assert_int_equal(bus_open(&bus, &options, &text), ERR_OK);
    assert_int_equal(bus_partitions(bus, TOPIC_EVENTS), PARTITIONS);
    bus_close(bus, 1000);
}

/* Without the cluster the partitions are known when they are remembered; else from when it answers. */
static void test_is_known(void **state)
{
    (void)state;
    struct bus_options options = spool_options();
    struct err_text text = {""};
    struct bus *bus = NULL;
    set_brokers(false);
    assert_int_equal(bus_open(&bus, &options, &text), ERR_OK);
    assert_false(bus_is_known(bus));
    assert_non_null(strstr(bus_trouble(bus), "SE-3001"));
    assert_true(bus_is_ready(bus));
    set_brokers(true);
    await_mode(bus, KAFKA_DIRECT);
    assert_true(bus_is_known(bus));
    assert_null(bus_trouble(bus));
    bus_close(bus, 1000);
    set_brokers(false);
    assert_int_equal(bus_open(&bus, &options, &text), ERR_OK);
    assert_true(bus_is_known(bus));
    assert_non_null(strstr(bus_trouble(bus), "SE-3002"));
    bus_close(bus, 1000);
}

/* What was spooled for a wrong number of partitions comes to the right one by its key. */
static void test_never_seen(void **state)
{
    (void)state;
    struct read read = {0};
    struct bus_options options = spool_options();
    struct bus *bus = NULL;
    struct err_text text = {""};
    set_brokers(false);
    options.partitions = 3;
    assert_int_equal(bus_open(&bus, &options, &text), ERR_OK);
    publish_numbered(bus, 0, 20);
    set_brokers(true);
    await_mode(bus, KAFKA_DIRECT);
    assert_int_equal(bus_partitions(bus, TOPIC_EVENTS), PARTITIONS);
    publish_numbered(bus, 20, 25);
    read_all(25, true, &read);
    bus_close(bus, 5000);
}

static void set_rtt(int ms)
{
    for (int i = 1; i <= 3; i++)
        rd_kafka_mock_broker_set_rtt(mock, i, ms);
}

/* What comes while a wave is out leaves when it is confirmed; none overtakes another. */
static void test_waves(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    struct read read = {0};
    set_rtt(40);
    for (int i = 0; i < 10; i++)
        publish_numbered(bus, 10 * i, 10 * i + 10);
    set_rtt(0);
    publish_numbered(bus, 100, 200);
    read_all(200, true, &read);
    bus_close(bus, 5000);
}

/* Neither down nor in time: acknowledged by the spool; what arrives twice is a repeat. */
static void test_slow(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    struct read read = {0};
    publish_numbered(bus, 0, 5);
    set_rtt(3 * SPOOL_AFTER_MS);
    publish_numbered(bus, 5, 10);
    publish_numbered(bus, 10, 15);
    set_rtt(0);
    await_mode(bus, KAFKA_DIRECT);
    publish_numbered(bus, 15, 20);
    read_all(20, false, &read); /* a repeat of the slow ones may come behind its followers */
    bus_close(bus, 5000);
}

/* Kafka refuses a record when those behind it have left already: they may arrive before it, but it does arrive. */
static void test_refused_is_overtaken(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    struct read read = {0};
    struct outcome outcomes[3];
    char texts[3][32];
    memset(outcomes, 0, sizeof outcomes);
    publish_numbered(bus, 0, 1);
    set_rtt(SPOOL_AFTER_MS / 3);
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    for (int i = 0; i < 3; i++) {
        snprintf(texts[i], sizeof texts[i], "0 %d", i + 1);
        struct bus_message message = message_of(TOPIC_EVENTS, 0, texts[i]);
        assert_int_equal(bus_publish(bus, &message, note_outcome, &outcomes[i]), ERR_OK);
        nap_ms(20);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(outcome_wait(&outcomes[i]), ERR_OK);
    set_rtt(0);
    await_mode(bus, KAFKA_DIRECT);
    for (int p = 1; p < PARTITIONS; p++)
        read.n[p] = 3; /* only the first went there */
    read_all(4, false, &read);
    bus_close(bus, 5000);
}

/* One of a partition at a time: then nothing has left that could arrive before the one that is refused. */
static void test_refused_for_now(void **state)
{
    (void)state;
    static const rd_kafka_resp_err_t codes[] = {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                                RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS};
    struct bus *bus = open_with_spool();
    struct read read = {0};
    for (int i = 0; i < 2; i++) {
        rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, codes[i]);
        for (int number = 10 * i; number < 10 * i + 10; number++)
            publish_numbered(bus, number, number + 1);
        await_mode(bus, KAFKA_DIRECT);
    }
    read_all(20, true, &read);
    bus_close(bus, 5000);
}

/* A producer that has failed for good is replaced; nobody notices. */
static void test_fatal(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    struct read read = {0};
    publish_numbered(bus, 0, 10);
    rd_kafka_t *broken = ((struct kafka_bus *)bus)->producer;
    rd_kafka_test_fatal_error(broken, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "as if");
    publish_numbered(bus, 10, 20);
    await_mode(bus, KAFKA_DIRECT);
    assert_ptr_not_equal(((struct kafka_bus *)bus)->producer, broken);
    publish_numbered(bus, 20, 30);
    read_all(30, true, &read);
    bus_close(bus, 5000);
}

/* The bound on what is under way is no refusal any more but a reason to spool. */
static void test_pending_bound(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    static struct outcome outcomes[100];
    static char large[200000] = "0 0";
    size_t taken = 0;
    memset(outcomes, 0, sizeof outcomes);
    set_brokers(false);
    for (size_t i = 0; i < 100; i++) {
        struct bus_message message = {TOPIC_EVENTS, 0, {large, sizeof large}};
        enum err err;
        for (int ms = 0; (err = bus_publish(bus, &message, note_outcome, &outcomes[i])) == ERR_AGAIN && ms < MAX_MS;
             ms += 5)
            nap_ms(5);
        assert_int_equal(err, ERR_OK);
        taken++;
    }
    for (size_t i = 0; i < taken; i++)
        assert_int_equal(outcome_wait(&outcomes[i]), ERR_OK);
    assert_true(bus_spool_bytes(bus) >= 100 * sizeof large);
    set_brokers(true);
    await_mode(bus, KAFKA_DIRECT);
    bus_close(bus, 5000);
}

static void test_full(void **state)
{
    (void)state;
    static char large[100000] = "0 0";
    max_file_bytes = 4 << 20;
    struct bus *bus = open_with_spool();
    struct bus_message message = {TOPIC_EVENTS, 0, {large, sizeof large}};
    enum err err = ERR_OK;
    int taken = 0;
    set_brokers(false);
    while (taken < 100 && !(err = bus_publish_wait(bus, &message, 1)))
        taken++;
    assert_int_equal(err, ERR_FULL);
    assert_in_range(taken, 10, 60);
    assert_int_equal(bus_publish_wait(bus, &message, 1), ERR_FULL);
    set_brokers(true);
    await_mode(bus, KAFKA_DIRECT);
    for (int ms = 0; ms < MAX_MS && !bus_is_ready(bus); ms += 50) /* what was drained leaves the file within seconds */
        nap_ms(50);
    assert_true(bus_is_ready(bus));
    rd_kafka_t *reader = new_reader();
    int read = 0;
    for (int64_t until_ms = clock_mono_ms() + MAX_MS; read < taken && clock_mono_ms() < until_ms;) {
        rd_kafka_message_t *each = rd_kafka_consumer_poll(reader, 100);
        read += each && !each->err;
        if (each)
            rd_kafka_message_destroy(each);
    }
    assert_int_equal(read, taken);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    bus_close(bus, 5000);
}

/* At the end what the cluster does not take in time is in the spool, and nothing in memory only. */
static void test_close_to_the_spool(void **state)
{
    (void)state;
    struct outcome outcomes[20];
    char texts[20][32];
    memset(outcomes, 0, sizeof outcomes);
    struct bus_options options = spool_options();
    struct err_text text = {""};
    struct bus *bus = NULL;
    struct read read = {0};
    options.spool_after_ms = 60000;
    assert_int_equal(bus_open(&bus, &options, &text), ERR_OK);
    set_rtt(20000);
    for (int i = 0; i < 20; i++) {
        snprintf(texts[i], sizeof texts[i], "%d %d", i % PARTITIONS, i / PARTITIONS);
        struct bus_message message = message_of(TOPIC_EVENTS, (uint64_t)i, texts[i]);
        assert_int_equal(bus_publish(bus, &message, note_outcome, &outcomes[i]), ERR_OK);
    }
    bus_close(bus, 1000);
    for (int i = 0; i < 20; i++)
        assert_int_equal(outcome_wait(&outcomes[i]), ERR_OK);
    set_rtt(0);
    bus = open_with_spool();
    await_mode(bus, KAFKA_DIRECT);
    read_all(5, true, &read);
    bus_close(bus, 5000);
}

/* The child publishes while the cluster is away and drains when it is back, and is killed in the middle of it. */
static void drain_as_child(void)
{
    open_with_spool();
    for (;;)
        nap_ms(1000);
}

static void test_kill_while_draining(void **state)
{
    (void)state;
    struct read read = {0};
    set_brokers(false);
    struct bus *bus = open_with_spool();
    for (int i = 0; i < MANY; i += 100)
        publish_numbered(bus, i, i + 100);
    bus_close(bus, 500);
    set_brokers(true);
    /* The mock lives in this process: a child reaches it by its sockets, and has no threads of ours. */
    for (int round = 0; round < 3; round++) {
        pid_t pid = fork();
        if (pid == 0)
            drain_as_child();
        nap_ms(200 + 150 * round);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    bus = open_with_spool();
    await_mode(bus, KAFKA_DIRECT);
    read_all(MANY, true, &read);
    bus_close(bus, 5000);
}

static void spoil(size_t offset)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    fseek(file, (long)offset, SEEK_SET);
    for (int i = 0; i < 4096; i++)
        fputc(0x5a, file);
    fclose(file);
}

static bool is_aside(void)
{
    char command[160];
    snprintf(command, sizeof command, "ls %s/*corrupt* >/dev/null 2>&1", folder);
    return system(command) == 0;
}

static void test_damaged(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    bus_close(bus, 1000);
    spoil(0);
    bus = open_with_spool();
    assert_true(is_aside());
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "0 0"), ERR_OK);
    bus_close(bus, 1000);
}

static void test_newer_file(void **state)
{
    (void)state;
    struct bus *bus = open_with_spool();
    struct bus_options options = spool_options();
    struct err_text text = {""};
    sqlite3 *db = NULL;
    bus_close(bus, 1000);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=1000", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(bus_open(&bus, &options, &text), ERR_NEWER_VERSION);
    assert_non_null(strstr(text.at, "spool.db"));
}

/* Processes that share a folder have spools of their own. */
static void test_two_in_one_folder(void **state)
{
    (void)state;
    struct read read = {0};
    set_brokers(false);
    struct bus *first = open_with_spool(), *second = open_with_spool();
    assert_string_not_equal(((struct kafka_bus *)first)->spool_path, ((struct kafka_bus *)second)->spool_path);
    publish_numbered(first, 0, 5);
    set_brokers(true);
    await_mode(first, KAFKA_DIRECT);
    publish_numbered(second, 5, 10);
    await_mode(second, KAFKA_DIRECT);
    read_all(10, true, &read);
    bus_close(second, 5000);
    bus_close(first, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_down_in_the_middle, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_down_at_start, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_remembers, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_is_known, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_never_seen, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_waves, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_slow, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_refused_is_overtaken, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_refused_for_now, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_fatal, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_pending_bound, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_full, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_close_to_the_spool, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_kill_while_draining, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_damaged, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_newer_file, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_two_in_one_folder, begin_spool, end_spool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
