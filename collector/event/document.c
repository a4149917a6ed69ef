#include "event/document.h"

#include <math.h>

#include "base/clock.h"
#include "event/json_scan.h"
#include "event/wire_gen.h"

/* Of an event with members that this release does not know, so much is kept as it was sent. */
#define ORIGINAL_MAX_BYTES 32768

/* ---- what the server knows --------------------------------------------------------------------------------------- */

static void add_text(struct buf *buf, const char *name, struct slice text)
{
    if (text.len)
        buf_json_field(buf, name, text);
}

static void add_time(struct buf *buf, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_text(wall_ms, text);
    buf_json_field(buf, name, slice_of(text));
}

/* What pages name themselves: texts, numbers and booleans only, and without space, for a document is one line. */
static void add_map(struct buf *buf, const char *name, struct slice object)
{
    struct json_scan scan = json_scan_of(object);
    struct json_member member;
    bool first = true;
    buf_json_name(buf, name);
    buf_char(buf, '{');
    for (; json_scan_next(&scan, &member); first = false) {
        if (member.value.at[0] == '{' || member.value.at[0] == '[')
            break; /* a damaged record */
        buf_text(buf, first ? "\"" : ",\"");
        buf_add_slice(buf, member.name);
        buf_text(buf, "\":");
        buf_add_slice(buf, member.value);
    }
    buf_char(buf, '}');
}

static void add_labels(struct buf *buf, struct slice labels)
{
    if (labels.len > 2)
        add_map(buf, "labels", labels);
}

void document_head(const struct record *record, struct buf *buf)
{
    buf_text(buf, ",\"event.kind\":\"event\",\"event.module\":\"seismo\",\"event.dataset\":\"seismo.events\"");
    add_time(buf, "event.created", record->received_at_ms);
    add_time(buf, "event.ingested", record->received_at_ms);
    add_text(buf, "service.name", record->service);
    add_text(buf, "service.version", record->service_version);
    add_text(buf, "service.environment", record->environment);
    add_text(buf, "session.id", record->session);
    add_text(buf, "user.id", record->user);
    add_text(buf, "agent.name", record->agent_name);
    add_text(buf, "agent.version", record->agent_version);
    add_text(buf, "user_agent.name", record->browser);
    add_text(buf, "user_agent.version", record->browser_version);
    add_text(buf, "user_agent.os.name", record->os);
    add_text(buf, "user_agent.device.name", record->device);
    add_text(buf, "client.ip", record->client_address);
    add_text(buf, "client.geo.country_iso_code", record->country);
    add_labels(buf, record->labels);
    add_text(buf, "seismo.application", record->application);
    add_text(buf, "seismo.beacon.id", record->beacon);
    buf_json_number(buf, "seismo.sample_rate", record->sample_rate);
    if (record->clock_offset_ms)
        buf_json_int(buf, "seismo.clock_offset_ms", record->clock_offset_ms);
}

static void add_place(struct buf *buf, const struct record *record, const struct fact *fact)
{
    add_text(buf, "seismo.view.id", fact->view);
    buf_json_int(buf, "seismo.beacon.index", fact->index);
    if (record->dropped && fact == record->facts) /* once a beacon, so that a sum over documents is right */
        buf_json_int(buf, "seismo.dropped", record->dropped);
}

static void add_flags(struct buf *buf, uint32_t flags)
{
    static const char *const names[] = {"late", "future", "redacted", "unknown_field", "failed"};
    bool first = true;
    if (!flags)
        return;
    buf_json_name(buf, "seismo.flags");
    buf_char(buf, '[');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (flags >> i & 1) {
            buf_text(buf, first ? "\"" : ",\"");
            buf_text(buf, names[i]);
            buf_char(buf, '"');
            first = false;
        }
    buf_char(buf, ']');
}

/* outcome: as sent, with its quotes; without one the status says it, a failure from 400 on. ECS knows success, failure
 * and unknown; what the page says is in seismo.outcome. */
static void add_outcome(struct buf *buf, const struct fact *fact, struct slice outcome)
{
    bool success = slice_is(outcome, "\"success\""), failure = slice_is(outcome, "\"failure\"");
    bool failed = failure || (!success && (fact->flags & EVENT_FAILED || fact->status >= 400));
    bool answered = fact->status >= 100;
    buf_json_field(buf, "event.outcome",
                   failed                ? SLICE("failure")
                   : success || answered ? SLICE("success")
                                         : SLICE("unknown"));
}

