/* Stage one: facts to partial windows, as they are read from one partition of events.
 *
 *   bus_fetch ──> records ──> ids (drops repeats) ──> windows of the source ──every flush_ms──> bus_transact
 *                                                                             { messages, positions }
 *
 * Guarantees
 *  1. A record is counted exactly once: what it added and the position behind it become durable in one transaction,
 *     and while that transaction has not succeeded nothing further is read. After ERR_FENCED, or when a partition was
 *     lost, all memory is dropped and the group is joined anew from the positions that did become durable.
 *  2. The ids of beacons are a function of the events before the position: at an assignment they are read back from
 *     the events of the last dedupe_ms, so that they need no state of their own and can never disagree with it.
 *  3. A source's watermark speaks for all that was read: a flush empties its windows and carries the watermark behind
 *     them. On a shared bus it trails the smallest of the ingests' marks (instances.c), by as long as 995 of 1000 facts
 *     take to arrive (delays.c): marks lie in the log between the records, so that a reader that is behind or cut off,
 * a spool that drains and a rebalance hold it back without anybody having to notice. An ingest that vanished without
 *     goodbye is waited for longer than the merger waits, so that what it may have had closes as incomplete. Where
 *     there are no marks it trails the newest time of receipt, and when nothing is left to read it follows the wall
 *     clock, unless the bus has lately been in trouble.
 *
 * A fact belongs to the window in which it ended (page, route, api), in which it was received (vitals, whose last
 * value is known only when the page is left), or in which it happened (clicks, errors): by their beginning the slowest
 * calls would always be too late. Windows are 10 s wide here; the merger makes the wider ones and those of a service
 * as a whole. */
#include "rollup/rollup_int.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"

#define FETCH_MAX 256
#define MAX_BYTES 16777216 /* of open partials; then they leave before their time */
#define MAX_WINDOWS 20000
#define TROUBLE_MS 30000 /* after an error of the bus, watermarks do not follow the wall clock */
#define FAR_BEAT_MS 5000 /* heartbeats of an idle instance that does not own all sources */
#define STOP_MS 5000     /* the last flush may take so long */
#define ARENA_BYTES 8388608
#define READ_BACK_PAUSE_MS 500
#define VANISHED_MS 15000 /* behind close_wait_ms */

struct source {
    int32_t partition;
    int64_t next, committed; /* -1: not known */
    int64_t watermark_ms, received_ms;
    struct ids ids;
    bool has_ids;
    struct delays delays;
    struct windows windows;
    struct instances instances;
};

struct partial {
    struct rollup_stage *stage;
    struct bus_cursor *cursor;
    pthread_t thread;
    struct arena *arena;
    struct source *sources;
    size_t n_sources;
    int n_targets;                           /* partitions of rollups */
    int64_t *pending_ms;                     /* a target's newest window ends then; heartbeats until that has passed */
    int64_t *told_ms;                        /* the least watermark that a target was told last */
    int64_t flushed_ms, trouble_ms, beat_ms; /* steady clock; trouble_ms 0: never */
    bool fenced, halted, is_running;
    bool is_shared, is_current; /* the bus; what bus_is_current said last */
    int64_t current_ms;         /* when, by the steady clock */
    struct believed believed;
};

/* ---- sources ---- */

static struct source *find_source(struct partial *partial, int32_t partition)
{
    for (size_t i = 0; i < partial->n_sources; i++)
        if (partial->sources[i].partition == partition)
            return &partial->sources[i];
    return NULL;
}

static void drop_source(struct partial *partial, struct source *source)
{
    ids_done(&source->ids);
    windows_done(&source->windows);
    instances_done(&source->instances);
    *source = partial->sources[--partial->n_sources];
}

static void assigned(void *ctx, enum topic topic, int32_t partition, int64_t *position)
{
    struct partial *partial = ctx;
    (void)topic;
    if (find_source(partial, partition))
        drop_source(partial, find_source(partial, partition));
    partial->sources = realloc(partial->sources, (partial->n_sources + 1) * sizeof *partial->sources);
    if (!partial->sources)
        abort();
    struct source *source = &partial->sources[partial->n_sources++];
    *source = (struct source){.partition = partition,
                              .next = *position,
                              .committed = *position,
                              .watermark_ms = NO_TIME,
                              .received_ms = NO_TIME};
    ids_init(&source->ids, partial->stage->options.dedupe_ms, IDS_MAX);
    windows_init(&source->windows);
}

static bool flush(struct partial *partial);

