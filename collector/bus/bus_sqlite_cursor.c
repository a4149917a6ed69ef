/* Reading the SQLite bus: a cursor has a connection of its own and sees what is committed, nothing else.
 *
 * Whether there is something to read is known from the extents that the writer shows after each commit; so a waiting
 * cursor costs nothing and wakes with the commit. A fetch goes round the partitions, beginning one further each time,
 * and each gets an equal part of what is asked for, so that none starves. Values are copied into the cursor's arena:
 * no read transaction outlives a fetch, and the WAL can start over. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus_sqlite_int.h"

#define ARENA_FIRST_BYTES 1048576
#define ARENA_BYTES 33554432
#define FETCH_BYTES 8388608 /* one fetch's values; a single larger one still comes */
#define READ_BACK_RECORDS 256
#define GATHER_MS 10 /* at least, from a fetch that was not full to the next that waits */

struct sqlite_cursor {
    struct bus_cursor cursor; /* first */
    struct sqlite_bus *bus;
    struct sqlite_group *group;
    sqlite3 *db;
    sqlite3_stmt *begin, *end;
    sqlite3_stmt **select, **arrival; /* a partition */
    int64_t *next;                    /* to be fetched next, a partition */
    int64_t *known;                   /* the end as the writer said before the fetch, a partition */
    int turn;
    unsigned epoch; /* of the file that db has open */
    bool assigned;
    bool woken;         /* under the bus's mutex */
    bool had_all;       /* the last fetch left nothing */
    int64_t fetched_ms; /* when it ended, by the steady clock */
    struct arena *arena;
};

static void close_file(struct sqlite_cursor *cursor)
{
    for (int p = 0; p < cursor->bus->n_partitions; p++) {
        sqlite3_finalize(cursor->select[p]);
        sqlite3_finalize(cursor->arrival[p]);
        cursor->select[p] = cursor->arrival[p] = NULL;
    }
    sqlite3_finalize(cursor->begin);
    sqlite3_finalize(cursor->end);
    cursor->begin = cursor->end = NULL;
    sqlite3_close(cursor->db);
    cursor->db = NULL;
}

static void free_cursor(struct sqlite_cursor *cursor)
{
    pthread_rwlock_rdlock(&cursor->bus->file_lock);
    close_file(cursor);
    pthread_rwlock_unlock(&cursor->bus->file_lock);
    arena_free(cursor->arena);
    free(cursor->select);
    free(cursor->arrival);
    free(cursor->next);
    free(cursor->known);
    free(cursor);
}

static void *table(int n, size_t each)
{
    void *at = calloc((size_t)n, each);
    if (!at)
        abort();
    return at;
}

static struct sqlite_cursor *new_cursor(struct sqlite_bus *bus, struct sqlite_group *group)
{
    struct sqlite_cursor *cursor = table(1, sizeof *cursor);
    cursor->bus = bus;
    cursor->group = group;
    cursor->select = table(bus->n_partitions, sizeof(sqlite3_stmt *));
    cursor->arrival = table(bus->n_partitions, sizeof(sqlite3_stmt *));
    cursor->next = table(bus->n_partitions, sizeof *cursor->next);
    cursor->known = table(bus->n_partitions, sizeof *cursor->known);
    cursor->arena = arena_new(ARENA_FIRST_BYTES, ARENA_BYTES);
    return cursor;
}

