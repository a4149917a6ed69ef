/* The parts of the stream, one function each: options out of the settings, doors to the others. */
#include <stdio.h>
#include <string.h>

#include "assets.h"
#include "base/log.h"
#include "commands.h"
#include "enrich/enrich.h"
#include "reload.h"
#include "seismo.h"
#include "validate/validate.h"

#define RESTORED_ALERTS 1000

enum err open_bus(struct seismo *seismo, struct err_text *text)
{
    struct bus_options options;
    enum err err = options_of_bus(seismo->config, &options, text);
    if (err)
        return err;
    options.instance = seismo->instance = instance_of(seismo->config);
    return bus_open(&seismo->bus, &options, text);
}

enum err open_store(struct seismo *seismo, struct err_text *text)
{
    struct store_options options;
    enum err err = options_of_store(seismo->config, &options, text);
    return err ? err : store_open(&seismo->store, &options, text);
}

/* Where people reach the live page, for links in messages. */
static const char *inner_url(const struct seismo *seismo)
{
    static char url[320];
    const char *configured = config_text(seismo->config, SETTING_LISTEN_INNER_URL);
    if (*configured)
        return configured;
    snprintf(url, sizeof url, "http://%s", config_text(seismo->config, SETTING_LISTEN_INNER));
    return url;
}

enum err start_alerts(struct seismo *seismo, struct err_text *text)
{
    const struct config *c = seismo->config;
    struct alerts_options options = {
        .store = seismo->store,
        .bus = seismo->bus,
        .slack_webhook = config_text(c, SETTING_SLACK_WEBHOOK),
        .live_url = inner_url(seismo),
        .max_firing = (int)config_int(c, SETTING_ALERT_MAX_FIRING),
        .n_partitions = seismo->roles & ROLE_DETECT ? bus_partitions(seismo->bus, TOPIC_ROLLUPS) : 0,
        .changed = alerts_have_changed,
        .ctx = seismo,
    };
    return alerts_open(&seismo->alerts, &options, text);
}

struct restoring {
    struct seismo *seismo;
    const struct ownership *taken;
    size_t n;
};

static bool restore_alert(void *ctx, const struct alert *alert)
{
    struct restoring *restoring = ctx;
    struct seismo *seismo = restoring->seismo;
    if (alert->kind == ALERT_SELF)
        return true;
    int32_t partition = series_partition(&alert->key, bus_partitions(seismo->bus, TOPIC_ROLLUPS));
    for (size_t i = 0; i < restoring->n; i++)
        if (restoring->taken[i].partition == partition)
            detect_restore(seismo->detect, alert);
    return true;
}

/* Series have come to this instance: it says so in the book of alerts, and what fired or was resolved lately is known
 * before their first window comes. */
static bool series_are_ours(void *ctx, const struct ownership *taken, size_t n)
{
    struct seismo *seismo = ctx;
    struct restoring restoring = {seismo, taken, n};
    if (!alerts_own(seismo->alerts, taken, n, 1000))
        return false;
    enum err err = store_read_alerts(seismo->store, SLICE_NONE, false, RESTORED_ALERTS, restore_alert, &restoring);
    if (err)
        log_warn("main", err, "the alerts of before cannot be read now: one that ended meanwhile stays open");
    return true;
}

void start_detect(struct seismo *seismo)
{
    const struct config *c = seismo->config;
    struct detect_options options = {
        .open_ms = config_int(c, SETTING_DETECT_OPEN_MS),
        .quiet_ms = config_int(c, SETTING_DETECT_QUIET_MS),
        .history_ms = config_int(c, SETTING_DETECT_HISTORY_MS),
        .young_ms = config_int(c, SETTING_DETECT_YOUNG_MS),
        .ratio = config_real(c, SETTING_DETECT_RATIO),
        .min_events = config_int(c, SETTING_DETECT_MIN_EVENTS),
        .min_sessions = config_int(c, SETTING_DETECT_MIN_SESSIONS),
        .max_series = (int)config_int(c, SETTING_ROLLUP_MAX_SERIES),
    };
    seismo->detect = detect_new(&options, alerts_sink(seismo->alerts));
}

enum err start_rollup(struct seismo *seismo, struct err_text *text)
{
    const struct config *c = seismo->config;
    struct rollup_options options = {
        .stages = !(seismo->roles & ROLE_DETECT)   ? ROLLUP_PARTIAL
                  : !(seismo->roles & ROLE_ROLLUP) ? ROLLUP_MERGE
                                                   : ROLLUP_BOTH,
        .bus = seismo->bus,
        .store = seismo->store,
        .windows = seismo->detect,
        .taken = seismo->detect ? series_are_ours : NULL,
        .halted = windows_halt,
        .ctx = seismo,
        .history_ms = config_int(c, SETTING_DETECT_HISTORY_MS),
        .flush_ms = (int)config_int(c, SETTING_ROLLUP_FLUSH_MS),
        .close_wait_ms = (int)config_int(c, SETTING_ROLLUP_CLOSE_WAIT_MS),
        .idle_ms = (int)config_int(c, SETTING_ROLLUP_IDLE_MS),
        .dedupe_ms = (int)config_int(c, SETTING_ROLLUP_DEDUPE_MS),
        .max_series = (int)config_int(c, SETTING_ROLLUP_MAX_SERIES),
    };
    return rollup_start(&seismo->rollup, &options, text);
}

enum err start_index(struct seismo *seismo, struct err_text *text)
{
    struct index_options options = {
        .bus = seismo->bus,
        .store = seismo->store,
        .batch_records = (int)config_int(seismo->config, SETTING_INDEX_BATCH_RECORDS),
        .stored = documents_were_stored,
        .paused = indexing_pauses,
        .halted = indexing_halts,
        .ctx = seismo,
    };
    return index_start(&seismo->index, &options, text);
}

enum err start_ingest(struct seismo *seismo, struct err_text *text)
{
    const struct config *c = seismo->config;
    const struct enrich_options enrich = {config_int(c, SETTING_INGEST_LATE_MS),
                                          config_int(c, SETTING_INGEST_FUTURE_MS)};
    seismo->to_enrich = enrich_sink_new(&enrich, bus_sink(seismo->bus));
    seismo->to_validate = validate_sink_new(seismo->to_enrich);
    struct ingest_options options = {
        .address = config_text(c, SETTING_LISTEN_PUBLIC),
        .prefix = config_text(c, SETTING_LISTEN_PREFIX),
        .loops = (int)config_int(c, SETTING_LISTEN_LOOPS),
        .max_connections = (int)config_int(c, SETTING_LISTEN_MAX_CONNECTIONS),
        .max_body = (size_t)config_int(c, SETTING_INGEST_MAX_BODY),
        .max_inflated = (size_t)config_int(c, SETTING_INGEST_MAX_INFLATED),
        .request_timeout_ms = (int)config_int(c, SETTING_INGEST_REQUEST_TIMEOUT_MS),
        .proxy_protocol = strcmp(config_text(c, SETTING_LISTEN_PROXY_PROTOCOL), "required") == 0,
        .sink = seismo->to_validate,
        .agent = asset_agent(),
        .agent_gzip = asset_agent_gzip(),
        .ready = beacons_are_welcome,
        .ready_ctx = seismo,
        .diagnosis = seismo->diagnosis = diagnosis_new(),
    };
    enum err err = rules_of(c, &options.rules, text);
    if (!err)
        err = ingest_start(&seismo->ingest, &options, text);
    if (err)
        reload_say_where(c, err, text);
    return err;
}
