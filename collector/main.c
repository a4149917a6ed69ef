/* Seismo: what runs, and in which order it starts and stops. The parts are in seismo_parts.c, one function each; every
 * one of them is a room with a header. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "commands.h"
#include "commands_gen.h"
#include "ending.h"
#include "enrich/enrich.h"
#include "reload.h"
#include "seismo.h"
#include "validate/validate.h"

extern char **environ;

static const char *config_file; /* NULL: none was named */

#define PAST_DEADLINE_MS 1500 /* and then it ends, whatever hangs */
#define WAITER_LOOK_NS 50000000

/* Rollup, and detect with the alerts behind it: when it is known how many partitions there are. */
static enum err start_windows(struct seismo *seismo, struct err_text *text)
{
    enum err err = ERR_OK;
    if (seismo->roles & ROLE_DETECT) {
        err = start_alerts(seismo, text);
        if (!err)
            start_detect(seismo);
    }
    if (!err)
        err = start_rollup(seismo, text);
    if (!err)
        atomic_store(&seismo->windows_run, true);
    return err;
}

/* Kafka was never seen from this folder and is away. The bus asks for it, with pauses that grow. */
static void *wait_for_partitions(void *arg)
{
    struct seismo *seismo = arg;
    while (!bus_is_known(seismo->bus) && !atomic_load(&seismo->waiter_stops))
        nanosleep(&(struct timespec){0, WAITER_LOOK_NS}, NULL);
    if (atomic_load(&seismo->waiter_stops))
        return NULL;
    enum err err = start_windows(seismo, &seismo->late_text);
    if (err) {
        atomic_store(&seismo->late_err, err);
        kill(getpid(), SIGTERM); /* which says why, as a start that fails does */
    } else {
        log_info("main", "kafka is there: rollup and detect have begun");
    }
    return NULL;
}

static enum err start_windows_in_time(struct seismo *seismo, struct err_text *text)
{
    if (bus_is_known(seismo->bus))
        return start_windows(seismo, text);
    log_warn("main", ERR_BUS_OPEN, "rollup and detect begin when kafka says how many partitions there are");
    if (pthread_create(&seismo->waiter, NULL, wait_for_partitions, seismo))
        return err_set(text, ERR_NO_MEMORY, "no thread");
    seismo->waiter_runs = true;
    return ERR_OK;
}

static void stop_waiter(struct seismo *seismo)
{
    atomic_store(&seismo->waiter_stops, true);
    if (seismo->waiter_runs)
        pthread_join(seismo->waiter, NULL);
}

static enum err start(struct seismo *seismo, struct err_text *text)
{
    enum err err = applications_of(seismo->config, seismo->roles & ROLE_INGEST, &seismo->applications,
                                   &seismo->n_applications, text);
    if (!err && seismo->roles & NEED_BUS)
        err = open_bus(seismo, text);
    if (!err && seismo->roles & NEED_STORE)
        err = open_store(seismo, text);
    if (!err && seismo->roles & NEED_PARTITIONS)
        err = start_windows_in_time(seismo, text);
    if (!err && seismo->roles & ROLE_INDEX)
        err = start_index(seismo, text);
    if (!err && seismo->roles & ROLE_INGEST)
        err = start_ingest(seismo, text);
    if (!err && seismo->roles & ROLE_INGEST)
        seismo->marks = bus_marks_start(seismo->bus, seismo->instance);
    if (!err)
        err = start_own_alerts(seismo, text);
    if (!err)
        start_watch(seismo), start_heartbeat(seismo), start_report(seismo);
    return err ? err : start_live(seismo, text);
}

static int left_ms(int64_t until_ms, int least)
{
    int64_t left = until_ms - clock_mono_ms();
    return left > least ? (int)left : least;
}

/* Against the stream: first nothing new comes in, then each part finishes what it has. One deadline for all, as neither
 * a cluster nor a store that hangs must hold us up: what is left is on the bus. False: see bus_close. */
