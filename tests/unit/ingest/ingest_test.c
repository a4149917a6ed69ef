/* The public listener on a real socket, with a sink that does as the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/metric.h"
#include "fakes/gzip.h"
#include "fakes/talk.h"
#include "ingest/ingest.h"

#define MAX_HELD 4000

enum mode { DONE_AT_ONCE, HOLD, FAIL_AT_ONCE, REFUSE };

static struct {
    struct sink sink;
    enum mode mode;
    enum err err;
    const char *why;
    size_t n_events, n_refused;
    struct refusal refused[200];
    atomic_int pushed;
    struct batch *held[MAX_HELD];
    pthread_mutex_t mutex;
    /* of the last batch */
    char body[4096], client[64], user_agent[1024], application[64];
    int64_t received_at_ms;
} fake = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static struct ingest *ingest;
static int port;
static atomic_bool is_ready;

static void remember(const struct batch *batch)
{
    snprintf(fake.body, sizeof fake.body, "%.*s", SLICE_ARG(batch->body));
    snprintf(fake.client, sizeof fake.client, "%.*s", SLICE_ARG(batch->client_address));
    snprintf(fake.user_agent, sizeof fake.user_agent, "%.*s", SLICE_ARG(batch->user_agent));
    snprintf(fake.application, sizeof fake.application, "%s", batch->application->name);
    fake.received_at_ms = batch->received_at_ms;
    for (size_t i = 0; i < BATCH_PADDING; i++)
        assert_int_equal(batch->body.at[batch->body.len + i], 0);
}

static enum err push(struct sink *sink, struct batch *batch)
{
    (void)sink;
    pthread_mutex_lock(&fake.mutex);
    remember(batch);
    batch->n_events = fake.n_events;
    batch->n_refused = fake.n_refused;
    batch->refused = fake.refused;
    if (fake.why)
        err_set(&batch->text, fake.err, "%s", fake.why);
    enum mode mode = fake.mode;
    enum err err = fake.err;
    assert_true(fake.pushed < MAX_HELD);
    fake.held[fake.pushed] = mode == HOLD ? batch : NULL; /* before the count that others wait for */
    fake.pushed++;
    pthread_mutex_unlock(&fake.mutex);
    if (mode == REFUSE)
        return err;
    if (mode != HOLD)
        batch->done(batch, mode == FAIL_AT_ONCE ? err : ERR_OK);
    return ERR_OK;
}

static void set_mode(enum mode mode)
{
    pthread_mutex_lock(&fake.mutex);
    fake.mode = mode;
    pthread_mutex_unlock(&fake.mutex);
}

static bool ready(void *ctx)
{
    (void)ctx;
    return is_ready;
}

static const char *const shop_keys[] = {"demo", "demo+2", NULL};
static const char *const shop_origins[] = {"https://shop.example", "https://*.shop.example", NULL};
#define ADVICE ",\"rate\":2.2250738585072014e-308,\"stop\":true,\"wait\":86400"
static const char *const back_keys[] = {"server", NULL}, *const any_keys[] = {"any", NULL};
static const char *const no_origins[] = {NULL}, *const any_origins[] = {"*", NULL};
static const struct application applications[] = {
    {.name = "shop", .keys = shop_keys, .origins = shop_origins},
    {.name = "back", .keys = back_keys, .origins = no_origins, .server_clients = true, .advice = ADVICE},
    {.name = "open", .keys = any_keys, .origins = any_origins},
};

static const char *const no_proxies[] = {NULL}, *const this_machine[] = {"127.0.0.0/8", "10.0.0.0/8", NULL};
static struct ingest_rules rules;

static void start_with(const char *const *trusted_proxies, int loops)
{
    fake.sink.push = push;
    fake.mode = DONE_AT_ONCE;
    fake.err = ERR_OK;
    fake.why = NULL;
    fake.n_events = 2;
    fake.n_refused = 0;
    fake.pushed = 0;
    is_ready = true;
    rules.applications = applications;
    rules.n_applications = 3;
    rules.trusted_proxies = trusted_proxies;
    struct ingest_options options = {.address = "127.0.0.1:0",
                                     .prefix = "/in/",
                                     .loops = loops,
                                     .max_connections = 5000,
                                     .max_body = 262144,
                                     .max_inflated = 2097152,
                                     .rules = rules,
                                     .sink = &fake.sink,
                                     .agent = SLICE("seismo()"),
                                     .agent_gzip = SLICE("\x1f\x8bzipped"),
                                     .ready = ready};
    struct err_text text;
    assert_int_equal(ingest_start(&ingest, &options, &text), ERR_OK);
    port = ingest_port(ingest);
}

