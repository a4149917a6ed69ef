/* The embedded store's folder: which days there are, dropping the old, setting damaged files aside, reading pool. */
#include "store/store_sqlite.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define EXPIRE_STEP 1000 /* rows a transaction: others get their turn in between */

/* "events-2026-11-22.db" and, with is_aside, "events-2026-11-22.db.corrupt-…". */
static bool parse_day(const char *name, bool is_aside, int64_t *ret_day)
{
    char text[CLOCK_TEXT_BYTES];
    if (strncmp(name, "events-", 7) != 0 || strlen(name) < 20 || strncmp(name + 17, ".db", 3) != 0)
        return false;
    if (is_aside ? strncmp(name + 20, ".corrupt-", 9) != 0 : name[20] != '\0')
        return false;
    int n = snprintf(text, sizeof text, "%.10sT00:00:00Z", name + 7);
    int64_t ms = clock_parse(text, (size_t)n);
    *ret_day = day_of(ms);
    return ms >= 0;
}

static int compare_days(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

size_t days_list(const struct sqlite *sqlite, int64_t *ret_days, size_t max)
{
    size_t n = 0;
    DIR *folder = opendir(sqlite->folder);
    if (!folder)
        return 0;
    for (struct dirent *entry; n < max && (entry = readdir(folder));)
        if (parse_day(entry->d_name, false, &ret_days[n]))
            n++;
    closedir(folder);
    qsort(ret_days, n, sizeof *ret_days, compare_days);
    return n;
}

bool day_exists(const struct sqlite *sqlite, int64_t day)
{
    char path[PATH_BYTES];
    struct stat stat_;
    file_path(sqlite, day, path);
    return stat(path, &stat_) == 0;
}

/* ---- retention ---- */

static void remove_file(const char *path)
{
    char side[PATH_BYTES + 8];
    /* The file itself goes last: what a crash leaves behind is found again next time. */
    snprintf(side, sizeof side, "%s-shm", path);
    unlink(side);
    snprintf(side, sizeof side, "%s-wal", path);
    unlink(side);
    if (unlink(path) == 0)
        log_info("store", "%s dropped: older than the retention", path);
}

static void drop_day(struct sqlite *sqlite, int64_t day)
{
    char path[PATH_BYTES];
    pthread_mutex_lock(&sqlite->day_mutex);
    for (size_t i = 0; i < OPEN_DAYS; i++)
        if (sqlite->days[i].db && sqlite->days[i].day == day)
            file_close(&sqlite->days[i]);
    readers_close(sqlite, day);
    file_path(sqlite, day, path);
    remove_file(path);
    pthread_mutex_unlock(&sqlite->day_mutex);
}

/* Damaged files go when their day goes; seismo.db's by the time in their name. */
static void drop_aside(struct sqlite *sqlite, int64_t oldest_day)
{
    static const char main_aside[] = "seismo.db.corrupt-";
    DIR *folder = opendir(sqlite->folder);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        int64_t day = INT64_MAX;
        if (strncmp(entry->d_name, main_aside, sizeof main_aside - 1) == 0)
            day = day_of(strtoll(entry->d_name + sizeof main_aside - 1, NULL, 10));
        else if (!parse_day(entry->d_name, true, &day))
            continue;
        if (day < oldest_day && strlen(sqlite->folder) + strlen(entry->d_name) + 2 < PATH_BYTES) {
            char path[PATH_BYTES + 256];
            snprintf(path, sizeof path, "%s/%s", sqlite->folder, entry->d_name);
            unlink(path);
        }
    }
    closedir(folder);
}

static enum err expire_some(struct sqlite *sqlite, enum statement which, int64_t before_ms, int width_s, int *ret_rows)
{
    sqlite3_stmt *statement = file_statement(&sqlite->main, which);
    if (statement) {
        sqlite3_bind_int64(statement, 1, before_ms);
        if (width_s)
            sqlite3_bind_int(statement, 2, width_s);
        sqlite3_bind_int(statement, 3, EXPIRE_STEP);
    }
    if (!file_run(statement))
        return file_failed(&sqlite->main, "expire", ERR_STORE_WRITE);
    *ret_rows = sqlite3_changes(sqlite->main.db);
    return ERR_OK;
}

static enum err expire_rows(struct sqlite *sqlite, enum statement which, int64_t before_ms, int width_s)
{
    enum err err = ERR_OK;
    for (int rows = EXPIRE_STEP; err == ERR_OK && rows >= EXPIRE_STEP;) {
        err = main_take(sqlite); /* it may be shut since it was found damaged */
        if (err == ERR_OK)
            err = expire_some(sqlite, which, before_ms, width_s, &rows);
        main_give(sqlite);
    }
    return err;
}

