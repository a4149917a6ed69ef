/* What leaves the SQLite bus and what it weighs: retention, the bound, the WAL.
 *
 * A record may go when every known group of its topic has read it and it is older than the retention; once the file
 * is seven eighths full, its age no longer counts. For an hour after the wall clock has leapt no age counts. Of a topic
 * that is consumed by someone else's reading of the store (alerts, rejects) and has no group, age alone decides; events
 * and rollups wait for their first reader. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"
#include "bus/bus_sqlite_int.h"

#define LOOK_MS 1000      /* while something is unread or young, look again then */
#define SMALL_PAGES 128   /* of WAL, which the writer itself writes back */
#define LEAP_MS 60000     /* further apart than that, one of the two clocks has leapt */
#define STEADY_MS 3600000 /* after a leap, before an age is believed again */
#define FUTURE_MS 3600000 /* further ahead than that, an arrival time is the fault of a clock and counts as old */

int64_t sqlite_keep_limit(const struct sqlite_bus *bus, const struct sqlite_partition *part)
{
    bool known = false;
    int64_t limit = part->extent.next;
    for (size_t i = 0; i < bus->n_groups; i++) {
        const struct sqlite_group *group = &bus->groups[i];
        if (!sqlite_group_counts(group, part->topic))
            continue;
        known = true;
        if (group->next[part->number] < limit)
            limit = group->next[part->number];
    }
    if (!known && (part->topic == TOPIC_EVENTS || part->topic == TOPIC_ROLLUPS))
        return part->extent.oldest;
    return limit > part->extent.oldest ? limit : part->extent.oldest;
}

static int64_t limit_of(struct sqlite_bus *bus, const struct sqlite_partition *part)
{
    pthread_mutex_lock(&bus->mutex);
    int64_t limit = sqlite_keep_limit(bus, part);
    pthread_mutex_unlock(&bus->mutex);
    return limit;
}

static bool is_crowded(struct sqlite_bus *bus)
{
    return bus->max_file_bytes && atomic_load(&bus->used_bytes) > bus->max_file_bytes / 8 * 7;
}

/* The wall clock may be wrong for a while after it has leapt, and what is removed by it does not come back. */
void sqlite_keep_look_at_clocks(struct sqlite_bus *bus)
{
    int64_t wall_ms = clock_wall_ms(), mono_ms = clock_mono_ms();
    if (llabs(wall_ms - bus->looked_wall_ms - (mono_ms - bus->looked_mono_ms)) > LEAP_MS)
        bus->unsteady_until_ms = mono_ms + STEADY_MS;
    bus->looked_wall_ms = wall_ms;
    bus->looked_mono_ms = mono_ms;
}

static bool is_old(const struct sqlite_bus *bus, int64_t published_ms, int64_t now_ms)
{
    if (bus->retention_ms > 0 && bus->looked_mono_ms < bus->unsteady_until_ms)
        return false;
    return published_ms <= now_ms - bus->retention_ms || published_ms > now_ms + FUTURE_MS;
}

bool sqlite_keep_is_due(struct sqlite_bus *bus)
{
    int64_t now_ms = clock_mono_ms();
    for (size_t i = 0; i < (size_t)TOPIC_COUNT * (size_t)bus->n_partitions; i++) {
        const struct sqlite_partition *part = &bus->parts[i];
        if (now_ms >= part->keep_at_ms && part->extent.oldest < part->extent.next)
            return true;
    }
    return false;
}

