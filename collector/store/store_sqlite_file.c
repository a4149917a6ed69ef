/* One SQLite file of the embedded store: its tables, its version, its statements. */
#include "store/store_sqlite.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dbpages.h"
#include "base/log.h"

#define BUSY_MS 5000
#define CHECK_BYTES (32 << 20) /* files up to this size are checked whole when they are opened for writing */

/* 16 kB pages: a record of 2 kB fits several times, and 4 kB ones are three times slower. */
static const char pragmas[] =
    "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384;"
    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";

#define APPLICATION_DAY 0x53454459  /* "SEDY" */
#define APPLICATION_MAIN 0x53454d41 /* "SEMA" */

/* A mark leads from a hash (session, user, beacon, error code, page) to the beacons that have it, newest last. Beacons
 * above `marked` have no marks yet. */
static const char day_schema[] = //
    "CREATE TABLE beacons (beacon INTEGER PRIMARY KEY, id BLOB NOT NULL, from_ms INTEGER NOT NULL,"
    " to_ms INTEGER NOT NULL, application TEXT NOT NULL, service TEXT NOT NULL, kinds INTEGER NOT NULL,"
    " record BLOB NOT NULL);"
    "CREATE INDEX beacons_to ON beacons (to_ms, from_ms, kinds);"
    "CREATE INDEX beacons_from ON beacons (from_ms, to_ms, kinds);"
    "CREATE TABLE marks (hash INTEGER NOT NULL, to_ms INTEGER NOT NULL, beacon INTEGER NOT NULL,"
    " PRIMARY KEY (hash, to_ms, beacon)) WITHOUT ROWID;"
    "CREATE TABLE marked (beacon INTEGER NOT NULL); INSERT INTO marked VALUES (0);";

static const char main_schema[] =
    "CREATE TABLE positions (consumer TEXT NOT NULL, topic INTEGER NOT NULL, partition INTEGER NOT NULL,"
    " next INTEGER NOT NULL, PRIMARY KEY (consumer, topic, partition)) WITHOUT ROWID;"
    "CREATE TABLE state (key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL);"
    "CREATE TABLE rollups (width_s INTEGER NOT NULL, start_ms INTEGER NOT NULL, id BLOB NOT NULL,"
    " kind INTEGER NOT NULL, application TEXT NOT NULL, service TEXT NOT NULL, environment TEXT NOT NULL,"
    " name TEXT NOT NULL, detail TEXT NOT NULL, record BLOB NOT NULL,"
    " PRIMARY KEY (width_s, start_ms, id)) WITHOUT ROWID;"
    "CREATE INDEX rollups_name ON rollups (name, width_s, start_ms);"
    "CREATE TABLE alerts (id TEXT NOT NULL PRIMARY KEY, application TEXT NOT NULL, state INTEGER NOT NULL,"
    " opened_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, record BLOB NOT NULL);"
    "CREATE INDEX alerts_changed ON alerts (changed_ms);"
    "CREATE TABLE rejects (id TEXT NOT NULL PRIMARY KEY, stored_ms INTEGER NOT NULL, json BLOB NOT NULL);"
    "CREATE INDEX rejects_stored ON rejects (stored_ms);";

/* From each version to the next, for the files of earlier releases. Only what is quick, however large the file is. */
static const char *const day_steps[SCHEMA_VERSION] = {
    /* 1 -> 2: until then the marks were written with each beacon, and the ids had an index of their own, which stays */
    [1] =
        "CREATE TABLE marked (beacon INTEGER NOT NULL);"
        "INSERT INTO marked SELECT coalesce(max(beacon), 0) FROM beacons;",
};
static const char *const main_steps[SCHEMA_VERSION] = {
    [1] = "", /* application_id */
};

