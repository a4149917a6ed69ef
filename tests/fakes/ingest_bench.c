/* The public listener alone, with a sink that is done at once (or, with `thread`, from another thread): what a request
 * costs before validation begins. Prints its port, and at the end of its input the CPU time it used and the number of
 * beacons. See tests/bench/ingest.md. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "ingest/ingest.h"

#define RING 65536

static atomic_long taken;
static struct batch *_Atomic ring[RING];
static atomic_ulong head;
static bool threaded;

static void finish(struct batch *batch)
{
    batch->n_events = 10;
    taken++;
    batch->done(batch, ERR_OK);
}

static enum err push(struct sink *sink, struct batch *batch)
{
    (void)sink;
    if (threaded)
        ring[atomic_fetch_add(&head, 1) % RING] = batch;
    else
        finish(batch);
    return ERR_OK;
}

static void *finish_all(void *arg)
{
    (void)arg;
    for (unsigned long tail = 0;;) {
        struct batch *batch = atomic_exchange(&ring[tail % RING], NULL);
        if (batch) {
            finish(batch);
            tail++;
        } else {
            struct timespec pause = {0, 500000}; /* about what a commit takes: many are done at once */
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

static bool ready(void *ctx)
{
    (void)ctx;
    return true;
}

int main(int argc, char **argv)
{
    static const char *const keys[] = {"demo", NULL}, *const origins[] = {"https://shop.example", NULL};
    static const struct application application = {.name = "shop", .keys = keys, .origins = origins};
    struct sink sink = {.push = push};
    struct ingest_options options = {.address = "127.0.0.1:0",
                                     .prefix = "/in",
                                     .loops = argc > 1 ? atoi(argv[1]) : 1,
                                     .max_connections = 10000,
                                     .max_body = 262144,
                                     .max_inflated = 2097152,
                                     .rules = {.applications = &application, .n_applications = 1},
                                     .sink = &sink,
                                     .ready = ready};
    struct ingest *ingest;
    struct err_text text;
    pthread_t thread;
    threaded = argc > 2 && strcmp(argv[2], "thread") == 0;
    if (threaded)
        pthread_create(&thread, NULL, finish_all, NULL);
    if (ingest_start(&ingest, &options, &text)) {
        fprintf(stderr, "%s\n", text.at);
        return 1;
    }
    printf("%d\n", ingest_port(ingest));
    fflush(stdout);
    while (getchar() != EOF)
        ;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double seconds = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("%ld beacons, %.2f CPU-seconds, %.0f beacons per CPU-second, %.2f us each, %ld kB resident\n", (long)taken,
           seconds, (double)taken / seconds, seconds * 1e6 / (double)taken, used.ru_maxrss);
    ingest_stop(ingest, 0, 1000);
    return 0;
}
