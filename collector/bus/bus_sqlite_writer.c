/* The one writer of the SQLite bus: takes all that waits, writes it in one transaction, then tells everybody.
 *
 * While it commits, the next ones gather; so the more wait, the more one fsync carries, and a lone one waits for
 * nobody. The order is that of the queue. A request is applied as a whole or, with all others of its transaction,
 * not at all: nothing is half there, and nothing is called durable before SQLite has returned from COMMIT with
 * synchronous=FULL. When a write fails (a full disk), those that waited for it are told so and the next try is the
 * next request; without any, a probe each second finds out whether there is room again. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/dbpages.h"
#include "base/log.h"
#include "bus/bus_sqlite_int.h"

#define TICK_MS 1000          /* retention, probes and idle checkpoints */
#define COMMIT_BYTES 33554432 /* one transaction's values, so that its end is never far */
#define CLOCK_JUMP_MS 3600000 /* a clock set back by more is believed; by less, arrival times stand still */
#define IDLE_REMOVE_ROWS 512

/* ---- the queue ---- */

static void grow(struct requests *requests)
{
    if (requests->n < requests->size)
        return;
    requests->size = requests->size ? requests->size * 2 : 256;
    requests->at = realloc(requests->at, requests->size * sizeof *requests->at);
    if (!requests->at)
        abort();
}

static size_t cost(const struct request *request)
{
    size_t bytes = SQLITE_BUS_MESSAGE_COST + request->message.value.len;
    for (size_t i = 0; request->change && i < request->change->n_messages; i++)
        bytes += SQLITE_BUS_MESSAGE_COST + request->change->messages[i].value.len;
    return bytes;
}

enum err sqlite_writer_add(struct sqlite_bus *bus, const struct request *request, bool bound)
{
    size_t bytes = cost(request), used = atomic_load(&bus->used_bytes);
    enum err err = ERR_OK;
    pthread_mutex_lock(&bus->mutex);
    if (bus->closing)
        err = ERR_CLOSED;
    else if (bound && bus->max_file_bytes && used + bus->pending_bytes + bytes > bus->max_file_bytes)
        err = ERR_FULL;
    else if (bound && bus->pending_bytes + bytes > bus->max_pending_bytes)
        err = ERR_AGAIN;
    if (!err) {
        grow(&bus->waiting);
        bus->waiting.at[bus->waiting.n++] = *request;
        bus->pending_bytes += bytes;
        if (bus->waiting.n == 1)
            pthread_cond_signal(&bus->work);
    }
    pthread_mutex_unlock(&bus->mutex);
    return err;
}

struct waiter {
    struct sqlite_bus *bus;
    bool settled;
    enum err result;
};

static void note_result(void *ctx, enum err result)
{
    struct waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->bus->mutex);
    waiter->settled = true;
    waiter->result = result;
    pthread_cond_broadcast(&waiter->bus->committed);
    pthread_mutex_unlock(&waiter->bus->mutex);
}

enum err sqlite_writer_wait(struct sqlite_bus *bus, const struct sqlite_change *change)
{
    struct waiter waiter = {bus, false, ERR_OK};
    struct request request = {.change = change, .done = note_result, .ctx = &waiter};
    enum err err = sqlite_writer_add(bus, &request, false);
    if (err)
        return err;
    pthread_mutex_lock(&bus->mutex);
    while (!waiter.settled)
        pthread_cond_wait(&bus->committed, &bus->mutex);
    pthread_mutex_unlock(&bus->mutex);
    return waiter.result;
}

/* ---- one transaction ---- */

