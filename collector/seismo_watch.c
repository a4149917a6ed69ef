/* Seismo's eye on itself, and the sign of life that it gives to others. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "seismo.h"

#define WATCH_LOOK_MS 1000

/* Into the alerts, where there are any. */
static bool tell_of_itself(void *ctx, const struct finding *finding)
{
    struct seismo *seismo = ctx;
    if (seismo->roles & ROLE_DETECT && !atomic_load(&seismo->windows_run))
        return false;
    if (!seismo->alerts)
        return true;
    struct finding_sink *sink = alerts_sink(seismo->alerts);
    sink->finding(sink, finding);
    return true;
}

/* An instance that indexes and does not detect has alerts for what it says about itself alone. */
enum err start_own_alerts(struct seismo *seismo, struct err_text *text)
{
    bool has_own = seismo->roles & ROLE_INDEX && !(seismo->roles & ROLE_DETECT);
    return has_own && *config_text(seismo->config, SETTING_SLACK_WEBHOOK) ? start_alerts(seismo, text) : ERR_OK;
}

static const char *host_name(void)
{
    static char host[65];
    if (!*host && (gethostname(host, sizeof host - 1) || !*host))
        snprintf(host, sizeof host, "?");
    return host;
}

void start_watch(struct seismo *seismo)
{
    const struct config *c = seismo->config;
    struct watch_options options = {
        .limits = {.for_ms = config_int(c, SETTING_WATCH_FOR_MS),
                   .quiet_ms = config_int(c, SETTING_WATCH_QUIET_MS),
                   .lag = config_int(c, SETTING_WATCH_LAG),
                   .spool_age_s = config_int(c, SETTING_WATCH_SPOOL_AGE_MS) / 1000,
                   .spool_bytes = (int64_t)(config_real(c, SETTING_WATCH_SPOOL_SHARE) *
                                            (double)config_int(c, SETTING_BUS_MAX_FILE_BYTES)),
                   .rejects = config_real(c, SETTING_WATCH_REJECTS_SHARE),
                   .clock = config_real(c, SETTING_WATCH_CLOCK_SHARE),
                   .min_events = config_int(c, SETTING_WATCH_MIN_EVENTS)},
        .interval_ms = WATCH_LOOK_MS,
        .spool_max_bytes = config_int(c, SETTING_BUS_MAX_FILE_BYTES),
        .host = host_name(),
        .instance = seismo->instance,
        .is_away = seismo->store ? store_takes_nothing : NULL,
        .tell = tell_of_itself,
        .ctx = seismo,
    };
    seismo->watch = watch_start(&options);
}

static void ignore_refusal(void *ctx, const struct store_item *item, int event, const char *reason)
{
    (void)ctx, (void)item, (void)event;
    log_warn("watch", ERR_STORE_WRITE, "a report is refused: %s", reason);
}

/* What fails is not tried again: the next one says how it is then. */
static bool store_report(void *ctx, struct slice id, struct slice json)
{
    const struct seismo *seismo = ctx;
    struct store_item item = {.kind = STORE_HEALTH, .value = json, .id = id};
    return store_write(seismo->store, &item, 1, NULL, NULL, 0, ignore_refusal, NULL) == ERR_OK;
}

void start_report(struct seismo *seismo)
{
    const struct config *c = seismo->config;
    struct report_options options = {
        .every_ms = (int)config_int(c, SETTING_WATCH_REPORT_MS),
        .host = host_name(),
        .instance = seismo->instance,
        .roles = seismo->role_names,
        .version = SEISMO_VERSION,
        .store = store_report,
        .ctx = seismo,
    };
    if (seismo->store && options.every_ms && strcmp(config_text(c, SETTING_STORE_KIND), "elastic") == 0)
        seismo->report = report_start(&options);
}

static bool all_is_well(void *ctx)
{
    const struct seismo *seismo = ctx;
    return !store_takes_nothing(ctx) && (!seismo->bus || bus_is_ready(seismo->bus));
}

void start_heartbeat(struct seismo *seismo)
{
    const struct config *c = seismo->config;
    struct heartbeat_options options = {
        .url = config_text(c, SETTING_WATCH_HEARTBEAT_URL),
        .method = config_text(c, SETTING_WATCH_HEARTBEAT_METHOD),
        .every_ms = (int)config_int(c, SETTING_WATCH_HEARTBEAT_MS),
        .patience_ms = (int)config_int(c, SETTING_WATCH_FOR_MS),
        .detects = seismo->roles & ROLE_DETECT,
        .is_well = all_is_well,
        .ctx = seismo,
    };
    if (*options.url)
        seismo->heartbeat = heartbeat_start(&options);
}
