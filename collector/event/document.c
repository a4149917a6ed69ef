/* One event as an Elastic Common Schema document.
 *
 * What the server knows is written from the record's head and the event's fact; the rest is spliced from the event as
 * sent, by the table of its kind (wire_gen.h), each name at most once. */
#include "event/document.h"

#include <math.h>

#include "base/clock.h"
#include "event/json_scan.h"
#include "event/wire_gen.h"

static void add_text(struct buf *buf, const char *name, struct slice text)
{
    if (text.len)
        buf_json_field(buf, name, text);
}

static void add_time(struct buf *buf, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_text(ms, text);
    buf_json_field(buf, name, slice_of(text));
}

static void add_value(struct buf *buf, const char *name, struct slice json)
{
    buf_json_name(buf, name);
    buf_add_slice(buf, json);
}

static void add_flags(struct buf *buf, uint32_t flags)
{
    static const struct {
        enum event_flag flag;
        const char *name;
    } names[] = {{EVENT_LATE, "late"},
                 {EVENT_FUTURE, "future"},
                 {EVENT_REDACTED, "redacted"},
                 {EVENT_UNKNOWN_FIELD, "unknown_field"},
                 {EVENT_FAILED, "failed"}};
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(flags & names[i].flag))
            continue;
        if (!any)
            buf_json_name(buf, "seismo.flags");
        buf_text(buf, any ? ",\"" : "[\"");
        buf_text(buf, names[i].name);
        buf_char(buf, '"');
        any = true;
    }
    if (any)
        buf_char(buf, ']');
}

static void add_head(const struct record *record, const struct fact *fact, struct buf *buf)
{
    add_time(buf, "@timestamp", fact->at_ms);
    buf_text(buf, ",\"event.kind\":\"event\",\"event.module\":\"seismo\",\"event.dataset\":\"seismo.events\"");
    add_time(buf, "event.created", record->received_at_ms);
    add_text(buf, "seismo.application", record->application);
    add_text(buf, "service.name", record->service);
    add_text(buf, "service.version", record->service_version);
    add_text(buf, "service.environment", record->environment);
    add_text(buf, "session.id", record->session);
    add_text(buf, "user.id", record->user);
    add_text(buf, "seismo.view.id", fact->view.len ? fact->view : record->view);
    add_text(buf, "seismo.beacon.id", record->beacon);
    buf_json_int(buf, "seismo.beacon.index", fact->index);
    if (record->sample_rate != 1)
        buf_json_number(buf, "seismo.sample_rate", record->sample_rate);
    if (record->dropped)
        buf_json_int(buf, "seismo.dropped", record->dropped);
    if (record->clock_offset_ms)
        buf_json_int(buf, "seismo.clock_offset_ms", record->clock_offset_ms);
}

static void add_client(const struct record *record, struct buf *buf)
{
    add_text(buf, "agent.name", record->agent_name);
    add_text(buf, "agent.version", record->agent_version);
    add_text(buf, "user_agent.name", record->browser);
    add_text(buf, "user_agent.version", record->browser_version);
    add_text(buf, "user_agent.os.name", record->os);
    add_text(buf, "user_agent.device.name", record->device);
    add_text(buf, "client.ip", record->client_address);
    add_text(buf, "client.geo.country_iso_code", record->country);
}

static void add_fact(const struct fact *fact, struct buf *buf)
{
    add_text(buf, "seismo.route", fact->route);
    add_text(buf, "seismo.page.route", fact->page_route);
    add_text(buf, "error.code", fact->code);
    add_text(buf, "error.grouping_name", fact->group);
    if (fact->kind != EVENT_VITAL && !isnan(fact->value))
        buf_json_int(buf, "event.duration", (int64_t)(fact->value * 1e6)); /* ECS: nanoseconds */
    add_flags(buf, fact->flags);
}

/* The field of that name in events of that kind, or NULL. */
static const struct wire_field *find_field(enum event_kind kind, struct slice name)
{
    for (size_t i = 0; i < WIRE_NAMES; i++)
        if (slice_equal(name, wire_names[i]))
            return wire_event[kind][i] ? &wire_fields[wire_event[kind][i]] : NULL;
    return NULL;
}

/* Written from the record or the fact already. */
static bool is_written(const struct wire_field *field)
{
    return strcmp(field->name, "view") == 0;
}

static void add_members(const struct fact *fact, struct buf *buf)
{
    struct json_scan scan = json_scan_of(fact->json);
    struct json_member member;
    char decoded[JSON_NAME_BYTES];
    while (json_scan_next(&scan, &member)) {
        const struct wire_field *field = find_field(fact->kind, json_name(member.name, decoded));
        if (field && *field->ecs && !is_written(field))
            add_value(buf, field->ecs, member.value);
    }
}

void document_write(const struct record *record, const struct fact *fact, struct buf *buf)
{
    buf_char(buf, '{');
    add_head(record, fact, buf);
    add_fact(fact, buf);
    add_members(fact, buf);
    add_client(record, buf);
    if (fact->kind == EVENT_OTHER || fact->flags & EVENT_UNKNOWN_FIELD)
        buf_json_field(buf, "event.original", fact->json);
    buf_char(buf, '}');
}
