/* Alerts as bytes and documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event/alert.h"

static struct alert example(enum alert_state state)
{
    return (struct alert){
        .id = "A-0123456789ab",
        .kind = ALERT_LATENCY,
        .state = state,
        .key = {.kind = SERIES_API,
                .application = SLICE("shop"),
                .service = SLICE("web"),
                .environment = SLICE("production"),
                .name = SLICE("POST /api/<checkout>"),
                .detail = SLICE("")},
        .since_ms = 1795354620000,
        .opened_ms = 1795354650500,
        .resolved_ms = state == ALERT_RESOLVED ? 1795354800000 : 0,
        .observed = 1520.5,
        .expected = 71,
        .sessions = 31.6,
        .events = 240,
        .young = true,
        .history_s = 360,
    };
}

static void bytes_there_and_back(void **state)
{
    (void)state;
    for (int s = ALERT_FIRING; s <= ALERT_RESOLVED; s++) {
        struct alert alert = example((enum alert_state)s), back;
        struct buf buf;
        buf_init(&buf, 4096);
        alert_write(&alert, &buf);
        struct reader reader = reader_of(buf_slice(&buf));
        assert_int_equal(alert_read(&reader, &back), ERR_OK);
        assert_ptr_equal(reader.at, reader.end);
        assert_string_equal(back.id, alert.id);
        assert_true(slice_equal(back.key.name, alert.key.name) && slice_equal(back.key.service, alert.key.service));
        assert_true(back.kind == alert.kind && back.state == alert.state && back.key.kind == SERIES_API);
        assert_true(back.since_ms == alert.since_ms && back.opened_ms == alert.opened_ms);
        assert_true(back.resolved_ms == alert.resolved_ms && back.young && back.history_s == 360);
        assert_true(back.observed == 1520.5 && back.expected == 71 && back.sessions == 31.6 && back.events == 240);
        for (size_t cut = 0; cut < buf.len; cut++) {
            reader = reader_of((struct slice){buf.at, cut});
            assert_int_equal(alert_read(&reader, &back), ERR_CORRUPT);
        }
        buf_done(&buf);
    }
}

static void damage_and_newer_versions_are_told(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        unsigned char byte;
        enum err want;
    } rows[] = {{0, 0, ERR_CORRUPT}, {0, 9, ERR_NEWER_VERSION}, {1, 0, ERR_CORRUPT}, {1, 4, ERR_CORRUPT},
                {2, 3, ERR_CORRUPT}, {3, 2, ERR_CORRUPT},       {4, 0, ERR_CORRUPT}, {4, 9, ERR_CORRUPT},
                {5, 0, ERR_CORRUPT}, {5, 99, ERR_CORRUPT}};
    struct alert alert = example(ALERT_FIRING), back;
    struct buf buf;
    buf_init(&buf, 4096);
    alert_write(&alert, &buf);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char kept = buf.at[rows[i].at];
        buf.at[rows[i].at] = (char)rows[i].byte;
        struct reader reader = reader_of(buf_slice(&buf));
        assert_int_equal(alert_read(&reader, &back), rows[i].want);
        buf.at[rows[i].at] = kept;
    }
    buf_done(&buf);
}

static void documents_say_what_is_known(void **state)
{
    (void)state;
    static const struct {
        enum alert_state state;
        const char *want;
    } rows[] = {
        {ALERT_FIRING,
         "{\"@timestamp\":\"2026-11-22T13:37:30.500Z\",\"event.kind\":\"alert\",\"event.module\":\"seismo\","
         "\"event.dataset\":\"seismo.alert\",\"seismo.alert.id\":\"A-0123456789ab\","
         "\"seismo.alert.kind\":\"latency\",\"seismo.alert.state\":\"firing\",\"service.name\":\"web\","
         "\"service.environment\":\"production\",\"seismo.application\":\"shop\","
         "\"seismo.alert.series.kind\":\"api\",\"seismo.alert.series.name\":\"POST /api/<checkout>\","
         "\"seismo.alert.series.detail\":\"\",\"event.start\":\"2026-11-22T13:37:00.000Z\","
         "\"seismo.alert.opened\":\"2026-11-22T13:37:30.500Z\",\"seismo.alert.observed\":1520.5,"
         "\"seismo.alert.expected\":71,\"seismo.alert.sessions\":32,\"seismo.alert.events\":240,"
         "\"seismo.alert.young\":true,\"seismo.alert.history\":360}"},
        {ALERT_RESOLVED, "\"seismo.alert.state\":\"resolved\""},
        {ALERT_RESOLVED, "\"@timestamp\":\"2026-11-22T13:40:00.000Z\""},
        {ALERT_RESOLVED, "\"event.end\":\"2026-11-22T13:40:00.000Z\",\"event.duration\":180000000000,"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct alert alert = example(rows[i].state);
        struct buf buf;
        buf_init(&buf, 4096);
        alert_document(&alert, &buf);
        if (!strstr(buf.at, rows[i].want))
            fail_msg("row %zu: %s", i, buf.at);
        buf_done(&buf);
    }
}

static void each_state_is_a_document(void **state)
{
    (void)state;
    struct alert firing = example(ALERT_FIRING), resolved = example(ALERT_RESOLVED);
    char a[RECORD_ID_BYTES], b[RECORD_ID_BYTES];
    alert_document_id(&firing, a);
    alert_document_id(&resolved, b);
    assert_string_not_equal(a, b);
    firing.observed = 9;
    alert_document_id(&firing, b);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 32);
}

static void words_are_stable(void **state)
{
    (void)state;
    assert_string_equal(alert_kind_name(ALERT_LATENCY), "latency");
    assert_string_equal(alert_kind_name(ALERT_ERRORS), "errors");
    assert_string_equal(alert_kind_name(ALERT_TRAFFIC), "traffic");
    assert_string_equal(alert_state_name(ALERT_FIRING), "firing");
    assert_string_equal(alert_state_name(ALERT_RESOLVED), "resolved");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_stable),
        cmocka_unit_test(bytes_there_and_back),
        cmocka_unit_test(damage_and_newer_versions_are_told),
        cmocka_unit_test(documents_say_what_is_known),
        cmocka_unit_test(each_state_is_a_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
