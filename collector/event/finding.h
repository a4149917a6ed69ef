/* The doors behind rollup: windows that are final go to detect, what detect finds goes to alert.
 * All calls come on the one thread that owns the series' partition. */
#ifndef SEISMO_EVENT_FINDING_H
#define SEISMO_EVENT_FINDING_H

#include "event/alert.h"

/* A partition of series that has come to this process. Each owner's epoch is greater than those of the owners before
 * it, so that of two that believe to own it the later one is known. */
struct ownership {
    int32_t partition;
    uint64_t epoch;
};

/* Takes final windows, in order of time within a series. */
struct window_sink {
    /* Borrowed for the call. history: read back at a start, to learn from, not to judge. */
    void (*window)(struct window_sink *sink, const struct rollup *rollup, bool history);
    /* No window that ends at or before this time will come any more. Goes back only after the wall clock
     * was far ahead. */
    void (*watermark)(struct window_sink *sink, int64_t watermark_ms);
};

/* Takes what detect says of a series: opened, worse, over. */
struct finding {
    enum alert_kind kind;
    enum alert_state state;  /* FIRING: begins or goes on; RESOLVED: quiet for long enough */
    struct series_key key;   /* borrowed */
    int64_t since_ms, at_ms; /* when it began; the end of the newest window behind it */
    double observed, expected, sessions, events;
    bool young;
    int32_t history_s;
};
struct finding_sink {
    void (*finding)(struct finding_sink *sink, const struct finding *finding);
};

#endif
