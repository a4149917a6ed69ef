/* Who may connect, and how: the PROXY protocol, connections of one address, TLS. */
#include "unit/test.h"

#include <openssl/ssl.h>
#include <signal.h>

#include "base/metric.h"
#include "fakes/certificate.h"
#include "fakes/talk.h"
#include "serve/serve.h"

#define CERTIFICATE "connection_test.pem"
#define KEY "connection_test.key"

static struct serve *serve;
static const char *trusted; /* the one peer that is */

static void handle(void *ctx, struct serve_request *request)
{
    (void)ctx;
    serve_reply(request, 200, NULL, 0, serve_peer(request));
}

static bool trusts(void *ctx, int loop, const struct address *peer)
{
    (void)ctx, (void)loop;
    char text[ADDRESS_TEXT_BYTES];
    address_text(peer, text);
    return trusted && strcmp(text, trusted) == 0;
}

static void start(bool proxy_protocol, int max_per_address, bool tls)
{
    struct serve_options options = {.address = "127.0.0.1:0",
                                    .loops = 1,
                                    .max_body = 1000,
                                    .max_connections = 100,
                                    .name = "connection",
                                    .trusts = trusts,
                                    .proxy_protocol = proxy_protocol,
                                    .max_connections_per_address = max_per_address,
                                    .tls_certificate = tls ? CERTIFICATE : NULL,
                                    .tls_key = tls ? KEY : NULL};
    struct err_text text;
    assert_int_equal(serve_start(&serve, &options, handle, NULL, &text), ERR_OK);
}

static int64_t turned_away(const char *reason)
{
    return metric_value(metric_get(METRIC_COUNTER, "seismo_connections_turned_away_total", "reason", reason, ""));
}

static void await_metric(const char *reason, int64_t value)
{
    for (int i = 0; i < 5000 && turned_away(reason) < value; i++)
        sleep_ms(2);
    assert_int_equal(turned_away(reason), value);
}

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
#define V2 "\r\n\r\n\0\r\nQUIT\n"

static void test_proxy_headers(void **state)
{
    (void)state;
    trusted = "127.0.0.1";
    start(true, 0, false);
    assert_string_equal(talk(serve_port(serve), "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n" GET).body, "203.0.113.7");
    assert_string_equal(talk(serve_port(serve), "PROXY UNKNOWN\r\n" GET).body, "127.0.0.1");
    static const char v2[] = V2
        "\x21\x21\0\x29\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0"
        "\2\4\0\2xx" GET;
    assert_string_equal(talk_bytes(serve_port(serve), v2, sizeof v2 - 1).body, "2001:db8::7");
    static const char local[] = V2 "\x20\0\0\0" GET;
    assert_string_equal(talk_bytes(serve_port(serve), local, sizeof local - 1).body, "127.0.0.1");
    int fd = talk_open(serve_port(serve)); /* byte by byte, and a second request on the same connection */
    for (size_t i = 0; i < sizeof v2 - 1; i++)
        talk_send(fd, v2 + i, 1);
    assert_string_equal(talk_answer(fd, false).body, "2001:db8::7");
    talk_say(fd, GET);
    assert_string_equal(talk_answer(fd, false).body, "2001:db8::7");
    close(fd);
    serve_stop(serve, 1000);
}

static void test_what_is_no_proxy_header_is_closed(void **state)
{
    (void)state;
    trusted = "127.0.0.1";
    start(true, 0, false);
    int64_t before = turned_away("proxy_header");
    assert_int_equal(talk(serve_port(serve), GET).status, 0);
    assert_int_equal(talk(serve_port(serve), "PROXY TCP4 x y 1 2\r\n" GET).status, 0);
    await_metric("proxy_header", before + 2);
    trusted = NULL;
    before = turned_away("proxy_untrusted");
    assert_int_equal(talk(serve_port(serve), "PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n" GET).status, 0);
    await_metric("proxy_untrusted", before + 1);
    serve_stop(serve, 1000);
}

