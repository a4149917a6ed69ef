/* Bus to store. One turn of the thread:
 *
 *   fetch -> decode each (what cannot be is rejected) -> store_write, again and again until it is done
 *         -> rejects durable on the bus and stored -> every so often: positions into the store -> and on the bus
 *
 * With its positions a store of files makes durable what was written before them. That costs as much for one batch as
 * for many, and disturbs the bus, whose fsync people wait for; so positions are owed for a moment. Everything before
 * the commit may happen twice and is then stored once, as documents and rejects have ids of their own making. So where
 * to begin is the smaller of what the bus and the store know: a turn that was cut short is done again. A bus that knows
 * nothing of us was replaced, or is new: from its oldest record, whatever the store says.
 *
 * While the store is away the thread holds what it has fetched, keeps its membership alive and tries again. Records
 * of a partition that goes to another member meanwhile are dropped here: the other has them. */
#include "index/index.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "event/mark.h"
#include "event/record.h"
#include "index/index_int.h"

#define WAIT_MS 1000
#define OWED_MS 250   /* at most, between a batch written and its positions committed */
#define GATHER_MS 20  /* a batch that was not full is followed by a pause, so that the next one is larger */
#define ALIVE_MS 2000 /* between signs of life while waiting */
#define ARENA_BYTES 33554432
#define PROBE_RECORDS 10 /* a batch after a pause */
#define EXPIRE_MS 600000 /* between looks at what is older than the retention */
#define CLOCK_JUMP_MS 60000
#define STEADY_MS 3600000 /* without a leap, before the wall clock is believed when something is dropped by it */

/* ---- ownership ---- */

static void begin_at(void *ctx, enum topic topic, int32_t partition, int64_t *position)
{
    struct index *index = ctx;
    int64_t stored = -1;
    if (*position < 0 || !store_keeps_positions(index->options.store))
        return;
    enum err err = store_position(index->options.store, GROUP, topic, partition, &stored);
    if (err && err != ERR_MISSING)
        log_warn("index", err, "where the store stands in %s/%d is unknown; the bus's position is taken",
                 topic_name(topic), (int)partition);
    else if (err == ERR_MISSING || stored < *position)
        *position = err ? -1 : stored;
}

static void forget(struct position *positions, size_t *n, enum topic topic, int32_t partition)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        if (positions[i].topic != topic || positions[i].partition != partition)
            positions[kept++] = positions[i];
    }
    *n = kept;
}

/* What is held of the partition is the next owner's now. */
static void let_go(void *ctx, enum topic topic, int32_t partition, bool lost)
{
    struct index *index = ctx;
    (void)lost;
    for (size_t i = 0; i < index->n_items; i++) {
        if (index->sources[i]->partition == partition)
            index->items[i].done = true;
    }
    forget(index->positions, &index->n_positions, topic, partition);
    forget(index->owed, &index->n_owed, topic, partition);
}

/* ---- waiting ---- */

static bool is_stopping(struct index *index)
{
    pthread_mutex_lock(&index->mutex);
    bool stopping = index->stopping;
    pthread_mutex_unlock(&index->mutex);
    return stopping;
}

static void wait_some(struct index *index, int ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&index->mutex);
    while (!index->stopping && !pthread_cond_timedwait(&index->stop, &index->mutex, &at))
        ;
    pthread_mutex_unlock(&index->mutex);
}

/* Waits, alive as a member. False: stopping. */
static bool pause_ms(struct index *index, int ms)
{
    while (ms > 0 && !is_stopping(index)) {
        size_t none = 0;
        wait_some(index, ms < ALIVE_MS ? ms : ALIVE_MS);
        bus_fetch(index->cursor, NULL, 0, &none, 0);
        ms -= ALIVE_MS;
    }
    return !is_stopping(index);
}

bool index_back_off(struct index *index, unsigned tries, enum err err, const char *what)
{
    uint32_t random;
    hash_random(&random, sizeof random);
    int ms = backoff_ms(tries, random);
    if (tries % 8 == 0) /* at once, and then every few minutes */
        log_error("index", err, "%s: %s; trying again until it succeeds", what, err_sentence(err));
    return pause_ms(index, ms);
}

/* Nothing is read before the store has said once who was forgotten: it would be stored, and be there for good.
 * False: stopping. */
static bool learn_forgotten(struct index *index)
{
    enum err err;
    for (unsigned tries = 0; (err = forgetting_look(&index->forgetting, index->options.store)); tries++) {
        if (!index_back_off(index, tries, err, "asking the store who was forgotten"))
            return false;
    }
    return true;
}

