/* Seismo's eye on itself: figures that pass a limit for a while become a finding, once a cause, and another when they
 * have been well for a while. Findings go the way of all findings, so to the live page, Slack and the store; each is
 * also logged with its code and shown as seismo_trouble{cause}, where nobody can be told.
 *
 * A room with a thread of its own that blocks nobody. */
#ifndef SEISMO_WATCH_WATCH_H
#define SEISMO_WATCH_WATCH_H

#include "event/finding.h"

struct watch;

/* One alert each; the names are those of alerts and of the metric's label. */
enum watch_cause {
    WATCH_LAG,     /* "lag": records that wait on the bus */
    WATCH_SPOOL,   /* "spool": seconds of age of the oldest record, or share of its room, in the spool */
    WATCH_STORE,   /* "store": seconds in which the store took nothing */
    WATCH_TELLING, /* "telling": seconds since messages to people began to fail; never told over the same channel */
    WATCH_REJECTS, /* "rejects": share of what came in that was refused for what it was */
    WATCH_CLOCK,   /* "clock": share of events with a wrong clock */
    WATCH_CAUSES
};

/* A limit of 0 switches its cause off. */
struct watch_limits {
    int64_t for_ms, quiet_ms; /* past its limit for so long: told; well for so long: over */
    int64_t lag;
    int64_t spool_age_s;
    int64_t spool_bytes;
    double rejects, clock; /* shares, of min_events or more in for_ms */
    int64_t min_events;
};

struct watch_options {
    struct watch_limits limits;
    int interval_ms; /* between looks */
    int64_t spool_max_bytes;
    const char *host;           /* said in alerts; borrowed */
    const char *instance;       /* so that each has alerts of its own; NULL: it has no name */
    bool (*is_away)(void *ctx); /* whether the store takes nothing now; NULL: there is no store here */
    /* False: nobody takes findings yet, it comes again. The watch's thread. NULL: nobody ever does. */
    bool (*tell)(void *ctx, const struct finding *finding);
    void *ctx;
};

struct watch *watch_start(const struct watch_options *options); /* never NULL */
void watch_stop(struct watch *watch);                           /* takes NULL; returns within interval_ms */

#endif
