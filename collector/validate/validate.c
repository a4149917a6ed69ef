/* Beacons: what schemas/beacon.schema.json says, by the tables made from it (event/wire_gen.h).
 *
 * Nearly all events are as the agent writes them and pass in one go (plain.c). In others members may come in any order
 * and what they must be hangs on the kind, so they are first collected by name and checked when the object ends.
 * Nothing is allocated per event but decoded escapes, in the batch's arena. */
#include "validate/validate.h"

#include <math.h>
#include <stdlib.h>

#include "base/metric.h"
#include "event/application.h"
#include "event/wire_gen.h"
#include "validate/field.h"

#define FIRST_EVENTS 16

/* What is being made of the body; moved into the batch when the beacon is taken. */
struct decoding {
    struct cursor cursor;
    struct batch *batch;
    struct envelope envelope;
    uint64_t seen; /* members of the envelope */
    struct event *events;
    size_t n_events, room;
    size_t n_elements; /* of events, refused ones too */
};

/* ---- one event --------------------------------------------------------------------------------------------------- */

struct collected {
    uint64_t seen; /* bits of enum wire_name */
    struct member members[WIRE_NAMES];
    struct names unknown;
};

static enum err collect_member(struct cursor *cursor, struct collected *collected)
{
    struct slice name;
    struct member ignored, *into = &ignored;
    enum err err = cursor_name(cursor, &name);
    if (err)
        return err;
    int found = field_find(name);
    if (found < 0) {
        cursor_note(cursor, &collected->unknown, name);
    } else if (collected->seen >> found & 1) {
        cursor_blame(cursor, ERR_DUPLICATE_FIELD, name);
    } else {
        collected->seen |= UINT64_C(1) << found;
        into = &collected->members[found];
    }
    return cursor_value(cursor, 3, into);
}

static enum err collect(struct cursor *cursor, struct collected *collected)
{
    collected->seen = 0;
    collected->unknown.n = 0;
    cursor->at++;
    if (cursor_take(cursor, '}'))
        return ERR_OK;
    for (bool more = true; more;) {
        enum err err = collect_member(cursor, collected);
        if (err || (err = cursor_more(cursor, '}', &more)))
            return err;
    }
    return ERR_OK;
}

static enum event_kind collected_kind(const struct collected *collected)
{
    const struct member *kind = &collected->members[WIRE_NAME_kind];
    return collected->seen & 1 << WIRE_NAME_kind && kind->type == MEMBER_STRING ? field_kind(kind->text) : EVENT_OTHER;
}

/* Checks what was collected against the kind's table and keeps it. */
static void check_event(struct cursor *cursor, const struct collected *collected, struct event *event)
{
    event->kind = collected_kind(collected);
    event->count = 1;
    event->value = NAN;
    uint64_t missing = wire_required[event->kind] & ~collected->seen;
    if (missing)
        cursor_blame(cursor, ERR_FIELD_MISSING, wire_names[__builtin_ctzll(missing)]);
    bool unknown = collected->unknown.n > 0 || event->kind == EVENT_OTHER;
    for (uint64_t rest = collected->seen; rest && !cursor->fault.why; rest &= rest - 1) {
        int name = __builtin_ctzll(rest);
        const struct wire_field *field = &wire_fields[wire_event[event->kind][name]];
        if (field == wire_fields) {
            unknown = true;
            continue;
        }
        enum err err = field_check(field, &collected->members[name]);
        if (err)
            cursor_blame(cursor, err, wire_names[name]);
        else
            field_keep(field, &collected->members[name], event);
    }
    if (unknown)
        event->flags |= EVENT_UNKNOWN_FIELD;
}

/* Hostile names must not reach an answer or a terminal as they are. */
static void write_field_name(struct slice name, char text[32])
{
    size_t n = name.len < 31 ? name.len : 31;
    for (size_t i = 0; i < n; i++)
        text[i] = name.at[i] >= ' ' && name.at[i] <= '~' ? name.at[i] : '?';
    text[n] = '\0';
}

static enum err refuse(struct decoding *d, uint16_t index)
{
    struct batch *batch = d->batch;
    if (!batch->refused && !(batch->refused = arena_alloc(batch->arena, BATCH_MAX_EVENTS * sizeof *batch->refused)))
        return ERR_TOO_LARGE;
    struct refusal *refusal = &batch->refused[batch->n_refused++];
    refusal->index = index;
    refusal->why = d->cursor.fault.why;
    write_field_name(d->cursor.fault.field, refusal->field);
    d->cursor.fault = (struct fault){ERR_OK, SLICE_NONE};
    return ERR_OK;
}

static struct event *next_event(struct decoding *d)
{
    if (d->n_events == d->room) {
        size_t room = d->room ? d->room * 2 : FIRST_EVENTS;
        struct event *events = arena_alloc(d->batch->arena, room * sizeof *events);
        if (!events)
            return NULL;
        if (d->n_events)
            memcpy(events, d->events, d->n_events * sizeof *events);
        d->events = events;
        d->room = room;
    }
    return memset(&d->events[d->n_events], 0, sizeof *d->events);
}