static void test_a_proxy_header_that_does_not_come(void **state)
{
    (void)state;
    trusted = "127.0.0.1";
    start(true, 0, false);
    int64_t before = turned_away("proxy_timeout");
    int silent = talk_open(serve_port(serve)), slow = talk_open(serve_port(serve));
    talk_say(slow, "PROXY TCP4 203.0.");
    assert_string_equal(talk(serve_port(serve), "PROXY UNKNOWN\r\n" GET).body, "127.0.0.1");
    assert_true(talk_is_closed(silent, 15000));
    assert_true(talk_is_closed(slow, 15000));
    assert_int_equal(turned_away("proxy_timeout"), before + 2);
    close(silent);
    close(slow);
    int waiting = talk_open(serve_port(serve));
    talk_say(waiting, "PROXY");
    sleep_ms(50);
    serve_stop(serve, 1000); /* does not wait for it */
    assert_true(talk_is_closed(waiting, 1000));
    close(waiting);
}

static int open_as(const char *address)
{
    char line[128];
    int fd = talk_open(serve_port(serve));
    snprintf(line, sizeof line, "PROXY TCP%c %s %s 1 2\r\n" GET, strchr(address, ':') ? '6' : '4', address, address);
    talk_say(fd, line);
    return fd;
}

static void test_connections_of_one_address(void **state)
{
    (void)state;
    trusted = "127.0.0.1";
    start(true, 2, false);
    int64_t before = turned_away("address_maximum");
    int one = open_as("2001:db8::1"), two = open_as("2001:db8::2");
    assert_int_equal(talk_answer(one, false).status, 200);
    assert_int_equal(talk_answer(two, false).status, 200);
    int three = open_as("2001:db8::3"), other = open_as("2001:db8:0:1::1"), v4 = open_as("203.0.113.7");
    assert_int_equal(talk_answer(three, false).status, 0); /* the same /64 */
    assert_int_equal(talk_answer(other, false).status, 200);
    assert_int_equal(talk_answer(v4, false).status, 200);
    assert_int_equal(turned_away("address_maximum"), before + 1);
    close(three);
    close(one);
    for (int i = 0, status = 0; status != 200; i++) { /* its place is free as soon as the close is noticed */
        assert_true(i < 1000);
        int again = open_as("2001:db8::4");
        status = talk_answer(again, false).status;
        close(again);
    }
    int fds[10];
    for (int i = 0; i < 10; i++) { /* the proxy itself */
        fds[i] = talk_open(serve_port(serve));
        talk_say(fds[i], "PROXY UNKNOWN\r\n" GET);
        assert_int_equal(talk_answer(fds[i], false).status, 200);
    }
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    serve_limit_addresses(serve, 1);
    int fourth = open_as("198.51.100.1"), fifth = open_as("198.51.100.1");
    assert_int_equal(talk_answer(fourth, false).status + talk_answer(fifth, false).status, 200);
    close(fourth);
    close(fifth);
    close(two);
    close(other);
    close(v4);
    serve_stop(serve, 1000);
}

struct tls {
    int status;
    char name[64], version[16], protocol[32];
};

