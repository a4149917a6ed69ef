#include "ending.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static struct {
    int64_t at_ms; /* by the steady clock */
    int code;
} end;

static void *wait_for_it(void *arg)
{
    (void)arg;
    for (int64_t left_ms; (left_ms = end.at_ms - clock_mono_ms()) > 0;)
        nanosleep(&(struct timespec){left_ms / 1000, left_ms % 1000 * 1000000}, NULL);
    log_warn("main", ERR_TIMED_OUT, "not every part has ended in time; ending without");
    _exit(end.code);
}

void ending_begin(int within_ms, int code)
{
    pthread_t thread;
    end.at_ms = clock_mono_ms() + within_ms;
    end.code = code;
    if (pthread_create(&thread, NULL, wait_for_it, NULL) == 0)
        pthread_detach(thread);
}

/* Only what a signal's handler may do. An assertion has said its own word. */
static void say(int signal_number)
{
    static const char no_memory[] =
        "seismo: SE-4005: memory or a thread could not be had; aborting. See ulimit -v "
        "and -u, and the container's limits\n";
    static const char no_files[] = "seismo: SE-4004: no more files may be open; aborting. See ulimit -n\n";
    static const char other[] = "seismo: aborting\n";
    bool is_memory = errno == ENOMEM || errno == EAGAIN;
    int ends[2];
    bool is_files = pipe2(ends, O_CLOEXEC) < 0; /* tried, as libraries leave no errno of theirs */
    ssize_t written = is_files    ? write(2, no_files, sizeof no_files - 1)
                      : is_memory ? write(2, no_memory, sizeof no_memory - 1)
                                  : write(2, other, sizeof other - 1);
    (void)written, (void)signal_number;
}

void ending_explain_abort(void)
{
    struct sigaction action = {.sa_handler = say, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGABRT, &action, NULL);
}
