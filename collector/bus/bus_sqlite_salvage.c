/* A damaged queue: what can be read of it goes into a new file, with the same positions; the old one is kept aside.
 *
 *   PATH, PATH-wal          the damaged one, until all is done
 *   PATH.salvage            the new one while it is made; complete before the first rename
 *   PATH.corrupt-MS[-wal]   the damaged one afterwards
 *
 * A crash on the way leaves either the damaged file, of which the next start makes a new one again, or no PATH but a
 * complete PATH.salvage, which sqlite_salvage_finish puts in its place.
 *
 * Records are found page by page (bus_sqlite_scan.c), whatever has become of the trees; partitions and groups, which
 * are few, by SQLite. When the first page with the schema is gone, that of an empty queue stands in for it: tables are
 * always made in the same order. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dbpages.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_sqlite_int.h"

#define NAME_BYTES 4200
#define SIDE_BYTES (NAME_BYTES + 16) /* with -wal, -shm or -journal */

struct salvage {
    const char *path;
    sqlite3 *from, *to;
    struct sqlite_scan *scan;
    uint32_t *roots; /* of the tables; 0: unknown */
    int partitions;
    int64_t saved, lost, unread; /* unread: of the lost, those that some group had not read */
};

/* Of one partition's table. */
struct range {
    enum topic topic;
    int number;
    int64_t oldest, floor; /* by the partition's row; -1: it cannot be read */
    int64_t first_unread;  /* smallest place of a group; -1: none is known */
    int64_t farthest_read; /* largest place */
    int64_t first, last;   /* saved; -1: none */
    int64_t saved, saved_unread, bytes;
};

static int64_t number_of(sqlite3 *db, const char *sql, const char *topic, int number, int64_t otherwise)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = otherwise;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, topic, -1, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 2, number);
        if (sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) == SQLITE_INTEGER)
            value = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return value;
}

static bool run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* ---- rows ---- */

struct copy {
    sqlite3_stmt *write;
    struct range *range;
};

/* False: the new file cannot be written to. */
static bool save_row(void *ctx, const struct dbrow *row)
{
    const struct copy *copy = ctx;
    struct range *range = copy->range;
    const struct slice value = row->values[3].bytes;
    range->bytes += (int64_t)value.len;
    sqlite3_bind_int64(copy->write, 1, row->rowid);
    sqlite3_bind_int64(copy->write, 2, row->values[1].integer);
    sqlite3_bind_int64(copy->write, 3, range->bytes);
    sqlite3_bind_blob(copy->write, 4, value.len ? value.at : "", (int)value.len, SQLITE_STATIC);
    int rc = sqlite3_step(copy->write);
    sqlite3_reset(copy->write);
    if (range->first < 0)
        range->first = row->rowid;
    range->last = row->rowid;
    range->saved++;
    range->saved_unread += row->rowid >= range->first_unread;
    return rc == SQLITE_DONE;
}

static bool copy_table(struct salvage *salvage, struct range *range)
{
    struct sqlite_partition part = {.topic = range->topic, .number = range->number};
    struct copy copy = {NULL, range};
    size_t table = (size_t)range->topic * (size_t)salvage->partitions + (size_t)range->number;
    bool ok =
        sqlite_file_prepare(salvage->to, &part, "INSERT OR IGNORE INTO %s VALUES(?1, ?2, ?3, ?4)", &copy.write) == 0 &&
        sqlite_scan_each(salvage->scan, table, save_row, &copy);
    sqlite3_finalize(copy.write);
    return ok;
}

/* Where the tables' trees begin, as the damaged file says. */
static enum err scan_pages(struct salvage *salvage)
{
    size_t n = (size_t)TOPIC_COUNT * (size_t)salvage->partitions;
    salvage->roots = calloc(n, sizeof *salvage->roots);
    if (!salvage->roots)
        return ERR_IO;
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%zu", topic_name((enum topic)(i / (size_t)salvage->partitions)),
                 i % (size_t)salvage->partitions);
        salvage->roots[i] = (uint32_t)number_of(
            salvage->from, "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?1", name, 0, 0);
    }
    /* sqlite_salvage frees the roots, as the scan borrows them. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    return sqlite_scan_open(salvage->path, salvage->roots, n, &salvage->scan);
}

/* ---- partitions ---- */

/* No position is given out twice, and none that a group has behind it. */
static bool put_partition(struct salvage *salvage, const struct range *range)
{
    int64_t next = range->last + 1, begin = range->first;
    if (range->farthest_read > next)
        next = range->farthest_read;
    if (range->floor > next)
        next = range->floor;
    if (begin < 0)
        begin = next;
    int64_t oldest = range->oldest >= 0 ? range->oldest : begin, lost = next - oldest - range->saved;
    int64_t first_unread = range->first_unread > oldest ? range->first_unread : oldest;
    salvage->saved += range->saved;
    salvage->lost += lost;
    salvage->unread += next - first_unread - range->saved_unread;
    char *sql =
        sqlite3_mprintf("UPDATE partition SET oldest = %lld, bytes = 0, floor = %lld WHERE topic = %Q AND number = %d",
                        (long long)begin, (long long)next, topic_name(range->topic), range->number);
    bool ok = sql && run(salvage->to, sql);
    sqlite3_free(sql);
    return ok;
}

