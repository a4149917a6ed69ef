/* Both stages on the real embedded bus and store: what is counted, once, through restarts and kills. */
#include "unit/test.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "bus/bus.h"
#include "event/application.h"
#include "rollup/rollup.h"
#include "store/store.h"

static char folder[64];
static bool is_faked; /* the clocks go on when a test says so */

static void remove_tree(const char *path)
{
    char name[512];
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (unlink(name) != 0)
            remove_tree(name);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/seismo-rollup-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    is_faked = false;
    clock_fake(-1, 0);
    remove_tree(folder);
    return 0;
}

static void pause_ms(int ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

/* ---- a house of bus, store and rollup ---- */

struct house {
    struct bus *bus;
    struct store *store;
    struct rollup_stage *stage;
    struct window_sink sink;
    atomic_int windows, history, halts;
    _Atomic int64_t watermark_ms;
};

static void hear_window(struct window_sink *sink, const struct rollup *rollup, bool history)
{
    struct house *house = (struct house *)((char *)sink - offsetof(struct house, sink));
    (void)rollup;
    atomic_fetch_add(history ? &house->history : &house->windows, 1);
}

static void hear_watermark(struct window_sink *sink, int64_t watermark_ms)
{
    struct house *house = (struct house *)((char *)sink - offsetof(struct house, sink));
    int64_t before_ms = atomic_load(&house->watermark_ms);
    assert_true(watermark_ms > before_ms || watermark_ms < before_ms - 600000); /* back only when the clock leaps */
    atomic_store(&house->watermark_ms, watermark_ms);
}

static void open_house(struct house *house, int partitions)
{
    struct err_text text = {""};
    char path[128];
    *house = (struct house){.sink = {hear_window, hear_watermark}};
    snprintf(path, sizeof path, "%s/bus.db", folder);
    struct bus_options bus = {.kind = "sqlite",
                              .path = path,
                              .partitions = partitions,
                              .max_pending_bytes = 64 << 20,
                              .retention_ms = 900000};
    struct store_options store = {.kind = "sqlite", .path = folder, .retention_days = 30};
    if (bus_setup(&bus, &text) != ERR_OK || bus_open(&house->bus, &bus, &text) != ERR_OK ||
        store_setup(&store, &text) != ERR_OK || store_open(&house->store, &store, &text) != ERR_OK)
        fail_msg("%s", text.at);
}

static void count_halt(void *ctx)
{
    atomic_fetch_add(&((struct house *)ctx)->halts, 1);
}

static void start_patient_rollup(struct house *house, int close_wait_ms, int idle_ms)
{
    struct err_text text = {""};
    struct rollup_options options = {.bus = house->bus,
                                     .store = house->store,
                                     .windows = &house->sink,
                                     .flush_ms = 30,
                                     .close_wait_ms = close_wait_ms,
                                     .idle_ms = idle_ms,
                                     .dedupe_ms = 600000,
                                     .max_series = 1000,
                                     .halted = count_halt,
                                     .ctx = house,
                                     .history_ms = 1800000};
    if (rollup_start(&house->stage, &options, &text) != ERR_OK)
        fail_msg("%s", text.at);
}

static void start_rollup(struct house *house, int close_wait_ms)
{
    start_patient_rollup(house, close_wait_ms, 50);
}

static void close_house(struct house *house)
{
    rollup_stop(house->stage);
    store_close(house->store);
    bus_close(house->bus, 5000);
}

/* ---- beacons ---- */

struct sending {
    int64_t at_ms; /* of its events; received a second later */
    const char *session, *service;
    char id[32];
    double rate;
    int calls, errors, clicks;
    uint32_t flags;
    int first; /* index of the first event: a later part of its beacon */
};

static void is_done(struct batch *batch, enum err result)
{
    atomic_int *left = batch->owner;
    assert_int_equal(result, ERR_OK);
    batch_free(batch);
    atomic_fetch_sub(left, 1);
}

static void fill_event(struct event *event, const struct sending *sending, enum event_kind kind, uint16_t index)
{
    *event = (struct event){.kind = kind,
                            .index = index,
                            .count = kind == EVENT_CLICK ? 3 : 1,
                            .at_ms = sending->at_ms,
                            .value = kind == EVENT_API ? 100 : NAN,
                            .flags = sending->flags | (kind == EVENT_ERROR ? EVENT_FAILED : 0),
                            .json = SLICE("{}"),
                            .route = kind == EVENT_API ? SLICE("GET /api/x") : SLICE(""),
                            .page_route = SLICE("/cart"),
                            .code = kind == EVENT_ERROR ? SLICE("E-12345678") : SLICE("")};
}

static void send(struct house *house, const struct sending *sending, atomic_int *left)
{
    static const struct application application = {.name = "shop"};
    struct batch *batch = batch_new(16);
    int n = sending->calls + sending->errors + sending->clicks;
    batch->done = is_done;
    batch->owner = left;
    batch->application = &application;
    batch->received_at_ms = sending->at_ms + 1000;
    batch->envelope = (struct envelope){.id = slice_of(sending->id),
                                        .service = slice_of(sending->service ? sending->service : "web"),
                                        .environment = SLICE("test"),
                                        .session = slice_of(sending->session),
                                        .rate = sending->rate > 0 ? sending->rate : 1};
    batch->events = arena_zero(batch->arena, (size_t)n * sizeof *batch->events);
    batch->n_events = (size_t)n;
    for (int i = 0; i < n; i++)
        fill_event(&batch->events[i], sending,
                   i < sending->calls                     ? EVENT_API
                   : i < sending->calls + sending->errors ? EVENT_ERROR
                                                          : EVENT_CLICK,
                   (uint16_t)(sending->first + i));
    atomic_fetch_add(left, 1);
    struct sink *sink = bus_sink(house->bus);
    while (sink->push(sink, batch) == ERR_AGAIN)
        pause_ms(1);
}

static void send_all(struct house *house, const struct sending *sendings, size_t n)
{
    atomic_int left = 0;
    for (size_t i = 0; i < n; i++)
        send(house, &sendings[i], &left);
    while (atomic_load(&left))
        pause_ms(1);
}

/* ---- what is in the store ---- */

struct sums {
    int windows, incomplete;
    double events, count, failed, values, sessions;
};

static bool add_up(void *ctx, const struct rollup *rollup)
{
    struct sums *sums = ctx;
    sums->windows++;
    sums->incomplete += rollup->incomplete;
    sums->events += (double)rollup->events;
    sums->count += rollup->count;
    sums->failed += rollup->failed;
    sums->values += rollup->values.count;
    sums->sessions += hll_estimate(&rollup->sessions);
    return true;
}

static struct sums sum_up(struct house *house, enum series_kind kind, const char *name, const char *detail,
                          int32_t width_s)
{
    struct sums sums = {0};
    struct store_rollup_query query = {.application = SLICE("shop"),
                                       .kind = kind,
                                       .name = slice_of(name),
                                       .detail = slice_of(detail),
                                       .width_s = width_s};
    assert_int_equal(store_read_rollups(house->store, &query, add_up, &sums), ERR_OK);
    return sums;
}

static double total(struct house *house, enum series_kind kind, const char *name, int32_t width_s)
{
    return sum_up(house, kind, name, "", width_s).events;
}

/* Until the store has as many events as there should be; what comes too much is seen a moment later. */
static void wait_for(struct house *house, enum series_kind kind, const char *name, int32_t width_s, double events)
{
    for (int i = 0; i < 1500 && total(house, kind, name, width_s) < events; i++)
        pause_ms(20);
    pause_ms(200);
    assert_int_equal((int)total(house, kind, name, width_s), (int)events);
}

static int64_t minute_ago(int minutes)
{
    int64_t now_ms = clock_wall_ms();
    return now_ms - now_ms % 60000 - minutes * INT64_C(60000);
}

/* ---- tests ---- */

static void facts_become_windows(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 2);
    int64_t start_ms = minute_ago(3);
    struct sending sendings[] = {
        {.at_ms = start_ms, .session = "s1", .id = "beacon-1", .calls = 5, .errors = 1, .clicks = 2},
        {.at_ms = start_ms + 9000, .session = "s2", .id = "beacon-2", .calls = 2},
        {.at_ms = start_ms + 9000, .session = "s2", .id = "beacon-2", .calls = 1, .first = 2}, /* its second part */
        {.at_ms = start_ms + 9000, .session = "s2", .id = "beacon-2", .calls = 1, .first = 2}, /* and that again */
        {.at_ms = start_ms + 31000, .session = "s3", .id = "beacon-3", .calls = 4, .rate = 0.25},
        {.at_ms = start_ms + 31000, .session = "s3", .id = "beacon-3", .calls = 4, .rate = 0.25}, /* a repeat */
        {.at_ms = start_ms + 32000, .session = "s4", .id = "beacon-4", .calls = 7, .flags = EVENT_LATE},
        {.at_ms = start_ms + 33000, .session = "s5", .id = "beacon-5", .calls = 2, .service = "other"},
    };
    send_all(&house, sendings, sizeof sendings / sizeof *sendings);
    start_rollup(&house, 30000);
    wait_for(&house, SERIES_API, "GET /api/x", 10, 14);
    struct sums fine = sum_up(&house, SERIES_API, "GET /api/x", "", 10);
    assert_true(fine.windows == 3 && fine.count == 5 + 3 + 16 + 2 && fine.values == fine.count && !fine.incomplete);
    assert_true(fabs(fine.sessions - 4) < 0.2);
    struct sums coarse = sum_up(&house, SERIES_API, "GET /api/x", "", 60);
    assert_true(coarse.windows == 2 && coarse.events == 14 && coarse.count == fine.count);
    struct sums whole = sum_up(&house, SERIES_API, "*", "", 10);
    assert_true(whole.windows == 3 && whole.events == 14);
    struct sums errors = sum_up(&house, SERIES_ERROR, "*", "E-12345678", 10);
    assert_true(errors.windows == 1 && errors.events == 1 && errors.failed == 1 && errors.values == 0);
    assert_true(sum_up(&house, SERIES_ERROR, "*", "", 10).events == 2); /* len 0 is any: with the code, and without */
    assert_true(sum_up(&house, SERIES_CLICK, "/cart", "", 10).events == 6);
    assert_true(atomic_load(&house.windows) > 0 && atomic_load(&house.history) == 0);
    close_house(&house);
}

