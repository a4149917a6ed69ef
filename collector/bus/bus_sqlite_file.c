/* The SQLite bus's file: how it is opened, what is in it, how older ones become today's.
 *
 *   application_id "SEBQ", user_version = FORMAT: a newer one is refused, an older one upgraded step by step
 *   partition(topic, number, oldest, bytes, floor)
 *                                                one row a partition: the first position kept, the bytes before it, and
 *                                                what the next position is at least (after damage)
 *   place(name, topic, number, next, seen_ms)    one row a group and partition: where it stands, -1 not yet anywhere;
 *                                                when a cursor last had it
 *   TOPIC_NUMBER(position, published_ms, bytes, value)
 *                                                one table a partition, so that appends are always at a tree's right
 *                                                end and removals at its left; bytes = of all values up to this one
 *
 * The next position is one behind the newest row, or `oldest` of the partition's row when no row is left, and never
 * below `floor`: so no position is ever given out twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/bus_sqlite_int.h"

#define APPLICATION_ID 0x53454251
#define BUSY_MS 10000
#define CHECK_PAGES 2048 /* files up to 32 MiB are checked whole when they are opened */

static const char *const steps[] = {
    /* 0 -> 1 */
    "CREATE TABLE partition(topic TEXT NOT NULL, number INTEGER NOT NULL, oldest INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, PRIMARY KEY(topic, number)) WITHOUT ROWID;"
    "CREATE TABLE place(name TEXT NOT NULL, topic TEXT NOT NULL, number INTEGER NOT NULL, next INTEGER NOT NULL,"
    " PRIMARY KEY(name, topic, number)) WITHOUT ROWID;"
    "CREATE TABLE probe(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL);",
    /* 1 -> 2 */
    "ALTER TABLE partition ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;",
    /* 2 -> 3: nobody is given up by a time that was not written down */
    ("ALTER TABLE place ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;"
     "UPDATE place SET seen_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000;"),
};
#define FORMAT ((int)(sizeof steps / sizeof steps[0]))
#define FARTHEST_FORMAT 1000 /* no release will ever write more */

enum err sqlite_file_err(sqlite3 *db, enum err otherwise)
{
    int code = sqlite3_errcode(db);
    if (code == SQLITE_FULL)
        return ERR_FULL;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return ERR_CORRUPT;
    return otherwise;
}

static enum err fail(sqlite3 *db, const char *path, const char *what, struct err_text *text)
{
    enum err err = sqlite_file_err(db, ERR_BUS_OPEN);
    return err_set(text, err, "bus: %s: %s: %s", path, what, db ? sqlite3_errmsg(db) : "out of memory");
}

/* One number out of one row. */
static int ask(sqlite3 *db, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            *ret_value = sqlite3_column_int64(stmt, 0);
    }
    int end = sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : end ? end : rc;
}

/* A header with a flipped bit can look like a format that SQLite does not know: an error of its own. */
static enum err fail_reading(sqlite3 *db, const char *path, struct err_text *text)
{
    if (sqlite3_errcode(db) != SQLITE_ERROR)
        return fail(db, path, "reading", text);
    return err_set(text, ERR_CORRUPT, "bus: %s: reading: %s", path, sqlite3_errmsg(db));
}

static enum err check_version(sqlite3 *db, const char *path, int *ret_format, struct err_text *text)
{
    int64_t application = 0, format = 0, tables = 0, ours = 0;
    /* In one transaction: another process may make the tables between any two of these questions. */
    if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) || ask(db, "PRAGMA application_id", &application) ||
        ask(db, "PRAGMA user_version", &format) || ask(db, "SELECT count(*) FROM sqlite_schema", &tables) ||
        ask(db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('partition', 'place')", &ours) ||
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL))
        return fail_reading(db, path, text);
    if (tables == 0 && application == 0) {
        *ret_format = 0;
        return ERR_OK;
    }
    if (application != APPLICATION_ID && ours < 2)
        return err_set(text, ERR_BUS_OPEN, "bus: %s: is a database of something else", path);
    if (application != APPLICATION_ID || format < 0 || format > FARTHEST_FORMAT)
        return err_set(text, ERR_CORRUPT, "bus: %s: its header is damaged", path);
    if (format > FORMAT)
        return err_set(text, ERR_NEWER_VERSION, "bus: %s: format %d; this release reads up to %d", path, (int)format,
                       FORMAT);
    *ret_format = (int)format;
    return ERR_OK;
}

