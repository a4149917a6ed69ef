/* What the store's tests write: beacons, windows and alerts made from a few values. */
#ifndef TESTS_UNIT_STORE_MAKE_H
#define TESTS_UNIT_STORE_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event/application.h"
#include "event/document.h"
#include "store/store.h"

#define NOW_MS INT64_C(1795132800000) /* 2026-11-20T00:00:00Z */
#define HOUR_MS INT64_C(3600000)

struct make_event {
    enum event_kind kind;
    int64_t at_ms;
    const char *code, *page;
};
struct make_beacon {
    const char *application, *service, *session, *user, *id;
    int64_t received_ms;
    size_t n;
    struct make_event events[16];
};

static inline struct slice make_text(const char *text)
{
    return slice_of(text ? text : "");
}

static inline void make_fill(struct batch *batch, const struct make_beacon *beacon)
{
    batch->received_at_ms = beacon->received_ms;
    batch->envelope.service = make_text(beacon->service ? beacon->service : "web");
    batch->envelope.session = make_text(beacon->session);
    batch->envelope.user = make_text(beacon->user);
    batch->envelope.id = make_text(beacon->id);
    batch->envelope.environment = make_text("production");
    batch->envelope.view = make_text("view-1");
    batch->envelope.rate = 1;
    batch->events = arena_zero(batch->arena, beacon->n * sizeof *batch->events);
    batch->n_events = beacon->n;
    for (size_t i = 0; i < beacon->n; i++) {
        const struct make_event *from = &beacon->events[i];
        char json[256];
        int len = snprintf(json, sizeof json, "{\"kind\":\"%s\",\"at\":%lld,\"page\":\"%s\"}",
                           event_kind_name(from->kind), (long long)from->at_ms, from->page ? from->page : "/");
        batch->events[i] = (struct event){.kind = from->kind,
                                          .index = (uint16_t)i,
                                          .count = 1,
                                          .at = (double)from->at_ms,
                                          .at_ms = from->at_ms,
                                          .value = 12.5,
                                          .kind_text = slice_of(event_kind_name(from->kind)),
                                          .json = arena_copy(batch->arena, (struct slice){json, (size_t)len}),
                                          .code = make_text(from->code),
                                          .page_route = make_text(from->page ? from->page : "/"),
                                          .view = make_text("view-1")};
    }
}

/* The record's bytes, to be freed by the caller; first: the index of the first event. */
static inline struct slice make_part(const struct make_beacon *beacon, uint16_t first)
{
    struct application application = {.name = beacon->application ? beacon->application : "shop"};
    struct batch *batch = batch_new(16);
    batch->application = &application;
    make_fill(batch, beacon);
    for (size_t i = 0; i < batch->n_events; i++)
        batch->events[i].index += first;
    assert_int_equal(record_seal(batch), ERR_OK);
    char *bytes = malloc(batch->value.len + 1);
    assert_non_null(bytes);
    memcpy(bytes, batch->value.at, batch->value.len);
    struct slice record = {bytes, batch->value.len};
    batch_free(batch);
    return record;
}

static inline struct slice make_record(const struct make_beacon *beacon)
{
    return make_part(beacon, 0);
}

/* A beacon of n events, one second apart, from at_ms on. */
static inline struct slice make_simple(const char *id, int64_t at_ms, size_t n)
{
    struct make_beacon beacon = {.id = id, .session = "session-1", .received_ms = at_ms + 1000, .n = n};
    for (size_t i = 0; i < n; i++)
        beacon.events[i] = (struct make_event){EVENT_PAGE, at_ms + 1000 * (int64_t)i, NULL, "/home"};
    return make_record(&beacon);
}

static inline struct slice make_rollup(const char *application, const char *name, int64_t start_ms, int width_s)
{
    struct rollup rollup;
    struct buf buf;
    rollup_init(&rollup);
    rollup.key = (struct series_key){SERIES_PAGE,         slice_of(application), SLICE("web"),
                                     SLICE("production"), slice_of(name),        SLICE_NONE};
    rollup.start_ms = start_ms;
    rollup.width_s = width_s;
    rollup.events = 3;
    rollup.count = 6;
    sketch_add(&rollup.values, 100, 2);
    sketch_add(&rollup.values, 250, 4);
    hll_add(&rollup.sessions, SLICE("session-1"));
    buf_init(&buf, 65536);
    rollup_write(&rollup, &buf);
    rollup_done(&rollup);
    assert_false(buf_failed(&buf));
    return buf_slice(&buf);
}

static inline struct slice make_alert(const char *id, enum alert_state state, int64_t opened_ms)
{
    struct alert alert = {.kind = ALERT_LATENCY,
                          .state = state,
                          .since_ms = opened_ms - 60000,
                          .opened_ms = opened_ms,
                          .resolved_ms = state == ALERT_RESOLVED ? opened_ms + 600000 : 0,
                          .observed = 1200,
                          .expected = 300.5,
                          .sessions = 41,
                          .events = 812.5,
                          .young = true,
                          .history_s = 86400};
    struct buf buf;
    snprintf(alert.id, sizeof alert.id, "%s", id);
    alert.key =
        (struct series_key){SERIES_PAGE, SLICE("shop"), SLICE("web"), SLICE("production"), SLICE("/home"), SLICE_NONE};
    buf_init(&buf, 4096);
    alert_write(&alert, &buf);
    return buf_slice(&buf);
}

static inline struct store_item make_item(enum store_item_kind kind, struct slice value)
{
    return (struct store_item){.kind = kind, .value = value};
}

static inline void make_free(struct slice value)
{
    free((void *)(uintptr_t)value.at);
}

/* Collects what the reading calls give. */
struct collected {
    size_t n;
    char ids[512][40];
    char texts[512][2048];
    size_t stop_after;
};
static inline bool collect_document(void *ctx, struct slice id, struct slice json)
{
    struct collected *collected = ctx;
    assert_true(collected->n < 512 && json.len < 2048);
    snprintf(collected->ids[collected->n], 40, "%.*s", SLICE_ARG(id));
    snprintf(collected->texts[collected->n], 2048, "%.*s", SLICE_ARG(json));
    collected->n++;
    return collected->stop_after == 0 || collected->n < collected->stop_after;
}

struct refused {
    size_t n;
    int event;
    char reason[256];
};
static inline void count_refused(void *ctx, const struct store_item *item, int event, const char *reason)
{
    struct refused *refused = ctx;
    (void)item;
    refused->n++;
    refused->event = event;
    snprintf(refused->reason, sizeof refused->reason, "%s", reason);
}

#endif
