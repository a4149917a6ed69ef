/* What validate, enrich and the record's encoding cost an event, each stage apart:
 *
 *   ninja -C build bench && build/bench_validate     nanoseconds of this thread's CPU, a table
 *   valgrind --tool=callgrind --toggle-collect=stage_enrich build/bench_validate 512
 *                                                    instructions of one stage over 512 beacons
 *
 * 512 different beacons (bench/beacons.h) are copied anew in each round, as they come from the socket. The stages take
 * turns round by round, and the least of many rounds counts, so that neighbours on the machine disturb little. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench/beacons.h"
#include "enrich/enrich.h"
#include "event/record.h"
#include "validate/validate.h"

#define BODIES 512
#define ROUNDS 60

/* In the order of the way; extern so that callgrind can be told to collect in one of them. */
void stage_copy(struct batch **batch, struct slice body);
void stage_validate(struct batch *batch);
void stage_enrich(struct batch *batch);
void stage_seal(struct batch *batch);
void stage_free(struct batch *batch);

static const char *const origins[] = {"https://shop.example", NULL};
static const struct application shop = {.name = "shop", .origins = origins};
static const struct enrich_options options = {.late_ms = 3600000, .future_ms = 60000};
static const char *const agents[] = {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 "
    "Edg/131.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
};

static struct buf bodies[BODIES];
static size_t n_events, n_bytes;

__attribute__((noinline)) void stage_copy(struct batch **batch, struct slice body)
{
    *batch = batch_new(body.len);
    memcpy((char *)(uintptr_t)(*batch)->body.at, body.at, body.len);
    (*batch)->application = &shop;
    (*batch)->client_address = SLICE("192.0.2.0");
    (*batch)->received_at_ms = BEACON_TIME;
}

static void check(const struct batch *batch, enum err err)
{
    if (err == ERR_OK)
        return;
    fprintf(stderr, "refused: %s\n", batch->text.at);
    exit(1);
}

__attribute__((noinline)) void stage_validate(struct batch *batch)
{
    check(batch, validate_beacon(batch));
}

__attribute__((noinline)) void stage_enrich(struct batch *batch)
{
    check(batch, enrich_batch(&options, batch));
}

__attribute__((noinline)) void stage_seal(struct batch *batch)
{
    check(batch, record_seal(batch));
}

__attribute__((noinline)) void stage_free(struct batch *batch)
{
    batch_free(batch);
}

/* ---- by the clock ------------------------------------------------------------------------------------------------ */

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Runs one beacon so far; what the last stage costs is the difference to the run before. */
static double run(int last, size_t n)
{
    double start = cpu_ns();
    for (size_t i = 0; i < n; i++) {
        struct batch *batch;
        stage_copy(&batch, buf_slice(&bodies[i]));
        batch->user_agent = slice_of(agents[i % (sizeof agents / sizeof *agents)]);
        if (last >= 1)
            stage_validate(batch);
        if (last >= 2)
            stage_enrich(batch);
        if (last >= 3)
            stage_seal(batch);
        stage_free(batch);
    }
    return cpu_ns() - start;
}

static void print_table(void)
{
    static const char *const names[] = {"copy, free", "validate", "enrich", "seal"};
    double least[4] = {0};
    for (int round = 0; round < ROUNDS; round++)
        for (int last = 0; last < 4; last++) {
            double spent = run(last, BODIES);
            if (round == 0 || spent < least[last])
                least[last] = spent;
        }
    printf("%d beacons, %.1f events and %.0f bytes each\n", BODIES, (double)n_events / BODIES,
           (double)n_bytes / BODIES);
    for (int i = 0; i < 4; i++) {
        double own = least[i] - (i ? least[i - 1] : 0);
        printf("%-10s %7.1f ns an event   to here: %6.2f M events a CPU-second\n", names[i], own / (double)n_events,
               (double)n_events / least[i] * 1e3);
    }
    printf("validate + enrich without copy: %.2f M, with seal: %.2f M events a CPU-second\n",
           (double)n_events / (least[2] - least[0]) * 1e3, (double)n_events / (least[3] - least[0]) * 1e3);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < BODIES; i++) {
        buf_init(&bodies[i], 65536);
        beacon_make(i, &bodies[i]);
        n_bytes += bodies[i].len;
        n_events += BEACON_EVENTS;
    }
    if (argc > 1)
        for (long left = atol(argv[1]); left > 0; left -= BODIES)
            run(3, left < BODIES ? (size_t)left : BODIES);
    else
        print_table();
    return 0;
}
