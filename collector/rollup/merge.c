/* Stage two: partials to final windows. The thread, the records, the open windows; closing is merge_close.c.
 *
 * What may not go wrong, and why it does not
 *
 *  1. A window is final once and holds every partial that came before it closed. `closed_ms` of a partition is the
 *     time up to which all windows are final: what ends at or before it is never opened again.
 *  2. Windows that are open live in memory only. They are rebuilt after a crash by reading again from the oldest
 *     record that is part of any of them: that is the position that is committed.
 *  3. Position and closed_ms belong together: read from an older position with a newer closed_ms and nothing is
 *     doubled, because what the records add to closed windows is dropped; but an older closed_ms with a newer position
 *     would close windows again with a part of their partials missing. So both, with the watermarks, are one value in
 *     the store under "merge-PARTITION", put with compare-and-set after the windows themselves were stored.
 *     The position is also committed on the bus, whose retention wants to know it; it is never read from there.
 *  4. An owner that was stopped or cut off for so long that another has its partition changes nothing any more. The
 *     next owner puts the state once when the partition comes (a claim), so that every put of the one before fails;
 *     and before the first document of a closing is written, the intent to close is put: up to which time, made of the
 *     records before which position. One that is stopped between that put and its documents may wake up late and write
 *     them still: the next owner found the intent, read the same records again, and closed the same windows with the
 *     same contents before anything else, so that whichever comes second is a repeat. (Equal but for names at the bound
 *     on series, whose eviction is drawn at random.) Whoever fails at a put drops what is in memory and joins anew.
 *  5. A window that is read back as history and closed again after a restart reaches the window_sink twice; detect
 *     takes no window of a series that is not newer than the last one.
 *
 * When a window closes: the smallest watermark of all sources has passed its end. A source whose watermark has not
 * moved for close_wait_ms is not waited for; windows that close without it are marked incomplete. (The wait runs by the
 * lack of progress and not by the wall clock alone, so that a backlog of an hour is worked off without loss: in it all
 * sources move. It runs only while the bus answers and what it has is read: while the cluster is away, or we were
 * stopped, nobody could have moved.) When no source moves at all, windows close close_wait_ms after their end and after
 * they were opened.
 */
#include "rollup/merge_int.h"

#include "event/sample.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"

#define FETCH_MAX 64
#define WAIT_MS 100
#define PAUSE_MS 500

/* ---- partitions ---- */

static struct merge_part *find_part(struct merge *merge, int32_t partition)
{
    for (size_t i = 0; i < merge->n_parts; i++)
        if (merge->parts[i]->partition == partition)
            return merge->parts[i];
    return NULL;
}

static void part_free(struct merge_part *part)
{
    windows_done(&part->open);
    free(part->sources);
    free(part);
}

static void drop_part(struct merge *merge, struct merge_part *part)
{
    pthread_mutex_lock(&merge->mutex);
    for (size_t i = 0; i < merge->n_parts; i++)
        if (merge->parts[i] == part)
            merge->parts[i] = merge->parts[--merge->n_parts];
    pthread_mutex_unlock(&merge->mutex);
    part_free(part);
}

static struct merge_part *new_part(struct merge *merge, int32_t partition)
{
    struct merge_part *part = calloc(1, sizeof *part);
    if (!part)
        abort();
    part->partition = partition;
    part->closed_ms = part->reached_ms = NO_TIME;
    part->n_sources = (size_t)bus_partitions(merge->stage->options.bus, TOPIC_EVENTS);
    part->sources = calloc(part->n_sources, sizeof *part->sources);
    if (!part->sources)
        abort();
    for (size_t i = 0; i < part->n_sources; i++)
        part->sources[i] = (struct merge_source){.watermark_ms = NO_TIME, .moved_ms = clock_mono_ms()};
    windows_init(&part->open);
    return part;
}

/* Without its state nothing of the partition may be touched; there is nothing better to do than to wait. */
static bool take_over(struct merge *merge, struct merge_part *part, int64_t position)
{
    enum err err;
    for (;;) {
        err = merge_state_load(merge, part);
        if (err == ERR_OK && !part->has_state)
            part->committed = position;
        if (err == ERR_OK)
            err = merge_state_claim(merge, part);
        if (err == ERR_OK || atomic_load(&merge->stage->stopping))
            return err == ERR_OK;
        if (err != ERR_CONFLICT)
            log_warn("rollup", err, "the state of partition %d cannot be had; trying again", (int)part->partition);
        stage_pause(merge->stage, err == ERR_CONFLICT ? 20 : PAUSE_MS);
    }
}

