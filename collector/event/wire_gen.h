/* Made by schemas/generate.mjs from schemas/beacon.schema.json; do not edit. */
/* clang-format off */
#ifndef SEISMO_EVENT_WIRE_GEN_H
#define SEISMO_EVENT_WIRE_GEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/batch.h"

/* TEXTS and VALUES are objects whose members have names of the page's own: texts; texts, numbers and booleans. */
enum wire_type { WIRE_STRING, WIRE_NUMBER, WIRE_INTEGER, WIRE_OBJECT, WIRE_ARRAY, WIRE_TEXTS, WIRE_VALUES };
enum wire_store { WIRE_NOWHERE, WIRE_SLICE, WIRE_DOUBLE, WIRE_U16, WIRE_U32 };

struct wire_field {
    const char *name;
    uint8_t name_bytes;
    uint8_t type;    /* enum wire_type */
    uint8_t store;   /* enum wire_store: how it is kept in the struct */
    uint16_t slot;   /* where: offset in struct event or struct envelope */
    uint8_t form;    /* bit of wire_forms that all characters must have; 0: any */
    const char *one_of; /* words allowed, parted by spaces; NULL: any */
    uint32_t min_length, max_length; /* code points; of TEXTS and VALUES: of each name, which form is for too */
    double min, max; /* min itself is not allowed when above_min; of TEXTS and VALUES: most members, code points of a text */
    bool above_min, required;
    const char *ecs; /* name in the stored document; "" when it is not spliced */
};

/* Per character: bit i is set when it is allowed by
 *   0: ^[A-Za-z0-9_-]+$
 *   1: ^[A-Za-z-]+$
 *   2: ^[0-9a-f]*$
 *   3: ^[a-z,]*$
 *   4: ^[A-Za-z0-9_.-]+$ */
static const uint8_t wire_forms[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 19, 16, 0, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 0, 0, 0, 0, 0, 0,
    0, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 19, 0, 0, 0, 0, 17,
    0, 31, 31, 31, 31, 31, 31, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 27, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

#define WIRE_ENVELOPE_FIELDS 15
static const struct wire_field wire_envelope[WIRE_ENVELOPE_FIELDS] = {
    {"v", 1, WIRE_INTEGER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 1.0, 65535.0, false, false, ""},
    {"id", 2, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, id), 1, NULL, 8, 64, 0.0, 0.0, false, true, "seismo.beacon.id"},
    {"service", 7, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, service), 0, NULL, 1, 100, 0.0, 0.0, false, true, "service.name"},
    {"version", 7, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, version), 0, NULL, 0, 100, 0.0, 0.0, false, false, "service.version"},
    {"environment", 11, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, environment), 0, NULL, 0, 64, 0.0, 0.0, false, false, "service.environment"},
    {"session", 7, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, session), 1, NULL, 8, 64, 0.0, 0.0, false, true, "session.id"},
    {"view", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, view), 1, NULL, 8, 64, 0.0, 0.0, false, false, "seismo.view.id"},
    {"sent", 4, WIRE_NUMBER, WIRE_DOUBLE, offsetof(struct envelope, sent), 0, NULL, 0, 0, 0.0, 9007199254740991.0, false, true, ""},
    {"rate", 4, WIRE_NUMBER, WIRE_DOUBLE, offsetof(struct envelope, rate), 0, NULL, 0, 0, 0.0, 1.0, true, false, "seismo.sample_rate"},
    {"offset", 6, WIRE_NUMBER, WIRE_DOUBLE, offsetof(struct envelope, offset), 0, NULL, 0, 0, -9007199254740991.0, 9007199254740991.0, false, false, ""},
    {"user", 4, WIRE_OBJECT, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 0.0, false, false, ""},
    {"agent", 5, WIRE_OBJECT, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 0.0, false, false, ""},
    {"dropped", 7, WIRE_INTEGER, WIRE_U32, offsetof(struct envelope, dropped), 0, NULL, 0, 0, 0.0, 4294967295.0, false, false, "seismo.dropped"},
    {"labels", 6, WIRE_TEXTS, WIRE_SLICE, offsetof(struct envelope, labels), 16, NULL, 1, 64, 16.0, 256.0, false, false, "labels"},
    {"events", 6, WIRE_ARRAY, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 0.0, false, true, ""},
};
#define WIRE_ENVELOPE_v 0
#define WIRE_ENVELOPE_id 1
#define WIRE_ENVELOPE_service 2
#define WIRE_ENVELOPE_version 3
#define WIRE_ENVELOPE_environment 4
#define WIRE_ENVELOPE_session 5
#define WIRE_ENVELOPE_view 6
#define WIRE_ENVELOPE_sent 7
#define WIRE_ENVELOPE_rate 8
#define WIRE_ENVELOPE_offset 9
#define WIRE_ENVELOPE_user 10
#define WIRE_ENVELOPE_agent 11
#define WIRE_ENVELOPE_dropped 12
#define WIRE_ENVELOPE_labels 13
#define WIRE_ENVELOPE_events 14
/* Bits of those that must be there. */
#define WIRE_ENVELOPE_REQUIRED UINT64_C(0x40a6)

