/* Removing all of one service: from the days' files with their marks, and its windows. */
#include "store/store_sqlite.h"

#include <sys/file.h>

#include "base/log.h"

/* Rows are numbered from the largest that is left, so the marks' end goes back with them. */
static const char *const day_texts[] = {
    "DELETE FROM marks WHERE beacon IN (SELECT beacon FROM beacons WHERE application = ?1 AND service = ?2)",
    "DELETE FROM beacons WHERE application = ?1 AND service = ?2",
    "UPDATE marked SET beacon = min(beacon, (SELECT coalesce(max(beacon), 0) FROM beacons))",
};
static const char *const main_texts[] = {"DELETE FROM rollups WHERE application = ?1 AND service = ?2"};

static bool run(struct file *file, const char *text, const struct store_removal *removal)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(file->db, text, -1, &statement, NULL) != SQLITE_OK)
        return false;
    if (sqlite3_bind_parameter_count(statement) == 2) {
        bind_slice(statement, 1, removal->application);
        bind_slice(statement, 2, removal->service);
    }
    bool ok = sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    return ok;
}

static enum err remove_from(struct file *file, const char *const *texts, size_t n, const struct store_removal *removal)
{
    bool ok = file_begin(file);
    for (size_t i = 0; ok && i < n; i++)
        ok = run(file, texts[i], removal);
    ok = ok && file_commit(file);
    enum err err = ok ? ERR_OK : file_failed(file, "remove", ERR_STORE_WRITE);
    if (!ok)
        file_roll_back(file);
    return err;
}

static enum err remove_from_day(struct sqlite *sqlite, int64_t day, const struct store_removal *removal,
                                struct err_text *text)
{
    struct file file = {0};
    enum err err = file_open(sqlite, &file, day, OPEN_PRESENT, text);
    if (err == ERR_OK)
        err = remove_from(&file, day_texts, sizeof day_texts / sizeof *day_texts, removal);
    if (err == ERR_OK && !file_sync(&file))
        err = file_failed(&file, "sync", ERR_STORE_WRITE);
    file_close(&file);
    return err == ERR_MISSING ? ERR_OK : err;
}

enum err sqlite_remove(struct store *store, const struct store_removal *removal, struct err_text *text)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    int64_t days[MAX_DAYS];
    if (flock(sqlite->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(text, ERR_STORE_OPEN, "%s is in use: stop Seismo first", sqlite->folder);
    pthread_mutex_lock(&sqlite->day_mutex);
    for (size_t i = 0; i < OPEN_DAYS; i++)
        file_close(&sqlite->days[i]);
    enum err err = main_take(sqlite);
    if (err == ERR_OK) /* the windows first: what is seen at a glance */
        err = remove_from(&sqlite->main, main_texts, 1, removal);
    main_give(sqlite);
    size_t n = days_list(sqlite, days, MAX_DAYS);
    for (size_t i = 0; err == ERR_OK && i < n; i++)
        err = remove_from_day(sqlite, days[i], removal, text);
    pthread_mutex_unlock(&sqlite->day_mutex);
    return err;
}