static void assigned(void *ctx, enum topic topic, int32_t partition, int64_t *position)
{
    struct merge *merge = ctx;
    (void)topic;
    if (find_part(merge, partition))
        drop_part(merge, find_part(merge, partition));
    struct merge_part *part = new_part(merge, partition);
    if (!take_over(merge, part, *position)) {
        part_free(part);
        return;
    }
    part->is_fresh = true;
    part->needs_history = (size_t)partition >= merge->n_partitions ||
                          merge->left_epochs[partition] + 1 != part->epoch || part->epoch == 1;
    part->next = *position = part->committed;
    pthread_mutex_lock(&merge->mutex);
    merge->parts = realloc(merge->parts, (merge->n_parts + 1) * sizeof *merge->parts);
    if (!merge->parts)
        abort();
    merge->parts[merge->n_parts++] = part;
    pthread_mutex_unlock(&merge->mutex);
}

static void revoked(void *ctx, enum topic topic, int32_t partition, bool lost)
{
    struct merge *merge = ctx;
    (void)topic;
    (void)lost; /* what is open is rebuilt by the next owner */
    struct merge_part *part = find_part(merge, partition);
    if (!part)
        return;
    if ((size_t)partition < merge->n_partitions)
        merge->left_epochs[partition] = part->is_fresh ? 0 : part->epoch;
    drop_part(merge, part);
}

/* ---- partitions that have come ---- */

static bool take_history(void *ctx, const struct rollup *rollup)
{
    struct merge *merge = ctx;
    const struct merge_part *part = find_part(merge, series_partition(&rollup->key, (int)merge->n_partitions));
    if (sample_is(rollup->key.application))
        return !atomic_load(&merge->stage->stopping);
    if (!part || !part->needs_history)
        return !atomic_load(&merge->stage->stopping);
    uint64_t hash = series_hash(series_hash_whom(&rollup->key), &rollup->key);
    series_admit(merge->series, &rollup->key, hash, rollup->count);
    if (merge->stage->options.windows)
        merge->stage->options.windows->window(merge->stage->options.windows, rollup, true);
    return !atomic_load(&merge->stage->stopping);
}

/* The last minutes in fine windows, what lies before in coarse ones, which are a sixth of the work. */
static void read_history(struct merge *merge)
{
    const struct rollup_options *options = &merge->stage->options;
    int64_t now_ms = clock_wall_ms(), turn_ms = window_start(now_ms - HISTORY_FINE_MS, COARSE_S);
    struct store_rollup_query queries[] = {
        {.width_s = COARSE_S, .from_ms = now_ms - options->history_ms, .to_ms = turn_ms},
        {.width_s = FINE_S, .from_ms = turn_ms, .to_ms = now_ms + HISTORY_FINE_MS},
    };
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        if (queries[i].from_ms >= queries[i].to_ms)
            continue;
        enum err err = store_read_rollups(options->store, &queries[i], take_history, merge);
        if (err != ERR_OK)
            log_warn("rollup", err, "history cannot be read back; what is usual is learnt anew");
    }
}

/* Whoever decides about the series of these partitions is told that it is he now, and gets their history. */
static bool settle_in(struct merge *merge)
{
    struct ownership *taken = calloc(merge->n_parts + 1, sizeof *taken);
    size_t n = 0, strange = 0;
    if (!taken)
        abort();
    for (size_t i = 0; i < merge->n_parts; i++) {
        if (!merge->parts[i]->is_fresh)
            continue;
        taken[n++] = (struct ownership){merge->parts[i]->partition, merge->parts[i]->epoch};
        strange += merge->parts[i]->needs_history;
    }
    const struct rollup_options *options = &merge->stage->options;
    bool ok = n == 0 || !options->taken || options->taken(options->ctx, taken, n);
    free(taken);
    if (ok && strange)
        read_history(merge);
    for (size_t i = 0; ok && n && i < merge->n_parts; i++)
        merge->parts[i]->is_fresh = merge->parts[i]->needs_history = false;
    return ok;
}

/* ---- records ---- */

struct arrival {
    struct merge *merge;
    struct merge_part *part;
    int64_t position;
};

static void take_mark(void *ctx, struct source_mark mark)
{
    struct arrival *arrival = ctx;
    if (mark.partition < 0 || (size_t)mark.partition >= arrival->part->n_sources)
        return;
    struct merge_source *source = &arrival->part->sources[mark.partition];
    if (mark.watermark_ms <= source->watermark_ms)
        return;
    source->watermark_ms = mark.watermark_ms;
    source->moved_ms = clock_mono_ms();
}