/* With file_lock held. */
static enum err open_file(struct sqlite_cursor *cursor, enum topic topic, struct err_text *text)
{
    enum err err = sqlite_file_open(cursor->bus->path, false, &cursor->db, text);
    cursor->epoch = cursor->bus->epoch;
    if (err)
        return err;
    int rc = sqlite3_prepare_v2(cursor->db, "BEGIN", -1, &cursor->begin, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(cursor->db, "COMMIT", -1, &cursor->end, NULL);
    for (int p = 0; p < cursor->bus->n_partitions && rc == SQLITE_OK; p++) {
        const struct sqlite_partition *part = sqlite_part(cursor->bus, topic, p);
        rc = sqlite_file_prepare(cursor->db, part,
                                 "SELECT position, published_ms, value FROM %s WHERE position >= ?1 ORDER BY position",
                                 &cursor->select[p]);
        if (rc == SQLITE_OK)
            rc = sqlite_file_prepare(cursor->db, part,
                                     "SELECT published_ms FROM %s WHERE position >= ?1 ORDER BY position LIMIT 1",
                                     &cursor->arrival[p]);
    }
    if (rc)
        return err_set(text, ERR_BUS_OPEN, "bus: %s: %s", cursor->bus->path, sqlite3_errmsg(cursor->db));
    return ERR_OK;
}

/* Before reading: nobody replaces the file until leave. */
static enum err enter(struct sqlite_cursor *cursor, struct err_text *text)
{
    pthread_rwlock_rdlock(&cursor->bus->file_lock);
    if (cursor->db && cursor->epoch == cursor->bus->epoch)
        return ERR_OK;
    close_file(cursor);
    return open_file(cursor, cursor->cursor.topic, text);
}

static void leave(struct sqlite_cursor *cursor)
{
    enum err err = cursor->db ? sqlite_file_err(cursor->db, ERR_OK) : ERR_OK;
    unsigned epoch = cursor->bus->epoch;
    pthread_rwlock_unlock(&cursor->bus->file_lock);
    if (err == ERR_CORRUPT && cursor->epoch == epoch)
        sqlite_writer_note_damage(cursor->bus);
}

/* Finds or makes the group and takes it for one cursor. */
static enum err take_group(struct sqlite_bus *bus, enum topic topic, const char *name, struct sqlite_group **ret_group,
                           struct err_text *text)
{
    enum err err = ERR_OK;
    struct sqlite_group *group = NULL;
    pthread_mutex_lock(&bus->mutex);
    for (size_t i = 0; i < bus->n_groups && !group; i++) {
        if (bus->groups[i].topic == topic && strcmp(bus->groups[i].name, name) == 0)
            group = &bus->groups[i];
    }
    if (group && group->taken) {
        err = err_set(text, ERR_CONFLICT, "bus: group %s already reads %s here", name, topic_name(topic));
    } else if (!group && bus->n_groups == SQLITE_BUS_MAX_GROUPS) {
        err = err_set(text, ERR_BUS_OPEN, "bus: %s: more than %d groups", bus->path, SQLITE_BUS_MAX_GROUPS);
    } else {
        if (!group) {
            group = &bus->groups[bus->n_groups];
            memcpy(group->name, name, strlen(name) + 1);
            group->topic = topic;
            group->next = table(bus->n_partitions, sizeof *group->next);
            for (int p = 0; p < bus->n_partitions; p++)
                group->next[p] = -1;
            bus->n_groups++;
        }
        group->taken = true;
        group->retired = false;
        bus->cursors++;
        *ret_group = group;
    }
    pthread_mutex_unlock(&bus->mutex);
    return err;
}

static void give_group(struct sqlite_bus *bus, struct sqlite_group *group)
{
    pthread_mutex_lock(&bus->mutex);
    assert(group);
    group->taken = false;
    group->seen_ms = clock_wall_ms();
    bus->cursors--;
    pthread_mutex_unlock(&bus->mutex);
}

enum err sqlite_subscribe(struct bus *front, enum topic topic, const char *name, const struct bus_owner *owner,
                          struct bus_cursor **ret_cursor, struct err_text *text)
{
    struct sqlite_bus *bus = (struct sqlite_bus *)front;
    struct sqlite_group *group = NULL;
    enum err err = take_group(bus, topic, name, &group, text);
    if (err)
        return err;
    struct sqlite_cursor *cursor = new_cursor(bus, group);
    bus_cursor_init(&cursor->cursor, &bus_sqlite_ops, topic, name, owner);
    err = enter(cursor, text);
    leave(cursor);
    /* From here on the group is known, and nothing that it has not read is removed. */
    struct sqlite_change change = {.group = group, .subscribe = true};
    if (!err && (err = sqlite_writer_wait(bus, &change)))
        err_set(text, err, "bus: %s: the group %s could not be written down", bus->path, name);
    if (err) {
        free_cursor(cursor);
        give_group(bus, group);
        return err;
    }
    *ret_cursor = &cursor->cursor;
    return ERR_OK;
}

void sqlite_unsubscribe(struct bus_cursor *front)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)front;
    for (int32_t p = 0; cursor->assigned && front->owner.revoked && p < cursor->bus->n_partitions; p++)
        front->owner.revoked(front->owner.ctx, front->topic, p, false);
    struct sqlite_bus *bus = cursor->bus;
    struct sqlite_group *group = cursor->group;
    free_cursor(cursor);
    give_group(bus, group);
}

