/* The embedded store: opening and closing, positions, state. Writing and reading have files of their own. */
#include "store/store_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"

/* ---- life ---- */

static enum err lock_folder(struct sqlite *sqlite, struct err_text *text)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/seismo.lock", sqlite->folder);
    sqlite->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    /* Waits for the moment that another process needs to set a damaged file aside. */
    if (sqlite->lock_fd < 0 || flock(sqlite->lock_fd, LOCK_SH) != 0)
        return err_set(text, ERR_STORE_OPEN, "%s: %s", path, strerror(errno));
    return ERR_OK;
}

/* Every day's file must be of a version that we know before the first record is taken. */
static enum err check_days(struct sqlite *sqlite, struct err_text *text)
{
    int64_t days[512];
    size_t n = days_list(sqlite, days, sizeof days / sizeof *days);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < n; i++) {
        struct file file;
        err = file_open(sqlite, &file, days[i], OPEN_TO_READ, text);
        file_close(&file);
        if (err == ERR_MISSING || err == ERR_CORRUPT) /* not made yet; set aside once it is written to */
            err = ERR_OK;
    }
    return err;
}

static void sqlite_close(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    for (size_t i = 0; i < IDLE_READERS; i++)
        file_close(&sqlite->readers[i]);
    for (size_t i = 0; i < OPEN_DAYS; i++)
        file_close(&sqlite->days[i]);
    file_close(&sqlite->main);
    if (sqlite->lock_fd >= 0)
        close(sqlite->lock_fd);
    pthread_mutex_destroy(&sqlite->reader_mutex);
    pthread_mutex_destroy(&sqlite->main_mutex);
    pthread_mutex_destroy(&sqlite->day_mutex);
    free(sqlite);
}

static enum err sqlite_open(struct store **ret_store, const struct store_options *options, struct err_text *text)
{
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite)
        abort();
    sqlite->store.ops = &store_sqlite_ops;
    sqlite->lock_fd = -1;
    sqlite->retention_days = options->retention_days;
    pthread_mutex_init(&sqlite->day_mutex, NULL);
    pthread_mutex_init(&sqlite->main_mutex, NULL);
    pthread_mutex_init(&sqlite->reader_mutex, NULL);
    atomic_store(&sqlite->ready, true);
    enum err err;
    int n = snprintf(sqlite->folder, sizeof sqlite->folder, "%s", options->path ? options->path : "");
    if (n <= 0 || (size_t)n >= sizeof sqlite->folder)
        err = err_set(text, ERR_CONFIG, "store: the folder's name is empty or too long");
    else
        err = lock_folder(sqlite, text);
    if (err == ERR_OK)
        err = file_open(sqlite, &sqlite->main, MAIN_DAY, OPEN_OR_MAKE, text);
    if (err == ERR_OK)
        err = check_days(sqlite, text);
    sqlite->started = true;
    if (err == ERR_OK)
        *ret_store = &sqlite->store;
    else
        sqlite_close(&sqlite->store);
    return err;
}

static enum err sqlite_setup(const struct store_options *options, struct err_text *text)
{
    struct store *store = NULL;
    enum err err = sqlite_open(&store, options, text);
    if (err == ERR_OK) {
        sqlite_close(store);
        err_set(text, ERR_OK, "%s: ready, version %d", options->path, SCHEMA_VERSION);
    }
    return err;
}

static bool sqlite_is_ready(struct store *store)
{
    return atomic_load(&((struct sqlite *)store)->ready);
}

enum err main_take(struct sqlite *sqlite)
{
    struct err_text text = {""};
    pthread_mutex_lock(&sqlite->main_mutex);
    if (sqlite->main.db && !sqlite->main.damaged)
        return ERR_OK;
    enum err err = sqlite->main.damaged ? file_replace(sqlite, &sqlite->main, &text)
                                        : file_open(sqlite, &sqlite->main, MAIN_DAY, OPEN_OR_MAKE, &text);
    if (err != ERR_OK)
        log_error("store", err, "%s", text.at);
    return err;
}

void main_give(struct sqlite *sqlite)
{
    pthread_mutex_unlock(&sqlite->main_mutex);
}

