/* An Elasticsearch that stores nothing and says 201 to everything, fast: what is measured beside it is the sender
 * alone.
 *
 * One thread, any number of connections, gzip'd bodies too. It answers the start-up questions (version, templates,
 * backing indices) well enough for the real program. */
#ifndef TESTS_FAKES_ELASTIC_SINK_H
#define TESTS_FAKES_ELASTIC_SINK_H

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define SINK_CONNECTIONS 64
#define SINK_BYTES (32u << 20)

struct sink_connection {
    int fd;
    char *bytes;
    size_t len, size;
};

static unsigned long sink_documents, sink_requests, sink_wire_bytes;

static inline size_t sink_count_lines(const char *at, size_t len)
{
    size_t n = 0;
    for (const char *end = at + len; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        n++;
    return n;
}

static inline size_t sink_count_gzip_lines(char *at, size_t len)
{
    static char out[1 << 20];
    z_stream stream = {.next_in = (unsigned char *)at, .avail_in = (unsigned)len};
    size_t n = 0;
    int state = inflateInit2(&stream, 31);
    while (state == Z_OK) {
        stream.next_out = (unsigned char *)out;
        stream.avail_out = sizeof out;
        state = inflate(&stream, Z_NO_FLUSH);
        n += sink_count_lines(out, sizeof out - stream.avail_out);
    }
    inflateEnd(&stream);
    return state == Z_STREAM_END ? n : 0;
}

static inline void sink_send(int fd, const char *at, size_t len)
{
    for (ssize_t n; len && (n = send(fd, at, len, MSG_NOSIGNAL)) > 0; at += n, len -= (size_t)n)
        ;
}

static inline void sink_answer(int fd, const char *head, char *body, size_t len)
{
    static char answer[4 << 20];
    static const char item[] = "{\"create\":{\"status\":201}},";
    char start[128];
    size_t n = 0;
    if (strstr(head, "/_bulk")) {
        size_t lines =
            strcasestr(head, "content-encoding: gzip") ? sink_count_gzip_lines(body, len) : sink_count_lines(body, len);
        n = (size_t)sprintf(answer, "{\"errors\":false,\"items\":[");
        for (size_t i = 0; i < lines / 2; i++, n += sizeof item - 1)
            memcpy(answer + n, item, sizeof item - 1);
        n += (size_t)sprintf(answer + n - (lines >= 2), "]}") - (lines >= 2);
        sink_documents += lines / 2;
        sink_requests++;
        sink_wire_bytes += len;
    } else if (strncmp(head, "GET / ", 6) == 0) {
        n = (size_t)sprintf(answer, "{\"version\":{\"number\":\"9.4.3\"}}");
    } else {
        n = (size_t)sprintf(answer, "{}");
    }
    sprintf(start, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", n);
    sink_send(fd, start, strlen(start));
    if (strncmp(head, "HEAD ", 5) != 0)
        sink_send(fd, answer, n);
}

/* False: the connection is over. */
static inline int sink_read(struct sink_connection *connection)
{
    if (connection->size - connection->len < 65537)
        connection->bytes = realloc(connection->bytes, connection->size = connection->size * 2 + 262144);
    ssize_t n = recv(connection->fd, connection->bytes + connection->len, connection->size - connection->len - 1, 0);
    if (n <= 0)
        return 0;
    connection->len += (size_t)n;
    connection->bytes[connection->len] = '\0';
    char *end = strstr(connection->bytes, "\r\n\r\n"), *length;
    if (!end)
        return 1;
    *end = '\0';
    length = strcasestr(connection->bytes, "content-length:");
    size_t head = (size_t)(end - connection->bytes) + 4, need = length ? strtoul(length + 15, NULL, 10) : 0;
    *end = '\r';
    if (connection->len - head < need)
        return 1;
    *end = '\0';
    sink_answer(connection->fd, connection->bytes, connection->bytes + head, need);
    connection->len = 0; /* nobody pipelines here */
    return 1;
}

static inline int sink_listen(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)*ret_port)};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 64) ||
        getsockname(fd, (struct sockaddr *)&address, &len))
        abort();
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Serves until `until` (a pipe's end) has something to read or is closed. */
static inline void sink_serve(int listener, int until)
{
    struct sink_connection connections[SINK_CONNECTIONS] = {{0}};
    struct pollfd fds[SINK_CONNECTIONS + 2] = {{until, POLLIN, 0}, {listener, POLLIN, 0}};
    nfds_t n = 0;
    for (;;) {
        poll(fds, n + 2, -1);
        if (fds[0].revents)
            return;
        for (nfds_t i = n; i-- > 0;)
            if (fds[i + 2].revents && !sink_read(&connections[i])) {
                close(connections[i].fd);
                free(connections[i].bytes);
                connections[i] = connections[--n];
                fds[i + 2] = fds[n + 2];
            }
        if (fds[1].revents && n < SINK_CONNECTIONS) {
            connections[n] = (struct sink_connection){.fd = accept(listener, NULL, NULL)};
            fds[n + 2] = (struct pollfd){connections[n].fd, POLLIN, 0};
            n++;
        }
    }
}

#endif