struct seen {
    int n;
    double events;
};

static void see_open(void *ctx, const struct rollup *rollup)
{
    struct seen *seen = ctx;
    if (slice_is(rollup->key.name, "GET /api/x")) {
        seen->n++;
        seen->events += (double)rollup->events;
    }
}

static void open_windows_can_be_seen(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 1);
    start_rollup(&house, 30000);
    struct sending sending = {.at_ms = clock_wall_ms() - 1000, .session = "s1", .id = "beacon-1", .calls = 5};
    send_all(&house, &sending, 1);
    struct seen seen = {0};
    for (int i = 0; i < 500 && !seen.n; i++) {
        pause_ms(10);
        rollup_open_windows(house.stage, 10, see_open, &seen);
    }
    assert_true(seen.n == 1 && seen.events == 5);
    close_house(&house);
}

/* ---- owners ---- */

static void set_clock(int64_t wall_ms)
{
    int64_t mono_ms = clock_mono_ms();
    is_faked = wall_ms >= 0;
    clock_fake(wall_ms, mono_ms);
}

/* Both clocks go on by so much, ten times as fast as they do. */
static void live(int ms)
{
    is_faked = true;
    for (; ms > 0; ms -= 100) {
        clock_fake(clock_wall_ms() + 100, clock_mono_ms() + 100);
        pause_ms(10);
    }
}

