/* A mark on TOPIC_EVENTS, between the records: how far one ingest is.
 *
 * "SM" u8 version=1 u8 flags (1: goodbye) | u64 instance | i64 upto_ms | i64 sent_ms, little-endian. All that the
 * instance accepted before upto_ms, by its clock, lies before the mark in the partition. It takes the way of the
 * records, also through a spool, so that order alone makes it true. sent_ms is the same clock when the mark left for
 * the bus, after any spool: sent_ms - upto_ms is how long the oldest that lies behind it has waited, and the bus's time
 * of arrival less sent_ms is how far that clock is off. Whoever wants records only steps over it, whatever its version.
 */
#ifndef SEISMO_EVENT_MARK_H
#define SEISMO_EVENT_MARK_H

#include "base/buf.h"

#define MARK_BYTES 28

struct mark {
    uint64_t instance; /* the same over restarts where the instance has a name */
    int64_t upto_ms, sent_ms;
    bool is_goodbye; /* nothing comes after it */
};

void mark_write(const struct mark *mark, struct buf *buf); /* adds MARK_BYTES */
bool mark_is(struct slice value);                          /* and not a record */
/* False: damaged, or a newer release's; then it says nothing. */
bool mark_read(struct slice value, struct mark *ret_mark);
/* It leaves the spool now: a copy with a new sent_ms in the buffer. False: nothing that mark_read reads. */
bool mark_send_again(struct slice value, int64_t sent_ms, struct buf *into);

#endif