/* An alert never goes back from resolved to firing: a redelivery may bring the older state once more. */
static const char *const statement_texts[STATEMENTS] = {
    [SQL_BEACON_HAS] =
        "SELECT 1 FROM marks m CROSS JOIN beacons b ON b.beacon = m.beacon WHERE m.hash = ? AND b.id = ?",
    [SQL_BEACON_ADD] =
        "INSERT OR IGNORE INTO beacons (id, from_ms, to_ms, application, service, kinds, record)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
    [SQL_MARK_ADD] = "INSERT OR IGNORE INTO marks (hash, to_ms, beacon) VALUES (?, ?, ?)",
    [SQL_MARK_REMOVE] = "DELETE FROM marks WHERE hash = ? AND to_ms = ? AND beacon = ?",
    [SQL_MARKED_SET] = "UPDATE marked SET beacon = ?",
    [SQL_TAIL] =
        "SELECT beacon, id, to_ms, record FROM beacons WHERE beacon > (SELECT beacon FROM marked) ORDER BY beacon",
    [SQL_BEACON_GET] = "SELECT record FROM beacons WHERE beacon = ?",
    /* 1 from, 2 to, 3 kinds, 4 application, 5 service, 6 hash of the mark */
    [SQL_LIST_NEWEST] =
        "SELECT beacon, to_ms FROM beacons INDEXED BY beacons_to WHERE to_ms >= ?1 AND from_ms < ?2"
        " AND kinds & ?3 AND (?4 = '' OR application = ?4) AND (?5 = '' OR service = ?5)"
        " ORDER BY to_ms DESC",
    [SQL_LIST_OLDEST] =
        "SELECT beacon, from_ms FROM beacons INDEXED BY beacons_from WHERE from_ms < ?2"
        " AND to_ms >= ?1 AND kinds & ?3 AND (?4 = '' OR application = ?4)"
        " AND (?5 = '' OR service = ?5) ORDER BY from_ms",
    /* Those without marks by their own numbers, a few thousand: for the order SQLite would walk the index of all. */
    [SQL_MARKED_NEWEST] =
        "SELECT beacon, to_ms FROM marks WHERE hash = ?6 AND to_ms >= ?1 UNION ALL"
        " SELECT beacon, to_ms FROM beacons NOT INDEXED WHERE beacon > (SELECT beacon FROM marked) AND to_ms >= ?1"
        " ORDER BY 2 DESC",
    [SQL_MARKED_OLDEST] =
        "SELECT b.beacon, b.from_ms FROM marks m CROSS JOIN beacons b ON b.beacon = m.beacon"
        " WHERE m.hash = ?6 AND m.to_ms >= ?1 AND b.from_ms < ?2 UNION ALL"
        " SELECT beacon, from_ms FROM beacons NOT INDEXED WHERE beacon > (SELECT beacon FROM marked)"
        " AND to_ms >= ?1 AND from_ms < ?2 ORDER BY 2",
    /* 1 width, 2 from, 3 to, 4 kind, 5 application, 6 service, 7 environment, 8 name, 9 detail */
    [SQL_ROLLUPS] =
        "SELECT record FROM rollups WHERE width_s = ?1 AND start_ms >= ?2 AND start_ms < ?3"
        " AND (?4 = 0 OR kind = ?4) AND (?5 = '' OR application = ?5) AND (?6 = '' OR service = ?6)"
        " AND (?7 = '' OR environment = ?7) AND (?9 = '' OR detail = ?9) ORDER BY start_ms",
    [SQL_ROLLUPS_OF_NAME] =
        "SELECT record FROM rollups INDEXED BY rollups_name WHERE name = ?8 AND width_s = ?1"
        " AND start_ms >= ?2 AND start_ms < ?3 AND (?4 = 0 OR kind = ?4)"
        " AND (?5 = '' OR application = ?5) AND (?6 = '' OR service = ?6)"
        " AND (?7 = '' OR environment = ?7) AND (?9 = '' OR detail = ?9) ORDER BY start_ms",
    [SQL_ALERTS] =
        "SELECT record FROM alerts WHERE (?1 = '' OR application = ?1) AND (?2 = 0 OR state = 1)"
        " ORDER BY changed_ms DESC, id LIMIT ?3",
    [SQL_POSITION_PUT] =
        "INSERT INTO positions (consumer, topic, partition, next) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET next = excluded.next",
    [SQL_POSITION_GET] = "SELECT next FROM positions WHERE consumer = ? AND topic = ? AND partition = ?",
    [SQL_ROLLUP_ADD] =
        "INSERT OR IGNORE INTO rollups (width_s, start_ms, id, kind, application, service, environment,"
        " name, detail, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_REJECTS] = "SELECT id, json FROM rejects ORDER BY stored_ms DESC LIMIT ?",
    [SQL_ALERT_ADD] =
        "INSERT INTO alerts (id, application, state, opened_ms, changed_ms, record)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
        " changed_ms = excluded.changed_ms, record = excluded.record"
        " WHERE excluded.state > alerts.state",
    [SQL_REJECT_ADD] = "INSERT OR IGNORE INTO rejects (id, stored_ms, json) VALUES (?, ?, ?)",
    [SQL_STATE_GET] = "SELECT value, version FROM state WHERE key = ?",
    [SQL_STATE_ADD] = "INSERT OR IGNORE INTO state (key, value, version) VALUES (?, ?, 1)",
    [SQL_STATE_SET] = "UPDATE state SET value = ?2, version = version + 1 WHERE key = ?1 AND version = ?3",
    [SQL_ROLLUPS_EXPIRE] =
        "DELETE FROM rollups WHERE (width_s, start_ms, id) IN (SELECT width_s, start_ms, id"
        " FROM rollups WHERE width_s = ?2 AND start_ms < ?1 LIMIT ?3)",
    [SQL_ALERTS_EXPIRE] =
        "DELETE FROM alerts WHERE id IN"
        " (SELECT id FROM alerts WHERE changed_ms < ?1 AND state > 1 LIMIT ?3)",
    [SQL_REJECTS_EXPIRE] = "DELETE FROM rejects WHERE id IN (SELECT id FROM rejects WHERE stored_ms < ?1 LIMIT ?3)",
    [SQL_DATA_VERSION] = "PRAGMA data_version",
};

