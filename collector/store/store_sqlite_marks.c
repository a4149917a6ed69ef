/* The newest beacons of a day's file, which its table of marks does not have yet.
 *
 * A mark leads from a hash to a beacon, so marks arrive all over their tree: written with each batch, every one of
 * them would drag a whole page along. So a file's newest beacons (`beacon` above the one in table `marked`) are kept
 * here with their ids, for finding repeats, and their marks; every few seconds or thousands they are sorted and written
 * at once, in the transaction of the batch that happens to come then. Nothing here has to survive: after a
 * restart, a rollback or somebody else's write it is read again from the beacons' own rows. Readers take all
 * beacons above `marked` as possible matches, and look at them. */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "store/store_sqlite.h"

#define TAIL_BEACONS 16384
#define TAIL_ROWS 262144 /* 6 MiB */
#define TAIL_MS 2000
#define RECENT 8 /* most events of a beacon share their page */

struct mark_row {
    int64_t hash, to_ms, beacon;
};
struct tail {
    struct mark_row *rows;
    unsigned char (*ids)[16];
    uint32_t *slots; /* 2 * TAIL_BEACONS: 1 + index in ids; 0: free */
    size_t n_rows, rows_size, n_ids, ids_size;
    int64_t last;     /* newest beacon that is in here or written */
    int64_t since_ms; /* of the oldest beacon in here, by the steady clock */
    int64_t data_version;
    bool stale; /* to be read again */
};

int64_t mark_hash(enum mark mark, struct slice text)
{
    char bytes[256];
    size_t n = text.len < sizeof bytes - 1 ? text.len : sizeof bytes - 1;
    bytes[0] = (char)mark;
    if (n)
        memcpy(bytes + 1, text.at, n);
    return (int64_t)hash_stable((struct slice){bytes, n + 1});
}

/* ---- ids ---- */

static size_t first_slot(const unsigned char id[16])
{
    uint64_t hash; /* ids are SHA-256 already */
    memcpy(&hash, id, sizeof hash);
    return (size_t)hash % (2 * TAIL_BEACONS);
}

static bool has_id(const struct tail *tail, const unsigned char id[16])
{
    for (size_t i = first_slot(id); tail->slots[i]; i = (i + 1) % (2 * TAIL_BEACONS))
        if (memcmp(tail->ids[tail->slots[i] - 1], id, 16) == 0)
            return true;
    return false;
}

static void *grown(void *at, size_t n, size_t *size, size_t each)
{
    if (n < *size)
        return at;
    *size = *size ? 2 * *size : 1024;
    at = realloc(at, *size * each);
    if (!at)
        abort();
    return at;
}

static void add_id(struct tail *tail, const unsigned char id[16])
{
    size_t i = first_slot(id);
    assert(tail->n_ids < TAIL_BEACONS);
    tail->ids = grown(tail->ids, tail->n_ids, &tail->ids_size, sizeof *tail->ids);
    memcpy(tail->ids[tail->n_ids++], id, 16);
    while (tail->slots[i])
        i = (i + 1) % (2 * TAIL_BEACONS);
    tail->slots[i] = (uint32_t)tail->n_ids;
}

/* ---- marks ---- */

struct marker {
    struct tail *tail;
    int64_t beacon, to_ms;
    int64_t recent[RECENT];
    size_t n;
};

static void add_mark(struct marker *marker, enum mark mark, struct slice text)
{
    struct tail *tail = marker->tail;
    if (text.len == 0 && mark != MARK_BEACON)
        return;
    int64_t hash = mark_hash(mark, text);
    for (size_t i = 0; i < RECENT && i < marker->n; i++)
        if (marker->recent[i] == hash)
            return;
    marker->recent[marker->n++ % RECENT] = hash;
    tail->rows = grown(tail->rows, tail->n_rows, &tail->rows_size, sizeof *tail->rows);
    tail->rows[tail->n_rows++] = (struct mark_row){hash, marker->to_ms, marker->beacon};
}

static void add_marks(struct marker *marker, const struct record *record)
{
    add_mark(marker, MARK_SESSION, record->session);
    add_mark(marker, MARK_USER, record->user);
    add_mark(marker, MARK_BEACON, record->beacon);
    for (size_t i = 0; i < record->n_facts; i++) {
        add_mark(marker, MARK_CODE, record->facts[i].code);
        add_mark(marker, MARK_PAGE, record->facts[i].page_route);
    }
}

void tail_add(struct file *file, const struct record *record, const unsigned char id[16], int64_t beacon, int64_t to_ms)
{
    struct marker marker = {.tail = file->tail, .beacon = beacon, .to_ms = to_ms};
    if (file->tail->n_ids == 0)
        file->tail->since_ms = clock_mono_ms();
    add_id(file->tail, id);
    file->tail->last = beacon;
    if (!record)
        return;
    add_marks(&marker, record);
}

