/* Seismo: wiring only. `run` reads like the picture in README.md; every part of it is a room with a header. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "alert/alerts.h"
#include "assets.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "bus/bus.h"
#include "commands.h"
#include "commands_gen.h"
#include "config/config.h"
#include "detect/detect.h"
#include "ending.h"
#include "enrich/enrich.h"
#include "index/index.h"
#include "ingest/diagnosis.h"
#include "ingest/ingest.h"
#include "live/live.h"
#include "reload.h"
#include "rollup/rollup.h"
#include "sourcemap/sourcemap.h"
#include "store/store.h"
#include "validate/validate.h"
#include "watch/heartbeat.h"
#include "watch/watch.h"

extern char **environ;

static const char *config_file; /* NULL: none was named */

#define PAST_DEADLINE_MS 1500 /* and then it ends, whatever hangs */
#define RESTORED_ALERTS 1000
#define WAITER_LOOK_NS 50000000
#define WATCH_LOOK_MS 1000

enum role { ROLE_INGEST = 1, ROLE_INDEX = 2, ROLE_ROLLUP = 4, ROLE_DETECT = 8, ROLE_SOURCES = 16, ROLE_LIVE = 32 };

/* What a role opens. The bus without the store, and the store without the bus, is all that some machines can reach. */
#define NEED_BUS (ROLE_INGEST | ROLE_INDEX | ROLE_ROLLUP | ROLE_DETECT)
#define NEED_PARTITIONS (ROLE_ROLLUP | ROLE_DETECT) /* whose tables are as large as the topics have partitions */
#define NEED_STORE (ROLE_INDEX | ROLE_DETECT | ROLE_LIVE)

/* Everything that runs, in the order in which data meets it. */
struct seismo {
    const struct config *config;
    unsigned roles;
    const char *instance; /* NULL: it has no name */
    struct bus *bus;
    struct store *store;
    struct sink *to_enrich, *to_validate;
    struct diagnosis *diagnosis; /* of the ingest, read by live */
    struct ingest *ingest;
    struct bus_marks *marks;
    struct index *index;
    atomic_bool index_is_paused;
    struct rollup_stage *rollup;
    struct window_sink *detect;
    struct alerts *alerts;
    struct watch *watch;
    struct heartbeat *heartbeat; /* NULL: nobody waits for it */
    pthread_t waiter;            /* starts rollup and detect once Kafka says how many partitions there are */
    bool waiter_runs;
    atomic_bool waiter_stops, windows_run; /* windows_run: rollup, detect and alerts are there */
    _Atomic enum err late_err;             /* of the waiter; late_text is written before */
    struct err_text late_text;
    pthread_mutex_t live_lock; /* live starts last and stops before those that tell it what has changed */
    struct live *live;
    struct sourcemaps *sourcemaps; /* NULL without role live */
    const struct application *applications;
    size_t n_applications;
};

/* ---- doors between rooms that do not know each other ---- */

static bool beacons_are_welcome(void *ctx)
{
    return bus_is_ready(((struct seismo *)ctx)->bus);
}

static bool windows_wait(struct seismo *seismo)
{
    return seismo->roles & NEED_PARTITIONS && !atomic_load(&seismo->windows_run);
}

static bool all_is_ready(void *ctx)
{
    struct seismo *seismo = ctx;
    return (!seismo->bus || bus_is_ready(seismo->bus)) && (!seismo->store || store_is_ready(seismo->store)) &&
           !atomic_load(&seismo->index_is_paused) && !windows_wait(seismo);
}

static const char store_is_away[] = "the store has not answered for ten seconds, or refuses the credentials (SE-3104)";
static const char windows_are_away[] = "it waits for kafka to say how many partitions there are (SE-3001)";
static const char index_pauses[] = "indexing pauses, since most of the last documents were refused (SE-3105)";

static const char *why_not_ready(void *ctx)
{
    struct seismo *seismo = ctx;
    if (seismo->bus && !bus_is_ready(seismo->bus))
        return "the bus takes no records";
    if (windows_wait(seismo))
        return windows_are_away;
    if (seismo->store && !store_is_ready(seismo->store))
        return store_is_away;
    return atomic_load(&seismo->index_is_paused) ? index_pauses : "not ready yet";
}