/* ---- where the group stands ---- */

static struct extent extent_of(struct sqlite_cursor *cursor, int32_t partition, int64_t *ret_place)
{
    pthread_mutex_lock(&cursor->bus->mutex);
    struct extent extent = sqlite_part(cursor->bus, cursor->cursor.topic, partition)->extent;
    *ret_place = cursor->group->next[partition];
    pthread_mutex_unlock(&cursor->bus->mutex);
    return extent;
}

static void assign(struct sqlite_cursor *cursor)
{
    struct bus_owner *owner = &cursor->cursor.owner;
    cursor->assigned = true;
    for (int32_t p = 0; p < cursor->bus->n_partitions; p++) {
        int64_t position = -1;
        extent_of(cursor, p, &position);
        if (owner->assigned)
            owner->assigned(owner->ctx, cursor->cursor.topic, p, &position);
        int64_t place = 0;
        struct extent extent = extent_of(cursor, p, &place);
        if (position > extent.next) {
            /* The file was replaced. Beginning late would lose records, beginning early repeats some. */
            log_warn("bus", ERR_MISSING, "%s: group %s stands at %lld of %s/%d, which ends at %lld; beginning anew",
                     cursor->bus->path, cursor->group->name, (long long)position, topic_name(cursor->cursor.topic),
                     (int)p, (long long)extent.next);
            position = -1;
        }
        cursor->next[p] = position > extent.oldest ? position : extent.oldest;
    }
}

/* ---- fetching ---- */

static bool is_behind(struct sqlite_cursor *cursor)
{
    bool behind = false;
    for (int32_t p = 0; p < cursor->bus->n_partitions; p++) {
        cursor->known[p] = sqlite_part(cursor->bus, cursor->cursor.topic, p)->extent.next;
        behind |= cursor->next[p] < cursor->known[p];
    }
    return behind;
}

static void deadline(int ms, struct timespec *ret_at)
{
    clock_gettime(CLOCK_MONOTONIC, ret_at);
    ret_at->tv_sec += ms / 1000;
    ret_at->tv_nsec += ms % 1000 * 1000000L;
    ret_at->tv_sec += ret_at->tv_nsec / 1000000000L;
    ret_at->tv_nsec %= 1000000000L;
}

/* Who has caught up would wake with each commit, for a handful of records: a little later they are many, and the
 * writer need not wake us meanwhile. Never longer than the caller waits. A spool's drain is somebody's way out. */
static void gather(struct sqlite_cursor *cursor, int wait_ms)
{
    struct timespec at;
    int64_t left = cursor->fetched_ms + GATHER_MS - clock_mono_ms();
    if (!cursor->had_all || !cursor->bus->spool || left <= 0 || left > GATHER_MS || wait_ms < GATHER_MS)
        return;
    deadline((int)left, &at);
    pthread_mutex_lock(&cursor->bus->mutex);
    while (!cursor->woken && !pthread_cond_timedwait(&cursor->bus->called, &cursor->bus->mutex, &at))
        ;
    pthread_mutex_unlock(&cursor->bus->mutex);
}