static bool stop(struct seismo *seismo, int code)
{
    int grace_ms = (int)config_int(seismo->config, SETTING_DRAIN_GRACE_MS);
    int deadline_ms = (int)config_int(seismo->config, SETTING_DRAIN_DEADLINE_MS);
    int64_t until_ms = clock_mono_ms() + grace_ms + deadline_ms;
    ending_begin(grace_ms + deadline_ms + PAST_DEADLINE_MS, code);
    notify_stopping(grace_ms + deadline_ms + 2 * PAST_DEADLINE_MS);
    ingest_stop(seismo->ingest, grace_ms, deadline_ms);
    bus_marks_stop(seismo->marks);
    validate_sink_free(seismo->to_validate);
    enrich_sink_free(seismo->to_enrich);
    int roles_ms = left_ms(until_ms, 1000) / 2; /* the rest is for goodbyes, and for what only then gives up */
    bus_hurry(seismo->bus, roles_ms);
    if (seismo->store)
        store_give_up(seismo->store, roles_ms);
    stop_waiter(seismo);
    heartbeat_stop(seismo->heartbeat);
    report_stop(seismo->report);
    watch_stop(seismo->watch); /* it tells the alerts */
    index_halt(seismo->index); /* all at once, then one by one */
    rollup_halt(seismo->rollup);
    index_stop(seismo->index);
    struct live *live = seismo->live;
    set_live(seismo, NULL);
    live_stop(live, 1000); /* it reads what rollup holds */
    sourcemaps_free(seismo->sourcemaps);
    diagnosis_free(seismo->diagnosis);
    rollup_stop(seismo->rollup);
    detect_free(seismo->detect);
    alerts_close(seismo->alerts, left_ms(until_ms, 500) < 2000 ? 500 : 2000);
    store_close(seismo->store);
    return bus_close(seismo->bus, left_ms(until_ms, 1000));
}

static void say_addresses(const struct seismo *seismo)
{
    if (seismo->ingest) {
        char host[ADDRESS_HOST_BYTES];
        address_to_reach(config_text(seismo->config, SETTING_LISTEN_PUBLIC), host);
        if (!isatty(STDOUT_FILENO)) /* a person is shown one address: the page's; the tag has the other */
            log_say("listening public %s://%s:%d/", scheme(seismo), host, ingest_port(seismo->ingest));
        log_say("tag <script async crossorigin src=\"%s/seismo.js\" data-key=\"%s\" data-service=\"%s\"></script>",
                public_url(seismo), seismo->applications[0].keys[0], first_service(seismo));
    }
    access_say(seismo->config, live_needs_link(seismo->live) ? seismo->store : NULL,
               seismo->roles & ROLE_LIVE ? "live page" : "listening inner", live_port(seismo->live),
               live_is_loopback(seismo->live));
    log_say("ready");
    notify("READY=1");
}

/* Tells the manager's watchdog that the listeners' loops come round, and, being who tells, that this thread does. What
 * waits for Kafka or the store is no hang: the watch tells of that, and beginning anew would help nobody. */
static void feed_watchdog(const struct seismo *seismo, bool *was_well)
{
    int64_t public_ms = ingest_quiet_ms(seismo->ingest), inner_ms = live_quiet_ms(seismo->live);
    int64_t quiet_ms = public_ms > inner_ms ? public_ms : inner_ms;
    bool is_well = notify_alive(quiet_ms);
    if (!is_well && *was_well)
        log_error("main", ERR_TIMED_OUT,
                  "a loop of the %s listener has not come round for %lld ms: the watchdog will end this",
                  public_ms > inner_ms ? "public" : "inner", (long long)quiet_ms);
    *was_well = is_well;
}

/* The next signal; meanwhile the watchdog is fed, if there is one. */
static int await_signal(const sigset_t *set, const struct seismo *seismo)
{
    int64_t every_ms = notify_watchdog_ms() / 4;
    struct timespec every = {every_ms / 1000, every_ms % 1000 * 1000000};
    bool is_well = true;
    for (;;) {
        if (every_ms)
            feed_watchdog(seismo, &is_well);
        int signal_number = every_ms ? sigtimedwait(set, NULL, &every) : sigwaitinfo(set, NULL);
        if (signal_number > 0)
            return signal_number;
    }
}