static void add_part(struct buf *buf, const char *name, bool is_ready, const char *reason)
{
    if (buf->at[buf->len - 1] != '{')
        buf_char(buf, ',');
    buf_char(buf, '"');
    buf_text(buf, name);
    buf_text(buf, is_ready ? "\":{\"ready\":true" : "\":{\"ready\":false");
    if (reason)
        buf_json_field(buf, "reason", slice_of(reason));
    buf_char(buf, '}');
}

/* For /readyz: what people ask first when something is missing. */
static void add_parts(void *ctx, struct buf *buf)
{
    struct seismo *seismo = ctx;
    buf_char(buf, '{');
    if (seismo->bus)
        add_part(buf, "bus", bus_is_ready(seismo->bus), bus_trouble(seismo->bus));
    if (seismo->store) {
        bool is_ready = store_is_ready(seismo->store);
        add_part(buf, "store", is_ready, is_ready ? NULL : store_is_away);
    }
    if (seismo->roles & ROLE_INDEX) {
        bool is_paused = atomic_load(&seismo->index_is_paused);
        add_part(buf, "index", !is_paused, is_paused ? index_pauses : NULL);
    }
    if (seismo->roles & ROLE_ROLLUP)
        add_part(buf, "rollup", !windows_wait(seismo), windows_wait(seismo) ? windows_are_away : NULL);
    if (seismo->roles & ROLE_DETECT)
        add_part(buf, "detect", !windows_wait(seismo), windows_wait(seismo) ? windows_are_away : NULL);
    buf_char(buf, '}');
}

static void tell_live(struct seismo *seismo)
{
    pthread_mutex_lock(&seismo->live_lock);
    if (seismo->live)
        live_changed(seismo->live);
    pthread_mutex_unlock(&seismo->live_lock);
}

static void set_live(struct seismo *seismo, struct live *live)
{
    pthread_mutex_lock(&seismo->live_lock);
    seismo->live = live;
    pthread_mutex_unlock(&seismo->live_lock);
}

static void documents_were_stored(void *ctx, unsigned long documents)
{
    if (documents)
        tell_live(ctx);
}

static void indexing_pauses(void *ctx, bool paused)
{
    atomic_store(&((struct seismo *)ctx)->index_is_paused, paused);
}

static void alerts_have_changed(void *ctx)
{
    tell_live(ctx);
}

static void open_windows(void *ctx, int32_t width_s, void (*each)(void *, const struct rollup *), void *each_ctx)
{
    struct seismo *seismo = ctx;
    if (atomic_load(&seismo->windows_run))
        rollup_open_windows(seismo->rollup, width_s, each, each_ctx);
}

/* ---- the parts, one function each ---- */

static enum err open_bus(struct seismo *seismo, struct err_text *text)
{
    struct bus_options options;
    enum err err = options_of_bus(seismo->config, &options, text);
    if (err)
        return err;
    options.instance = seismo->instance = instance_of(seismo->config);
    return bus_open(&seismo->bus, &options, text);
}

static enum err open_store(struct seismo *seismo, struct err_text *text)
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

static enum err start_alerts(struct seismo *seismo, struct err_text *text)
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

/* ---- its eye on itself ---- */

static bool store_takes_nothing(void *ctx)
{
    const struct seismo *seismo = ctx;
    return (seismo->store && !store_is_ready(seismo->store)) || atomic_load(&seismo->index_is_paused);
}

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
static enum err start_own_alerts(struct seismo *seismo, struct err_text *text)
{
    bool has_own = seismo->roles & ROLE_INDEX && !(seismo->roles & ROLE_DETECT);
    return has_own && *config_text(seismo->config, SETTING_SLACK_WEBHOOK) ? start_alerts(seismo, text) : ERR_OK;
}

static void start_watch(struct seismo *seismo)
{
    static char host[65];
    const struct config *c = seismo->config;
    if (gethostname(host, sizeof host - 1) || !*host)
        snprintf(host, sizeof host, "?");
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
        .host = host,
        .instance = seismo->instance,
        .is_away = seismo->store ? store_takes_nothing : NULL,
        .tell = tell_of_itself,
        .ctx = seismo,
    };
    seismo->watch = watch_start(&options);
}

static bool all_is_well(void *ctx)
{
    const struct seismo *seismo = ctx;
    return !store_takes_nothing(ctx) && (!seismo->bus || bus_is_ready(seismo->bus));
}

static void start_heartbeat(struct seismo *seismo)
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

static void start_detect(struct seismo *seismo)
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

