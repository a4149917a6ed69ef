/* The bus record: there and back, and what damage does. */
#include "event/record.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "event/application.h"

static const struct application shop = {.name = "shop"};

static struct batch *sample(void)
{
    struct batch *batch = batch_new(64);
    batch->application = &shop;
    batch->received_at_ms = 1795354200600;
    batch->clock_offset_ms = -86400000;
    batch->client_address = SLICE("203.0.113.0");
    batch->country = SLICE("DE");
    batch->browser = SLICE("Firefox");
    batch->envelope = (struct envelope){.id = SLICE("b7Qm0ZkX2TqS8yLw"),
                                        .service = SLICE("shop-web"),
                                        .session = SLICE("s9fK2mQx71aB"),
                                        .view = SLICE("v1ABCDEF23"),
                                        .rate = 0.25,
                                        .dropped = 7};
    batch->events = arena_zero(batch->arena, 2 * sizeof *batch->events);
    batch->n_events = 2;
    batch->events[0] = (struct event){.kind = EVENT_API,
                                      .index = 3,
                                      .status = 503,
                                      .count = 1,
                                      .flags = EVENT_FAILED,
                                      .at_ms = 1795354199000,
                                      .value = 35.25,
                                      .route = SLICE("GET /api/products/:id"),
                                      .page_route = SLICE("/product/:id"),
                                      .json = SLICE("{\"kind\":\"api\"}")};
    batch->events[1] = (struct event){.kind = EVENT_VITAL,
                                      .index = 999,
                                      .count = 1,
                                      .value = NAN,
                                      .name = SLICE("CLS"),
                                      .view = SLICE("v2ABCDEF23"),
                                      .json = SLICE("{}")};
    return batch;
}

static void goes_there_and_back(void **state)
{
    (void)state;
    struct batch *batch = sample();
    assert_int_equal(record_seal(batch), ERR_OK);
    struct arena *arena = arena_new(4096, 65536);
    struct record record;
    assert_int_equal(record_decode(batch->value, arena, &record), ERR_OK);
    assert_true(record.received_at_ms == 1795354200600 && record.clock_offset_ms == -86400000);
    assert_true(record.sample_rate == 0.25 && record.dropped == 7);
    assert_true(slice_is(record.application, "shop") && slice_is(record.service, "shop-web"));
    assert_true(slice_is(record.beacon, "b7Qm0ZkX2TqS8yLw") && slice_is(record.client_address, "203.0.113.0"));
    assert_int_equal(record.user.len, 0);
    assert_int_equal(record.n_facts, 2);
    const struct fact *fact = &record.facts[0];
    assert_true(fact->kind == EVENT_API && fact->status == 503 && fact->index == 3 && fact->value == 35.25);
    assert_true(slice_is(fact->route, "GET /api/products/:id") && slice_is(fact->page_route, "/product/:id"));
    assert_true(slice_is(fact->view, "v1ABCDEF23") && slice_is(fact->json, "{\"kind\":\"api\"}"));
    fact = &record.facts[1];
    assert_true(isnan(fact->value) && slice_is(fact->name, "CLS") && slice_is(fact->view, "v2ABCDEF23"));
    assert_true(slice_is(fact->json, "{}"));
    arena_free(arena);
    batch_free(batch);
}

static void ids_are_stable(void **state)
{
    (void)state;
    struct record record = {.application = SLICE("shop"), .beacon = SLICE("b7Qm0ZkX2TqS8yLw")};
    struct fact fact = {.index = 12};
    char id[RECORD_ID_BYTES], other[RECORD_ID_BYTES];
    record_document_id(&record, &fact, id);
    assert_string_equal(id, "027e24ff501a87d378aa7a472e730307-12");
    record.application = SLICE("shopb");
    record.beacon = SLICE("7Qm0ZkX2TqS8yLw");
    record_document_id(&record, &fact, other);
    assert_string_not_equal(id, other);
    fact.index = 65535;
    record_document_id(&record, &fact, other);
    assert_string_equal(other + 32, "-65535");
}

/* Each cut and each changed byte gives an error or a record whose slices lie within the bytes. */
static void damage_is_found(void **state)
{
    (void)state;
    struct batch *batch = sample();
    assert_int_equal(record_seal(batch), ERR_OK);
    struct arena *arena = arena_new(4096, 1048576);
    struct record record;
    for (size_t n = 0; n < batch->value.len; n++) {
        char *cut = malloc(n + 1);
        memcpy(cut, batch->value.at, n);
        assert_int_equal(record_decode((struct slice){cut, n}, arena, &record), ERR_CORRUPT);
        free(cut);
    }
    char *copy = malloc(batch->value.len);
    for (size_t i = 0; i < batch->value.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, batch->value.at, batch->value.len);
            copy[i] = (char)(copy[i] ^ 1 << bit);
            arena_reset(arena);
            if (record_decode((struct slice){copy, batch->value.len}, arena, &record))
                continue;
            for (size_t k = 0; k < record.n_facts; k++) {
                const struct slice json = record.facts[k].json;
                assert_true(json.at >= copy && json.at + json.len <= copy + batch->value.len);
            }
        }
    free(copy);
    arena_free(arena);
    batch_free(batch);
}