/* As web.dev/articles/vitals has it; sent: the page's own word, which wins. A vital of another name has no rating. */
static void add_rating(struct buf *buf, const struct fact *fact, bool sent)
{
    static const struct {
        const char *name;
        double good, poor;
    } vitals[] = {{"LCP", 2500, 4000}, {"INP", 200, 500}, {"CLS", 0.1, 0.25}, {"FCP", 1800, 3000}, {"TTFB", 800, 1800}};
    for (size_t i = 0; i < sizeof vitals / sizeof *vitals && !sent && isfinite(fact->value); i++)
        if (slice_is(fact->name, vitals[i].name))
            buf_json_field(buf, "seismo.vital.rating",
                           fact->value <= vitals[i].good   ? SLICE("good")
                           : fact->value <= vitals[i].poor ? SLICE("needs-improvement")
                                                           : SLICE("poor"));
}

static void add_fact(struct buf *buf, const struct fact *fact)
{
    add_text(buf, "seismo.route", fact->route);
    add_text(buf, "seismo.page.route", fact->page_route);
    add_text(buf, "error.code", fact->code);
    add_text(buf, "error.grouping_key", fact->code);
    add_text(buf, "error.grouping_name", fact->group);
    if (fact->kind != EVENT_VITAL && isfinite(fact->value))
        buf_json_int(buf, "event.duration", llround(fact->value * 1e6));
    if (fact->kind == EVENT_CLICK)
        buf_json_int(buf, "seismo.click.count", fact->count);
    if (fact->kind == EVENT_ERROR)
        buf_json_int(buf, "seismo.error.count", fact->count);
    add_flags(buf, fact->flags);
}

/* ---- what the page said ------------------------------------------------------------------------------------------ */

static int find_name(struct slice name)
{
    if (name.len == 0)
        return -1;
    unsigned char first = (unsigned char)name.at[0], middle = (unsigned char)name.at[name.len / 2],
                  last = (unsigned char)name.at[name.len - 1];
    int found = wire_lookup[WIRE_HASH(name.len, first, middle, last)] - 1;
    return found >= 0 && slice_equal(wire_names[found], name) ? found : -1;
}

/* Written from the fact above, with what was left out filled in. */
static bool is_written(int name)
{
    return name == WIRE_NAME_view || name == WIRE_NAME_count;
}

/* Splices each known member under its name in the document. The names that it has seen, as bits, keep a damaged record
 * from giving one twice. */
static uint64_t add_members(struct buf *buf, const struct fact *fact, struct slice *ret_outcome)
{
    struct json_scan scan = json_scan_of(fact->json);
    struct json_member member;
    char text[JSON_NAME_BYTES];
    uint64_t seen = 0;
    while (json_scan_next(&scan, &member)) {
        int name = find_name(json_name(member.name, text));
        if (name < 0 || seen >> name & 1)
            continue;
        seen |= UINT64_C(1) << name;
        const struct wire_field *field = &wire_fields[wire_event[fact->kind][name]];
        if (field == wire_fields || !*field->ecs || is_written(name))
            continue;
        if (field->type == WIRE_VALUES) {
            add_map(buf, field->ecs, member.value);
            continue;
        }
        buf_json_name(buf, field->ecs);
        buf_add_slice(buf, member.value);
        if (name == WIRE_NAME_outcome)
            *ret_outcome = member.value;
    }
    return seen;
}

static void add_original(struct buf *buf, struct slice json)
{
    if (json.len > ORIGINAL_MAX_BYTES) {
        json.len = ORIGINAL_MAX_BYTES;
        while (json.len && ((unsigned char)json.at[json.len] & 0xc0) == 0x80)
            json.len--;
    }
    buf_json_field(buf, "event.original", json);
}

void document_write_under(const struct record *record, const struct fact *fact, struct slice head, struct buf *buf)
{
    struct slice outcome = SLICE_NONE;
    buf_char(buf, '{');
    add_time(buf, "@timestamp", fact->at_ms);
    buf_add_slice(buf, head);
    add_place(buf, record, fact);
    add_fact(buf, fact);
    uint64_t seen = add_members(buf, fact, &outcome);
    if (fact->kind == EVENT_API)
        add_outcome(buf, fact, outcome);
    if (fact->kind == EVENT_VITAL)
        add_rating(buf, fact, seen >> WIRE_NAME_rating & 1);
    if (fact->flags & EVENT_UNKNOWN_FIELD)
        add_original(buf, fact->json);
    buf_char(buf, '}');
}

void document_write(const struct record *record, const struct fact *fact, struct buf *buf)
{
    struct buf head;
    buf_init(&head, DOCUMENT_MAX_BYTES);
    document_head(record, &head);
    if (buf_failed(&head))
        buf->failed = true;
    document_write_under(record, fact, buf_slice(&head), buf);
    buf_done(&head);
}