static enum err upgrade(sqlite3 *db, const char *path, int format, struct err_text *text)
{
    for (; format < FORMAT; format++) {
        char *sql = sqlite3_mprintf("BEGIN IMMEDIATE;%s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
                                    steps[format], APPLICATION_ID, format + 1);
        int rc = sql ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
        sqlite3_free(sql);
        if (rc)
            return fail(db, path, "making tables", text);
    }
    return ERR_OK;
}

static enum err prepare_writer(sqlite3 *db, const char *path, struct err_text *text)
{
    int format = 0;
    /* The page size holds only if it comes before the first page is written. */
    char *sql = sqlite3_mprintf("PRAGMA page_size=%d", SQLITE_BUS_PAGE_BYTES);
    int rc = sql ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    enum err err = rc ? fail(db, path, "opening", text) : check_version(db, path, &format, text);
    if (err)
        return err;
    if (sqlite3_exec(db,
                     "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-8000;"
                     "PRAGMA journal_size_limit=67108864; PRAGMA secure_delete=0",
                     NULL, NULL, NULL))
        return fail(db, path, "switching to a WAL", text);
    return upgrade(db, path, format, text);
}

enum err sqlite_file_open(const char *path, bool writer, sqlite3 **ret_db, struct err_text *text)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE | (writer ? SQLITE_OPEN_CREATE : 0);
    enum err err = ERR_OK;
    if (sqlite3_open_v2(path, &db, flags, NULL)) {
        err = fail(db, path, "opening", text);
        goto out;
    }
    sqlite3_extended_result_codes(db, 0);
    /* A reader that is the last to leave would delete the WAL by its name, which a fresh file may have by then. */
    if (!writer)
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(db, BUSY_MS);
    if (writer && (err = prepare_writer(db, path, text)))
        goto out;
    if (sqlite3_exec(db, writer ? "PRAGMA synchronous=FULL" : "PRAGMA query_only=1; PRAGMA cache_size=-2000", NULL,
                     NULL, NULL))
        err = fail(db, path, "opening", text);
out:
    if (err)
        sqlite3_close(db);
    else
        *ret_db = db;
    return err;
}

static int add_partition(sqlite3 *db, enum topic topic, int number)
{
    char *sql = sqlite3_mprintf(
        "CREATE TABLE IF NOT EXISTS \"%s_%d\"(position INTEGER PRIMARY KEY,"
        " published_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, value BLOB NOT NULL);"
        "INSERT OR IGNORE INTO partition VALUES('%s', %d, 0, 0, 0);",
        topic_name(topic), number, topic_name(topic), number);
    int rc = sql ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return rc;
}

enum err sqlite_file_partitions(sqlite3 *db, int wanted, int *ret_partitions, struct err_text *text)
{
    const char *path = sqlite3_db_filename(db, NULL);
    int64_t have = 0;
    if (ask(db, "SELECT coalesce(max(number), -1) + 1 FROM partition", &have))
        return fail(db, path, "reading partitions", text);
    if (have > SQLITE_BUS_MAX_PARTITIONS || have < 0)
        return err_set(text, ERR_CORRUPT, "bus: %s: partition %lld", path, (long long)have);
    int n = have > wanted ? (int)have : wanted;
    if (n > SQLITE_BUS_MAX_PARTITIONS)
        return err_set(text, ERR_BUS_OPEN, "bus: %s: %d partitions; at most %d", path, n, SQLITE_BUS_MAX_PARTITIONS);
    *ret_partitions = n;
    if (have == n)
        return ERR_OK;
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (int t = 0; t < TOPIC_COUNT && rc == SQLITE_OK; t++) {
        for (int p = 0; p < n && rc == SQLITE_OK; p++)
            rc = add_partition(db, (enum topic)t, p);
    }
    /* Every group must read the partitions that came after it. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db,
                          "INSERT OR IGNORE INTO place SELECT place.name, place.topic, partition.number, -1,"
                          " max(place.seen_ms) FROM place JOIN partition ON partition.topic = place.topic"
                          " GROUP BY 1, 2, 3; COMMIT;",
                          NULL, NULL, NULL);
    return rc ? fail(db, path, "making partitions", text) : ERR_OK;
}

int sqlite_file_prepare(sqlite3 *db, const struct sqlite_partition *part, const char *format, sqlite3_stmt **ret_stmt)
{
    char table[32], sql[256];
    snprintf(table, sizeof table, "\"%s_%d\"", topic_name(part->topic), (int)part->number);
    snprintf(sql, sizeof sql, format, table); /* NOLINT: every format is a literal of this room */
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL);
}

