/* The stored document of one event, as Elastic Common Schema: the same bytes from either store.
 *
 * Flat dotted names ("url.full"), which Elasticsearch expands. Values of known fields are spliced from the event as
 * sent (already valid JSON of the right type and bounds); members unknown to this release are kept in
 * event.original. schemas/document.schema.json lists every field. */
#ifndef SEISMO_EVENT_DOCUMENT_H
#define SEISMO_EVENT_DOCUMENT_H

#include "event/record.h"

#define DOCUMENT_MAX_BYTES 262144

/* Appends one JSON object, no newline. The record is a decoded one. Check buf_failed. Any thread. */
void document_write(const struct record *record, const struct fact *fact, struct buf *buf);
/* The same in two steps, for all documents of a record: what they share, to be copied, and each one. */
void document_head(const struct record *record, struct buf *head);
void document_write_under(const struct record *record, const struct fact *fact, struct slice head, struct buf *buf);

#endif
