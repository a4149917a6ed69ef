/* A server on a real socket: requests, refusals, tickets, streams, limits, stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/metric.h"
#include "fakes/talk.h"
#include "serve/serve.h"

#define MAX_TICKETS 20000

static struct serve *serve;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct serve_ticket *tickets[MAX_TICKETS];
static atomic_int n_tickets;
static struct serve_stream *_Atomic stream;
static char *big;
#define BIG_BYTES (8u << 20)

static atomic_bool hangs;

static void hold(struct serve_ticket *ticket)
{
    pthread_mutex_lock(&mutex);
    tickets[n_tickets] = ticket;
    n_tickets++;
    pthread_mutex_unlock(&mutex);
}

static void echo(struct serve_request *request)
{
    char text[4096];
    struct slice method = serve_method(request), path = serve_path(request), query = serve_query(request);
    struct slice a = SLICE("none"), body = serve_body(request), x = serve_header(request, "x-test");
    serve_parameter(request, "a", &a);
    int n = snprintf(text, sizeof text, "%.*s %.*s ?%.*s a=%.*s x=%.*s host=%.*s peer=%.*s body=%.*s",
                     SLICE_ARG(method), SLICE_ARG(path), SLICE_ARG(query), SLICE_ARG(a), SLICE_ARG(x),
                     SLICE_ARG(serve_header(request, "host")), SLICE_ARG(serve_peer(request)), SLICE_ARG(body));
    struct serve_field fields[] = {{"content-type", SLICE("text/plain")}, {"x-echo", x}};
    serve_reply(request, 200, fields, 2, (struct slice){text, (size_t)n});
}

static void handle(void *ctx, struct serve_request *request)
{
    (void)ctx;
    struct slice path = serve_path(request);
    if (slice_is(path, "/later")) {
        hold(serve_defer(request));
    } else if (slice_is(path, "/now")) {
        serve_ticket_reply(serve_defer(request), 202, NULL, 0, SLICE("now"));
    } else if (slice_is(path, "/events")) {
        struct serve_field type = {"content-type", SLICE("text/event-stream")};
        stream = serve_stream_open(request, &type, 1, 65536);
    } else if (slice_is(path, "/hang")) {
        for (hangs = true; hangs;)
            usleep(1000);
        serve_reply(request, 204, NULL, 0, SLICE(""));
    } else if (slice_is(path, "/empty")) {
        serve_reply(request, 204, NULL, 0, SLICE(""));
    } else if (slice_is(path, "/split")) {
        struct serve_field bad = {"x-bad", SLICE("a\r\nset-cookie: b")};
        serve_reply(request, 200, &bad, 1, SLICE("ok"));
    } else if (slice_is(path, "/big")) {
        serve_reply_static(request, 200, NULL, 0, (struct slice){big, BIG_BYTES});
    } else if (slice_is(path, "/kilo")) {
        serve_reply_static(request, 200, NULL, 0, (struct slice){big, 1000});
    } else {
        echo(request);
    }
}

static void start_with(int loops, int max_connections, int timeout_ms)
{
    struct serve_options options = {.address = "127.0.0.1:0",
                                    .loops = loops,
                                    .max_body = 1000,
                                    .max_connections = max_connections,
                                    .request_timeout_ms = timeout_ms,
                                    .name = "test"};
    struct err_text text;
    n_tickets = 0;
    stream = NULL;
    assert_int_equal(serve_start(&serve, &options, handle, NULL, &text), ERR_OK);
}

static int start(void **state)
{
    (void)state;
    start_with(2, 1000, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    serve_stop(serve, 2000);
    serve = NULL;
    return 0;
}

static void wait_for(atomic_int *value, int at_least)
{
    for (int i = 0; i < 50000 && *value < at_least; i++)
        usleep(200);
    assert_true(*value >= at_least);
}

static const struct {
    const char *request;
    int status;
    const char *body; /* NULL: not looked at */
} requests[] = {
    {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200, "GET / ? a=none x= host=h peer=127.0.0.1 body="},
    {"GET /a%20b?a=%41&b HTTP/1.1\r\nHost: h\r\nX-Test: y\r\n\r\n", 200,
     "GET /a b ?a=%41&b a=A x=y host=h peer=127.0.0.1 body="},
    {"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 200,
     "POST /p ? a=none x= host=h peer=127.0.0.1 body=abc"},
    {"POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200,
     "POST /p ? a=none x= host=h peer=127.0.0.1 body=abc"},
    {"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 200, ""},
    {"GET /empty HTTP/1.1\r\nHost: h\r\n\r\n", 204, ""},
    {"GET /now HTTP/1.1\r\nHost: h\r\n\r\n", 202, "now"},
    {"GET / HTTP/1.0\r\n\r\n", 200, NULL},
    {"GET /../x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "400 Bad Request\n"},
    {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "400 Bad Request\n"},
    {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
     "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\nabc", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc", 400, "Bad Request"},
    {"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, "400 Bad Request\n"},
    {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rContent-Length: 5\r\n\r\n", 400, "Bad Request"},
    {"GET / HTTP/1.1\nHost: h\n\n", 400, "400 Bad Request\n"},
    {"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400, "400 Bad Request\n"},
    {"GET / HTTP/1.1\r\nX: a\r\n\r\n", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "400 Bad Request\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nExpect: a-pony\r\nContent-Length: 3\r\n\r\nabc", 417, "417 Expectation Failed\n"},
    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\n", 413, "413 Content Too Large\n"},
    {"rubbish\r\n\r\n", 400, "Bad Request"},
    /* HTTP/2 in clear text */
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "Bad Request"},
    {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
     "AAMAAABk\r\n\r\n",
     200, "GET / ? a=none x= host=h peer=127.0.0.1 body="},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct answer answer = talk(serve_port(serve), requests[i].request);
        if (answer.status != requests[i].status || (requests[i].body && strcmp(answer.body, requests[i].body) != 0))
            fail_msg("%s: %d %s", requests[i].request, answer.status, answer.body);
        if (answer.status != 204)
            assert_non_null(talk_field(&answer, "content-length"));
        assert_null(talk_field(&answer, "server"));
    }
}

static void *ask_to_hang(void *arg)
{
    (void)arg;
    talk(serve_port(serve), "GET /hang HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    return NULL;
}

static void await_quiet(int64_t from_ms, int64_t to_ms)
{
    int64_t quiet_ms = 0;
    for (int i = 0; i < 30000; i++) {
        quiet_ms = serve_quiet_ms(serve);
        if (quiet_ms >= from_ms && quiet_ms < to_ms)
            return;
        usleep(1000);
    }
    fail_msg("quiet for %lld ms", (long long)quiet_ms);
}

/* One loop of two that hangs is seen, and that it goes on. */
static void test_a_loop_that_hangs(void **state)
{
    pthread_t thread;
    (void)state;
    await_quiet(0, 600);
    assert_int_equal(pthread_create(&thread, NULL, ask_to_hang, NULL), 0);
    await_quiet(1500, INT64_MAX); /* idle ones come round each 500 ms */
    assert_true(hangs);
    hangs = false;
    pthread_join(thread, NULL);
    await_quiet(0, 600);
}

static void test_head_has_the_length_of_get(void **state)
{
    (void)state;
    struct answer get = talk(serve_port(serve), "GET /xyz HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer head = talk(serve_port(serve), "HEAD /xyz HTTP/1.1\r\nHost: h\r\n\r\n");
    char length[16];
    snprintf(length, sizeof length, "%zu", get.body_len + 1); /* HEAD is a letter longer, and the method is echoed */
    assert_string_equal(talk_field(&head, "content-length"), length);
}

static void test_header_cannot_be_split(void **state)
{
    (void)state;
    struct answer answer = talk(serve_port(serve), "GET /split HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(answer.status, 200);
    assert_null(talk_field(&answer, "set-cookie"));
    assert_null(talk_field(&answer, "x-bad"));
}

static void test_one_connection_many_requests(void **state)
{
    (void)state;
    int fd = talk_open(serve_port(serve));
    for (int i = 0; i < 100; i++)
        talk_say(fd, "POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    for (int i = 0; i < 100; i++)
        assert_int_equal(talk_answer(fd, false).status, 202);
    close(fd);
}

/* A little over the limit: read, answered, the connection stays. Far over: answered although the rest is still sent. */
static void test_large_bodies(void **state)
{
    (void)state;
    static char body[3 << 20];
    char head[128];
    memset(body, 'x', sizeof body);
    for (size_t n = 1000; n <= sizeof body; n = n == 1000 ? 1001 : n == 1001 ? sizeof body : n + 1) {
        int fd = talk_open(serve_port(serve));
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n", n);
        talk_say(fd, head);
        talk_send(fd, body, n);
        struct answer answer = talk_answer(fd, false);
        assert_int_equal(answer.status, n == 1000 ? 200 : 413);
        assert_string_equal(talk_field(&answer, "connection"), n > 100000 ? "close" : "keep-alive");
        close(fd);
    }
}

static void test_large_chunks(void **state)
{
    (void)state;
    int fd = talk_open(serve_port(serve));
    talk_say(fd, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    char chunk[4 + 4096 + 2 + 2] = "1000\r\n";
    memset(chunk + 6, 'x', 4096);
    memcpy(chunk + 6 + 4096, "\r\n", 2);
    for (int i = 0; i < 100; i++)
        if (!talk_send(fd, chunk, sizeof chunk))
            break;
    struct answer answer = talk_answer(fd, false);
    assert_int_equal(answer.status, 413);
    assert_true(talk_is_closed(fd, 8000));
    close(fd);
}

static void *answer_all(void *arg)
{
    int n = *(int *)arg;
    for (int i = 0; i < n; i++) {
        wait_for(&n_tickets, i + 1);
        pthread_mutex_lock(&mutex);
        struct serve_ticket *ticket = tickets[i];
        pthread_mutex_unlock(&mutex);
        struct serve_field field = {"x-thread", SLICE("other")};
        serve_ticket_reply(ticket, 202, &field, 1, SLICE("later"));
    }
    return NULL;
}

static void test_answers_from_another_thread(void **state)
{
    (void)state;
    enum { CLIENTS = 50, ROUNDS = 20 };
    int fds[CLIENTS], total = CLIENTS * ROUNDS;
    pthread_t thread;
    pthread_create(&thread, NULL, answer_all, &total);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = talk_open(serve_port(serve));
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++)
            talk_say(fds[i], "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
        for (int i = 0; i < CLIENTS; i++) {
            struct answer answer = talk_answer(fds[i], false);
            assert_int_equal(answer.status, 202);
            assert_string_equal(answer.body, "later");
            assert_string_equal(talk_field(&answer, "x-thread"), "other");
        }
    }
    pthread_join(thread, NULL);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
}

static void *send_all(void *arg)
{
    char request[1200];
    int n = snprintf(request, sizeof request, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n");
    memset(request + n, 'x', 900);
    for (int i = 0; i < 300; i++)
        talk_send(*(int *)arg, request, (size_t)n + 900);
    return NULL;
}

/* While the first waits for its answer the others come, more than is read ahead: each gets its own, in order. */
static void test_requests_behind_a_pending_one(void **state)
{
    (void)state;
    int fd = talk_open(serve_port(serve)), total = 300;
    pthread_t sender, thread;
    pthread_create(&sender, NULL, send_all, &fd);
    wait_for(&n_tickets, 1);
    sleep_ms(50);
    pthread_create(&thread, NULL, answer_all, &total);
    for (int i = 0; i < total; i++) {
        struct answer answer = talk_answer(fd, false);
        assert_int_equal(answer.status, 202);
        assert_string_equal(answer.body, "later");
    }
    pthread_join(sender, NULL);
    pthread_join(thread, NULL);
    close(fd);
}

/* Sends, says that it will send no more, and waits: it gets its answer. */
static void test_a_half_closed_client_is_answered(void **state)
{
    (void)state;
    int fd = talk_open(serve_port(serve)), total = 1;
    pthread_t thread;
    talk_say(fd, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    shutdown(fd, SHUT_WR);
    wait_for(&n_tickets, 1);
    sleep_ms(50);
    pthread_create(&thread, NULL, answer_all, &total);
    assert_int_equal(talk_answer(fd, false).status, 202);
    assert_true(talk_is_closed(fd, 5000));
    pthread_join(thread, NULL);
    close(fd);
}

/* Clients that leave (some with RST) before their answer, answered by another thread: nothing may be touched that is
 * gone, and every connection must be given back. */
static void test_clients_that_leave(void **state)
{
    (void)state;
    enum { LEAVE = 4000 };
    int total = LEAVE;
    pthread_t thread;
    pthread_create(&thread, NULL, answer_all, &total);
    for (int i = 0; i < LEAVE; i++) {
        int fd = talk_open(serve_port(serve));
        struct linger reset = {1, 0};
        talk_say(fd, "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
        if (i % 2) {
            wait_for(&n_tickets, i + 1); /* else the reset may come before the request is read */
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        }
        close(fd);
    }
    pthread_join(thread, NULL);
    assert_int_equal(talk(serve_port(serve), "GET /now HTTP/1.1\r\nHost: h\r\n\r\n").status, 202);
    struct metric *open = metric_get(METRIC_GAUGE, "seismo_connections", "listener", "test", "");
    for (int i = 0; i < 400 && metric_value(open) > 0; i++)
        sleep_ms(5);
    assert_int_equal(metric_value(open), 0);
}

/* The deadline passes with thousands of tickets out: clients hear 503, and late answers fall flat. */
static void test_stop_with_tickets_out(void **state)
{
    (void)state;
    enum { PENDING = 500 };
    int fds[PENDING];
    for (int i = 0; i < PENDING; i++) {
        fds[i] = talk_open(serve_port(serve));
        talk_say(fds[i], "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    wait_for(&n_tickets, PENDING);
    for (int i = 0; i < PENDING; i += 3)
        close(fds[i]);
    serve_stop(serve, 50);
    for (int i = 0; i < PENDING; i++) {
        if (i % 3)
            assert_int_equal(talk_answer(fds[i], false).status, 503);
        serve_ticket_reply(tickets[i], 202, NULL, 0, SLICE("too late"));
        if (i % 3)
            close(fds[i]);
    }
    start(state);
}

static void *stop_soon(void *arg)
{
    (void)arg;
    serve_stop(serve, 5000);
    return NULL;
}

/* Idle connections are closed at once, open requests get their answer, nobody new comes in. */
static void test_graceful_stop(void **state)
{
    int port = serve_port(serve), idle = talk_open(port), busy = talk_open(port);
    talk_say(idle, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(talk_answer(idle, false).status, 202);
    talk_say(busy, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for(&n_tickets, 1);
    pthread_t thread;
    pthread_create(&thread, NULL, stop_soon, NULL);
    assert_true(talk_is_closed(idle, 2000));
    sleep_ms(100); /* each loop closes its own socket */
    int late = talk_open(port);
    assert_int_equal(late, -1);
    serve_ticket_reply(tickets[0], 200, NULL, 0, SLICE("done"));
    struct answer answer = talk_answer(busy, false);
    assert_int_equal(answer.status, 200);
    assert_true(talk_is_closed(busy, 2000));
    pthread_join(thread, NULL);
    close(idle), close(busy);
    start(state);
}

static void test_drain_closes_after_the_answer(void **state)
{
    (void)state;
    int fd = talk_open(serve_port(serve));
    talk_say(fd, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer before = talk_answer(fd, false);
    assert_string_equal(talk_field(&before, "connection"), "keep-alive");
    serve_drain(serve);
    sleep_ms(50);
    talk_say(fd, "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
    struct answer after = talk_answer(fd, false);
    assert_string_equal(talk_field(&after, "connection"), "close");
    assert_true(talk_is_closed(fd, 1000));
    close(fd);
    assert_int_equal(talk(serve_port(serve), "GET /now HTTP/1.1\r\nHost: h\r\n\r\n").status, 202);
}

static struct serve_stream *open_stream(int *ret_fd, const char *version)
{
    char request[64], head[512] = "";
    stream = NULL;
    *ret_fd = talk_open(serve_port(serve));
    snprintf(request, sizeof request, "GET /events HTTP/%s\r\nHost: h\r\n\r\n", version);
    talk_say(*ret_fd, request);
    size_t n = 0;
    while (!strstr(head, ":\n\n")) {
        ssize_t got = talk_hear(*ret_fd, head + n, sizeof head - 1 - n, 2000);
        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_non_null(strstr(head, "200 OK"));
    assert_non_null(strstr(head, "text/event-stream"));
    for (int i = 0; i < 400 && !stream; i++)
        sleep_ms(5);
    return stream;
}

static void test_stream(void **state)
{
    (void)state;
    int fd;
    struct serve_stream *events = open_stream(&fd, "1.0"); /* 1.0: no chunks around the bytes */
    char expected[16 * 200] = "", heard[16 * 200] = "";
    for (int i = 0; i < 100; i++) {
        char line[16];
        snprintf(line, sizeof line, "data: %d\n\n", i);
        strcat(expected, line);
        assert_true(serve_stream_write(events, slice_of(line)));
    }
    serve_stream_close(events);
    size_t n = 0;
    ssize_t got;
    while ((got = talk_hear(fd, heard + n, sizeof heard - 1 - n, 2000)) > 0)
        n += (size_t)got;
    assert_int_equal(got, 0);
    assert_string_equal(heard, expected);
    close(fd);
}

static void test_stream_with_a_slow_reader(void **state)
{
    (void)state;
    int fd;
    struct serve_stream *events = open_stream(&fd, "1.1");
    static char chunk[10000];
    memset(chunk, 'x', sizeof chunk);
    bool open = true;
    size_t written = 0;
    for (int i = 0; i < 5000 && open; i++) {
        open = serve_stream_write(events, (struct slice){chunk, sizeof chunk});
        written += sizeof chunk;
        if (i % 6 == 5)
            sleep_ms(1);
    }
    assert_false(open);
    assert_true(written < 49000000); /* bounded by the sockets' buffers and ours, not by our patience */
    assert_true(talk_is_closed(fd, 5000));
    assert_false(serve_stream_write(events, SLICE("data: late\n\n")));
    serve_stream_close(events);
    close(fd);
}

static void test_stream_whose_reader_leaves(void **state)
{
    (void)state;
    int fd;
    struct serve_stream *events = open_stream(&fd, "1.1");
    close(fd);
    bool open = true;
    for (int i = 0; i < 300 && open; i++) {
        open = serve_stream_write(events, SLICE("")); /* nothing is sent: the sweep must notice */
        sleep_ms(10);
    }
    assert_false(open);
    serve_stream_close(events);
}

static void test_stop_ends_streams(void **state)
{
    int fd, other;
    struct serve_stream *first = open_stream(&fd, "1.1"), *second = open_stream(&other, "1.1");
    serve_stream_close(second);
    serve_stop(serve, 1000);
    assert_false(serve_stream_write(first, SLICE("data: late\n\n")));
    serve_stream_close(first);
    assert_true(talk_is_closed(fd, 1000));
    close(fd), close(other);
    start(state);
}

static void test_connection_cap(void **state)
{
    (void)state;
    serve_stop(serve, 0);
    start_with(2, 10, 0);
    struct metric *surplus = metric_get(METRIC_COUNTER, "seismo_connections_refused_total", "listener", "test", "");
    int64_t before = metric_value(surplus);
    int fds[20], open = 0;
    for (int i = 0; i < 20; i++) {
        fds[i] = talk_open(serve_port(serve));
        talk_say(fds[i], "GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
        open += talk_answer(fds[i], false).status == 202;
    }
    assert_int_equal(open, 10);
    assert_int_equal(metric_value(surplus) - before, 10);
    for (int i = 0; i < 20; i++)
        close(fds[i]);
    sleep_ms(100);
    assert_int_equal(talk(serve_port(serve), "GET /now HTTP/1.1\r\nHost: h\r\n\r\n").status, 202);
}

static void test_slow_requests_are_cut(void **state)
{
    (void)state;
    serve_stop(serve, 0);
    start_with(1, 10, 300);
    int idle = talk_open(serve_port(serve)), half = talk_open(serve_port(serve));
    talk_say(half, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
    assert_true(talk_is_closed(idle, 3000));
    assert_true(talk_is_closed(half, 3000));
    close(idle), close(half);
}

/* Asks for more and more without reading: once the sockets' buffers are full an answer hangs. */
static void test_readers_that_do_not_read_are_cut(void **state)
{
    (void)state;
    serve_stop(serve, 0);
    start_with(1, 10, 300);
    struct metric *stuck = metric_get(METRIC_COUNTER, "seismo_connections_stuck_total", "listener", "test", "");
    big = calloc(1, BIG_BYTES);
    int slow = talk_open(serve_port(serve));
    talk_say(slow, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    sleep_ms(1200);
    assert_int_equal(metric_value(stuck), 0); /* 8 MiB may take half an hour */
    close(slow);
    static const char request[] = "GET /kilo HTTP/1.1\r\nHost: h\r\n\r\n";
    slow = talk_open(serve_port(serve));
    for (int i = 0; i < 1000 && metric_value(stuck) == 0; i++) {
        while (send(slow, request, sizeof request - 1, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof request - 1)
            ;
        sleep_ms(10);
    }
    assert_int_equal(metric_value(stuck), 1);
    close(slow);
    serve_stop(serve, 0);
    start_with(1, 10, 300);
    free(big);
    big = NULL;
}

static const struct {
    const char *address;
    enum err err;
} addresses[] = {
    {"127.0.0.1:0", ERR_OK},
    {"[::1]:0", ERR_OK},
    {":0", ERR_OK},
    {"localhost:0", ERR_OK},
    {"", ERR_LISTEN},
    {"127.0.0.1", ERR_LISTEN},
    {"127.0.0.1:", ERR_LISTEN},
    {"127.0.0.1:65536", ERR_LISTEN},
    {"127.0.0.1:x", ERR_LISTEN},
    {"::1:8080", ERR_LISTEN},
    {"[::1:8080", ERR_LISTEN},
    {"203.0.113.1:0", ERR_LISTEN},
    {"127.0.0.1:-1", ERR_LISTEN},
};

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct serve_options options = {
            .address = addresses[i].address, .loops = 2, .max_body = 10, .max_connections = 10};
        struct serve *other = NULL;
        struct err_text text = {"-"};
        enum err err = serve_start(&other, &options, handle, NULL, &text);
        if (err != addresses[i].err)
            fail_msg("%s: %s %s", addresses[i].address, err_code(err), text.at);
        if (err)
            assert_memory_equal(text.at, addresses[i].address, strlen(addresses[i].address));
        else
            assert_true(serve_port(other) > 0);
        serve_stop(other, 0);
    }
}

static void test_port_is_not_shared_by_mistake(void **state)
{
    (void)state;
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", serve_port(serve));
    struct serve_options options = {.address = address, .loops = 1, .max_body = 10, .max_connections = 10};
    struct serve *other;
    struct err_text text;
    assert_int_equal(serve_start(&other, &options, handle, NULL, &text), ERR_LISTEN);
    assert_non_null(strstr(text.at, "in use"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests, start, stop),
        cmocka_unit_test_setup_teardown(test_a_loop_that_hangs, start, stop),
        cmocka_unit_test_setup_teardown(test_head_has_the_length_of_get, start, stop),
        cmocka_unit_test_setup_teardown(test_header_cannot_be_split, start, stop),
        cmocka_unit_test_setup_teardown(test_one_connection_many_requests, start, stop),
        cmocka_unit_test_setup_teardown(test_large_bodies, start, stop),
        cmocka_unit_test_setup_teardown(test_large_chunks, start, stop),
        cmocka_unit_test_setup_teardown(test_answers_from_another_thread, start, stop),
        cmocka_unit_test_setup_teardown(test_requests_behind_a_pending_one, start, stop),
        cmocka_unit_test_setup_teardown(test_a_half_closed_client_is_answered, start, stop),
        cmocka_unit_test_setup_teardown(test_clients_that_leave, start, stop),
        cmocka_unit_test_setup_teardown(test_stop_with_tickets_out, start, stop),
        cmocka_unit_test_setup_teardown(test_graceful_stop, start, stop),
        cmocka_unit_test_setup_teardown(test_drain_closes_after_the_answer, start, stop),
        cmocka_unit_test_setup_teardown(test_stream, start, stop),
        cmocka_unit_test_setup_teardown(test_stream_with_a_slow_reader, start, stop),
        cmocka_unit_test_setup_teardown(test_stream_whose_reader_leaves, start, stop),
        cmocka_unit_test_setup_teardown(test_stop_ends_streams, start, stop),
        cmocka_unit_test_setup_teardown(test_connection_cap, start, stop),
        cmocka_unit_test_setup_teardown(test_slow_requests_are_cut, start, stop),
        cmocka_unit_test_setup_teardown(test_readers_that_do_not_read_are_cut, start, stop),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test_setup_teardown(test_port_is_not_shared_by_mistake, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