enum err sqlite_expire(struct store *store, int64_t now_ms)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    int64_t oldest = day_of(now_ms) - sqlite->retention_days;
    int64_t before_ms = now_ms - sqlite->retention_days * DAY_MS;
    int64_t long_before_ms = now_ms - sqlite->retention_days * DAY_MS * KEPT_LONGER;
    if (sqlite->retention_days <= 0)
        return ERR_OK;
    int64_t *days = malloc(MAX_DAYS * sizeof *days);
    if (!days)
        abort();
    size_t n = days_list(sqlite, days, MAX_DAYS);
    for (size_t i = 0; i < n && days[i] < oldest; i++)
        drop_day(sqlite, days[i]);
    free(days);
    drop_aside(sqlite, oldest);
    enum err err = expire_rows(sqlite, SQL_REJECTS_EXPIRE, before_ms, 0);
    if (err == ERR_OK)
        err = expire_rows(sqlite, SQL_ROLLUPS_EXPIRE, long_before_ms, 10);
    if (err == ERR_OK)
        err = expire_rows(sqlite, SQL_ROLLUPS_EXPIRE, long_before_ms, 60);
    if (err == ERR_OK)
        err = expire_rows(sqlite, SQL_ALERTS_EXPIRE, long_before_ms, 0);
    atomic_fetch_add(&sqlite->generation, 1);
    return err;
}

/* ---- damaged files ---- */

enum err file_set_aside(struct sqlite *sqlite, const char *path, char *ret_aside, struct err_text *text)
{
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    /* Another process would go on writing into the file that we rename. */
    if (flock(sqlite->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(text, ERR_CORRUPT, "%s is damaged, and another process has the folder open", path);
    int n = snprintf(ret_aside, PATH_BYTES, "%s.corrupt-%" PRId64, path, clock_wall_ms());
    assert(n > 0 && n < PATH_BYTES);
    snprintf(from, sizeof from, "%s-shm", path);
    unlink(from);
    snprintf(from, sizeof from, "%s-wal", path);
    snprintf(to, sizeof to, "%s-wal", ret_aside); /* SQLite looks for it under this name */
    bool moved = (rename(from, to) == 0 || errno == ENOENT) && rename(path, ret_aside) == 0;
    int why = errno;
    if (!moved)
        rename(to, from);
    flock(sqlite->lock_fd, LOCK_SH);
    if (!moved)
        return err_set(text, ERR_CORRUPT, "%s is damaged and cannot be set aside: %s", path, strerror(why));
    log_error("store", ERR_CORRUPT, "%s is damaged and was set aside as %s; a fresh one is begun", path, ret_aside);
    return ERR_OK;
}

void file_put_back(const char *path, const char *aside)
{
    static const char *const sides[] = {"-shm", "-wal", ""};
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        snprintf(from, sizeof from, "%s%s", aside, sides[i]);
        snprintf(to, sizeof to, "%s%s", path, sides[i]);
        unlink(to);
        rename(from, to);
    }
    log_warn("store", ERR_CORRUPT, "%s is back in its place; it is tried again", path);
}

/* ---- connections for reading ---- */

enum err reader_take(struct sqlite *sqlite, int64_t day, struct file *ret_file)
{
    bool found = false;
    pthread_mutex_lock(&sqlite->reader_mutex);
    for (size_t i = 0; i < IDLE_READERS && !found; i++) {
        struct file *idle = &sqlite->readers[i];
        if (idle->db && idle->day == day) {
            *ret_file = *idle;
            *idle = (struct file){0};
            found = true;
        }
    }
    pthread_mutex_unlock(&sqlite->reader_mutex);
    return found ? ERR_OK : file_open(sqlite, ret_file, day, OPEN_TO_READ, NULL);
}

void reader_give(struct sqlite *sqlite, struct file *file)
{
    if (file->epoch != atomic_load(&sqlite->epoch)) {
        file_close(file); /* its file may have been dropped or set aside */
        return;
    }
    pthread_mutex_lock(&sqlite->reader_mutex);
    struct file *slot = &sqlite->readers[0];
    for (size_t i = 0; i < IDLE_READERS && slot->db; i++)
        if (!sqlite->readers[i].db || sqlite->readers[i].used < slot->used)
            slot = &sqlite->readers[i];
    struct file victim = *slot;
    *slot = *file;
    slot->used = (uint64_t)clock_mono_ms();
    pthread_mutex_unlock(&sqlite->reader_mutex);
    *file = (struct file){0};
    file_close(&victim);
}

void readers_close(struct sqlite *sqlite, int64_t day)
{
    atomic_fetch_add(&sqlite->epoch, 1);
    pthread_mutex_lock(&sqlite->reader_mutex);
    for (size_t i = 0; i < IDLE_READERS; i++)
        if (sqlite->readers[i].db && sqlite->readers[i].day == day)
            file_close(&sqlite->readers[i]);
    pthread_mutex_unlock(&sqlite->reader_mutex);
}
