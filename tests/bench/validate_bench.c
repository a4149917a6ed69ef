/* How many events a second of CPU validate, enrich and the record's encoding take. By hand, from the root, after a
 * release build in build/:
 *
 *   gcc -O2 -D_GNU_SOURCE -std=gnu11 -Icollector -c tests/bench/validate_bench.c -o /tmp/vb.o
 *   g++ /tmp/vb.o build/libroom_{validate,enrich,event,base}.a -lsimdjson -lcrypto -lpthread -lm -o /tmp/validate_bench
 *   /tmp/validate_bench schemas/examples/beacon/valid/all_kinds.json
 *
 * The body is copied anew each time, as it comes from the socket; it is the same one again and again, so caches are
 * warmer than in life. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "enrich/enrich.h"
#include "event/record.h"
#include "validate/validate.h"

static const struct application shop = {.name = "shop"};
static const struct enrich_options options = {.late_ms = INT64_C(4000000000000), .future_ms = 60000};
static const struct slice agent = {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", 100};

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t run_once(struct slice body, int steps)
{
    struct batch *batch = batch_new(body.len);
    size_t n = 0;
    memcpy((char *)(uintptr_t)batch->body.at, body.at, body.len);
    batch->application = &shop;
    batch->user_agent = agent;
    batch->received_at_ms = INT64_C(1795354200600);
    bool good = steps < 1 || validate_beacon(batch) == ERR_OK;
    good = good && (steps < 2 || enrich_batch(&options, batch) == ERR_OK);
    good = good && (steps < 3 || record_seal(batch) == ERR_OK);
    if (!good) {
        fprintf(stderr, "refused: %s\n", batch->text.at);
        exit(1);
    }
    n = batch->n_events;
    batch_free(batch);
    return n;
}

int main(int argc, char **argv)
{
    static char bytes[2097152];
    static const char *const names[] = {"copy alone", "+ validate", "+ enrich", "+ seal"};
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!file) {
        fputs("usage: validate_bench BEACON.json\n", stderr);
        return 64;
    }
    struct slice body = {bytes, fread(bytes, 1, sizeof bytes, file)};
    fclose(file);
    size_t n = run_once(body, 1);
    for (int steps = 0; steps < 4; steps++) {
        size_t rounds = 0;
        double start = cpu_seconds(), spent;
        do {
            for (int i = 0; i < 1000; i++)
                run_once(body, steps);
            rounds += 1000;
        } while ((spent = cpu_seconds() - start) < 1);
        printf("%-12s %7.3f us a beacon of %zu events and %zu bytes, %.2f M events a CPU-second\n", names[steps],
               spent / (double)rounds * 1e6, n, body.len, (double)(rounds * n) / spent / 1e6);
    }
    return 0;
}