static int start(void **state)
{
    (void)state;
    start_with(no_proxies, 2);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ingest_stop(ingest, 0, 1000);
    ingest = NULL;
    return 0;
}

/* The head without what changes (Date) or belongs to HTTP itself, and the body. */
static const char *essence(const struct answer *answer)
{
    static char text[70000];
    size_t n = (size_t)snprintf(text, sizeof text, "%d\n", answer->status);
    for (const char *line = strstr(answer->head, "\r\n") + 2; *line != '\r'; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "date:", 5) == 0 || strncasecmp(line, "connection:", 11) == 0 ||
            strncasecmp(line, "content-length:", 15) == 0)
            continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s\n", (int)strcspn(line, "\r"), line);
    }
    snprintf(text + n, sizeof text - n, "\n%s", answer->body);
    return text;
}

#define REFUSAL_HEAD "content-type: application/json\nx-content-type-options: nosniff\ncache-control: no-store\n"
#define CORS_HEAD(origin) "access-control-allow-origin: " origin "\naccess-control-expose-headers: Retry-After\n"
#define VARY "vary: Origin\n"
#define REFUSAL(number, sentence) \
    "{\"code\":\"SE-" number "\",\"error\":\"" sentence "\",\"help\":\"docs/codes/SE-" number ".md\"}"
#define POST(query, fields, body_length, body) \
    "POST /in/v1" query " HTTP/1.1\r\nHost: h\r\n" fields "Content-Length: " body_length "\r\n\r\n" body
#define FROM_SHOP "Origin: https://shop.example\r\n"
#define SHOP CORS_HEAD("https://shop.example")
#define TOLD "{\"accepted\":2,\"rejected\":[]" ADVICE "}"
#define ACCEPTED "{\"accepted\":2,\"rejected\":[]}"

