/* Windows to findings: is a series worse than its own usual?
 *
 * A window_sink. Count-aware, with hysteresis, wider when young and saying so (docs/detection.md). Learns from the
 * history that rollup reads back at a start. Owner: the merge thread; everything in it happens there. */
#ifndef SEISMO_DETECT_DETECT_H
#define SEISMO_DETECT_DETECT_H

#include "event/finding.h"

struct detect_options {
    int64_t open_ms;      /* how long it must be bad before it is said: 120000; the demo 20000 */
    int64_t quiet_ms;     /* how long it must be good before it is over: 300000; the demo 60000 */
    int64_t history_ms;   /* the baseline: its own last 30 minutes */
    int64_t young_ms;     /* below that much history limits are wider */
    double ratio;         /* an effect smaller than that is never said: 1.5 = half as slow again */
    int64_t min_events;   /* in the windows under judgement; fewer say nothing */
    int64_t min_sessions; /* one session or address cannot make an alert by itself */
    int max_series;
};

/* At a watermark all series that have new windows are judged; in between nothing is said. */
struct window_sink *detect_new(const struct detect_options *options, struct finding_sink *findings); /* never NULL */
/* Before the first window of its series after a start, or after another instance has decided about it: an alert of
 * before. Its time is not learnt from; while it is firing the series
 * counts as bad until it has been good for quiet_ms. For all recent alerts, newest state each. */
void detect_restore(struct window_sink *sink, const struct alert *alert);
void detect_free(struct window_sink *sink); /* takes NULL */

#endif
