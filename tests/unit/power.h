/* A disk that loses power. A sqlite3_vfs around the real one: what is written goes to the real files, which play the
 * operating system's cache, and is noted; what has been synced is kept apart, as what the disk has. After a given
 * number of writes, syncs, truncations and deletions the power is lost: everything fails from then on. power_restore
 * makes the real files what the disk could have kept: all that was synced, and of each write since then nothing, all,
 * or a part by sectors of 512 bytes, as a seeded random decides; in order or not. A file whose folder was not synced
 * since it was made may be missing; one whose deletion was not synced may be back.
 *
 * One folder at a time. power_begin before the first connection; power_restore when all are closed. */
#ifndef SEISMO_TESTS_UNIT_POWER_H
#define SEISMO_TESTS_UNIT_POWER_H

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POWER_FILES 64
#define POWER_SECTOR 512

struct power_op {
    int64_t offset, n; /* n < 0: cut to `offset` */
    unsigned char *bytes;
};
struct power_file {
    char path[512];
    unsigned char *kept; /* what the disk has */
    int64_t size, room;
    struct power_op *ops; /* since the last sync */
    size_t n_ops, ops_room;
    bool listed;  /* in its folder, on the disk */
    bool present; /* in its folder, as seen by programs */
};
static struct {
    pthread_mutex_t mutex;
    struct power_file files[POWER_FILES];
    size_t n_files;
    long countdown;  /* < 0: never */
    bool lost, lies; /* lies: a sync does nothing */
    uint64_t random;
    unsigned long torn; /* writes of which a part was kept */
} power = {.mutex = PTHREAD_MUTEX_INITIALIZER, .countdown = -1};

struct power_handle {
    sqlite3_file base;
    struct power_file *file;
    bool syncs_folder;
    sqlite3_file *real;
};

static uint32_t power_random(uint32_t below)
{
    power.random = power.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(power.random >> 33) % below;
}

/* ---- what the disk has ---- */

static void power_keep(struct power_file *file, int64_t offset, const unsigned char *bytes, int64_t n)
{
    if (offset + n > file->room) {
        file->room = 2 * (offset + n);
        file->kept = realloc(file->kept, (size_t)file->room);
        assert(file->kept);
    }
    if (offset > file->size)
        memset(file->kept + file->size, 0, (size_t)(offset - file->size));
    memcpy(file->kept + offset, bytes, (size_t)n);
    if (offset + n > file->size)
        file->size = offset + n;
}

static void power_apply(struct power_file *file, const struct power_op *op)
{
    if (op->n >= 0)
        power_keep(file, op->offset, op->bytes, op->n);
    else if (op->offset < file->size)
        file->size = op->offset;
}

static void power_forget_ops(struct power_file *file)
{
    for (size_t i = 0; i < file->n_ops; i++)
        free(file->ops[i].bytes);
    file->n_ops = 0;
}

static void power_note(struct power_file *file, int64_t offset, const void *bytes, int64_t n)
{
    if (file->n_ops == file->ops_room) {
        file->ops_room = file->ops_room ? 2 * file->ops_room : 64;
        file->ops = realloc(file->ops, file->ops_room * sizeof *file->ops);
        assert(file->ops);
    }
    struct power_op op = {offset, n, NULL};
    if (n > 0) {
        op.bytes = malloc((size_t)n);
        assert(op.bytes);
        memcpy(op.bytes, bytes, (size_t)n);
    }
    file->ops[file->n_ops++] = op;
}

static void power_sync(struct power_file *file)
{
    for (size_t i = 0; i < file->n_ops; i++)
        power_apply(file, &file->ops[i]);
    power_forget_ops(file);
}

static void power_sync_folder(void)
{
    for (size_t i = 0; i < power.n_files; i++)
        power.files[i].listed = power.files[i].present;
}

/* Call with the mutex held before each step; true: there is no power. */
static bool power_step(void)
{
    if (power.countdown > 0)
        power.countdown--;
    if (power.countdown == 0)
        power.lost = true;
    return power.lost;
}

/* ---- after it ---- */

/* Some sectors of one write. */
static void power_tear(struct power_file *file, const struct power_op *op)
{
    power.torn++;
    for (int64_t at = op->offset; at < op->offset + op->n;) {
        int64_t end = (at / POWER_SECTOR + 1) * POWER_SECTOR;
        if (end > op->offset + op->n)
            end = op->offset + op->n;
        if (power_random(2))
            power_keep(file, at, op->bytes + (at - op->offset), end - at);
        at = end;
    }
}

