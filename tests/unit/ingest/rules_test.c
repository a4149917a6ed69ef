/* Clients behind proxies, countries, paces and reloads, on a real socket. */
#include "unit/test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/metric.h"
#include "fakes/mmdb.h"
#include "fakes/talk.h"
#include "ingest/ingest.h"

#define GEO_FILE "rules_test.mmdb"

static struct {
    struct sink sink;
    atomic_bool hold;
    atomic_int pushed;
    struct batch *held;
    char client[64], country[8], application[64];
} fake;

static struct ingest *ingest;
static int port;

static enum err push(struct sink *sink, struct batch *batch)
{
    (void)sink;
    snprintf(fake.client, sizeof fake.client, "%.*s", SLICE_ARG(batch->client_address));
    snprintf(fake.country, sizeof fake.country, "%.*s", SLICE_ARG(batch->country));
    snprintf(fake.application, sizeof fake.application, "%s", batch->application->name);
    batch->n_events = 1;
    fake.held = batch;
    fake.pushed++;
    if (!fake.hold)
        batch->done(batch, ERR_OK);
    return ERR_OK;
}

static bool ready(void *ctx)
{
    (void)ctx;
    return true;
}

static const char *const keys[] = {"demo", NULL}, *const both_keys[] = {"demo", "next", NULL},
                         *const next_keys[] = {"next", NULL}, *const origins[] = {"*", NULL};
static const char *const proxies[] = {"127.0.0.1", "10.0.0.0/8", "2001:db8:aa::/48", NULL}, *const nobody[] = {NULL};

/* In memory of its own, so that the sanitizer sees a use after release. */
struct owned {
    struct application application;
    char name[16];
    atomic_int *released;
};

static void release(void *at)
{
    struct owned *owned = at;
    (*owned->released)++;
    free(owned);
}

static struct ingest_rules rules_with(const char *name, const char *const *key_list, atomic_int *released)
{
    struct owned *owned = calloc(1, sizeof *owned);
    snprintf(owned->name, sizeof owned->name, "%s", name);
    owned->application = (struct application){.name = owned->name, .keys = key_list, .origins = origins};
    owned->released = released;
    return (struct ingest_rules){.applications = &owned->application,
                                 .n_applications = 1,
                                 .trusted_proxies = proxies,
                                 .release = release,
                                 .release_ctx = owned};
}

static void start(const struct ingest_rules *rules)
{
    struct ingest_options options = {.address = "127.0.0.1:0",
                                     .prefix = "/in",
                                     .loops = 2,
                                     .max_connections = 1000,
                                     .max_body = 262144,
                                     .max_inflated = 2097152,
                                     .rules = *rules,
                                     .sink = &fake.sink,
                                     .ready = ready};
    struct err_text text;
    fake.sink.push = push;
    fake.hold = false;
    fake.pushed = 0;
    assert_int_equal(ingest_start(&ingest, &options, &text), ERR_OK);
    port = ingest_port(ingest);
}

static struct answer post(const char *key, const char *fields)
{
    char request[2048];
    snprintf(request, sizeof request,
             "POST /in/v1?k=%s HTTP/1.1\r\nHost: h\r\nOrigin: https://a.test\r\n%sContent-Length: 2\r\n\r\n{}", key,
             fields);
    return talk(port, request);
}

static const struct {
    const char *fields, *client;
} forwarded[] = {
    {"", "127.0.0.0"},
    {"X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.0"},
    {"X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n", "203.0.113.0"}, /* the first is only claimed */
    {"X-Forwarded-For: 203.0.113.9, 10.1.2.3 , 10.9.9.9\r\n", "203.0.113.0"},
    {"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.1.2.3\r\n", "203.0.113.0"},
    {"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 203.0.113.9\r\n", "203.0.113.0"}, /* a proxy that adds a line */
    {"X-Forwarded-For: 203.0.113.9,,\r\n", "127.0.0.0"},
    {"X-Forwarded-For: unknown\r\n", "127.0.0.0"},
    {"X-Forwarded-For: 203.0.113.9, unknown, 10.1.2.3\r\n", "10.1.2.0"},
    {"X-Forwarded-For: [2001:db8:bb:cc::1]:443\r\n", "2001:db8:bb::"},
    {"X-Forwarded-For: 203.0.113.9:4711\r\n", "203.0.113.0"},
    {"X-Forwarded-For: 10.4.4.4, 10.1.2.3\r\n", "10.4.4.0"}, /* all of ours: the farthest */
    {"X-Forwarded-For: 2001:db8:bb::1, 2001:db8:aa::1\r\n", "2001:db8:bb::"},
    {"X-Forwarded-For: \r\n", "127.0.0.0"},
    {"X-Forwarded-For: 1.1.1.1, <script>\r\n", "127.0.0.0"},
};

