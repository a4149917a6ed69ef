/* Closing windows: which, in which order, and what is written when. The reasons stand at the head of merge.c. */
#include "rollup/merge_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define STATE_VERSION 2 /* 1: without epoch, owner and intent */
#define STATE_MAX_BYTES 65536
#define WRITE_ITEMS 500
#define COMMIT_MS 15000 /* how often a place is kept while nothing closes */
#define IDLE_LAG_MS 20000
#define LOOK_MS 1000
#define ASLEEP_MS 5000 /* no look for so long: we were stopped, or held up */

/* ---- state: u8 version | i64 committed, next, closed_ms | varint n | n x i64 watermark
 *             | u64 epoch, owner | u8 whether there is an intent, then i64 upto_ms, next, reached_ms ----
 * The owner's number keeps the puts of two owners apart that want to put the same. */

static void state_key(const struct merge_part *part, char key[32])
{
    snprintf(key, 32, "merge-%d", (int)part->partition);
}

static void read_owner(struct reader *reader, struct merge_part *part)
{
    part->epoch = read_u64(reader);
    read_u64(reader);
    if (!read_u8(reader))
        return;
    part->intent.is_set = true;
    part->intent.upto_ms = (int64_t)read_u64(reader);
    part->intent.next = (int64_t)read_u64(reader);
    part->intent.reached_ms = (int64_t)read_u64(reader);
}

static enum err read_state(struct merge_part *part, struct slice bytes)
{
    struct reader reader = reader_of(bytes);
    uint8_t version = read_u8(&reader);
    if (version > STATE_VERSION)
        return ERR_NEWER_VERSION;
    part->committed = (int64_t)read_u64(&reader);
    part->reread_until = (int64_t)read_u64(&reader);
    part->closed_ms = (int64_t)read_u64(&reader);
    uint64_t n = read_varint(&reader);
    for (uint64_t i = 0; i < n && !reader.failed; i++) {
        int64_t watermark_ms = (int64_t)read_u64(&reader);
        if (i < part->n_sources)
            part->sources[i].watermark_ms = watermark_ms;
    }
    part->has_state = true;
    if (version > 1)
        read_owner(&reader, part);
    return reader.failed || version == 0 ? ERR_CORRUPT : ERR_OK;
}

enum err merge_state_load(struct merge *merge, struct merge_part *part)
{
    char key[32];
    struct buf value;
    state_key(part, key);
    buf_init(&value, STATE_MAX_BYTES);
    enum err err = store_state_get(merge->stage->options.store, key, &value, &part->version);
    if (err == ERR_OK)
        err = read_state(part, buf_slice(&value));
    else if (err == ERR_MISSING)
        err = ERR_OK;
    buf_done(&value);
    return err;
}

static void write_state(const struct merge *merge, const struct merge_part *part, int64_t position, struct buf *buf)
{
    buf_u8(buf, STATE_VERSION);
    /* What was read before a restart stays known, also while it is read again. */
    int64_t next = part->reread_until > part->next ? part->reread_until : part->next;
    buf_u64(buf, (uint64_t)position);
    buf_u64(buf, (uint64_t)next);
    buf_u64(buf, (uint64_t)part->closed_ms);
    buf_varint(buf, part->n_sources);
    for (size_t i = 0; i < part->n_sources; i++)
        buf_u64(buf, (uint64_t)part->sources[i].watermark_ms);
    buf_u64(buf, part->epoch);
    buf_u64(buf, merge->owner);
    buf_u8(buf, part->intent.is_set);
    if (!part->intent.is_set)
        return;
    buf_u64(buf, (uint64_t)part->intent.upto_ms);
    buf_u64(buf, (uint64_t)part->intent.next);
    buf_u64(buf, (uint64_t)part->intent.reached_ms);
}

/* A put whose answer was lost looks like a conflict with ourselves. */
static bool is_ours(struct merge *merge, struct merge_part *part, const char *key, struct slice value)
{
    struct buf found;
    uint64_t version = 0;
    buf_init(&found, STATE_MAX_BYTES);
    enum err err = store_state_get(merge->stage->options.store, key, &found, &version);
    bool ours = err == ERR_OK && slice_equal(buf_slice(&found), value);
    if (ours)
        part->version = version;
    buf_done(&found);
    return ours;
}

