/* The bus record: what one accepted beacon becomes on the bus, in a spool and in the embedded store.
 *
 * Layout, version 1 (little-endian; string = LEB128 length and bytes; schemas/record.schema.json gives each field's
 * unit and meaning):
 *
 *   "SR" u8 version=1 u8 flags=0 | u32 head_bytes | i64 received_at_ms | i64 clock_offset_ms | f64 sample_rate
 *   | u32 dropped | strings: application service service_version environment session view beacon user agent_name
 *   agent_version browser browser_version os device country client_address | varint n_events
 *   | n_events x { u16 index, u8 kind, u8 0, u32 flags, u16 status, u32 count, i64 at_ms, f64 value,
 *                  string route, string page_route, string code, string group, string view, string name,
 *                  varint json_bytes }
 *   | string labels, when there are any | the events' bytes, one after the other, in the same order
 *
 * head_bytes counts from the first byte to the first event's bytes. A later minor addition goes behind the labels;
 * readers skip what they do not know by head_bytes. A newer version is ERR_NEWER_VERSION. */
#ifndef SEISMO_EVENT_RECORD_H
#define SEISMO_EVENT_RECORD_H

#include "base/buf.h"
#include "event/batch.h"

#define RECORD_VERSION 1
#define RECORD_MAX_BYTES 4194304

/* One event as the consumers see it. All slices are borrowed from the record's bytes. */
struct fact {
    uint16_t index, status;
    enum event_kind kind;
    uint32_t flags, count;
    int64_t at_ms; /* corrected, ms since the epoch */
    double value;  /* ms, or the vital's value; NAN when absent */
    struct slice route, page_route, code, group, view;
    struct slice name; /* of a vital (LCP, INP, CLS, FCP or TTFB), a business event, a mark, a measure; else len 0 */
    struct slice json; /* `{…}`: validated JSON with no member twice, redacted */
};

struct record {
    int64_t received_at_ms, clock_offset_ms;
    double sample_rate;
    uint32_t dropped;
    struct slice application, service, service_version, environment, session, view, beacon, user, agent_name,
        agent_version, browser, browser_version, os, device, country, client_address;
    struct slice labels; /* `{…}`, redacted; len 0: none */
    size_t n_facts;
    struct fact *facts; /* in the arena given to record_decode */
};

/* Encodes an ENRICHED batch into memory of its arena and sets batch->value. ERR_TOO_LARGE past RECORD_MAX_BYTES. */
enum err record_seal(struct batch *batch);
/* Seals the events over several records of at most max_bytes each, in order: the same head, the events' own indexes, so
 * that documents have the ids that they would have in one; `dropped` stands in the first. An event that no record can
 * hold moves to batch->refused with ERR_EVENT_TOO_LARGE. The records live in the arena. The same batch and max_bytes
 * give the same parts. ERR_EVENT_TOO_LARGE: none is left; ERR_TOO_LARGE: the arena's bound. */
enum err record_split(struct batch *batch, size_t max_bytes, struct slice **ret_parts, size_t *ret_n);
/* At most so many bytes will record_seal need. */
size_t record_most_bytes(const struct batch *batch);
/* Bytes to views; they borrow from bytes, the table of facts lives in the arena. ERR_CORRUPT, ERR_NEWER_VERSION. */
enum err record_decode(struct slice bytes, struct arena *arena, struct record *ret_record);
/* The document id of one event: 32 hex digits of SHA-256 over application and beacon id, '-', the index.
 * ret_id holds RECORD_ID_BYTES. The same beacon sent twice gives the same ids. */
#define RECORD_ID_BYTES 48
void record_document_id(const struct record *record, const struct fact *fact, char ret_id[RECORD_ID_BYTES]);
/* Which part of its beacon a record is: the index of its first event. A beacon may come in several records
 * (record_split); whoever knows records again by the beacon's id takes this with it. */
uint16_t record_part(const struct record *record);
/* The beacon's part of the id alone: 32 hex digits and NUL. */
void record_beacon_id(const struct record *record, char ret_id[RECORD_ID_BYTES]);
/* Makes a beacon's part an event's id, and again for the next event. Gives its length. */
size_t record_event_id(char id[RECORD_ID_BYTES], const struct fact *fact);

#endif
