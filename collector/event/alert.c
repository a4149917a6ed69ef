/* Alerts as bytes and as documents.
 *
 * Binary form, version 1, or 2 for those about Seismo itself: u8 version | u8 kind | u8 state | u8 flags (1 young) | u8
 * series kind | string id | strings: application service environment name detail | u64 since_ms, opened_ms, resolved_ms
 * | f64 observed, expected, sessions, events | u32 history_s */
#include "event/alert.h"

#include <math.h>

#include "base/clock.h"
#include "base/hash.h"

#define VERSION 1
#define VERSION_SELF 2 /* releases that do not know ALERT_SELF see a newer version, and not damage */
#define YOUNG 1
#define MAX_TEXT 4096

static void time_field(struct buf *buf, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_text(time_ms, text);
    buf_json_field(buf, name, slice_of(text));
}

static void write_times(const struct alert *alert, struct buf *buf)
{
    bool over = alert->state == ALERT_RESOLVED;
    time_field(buf, "event.start", alert->since_ms);
    time_field(buf, "seismo.alert.opened", alert->opened_ms);
    if (!over)
        return;
    time_field(buf, "event.end", alert->resolved_ms);
    int64_t lasted_ms = alert->resolved_ms - alert->since_ms;
    buf_json_int(buf, "event.duration", lasted_ms > 0 ? lasted_ms * 1000000 : 0); /* ECS: nanoseconds */
}

static void write_series(const struct alert *alert, struct buf *buf)
{
    buf_json_field(buf, "service.name", alert->key.service);
    buf_json_field(buf, "service.environment", alert->key.environment);
    buf_json_field(buf, "seismo.application", alert->key.application);
    buf_json_field(buf, "seismo.alert.series.kind", slice_of(series_kind_name(alert->key.kind)));
    buf_json_field(buf, "seismo.alert.series.name", alert->key.name);
    buf_json_field(buf, "seismo.alert.series.detail", alert->key.detail);
}

void alert_document(const struct alert *alert, struct buf *buf)
{
    buf_char(buf, '{');
    time_field(buf, "@timestamp", alert->state == ALERT_RESOLVED ? alert->resolved_ms : alert->opened_ms);
    buf_json_field(buf, "event.kind", SLICE("alert"));
    buf_json_field(buf, "event.module", SLICE("seismo"));
    buf_json_field(buf, "event.dataset", SLICE("seismo.alert"));
    buf_json_field(buf, "seismo.alert.id", slice_of(alert->id));
    buf_json_field(buf, "seismo.alert.kind", slice_of(alert_kind_name(alert->kind)));
    buf_json_field(buf, "seismo.alert.state", slice_of(alert_state_name(alert->state)));
    write_series(alert, buf);
    write_times(alert, buf);
    buf_json_number(buf, "seismo.alert.observed", alert->observed);
    buf_json_number(buf, "seismo.alert.expected", alert->expected);
    buf_json_number(buf, "seismo.alert.sessions", round(alert->sessions));
    buf_json_number(buf, "seismo.alert.events", alert->events);
    buf_json_name(buf, "seismo.alert.young");
    buf_text(buf, alert->young ? "true" : "false");
    buf_json_int(buf, "seismo.alert.history", alert->history_s);
    buf_char(buf, '}');
}

void alert_document_id(const struct alert *alert, char ret_id[RECORD_ID_BYTES])
{
    struct buf text;
    buf_init(&text, 256);
    buf_string(&text, slice_of(alert->id));
    buf_u8(&text, (uint8_t)alert->state);
    hash_hex(buf_slice(&text), ret_id, 32);
    buf_done(&text);
}

void alert_write(const struct alert *alert, struct buf *buf)
{
    buf_u8(buf, alert->kind == ALERT_SELF ? VERSION_SELF : VERSION);
    buf_u8(buf, (uint8_t)alert->kind);
    buf_u8(buf, (uint8_t)alert->state);
    buf_u8(buf, alert->young ? YOUNG : 0);
    buf_u8(buf, (uint8_t)alert->key.kind);
    buf_string(buf, slice_of(alert->id));
    buf_string(buf, alert->key.application);
    buf_string(buf, alert->key.service);
    buf_string(buf, alert->key.environment);
    buf_string(buf, alert->key.name);
    buf_string(buf, alert->key.detail);
    buf_u64(buf, (uint64_t)alert->since_ms);
    buf_u64(buf, (uint64_t)alert->opened_ms);
    buf_u64(buf, (uint64_t)alert->resolved_ms);
    buf_f64(buf, alert->observed);
    buf_f64(buf, alert->expected);
    buf_f64(buf, alert->sessions);
    buf_f64(buf, alert->events);
    buf_u32(buf, (uint32_t)alert->history_s);
}

static bool read_names(struct reader *reader, struct alert *alert)
{
    struct slice id = read_string(reader);
    if (reader->failed || id.len == 0 || id.len >= ALERT_ID_BYTES || memchr(id.at, '\0', id.len))
        return false;
    memcpy(alert->id, id.at, id.len);
    struct slice *parts[] = {&alert->key.application, &alert->key.service, &alert->key.environment, &alert->key.name,
                             &alert->key.detail};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i] = read_string(reader);
        if (reader->failed || parts[i]->len > MAX_TEXT)
            return false;
    }
    return true;
}

static bool read_numbers(struct reader *reader, struct alert *alert)
{
    alert->since_ms = (int64_t)read_u64(reader);
    alert->opened_ms = (int64_t)read_u64(reader);
    alert->resolved_ms = (int64_t)read_u64(reader);
    alert->observed = read_f64(reader);
    alert->expected = read_f64(reader);
    alert->sessions = read_f64(reader);
    alert->events = read_f64(reader);
    uint32_t history_s = read_u32(reader);
    alert->history_s = (int32_t)history_s;
    return !reader->failed && history_s <= INT32_MAX && isfinite(alert->observed) && isfinite(alert->expected) &&
           isfinite(alert->sessions) && isfinite(alert->events);
}

enum err alert_read(struct reader *reader, struct alert *ret_alert)
{
    struct alert alert = {0};
    uint8_t version = read_u8(reader), kind = read_u8(reader), state = read_u8(reader), flags = read_u8(reader),
            series = read_u8(reader);
    if (reader->failed || version < VERSION)
        return ERR_CORRUPT;
    if (version > VERSION_SELF)
        return ERR_NEWER_VERSION;
    bool is_self = kind == ALERT_SELF && series == SERIES_SELF && version == VERSION_SELF;
    bool is_of_events = kind >= ALERT_LATENCY && kind <= ALERT_TRAFFIC && series >= SERIES_PAGE &&
                        series < SERIES_KINDS && version == VERSION;
    if (!(is_self || is_of_events) || state < ALERT_FIRING || state > ALERT_RESOLVED || flags > YOUNG)
        return ERR_CORRUPT;
    alert.kind = (enum alert_kind)kind;
    alert.state = (enum alert_state)state;
    alert.young = flags & YOUNG;
    alert.key.kind = (enum series_kind)series;
    if (!read_names(reader, &alert) || !read_numbers(reader, &alert))
        return ERR_CORRUPT;
    *ret_alert = alert;
    return ERR_OK;
}