static bool save_partition(struct salvage *salvage, enum topic topic, int number)
{
    const char *name = topic_name(topic);
    struct range range = {.topic = topic, .number = number, .first = -1, .last = -1};
    range.oldest =
        number_of(salvage->from, "SELECT oldest FROM partition WHERE topic = ?1 AND number = ?2", name, number, -1);
    range.floor =
        number_of(salvage->from, "SELECT floor FROM partition WHERE topic = ?1 AND number = ?2", name, number, 0);
    range.first_unread =
        number_of(salvage->to, "SELECT min(next) FROM place WHERE topic = ?1 AND number = ?2", name, number, -1);
    range.farthest_read =
        number_of(salvage->to, "SELECT max(next) FROM place WHERE topic = ?1 AND number = ?2", name, number, 0);
    if (!copy_table(salvage, &range))
        return false;
    if (range.oldest > range.first && range.first >= 0)
        range.oldest = range.first;
    return put_partition(salvage, &range);
}

/* From both ends, as there is no number to search by. */
static bool save_places(struct salvage *salvage)
{
    static const char *const all[] = {"SELECT name, topic, number, next FROM place ORDER BY 1, 2, 3",
                                      "SELECT name, topic, number, next FROM place ORDER BY 1 DESC, 2 DESC, 3 DESC"};
    sqlite3_stmt *write = NULL;
    bool ok = sqlite3_prepare_v2(salvage->to,
                                 "INSERT OR IGNORE INTO place VALUES(?1, ?2, ?3, ?4,"
                                 " CAST(strftime('%s', 'now') AS INTEGER) * 1000)",
                                 -1, &write, NULL) == 0;
    for (size_t i = 0; i < 2 && ok; i++) {
        sqlite3_stmt *read = NULL;
        if (sqlite3_prepare_v2(salvage->from, all[i], -1, &read, NULL))
            continue;
        while (ok && sqlite3_step(read) == SQLITE_ROW) {
            for (int c = 0; c < 4; c++)
                sqlite3_bind_value(write, c + 1, sqlite3_column_value(read, c));
            int rc = sqlite3_step(write);
            sqlite3_reset(write);
            ok = rc == SQLITE_DONE || rc == SQLITE_CONSTRAINT;
        }
        sqlite3_finalize(read);
    }
    sqlite3_finalize(write);
    return ok;
}

static enum err copy_all(struct salvage *salvage, struct err_text *text)
{
    int64_t known = number_of(salvage->from, "SELECT max(number) + 1 FROM partition", NULL, 0, 0);
    enum err err = sqlite_file_partitions(
        salvage->to,
        known > salvage->partitions && known <= SQLITE_BUS_MAX_PARTITIONS ? (int)known : salvage->partitions,
        &salvage->partitions, text);
    if (err)
        return err;
    if (scan_pages(salvage))
        return err_set(text, ERR_IO, "bus: %s cannot be read", salvage->path);
    bool ok = run(salvage->to, "BEGIN IMMEDIATE") && save_places(salvage);
    for (int t = 0; t < TOPIC_COUNT && ok; t++)
        for (int p = 0; p < salvage->partitions && ok; p++)
            ok = save_partition(salvage, (enum topic)t, p);
    if (ok && run(salvage->to, "COMMIT"))
        return ERR_OK;
    return err_set(text, sqlite_file_err(salvage->to, ERR_BUS_OPEN), "bus: %s.salvage: %s", salvage->path,
                   sqlite3_errmsg(salvage->to));
}

/* ---- files ---- */