static void newer_versions_are_named(void **state)
{
    (void)state;
    struct batch *batch = sample();
    assert_int_equal(record_seal(batch), ERR_OK);
    struct arena *arena = arena_new(4096, 65536);
    struct record record;
    char *bytes = (char *)(uintptr_t)batch->value.at;
    bytes[2] = RECORD_VERSION + 1;
    assert_int_equal(record_decode(batch->value, arena, &record), ERR_NEWER_VERSION);
    bytes[2] = RECORD_VERSION;
    bytes[3] = 1;
    assert_int_equal(record_decode(batch->value, arena, &record), ERR_NEWER_VERSION);
    arena_free(arena);
    batch_free(batch);
}

/* What a release before labels has written, byte by byte, is what is written without any. */
static void labels_are_an_addition(void **state)
{
    (void)state;
    struct batch *before = sample(), *batch = sample();
    assert_int_equal(record_seal(before), ERR_OK);
    batch->envelope.labels = SLICE("{\"plan\":\"gold\"}");
    assert_int_equal(record_seal(batch), ERR_OK);
    assert_int_equal(batch->value.len, before->value.len + 1 + batch->envelope.labels.len);
    struct arena *arena = arena_new(4096, 65536);
    struct record record;
    assert_int_equal(record_decode(before->value, arena, &record), ERR_OK);
    assert_int_equal(record.labels.len, 0);
    assert_int_equal(record_decode(batch->value, arena, &record), ERR_OK);
    assert_true(slice_is(record.labels, "{\"plan\":\"gold\"}") && slice_is(record.facts[1].json, "{}"));
    ((char *)(uintptr_t)record.labels.at)[0] = '[';
    assert_int_equal(record_decode(batch->value, arena, &record), ERR_CORRUPT);
    arena_free(arena);
    batch_free(before);
    batch_free(batch);
}

/* The names that consumers go by without reading the event. */
static void named_kinds_carry_their_names(void **state)
{
    (void)state;
    struct batch *batch = sample();
    const enum event_kind kinds[] = {EVENT_BUSINESS, EVENT_MARK, EVENT_MEASURE, EVENT_CLICK};
    struct arena *arena = arena_new(4096, 65536);
    struct record record;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        batch->events[1].kind = kinds[i];
        batch->events[1].name = SLICE("purchase");
        assert_int_equal(record_seal(batch), ERR_OK);
        assert_int_equal(record_decode(batch->value, arena, &record), ERR_OK);
        assert_int_equal(record.facts[1].kind, kinds[i]);
        assert_true(slice_is(record.facts[1].name, kinds[i] == EVENT_CLICK ? "" : "purchase"));
    }
    /* numbers that are stored and never change */
    assert_true(EVENT_OTHER == 7 && EVENT_BUSINESS == 8 && EVENT_MARK == 9 && EVENT_MEASURE == 10);
    arena_free(arena);
    batch_free(batch);
}

/* A newer release of the same version may put more behind the labels. */
static void additions_are_skipped(void **state)
{
    (void)state;
    struct batch *batch = sample();
    batch->envelope.labels = SLICE("{}");
    assert_int_equal(record_seal(batch), ERR_OK);
    uint32_t head_bytes;
    memcpy(&head_bytes, batch->value.at + 4, 4);
    char *more = malloc(batch->value.len + 5);
    memcpy(more, batch->value.at, head_bytes);
    memcpy(more + head_bytes, "later", 5);
    memcpy(more + head_bytes + 5, batch->value.at + head_bytes, batch->value.len - head_bytes);
    head_bytes += 5;
    memcpy(more + 4, &head_bytes, 4);
    struct arena *arena = arena_new(4096, 65536);
    struct record record;
    assert_int_equal(record_decode((struct slice){more, batch->value.len + 5}, arena, &record), ERR_OK);
    assert_true(slice_is(record.facts[1].json, "{}"));
    free(more);
    arena_free(arena);
    batch_free(batch);
}

static void bounds_hold(void **state)
{
    (void)state;
    struct batch *batch = sample();
    char *big = arena_alloc(batch->arena, RECORD_MAX_BYTES);
    memset(big, 'x', RECORD_MAX_BYTES);
    batch->events[0].group = (struct slice){big, RECORD_MAX_BYTES};
    assert_int_equal(record_seal(batch), ERR_TOO_LARGE);
    assert_int_equal(batch->value.len, 0);
    batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_there_and_back),    cmocka_unit_test(ids_are_stable),
        cmocka_unit_test(damage_is_found),        cmocka_unit_test(newer_versions_are_named),
        cmocka_unit_test(additions_are_skipped),  cmocka_unit_test(bounds_hold),
        cmocka_unit_test(labels_are_an_addition), cmocka_unit_test(named_kinds_carry_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
