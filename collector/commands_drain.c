/* `seismo drain`: an instance was taken away for good while Kafka was away, and what it had acknowledged waits in its
 * folder. Brings it to Kafka as `seismo run` would, takes nothing in, and ends when nothing waits any more. A kill at
 * any time repeats some and loses none. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metric.h"
#include "commands.h"

#define ADOPT_MS 500
#define LOOK_MS 200
#define SAY_EVERY 50 /* looks */
#define CLOSE_MS 10000

/* SQLite's own files beside another. */
static bool is_side_file(const char *name)
{
    const char *end = strrchr(name, '-');
    return end && (strcmp(end, "-wal") == 0 || strcmp(end, "-shm") == 0);
}

static int count_files(const char *folder, const char *begin)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += strncmp(entry->d_name, begin, strlen(begin)) == 0 && !is_side_file(entry->d_name);
    if (dir)
        closedir(dir);
    return n;
}

/* A folder that was never an instance's has nothing to bring either, and says nothing about the one that was meant. */
static enum err find_spool(const struct config *config, struct err_text *text)
{
    const char *folder = config_text(config, SETTING_DATA_DIR);
    if (strcmp(config_text(config, SETTING_BUS_KIND), "kafka") != 0)
        return err_set(text, ERR_CONFIG, "bus.kind is not kafka: only instances on Kafka have a spool");
    return count_files(folder, "spool.db")
               ? ERR_OK
               : err_set(text, ERR_MISSING, "no instance on Kafka has kept its spool in %s", folder);
}

static enum err open_spool(const struct config *config, struct bus **ret_bus, struct err_text *text)
{
    struct bus_options options;
    enum err err = find_spool(config, text);
    if (!err)
        err = options_of_bus(config, &options, text);
    if (err)
        return err;
    options.adopt_ms = ADOPT_MS;
    options.instance = instance_of(config);
    if (!options.instance)
        return err_set(text, ERR_BUS_OPEN, "%s: a process runs there and brings its spool to Kafka itself",
                       config_text(config, SETTING_DATA_DIR));
    return bus_open(ret_bus, &options, text);
}

/* True: asked to end. */
static bool is_asked_to_end(const sigset_t *signals)
{
    return sigtimedwait(signals, NULL, &(struct timespec){0, LOOK_MS * 1000000L}) > 0;
}

/* False: it was asked to end before. */
static bool await_empty(struct bus *bus, const sigset_t *signals, struct bus_left *ret_left)
{
    for (int look = 1; bus_left(bus, ret_left), ret_left->records || ret_left->files; look++) {
        if (is_asked_to_end(signals))
            return false;
        if (look % SAY_EVERY == 0)
            log_info("main", "%lld records and %d spools of processes that are no more wait%s%s",
                     (long long)ret_left->records, ret_left->files, bus_trouble(bus) ? "; " : "",
                     bus_trouble(bus) ? bus_trouble(bus) : "");
    }
    return true;
}

/* What went from a left file into our own on its way was counted in both. */
static long long count_brought(void)
{
    return (long long)(metric_sum("seismo_spool_drained_total") + metric_sum("seismo_spool_adopted_total") -
                       metric_sum("seismo_spooled_total") - metric_sum("seismo_spool_refused_total"));
}

static int say_end(const struct config *config, bool is_empty, const struct bus_left *left)
{
    struct err_text text;
    long long refused = (long long)metric_sum("seismo_spool_refused_total");
    printf("%lld records were brought to Kafka%s%s\n", count_brought(), is_empty ? "; none waits any more in " : "",
           is_empty ? config_text(config, SETTING_DATA_DIR) : "");
    if (!is_empty) {
        err_set(&text, ERR_AGAIN, "%lld records and %d spools of processes that are no more still wait",
                (long long)left->records, left->files);
        return complain("drain", ERR_AGAIN, &text);
    }
    int damaged = count_files(config_text(config, SETTING_DATA_DIR), "spool.db.corrupt-");
    if (damaged) {
        err_set(&text, ERR_CORRUPT,
                "%d spools of this folder were put aside as spool.db.corrupt-…; what could not be read of them was not "
                "brought",
                damaged);
        return complain("drain", ERR_CORRUPT, &text);
    }
    if (!refused)
        return EXIT_OK;
    err_set(&text, ERR_BUS_WRITE, "%lld records are damaged or larger than Kafka takes; the log names them", refused);
    return complain("drain", ERR_BUS_WRITE, &text);
}

int command_drain(const struct config *config, int argc, char **argv)
{
    struct bus *bus = NULL;
    struct bus_left left;
    struct err_text text = {""};
    sigset_t signals;
    (void)argv;
    if (argc) {
        fputs("usage: seismo drain [--config FILE]\n", stderr);
        return EXIT_USAGE;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    enum err err = open_spool(config, &bus, &text);
    if (err)
        return complain("drain", err, &text);
    bool is_empty = await_empty(bus, &signals, &left);
    bus_hurry(bus, CLOSE_MS);
    bool is_clean = bus_close(bus, CLOSE_MS);
    int code = say_end(config, is_empty, &left);
    if (!is_clean) {
        fflush(stdout);
        _exit(code);
    }
    return code;
}