/* ---- loading ---- */

static int load_extent(struct sqlite_bus *bus, struct sqlite_partition *part)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT p.oldest, p.bytes, m.position + 1, m.bytes, m.published_ms, p.floor FROM partition p LEFT JOIN"
             " (SELECT position, bytes, published_ms FROM \"%s_%d\" ORDER BY position DESC LIMIT 1) m"
             " WHERE p.topic = '%s' AND p.number = %d",
             topic_name(part->topic), (int)part->number, topic_name(part->topic), (int)part->number);
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(bus->db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        bool empty = sqlite3_column_type(stmt, 2) == SQLITE_NULL;
        int64_t floor = sqlite3_column_int64(stmt, 5), next = sqlite3_column_int64(stmt, empty ? 0 : 2);
        part->writing.oldest = sqlite3_column_int64(stmt, 0);
        part->writing.oldest_bytes = sqlite3_column_int64(stmt, 1);
        part->writing.next = next > floor ? next : floor;
        part->writing.next_bytes = sqlite3_column_int64(stmt, empty ? 1 : 3);
        if (sqlite3_column_int64(stmt, 4) > bus->last_published_ms)
            bus->last_published_ms = sqlite3_column_int64(stmt, 4);
    }
    int end = sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? SQLITE_OK : end ? end : SQLITE_CORRUPT;
}

static const struct {
    size_t at; /* in struct sqlite_partition */
    const char *format;
} part_statements[] = {
    {offsetof(struct sqlite_partition, insert), "INSERT INTO %s VALUES(?1, ?2, ?3, ?4)"},
    {offsetof(struct sqlite_partition, oldest),
     "SELECT position, published_ms, bytes FROM %s WHERE position >= ?1 AND position < ?2 ORDER BY position"},
    {offsetof(struct sqlite_partition, remove), "DELETE FROM %s WHERE position < ?1"},
    {offsetof(struct sqlite_partition, bytes_before), "SELECT bytes FROM %s WHERE position = ?1 - 1"},
};

static sqlite3_stmt **part_statement(struct sqlite_partition *part, size_t i)
{
    return (sqlite3_stmt **)(void *)((char *)part + part_statements[i].at);
}

static int load_partition(struct sqlite_bus *bus, struct sqlite_partition *part)
{
    int rc = load_extent(bus, part);
    for (size_t i = 0; i < sizeof part_statements / sizeof part_statements[0] && rc == SQLITE_OK; i++)
        rc = sqlite_file_prepare(bus->db, part, part_statements[i].format, part_statement(part, i));
    if (rc == SQLITE_OK)
        rc =
            sqlite3_prepare_v3(bus->db, "UPDATE partition SET oldest = ?1, bytes = ?2 WHERE topic = ?3 AND number = ?4",
                               -1, SQLITE_PREPARE_PERSISTENT, &part->keep, NULL);
    return rc;
}

static struct sqlite_group *group_of(struct sqlite_bus *bus, const char *name, enum topic topic)
{
    for (size_t i = 0; i < bus->n_groups; i++) {
        if (bus->groups[i].topic == topic && strcmp(bus->groups[i].name, name) == 0)
            return &bus->groups[i];
    }
    if (bus->n_groups == SQLITE_BUS_MAX_GROUPS || strlen(name) >= BUS_GROUP_BYTES)
        return NULL;
    struct sqlite_group *group = &bus->groups[bus->n_groups];
    group->next = malloc((size_t)bus->n_partitions * sizeof *group->next);
    if (!group->next)
        abort();
    for (int p = 0; p < bus->n_partitions; p++)
        group->next[p] = -1;
    memcpy(group->name, name, strlen(name) + 1);
    group->topic = topic;
    bus->n_groups++;
    return group;
}

static void load_place(struct sqlite_bus *bus, sqlite3_stmt *stmt)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0), *topic = (const char *)sqlite3_column_text(stmt, 1);
    int64_t number = sqlite3_column_int64(stmt, 2);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (!name || !topic || strcmp(topic, topic_name((enum topic)t)) != 0)
            continue;
        struct sqlite_group *group = group_of(bus, name, (enum topic)t);
        if (group && sqlite3_column_int64(stmt, 4) > group->seen_ms)
            group->seen_ms = sqlite3_column_int64(stmt, 4);
        if (group && number >= 0 && number < bus->n_partitions)
            group->next[number] = sqlite3_column_int64(stmt, 3);
    }
}

