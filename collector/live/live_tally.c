/* What the overview counts.
 *
 * Reading a day means some 100,000 windows. Those of a time that is over do not change any more, so of a long stretch
 * the settled part (older than SETTLED_MS) is kept, merged, and only the newest windows are read again. What is kept
 * begins at the query's aligned start; once that moves on, it is made anew. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "live/live_int.h"

#define LONG_MS 14400000
#define SETTLED_MS 600000
#define FORGET_MS 180000
#define RECENT_MS 300000

static size_t points_of(const struct live_query *query)
{
    return (size_t)((query->to_ms - query->from_ms) / query->step_ms);
}

static void tally_init(struct live_tally *tally, const struct live_query *query)
{
    size_t n = points_of(query);
    *tally = (struct live_tally){
        .from_ms = query->from_ms, .step_ms = query->step_ms, .recent_ms = query->now_ms - RECENT_MS, .n_points = n};
    double *block = calloc(2 * SERIES_KINDS * SCOPES * (n + 1), sizeof *block);
    if (!block)
        abort();
    for (int kind = 0; kind < SERIES_KINDS; kind++) {
        for (int scope = 0; scope < SCOPES; scope++) {
            size_t place = (size_t)(kind * SCOPES + scope) * 2;
            tally->points[kind][scope] = block + place * n;
            tally->failed_points[kind][scope] = block + (place + 1) * n;
        }
    }
    live_groups_init(&tally->groups);
}

void live_tally_done(struct live_tally *tally)
{
    free(tally->points[0][0]);
    live_groups_done(&tally->groups);
}

enum live_scope live_scope_of(const struct series_key *key)
{
    if (!slice_is(key->name, "*"))
        return SCOPE_ONE;
    return key->detail.len ? SCOPE_DETAIL : SCOPE_ALL;
}

/* ---- adding ---- */

static void count(struct live_tally *tally, const struct rollup *rollup)
{
    enum series_kind kind = rollup->key.kind;
    enum live_scope scope = live_scope_of(&rollup->key);
    size_t at = (size_t)((rollup->start_ms - tally->from_ms) / tally->step_ms);
    if (at >= tally->n_points)
        return;
    tally->points[kind][scope][at] += rollup->count;
    tally->failed_points[kind][scope][at] += rollup->failed;
    tally->sum[kind][scope] += rollup->count;
    tally->failed[kind][scope] += rollup->failed;
}

/* A page's row shows its loads and its route changes: the group of the route changes hangs from that of the loads. */
static void add_route(struct live_tally *tally, const struct rollup *rollup)
{
    struct live_group *route = live_groups_add(&tally->groups, rollup);
    struct rollup load;
    rollup_init(&load);
    load.key = rollup->key;
    load.key.kind = SERIES_PAGE;
    load.start_ms = rollup->start_ms;
    load.width_s = rollup->width_s;
    struct live_group *page = route ? live_groups_add(&tally->groups, &load) : NULL;
    if (page)
        page->twin = route;
    rollup_done(&load);
}

/* An error's row is its code, on whichever page; the pages' windows only count where the service-wide one is absent. */
static void add_error(struct live_tally *tally, const struct rollup *rollup)
{
    struct rollup copy = *rollup;
    if (live_scope_of(&rollup->key) == SCOPE_ONE)
        copy.key.name = SLICE("");
    if (rollup->key.detail.len)
        live_groups_add(&tally->groups, &copy);
}

static void add(void *ctx, const struct rollup *rollup)
{
    struct live_tally *tally = ctx;
    count(tally, rollup);
    hll_merge(&tally->sessions, &rollup->sessions);
    if (rollup->start_ms >= tally->recent_ms)
        hll_merge(&tally->recent, &rollup->sessions);
    if (rollup->key.kind == SERIES_ROUTE)
        add_route(tally, rollup);
    else if (rollup->key.kind == SERIES_ERROR)
        add_error(tally, rollup);
    else if (rollup->key.kind != SERIES_CLICK)
        live_groups_add(&tally->groups, rollup);
}

static void absorb(struct live_tally *tally, const struct live_tally *from)
{
    for (int kind = 0; kind < SERIES_KINDS; kind++) {
        for (int scope = 0; scope < SCOPES; scope++) {
            for (size_t i = 0; i < from->n_points && i < tally->n_points; i++) {
                tally->points[kind][scope][i] += from->points[kind][scope][i];
                tally->failed_points[kind][scope][i] += from->failed_points[kind][scope][i];
            }
            tally->sum[kind][scope] += from->sum[kind][scope];
            tally->failed[kind][scope] += from->failed[kind][scope];
        }
    }
    hll_merge(&tally->sessions, &from->sessions);
    for (size_t i = 0; i < LIVE_GROUP_BUCKETS; i++)
        for (const struct live_group *group = from->groups.buckets[i]; group; group = group->next)
            live_groups_absorb(&tally->groups, group);
    tally->groups.left_out += from->groups.left_out;
}