static const struct {
    const char *request, *essence;
} cases[] = {
    /* taken */
    {POST("?k=demo", FROM_SHOP, "2", "{}"), "202\n" REFUSAL_HEAD SHOP VARY "\n" ACCEPTED},
    {POST("?k=demo%2B2", FROM_SHOP "Content-Type: text/plain;charset=UTF-8\r\n", "2", "{}"),
     "202\n" REFUSAL_HEAD SHOP VARY "\n" ACCEPTED},
    {POST("?x=1&k=demo", "Origin: https://de.shop.example\r\nContent-Type: Application/JSON\r\n", "2", "{}"),
     "202\n" REFUSAL_HEAD CORS_HEAD("https://de.shop.example") VARY "\n" ACCEPTED},
    {POST("?k=demo", FROM_SHOP "Content-Encoding: identity\r\n", "2", "{}"),
     "202\n" REFUSAL_HEAD SHOP VARY "\n" ACCEPTED},
    {POST("?k=any", "Origin: null\r\n", "2", "{}"), "202\n" REFUSAL_HEAD CORS_HEAD("null") VARY "\n" ACCEPTED},
    {POST("?k=server", "", "2", "{}"), "202\n" REFUSAL_HEAD VARY "\n" TOLD},
    {"POST /in/v1?k=server HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
     "202\n" REFUSAL_HEAD VARY "\n" TOLD},
    /* key and origin */
    {POST("", FROM_SHOP, "2", "{}"), "401\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1201", "the request carries no key")},
    {POST("?k=", FROM_SHOP, "2", "{}"),
     "401\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1201", "the request carries no key")},
    {POST("?k=demp", FROM_SHOP, "2", "{}"),
     "403\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1202", "the key is not known here")},
    {POST("?k=demo", "Origin: https://evil.test\r\n", "2", "{}"),
     "403\n" REFUSAL_HEAD CORS_HEAD("https://evil.test") VARY
     "\n" REFUSAL("1203", "the key may not be used from this origin")},
    {POST("?k=demo", "Origin: a b\r\n", "2", "{}"),
     "403\n" REFUSAL_HEAD VARY "\n" REFUSAL("1203", "the key may not be used from this origin")},
    {POST("?k=server", FROM_SHOP, "2", "{}"),
     "403\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1203", "the key may not be used from this origin")},
    {POST("?k=demo", "", "2", "{}"),
     "403\n" REFUSAL_HEAD VARY "\n" REFUSAL("1204", "the application does not accept requests without an Origin")},
    /* type, encoding, body */
    {POST("?k=demo", FROM_SHOP "Content-Type: text/html\r\n", "2", "{}"),
     "415\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1105", "this Content-Type is not supported")},
    {POST("?k=demo", FROM_SHOP "Content-Encoding: br\r\n", "2", "{}"),
     "415\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1104", "this Content-Encoding is not supported")},
    {POST("?k=demo", FROM_SHOP "Content-Encoding: gzip, gzip\r\n", "2", "{}"),
     "415\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1104", "this Content-Encoding is not supported")},
    {POST("?k=demo", FROM_SHOP "Content-Encoding: gzip\r\n", "2", "{}"),
     "400\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1103", "the body's gzip is damaged or cut short")},
    {POST("?k=demo", FROM_SHOP, "3", "\x1f\x8b!"),
     "400\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1103", "the body's gzip is damaged or cut short")},
    {POST("?k=demo", FROM_SHOP, "0", ""), "400\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1106", "the body is empty")},
    {"POST /in/v1?k=demo HTTP/1.1\r\nHost: h\r\n" FROM_SHOP "\r\n",
     "400\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1106", "the body is empty")},
    /* what h2o refuses by itself */
    {POST("?k=demo", FROM_SHOP, "99999999", ""),
     "413\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1101", "the body is larger than allowed")},
    {"POST /in/v1?k=demo HTTP/1.1\r\nHost: h\r\n" FROM_SHOP "Transfer-Encoding: chunked\r\n\r\nrubbish\r\n",
     "400\n" REFUSAL_HEAD SHOP VARY
     "\n" REFUSAL("1303", "a parameter of the request is wrong: the address or the framing of the body")},
    {"GET /in/../healthz HTTP/1.1\r\nHost: h\r\n\r\n",
     "400\n" REFUSAL_HEAD VARY
     "\n" REFUSAL("1303", "a parameter of the request is wrong: the address or the framing of the body")},
    /* methods and places */
    {"GET /in/v1?k=demo HTTP/1.1\r\nHost: h\r\n" FROM_SHOP "\r\n",
     "405\n" REFUSAL_HEAD "allow: POST, OPTIONS\n" SHOP VARY
     "\n" REFUSAL("1302", "this address does not answer to this method")},
    {"DELETE /seismo.js HTTP/1.1\r\nHost: h\r\n\r\n", "405\n" REFUSAL_HEAD "allow: GET, HEAD\n" VARY "\n" REFUSAL(
                                                          "1302", "this address does not answer to this method")},
    {"POST /healthz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
     "405\n" REFUSAL_HEAD "allow: GET, HEAD\n" VARY
     "\n" REFUSAL("1302", "this address does not answer to this method")},
    {"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
     "404\n" REFUSAL_HEAD VARY "\n" REFUSAL("1301", "there is nothing at this address")},
    {"POST /in/v1/?k=demo HTTP/1.1\r\nHost: h\r\n" FROM_SHOP "Content-Length: 0\r\n\r\n",
     "404\n" REFUSAL_HEAD SHOP VARY "\n" REFUSAL("1301", "there is nothing at this address")},
    /* preflights */
    {"OPTIONS /in/v1?k=demo HTTP/1.1\r\nHost: h\r\n" FROM_SHOP "Access-Control-Request-Method: POST\r\n"
     "Access-Control-Request-Headers: content-type,idempotency-key\r\n\r\n",
     "204\naccess-control-allow-methods: POST, OPTIONS\naccess-control-allow-headers: content-type,idempotency-key\n"
     "access-control-max-age: 86400\n" SHOP VARY "\n"},
    {"OPTIONS /in/v1?k=demo HTTP/1.1\r\nHost: h\r\n" FROM_SHOP "Access-Control-Request-Headers: a:b\r\n\r\n",
     "204\naccess-control-allow-methods: POST, OPTIONS\naccess-control-allow-headers: content-type, content-encoding\n"
     "access-control-max-age: 86400\n" SHOP VARY "\n"},
    {"OPTIONS /in/v1?k=wrong HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.test\r\n\r\n",
     "204\naccess-control-allow-methods: POST, OPTIONS\naccess-control-allow-headers: content-type, content-encoding\n"
     "access-control-max-age: 86400\n" CORS_HEAD("https://evil.test") VARY "\n"},
    {"OPTIONS /in/v1?k=demo HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.test\r\n\r\n",
     "403\n" REFUSAL_HEAD CORS_HEAD("https://evil.test") VARY
     "\n" REFUSAL("1203", "the key may not be used from this origin")},
    {"OPTIONS /in/v1?k=demo HTTP/1.1\r\nHost: h\r\n\r\n", "204\n" VARY "\n"},
    /* health */
    {"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
     "200\ncontent-type: text/plain; charset=utf-8\nx-content-type-options: nosniff\ncache-control: no-store\n" VARY
     "\nalive\n"},
    {"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n",
     "200\ncontent-type: text/plain; charset=utf-8\nx-content-type-options: nosniff\ncache-control: no-store\n" VARY
     "\nready\n"},
    {"HEAD /readyz HTTP/1.1\r\nHost: h\r\n\r\n",
     "200\ncontent-type: text/plain; charset=utf-8\nx-content-type-options: nosniff\ncache-control: no-store\n" VARY
     "\n"},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = talk(port, cases[i].request);
        if (strcmp(essence(&answer), cases[i].essence) != 0)
            fail_msg("%s\n--- expected\n%s\n--- heard\n%s", cases[i].request, cases[i].essence, essence(&answer));
    }
}

