/* `seismo sourcemap upload`: finds built scripts and their maps and keeps these by release, whether Seismo runs or not,
 * or sends them to one that runs elsewhere (--url).
 *
 * A script's map is what its last `//# sourceMappingURL=` names, beside it; without one, SCRIPT.map. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "commands.h"
#include "http/http.h"
#include "sourcemap/sourcemap.h"

#define PATH_BYTES 2048
#define MAX_DEPTH 32
#define TAIL_BYTES 4096 /* in which the map is named */
#define ANSWER_BYTES 65536

struct upload {
    const char *folder;
    const char *url, *token; /* of a running Seismo that takes the maps; NULL: they go to the folder */
    struct http_client *client;
    struct slice release;
    const char *prefix;
    int kept, failed;
};

void folder_of_sourcemaps(const struct config *config, char *ret_folder, size_t size)
{
    const char *path = config_text(config, SETTING_SOURCEMAPS_PATH);
    snprintf(ret_folder, size, *path ? "%s" : "%s/sourcemaps",
             *path ? path : config_text(config, SETTING_DATA_DIR)); /* NOLINT: both formats are literals */
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_script(const char *name)
{
    return ends_with(name, ".js") || ends_with(name, ".mjs") || ends_with(name, ".cjs");
}

static void read_tail(const char *file, char ret_tail[TAIL_BYTES + 1])
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    ssize_t n = fd < 0 ? 0 : pread(fd, ret_tail, TAIL_BYTES, size > TAIL_BYTES ? size - TAIL_BYTES : 0);
    ret_tail[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* False when the script has none beside it. */
static bool find_map(const char *script, char ret_map[PATH_BYTES])
{
    static const char sign[] = "//# sourceMappingURL=";
    char tail[TAIL_BYTES + 1], *url = NULL;
    read_tail(script, tail);
    for (char *at = tail; (at = strstr(at, sign)); at += sizeof sign - 1)
        url = at + sizeof sign - 1;
    if (url)
        url[strcspn(url, " \t\r\n?#")] = '\0';
    const char *slash = strrchr(script, '/');
    if (url && *url && *url != '/' && !strchr(url, ':'))
        snprintf(ret_map, PATH_BYTES, "%.*s%s", slash ? (int)(slash + 1 - script) : 0, script, url);
    else
        snprintf(ret_map, PATH_BYTES, "%s.map", script);
    return access(ret_map, R_OK) == 0;
}

static enum err read_whole(const char *path, struct buf *buf, struct err_text *text)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return err_set(text, ERR_IO, "it cannot be opened");
    char part[65536];
    for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0 && !buf_failed(buf);)
        buf_add(buf, part, n);
    bool is_bad = ferror(file) != 0;
    fclose(file);
    if (buf_failed(buf))
        return err_set(text, ERR_TOO_LARGE, "more than %d bytes", SOURCEMAP_MAX_BYTES);
    return is_bad ? err_set(text, ERR_IO, "it cannot be read") : ERR_OK;
}

/* ---- to another machine ---- */

static void add_parameter(struct buf *buf, const char *name, struct slice value)
{
    buf_printf(buf, "%s=", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        bool is_plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || memchr("-._~/", c, 5);
        buf_printf(buf, is_plain ? "%c" : "%%%02X", (unsigned char)c); /* NOLINT: both formats are literals */
    }
}

static void open_client(struct upload *upload, struct buf *authorization)
{
    if (!upload->url)
        return;
    buf_printf(authorization, "Bearer %s", upload->token);
    buf_char(authorization, '\0');
    upload->client = http_client_new(&(struct http_options){.connect_timeout_ms = 10000,
                                                            .timeout_ms = 120000,
                                                            .authorization = *upload->token ? authorization->at : NULL,
                                                            .max_response = ANSWER_BYTES});
}

static enum err send_map(const struct upload *upload, const char *path, struct slice map, struct err_text *text)
{
    static const char *const headers[] = {"Content-Encoding: gzip", NULL};
    struct buf url, packed;
    struct http_response response;
    buf_init(&url, 16384);
    buf_init(&packed, SOURCEMAP_MAX_BYTES);
    http_response_init(&response, ANSWER_BYTES);
    size_t n = strlen(upload->url);
    buf_printf(&url, "%.*s/api/sourcemaps?", (int)(n && upload->url[n - 1] == '/' ? n - 1 : n), upload->url);
    add_parameter(&url, "release", upload->release);
    buf_char(&url, '&');
    add_parameter(&url, "path", slice_of(path));
    buf_char(&url, '\0');
    enum err err = sourcemap_pack(map, &packed, text);
    struct http_request request = {.method = "PUT",
                                   .url = url.at,
                                   .content_type = "application/json",
                                   .body = buf_slice(&packed),
                                   .headers = headers};
    if (!err)
        err = http_send(upload->client, &request, &response, text);
    if (!err && response.status != 200)
        err = err_set(text, ERR_HTTP, "%s answered %d: %.*s", upload->url, response.status,
                      (int)(response.body.len < 300 ? response.body.len : 300),
                      response.body.len ? response.body.at : "");
    http_response_done(&response);
    buf_done(&packed);
    buf_done(&url);
    return err;
}