static bool step_done(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

static bool insert(struct sqlite_bus *bus, const struct bus_message *message, int64_t now_ms)
{
    struct sqlite_partition *part =
        sqlite_part(bus, message->topic, (int32_t)(message->key % (uint64_t)bus->n_partitions));
    int64_t bytes = part->writing.next_bytes + (int64_t)message->value.len;
    sqlite3_bind_int64(part->insert, 1, part->writing.next);
    sqlite3_bind_int64(part->insert, 2, now_ms);
    sqlite3_bind_int64(part->insert, 3, bytes);
    sqlite3_bind_blob64(part->insert, 4, message->value.len ? message->value.at : "", message->value.len,
                        SQLITE_STATIC);
    if (!step_done(part->insert))
        return false;
    part->writing.next++;
    part->writing.next_bytes = bytes;
    return true;
}

bool sqlite_writer_put_place(struct sqlite_bus *bus, const struct sqlite_group *group, int32_t partition, int64_t next)
{
    sqlite3_bind_text(bus->put_position, 1, group->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(bus->put_position, 2, topic_name(group->topic), -1, SQLITE_STATIC);
    sqlite3_bind_int64(bus->put_position, 3, partition);
    sqlite3_bind_int64(bus->put_position, 4, next);
    sqlite3_bind_int64(bus->put_position, 5, clock_wall_ms());
    return step_done(bus->put_position);
}

static bool apply_change(struct sqlite_bus *bus, const struct sqlite_change *change, int64_t now_ms)
{
    bool ok = true;
    for (int32_t p = 0; change->subscribe && ok && p < bus->n_partitions; p++)
        ok = sqlite_writer_put_place(bus, change->group, p, change->group->next[p]);
    for (size_t i = 0; ok && i < change->n_messages; i++)
        ok = insert(bus, &change->messages[i], now_ms);
    for (size_t i = 0; ok && i < change->n_positions; i++)
        ok = sqlite_writer_put_place(bus, change->group, change->positions[i].partition, change->positions[i].next);
    return ok;
}

static bool apply(struct sqlite_bus *bus, const struct request *request, int64_t now_ms)
{
    return request->change ? apply_change(bus, request->change, now_ms) : insert(bus, &request->message, now_ms);
}

/* Arrival times never go back within a partition, so that a place can be found by time; but one wrong day of the
 * clock must not stay with us for ever. */
static int64_t arrival_ms(struct sqlite_bus *bus)
{
    int64_t now_ms = clock_wall_ms();
    if (bus->last_published_ms > now_ms && bus->last_published_ms - now_ms < CLOCK_JUMP_MS)
        now_ms = bus->last_published_ms;
    bus->last_published_ms = now_ms;
    return now_ms;
}

static void begin_extents(struct sqlite_bus *bus)
{
    for (size_t i = 0; i < (size_t)TOPIC_COUNT * (size_t)bus->n_partitions; i++)
        bus->parts[i].writing = bus->parts[i].extent;
}

/* Makes what is durable now visible to cursors, and wakes them. */
static void show(struct sqlite_bus *bus, const struct request *requests, size_t n)
{
    bool arrived[TOPIC_COUNT] = {false};
    pthread_mutex_lock(&bus->mutex);
    for (size_t i = 0; i < (size_t)TOPIC_COUNT * (size_t)bus->n_partitions; i++) {
        struct sqlite_partition *part = &bus->parts[i];
        arrived[part->topic] |= part->extent.next != part->writing.next;
        part->extent = part->writing;
    }
    for (size_t i = 0; i < n; i++) {
        const struct sqlite_change *change = requests[i].change;
        for (size_t p = 0; change && p < change->n_positions; p++)
            change->group->next[change->positions[p].partition] = change->positions[p].next;
        bus->moved |= change != NULL;
    }
    pthread_mutex_unlock(&bus->mutex);
    for (size_t t = 0; t < TOPIC_COUNT; t++) {
        if (arrived[t])
            pthread_cond_broadcast(&bus->arrived[t]);
    }
}

/* What is committed to a file that nobody can open any more is lost: it must not be called durable. */
static bool was_removed(struct sqlite_bus *bus)
{
    int moved = 0;
    return sqlite3_file_control(bus->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

static enum err give_up(struct sqlite_bus *bus, bool removed)
{
    enum err err = removed ? ERR_BUS_WRITE : sqlite_file_err(bus->db, ERR_BUS_WRITE);
    bool first = !atomic_exchange(&bus->failing, true);
    if (first && removed)
        log_error("bus", err, "%s was removed or renamed while it was in use; restart to begin another", bus->path);
    else if (first)
        log_error("bus", err, "%s: %s", bus->path, sqlite3_errmsg(bus->db));
    if (!sqlite3_get_autocommit(bus->db))
        step_done(bus->rollback);
    if (err == ERR_CORRUPT)
        atomic_store(&bus->damaged, true);
    return err;
}

/* ---- damage ---- */

void sqlite_writer_note_damage(struct sqlite_bus *bus)
{
    atomic_store(&bus->damaged, true);
    pthread_mutex_lock(&bus->mutex);
    pthread_cond_signal(&bus->work);
    pthread_mutex_unlock(&bus->mutex);
}

static enum err open_again(struct sqlite_bus *bus, struct err_text *text)
{
    enum err err = sqlite_file_open(bus->path, true, &bus->db, text);
    if (err)
        return err;
    sqlite3_wal_hook(bus->db, sqlite_note_wal, bus);
    bus->wal_pages = 1;
    sqlite_checkpointer_restarted(bus->checkpointer);
    bus->checkpoint_at = bus->checkpoint_pages;
    err = sqlite_file_load(bus, text);
    if (err) {
        sqlite_file_finalize(bus);
        sqlite3_close(bus->db);
        bus->db = NULL;
    }
    return err;
}

/* Puts a new file in the place of the damaged one, once its disk can be read. Cursors wait meanwhile, and open it again
 * after. */
static enum err replace(struct sqlite_bus *bus)
{
    struct err_text text = {""};
    pthread_rwlock_wrlock(&bus->file_lock);
    sqlite_file_finalize(bus);
    if (bus->db) /* else the last to close it would write the WAL back into it and delete it */
        sqlite3_db_config(bus->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(bus->db);
    bus->db = NULL;
    enum dbpages_disk disk = dbpages_ask_disk(bus->path, &bus->disk_fails_since_ms);
    enum err err = disk == DISK_FAILS     ? err_set(&text, ERR_BUS_READ, "%s cannot be read from the disk", bus->path)
                   : disk == DISK_IS_BACK ? ERR_OK
                                          : sqlite_salvage(bus->path, bus->n_partitions, &text);
    if (!err)
        err = open_again(bus, &text);
    bus->epoch++;
    pthread_rwlock_unlock(&bus->file_lock);
    if (err && !atomic_exchange(&bus->failing, true))
        log_error("bus", err, "%s", text.at);
    if (!err)
        atomic_store(&bus->damaged, false);
    bus->moved = true;
    return err;
}

/* ---- one transaction, go on ---- */

/* Writes the requests and, in the same transaction, removes what may go: about as much as comes. */
static enum err try_write(struct sqlite_bus *bus, const struct request *requests, size_t n, size_t remove_rows)
{
    int64_t now_ms = arrival_ms(bus);
    size_t removed = 0;
    begin_extents(bus);
    bool gone = was_removed(bus), ok = !gone && step_done(bus->begin);
    for (size_t i = 0; i < n && ok; i++)
        ok = apply(bus, &requests[i], now_ms);
    if (ok && sqlite_retire_is_due(bus))
        ok = sqlite_retire_step(bus);
    if (ok && remove_rows)
        ok = sqlite_keep_step(bus, remove_rows, &removed);
    if (ok && n == 0 && atomic_load(&bus->failing)) {
        sqlite3_bind_int64(bus->probe, 1, now_ms);
        ok = step_done(bus->probe);
    }
    if (!ok || !step_done(bus->commit))
        return give_up(bus, gone);
    if (atomic_exchange(&bus->failing, false))
        log_info("bus", "%s: writes succeed again", bus->path);
    show(bus, requests, n);
    return ERR_OK;
}

/* A file found damaged is replaced, and the requests are written into the new one. */
static enum err write_all(struct sqlite_bus *bus, const struct request *requests, size_t n, size_t remove_rows)
{
    enum err err = ERR_CORRUPT;
    if (!atomic_load(&bus->damaged))
        err = try_write(bus, requests, n, remove_rows);
    if (err == ERR_CORRUPT && replace(bus) == ERR_OK)
        err = try_write(bus, requests, n, 0);
    return err == ERR_CORRUPT ? ERR_BUS_WRITE : err;
}

static void tell(struct sqlite_bus *bus, const struct request *requests, size_t n, enum err result)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += cost(&requests[i]); /* a change lives on its caller's stack only until it is told */
    pthread_mutex_lock(&bus->mutex);
    bus->pending_bytes -= bytes;
    if (bus->closing)
        pthread_cond_broadcast(&bus->committed);
    pthread_mutex_unlock(&bus->mutex);
    for (size_t i = 0; i < n; i++)
        requests[i].done(requests[i].ctx, result);
}

/* ---- the thread ---- */

static void tick_end(struct timespec *at)
{
    clock_gettime(CLOCK_MONOTONIC, at);
    at->tv_sec += TICK_MS / 1000;
}

/* Damage that nobody has tried to mend yet. */
static bool is_news(struct sqlite_bus *bus)
{
    return atomic_load(&bus->damaged) && !atomic_load(&bus->failing);
}

/* Waits for requests or the tick; swaps the queue out. False: closing, and nothing is left. */
static bool take(struct sqlite_bus *bus, bool wait)
{
    struct timespec at;
    tick_end(&at);
    pthread_mutex_lock(&bus->mutex);
    while (wait && bus->waiting.n == 0 && !bus->closing && !is_news(bus)) {
        if (pthread_cond_timedwait(&bus->work, &bus->mutex, &at))
            break;
    }
    struct requests empty = bus->taken;
    bus->taken = bus->waiting;
    bus->waiting = empty;
    bool more = bus->taken.n || !bus->closing;
    pthread_mutex_unlock(&bus->mutex);
    return more;
}

static bool is_abandoned(struct sqlite_bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    bool abandon = bus->abandon;
    pthread_mutex_unlock(&bus->mutex);
    return abandon;
}

/* How many of those from `from` on make one transaction. */
static size_t chunk(const struct requests *requests, size_t from)
{
    size_t n = 0, bytes = 0;
    while (from + n < requests->n && (n == 0 || bytes + cost(&requests->at[from + n]) <= COMMIT_BYTES))
        bytes += cost(&requests->at[from + n++]);
    return n;
}

static void write_taken(struct sqlite_bus *bus)
{
    for (size_t from = 0, n; from < bus->taken.n; from += n) {
        n = chunk(&bus->taken, from);
        struct request *requests = bus->taken.at + from;
        enum err result =
            is_abandoned(bus) ? ERR_CLOSED : write_all(bus, requests, n, sqlite_keep_is_due(bus) ? 64 + 2 * n : 0);
        sqlite_keep_measure(bus);
        tell(bus, requests, n, result);
        sqlite_keep_checkpoint(bus, false);
    }
    bus->taken.n = 0;
    bus->idle_since_ms = clock_mono_ms();
}

/* Nothing waits: small steps of housekeeping, one a call. False when there is nothing to do. */
static bool keep_house(struct sqlite_bus *bus)
{
    if (sqlite_keep_is_due(bus) || sqlite_retire_is_due(bus) || atomic_load(&bus->failing) ||
        atomic_load(&bus->damaged)) {
        enum err err = write_all(bus, NULL, 0, IDLE_REMOVE_ROWS);
        sqlite_keep_measure(bus);
        sqlite_keep_checkpoint(bus, false);
        return !err && sqlite_keep_is_due(bus);
    }
    sqlite_keep_checkpoint(bus, clock_mono_ms() - bus->idle_since_ms >= TICK_MS);
    return false;
}

void *sqlite_writer_run(void *arg)
{
    struct sqlite_bus *bus = arg;
    bool more_house = false;
    while (take(bus, !more_house)) {
        more_house = false;
        if (bus->taken.n)
            write_taken(bus);
        else
            more_house = keep_house(bus);
        if (bus->moved || !bus->taken.n)
            sqlite_keep_account(bus);
        bus->moved = false;
    }
    return NULL;
}