/* Waits until there is something to read, somebody wakes us or the time is over. True: something is there. */
static bool await(struct sqlite_cursor *cursor, int wait_ms)
{
    struct timespec at;
    deadline(wait_ms, &at);
    pthread_mutex_lock(&cursor->bus->mutex);
    bool behind = is_behind(cursor);
    while (!behind && !cursor->woken && wait_ms > 0) {
        bool late = pthread_cond_timedwait(&cursor->bus->arrived[cursor->cursor.topic], &cursor->bus->mutex, &at) != 0;
        behind = is_behind(cursor);
        if (late)
            break;
    }
    cursor->woken = false;
    pthread_mutex_unlock(&cursor->bus->mutex);
    return behind;
}

static bool step_done(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE;
}

/* Up to max records of one partition from `from` on, below `to`; values go to the arena. False: SQLite failed. */
static bool read_some(struct sqlite_cursor *cursor, int32_t partition, int64_t from, int64_t to, struct arena *arena,
                      struct bus_record *ret_records, size_t max, size_t *ret_n)
{
    sqlite3_stmt *stmt = cursor->select[partition];
    int rc = SQLITE_ROW;
    size_t n = 0;
    sqlite3_bind_int64(stmt, 1, from);
    while (n < max && (n == 0 || arena_used(arena) < FETCH_BYTES) && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t position = sqlite3_column_int64(stmt, 0);
        if (position >= to)
            break;
        struct slice value = {sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2)};
        value = arena_copy(arena, value);
        if (!value.at)
            break;
        ret_records[n++] =
            (struct bus_record){cursor->cursor.topic, partition, position, sqlite3_column_int64(stmt, 1), value};
    }
    sqlite3_reset(stmt);
    *ret_n = n;
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* Behind the last row that can be read up to `next`, as the writer said before we looked: there is a gap left by
 * damage. */
static void skip_gap(struct sqlite_cursor *cursor, int32_t partition, int64_t next)
{
    if (cursor->next[partition] < next)
        cursor->next[partition] = next;
}

static enum err read_round(struct sqlite_cursor *cursor, struct bus_record *ret_records, size_t max, size_t *ret_n)
{
    int parts = cursor->bus->n_partitions;
    bool ok = step_done(cursor->begin);
    size_t n = 0;
    for (int i = 0; ok && i < parts && n < max; i++) {
        int32_t p = (cursor->turn + i) % parts;
        size_t left = (size_t)(parts - i), share = (max - n + left - 1) / left, got = 0;
        if (n && arena_used(cursor->arena) >= FETCH_BYTES)
            break;
        ok = read_some(cursor, p, cursor->next[p], INT64_MAX, cursor->arena, ret_records + n, share, &got);
        if (got)
            cursor->next[p] = ret_records[n + got - 1].position + 1;
        else if (ok)
            skip_gap(cursor, p, cursor->known[p]);
        n += got;
    }
    if (!ok)
        log_error("bus", ERR_BUS_READ, "%s: %s", cursor->bus->path, sqlite3_errmsg(cursor->db));
    if (!sqlite3_get_autocommit(cursor->db))
        step_done(cursor->end);
    cursor->turn = (cursor->turn + 1) % parts;
    *ret_n = n;
    return ok || n ? ERR_OK : ERR_BUS_READ;
}

enum err sqlite_fetch(struct bus_cursor *front, struct bus_record *ret_records, size_t max, size_t *ret_n, int wait_ms)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)front;
    if (max == 0) {
        await(cursor, 0);
        return ERR_OK;
    }
    arena_reset(cursor->arena);
    if (!cursor->assigned)
        assign(cursor);
    gather(cursor, wait_ms);
    if (!await(cursor, wait_ms))
        return ERR_OK;
    struct err_text text = {""};
    enum err err = enter(cursor, &text);
    if (err)
        log_error("bus", err, "%s", text.at);
    else
        err = read_round(cursor, ret_records, max, ret_n);
    leave(cursor);
    cursor->had_all = !err && *ret_n < max;
    cursor->fetched_ms = clock_mono_ms();
    return err ? ERR_BUS_READ : ERR_OK;
}

void sqlite_wake(struct bus_cursor *front)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)front;
    pthread_mutex_lock(&cursor->bus->mutex);
    cursor->woken = true;
    pthread_cond_broadcast(&cursor->bus->arrived[front->topic]);
    pthread_cond_broadcast(&cursor->bus->called);
    pthread_mutex_unlock(&cursor->bus->mutex);
}