static int load_groups(struct sqlite_bus *bus)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(bus->db, "SELECT name, topic, number, next, seen_ms FROM place", -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        load_place(bus, stmt);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int prepare_common(struct sqlite_bus *bus)
{
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } all[] = {
        {&bus->begin, "BEGIN IMMEDIATE"},
        {&bus->commit, "COMMIT"},
        {&bus->rollback, "ROLLBACK"},
        {&bus->put_position,
         "INSERT INTO place VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"
         " next = excluded.next, seen_ms = excluded.seen_ms"},
        {&bus->remove_group, "DELETE FROM place WHERE name = ?1 AND topic = ?2"},
        {&bus->probe, "INSERT OR REPLACE INTO probe VALUES(1, ?1)"},
        {&bus->page_count, "PRAGMA page_count"},
        {&bus->free_count, "PRAGMA freelist_count"},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof all / sizeof all[0] && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(bus->db, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].stmt, NULL);
    return rc;
}

/* After damage the groups in memory know more than the file. */
static int write_groups(struct sqlite_bus *bus)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < bus->n_groups && rc == SQLITE_OK; i++)
        for (int32_t p = 0; !bus->groups[i].retired && p < bus->n_partitions && rc == SQLITE_OK; p++)
            rc = sqlite_writer_put_place(bus, &bus->groups[i], p, bus->groups[i].next[p]) ? SQLITE_OK
                                                                                          : sqlite3_errcode(bus->db);
    return rc;
}

static void show_extents(struct sqlite_bus *bus, size_t n)
{
    pthread_mutex_lock(&bus->mutex);
    for (size_t i = 0; i < n; i++)
        bus->parts[i].extent = bus->parts[i].writing;
    pthread_mutex_unlock(&bus->mutex);
}

enum err sqlite_file_load(struct sqlite_bus *bus, struct err_text *text)
{
    size_t n = (size_t)TOPIC_COUNT * (size_t)bus->n_partitions;
    bool again = bus->parts != NULL;
    if (!again)
        bus->parts = calloc(n, sizeof *bus->parts);
    if (!bus->parts)
        abort();
    int rc = prepare_common(bus);
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        bus->parts[i].topic = (enum topic)(i / (size_t)bus->n_partitions);
        bus->parts[i].number = (int32_t)(i % (size_t)bus->n_partitions);
        rc = load_partition(bus, &bus->parts[i]);
    }
    if (rc == SQLITE_OK)
        rc = again ? write_groups(bus) : load_groups(bus);
    if (rc == SQLITE_OK)
        show_extents(bus, n);
    /* A table that is not there is damage too, which SQLite does not see. */
    if (rc && rc != SQLITE_CORRUPT && rc != SQLITE_NOTADB && rc != SQLITE_ERROR)
        return fail(bus->db, bus->path, "reading", text);
    return rc ? err_set(text, ERR_CORRUPT, "bus: %s: %s", bus->path, sqlite3_errmsg(bus->db)) : ERR_OK;
}

bool sqlite_file_is_sound(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int64_t pages = 0;
    if (ask(db, "PRAGMA page_count", &pages) || pages > CHECK_PAGES)
        return true; /* what is wrong with it shows when it is touched */
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    bool sound = rc == SQLITE_ROW ? strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0
                                  : rc != SQLITE_CORRUPT && rc != SQLITE_NOTADB;
    sqlite3_finalize(stmt);
    return sound;
}

void sqlite_file_finalize(struct sqlite_bus *bus)
{
    sqlite3_stmt **common[] = {&bus->begin,        &bus->commit, &bus->rollback,   &bus->put_position,
                               &bus->remove_group, &bus->probe,  &bus->page_count, &bus->free_count};
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        sqlite3_finalize(*common[i]);
        *common[i] = NULL;
    }
    for (size_t i = 0; bus->parts && i < (size_t)TOPIC_COUNT * (size_t)bus->n_partitions; i++) {
        for (size_t s = 0; s < sizeof part_statements / sizeof part_statements[0]; s++) {
            sqlite3_finalize(*part_statement(&bus->parts[i], s));
            *part_statement(&bus->parts[i], s) = NULL;
        }
        sqlite3_finalize(bus->parts[i].keep);
        bus->parts[i].keep = NULL;
    }
}

void sqlite_file_unload(struct sqlite_bus *bus)
{
    sqlite_file_finalize(bus);
    free(bus->parts);
    bus->parts = NULL;
    for (size_t i = 0; i < bus->n_groups; i++)
        free(bus->groups[i].next);
    bus->n_groups = 0;
}