/* The wall clock alone. */
static void leap(int64_t ms)
{
    set_clock(clock_wall_ms() + ms);
}

/* Until the store has as many events in windows of that width; in five minutes of such a time. */
static void live_until(struct house *house, int32_t width_s, double events)
{
    for (int i = 0; i < 600 && total(house, SERIES_API, "GET /api/x", width_s) < events; i++)
        live(500);
    assert_int_equal((int)total(house, SERIES_API, "GET /api/x", width_s), (int)events);
}

static int64_t late_events(void)
{
    return metric_value(metric_get(METRIC_COUNTER, "seismo_rollup_late_total", NULL, NULL,
                                   "events that came after their window had closed"));
}

static void wait_open(struct house *house, double events)
{
    struct seen seen = {0};
    for (int i = 0; i < 1000 && seen.events != events; i++) {
        pause_ms(10);
        if (is_faked)
            clock_fake(clock_wall_ms() + 10, clock_mono_ms() + 10);
        seen = (struct seen){0};
        rollup_open_windows(house->stage, 10, see_open, &seen);
    }
    assert_int_equal((int)seen.events, (int)events);
}

static uint64_t get_state(struct house *house, struct buf *value)
{
    uint64_t version = 0;
    buf_init(value, STORE_STATE_BYTES);
    assert_int_equal(store_state_get(house->store, "merge-0", value, &version), ERR_OK);
    return version;
}