static void power_lose(struct power_file *file)
{
    uint32_t way = power_random(4); /* nothing; all up to one, that one torn; each by itself; all */
    size_t until = way == 1 && file->n_ops ? power_random((uint32_t)file->n_ops) : 0;
    for (size_t i = 0; i < file->n_ops; i++) {
        const struct power_op *op = &file->ops[i];
        bool whole = way == 3 || (way == 1 && i < until), torn = way == 1 && i == until;
        if (way == 2) {
            whole = power_random(3) == 0;
            torn = !whole && power_random(2) == 0;
        }
        if (whole)
            power_apply(file, op);
        else if (torn && op->n > 0)
            power_tear(file, op);
    }
    power_forget_ops(file);
}

static void power_write_back(const struct power_file *file)
{
    FILE *real = fopen(file->path, "wb");
    assert(real);
    assert(file->size == 0 || fwrite(file->kept, 1, (size_t)file->size, real) == (size_t)file->size);
    fclose(real);
}

static inline void power_restore(void)
{
    char shm[520];
    for (size_t i = 0; i < power.n_files; i++) {
        struct power_file *file = &power.files[i];
        power_lose(file);
        if (file->listed != file->present)
            file->present = power_random(2);
        file->listed = file->present;
        if (file->present)
            power_write_back(file);
        else
            unlink(file->path), file->size = 0;
        snprintf(shm, sizeof shm, "%s-shm", file->path);
        unlink(shm);
    }
    power.lost = false;
    power.countdown = -1;
}

/* Nothing of it on the disk, and the power lost after `steps` steps; -1: not. */
static inline void power_begin(uint64_t seed, long steps, bool lies)
{
    for (size_t i = 0; i < power.n_files; i++) {
        power_forget_ops(&power.files[i]);
        free(power.files[i].ops);
        free(power.files[i].kept);
    }
    memset(power.files, 0, sizeof power.files);
    power.n_files = 0;
    power.random = seed * 2654435761u + 12345;
    power.countdown = steps;
    power.lies = lies;
    power.lost = false;
}

static inline bool power_is_lost(void)
{
    pthread_mutex_lock(&power.mutex);
    bool lost = power.lost;
    pthread_mutex_unlock(&power.mutex);
    return lost;
}

static inline void power_set(long steps)
{
    pthread_mutex_lock(&power.mutex);
    power.countdown = steps;
    pthread_mutex_unlock(&power.mutex);
}

/* ---- a file ---- */

static sqlite3_file *power_real(sqlite3_file *file)
{
    return ((struct power_handle *)file)->real;
}

static int power_close_file(sqlite3_file *file)
{
    return power_real(file)->pMethods->xClose(power_real(file));
}

static int power_read(sqlite3_file *file, void *bytes, int n, sqlite3_int64 offset)
{
    return power_is_lost() ? SQLITE_IOERR_READ : power_real(file)->pMethods->xRead(power_real(file), bytes, n, offset);
}

static int power_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 offset)
{
    struct power_handle *handle = (struct power_handle *)file;
    int result = SQLITE_IOERR_WRITE;
    pthread_mutex_lock(&power.mutex);
    if (handle->file && !power.lost)
        power_note(handle->file, offset, bytes, n); /* the one under way may arrive in part */
    if (!power_step())
        result = handle->real->pMethods->xWrite(handle->real, bytes, n, offset);
    pthread_mutex_unlock(&power.mutex);
    return result;
}

static int power_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct power_handle *handle = (struct power_handle *)file;
    int result = SQLITE_IOERR_TRUNCATE;
    pthread_mutex_lock(&power.mutex);
    if (handle->file && !power.lost)
        power_note(handle->file, size, NULL, -1);
    if (!power_step())
        result = handle->real->pMethods->xTruncate(handle->real, size);
    pthread_mutex_unlock(&power.mutex);
    return result;
}

/* As the real one: the first sync of a new journal or WAL syncs its folder too. */
static int power_sync_file(sqlite3_file *file, int flags)
{
    struct power_handle *handle = (struct power_handle *)file;
    (void)flags;
    pthread_mutex_lock(&power.mutex);
    bool lost = power_step();
    if (!lost && !power.lies && handle->file) {
        power_sync(handle->file);
        if (handle->syncs_folder)
            power_sync_folder();
        handle->syncs_folder = false;
    }
    pthread_mutex_unlock(&power.mutex);
    return lost ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int power_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return power_real(file)->pMethods->xFileSize(power_real(file), ret_size);
}
static int power_lock(sqlite3_file *file, int lock)
{
    return power_real(file)->pMethods->xLock(power_real(file), lock);
}
static int power_unlock(sqlite3_file *file, int lock)
{
    return power_real(file)->pMethods->xUnlock(power_real(file), lock);
}
static int power_reserved(sqlite3_file *file, int *ret_is)
{
    return power_real(file)->pMethods->xCheckReservedLock(power_real(file), ret_is);
}
static int power_control(sqlite3_file *file, int what, void *arg)
{
    return power_real(file)->pMethods->xFileControl(power_real(file), what, arg);
}
static int power_sector(sqlite3_file *file)
{
    return power_real(file)->pMethods->xSectorSize(power_real(file));
}
static int power_characteristics(sqlite3_file *file)
{
    return power_real(file)->pMethods->xDeviceCharacteristics(power_real(file));
}
static int power_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret_at)
{
    return power_real(file)->pMethods->xShmMap(power_real(file), page, size, extend, ret_at);
}
static int power_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return power_real(file)->pMethods->xShmLock(power_real(file), offset, n, flags);
}
static void power_shm_barrier(sqlite3_file *file)
{
    power_real(file)->pMethods->xShmBarrier(power_real(file));
}
static int power_shm_unmap(sqlite3_file *file, int is_last)
{
    return power_real(file)->pMethods->xShmUnmap(power_real(file), is_last);
}

