/* The embedded bus: one SQLite file (WAL, synchronous=FULL), one writer thread, a reading connection a cursor.
 * The file: bus_sqlite_file.c. Writing: bus_sqlite_writer.c, bus_sqlite_checkpoint.c. What is kept: bus_sqlite_keep.c.
 * Reading: bus_sqlite_cursor.c. One process at a time has it open, which a lock on PATH.lock ensures. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_sqlite_int.h"

#define CHECKPOINT_PAGES 1024 /* 16 MiB of WAL */

static char *joined(const char *path, const char *end)
{
    char *text = NULL;
    if (asprintf(&text, "%s%s", path, end) < 0)
        abort();
    return text;
}

/* SQLite's own locks would let a second process in, whose positions would clash with ours. The kernel drops this
 * lock when the process ends, however it ends. */
static enum err take_lock(const char *path, int *ret_fd, struct err_text *text)
{
    char *lock_path = joined(path, ".lock");
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    enum err err = ERR_OK;
    if (fd < 0)
        err = err_set(text, ERR_BUS_OPEN, "bus: %s: %s", lock_path, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB))
        err = err_set(text, ERR_BUS_OPEN, "bus: %s: another process has it open", path);
    if (!err)
        *ret_fd = fd;
    else if (fd >= 0)
        close(fd);
    free(lock_path);
    return err;
}

static void init_sync(struct sqlite_bus *bus)
{
    pthread_condattr_t steady;
    pthread_mutex_init(&bus->mutex, NULL);
    pthread_rwlock_init(&bus->file_lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&bus->work, &steady);
    pthread_cond_init(&bus->committed, &steady);
    pthread_cond_init(&bus->called, &steady);
    for (size_t t = 0; t < TOPIC_COUNT; t++)
        pthread_cond_init(&bus->arrived[t], &steady);
    pthread_condattr_destroy(&steady);
}

static struct sqlite_bus *new_bus(const struct bus_options *options)
{
    struct sqlite_bus *bus = calloc(1, sizeof *bus);
    if (!bus)
        abort();
    bus->path = joined(options->path, "");
    bus->lock_fd = -1;
    bus->max_pending_bytes = options->max_pending_bytes;
    bus->max_file_bytes = options->max_file_bytes;
    bus->retention_ms = options->retention_ms;
    bus->retire_ms = options->is_inner ? 0 : options->retire_ms;
    bus->opened_ms = clock_mono_ms();
    bus->looked_wall_ms = clock_wall_ms();
    bus->looked_mono_ms = clock_mono_ms();
    if (!options->is_inner)
        bus->spool = metric_get(METRIC_GAUGE, "seismo_spool_bytes", NULL, NULL,
                                "bytes of accepted records that not every group has read yet");
    bus->checkpoint_pages = CHECKPOINT_PAGES;
    size_t share = options->max_file_bytes / 8 / SQLITE_BUS_PAGE_BYTES;
    if (options->max_file_bytes && share < CHECKPOINT_PAGES)
        bus->checkpoint_pages = share < 8 ? 8 : (int)share;
    bus->checkpoint_at = bus->checkpoint_pages;
    init_sync(bus);
    return bus;
}

static void free_bus(struct sqlite_bus *bus)
{
    if (!bus)
        return;
    sqlite_checkpointer_stop(bus->checkpointer);
    sqlite_file_unload(bus);
    sqlite3_close(bus->db);
    if (bus->lock_fd >= 0)
        close(bus->lock_fd);
    for (size_t t = 0; t < TOPIC_COUNT; t++)
        pthread_cond_destroy(&bus->arrived[t]);
    pthread_cond_destroy(&bus->called);
    pthread_cond_destroy(&bus->committed);
    pthread_cond_destroy(&bus->work);
    pthread_mutex_destroy(&bus->mutex);
    pthread_rwlock_destroy(&bus->file_lock);
    free(bus->waiting.at);
    free(bus->taken.at);
    free(bus->path);
    free(bus);
}

int sqlite_note_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    struct sqlite_bus *bus = ctx;
    if (pages < bus->wal_pages) { /* it has started over */
        bus->checkpoint_at = bus->checkpoint_pages;
        sqlite_checkpointer_restarted(bus->checkpointer);
    }
    bus->wal_pages = pages;
    return SQLITE_OK;
}

static enum err try_file(struct sqlite_bus *bus, int partitions, struct err_text *text)
{
    enum err err = sqlite_file_open(bus->path, true, &bus->db, text);
    if (!err && !sqlite_file_is_sound(bus->db))
        err = err_set(text, ERR_CORRUPT, "bus: %s: SQLite's own check finds it damaged", bus->path);
    if (!err)
        err = sqlite_file_partitions(bus->db, partitions, &bus->n_partitions, text);
    if (!err)
        err = sqlite_file_load(bus, text);
    return err;
}

