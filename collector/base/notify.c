#include "base/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* False: there is no such socket. A name that begins with @ is abstract: its first byte is 0. */
static bool address_of(struct sockaddr_un *ret_address, socklen_t *ret_len)
{
    const char *name = getenv("NOTIFY_SOCKET");
    size_t n = name ? strlen(name) : 0;
    if (n < 2 || n >= sizeof ret_address->sun_path || (name[0] != '/' && name[0] != '@'))
        return false;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_address->sun_path, name, n);
    if (name[0] == '@')
        ret_address->sun_path[0] = '\0';
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

bool notify(const char *state)
{
    struct sockaddr_un address;
    socklen_t len;
    size_t n = strlen(state);
    if (n > NOTIFY_MAX_BYTES || !address_of(&address, &len))
        return false;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    ssize_t sent = sendto(fd, state, n, MSG_NOSIGNAL, (struct sockaddr *)&address, len);
    close(fd);
    return sent == (ssize_t)n;
}

int64_t notify_watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!usec || (pid && strtoll(pid, NULL, 10) != getpid())) /* meant for a process that has begun this one */
        return 0;
    long long ms = strtoll(usec, NULL, 10) / 1000;
    return ms > 0 ? ms : 0;
}

bool notify_alive(int64_t quiet_ms)
{
    int64_t watchdog_ms = notify_watchdog_ms();
    if (watchdog_ms && quiet_ms > watchdog_ms / 2)
        return false;
    if (watchdog_ms)
        notify("WATCHDOG=1");
    return true;
}

bool notify_stopping(int within_ms)
{
    char state[NOTIFY_MAX_BYTES];
    int n = snprintf(state, sizeof state, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", within_ms * 1000LL);
    if (notify_watchdog_ms()) /* who feeds it is busy with the end */
        snprintf(state + n, sizeof state - (size_t)n, "\nWATCHDOG_USEC=%lld\nWATCHDOG=1", within_ms * 1000LL);
    return notify(state);
}
