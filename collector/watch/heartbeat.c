#include "watch/heartbeat_int.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "http/http.h"

#define TIMEOUT_MS 10000
#define MAX_ANSWER 4096

struct heartbeat {
    struct heartbeat_options options;
    struct pulse pulse;
    struct metric *sent, *failed, *withheld;
    enum { LAST_NONE, LAST_SENT, LAST_FAILED, LAST_WITHHELD } last; /* changes are logged */
    _Atomic int64_t give_up_ms;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool is_stopping; /* under the mutex */
};

/* ---- whether it is alive; pure ---- */

void pulse_init(struct pulse *pulse, int64_t now_ms, int64_t patience_ms, bool detects)
{
    *pulse = (struct pulse){patience_ms, detects, now_ms, now_ms, -1};
}

bool pulse_look(struct pulse *pulse, int64_t now_ms, bool is_well, int64_t judged)
{
    if (is_well)
        pulse->well_ms = now_ms;
    if (judged != pulse->judged && pulse->judged >= 0)
        pulse->moved_ms = now_ms;
    pulse->judged = judged;
    return now_ms - pulse->well_ms <= pulse->patience_ms &&
           (!pulse->detects || now_ms - pulse->moved_ms <= pulse->patience_ms);
}

/* ---- the thread ---- */

static struct metric *counter(const char *result)
{
    return metric_get(METRIC_COUNTER, "seismo_heartbeats_total", "result", result,
                      "heartbeats to the monitor: sent, failed, withheld because something stands still");
}

static bool beat(const struct heartbeat *heartbeat, struct http_client *client)
{
    const struct heartbeat_options *options = &heartbeat->options;
    const bool has_body = strcmp(options->method, "POST") == 0;
    const struct http_request request = {.method = options->method,
                                         .url = options->url,
                                         .content_type = has_body ? "text/plain" : NULL,
                                         .body = has_body ? SLICE("alive") : SLICE_NONE};
    struct http_response response;
    struct err_text secret; /* names the address */
    http_response_init(&response, MAX_ANSWER);
    enum err err = http_send(client, &request, &response, &secret);
    bool is_sent = err == ERR_OK && response.status >= 200 && response.status < 300;
    if (!is_sent && heartbeat->last != LAST_FAILED)
        log_warn("watch", err == ERR_OK ? ERR_HTTP_STATUS : err, "the heartbeat does not arrive: %s, status %d",
                 err == ERR_OK ? "the monitor refuses it" : err_sentence(err), response.status);
    http_response_done(&response);
    return is_sent;
}

static void turn(struct heartbeat *heartbeat, struct http_client *client)
{
    const struct heartbeat_options *options = &heartbeat->options;
    bool is_alive = pulse_look(&heartbeat->pulse, clock_mono_ms(), options->is_well(options->ctx),
                               metric_sum("seismo_detect_watermark_seconds"));
    if (!is_alive) {
        if (heartbeat->last != LAST_WITHHELD)
            log_warn("watch", ERR_AGAIN, "no heartbeat: the store, the bus or detection has stood still for too long");
        heartbeat->last = LAST_WITHHELD;
        metric_add(heartbeat->withheld, 1);
        return;
    }
    bool is_sent = beat(heartbeat, client);
    if (is_sent && heartbeat->last != LAST_SENT)
        log_info("watch", "the heartbeat goes to the monitor");
    heartbeat->last = is_sent ? LAST_SENT : LAST_FAILED;
    metric_add(is_sent ? heartbeat->sent : heartbeat->failed, 1);
}

static int pause_ms(int every_ms)
{
    uint32_t random;
    hash_random(&random, sizeof random);
    return every_ms - every_ms / 10 + (int)(random % (uint32_t)(every_ms / 5 + 1));
}

/* False: it is to stop. */
static bool rest(struct heartbeat *heartbeat, int64_t at_ms)
{
    struct timespec until = {at_ms / 1000, at_ms % 1000 * 1000000L};
    pthread_mutex_lock(&heartbeat->mutex);
    while (!heartbeat->is_stopping && clock_mono_ms() < at_ms)
        pthread_cond_timedwait(&heartbeat->wake, &heartbeat->mutex, &until);
    bool goes_on = !heartbeat->is_stopping;
    pthread_mutex_unlock(&heartbeat->mutex);
    return goes_on;
}

/* The first one when detection has had the time to begin. */
static void *run(void *ctx)
{
    struct heartbeat *heartbeat = ctx;
    int timeout_ms = heartbeat->options.every_ms < TIMEOUT_MS ? heartbeat->options.every_ms : TIMEOUT_MS;
    const struct http_options options = {.connect_timeout_ms = timeout_ms,
                                         .timeout_ms = timeout_ms,
                                         .max_response = MAX_ANSWER,
                                         .give_up_ms = &heartbeat->give_up_ms};
    struct http_client *client = http_client_new(&options);
    int64_t next_ms = clock_mono_ms();
    while (rest(heartbeat, next_ms += pause_ms(heartbeat->options.every_ms))) {
        turn(heartbeat, client);
        if (next_ms < clock_mono_ms())
            next_ms = clock_mono_ms();
    }
    http_client_free(client);
    return NULL;
}

struct heartbeat *heartbeat_start(const struct heartbeat_options *options)
{
    struct heartbeat *heartbeat = calloc(1, sizeof *heartbeat);
    pthread_condattr_t steady;
    if (!heartbeat)
        abort();
    heartbeat->options = *options;
    pulse_init(&heartbeat->pulse, clock_mono_ms(), options->patience_ms, options->detects);
    heartbeat->sent = counter("sent");
    heartbeat->failed = counter("failed");
    heartbeat->withheld = counter("withheld");
    pthread_mutex_init(&heartbeat->mutex, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&heartbeat->wake, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&heartbeat->thread, NULL, run, heartbeat))
        abort();
    return heartbeat;
}

void heartbeat_stop(struct heartbeat *heartbeat)
{
    if (!heartbeat)
        return;
    atomic_store(&heartbeat->give_up_ms, clock_mono_ms());
    pthread_mutex_lock(&heartbeat->mutex);
    heartbeat->is_stopping = true;
    pthread_cond_signal(&heartbeat->wake);
    pthread_mutex_unlock(&heartbeat->mutex);
    pthread_join(heartbeat->thread, NULL);
    pthread_mutex_destroy(&heartbeat->mutex);
    pthread_cond_destroy(&heartbeat->wake);
    free(heartbeat);
}