static void merge_into(struct arrival *arrival, const struct series_key *key, uint64_t hash,
                       const struct rollup *rollup, int32_t width_s)
{
    bool is_new;
    int64_t start_ms = window_start(rollup->start_ms, width_s);
    if (start_ms + (int64_t)width_s * 1000 <= arrival->part->closed_ms)
        return;
    struct window *window = windows_get(&arrival->part->open, key, hash, start_ms, width_s, &is_new);
    if (is_new)
        windows_note(&arrival->part->open, window, arrival->position, clock_mono_ms());
    window_merge(&window->rollup, rollup);
}

struct spreading {
    struct arrival *arrival;
    const struct rollup *rollup;
};

static void merge_series(void *ctx, const struct series_key *key, uint64_t hash)
{
    const struct spreading *spreading = ctx;
    if (!series_admit(spreading->arrival->merge->series, key, hash, spreading->rollup->count))
        return;
    merge_into(spreading->arrival, key, hash, spreading->rollup, FINE_S);
    merge_into(spreading->arrival, key, hash, spreading->rollup, COARSE_S);
}

/* Each goes to its own series and to those of the service as a whole: of its kind, and of its vital or code. */
static void take_rollup(void *ctx, const struct rollup *rollup)
{
    struct arrival *arrival = ctx;
    if (rollup->width_s != FINE_S || rollup->start_ms < 0 || rollup->start_ms % (FINE_S * 1000) != 0)
        return; /* none of ours */
    bool is_late = rollup->start_ms + FINE_S * 1000 <= arrival->part->closed_ms;
    if (is_late && arrival->position >= arrival->part->reread_until)
        METRIC_ADD("seismo_rollup_late_total", "events that came after their window had closed",
                   (int64_t)rollup->events);
    struct spreading spreading = {arrival, rollup};
    facts_spread(rollup, merge_series, &spreading);
}

static void take_record(struct merge *merge, const struct bus_record *record)
{
    struct merge_part *part = find_part(merge, record->partition);
    if (!part || merge->halted || part->is_fenced)
        return;
    if (record->published_ms > merge->published_ms)
        merge->published_ms = record->published_ms;
    merge_mind_clock(merge, part);
    if (record->position < part->next) { /* the bus was replaced and began anew */
        part->reread_until = 0;
        part->intent.is_set = false;
    }
    if (part->intent.is_set && record->position >= part->intent.next && !merge_close_intended(merge, part))
        return;
    struct arrival arrival = {merge, part, record->position};
    const struct message_handler handler = {take_mark, take_rollup, &arrival};
    pthread_mutex_lock(&merge->mutex);
    enum err err = message_read(record->value, &handler);
    pthread_mutex_unlock(&merge->mutex);
    if (err == ERR_NEWER_VERSION) {
        log_error("rollup", err, "rollups %d, record %lld; merging stops until this instance is upgraded",
                  record->partition, (long long)record->position);
        merge->halted = true;
        return;
    }
    if (err != ERR_OK)
        METRIC_ADD("seismo_rollup_unreadable_total", "records that could not be read", 1);
    part->next = record->position + 1;
}

/* ---- the thread ---- */

static enum err join(struct merge *merge, struct err_text *text)
{
    struct bus_owner owner = {assigned, revoked, merge};
    return bus_subscribe(merge->stage->options.bus, TOPIC_ROLLUPS, GROUP_MERGE, &owner, &merge->cursor, text);
}

static void leave(struct merge *merge)
{
    while (merge->n_parts)
        drop_part(merge, merge->parts[0]);
    bus_unsubscribe(merge->cursor);
    merge->cursor = NULL;
}

static void join_again(struct merge *merge)
{
    struct err_text text;
    log_warn("rollup", ERR_FENCED, "another instance has merged; joining the group again");
    leave(merge);
    while (!atomic_load(&merge->stage->stopping) && join(merge, &text) != ERR_OK) {
        log_warn("rollup", ERR_BUS_READ, "%s", text.at);
        stage_pause(merge->stage, PAUSE_MS);
    }
}

