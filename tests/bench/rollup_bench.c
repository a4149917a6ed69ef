/* What counting costs: 512 different sealed records (bench/beacons.h) through the inner functions of the first stage,
 * and what it publishes through those of the second.
 *
 *   build/bench_rollup                    best of some rounds, in CPU time of this thread; memory a series and window
 *   valgrind --tool=callgrind build/bench_rollup 3
 *
 * As in production, what is open leaves once a second: here after each round of 512 records, 5120 events. Each round
 * has beacon ids of its own. */
#include "rollup/partial.c"

#include <malloc.h>
#include <stdio.h>

#include "bench/beacons.h"
#include "enrich/enrich.h"
#include "event/application.h"
#include "validate/validate.h"

#define RECORDS 512
#define TARGETS 4

static const char *const origins[] = {"https://shop.example", NULL};
static const struct application shop = {.name = "shop", .origins = origins};
static struct slice values[RECORDS];
static size_t n_events;

static void seal(int i)
{
    static const struct enrich_options options = {.late_ms = 3600000, .future_ms = 60000};
    struct buf body;
    buf_init(&body, 65536);
    beacon_make((uint64_t)i, &body);
    struct batch *batch = batch_new(body.len);
    memcpy((char *)(uintptr_t)batch->body.at, body.at, body.len);
    batch->application = &shop;
    batch->received_at_ms = BEACON_TIME;
    batch->user_agent = SLICE("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0");
    if (validate_beacon(batch) || enrich_batch(&options, batch) || record_seal(batch))
        abort();
    n_events += batch->n_events;
    values[i] = (struct slice){memcpy(malloc(batch->value.len), batch->value.at, batch->value.len), batch->value.len};
    batch_free(batch);
    buf_done(&body);
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* ---- first stage ---- */

static void read_records(struct partial *partial, struct record *record)
{
    for (int i = 0; i < RECORDS; i++) {
        arena_reset(partial->arena);
        if (record_decode(values[i], partial->arena, record))
            abort();
    }
}

static void count_records(struct partial *partial, struct source *source, int round)
{
    struct record record;
    char id[32];
    for (int i = 0; i < RECORDS; i++) {
        arena_reset(partial->arena);
        if (record_decode(values[i], partial->arena, &record))
            abort();
        int n = snprintf(id, sizeof id, "b%dx%d", round, i);
        record.beacon = (struct slice){id, (size_t)n};
        add_record(source, &record, BEACON_TIME);
    }
}

static struct outgoing build_messages(struct partial *partial)
{
    struct outgoing out = {.partial = partial, .max_bytes = MESSAGE_BYTES - 65536};
    buf_init(&out.body, MESSAGE_BYTES);
    build(partial, &out);
    settle(partial);
    return out;
}

/* ---- second stage, as merge.c does it ---- */

struct merging {
    struct windows windows;
    struct series_table *series;
};

static void merge_one(struct merging *merging, const struct series_key *key, uint64_t whom, const struct rollup *rollup)
{
    uint64_t hash = series_hash(whom, key);
    if (!series_admit(merging->series, key, hash, rollup->count))
        return;
    for (int32_t width_s = FINE_S; width_s <= COARSE_S; width_s += COARSE_S - FINE_S)
        window_merge(
            &windows_get(&merging->windows, key, hash, window_start(rollup->start_ms, width_s), width_s, NULL)->rollup,
            rollup);
}

static void take(void *ctx, const struct rollup *rollup)
{
    struct series_key key = rollup->key;
    uint64_t whom = series_hash_whom(&key);
    merge_one(ctx, &key, whom, rollup);
    key.name = EVERY_NAME;
    if (key.kind != SERIES_VITAL) {
        key.detail = SLICE("");
        merge_one(ctx, &key, whom, rollup);
    }
    key.detail = rollup->key.detail;
    if (key.detail.len)
        merge_one(ctx, &key, whom, rollup);
}

static void ignore(void *ctx, struct source_mark mark)
{
    (void)ctx;
    (void)mark;
}

/* ---- the table ---- */

static void least(double *least, double spent)
{
    if (*least == 0 || spent < *least)
        *least = spent;
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 60;
    double reading = 0, counting = 0, building = 0, merging_ns = 0;
    struct rollup_stage stage = {.options = {.dedupe_ms = 600000}};
    int64_t pending_ms[TARGETS] = {0}, told_ms[TARGETS] = {0};
    struct partial partial = {.stage = &stage,
                              .arena = arena_new(262144, ARENA_BYTES),
                              .n_targets = TARGETS,
                              .pending_ms = pending_ms,
                              .told_ms = told_ms};
    struct merging merging = {.series = series_new(100000)};
    struct record record;
    int64_t position = -1;
    size_t n_windows = 0;
    for (int i = 0; i < RECORDS; i++)
        seal(i);
    windows_init(&merging.windows);
    assigned(&partial, TOPIC_EVENTS, 0, &position);
    for (int round = 0; round < rounds; round++) {
        double start = cpu_ns();
        read_records(&partial, &record);
        double read = cpu_ns();
        count_records(&partial, &partial.sources[0], round);
        double counted = cpu_ns();
        n_windows = partial.sources[0].windows.n;
        struct outgoing out = build_messages(&partial);
        double built = cpu_ns();
        const struct message_handler handler = {ignore, take, &merging};
        for (size_t i = 0; i < out.n; i++)
            if (message_read(out.messages[i].value, &handler))
                abort();
        least(&merging_ns, cpu_ns() - built);
        least(&reading, read - start);
        least(&counting, counted - read);
        least(&building, built - counted);
        outgoing_done(&out);
    }
    double events = (double)n_events;
    printf("%zu events of %d records a round, %zu windows in it\n", n_events, RECORDS, n_windows);
    printf("decode alone       %7.1f ns an event   %6.2f M events a CPU-second\n", reading / events,
           events / reading * 1e3);
    printf("decode and count   %7.1f ns an event   %6.2f M events a CPU-second\n", counting / events,
           events / counting * 1e3);
    printf("publish, a window  %7.1f ns, or %.1f ns an event\n", building / (double)n_windows, building / events);
    printf("first stage        %7.1f ns an event   %6.2f M events a CPU-second\n", (counting + building) / events,
           events / (counting + building) * 1e3);
    printf("merge, a window    %7.1f ns, or %.1f ns an event\n", merging_ns / (double)n_windows, merging_ns / events);
    printf("both stages        %7.1f ns an event   %6.2f M events a CPU-second\n",
           (counting + building + merging_ns) / events, events / (counting + building + merging_ns) * 1e3);
    printf("a window takes %zu bytes and its text and sketch\n", sizeof(struct window));
    return 0;
}