static void test_forwarded(void **state)
{
    (void)state;
    atomic_int released = 0;
    struct ingest_rules rules = rules_with("a", keys, &released);
    start(&rules);
    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++) {
        assert_int_equal(post("demo", forwarded[i].fields).status, 202);
        if (strcmp(fake.client, forwarded[i].client) != 0)
            fail_msg("%s: %s", forwarded[i].fields, fake.client);
    }
    ingest_stop(ingest, 0, 1000);
    assert_int_equal(released, 1);
    struct ingest_rules alone = rules_with("a", keys, &released);
    alone.trusted_proxies = nobody;
    start(&alone);
    assert_int_equal(post("demo", "X-Forwarded-For: 203.0.113.9\r\nCF-IPCountry: DE\r\n").status, 202);
    assert_string_equal(fake.client, "127.0.0.0");
    assert_string_equal(fake.country, "");
    ingest_stop(ingest, 0, 1000);
}

static void write_countries(const char *code)
{
    const struct mmdb_country countries[] = {
        {"203.0.113.0/24", code, "country"},
        {"203.0.113.128/32", "FR", "registered_country"},
        {"2001:db8:bb::/48", "SE", "country"},
        {"198.51.100.0/24", "not a code", "country"},
    };
    mmdb_write(GEO_FILE ".new", countries, 4);
    assert_int_equal(rename(GEO_FILE ".new", GEO_FILE), 0);
}

static void test_countries(void **state)
{
    (void)state;
    atomic_int released = 0;
    struct ingest_rules rules = rules_with("a", keys, &released);
    struct err_text text;
    write_countries("DE");
    rules.geo_file = GEO_FILE;
    rules.country_header = "CF-IPCountry";
    start(&rules);
    static const struct {
        const char *fields, *country;
    } cases[] = {
        {"X-Forwarded-For: 203.0.113.9\r\n", "DE"}, /* the cut address would do; the next would not */
        {"X-Forwarded-For: 203.0.113.128\r\n", "FR"},
        {"X-Forwarded-For: 2001:db8:bb::1\r\n", "SE"},
        {"X-Forwarded-For: 198.51.100.1\r\n", ""},
        {"X-Forwarded-For: 192.0.2.1\r\n", ""},
        {"", ""},
        {"X-Forwarded-For: 203.0.113.9\r\nCF-IPCountry: AT\r\n", "AT"},
        {"X-Forwarded-For: 203.0.113.9\r\nCF-IPCountry: XX\r\n", "DE"},
        {"X-Forwarded-For: 192.0.2.1\r\nCF-IPCountry: at\r\n", ""},
        {"X-Forwarded-For: 192.0.2.1\r\nCF-IPCountry: T1\r\n", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(post("demo", cases[i].fields).status, 202);
        if (strcmp(fake.country, cases[i].country) != 0)
            fail_msg("%s: %s", cases[i].fields, fake.country);
    }
    write_countries("CH");
    struct ingest_rules newer = rules_with("a", keys, &released);
    newer.geo_file = GEO_FILE;
    assert_int_equal(ingest_reload(ingest, &newer, &text), ERR_OK);
    post("demo", "X-Forwarded-For: 203.0.113.9\r\nCF-IPCountry: AT\r\n");
    assert_string_equal(fake.country, "CH");
    struct ingest_rules wrong = rules_with("b", keys, &released);
    wrong.geo_file = "/dev/null";
    assert_int_equal(ingest_reload(ingest, &wrong, &text), ERR_GEO);
    release(wrong.release_ctx); /* still ours */
    post("demo", "X-Forwarded-For: 203.0.113.9\r\n");
    assert_string_equal(fake.country, "CH");
    ingest_stop(ingest, 0, 1000);
    assert_int_equal(released, 3);
    remove(GEO_FILE);
}

static void test_paces(void **state)
{
    (void)state;
    atomic_int released = 0;
    struct ingest_rules rules = rules_with("a", both_keys, &released);
    rules.address_requests = (struct ingest_pace){2, 5};
    rules.key_requests = (struct ingest_pace){10, 12};
    start(&rules);
    clock_fake(1795000000000, 1000000);
    const char *flooder = "X-Forwarded-For: 203.0.113.9\r\n", *neighbour = "X-Forwarded-For: 203.0.113.10\r\n";
    for (int i = 0; i < 5; i++)
        assert_int_equal(post("demo", flooder).status, 202);
    struct answer answer = post("demo", flooder);
    assert_int_equal(answer.status, 429);
    assert_string_equal(talk_field(&answer, "retry-after"), "1");
    assert_string_equal(talk_field(&answer, "access-control-allow-origin"), "https://a.test");
    assert_string_equal(answer.body,
                        "{\"code\":\"SE-1205\",\"error\":\"this address sends faster than "
                        "allowed\",\"help\":\"docs/codes/SE-1205.md\"}");
    assert_int_equal(post("wrong", flooder).status, 429); /* nor may it try keys */
    assert_int_equal(post("next", neighbour).status, 202);
    for (int i = 0; i < 7; i++) /* the proxy itself has no pace */
        assert_int_equal(post("demo", "").status, 202);
    answer = post("demo", "");
    assert_int_equal(answer.status, 429);
    assert_non_null(strstr(answer.body, "SE-1206"));
    assert_int_equal(post("next", "").status, 202);
    clock_fake(1795000000000, 1000500);
    assert_int_equal(post("next", flooder).status, 202);
    assert_int_equal(post("next", flooder).status, 429);
    assert_int_equal(post("demo", "").status, 202);
    clock_fake(-1, 0);
    ingest_stop(ingest, 0, 1000);
    assert_true(metric_value(metric_get(METRIC_COUNTER, "seismo_rejects_total", "reason", "rate_address", "")) == 3 &&
                metric_value(metric_get(METRIC_COUNTER, "seismo_rejects_total", "reason", "rate_key", "")) == 1);
}

/* Both keys are good while one gives way to the next; a beacon under way keeps what it came under. */
static void test_keys_are_rotated(void **state)
{
    (void)state;
    atomic_int released = 0;
    struct err_text text;
    struct ingest_rules first = rules_with("first", keys, &released);
    start(&first);
    assert_int_equal(post("demo", "").status, 202);
    assert_int_equal(post("next", "").status, 403);
    fake.hold = true;
    int pending = talk_open(port);
    talk_say(pending,
             "POST /in/v1?k=demo HTTP/1.1\r\nHost: h\r\nOrigin: https://a.test\r\nContent-Length: 2\r\n\r\n{}");
    for (int i = 0; i < 5000 && fake.pushed < 2; i++)
        sleep_ms(1);
    struct batch *batch = fake.held;
    fake.hold = false;
    struct ingest_rules second = rules_with("second", both_keys, &released);
    assert_int_equal(ingest_reload(ingest, &second, &text), ERR_OK);
    for (int i = 0; i < 50; i++) { /* both loops get to see it */
        assert_int_equal(post("demo", "").status, 202);
        assert_int_equal(post("next", "").status, 202);
        assert_string_equal(fake.application, "second");
    }
    struct ingest_rules third = rules_with("third", next_keys, &released);
    assert_int_equal(ingest_reload(ingest, &third, &text), ERR_OK);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(post("demo", "").status, 403);
        assert_int_equal(post("next", "").status, 202);
    }
    assert_int_equal(released, 1); /* the second; the first is held by the beacon */
    assert_string_equal(batch->application->name, "first");
    batch->done(batch, ERR_OK);
    assert_int_equal(talk_answer(pending, false).status, 202);
    for (int i = 0; i < 5000 && released < 2; i++)
        sleep_ms(1);
    assert_int_equal(released, 2);
    close(pending);
    ingest_stop(ingest, 0, 1000);
    assert_int_equal(released, 3);
}

