/* Sockets to listen on: one SO_REUSEPORT socket a loop, all on one port. */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/serve_int.h"

struct place {
    char host[256], port[8];
};

/* "host:port", "[v6]:port", ":port". */
static bool split(const char *address, struct place *ret_place)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon[1] == '\0' || strlen(colon + 1) > 5 || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strtol(colon + 1, NULL, 10) > 65535)
        return false;
    const char *from = address, *to = colon;
    if (*from == '[') {
        if (to[-1] != ']')
            return false;
        from++, to--;
    } else if (memchr(from, ':', (size_t)(to - from))) {
        return false; /* a bare IPv6 address: which colon is the port's would be a guess */
    }
    if ((size_t)(to - from) >= sizeof ret_place->host)
        return false;
    memcpy(ret_place->host, from, (size_t)(to - from));
    ret_place->host[to - from] = '\0';
    snprintf(ret_place->port, sizeof ret_place->port, "%s", colon + 1);
    return true;
}

static void set_port(struct sockaddr *at, int port)
{
    if (at->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)at)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)at)->sin_port = htons((uint16_t)port);
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at = {.v6 = {0}};
    socklen_t len = sizeof at;
    if (getsockname(fd, &at.any, &len) != 0)
        return -1;
    return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

/* -1 with errno set. */
static int open_one(const struct addrinfo *info, bool share, bool dual)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, off = 0;
    if (fd == -1)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
        (info->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, dual ? &off : &on, sizeof on) != 0) ||
        bind(fd, info->ai_addr, info->ai_addrlen) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* SO_REUSEPORT would let a second instance take half of the connections unnoticed; a bind without it tells. */
static bool is_free(const struct addrinfo *info, bool dual)
{
    int fd = open_one(info, false, dual);
    if (fd != -1)
        close(fd);
    return fd != -1;
}

static bool open_all(struct addrinfo *info, bool dual, int *ret_fds, int n, int *ret_port)
{
    int fds[SERVE_LOOPS], port = -1, i = 0;
    assert(n >= 1 && n <= SERVE_LOOPS);
    if (!is_free(info, dual))
        return false;
    for (; i < n; i++) {
        fds[i] = open_one(info, true, dual);
        if (fds[i] == -1 || listen(fds[i], SOMAXCONN) != 0)
            break;
        if (i == 0) {
            port = port_of(fds[0]);
            set_port(info->ai_addr, port);
        }
    }
    if (i == n) {
        memcpy(ret_fds, fds, sizeof fds[0] * (size_t)n);
        *ret_port = port;
        return true;
    }
    int why = errno;
    for (; i >= 0; i--)
        if (fds[i] != -1)
            close(fds[i]);
    errno = why;
    return false;
}

enum err listen_all(const char *address, int *ret_fds, int n, int *ret_port, struct err_text *text)
{
    struct place place;
    if (!split(address, &place))
        return err_set(text, ERR_LISTEN, "%s: not an address: host:port, [IPv6]:port or :port is expected", address);
    bool any = place.host[0] == '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list = NULL;
    int failed = getaddrinfo(any ? "::" : place.host, place.port, &hints, &list);
    if (failed)
        return err_set(text, ERR_LISTEN, "%s: %s", address, gai_strerror(failed));
    bool ok = open_all(list, any, ret_fds, n, ret_port);
    freeaddrinfo(list);
    if (!ok && any && errno == EAFNOSUPPORT && getaddrinfo("0.0.0.0", place.port, &hints, &list) == 0) {
        ok = open_all(list, false, ret_fds, n, ret_port);
        freeaddrinfo(list);
    }
    return ok ? ERR_OK : err_set(text, ERR_LISTEN, "%s: %s", address, strerror(errno));
}
