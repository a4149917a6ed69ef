/* A member is killed in the middle of a transaction, when all of it lies on the broker at KAFKA_BROKERS and only the
 * commit is missing: it has not happened, and it holds up the next one no longer than a transaction may last. */
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/hash.h"
#include "unit/bus/bus_test.h"

#define EVENTS 40
#define HELD_MS 12000   /* transaction.timeout.ms of bus_kafka_transact.c */
#define SESSION_MS 6000 /* until what the dead one owned is another's */
#define BUSY_MS 30000   /* a broker looks for old transactions every ten seconds; and the machine has other work */

static char prefix[32];
static bool dies_at_commit;

/* In place of librdkafka's own. */
rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *client, int timeout_ms)
{
    if (dies_at_commit) {
        rd_kafka_flush(client, 10000);
        raise(SIGKILL);
    }
    rd_kafka_error_t *(*commit)(rd_kafka_t *, int);
    *(void **)&commit = dlsym(RTLD_NEXT, "rd_kafka_commit_transaction");
    return commit(client, timeout_ms);
}

static struct bus *open_it(void)
{
    static const char *const quick[] = {"session.timeout.ms=6000", "heartbeat.interval.ms=500", NULL};
    const struct bus_options options = {.kind = "kafka",
                                        .partitions = 1,
                                        .brokers = getenv("KAFKA_BROKERS"),
                                        .prefix = prefix,
                                        .properties = quick,
                                        .max_pending_bytes = 1 << 20};
    struct err_text text = {""};
    struct bus *bus = NULL;
    if (bus_setup(&options, &text) || bus_open(&bus, &options, &text))
        fail_msg("%s", text.at);
    return bus;
}

static struct bus_cursor *join(struct bus *bus, enum topic topic, const char *group)
{
    struct bus_cursor *cursor = NULL;
    struct err_text text = {""};
    const struct bus_owner nobody = {0};
    if (bus_subscribe(bus, topic, group, &nobody, &cursor, &text))
        fail_msg("%s", text.at);
    return cursor;
}

/* Counts all events, says how many there were in one message, and commits behind them. */
static enum err count_all(struct bus *bus)
{
    struct bus_cursor *cursor = join(bus, TOPIC_EVENTS, "rollup");
    struct position behind = {TOPIC_EVENTS, 0, 0};
    int counted = 0;
    char said[32];
    for (int64_t end_ms = clock_mono_ms() + HELD_MS + SESSION_MS + BUSY_MS;
         counted < EVENTS && clock_mono_ms() < end_ms;) {
        struct bus_record records[EVENTS];
        size_t n = 0;
        bus_fetch(cursor, records, EVENTS, &n, 200);
        counted += (int)n;
        if (n)
            behind.next = records[n - 1].position + 1;
    }
    snprintf(said, sizeof said, "counted %d", counted);
    struct bus_message message = message_of(TOPIC_ROLLUPS, 0, said);
    enum err err;
    for (int tries = 0; (err = bus_transact(cursor, &message, 1, &behind, 1)) == ERR_AGAIN && tries < 20; tries++)
        nap_ms(500);
    bus_unsubscribe(cursor);
    return err;
}

static void live_and_die(void)
{
    struct bus *bus = open_it();
    for (int i = 0; i < EVENTS; i++)
        if (publish_text(bus, TOPIC_EVENTS, 0, "event"))
            _exit(2);
    dies_at_commit = true;
    count_all(bus);
    _exit(3);
}

static void killed_before_the_commit(void **state)
{
    (void)state;
    pid_t pid = fork(); /* before librdkafka has threads here */
    if (pid == 0)
        live_and_die();
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    int64_t began_ms = clock_mono_ms();
    struct bus *bus = open_it();
    assert_int_equal(count_all(bus), ERR_OK); /* from the beginning: the dead one's position was not committed */
    int64_t counted_ms = clock_mono_ms() - began_ms;
    struct bus_cursor *reader = join(bus, TOPIC_ROLLUPS, "merge");
    struct bus_record records[4];
    size_t n = 0, more = 0;
    while (n == 0 && clock_mono_ms() - began_ms < HELD_MS + SESSION_MS + 2 * BUSY_MS)
        assert_int_equal(bus_fetch(reader, records, 4, &n, 200), ERR_OK);
    int64_t seen_ms = clock_mono_ms() - began_ms;
    assert_int_equal(n, 1);
    char expected[32];
    snprintf(expected, sizeof expected, "counted %d", EVENTS);
    assert_true(slice_is(records[0].value, expected));
    assert_true(records[0].position > 0); /* what the dead one wrote lies before it, and is not seen */
    bus_fetch(reader, records, 4, &more, 2000);
    assert_int_equal(more, 0);
    print_message("counted anew after %lld ms, seen after %lld ms\n", (long long)counted_ms, (long long)seen_ms);
    assert_true(seen_ms < HELD_MS + SESSION_MS + BUSY_MS);
    bus_unsubscribe(reader);
    bus_close(bus, 5000);
}

int main(void)
{
    if (!getenv("KAFKA_BROKERS")) {
        fprintf(stderr, "KAFKA_BROKERS is not set: tests/stack/with-stack runs a broker\n");
        return 1;
    }
    char random[4], hex[9];
    hash_random(random, sizeof random);
    hash_hex((struct slice){random, sizeof random}, hex, 8);
    snprintf(prefix, sizeof prefix, "killed%s", hex);
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_before_the_commit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
