/* The folder: keeping, looking up, expiring. Written by the command that uploads, under a lock; read by role live. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "sourcemap/sourcemap_int.h"

#define MAX_KEPT 20000 /* files of releases that expiring looks at */

/* ---- names ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t end_of_path(struct slice url)
{
    size_t n = 0;
    while (n < url.len && url.at[n] != '?' && url.at[n] != '#')
        n++;
    return n;
}

/* `https://host/a/b` -> `/a/b`; `a/b` stays. */
static struct slice without_origin(struct slice url)
{
    for (size_t i = 0; i + 2 < url.len && url.at[i] != '/'; i++) {
        if (memcmp(url.at + i, "://", 3) != 0)
            continue;
        struct slice rest = {url.at + i + 3, url.len - i - 3};
        const char *slash = rest.len ? memchr(rest.at, '/', rest.len) : NULL;
        return slash ? (struct slice){slash, (size_t)(rest.at + rest.len - slash)} : SLICE_NONE;
    }
    return url;
}

bool sourcemap_path(struct slice url, char *ret_path, size_t size)
{
    url.len = end_of_path(url);
    url = without_origin(url);
    size_t len = 0;
    if (url.len >= size - 1)
        return false;
    ret_path[len++] = '/';
    for (size_t i = 0; i < url.len; i++) {
        char c = url.at[i];
        if (c == '%' && i + 2 < url.len && hex_value(url.at[i + 1]) >= 0 && hex_value(url.at[i + 2]) >= 0) {
            c = (char)(hex_value(url.at[i + 1]) * 16 + hex_value(url.at[i + 2]));
            i += 2;
        }
        if (c != '/' || ret_path[len - 1] != '/')
            ret_path[len++] = c;
    }
    ret_path[len] = '\0';
    return len > 1 && !memchr(ret_path, '\n', len) && strlen(ret_path) == len;
}

static void name_of(struct slice text, char ret_name[NAME_HEX + 1])
{
    hash_hex(text, ret_name, NAME_HEX);
}

static bool is_digest(const char *text)
{
    return strspn(text, "0123456789abcdef") == DIGEST_HEX && text[DIGEST_HEX] == '\0';
}

static void write_reference_path(const char *folder, struct slice release, struct slice path,
                                 char ret_path[FILE_PATH_BYTES])
{
    char of_release[NAME_HEX + 1], of_path[NAME_HEX + 1];
    name_of(release, of_release);
    name_of(path, of_path);
    snprintf(ret_path, FILE_PATH_BYTES, "%s/releases/%s/%s", folder, of_release, of_path);
}

/* ---- files ---- */

enum err sourcemap_read_file(const char *path, size_t max, struct slice *ret_bytes, struct err_text *text)
{
    struct stat stat = {0};
    char *bytes = NULL;
    size_t len = 0;
    ssize_t n = 1;
    enum err err = ERR_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &stat) != 0)
        err = err_set(text, errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(stat.st_mode))
        err = err_set(text, ERR_IO, "%s: not a file", path);
    else if ((uint64_t)stat.st_size > max)
        err = err_set(text, ERR_TOO_LARGE, "%s: larger than %zu bytes", path, max);
    if (!err && !(bytes = malloc((size_t)stat.st_size + 1)))
        abort();
    while (!err && n > 0 && len < (size_t)stat.st_size) {
        n = read(fd, bytes + len, (size_t)stat.st_size - len);
        if (n < 0)
            err = err_set(text, ERR_IO, "%s: %s", path, strerror(errno));
        else
            len += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    if (err)
        free(bytes);
    else
        *ret_bytes = (struct slice){bytes, len};
    return err;
}

static enum err make_folders(const char *path, struct err_text *text)
{
    char part[FILE_PATH_BYTES];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = part; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        if (mkdir(part, 0750) != 0 && errno != EEXIST)
            return err_set(text, ERR_IO, "%s: %s", part, strerror(errno));
        *slash = '/';
    }
    return ERR_OK;
}

