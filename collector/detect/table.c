#include "detect/detect_int.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/metric.h"

#define DRAWS 16
#define FIRST_SLOTS 64

void table_init(struct table *table, size_t max)
{
    *table = (struct table){.max = max ? max : 1};
    hash_random(&table->random, sizeof table->random);
    table->random |= 1;
}

static void series_free(struct series *series)
{
    history_done(&series->history);
    free(series);
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->n; i++)
        series_free(table->list[i]);
    free(table->slots);
    free(table->list);
}

static uint64_t hash_of(const struct series_key *key)
{
    const struct slice parts[] = {key->application, key->service, key->environment, key->name, key->detail};
    uint64_t hash = (uint64_t)key->kind;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = (hash ^ hash_keyed(parts[i])) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static bool is_same(const struct series_key *a, const struct series_key *b)
{
    return a->kind == b->kind && slice_equal(a->name, b->name) && slice_equal(a->service, b->service) &&
           slice_equal(a->detail, b->detail) && slice_equal(a->environment, b->environment) &&
           slice_equal(a->application, b->application);
}

static struct series *find(const struct table *table, const struct series_key *key, uint64_t hash)
{
    struct series *series = table->n_slots ? table->slots[hash & (table->n_slots - 1)] : NULL;
    while (series && !(series->hash == hash && is_same(&series->key, key)))
        series = series->chain;
    return series;
}

struct series *table_find(const struct table *table, const struct series_key *key)
{
    return find(table, key, hash_of(key));
}

static void link_in(struct table *table, struct series *series)
{
    struct series **slot = &table->slots[series->hash & (table->n_slots - 1)];
    series->chain = *slot;
    *slot = series;
}

static void grow(struct table *table)
{
    size_t n_slots = table->n_slots ? table->n_slots * 2 : FIRST_SLOTS;
    free(table->slots);
    table->slots = calloc(n_slots, sizeof *table->slots);
    table->list = realloc(table->list, n_slots * sizeof *table->list);
    if (!table->slots || !table->list)
        abort();
    table->n_slots = n_slots;
    for (size_t i = 0; i < table->n; i++)
        link_in(table, table->list[i]);
}

static struct slice keep_text(char **at, struct slice text)
{
    struct slice kept = {*at, text.len};
    if (text.len)
        memcpy(*at, text.at, text.len);
    *at += text.len;
    return kept;
}

static struct series *make(const struct series_key *key, uint64_t hash)
{
    struct series *series = calloc(1, sizeof *series + key->application.len + key->service.len + key->environment.len +
                                          key->name.len + key->detail.len);
    if (!series)
        abort();
    char *at = series->text;
    series->hash = hash;
    series->key = (struct series_key){.kind = key->kind,
                                      .application = keep_text(&at, key->application),
                                      .service = keep_text(&at, key->service),
                                      .environment = keep_text(&at, key->environment),
                                      .name = keep_text(&at, key->name),
                                      .detail = keep_text(&at, key->detail)};
    series->seen_ms = series->judged_ms = NEVER;
    for (int i = 0; i < MACHINES; i++)
        series->machines[i] = (struct machine){.spread = 1,
                                               .last_bad_ms = NEVER,
                                               .suspect_since_ms = NEVER,
                                               .strong_since_ms = NEVER,
                                               .assessment = {.at_ms = NEVER}};
    return series;
}

static bool is_firing(const struct series *series)
{
    return series->machines[LATENCY].firing || series->machines[ERRORS].firing;
}

static size_t draw(struct table *table)
{
    table->random ^= table->random << 13;
    table->random ^= table->random >> 7;
    table->random ^= table->random << 17;
    return (size_t)((table->random >> 32) * table->n >> 32);
}

static bool evict(struct table *table)
{
    size_t oldest = draw(table);
    for (int i = 1; i < DRAWS; i++) {
        size_t other = draw(table);
        if (is_firing(table->list[oldest]) ||
            (!is_firing(table->list[other]) && table->list[other]->seen_ms < table->list[oldest]->seen_ms))
            oldest = other;
    }
    METRIC_ADD("seismo_detect_evicted_total", "series that were not watched because there were too many", 1);
    struct series *series = table->list[oldest];
    if (is_firing(series) || series->is_dirty)
        return false;
    struct series **at = &table->slots[series->hash & (table->n_slots - 1)];
    while (*at != series)
        at = &(*at)->chain;
    *at = series->chain;
    table->list[oldest] = table->list[--table->n];
    series_free(series);
    return true;
}

struct series *table_get(struct table *table, const struct series_key *key, int64_t keep_ms, int64_t span_ms)
{
    uint64_t hash = hash_of(key);
    struct series *series = find(table, key, hash);
    if (series || (table->n >= table->max && !evict(table)))
        return series;
    if (table->n >= table->n_slots)
        grow(table);
    series = make(key, hash);
    history_init(&series->history, keep_ms, span_ms);
    table->list[table->n++] = series;
    link_in(table, series);
    return series;
}