/* Another one has claimed the partition while we were stopped: nothing is written, and after joining anew all is right.
 */
static void one_that_was_overtaken_joins_anew(void **state)
{
    (void)state;
    struct house house;
    struct buf value;
    open_house(&house, 1);
    start_rollup(&house, 30000);
    struct sending first = {.at_ms = clock_wall_ms() - 1000, .session = "s1", .id = "beacon-1", .calls = 5};
    send_all(&house, &first, 1);
    wait_open(&house, 5);
    uint64_t version = get_state(&house, &value), ours = version;
    for (size_t i = value.len - 9; i < value.len - 1; i++)
        value.at[i] ^= 0x55; /* the owner, before "no intent" */
    assert_int_equal(store_state_put(house.store, "merge-0", buf_slice(&value), version, &version), ERR_OK);
    buf_done(&value);
    live_until(&house, 10, 5);
    version = get_state(&house, &value);
    assert_true(version > ours + 2); /* theirs, our new claim, and what we closed */
    buf_done(&value);
    set_clock(-1);
    close_house(&house);
}

static int64_t end_of_rollups(struct house *house)
{
    struct bus_cursor *cursor;
    struct err_text text;
    struct bus_record records[64];
    const struct bus_owner nobody = {0};
    int64_t end = 0;
    size_t n;
    assert_int_equal(bus_subscribe(house->bus, TOPIC_ROLLUPS, "peek", &nobody, &cursor, &text), ERR_OK);
    do { /* once: beats come again and again */
        assert_int_equal(bus_fetch(cursor, records, 64, &n, 1000), ERR_OK);
        end = n ? records[n - 1].position + 1 : 0;
    } while (n == 64);
    bus_unsubscribe(cursor);
    return end;
}

/* An owner of before was stopped between its announcement and its documents, which may still come: so the next one
 * makes the same documents of the same records before anything else. What came later than the announcement is late. */
static void what_was_announced_is_closed_first(void **state)
{
    (void)state;
    struct house house;
    struct buf value;
    struct metric *late = metric_get(METRIC_COUNTER, "seismo_rollup_late_total", NULL, NULL, "");
    int64_t late_before = metric_value(late), at_ms = clock_wall_ms() - 1000;
    open_house(&house, 1);
    start_patient_rollup(&house, 30000, 20000);
    struct sending first = {.at_ms = at_ms, .session = "s1", .id = "beacon-1", .calls = 5};
    struct sending second = {.at_ms = at_ms, .session = "s1", .id = "beacon-2", .calls = 7};
    send_all(&house, &first, 1);
    wait_open(&house, 5);
    int64_t next = end_of_rollups(&house), upto_ms = at_ms + 60000 - at_ms % 60000;
    send_all(&house, &second, 1);
    wait_open(&house, 12);
    rollup_stop(house.stage);

    uint64_t version = get_state(&house, &value);
    buf_clear(&value);
    buf_u8(&value, 2);
    buf_u64(&value, (uint64_t)-1); /* committed, next, closed */
    buf_u64(&value, (uint64_t)next);
    buf_u64(&value, (uint64_t)INT64_MIN);
    buf_varint(&value, 0);
    buf_u64(&value, 7); /* epoch, owner */
    buf_u64(&value, 99);
    buf_u8(&value, 1);
    buf_u64(&value, (uint64_t)upto_ms);
    buf_u64(&value, (uint64_t)next);
    buf_u64(&value, (uint64_t)INT64_MIN);
    assert_int_equal(store_state_put(house.store, "merge-0", buf_slice(&value), version, &version), ERR_OK);
    buf_done(&value);
    start_patient_rollup(&house, 30000, 20000);
    wait_for(&house, SERIES_API, "GET /api/x", 10, 5);
    struct sums fine = sum_up(&house, SERIES_API, "GET /api/x", "", 10);
    assert_true(fine.windows == 1 && fine.incomplete == 1);
    for (int i = 0; i < 500 && metric_value(late) == late_before; i++)
        pause_ms(10);
    assert_int_equal((int)(metric_value(late) - late_before), 7);
    close_house(&house);
}

