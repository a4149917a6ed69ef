/* Documents: a record a row, the whole document as it is stored. */
#include "event/document.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "event/json_scan.h"
#include "unit/test.h"

static const struct record record = {
    .received_at_ms = 1795354200600,
    .sample_rate = 0.5,
    .application = {"shop", 4},
    .service = {"web", 3},
    .session = {"s9fK2mQx71aB", 12},
    .beacon = {"b7Qm0ZkX2TqS8yLw", 16},
};

#define HEAD \
    "{\"@timestamp\":\"2026-11-22T13:29:59.000Z\",\"event.kind\":\"event\",\"event.module\":\"seismo\",\"event." \
    "dataset\":" \
    "\"seismo.events\",\"event.created\":\"2026-11-22T13:30:00.600Z\",\"event.ingested\":\"2026-11-22T13:30:00." \
    "600Z\"," \
    "\"service.name\":\"web\",\"session.id\":\"s9fK2mQx71aB\",\"seismo.application\":\"shop\",\"seismo.beacon.id\":" \
    "\"b7Qm0ZkX2TqS8yLw\",\"seismo.sample_rate\":0.5,\"seismo.beacon.index\":3"

static void written_as(const struct fact *fact, const char *rest)
{
    struct fact full = *fact;
    struct buf buf;
    char expected[4096] = HEAD;
    full.index = 3;
    full.at_ms = INT64_C(1795354199000);
    strcat(expected, rest);
    buf_init(&buf, DOCUMENT_MAX_BYTES);
    document_write(&record, &full, &buf);
    assert_false(buf_failed(&buf));
    assert_string_equal(buf.at, expected);
    buf_done(&buf);
}

#define JSON(text) .json = {text, sizeof(text) - 1}

static void kinds_are_written(void **state)
{
    (void)state;
    struct fact api = {
        .kind = EVENT_API,
        .status = 500,
        .count = 1,
        .value = 35.25,
        .flags = EVENT_FAILED,
        .route = SLICE("GET /api/:id"),
        .page_route = SLICE("/"),
        JSON("{\"kind\":\"api\",\"at\":1,\"url\":\"/api/1?a=\\\"b\\\"\",\"status\":500, \"duration\" : 35.25 ,"
             "\"outcome\":\"failure\",\"view\":\"v1ABCDEF23\"}")};
    written_as(&api,
               ",\"seismo.route\":\"GET /api/:id\",\"seismo.page.route\":\"/\",\"event.duration\":35250000,"
               "\"seismo.flags\":[\"failed\"],\"event.action\":\"api\",\"url.full\":\"/api/1?a=\\\"b\\\"\","
               "\"http.response.status_code\":500,\"seismo.duration_ms\":35.25,\"seismo.outcome\":\"failure\","
               "\"event.outcome\":\"failure\"}");
    struct fact click = {.kind = EVENT_CLICK,
                         .count = 3,
                         .value = NAN,
                         JSON("{\"k\\u0069nd\":\"click\",\"at\":1,\"count\":3,\"selector\":\"#a\"}")};
    written_as(&click, ",\"seismo.click.count\":3,\"event.action\":\"click\",\"seismo.click.selector\":\"#a\"}");
    struct fact other = {.kind = EVENT_OTHER,
                         .count = 1,
                         .value = NAN,
                         .flags = EVENT_UNKNOWN_FIELD | EVENT_LATE,
                         JSON("{\"kind\":\"buy\",\"at\":1,\"url\":\"x\",\"y\":{\"a\":\"\\n\"}}")};
    written_as(
        &other,
        ",\"seismo.flags\":[\"late\",\"unknown_field\"],\"event.action\":\"buy\",\"event.original\":"
        "\"{\\\"kind\\\":\\\"buy\\\",\\\"at\\\":1,\\\"url\\\":\\\"x\\\",\\\"y\\\":{\\\"a\\\":\\\"\\\\n\\\"}}\"}");
    struct fact vital = {.kind = EVENT_VITAL,
                         .count = 1,
                         .value = 0.0123,
                         JSON("{\"kind\":\"vital\",\"at\":1,\"name\":\"CLS\",\"value\":0.0123}")};
    written_as(&vital, ",\"event.action\":\"vital\",\"seismo.vital.name\":\"CLS\",\"seismo.vital.value\":0.0123}");
    struct fact error = {.kind = EVENT_ERROR,
                         .count = 1,
                         .value = NAN,
                         .code = SLICE("E-45TFGR62"),
                         .group = SLICE("timeout of * exceeded"),
                         JSON("{\"kind\":\"error\",\"at\":1,\"message\":\"timeout of 3000ms exceeded\"}")};
    written_as(&error,
               ",\"error.code\":\"E-45TFGR62\",\"error.grouping_key\":\"E-45TFGR62\",\"error.grouping_name\":\"timeout "
               "of * exceeded\","
               "\"seismo.error.count\":1,\"event.action\":\"error\",\"error.message\":"
               "\"timeout of 3000ms exceeded\"}");
}

