/* Any bytes as a configuration: the file, then after each NUL byte one variable of the environment. A problem is told
 * in a text that ends and names the file or the variable; a configuration that is right can be printed. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"

#define VARIABLES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file without a name on any disk, as a path. */
static const char *write_file(const uint8_t *data, size_t size, char path[32])
{
    static int file = -1;
    if (file < 0)
        file = memfd_create("seismo.yaml", MFD_CLOEXEC);
    assert(file >= 0);
    int failed = ftruncate(file, 0);
    ssize_t written = pwrite(file, data, size, 0);
    assert(!failed && written == (ssize_t)size);
    snprintf(path, 32, "/proc/self/fd/%d", file);
    return path;
}

static void check_printed(const struct config *config)
{
    struct buf buf;
    buf_init(&buf, 4 * CONFIG_MAX_FILE_BYTES);
    config_print(config, &buf);
    assert(buf_failed(&buf) || buf.len > SETTING_COUNT);
    buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32], *text = strndup((const char *)data, size), *copy = malloc(size + 1);
    const char *variables[VARIABLES + 1] = {NULL};
    size_t file_bytes = strlen(text), n = 0;
    struct config *config = NULL;
    struct err_text error = {""};
    log_set_level(LOG_ERROR);
    memcpy(copy, data, size);
    copy[size] = '\0';
    for (size_t at = file_bytes + 1; at < size && n < VARIABLES; at += strlen(copy + at) + 1)
        variables[n++] = copy + at;
    if (config_load(&config, write_file(data, file_bytes, path), variables, &error)) {
        assert(error.at[0] && memchr(error.at, '\0', sizeof error.at));
        assert(!strpbrk(error.at, "\n\x1b"));
    } else {
        check_printed(config);
    }
    config_free(config);
    free(copy);
    free(text);
    return 0;
}
