/* Files of earlier releases: opened, brought up to date, read, written to. The files:
 * tests/cases/upgrade/RELEASE/bus.db. */
#include "bus_test.h"

#include <string.h>

static char path[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/seismo-bus-upgrade-%d.db", (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    return 0;
}

static void copy_from(const char *release)
{
    char from[512], bytes[16384];
    snprintf(from, sizeof from, "%s/tests/cases/upgrade/%s/bus.db", SEISMO_SOURCE, release);
    FILE *in = fopen(from, "rb"), *out = fopen(path, "wb");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    fclose(out);
}

static void check_record(void *ctx, const struct bus_record *record)
{
    (void)ctx;
    assert_true(record->value.len > 100 && record->published_ms > 0);
}

/* Made by 0.1.0: eight beacons in two partitions, of which the group "index" has read six. */
static void release_0_1_0(void **state)
{
    (void)state;
    copy_from("0.1.0");
    struct bus_options options = {.kind = "sqlite",
                                  .path = path,
                                  .partitions = 1,
                                  .max_pending_bytes = 1 << 20,
                                  .retention_ms = INT64_C(1) << 50,
                                  .retire_ms = 1000000}; /* its groups were seen when it was upgraded */
    struct bus *bus = NULL;
    struct bus_cursor *cursor = NULL;
    struct err_text text = {""};
    if (bus_open(&bus, &options, &text))
        fail_msg("%s", text.at);
    assert_int_equal(bus_partitions(bus, TOPIC_EVENTS), 2); /* never fewer than it had */
    assert_int_equal(bus_subscribe(bus, TOPIC_EVENTS, "index", NULL, &cursor, &text), ERR_OK);
    assert_int_equal(bus_lag(cursor), 2);
    assert_int_equal(fetch_some(cursor, 2, check_record, NULL), 2);
    bus_unsubscribe(cursor);
    assert_int_equal(bus_subscribe(bus, TOPIC_EVENTS, "newcomer", NULL, &cursor, &text), ERR_OK);
    assert_int_equal(fetch_some(cursor, 8, check_record, NULL), 8);
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 1, "one more"), ERR_OK);
    assert_int_equal(fetch_some(cursor, 1, NULL, NULL), 1);
    bus_unsubscribe(cursor);
    bus_close(bus, MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(release_0_1_0, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