/* ---- rejects ---- */

static struct reject *reject_of(struct index *index, const struct bus_record *record)
{
    for (size_t i = 0; i < index->n_rejects; i++) {
        if (index->rejects[i]->record == record)
            return index->rejects[i];
    }
    struct reject *reject = calloc(1, sizeof *reject);
    if (!reject)
        abort();
    reject->record = record;
    index->rejects[index->n_rejects++] = reject;
    return reject;
}

static void refuse(struct index *index, const struct bus_record *record, int event, enum err code, const char *reason)
{
    struct reject *reject = reject_of(index, record);
    if (reject->n_refused++ == 0) {
        reject->code = code;
        snprintf(reject->reason, sizeof reject->reason, "%s", reason);
    }
    if (event >= 0 && reject->n_events < REJECT_EVENTS)
        reject->events[reject->n_events++] = event;
    index->refused++;
    metric_add(metric_get(METRIC_COUNTER, "seismo_rejects_total", "reason", err_name(code),
                          "documents that were refused for good, by reason"),
               1);
}

static void note_refusal(void *ctx, const struct store_item *item, int event, const char *reason)
{
    struct index *index = ctx;
    size_t i = (size_t)(item - index->items);
    assert(i < index->n_items);
    refuse(index, index->sources[i], event, ERR_STORE_WRITE, reason ? reason : err_sentence(ERR_STORE_WRITE));
}

/* ---- one batch ---- */

static void put_position(struct position *positions, size_t *n, struct position position)
{
    size_t i = 0;
    while (i < *n && positions[i].partition != position.partition)
        i++;
    positions[i] = position;
    *n += i == *n;
}

static void note_position(struct index *index, const struct bus_record *record)
{
    put_position(index->positions, &index->n_positions,
                 (struct position){record->topic, record->partition, record->position + 1});
}

static void clear(struct index *index)
{
    for (size_t i = 0; i < index->n_rejects; i++)
        free(index->rejects[i]);
    index->n_records = index->n_items = index->n_positions = index->n_rejects = 0;
    index->documents = index->refused = 0;
    arena_reset(index->arena);
}

/* Records to items; ERR_NEWER_VERSION ends the index, as only a newer release can read on. */
static enum err decode_all(struct index *index)
{
    (void)forgetting_look(&index->forgetting, index->options.store);
    for (size_t i = 0; i < index->n_records; i++) {
        struct bus_record *source = &index->records[i];
        struct record record;
        arena_reset(index->arena);
        if (mark_is(source->value)) { /* between the records, for those who keep time */
            note_position(index, source);
            continue;
        }
        enum err err = record_decode(source->value, index->arena, &record);
        if (err == ERR_NEWER_VERSION) {
            log_error("index", err, "%s/%d at %lld: %s; this release cannot read on, start the newer one",
                      topic_name(source->topic), (int)source->partition, (long long)source->position,
                      err_sentence(err));
            index->is_halted = true;
            return err;
        }
        note_position(index, source);
        if (err) {
            index->documents++;
            refuse(index, source, -1, err, err_sentence(err));
            continue;
        }
        if (forgetting_has(&index->forgetting, &record))
            continue;
        index->documents += record.n_facts;
        releases_note(&index->releases, &record);
        index->sources[index->n_items] = source;
        index->items[index->n_items++] = (struct store_item){STORE_BEACON, source->value, SLICE_NONE, false, 0};
    }
    return ERR_OK;
}

static unsigned long count_stored(const struct index *index)
{
    unsigned long stored = 0;
    for (size_t i = 0; i < index->n_items; i++)
        stored += index->items[i].stored;
    return stored;
}

/* Somebody may have been forgotten since the batch was read: before it is written after all, the store is asked again.
 */
static enum err drop_forgotten(struct index *index)
{
    enum err err = forgetting_look_now(&index->forgetting, index->options.store);
    for (size_t i = 0; i < index->n_items && !err; i++) {
        struct store_item *item = &index->items[i];
        struct record record;
        arena_reset(index->arena);
        item->done = item->done || (record_decode(item->value, index->arena, &record) == ERR_OK &&
                                    forgetting_has(&index->forgetting, &record));
    }
    return err;
}

