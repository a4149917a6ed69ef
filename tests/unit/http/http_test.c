/* The client against a scripted server: exact bytes out, hostile bytes in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "fakes/talk.h"
#include "http/http.h"

/* Answers each request with the next script; NULL: hangs until the client leaves; "": closes at once. */
static struct {
    int fd, port, connections, requests;
    const char *script[8];
    char heard[65536];
    pthread_t thread;
} server;

static bool hear_request(int fd)
{
    size_t n = 0, want = SIZE_MAX;
    while (n < want && n + 1 < sizeof server.heard) {
        ssize_t got = recv(fd, server.heard + n, sizeof server.heard - 1 - n, 0);
        if (got <= 0)
            return false;
        server.heard[n += (size_t)got] = '\0';
        const char *end = strstr(server.heard, "\r\n\r\n"), *length = strcasestr(server.heard, "content-length:");
        if (end && want == SIZE_MAX)
            want = (size_t)(end - server.heard) + 4 + (length ? strtoul(length + 15, NULL, 10) : 0);
    }
    return true;
}

static void *serve_scripts(void *arg)
{
    (void)arg;
    for (;;) {
        int fd = accept(server.fd, NULL, NULL);
        if (fd == -1)
            return NULL;
        server.connections++;
        bool open = true;
        while (open && hear_request(fd)) {
            const char *script = server.script[server.requests++];
            char byte;
            if (!script)
                open = recv(fd, &byte, 1, 0) > 0;
            else if (!script[0] || !talk_say(fd, script) || strstr(script, "Connection: close"))
                open = false;
        }
        close(fd);
    }
}

static int start(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    memset(&server, 0, sizeof server);
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    bind(server.fd, (struct sockaddr *)&at, sizeof at);
    listen(server.fd, 8);
    getsockname(server.fd, (struct sockaddr *)&at, &len);
    server.port = ntohs(at.sin_port);
    return pthread_create(&server.thread, NULL, serve_scripts, NULL);
}

static int stop(void **state)
{
    (void)state;
    shutdown(server.fd, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.fd);
    return 0;
}

static const struct http_options options = {.connect_timeout_ms = 2000, .timeout_ms = 300, .max_response = 1000};

static const char *url(const char *rest)
{
    static char text[512];
    snprintf(text, sizeof text, "http://127.0.0.1:%d%s", server.port, rest);
    return text;
}

/* One call with a client of its own; the body stays readable until the next. */
static enum err call(const struct http_request *request, struct http_response *response, struct err_text *text)
{
    struct http_client *client = http_client_new(&options);
    enum err err = http_send(client, request, response, text);
    http_client_free(client);
    return err;
}

#define OK(body_length, body) "HTTP/1.1 200 OK\r\nContent-Length: " body_length "\r\n\r\n" body

static void test_get_and_post(void **state)
{
    (void)state;
    static const char *const fields[] = {"X-One: 1", "X-Two: 2", NULL};
    struct http_options with = options;
    with.authorization = "Bearer secret";
    struct http_client *client = http_client_new(&with);
    struct http_response response;
    struct err_text text;
    http_response_init(&response, 10000);
    server.script[0] = server.script[1] = OK("5", "hello");
    server.script[2] = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
    server.script[3] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    struct http_request get = {.method = "GET", .url = url("/a?b=c")};
    assert_int_equal(http_send(client, &get, &response, &text), ERR_OK);
    assert_int_equal(response.status, 200);
    assert_string_equal(response.body.at, "hello");
    assert_int_equal(response.retry_after_ms, -1);
    assert_non_null(strstr(server.heard, "GET /a?b=c HTTP/1.1\r\n"));
    assert_non_null(strstr(server.heard, "Authorization: Bearer secret\r\n"));
    assert_null(strstr(server.heard, "Content-Type"));
    struct http_request post = {
        .method = "POST", .url = url("/p"), .content_type = "text/x", .body = SLICE("a\0b"), .headers = fields};
    assert_int_equal(http_send(client, &post, &response, &text), ERR_OK);
    assert_non_null(strstr(server.heard, "POST /p HTTP/1.1\r\n"));
    assert_non_null(strstr(server.heard, "Content-Type: text/x\r\n"));
    assert_non_null(strstr(server.heard, "Content-Length: 3\r\n"));
    assert_non_null(strstr(server.heard, "X-One: 1\r\nX-Two: 2\r\n"));
    assert_memory_equal(strstr(server.heard, "\r\n\r\n") + 4, "a\0b", 3);
    struct http_request delete = {.method = "DELETE", .url = url("/d")};
    assert_int_equal(http_send(client, &delete, &response, &text), ERR_OK);
    assert_int_equal(response.status, 404);
    assert_string_equal(response.body.at, "no");
    assert_non_null(strstr(server.heard, "DELETE /d HTTP/1.1\r\n"));
    struct http_request head = {.method = "HEAD", .url = url("/h")};
    assert_int_equal(http_send(client, &head, &response, &text), ERR_OK);
    assert_int_equal(response.body.len, 0);
    assert_int_equal(server.connections, 1); /* kept from call to call */
    http_response_done(&response);
    http_client_free(client);
}

