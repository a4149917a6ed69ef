#include "base/metric.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_METRICS 4096
#define VALUE_BYTES 100

struct metric {
    enum metric_type type;
    const char *name, *label, *help;
    char value[VALUE_BYTES + 1];
    size_t shown; /* bytes of value */
    _Atomic int64_t count;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct metric *metrics[MAX_METRICS];
static size_t n_metrics;
static struct metric overflow = {
    METRIC_COUNTER, "seismo_metrics_overflow_total", NULL, "metrics that found no place", "", 0, 0};

static bool matches(const struct metric *m, const char *name, const char *label, const char *value)
{
    return strcmp(m->name, name) == 0 &&
           (!label || (m->label && strcmp(m->label, label) == 0 && strncmp(m->value, value, VALUE_BYTES) == 0));
}

static struct metric *make(enum metric_type type, const char *name, const char *label, const char *value,
                           const char *help)
{
    struct metric *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->type = type;
    m->name = name;
    m->label = label;
    m->help = help;
    if (value)
        strncpy(m->value, value, VALUE_BYTES);
    m->shown = strlen(m->value);
    if (value && strlen(value) > m->shown) /* no character is shown by half */
        while (m->shown && ((unsigned char)value[m->shown] & 0xc0) == 0x80)
            m->shown--;
    return m;
}

struct metric *metric_get(enum metric_type type, const char *name, const char *label, const char *value,
                          const char *help)
{
    struct metric *found = NULL;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < n_metrics && !found; i++)
        if (matches(metrics[i], name, label, value))
            found = metrics[i];
    if (!found && n_metrics < MAX_METRICS)
        found = metrics[n_metrics++] = make(type, name, label, value, help);
    pthread_mutex_unlock(&mutex);
    return found ? found : &overflow;
}

void metric_add(struct metric *metric, int64_t n)
{
    atomic_fetch_add_explicit(&metric->count, n, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    atomic_store_explicit(&metric->count, value, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric)
{
    return atomic_load_explicit(&metric->count, memory_order_relaxed);
}

int64_t metric_sum(const char *name)
{
    int64_t sum = 0;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < n_metrics; i++)
        if (strcmp(metrics[i]->name, name) == 0)
            sum += metric_value(metrics[i]);
    pthread_mutex_unlock(&mutex);
    return sum;
}

void metric_each(const char *name, void (*each)(void *ctx, const char *label_value, int64_t value), void *ctx)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < n_metrics; i++)
        if (metrics[i]->label && strcmp(metrics[i]->name, name) == 0)
            each(ctx, metrics[i]->value, metric_value(metrics[i]));
    pthread_mutex_unlock(&mutex);
}

/* The text format has three escapes, where JSON has more: one that it does not know costs the whole scrape. */
static void write_label_value(struct buf *buf, const char *value, size_t left)
{
    for (const unsigned char *p = (const unsigned char *)value; left;) {
        size_t n = utf8_length(p, left), step = n ? n : 1;
        if (!n)
            buf_text(buf, "\xef\xbf\xbd");
        else if (*p == '\n')
            buf_text(buf, "\\n");
        else
            buf_printf(buf, "%s%.*s", *p == '"' || *p == '\\' ? "\\" : "", (int)n, (const char *)p);
        p += step;
        left -= step;
    }
}

static void write_value(struct buf *buf, const struct metric *m)
{
    buf_text(buf, m->name);
    if (m->label) {
        buf_printf(buf, "{%s=\"", m->label);
        write_label_value(buf, m->value, m->shown);
        buf_text(buf, "\"}");
    }
    buf_char(buf, ' ');
    int64_t value = metric_value(m);
    if (m->type == METRIC_COUNTER_MS)
        buf_printf(buf, "%lld.%03lld", (long long)value / 1000, (long long)value % 1000);
    else
        buf_int(buf, value);
    buf_char(buf, '\n');
}

static void write_family(struct buf *buf, size_t first)
{
    const char *name = metrics[first]->name;
    buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", name, metrics[first]->help, name,
               metrics[first]->type == METRIC_GAUGE ? "gauge" : "counter");
    for (size_t i = first; i < n_metrics; i++)
        if (strcmp(metrics[i]->name, name) == 0)
            write_value(buf, metrics[i]);
}

void metrics_write(struct buf *buf)
{
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < n_metrics; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = strcmp(metrics[j]->name, metrics[i]->name) == 0;
        if (!seen)
            write_family(buf, i);
    }
    if (metric_value(&overflow))
        write_value(buf, &overflow);
    pthread_mutex_unlock(&mutex);
}
