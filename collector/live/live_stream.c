/* Server-sent events: "something new can be read", at most four times a second.
 *
 * One thread owns the streams. It is told by live_changed, and looks at the store's generation itself, so that a page
 * served by one instance also sees what another wrote. Windows trail the documents by about a second (partials leave
 * once a second), so a change is said again until they have followed. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/metric.h"
#include "live/live_int.h"

#define MAX_STREAMS 64
#define MAX_BUFFERED 65536
#define GAP_MS 250
#define LOOK_MS 500
#define TRAIL_MS 3000
#define TRAIL_STEP_MS 750
#define HEARTBEAT_MS 15000
#define FORGET_MS 60000

struct live_streams {
    struct live *live;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    struct serve_stream *open[MAX_STREAMS];
    size_t n;
    bool changed, stopping;
    int64_t said_ms, beat_ms, trail_until_ms; /* monotonic; the thread's own */
    uint64_t seen;                            /* the store's generation */
};

/* Under the mutex: writes do not block, and those who are gone leave. */
static void write_all(struct live_streams *streams, struct slice bytes)
{
    for (size_t i = 0; i < streams->n;) {
        if (serve_stream_write(streams->open[i], bytes)) {
            i++;
            continue;
        }
        serve_stream_close(streams->open[i]);
        streams->open[i] = streams->open[--streams->n];
    }
}

static struct slice change_text(struct live_streams *streams, char *text, size_t size)
{
    uint64_t generation = atomic_load(&streams->live->generation);
    int n = snprintf(text, size, "id: %llu\nevent: change\ndata: %llu\n\n", (unsigned long long)generation,
                     (unsigned long long)generation);
    return (struct slice){text, (size_t)n};
}

static void say_change(struct live_streams *streams, int64_t now_ms)
{
    char text[96];
    atomic_fetch_add(&streams->live->generation, 1);
    write_all(streams, change_text(streams, text, sizeof text));
    streams->changed = false;
    streams->said_ms = streams->beat_ms = now_ms;
}

/* Blocks on the store only as long as a look at its number takes. */
static void look(struct live_streams *streams)
{
    pthread_mutex_unlock(&streams->mutex);
    uint64_t generation = store_generation(streams->live->options.store);
    pthread_mutex_lock(&streams->mutex);
    if (generation != streams->seen)
        streams->changed = true;
    streams->seen = generation;
}

static void wait_until(struct live_streams *streams, int64_t due_ms)
{
    struct timespec until;
    int64_t left_ms = due_ms - clock_mono_ms();
    if (left_ms <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += left_ms / 1000;
    until.tv_nsec += left_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&streams->wake, &streams->mutex, &until);
}

static void *work(void *ctx)
{
    struct live_streams *streams = ctx;
    int64_t look_ms = 0, forget_ms = 0;
    pthread_mutex_lock(&streams->mutex);
    while (!streams->stopping) {
        int64_t now_ms = clock_mono_ms();
        if (now_ms >= look_ms) {
            look_ms = now_ms + LOOK_MS;
            look(streams);
        }
        if (streams->changed && now_ms - streams->said_ms >= GAP_MS) {
            say_change(streams, now_ms);
            streams->trail_until_ms = now_ms + TRAIL_MS;
        } else if (now_ms < streams->trail_until_ms && now_ms - streams->said_ms >= TRAIL_STEP_MS) {
            say_change(streams, now_ms);
        } else if (now_ms - streams->beat_ms >= HEARTBEAT_MS) {
            write_all(streams, SLICE(": still here\n\n"));
            streams->beat_ms = now_ms;
        }
        if (now_ms >= forget_ms) {
            forget_ms = now_ms + FORGET_MS;
            pthread_mutex_unlock(&streams->mutex);
            live_tally_forget(streams->live, false);
            pthread_mutex_lock(&streams->mutex);
        }
        int64_t due_ms = look_ms;
        if (streams->changed && streams->said_ms + GAP_MS < due_ms)
            due_ms = streams->said_ms + GAP_MS;
        wait_until(streams, due_ms);
    }
    pthread_mutex_unlock(&streams->mutex);
    return NULL;
}

struct live_streams *live_streams_new(struct live *live)
{
    struct live_streams *streams = calloc(1, sizeof *streams);
    pthread_condattr_t monotonic;
    if (!streams)
        abort();
    streams->live = live;
    streams->seen = store_generation(live->options.store);
    streams->said_ms = streams->beat_ms = clock_mono_ms();
    pthread_mutex_init(&streams->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&streams->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&streams->thread, NULL, work, streams))
        abort();
    return streams;
}

void live_streams_open(struct live_streams *streams, struct serve_request *request)
{
    char text[128] = "retry: 1000\n";
    pthread_mutex_lock(&streams->mutex);
    if (streams->n == MAX_STREAMS || streams->stopping) {
        pthread_mutex_unlock(&streams->mutex);
        METRIC_ADD("seismo_live_streams_refused_total", "open pages that got no stream because there were too many", 1);
        live_reply_error(request, 503, streams->stopping ? ERR_DRAINING : ERR_FULL, NULL);
        return;
    }
    struct serve_field fields[LIVE_FIELDS + 2];
    size_t n = live_fields(fields, "text/event-stream", "no-store");
    fields[n++] = (struct serve_field){"x-accel-buffering", SLICE("no")};
    struct serve_stream *stream = serve_stream_open(request, fields, n, MAX_BUFFERED);
    size_t prefix = strlen(text);
    struct slice first = change_text(streams, text + prefix, sizeof text - prefix);
    serve_stream_write(stream, (struct slice){text, prefix + first.len});
    streams->open[streams->n++] = stream;
    pthread_mutex_unlock(&streams->mutex);
}

void live_streams_changed(struct live_streams *streams)
{
    pthread_mutex_lock(&streams->mutex);
    if (!streams->changed) {
        streams->changed = true;
        pthread_cond_signal(&streams->wake);
    }
    pthread_mutex_unlock(&streams->mutex);
}

void live_streams_free(struct live_streams *streams)
{
    if (!streams)
        return;
    pthread_mutex_lock(&streams->mutex);
    streams->stopping = true;
    pthread_cond_signal(&streams->wake);
    pthread_mutex_unlock(&streams->mutex);
    pthread_join(streams->thread, NULL);
    for (size_t i = 0; i < streams->n; i++)
        serve_stream_close(streams->open[i]);
    pthread_cond_destroy(&streams->wake);
    pthread_mutex_destroy(&streams->mutex);
    free(streams);
}
