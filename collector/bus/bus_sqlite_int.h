/* Inside the SQLite bus: the file, its one writer thread, its readers.
 *
 * Who may touch what:
 *   writer's connection, statements, `writing_*`, `keep_*`   the writer thread (before it starts: bus_open)
 *   what stands under `mutex` in struct sqlite_bus           anybody who holds it; held for moments, never over I/O
 *   a cursor's connection and buffers                        the cursor's thread */
#ifndef SEISMO_BUS_BUS_SQLITE_INT_H
#define SEISMO_BUS_BUS_SQLITE_INT_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "bus/bus_int.h"
#include "event/record.h"

#define SQLITE_BUS_PAGE_BYTES 16384
#define SQLITE_BUS_MAX_PARTITIONS 256
#define SQLITE_BUS_MAX_GROUPS 32
#define SQLITE_BUS_MAX_MESSAGE RECORD_MAX_BYTES
#define SQLITE_BUS_MESSAGE_COST 128 /* bytes that one waiting message is counted for besides its value */

/* Where a partition begins and ends. `bytes` counts all values ever published, so that the bytes between two
 * positions are one subtraction. */
struct extent {
    int64_t oldest, oldest_bytes; /* first position kept; bytes in front of it */
    int64_t next, next_bytes;     /* behind the newest; bytes up to there */
};

struct sqlite_partition {
    enum topic topic;
    int32_t number;
    struct extent extent;   /* durable; under mutex */
    int64_t consumed_bytes; /* that every known group has behind it; under mutex */
    struct extent writing;  /* with the transaction under way */
    int64_t keep_at_ms;     /* not before then is anything old enough to go; 0: look */
    sqlite3_stmt *insert, *oldest, *remove, *keep, *bytes_before;
};

/* A group that has ever subscribed to a topic. Rows are only ever added, until the bus is closed. Under mutex. */
struct sqlite_group {
    char name[BUS_GROUP_BYTES];
    enum topic topic;
    bool taken;      /* a cursor has it */
    bool retired;    /* it stands nowhere, and is not in the file */
    int64_t seen_ms; /* when a cursor last had it, by the wall clock; while taken: as last written */
    int64_t *next;   /* a partition; -1: none yet */
};

/* What bus_commit, bus_transact and bus_subscribe want done as one. Lives on the caller's stack until done. */
struct sqlite_change {
    struct sqlite_group *group;
    bool subscribe; /* add the group's rows */
    const struct bus_message *messages;
    size_t n_messages;
    const struct position *positions;
    size_t n_positions;
};

struct request {
    struct bus_message message;         /* when change is NULL */
    const struct sqlite_change *change; /* borrowed until done */
    bus_done_fn *done;
    void *ctx;
};

struct requests {
    struct request *at;
    size_t n, size;
};

struct sqlite_bus {
    struct bus bus; /* first */
    char *path;
    int lock_fd;
    int n_partitions; /* of each topic */
    size_t max_pending_bytes, max_file_bytes;
    int64_t retention_ms, retire_ms;
    struct metric *spool;

    pthread_mutex_t mutex;
    pthread_cond_t work;                 /* for the writer */
    pthread_cond_t committed;            /* for whoever waits for something durable */
    pthread_cond_t arrived[TOPIC_COUNT]; /* for cursors: there is more of the topic, or they are woken */
    pthread_cond_t called;               /* for cursors that gather: they are woken */
    struct requests waiting;             /* under mutex, as are the next six */
    size_t pending_bytes;
    struct sqlite_group groups[SQLITE_BUS_MAX_GROUPS];
    size_t n_groups;
    bool closing, abandon;
    size_t cursors;

    pthread_rwlock_t file_lock; /* for reading: cursors while they read; for writing: the file is replaced */
    unsigned epoch;             /* under file_lock: moves when it was */
    atomic_bool damaged;
    _Atomic int64_t disk_fails_since_ms; /* the writer's own; 0: it does not */
    atomic_size_t used_bytes;            /* of the file without what is free in it, and of its WAL */
    atomic_bool failing;                 /* the last write did not succeed */
    struct sqlite_checkpointer *checkpointer;

