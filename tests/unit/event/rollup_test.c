/* Windows as bytes, documents and back; damaged and newer ones are told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <math.h>

#include "event/rollup.h"

static struct rollup example(int n, double weight, int sessions)
{
    struct rollup rollup;
    rollup_init(&rollup);
    rollup.key = (struct series_key){.kind = SERIES_API,
                                     .application = SLICE("shop"),
                                     .service = SLICE("web"),
                                     .environment = SLICE("production"),
                                     .name = SLICE("GET /api/\"x\"/:id"),
                                     .detail = SLICE("")};
    rollup.start_ms = 1795354620000;
    rollup.width_s = 60;
    for (int i = 0; i < n; i++) {
        sketch_add(&rollup.values, 20 + i * 1.7, weight);
        rollup.events++;
        rollup.count += weight;
        rollup.failed += i % 10 == 0 ? weight : 0;
    }
    for (int i = 0; i < sessions; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        hll_add(&rollup.sessions, slice_of(name));
        heavy_add(&rollup.busiest, slice_of(name), 1 + i % 5);
        if (i % 3 == 0)
            heavy_add(&rollup.failing, slice_of(name), 0.5);
    }
    return rollup;
}

static void assert_same(const struct rollup *a, const struct rollup *b)
{
    assert_true(slice_equal(a->key.application, b->key.application) && slice_equal(a->key.service, b->key.service));
    assert_true(slice_equal(a->key.environment, b->key.environment) && slice_equal(a->key.name, b->key.name));
    assert_true(slice_equal(a->key.detail, b->key.detail) && a->key.kind == b->key.kind);
    assert_true(a->start_ms == b->start_ms && a->width_s == b->width_s && a->incomplete == b->incomplete);
    assert_true(a->events == b->events && a->count == b->count && a->failed == b->failed);
    assert_true(a->values.count == b->values.count && a->values.sum == b->values.sum);
    for (double q = 0; a->values.count > 0 && q <= 1; q += 0.125)
        assert_true(sketch_quantile(&a->values, q) == sketch_quantile(&b->values, q));
    assert_memory_equal(&a->sessions, &b->sessions, sizeof a->sessions);
    assert_true(heavy_most(&a->busiest) == heavy_most(&b->busiest));
    assert_true(heavy_most(&a->failing) == heavy_most(&b->failing));
}

static void bytes_there_and_back(void **state)
{
    (void)state;
    static const struct {
        int n;
        double weight;
        int sessions;
    } rows[] = {{0, 1, 0}, {1, 1, 1}, {100, 1, 7}, {5000, 3.3, 127}, {5000, 1e6, 5000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rollup rollup = example(rows[i].n, rows[i].weight, rows[i].sessions), back;
        rollup.incomplete = i % 2;
        struct buf buf;
        buf_init(&buf, 65536);
        rollup_write(&rollup, &buf);
        struct reader reader = reader_of(buf_slice(&buf));
        assert_int_equal(rollup_read(&reader, &back), ERR_OK);
        assert_ptr_equal(reader.at, reader.end);
        assert_same(&rollup, &back);
        rollup_done(&back);
        rollup_done(&rollup);
        buf_done(&buf);
    }
}

static void damage_and_newer_versions_are_told(void **state)
{
    (void)state;
    struct rollup rollup = example(200, 1, 20), back;
    struct buf buf;
    buf_init(&buf, 65536);
    rollup_write(&rollup, &buf);
    for (size_t cut = 0; cut < buf.len; cut++) {
        struct reader reader = reader_of((struct slice){buf.at, cut});
        assert_int_equal(rollup_read(&reader, &back), ERR_CORRUPT);
    }
    static const struct {
        size_t at;
        unsigned char byte;
        enum err want;
    } rows[] = {{0, 0, ERR_CORRUPT}, {0, 2, ERR_NEWER_VERSION}, {1, 0, ERR_CORRUPT},
                {1, 7, ERR_CORRUPT}, {2, 2, ERR_CORRUPT},       {3, 0, ERR_CORRUPT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char kept = buf.at[rows[i].at];
        buf.at[rows[i].at] = (char)rows[i].byte;
        struct reader reader = reader_of(buf_slice(&buf));
        assert_int_equal(rollup_read(&reader, &back), rows[i].want);
        buf.at[rows[i].at] = kept;
    }
    rollup_done(&rollup);
    buf_done(&buf);
}

static void assert_has(const struct buf *buf, const char *text)
{
    if (!strstr(buf->at, text))
        fail_msg("%s is not in %s", text, buf->at);
}

static struct slice state_of(const struct buf *document)
{
    const char *at = strstr(document->at, "\"seismo.rollup.state\":\"");
    assert_non_null(at);
    at += strlen("\"seismo.rollup.state\":\"");
    return (struct slice){at, strcspn(at, "\"")};
}

static void the_document_can_be_read_back(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n++) { /* every remainder of base64 */
        struct rollup rollup = example(n * 7, 1, n), back;
        struct buf buf, scratch;
        buf_init(&buf, 65536);
        buf_init(&scratch, 65536);
        rollup_document(&rollup, &buf);
        assert_int_equal(rollup_from_state(state_of(&buf), &scratch, &back), ERR_OK);
        assert_same(&rollup, &back);
        rollup_done(&back);
        rollup_done(&rollup);
        buf_done(&buf);
        buf_done(&scratch);
    }
}