static void revoked(void *ctx, enum topic topic, int32_t partition, bool lost)
{
    struct partial *partial = ctx;
    (void)topic;
    struct source *source = find_source(partial, partition);
    if (!source)
        return;
    if (!lost)
        flush(partial);
    drop_source(partial, source);
}

/* ---- facts ---- */

/* One for each record of a beacon: a large one comes in several. */
static uint64_t id_of(const struct record *record)
{
    return (hash_keyed(record->application) + record_part(record)) * 0x9e3779b97f4a7c15u ^ hash_keyed(record->beacon);
}

static void add_record(struct source *source, const struct record *record, int64_t published_ms)
{
    if (record->received_at_ms > source->received_ms && record->received_at_ms <= published_ms + TROUBLE_MS)
        source->received_ms = record->received_at_ms;
    if (!ids_add(&source->ids, id_of(record), published_ms)) {
        METRIC_ADD("seismo_rollup_repeats_total", "beacons that were counted before and are not counted again", 1);
        return;
    }
    facts_add(&source->windows, &source->delays, record);
}

/* ---- the memory of ids ---- */

struct read_back {
    struct partial *partial;
    struct source *source;
};

/* Whether it is a mark; then it is taken. */
static bool take_mark(const struct partial *partial, struct source *source, const struct bus_record *bus_record)
{
    struct mark mark;
    instances_pass(&source->instances, bus_record->published_ms, partial->stage->options.close_wait_ms + VANISHED_MS);
    if (!mark_is(bus_record->value))
        return false;
    if (mark_read(bus_record->value, &mark))
        instances_mark(&source->instances, &mark, bus_record->published_ms);
    return true;
}

static bool remember(void *ctx, const struct bus_record *bus_record)
{
    struct read_back *back = ctx;
    struct record record;
    if (bus_record->position >= back->source->committed || atomic_load(&back->partial->stage->stopping))
        return false;
    if (take_mark(back->partial, back->source, bus_record))
        return true;
    arena_reset(back->partial->arena);
    if (record_decode(bus_record->value, back->partial->arena, &record) == ERR_OK)
        ids_add(&back->source->ids, id_of(&record), bus_record->published_ms);
    return true;
}

/* Before the first record, which was published then. False: stopping, and the memory has holes: nothing of the source
 * may be counted by it. */
static bool recall_ids(struct partial *partial, struct source *source, int64_t published_ms)
{
    struct read_back back = {partial, source};
    int64_t from_ms = published_ms - partial->stage->options.dedupe_ms; /* by the bus's clock, not by ours */
    enum err err = ERR_OK;
    while (source->committed > 0 && !atomic_load(&partial->stage->stopping) &&
           (err = bus_read_back(partial->cursor, TOPIC_EVENTS, source->partition, from_ms, remember, &back))) {
        log_warn("rollup", err, "partition %d: the beacons of the last minutes cannot be read back; trying again",
                 source->partition);
        stage_pause(partial->stage, READ_BACK_PAUSE_MS);
    }
    source->has_ids = !atomic_load(&partial->stage->stopping);
    return source->has_ids;
}

/* ---- reading ---- */

/* What cannot be read was put among the rejects by index; here it is only counted. */
static void take_record(struct partial *partial, const struct bus_record *bus_record)
{
    struct source *source = find_source(partial, bus_record->partition);
    struct record record;
    if (!source || partial->halted)
        return;
    if (!source->has_ids && !recall_ids(partial, source, bus_record->published_ms))
        return;
    if (take_mark(partial, source, bus_record)) {
        source->next = bus_record->position + 1;
        return;
    }
    arena_reset(partial->arena);
    enum err err = record_decode(bus_record->value, partial->arena, &record);
    if (err == ERR_NEWER_VERSION) {
        log_error("rollup", err, "partition %d, record %lld; rollup stops until this instance is upgraded",
                  bus_record->partition, (long long)bus_record->position);
        partial->halted = true;
        return;
    }
    if (err == ERR_OK)
        add_record(source, &record, bus_record->published_ms);
    else
        METRIC_ADD("seismo_rollup_unreadable_total", "records that could not be read", 1);
    source->next = bus_record->position + 1;
}

static bool is_caught_up(struct partial *partial, const struct source *source, bool came_empty)
{
    int64_t end = bus_end(partial->cursor, TOPIC_EVENTS, source->partition);
    return end < 0 ? came_empty : (source->next < 0 ? 0 : source->next) >= end;
}

