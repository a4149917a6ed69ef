/* A dead man's switch: an address is asked for again and again, but only while this instance really does its work, so
 * that a monitor elsewhere notices its silence: that of a machine, a process, a detection that stands still.
 *
 * A thread of its own. Nothing waits for the monitor, and its address, which is a secret, is in no log. */
#ifndef SEISMO_WATCH_HEARTBEAT_H
#define SEISMO_WATCH_HEARTBEAT_H

#include <stdbool.h>

struct heartbeat;

struct heartbeat_options {
    const char *url, *method; /* GET or POST; borrowed */
    int every_ms;             /* between beats, give or take a tenth */
    int patience_ms;          /* silent when it was not well, or nothing was judged, for longer */
    bool detects;             /* whether this instance judges windows */
    bool (*is_well)(void *ctx);
    void *ctx;
};

struct heartbeat *heartbeat_start(const struct heartbeat_options *options); /* never NULL */
void heartbeat_stop(struct heartbeat *heartbeat);                           /* takes NULL; within about a second */

#endif