/* Whole or not at all: written under another name, synced, renamed. */
static enum err write_file(const char *path, struct slice bytes, struct err_text *text)
{
    char part[FILE_PATH_BYTES + 8];
    snprintf(part, sizeof part, "%s.part", path);
    enum err err = make_folders(path, text);
    if (err)
        return err;
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    bool is_written = fd >= 0;
    for (size_t at = 0; is_written && at < bytes.len;) {
        ssize_t n = write(fd, bytes.at + at, bytes.len - at);
        is_written = n > 0;
        at += is_written ? (size_t)n : 0;
    }
    is_written = is_written && fsync(fd) == 0;
    if (!is_written || rename(part, path) != 0) {
        err = err_set(text, ERR_IO, "%s: %s", part, strerror(errno));
        unlink(part);
    }
    if (fd >= 0)
        close(fd);
    return err;
}

/* -1: it failed; closing gives the lock back. */
static int lock(const char *folder, struct err_text *text)
{
    char path[FILE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/lock", folder);
    if (make_folders(path, text))
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        err_set(text, ERR_IO, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* ---- keeping ---- */

static void map_path(const char *folder, const char *digest, char ret_path[FILE_PATH_BYTES])
{
    snprintf(ret_path, FILE_PATH_BYTES, "%s/maps/%s.map", folder, digest);
}

static enum err check_map(struct slice map, struct err_text *text)
{
    struct sourcemap decoded;
    enum err err = sourcemap_decode(map, &decoded, text);
    sourcemap_done(&decoded);
    return err;
}

enum err sourcemaps_keep(const char *folder, struct slice release, const char *path, struct slice map,
                         struct err_text *text)
{
    char digest[DIGEST_HEX + 1], file[FILE_PATH_BYTES];
    struct buf reference;
    hash_hex(map, digest, DIGEST_HEX);
    map_path(folder, digest, file);
    enum err err = access(file, R_OK) == 0 ? ERR_OK : check_map(map, text); /* what is kept was checked */
    if (err)
        return err;
    int fd = lock(folder, text);
    if (fd < 0)
        return ERR_IO;
    if (access(file, R_OK) != 0)
        err = write_file(file, map, text);
    buf_init(&reference, 8192);
    buf_printf(&reference, "%s\n%.*s\n%s\n", digest, SLICE_ARG(release), path);
    write_reference_path(folder, release, slice_of(path), file);
    if (!err)
        err = write_file(file, buf_slice(&reference), text);
    buf_done(&reference);
    close(fd);
    return err;
}

static bool read_digest(const char *path, char ret_digest[DIGEST_HEX + 1])
{
    struct slice bytes = SLICE_NONE;
    if (sourcemap_read_file(path, 8192, &bytes, NULL))
        return false;
    size_t n = bytes.len < DIGEST_HEX ? bytes.len : DIGEST_HEX;
    memcpy(ret_digest, bytes.at, n);
    ret_digest[n] = '\0';
    free((char *)(uintptr_t)bytes.at);
    return is_digest(ret_digest);
}

bool sourcemap_look_up(const char *folder, struct slice release, struct slice path, char ret_digest[DIGEST_HEX + 1])
{
    char file[FILE_PATH_BYTES];
    write_reference_path(folder, release, path, file);
    return read_digest(file, ret_digest);
}

/* ---- expiring ---- */

struct reference {
    char path[2 * NAME_HEX + 2]; /* below releases/ */
    char digest[DIGEST_HEX + 1];
    int64_t kept_s;
};

struct references {
    struct reference *list;
    size_t n, size;
};

static void each_entry(const char *path, void (*each)(void *ctx, const char *name), void *ctx)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            each(ctx, entry->d_name);
    if (dir)
        closedir(dir);
}

struct walk {
    const char *folder, *release;
    struct references *found;
};

static void take_reference(void *ctx, const char *name)
{
    const struct walk *walk = ctx;
    struct references *found = walk->found;
    struct reference reference;
    char file[FILE_PATH_BYTES];
    struct stat stat_;
    if (strlen(name) != NAME_HEX || found->n == MAX_KEPT)
        return;
    snprintf(reference.path, sizeof reference.path, "%s/%s", walk->release, name);
    snprintf(file, sizeof file, "%s/releases/%s", walk->folder, reference.path);
    if (stat(file, &stat_) != 0 || !read_digest(file, reference.digest))
        return;
    reference.kept_s = stat_.st_mtime;
    if (found->n == found->size) {
        found->size = found->size ? 2 * found->size : 64;
        found->list = realloc(found->list, found->size * sizeof *found->list);
        if (!found->list)
            abort();
    }
    found->list[found->n++] = reference;
}

static void walk_release(void *ctx, const char *name)
{
    struct walk *walk = ctx;
    char path[FILE_PATH_BYTES];
    if (strlen(name) != NAME_HEX)
        return;
    snprintf(path, sizeof path, "%s/releases/%s", walk->folder, name);
    walk->release = name;
    each_entry(path, take_reference, walk);
}

static int newest_first(const void *a, const void *b)
{
    const struct reference *left = a, *right = b;
    if (left->kept_s != right->kept_s)
        return left->kept_s < right->kept_s ? 1 : -1;
    return strcmp(left->path, right->path);
}

static bool is_wanted(const struct references *references, size_t n, const char *digest)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(references->list[i].digest, digest, DIGEST_HEX) == 0)
            return true;
    return false;
}