static void take_records(struct merge *merge)
{
    struct bus_record records[FETCH_MAX];
    size_t n = 0;
    enum err err = bus_fetch(merge->cursor, records, FETCH_MAX, &n, WAIT_MS);
    if (err != ERR_OK) {
        log_warn("rollup", err, "rollups cannot be read; trying again");
        merge->trouble_ms = clock_mono_ms() | 1;
        stage_pause(merge->stage, PAUSE_MS);
        return;
    }
    merge->is_caught_up = n < FETCH_MAX;
    while (!settle_in(merge)) { /* what is lent stays lent; what is revoked meanwhile is found no more */
        size_t none = 0;
        if (atomic_load(&merge->stage->stopping))
            return;
        stage_pause(merge->stage, PAUSE_MS);
        bus_fetch(merge->cursor, NULL, 0, &none, 0);
    }
    if (!stage_await_time(merge->stage, &merge->believed))
        return;
    for (size_t i = 0; i < n; i++)
        take_record(merge, &records[i]);
}

static void *run(void *ctx)
{
    struct merge *merge = ctx;
    believed_look(&merge->believed, 0);
    merge->decayed_ms = merge->looked_ms = merge->calm_ms = clock_mono_ms();
    while (!atomic_load(&merge->stage->stopping) && merge->cursor && !merge->halted) {
        take_records(merge);
        merge_mind_calm(merge);
        if (!merge->halted && !merge_close(merge))
            join_again(merge);
        if (clock_mono_ms() - merge->decayed_ms >= SERIES_HALF_MS) {
            series_decay(merge->series);
            merge->decayed_ms = clock_mono_ms();
        }
    }
    if (merge->halted) {
        if (bus_is_shared(merge->stage->options.bus)) /* as in partial.c */
            leave(merge);
        stage_halted(merge->stage);
    }
    return NULL;
}

/* A state that a newer release wrote must stop the start, not the thread. */
static enum err check_states(struct merge *merge, struct err_text *text)
{
    enum err err = ERR_OK;
    struct store *store = merge->stage->options.store;
    int n = !store || store_is_ready(store) ? bus_partitions(merge->stage->options.bus, TOPIC_ROLLUPS) : 0;
    for (int32_t i = 0; err == ERR_OK && i < n; i++) {
        struct merge_part *part = new_part(merge, i);
        err = merge_state_load(merge, part);
        part_free(part);
        if (err == ERR_NEWER_VERSION || err == ERR_CORRUPT)
            return err_set(text, err, "rollup: the state merge-%d: %s", i, err_sentence(err));
    }
    return ERR_OK; /* a store that is away now may be back when the partition comes, and each question costs time */
}

enum err merge_start(struct merge **ret_merge, struct rollup_stage *stage, struct err_text *text)
{
    struct merge *merge = calloc(1, sizeof *merge);
    if (!merge)
        abort();
    merge->stage = stage;
    merge->n_partitions = (size_t)bus_partitions(stage->options.bus, TOPIC_ROLLUPS);
    merge->left_epochs = calloc(merge->n_partitions + 1, sizeof *merge->left_epochs);
    if (!merge->left_epochs)
        abort();
    hash_random(&merge->owner, sizeof merge->owner);
    merge->series = series_new((size_t)(stage->options.max_series > 0 ? stage->options.max_series : 1));
    pthread_mutex_init(&merge->mutex, NULL);
    enum err err = check_states(merge, text);
    if (err == ERR_OK)
        err = join(merge, text);
    if (err != ERR_OK) {
        merge_stop(merge);
        return err;
    }
    if (pthread_create(&merge->thread, NULL, run, merge))
        abort();
    merge->is_running = true;
    *ret_merge = merge;
    return ERR_OK;
}

void merge_stop(struct merge *merge)
{
    if (!merge)
        return;
    if (merge->is_running)
        pthread_join(merge->thread, NULL); /* a fetch waits for a tenth of a second */
    bus_unsubscribe(merge->cursor);
    while (merge->n_parts)
        drop_part(merge, merge->parts[0]);
    series_free(merge->series);
    pthread_mutex_destroy(&merge->mutex);
    free(merge->left_epochs);
    free(merge->parts);
    free(merge);
}

struct open_query {
    int32_t width_s;
    void (*each)(void *ctx, const struct rollup *rollup);
    void *ctx;
};

static void show_window(void *ctx, struct window *window)
{
    struct open_query *query = ctx;
    if (window->rollup.width_s == query->width_s)
        query->each(query->ctx, &window->rollup);
}

void merge_open_windows(struct merge *merge, int32_t width_s, void (*each)(void *ctx, const struct rollup *rollup),
                        void *ctx)
{
    struct open_query query = {width_s, each, ctx};
    pthread_mutex_lock(&merge->mutex);
    for (size_t i = 0; i < merge->n_parts; i++)
        windows_each(&merge->parts[i]->open, show_window, &query);
    pthread_mutex_unlock(&merge->mutex);
}