#define ASSET(etag, more) \
    "etag: " etag \
    "\ncache-control: public, max-age=3600\nvary: Accept-Encoding\n" \
    "access-control-allow-origin: *\ncross-origin-resource-policy: cross-origin\n" more
#define SCRIPT "content-type: text/javascript; charset=utf-8\nx-content-type-options: nosniff\n"

static void test_agent_file(void **state)
{
    (void)state;
    struct answer plain = talk(port, "GET /seismo.js HTTP/1.1\r\nHost: h\r\n\r\n");
    char tag[64], expected[1024], request[512];
    snprintf(tag, sizeof tag, "%s", talk_field(&plain, "etag"));
    assert_int_equal(strlen(tag), 34);
    snprintf(expected, sizeof expected, "200\n" ASSET("%s", SCRIPT) "\nseismo()", tag);
    assert_string_equal(essence(&plain), expected);
    struct answer gzip = talk(port, "GET /seismo.js HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br, gzip\r\n\r\n");
    assert_string_equal(gzip.body, "\x1f\x8bzipped");
    assert_string_equal(talk_field(&gzip, "content-encoding"), "gzip");
    assert_string_not_equal(talk_field(&gzip, "etag"), tag);
    struct answer head = talk(port, "HEAD /seismo.js HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_string_equal(talk_field(&head, "content-length"), "8");
    snprintf(request, sizeof request, "GET /seismo.js?v=2 HTTP/1.1\r\nHost: h\r\nIf-None-Match: W/%s\r\n\r\n", tag);
    struct answer same = talk(port, request);
    snprintf(expected, sizeof expected, "304\n" ASSET("%s", "") "\n", tag);
    assert_string_equal(essence(&same), expected);
    snprintf(request, sizeof request,
             "GET /seismo.js HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\nIf-None-Match: %s\r\n\r\n", tag);
    assert_int_equal(talk(port, request).status, 200);
}

static void test_batch_holds_what_the_pipeline_needs(void **state)
{
    (void)state;
    char request[2048], agent[700];
    memset(agent, 'a', sizeof agent - 1);
    agent[sizeof agent - 1] = '\0';
    clock_fake(1795000000123, 5);
    snprintf(request, sizeof request,
             POST("?k=demo", FROM_SHOP "User-Agent: %s\r\nX-Forwarded-For: 203.0.113.9\r\n", "4", "{\"\\u"), agent);
    assert_int_equal(talk(port, request).status, 202);
    clock_fake(-1, 0);
    assert_string_equal(fake.body, "{\"\\u");
    assert_string_equal(fake.client, "127.0.0.0");
    assert_string_equal(fake.application, "shop");
    assert_int_equal(strlen(fake.user_agent), 512);
    assert_int_equal(fake.received_at_ms, 1795000000123);
    stop(state);
    start_with(this_machine, 1);
    talk(port, POST("?k=demo", FROM_SHOP "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n", "2", "{}"));
    assert_string_equal(fake.client, "203.0.113.0");
}

static struct answer post_gzip(const unsigned char *gzip, size_t n, const char *fields)
{
    static char request[1 << 20];
    size_t head = (size_t)snprintf(
        request, sizeof request, "POST /in/v1?k=demo HTTP/1.1\r\nHost: h\r\n" FROM_SHOP "%sContent-Length: %zu\r\n\r\n",
        fields, n);
    memcpy(request + head, gzip, n);
    return talk_bytes(port, request, head + n);
}

static void test_gzip(void **state)
{
    (void)state;
    size_t n;
    unsigned char *gzip = gzip_make("{\"events\":[]}", 13, 1, &n);
    assert_int_equal(post_gzip(gzip, n, "").status, 202);
    assert_string_equal(fake.body, "{\"events\":[]}");
    fake.body[0] = '\0';
    assert_int_equal(post_gzip(gzip, n, "Content-Encoding: GZIP\r\nContent-Type: text/plain\r\n").status, 202);
    assert_string_equal(fake.body, "{\"events\":[]}");
    assert_int_equal(post_gzip(gzip, n - 1, "").status, 400);
    free(gzip);
    gzip = gzip_make("", 0, 1, &n);
    struct answer empty = post_gzip(gzip, n, "");
    assert_string_equal(empty.body, REFUSAL("1106", "the body is empty"));
    free(gzip);
    static const char zeros[1 << 20];
    gzip = gzip_make(zeros, sizeof zeros, 200, &n);
    struct answer bomb = post_gzip(gzip, n, "");
    assert_int_equal(bomb.status, 413);
    assert_string_equal(bomb.body, REFUSAL("1102", "the body inflates to more than allowed"));
    free(gzip);
}

static const char *beacon = POST("?k=demo", FROM_SHOP, "2", "{}");

/* The longest advice beside the longest count, and beside refused events. */
static void test_agents_are_told_what_the_application_says(void **state)
{
    (void)state;
    const char *server = POST("?k=server", "", "2", "{}");
    fake.n_events = 1000;
    assert_string_equal(talk(port, server).body, "{\"accepted\":1000,\"rejected\":[]" ADVICE "}");
    fake.n_refused = 1;
    fake.refused[0] = (struct refusal){3, ERR_FIELD_MISSING, "at"};
    assert_string_equal(talk(port, server).body,
                        "{\"accepted\":1000,\"rejected\":[{\"index\":3,\"code\":\"SE-1005\",\"field\":\"at\"}]" ADVICE
                        "}");
    assert_null(strstr(talk(port, beacon).body, "rate"));
}

static void test_refused_events_are_listed(void **state)
{
    (void)state;
    fake.n_events = 1;
    fake.n_refused = 2;
    fake.refused[0] = (struct refusal){3, ERR_FIELD_MISSING, "at"};
    fake.refused[1] = (struct refusal){4, ERR_NOT_AN_EVENT, ""};
    assert_string_equal(talk(port, beacon).body,
                        "{\"accepted\":1,\"rejected\":[{\"index\":3,\"code\":\"SE-1005\","
                        "\"field\":\"at\"},{\"index\":4,\"code\":\"SE-1013\"}]}");
    set_mode(REFUSE);
    fake.err = ERR_FIELD_MISSING;
    fake.why = "events[3].at: a \"number\"";
    fake.refused[1].field[0] = '<';
    fake.refused[1].field[1] = '"';
    struct answer none = talk(port, beacon);
    assert_int_equal(none.status, 400);
    assert_string_equal(
        none.body,
        "{\"code\":\"SE-1005\",\"error\":\"a required field is missing: events[3].at: a \\\"number\\\"\","
        "\"help\":\"docs/codes/SE-1005.md\",\"rejected\":[{\"index\":3,\"code\":\"SE-1005\","
        "\"field\":\"at\"},{\"index\":4,\"code\":\"SE-1013\",\"field\":\"<\\\"\"}]}");
}

static void test_many_refused_events_are_counted(void **state)
{
    (void)state;
    fake.n_refused = 120;
    for (uint16_t i = 0; i < 120; i++)
        fake.refused[i] = (struct refusal){i, ERR_FIELD_TYPE, "a_rather_long_name_of_31_letters"};
    struct answer answer = talk(port, beacon);
    assert_int_equal(answer.status, 202);
    assert_non_null(strstr(answer.body, "{\"index\":49,"));
    assert_null(strstr(answer.body, "{\"index\":50,"));
    assert_non_null(strstr(answer.body, "],\"rejected_count\":120}"));
}

static const struct {
    enum mode mode;
    enum err err;
    const char *why;
    int status;
    const char *body;
} verdicts[] = {
    {REFUSE, ERR_BAD_JSON, NULL, 400, REFUSAL("1001", "the body is not valid JSON")},
    {REFUSE, ERR_WRONG_SERVICE, "service: \"x\"", 400,
     REFUSAL("1014", "the key's application does not include this service: service: \\\"x\\\"")},
    {REFUSE, ERR_TOO_LARGE, NULL, 413, REFUSAL("2008", "it is larger than its bound")},
    {REFUSE, ERR_AGAIN, NULL, 503, REFUSAL("2001", "busy; try again shortly")},
    {REFUSE, ERR_FULL, "the spool is full", 503,
     REFUSAL("2003", "no room left for what would have to be kept: the spool is full")},
    {FAIL_AT_ONCE, ERR_BUS_WRITE, "disk", 503, REFUSAL("3002", "the bus did not take a record: disk")},
    {FAIL_AT_ONCE, ERR_BAD_JSON, NULL, 503, REFUSAL("1001", "the body is not valid JSON")},
};

static void test_verdicts_of_the_sink(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        fake.mode = verdicts[i].mode;
        fake.err = verdicts[i].err;
        fake.why = verdicts[i].why;
        struct answer answer = talk(port, beacon);
        assert_int_equal(answer.status, verdicts[i].status);
        assert_string_equal(answer.body, verdicts[i].body);
        assert_string_equal(talk_field(&answer, "access-control-allow-origin"), "https://shop.example");
        const char *retry = talk_field(&answer, "retry-after");
        assert_true(answer.status == 503 ? retry && atoi(retry) >= 1 && atoi(retry) <= 3 : !retry);
    }
}

