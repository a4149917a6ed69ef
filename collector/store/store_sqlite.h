/* Inside the embedded store: its folder, its files, and who may touch what.
 *
 *   seismo.db                 positions, state, final windows, alerts, rejects
 *   events-2026-11-22.db      the beacons received on that day (UTC), one row each, and their marks
 *   NAME.corrupt-MILLISECONDS a damaged file, set aside; goes with the retention
 *   seismo.lock               shared by every process that has the folder open; alone = may set files aside
 *
 * One writer a file kind: day_mutex guards the day files' writing connections, main_mutex that of seismo.db. Whoever
 * takes both takes day_mutex first. Readers have connections of their own and wait for nobody (WAL).
 * Order of a write: day files commit first, then they are synced, then seismo.db with the positions
 * (docs/decisions/0003-day-files.md). Without positions the last two wait for a later write. */
#ifndef SEISMO_STORE_STORE_SQLITE_H
#define SEISMO_STORE_STORE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "store/store_int.h"

#define SCHEMA_VERSION 2
#define MAIN_DAY INT64_MIN /* stands for seismo.db where a day is asked for */
#define MAX_DAYS 4096      /* day files that we look at; retention is counted in tens */
#define OPEN_DAYS 6        /* day files open for writing */
#define IDLE_READERS 16    /* reading connections kept for the next reader */
#define LOOK_BACK_DAYS 4   /* how far behind the day of receipt a repeat is looked for */
#define PATH_BYTES 1024

/* Statements are prepared at first use and live as long as their connection. */
enum statement {
    SQL_BEACON_HAS,
    SQL_BEACON_ADD,
    SQL_MARK_ADD,
    SQL_MARK_REMOVE,
    SQL_MARKED_SET,
    SQL_TAIL,
    SQL_BEACON_GET,
    SQL_LIST_NEWEST,
    SQL_LIST_OLDEST,
    SQL_MARKED_NEWEST,
    SQL_MARKED_OLDEST,
    SQL_ROLLUPS,
    SQL_ROLLUPS_OF_NAME,
    SQL_ALERTS,
    SQL_REJECTS,
    SQL_POSITION_PUT,
    SQL_POSITION_GET,
    SQL_ROLLUP_ADD,
    SQL_ALERT_ADD,
    SQL_REJECT_ADD,
    SQL_STATE_GET,
    SQL_STATE_ADD,
    SQL_STATE_SET,
    SQL_ROLLUPS_EXPIRE,
    SQL_ALERTS_EXPIRE,
    SQL_REJECTS_EXPIRE,
    SQL_DATA_VERSION,
    STATEMENTS
};

struct tail;

struct file {
    sqlite3 *db; /* NULL: not open */
    int64_t day;
    bool begun, damaged, removed;
    bool unsynced;     /* a day's: what is committed or was found in it may not be on the disk yet */
    bool sync_failed;  /* the disk may have dropped what the WAL has */
    uint64_t epoch;    /* of the store when it was opened */
    uint64_t used;     /* for finding the one unused for longest */
    struct tail *tail; /* a day's file that is written to */
    sqlite3_stmt *statements[STATEMENTS];
    char path[PATH_BYTES];
};

struct sqlite {
    struct store store;
    char folder[PATH_BYTES - 64];
    int lock_fd;
    int retention_days;
    pthread_mutex_t day_mutex;
    struct file days[OPEN_DAYS];
    uint64_t uses;
    pthread_mutex_t main_mutex;
    struct file main;
    int64_t seen_data_version;
    _Atomic uint64_t generation;
    atomic_bool ready;
    bool started;                        /* sqlite_open has opened what there is */
    _Atomic int64_t disk_fails_since_ms; /* of a file that cannot be read; 0: none */
    _Atomic uint64_t epoch;              /* moves when a file is dropped or set aside */
    pthread_mutex_t reader_mutex;
    struct file readers[IDLE_READERS];
};

/* ---- store_sqlite.c ---- */
/* Locks main_mutex and sees to it that seismo.db is open; main_give in any case. */
enum err main_take(struct sqlite *sqlite);
void main_give(struct sqlite *sqlite);

/* ---- store_sqlite_file.c: one file ---- */
enum open_mode { OPEN_OR_MAKE, OPEN_PRESENT, OPEN_TO_READ };
/* Opens seismo.db or a day's file, makes its tables, checks its version; a damaged one is set aside, what can be read
 * of it is kept, and a fresh one begun. ERR_MISSING with OPEN_PRESENT and OPEN_TO_READ; ERR_NEWER_VERSION; ERR_CORRUPT
 * when another process has the folder open too or when only reading. Says why in the log. */