/* What pages name themselves stays one line, whatever space the page has sent. */
static void names_of_pages_are_spliced(void **state)
{
    (void)state;
    struct fact event = {
        .kind = EVENT_BUSINESS,
        .count = 1,
        .value = NAN,
        JSON("{\"kind\":\"event\",\"at\":1,\"name\":\"purchase\",\"value\":19.9,\"props\":{ \"a b\" :\n\"\\n\","
             "\"n\":-1e3 ,\r\n\"b\":true}}")};
    written_as(&event,
               ",\"event.action\":\"event\",\"seismo.event.name\":\"purchase\",\"seismo.event.value\":19.9,"
               "\"seismo.event.props\":{\"a b\":\"\\n\",\"n\":-1e3,\"b\":true}}");
    struct fact mark = {.kind = EVENT_MARK,
                        .count = 1,
                        .value = NAN,
                        JSON("{\"kind\":\"mark\",\"at\":1,\"name\":\"shown\",\"value\":640.5,\"props\":{}}")};
    written_as(&mark, ",\"event.action\":\"mark\",\"seismo.mark.name\":\"shown\",\"seismo.mark.value_ms\":640.5}");
    struct fact measure = {.kind = EVENT_MEASURE,
                           .count = 1,
                           .value = 81.25,
                           JSON("{\"kind\":\"measure\",\"at\":1,\"name\":\"search\",\"duration\":81.25}")};
    written_as(&measure,
               ",\"event.duration\":81250000,\"event.action\":\"measure\",\"seismo.measure.name\":\"search\","
               "\"seismo.duration_ms\":81.25}");
}

static void labels_stand_in_every_document(void **state)
{
    (void)state;
    struct record labelled = record;
    struct fact fact = {.kind = EVENT_CLICK, .count = 1, .value = NAN, JSON("{}")};
    static const char *const rows[][2] = {
        {"{\"plan\" :\n\"gold\", \"tenant.id\":\"t\"}", ",\"labels\":{\"plan\":\"gold\",\"tenant.id\":\"t\"},"},
        {"{\"a\":\"b\",\"c\":{\"d\":\n1}}", ",\"labels\":{\"a\":\"b\"},"}, /* a damaged record */
        {"{}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf buf;
        buf_init(&buf, DOCUMENT_MAX_BYTES);
        labelled.labels = slice_of(rows[i][0]);
        document_write(&labelled, &fact, &buf);
        assert_true(rows[i][1] ? strstr(buf.at, rows[i][1]) != NULL : !strstr(buf.at, "labels"));
        assert_null(strchr(buf.at, '\n'));
        buf_done(&buf);
    }
}

static void outcomes_follow_ecs(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        uint32_t flags;
        const char *json, *outcome;
    } rows[] = {
        {200, 0, "{\"outcome\":\"success\"}", "\"event.outcome\":\"success\"}"},
        {399, 0, "{}", "\"event.outcome\":\"success\"}"},
        {404, 0, "{}", "\"event.outcome\":\"failure\"}"},
        {404, 0, "{\"outcome\":\"success\"}", "\"event.outcome\":\"success\"}"},
        {404, 0, "{\"outcome\":\"failure\"}", "\"event.outcome\":\"failure\"}"},
        {500, EVENT_FAILED, "{}", "\"event.outcome\":\"failure\"}"},
        {0, 0, "{\"outcome\":\"aborted\"}", "\"event.outcome\":\"unknown\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fact fact = {.kind = EVENT_API,
                            .status = rows[i].status,
                            .flags = rows[i].flags,
                            .count = 1,
                            .value = NAN,
                            .json = slice_of(rows[i].json)};
        struct buf buf;
        buf_init(&buf, DOCUMENT_MAX_BYTES);
        document_write(&record, &fact, &buf);
        assert_non_null(strstr(buf.at, rows[i].outcome));
        buf_done(&buf);
    }
}