static enum err read_element(struct decoding *d, uint16_t index)
{
    struct cursor *cursor = &d->cursor;
    struct collected collected;
    struct member ignored;
    const char *start = cursor->text + *cursor->at;
    if (*start != '{') {
        cursor_blame(cursor, ERR_NOT_AN_EVENT, SLICE(""));
        enum err err = cursor_value(cursor, 2, &ignored);
        return err ? err : refuse(d, index);
    }
    struct event *event = next_event(d);
    if (!event)
        return ERR_TOO_LARGE;
    if (!plain_event(cursor, event)) {
        *event = (struct event){0};
        enum err err = collect(cursor, &collected);
        if (err)
            return err;
        check_event(cursor, &collected, event);
        if (cursor->fault.why)
            return refuse(d, index);
    }
    event->index = index;
    event->json = (struct slice){start, (size_t)(cursor->text + cursor->at[-1] + 1 - start)};
    d->n_events++;
    return ERR_OK;
}

static enum err read_events(struct decoding *d)
{
    struct cursor *cursor = &d->cursor;
    struct fault outer = cursor->fault; /* the envelope's; each event has its own */
    cursor->fault = (struct fault){ERR_OK, SLICE_NONE};
    cursor->at++;
    if (cursor_take(cursor, ']'))
        goto out;
    for (bool more = true; more;) {
        if (d->n_elements == BATCH_MAX_EVENTS)
            return err_set(&d->batch->text, ERR_TOO_MANY_EVENTS, "more than %d", BATCH_MAX_EVENTS);
        enum err err = read_element(d, (uint16_t)d->n_elements++);
        if (err || (err = cursor_more(cursor, ']', &more)))
            return err;
    }
out:
    cursor->fault = outer;
    return ERR_OK;
}

/* ---- the envelope ------------------------------------------------------------------------------------------------ */

static enum err read_members(struct decoding *d, int depth, const struct wire_field *fields, size_t n_fields,
                             uint64_t *ret_seen);

/* A member of the envelope that is an object or a list known to the schema; others come back as false. */
static bool read_inner(struct decoding *d, const struct wire_field *field, enum err *ret_err)
{
    uint64_t seen;
    char first = cursor_peek(&d->cursor);
    if (field == &wire_envelope[WIRE_ENVELOPE_events] && first == '[')
        *ret_err = read_events(d);
    else if (field == &wire_envelope[WIRE_ENVELOPE_user] && first == '{')
        *ret_err = read_members(d, 1, wire_user, WIRE_USER_FIELDS, &seen);
    else if (field == &wire_envelope[WIRE_ENVELOPE_agent] && first == '{')
        *ret_err = read_members(d, 1, wire_agent, WIRE_AGENT_FIELDS, &seen);
    else
        return false;
    return true;
}

/* Labels that are wrong are left out, not the beacon: they stand around all that it says. */
static enum err read_labels(struct decoding *d, int depth, const struct wire_field *field)
{
    struct member member;
    uint64_t left_out = 1;
    enum err err = cursor_value(&d->cursor, depth + 1, &member);
    if (err)
        return err;
    if (field_check(field, &member) == ERR_OK) {
        d->envelope.labels = member.text;
        return ERR_OK;
    }
    if (member.type == MEMBER_OBJECT)
        err = members_pick(field, member.text, d->batch->arena, &d->envelope.labels, &left_out);
    METRIC_ADD("seismo_labels_left_out_total", "labels of beacons that were left out: their name, text or number",
               left_out);
    return err;
}

static enum err read_known(struct decoding *d, int depth, const struct wire_field *field)
{
    struct member member;
    enum err err;
    if (read_inner(d, field, &err))
        return err;
    if (field == &wire_envelope[WIRE_ENVELOPE_labels])
        return read_labels(d, depth, field);
    if ((err = cursor_value(&d->cursor, depth + 1, &member)))
        return err;
    enum err fault = field_check(field, &member);
    if (fault)
        cursor_blame(&d->cursor, fault, (struct slice){field->name, field->name_bytes});
    else
        field_keep(field, &member, &d->envelope);
    return ERR_OK;
}

/* guess: where to begin; members mostly come in the schema's order. */
static const struct wire_field *find_field(struct slice name, const struct wire_field *fields, size_t n_fields,
                                           size_t guess)
{
    for (size_t i = 0, at = guess; i < n_fields; i++, at++) {
        at = at < n_fields ? at : 0;
        if (cursor_same(name, (struct slice){fields[at].name, fields[at].name_bytes}))
            return &fields[at];
    }
    return NULL;
}

