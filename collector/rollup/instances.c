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

static void note_skew(struct instance *instance, int64_t skew_ms)
{
    if (instance->n_marks == SKEW_MARKS) {
        instance->skew_before_ms = instance->skew_ms;
        instance->skew_ms = skew_ms;
        instance->n_marks = 0;
    }
    if (skew_ms < instance->skew_ms)
        instance->skew_ms = skew_ms;
    instance->n_marks++;
}

void instances_mark(struct instances *instances, const struct mark *mark, int64_t published_ms)
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
        instances->list[instances->n++] =
            (struct instance){.id = mark->instance, .skew_ms = INT64_MAX, .skew_before_ms = INT64_MAX};
    }
    struct instance *instance = &instances->list[at];
    instance->upto_ms = mark->upto_ms;
    instance->quiet_ms = 0;
    note_skew(instance, published_ms - mark->sent_ms);
}

/* ---- whose clock is right ---- */

static int64_t skew_of(const struct instance *instance)
{
    return instance->skew_ms < instance->skew_before_ms ? instance->skew_ms : instance->skew_before_ms;
}

static int ascending(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The median of all clocks, the bus's is 0 among them; of the two in the middle the one that the bus is nearer to. */
static int64_t right_skew(const struct instances *instances)
{
    int64_t skews[INSTANCES_MAX + 1] = {0};
    for (size_t i = 0; i < instances->n; i++)
        skews[i + 1] = skew_of(&instances->list[i]);
    qsort(skews, instances->n + 1, sizeof *skews, ascending);
    int64_t low = skews[instances->n / 2], high = skews[(instances->n + 1) / 2];
    return low + high < 0 ? high : low;
}

/* By the right clock. */
static int64_t reached(const struct instance *instance, int64_t right_ms)
{
    int64_t off_ms = skew_of(instance) - right_ms;
    return instance->upto_ms + (off_ms > SKEW_MS || off_ms < -SKEW_MS ? off_ms : 0);
}

int64_t instances_reached(const struct instances *instances)
{
    int64_t least_ms = INT64_MAX;
    if (instances->n == 1)
        return instances->list[0].upto_ms;
    int64_t right_ms = instances->n ? right_skew(instances) : 0;
    for (size_t i = 0; i < instances->n; i++)
        if (reached(&instances->list[i], right_ms) < least_ms)
            least_ms = reached(&instances->list[i], right_ms);
    return instances->n ? least_ms : NO_TIME;
}
