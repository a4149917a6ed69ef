#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A volume that somebody else made is the usual reason, and the one with a remedy that can be typed: `remedy` with who
 * we are and `folder`. */
static enum err refuse(const char *path, int cause, const char *remedy, const char *folder, struct err_text *text)
{
    struct stat status;
    unsigned user = geteuid(), group = getegid();
    char owners[48];
    if (cause != EACCES || stat(path, &status) != 0)
        return err_set(text, ERR_FOLDER, "data_dir: %.200s: %s", path, strerror(cause));
    snprintf(owners, sizeof owners, remedy, user, group); /* NOLINT: both remedies are literals */
    return err_set(text, ERR_FOLDER, "data_dir: %.160s belongs to %u:%u, and this runs as %u:%u: %s %.160s", path,
                   (unsigned)status.st_uid, (unsigned)status.st_gid, user, group, owners, folder);
}

static const char *const take_over = "chown -R %u:%u";
static const char *const lay_out = "install -d -o %u -g %u";

/* The folder in which `part` could not be made. Changes part. */
static const char *parent_of(char *part)
{
    char *slash = strrchr(part, '/');
    if (!slash)
        return ".";
    slash[slash == part] = '\0';
    return part;
}

static enum err make_all(const char *path, struct err_text *text)
{
    char part[FOLDER_BYTES];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return err_set(text, ERR_CONFIG, "data_dir: a path of 1 to %d bytes is expected", FOLDER_BYTES - 1);
    memcpy(part, path, n + 1);
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            int cause = errno;
            return refuse(parent_of(part), cause, lay_out, path, text);
        }
        if (!slash)
            return ERR_OK;
        *slash = '/';
    }
}

/* A database of another user's run is enough to keep us from starting; other files there may be anybody's (lost+found).
 */
static enum err look_inside(const char *path, struct err_text *text)
{
    char file[FOLDER_BYTES + 256];
    enum err err = ERR_OK;
    DIR *folder = opendir(path);
    if (!folder)
        return refuse(path, errno, take_over, path, text);
    for (struct dirent *entry; !err && (entry = readdir(folder));) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (strstr(entry->d_name, ".db") && faccessat(AT_FDCWD, file, R_OK | W_OK, AT_EACCESS) != 0 && errno == EACCES)
            err = refuse(file, EACCES, take_over, path, text);
    }
    closedir(folder);
    return err;
}

enum err folder_make(const char *path, struct err_text *text)
{
    enum err err = make_all(path, text);
    if (!err && faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) != 0)
        err = refuse(path, errno, take_over, path, text);
    return err ? err : look_inside(path, text);
}