/* ---- the file system ---- */

static sqlite3_vfs power_vfs;

static sqlite3_vfs *power_below(void)
{
    return power_vfs.pAppData;
}

static struct power_file *power_find(const char *path)
{
    for (size_t i = 0; i < power.n_files; i++)
        if (strcmp(power.files[i].path, path) == 0)
            return &power.files[i];
    assert(power.n_files < POWER_FILES && strlen(path) < sizeof power.files[0].path);
    strcpy(power.files[power.n_files].path, path);
    return &power.files[power.n_files++];
}

static int power_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = power_close_file,
        .xRead = power_read,
        .xWrite = power_write,
        .xTruncate = power_truncate,
        .xSync = power_sync_file,
        .xFileSize = power_size,
        .xLock = power_lock,
        .xUnlock = power_unlock,
        .xCheckReservedLock = power_reserved,
        .xFileControl = power_control,
        .xSectorSize = power_sector,
        .xDeviceCharacteristics = power_characteristics,
        .xShmMap = power_shm_map,
        .xShmLock = power_shm_lock,
        .xShmBarrier = power_shm_barrier,
        .xShmUnmap = power_shm_unmap,
    };
    struct power_handle *handle = (struct power_handle *)file;
    memset(handle, 0, sizeof *handle);
    handle->real = (sqlite3_file *)(void *)(handle + 1);
    (void)vfs;
    pthread_mutex_lock(&power.mutex);
    int result =
        power.lost ? SQLITE_CANTOPEN : power_below()->xOpen(power_below(), path, handle->real, flags, ret_flags);
    if (result == SQLITE_OK) {
        if (path && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL))) {
            handle->file = power_find(path);
            if (!handle->file->present) /* made anew: nothing of one that was deleted */
                handle->file->size = 0;
            handle->file->present = true;
        }
        handle->syncs_folder = flags & SQLITE_OPEN_CREATE && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
        handle->base.pMethods = &methods;
    }
    pthread_mutex_unlock(&power.mutex);
    return result;
}

static int power_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    int result = SQLITE_IOERR_DELETE;
    (void)vfs;
    pthread_mutex_lock(&power.mutex);
    struct power_file *file = power_find(path);
    if (!power_step()) {
        result = power_below()->xDelete(power_below(), path, 0);
        file->present = false;
        power_forget_ops(file);
        if (sync_folder && !power.lies)
            power_sync_folder();
    }
    pthread_mutex_unlock(&power.mutex);
    return result;
}

static int power_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_is)
{
    (void)vfs;
    return power_below()->xAccess(power_below(), path, flags, ret_is);
}
static int power_full_path(sqlite3_vfs *vfs, const char *path, int n, char *ret_path)
{
    (void)vfs;
    return power_below()->xFullPathname(power_below(), path, n, ret_path);
}
static int power_randomness(sqlite3_vfs *vfs, int n, char *ret_bytes)
{
    (void)vfs;
    return power_below()->xRandomness(power_below(), n, ret_bytes);
}
static int power_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return power_below()->xSleep(power_below(), us);
}
static int power_time(sqlite3_vfs *vfs, double *ret_days)
{
    (void)vfs;
    return power_below()->xCurrentTime(power_below(), ret_days);
}
static int power_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    (void)vfs;
    return power_below()->xCurrentTimeInt64(power_below(), ret_ms);
}

/* Every connection from now on is on this disk. */
static inline void power_install(void)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    power_vfs = (sqlite3_vfs){.iVersion = 2,
                              .szOsFile = (int)sizeof(struct power_handle) + real->szOsFile,
                              .mxPathname = real->mxPathname,
                              .zName = "power",
                              .pAppData = real,
                              .xOpen = power_open,
                              .xDelete = power_delete,
                              .xAccess = power_access,
                              .xFullPathname = power_full_path,
                              .xRandomness = power_randomness,
                              .xSleep = power_sleep,
                              .xCurrentTime = power_time,
                              .xCurrentTimeInt64 = power_time_ms};
    assert(sqlite3_vfs_register(&power_vfs, 1) == SQLITE_OK);
}

#endif