enum err file_open(struct sqlite *sqlite, struct file *file, int64_t day, enum open_mode mode, struct err_text *text);
/* For a file found damaged while in use (file->damaged): sets it aside, begins a fresh one, keeps what can be read. */
enum err file_replace(struct sqlite *sqlite, struct file *file, struct err_text *text);
void file_close(struct file *file);
/* Prepared, reset, without bindings. NULL on failure: see file_failed. */
sqlite3_stmt *file_statement(struct file *file, enum statement which);
/* Steps a statement that gives no rows and resets it. */
bool file_run(sqlite3_stmt *statement);
bool file_begin(struct file *file);
bool file_commit(struct file *file);
void file_roll_back(struct file *file);
/* Makes all that is committed in a day's file durable: its commits alone do not. */
bool file_sync(struct file *file);
/* Says in the log what went wrong last on this connection, and which error that is: ERR_AGAIN (busy), ERR_FULL,
 * ERR_CORRUPT, else `otherwise`. */
enum err file_failed(struct file *file, const char *doing, enum err otherwise);
/* The same without the log. */
enum err file_error_of(sqlite3 *db, enum err otherwise);
void file_path(const struct sqlite *sqlite, int64_t day, char *ret_path);
void bind_slice(sqlite3_stmt *statement, int i, struct slice text);
void bind_bytes(sqlite3_stmt *statement, int i, const void *bytes, size_t n);
struct slice column_slice(sqlite3_stmt *statement, int i);

/* ---- store_sqlite_days.c: the folder ---- */
/* The days that have a file, ascending; how many. */
size_t days_list(const struct sqlite *sqlite, int64_t *ret_days, size_t max);
bool day_exists(const struct sqlite *sqlite, int64_t day);
enum err sqlite_expire(struct store *store, int64_t now_ms);
/* Moves a damaged file out of the way; ERR_CORRUPT when another process has the folder open. */
enum err file_set_aside(struct sqlite *sqlite, const char *path, char *ret_aside, struct err_text *text);
/* When no other could be made of it. */
void file_put_back(const char *path, const char *aside);
/* A reading connection from the pool or a new one; give it back in any case when it was ERR_OK. */
enum err reader_take(struct sqlite *sqlite, int64_t day, struct file *ret_file);
void reader_give(struct sqlite *sqlite, struct file *file);
/* The idle ones of that day now, those in use when they are given back. */
void readers_close(struct sqlite *sqlite, int64_t day);

/* ---- store_sqlite_salvage.c ---- */
/* Copies what can be read of the file set aside into the open, fresh one; logs how much that was. */
enum err file_salvage(struct file *fresh, const char *aside, struct err_text *text);

/* ---- store_sqlite_write.c ---- */
bool day_begin(struct file *file);
/* A beacon's row in its day's file after day_begin; its marks follow. *ret_new: it was not there. */
bool beacon_insert(struct file *file, const struct record *record, struct slice value, bool *ret_new);
enum err sqlite_write(struct store *store, struct store_item *items, size_t n, const char *group,
                      const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx);
void id_bytes(const char *hex, unsigned char ret_bytes[16]);
static inline int64_t day_of(int64_t ms)
{
    return ms >= 0 ? ms / DAY_MS : (ms - DAY_MS + 1) / DAY_MS;
}

/* ---- store_sqlite_remove.c ---- */
enum err sqlite_remove(struct store *store, const struct store_removal *removal, struct err_text *text);

/* ---- store_sqlite_forget.c ---- */
enum err sqlite_forget(struct store *store, const struct forget_task *task, struct store_forgotten *forgotten,
                       struct err_text *text);

/* ---- store_sqlite_marks.c: the newest beacons of a day's file, whose marks are not written yet; under day_mutex ----
 */
/* What a row of `marks` stands for; the hash covers kind and text. */
enum mark { MARK_SESSION = 's', MARK_USER = 'u', MARK_BEACON = 'b', MARK_CODE = 'c', MARK_PAGE = 'p' };
int64_t mark_hash(enum mark mark, struct slice text);
/* Before anything is looked up or added: reads again what changed without us. False: SQLite failed. */
bool tail_refresh(struct file *file);
bool tail_has(const struct file *file, const unsigned char id[16]);
/* False: tail_write with `now` comes before the next tail_add. */
bool tail_has_room(const struct file *file);
/* record NULL: it cannot be read, only its id counts. */
void tail_add(struct file *file, const struct record *record, const unsigned char id[16], int64_t beacon,
              int64_t to_ms);
/* Writes the marks, in the transaction that is open, when they are many or old, or now. */
bool tail_write(struct file *file, bool now);
/* Takes a written beacon's marks out again. */
bool marks_remove(struct file *file, const struct record *record, int64_t beacon, int64_t to_ms);
/* After a rollback. */
void tail_forget(struct file *file);
void tail_free(struct tail *tail); /* takes NULL */

/* ---- store_sqlite_read.c ---- */
enum err sqlite_read_events(struct store *store, const struct store_event_query *query, store_document_fn *each,
                            void *ctx);
enum err sqlite_read_rollups(struct store *store, const struct store_rollup_query *query, store_rollup_fn *each,
                             void *ctx);
enum err sqlite_read_rejects(struct store *store, size_t limit, store_document_fn *each, void *ctx);
enum err sqlite_read_alerts(struct store *store, struct slice application, bool only_firing, size_t limit,
                            store_alert_fn *each, void *ctx);

#endif
