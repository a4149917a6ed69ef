/* Plain sockets for tests: says exact bytes, hears exact bytes. Blocking, with a timeout on everything. */
#ifndef SEISMO_FAKES_TALK_H
#define SEISMO_FAKES_TALK_H

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TALK_TIMEOUT_MS 10000

struct answer {
    int status;       /* 0: nothing came */
    char head[8192];  /* from the status line to the empty line */
    char body[65536]; /* ended by NUL */
    size_t body_len;
    bool closed; /* the other side closed after it */
};

static inline int talk_open(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline bool talk_send(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline bool talk_say(int fd, const char *text)
{
    return talk_send(fd, text, strlen(text));
}

/* Bytes read, 0 at the end or after a reset, -1 when nothing came in time. */
static inline ssize_t talk_hear(int fd, void *to, size_t n, int timeout_ms)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};
    if (poll(&poll_fd, 1, timeout_ms) <= 0)
        return -1;
    ssize_t got = recv(fd, to, n, 0);
    return got < 0 ? 0 : got;
}

/* A field of the answer's head, or NULL. Static memory. */
static inline const char *talk_field(const struct answer *answer, const char *name)
{
    static char value[1024];
    size_t len = strlen(name);
    for (const char *line = strstr(answer->head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line + 4 + len, "\r"), line + 4 + len);
            return value;
        }
    return NULL;
}

/* One answer with a Content-Length (or none and no body), head bytewise so that nothing of the next is eaten. */
static inline struct answer talk_answer(int fd, bool head_only)
{
    struct answer answer = {0};
    size_t n = 0;
    while (n + 1 < sizeof answer.head && !(n >= 4 && memcmp(answer.head + n - 4, "\r\n\r\n", 4) == 0)) {
        ssize_t got = talk_hear(fd, answer.head + n, 1, TALK_TIMEOUT_MS);
        if (got <= 0) {
            answer.closed = got == 0;
            return answer;
        }
        n++;
    }
    answer.status = atoi(answer.head + strlen("HTTP/1.1 "));
    const char *length = talk_field(&answer, "content-length");
    size_t want = length && !head_only ? strtoul(length, NULL, 10) : 0;
    assert(want < sizeof answer.body);
    while (answer.body_len < want) {
        ssize_t got = talk_hear(fd, answer.body + answer.body_len, want - answer.body_len, TALK_TIMEOUT_MS);
        if (got <= 0)
            break;
        answer.body_len += (size_t)got;
    }
    return answer;
}

/* Whether the other side closes within the time. What it still sends is thrown away. */
static inline bool talk_is_closed(int fd, int timeout_ms)
{
    char waste[4096];
    ssize_t got;
    while ((got = talk_hear(fd, waste, sizeof waste, timeout_ms)) > 0)
        ;
    return got == 0;
}

/* A connection of its own for one request. */
static inline struct answer talk_bytes(int port, const void *request, size_t n)
{
    int fd = talk_open(port);
    struct answer answer = {0};
    if (fd == -1)
        return answer;
    talk_send(fd, request, n);
    answer = talk_answer(fd, strncmp(request, "HEAD", 4) == 0);
    close(fd);
    return answer;
}

static inline struct answer talk(int port, const char *request)
{
    return talk_bytes(port, request, strlen(request));
}

static inline void sleep_ms(int ms)
{
    struct timespec time = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&time, NULL);
}

#endif
