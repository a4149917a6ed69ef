#include "watch/report_int.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/metric.h"

#define MAX_REPORT 65536

struct report {
    struct report_options options;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_stopping; /* under the mutex */
};

/* ---- the document; pure but for the figures ---- */

static const struct {
    const char *field, *metric;
} counters[REPORT_COUNTERS] = {
    [REPORT_ACCEPTED] = {"seismo.health.accepted", "seismo_events_accepted_total"},
    [REPORT_STORED] = {"seismo.health.stored", "seismo_events_stored_total"},
    [REPORT_REJECTED] = {"seismo.health.rejected", "seismo_rejects_total"},
    [REPORT_LATE] = {"seismo.health.late", "seismo_rollup_late_total"},
};

void counts_read(struct counts *counts)
{
    for (int i = 0; i < REPORT_COUNTERS; i++)
        counts->values[i] = metric_sum(counters[i].metric);
}

static void add_lag(void *ctx, const char *group, int64_t value)
{
    char name[160];
    snprintf(name, sizeof name, "seismo.health.lag.%s", group);
    buf_json_int(ctx, name, value);
}

static void add_roles(struct buf *json, const char *roles)
{
    buf_json_name(json, "service.node.roles");
    buf_char(json, '[');
    for (const char *at = roles; *at;) {
        size_t n = strcspn(at, ",");
        if (at != roles)
            buf_char(json, ',');
        buf_json_string(json, (struct slice){at, n});
        at += n + (at[n] == ',');
    }
    buf_char(json, ']');
}

static void add_figures(struct buf *json)
{
    metric_each("seismo_bus_lag", add_lag, json);
    buf_json_int(json, "seismo.health.spool.bytes", metric_sum("seismo_spool_bytes"));
    buf_json_int(json, "seismo.health.spool.records", metric_sum("seismo_spool_records"));
    buf_json_int(json, "seismo.health.spool.age_s", metric_sum("seismo_spool_age_seconds"));
    buf_json_int(json, "seismo.health.series", metric_sum("seismo_series"));
}

void report_write(const struct report_options *options, int64_t now_ms, int64_t interval_ms, const struct counts *since,
                  const struct counts *now, struct buf *json, char ret_id[REPORT_ID_BYTES])
{
    char time[CLOCK_TEXT_BYTES], whole[512];
    clock_text(now_ms, time);
    buf_char(json, '{');
    buf_json_field(json, "@timestamp", slice_of(time));
    buf_json_field(json, "event.kind", SLICE("metric"));
    buf_json_field(json, "event.module", SLICE("seismo"));
    buf_json_field(json, "event.dataset", SLICE("seismo.health"));
    buf_json_field(json, "service.name", SLICE("seismo"));
    buf_json_field(json, "service.version", slice_of(options->version));
    if (options->instance)
        buf_json_field(json, "service.node.name", slice_of(options->instance));
    add_roles(json, options->roles);
    buf_json_field(json, "host.name", slice_of(options->host));
    buf_json_int(json, "seismo.health.interval_ms", interval_ms);
    for (int i = 0; i < REPORT_COUNTERS; i++)
        buf_json_int(json, counters[i].field, now->values[i] - since->values[i]);
    add_figures(json);
    buf_char(json, '}');
    snprintf(whole, sizeof whole, "%s %s %ld %lld", options->host, options->instance ? options->instance : "",
             (long)getpid(), (long long)now_ms);
    hash_hex(slice_of(whole), ret_id, REPORT_ID_BYTES - 1);
}

/* ---- the thread ---- */

/* False: it is to stop. */
static bool rest(struct report *report, int64_t at_ms)
{
    struct timespec until = {at_ms / 1000, at_ms % 1000 * 1000000L};
    pthread_mutex_lock(&report->mutex);
    while (!report->is_stopping && clock_mono_ms() < at_ms)
        pthread_cond_timedwait(&report->wake, &report->mutex, &until);
    bool goes_on = !report->is_stopping;
    pthread_mutex_unlock(&report->mutex);
    return goes_on;
}

static bool store(const struct report_options *options, int64_t interval_ms, const struct counts *since,
                  const struct counts *now)
{
    struct buf json;
    char id[REPORT_ID_BYTES];
    buf_init(&json, MAX_REPORT);
    report_write(options, clock_wall_ms(), interval_ms, since, now, &json, id);
    bool is_stored = !buf_failed(&json) && options->store(options->ctx, slice_of(id), buf_slice(&json));
    buf_done(&json);
    return is_stored;
}

static void *run(void *ctx)
{
    struct report *report = ctx;
    const struct report_options *options = &report->options;
    struct counts since, now;
    int64_t since_ms = clock_mono_ms();
    counts_read(&since);
    for (int64_t now_ms = since_ms; rest(report, now_ms + options->every_ms);) {
        now_ms = clock_mono_ms();
        counts_read(&now);
        if (store(options, now_ms - since_ms, &since, &now)) {
            since = now;
            since_ms = now_ms;
        }
    }
    return NULL;
}

struct report *report_start(const struct report_options *options)
{
    struct report *report = calloc(1, sizeof *report);
    pthread_condattr_t steady;
    if (!report)
        abort();
    report->options = *options;
    pthread_mutex_init(&report->mutex, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&report->wake, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&report->thread, NULL, run, report))
        abort();
    return report;
}

void report_stop(struct report *report)
{
    if (!report)
        return;
    pthread_mutex_lock(&report->mutex);
    report->is_stopping = true;
    pthread_cond_signal(&report->wake);
    pthread_mutex_unlock(&report->mutex);
    pthread_join(report->thread, NULL);
    pthread_mutex_destroy(&report->mutex);
    pthread_cond_destroy(&report->wake);
    free(report);
}