static void test_basic_auth(void **state)
{
    (void)state;
    struct http_options with = options;
    with.user = "us";
    with.password = "pa:ss";
    struct http_client *client = http_client_new(&with);
    struct http_response response;
    http_response_init(&response, 1000);
    server.script[0] = OK("0", "");
    struct http_request request = {.method = "GET", .url = url("/")};
    assert_int_equal(http_send(client, &request, &response, NULL), ERR_OK);
    assert_non_null(strstr(server.heard, "Authorization: Basic dXM6cGE6c3M=\r\n"));
    http_response_done(&response);
    http_client_free(client);
}

#define BUSY(value) "HTTP/1.1 503 Busy\r\nRetry-After: " value "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static const struct {
    const char *answer;
    int retry_after_ms;
} retries[] = {
    {BUSY("7"), 7000},
    {BUSY("0"), 0},
    {BUSY("-3"), 0},
    {BUSY("999999999999999999999"), 3600000},
    {BUSY("Sun, 22 Nov 2026 13:37:30 GMT"), 30000},
    {BUSY("Sun, 22 Nov 2026 13:36:30 GMT"), 0},
    {BUSY("Sun, 22 Nov 2099 13:36:30 GMT"), 3600000},
    {BUSY("soon"), -1},
    {BUSY(""), -1},
};

static void test_retry_after(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof retries / sizeof retries[0]; i++) {
        struct http_response response;
        http_response_init(&response, 1000);
        server.requests = 0;
        server.script[0] = retries[i].answer;
        clock_fake(clock_parse("2026-11-22T13:37:00Z", 20), 1);
        struct http_request request = {.method = "GET", .url = url("/")};
        assert_int_equal(call(&request, &response, NULL), ERR_OK);
        clock_fake(-1, 0);
        assert_int_equal(response.status, 503);
        if (response.retry_after_ms != retries[i].retry_after_ms)
            fail_msg("%s: %d", retries[i].answer, response.retry_after_ms);
        http_response_done(&response);
    }
}

#define LONG_CHUNK \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
#define CLOSING "HTTP/1.1 200 OK\r\nConnection: close\r\n"

static const struct {
    const char *answer;
    enum err err;
    const char *text; /* how it ends */
} failures[] = {
    {"", ERR_HTTP, "/x: it closed without an answer"},
    {NULL, ERR_TIMED_OUT, "/x: no answer within 300 ms"},
    {CLOSING "Content-Length: 50\r\n\r\nshort", ERR_HTTP, "/x: the connection broke"},
    {CLOSING "\r\n" LONG_CHUNK LONG_CHUNK LONG_CHUNK LONG_CHUNK LONG_CHUNK LONG_CHUNK LONG_CHUNK LONG_CHUNK LONG_CHUNK
         LONG_CHUNK LONG_CHUNK,
     ERR_TOO_LARGE, "/x: the answer has more than 1000 bytes"},
    {"rubbish Connection: close\r\n\r\n", ERR_HTTP, NULL},
    {CLOSING "Content-Encoding: gzip\r\n\r\nnot gzip", ERR_HTTP, "/x: its answer is not HTTP that we know"},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct http_response response;
        struct err_text text = {"-"};
        http_response_init(&response, 5000);
        server.requests = 0;
        server.script[0] = failures[i].answer;
        char secret[128];
        snprintf(secret, sizeof secret, "http://us%%40er:password@127.0.0.1:%d/x?token=secret#f", server.port);
        struct http_request request = {.method = "GET", .url = secret};
        enum err err = call(&request, &response, &text);
        if (err != failures[i].err)
            fail_msg("%zu: %s %s", i, err_name(err), text.at);
        if (failures[i].text) {
            char expected[256];
            snprintf(expected, sizeof expected, "GET http://127.0.0.1:%d%s", server.port, failures[i].text);
            assert_string_equal(text.at, expected);
        }
        assert_null(strstr(text.at, "secret"));
        assert_null(strstr(text.at, "pass"));
        assert_null(strstr(text.at, "word"));
        http_response_done(&response);
    }
}