#define WIRE_USER_FIELDS 1
static const struct wire_field wire_user[WIRE_USER_FIELDS] = {
    {"id", 2, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, user), 0, NULL, 0, 128, 0.0, 0.0, false, false, "user.id"},
};
#define WIRE_USER_id 0
/* Bits of those that must be there. */
#define WIRE_USER_REQUIRED UINT64_C(0x0)

#define WIRE_AGENT_FIELDS 2
static const struct wire_field wire_agent[WIRE_AGENT_FIELDS] = {
    {"name", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, agent_name), 0, NULL, 0, 64, 0.0, 0.0, false, false, "agent.name"},
    {"version", 7, WIRE_STRING, WIRE_SLICE, offsetof(struct envelope, agent_version), 0, NULL, 0, 32, 0.0, 0.0, false, false, "agent.version"},
};
#define WIRE_AGENT_name 0
#define WIRE_AGENT_version 1
/* Bits of those that must be there. */
#define WIRE_AGENT_REQUIRED UINT64_C(0x0)

/* Every member name that an event of some kind may have. */
enum wire_name {
    WIRE_NAME_kind, WIRE_NAME_at, WIRE_NAME_page, WIRE_NAME_view, WIRE_NAME_url, WIRE_NAME_title, WIRE_NAME_referrer, WIRE_NAME_navigation,
    WIRE_NAME_duration, WIRE_NAME_redirect, WIRE_NAME_dns, WIRE_NAME_connect, WIRE_NAME_request, WIRE_NAME_response, WIRE_NAME_dom, WIRE_NAME_load,
    WIRE_NAME_bytes, WIRE_NAME_from, WIRE_NAME_method, WIRE_NAME_status, WIRE_NAME_initiator, WIRE_NAME_outcome, WIRE_NAME_trace, WIRE_NAME_selector,
    WIRE_NAME_name, WIRE_NAME_role, WIRE_NAME_count, WIRE_NAME_flags, WIRE_NAME_type, WIRE_NAME_message, WIRE_NAME_stack, WIRE_NAME_source,
    WIRE_NAME_file, WIRE_NAME_line, WIRE_NAME_column, WIRE_NAME_value, WIRE_NAME_rating, WIRE_NAME_metric, WIRE_NAME_target, WIRE_NAME_resource,
    WIRE_NAME_ttfb, WIRE_NAME_load_delay, WIRE_NAME_load_time, WIRE_NAME_render_delay, WIRE_NAME_interaction, WIRE_NAME_input_delay, WIRE_NAME_processing, WIRE_NAME_presentation,
    WIRE_NAME_script, WIRE_NAME_invoker, WIRE_NAME_shift, WIRE_NAME_props,
    WIRE_NAMES
};
static const struct slice wire_names[WIRE_NAMES] = {
    {"kind", 4}, {"at", 2}, {"page", 4}, {"view", 4}, {"url", 3}, {"title", 5},
    {"referrer", 8}, {"navigation", 10}, {"duration", 8}, {"redirect", 8}, {"dns", 3}, {"connect", 7},
    {"request", 7}, {"response", 8}, {"dom", 3}, {"load", 4}, {"bytes", 5}, {"from", 4},
    {"method", 6}, {"status", 6}, {"initiator", 9}, {"outcome", 7}, {"trace", 5}, {"selector", 8},
    {"name", 4}, {"role", 4}, {"count", 5}, {"flags", 5}, {"type", 4}, {"message", 7},
    {"stack", 5}, {"source", 6}, {"file", 4}, {"line", 4}, {"column", 6}, {"value", 5},
    {"rating", 6}, {"metric", 6}, {"target", 6}, {"resource", 8}, {"ttfb", 4}, {"load_delay", 10},
    {"load_time", 9}, {"render_delay", 12}, {"interaction", 11}, {"input_delay", 11}, {"processing", 10}, {"presentation", 12},
    {"script", 6}, {"invoker", 7}, {"shift", 5}, {"props", 5},
};

/* Length, first, middle ([length / 2]) and last character of a name to its place in wire_names, plus one; 0 is none.
 * Compare the name then. */