static enum err start_rollup(struct seismo *seismo, struct err_text *text)
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

static enum err start_index(struct seismo *seismo, struct err_text *text)
{
    struct index_options options = {
        .bus = seismo->bus,
        .store = seismo->store,
        .batch_records = (int)config_int(seismo->config, SETTING_INDEX_BATCH_RECORDS),
        .stored = documents_were_stored,
        .paused = indexing_pauses,
        .ctx = seismo,
    };
    return index_start(&seismo->index, &options, text);
}

static enum err start_ingest(struct seismo *seismo, struct err_text *text)
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

static const char *scheme(const struct seismo *seismo)
{
    return *config_text(seismo->config, SETTING_LISTEN_TLS_CERTIFICATE) ? "https" : "http";
}

/* Where browsers reach the public listener, for the tag that is shown: as configured, else this machine. */
static const char *public_url(const struct seismo *seismo)
{
    static char url[64];
    const char *configured = config_text(seismo->config, SETTING_LISTEN_PUBLIC_URL);
    if (*configured || !seismo->ingest)
        return configured;
    snprintf(url, sizeof url, "%s://127.0.0.1:%d", scheme(seismo), ingest_port(seismo->ingest));
    return url;
}

/* The host of listen.inner_url is one of the inner listener's names. */
static const char *const *inner_names(const struct seismo *seismo)
{
    static char host[256];
    static const char *names[] = {host, NULL};
    const char *url = config_text(seismo->config, SETTING_LISTEN_INNER_URL), *begin = strstr(url, "://");
    begin = begin ? begin + 3 : url;
    snprintf(host, sizeof host, "%.*s", (int)strcspn(begin, "/"), begin);
    return *host ? names : NULL;
}

static void diagnose(void *ctx, const char *url, const char *key, struct buf *buf)
{
    diagnosis_write(ctx, url, key, clock_mono_ms(), clock_wall_ms(), buf);
}

/* For the tag that is shown. */
static const char *first_service(const struct seismo *seismo)
{
    const struct application *first = &seismo->applications[0];
    return first->services[0] ? first->services[0] : first->name;
}

static void alerts_were_remarked(void *ctx)
{
    struct seismo *seismo = ctx;
    if (atomic_load(&seismo->windows_run) && seismo->alerts)
        alerts_look(seismo->alerts);
}

static bool resolve_stack(void *ctx, struct slice release, struct slice stack, int64_t *left_ms, struct buf *buf)
{
    struct sourcemap_budget budget = {*left_ms};
    bool is_resolved = sourcemaps_resolve(ctx, release, stack, &budget, buf);
    *left_ms = budget.left_ms;
    return is_resolved;
}

static enum err keep_map(void *ctx, struct slice release, struct slice name, struct slice body, bool is_gzip,
                         char *ret_path, size_t size, struct err_text *text)
{
    return sourcemaps_take(ctx, release, name, body, is_gzip, ret_path, size, text);
}

/* NULL: none are taken. */
static struct sourcemaps_door *open_door(const struct config *c, bool has_page)
{
    static struct sourcemaps_door door;
    folder_of_sourcemaps(c, door.folder, sizeof door.folder);
    door.retention_days = (int)config_int(c, SETTING_SOURCEMAPS_RETENTION_DAYS);
    door.max_bytes = (uint64_t)config_int(c, SETTING_SOURCEMAPS_MAX_BYTES);
    return has_page && config_int(c, SETTING_SOURCEMAPS_UPLOAD_BYTES) > 0 ? &door : NULL;
}

static struct sourcemaps *open_sourcemaps(const struct seismo *seismo)
{
    char folder[1100];
    folder_of_sourcemaps(seismo->config, folder, sizeof folder);
    return seismo->roles & ROLE_LIVE ? sourcemaps_new(folder) : NULL;
}

