/* A mark on TOPIC_EVENTS, between the records: how far one ingest is.
 *
 * "SM" u8 version=1 u8 flags (1: goodbye) | u64 instance | i64 upto_ms, little-endian. All that the instance accepted
 * before upto_ms, by its clock, lies before the mark in the partition. It takes the way of the records, also through a
 * spool, so that order alone makes it true. Whoever wants records only steps over it, whatever its version. */
#ifndef SEISMO_EVENT_MARK_H
#define SEISMO_EVENT_MARK_H

#include "base/buf.h"

struct mark {
    uint64_t instance; /* the same over restarts where the instance has a name */
    int64_t upto_ms;
    bool is_goodbye; /* nothing comes after it */
};

void mark_write(const struct mark *mark, struct buf *buf);
bool mark_is(struct slice value); /* and not a record */
/* False: damaged, or a newer release's; then it says nothing. */
bool mark_read(struct slice value, struct mark *ret_mark);

#endif