/* How many of the newest stay: as many as are young enough and find room; a map that several share counts once. */
static size_t count_staying(const char *folder, const struct references *references, int64_t oldest_s,
                            uint64_t max_bytes)
{
    uint64_t bytes = 0;
    size_t n = 0;
    for (; n < references->n && references->list[n].kept_s >= oldest_s; n++) {
        char file[FILE_PATH_BYTES];
        struct stat stat_;
        map_path(folder, references->list[n].digest, file);
        if (!is_wanted(references, n, references->list[n].digest) && stat(file, &stat_) == 0)
            bytes += (uint64_t)stat_.st_size;
        if (bytes > max_bytes)
            break;
    }
    return n;
}

struct sweep {
    const char *folder;
    const struct references *references;
    size_t staying;
};

static void sweep_map(void *ctx, const char *name)
{
    const struct sweep *sweep = ctx;
    char file[FILE_PATH_BYTES];
    if (strlen(name) >= DIGEST_HEX && is_wanted(sweep->references, sweep->staying, name))
        return;
    snprintf(file, sizeof file, "%s/maps/%s", sweep->folder, name);
    unlink(file);
}

enum err sourcemaps_expire(const char *folder, int64_t oldest_s, uint64_t max_bytes, struct err_text *text)
{
    char file[FILE_PATH_BYTES];
    struct references references = {0};
    struct walk walk = {.folder = folder, .found = &references};
    int fd = lock(folder, text);
    if (fd < 0)
        return ERR_IO;
    snprintf(file, sizeof file, "%s/releases", folder);
    each_entry(file, walk_release, &walk);
    if (references.n)
        qsort(references.list, references.n, sizeof *references.list, newest_first);
    struct sweep sweep = {folder, &references, count_staying(folder, &references, oldest_s, max_bytes)};
    for (size_t i = sweep.staying; i < references.n; i++) {
        snprintf(file, sizeof file, "%s/releases/%s", folder, references.list[i].path);
        unlink(file);
        *strrchr(file, '/') = '\0';
        rmdir(file); /* which only the last of a release makes possible */
    }
    snprintf(file, sizeof file, "%s/maps", folder);
    if (references.n < MAX_KEPT) /* with more, some that nobody has looked at would lose theirs */
        each_entry(file, sweep_map, &sweep);
    free(references.list);
    close(fd);
    return ERR_OK;
}