/* Commits of other processes show in data_version; our own are counted where they happen. */
static uint64_t sqlite_generation(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    if (pthread_mutex_trylock(&sqlite->main_mutex) != 0)
        return atomic_load(&sqlite->generation);
    sqlite3_stmt *statement = sqlite->main.db ? file_statement(&sqlite->main, SQL_DATA_VERSION) : NULL;
    if (statement && sqlite3_step(statement) == SQLITE_ROW) {
        int64_t version = sqlite3_column_int64(statement, 0);
        if (version != sqlite->seen_data_version)
            atomic_fetch_add(&sqlite->generation, 1);
        sqlite->seen_data_version = version;
    }
    sqlite3_reset(statement);
    pthread_mutex_unlock(&sqlite->main_mutex);
    return atomic_load(&sqlite->generation);
}

/* ---- positions and state ---- */

/* Steps a statement that gives one row or none. */
static enum err step_to_row(struct file *file, sqlite3_stmt *statement, const char *doing)
{
    int result = statement ? sqlite3_step(statement) : SQLITE_ERROR;
    if (result == SQLITE_ROW)
        return ERR_OK;
    if (result == SQLITE_DONE)
        return ERR_MISSING;
    return file_failed(file, doing, ERR_STORE_READ);
}

static enum err sqlite_position(struct store *store, const char *group, enum topic topic, int32_t partition,
                                int64_t *ret_next)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    enum err err = main_take(sqlite);
    if (err == ERR_OK) {
        sqlite3_stmt *statement = file_statement(&sqlite->main, SQL_POSITION_GET);
        if (statement) {
            bind_slice(statement, 1, slice_of(group));
            sqlite3_bind_int(statement, 2, (int)topic);
            sqlite3_bind_int(statement, 3, partition);
        }
        err = step_to_row(&sqlite->main, statement, "read a position");
        if (err == ERR_OK)
            *ret_next = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    main_give(sqlite);
    return err;
}

static enum err sqlite_state_get(struct store *store, const char *key, struct buf *ret_value, uint64_t *ret_version)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    *ret_version = 0;
    enum err err = main_take(sqlite);
    if (err == ERR_OK) {
        sqlite3_stmt *statement = file_statement(&sqlite->main, SQL_STATE_GET);
        if (statement)
            bind_slice(statement, 1, slice_of(key));
        err = step_to_row(&sqlite->main, statement, "read state");
        if (err == ERR_OK) {
            buf_add_slice(ret_value, column_slice(statement, 0));
            *ret_version = (uint64_t)sqlite3_column_int64(statement, 1);
        }
        sqlite3_reset(statement);
    }
    main_give(sqlite);
    return err == ERR_OK && buf_failed(ret_value) ? ERR_TOO_LARGE : err;
}

static enum err put_state(struct file *file, const char *key, struct slice value, uint64_t version)
{
    sqlite3_stmt *statement = file_statement(file, version == 0 ? SQL_STATE_ADD : SQL_STATE_SET);
    if (statement) {
        bind_slice(statement, 1, slice_of(key));
        bind_bytes(statement, 2, value.at, value.len);
        if (version)
            sqlite3_bind_int64(statement, 3, (int64_t)version);
    }
    if (!file_run(statement))
        return file_failed(file, "write state", ERR_STORE_WRITE);
    return sqlite3_changes(file->db) > 0 ? ERR_OK : ERR_CONFLICT;
}

static enum err sqlite_state_put(struct store *store, const char *key, struct slice value, uint64_t version,
                                 uint64_t *ret_version)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    enum err err = main_take(sqlite);
    if (err == ERR_OK)
        err = put_state(&sqlite->main, key, value, version);
    main_give(sqlite);
    if (err == ERR_OK) {
        *ret_version = version + 1;
        atomic_fetch_add(&sqlite->generation, 1);
    }
    return err;
}

const struct store_ops store_sqlite_ops = {
    .name = "sqlite",
    .keeps_positions = true,
    .open = sqlite_open,
    .setup = sqlite_setup,
    .close = sqlite_close,
    .is_ready = sqlite_is_ready,
    .write = sqlite_write,
    .position = sqlite_position,
    .expire = sqlite_expire,
    .remove = sqlite_remove,
    .forget = sqlite_forget,
    .state_get = sqlite_state_get,
    .state_put = sqlite_state_put,
    .read_events = sqlite_read_events,
    .read_rollups = sqlite_read_rollups,
    .read_alerts = sqlite_read_alerts,
    .read_rejects = sqlite_read_rejects,
    .generation = sqlite_generation,
};