/* Tries until the store answers. False: fenced, or stopping came first. */
static bool put_state(struct merge *merge, struct merge_part *part, int64_t position)
{
    char key[32];
    struct buf value;
    enum err err;
    state_key(part, key);
    buf_init(&value, STATE_MAX_BYTES);
    write_state(merge, part, position, &value);
    for (int pause_ms = 50;; pause_ms = pause_ms < 5000 ? pause_ms * 2 : 5000) {
        err = store_state_put(merge->stage->options.store, key, buf_slice(&value), part->version, &part->version);
        if (err == ERR_CONFLICT && is_ours(merge, part, key, buf_slice(&value)))
            err = ERR_OK;
        if (err == ERR_OK || err == ERR_CONFLICT || atomic_load(&merge->stage->stopping))
            break;
        log_warn("rollup", err, "the state of partition %d cannot be kept; trying again", part->partition);
        stage_pause(merge->stage, pause_ms);
    }
    part->is_fenced = err == ERR_CONFLICT;
    buf_done(&value);
    return err == ERR_OK;
}

enum err merge_state_claim(struct merge *merge, struct merge_part *part)
{
    char key[32];
    struct buf value;
    state_key(part, key);
    buf_init(&value, STATE_MAX_BYTES);
    part->epoch++;
    write_state(merge, part, part->committed, &value);
    enum err err = store_state_put(merge->stage->options.store, key, buf_slice(&value), part->version, &part->version);
    if (err == ERR_CONFLICT && is_ours(merge, part, key, buf_slice(&value)))
        err = ERR_OK;
    buf_done(&value);
    return err;
}

/* ---- which windows ---- */

void merge_mind_calm(struct merge *merge)
{
    int64_t now_ms = clock_mono_ms(), since_ms = now_ms - merge->looked_ms;
    if (since_ms < LOOK_MS)
        return;
    bool in_trouble = merge->trouble_ms && now_ms - merge->trouble_ms < LOOK_MS;
    bool calm = since_ms < ASLEEP_MS && !in_trouble && bus_is_current(merge->cursor);
    merge->looked_ms = clock_mono_ms();
    if (!calm)
        merge->calm_ms = merge->looked_ms;
}

/* How long something has been waited for, of the time in which it could have come. */
static int64_t waited_ms(const struct merge *merge, int64_t since_ms)
{
    return clock_mono_ms() - (since_ms > merge->calm_ms ? since_ms : merge->calm_ms);
}

/* The watermarks of all sources, and of those that still move. */
static void watermarks(const struct merge *merge, struct merge_part *part, int64_t *ret_moving)
{
    int64_t wait_ms = merge->stage->options.close_wait_ms;
    int64_t all = INT64_MAX, moving = INT64_MAX;
    for (size_t i = 0; i < part->n_sources; i++) {
        const struct merge_source *source = &part->sources[i];
        if (source->watermark_ms < all)
            all = source->watermark_ms;
        if (waited_ms(merge, source->moved_ms) < wait_ms && source->watermark_ms < moving)
            moving = source->watermark_ms;
    }
    part->reached_ms = all;
    *ret_moving = moving == INT64_MAX ? NO_TIME : moving;
}

struct outlook {
    int64_t oldest_first; /* of those that stay open; the part's next when none does */
    int64_t forsaken_ms;  /* the newest end of a window that has waited long enough by itself */
    int64_t earliest_ms;
};

/* Called at every turn, so by endings and not by windows. */
static struct outlook look(const struct merge *merge, const struct merge_part *part, int64_t upto_ms)
{
    struct outlook seen = {part->next, NO_TIME, INT64_MAX};
    int64_t wait_ms = merge->stage->options.close_wait_ms, now_ms = believed_now_ms(&merge->believed);
    for (size_t i = 0; i < part->open.n_endings; i++) {
        const struct ending *ending = &part->open.endings[i];
        if (ending->end_ms + wait_ms <= now_ms && waited_ms(merge, ending->opened_ms) >= wait_ms &&
            ending->end_ms > seen.forsaken_ms)
            seen.forsaken_ms = ending->end_ms;
        if (ending->end_ms < seen.earliest_ms)
            seen.earliest_ms = ending->end_ms;
        if (ending->end_ms > upto_ms && ending->first_position < seen.oldest_first)
            seen.oldest_first = ending->first_position;
    }
    return seen;
}

