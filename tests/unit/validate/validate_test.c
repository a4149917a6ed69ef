/* What the decoder makes of a beacon; what it refuses is in examples_test.c. */
#include "validate/validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "event/application.h"
#include "unit/test.h"

#define ENVELOPE \
    "{\"id\":\"b7Qm0ZkX2TqS8yLw\",\"service\":\"shop\",\"session\":\"s9fK2mQx71aB\",\"sent\":1000,\"events\":["

static struct batch *batch_of(const char *text)
{
    size_t n = strlen(text);
    struct batch *batch = batch_new(n);
    memcpy((char *)(uintptr_t)batch->body.at, text, n);
    return batch;
}

static void events_become_fields(void **state)
{
    (void)state;
    struct batch *batch =
        batch_of(ENVELOPE
                 "{\"kind\":\"api\",\"at\":1795354199800.25,\"page\":\"/product/17\",\"url\":\"/api/\\u00fc?a=1\","
                 "\"method\":\"GET\",\"status\":503,\"duration\":35.123456789012345,\"outcome\":\"failure\"} ,"
                 "17, {\"duration\":1,\"kind\":\"click\",\"at\":5,\"count\":3,\"name\":\"Buy\"}]}");
    assert_int_equal(validate_beacon(batch), ERR_OK);
    assert_int_equal(batch->n_events, 2);
    assert_int_equal(batch->n_refused, 1);
    const struct event *api = &batch->events[0], *click = &batch->events[1];
    assert_true(api->kind == EVENT_API && api->index == 0 && api->status == 503 && api->count == 1 && api->flags == 0);
    assert_true(api->at == 1795354199800.25 && api->value == 35.123456789012345);
    assert_slice(api->kind_text, "api");
    assert_slice(api->url, "/api/\xc3\xbc?a=1");
    assert_slice(api->outcome, "failure");
    assert_true(slice_starts(api->json, "{\"kind\":\"api\"") && api->json.at[api->json.len - 1] == '}');
    assert_true(click->kind == EVENT_CLICK && click->index == 2 && click->count == 3);
    assert_true(isnan(click->value) && click->flags == EVENT_UNKNOWN_FIELD); /* duration is no click's */
    assert_slice(click->name, "Buy");
    assert_slice(click->json, "{\"duration\":1,\"kind\":\"click\",\"at\":5,\"count\":3,\"name\":\"Buy\"}");
    assert_true(batch->envelope.rate == 1 && isnan(batch->envelope.offset) && batch->envelope.sent == 1000);
    batch_free(batch);
}

/* Labels that are wrong are left out, and nothing else. */
static void labels_are_picked(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"plan\":\"gold\",\"a\":\"b\"}", "{\"plan\":\"gold\",\"a\":\"b\"}"},
        {"{\"my plan\":\"gold\",\"a\" : \"b\",\"n\":1,\"c\":\"d\"}", "{\"a\":\"b\",\"c\":\"d\"}"},
        {"{\"my plan\":\"gold\"}", "{}"},
        {"[\"plan\"]", ""},
        {"17", ""},
        {"{}", "{}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"labels\":%s,\"id\":\"b7Qm0ZkX2TqS8yLw\",\"service\":\"shop\",\"session\":\"s9fK2mQx71aB\","
                 "\"sent\":1000,\"events\":[{\"kind\":\"mark\",\"at\":1,\"name\":\"shown\"}]}",
                 rows[i][0]);
        struct batch *batch = batch_of(text);
        assert_int_equal(validate_beacon(batch), ERR_OK);
        assert_slice(batch->envelope.labels, rows[i][1]);
        assert_true(batch->events[0].kind == EVENT_MARK && batch->events[0].flags == 0);
        batch_free(batch);
    }
}

/* The first and last letters of a kind's own name do not make it one. */
static void kinds_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum event_kind kind;
    } rows[] = {{"event", EVENT_BUSINESS}, {"mark", EVENT_MARK},     {"measure", EVENT_MEASURE},
                {"error", EVENT_ERROR},    {"emit", EVENT_OTHER},    {"eventt", EVENT_OTHER},
                {"m", EVENT_OTHER},        {"purchase", EVENT_OTHER}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 ENVELOPE "{\"kind\":\"%s\",\"at\":1,\"name\":\"x\",\"message\":\"x\",\"value\":-1.5,\"count\":1}]}",
                 rows[i].name);
        struct batch *batch = batch_of(text);
        bool is_mark = rows[i].kind == EVENT_MARK; /* whose value is a time */
        assert_int_equal(validate_beacon(batch), is_mark ? ERR_FIELD_RANGE : ERR_OK);
        assert_true(is_mark || (batch->events[0].kind == rows[i].kind && isnan(batch->events[0].value)));
        batch_free(batch);
    }
}