static void test_retry_after_is_spread(void **state)
{
    (void)state;
    bool seen[4] = {false};
    set_mode(REFUSE);
    fake.err = ERR_AGAIN;
    for (int i = 0; i < 60; i++) {
        struct answer answer = talk(port, beacon);
        seen[atoi(talk_field(&answer, "retry-after"))] = true;
    }
    assert_true(seen[1] && seen[2] && seen[3]);
}

static void wait_for(int at_least)
{
    for (int i = 0; i < 50000 && fake.pushed < at_least; i++)
        usleep(200);
    assert_true(fake.pushed >= at_least);
}

static void *finish_held(void *arg)
{
    int n = *(int *)arg;
    for (int i = 0; i < n; i++) {
        wait_for(i + 1);
        pthread_mutex_lock(&fake.mutex);
        struct batch *batch = fake.held[i];
        pthread_mutex_unlock(&fake.mutex);
        batch->done(batch, i % 7 == 6 ? ERR_BUS_WRITE : ERR_OK);
    }
    return NULL;
}

static void test_sink_on_another_thread(void **state)
{
    (void)state;
    enum { CLIENTS = 100 };
    int fds[CLIENTS], n = CLIENTS, accepted = 0;
    pthread_t thread;
    set_mode(HOLD);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = talk_open(port);
        talk_say(fds[i], beacon);
    }
    wait_for(CLIENTS); /* a slow sink: nobody is answered yet */
    char byte;
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(recv(fds[i], &byte, 1, MSG_DONTWAIT), -1);
    pthread_create(&thread, NULL, finish_held, &n);
    for (int i = 0; i < CLIENTS; i++) {
        struct answer answer = talk_answer(fds[i], false);
        accepted += answer.status == 202;
        assert_true(answer.status == 202 || answer.status == 503);
        assert_string_equal(talk_field(&answer, "access-control-allow-origin"), "https://shop.example");
        close(fds[i]);
    }
    pthread_join(thread, NULL);
    assert_int_equal(accepted, CLIENTS - CLIENTS / 7);
}