/* The inner listener: every instance has its figures and its health there, the one with role live also the page. */
static enum err start_live(struct seismo *seismo, struct err_text *text)
{
    const bool has_page = seismo->roles & ROLE_LIVE;
    static struct live_asset assets[4];
    assets[0] = (struct live_asset){"/", "text/html; charset=utf-8", asset_page_html()};
    assets[1] = (struct live_asset){"/live.js", "text/javascript; charset=utf-8", asset_page_js()};
    assets[2] = (struct live_asset){"/live.css", "text/css; charset=utf-8", asset_page_css()};
    assets[3] = (struct live_asset){"/api/openapi.json", "application/json", asset_live_api()};
    const struct config *c = seismo->config;
    seismo->sourcemaps = open_sourcemaps(seismo);
    struct sourcemaps_door *door = open_door(c, has_page);
    struct live_options options = {
        .address = config_text(c, SETTING_LISTEN_INNER),
        .access_token = config_text(c, SETTING_INNER_TOKEN),
        .user_header = config_text(c, SETTING_INNER_TRUSTED_USER_HEADER),
        .proxies = config_list(c, SETTING_INNER_TRUSTED_PROXIES),
        .session_ms = config_int(c, SETTING_INNER_SESSION_MS),
        .is_https = strncmp(config_text(c, SETTING_LISTEN_INNER_URL), "https://", 8) == 0,
        .store = has_page ? seismo->store : NULL,
        .assets = assets,
        .n_assets = has_page ? sizeof assets / sizeof *assets : 0,
        .open_windows = seismo->roles & ROLE_DETECT ? open_windows : NULL,
        .open_ctx = seismo,
        .series_max = (int)config_int(c, SETTING_ROLLUP_MAX_SERIES),
        .bus = config_text(c, SETTING_BUS_KIND),
        .kind = config_text(c, SETTING_STORE_KIND),
        .remarked = alerts_were_remarked,
        .remarked_ctx = seismo,
        .ready = all_is_ready,
        .unready = why_not_ready,
        .parts = add_parts,
        .ready_ctx = seismo,
        .host_names = inner_names(seismo),
        .public_url = public_url(seismo),
        .demo_key = seismo->applications[0].keys[0],
        .demo_service = first_service(seismo),
        .resolve_stack = seismo->sourcemaps ? resolve_stack : NULL,
        .resolve_ctx = seismo->sourcemaps,
        .keep_map = door ? keep_map : NULL,
        .keep_ctx = door,
        .upload_bytes = door ? (size_t)config_int(c, SETTING_SOURCEMAPS_UPLOAD_BYTES) : 0,
        .diagnosis = seismo->diagnosis ? diagnose : NULL,
        .diagnosis_ctx = seismo->diagnosis,
    };
    struct live *live = NULL;
    enum err err = live_start(&live, &options, text);
    set_live(seismo, live);
    return err;
}

/* ---- all of it ---- */

/* Rollup, and detect with the alerts behind it: when it is known how many partitions there are. */
static enum err start_windows(struct seismo *seismo, struct err_text *text)
{
    enum err err = ERR_OK;
    if (seismo->roles & ROLE_DETECT) {
        err = start_alerts(seismo, text);
        if (!err)
            start_detect(seismo);
    }
    if (!err)
        err = start_rollup(seismo, text);
    if (!err)
        atomic_store(&seismo->windows_run, true);
    return err;
}

/* Kafka was never seen from this folder and is away. The bus asks for it, with pauses that grow. */
static void *wait_for_partitions(void *arg)
{
    struct seismo *seismo = arg;
    while (!bus_is_known(seismo->bus) && !atomic_load(&seismo->waiter_stops))
        nanosleep(&(struct timespec){0, WAITER_LOOK_NS}, NULL);
    if (atomic_load(&seismo->waiter_stops))
        return NULL;
    enum err err = start_windows(seismo, &seismo->late_text);
    if (err) {
        atomic_store(&seismo->late_err, err);
        kill(getpid(), SIGTERM); /* which says why, as a start that fails does */
    } else {
        log_info("main", "kafka is there: rollup and detect have begun");
    }
    return NULL;
}

static enum err start_windows_in_time(struct seismo *seismo, struct err_text *text)
{
    if (bus_is_known(seismo->bus))
        return start_windows(seismo, text);
    log_warn("main", ERR_BUS_OPEN, "rollup and detect begin when kafka says how many partitions there are");
    if (pthread_create(&seismo->waiter, NULL, wait_for_partitions, seismo))
        return err_set(text, ERR_NO_MEMORY, "no thread");
    seismo->waiter_runs = true;
    return ERR_OK;
}

static void stop_waiter(struct seismo *seismo)
{
    atomic_store(&seismo->waiter_stops, true);
    if (seismo->waiter_runs)
        pthread_join(seismo->waiter, NULL);
}

