/* What can be read of a file set aside goes into the fresh one.
 *
 * First in order, by SQLite; then beacons and windows, which are nearly all of it, page by page, whatever has become of
 * the trees (base/dbpages.h). The small tables of seismo.db are read from both ends: what lies between two damaged
 * pages of theirs is lost, what lies around them is not. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/dbpages.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/store_sqlite.h"

#define PAGE_BYTES 16384

static int64_t copy_table(sqlite3 *from, struct file *fresh, const char *table, const char *order)
{
    char sql[256];
    sqlite3_stmt *read = NULL, *write = NULL;
    int64_t rows = 0;
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY %s", table, order);
    if (sqlite3_prepare_v2(from, sql, -1, &read, NULL) != SQLITE_OK)
        return 0;
    int columns = sqlite3_column_count(read);
    assert(columns >= 1 && columns <= 10);
    snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO %s VALUES (?%.*s)", table, 2 * (columns - 1),
             ",?,?,?,?,?,?,?,?,?");
    sqlite3_prepare_v2(fresh->db, sql, -1, &write, NULL);
    while (write && sqlite3_step(read) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++)
            sqlite3_bind_value(write, i + 1, sqlite3_column_value(read, i));
        sqlite3_step(write);
        if (sqlite3_reset(write) == SQLITE_OK)
            rows += sqlite3_changes(fresh->db);
    }
    sqlite3_finalize(read);
    sqlite3_finalize(write);
    return rows;
}

/* ---- a day's file ---- */

/* A record says by itself whether it is one. */
static int64_t copy_beacon(struct file *fresh, struct arena *arena, struct slice value)
{
    struct record record;
    bool is_new = false;
    arena_reset(arena);
    if (record_decode(value, arena, &record) == ERR_OK)
        beacon_insert(fresh, &record, value, &is_new);
    return is_new;
}

static int64_t copy_beacons(sqlite3 *from, struct file *fresh, struct arena *arena)
{
    sqlite3_stmt *read = NULL;
    int64_t rows = 0;
    if (sqlite3_prepare_v2(from, "SELECT record FROM beacons ORDER BY beacon", -1, &read, NULL) != SQLITE_OK)
        return 0;
    while (sqlite3_step(read) == SQLITE_ROW)
        rows += copy_beacon(fresh, arena, column_slice(read, 0));
    sqlite3_finalize(read);
    return rows;
}

static bool is_beacon(const struct dbrow *row)
{
    return row->n == 8 && row->values[1].kind == DBVALUE_BLOB && row->values[1].bytes.len == 16 &&
           row->values[7].kind == DBVALUE_BLOB;
}

/* Those to which no page leads that can be read. *ret_last: the largest row number, as beacons are never removed. */
static int64_t find_beacons(struct dbpages *pages, struct file *fresh, struct arena *arena, int64_t *ret_last)
{
    int64_t rows = 0;
    for (uint32_t page = 1; page <= dbpages_count(pages); page++) {
        struct dbrow row;
        size_t cells = 0;
        bool leaf = dbpages_kind(pages, page, &cells) == DBPAGE_TABLE_LEAF;
        for (size_t i = 0; leaf && i < cells; i++) {
            if (!dbpages_row(pages, page, i, true, &row) || !is_beacon(&row))
                continue;
            rows += copy_beacon(fresh, arena, row.values[7].bytes);
            if (row.rowid > *ret_last && row.rowid <= (int64_t)dbpages_count(pages) * PAGE_BYTES)
                *ret_last = row.rowid;
        }
    }
    return rows;
}

static int64_t save_beacons(sqlite3 *from, struct file *fresh, const char *aside)
{
    struct dbpages *pages = NULL;
    struct arena *arena = arena_new(65536, FACTS_ARENA_BYTES);
    int64_t last = 0, rows = copy_beacons(from, fresh, arena);
    if (dbpages_open(aside, PAGE_BYTES, &pages) == ERR_OK)
        rows += find_beacons(pages, fresh, arena, &last);
    if (last > rows)
        METRIC_ADD("seismo_store_lost_total", "beacons of damaged files that could not be read any more", last - rows);
    dbpages_close(pages);
    arena_free(arena);
    return rows;
}

/* ---- seismo.db ---- */