/* Writes until all is stored or refused. False: stopping. */
static bool write_all(struct index *index)
{
    enum err err;
    if (index->n_items) /* a store that hangs holds us here: what is in hand shows as not yet read */
        bus_lag(index->cursor);
    for (unsigned tries = 0;; tries++) {
        err = tries ? drop_forgotten(index) : ERR_OK;
        if (!err)
            err = store_write(index->options.store, index->items, index->n_items, GROUP, NULL, 0, note_refusal, index);
        if (!err)
            return true;
        if (!index_back_off(index, tries, err, "writing to the store"))
            return false;
    }
}

/* False: stopping. */
static bool store_owed(struct index *index)
{
    enum err err;
    for (unsigned tries = 0;
         (err = store_write(index->options.store, NULL, 0, GROUP, index->owed, index->n_owed, note_refusal, index));
         tries++) {
        if (!index_back_off(index, tries, err, "writing positions to the store"))
            return false;
    }
    return true;
}

/* False: stopping, and they were not committed. */
static bool commit(struct index *index)
{
    if (store_keeps_positions(index->options.store) && !store_owed(index))
        return false;
    enum err err = index->n_owed ? bus_commit(index->cursor, index->owed, index->n_owed) : ERR_OK;
    index->n_owed = 0;
    if (err) /* the next commit covers it; until then these would be stored again, which changes nothing */
        log_line(err == ERR_FENCED ? LOG_INFO : LOG_WARN, "index", err, "committing: %s", err_sentence(err));
    return true;
}

static int owed_ms_left(const struct index *index)
{
    int64_t left = index->owed_since_ms + OWED_MS - clock_mono_ms();
    if (!store_keeps_positions(index->options.store) || index->n_owed > (size_t)index->options.batch_records)
        return 0;
    return left < 0 ? 0 : left > OWED_MS ? OWED_MS : (int)left;
}

static bool commit_when_due(struct index *index)
{
    return index->n_owed == 0 || owed_ms_left(index) > 0 || commit(index);
}

static void owe(struct index *index)
{
    if (index->n_owed == 0)
        index->owed_since_ms = clock_mono_ms();
    for (size_t i = 0; i < index->n_positions; i++)
        put_position(index->owed, &index->n_owed, index->positions[i]);
}

static bool finish(struct index *index)
{
    unsigned long stored = count_stored(index);
    if (!index_save_rejects(index))
        return false;
    releases_keep(&index->releases, index->options.store);
    owe(index);
    metric_add(index->stored, (int64_t)stored);
    if (index->options.stored)
        index->options.stored(index->options.ctx, stored);
    return true;
}

static void show_paused(struct index *index, bool paused)
{
    if (paused == index->paused)
        return;
    if (!paused)
        log_info("index", "most documents are stored again; indexing goes on");
    index->paused = paused;
    metric_set(index->is_paused, paused);
    if (index->options.paused)
        index->options.paused(index->options.ctx, paused);
}

/* A burst of refusals is more likely our fault than that of so many records: tell, and go on slowly. */
static bool mind_burst(struct index *index)
{
    burst_add(&index->burst, clock_mono_ms(), index->documents, index->refused);
    int ms = burst_pause_ms(&index->burst, clock_mono_ms());
    show_paused(index, index->burst.pause_ms > 0);
    if (ms == 0)
        return true;
    log_error("index", ERR_STORE_BURST, "most of the last documents were refused (%s); pausing for %d s",
              index->n_rejects ? index->rejects[0]->reason : "", ms / 1000);
    return pause_ms(index, ms);
}

/* False: stopping, or nothing more can be read. */
static bool turn(struct index *index)
{
    size_t max = (size_t)index->options.batch_records;
    if (index->burst.pause_ms && max > PROBE_RECORDS)
        max = PROBE_RECORDS;
    clear(index);
    int wait_ms = index->n_owed ? owed_ms_left(index) : WAIT_MS;
    enum err err = bus_fetch(index->cursor, index->records, max, &index->n_records, wait_ms);
    if (err)
        return index_back_off(index, 2, err, "reading the bus");
    if (index->n_records == 0) {
        releases_keep(&index->releases, index->options.store);
        return commit_when_due(index);
    }
    if (decode_all(index) || !write_all(index) || !finish(index) || !commit_when_due(index) || !mind_burst(index))
        return false;
    if (index->n_records < max)
        wait_some(index, GATHER_MS);
    return true;
}

/* Drops what is older than the retention. Not at once, and not when the wall clock has leapt since the last look: it
 * may be wrong for a while, and what is dropped does not come back. */
