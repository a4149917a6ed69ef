/* Closing cursors. While the program ends each is closed in a thread of its own, so that all of them together take no
 * longer than the slowest, and none longer than the program has. */
#include "bus/bus_kafka_int.h"

static void *leave_alone(void *arg)
{
    struct kafka_cursor *cursor = arg;
    struct kafka_bus *bus = cursor->bus;
    kafka_cursor_free(cursor);
    pthread_mutex_lock(&bus->mutex);
    if (--bus->n_leaving == 0)
        pthread_cond_broadcast(&bus->settled);
    pthread_mutex_unlock(&bus->mutex);
    return NULL;
}

/* A goodbye to a broker that says nothing takes seconds, and where a commit is on its way, up to a minute. */
void kafka_unsubscribe(struct bus_cursor *front)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    struct kafka_bus *bus = cursor->bus;
    pthread_t thread;
    if (!atomic_load(&bus->hurry_ms)) {
        kafka_cursor_free(cursor);
        return;
    }
    kafka_let_go_all(cursor);
    pthread_mutex_lock(&bus->mutex);
    bus->n_leaving++;
    pthread_mutex_unlock(&bus->mutex);
    if (pthread_create(&thread, NULL, leave_alone, cursor))
        leave_alone(cursor);
    else
        pthread_detach(thread);
}

bool kafka_await_leavers(struct kafka_bus *bus, int64_t until_ms)
{
    struct timespec at = {until_ms / 1000, until_ms % 1000 * 1000000L};
    bool late = false;
    pthread_mutex_lock(&bus->mutex);
    while (bus->n_leaving && !late)
        late = pthread_cond_timedwait(&bus->settled, &bus->mutex, &at) != 0;
    bool all = bus->n_leaving == 0;
    pthread_mutex_unlock(&bus->mutex);
    return all;
}