static void wait_for_the_end(const struct seismo *seismo)
{
    sigset_t set;
    int signal_number;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    while ((signal_number = await_signal(&set, seismo)) == SIGHUP)
        reload(seismo->config, config_file, seismo->ingest);
    log_info("main", "signal %d: draining", signal_number);
}

/* Signals go to wait_for_the_end alone: blocked before the first thread is made. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int command_run(const struct config *config, int argc, char **argv)
{
    struct err_text text = {""};
    struct seismo seismo = {.config = config, .live_lock = PTHREAD_MUTEX_INITIALIZER};
    const char *roles = config_text(config, SETTING_ROLES);
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--roles") == 0 && i + 1 < argc) {
            roles = argv[++i];
        } else {
            fprintf(stderr, "seismo run: unknown argument '%s'; usage: seismo run [--config FILE] [--roles LIST]\n",
                    argv[i]);
            return EXIT_USAGE;
        }
    }
    seismo.role_names = roles;
    enum err err = roles_read(roles, &seismo.roles, &text);
    if (err) {
        fprintf(stderr, "seismo run: %s: %s\n", err_code(err), text.at);
        return EXIT_USAGE;
    }
    block_signals();
    err = start(&seismo, &text);
    if (!err) {
        say_addresses(&seismo);
        wait_for_the_end(&seismo);
    }
    if (!err && (err = atomic_load(&seismo.late_err)))
        text = seismo.late_text;
    int code = err == ERR_CONFIG || err == ERR_FOLDER ? EXIT_CONFIG : err ? EXIT_FAILED : EXIT_OK;
    bool is_clean = stop(&seismo, code);
    if (err)
        complain("run", err, &text);
    if (!is_clean) {
        fflush(stdout);
        _exit(code);
    }
    return code;
}

static int version(void)
{
    printf("seismo %s\n", SEISMO_VERSION);
    return EXIT_OK;
}

static const struct command {
    const char *name;
    int (*run)(const struct config *config, int argc, char **argv);
    const char *sentence;
} commands[] = {
#define ROW(name, function, sentence) {name, function, sentence},
    COMMANDS(ROW)
#undef ROW
};

static int usage(FILE *to)
{
    fputs("usage: seismo COMMAND [--config FILE] [ARGUMENTS]\n\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  %-13s %s\n", commands[i].name, commands[i].sentence);
    fputs(
        "  version       print the version and stop\n\nSettings: docs/reference/config.md; each one also as "
        "SEISMO_NAME.\n",
        to);
    return to == stdout ? EXIT_OK : EXIT_USAGE;
}

/* Takes `--config FILE` out of the arguments. */
static bool take_config_file(int *argc, char **argv, const char **ret_file)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--config") != 0) {
            argv[kept++] = argv[i];
        } else if (i + 1 == *argc) {
            fputs("seismo: --config needs a file\n", stderr);
            return false;
        } else {
            *ret_file = argv[++i];
        }
    }
    *argc = kept;
    return true;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct config *config;
    struct err_text text = {""};
    if (!take_config_file(&argc, argv, &config_file))
        return EXIT_USAGE;
    if (config_load(&config, config_file, (const char *const *)environ, &text)) {
        fprintf(stderr, "seismo: %s: %s\n", err_code(ERR_CONFIG), text.at);
        return EXIT_CONFIG;
    }
    reload_log_level(config);
    log_set_json(strcmp(config_text(config, SETTING_LOG_FORMAT), "json") == 0);
    int code = command->run(config, argc, argv);
    config_free(config);
    return code;
}

int main(int argc, char **argv)
{
    mallopt(M_ARENA_MAX, 2); /* threads take little from the heap at the same time; each arena keeps what it once had */
    ending_explain_abort();
    if (argc < 2)
        return usage(stderr);
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return version();
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return usage(stdout);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(&commands[i], argc - 2, argv + 2);
    fprintf(stderr, "seismo: no command is called '%s'\n", argv[1]);
    return usage(stderr);
}