static void test_clients_gone_before_the_answer(void **state)
{
    (void)state;
    int n = 3000;
    pthread_t thread;
    set_mode(HOLD);
    pthread_create(&thread, NULL, finish_held, &n);
    for (int i = 0; i < n; i++) {
        int fd = talk_open(port);
        talk_say(fd, beacon);
        if (i % 2)
            wait_for(i + 1);
        struct linger reset = {i % 2, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
    }
    pthread_join(thread, NULL);
    set_mode(DONE_AT_ONCE);
    assert_int_equal(talk(port, beacon).status, 202);
}

static atomic_bool no_more;

static void *finish_whatever_comes(void *arg)
{
    (void)arg;
    for (int i = 0;;) {
        pthread_mutex_lock(&fake.mutex);
        bool is_next = i < fake.pushed;
        struct batch *batch = is_next ? fake.held[i] : NULL; /* NULL: it came when nothing was held any more */
        pthread_mutex_unlock(&fake.mutex);
        if (is_next) {
            if (batch)
                batch->done(batch, i % 7 ? ERR_OK : ERR_BUS_WRITE);
            i++;
        } else if (no_more) {
            return NULL;
        } else {
            sleep_ms(1);
        }
    }
}

/* Cut at any byte, in the head, in the body, in the request behind it; by FIN or RST; before, while or after the answer
 * comes from another thread. */
static void test_clients_that_stop_anywhere(void **state)
{
    (void)state;
    char two[1024];
    size_t len = (size_t)snprintf(two, sizeof two, "%s%s", beacon, beacon);
    unsigned seed = 17;
    pthread_t thread;
    no_more = false;
    set_mode(HOLD);
    pthread_create(&thread, NULL, finish_whatever_comes, NULL);
    for (int i = 0; i < 3000; i++) {
        int fd = talk_open(port);
        struct linger how = {rand_r(&seed) % 2, 0};
        talk_send(fd, two, (size_t)rand_r(&seed) % (len / 2 + 60));
        if (rand_r(&seed) % 4 == 0)
            usleep((useconds_t)rand_r(&seed) % 2000);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &how, sizeof how);
        close(fd);
    }
    struct metric *open = metric_get(METRIC_GAUGE, "seismo_connections", "listener", "public", "");
    for (int i = 0; i < 2000 && metric_value(open) > 0; i++)
        sleep_ms(5);
    assert_int_equal(metric_value(open), 0);
    set_mode(DONE_AT_ONCE);
    no_more = true;
    pthread_join(thread, NULL);
    assert_int_equal(talk(port, beacon).status, 202);
}

