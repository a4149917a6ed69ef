/* Windows merged by series. Bounded: past LIVE_MAX_GROUPS series further ones are counted and left out. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "live/live_int.h"

#define GROUP_ARENA_BYTES 16777216

void live_groups_init(struct live_groups *groups)
{
    *groups = (struct live_groups){.arena = arena_new(65536, GROUP_ARENA_BYTES)};
}

void live_groups_done(struct live_groups *groups)
{
    for (size_t i = 0; i < LIVE_GROUP_BUCKETS; i++)
        for (struct live_group *group = groups->buckets[i]; group; group = group->next)
            sketch_done(&group->values);
    arena_free(groups->arena);
}

static uint64_t key_hash(const struct series_key *key)
{
    const struct slice parts[] = {key->application, key->service, key->name, key->detail};
    uint64_t hash = key->kind;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = (hash ^ hash_keyed(parts[i])) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return hash;
}

static bool is_same(const struct series_key *a, const struct series_key *b)
{
    return a->kind == b->kind && slice_equal(a->name, b->name) && slice_equal(a->detail, b->detail) &&
           slice_equal(a->service, b->service) && slice_equal(a->application, b->application);
}

static struct live_group *make(struct live_groups *groups, const struct series_key *key, uint64_t hash)
{
    struct arena *arena = groups->arena;
    struct live_group *group = groups->n < LIVE_MAX_GROUPS ? arena_zero(arena, sizeof *group) : NULL;
    if (!group)
        return NULL;
    group->key = (struct series_key){
        .kind = key->kind,
        .application = arena_copy(arena, key->application),
        .service = arena_copy(arena, key->service),
        .name = arena_copy(arena, key->name),
        .detail = arena_copy(arena, key->detail),
    };
    if (!group->key.application.at || !group->key.service.at || !group->key.name.at || !group->key.detail.at)
        return NULL;
    sketch_init(&group->values);
    group->hash = hash;
    struct live_group **bucket = &groups->buckets[hash % LIVE_GROUP_BUCKETS];
    group->next = *bucket;
    *bucket = group;
    groups->n++;
    return group;
}

static struct live_group *find(const struct live_groups *groups, const struct series_key *key, uint64_t hash)
{
    for (struct live_group *group = groups->buckets[hash % LIVE_GROUP_BUCKETS]; group; group = group->next)
        if (group->hash == hash && is_same(&group->key, key))
            return group;
    return NULL;
}

static struct live_group *place_of(struct live_groups *groups, const struct series_key *key)
{
    uint64_t hash = key_hash(key);
    struct live_group *group = find(groups, key, hash);
    return group ? group : make(groups, key, hash);
}

static void merge(struct live_group *group, uint64_t events, double count, double failed, const struct sketch *values,
                  const struct hll *sessions, int64_t end_ms)
{
    group->events += events;
    group->count += count;
    group->failed += failed;
    sketch_merge(&group->values, values);
    hll_merge(&group->sessions, sessions);
    if (events && end_ms > group->last_ms)
        group->last_ms = end_ms;
}

struct live_group *live_groups_add(struct live_groups *groups, const struct rollup *rollup)
{
    struct live_group *group = place_of(groups, &rollup->key);
    if (group)
        merge(group, rollup->events, rollup->count, rollup->failed, &rollup->values, &rollup->sessions,
              rollup->start_ms + rollup->width_s * 1000);
    else
        groups->left_out++;
    return group;
}

struct live_group *live_groups_absorb(struct live_groups *groups, const struct live_group *from)
{
    struct live_group *group = place_of(groups, &from->key);
    if (!group) {
        groups->left_out++;
        return NULL;
    }
    merge(group, from->events, from->count, from->failed, &from->values, &from->sessions, from->last_ms);
    if (from->twin)
        group->twin = place_of(groups, &from->twin->key);
    return group;
}

struct weighted {
    double weight;
    const struct live_group *group;
};

/* Equal weights in the order of their names, so that a table does not jump. */
static int heavier(const void *left, const void *right)
{
    const struct weighted *a = left, *b = right;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    struct slice x = a->group->key.name, y = b->group->key.name;
    int order = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);
    if (order)
        return order;
    return x.len != y.len ? (x.len < y.len ? -1 : 1) : a->group->hash < b->group->hash ? -1 : 1;
}

size_t live_groups_top(const struct live_groups *groups, size_t limit, double (*weight)(const struct live_group *),
                       void (*each)(void *ctx, const struct live_group *group), void *ctx)
{
    struct weighted *all = malloc((groups->n + 1) * sizeof *all);
    size_t n = 0;
    if (!all)
        abort();
    for (size_t i = 0; i < LIVE_GROUP_BUCKETS; i++) {
        for (const struct live_group *group = groups->buckets[i]; group; group = group->next) {
            double heavy = weight(group);
            if (heavy >= 0)
                all[n++] = (struct weighted){heavy, group};
        }
    }
    qsort(all, n, sizeof *all, heavier);
    for (size_t i = 0; i < n && i < limit; i++)
        each(ctx, all[i].group);
    free(all);
    return n;
}

void live_write_quantiles(struct buf *buf, const struct sketch *values)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"p50", 0.5}, {"p75", 0.75}, {"p95", 0.95}, {"p99", 0.99}};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double value = values->count > 0 ? sketch_quantile(values, quantiles[i].q) : NAN;
        /* Three decimals say more than the sketch knows, and four characters less than a double. */
        buf_json_number(buf, quantiles[i].name, round(value * 1000) / 1000);
    }
}