static void expire(struct index *index)
{
    int64_t mono_ms = clock_mono_ms(), wall_ms = clock_wall_ms(), passed_ms = mono_ms - index->looked_mono_ms;
    if (passed_ms < EXPIRE_MS)
        return;
    if (llabs(wall_ms - index->looked_wall_ms - passed_ms) > CLOCK_JUMP_MS)
        index->steady_since_ms = mono_ms;
    bool steady = mono_ms - index->steady_since_ms >= STEADY_MS;
    enum err err = steady ? store_expire(index->options.store, wall_ms) : ERR_OK;
    if (err)
        log_warn("index", err, "dropping what is older than the retention: %s", err_sentence(err));
    index->looked_wall_ms = wall_ms;
    index->looked_mono_ms = mono_ms;
}

/* Who can read on takes over. A bus of this process alone has nobody else, and gives up a group that nobody has. */
static void leave(struct index *index)
{
    pthread_mutex_lock(&index->mutex);
    struct bus_cursor *cursor = index->cursor;
    index->cursor = NULL;
    pthread_mutex_unlock(&index->mutex);
    bus_unsubscribe(cursor);
}

static void *run(void *arg)
{
    struct index *index = arg;
    if (learn_forgotten(index)) {
        while (!is_stopping(index) && turn(index))
            expire(index);
    }
    if (index->n_owed)
        commit(index);
    clear(index);
    if (index->is_halted && bus_is_shared(index->options.bus))
        leave(index);
    if (index->is_halted && index->options.halted)
        index->options.halted(index->options.ctx);
    return NULL;
}

/* ---- life ---- */

static void *table(const struct index_options *options, size_t each)
{
    void *at = calloc((size_t)options->batch_records, each);
    if (!at)
        abort();
    return at;
}

static void free_index(struct index *index)
{
    bus_unsubscribe(index->cursor);
    forgotten_done(&index->forgetting.known);
    arena_free(index->arena);
    free(index->records);
    free(index->items);
    free(index->sources);
    free(index->positions);
    free(index->owed);
    free(index->rejects);
    pthread_cond_destroy(&index->stop);
    pthread_mutex_destroy(&index->mutex);
    free(index);
}

static struct index *new_index(const struct index_options *options)
{
    pthread_condattr_t steady;
    struct index *index = calloc(1, sizeof *index);
    if (!index)
        abort();
    index->options = *options;
    index->looked_wall_ms = clock_wall_ms();
    index->looked_mono_ms = index->steady_since_ms = clock_mono_ms();
    index->records = table(options, sizeof *index->records);
    index->items = table(options, sizeof *index->items);
    index->sources = table(options, sizeof *index->sources);
    index->positions = table(options, sizeof *index->positions);
    index->owed = table(options, 2 * sizeof *index->owed);
    index->rejects = table(options, sizeof *index->rejects);
    index->arena = arena_new(65536, ARENA_BYTES);
    index->stored = metric_get(METRIC_COUNTER, "seismo_events_stored_total", NULL, NULL,
                               "events newly stored as documents; repeats are not counted");
    index->is_paused = metric_get(METRIC_GAUGE, "seismo_index_paused", NULL, NULL,
                                  "1 while indexing pauses since most of the last documents were refused");
    pthread_mutex_init(&index->mutex, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&index->stop, &steady);
    pthread_condattr_destroy(&steady);
    return index;
}

enum err index_start(struct index **ret_index, const struct index_options *options, struct err_text *text)
{
    assert(options->batch_records >= 1);
    struct index *index = new_index(options);
    struct bus_owner owner = {begin_at, let_go, index};
    enum err err = bus_subscribe(options->bus, TOPIC_EVENTS, GROUP, &owner, &index->cursor, text);
    if (!err && pthread_create(&index->thread, NULL, run, index))
        err = err_set(text, ERR_NO_MEMORY, "index: no thread");
    if (err)
        free_index(index);
    else
        *ret_index = index;
    return err;
}

void index_halt(struct index *index)
{
    if (!index)
        return;
    pthread_mutex_lock(&index->mutex);
    index->stopping = true;
    pthread_cond_signal(&index->stop);
    if (index->cursor)
        bus_wake(index->cursor);
    pthread_mutex_unlock(&index->mutex);
}

void index_stop(struct index *index)
{
    if (!index)
        return;
    index_halt(index);
    pthread_join(index->thread, NULL);
    free_index(index);
}
