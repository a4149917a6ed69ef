/* The thread that looks: figures from the counters that /metrics shows, so that no figure has two sources. */
#include "watch/watch_int.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

struct watch {
    struct watch_options options;
    struct judge judge;
    struct metric *troubles[WATCH_CAUSES], *sent, *retried, *refused, *skewed, *future;
    bool is_owed[WATCH_CAUSES]; /* the end of an alert, while nobody takes findings */
    bool was_firing[WATCH_CAUSES];
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_stopping; /* under the mutex */
};

static struct metric *notifications(const char *result)
{
    return metric_get(METRIC_COUNTER, "seismo_notifications_total", "result", result,
                      "messages to people: sent, retry, rejected");
}

static struct metric *clock_errors(const char *trouble)
{
    return metric_get(METRIC_COUNTER, "seismo_clock_errors_total", "trouble", trouble,
                      "events by what is wrong with their time: a skewed device clock (corrected), late, future");
}

/* A counter that begins to exist when it is 1 has not risen, for who looks at /metrics. So those that rules ask for
 * (deploy/prometheus) exist from the start, and so does the limit that the spool's size is seen against. */
static void make_metrics(const struct watch *watch)
{
    static const char *const counters[][2] = {
        {"seismo_bus_lost_total", "records that the bus dropped before they were read"},
        {"seismo_spool_refused_total", "records of the spool that Kafka will never take; they are lost"},
        {"seismo_alerts_suppressed_total", "findings that made no alert because too many were firing"},
        {"seismo_alerts_refused_total", "alerts that the store refused for good"},
        {"seismo_rollup_late_total", "events that came after their window had closed"},
        {"seismo_series_evicted_total", "series that gave way to others"},
        {"seismo_events_accepted_total", "events of beacons answered 202"},
        {"seismo_store_write_failures_total", "those that have to be tried again"},
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        metric_get(METRIC_COUNTER, counters[i][0], NULL, NULL, counters[i][1]);
    metric_set(metric_get(METRIC_GAUGE, "seismo_spool_max_bytes", NULL, NULL,
                          "size of the spool's file, or of the embedded bus, past which beacons are answered with 503"),
               watch->options.spool_max_bytes);
}

static void find_metrics(struct watch *watch)
{
    make_metrics(watch);
    for (int i = 0; i < WATCH_CAUSES; i++)
        watch->troubles[i] = metric_get(METRIC_GAUGE, "seismo_trouble", "cause", watch_cause_names[i],
                                        "1 while Seismo says that something is wrong with itself");
    watch->sent = notifications("sent");
    watch->retried = notifications("retry");
    watch->refused = notifications("rejected");
    watch->skewed = clock_errors("skewed");
    watch->future = clock_errors("future");
}

/* What only says that somebody is too fast, or looks for what is not here: a flood is not to wake anybody. */
static int64_t turned_away(void)
{
    static const enum err reasons[] = {ERR_RATE_ADDRESS, ERR_RATE_KEY, ERR_NOT_FOUND, ERR_BAD_METHOD};
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        sum += metric_value(metric_get(METRIC_COUNTER, "seismo_rejects_total", "reason", err_name(reasons[i]),
                                       "events and requests that were refused, by reason"));
    return sum;
}

static struct figures read_figures(const struct watch *watch)
{
    const struct watch_options *options = &watch->options;
    return (struct figures){
        .now_ms = clock_mono_ms(),
        .lag = metric_sum("seismo_bus_lag"),
        .spool_age_s = metric_sum("seismo_spool_age_seconds"),
        .spool_bytes = metric_sum("seismo_spool_bytes"),
        .is_away = options->is_away && options->is_away(options->ctx),
        .sent = metric_value(watch->sent),
        .failed = metric_value(watch->retried) + metric_value(watch->refused),
        .accepted = metric_sum("seismo_events_accepted_total"),
        .rejected = metric_sum("seismo_rejects_total") - turned_away(),
        .wrong_clock = metric_value(watch->skewed) + metric_value(watch->future),
    };
}

static struct finding finding_of(const struct watch *watch, int cause, enum verdict verdict)
{
    const struct state *state = &watch->judge.states[cause];
    int64_t now_ms = clock_wall_ms();
    return (struct finding){
        .kind = ALERT_SELF,
        .state = verdict == VERDICT_FIRING ? ALERT_FIRING : ALERT_RESOLVED,
        .key = {.kind = SERIES_SELF,
                .service = SLICE("seismo"),
                .environment = slice_of(watch->options.host),
                .name = slice_of(watch_cause_names[cause]),
                .detail = slice_of(watch->options.instance ? watch->options.instance : "")},
        .since_ms = state->bad_ms ? now_ms - (clock_mono_ms() - state->bad_ms) : now_ms,
        .at_ms = now_ms,
        .observed = state->observed,
        .expected = state->expected,
    };
}

static void say(struct watch *watch, int cause, enum verdict verdict)
{
    const struct state *state = &watch->judge.states[cause];
    if (verdict == VERDICT_FIRING && !watch->was_firing[cause])
        log_error("watch", watch_cause_codes[cause], "%s", err_sentence(watch_cause_codes[cause]));
    else if (verdict == VERDICT_OVER && watch->was_firing[cause])
        log_info("watch", "%s: over; the worst was %.4g", watch_cause_names[cause], state->observed);
    watch->was_firing[cause] = verdict == VERDICT_FIRING;
    metric_set(watch->troubles[cause], verdict == VERDICT_FIRING);
}

static void look(struct watch *watch)
{
    enum verdict verdicts[WATCH_CAUSES];
    struct figures figures = read_figures(watch);
    judge_look(&watch->judge, &figures, verdicts);
    for (int i = 0; i < WATCH_CAUSES; i++) {
        if (verdicts[i] == VERDICT_FIRING)
            watch->is_owed[i] = false;
        else if (watch->is_owed[i])
            verdicts[i] = VERDICT_OVER;
        if (verdicts[i] == VERDICT_SAME)
            continue;
        say(watch, i, verdicts[i]);
        struct finding finding = finding_of(watch, i, verdicts[i]);
        bool is_taken = !watch->options.tell || watch->options.tell(watch->options.ctx, &finding);
        watch->is_owed[i] = verdicts[i] == VERDICT_OVER && !is_taken;
    }
}

/* False: it is to stop. */
static bool rest(struct watch *watch)
{
    int64_t at_ms = clock_mono_ms() + watch->options.interval_ms;
    struct timespec until = {at_ms / 1000, at_ms % 1000 * 1000000L};
    pthread_mutex_lock(&watch->mutex);
    while (!watch->is_stopping && clock_mono_ms() < at_ms)
        pthread_cond_timedwait(&watch->wake, &watch->mutex, &until);
    bool goes_on = !watch->is_stopping;
    pthread_mutex_unlock(&watch->mutex);
    return goes_on;
}

static void *run(void *ctx)
{
    struct watch *watch = ctx;
    do
        look(watch);
    while (rest(watch));
    return NULL;
}

struct watch *watch_start(const struct watch_options *options)
{
    struct watch *watch = calloc(1, sizeof *watch);
    pthread_condattr_t steady;
    if (!watch)
        abort();
    watch->options = *options;
    judge_init(&watch->judge, &options->limits);
    find_metrics(watch);
    pthread_mutex_init(&watch->mutex, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->wake, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&watch->thread, NULL, run, watch))
        abort();
    return watch;
}

void watch_stop(struct watch *watch)
{
    if (!watch)
        return;
    pthread_mutex_lock(&watch->mutex);
    watch->is_stopping = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->mutex);
    pthread_join(watch->thread, NULL);
    pthread_mutex_destroy(&watch->mutex);
    pthread_cond_destroy(&watch->wake);
    free(watch);
}