static enum err read_part(struct live *live, const struct live_query *query, int64_t from_ms, int64_t to_ms,
                          struct live_tally *tally)
{
    static const struct store_rollup_query parts[] = {
        {.kind = SERIES_PAGE},  {.kind = SERIES_ROUTE},
        {.kind = SERIES_API},   {.kind = SERIES_CLICK, .name = {"*", 1}},
        {.kind = SERIES_ERROR}, {.kind = SERIES_VITAL, .name = {"*", 1}},
    };
    struct live_query part = *query;
    part.from_ms = from_ms;
    part.to_ms = to_ms;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && from_ms < to_ms && i < sizeof parts / sizeof *parts; i++)
        err = live_windows_read(live, &part, &parts[i], add, tally);
    return err;
}

/* ---- what is kept ---- */

static uint64_t scope_hash(const struct live_query *query)
{
    const struct slice parts[] = {query->application, query->service, query->environment};
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = (hash ^ (parts[i].len ? hash_keyed(parts[i]) : 0)) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return hash;
}

static void drop(struct live_kept_tally *kept)
{
    if (kept->used)
        live_tally_done(&kept->tally);
    kept->used = false;
}

static bool is_kept_for(const struct live_kept_tally *kept, const struct live_query *query)
{
    return kept->used && kept->scope == scope_hash(query) && kept->tally.from_ms == query->from_ms &&
           kept->tally.step_ms == query->step_ms && kept->tally.n_points == points_of(query);
}

/* Under the mutex: the one for this query, empty if there was none. */
static struct live_kept_tally *kept_for(struct live *live, const struct live_query *query)
{
    struct live_kept_tally *oldest = &live->kept[0];
    for (size_t i = 0; i < LIVE_KEPT_TALLIES; i++) {
        struct live_kept_tally *kept = &live->kept[i];
        if (is_kept_for(kept, query))
            return kept;
        if (!kept->used || (oldest->used && kept->asked_ms < oldest->asked_ms))
            oldest = kept;
    }
    drop(oldest);
    oldest->used = true;
    oldest->scope = scope_hash(query);
    oldest->until_ms = query->from_ms;
    tally_init(&oldest->tally, query);
    return oldest;
}

static enum err read_settled(struct live *live, const struct live_query *query, struct live_tally *tally,
                             int64_t *ret_until_ms)
{
    int64_t settled_ms = query->now_ms - SETTLED_MS;
    settled_ms -= settled_ms % (query->width_s * 1000);
    if (settled_ms > query->to_ms)
        settled_ms = query->to_ms;
    pthread_mutex_lock(&live->kept_mutex);
    struct live_kept_tally *kept = kept_for(live, query);
    enum err err = read_part(live, query, kept->until_ms, settled_ms, &kept->tally);
    if (err == ERR_OK) {
        if (settled_ms > kept->until_ms)
            kept->until_ms = settled_ms;
        kept->asked_ms = clock_mono_ms();
        absorb(tally, &kept->tally);
        *ret_until_ms = kept->until_ms;
    } else {
        drop(kept);
    }
    pthread_mutex_unlock(&live->kept_mutex);
    return err;
}

void live_tally_forget(struct live *live, bool all)
{
    int64_t now_ms = clock_mono_ms();
    if (pthread_mutex_trylock(&live->kept_mutex) != 0)
        return; /* somebody reads just now: next time */
    for (size_t i = 0; i < LIVE_KEPT_TALLIES; i++)
        if (all || now_ms - live->kept[i].asked_ms > FORGET_MS)
            drop(&live->kept[i]);
    pthread_mutex_unlock(&live->kept_mutex);
}

static bool is_settled_apart(const struct live_query *query)
{
    return query->to_ms - query->from_ms > LONG_MS && query->to_ms > query->now_ms - SETTLED_MS;
}

bool live_tally_is_kept(struct live *live, const struct live_query *query)
{
    bool found = query->to_ms - query->from_ms <= LONG_MS;
    if (!is_settled_apart(query) || pthread_mutex_trylock(&live->kept_mutex) != 0)
        return found;
    for (size_t i = 0; !found && i < LIVE_KEPT_TALLIES; i++)
        found = is_kept_for(&live->kept[i], query);
    pthread_mutex_unlock(&live->kept_mutex);
    return found;
}

enum err live_tally_read(struct live *live, const struct live_query *query, struct live_tally *ret_tally)
{
    int64_t from_ms = query->from_ms;
    enum err err = ERR_OK;
    tally_init(ret_tally, query);
    if (is_settled_apart(query))
        err = read_settled(live, query, ret_tally, &from_ms);
    return err == ERR_OK ? read_part(live, query, from_ms, query->to_ms, ret_tally) : err;
}
