/* Remarks about alerts: what a silence covers, how many there may be, and their bytes. */
#include "unit/test.h"

#include <stdio.h>
#include <string.h>

#include "event/remarks.h"

static const struct alert checkout = {.id = "A-1",
                                      .kind = ALERT_LATENCY,
                                      .state = ALERT_FIRING,
                                      .key = {.kind = SERIES_API,
                                              .application = {"shop", 4},
                                              .service = {"web", 3},
                                              .environment = {"live", 4},
                                              .name = {"POST /buy", 9},
                                              .detail = {"", 0}}};

static struct remark_silence make(const char *id, const char *service, const char *name, int64_t until_ms)
{
    struct remark_silence silence = {
        .application = "shop", .by = "Ada", .reason = "known", .from_ms = 100, .until_ms = until_ms};
    snprintf(silence.id, sizeof silence.id, "%s", id);
    snprintf(silence.service, sizeof silence.service, "%s", service);
    snprintf(silence.name, sizeof silence.name, "%s", name);
    return silence;
}

static void a_silence_covers_its_series_or_its_service(void **state)
{
    (void)state;
    const struct {
        const char *service, *name;
        int kind, series;
        int64_t now_ms;
        bool covers;
    } cases[] = {
        {"web", "POST /buy", ALERT_LATENCY, SERIES_API, 200, true},
        {"web", "", 0, 0, 200, true},
        {"web", "POST /buy", ALERT_ERRORS, SERIES_API, 200, false},
        {"web", "POST /buy", ALERT_LATENCY, SERIES_PAGE, 200, false},
        {"api", "", 0, 0, 200, false},
        {"web", "POST /bu", 0, 0, 200, false},
        {"web", "", 0, 0, 99, false},
        {"web", "", 0, 0, 1000, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct remarks remarks;
        struct remark_silence silence = make("S-1", cases[i].service, cases[i].name, 1000);
        silence.kind = (uint8_t)cases[i].kind;
        silence.series = (uint8_t)cases[i].series;
        remarks_init(&remarks);
        assert_int_equal(remarks_silence(&remarks, &silence, 100), ERR_OK);
        if ((remarks_silence_of(&remarks, &checkout, cases[i].now_ms) != NULL) != cases[i].covers)
            fail_msg("case %zu", i);
        remarks_done(&remarks);
    }
}

static void silences_end_and_are_bounded(void **state)
{
    (void)state;
    struct remarks remarks;
    char id[16];
    remarks_init(&remarks);
    for (int i = 0; i < REMARKS_SILENCES; i++) {
        snprintf(id, sizeof id, "S-%d", i);
        struct remark_silence silence = make(id, "web", "", 1000 + i);
        assert_int_equal(remarks_silence(&remarks, &silence, 100), ERR_OK);
    }
    struct remark_silence more = make("S-more", "web", "", 5000);
    assert_int_equal(remarks_silence(&remarks, &more, 100), ERR_FULL);
    assert_int_equal(remarks_next_end(&remarks, 500), 1000);
    assert_true(remarks_unsilence(&remarks, "S-7", 500));
    assert_false(remarks_unsilence(&remarks, "S-7", 501));
    assert_int_equal(remarks_silence(&remarks, &more, 501), ERR_OK);
    assert_int_equal(remarks.n_silences, REMARKS_SILENCES);
    assert_string_equal(remarks_silence_of(&remarks, &checkout, 600)->id, "S-more");
    assert_int_equal(remarks_next_end(&remarks, 5000), INT64_MAX);
    for (int i = 0; i < 2 * REMARKS_ACKS; i++) {
        struct remark_ack ack = {.by = "Ada", .at_ms = i};
        snprintf(ack.id, sizeof ack.id, "A-%d", i);
        remarks_acknowledge(&remarks, &ack);
    }
    assert_int_equal(remarks.n_acks, REMARKS_ACKS);
    assert_null(remarks_ack_of(&remarks, "A-0"));
    assert_non_null(remarks_ack_of(&remarks, "A-999"));
    remarks_done(&remarks);
}

static void bytes_come_back_and_cut_ones_are_refused(void **state)
{
    (void)state;
    struct remarks remarks, read;
    struct buf bytes;
    struct remark_ack ack = {"A-1", "Ada", 77};
    struct remark_silence silence = make("S-1", "web", "POST /buy", 1000);
    remarks_init(&remarks);
    remarks_acknowledge(&remarks, &ack);
    remarks_silence(&remarks, &silence, 100);
    buf_init(&bytes, 65536);
    remarks_write(&remarks, &bytes);
    assert_int_equal(remarks_read(buf_slice(&bytes), &read), ERR_OK);
    assert_string_equal(remarks_ack_of(&read, "A-1")->by, "Ada");
    assert_memory_equal(&read.silences[0], &silence, sizeof silence);
    remarks_done(&read);
    for (size_t n = 0; n < bytes.len; n++)
        assert_int_equal(remarks_read((struct slice){bytes.at, n}, &read), ERR_CORRUPT);
    bytes.at[0] = 2;
    assert_int_equal(remarks_read(buf_slice(&bytes), &read), ERR_NEWER_VERSION);
    buf_done(&bytes);
    remarks_done(&remarks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silence_covers_its_series_or_its_service),
        cmocka_unit_test(silences_end_and_are_bounded),
        cmocka_unit_test(bytes_come_back_and_cut_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
