/* Groups that do not come back. What a group has not read is kept for it, so one that was renamed, or whose role is not
 * run any more, would fill the file: after retire_ms without a cursor it loses its place.
 *
 * When a cursor last had a group stands in the file and is renewed while one has it, also when nothing is read. A start
 * gives the groups of this process time to subscribe, however long it was off; and no age is believed for a while after
 * the wall clock has leapt. A group that does come back begins at the oldest record, as a new one does. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_sqlite_int.h"

#define LOOK_MS 3600000
#define SUBSCRIBE_MS 600000 /* after a start */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool sqlite_retire_is_due(const struct sqlite_bus *bus)
{
    int64_t now_ms = clock_mono_ms();
    return bus->retire_ms > 0 && now_ms >= bus->retire_at_ms &&
           now_ms - bus->opened_ms >= least(bus->retire_ms, SUBSCRIBE_MS);
}

static bool remove_group(struct sqlite_bus *bus, const struct sqlite_group *group)
{
    sqlite3_bind_text(bus->remove_group, 1, group->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(bus->remove_group, 2, topic_name(group->topic), -1, SQLITE_STATIC);
    int rc = sqlite3_step(bus->remove_group);
    sqlite3_reset(bus->remove_group);
    return rc == SQLITE_DONE;
}

/* From here on it does not count; when the transaction fails, the file is asked again at the next start. */
static bool retire(struct sqlite_bus *bus, struct sqlite_group *group, int64_t quiet_ms)
{
    log_warn("bus", ERR_BUS_RETIRED, "%s: group %s has not read %s for %lld h: what it left unread may go", bus->path,
             group->name, topic_name(group->topic), (long long)(quiet_ms / 3600000));
    METRIC_ADD("seismo_bus_groups_retired_total", "groups that had no reader for bus.retire_ms and were given up", 1);
    return remove_group(bus, group);
}

static bool touch(struct sqlite_bus *bus, const struct sqlite_group *group, const int64_t *next)
{
    bool ok = true;
    for (int32_t p = 0; p < bus->n_partitions && ok; p++)
        ok = sqlite_writer_put_place(bus, group, p, next[p]);
    return ok;
}

/* Under mutex: gives the group up if its time is over, so that no cursor takes it meanwhile. */
static bool is_over(struct sqlite_bus *bus, struct sqlite_group *group, int64_t now_ms)
{
    if (group->taken || group->retired || now_ms - group->seen_ms < bus->retire_ms ||
        bus->looked_mono_ms < bus->unsteady_until_ms)
        return false;
    group->retired = true;
    for (int32_t p = 0; p < bus->n_partitions; p++)
        group->next[p] = -1;
    return true;
}

bool sqlite_retire_step(struct sqlite_bus *bus)
{
    int64_t now_ms = clock_wall_ms(), next[SQLITE_BUS_MAX_PARTITIONS];
    bool ok = true;
    sqlite_keep_look_at_clocks(bus);
    bus->retire_at_ms = clock_mono_ms() + least(bus->retire_ms, LOOK_MS);
    pthread_mutex_lock(&bus->mutex);
    size_t n = bus->n_groups;
    pthread_mutex_unlock(&bus->mutex);
    for (size_t i = 0; i < n && ok; i++) {
        struct sqlite_group *group = &bus->groups[i];
        pthread_mutex_lock(&bus->mutex);
        int64_t quiet_ms = now_ms - group->seen_ms;
        bool over = is_over(bus, group, now_ms), taken = group->taken;
        memcpy(next, group->next, (size_t)bus->n_partitions * sizeof *next);
        pthread_mutex_unlock(&bus->mutex);
        if (over)
            ok = retire(bus, group, quiet_ms);
        else if (taken)
            ok = touch(bus, group, next);
        bus->moved |= over;
    }
    return ok;
}