static enum err read_member(struct decoding *d, int depth, const struct wire_field *fields, size_t n_fields,
                            struct names *unknown, uint64_t *seen)
{
    struct slice name;
    struct member ignored;
    enum err err = cursor_name(&d->cursor, &name);
    if (err)
        return err;
    size_t guess = *seen ? 64 - (size_t)__builtin_clzll(*seen) : 0;
    const struct wire_field *field = find_field(name, fields, n_fields, guess);
    if (!field) {
        cursor_note(&d->cursor, unknown, name);
        return cursor_value(&d->cursor, depth + 1, &ignored);
    }
    uint64_t bit = UINT64_C(1) << (field - fields);
    if (*seen & bit)
        /* Nothing of this beacon can be trusted: which of the two lists of events is it? */
        return err_set(&d->batch->text, ERR_DUPLICATE_FIELD, "%s", field->name);
    *seen |= bit;
    return read_known(d, depth, field);
}

static enum err read_members(struct decoding *d, int depth, const struct wire_field *fields, size_t n_fields,
                             uint64_t *ret_seen)
{
    struct names unknown;
    unknown.n = 0;
    *ret_seen = 0;
    d->cursor.at++;
    if (cursor_take(&d->cursor, '}'))
        return ERR_OK;
    for (bool more = true; more;) {
        enum err err = read_member(d, depth, fields, n_fields, &unknown, ret_seen);
        if (err || (err = cursor_more(&d->cursor, '}', &more)))
            return err;
    }
    return ERR_OK;
}

/* ---- the beacon -------------------------------------------------------------------------------------------------- */

static enum err read_body(struct decoding *d)
{
    struct slice body = d->batch->body;
    struct cursor *cursor = &d->cursor;
    enum err err = structure_find(body, &cursor->at, &d->batch->text);
    if (err)
        return err;
    const char *before = cursor->text + body.len;
    struct member ignored;
    bool is_object = cursor_peek(cursor) == '{';
    err = is_object ? read_members(d, 0, wire_envelope, WIRE_ENVELOPE_FIELDS, &d->seen)
                    : cursor_value(cursor, 0, &ignored);
    if (!err && cursor->text + *cursor->at != before)
        err = ERR_BAD_JSON; /* something stands behind the end */
    if (!err && !is_object)
        return err_set(&d->batch->text, ERR_NOT_A_BEACON, "an object is expected");
    if (err == ERR_BAD_JSON)
        err_set(&d->batch->text, err, "at byte %u", (unsigned)*cursor->at);
    if (err == ERR_TOO_DEEP)
        err_set(&d->batch->text, err, "more than %d levels", VALIDATE_MAX_DEPTH);
    return err;
}

static bool service_is_allowed(const struct application *application, struct slice service)
{
    if (!application || !application->services || !*application->services)
        return true;
    for (const char *const *allowed = application->services; *allowed; allowed++)
        if (slice_is(service, *allowed))
            return true;
    return false;
}

static enum err check_envelope(struct decoding *d)
{
    uint64_t missing = WIRE_ENVELOPE_REQUIRED & ~d->seen;
    if (missing)
        cursor_blame(&d->cursor, ERR_FIELD_MISSING, slice_of(wire_envelope[__builtin_ctzll(missing)].name));
    if (d->cursor.fault.why) {
        char name[32];
        write_field_name(d->cursor.fault.field, name);
        return err_set(&d->batch->text, d->cursor.fault.why, "%s", name);
    }
    if (!service_is_allowed(d->batch->application, d->envelope.service))
        return err_set(&d->batch->text, ERR_WRONG_SERVICE, "service");
    return ERR_OK;
}

/* With no good event the beacon is refused for the first one's reason. */
static enum err check_events(struct decoding *d)
{
    if (d->n_events)
        return ERR_OK;
    if (!d->batch->n_refused)
        return err_set(&d->batch->text, ERR_NO_EVENTS, "events");
    const struct refusal *first = &d->batch->refused[0];
    return err_set(&d->batch->text, first->why, "events[%u]%s%s", first->index, *first->field ? "." : "", first->field);
}

enum err validate_beacon(struct batch *batch)
{
    struct decoding d = {.batch = batch, .envelope = {.rate = 1, .offset = NAN}};
    ((char *)(uintptr_t)batch->body.at)[batch->body.len] = '\0'; /* in the padding: the cursor stops here */
    d.cursor = (struct cursor){.text = batch->body.at, .arena = batch->arena, .end = batch->body.at + batch->body.len};
    batch->refused = NULL;
    batch->n_refused = 0;
    enum err err = read_body(&d);
    if (!err)
        err = check_envelope(&d);
    if (!err)
        err = check_events(&d);
    if (err)
        return err;
    batch->envelope = d.envelope;
    batch->events = d.events;
    batch->n_events = d.n_events;
    return ERR_OK;
}

/* ---- the sink ---------------------------------------------------------------------------------------------------- */

static enum err push(struct sink *sink, struct batch *batch)
{
    enum err err = validate_beacon(batch); /* what it refuses is counted by who answers */
    return err ? err : sink_push(sink->next, batch);
}

struct sink *validate_sink_new(struct sink *next)
{
    struct sink *sink = calloc(1, sizeof *sink);
    if (!sink)
        abort();
    sink->push = push;
    sink->next = next;
    return sink;
}

void validate_sink_free(struct sink *sink)
{
    free(sink);
}