/* Stopped in the middle of open windows, at the present time: the next start finishes them, with all that had come
 * before. Repeats of beacons that an earlier run has counted are known to the later one. */
static void a_restart_loses_and_doubles_nothing(void **state)
{
    (void)state;
    struct house house;
    enum { BEACONS = 600, LATE_MS = 6000 }; /* events are a second old, more where the machine is busy */
    static struct sending sendings[BEACONS];
    static char sessions[BEACONS][16];
    for (int part = 0; part < 6; part++) {
        for (int i = part * 100; i < part * 100 + 100; i++) {
            snprintf(sessions[i], sizeof sessions[i], "s%d", i % 40);
            sendings[i] =
                (struct sending){.at_ms = clock_wall_ms() - 1000, .session = sessions[i], .calls = 2, .clicks = 1};
            snprintf(sendings[i].id, sizeof sendings[i].id, "beacon-%d", i);
        }
        open_house(&house, 4);
        start_patient_rollup(&house, 30000, LATE_MS);
        send_all(&house, sendings + part * 100, 100);
        if (part % 2)
            send_all(&house, sendings + (part - 1) * 100, 50); /* an agent that did not hear the answer */
        pause_ms(part % 3 * 80);
        close_house(&house);
    }
    open_house(&house, 4);
    start_patient_rollup(&house, 30000, LATE_MS);
    wait_for(&house, SERIES_API, "GET /api/x", 10, BEACONS * 2);
    wait_for(&house, SERIES_API, "*", 10, BEACONS * 2);
    wait_for(&house, SERIES_CLICK, "*", 10, BEACONS * 3);
    close_house(&house);
}

/* The same with kill -9 at any moment. The child is the only one that has the files open. */
static void kills_lose_and_double_nothing(void **state)
{
    (void)state;
    struct house house;
    int64_t start_ms = minute_ago(25);
    enum { BEACONS = 1500 };
    static struct sending sendings[BEACONS];
    static char sessions[BEACONS][16];
    for (int i = 0; i < BEACONS; i++) {
        snprintf(sessions[i], sizeof sessions[i], "s%d", i % 40);
        sendings[i] = (struct sending){.at_ms = start_ms + i * 700, .session = sessions[i], .calls = 2, .errors = 1};
        snprintf(sendings[i].id, sizeof sendings[i].id, "beacon-%d", i);
    }
    open_house(&house, 4);
    send_all(&house, sendings, BEACONS);
    close_house(&house);
    for (int i = 0; i < 12; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            open_house(&house, 4);
            start_rollup(&house, 30000);
            pause_ms(60000);
            _exit(1);
        }
        pause_ms(60 + i * 37 % 170);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    open_house(&house, 4);
    start_rollup(&house, 30000);
    wait_for(&house, SERIES_API, "GET /api/x", 10, BEACONS * 2);
    wait_for(&house, SERIES_API, "*", 60, BEACONS * 2);
    wait_for(&house, SERIES_ERROR, "/cart", 60, BEACONS);
    close_house(&house);
}

/* A source that says nothing is waited for, and then no longer; what closes so is marked. */
static void a_silent_source_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 1);
    struct sending sending = {.at_ms = clock_wall_ms() - 12000, .session = "s1", .id = "beacon-1", .calls = 5};
    send_all(&house, &sending, 1);
    start_rollup(&house, 30000);
    pause_ms(300); /* published, still open: the first watermark trails by more than ten seconds */
    rollup_stop(house.stage);
    house.stage = NULL;
    close_house(&house);
    assert_true(metric_value(metric_get(METRIC_COUNTER, "seismo_rollup_late_total", NULL, NULL,
                                        "events that came after their window had closed")) >= 0);
    open_house(&house, 1);
    start_rollup(&house, 500);
    wait_for(&house, SERIES_API, "GET /api/x", 10, 5);
    close_house(&house);
}

