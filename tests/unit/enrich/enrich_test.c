/* A batch after enrich: times, flags, routes, client, redaction and codes together. */
#include "enrich/enrich_int.h"

#include <math.h>

#include "unit/test.h"

#define NOW INT64_C(1795354200000)
static const struct enrich_options options = {.late_ms = 3600000, .future_ms = 60000};

static struct batch *batch_with(size_t n, double sent)
{
    struct batch *batch = batch_new(64);
    batch->received_at_ms = NOW;
    batch->envelope = (struct envelope){.sent = sent, .rate = 1, .offset = NAN, .service = SLICE("shop")};
    batch->events = arena_zero(batch->arena, n * sizeof *batch->events);
    batch->n_events = n;
    for (size_t i = 0; i < n; i++)
        batch->events[i] = (struct event){.kind = EVENT_CLICK, .count = 1, .at = sent, .json = SLICE("{}")};
    return batch;
}

static void clocks_are_corrected(void **state)
{
    (void)state;
    static const struct {
        double sent, offset, at;
        int64_t expected_offset, at_ms;
        uint32_t flags;
    } rows[] = {
        {NOW - 200, NAN, NOW - 1000, 0, NOW - 1000, 0},
        {NOW - 2000, NAN, NOW - 3000, 0, NOW - 3000, 0},
        {NOW + 5000, NAN, NOW + 4000, -5000, NOW - 1000, 0},
        {NOW - 31536000000.0, NAN, NOW - 31536001000.0, 31536000000, NOW - 1000, 0}, /* a clock a year off */
        {NOW - 100, NAN, NOW - 3600001, 0, NOW - 3600001, EVENT_LATE},
        {NOW - 100, NAN, NOW + 60001, 0, NOW + 60001, EVENT_FUTURE},
        {NOW, -86400000, NOW + 86399000.0, -86400000, NOW - 1000, 0}, /* a leftover with its own correction */
        {NOW, 1500, NOW - 1000, 0, NOW - 1000, 0},
        {0, NAN, 9007199254740991.0, NOW, INT64_C(9007199254740991) + NOW, EVENT_FUTURE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct batch *batch = batch_with(1, rows[i].sent);
        batch->envelope.offset = rows[i].offset;
        batch->events[0].at = rows[i].at;
        assert_int_equal(enrich_batch(&options, batch), ERR_OK);
        assert_true(batch->clock_offset_ms == rows[i].expected_offset);
        assert_true(batch->events[0].at_ms == rows[i].at_ms);
        assert_int_equal(batch->events[0].flags, rows[i].flags);
        batch_free(batch);
    }
}

static void failures_are_flagged(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *outcome;
        bool failed;
    } rows[] = {{200, "success", false}, {404, "", false}, {499, "", false},      {500, "failure", true},
                {503, "", true},         {0, "", true},    {0, "aborted", false}, {0, "success", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct batch *batch = batch_with(2, NOW);
        batch->events[0].kind = EVENT_API;
        batch->events[0].url = SLICE("/a");
        batch->events[0].status = rows[i].status;
        batch->events[0].outcome = slice_of(rows[i].outcome);
        batch->events[1].kind = EVENT_ERROR;
        assert_int_equal(enrich_batch(&options, batch), ERR_OK);
        assert_int_equal(!!(batch->events[0].flags & EVENT_FAILED), rows[i].failed);
        assert_true(batch->events[1].flags & EVENT_FAILED);
        batch_free(batch);
    }
}

static void routes_are_set(void **state)
{
    (void)state;
    struct batch *batch = batch_with(4, NOW);
    batch->events[0].kind = EVENT_PAGE;
    batch->events[0].url = SLICE("https://shop.example/product/17?x");
    batch->events[1].kind = EVENT_API;
    batch->events[1].page = SLICE("/product/17");
    batch->events[1].url = SLICE("/api/products/17");
    batch->events[2].page = SLICE("/product/17");
    assert_int_equal(enrich_batch(&options, batch), ERR_OK);
    assert_slice(batch->events[0].route, "/product/:id");
    assert_slice(batch->events[0].page_route, "/product/:id");
    assert_slice(batch->events[1].route, "GET /api/products/:id");
    assert_slice(batch->events[1].page_route, "/product/:id");
    assert_slice(batch->events[2].route, "/product/:id");
    assert_slice(batch->events[3].route, "");
    batch_free(batch);
}

/* Names in labels and props are the page's own, and say what is secret. */
static void labels_and_props_lose_their_secrets(void **state)
{
    (void)state;
    char labels[] =
        "{\"view\":\"token=abc of\",\"password\":\"hunter2\",\"mail\":\"ann@shop.example\",\"plan\":\"gold\"}";
    char json[] =
        "{\"kind\":\"event\",\"at\":1795354199800,\"name\":\"bought by ann@shop.example\",\"value\":4111.5,"
        "\"props\":{\"password\":\"hunter2\",\"pin\":\"ok\",\"at\":4111111111111111,\"view\":\"key=abc\"}}";
    struct batch *batch = batch_with(1, NOW);
    batch->envelope.labels = (struct slice){labels, sizeof labels - 1};
    batch->events[0].kind = EVENT_BUSINESS;
    batch->events[0].json = (struct slice){json, sizeof json - 1};
    assert_int_equal(enrich_batch(&options, batch), ERR_OK);
    assert_string_equal(labels,
                        "{\"view\":\"token=*** of\",\"password\":\"*******\",\"mail\":\"****************\","
                        "\"plan\":\"gold\"}");
    assert_string_equal(json,
                        "{\"kind\":\"event\",\"at\":1795354199800,\"name\":\"bought by ****************\","
                        "\"value\":4111.5,\"props\":{\"password\":\"*******\",\"pin\":\"ok\","
                        "\"at\":1111111111111111,\"view\":\"key=***\"}}");
    assert_true(batch->events[0].flags & EVENT_REDACTED);
    batch_free(batch);
}

/* A name alone is enough: nothing in the texts looks secret. */
static void props_are_secret_by_their_names(void **state)
{
    (void)state;
    char json[] = "{\"kind\":\"event\",\"at\":1,\"name\":\"x\",\"props\":{\"password\":\"hunter\"}}";
    char labels[] = "{\"password\":\"hunter\"}";
    struct batch *batch = batch_with(1, NOW);
    batch->envelope.labels = (struct slice){labels, sizeof labels - 1};
    batch->events[0].kind = EVENT_BUSINESS;
    batch->events[0].json = (struct slice){json, sizeof json - 1};
    assert_int_equal(enrich_batch(&options, batch), ERR_OK);
    assert_null(strstr(json, "hunter"));
    assert_null(strstr(labels, "hunter"));
    batch_free(batch);
}

static void secrets_leave_everything(void **state)
{
    (void)state;
    char json[] = "{\"message\":\"token=abc of 17\",\"page\":\"/a/token=abc\"}";
    char message[] = "token=abc of 17", page[] = "/a/token=abc";
    struct batch *batch = batch_with(1, NOW);
    struct event *event = &batch->events[0];
    event->kind = EVENT_ERROR;
    event->json = (struct slice){json, sizeof json - 1};
    event->message = (struct slice){message, sizeof message - 1};
    event->page = (struct slice){page, sizeof page - 1};
    assert_int_equal(enrich_batch(&options, batch), ERR_OK);
    assert_string_equal(json, "{\"message\":\"token=*** of 17\",\"page\":\"/a/token=***\"}");
    assert_string_equal(message, "token=*** of 17");
    assert_slice(event->page_route, "/a/token=***");
    assert_slice(event->group, "token=* of *");
    assert_int_equal(event->code.len, 10);
    assert_true(event->flags & EVENT_REDACTED);
    batch_free(batch);
}

/* What stands around the events; the id of a user stays as the page gave it, but for cards and tokens. */
static void secrets_leave_the_envelope(void **state)
{
    (void)state;
    static const struct {
        const char *before, *text, *user;
    } rows[] = {
        {"shop 2.1", "shop 2.1", "shop 2.1"},
        {"4111 1111 1111 1111", "*******************", "*******************"},
        {"jane@shop.example", "*****************", "jane@shop.example"},
        {"jane%40shop.example", "*******************", "jane%40shop.example"},
        {"a@b.example token=abc c@d.example", "*********** token=*** ***********", "a@b.example token=*** c@d.example"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "****************************************",
         "****************************************"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct batch *batch = batch_with(1, NOW);
        struct envelope *e = &batch->envelope;
        struct slice *const texts[] = {&e->user,        &e->service,    &e->version,
                                       &e->environment, &e->agent_name, &e->agent_version};
        for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
            *texts[n] = arena_copy(batch->arena, slice_of(rows[i].before));
        assert_int_equal(enrich_batch(&options, batch), ERR_OK);
        assert_slice(e->user, rows[i].user);
        for (size_t n = 1; n < sizeof texts / sizeof *texts; n++)
            assert_slice(*texts[n], rows[i].text);
        batch_free(batch);
    }
}

static void clients_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *agent, *browser, *version, *os, *device;
    } rows[] = {
        {"", "", "", "", ""},
        {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
         "Chrome", "131", "Linux", "desktop"},
        {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
         "Safari/537.36 "
         "Edg/131.0.0.0",
         "Edge", "131", "Windows", "desktop"},
        {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 "
         "Safari/605.1.15",
         "Safari", "17", "macOS", "desktop"},
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 "
         "Mobile/15E148 Safari/604.1",
         "Safari", "17", "iOS", "phone"},
        {"Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", "Firefox", "132", "Android", "phone"},
        {"Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 "
         "Chrome/115.0.0.0 Safari/537.36",
         "Samsung Internet", "23", "Android", "tablet"},
        {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", "", "", "bot"},
        {"curl/8.5.0", "curl", "8", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client client = client_of(slice_of(rows[i].agent));
        assert_slice(client.browser, rows[i].browser);
        assert_slice(client.version, rows[i].version);
        assert_slice(client.os, rows[i].os);
        assert_slice(client.device, rows[i].device);
    }
}

static enum err refuse(struct sink *sink, struct batch *batch)
{
    (void)sink;
    (void)batch;
    return ERR_FULL;
}

static void sink_hands_on(void **state)
{
    (void)state;
    struct sink last = {refuse, NULL};
    struct sink *sink = enrich_sink_new(&options, &last);
    struct batch *batch = batch_with(1, NOW);
    assert_int_equal(sink_push(sink, batch), ERR_FULL);
    batch_free(batch);
    enrich_sink_free(sink);
    enrich_sink_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_are_corrected),
        cmocka_unit_test(failures_are_flagged),
        cmocka_unit_test(routes_are_set),
        cmocka_unit_test(labels_and_props_lose_their_secrets),
        cmocka_unit_test(props_are_secret_by_their_names),
        cmocka_unit_test(secrets_leave_everything),
        cmocka_unit_test(secrets_leave_the_envelope),
        cmocka_unit_test(clients_are_named),
        cmocka_unit_test(sink_hands_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