struct gathering {
    struct window **windows;
    size_t n;
};

static struct gathering gather(const struct merge_part *part, int64_t upto_ms, int64_t reached_ms)
{
    struct gathering gathering = {.windows = calloc(part->open.n + 1, sizeof(struct window *))};
    if (!gathering.windows)
        abort();
    for (size_t i = 0; i < part->open.n_endings; i++)
        for (struct window *window = part->open.endings[i].windows; window && part->open.endings[i].end_ms <= upto_ms;
             window = window->next) {
            window->rollup.incomplete = part->open.endings[i].end_ms > reached_ms;
            gathering.windows[gathering.n++] = window;
        }
    return gathering;
}

/* By end, then fine before coarse, then the service as a whole before its parts: what detect wants to see first. */
static int by_end(const void *left, const void *right)
{
    const struct window *a = *(struct window *const *)left, *b = *(struct window *const *)right;
    int64_t a_end = window_end(a), b_end = window_end(b);
    if (a_end != b_end)
        return a_end < b_end ? -1 : 1;
    if (a->rollup.width_s != b->rollup.width_s)
        return a->rollup.width_s < b->rollup.width_s ? -1 : 1;
    bool a_all = slice_equal(a->rollup.key.name, EVERY_NAME), b_all = slice_equal(b->rollup.key.name, EVERY_NAME);
    if (a_all != b_all)
        return a_all ? -1 : 1;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

static int64_t choose_end(struct merge *merge, struct merge_part *part)
{
    int64_t moving_ms;
    watermarks(merge, part, &moving_ms);
    struct outlook seen = look(merge, part, INT64_MAX);
    int64_t upto_ms = part->reached_ms > moving_ms ? part->reached_ms : moving_ms;
    if (moving_ms == NO_TIME && seen.forsaken_ms > upto_ms)
        upto_ms = seen.forsaken_ms;
    if (part->open.n > MAX_OPEN && seen.earliest_ms > upto_ms) {
        METRIC_ADD("seismo_rollup_forced_total", "times that windows closed early because too many were open", 1);
        upto_ms = seen.earliest_ms;
    }
    return upto_ms;
}

/* ---- a clock that was wrong ---- */

struct dropping {
    struct window **windows;
    size_t n;
    int64_t from_ms;
};

static void pick_future(void *ctx, struct window *window)
{
    struct dropping *dropping = ctx;
    if (window->rollup.start_ms > dropping->from_ms)
        dropping->windows[dropping->n++] = window;
}

static void drop_future(struct merge *merge, struct merge_part *part, int64_t from_ms)
{
    struct dropping dropping = {.from_ms = from_ms, .windows = calloc(part->open.n + 1, sizeof(struct window *))};
    if (!dropping.windows)
        abort();
    windows_each(&part->open, pick_future, &dropping);
    pthread_mutex_lock(&merge->mutex);
    for (size_t i = 0; i < dropping.n; i++)
        windows_remove(&part->open, dropping.windows[i]);
    pthread_mutex_unlock(&merge->mutex);
    METRIC_ADD("seismo_rollup_future_total", "open windows dropped because the clock that made them was wrong",
               (int64_t)dropping.n);
    free(dropping.windows);
}

/* A shared bus has a clock of its own, and what it says may be is not dropped because ours is behind. */
static int64_t latest_now_ms(const struct merge *merge)
{
    int64_t now_ms = believed_now_ms(&merge->believed);
    return bus_is_shared(merge->stage->options.bus) && merge->published_ms > now_ms ? merge->published_ms : now_ms;
}

void merge_mind_clock(struct merge *merge, struct merge_part *part)
{
    int64_t now_ms = latest_now_ms(merge), latest_ms = now_ms + CLOCK_LEAP_MS;
    bool leapt = part->closed_ms > latest_ms;
    for (size_t i = 0; i < part->n_sources; i++) {
        if (part->sources[i].watermark_ms <= latest_ms)
            continue;
        part->sources[i].watermark_ms = NO_TIME;
        leapt = true;
    }
    if (!leapt)
        return;
    log_warn("rollup", ERR_OK, "the clock was ahead by more than %d min; partition %d begins anew at the present time",
             CLOCK_LEAP_MS / 60000, (int)part->partition);
    if (part->closed_ms > latest_ms)
        part->closed_ms = now_ms - 2 * (int64_t)merge->stage->options.close_wait_ms; /* with what waited for the time */
    drop_future(merge, part, latest_ms);
}

/* ---- writing ---- */

static void refused(void *ctx, const struct store_item *item, int event, const char *reason)
{
    (void)ctx;
    (void)item;
    (void)event;
    METRIC_ADD("seismo_rollup_refused_total", "windows that the store refused for good", 1);
    log_warn("rollup", ERR_STORE_WRITE, "a window was refused: %s", reason);
}

static bool write_some(struct merge *merge, struct window **windows, size_t n)
{
    struct store_item items[WRITE_ITEMS];
    struct buf bytes[WRITE_ITEMS];
    enum err err;
    for (size_t i = 0; i < n; i++) {
        buf_init(&bytes[i], MESSAGE_BYTES);
        rollup_write(&windows[i]->rollup, &bytes[i]);
        items[i] = (struct store_item){.kind = STORE_ROLLUP, .value = buf_slice(&bytes[i])};
    }
    for (int pause_ms = 50;; pause_ms = pause_ms < 5000 ? pause_ms * 2 : 5000) {
        err = store_write(merge->stage->options.store, items, n, GROUP_MERGE, NULL, 0, refused, merge);
        if (err == ERR_OK || atomic_load(&merge->stage->stopping))
            break;
        log_warn("rollup", err, "windows cannot be stored; trying again");
        stage_pause(merge->stage, pause_ms);
    }
    for (size_t i = 0; i < n; i++)
        buf_done(&bytes[i]);
    return err == ERR_OK;
}

static bool write_all(struct merge *merge, struct window **windows, size_t n)
{
    for (size_t i = 0; i < n; i += WRITE_ITEMS)
        if (!write_some(merge, windows + i, n - i < WRITE_ITEMS ? n - i : WRITE_ITEMS))
            return false;
    return true;
}

static bool commit(struct merge *merge, struct merge_part *part, int64_t position)
{
    if (!put_state(merge, part, position))
        return false;
    part->committed = position;
    part->committed_at = clock_mono_ms();
    struct position place = {TOPIC_ROLLUPS, part->partition, position};
    enum err err = position >= 0 ? bus_commit(merge->cursor, &place, 1) : ERR_OK;
    if (err == ERR_FENCED)
        part->is_fenced = true;
    else if (err != ERR_OK) /* only retention wants it; the next one makes up for it */
        log_warn("rollup", err, "the place in partition %d was not committed", part->partition);
    return !part->is_fenced;
}

static void tell_sink(struct merge *merge, struct window **windows, size_t n)
{
    struct window_sink *sink = merge->stage->options.windows;
    for (size_t i = 0; sink && i < n; i++)
        sink->window(sink, &windows[i]->rollup, window_end(windows[i]) <= merge->told_ms);
}

static void remove_closed(struct merge *merge, struct merge_part *part, struct window **windows, size_t n)
{
    pthread_mutex_lock(&merge->mutex);
    for (size_t i = 0; i < n; i++)
        windows_remove(&part->open, windows[i]);
    pthread_mutex_unlock(&merge->mutex);
}

/* Before the first document, that they will be written: the put is what an owner of before fails at, and the next owner
 * finishes what was announced. */
static bool announce(struct merge *merge, struct merge_part *part, int64_t upto_ms, int64_t reached_ms)
{
    if (part->intent.is_set)
        return true;
    part->intent = (struct merge_intent){true, upto_ms, part->next, reached_ms};
    if (put_state(merge, part, part->committed))
        return true;
    part->intent.is_set = false;
    return false;
}

/* Documents, then state with position, then the sink; live sees each as open or as final at every moment. */
static bool close_until(struct merge *merge, struct merge_part *part, int64_t upto_ms, int64_t reached_ms)
{
    pthread_mutex_lock(&merge->mutex);
    struct gathering gathering = gather(part, upto_ms, reached_ms);
    pthread_mutex_unlock(&merge->mutex);
    qsort(gathering.windows, gathering.n, sizeof *gathering.windows, by_end);
    bool ok = announce(merge, part, upto_ms, reached_ms) && write_all(merge, gathering.windows, gathering.n);
    const struct merge_part before = *part;
    if (ok) {
        part->closed_ms = upto_ms;
        part->intent.is_set = false;
        ok = commit(merge, part, look(merge, part, upto_ms).oldest_first);
    }
    if (ok) {
        tell_sink(merge, gathering.windows, gathering.n);
        remove_closed(merge, part, gathering.windows, gathering.n);
    } else {
        part->closed_ms = before.closed_ms;
        part->intent = before.intent;
    }
    free(gathering.windows);
    return ok;
}

bool merge_close_intended(struct merge *merge, struct merge_part *part)
{
    return close_until(merge, part, part->intent.upto_ms, part->intent.reached_ms);
}

static bool close_part(struct merge *merge, struct merge_part *part)
{
    if (part->intent.is_set)
        return part->next < part->intent.next || merge_close_intended(merge, part);
    int64_t upto_ms = choose_end(merge, part);
    if (part->open.n && look(merge, part, upto_ms).earliest_ms <= upto_ms)
        return close_until(merge, part, upto_ms, part->reached_ms);
    bool is_due = !part->open.n && part->next > part->committed && clock_mono_ms() - part->committed_at >= COMMIT_MS;
    return !is_due || commit(merge, part, part->next);
}

/* Time goes on for the sink when windows close; when none is open and nothing comes, by the wall clock, well behind
 * any window that could still come on time. In trouble it stands still: the lack of data is then no news. */
static void tell_time(struct merge *merge)
{
    int64_t least_ms = INT64_MAX, closed_ms = NO_TIME, wait_ms = merge->stage->options.close_wait_ms;
    bool in_trouble = merge->trouble_ms && clock_mono_ms() - merge->trouble_ms < wait_ms;
    for (size_t i = 0; i < merge->n_parts; i++) {
        const struct merge_part *part = merge->parts[i];
        if (part->open.n && part->closed_ms < least_ms)
            least_ms = part->closed_ms;
        if (part->closed_ms > closed_ms)
            closed_ms = part->closed_ms;
    }
    if (least_ms == INT64_MAX && bus_is_shared(merge->stage->options.bus)) { /* none is open; beats always come */
        for (size_t i = 0; i < merge->n_parts; i++)
            if (merge->parts[i]->reached_ms < least_ms)
                least_ms = merge->parts[i]->reached_ms;
        least_ms = least_ms == INT64_MAX ? NO_TIME : least_ms;
    } else if (least_ms == INT64_MAX) { /* none is open */
        int64_t idle_ms = believed_now_ms(&merge->believed) - wait_ms - IDLE_LAG_MS;
        bool is_idle = merge->is_caught_up && merge->n_parts && !in_trouble;
        least_ms = is_idle && idle_ms > closed_ms ? idle_ms : closed_ms;
    }
    if (merge->told_ms > latest_now_ms(merge) + CLOCK_LEAP_MS)
        merge->told_ms = 0;
    if (least_ms == NO_TIME || least_ms / 1000 <= merge->told_ms / 1000)
        return;
    merge->told_ms = least_ms;
    if (merge->stage->options.windows)
        merge->stage->options.windows->watermark(merge->stage->options.windows, least_ms);
}

bool merge_close(struct merge *merge)
{
    believed_look(&merge->believed, stage_trial_ms(merge->stage));
    for (size_t i = 0; i < merge->n_parts; i++) {
        merge_mind_clock(merge, merge->parts[i]);
        close_part(merge, merge->parts[i]);
        if (merge->parts[i]->is_fenced)
            return false;
    }
    tell_time(merge);
    return true;
}