static int64_t value_of(const char *name, const char *label, const char *value)
{
    return metric_value(metric_get(METRIC_COUNTER, name, label, value, ""));
}

static void test_counters(void **state)
{
    (void)state;
    int64_t beacons = value_of("seismo_beacons_accepted_total", NULL, NULL);
    int64_t events = value_of("seismo_events_accepted_total", NULL, NULL);
    int64_t missing = value_of("seismo_rejects_total", "reason", "field_missing");
    int64_t no_key = value_of("seismo_rejects_total", "reason", "no_key");
    int64_t accepted = value_of("seismo_requests_total", "status", "202");
    int64_t unauthorised = value_of("seismo_requests_total", "status", "401");
    fake.n_events = 5;
    fake.n_refused = 2;
    fake.refused[0] = fake.refused[1] = (struct refusal){0, ERR_FIELD_MISSING, ""};
    talk(port, beacon);
    talk(port, POST("", FROM_SHOP, "2", "{}"));
    assert_int_equal(value_of("seismo_beacons_accepted_total", NULL, NULL), beacons + 1);
    assert_int_equal(value_of("seismo_events_accepted_total", NULL, NULL), events + 5);
    assert_int_equal(value_of("seismo_rejects_total", "reason", "field_missing"), missing + 2);
    assert_int_equal(value_of("seismo_rejects_total", "reason", "no_key"), no_key + 1);
    assert_int_equal(value_of("seismo_requests_total", "status", "202"), accepted + 1);
    assert_int_equal(value_of("seismo_requests_total", "status", "401"), unauthorised + 1);
}