/* Time goes on for detect when nothing comes. */
static void idle_time_goes_on(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 2);
    start_rollup(&house, 100);
    for (int i = 0; i < 500 && !atomic_load(&house.watermark_ms); i++)
        pause_ms(10);
    int64_t behind_ms = clock_wall_ms() - atomic_load(&house.watermark_ms);
    assert_true(behind_ms > 0 && behind_ms < 40000);
    close_house(&house);
}

/* A machine that wakes with its clock hours ahead must not be deaf for hours once the clock is right. */
static void a_clock_that_was_ahead_is_got_over(void **state)
{
    for (int restart = 0; restart < 2; restart++) {
        struct house house;
        struct sending wrong = {.session = "s1", .id = "beacon-1", .calls = 5};
        struct sending right = {.session = "s2", .id = "beacon-2", .calls = 7};
        int64_t ahead_ms = 6 * INT64_C(3600000);
        open_house(&house, 1);
        leap(ahead_ms);
        start_rollup(&house, 30000);
        wrong.at_ms = clock_wall_ms() - 25000;
        send_all(&house, &wrong, 1);
        live_until(&house, 10, 5);
        if (restart) {
            close_house(&house);
            open_house(&house, 1);
        }
        leap(-ahead_ms);
        if (restart)
            start_rollup(&house, 30000);
        right.at_ms = clock_wall_ms() - 25000;
        send_all(&house, &right, 1);
        live_until(&house, 10, 12);
        /* windows can be read a moment before the sink is told */
        for (int i = 0; i < 500 && atomic_load(&house.watermark_ms) >= clock_wall_ms(); i++)
            pause_ms(10);
        assert_true(atomic_load(&house.watermark_ms) < clock_wall_ms());
        set_clock(-1);
        close_house(&house);
        drop_folder(state);
        make_folder(state);
    }
}

/* For a few seconds it is an hour earlier, or later: nothing of the right time is dropped, late or closed early; what
 * was received by the wrong one is in windows of its own time. */
static void a_clock_that_leaps_and_is_set_right(void **state)
{
    const int64_t hour = 3600000;
    for (int64_t by = -hour; by <= hour; by += 2 * hour) {
        struct house house;
        struct sending first = {.session = "s1", .id = "beacon-1", .calls = 5};
        struct sending wrong = {.session = "s2", .id = "beacon-2", .errors = 3};
        struct sending second = {.session = "s3", .id = "beacon-3", .calls = 7};
        int64_t late = late_events();
        open_house(&house, 1);
        leap(0);
        start_rollup(&house, 30000);
        live(2000);
        first.at_ms = second.at_ms = clock_wall_ms() - 1000; /* one window, before and after */
        send_all(&house, &first, 1);
        wait_open(&house, 5);
        leap(by);
        wrong.at_ms = clock_wall_ms() - 1000;
        send_all(&house, &wrong, 1);
        live(5000);
        assert_int_equal((int)total(&house, SERIES_API, "GET /api/x", 10), 0);
        leap(-by);
        send_all(&house, &second, 1);
        live_until(&house, 10, 12);
        live_until(&house, 60, 12);
        struct sums sums = sum_up(&house, SERIES_API, "GET /api/x", "", 10);
        assert_true(sums.windows == 1 && !sums.incomplete);
        assert_int_equal(late_events() - late + total(&house, SERIES_ERROR, "/cart", 10), by < 0 ? 3 : 0);
        set_clock(-1);
        close_house(&house);
        drop_folder(state);
        make_folder(state);
    }
}

/* The clock was an hour behind and is set right for good: what comes by the new time is counted by it. */
static void a_clock_that_was_behind_is_got_over(void **state)
{
    (void)state;
    struct house house;
    int64_t late = late_events();
    open_house(&house, 1);
    leap(0);
    start_rollup(&house, 30000);
    struct sending before = {.at_ms = clock_wall_ms() - 1000, .session = "s1", .id = "beacon-1", .calls = 5};
    send_all(&house, &before, 1);
    wait_open(&house, 5);
    leap(3600000);
    struct sending after = {.at_ms = clock_wall_ms() - 1000, .session = "s2", .id = "beacon-2", .calls = 7};
    send_all(&house, &after, 1);
    live_until(&house, 10, 12);
    assert_int_equal(sum_up(&house, SERIES_API, "GET /api/x", "", 10).windows, 2);
    assert_int_equal(late_events(), late);
    set_clock(-1);
    close_house(&house);
}