/* Finds how far rows may go, at most `budget` of them; sets `writing` there. False: SQLite failed. */
static bool find_end(struct sqlite_bus *bus, struct sqlite_partition *part, size_t budget, size_t *ret_found)
{
    int64_t limit = limit_of(bus, part), now_ms = clock_wall_ms();
    bool crowded = is_crowded(bus);
    int rc = SQLITE_ROW;
    size_t found = 0;
    sqlite3_bind_int64(part->oldest, 1, part->writing.oldest);
    sqlite3_bind_int64(part->oldest, 2, limit);
    while (found < budget && (rc = sqlite3_step(part->oldest)) == SQLITE_ROW &&
           (crowded || is_old(bus, sqlite3_column_int64(part->oldest, 1), now_ms))) {
        part->writing.oldest = sqlite3_column_int64(part->oldest, 0) + 1;
        part->writing.oldest_bytes = sqlite3_column_int64(part->oldest, 2);
        found++;
    }
    sqlite3_reset(part->oldest);
    *ret_found = found;
    return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool remove_rows(struct sqlite_partition *part)
{
    sqlite3_bind_int64(part->remove, 1, part->writing.oldest);
    int rc = sqlite3_step(part->remove);
    sqlite3_reset(part->remove);
    if (rc != SQLITE_DONE)
        return false;
    sqlite3_bind_int64(part->keep, 1, part->writing.oldest);
    sqlite3_bind_int64(part->keep, 2, part->writing.oldest_bytes);
    sqlite3_bind_text(part->keep, 3, topic_name(part->topic), -1, SQLITE_STATIC);
    sqlite3_bind_int64(part->keep, 4, part->number);
    rc = sqlite3_step(part->keep);
    sqlite3_reset(part->keep);
    return rc == SQLITE_DONE;
}

bool sqlite_keep_step(struct sqlite_bus *bus, size_t budget, size_t *ret_removed)
{
    int64_t now_ms = clock_mono_ms();
    sqlite_keep_look_at_clocks(bus);
    *ret_removed = 0;
    for (size_t i = 0; i < (size_t)TOPIC_COUNT * (size_t)bus->n_partitions && *ret_removed < budget; i++) {
        struct sqlite_partition *part = &bus->parts[i];
        size_t found = 0;
        if (now_ms < part->keep_at_ms || part->extent.oldest >= part->extent.next)
            continue;
        if (!find_end(bus, part, budget - *ret_removed, &found) || (found && !remove_rows(part)))
            return false;
        *ret_removed += found;
        if (*ret_removed < budget)
            part->keep_at_ms = now_ms + LOOK_MS;
    }
    return true;
}

/* ---- weight ---- */

static int64_t ask(sqlite3_stmt *stmt)
{
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return value;
}

/* The WAL keeps its length and is written over: only what is in it counts. */
void sqlite_keep_measure(struct sqlite_bus *bus)
{
    size_t pages = (size_t)(ask(bus->page_count) - ask(bus->free_count)) + (size_t)bus->wal_pages;
    atomic_store(&bus->used_bytes, pages * SQLITE_BUS_PAGE_BYTES);
}

/* Those who wait for a commit would wait for the whole WAL, so another thread writes most of it back; what has come
 * meanwhile is little, and ours: only when nothing is left, the WAL starts over. True: not our turn. */
static bool leave_to_other(struct sqlite_bus *bus)
{
    if (sqlite_checkpointer_is_busy(bus->checkpointer))
        return true;
    if (bus->wal_pages - sqlite_checkpointer_done(bus->checkpointer) <= SMALL_PAGES)
        return false;
    sqlite_checkpointer_ask(bus->checkpointer);
    bus->checkpoint_at = bus->wal_pages + SMALL_PAGES / 4;
    return true;
}

void sqlite_keep_checkpoint(struct sqlite_bus *bus, bool idle)
{
    if (!bus->db || bus->wal_pages == 0 || (!idle && bus->wal_pages < bus->checkpoint_at))
        return;
    /* Passive never waits for readers. When they have kept the WAL from starting over for long, wait for the few
     * milliseconds that a fetch takes. */
    bool long_since = bus->wal_pages >= 4 * bus->checkpoint_pages;
    if (!long_since && leave_to_other(bus))
        return;
    int mode = idle || long_since ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    int rc = sqlite3_wal_checkpoint_v2(bus->db, NULL, mode, NULL, NULL);
    bus->checkpoint_at = bus->wal_pages + bus->checkpoint_pages / 4 + 1;
    if (idle && rc == SQLITE_OK) {
        bus->wal_pages = 0;
        sqlite_checkpointer_restarted(bus->checkpointer);
        bus->checkpoint_at = bus->checkpoint_pages;
        sqlite_keep_measure(bus);
    }
}

/* ---- what is still to be read ---- */

/* The bytes in front of a position; oldest and next are known without asking. */
static int64_t bytes_before(struct sqlite_partition *part, int64_t position)
{
    if (position <= part->extent.oldest)
        return part->extent.oldest_bytes;
    if (position >= part->extent.next)
        return part->extent.next_bytes;
    sqlite3_bind_int64(part->bytes_before, 1, position);
    return ask(part->bytes_before);
}

void sqlite_keep_account(struct sqlite_bus *bus)
{
    int64_t unread = 0;
    for (size_t i = 0; i < (size_t)TOPIC_COUNT * (size_t)bus->n_partitions; i++) {
        struct sqlite_partition *part = &bus->parts[i];
        int64_t consumed = bytes_before(part, limit_of(bus, part));
        pthread_mutex_lock(&bus->mutex);
        part->consumed_bytes = consumed;
        unread += part->extent.next_bytes - consumed;
        pthread_mutex_unlock(&bus->mutex);
    }
    if (bus->spool)
        metric_set(bus->spool, unread);
}