    /* the writer's own */
    pthread_t thread;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *put_position, *remove_group, *probe, *page_count, *free_count;
    struct requests taken;
    struct sqlite_partition *parts; /* topic * n_partitions + number; the array itself never changes */
    int64_t last_published_ms;
    int wal_pages, checkpoint_pages, checkpoint_at;
    int64_t idle_since_ms;
    int64_t opened_ms, retire_at_ms; /* by the steady clock: when it was opened; when groups are looked at next */
    int64_t looked_wall_ms, looked_mono_ms; /* the two clocks when retention last looked */
    int64_t unsteady_until_ms;              /* by the steady clock: until then no age is believed */
    bool moved; /* a group's position was committed since consumed_bytes was last computed */
};

static inline struct sqlite_partition *sqlite_part(struct sqlite_bus *bus, enum topic topic, int32_t number)
{
    return &bus->parts[(size_t)topic * (size_t)bus->n_partitions + (size_t)number];
}

/* ---- bus_sqlite_file.c: the file and its format ---- */

/* Opens a connection as the bus wants it. The writer's makes and upgrades the file. */
enum err sqlite_file_open(const char *path, bool writer, sqlite3 **ret_db, struct err_text *text);
/* Makes missing tables, tells how many partitions the file has (never fewer than it had). Writer's connection. */
enum err sqlite_file_partitions(sqlite3 *db, int wanted, int *ret_partitions, struct err_text *text);
/* Reads extents and groups into a bus whose db and n_partitions are set, and prepares the writer's statements. A second
 * time, after sqlite_file_finalize: groups are written instead. ERR_CORRUPT. */
enum err sqlite_file_load(struct sqlite_bus *bus, struct err_text *text);
void sqlite_file_finalize(struct sqlite_bus *bus); /* the statements; takes a half-loaded bus */
void sqlite_file_unload(struct sqlite_bus *bus);   /* all of it; takes a half-loaded bus */
/* False: SQLite's own check finds a small file damaged. */
bool sqlite_file_is_sound(sqlite3 *db);
/* printf's %s and %d are the partition's table: "topic_number". ret_stmt is untouched on failure. */
int sqlite_file_prepare(sqlite3 *db, const struct sqlite_partition *part, const char *format, sqlite3_stmt **ret_stmt);
/* What SQLite's last failure on db means to us; ERR_FULL, ERR_CORRUPT or `otherwise`. */
enum err sqlite_file_err(sqlite3 *db, enum err otherwise);

/* ---- bus_sqlite_salvage.c ---- */
/* Makes a new file of what can be read of a damaged one, which is kept aside; says how much. Nobody has it open. */
enum err sqlite_salvage(const char *path, int partitions, struct err_text *text);
/* Ends what a crash has cut short, before the file is opened. */
void sqlite_salvage_finish(const char *path);

/* ---- bus_sqlite_scan.c: the rows of a damaged file, without SQLite ---- */
struct sqlite_scan;
struct dbrow;
/* The columns are those of TOPIC_NUMBER; row->rowid is the position. Valid during the call. False: stop. */
typedef bool sqlite_scan_fn(void *ctx, const struct dbrow *row);
/* Reads all pages. roots: of each table (topic * partitions + number), 0: unknown; borrowed until closed. ERR_IO. */
enum err sqlite_scan_open(const char *path, const uint32_t *roots, size_t n_tables, struct sqlite_scan **ret_scan);
void sqlite_scan_close(struct sqlite_scan *scan); /* takes NULL */
/* A table's rows, ascending. False: `each` has said so. */
bool sqlite_scan_each(struct sqlite_scan *scan, size_t table, sqlite_scan_fn *each, void *ctx);

/* ---- bus_sqlite_writer.c ---- */
bool sqlite_writer_put_place(struct sqlite_bus *bus, const struct sqlite_group *group, int32_t partition, int64_t next);
/* Anybody who finds the file damaged: the writer replaces it. */
void sqlite_writer_note_damage(struct sqlite_bus *bus);
void *sqlite_writer_run(void *bus);
/* Queues a request; ERR_AGAIN, ERR_FULL, ERR_CLOSED. bound = false for changes, which are few and wait. */
enum err sqlite_writer_add(struct sqlite_bus *bus, const struct request *request, bool bound);
/* Queues a change and waits until it is durable or has failed. */
enum err sqlite_writer_wait(struct sqlite_bus *bus, const struct sqlite_change *change);