static void remove_with_sides(const char *path)
{
    static const char *const ends[] = {"-wal", "-shm", "-journal", ""};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char name[SIDE_BYTES];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static bool sync_folder(const char *path)
{
    char folder[NAME_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    char *end = strrchr(folder, '/');
    if (end)
        end[end == folder] = '\0';
    int fd = open(end ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* A WAL that stayed behind would be played into the new file: it goes first. */
static bool put_in_place(const char *path, const char *aside)
{
    char from[SIDE_BYTES], to[SIDE_BYTES];
    if (rename(path, aside) && errno != ENOENT)
        return false;
    snprintf(from, sizeof from, "%s-wal", path);
    snprintf(to, sizeof to, "%s-wal", aside);
    if (rename(from, to) && errno != ENOENT)
        return false;
    snprintf(from, sizeof from, "%s-shm", path);
    unlink(from);
    snprintf(from, sizeof from, "%s.salvage", path);
    return sync_folder(path) && rename(from, path) == 0 && sync_folder(path);
}

void sqlite_salvage_finish(const char *path)
{
    char salvage[NAME_BYTES], aside[NAME_BYTES];
    snprintf(salvage, sizeof salvage, "%s.salvage", path);
    if (access(salvage, F_OK))
        return;
    snprintf(aside, sizeof aside, "%s.corrupt-%lld", path, (long long)clock_wall_ms());
    if (access(path, F_OK) == 0)
        remove_with_sides(salvage);
    else if (!put_in_place(path, aside))
        log_error("bus", ERR_IO, "%s cannot be renamed to %s: %s", salvage, path, strerror(errno));
}

/* ---- a lost first page ---- */

static bool copy_bytes(const char *from, const char *to)
{
    char bytes[65536];
    FILE *in = fopen(from, "rb"), *out = in ? fopen(to, "wb") : NULL;
    bool ok = in && out;
    for (size_t n; ok && (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        ok = fwrite(bytes, 1, n, out) == n;
    if (in)
        fclose(in);
    return out ? fclose(out) == 0 && ok : false;
}

/* The first page of an empty queue with as many partitions. Its count of pages is taken back, so that SQLite asks the
 * file system. */
static bool borrow_first_page(const struct salvage *salvage, const char *to)
{
    char model[NAME_BYTES], page[SQLITE_BUS_PAGE_BYTES];
    sqlite3 *db = NULL;
    int partitions = 0;
    snprintf(model, sizeof model, "%s.model", salvage->path);
    remove_with_sides(model);
    bool ok = sqlite_file_open(model, true, &db, NULL) == ERR_OK &&
              sqlite_file_partitions(db, salvage->partitions, &partitions, NULL) == ERR_OK;
    sqlite3_close(db);
    int in = ok ? open(model, O_RDONLY | O_CLOEXEC) : -1, out = ok ? open(to, O_WRONLY | O_CLOEXEC) : -1;
    ok = in >= 0 && out >= 0 && pread(in, page, sizeof page, 0) == (ssize_t)sizeof page;
    memset(page + 28, 0, 12); /* pages of the file, freelist */
    ok = ok && pwrite(out, page, sizeof page, 0) == (ssize_t)sizeof page;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    remove_with_sides(model);
    return ok;
}

static bool has_schema(sqlite3 *db)
{
    return number_of(db, "SELECT count(*) FROM place", NULL, 0, -1) >= 0;
}

static enum err open_damaged(const char *path, sqlite3 **ret_db)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)) {
        sqlite3_close(db);
        return ERR_CORRUPT;
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    run(db, "PRAGMA trusted_schema=0; PRAGMA query_only=1; PRAGMA cell_size_check=1; PRAGMA cache_size=-2000");
    *ret_db = db;
    return ERR_OK;
}

/* Opens the damaged file, or a copy of it with a first page that can be read. */
static enum err open_from(struct salvage *salvage, const char *patched)
{
    char from[SIDE_BYTES], to[SIDE_BYTES];
    if (open_damaged(salvage->path, &salvage->from) == ERR_OK && has_schema(salvage->from))
        return ERR_OK;
    sqlite3_close(salvage->from);
    salvage->from = NULL;
    snprintf(from, sizeof from, "%s-wal", salvage->path);
    snprintf(to, sizeof to, "%s-wal", patched);
    remove_with_sides(patched);
    if (!copy_bytes(salvage->path, patched) || (access(from, F_OK) == 0 && !copy_bytes(from, to)) ||
        !borrow_first_page(salvage, patched))
        return ERR_CORRUPT;
    return open_damaged(patched, &salvage->from);
}

/* ---- the whole ---- */

static void say(const struct salvage *salvage, const char *aside)
{
    METRIC_ADD("seismo_bus_salvaged_total", "records of a damaged queue that could be read and were kept",
               salvage->saved);
    METRIC_ADD("seismo_bus_lost_total", "records that were removed or damaged before a group had read them",
               salvage->unread);
    log_error(
        "bus", ERR_CORRUPT,
        "%s is damaged and was set aside as %s; %lld records could be read and are kept, %lld are lost, of which %lld "
        "had not been read by every group",
        salvage->path, aside, (long long)salvage->saved, (long long)salvage->lost, (long long)salvage->unread);
}

enum err sqlite_salvage(const char *path, int partitions, struct err_text *text)
{
    char target[NAME_BYTES], patched[NAME_BYTES], aside[NAME_BYTES];
    struct salvage salvage = {.path = path, .partitions = partitions};
    snprintf(target, sizeof target, "%s.salvage", path);
    snprintf(patched, sizeof patched, "%s.patched", path);
    snprintf(aside, sizeof aside, "%s.corrupt-%lld", path, (long long)clock_wall_ms());
    remove_with_sides(target);
    enum err err = sqlite_file_open(target, true, &salvage.to, text);
    if (!err && open_from(&salvage, patched))
        log_error("bus", ERR_CORRUPT, "%s: nothing of it can be read", path);
    if (!err)
        err = copy_all(&salvage, text);
    sqlite_scan_close(salvage.scan);
    free(salvage.roots);
    sqlite3_close(salvage.from);
    sqlite3_close(salvage.to); /* the last one: its WAL is written back and gone */
    remove_with_sides(patched);
    if (!err && !put_in_place(path, aside))
        err = err_set(text, ERR_IO, "bus: %s cannot be set aside as %s: %s", path, aside, strerror(errno));
    if (!err)
        say(&salvage, aside);
    return err;
}