/* Nothing comes behind the newest window: the beat that passes its end is owed, and closes it complete. */
static void the_newest_window_is_closed_by_a_beat(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 2);
    int64_t now_ms = clock_wall_ms();
    set_clock(now_ms - now_ms % 60000 + 118000);
    start_rollup(&house, 30000);
    struct sending sending = {.at_ms = clock_wall_ms() - 1000, .session = "s1", .id = "beacon-1", .calls = 5};
    send_all(&house, &sending, 1);
    wait_open(&house, 5);
    live_until(&house, 60, 5);
    assert_int_equal(sum_up(&house, SERIES_API, "GET /api/x", "", 60).incomplete, 0);
    assert_int_equal(sum_up(&house, SERIES_API, "GET /api/x", "", 10).incomplete, 0);
    set_clock(-1);
    close_house(&house);
}

/* A damaged or newer message stops or is counted; never is half of it merged, and never does it block for ever. */
static void poison_is_passed_over(void **state)
{
    (void)state;
    struct house house;
    open_house(&house, 1);
    struct bus_message bad[] = {{.topic = TOPIC_EVENTS, .value = SLICE("not a record")},
                                {.topic = TOPIC_ROLLUPS, .value = SLICE("not a partial")}};
    assert_int_equal(bus_publish_wait(house.bus, bad, 2), ERR_OK);
    struct sending sending = {.at_ms = minute_ago(3), .session = "s1", .id = "beacon-1", .calls = 5};
    send_all(&house, &sending, 1);
    start_rollup(&house, 30000);
    wait_for(&house, SERIES_API, "GET /api/x", 10, 5);
    close_house(&house);
}

/* What this release cannot read stops a stage, which leaves the group to one that can, with all that was before counted
 * once. */
static void what_a_newer_release_wrote_waits_for_it(void **state)
{
    (void)state;
    static const enum topic topics[] = {TOPIC_EVENTS, TOPIC_ROLLUPS};
    static const char newer_record[64] = "SR\x63", newer_partial[64] = "SP\x63";
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        struct house house;
        open_house(&house, 1);
        struct sending before = {.at_ms = minute_ago(3), .session = "s1", .id = "beacon-1", .calls = 5};
        struct sending after = {.at_ms = minute_ago(3), .session = "s2", .id = "beacon-2", .calls = 7};
        struct bus_message newer = {.topic = topics[i], .value = {i ? newer_partial : newer_record, 64}};
        send_all(&house, &before, 1);
        assert_int_equal(bus_publish_wait(house.bus, &newer, 1), ERR_OK);
        send_all(&house, &after, 1);
        for (int start = 1; start <= 2; start++) {
            start_rollup(&house, 30000);
            for (int ms = 0; ms < 20000 && atomic_load(&house.halts) < start; ms += 20)
                nanosleep(&(struct timespec){0, 20000000}, NULL);
            assert_int_equal(atomic_load(&house.halts), start); /* met again after a restart: it was not stepped over */
            rollup_stop(house.stage);
            house.stage = NULL;
        }
        assert_true(total(&house, SERIES_API, "GET /api/x", 10) <= 5);
        close_house(&house);
        drop_folder(state);
        make_folder(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts_become_windows, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(open_windows_can_be_seen, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(one_that_was_overtaken_joins_anew, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(what_was_announced_is_closed_first, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(poison_is_passed_over, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(what_a_newer_release_wrote_waits_for_it, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(idle_time_goes_on, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_clock_that_was_ahead_is_got_over, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_clock_that_leaps_and_is_set_right, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_clock_that_was_behind_is_got_over, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(the_newest_window_is_closed_by_a_beat, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_silent_source_is_not_waited_for_for_ever, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(a_restart_loses_and_doubles_nothing, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(kills_lose_and_double_nothing, make_folder, drop_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
