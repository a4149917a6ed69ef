/* /api/status: Seismo itself, what may be chosen on the page, and what an empty page shows.
 *
 * The figures are those of /metrics, read from the same text, so that no figure has two sources. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/metric.h"
#include "live/live_int.h"

#define MAX_SCOPES 200
#define SCOPES_MS 10800000

/* "name{label="value"} 12" or "name 12" */
static bool read_metric(struct slice line, const char *name, struct slice *ret_value_of_label, int64_t *ret_value)
{
    size_t n = strlen(name);
    if (!slice_starts(line, name) || line.len == n || (line.at[n] != ' ' && line.at[n] != '{'))
        return false;
    const char *space = memrchr(line.at, ' ', line.len), *open = memchr(line.at, '"', line.len);
    const char *close = memrchr(line.at, '"', line.len);
    *ret_value_of_label = open && close > open ? (struct slice){open + 1, (size_t)(close - open) - 1} : SLICE_NONE;
    *ret_value = strtoll(space, NULL, 10); /* the text is ours and ends with a newline */
    return true;
}

static struct slice next_line(struct slice *text)
{
    const char *end = memchr(text->at, '\n', text->len);
    struct slice line = {text->at, end ? (size_t)(end - text->at) : text->len};
    size_t n = line.len + (end != NULL);
    *text = (struct slice){text->at + n, text->len - n};
    return line;
}

static int64_t sum_of(struct slice text, const char *name)
{
    int64_t sum = 0, value;
    struct slice label;
    while (text.len)
        if (read_metric(next_line(&text), name, &label, &value))
            sum += value;
    return sum;
}

static void write_labelled(struct buf *buf, const char *as, struct slice text, const char *name)
{
    int64_t value;
    struct slice label;
    bool first = true;
    buf_json_name(buf, as);
    buf_char(buf, '{');
    while (text.len) {
        if (!read_metric(next_line(&text), name, &label, &value) || !label.len)
            continue;
        if (!first)
            buf_char(buf, ',');
        first = false;
        buf_char(buf, '"');
        buf_add_slice(buf, label); /* already escaped as JSON is */
        buf_text(buf, "\":");
        buf_int(buf, value);
    }
    buf_char(buf, '}');
}

static void write_counts(struct buf *buf)
{
    static const struct {
        const char *as, *name;
    } counts[] = {
        {"beacons_accepted", "seismo_beacons_accepted_total"},
        {"accepted", "seismo_events_accepted_total"},
        {"stored", "seismo_events_stored_total"},
        {"rejected", "seismo_rejects_total"},
        {"spool_bytes", "seismo_spool_bytes"},
        {"series", "seismo_series"},
        {"series_evicted", "seismo_series_evicted_total"},
        {"spool_seconds", "seismo_spool_age_seconds"},
        {"spool_records", "seismo_spool_records"},
        {"connections", "seismo_connections"},
        {"late", "seismo_rollup_late_total"},
        {"lost", "seismo_bus_lost_total"},
    };
    struct buf text;
    buf_init(&text, LIVE_MAX_ANSWER);
    metrics_write(&text);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        buf_json_int(buf, counts[i].as, sum_of(buf_slice(&text), counts[i].name));
    write_labelled(buf, "lag", buf_slice(&text), "seismo_bus_lag");
    write_labelled(buf, "rejects", buf_slice(&text), "seismo_rejects_total");
    buf_done(&text);
}

int64_t live_memory_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* ---- what may be chosen ---- */

struct scopes {
    struct buf *buf;
    uint64_t seen[MAX_SCOPES];
    size_t n;
};

static uint64_t scope_hash(const struct series_key *key)
{
    struct buf text;
    buf_init(&text, 65536);
    buf_string(&text, key->application);
    buf_string(&text, key->service);
    buf_string(&text, key->environment);
    uint64_t hash = hash_keyed(buf_slice(&text));
    buf_done(&text);
    return hash;
}

static void add_scope(void *ctx, const struct rollup *rollup)
{
    struct scopes *scopes = ctx;
    struct buf *buf = scopes->buf;
    uint64_t hash = scope_hash(&rollup->key);
    for (size_t i = 0; i < scopes->n; i++)
        if (scopes->seen[i] == hash)
            return;
    if (scopes->n == MAX_SCOPES)
        return;
    scopes->seen[scopes->n++] = hash;
    buf_text(buf, buf->at[buf->len - 1] == '[' ? "{" : ",{");
    buf_json_field(buf, "application", rollup->key.application);
    buf_json_field(buf, "service", rollup->key.service);
    buf_json_field(buf, "environment", rollup->key.environment);
    buf_char(buf, '}');
}

/* Who sent something of late, by the service-wide series. */
static enum err write_scopes(struct live *live, const struct live_query *query, struct buf *buf)
{
    struct scopes scopes = {.buf = buf};
    struct live_query lately = {.width_s = 60, .from_ms = query->now_ms - SCOPES_MS, .to_ms = query->now_ms + 60000};
    struct store_rollup_query narrow = {.name = SLICE("*")};
    buf_json_name(buf, "scopes");
    buf_char(buf, '[');
    enum err err = live_windows_read(live, &lately, &narrow, add_scope, &scopes);
    buf_char(buf, ']');
    return err;
}

enum err live_answer_status(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    const struct live_options *options = &live->options;
    bool ready = store_is_ready(options->store) && (!options->ready || options->ready(options->ready_ctx));
    buf_char(buf, '{');
    buf_json_field(buf, "version", SLICE(SEISMO_VERSION));
    buf_json_name(buf, "ready");
    buf_text(buf, ready ? "true" : "false");
    buf_json_name(buf, "open_windows");
    buf_text(buf, options->open_windows ? "true" : "false");
    buf_json_int(buf, "now", query->now_ms);
    buf_json_field(buf, "public_url", slice_of(options->public_url));
    buf_json_field(buf, "demo_key", slice_of(options->demo_key));
    buf_json_field(buf, "demo_service", slice_of(options->demo_service));
    write_counts(buf);
    buf_json_int(buf, "memory_bytes", live_memory_bytes());
    buf_json_int(buf, "series_max", options->series_max);
    buf_json_field(buf, "bus", slice_of(options->bus ? options->bus : ""));
    buf_json_field(buf, "store", slice_of(options->kind ? options->kind : ""));
    if (options->parts) {
        buf_json_name(buf, "parts");
        options->parts(options->ready_ctx, buf);
    }
    enum err err = write_scopes(live, query, buf);
    buf_text(buf, "}\n");
    return err == ERR_OK ? err : err_set(text, err, "the windows cannot be read: %s", err_sentence(err));
}
