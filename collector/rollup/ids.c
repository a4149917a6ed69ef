#include "rollup/rollup_int.h"

#include <stdlib.h>

#include "base/metric.h"

void ids_init(struct ids *ids, int64_t keep_ms, size_t max)
{
    *ids = (struct ids){.keep_ms = keep_ms, .max = max};
    ids->now.since_ms = ids->before.since_ms = NO_TIME;
}

void ids_done(struct ids *ids)
{
    free(ids->now.ids);
    free(ids->before.ids);
    ids_init(ids, ids->keep_ms, ids->max);
}

/* Ids are keyed hashes already: their low bits are as good as any. */
static uint64_t *place_of(const struct id_set *set, uint64_t id)
{
    size_t at = (size_t)id & (set->size - 1);
    while (set->ids[at] && set->ids[at] != id)
        at = (at + 1) & (set->size - 1);
    return &set->ids[at];
}

static void grow(struct id_set *set)
{
    struct id_set bigger = {.size = set->size ? set->size * 2 : 256, .n = set->n, .since_ms = set->since_ms};
    bigger.ids = calloc(bigger.size, sizeof *bigger.ids);
    if (!bigger.ids)
        abort();
    for (size_t i = 0; i < set->size; i++)
        if (set->ids[i])
            *place_of(&bigger, set->ids[i]) = set->ids[i];
    free(set->ids);
    *set = bigger;
}

static void turn(struct ids *ids, int64_t at_ms)
{
    if (at_ms - ids->now.since_ms < ids->keep_ms)
        METRIC_ADD("seismo_rollup_ids_forgotten_total", "beacon ids forgotten early because there were too many",
                   (int64_t)ids->before.n);
    free(ids->before.ids);
    ids->before = ids->now;
    ids->now = (struct id_set){.since_ms = NO_TIME};
}

bool ids_add(struct ids *ids, uint64_t id, int64_t at_ms)
{
    if (id == 0)
        id = 1;
    if (ids->now.n && (at_ms - ids->now.since_ms >= ids->keep_ms || ids->now.n >= ids->max))
        turn(ids, at_ms);
    if ((ids->before.n && *place_of(&ids->before, id)) || (ids->now.n && *place_of(&ids->now, id)))
        return false;
    if ((ids->now.n + 1) * 4 > ids->now.size * 3)
        grow(&ids->now);
    if (ids->now.since_ms == NO_TIME)
        ids->now.since_ms = at_ms;
    *place_of(&ids->now, id) = id;
    ids->now.n++;
    return true;
}
