/* Says once a second, in every partition of events, how far this ingest is (event/mark.h). A thread of its own; where
 * no other process reads there is nothing to say and no thread. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "bus/bus_int.h"
#include "event/mark.h"

#define EVERY_MS 1000
#define ON_THE_WAY_MS 250 /* from a request's end to its beacon's bus_publish, at the most */

struct bus_marks {
    struct bus *bus;
    uint64_t instance;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stop;
    bool stopping;
};

static void is_done(void *ctx, enum err result)
{
    (void)result; /* the next one says more */
    buf_done(ctx);
    free(ctx);
}

static void publish(const struct bus_marks *marks, bool is_goodbye)
{
    int64_t now_ms = clock_wall_ms(), upto_ms = now_ms - (is_goodbye ? 0 : ON_THE_WAY_MS);
    const struct mark mark = {marks->instance, upto_ms, now_ms, is_goodbye};
    int n = bus_partitions(marks->bus, TOPIC_EVENTS);
    for (int i = 0; i < n; i++) {
        struct buf *value = malloc(sizeof *value);
        if (!value)
            abort();
        buf_init(value, MARK_BYTES);
        mark_write(&mark, value);
        const struct bus_message message = {.topic = TOPIC_EVENTS, .key = (uint64_t)i, .value = buf_slice(value)};
        if (bus_publish(marks->bus, &message, is_done, value))
            is_done(value, ERR_AGAIN);
    }
}

static void *run(void *ctx)
{
    struct bus_marks *marks = ctx;
    pthread_mutex_lock(&marks->mutex);
    while (!marks->stopping) {
        pthread_mutex_unlock(&marks->mutex);
        publish(marks, false);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += EVERY_MS / 1000;
        pthread_mutex_lock(&marks->mutex);
        if (!marks->stopping)
            pthread_cond_timedwait(&marks->stop, &marks->mutex, &until);
    }
    pthread_mutex_unlock(&marks->mutex);
    return NULL;
}

struct bus_marks *bus_marks_start(struct bus *bus, const char *instance)
{
    if (!bus_is_shared(bus))
        return NULL;
    struct bus_marks *marks = calloc(1, sizeof *marks);
    pthread_condattr_t steady;
    if (!marks)
        abort();
    marks->bus = bus;
    marks->instance = instance ? hash_stable(slice_of(instance)) : 0;
    if (!instance)
        hash_random(&marks->instance, sizeof marks->instance);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&marks->mutex, NULL);
    pthread_cond_init(&marks->stop, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&marks->thread, NULL, run, marks))
        abort();
    return marks;
}

void bus_marks_stop(struct bus_marks *marks)
{
    if (!marks)
        return;
    pthread_mutex_lock(&marks->mutex);
    marks->stopping = true;
    pthread_cond_signal(&marks->stop);
    pthread_mutex_unlock(&marks->mutex);
    pthread_join(marks->thread, NULL);
    publish(marks, true);
    pthread_mutex_destroy(&marks->mutex);
    pthread_cond_destroy(&marks->stop);
    free(marks);
}
