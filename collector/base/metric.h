/* Counters and gauges, shown by /metrics in Prometheus' text format.
 *
 * metric_get finds or makes one (a lock; do it once and keep the pointer, which lives as long as the program);
 * the others are atomic and may be called from any thread. At most 4096 metrics; past that the one named
 * seismo_metrics_overflow_total is handed out, so that a flood of labels is bounded and visible. */
#ifndef SEISMO_BASE_METRIC_H
#define SEISMO_BASE_METRIC_H

#include <stdint.h>

#include "base/buf.h"

struct metric;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_COUNTER_MS /* counted in ms, shown in seconds */ };

/* label and value may be NULL. Names and help are literals; value is copied (at most 100 bytes, escaped). */
struct metric *metric_get(enum metric_type type, const char *name, const char *label, const char *value,
                          const char *help);
void metric_add(struct metric *metric, int64_t n);
void metric_set(struct metric *metric, int64_t value);
/* Of all its labels; 0 when there is none of that name. */
int64_t metric_sum(const char *name);
/* Each of that name that has a label, by its value. Under the lock of all metrics: `each` takes none. */
void metric_each(const char *name, void (*each)(void *ctx, const char *label_value, int64_t value), void *ctx);
int64_t metric_value(const struct metric *metric);
void metrics_write(struct buf *buf);

/* The shorthand for the common case: a counter without labels, looked up once per place. */
#define METRIC_ADD(metric_name, metric_help, n) \
    do { \
        static struct metric *_Atomic here; \
        struct metric *found = here; \
        if (!found) \
            here = found = metric_get(METRIC_COUNTER, metric_name, NULL, NULL, metric_help); \
        metric_add(found, n); \
    } while (0)

#endif
