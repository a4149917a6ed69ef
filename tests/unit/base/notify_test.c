/* What a service manager reads from its socket. */
#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A manager's socket; name as in NOTIFY_SOCKET. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    memcpy(address.sun_path, name, n);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_heard(int fd, const char *expected)
{
    char heard[1024] = "";
    ssize_t n = recv(fd, heard, sizeof heard - 1, 0);
    assert_int_equal(n, strlen(expected));
    assert_string_equal(heard, expected);
}

static void is_heard_at_a_path_and_at_an_abstract_name(void **state)
{
    char path[64], name[64];
    (void)state;
    snprintf(path, sizeof path, "/tmp/seismo-notify-%d", (int)getpid());
    snprintf(name, sizeof name, "@seismo-notify-%d", (int)getpid());
    int fd = listen_at(path);
    assert_true(notify("READY=1"));
    assert_heard(fd, "READY=1");
    close(fd);
    unlink(path);
    fd = listen_at(name);
    assert_true(notify_stopping(12500));
    assert_heard(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=12500000");
    close(fd);
}

/* The watchdog hears of a process that is well, no more of one that is not, and never of another's. */
static void the_watchdog_is_fed(void **state)
{
    char name[64], pid[32];
    (void)state;
    snprintf(name, sizeof name, "@seismo-watchdog-%d", (int)getpid());
    int fd = listen_at(name);
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(notify_watchdog_ms(), 0);
    assert_true(notify_alive(1000000));
    assert_int_equal(recv(fd, pid, sizeof pid, 0), -1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_watchdog_ms(), 30000);
    assert_true(notify_alive(15000));
    assert_heard(fd, "WATCHDOG=1");
    assert_false(notify_alive(15001));
    assert_int_equal(recv(fd, pid, sizeof pid, 0), -1);
    assert_true(notify_stopping(60000));
    assert_heard(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000\nWATCHDOG_USEC=60000000\nWATCHDOG=1");
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 30000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
    unsetenv("WATCHDOG_PID");
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
    unsetenv("WATCHDOG_USEC");
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}

static void nobody_listening_stops_nothing(void **state)
{
    char far[200] = "/", state_text[NOTIFY_MAX_BYTES + 2];
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_false(notify("READY=1"));
    setenv("NOTIFY_SOCKET", "/tmp/there/is/no/such/socket", 1);
    assert_false(notify("READY=1"));
    setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
    assert_false(notify("READY=1"));
    memset(far + 1, 'a', sizeof far - 2);
    setenv("NOTIFY_SOCKET", far, 1);
    assert_false(notify("READY=1"));
    memset(state_text, 'a', sizeof state_text - 1);
    state_text[sizeof state_text - 1] = '\0';
    setenv("NOTIFY_SOCKET", "/tmp/x", 1);
    assert_false(notify(state_text));
    unsetenv("NOTIFY_SOCKET");
}

/* A manager that does not read holds nobody up. */
static void a_full_socket_stops_nothing(void **state)
{
    char name[64];
    bool all = true;
    (void)state;
    snprintf(name, sizeof name, "@seismo-full-%d", (int)getpid());
    int fd = listen_at(name);
    for (int i = 0; i < 100000 && all; i++)
        all = notify("STATUS=still here");
    assert_false(all);
    close(fd);
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_heard_at_a_path_and_at_an_abstract_name),
        cmocka_unit_test(the_watchdog_is_fed),
        cmocka_unit_test(nobody_listening_stops_nothing),
        cmocka_unit_test(a_full_socket_stops_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