static enum err open_file(struct sqlite_bus *bus, int partitions, struct err_text *text)
{
    enum err err = take_lock(bus->path, &bus->lock_fd, text);
    if (err)
        return err;
    sqlite_salvage_finish(bus->path);
    err = try_file(bus, partitions, text);
    if (err != ERR_CORRUPT)
        return err;
    log_error("bus", err, "%s", text ? text->at : "");
    sqlite_file_unload(bus);
    if (bus->db)
        sqlite3_db_config(bus->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(bus->db);
    bus->db = NULL;
    err = sqlite_salvage(bus->path, partitions, text);
    return err ? err : try_file(bus, partitions, text);
}

static enum err open_bus(struct bus **ret_bus, const struct bus_options *options, struct err_text *text)
{
    struct sqlite_bus *bus = new_bus(options);
    enum err err = open_file(bus, options->partitions, text);
    if (err)
        goto out;
    sqlite3_wal_hook(bus->db, sqlite_note_wal, bus);
    bus->wal_pages = 1; /* what an earlier process left is written back at the first idle moment */
    bus->idle_since_ms = clock_mono_ms();
    sqlite_keep_measure(bus);
    sqlite_keep_account(bus);
    bus->checkpointer = sqlite_checkpointer_start(bus);
    if (!bus->checkpointer || pthread_create(&bus->thread, NULL, sqlite_writer_run, bus))
        err = err_set(text, ERR_BUS_OPEN, "bus: %s: no thread", bus->path);
out:
    if (err)
        free_bus(bus);
    else
        *ret_bus = &bus->bus;
    return err;
}

static enum err setup(const struct bus_options *options, struct err_text *text)
{
    struct sqlite_bus *bus = new_bus(options);
    enum err err = open_file(bus, options->partitions, text);
    free_bus(bus);
    return err;
}

static bool close_bus(struct bus *front, int deadline_ms)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)front;
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += deadline_ms / 1000;
    at.tv_nsec += deadline_ms % 1000 * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&bus->mutex);
    assert(bus->cursors == 0);
    bus->closing = true;
    pthread_cond_signal(&bus->work);
    while (bus->pending_bytes) {
        if (pthread_cond_timedwait(&bus->committed, &bus->mutex, &at)) {
            bus->abandon = true;
            break;
        }
    }
    pthread_mutex_unlock(&bus->mutex);
    pthread_join(bus->thread, NULL);
    free_bus(bus);
    return true;
}

static enum err publish(struct bus *front, const struct bus_message *message, bus_done_fn *done, void *ctx)
{
    struct request request = {.message = *message, .done = done, .ctx = ctx};
    return sqlite_writer_add((struct sqlite_bus *)front, &request, true);
}

static size_t max_message(const struct bus *front)
{
    (void)front;
    return SQLITE_BUS_MAX_MESSAGE;
}

static bool is_ready(struct bus *front)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)front;
    if (atomic_load(&bus->failing))
        return false;
    /* Not only when nothing fits: what is left may be too small for the next beacon, which is then refused. */
    return !bus->max_file_bytes || atomic_load(&bus->used_bytes) < bus->max_file_bytes / 64 * 63;
}

static uint64_t spool_bytes(struct bus *front)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)front;
    pthread_mutex_lock(&bus->mutex);
    uint64_t bytes = bus->pending_bytes;
    for (size_t i = 0; i < (size_t)TOPIC_COUNT * (size_t)bus->n_partitions; i++)
        bytes += (uint64_t)(bus->parts[i].extent.next_bytes - bus->parts[i].consumed_bytes);
    pthread_mutex_unlock(&bus->mutex);
    return bytes;
}

/* What waits here becomes visible with the next commit, some milliseconds from now. */
static int64_t oldest_waiting_ms(struct bus *front)
{
    (void)front;
    return 0;
}

/* It is this process that writes and reads; what is behind shows in bus_end. */
static bool is_current(struct bus_cursor *cursor)
{
    (void)cursor;
    return true;
}

static int partitions(struct bus *front, enum topic topic)
{
    (void)topic;
    return ((struct sqlite_bus *)front)->n_partitions;
}

static const char *trouble(struct bus *front)
{
    return bus_is_ready(front) ? NULL : "the bus's file is full or cannot be written (SE-2003)";
}

const struct bus_ops bus_sqlite_ops = {
    .name = "sqlite",
    .open = open_bus,
    .setup = setup,
    .close = close_bus,
    .publish = publish,
    .max_message = max_message,
    .is_ready = is_ready,
    .spool_bytes = spool_bytes,
    .oldest_waiting_ms = oldest_waiting_ms,
    .is_current = is_current,
    .partitions = partitions,
    .trouble = trouble,
    .subscribe = sqlite_subscribe,
    .unsubscribe = sqlite_unsubscribe,
    .fetch = sqlite_fetch,
    .wake = sqlite_wake,
    .commit = sqlite_commit,
    .transact = sqlite_transact,
    .read_back = sqlite_read_back,
    .lag = sqlite_lag,
    .end = sqlite_end,
};