/* ---- committing ---- */

enum err sqlite_transact(struct bus_cursor *front, const struct bus_message *messages, size_t n_messages,
                         const struct position *positions, size_t n_positions)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)front;
    for (size_t i = 0; i < n_messages; i++) {
        if (messages[i].value.len > SQLITE_BUS_MAX_MESSAGE)
            return ERR_TOO_LARGE;
    }
    for (size_t i = 0; i < n_positions; i++)
        assert(positions[i].topic == front->topic && positions[i].partition < cursor->bus->n_partitions);
    struct sqlite_change change = {.group = cursor->group,
                                   .messages = messages,
                                   .n_messages = n_messages,
                                   .positions = positions,
                                   .n_positions = n_positions};
    return sqlite_writer_wait(cursor->bus, &change);
}

enum err sqlite_commit(struct bus_cursor *front, const struct position *positions, size_t n)
{
    return sqlite_transact(front, NULL, 0, positions, n);
}

/* ---- reading back ---- */

static int64_t arrival_ms(struct sqlite_cursor *cursor, int32_t partition, int64_t position)
{
    sqlite3_stmt *stmt = cursor->arrival[partition];
    sqlite3_bind_int64(stmt, 1, position);
    int64_t ms = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : INT64_MAX;
    sqlite3_reset(stmt);
    return ms;
}

/* The first position in [low, high) that arrived at or after from_ms; high when none did. */
static int64_t find_arrival(struct sqlite_cursor *cursor, int32_t partition, int64_t low, int64_t high, int64_t from_ms)
{
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (arrival_ms(cursor, partition, middle) < from_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum err read_back(struct sqlite_cursor *cursor, int32_t partition, int64_t from_ms,
                          bool (*each)(void *ctx, const struct bus_record *record), void *ctx)
{
    struct bus_record records[READ_BACK_RECORDS];
    struct arena *arena = arena_new(ARENA_FIRST_BYTES, ARENA_BYTES);
    int64_t place = 0;
    int64_t oldest = extent_of(cursor, partition, &place).oldest;
    int64_t at = place > oldest ? find_arrival(cursor, partition, oldest, place, from_ms) : place;
    bool ok = true, more = true;
    while (ok && more && at < place) {
        size_t n = 0;
        arena_reset(arena);
        ok = read_some(cursor, partition, at, place, arena, records, READ_BACK_RECORDS, &n);
        for (size_t i = 0; i < n && more; i++)
            more = each(ctx, &records[i]);
        more = more && n > 0;
        at = n ? records[n - 1].position + 1 : place;
    }
    arena_free(arena);
    return ok ? ERR_OK : ERR_BUS_READ;
}

enum err sqlite_read_back(struct bus_cursor *front, enum topic topic, int32_t partition, int64_t from_ms,
                          bool (*each)(void *ctx, const struct bus_record *record), void *ctx)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)front;
    struct err_text text = {""};
    assert(topic == front->topic && partition >= 0 && partition < cursor->bus->n_partitions);
    enum err err = enter(cursor, &text);
    if (err)
        log_error("bus", err, "%s", text.at);
    else
        err = read_back(cursor, partition, from_ms, each, ctx);
    leave(cursor);
    return err ? ERR_BUS_READ : ERR_OK;
}

/* ---- how far behind ---- */

int64_t sqlite_lag(struct bus_cursor *front)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)front;
    int64_t lag = 0;
    for (int32_t p = 0; p < cursor->bus->n_partitions; p++) {
        int64_t place = 0;
        struct extent extent = extent_of(cursor, p, &place);
        lag += extent.next - (place > extent.oldest ? place : extent.oldest);
    }
    return lag;
}

int64_t sqlite_end(struct bus_cursor *front, enum topic topic, int32_t partition)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)front;
    int64_t place = 0;
    if (topic != front->topic || partition < 0 || partition >= cursor->bus->n_partitions)
        return -1;
    return extent_of(cursor, partition, &place).next;
}