/* One request over TLS; status 0 when there was no handshake. at_most: the client's latest version, 0 for any. */
static struct tls talk_tls(int at_most, const char *alpn, const char *request)
{
    struct tls result = {0};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_max_proto_version(context, at_most);
    SSL *ssl = SSL_new(context);
    int fd = talk_open(serve_port(serve));
    struct timeval limit = {10, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SSL_set_fd(ssl, fd);
    if (alpn)
        SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    if (SSL_connect(ssl) == 1) {
        char answer[4096] = "";
        const unsigned char *protocol;
        unsigned protocol_len;
        X509 *certificate = SSL_get1_peer_certificate(ssl);
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, result.name, sizeof result.name);
        X509_free(certificate);
        SSL_get0_alpn_selected(ssl, &protocol, &protocol_len);
        snprintf(result.protocol, sizeof result.protocol, "%.*s", (int)protocol_len, (const char *)protocol);
        snprintf(result.version, sizeof result.version, "%s", SSL_get_version(ssl));
        SSL_write(ssl, request, (int)strlen(request));
        if (SSL_read(ssl, answer, sizeof answer - 1) > 0)
            result.status = atoi(answer + strlen("HTTP/1.1 "));
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return result;
}

static void test_tls(void **state)
{
    (void)state;
    trusted = NULL;
    certificate_write("first.test", CERTIFICATE, KEY);
    start(false, 0, true);
    struct tls latest = talk_tls(0, NULL, GET), old = talk_tls(TLS1_2_VERSION, NULL, GET);
    assert_int_equal(latest.status, 200);
    assert_string_equal(latest.version, "TLSv1.3");
    assert_string_equal(latest.name, "first.test");
    assert_int_equal(old.status, 200);
    assert_string_equal(old.version, "TLSv1.2");
    assert_int_equal(talk_tls(TLS1_1_VERSION, NULL, GET).status, 0);
    assert_int_equal(talk(serve_port(serve), GET).status, 0); /* clear text */
    assert_string_equal(talk_tls(0, "\x8http/1.1\2h2", GET).protocol, "http/1.1");
    struct tls both = talk_tls(0, "\2h2\x8http/1.1", GET);
    assert_string_equal(both.protocol, "http/1.1");
    assert_int_equal(both.status, 200);
    assert_string_equal(talk_tls(0, "\2h2", GET).protocol, ""); /* refused, or without ALPN: never h2 */
    assert_int_not_equal(talk_tls(0, NULL, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 200);
    serve_stop(serve, 1000);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void test_a_handshake_does_not_delay_the_stop(void **state)
{
    (void)state;
    certificate_write("first.test", CERTIFICATE, KEY);
    start(false, 0, true);
    int silent = talk_open(serve_port(serve)), halfway = talk_open(serve_port(serve));
    talk_send(halfway, "\x16\x03\x01\x02\0\1", 6);
    assert_int_equal(talk_tls(0, NULL, GET).status, 200);
    int64_t began_ms = now_ms();
    serve_stop(serve, 30000);
    assert_in_range(now_ms() - began_ms, 0, 8000); /* a handshake alone may take ten seconds */
    close(silent);
    close(halfway);
}

static void test_certificates_are_replaced(void **state)
{
    (void)state;
    struct err_text text;
    certificate_write("first.test", CERTIFICATE, KEY);
    start(false, 0, true);
    assert_string_equal(talk_tls(0, NULL, GET).name, "first.test");
    certificate_write("second.test", CERTIFICATE, KEY);
    assert_string_equal(talk_tls(0, NULL, GET).name, "first.test");
    assert_int_equal(serve_set_tls(serve, CERTIFICATE, KEY, &text), ERR_OK);
    assert_string_equal(talk_tls(0, NULL, GET).name, "second.test");
    assert_int_equal(serve_set_tls(serve, CERTIFICATE, "missing.key", &text), ERR_TLS);
    assert_non_null(strstr(text.at, "missing.key"));
    assert_int_equal(serve_set_tls(serve, KEY, KEY, &text), ERR_TLS);
    certificate_write("third.test", "other.pem", "other.key");
    assert_int_equal(serve_set_tls(serve, CERTIFICATE, "other.key", &text), ERR_TLS);
    assert_string_equal(talk_tls(0, NULL, GET).name, "second.test");
    assert_int_equal(talk_tls(0, NULL, GET).status, 200);
    serve_stop(serve, 1000);
    remove("other.pem");
    remove("other.key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxy_headers),
        cmocka_unit_test(test_what_is_no_proxy_header_is_closed),
        cmocka_unit_test(test_a_proxy_header_that_does_not_come),
        cmocka_unit_test(test_connections_of_one_address),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_a_handshake_does_not_delay_the_stop),
        cmocka_unit_test(test_certificates_are_replaced),
    };
    signal(SIGPIPE, SIG_IGN);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove(CERTIFICATE);
    remove(KEY);
    return failed;
}