bool marks_remove(struct file *file, const struct record *record, int64_t beacon, int64_t to_ms)
{
    struct tail rows = {0}; /* only for its rows */
    struct marker marker = {.tail = &rows, .beacon = beacon, .to_ms = to_ms};
    bool ok = true;
    add_marks(&marker, record);
    for (size_t i = 0; ok && i < rows.n_rows; i++) {
        sqlite3_stmt *statement = file_statement(file, SQL_MARK_REMOVE);
        ok = statement != NULL;
        if (ok) {
            sqlite3_bind_int64(statement, 1, rows.rows[i].hash);
            sqlite3_bind_int64(statement, 2, to_ms);
            sqlite3_bind_int64(statement, 3, beacon);
            ok = file_run(statement);
        }
    }
    free(rows.rows);
    return ok;
}

static int compare_rows(const void *a, const void *b)
{
    const struct mark_row *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->to_ms != y->to_ms)
        return x->to_ms < y->to_ms ? -1 : 1;
    return x->beacon < y->beacon ? -1 : x->beacon > y->beacon;
}

static void empty(struct tail *tail)
{
    tail->n_rows = tail->n_ids = 0;
    memset(tail->slots, 0, 2 * TAIL_BEACONS * sizeof *tail->slots);
}

static bool write_marks(struct file *file)
{
    struct tail *tail = file->tail;
    qsort(tail->rows, tail->n_rows, sizeof *tail->rows, compare_rows);
    for (size_t i = 0; i < tail->n_rows; i++) {
        sqlite3_stmt *statement = file_statement(file, SQL_MARK_ADD);
        if (!statement)
            return false;
        sqlite3_bind_int64(statement, 1, tail->rows[i].hash);
        sqlite3_bind_int64(statement, 2, tail->rows[i].to_ms);
        sqlite3_bind_int64(statement, 3, tail->rows[i].beacon);
        if (!file_run(statement))
            return false;
    }
    sqlite3_stmt *statement = file_statement(file, SQL_MARKED_SET);
    if (statement)
        sqlite3_bind_int64(statement, 1, tail->last);
    if (!file_run(statement))
        return false;
    empty(tail);
    return true;
}

bool tail_write(struct file *file, bool now)
{
    const struct tail *tail = file->tail;
    if (tail->n_ids == 0)
        return true;
    if (!now && tail->n_ids < TAIL_BEACONS && tail->n_rows < TAIL_ROWS && clock_mono_ms() - tail->since_ms < TAIL_MS)
        return true;
    return write_marks(file);
}

bool tail_has_room(const struct file *file)
{
    return file->tail->n_ids < TAIL_BEACONS && file->tail->n_rows < TAIL_ROWS;
}

/* ---- reading it again ---- */

static void read_row(struct file *file, sqlite3_stmt *statement, struct arena *arena)
{
    struct record record;
    struct slice id = column_slice(statement, 1);
    unsigned char bytes[16] = {0};
    arena_reset(arena);
    memcpy(bytes, id.len == 16 ? id.at : (const char *)bytes, 16);
    bool readable = record_decode(column_slice(statement, 3), arena, &record) == ERR_OK;
    tail_add(file, readable ? &record : NULL, bytes, sqlite3_column_int64(statement, 0),
             sqlite3_column_int64(statement, 2));
}

static bool read_rows(struct file *file)
{
    sqlite3_stmt *statement = file_statement(file, SQL_TAIL);
    if (!statement)
        return false;
    struct arena *arena = arena_new(65536, FACTS_ARENA_BYTES);
    int result;
    bool ok = true;
    while (ok && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!tail_has_room(file)) /* a writer of before had larger batches: the rest next time */
            ok = write_marks(file);
        read_row(file, statement, arena);
    }
    ok = ok && result == SQLITE_DONE && sqlite3_reset(statement) == SQLITE_OK;
    arena_free(arena);
    return ok;
}

/* Moves when another connection has committed. */
static bool read_version(struct file *file, int64_t *ret_version)
{
    sqlite3_stmt *statement = file_statement(file, SQL_DATA_VERSION);
    if (!statement || sqlite3_step(statement) != SQLITE_ROW)
        return false;
    *ret_version = sqlite3_column_int64(statement, 0);
    return sqlite3_reset(statement) == SQLITE_OK;
}

bool tail_refresh(struct file *file)
{
    struct tail *tail = file->tail;
    int64_t version = 0;
    if (!tail) {
        tail = file->tail = calloc(1, sizeof *tail);
        uint32_t *slots = calloc(2 * TAIL_BEACONS, sizeof *slots);
        if (!tail || !slots)
            abort();
        tail->slots = slots;
        tail->stale = true;
    }
    if (!read_version(file, &version))
        return false;
    if (!tail->stale && version == tail->data_version)
        return true;
    empty(tail);
    tail->stale = !read_rows(file);
    tail->data_version = version;
    return !tail->stale;
}

bool tail_has(const struct file *file, const unsigned char id[16])
{
    return has_id(file->tail, id);
}

void tail_forget(struct file *file)
{
    if (file->tail)
        file->tail->stale = true;
}

void tail_free(struct tail *tail)
{
    if (!tail)
        return;
    free(tail->rows);
    free(tail->ids);
    free(tail->slots);
    free(tail);
}