#define WIRE_HASH(length, first, middle, last) \
    ((uint8_t)((length) * 1u + (first) * 39u + (middle) * 2u + (last)))
static const uint8_t wire_lookup[256] = {
    0, 0, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 22, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 2, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 45, 0, 36, 0, 0, 4,
    0, 46, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 21, 0, 17, 0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 52, 47, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 48, 35, 0, 0, 0, 0, 27, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15, 0, 0, 0, 11, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 37, 16, 26,
    43, 44, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 31, 0, 34, 0, 0, 7, 0, 10, 42,
    0, 0, 0, 13, 28, 24, 0, 0, 0, 0, 0, 33, 0, 0, 0, 0, 51, 49, 0, 0, 32, 19, 0, 0, 23, 18, 0, 0, 0, 0, 41, 0,
    0, 0, 0, 0, 0, 0, 20, 0, 38, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 39, 29, 0, 0, 0, 0, 0, 0, 8, 0, 6, 0,
};

static const struct wire_field wire_fields[] = {
    {0},
    {"kind", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, kind_text), 0, NULL, 1, 32, 0.0, 0.0, false, true, "event.action"},
    {"at", 2, WIRE_NUMBER, WIRE_DOUBLE, offsetof(struct event, at), 0, NULL, 0, 0, 0.0, 9007199254740991.0, false, true, ""},
    {"page", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, page), 0, NULL, 0, 2048, 0.0, 0.0, false, false, "seismo.page.path"},
    {"view", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, view), 1, NULL, 8, 64, 0.0, 0.0, false, false, "seismo.view.id"},
    {"url", 3, WIRE_STRING, WIRE_SLICE, offsetof(struct event, url), 0, NULL, 0, 2048, 0.0, 0.0, false, false, "url.full"},
    {"title", 5, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 256, 0.0, 0.0, false, false, "seismo.page.title"},
    {"referrer", 8, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 2048, 0.0, 0.0, false, false, "http.request.referrer"},
    {"navigation", 10, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 32, 0.0, 0.0, false, false, "seismo.navigation"},
    {"duration", 8, WIRE_NUMBER, WIRE_DOUBLE, offsetof(struct event, value), 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.duration_ms"},
    {"redirect", 8, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.phase.redirect_ms"},
    {"dns", 3, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.phase.dns_ms"},
    {"connect", 7, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.phase.connect_ms"},
    {"request", 7, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.phase.request_ms"},
    {"response", 8, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.phase.response_ms"},
    {"dom", 3, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.phase.dom_ms"},
    {"load", 4, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.phase.load_ms"},
    {"bytes", 5, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 9007199254740991.0, false, false, "http.response.bytes"},
    {"from", 4, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 2048, 0.0, 0.0, false, false, "seismo.previous_page"},
    {"url", 3, WIRE_STRING, WIRE_SLICE, offsetof(struct event, url), 0, NULL, 1, 2048, 0.0, 0.0, false, true, "url.full"},
    {"method", 6, WIRE_STRING, WIRE_SLICE, offsetof(struct event, method), 2, NULL, 0, 16, 0.0, 0.0, false, false, "http.request.method"},
    {"status", 6, WIRE_INTEGER, WIRE_U16, offsetof(struct event, status), 0, NULL, 0, 0, 0.0, 999.0, false, false, "http.response.status_code"},
    {"initiator", 9, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 16, 0.0, 0.0, false, false, "seismo.initiator"},
    {"outcome", 7, WIRE_STRING, WIRE_SLICE, offsetof(struct event, outcome), 0, NULL, 0, 16, 0.0, 0.0, false, false, "seismo.outcome"},
    {"trace", 5, WIRE_STRING, WIRE_NOWHERE, 0, 4, NULL, 0, 32, 0.0, 0.0, false, false, "trace.id"},
    {"selector", 8, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 512, 0.0, 0.0, false, false, "seismo.click.selector"},
    {"name", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, name), 0, NULL, 0, 128, 0.0, 0.0, false, false, "seismo.click.name"},
    {"role", 4, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 32, 0.0, 0.0, false, false, "seismo.click.role"},
    {"count", 5, WIRE_INTEGER, WIRE_U32, offsetof(struct event, count), 0, NULL, 0, 0, 1.0, 100000.0, false, false, "seismo.click.count"},
    {"flags", 5, WIRE_STRING, WIRE_NOWHERE, 0, 8, NULL, 0, 64, 0.0, 0.0, false, false, "seismo.click.flags"},
    {"count", 5, WIRE_INTEGER, WIRE_U32, offsetof(struct event, count), 0, NULL, 0, 0, 1.0, 100000.0, false, false, "seismo.error.count"},
    {"type", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, type), 0, NULL, 0, 128, 0.0, 0.0, false, false, "error.type"},
    {"message", 7, WIRE_STRING, WIRE_SLICE, offsetof(struct event, message), 0, NULL, 0, 2048, 0.0, 0.0, false, true, "error.message"},
    {"stack", 5, WIRE_STRING, WIRE_SLICE, offsetof(struct event, stack), 0, NULL, 0, 16384, 0.0, 0.0, false, false, "error.stack_trace"},
    {"source", 6, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 32, 0.0, 0.0, false, false, "seismo.error.source"},
    {"file", 4, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 2048, 0.0, 0.0, false, false, "seismo.error.file"},
    {"line", 4, WIRE_INTEGER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 4294967295.0, false, false, "seismo.error.line"},
    {"column", 6, WIRE_INTEGER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 4294967295.0, false, false, "seismo.error.column"},
    {"name", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, name), 0, "LCP INP CLS FCP TTFB", 0, 8, 0.0, 0.0, false, true, "seismo.vital.name"},
    {"value", 5, WIRE_NUMBER, WIRE_DOUBLE, offsetof(struct event, value), 0, NULL, 0, 0, 0.0, 86400000.0, false, true, "seismo.vital.value"},
    {"rating", 6, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 32, 0.0, 0.0, false, false, "seismo.vital.rating"},
    {"metric", 6, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 64, 0.0, 0.0, false, false, "seismo.vital.id"},
    {"target", 6, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 512, 0.0, 0.0, false, false, "seismo.vital.target"},
    {"resource", 8, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 2048, 0.0, 0.0, false, false, "seismo.vital.resource"},
    {"ttfb", 4, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.vital.ttfb_ms"},
    {"load_delay", 10, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.vital.load_delay_ms"},
    {"load_time", 9, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.vital.load_time_ms"},
    {"render_delay", 12, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.vital.render_delay_ms"},
    {"interaction", 11, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 32, 0.0, 0.0, false, false, "seismo.vital.interaction"},
    {"input_delay", 11, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.vital.input_delay_ms"},
    {"processing", 10, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.vital.processing_ms"},
    {"presentation", 12, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.vital.presentation_ms"},
    {"script", 6, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 2048, 0.0, 0.0, false, false, "seismo.vital.script"},
    {"invoker", 7, WIRE_STRING, WIRE_NOWHERE, 0, 0, NULL, 0, 128, 0.0, 0.0, false, false, "seismo.vital.invoker"},
    {"shift", 5, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.vital.shift"},
    {"name", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, name), 0, NULL, 1, 64, 0.0, 0.0, false, true, "seismo.event.name"},
    {"value", 5, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, -9007199254740991.0, 9007199254740991.0, false, false, "seismo.event.value"},
    {"props", 5, WIRE_VALUES, WIRE_NOWHERE, 0, 0, NULL, 1, 64, 32.0, 1024.0, false, false, "seismo.event.props"},
    {"name", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, name), 0, NULL, 1, 128, 0.0, 0.0, false, true, "seismo.mark.name"},
    {"value", 5, WIRE_NUMBER, WIRE_NOWHERE, 0, 0, NULL, 0, 0, 0.0, 86400000.0, false, false, "seismo.mark.value_ms"},
    {"name", 4, WIRE_STRING, WIRE_SLICE, offsetof(struct event, name), 0, NULL, 1, 128, 0.0, 0.0, false, true, "seismo.measure.name"},
};

/* The field of a name in a kind: its place in wire_fields, 0 when the kind has no such field. */
static const uint8_t wire_event[EVENT_KINDS][WIRE_NAMES] = {
    {0},
    /* page */ {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    /* route */ {1, 2, 3, 4, 5, 6, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    /* api */ {1, 2, 3, 4, 19, 0, 0, 0, 9, 10, 11, 12, 13, 14, 0, 0, 17, 0, 20, 21, 22, 23, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    /* click */ {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 26, 27, 28, 29, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    /* error */ {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 0, 31, 32, 33, 34, 35, 36, 37, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    /* vital */ {1, 2, 3, 4, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 0},
    /* other */ {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    /* business */ {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 57},
    /* mark */ {1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 58, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 59, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    /* measure */ {1, 2, 3, 4, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
};

/* Bits of the names that a kind must have. */
static const uint64_t wire_required[EVENT_KINDS] = {0, 0x3, 0x3, 0x13, 0x3, 0x20000003, 0x801000003, 0x3, 0x1000003, 0x1000003, 0x1000003};

#endif