static void test_wrong_rules_change_nothing(void **state)
{
    (void)state;
    atomic_int released = 0;
    struct err_text text;
    struct ingest_rules good = rules_with("good", keys, &released);
    static const char *const wrong_networks[] = {"10.0.0.0/8", "10.0.0.1/8", NULL};
    start(&good);
    struct ingest_rules wrong = rules_with("wrong", next_keys, &released);
    wrong.trusted_proxies = wrong_networks;
    assert_int_equal(ingest_reload(ingest, &wrong, &text), ERR_CONFIG);
    assert_non_null(strstr(text.at, "'10.0.0.1/8'"));
    assert_int_equal(post("demo", "X-Forwarded-For: 203.0.113.9\r\n").status, 202);
    assert_string_equal(fake.client, "203.0.113.0");
    assert_int_equal(post("next", "").status, 403);
    assert_int_equal(released, 0);
    release(wrong.release_ctx);
    ingest_stop(ingest, 0, 1000);
    assert_int_equal(released, 2);
}

static void *reload_often(void *at)
{
    atomic_int *released = at;
    struct err_text text;
    for (int i = 0; i < 300; i++) {
        struct ingest_rules rules = rules_with("again", both_keys, released);
        assert_int_equal(ingest_reload(ingest, &rules, &text), ERR_OK);
        sleep_ms(1);
    }
    return NULL;
}

static void test_reload_under_load(void **state)
{
    (void)state;
    atomic_int released = 0;
    struct ingest_rules rules = rules_with("first", both_keys, &released);
    pthread_t thread;
    start(&rules);
    pthread_create(&thread, NULL, reload_often, &released);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(post(i % 2 ? "demo" : "next", "").status, 202);
    pthread_join(thread, NULL);
    ingest_stop(ingest, 0, 1000);
    assert_int_equal(released, 301);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_countries),
        cmocka_unit_test(test_paces),
        cmocka_unit_test(test_keys_are_rotated),
        cmocka_unit_test(test_wrong_rules_change_nothing),
        cmocka_unit_test(test_reload_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
