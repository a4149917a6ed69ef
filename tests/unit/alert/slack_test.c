/* Messages against golden files (tests/cases/slack/NAME/{input.json,expect.json}), and each against Slack's limits and
 * what no message may contain. SEISMO_UPDATE=1 writes the golden files anew. */
#include "unit/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/notifier_int.h"
#include "base/clock.h"
#include "unit/alert/slack_rules.h"

#define CASES SEISMO_SOURCE "/tests/cases/slack"

/* ---- input ---- */

static struct slice text_of(json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static int64_t time_of(json_t *from, const char *name)
{
    struct slice text = text_of(from, name);
    return text.len ? clock_parse(text.at, text.len) : 0;
}

static enum series_kind series_of(struct slice name)
{
    for (int kind = SERIES_PAGE; kind <= SERIES_SELF; kind++)
        if (slice_is(name, series_kind_name((enum series_kind)kind)))
            return (enum series_kind)kind;
    fail_msg("no such series");
    return SERIES_PAGE;
}

static enum alert_kind kind_of(struct slice name)
{
    return slice_is(name, "latency") ? ALERT_LATENCY : slice_is(name, "self") ? ALERT_SELF : ALERT_ERRORS;
}

static struct alert alert_of(json_t *from)
{
    struct alert alert = {.kind = kind_of(text_of(from, "kind")),
                          .state = slice_is(text_of(from, "state"), "firing") ? ALERT_FIRING : ALERT_RESOLVED,
                          .key = {.kind = series_of(text_of(from, "series")),
                                  .application = text_of(from, "application"),
                                  .service = text_of(from, "service"),
                                  .environment = text_of(from, "environment"),
                                  .name = text_of(from, "name"),
                                  .detail = text_of(from, "detail")},
                          .since_ms = time_of(from, "since"),
                          .opened_ms = time_of(from, "opened"),
                          .resolved_ms = time_of(from, "resolved"),
                          .observed = json_number_value(json_object_get(from, "observed")),
                          .expected = json_number_value(json_object_get(from, "expected")),
                          .sessions = json_number_value(json_object_get(from, "sessions")),
                          .events = json_number_value(json_object_get(from, "events")),
                          .young = json_is_true(json_object_get(from, "young")),
                          .history_s = (int32_t)json_integer_value(json_object_get(from, "history"))};
    snprintf(alert.id, sizeof alert.id, "%s", json_string_value(json_object_get(from, "id")));
    return alert;
}

static void format_case(json_t *input, struct buf *buf)
{
    struct alert alerts[NOTIFIER_MAX_BATCH];
    const struct alert *list[NOTIFIER_MAX_BATCH];
    json_t *given = json_object_get(input, "alerts");
    size_t n = json_array_size(given);
    assert_in_range(n, 1, NOTIFIER_MAX_BATCH);
    for (size_t i = 0; i < n; i++) {
        alerts[i] = alert_of(json_array_get(given, i));
        list[i] = &alerts[i];
    }
    notifier_slack.format(list, n, json_string_value(json_object_get(input, "live_url")), buf);
    assert_false(buf_failed(buf));
}

static void check_case(const char *name)
{
    char path[512];
    json_error_t error;
    struct buf buf;
    snprintf(path, sizeof path, CASES "/%s/input.json", name);
    json_t *input = json_load_file(path, 0, &error);
    if (!input)
        fail_msg("%s: %s", path, error.text);
    buf_init(&buf, NOTIFIER_MAX_BYTES);
    format_case(input, &buf);
    slack_check_message(buf_slice(&buf));
    json_t *got = json_loadb(buf.at, buf.len, 0, &error);
    snprintf(path, sizeof path, CASES "/%s/expect.json", name);
    if (getenv("SEISMO_UPDATE"))
        json_dump_file(got, path, JSON_INDENT(2));
    json_t *want = json_load_file(path, 0, &error);
    if (!want || !json_equal(got, want))
        fail_msg("%s is not what came: %s", path, buf.at);
    json_decref(input);
    json_decref(got);
    json_decref(want);
    buf_done(&buf);
}

static void messages_are_as_agreed(void **state)
{
    (void)state;
    int n = 0;
    DIR *dir = opendir(CASES);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        check_case(entry->d_name);
        n++;
    }
    closedir(dir);
    assert_true(n >= 15);
}

/* Whatever the bytes of the names. */
static void any_bytes_are_harmless(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int round = 0; round < 3000; round++) {
        char names[256];
        for (size_t i = 0; i < sizeof names; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            static const char nasty[] = "<>&`*_~\n\r|@!#:\\\"";
            names[i] = seed >> 62 ? nasty[(seed >> 40) % (sizeof nasty - 1)] : (char)(seed >> 40);
        }
        struct alert alert = {.id = "A-1",
                              .kind = round % 7 == 0 ? ALERT_SELF
                                      : round % 2    ? ALERT_LATENCY
                                                     : ALERT_ERRORS,
                              .state = round % 3 ? ALERT_FIRING : ALERT_RESOLVED,
                              .key = {.kind = SERIES_API,
                                      .application = {names, 64},
                                      .service = {names + 64, 64},
                                      .environment = {names + 128, 64},
                                      .name = {names + 192, 64}},
                              .observed = 5,
                              .expected = round % 5 ? 1 : 0};
        const struct alert *list[] = {&alert, &alert};
        struct buf buf;
        buf_init(&buf, NOTIFIER_MAX_BYTES);
        notifier_slack.format(list, 1 + (size_t)(round % 4 == 0), "http://127.0.0.1:8081", &buf);
        slack_check_message(buf_slice(&buf));
        buf_done(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_as_agreed),
        cmocka_unit_test(any_bytes_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