static enum err start(struct seismo *seismo, struct err_text *text)
{
    enum err err = applications_of(seismo->config, seismo->roles & ROLE_INGEST, &seismo->applications,
                                   &seismo->n_applications, text);
    if (!err && seismo->roles & NEED_BUS)
        err = open_bus(seismo, text);
    if (!err && seismo->roles & NEED_STORE)
        err = open_store(seismo, text);
    if (!err && seismo->roles & NEED_PARTITIONS)
        err = start_windows_in_time(seismo, text);
    if (!err && seismo->roles & ROLE_INDEX)
        err = start_index(seismo, text);
    if (!err && seismo->roles & ROLE_INGEST)
        err = start_ingest(seismo, text);
    if (!err && seismo->roles & ROLE_INGEST)
        seismo->marks = bus_marks_start(seismo->bus, seismo->instance);
    if (!err)
        err = start_own_alerts(seismo, text);
    if (!err)
        start_watch(seismo), start_heartbeat(seismo);
    return err ? err : start_live(seismo, text);
}

static int left_ms(int64_t until_ms, int least)
{
    int64_t left = until_ms - clock_mono_ms();
    return left > least ? (int)left : least;
}

/* Against the stream: first nothing new comes in, then each part finishes what it has. One deadline for all, as neither
 * a cluster nor a store that hangs must hold us up: what is left is on the bus. False: see bus_close. */
static bool stop(struct seismo *seismo, int code)
{
    int grace_ms = (int)config_int(seismo->config, SETTING_DRAIN_GRACE_MS);
    int deadline_ms = (int)config_int(seismo->config, SETTING_DRAIN_DEADLINE_MS);
    int64_t until_ms = clock_mono_ms() + grace_ms + deadline_ms;
    ending_begin(grace_ms + deadline_ms + PAST_DEADLINE_MS, code);
    notify_stopping(grace_ms + deadline_ms + 2 * PAST_DEADLINE_MS);
    ingest_stop(seismo->ingest, grace_ms, deadline_ms);
    bus_marks_stop(seismo->marks);
    validate_sink_free(seismo->to_validate);
    enrich_sink_free(seismo->to_enrich);
    int roles_ms = left_ms(until_ms, 1000) / 2; /* the rest is for goodbyes, and for what only then gives up */
    bus_hurry(seismo->bus, roles_ms);
    if (seismo->store)
        store_give_up(seismo->store, roles_ms);
    stop_waiter(seismo);
    heartbeat_stop(seismo->heartbeat);
    watch_stop(seismo->watch); /* it tells the alerts */
    index_halt(seismo->index); /* all at once, then one by one */
    rollup_halt(seismo->rollup);
    index_stop(seismo->index);
    struct live *live = seismo->live;
    set_live(seismo, NULL);
    live_stop(live, 1000); /* it reads what rollup holds */
    sourcemaps_free(seismo->sourcemaps);
    diagnosis_free(seismo->diagnosis);
    rollup_stop(seismo->rollup);
    detect_free(seismo->detect);
    alerts_close(seismo->alerts, left_ms(until_ms, 500) < 2000 ? 500 : 2000);
    store_close(seismo->store);
    return bus_close(seismo->bus, left_ms(until_ms, 1000));
}

static void say_addresses(const struct seismo *seismo)
{
    if (seismo->ingest) {
        if (!isatty(STDOUT_FILENO)) /* a person is shown one address: the page's; the tag has the other */
            printf("listening public %s://127.0.0.1:%d/\n", scheme(seismo), ingest_port(seismo->ingest));
        printf("tag <script async crossorigin src=\"%s/seismo.js\" data-key=\"%s\" data-service=\"%s\"></script>\n",
               public_url(seismo), seismo->applications[0].keys[0], first_service(seismo));
    }
    access_say(seismo->config, live_needs_link(seismo->live) ? seismo->store : NULL,
               seismo->roles & ROLE_LIVE ? "live page" : "listening inner", live_port(seismo->live),
               live_is_loopback(seismo->live));
    printf("ready\n");
    fflush(stdout);
    notify("READY=1");
}

static void wait_for_the_end(const struct seismo *seismo)
{
    sigset_t set;
    int signal_number = SIGHUP;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    while (sigwait(&set, &signal_number) == EINTR || signal_number == SIGHUP)
        if (signal_number == SIGHUP)
            reload(seismo->config, config_file, seismo->ingest);
    log_info("main", "signal %d: draining", signal_number);
}