static void the_document_has_plain_numbers(void **state)
{
    (void)state;
    struct rollup rollup = example(100, 2, 5);
    struct buf buf;
    buf_init(&buf, 65536);
    rollup_document(&rollup, &buf);
    assert_has(&buf, "{\"@timestamp\":\"2026-11-22T13:37:00.000Z\",");
    assert_has(&buf, "\"service.name\":\"web\",\"service.environment\":\"production\"");
    assert_has(&buf, "\"seismo.rollup.kind\":\"api\",\"seismo.rollup.name\":\"GET /api/\\\"x\\\"/:id\"");
    assert_has(&buf, "\"seismo.rollup.width\":60,\"seismo.rollup.incomplete\":false");
    assert_has(&buf, "\"seismo.rollup.events\":100,\"seismo.rollup.count\":200,\"seismo.rollup.failed\":20");
    assert_has(&buf, "\"seismo.rollup.sessions\":5,");
    assert_has(&buf, "\"seismo.rollup.p50\":");
    assert_has(&buf, "\"seismo.rollup.p75\":");
    buf_done(&buf);
    rollup_done(&rollup);
}

static void bad_states_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "A", "AAA", "====", "A===", "AQ==", "AQEB", "!!!!", "AA=A", "AAAA\n"};
    struct buf scratch;
    buf_init(&scratch, 65536);
    struct rollup back;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(rollup_from_state(slice_of(rows[i]), &scratch, &back), ERR_CORRUPT);
    buf_done(&scratch);
}

static void ids_differ_where_windows_do(void **state)
{
    (void)state;
    char ids[8][RECORD_ID_BYTES];
    struct rollup rollup = example(1, 1, 1);
    rollup_id(&rollup, ids[0]);
    rollup.events += 5; /* content does not matter: a rewrite is the same document */
    rollup_id(&rollup, ids[1]);
    assert_string_equal(ids[0], ids[1]);
    assert_int_equal(strlen(ids[0]), 32);
    rollup.start_ms += 60000;
    rollup_id(&rollup, ids[1]);
    rollup.width_s = 10;
    rollup_id(&rollup, ids[2]);
    rollup.key.kind = SERIES_PAGE;
    rollup_id(&rollup, ids[3]);
    rollup.key.service = SLICE("we");
    rollup.key.environment = SLICE("bproduction"); /* the same letters, cut elsewhere */
    rollup_id(&rollup, ids[4]);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    rollup_done(&rollup);
}

static void kinds_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"page", "route", "api", "vital", "click", "error"};
    for (int kind = SERIES_PAGE; kind < SERIES_KINDS; kind++)
        assert_string_equal(series_kind_name((enum series_kind)kind), names[kind - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(bytes_there_and_back),
        cmocka_unit_test(damage_and_newer_versions_are_told),
        cmocka_unit_test(the_document_has_plain_numbers),
        cmocka_unit_test(the_document_can_be_read_back),
        cmocka_unit_test(bad_states_are_refused),
        cmocka_unit_test(ids_differ_where_windows_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