/* ---- bus_sqlite_keep.c: what goes, what the file weighs; writer thread ---- */

/* Removes up to `budget` rows that may go, within the open transaction. False: SQLite failed. */
bool sqlite_keep_step(struct sqlite_bus *bus, size_t budget, size_t *ret_removed);
bool sqlite_keep_is_due(struct sqlite_bus *bus);

/* ---- bus_sqlite_retire.c: groups that do not come back; writer thread ---- */
bool sqlite_retire_is_due(const struct sqlite_bus *bus);
/* Within the open transaction: writes down who is there, and removes whom nobody has had for retire_ms. False: SQLite
 * failed. */
bool sqlite_retire_step(struct sqlite_bus *bus);
/* Whether the group has a place that counts; under mutex. */
static inline bool sqlite_group_counts(const struct sqlite_group *group, enum topic topic)
{
    return group->topic == topic && !group->retired;
}

/* ---- bus_sqlite_keep.c, on ---- */
/* Whether the wall clock has leapt since the last look: `unsteady_until_ms`. */
void sqlite_keep_look_at_clocks(struct sqlite_bus *bus);
/* Up to here every group has read; under mutex. */
int64_t sqlite_keep_limit(const struct sqlite_bus *bus, const struct sqlite_partition *part);
/* Writes the WAL back into the file when it is long, or, when idle, whenever there is one. */
void sqlite_keep_checkpoint(struct sqlite_bus *bus, bool idle);
void sqlite_keep_measure(struct sqlite_bus *bus);
/* Recomputes consumed_bytes and the gauge after a commit or when the file was opened. */
void sqlite_keep_account(struct sqlite_bus *bus);

/* ---- bus_sqlite_checkpoint.c: a thread that writes the WAL back while the writer goes on ---- */
struct sqlite_checkpointer *sqlite_checkpointer_start(struct sqlite_bus *bus);
void sqlite_checkpointer_stop(struct sqlite_checkpointer *checkpointer); /* takes NULL */
/* The rest: the writer thread. */
void sqlite_checkpointer_ask(struct sqlite_checkpointer *checkpointer);
bool sqlite_checkpointer_is_busy(struct sqlite_checkpointer *checkpointer);
int sqlite_checkpointer_done(struct sqlite_checkpointer *checkpointer); /* pages at the WAL's start written back */
void sqlite_checkpointer_restarted(struct sqlite_checkpointer *checkpointer); /* the WAL has started over */

/* ---- bus_sqlite.c ---- */
int sqlite_note_wal(void *bus, sqlite3 *db, const char *name, int pages); /* the writer's WAL hook */

/* ---- bus_sqlite_cursor.c ---- */
enum err sqlite_subscribe(struct bus *bus, enum topic topic, const char *group, const struct bus_owner *owner,
                          struct bus_cursor **ret_cursor, struct err_text *text);
void sqlite_unsubscribe(struct bus_cursor *cursor);
enum err sqlite_fetch(struct bus_cursor *cursor, struct bus_record *ret_records, size_t max, size_t *ret_n,
                      int wait_ms);
void sqlite_wake(struct bus_cursor *cursor);
enum err sqlite_commit(struct bus_cursor *cursor, const struct position *positions, size_t n);
enum err sqlite_transact(struct bus_cursor *cursor, const struct bus_message *messages, size_t n_messages,
                         const struct position *positions, size_t n_positions);
enum err sqlite_read_back(struct bus_cursor *cursor, enum topic topic, int32_t partition, int64_t from_ms,
                          bool (*each)(void *ctx, const struct bus_record *record), void *ctx);
int64_t sqlite_lag(struct bus_cursor *cursor);
int64_t sqlite_end(struct bus_cursor *cursor, enum topic topic, int32_t partition);

#endif