/* ---- each map ---- */

/* name: below the prefix. */
static void keep(struct upload *upload, const char *map, const char *name)
{
    char url[PATH_BYTES], path[PATH_BYTES];
    struct err_text text = {{0}};
    struct buf bytes;
    buf_init(&bytes, SOURCEMAP_MAX_BYTES);
    snprintf(url, sizeof url, "%s/%s", upload->prefix, name);
    enum err err = sourcemap_path(slice_of(url), path, sizeof path)
                       ? read_whole(map, &bytes, &text)
                       : err_set(&text, ERR_USAGE, "no path can be made of %s", url);
    if (!err)
        err = upload->url ? send_map(upload, path, buf_slice(&bytes), &text)
                          : sourcemaps_keep(upload->folder, upload->release, path, buf_slice(&bytes), &text);
    buf_done(&bytes);
    if (err) {
        fprintf(stderr, "seismo sourcemap: %s %s: %s: %s\n", err_code(err), err_sentence(err), map, text.at);
        upload->failed++;
    } else {
        printf("%s <- %s\n", path, map);
        upload->kept++;
    }
}

static void take_script(struct upload *upload, const char *script, const char *name)
{
    char map[PATH_BYTES];
    if (find_map(script, map))
        keep(upload, map, name);
}

/* Links are not followed, so no folder is met twice. */
static void walk(struct upload *upload, const char *folder, const char *name, int depth) // NOLINT(misc-no-recursion)
{
    DIR *dir = depth < MAX_DEPTH ? opendir(folder) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[PATH_BYTES], below[PATH_BYTES];
        struct stat stat;
        int n = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        snprintf(below, sizeof below, "%s%s%s", name, *name ? "/" : "", entry->d_name);
        if (entry->d_name[0] == '.' || n >= PATH_BYTES || lstat(path, &stat) != 0)
            continue;
        if (S_ISDIR(stat.st_mode))
            walk(upload, path, below, depth + 1);
        else if (S_ISREG(stat.st_mode) && is_script(below))
            take_script(upload, path, below);
    }
    if (dir)
        closedir(dir);
}

static void take(struct upload *upload, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char script[PATH_BYTES];
    struct stat stat_;
    int before = upload->kept + upload->failed;
    if (stat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
        walk(upload, path, "", 0);
    } else if (ends_with(name, ".map")) {
        snprintf(script, sizeof script, "%.*s", (int)strlen(name) - 4, name);
        keep(upload, path, script);
    } else {
        take_script(upload, path, name);
    }
    if (upload->kept + upload->failed == before) {
        fprintf(stderr, "seismo sourcemap: %s %s: %s: no script with a map\n", err_code(ERR_MISSING),
                err_sentence(ERR_MISSING), path);
        upload->failed++;
    }
}

static int usage(void)
{
    fputs(
        "usage: seismo sourcemap upload [--config FILE] --release R [--url-prefix P] [--url U [--token T]] "
        "FILE|FOLDER...\n",
        stderr);
    return EXIT_USAGE;
}

/* The options leave; ret_n: how many arguments, files and folders, stay. */
static bool parse(struct upload *upload, int argc, char **argv, int *ret_n)
{
    int n = 0;
    if (argc < 1 || strcmp(argv[0], "upload") != 0)
        return false;
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--release") == 0)
            upload->release = slice_of(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--url-prefix") == 0)
            upload->prefix = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--url") == 0)
            upload->url = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--token") == 0)
            upload->token = argv[++i];
        else if (argv[i][0] == '-')
            return false;
        else
            argv[n++] = argv[i];
    }
    *ret_n = n;
    return n > 0 && upload->release.len > 0 && upload->release.len <= 1024;
}

static enum err expire(const struct upload *upload, const struct config *config, struct err_text *text)
{
    int64_t oldest_s = clock_wall_ms() / 1000 - config_int(config, SETTING_SOURCEMAPS_RETENTION_DAYS) * 86400;
    if (upload->url || upload->kept == 0)
        return ERR_OK;
    return sourcemaps_expire(upload->folder, oldest_s, (uint64_t)config_int(config, SETTING_SOURCEMAPS_MAX_BYTES),
                             text);
}

int command_sourcemap(const struct config *config, int argc, char **argv)
{
    char folder[1100];
    struct upload upload = {.folder = folder, .prefix = "", .token = config_text(config, SETTING_INNER_TOKEN)};
    struct err_text text = {""};
    struct buf authorization;
    int n;
    if (!parse(&upload, argc, argv, &n))
        return usage();
    buf_init(&authorization, 4096);
    open_client(&upload, &authorization);
    folder_of_sourcemaps(config, folder, sizeof folder);
    for (int i = 0; i < n; i++)
        take(&upload, argv[i]);
    http_client_free(upload.client);
    buf_done(&authorization);
    enum err err = expire(&upload, config, &text);
    if (err)
        return complain("sourcemap", err, &text);
    printf("%d source maps %s for release %.*s\n", upload.kept, upload.url ? "sent" : "kept",
           SLICE_ARG(upload.release));
    return upload.failed ? EXIT_FAILED : EXIT_OK;
}
