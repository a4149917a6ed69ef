/* Inside watch: a report's document, apart from the thread that stores it. */
#ifndef SEISMO_WATCH_REPORT_INT_H
#define SEISMO_WATCH_REPORT_INT_H

#include "base/buf.h"
#include "watch/report.h"

/* Counters, of which a report tells what came since the one before. */
enum { REPORT_ACCEPTED, REPORT_STORED, REPORT_REJECTED, REPORT_LATE, REPORT_COUNTERS };
struct counts {
    int64_t values[REPORT_COUNTERS];
};
void counts_read(struct counts *counts);

#define REPORT_ID_BYTES 33
/* One document, and its id: of this instance, at this time. since: as read for the report before. */
void report_write(const struct report_options *options, int64_t now_ms, int64_t interval_ms, const struct counts *since,
                  const struct counts *now, struct buf *json, char ret_id[REPORT_ID_BYTES]);

#endif
