/* What an instance says of itself into the store, for Kibana: how far behind it is, what waits in its spool, what it
 * took in and refused; one document each interval. The figures are those of /metrics.
 *
 * A thread of its own that blocks nobody; a report that cannot be stored is dropped, and the next one tells what it
 * would have told, so that sums over reports are whole. */
#ifndef SEISMO_WATCH_REPORT_H
#define SEISMO_WATCH_REPORT_H

#include <stdbool.h>

#include "base/slice.h"

struct report;

struct report_options {
    int every_ms;
    const char *host, *instance; /* instance NULL: it has no name; borrowed, as all of these */
    const char *roles;           /* separated by commas */
    const char *version;
    /* Stores one document, JSON of one line; the same id is the same document. False: it is not stored. May block; the
     * report's thread. */
    bool (*store)(void *ctx, struct slice id, struct slice json);
    void *ctx;
};

struct report *report_start(const struct report_options *options); /* never NULL */
void report_stop(struct report *report); /* takes NULL; waits for a `store` that is under way */

#endif