static bool bind_value(sqlite3_stmt *write, int i, const struct dbvalue *value)
{
    if (value->kind == DBVALUE_INTEGER)
        sqlite3_bind_int64(write, i, value->integer);
    else if (value->kind == DBVALUE_TEXT)
        bind_slice(write, i, value->bytes);
    else if (value->kind == DBVALUE_BLOB)
        bind_bytes(write, i, value->bytes.at, value->bytes.len);
    return value->kind != DBVALUE_NULL && value->kind != DBVALUE_REAL;
}

/* By their shape: three numbers and texts around an id of 16 bytes and the record. */
static bool is_rollup(const struct dbrow *row)
{
    static const enum dbvalue_kind kinds[] = {DBVALUE_INTEGER, DBVALUE_INTEGER, DBVALUE_BLOB, DBVALUE_INTEGER,
                                              DBVALUE_TEXT,    DBVALUE_TEXT,    DBVALUE_TEXT, DBVALUE_TEXT,
                                              DBVALUE_TEXT,    DBVALUE_BLOB};
    bool ok = row->n == sizeof kinds / sizeof *kinds && row->values[2].bytes.len == 16;
    for (size_t i = 0; ok && i < row->n; i++)
        ok = row->values[i].kind == kinds[i];
    return ok;
}

/* Windows to which no page leads that can be read. */
static int64_t find_rollups(struct file *fresh, const char *aside)
{
    struct dbpages *pages = NULL;
    sqlite3_stmt *write = file_statement(fresh, SQL_ROLLUP_ADD);
    int64_t rows = 0;
    if (!write || dbpages_open(aside, PAGE_BYTES, &pages) != ERR_OK)
        return 0;
    for (uint32_t page = 1; page <= dbpages_count(pages); page++) {
        struct dbrow row;
        size_t cells = 0;
        enum dbpage kind = dbpages_kind(pages, page, &cells);
        for (size_t i = 0; kind == DBPAGE_INDEX_LEAF && i < cells; i++) {
            bool ok = dbpages_row(pages, page, i, true, &row) && is_rollup(&row);
            for (size_t c = 0; ok && c < row.n; c++)
                ok = bind_value(write, (int)c + 1, &row.values[c]);
            if (ok && file_run(write))
                rows += sqlite3_changes(fresh->db);
        }
    }
    dbpages_close(pages);
    return rows;
}

static int64_t save_all(sqlite3 *from, struct file *fresh, const char *aside)
{
    static const struct {
        const char *name, *order, *backwards;
    } tables[] = {{"positions", "consumer, topic, partition", "consumer DESC, topic DESC, partition DESC"},
                  {"state", "rowid", "rowid DESC"},
                  {"alerts", "rowid", "rowid DESC"},
                  {"rollups", "width_s, start_ms, id", "width_s DESC, start_ms DESC, id DESC"},
                  {"rejects", "rowid", "rowid DESC"}};
    int64_t rows = 0;
    if (fresh->day != MAIN_DAY)
        return save_beacons(from, fresh, aside);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        rows += copy_table(from, fresh, tables[i].name, tables[i].order);
        rows += copy_table(from, fresh, tables[i].name, tables[i].backwards);
    }
    return rows + find_rollups(fresh, aside);
}

enum err file_salvage(struct file *fresh, const char *aside, struct err_text *text)
{
    sqlite3 *from = NULL;
    int64_t rows = 0;
    bool ok = fresh->day == MAIN_DAY ? file_begin(fresh) : day_begin(fresh);
    if (ok && sqlite3_open_v2(aside, &from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
        rows = save_all(from, fresh, aside);
    sqlite3_close(from);
    ok = ok && file_commit(fresh); /* without room SQLite has ended the transaction by itself, and this fails */
    if (!ok) {
        enum err err = file_error_of(fresh->db, ERR_STORE_WRITE);
        err_set(text, err, "%s: %s", fresh->path, sqlite3_errmsg(fresh->db));
        file_roll_back(fresh);
        return err;
    }
    METRIC_ADD("seismo_store_salvaged_total", "rows of damaged files that could be read and were kept", rows);
    log_error("store", ERR_CORRUPT, "%" PRId64 " rows of %s could still be read and are kept", rows, aside);
    return ERR_OK;
}