/* Each as a page's duration: the number that comes out is the one that strtod makes of it. */
static void numbers_are_exact(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "0",
        "-0",
        "1",
        "0.1",
        "0.3",
        "412.59999999403954",
        "86400000",
        "1e3",
        "1E+3",
        "1e-3",
        "12.5e2",
        "0.000001",
        "123456789012345e-9",
        "9007199.254740993",
        "5e-324",
        "0.0",
        "1234567.89",
        "0.30000000000000004",
        "1.7976931348623157e-8",
        "2.2250738585072011e-308",
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[512];
        snprintf(text, sizeof text, ENVELOPE "{\"kind\":\"page\",\"at\":1,\"duration\":%s}]}", numbers[i]);
        struct batch *batch = batch_of(text);
        assert_int_equal(validate_beacon(batch), ERR_OK);
        assert_true(batch->events[0].value == strtod(numbers[i], NULL));
        batch_free(batch);
    }
}

static void refusals_name_the_field(void **state)
{
    (void)state;
    struct batch *batch = batch_of(ENVELOPE
                                   "{\"kind\":\"api\",\"at\":1},{\"kind\":\"a\",\"at\":1},"
                                   "{\"kind\":\"a\",\"at\":1,\"\x1b[31m\xc3\xbc\":1,\"\x1b[31m\xc3\xbc\":1}]}");
    assert_int_equal(validate_beacon(batch), ERR_BAD_JSON); /* a control character */
    batch_free(batch);
    batch = batch_of(ENVELOPE
                     "{\"kind\":\"api\",\"at\":1},{\"kind\":\"a\",\"at\":1},"
                     "{\"kind\":\"a\",\"at\":1,\"\\u001b[31m\xc3\xbc\":1,\"\\u001b[31m\xc3\xbc\":1}]}");
    assert_int_equal(validate_beacon(batch), ERR_OK);
    assert_int_equal(batch->n_refused, 2);
    assert_true(batch->refused[0].index == 0 && batch->refused[0].why == ERR_FIELD_MISSING);
    assert_string_equal(batch->refused[0].field, "url");
    assert_true(batch->refused[1].index == 2 && batch->refused[1].why == ERR_DUPLICATE_FIELD);
    assert_string_equal(batch->refused[1].field, "?[31m??");
    batch_free(batch);
}

/* The beacon's fault is the envelope's, not the events', wherever it stands. */
static void envelope_faults_stay_apart(void **state)
{
    (void)state;
    struct batch *batch = batch_of(
        "{\"id\":1,\"events\":[{\"kind\":\"click\",\"at\":1}],\"service\":\"shop\","
        "\"session\":\"s9fK2mQx71aB\",\"sent\":1}");
    assert_int_equal(validate_beacon(batch), ERR_FIELD_TYPE);
    assert_int_equal(batch->n_refused, 0);
    assert_non_null(strstr(batch->text.at, "id"));
    batch_free(batch);
}

static void services_are_checked(void **state)
{
    (void)state;
    static const char *const shop[] = {"web", "shop", NULL}, *const other[] = {"web", NULL}, *const any[] = {NULL};
    static const struct {
        const char *const *services;
        enum err expected;
    } rows[] = {{any, ERR_OK}, {shop, ERR_OK}, {other, ERR_WRONG_SERVICE}};
    for (size_t i = 0; i < 3; i++) {
        struct application application = {.name = "a", .services = rows[i].services};
        struct batch *batch = batch_of(ENVELOPE "{\"kind\":\"click\",\"at\":1}]}");
        batch->application = &application;
        assert_int_equal(validate_beacon(batch), rows[i].expected);
        batch_free(batch);
    }
}

/* Cut anywhere, a beacon is refused and nothing is read behind its end (ASan watches). */
static void cuts_are_refused(void **state)
{
    (void)state;
    static const char whole[] =
        ENVELOPE "{\"kind\":\"api\",\"at\":12.5e3,\"url\":\"\\u00fc\",\"x\":{\"a\":[true,null]}}]}";
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct batch *batch = batch_new(n);
        memcpy((char *)(uintptr_t)batch->body.at, whole, n);
        assert_int_not_equal(validate_beacon(batch), ERR_OK);
        assert_int_equal(batch->n_events, 0);
        batch_free(batch);
    }
}

static enum err take_none(struct sink *sink, struct batch *batch)
{
    (void)sink;
    return batch->n_events == 1 ? ERR_AGAIN : ERR_OK;
}

static void sink_hands_on(void **state)
{
    (void)state;
    struct sink last = {take_none, NULL};
    struct sink *sink = validate_sink_new(&last);
    struct batch *batch = batch_of(ENVELOPE "{\"kind\":\"click\",\"at\":1}]}");
    assert_int_equal(sink_push(sink, batch), ERR_AGAIN);
    batch_free(batch);
    batch = batch_of("{}");
    assert_int_equal(sink_push(sink, batch), ERR_FIELD_MISSING);
    batch_free(batch);
    validate_sink_free(sink);
    validate_sink_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_become_fields),    cmocka_unit_test(labels_are_picked),
        cmocka_unit_test(kinds_are_told_apart),    cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(refusals_name_the_field), cmocka_unit_test(envelope_faults_stay_apart),
        cmocka_unit_test(services_are_checked),    cmocka_unit_test(cuts_are_refused),
        cmocka_unit_test(sink_hands_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
