#include "rollup/rollup_int.h"

#include <stdlib.h>

#include "base/metric.h"

#define GAP_MS 2000 /* a longer silence of all is the bus's, not one instance's */

void instances_done(struct instances *instances)
{
    free(instances->list);
    *instances = (struct instances){0};
}

static void drop(struct instances *instances, size_t at)
{
    instances->list[at] = instances->list[--instances->n];
}

void instances_pass(struct instances *instances, int64_t published_ms, int64_t wait_ms)
{
    int64_t gap_ms = published_ms - instances->published_ms;
    if (gap_ms <= 0)
        return;
    instances->published_ms = published_ms;
    for (size_t i = instances->n; i-- > 0;) {
        struct instance *instance = &instances->list[i];
        instance->quiet_ms += gap_ms < GAP_MS ? gap_ms : GAP_MS;
        if (instance->quiet_ms < wait_ms)
            continue;
        METRIC_ADD("seismo_rollup_vanished_total", "ingests that fell silent and are not waited for any more", 1);
        drop(instances, i);
    }
}

void instances_mark(struct instances *instances, const struct mark *mark)
{
    size_t at = 0;
    while (at < instances->n && instances->list[at].id != mark->instance)
        at++;
    if (mark->is_goodbye) {
        if (at < instances->n)
            drop(instances, at);
        return;
    }
    if (at == INSTANCES_MAX)
        return;
    if (at == instances->n) {
        instances->list = realloc(instances->list, (at + 1) * sizeof *instances->list);
        if (!instances->list)
            abort();
        instances->n++;
    }
    instances->list[at] = (struct instance){.id = mark->instance, .upto_ms = mark->upto_ms};
}

int64_t instances_reached(const struct instances *instances)
{
    int64_t least_ms = INT64_MAX;
    for (size_t i = 0; i < instances->n; i++)
        if (instances->list[i].upto_ms < least_ms)
            least_ms = instances->list[i].upto_ms;
    return instances->n ? least_ms : NO_TIME;
}
