/* When the heart beats, by a clock of our own; and that an ill monitor holds nothing up. */
#include "unit/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "watch/heartbeat_int.h"

#define PATIENCE 300000

static void it_beats_while_windows_are_judged(void **unused)
{
    (void)unused;
    struct pulse pulse;
    pulse_init(&pulse, 1000, PATIENCE, true);
    for (int64_t now_ms = 60000; now_ms < 7200000; now_ms += 60000)
        assert_true(pulse_look(&pulse, now_ms, true, now_ms / 1000));
}

static void it_stops_when_detection_stands_still(void **unused)
{
    (void)unused;
    struct pulse pulse;
    pulse_init(&pulse, 0, PATIENCE, true);
    assert_true(pulse_look(&pulse, 60000, true, 100));
    assert_true(pulse_look(&pulse, 120000, true, 160));
    assert_true(pulse_look(&pulse, 120000 + PATIENCE, true, 160));
    assert_false(pulse_look(&pulse, 120001 + PATIENCE, true, 160));
    assert_true(pulse_look(&pulse, 180000 + PATIENCE, true, 161));
}

/* One that never began: a first look at figures of before is no movement. */
static void it_stops_when_detection_never_begins(void **unused)
{
    (void)unused;
    struct pulse pulse;
    pulse_init(&pulse, 0, PATIENCE, true);
    assert_true(pulse_look(&pulse, 60000, true, 0));
    assert_false(pulse_look(&pulse, 1 + PATIENCE, true, 0));
}

static void it_stops_when_the_store_is_away(void **unused)
{
    (void)unused;
    struct pulse pulse;
    pulse_init(&pulse, 0, PATIENCE, true);
    assert_true(pulse_look(&pulse, 60000, true, 1));
    assert_true(pulse_look(&pulse, 60000 + PATIENCE, false, 2)); /* a while is no harm */
    assert_false(pulse_look(&pulse, 60001 + PATIENCE, false, 3));
    assert_true(pulse_look(&pulse, 120000 + PATIENCE, true, 4));
}

static void without_detection_only_the_rest_counts(void **unused)
{
    (void)unused;
    struct pulse pulse;
    pulse_init(&pulse, 0, PATIENCE, false);
    assert_true(pulse_look(&pulse, 10 * PATIENCE, true, 0));
    assert_false(pulse_look(&pulse, 12 * PATIENCE, false, 0));
}

/* ---- a monitor that takes the connection and never answers ---- */

static bool always_well(void *ctx)
{
    (void)ctx;
    return true;
}

static void a_monitor_that_hangs_does_not_hold_up_the_end(void **unused)
{
    (void)unused;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    char url[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 16), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/secret", ntohs(address.sin_port));
    struct heartbeat_options options = {url, "POST", 20000, PATIENCE, false, always_well, NULL};
    options.every_ms = 100; /* its timeout is as long */
    struct heartbeat *heartbeat = heartbeat_start(&options);
    struct metric *failed = metric_get(METRIC_COUNTER, "seismo_heartbeats_total", "result", "failed", "");
    for (int i = 0; i < 3000 && metric_value(failed) == 0; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    assert_true(metric_value(failed) > 0);
    int64_t from_ms = clock_mono_ms();
    heartbeat_stop(heartbeat);
    assert_true(clock_mono_ms() - from_ms < 10000);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_beats_while_windows_are_judged),
        cmocka_unit_test(it_stops_when_detection_stands_still),
        cmocka_unit_test(it_stops_when_detection_never_begins),
        cmocka_unit_test(it_stops_when_the_store_is_away),
        cmocka_unit_test(without_detection_only_the_rest_counts),
        cmocka_unit_test(a_monitor_that_hangs_does_not_hold_up_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