/* Without marks: by what was received, and by the wall clock when there is nothing to read. */
static int64_t reached_without_marks(struct partial *partial, const struct source *source, int64_t lag_ms,
                                     int64_t now_ms, bool idle)
{
    int64_t reached = source->received_ms == NO_TIME ? NO_TIME : source->received_ms - lag_ms;
    int64_t behind = lag_ms > partial->stage->options.idle_ms ? lag_ms : partial->stage->options.idle_ms;
    return idle && now_ms - behind > reached ? now_ms - behind : reached;
}

/* On a shared bus a lack of records says nothing before the bus was asked, nor before it is known who sends marks. */
static bool may_be_idle(struct partial *partial)
{
    int64_t now_ms = clock_mono_ms();
    if (partial->is_shared && now_ms - partial->current_ms >= 1000) {
        partial->is_current = bus_is_current(partial->cursor);
        partial->current_ms = clock_mono_ms();
    }
    return (!partial->is_shared || partial->is_current) &&
           !(partial->trouble_ms && now_ms - partial->trouble_ms < TROUBLE_MS);
}

static void advance_watermarks(struct partial *partial, bool came_empty)
{
    believed_look(&partial->believed, stage_trial_ms(partial->stage));
    int64_t now_ms = believed_now_ms(&partial->believed);
    int64_t ahead_ms = partial->is_shared ? CLOCK_LEAP_MS : CLOCK_STEP_MS; /* of another's clock, or of our own */
    for (size_t i = 0; i < partial->n_sources; i++) {
        struct source *source = &partial->sources[i];
        if (source->received_ms > now_ms + ahead_ms)
            source->received_ms = NO_TIME;
        if (source->watermark_ms > now_ms + CLOCK_LEAP_MS)
            source->watermark_ms = NO_TIME;
        int64_t lag_ms = delays_lag_ms(&source->delays), reached = instances_reached(&source->instances);
        if (reached != NO_TIME)
            reached -= lag_ms;
        else
            reached = reached_without_marks(partial, source, lag_ms, now_ms,
                                            (source->has_ids || !partial->is_shared) &&
                                                is_caught_up(partial, source, came_empty) && may_be_idle(partial));
        if (reached > source->watermark_ms)
            source->watermark_ms = reached;
    }
}

/* ---- flushing ---- */

struct outgoing {
    struct partial *partial;
    struct bus_message *messages;
    struct buf *values;
    size_t n;
    struct buf body;
    int target;
    size_t max_bytes;
};

static void emit(struct outgoing *out, const struct source_mark *marks, size_t n_marks)
{
    out->values = realloc(out->values, (out->n + 1) * sizeof *out->values);
    out->messages = realloc(out->messages, (out->n + 1) * sizeof *out->messages);
    if (!out->values || !out->messages)
        abort();
    struct buf *value = &out->values[out->n];
    buf_init(value, 2 * MESSAGE_BYTES);
    message_begin(value, marks, n_marks);
    buf_add_slice(value, buf_slice(&out->body));
    out->messages[out->n++] =
        (struct bus_message){.topic = TOPIC_ROLLUPS, .key = (uint64_t)out->target, .value = buf_slice(value)};
    buf_clear(&out->body);
}

static void add_window(void *ctx, struct window *window)
{
    struct outgoing *out = ctx;
    if (series_partition(&window->rollup.key, out->partial->n_targets) != out->target)
        return;
    size_t before = out->body.len;
    message_add(&out->body, &window->rollup);
    if (before && out->body.len > out->max_bytes) {
        struct buf rest;
        buf_init(&rest, MESSAGE_BYTES);
        buf_add(&rest, out->body.at + before, out->body.len - before);
        out->body.len = before;
        emit(out, NULL, 0);
        buf_add_slice(&out->body, buf_slice(&rest));
        buf_done(&rest);
    }
    int64_t end_ms = window_start(window->rollup.start_ms, COARSE_S) + COARSE_S * 1000;
    if (end_ms > out->partial->pending_ms[out->target])
        out->partial->pending_ms[out->target] = end_ms;
}

/* Where one instance owns all sources it knows when nobody waits for its watermark; on a shared bus it does not, and
 * the merger's time is made of beats. What counts is what the target was told: the beat that passes the end of its
 * newest window is owed too. */
static bool owes_beat(const struct partial *partial, int target, bool far_beat)
{
    return partial->n_sources &&
           (partial->told_ms[target] < partial->pending_ms[target] || (partial->is_shared && far_beat));
}