static void test_nobody_there(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd", "gopher://127.0.0.1/", "nonsense://", "", "http://"};
    (void)state;
    struct http_response response;
    struct err_text text;
    http_response_init(&response, 1000);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct http_request request = {.method = "GET", .url = urls[i]};
        assert_int_equal(call(&request, &response, &text), ERR_HTTP);
    }
    struct http_request odd = {.method = "PUT", .url = "https://us:pass@word@host.invalid:1x/a\nb#secret"};
    assert_int_equal(call(&odd, &response, &text), ERR_HTTP);
    assert_string_equal(text.at, "PUT https://host.invalid:1x/a?b: not a URL that can be called (http or https)");
    const char *gone = url("/x?token=secret");
    stop(NULL);
    struct http_request request = {.method = "GET", .url = gone};
    assert_int_equal(call(&request, &response, &text), ERR_HTTP);
    assert_non_null(strstr(text.at, "/x: no connection"));
    start(NULL);
    http_response_done(&response);
}

static void test_redirects_are_not_followed(void **state)
{
    (void)state;
    struct http_response response;
    http_response_init(&response, 1000);
    server.script[0] = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n";
    struct http_request request = {.method = "GET", .url = url("/")};
    assert_int_equal(call(&request, &response, NULL), ERR_OK);
    assert_int_equal(response.status, 302);
    assert_int_equal(response.body.len, 0);
    http_response_done(&response);
}

/* A failed call leaves the client and the response as good as new. */
static void test_client_recovers(void **state)
{
    (void)state;
    struct http_client *client = http_client_new(&options);
    struct http_response response;
    http_response_init(&response, 1000);
    server.script[0] = "";
    server.script[1] = OK("2", "ok");
    struct http_request request = {.method = "POST", .url = url("/"), .content_type = "a/b", .body = SLICE("x")};
    assert_int_equal(http_send(client, &request, &response, NULL), ERR_HTTP);
    assert_int_equal(http_send(client, &request, &response, NULL), ERR_OK);
    assert_string_equal(response.body.at, "ok");
    http_response_done(&response);
    http_client_free(client);
    http_client_free(NULL);
}

static void test_backoff(void **state)
{
    (void)state;
    static const int bounds[] = {100, 200, 400, 800, 1000, 1000};
    for (int attempt = 0; attempt < 6; attempt++) {
        int least = 1 << 30, most = 0;
        for (int i = 0; i < 2000; i++) {
            int pause = http_backoff_ms(attempt, 100, 1000, -1);
            least = pause < least ? pause : least;
            most = pause > most ? pause : most;
        }
        assert_true(least >= 0 && least < bounds[attempt] / 20);
        assert_true(most <= bounds[attempt] && most > bounds[attempt] * 19 / 20);
    }
    for (int i = 0; i < 100; i++) {
        int pause = http_backoff_ms(0, 100, 1000, 5000);
        assert_true(pause >= 5000 && pause <= 5100);
    }
    assert_true(http_backoff_ms(1000000, 1, 1 << 30, -1) >= 0);
    assert_true(http_backoff_ms(40, 1 << 30, 0x7fffffff, 0x7fffffff) == 0x7fffffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get_and_post, start, stop),
        cmocka_unit_test_setup_teardown(test_basic_auth, start, stop),
        cmocka_unit_test_setup_teardown(test_retry_after, start, stop),
        cmocka_unit_test_setup_teardown(test_failures, start, stop),
        cmocka_unit_test_setup_teardown(test_nobody_there, start, stop),
        cmocka_unit_test_setup_teardown(test_redirects_are_not_followed, start, stop),
        cmocka_unit_test_setup_teardown(test_client_recovers, start, stop),
        cmocka_unit_test(test_backoff),
    };
    setenv("no_proxy", "*", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