static void vitals_are_rated(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double value;
        const char *json, *rating;
    } rows[] = {
        {"LCP", 2500, "{}", "good"},
        {"LCP", 4000, "{}", "needs-improvement"},
        {"LCP", 4000.1, "{}", "poor"},
        {"INP", 201, "{}", "needs-improvement"},
        {"CLS", 0.3, "{}", "poor"},
        {"TTFB", 0, "{}", "good"},
        {"FCP", 9000, "{\"rating\":\"good\"}", "good"},
        {"FID", 9000, "{}", NULL},
        {"LCP", NAN, "{}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fact fact = {.kind = EVENT_VITAL,
                            .count = 1,
                            .name = slice_of(rows[i].name),
                            .value = rows[i].value,
                            .json = slice_of(rows[i].json)};
        char wanted[64];
        struct buf buf;
        buf_init(&buf, DOCUMENT_MAX_BYTES);
        document_write(&record, &fact, &buf);
        buf_char(&buf, '\0');
        snprintf(wanted, sizeof wanted, "\"seismo.vital.rating\":\"%s\"", rows[i].rating ? rows[i].rating : "");
        const char *found = strstr(buf.at, "\"seismo.vital.rating\"");
        assert_true(rows[i].rating ? found && strncmp(found, wanted, strlen(wanted)) == 0 : !found);
        assert_true(!found || !strstr(found + 2, "seismo.vital.rating"));
        buf_done(&buf);
    }
}

/* With everything there is, no name stands twice and none is the parent of another: Elasticsearch would refuse it. */
static void names_do_not_clash(void **state)
{
    (void)state;
    struct record full = record;
    full.service_version = full.environment = full.view = full.user = full.agent_name = full.agent_version = SLICE("x");
    full.browser = full.browser_version = full.os = full.device = full.country = full.client_address = SLICE("x");
    full.clock_offset_ms = 1;
    full.dropped = 1;
    for (enum event_kind kind = EVENT_PAGE; kind < EVENT_KINDS; kind++) {
        struct buf buf;
        struct fact fact = {
            .kind = kind,
            .count = 1,
            .value = 1,
            .flags = 31,
            .route = SLICE("x"),
            .page_route = SLICE("x"),
            .code = SLICE("x"),
            .group = SLICE("x"),
            .view = SLICE("x"),
            JSON("{\"kind\":1,\"at\":1,\"page\":1,\"view\":1,\"url\":1,\"title\":1,\"referrer\":1,"
                 "\"navigation\":1,\"duration\":1,\"redirect\":1,\"dns\":1,\"connect\":1,\"request\":1,"
                 "\"response\":1,\"dom\":1,\"load\":1,\"bytes\":1,\"from\":1,\"method\":1,\"status\":1,"
                 "\"initiator\":1,\"outcome\":1,\"trace\":1,\"selector\":1,\"name\":1,\"role\":1,\"count\":1,"
                 "\"flags\":1,\"type\":1,\"message\":1,\"stack\":1,\"source\":1,\"file\":1,\"line\":1,"
                 "\"column\":1,\"value\":1,\"rating\":1,\"metric\":1,\"target\":1,\"kind\":2}")};
        struct slice names[100];
        size_t n = 0;
        full.facts = &fact;
        full.n_facts = 1;
        buf_init(&buf, DOCUMENT_MAX_BYTES);
        document_write(&full, &fact, &buf);
        struct json_scan scan = json_scan_of(buf_slice(&buf));
        for (struct json_member member; json_scan_next(&scan, &member); n++) {
            names[n] = member.name;
            for (size_t i = 0; i < n; i++) {
                size_t least = names[i].len < member.name.len ? names[i].len : member.name.len;
                bool common = memcmp(names[i].at, member.name.at, least) == 0;
                char next = names[i].len > least      ? names[i].at[least]
                            : member.name.len > least ? member.name.at[least]
                                                      : '.';
                assert_false(common && next == '.');
            }
        }
        assert_true(n >= 35);
        buf_done(&buf);
    }
}

static void large_originals_are_cut(void **state)
{
    (void)state;
    size_t bytes = 1000000;
    char *json = malloc(bytes);
    memset(json, 'x', bytes);
    memcpy(json, "{\"kind\":\"a\",\"x\":\"", 17);
    memcpy(json + bytes - 2, "\"}", 2);
    struct fact fact = {
        .kind = EVENT_OTHER, .count = 1, .value = NAN, .flags = EVENT_UNKNOWN_FIELD, .json = {json, bytes}};
    struct buf buf;
    buf_init(&buf, DOCUMENT_MAX_BYTES);
    document_write(&record, &fact, &buf);
    assert_false(buf_failed(&buf));
    assert_true(buf.len < 40000);
    buf_done(&buf);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_pages_are_spliced), cmocka_unit_test(labels_stand_in_every_document),
        cmocka_unit_test(kinds_are_written),          cmocka_unit_test(outcomes_follow_ecs),
        cmocka_unit_test(vitals_are_rated),           cmocka_unit_test(names_do_not_clash),
        cmocka_unit_test(large_originals_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