static size_t list_marks(const struct partial *partial, struct source_mark *marks, int64_t *ret_least)
{
    size_t n = 0;
    *ret_least = INT64_MAX;
    for (size_t i = 0; i < partial->n_sources; i++) {
        const struct source *source = &partial->sources[i];
        if (source->watermark_ms < *ret_least)
            *ret_least = source->watermark_ms;
        if (source->watermark_ms != NO_TIME && n < MESSAGE_MAX_SOURCES)
            marks[n++] = (struct source_mark){source->partition, source->watermark_ms};
    }
    return n;
}

static void build(struct partial *partial, struct outgoing *out)
{
    struct source_mark *marks = calloc(partial->n_sources + 1, sizeof *marks);
    int64_t least_ms, steady_ms = clock_mono_ms();
    if (!marks)
        abort();
    size_t n_marks = list_marks(partial, marks, &least_ms);
    bool far_beat = steady_ms - partial->beat_ms >= FAR_BEAT_MS;
    for (out->target = 0; out->target < partial->n_targets; out->target++) {
        bool owed = owes_beat(partial, out->target, far_beat);
        for (size_t i = 0; i < partial->n_sources; i++)
            windows_each(&partial->sources[i].windows, add_window, out);
        if (out->body.len || (owed && n_marks)) {
            emit(out, marks, n_marks);
            partial->told_ms[out->target] = least_ms;
        }
    }
    if (far_beat)
        partial->beat_ms = steady_ms;
    free(marks);
}

static size_t list_positions(const struct partial *partial, struct position *positions)
{
    size_t n = 0;
    for (size_t i = 0; i < partial->n_sources; i++)
        if (partial->sources[i].next != partial->sources[i].committed)
            positions[n++] = (struct position){TOPIC_EVENTS, partial->sources[i].partition, partial->sources[i].next};
    return n;
}

static void note_trouble(struct partial *partial, enum err err, const char *what)
{
    if (err != ERR_AGAIN)
        log_warn("rollup", err, "%s; trying again", what);
    int64_t now_ms = clock_mono_ms();
    partial->trouble_ms = now_ms ? now_ms : 1;
}

/* Until it is done, or fenced, or there is no more time. */
static enum err transact(struct partial *partial, const struct outgoing *out, const struct position *positions,
                         size_t n_positions)
{
    int64_t stopping_ms = 0;
    for (int pause_ms = 20;; pause_ms = pause_ms < 2000 ? pause_ms * 2 : 2000) {
        enum err err = bus_transact(partial->cursor, out->messages, out->n, positions, n_positions);
        if (err == ERR_OK || err == ERR_FENCED || err == ERR_CLOSED)
            return err;
        note_trouble(partial, err, "partial windows cannot be published");
        bool stopping = atomic_load(&partial->stage->stopping);
        if (stopping && !stopping_ms)
            stopping_ms = clock_mono_ms();
        if (stopping && clock_mono_ms() - stopping_ms >= STOP_MS)
            return err;
        struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000L};
        nanosleep(&pause, NULL);
    }
}

static void settle(struct partial *partial)
{
    for (size_t i = 0; i < partial->n_sources; i++) {
        partial->sources[i].committed = partial->sources[i].next;
        windows_done(&partial->sources[i].windows);
    }
}

static void outgoing_done(struct outgoing *out)
{
    for (size_t i = 0; i < out->n; i++)
        buf_done(&out->values[i]);
    free(out->values);
    free(out->messages);
    buf_done(&out->body);
}

static bool flush(struct partial *partial)
{
    size_t most = bus_max_message(partial->stage->options.bus) / 2;
    struct outgoing out = {.partial = partial,
                           .max_bytes = most < MESSAGE_BYTES - 65536 ? most : MESSAGE_BYTES - 65536};
    struct position *positions = calloc(partial->n_sources + 1, sizeof *positions);
    if (!positions)
        abort();
    buf_init(&out.body, MESSAGE_BYTES);
    size_t n_positions = list_positions(partial, positions);
    build(partial, &out);
    enum err err = out.n || n_positions ? transact(partial, &out, positions, n_positions) : ERR_OK;
    if (err == ERR_OK)
        settle(partial);
    partial->fenced = partial->fenced || err == ERR_FENCED;
    partial->flushed_ms = clock_mono_ms();
    free(positions);
    outgoing_done(&out);
    return err == ERR_OK;
}