void file_path(const struct sqlite *sqlite, int64_t day, char *ret_path)
{
    if (day == MAIN_DAY) {
        snprintf(ret_path, PATH_BYTES, "%s/seismo.db", sqlite->folder);
        return;
    }
    char date[CLOCK_TEXT_BYTES];
    clock_text(day * DAY_MS, date);
    snprintf(ret_path, PATH_BYTES, "%s/events-%.10s.db", sqlite->folder, date);
}

enum err file_error_of(sqlite3 *db, enum err otherwise)
{
    switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_AGAIN;
    case SQLITE_FULL: return ERR_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ERR_CORRUPT;
    default: return otherwise;
    }
}

enum err file_failed(struct file *file, const char *doing, enum err otherwise)
{
    enum err err = file_error_of(file->db, otherwise);
    if (file->removed) {
        log_error("store", otherwise, "%s was removed or renamed while it was in use; another is begun", file->path);
        return otherwise;
    }
    file->damaged = err == ERR_CORRUPT;
    log_line(err == ERR_AGAIN ? LOG_WARN : LOG_ERROR, "store", err, "%s: %s: %s (SQLite %d)", file->path, doing,
             sqlite3_errmsg(file->db), sqlite3_extended_errcode(file->db));
    return err;
}

sqlite3_stmt *file_statement(struct file *file, enum statement which)
{
    sqlite3_stmt **slot = &file->statements[which];
    if (!*slot && sqlite3_prepare_v3(file->db, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL)) {
        *slot = NULL;
        return NULL;
    }
    sqlite3_reset(*slot);
    sqlite3_clear_bindings(*slot);
    return *slot;
}

bool file_run(sqlite3_stmt *statement)
{
    if (!statement)
        return false;
    int result = sqlite3_step(statement);
    return result == SQLITE_DONE && sqlite3_reset(statement) == SQLITE_OK;
}

