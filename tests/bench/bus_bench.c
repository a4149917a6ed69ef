/* What a record costs on its way into the bus, without HTTP and validation:
 *
 *     build/bench_bus kafka HOST:PORT [UNDER_WAY [NAME=VALUE…]]  to Kafka, acknowledged by its delivery report
 *     build/bench_bus spool PATH [UNDER_WAY]          Kafka is away: into the spool's file, acknowledged by its fsync
 *     build/bench_bus sqlite PATH [UNDER_WAY]         the embedded bus
 *
 * UNDER_WAY (256) records of 2.4 kB, all different, wait for their acknowledgement at a time. Prints records a second,
 * CPU of the whole process a record, and the times to the acknowledgement. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/histogram.h"
#include "bench/load_bodies.c" /* not a room: only benches and the load generator have it */
#include "bus/bus.h"

#define RECORDS 200000
#define RECORD_BYTES 2400
#define BODIES 512

struct record_slot {
    int64_t sent_us;
    atomic_bool is_free;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static struct record_slot slots[4096];
static size_t under_way, limit = 256, failed;
static struct histogram times;

static int64_t now_us(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * INT64_C(1000000) + at.tv_nsec / 1000;
}

static double cpu_s(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void note(void *ctx, enum err result)
{
    struct record_slot *slot = ctx;
    pthread_mutex_lock(&mutex);
    histogram_add(&times, (uint64_t)(now_us() - slot->sent_us));
    failed += result != ERR_OK;
    atomic_store(&slot->is_free, true);
    if (under_way-- == limit)
        pthread_cond_signal(&freed);
    pthread_mutex_unlock(&mutex);
}

static void publish_one(struct bus *bus, size_t i, struct slice value)
{
    pthread_mutex_lock(&mutex);
    while (under_way >= limit)
        pthread_cond_wait(&freed, &mutex);
    under_way++;
    pthread_mutex_unlock(&mutex);
    struct record_slot *slot = NULL;
    for (size_t at = i; !slot; at++) {
        if (atomic_exchange(&slots[at % limit].is_free, false))
            slot = &slots[at % limit];
    }
    struct bus_message message = {TOPIC_EVENTS, i, value};
    slot->sent_us = now_us();
    while (bus_publish(bus, &message, note, slot) != ERR_OK)
        nanosleep(&(struct timespec){0, 100000}, NULL);
}

static struct slice *make_values(void)
{
    struct beacons_options options = {
        .seed = 1, .run = 1, .bodies = BODIES, .events = 10, .sessions = 1000, .service = "shop"};
    struct beacons *beacons = beacons_new(&options);
    struct slice *values = calloc(BODIES, sizeof *values);
    char id[BEACON_ID_BYTES];
    for (size_t i = 0; values && i < BODIES; i++) {
        char *bytes = calloc(1, beacons_max_bytes(beacons) + RECORD_BYTES);
        beacons_write(beacons, 1795132800000u, bytes, id);
        values[i] = (struct slice){bytes, RECORD_BYTES};
    }
    beacons_free(beacons);
    return values;
}

int main(int argc, char **argv)
{
    struct err_text text = {""};
    struct bus *bus = NULL;
    if (argc < 3) {
        fputs("usage: bench_bus kafka HOST:PORT | spool PATH | sqlite PATH  [UNDER_WAY]\n", stderr);
        return 64;
    }
    bool to_kafka = argv[1][0] == 'k', alone = argv[1][1] == 'q';
    struct bus_options options = {.kind = alone ? "sqlite" : "kafka",
                                  .path = to_kafka ? NULL : argv[2],
                                  .partitions = 4,
                                  .brokers = to_kafka ? argv[2] : "127.0.0.1:1",
                                  .prefix = "benchbus",
                                  .properties = argc > 4 ? (const char *const *)argv + 4 : NULL,
                                  .max_pending_bytes = 64 << 20};
    limit = argc > 3 ? strtoul(argv[3], NULL, 10) : limit;
    limit = limit < 1 ? 1 : limit > 4096 ? 4096 : limit;
    for (size_t i = 0; i < limit; i++)
        atomic_init(&slots[i].is_free, true);
    struct slice *values = make_values();
    if (!values || (to_kafka && bus_setup(&options, &text)) || bus_open(&bus, &options, &text)) {
        fprintf(stderr, "%s\n", text.at);
        return 1;
    }
    size_t n = limit < 16 ? RECORDS / 20 : RECORDS;
    double cpu = cpu_s();
    int64_t began = now_us();
    for (size_t i = 0; i < n; i++)
        publish_one(bus, i, values[i % BODIES]);
    pthread_mutex_lock(&mutex);
    while (under_way) {
        pthread_mutex_unlock(&mutex);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        pthread_mutex_lock(&mutex);
    }
    pthread_mutex_unlock(&mutex);
    double seconds = (double)(now_us() - began) / 1e6;
    cpu = cpu_s() - cpu;
    printf("%s, %zu under way: %.0f records/s, %.2f us CPU a record, p50 %.2f ms, p99 %.2f ms, %zu failed\n", argv[1],
           limit, (double)n / seconds, cpu / (double)n * 1e6, (double)histogram_quantile(&times, 0.5) / 1000,
           (double)histogram_quantile(&times, 0.99) / 1000, failed);
    bus_close(bus, 10000);
    return 0;
}
