/* What was known of the cluster when it was last there: partitions of each topic, the largest message. It is kept in a
 * table of its own in the spool's file, so that a start without the cluster is like the last one with it. Losing it
 * costs nothing but that: what cannot be read or written is passed over. */
#include <sqlite3.h>
#include <stdlib.h>

#include "base/log.h"
#include "bus/bus_kafka_int.h"

#define BUSY_MS 5000

static sqlite3 *open_file(const struct kafka_bus *bus)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(bus->spool_path, &db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        return db;
    }
    sqlite3_close(db);
    return NULL;
}

bool kafka_known_read(struct kafka_bus *bus)
{
    bool seen = false;
    sqlite3 *db = bus->spool ? open_file(bus) : NULL;
    sqlite3_stmt *stmt = NULL;
    if (db && sqlite3_prepare_v2(db, "SELECT partitions, max_message FROM known WHERE topic = ?1", -1, &stmt, NULL) ==
                  SQLITE_OK) {
        for (int t = 0; t < TOPIC_COUNT; t++) {
            char name[KAFKA_TOPIC_BYTES];
            kafka_topic_name(bus, (enum topic)t, name);
            sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
            if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_int(stmt, 0) > 0) {
                seen = true;
                atomic_store(&bus->n_partitions[t], sqlite3_column_int(stmt, 0));
                if (t == TOPIC_EVENTS && sqlite3_column_int64(stmt, 1) > 0)
                    atomic_store(&bus->max_message, (size_t)sqlite3_column_int64(stmt, 1));
            }
            sqlite3_reset(stmt);
        }
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return seen;
}

void kafka_known_write(struct kafka_bus *bus)
{
    sqlite3 *db = bus->spool ? open_file(bus) : NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = db ? sqlite3_exec(db,
                               "BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS known(topic TEXT PRIMARY KEY,"
                               " partitions INTEGER NOT NULL, max_message INTEGER NOT NULL) WITHOUT ROWID",
                               NULL, NULL, NULL)
                : SQLITE_CANTOPEN;
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO known VALUES(?1, ?2, ?3)", -1, &stmt, NULL);
    for (int t = 0; t < TOPIC_COUNT && rc == SQLITE_OK; t++) {
        char name[KAFKA_TOPIC_BYTES];
        kafka_topic_name(bus, (enum topic)t, name);
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 2, atomic_load(&bus->n_partitions[t]));
        sqlite3_bind_int64(stmt, 3, (sqlite3_int64)atomic_load(&bus->max_message));
        rc = sqlite3_step(stmt) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
        sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (bus->spool && rc != SQLITE_OK)
        log_warn("bus", ERR_IO, "%s: the partitions of the topics could not be written down", bus->spool_path);
    sqlite3_close(db); /* takes an open transaction back */
}