static void test_not_ready(void **state)
{
    (void)state;
    is_ready = false;
    struct answer answer = talk(port, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body,
                        REFUSAL("2001", "busy; try again shortly: beacons cannot be made durable at the moment"));
    assert_int_equal(talk(port, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
}

static void *stop_slowly(void *arg)
{
    (void)arg;
    ingest_stop(ingest, 400, 5000);
    return NULL;
}

static void test_drain(void **state)
{
    pthread_t thread;
    set_mode(HOLD);
    int pending = talk_open(port);
    talk_say(pending, beacon);
    wait_for(1);
    pthread_create(&thread, NULL, stop_slowly, NULL);
    sleep_ms(100); /* within the grace */
    struct answer ready_answer = talk(port, "GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(ready_answer.status, 503);
    assert_string_equal(ready_answer.body, REFUSAL("2002", "shutting down; try another instance"));
    assert_int_equal(talk(port, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").status, 200);
    set_mode(DONE_AT_ONCE);
    struct answer taken = talk(port, beacon);
    assert_int_equal(taken.status, 202);
    assert_string_equal(talk_field(&taken, "connection"), "close");
    sleep_ms(500); /* past it */
    int refused = talk_open(port);
    assert_int_equal(refused, -1);
    fake.held[0]->done(fake.held[0], ERR_OK);
    assert_int_equal(talk_answer(pending, false).status, 202);
    assert_true(talk_is_closed(pending, 1000));
    close(pending);
    pthread_join(thread, NULL);
    start(state);
}

static void test_deadline_passes_with_beacons_out(void **state)
{
    set_mode(HOLD);
    int fd = talk_open(port);
    talk_say(fd, beacon);
    wait_for(1);
    struct batch *batch = fake.held[0];
    ingest_stop(ingest, 0, 50);
    struct answer answer = talk_answer(fd, false);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body, REFUSAL("2002", "shutting down; try another instance"));
    assert_string_equal(talk_field(&answer, "access-control-allow-origin"), "https://shop.example");
    batch->done(batch, ERR_OK); /* its own memory is all that it touches */
    close(fd);
    start(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, start, stop),
        cmocka_unit_test_setup_teardown(test_agent_file, start, stop),
        cmocka_unit_test_setup_teardown(test_batch_holds_what_the_pipeline_needs, start, stop),
        cmocka_unit_test_setup_teardown(test_gzip, start, stop),
        cmocka_unit_test_setup_teardown(test_refused_events_are_listed, start, stop),
        cmocka_unit_test_setup_teardown(test_agents_are_told_what_the_application_says, start, stop),
        cmocka_unit_test_setup_teardown(test_many_refused_events_are_counted, start, stop),
        cmocka_unit_test_setup_teardown(test_verdicts_of_the_sink, start, stop),
        cmocka_unit_test_setup_teardown(test_retry_after_is_spread, start, stop),
        cmocka_unit_test_setup_teardown(test_sink_on_another_thread, start, stop),
        cmocka_unit_test_setup_teardown(test_clients_gone_before_the_answer, start, stop),
        cmocka_unit_test_setup_teardown(test_clients_that_stop_anywhere, start, stop),
        cmocka_unit_test_setup_teardown(test_counters, start, stop),
        cmocka_unit_test_setup_teardown(test_not_ready, start, stop),
        cmocka_unit_test_setup_teardown(test_drain, start, stop),
        cmocka_unit_test_setup_teardown(test_deadline_passes_with_beacons_out, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
