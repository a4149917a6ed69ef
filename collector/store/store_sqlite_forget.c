/* Forgetting a user in the embedded store, while others may write into it.
 *
 * The marks lead to the beacons, each is looked at and goes with its marks. What is deleted is written over with zeros
 * (secure_delete), and the log, which still has it, is written back and cut to nothing. */
#include "store/store_sqlite.h"

#include <stdlib.h>

#include <dirent.h>

#include "base/log.h"

#define TRIES 12 /* of what may take its turn with others, each as long as SQLite waits */

/* ---- candidates ---- */

struct numbers {
    int64_t *list;
    size_t n, size;
};

static void add_number(struct numbers *numbers, int64_t number)
{
    if (numbers->n == numbers->size) {
        numbers->size = numbers->size ? 2 * numbers->size : 256;
        numbers->list = realloc(numbers->list, numbers->size * sizeof *numbers->list);
        if (!numbers->list)
            abort();
    }
    numbers->list[numbers->n++] = number;
}

static bool add_found(sqlite3_stmt *statement, struct numbers *numbers)
{
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        add_number(numbers, sqlite3_column_int64(statement, 0));
    return sqlite3_reset(statement) == SQLITE_OK && result == SQLITE_DONE;
}

static bool add_marked(sqlite3_stmt *statement, enum mark mark, struct slice text, struct numbers *numbers)
{
    sqlite3_bind_int64(statement, 1, mark_hash(mark, text));
    return add_found(statement, numbers);
}

/* The beacons that may be meant: by their marks, and those that have none yet. A beacon may come twice. */
static bool find_candidates(struct file *file, const struct forget_task *task, enum forget_part part,
                            struct numbers *numbers)
{
    sqlite3_stmt *marked = NULL, *tail = NULL;
    bool ok = sqlite3_prepare_v2(file->db, "SELECT beacon FROM marks WHERE hash = ?", -1, &marked, NULL) == SQLITE_OK &&
              sqlite3_prepare_v2(file->db, "SELECT beacon FROM beacons WHERE beacon > (SELECT beacon FROM marked)", -1,
                                 &tail, NULL) == SQLITE_OK &&
              add_found(tail, numbers);
    if (part == FORGET_NAMED)
        ok = ok && add_marked(marked, MARK_USER, task->user, numbers);
    else
        for (size_t i = 0; ok && i < task->n_sessions; i++)
            ok = add_marked(marked, MARK_SESSION, task->sessions[i], numbers);
    sqlite3_finalize(marked);
    sqlite3_finalize(tail);
    return ok;
}

/* ---- one beacon ---- */

struct removal {
    struct file *file;
    const struct forget_task *task;
    enum forget_part part;
    sqlite3_stmt *get, *remove;
    struct arena *arena;
    uint64_t events;
};

/* Reads the record that stands at the number; len 0: gone already, or not to be read. */
static bool concerns(struct removal *removal, struct record *ret_record)
{
    arena_reset(removal->arena);
    return record_decode(column_slice(removal->get, 0), removal->arena, ret_record) == ERR_OK &&
           forget_concerns(removal->task, ret_record, removal->part);
}

static bool remove_row(struct removal *removal, const struct record *record, int64_t beacon)
{
    sqlite3_bind_int64(removal->remove, 1, beacon);
    bool ok = marks_remove(removal->file, record, beacon, sqlite3_column_int64(removal->get, 1)) &&
              sqlite3_step(removal->remove) == SQLITE_DONE;
    return sqlite3_reset(removal->remove) == SQLITE_OK && ok;
}