static bool execute(struct file *file, const char *sql)
{
    return sqlite3_exec(file->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

bool file_begin(struct file *file)
{
    file->begun = execute(file, "BEGIN IMMEDIATE");
    return file->begun;
}

/* What is written into a file that nobody can open any more is lost: it must not be called stored. */
static bool was_removed(struct file *file)
{
    int moved = 0;
    return sqlite3_file_control(file->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

bool file_commit(struct file *file)
{
    file->removed = was_removed(file);
    if (file->removed || !execute(file, "COMMIT"))
        return false;
    file->begun = false;
    file->unsynced = file->day != MAIN_DAY;
    return true;
}

/* What the system has told us that it could not write may count as written when it is asked again. Then the WAL is
 * copied into the file, which is a new write with a sync of its own. */
bool file_sync(struct file *file)
{
    sqlite3_file *wal = NULL;
    if (!file->unsynced)
        return true;
    if (!file->sync_failed) {
        sqlite3_file_control(file->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
        file->sync_failed = !wal || !wal->pMethods || wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL) != SQLITE_OK;
    }
    if (file->sync_failed && sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL))
        return false;
    file->unsynced = file->sync_failed = false;
    return true;
}

void file_roll_back(struct file *file)
{
    if (file->begun) {
        if (!sqlite3_get_autocommit(file->db)) /* else SQLite has rolled back by itself, and tells why */
            execute(file, "ROLLBACK");
        tail_forget(file);
    }
    file->begun = false;
}

void file_close(struct file *file)
{
    if (!file->db)
        return;
    file_roll_back(file);
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(file->statements[i]);
    int result = sqlite3_close(file->db);
    assert(result == SQLITE_OK); /* else a statement of ours is still alive */
    (void)result;
    tail_free(file->tail);
    *file = (struct file){0};
}

void bind_slice(sqlite3_stmt *statement, int i, struct slice text)
{
    sqlite3_bind_text(statement, i, text.len ? text.at : "", (int)text.len, SQLITE_STATIC);
}

void bind_bytes(sqlite3_stmt *statement, int i, const void *bytes, size_t n)
{
    sqlite3_bind_blob(statement, i, n ? bytes : "", (int)n, SQLITE_STATIC);
}

struct slice column_slice(sqlite3_stmt *statement, int i)
{
    const void *at = sqlite3_column_blob(statement, i);
    return (struct slice){at, (size_t)sqlite3_column_bytes(statement, i)};
}

static bool number_of(struct file *file, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return false;
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    if (found)
        *ret_number = sqlite3_column_int64(statement, 0);
    return sqlite3_finalize(statement) == SQLITE_OK && found;
}

static bool check_is_ok(struct file *file)
{
    struct stat stat_;
    if (stat(file->path, &stat_) != 0 || stat_.st_size > CHECK_BYTES)
        return true;
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(file->db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK)
        return sqlite3_errcode(file->db) == SQLITE_BUSY;
    int result = sqlite3_step(statement);
    bool ok = result == SQLITE_BUSY || (result == SQLITE_ROW && slice_is(column_slice(statement, 0), "ok"));
    sqlite3_finalize(statement);
    return ok;
}

/* Two processes may come here for the same file: the second finds it done. */
static enum err upgrade(struct file *file)
{
    const char *const *steps = file->day == MAIN_DAY ? main_steps : day_steps;
    int64_t version = 0;
    char set[128];
    snprintf(set, sizeof set, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             file->day == MAIN_DAY ? APPLICATION_MAIN : APPLICATION_DAY, SCHEMA_VERSION);
    bool ok = file_begin(file) && number_of(file, "PRAGMA user_version", &version);
    if (ok && version == 0)
        ok = execute(file, file->day == MAIN_DAY ? main_schema : day_schema);
    for (; ok && version > 0 && version < SCHEMA_VERSION; version++)
        ok = execute(file, steps[version]);
    ok = ok && execute(file, set) && file_commit(file);
    enum err err = ok ? ERR_OK : file_failed(file, version ? "upgrade" : "make tables", ERR_STORE_OPEN);
    if (!ok)
        file_roll_back(file);
    return err;
}

/* Version 0 with tables, or another application's number from version 2 on, is somebody else's database. */
static bool is_ours(struct file *file, int64_t version, int64_t application, int64_t tables)
{
    if (version == 0)
        return application == 0 && tables == 0;
    return application == (version == 1 ? 0 : file->day == MAIN_DAY ? APPLICATION_MAIN : APPLICATION_DAY);
}

/* In one transaction: another process may make the tables between any two of these questions. */
static bool read_identity(struct file *file, int64_t *ret_version, bool *ret_ours)
{
    int64_t application = 0, tables = 0;
    bool ok = execute(file, "BEGIN") && number_of(file, "PRAGMA user_version", ret_version) &&
              number_of(file, "PRAGMA application_id", &application) &&
              number_of(file, "SELECT count(*) FROM sqlite_schema", &tables) && execute(file, "COMMIT");
    *ret_ours = ok && is_ours(file, *ret_version, application, tables);
    return ok;
}

static enum err check_version(struct file *file, enum open_mode mode)
{
    int64_t version = 0;
    bool ours = false;
    if (!read_identity(file, &version, &ours))
        return file_failed(file, "open", ERR_STORE_OPEN);
    if (!ours) {
        log_error("store", ERR_CORRUPT, "%s is a database of something else", file->path);
        return ERR_CORRUPT;
    }
    if (version == SCHEMA_VERSION)
        return ERR_OK;
    if (mode == OPEN_TO_READ)
        return version ? ERR_AGAIN : ERR_MISSING; /* upgraded first; its writer is about to make the tables */
    return upgrade(file);
}

/* Before anything in the file is touched. What cannot be read shows later. */
static enum err refuse_newer(struct file *file, struct err_text *text)
{
    int64_t version = 0;
    if (number_of(file, "PRAGMA user_version", &version) && version > SCHEMA_VERSION)
        return err_set(text, ERR_NEWER_VERSION, "%s has version %" PRId64 ", this release knows up to %d", file->path,
                       version, SCHEMA_VERSION);
    return ERR_OK;
}

/* Leaves file closed unless ERR_OK. */
static enum err open_once(struct file *file, enum open_mode mode, struct err_text *text)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (mode == OPEN_OR_MAKE ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(file->path, &file->db, flags, NULL) != SQLITE_OK) {
        enum err err = file_failed(file, "open", ERR_STORE_OPEN);
        err_set(text, err, "%s: %s", file->path, sqlite3_errmsg(file->db));
        sqlite3_close(file->db);
        file->db = NULL;
        return err;
    }
    sqlite3_extended_result_codes(file->db, 1);
    sqlite3_busy_timeout(file->db, BUSY_MS);
    /* A reader that is the last to leave would delete the -wal by its name, which a fresh file may have by then. */
    if (mode == OPEN_TO_READ)
        sqlite3_db_config(file->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    enum err err = refuse_newer(file, text);
    if (err == ERR_OK &&
        !execute(file, mode == OPEN_TO_READ ? "PRAGMA query_only = 1; PRAGMA cache_size = -4096" : pragmas))
        err = file_failed(file, "open", ERR_STORE_OPEN);
    if (err == ERR_OK)
        err = check_version(file, mode);
    /* Small tables: the day's marks need the memory. */
    if (err == ERR_OK && mode != OPEN_TO_READ && file->day == MAIN_DAY && !execute(file, "PRAGMA cache_size = -4096"))
        err = file_failed(file, "open", ERR_STORE_OPEN);
    /* Its commits are whole and in order, and become durable together: file_sync. */
    if (err == ERR_OK && mode != OPEN_TO_READ && file->day != MAIN_DAY && !execute(file, "PRAGMA synchronous = NORMAL"))
        err = file_failed(file, "open", ERR_STORE_OPEN);
    if (err == ERR_OK && mode != OPEN_TO_READ && !check_is_ok(file)) {
        log_error("store", ERR_CORRUPT, "%s: SQLite's own check finds it damaged", file->path);
        err = ERR_CORRUPT;
    }
    if (err != ERR_OK) {
        if (err != ERR_NEWER_VERSION)
            err_set(text, err, "%s: %s", file->path, sqlite3_errmsg(file->db));
        struct file kept = *file;
        file_close(file);
        file->day = kept.day;
        file->epoch = kept.epoch;
        memcpy(file->path, kept.path, sizeof file->path);
    }
    return err;
}

/* At a start nobody would ask again: it is waited for. */
static enum dbpages_disk ask_disk(struct sqlite *sqlite, const char *path)
{
    enum dbpages_disk disk = dbpages_ask_disk(path, &sqlite->disk_fails_since_ms);
    while (disk == DISK_FAILS && !sqlite->started) {
        usleep(250000);
        disk = dbpages_ask_disk(path, &sqlite->disk_fails_since_ms);
    }
    return disk;
}

enum err file_replace(struct sqlite *sqlite, struct file *file, struct err_text *text)
{
    char aside[PATH_BYTES];
    int64_t day = file->day;
    file_close(file);
    *file = (struct file){.day = day};
    file_path(sqlite, day, file->path);
    enum dbpages_disk disk = ask_disk(sqlite, file->path);
    if (disk == DISK_FAILS)
        return err_set(text, ERR_STORE_READ, "%s cannot be read from the disk", file->path);
    if (disk == DISK_IS_BACK)
        return open_once(file, OPEN_OR_MAKE, text);
    enum err err = file_set_aside(sqlite, file->path, aside, text);
    if (err != ERR_OK)
        return err;
    readers_close(sqlite, day);
    err = open_once(file, OPEN_OR_MAKE, text);
    if (err == ERR_OK)
        err = file_salvage(file, aside, text);
    if (err == ERR_OK)
        return err;
    file_close(file);
    *file = (struct file){.day = day};
    file_path(sqlite, day, file->path);
    file_put_back(file->path, aside);
    return err;
}

enum err file_open(struct sqlite *sqlite, struct file *file, int64_t day, enum open_mode mode, struct err_text *text)
{
    struct stat stat_;
    *file = (struct file){.day = day, .epoch = atomic_load(&sqlite->epoch)};
    file_path(sqlite, day, file->path);
    if (mode == OPEN_OR_MAKE)
        mkdir(sqlite->folder, 0700); /* it is there, unless it was removed meanwhile */
    else if (stat(file->path, &stat_) != 0)
        return ERR_MISSING;
    enum err err = open_once(file, mode, text);
    if (err == ERR_AGAIN && mode == OPEN_TO_READ && (err = open_once(file, OPEN_PRESENT, text)) == ERR_OK) {
        file_close(file);
        *file = (struct file){.day = day, .epoch = atomic_load(&sqlite->epoch)};
        file_path(sqlite, day, file->path);
        err = open_once(file, mode, text);
    }
    if (err != ERR_CORRUPT || mode == OPEN_TO_READ)
        return err;
    return file_replace(sqlite, file, text);
}