/* Signals go to wait_for_the_end alone: blocked before the first thread is made. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static enum err parse_roles(const char *list, unsigned *ret_roles, struct err_text *text)
{
    static const char *const names[] = {"ingest", "index", "rollup", "detect", "sources", "live"};
    unsigned roles = 0;
    while (*list) {
        size_t n = strcspn(list, ","), i = 0;
        while (i < 6 && (strlen(names[i]) != n || strncmp(names[i], list, n) != 0))
            i++;
        if (strncmp(list, "all", n) == 0 && n == 3)
            roles |= 63;
        else if (i == 6)
            return err_set(text, ERR_USAGE,
                           "no role is called '%.*s'; there are ingest, index, rollup, detect, sources, live and all",
                           (int)n, list);
        else
            roles |= 1u << i;
        list += n + (list[n] == ',');
    }
    if (!roles)
        return err_set(text, ERR_USAGE, "no role is named");
    *ret_roles = roles;
    return ERR_OK;
}

static int command_run(const struct config *config, int argc, char **argv)
{
    struct err_text text = {""};
    struct seismo seismo = {.config = config, .live_lock = PTHREAD_MUTEX_INITIALIZER};
    const char *roles = config_text(config, SETTING_ROLES);
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--roles") == 0 && i + 1 < argc) {
            roles = argv[++i];
        } else {
            fprintf(stderr, "seismo run: unknown argument '%s'; usage: seismo run [--config FILE] [--roles LIST]\n",
                    argv[i]);
            return EXIT_USAGE;
        }
    }
    enum err err = parse_roles(roles, &seismo.roles, &text);
    if (err) {
        fprintf(stderr, "seismo run: %s: %s\n", err_code(err), text.at);
        return EXIT_USAGE;
    }
    block_signals();
    err = start(&seismo, &text);
    if (!err) {
        say_addresses(&seismo);
        wait_for_the_end(&seismo);
    }
    if (!err && (err = atomic_load(&seismo.late_err)))
        text = seismo.late_text;
    int code = err == ERR_CONFIG ? EXIT_CONFIG : err ? EXIT_FAILED : EXIT_OK;
    bool is_clean = stop(&seismo, code);
    if (err)
        complain("run", err, &text);
    if (!is_clean) {
        fflush(stdout);
        _exit(code);
    }
    return code;
}

static int version(void)
{
    printf("seismo %s\n", SEISMO_VERSION);
    return EXIT_OK;
}

static const struct command {
    const char *name;
    int (*run)(const struct config *config, int argc, char **argv);
    const char *sentence;
} commands[] = {
#define ROW(name, function, sentence) {name, function, sentence},
    COMMANDS(ROW)
#undef ROW
};

static int usage(FILE *to)
{
    fputs("usage: seismo COMMAND [--config FILE] [ARGUMENTS]\n\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-13s %s\n", commands[i].name, commands[i].sentence);
    fputs(
        "  version       print the version and stop\n\nSettings: docs/reference/config.md; each one also as "
        "SEISMO_NAME.\n",
        to);
    return to == stdout ? EXIT_OK : EXIT_USAGE;
}

/* Takes `--config FILE` out of the arguments. */
static bool take_config_file(int *argc, char **argv, const char **ret_file)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--config") != 0) {
            argv[kept++] = argv[i];
        } else if (i + 1 == *argc) {
            fputs("seismo: --config needs a file\n", stderr);
            return false;
        } else {
            *ret_file = argv[++i];
        }
    }
    *argc = kept;
    return true;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct config *config;
    struct err_text text = {""};
    if (!take_config_file(&argc, argv, &config_file))
        return EXIT_USAGE;
    if (config_load(&config, config_file, (const char *const *)environ, &text)) {
        fprintf(stderr, "seismo: %s: %s\n", err_code(ERR_CONFIG), text.at);
        return EXIT_CONFIG;
    }
    reload_log_level(config);
    int code = command->run(config, argc, argv);
    config_free(config);
    return code;
}

int main(int argc, char **argv)
{
    mallopt(M_ARENA_MAX, 2); /* threads take little from the heap at the same time; each arena keeps what it once had */
    ending_explain_abort();
    if (argc < 2)
        return usage(stderr);
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0)
        return version();
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return usage(stdout);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(&commands[i], argc - 2, argv + 2);
    fprintf(stderr, "seismo: no command is called '%s'\n", argv[1]);
    return usage(stderr);
}
