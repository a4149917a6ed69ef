#include "rollup/rollup_int.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/metric.h"

#define MAX_APPLICATIONS 1000 /* as many as can be configured */
#define DRAWS 16
#define TRIES 64 /* a name that is as rare as the rarest takes its place once in so many: each place costs windows */
#define NONE UINT32_MAX

struct series {
    uint64_t id;
    double count;
    uint32_t chain; /* index of the next with the same head, or NONE */
};

struct application_series {
    char *name;
    struct series *series; /* dense, so that one can be drawn at random */
    uint32_t *heads;       /* as many as size */
    uint32_t n, size;
    struct metric *metric;
};

struct series_table {
    size_t max;
    size_t n;
    uint64_t random;
    struct application_series applications[MAX_APPLICATIONS];
};

struct series_table *series_new(size_t max_per_application)
{
    struct series_table *table = calloc(1, sizeof *table);
    if (!table)
        abort();
    table->max = max_per_application ? max_per_application : 1;
    hash_random(&table->random, sizeof table->random);
    table->random |= 1;
    return table;
}

void series_free(struct series_table *table)
{
    for (size_t i = 0; table && i < table->n; i++) {
        free(table->applications[i].name);
        free(table->applications[i].series);
        free(table->applications[i].heads);
    }
    free(table);
}

static struct application_series *find_application(const struct series_table *table, struct slice name)
{
    for (size_t i = 0; i < table->n; i++)
        if (slice_is(name, table->applications[i].name))
            return (struct application_series *)&table->applications[i];
    return NULL;
}

static struct application_series *get_application(struct series_table *table, struct slice name)
{
    struct application_series *found = find_application(table, name);
    if (found || table->n == MAX_APPLICATIONS)
        return found;
    found = &table->applications[table->n++];
    found->name = strndup(name.at ? name.at : "", name.len);
    if (!found->name)
        abort();
    found->metric = metric_get(METRIC_GAUGE, "seismo_series", "application", found->name, "series with open windows");
    return found;
}

static uint32_t *head_of(const struct application_series *application, uint64_t id)
{
    return &application->heads[id & (application->size - 1)];
}

static void link_in(struct application_series *application, uint32_t at)
{
    uint32_t *head = head_of(application, application->series[at].id);
    application->series[at].chain = *head;
    *head = at;
}

static void unlink_from(struct application_series *application, uint32_t at)
{
    uint32_t *link = head_of(application, application->series[at].id);
    while (*link != at)
        link = &application->series[*link].chain;
    *link = application->series[at].chain;
}

static void link_all(struct application_series *application)
{
    for (uint32_t i = 0; i < application->size; i++)
        application->heads[i] = NONE;
    for (uint32_t i = 0; i < application->n; i++)
        link_in(application, i);
}

static void grow(struct application_series *application)
{
    application->size = application->size ? application->size * 2 : 64;
    application->series = realloc(application->series, application->size * sizeof *application->series);
    application->heads = realloc(application->heads, application->size * sizeof *application->heads);
    if (!application->series || !application->heads)
        abort();
    link_all(application);
}

static struct series *find(const struct application_series *application, uint64_t id)
{
    if (!application->n)
        return NULL;
    for (uint32_t at = *head_of(application, id); at != NONE; at = application->series[at].chain)
        if (application->series[at].id == id)
            return &application->series[at];
    return NULL;
}

static uint32_t draw(struct series_table *table, uint32_t n)
{
    table->random ^= table->random << 13;
    table->random ^= table->random >> 7;
    table->random ^= table->random << 17;
    return (uint32_t)((table->random >> 32) * n >> 32);
}

static uint32_t draw_rarest(struct series_table *table, const struct application_series *application)
{
    uint32_t rarest = draw(table, application->n);
    for (int i = 1; i < DRAWS; i++) {
        uint32_t other = draw(table, application->n);
        if (application->series[other].count < application->series[rarest].count)
            rarest = other;
    }
    return rarest;
}

static bool replace_rarest(struct series_table *table, struct application_series *application, uint64_t id,
                           double weight)
{
    uint32_t at = draw_rarest(table, application);
    METRIC_ADD("seismo_series_evicted_total", "series that gave way, or found no place, because there were too many",
               1);
    if (application->series[at].count > weight || (application->series[at].count == weight && draw(table, TRIES) > 0))
        return false;
    unlink_from(application, at);
    application->series[at] = (struct series){.id = id, .count = weight};
    link_in(application, at);
    return true;
}

bool series_admit(struct series_table *table, const struct series_key *key, uint64_t id, double weight)
{
    struct application_series *application = get_application(table, key->application);
    if (!application)
        return false;
    struct series *series = find(application, id);
    if (series) {
        series->count += weight;
        return true;
    }
    if (application->n >= table->max)
        return replace_rarest(table, application, id, weight);
    if (application->n == application->size)
        grow(application);
    application->series[application->n] = (struct series){.id = id, .count = weight};
    link_in(application, application->n++);
    metric_set(application->metric, application->n);
    return true;
}

void series_decay(struct series_table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        struct application_series *application = &table->applications[i];
        uint32_t kept = 0;
        for (uint32_t j = 0; j < application->n; j++) {
            application->series[j].count /= 2;
            if (application->series[j].count >= 0.5)
                application->series[kept++] = application->series[j];
        }
        application->n = kept;
        link_all(application);
        metric_set(application->metric, kept);
    }
}

size_t series_count(const struct series_table *table, struct slice application)
{
    const struct application_series *found = find_application(table, application);
    return found ? found->n : 0;
}
