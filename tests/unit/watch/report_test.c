/* What an instance says of itself: the document, and the thread that stores one each interval. */
#include "unit/test.h"

#include <jansson.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/metric.h"
#include "watch/report_int.h"

static const struct report_options options = {
    .every_ms = 20, .host = "host-1", .instance = "index-0", .roles = "ingest,index", .version = "1.2.3"};

static json_t *written(const struct counts *since, const struct counts *now, char id[REPORT_ID_BYTES])
{
    struct buf json;
    buf_init(&json, 65536);
    report_write(&options, 1795434000000, 60000, since, now, &json, id);
    json_t *document = json_loads(json.at, 0, NULL);
    assert_non_null(document);
    buf_done(&json);
    return document;
}

static json_int_t number(const json_t *document, const char *name)
{
    const json_t *value = json_object_get(document, name);
    if (!json_is_integer(value))
        fail_msg("%s is no number", name);
    return json_integer_value(value);
}

static void a_report_tells_what_came_since_and_how_it_stands(void **state)
{
    (void)state;
    char id[REPORT_ID_BYTES], other[REPORT_ID_BYTES];
    metric_set(metric_get(METRIC_GAUGE, "seismo_bus_lag", "group", "index", "records"), 12);
    metric_set(metric_get(METRIC_GAUGE, "seismo_bus_lag", "group", "merge", "records"), 3);
    metric_set(metric_get(METRIC_GAUGE, "seismo_spool_age_seconds", NULL, NULL, "age"), 7);
    struct counts since = {{100, 90, 5, 1}}, now = {{150, 130, 5, 4}};
    json_t *document = written(&since, &now, id);
    assert_string_equal(json_string_value(json_object_get(document, "@timestamp")), "2026-11-23T11:40:00.000Z");
    assert_string_equal(json_string_value(json_object_get(document, "service.node.name")), "index-0");
    assert_string_equal(json_string_value(json_object_get(document, "event.dataset")), "seismo.health");
    const json_t *roles = json_object_get(document, "service.node.roles");
    assert_int_equal(json_array_size(roles), 2);
    assert_string_equal(json_string_value(json_array_get(roles, 1)), "index");
    assert_int_equal(number(document, "seismo.health.accepted"), 50);
    assert_int_equal(number(document, "seismo.health.stored"), 40);
    assert_int_equal(number(document, "seismo.health.rejected"), 0);
    assert_int_equal(number(document, "seismo.health.late"), 3);
    assert_int_equal(number(document, "seismo.health.lag.index"), 12);
    assert_int_equal(number(document, "seismo.health.lag.merge"), 3);
    assert_null(json_object_get(document, "seismo.health.lag.rollup")); /* it reads no such thing */
    assert_int_equal(number(document, "seismo.health.spool.age_s"), 7);
    json_decref(document);
    json_decref(written(&since, &now, other));
    assert_string_equal(id, other); /* the same report again is the same document */
}

static atomic_int stored;

static bool store(void *ctx, struct slice id, struct slice json)
{
    (void)ctx;
    assert_int_equal(id.len, REPORT_ID_BYTES - 1);
    assert_true(json.len && json.at[0] == '{' && json.at[json.len - 1] == '}' && !memchr(json.at, '\n', json.len));
    atomic_fetch_add(&stored, 1);
    return true;
}

static void one_is_stored_each_interval_until_it_is_stopped(void **state)
{
    (void)state;
    struct report_options own = options;
    own.store = store;
    struct report *report = report_start(&own);
    for (int i = 0; i < 3000 && atomic_load(&stored) < 3; i++)
        usleep(10000);
    report_stop(report);
    int n = atomic_load(&stored);
    assert_true(n >= 3);
    usleep(60000);
    assert_int_equal(atomic_load(&stored), n);
    own.every_ms = 3600000;
    report_stop(report_start(&own)); /* at once */
    report_stop(NULL);
}

/* ---- while the store is away ---- */

static atomic_int asked;
static _Atomic json_int_t told;

static bool store_from_the_third_on(void *ctx, struct slice id, struct slice json)
{
    (void)ctx, (void)id;
    if (atomic_fetch_add(&asked, 1) < 2)
        return false;
    json_t *document = json_loadb(json.at, json.len, 0, NULL);
    atomic_fetch_add(&told, number(document, "seismo.health.accepted"));
    json_decref(document);
    return true;
}

static void what_could_not_be_told_is_told_later_and_once(void **state)
{
    (void)state;
    struct metric *accepted = metric_get(METRIC_COUNTER, "seismo_events_accepted_total", NULL, NULL, "events");
    struct report_options own = options;
    own.store = store_from_the_third_on;
    struct report *report = report_start(&own);
    for (int i = 0; i < 3000 && atomic_load(&asked) < 1; i++)
        usleep(10000);
    metric_add(accepted, 50); /* one report has failed: by now it knows what there was before */
    for (int i = 0; i < 3000 && atomic_load(&asked) < 6; i++)
        usleep(10000);
    report_stop(report);
    assert_true(atomic_load(&asked) >= 6);
    assert_int_equal(atomic_load(&told), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_tells_what_came_since_and_how_it_stands),
        cmocka_unit_test(one_is_stored_each_interval_until_it_is_stopped),
        cmocka_unit_test(what_could_not_be_told_is_told_later_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