static bool look_at(struct removal *removal, int64_t beacon)
{
    struct record record;
    sqlite3_bind_int64(removal->get, 1, beacon);
    int result = sqlite3_step(removal->get);
    bool ok = result == SQLITE_ROW || result == SQLITE_DONE;
    if (result == SQLITE_ROW && concerns(removal, &record)) {
        removal->events += record.n_facts;
        ok = removal->task->is_trial || remove_row(removal, &record, beacon);
    }
    return sqlite3_reset(removal->get) == SQLITE_OK && ok;
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static bool look_at_all(struct removal *removal, struct numbers *numbers)
{
    bool ok = true;
    if (numbers->n)
        qsort(numbers->list, numbers->n, sizeof *numbers->list, compare_numbers);
    for (size_t i = 0; ok && i < numbers->n; i++)
        ok = (i && numbers->list[i] == numbers->list[i - 1]) || look_at(removal, numbers->list[i]);
    return ok;
}

static bool remove_beacons(struct removal *removal)
{
    struct numbers numbers = {0};
    sqlite3 *db = removal->file->db;
    removal->arena = arena_new(65536, FACTS_ARENA_BYTES);
    removal->events = 0;
    bool ok = sqlite3_prepare_v2(db, "SELECT record, to_ms FROM beacons WHERE beacon = ?", -1, &removal->get, NULL) ==
                  SQLITE_OK &&
              sqlite3_prepare_v2(db, "DELETE FROM beacons WHERE beacon = ?", -1, &removal->remove, NULL) == SQLITE_OK &&
              find_candidates(removal->file, removal->task, removal->part, &numbers) && look_at_all(removal, &numbers);
    sqlite3_finalize(removal->get);
    sqlite3_finalize(removal->remove);
    removal->get = removal->remove = NULL;
    arena_free(removal->arena);
    free(numbers.list);
    return ok;
}

/* ---- a file ---- */

static bool say(struct file *file, const char *sql)
{
    return sqlite3_exec(file->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* Once nobody reads an older state any more, all of the log is in the file, and the log is empty. */
static enum err empty_log(struct file *file)
{
    for (int i = 0; i < TRIES; i++) {
        int result = sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        if (result == SQLITE_OK)
            return ERR_OK;
        if ((result & 0xff) != SQLITE_BUSY)
            break;
    }
    return file_failed(file, "empty the log", ERR_STORE_WRITE);
}

/* Rows are numbered from the largest that is left, so the marks' end goes back with them. */
static enum err change_day(struct removal *removal)
{
    static const char marks_end[] =
        "UPDATE marked SET beacon = min(beacon, (SELECT coalesce(max(beacon), 0) FROM beacons))";
    struct file *file = removal->file;
    enum err err = ERR_AGAIN;
    for (int i = 0; err == ERR_AGAIN && i < TRIES; i++) {
        bool ok = say(file, "PRAGMA secure_delete = ON") && file_begin(file) && remove_beacons(removal) &&
                  say(file, marks_end) && file_commit(file);
        err = ok ? ERR_OK : file_failed(file, "forget", ERR_STORE_WRITE);
        if (!ok)
            file_roll_back(file);
    }
    return err == ERR_OK && removal->part == FORGET_NAMED ? empty_log(file) : err;
}

static enum err forget_in_day(struct sqlite *sqlite, int64_t day, const struct forget_task *task, enum forget_part part,
                              struct store_forgotten *forgotten, struct err_text *text)
{
    struct file file = {0};
    struct removal removal = {.file = &file, .task = task, .part = part};
    enum err err = file_open(sqlite, &file, day, task->is_trial ? OPEN_TO_READ : OPEN_PRESENT, text);
    if (err == ERR_OK && task->is_trial)
        err = remove_beacons(&removal) ? ERR_OK : file_failed(&file, "look", ERR_STORE_READ);
    else if (err == ERR_OK)
        err = change_day(&removal);
    if (err == ERR_OK)
        forgotten->events += removal.events;
    file_close(&file);
    return err == ERR_MISSING ? ERR_OK : err; /* dropped by the retention meanwhile */
}

/* ---- rejects ---- */

static bool note_rejects(struct file *file, const struct forget_task *task, struct numbers *numbers)
{
    sqlite3_stmt *statement = NULL;
    int result = SQLITE_DONE;
    bool ok = sqlite3_prepare_v2(file->db, "SELECT rowid, json FROM rejects", -1, &statement, NULL) == SQLITE_OK;
    while (ok && (result = sqlite3_step(statement)) == SQLITE_ROW)
        if (forget_concerns_reject(task, column_slice(statement, 1)))
            add_number(numbers, sqlite3_column_int64(statement, 0));
    sqlite3_finalize(statement);
    return ok && result == SQLITE_DONE;
}

static bool remove_rejects(struct file *file, const struct numbers *numbers)
{
    sqlite3_stmt *statement = NULL;
    bool ok = sqlite3_prepare_v2(file->db, "DELETE FROM rejects WHERE rowid = ?", -1, &statement, NULL) == SQLITE_OK;
    for (size_t i = 0; ok && i < numbers->n; i++) {
        sqlite3_bind_int64(statement, 1, numbers->list[i]);
        ok = sqlite3_step(statement) == SQLITE_DONE && sqlite3_reset(statement) == SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return ok;
}

static enum err forget_rejects(struct file *file, const struct forget_task *task, struct store_forgotten *forgotten)
{
    struct numbers numbers = {0};
    enum err err = ERR_AGAIN;
    for (int i = 0; err == ERR_AGAIN && i < TRIES; i++) {
        numbers.n = 0;
        bool ok = say(file, "PRAGMA secure_delete = ON") && (task->is_trial || file_begin(file)) &&
                  note_rejects(file, task, &numbers) &&
                  (task->is_trial || (remove_rejects(file, &numbers) && file_commit(file)));
        err = ok ? ERR_OK : file_failed(file, "forget rejects", ERR_STORE_WRITE);
        if (!ok)
            file_roll_back(file);
    }
    if (err == ERR_OK && !task->is_trial)
        err = empty_log(file);
    if (err == ERR_OK)
        forgotten->rejects += numbers.n;
    free(numbers.list);
    return err;
}

/* ---- the whole ---- */

/* What is damaged cannot be looked through. */
static uint64_t count_aside(const struct sqlite *sqlite)
{
    uint64_t n = 0;
    DIR *folder = opendir(sqlite->folder);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        n += strstr(entry->d_name, ".db.corrupt-") && !strstr(entry->d_name, "-wal");
    if (folder)
        closedir(folder);
    return n;
}

enum err sqlite_forget(struct store *store, const struct forget_task *task, struct store_forgotten *forgotten,
                       struct err_text *text)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    int64_t *days = malloc(MAX_DAYS * sizeof *days);
    if (!days)
        abort();
    pthread_mutex_lock(&sqlite->day_mutex);
    enum err err = main_take(sqlite);
    if (err == ERR_OK)
        err = forget_rejects(&sqlite->main, task, forgotten);
    main_give(sqlite);
    size_t n = days_list(sqlite, days, MAX_DAYS);
    for (enum forget_part part = FORGET_ANONYMOUS; part <= FORGET_NAMED; part++)
        for (size_t i = 0; err == ERR_OK && i < n; i++)
            err = forget_in_day(sqlite, days[i], task, part, forgotten, text);
    pthread_mutex_unlock(&sqlite->day_mutex);
    atomic_fetch_add(&sqlite->generation, 1);
    forgotten->aside = count_aside(sqlite);
    free(days);
    return err == ERR_OK || text->at[0] ? err : err_set(text, err, "%s: %s", sqlite->folder, err_sentence(err));
}
