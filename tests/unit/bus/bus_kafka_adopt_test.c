/* Spools of processes that are no more: another process that shares the folder brings what they had acknowledged to
 * Kafka, and leaves alone what somebody has. */
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bus_kafka_spool_stage.h"

#define ADOPT_MS 100

/* A process takes the second place, spools [from, to) of each partition, and is killed. */
static void leave_a_spool(int from, int to)
{
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct bus *bus = open_with_spool();
        for (int i = from; i < to; i += 100)
            publish_numbered(bus, i, i + 100 < to ? i + 100 : to);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            nap_ms(1000);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ready[0]);
}

static bool is_there(int place)
{
    char name[128];
    struct stat stat_;
    snprintf(name, sizeof name, place ? "%s-%d" : "%s", path, place);
    return stat(name, &stat_) == 0;
}

static void await_gone(int place)
{
    for (int ms = 0; ms < 2 * MAX_MS && is_there(place); ms += 10)
        nap_ms(10);
    assert_false(is_there(place));
}

/* Holds a place as a process does. */
static int hold_place(int place)
{
    char name[128];
    snprintf(name, sizeof name, place ? "%s-%d.owner" : "%s.owner", path, place);
    int fd = open(name, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void test_left_spool_arrives(void **state)
{
    (void)state;
    struct read read = {0};
    set_brokers(false);
    int fd = hold_place(0); /* the one that is killed has the second place */
    leave_a_spool(0, 300);
    assert_true(is_there(1));
    close(fd);
    adopt_ms = ADOPT_MS;
    struct bus *bus = open_with_spool();
    struct bus_left left;
    publish_numbered(bus, 300, 310);
    bus_left(bus, &left);
    assert_int_equal(left.records, 10 * PARTITIONS);
    assert_int_equal(left.files, 1);
    set_brokers(true);
    await_mode(bus, KAFKA_DIRECT);
    publish_numbered(bus, 310, 320); /* live ones go beside them */
    await_gone(1);
    bus_left(bus, &left);
    assert_int_equal(left.records, 0);
    assert_int_equal(left.files, 0);
    read_all(320, false, &read);
    bus_close(bus, 5000);
}

static void test_held_place_is_left_alone(void **state)
{
    (void)state;
    struct read read = {0};
    set_brokers(false);
    int fd = hold_place(0);
    leave_a_spool(0, 5);
    close(fd);
    fd = hold_place(1);
    set_brokers(true);
    adopt_ms = ADOPT_MS;
    struct bus *bus = open_with_spool();
    await_mode(bus, KAFKA_DIRECT);
    nap_ms(6 * ADOPT_MS);
    assert_true(is_there(1));
    close(fd);
    await_gone(1);
    read_all(5, true, &read);
    assert_true(is_there(0)); /* its own */
    bus_close(bus, 5000);
}

static void test_waits_for_kafka(void **state)
{
    (void)state;
    struct read read = {0};
    set_brokers(false);
    int fd = hold_place(0);
    leave_a_spool(0, 5);
    close(fd);
    adopt_ms = ADOPT_MS;
    struct bus *bus = open_with_spool();
    nap_ms(6 * ADOPT_MS);
    assert_true(is_there(1)); /* from one spool into another would be of no use */
    assert_int_equal(bus_spool_bytes(bus), 0);
    set_brokers(true);
    await_gone(1);
    read_all(5, true, &read);
    bus_close(bus, 5000);
}

static void adopt_as_child(void)
{
    open_with_spool();
    for (;;)
        nap_ms(1000);
}

static void test_kill_while_adopting(void **state)
{
    (void)state;
    struct read read = {0};
    set_brokers(false);
    int fd = hold_place(0);
    leave_a_spool(0, MANY);
    close(fd);
    set_brokers(true);
    adopt_ms = 1;
    for (int round = 0; round < 4; round++) {
        pid_t pid = fork();
        if (pid == 0)
            adopt_as_child();
        nap_ms(100 + 60 * round);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    struct bus *bus = open_with_spool();
    await_gone(1);
    read_all(MANY, false, &read);
    bus_close(bus, 5000);
}

/* What cannot be read is kept for whoever can; the program goes on. */
static void test_damaged_is_put_aside(void **state)
{
    (void)state;
    char name[128], command[160];
    snprintf(name, sizeof name, "%s-3", path);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    for (int i = 0; i < 4096; i++)
        fputs("nonsense", file);
    fclose(file);
    adopt_ms = ADOPT_MS;
    struct bus *bus = open_with_spool();
    await_gone(3);
    snprintf(command, sizeof command, "ls %s/spool.db-3.corrupt-* >/dev/null 2>&1", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "0 0"), ERR_OK);
    bus_close(bus, 5000);
}

/* It ends while the bus closes, and what it had not brought away stays. */
static void test_close_in_the_middle(void **state)
{
    (void)state;
    struct read read = {0};
    set_brokers(false);
    int fd = hold_place(0);
    leave_a_spool(0, MANY);
    close(fd);
    set_brokers(true);
    adopt_ms = 1;
    for (int round = 0; round < 4; round++) {
        struct bus *bus = open_with_spool();
        nap_ms(15 * round);
        assert_true(bus_close(bus, 5000));
    }
    struct bus *bus = open_with_spool();
    await_gone(1);
    read_all(MANY, false, &read);
    bus_close(bus, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_left_spool_arrives, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_held_place_is_left_alone, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_waits_for_kafka, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_kill_while_adopting, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_damaged_is_put_aside, begin_spool, end_spool),
        cmocka_unit_test_setup_teardown(test_close_in_the_middle, begin_spool, end_spool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