static bool is_full(const struct partial *partial)
{
    size_t bytes = 0, n = 0;
    for (size_t i = 0; i < partial->n_sources; i++) {
        n += partial->sources[i].windows.n;
        bytes += partial->sources[i].windows.bytes;
    }
    return bytes >= MAX_BYTES || n >= MAX_WINDOWS;
}

/* ---- the thread ---- */

static void forget_all(struct partial *partial)
{
    while (partial->n_sources)
        drop_source(partial, &partial->sources[0]);
}

static enum err join(struct partial *partial, struct err_text *text)
{
    struct bus_owner owner = {assigned, revoked, partial};
    return bus_subscribe(partial->stage->options.bus, TOPIC_EVENTS, GROUP_PARTIAL, &owner, &partial->cursor, text);
}

static void leave(struct partial *partial)
{
    forget_all(partial);
    bus_unsubscribe(partial->cursor);
    partial->cursor = NULL;
    partial->fenced = false;
}

/* Another instance owns a partition by now: nothing of what is in memory may be published. */
static void join_again(struct partial *partial)
{
    struct err_text text;
    log_warn("rollup", ERR_FENCED, "joining the group again from what was committed");
    leave(partial);
    while (!atomic_load(&partial->stage->stopping) && join(partial, &text) != ERR_OK) {
        log_warn("rollup", ERR_BUS_READ, "%s", text.at);
        stage_pause(partial->stage, 1000);
    }
}

static void take_records(struct partial *partial, int wait_ms)
{
    struct bus_record records[FETCH_MAX];
    size_t n = 0;
    enum err err = bus_fetch(partial->cursor, records, FETCH_MAX, &n, wait_ms);
    if (err != ERR_OK) {
        note_trouble(partial, err, "events cannot be read");
        stage_pause(partial->stage, 200);
        return;
    }
    if (!stage_await_time(partial->stage, &partial->believed))
        return;
    for (size_t i = 0; i < n; i++)
        take_record(partial, &records[i]);
    advance_watermarks(partial, n == 0);
}

static void *run(void *ctx)
{
    struct partial *partial = ctx;
    struct rollup_stage *stage = partial->stage;
    while (!atomic_load(&stage->stopping) && partial->cursor && !partial->halted) {
        int64_t left_ms = partial->flushed_ms + stage->options.flush_ms - clock_mono_ms();
        take_records(partial, left_ms < 1 ? 1 : left_ms < 1000 ? (int)left_ms : 1000);
        if (clock_mono_ms() - partial->flushed_ms >= stage->options.flush_ms || is_full(partial))
            flush(partial);
        if (partial->fenced)
            join_again(partial);
    }
    if (partial->cursor)
        flush(partial);
    if (partial->halted) {
        if (partial->is_shared) /* who can read on takes over; else the group is kept, for it would be given up */
            leave(partial);
        stage_halted(stage);
    }
    return NULL;
}

enum err partial_start(struct partial **ret_partial, struct rollup_stage *stage, struct err_text *text)
{
    struct partial *partial = calloc(1, sizeof *partial);
    if (!partial)
        abort();
    partial->stage = stage;
    partial->n_targets = bus_partitions(stage->options.bus, TOPIC_ROLLUPS);
    partial->is_shared = bus_is_shared(stage->options.bus);
    partial->arena = arena_new(262144, ARENA_BYTES);
    partial->pending_ms = calloc((size_t)partial->n_targets, sizeof *partial->pending_ms);
    partial->told_ms = calloc((size_t)partial->n_targets, sizeof *partial->told_ms);
    if (!partial->pending_ms || !partial->told_ms)
        abort();
    /* Windows that were open before a restart wait for a watermark too. */
    for (int i = 0; i < partial->n_targets; i++)
        partial->pending_ms[i] = window_start(clock_wall_ms(), COARSE_S) + COARSE_S * 1000;
    partial->flushed_ms = clock_mono_ms();
    enum err err = join(partial, text);
    if (err != ERR_OK) {
        partial_stop(partial);
        return err;
    }
    if (pthread_create(&partial->thread, NULL, run, partial))
        abort();
    partial->is_running = true;
    *ret_partial = partial;
    return ERR_OK;
}

void partial_stop(struct partial *partial)
{
    if (!partial)
        return;
    if (partial->is_running)
        pthread_join(partial->thread, NULL); /* a fetch waits for a second at most */
    forget_all(partial);
    bus_unsubscribe(partial->cursor);
    arena_free(partial->arena);
    free(partial->sources);
    free(partial->pending_ms);
    free(partial->told_ms);
    free(partial);
}
