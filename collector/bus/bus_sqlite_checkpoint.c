/* Writing the WAL back, in a thread of its own with a connection of its own, while the writer goes on appending.
 *
 * The writer asks when the WAL is long, and does the small rest itself when the bulk is in the file
 * (bus_sqlite_keep.c). A pass is SQLite's passive checkpoint: it waits for nobody, and nobody but another checkpoint
 * waits for it. */
#include <stdlib.h>

#include "bus/bus_sqlite_int.h"

struct sqlite_checkpointer {
    struct sqlite_bus *bus;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t work;
    bool asked, busy, stopping; /* under mutex, as are the next two */
    int done;
    unsigned restarts;
    sqlite3 *db; /* the thread's own, as is the next */
    unsigned epoch;
};

/* A connection that has read nothing yet does not know that there is a WAL. With file_lock held. */
static bool open_file(struct sqlite_checkpointer *checkpointer)
{
    struct sqlite_bus *bus = checkpointer->bus;
    struct err_text text = {""};
    if (checkpointer->db && checkpointer->epoch == bus->epoch)
        return true;
    sqlite3_close(checkpointer->db);
    checkpointer->db = NULL;
    checkpointer->epoch = bus->epoch;
    return sqlite_file_open(bus->path, false, &checkpointer->db, &text) == ERR_OK &&
           sqlite3_exec(checkpointer->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK;
}

/* How many pages from the WAL's start are in the file; what fails is the writer's to find out and to tell. */
static int pass(struct sqlite_checkpointer *checkpointer)
{
    int all = 0, done = 0;
    pthread_rwlock_rdlock(&checkpointer->bus->file_lock);
    if (!open_file(checkpointer) ||
        sqlite3_wal_checkpoint_v2(checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &all, &done))
        done = 0;
    pthread_rwlock_unlock(&checkpointer->bus->file_lock);
    return done;
}

static void *run(void *arg)
{
    struct sqlite_checkpointer *checkpointer = arg;
    pthread_mutex_lock(&checkpointer->mutex);
    while (!checkpointer->stopping) {
        if (!checkpointer->asked) {
            pthread_cond_wait(&checkpointer->work, &checkpointer->mutex);
            continue;
        }
        unsigned restarts = checkpointer->restarts;
        checkpointer->asked = false;
        pthread_mutex_unlock(&checkpointer->mutex);
        int done = pass(checkpointer);
        pthread_mutex_lock(&checkpointer->mutex);
        checkpointer->done = restarts == checkpointer->restarts ? done : 0;
        checkpointer->busy = false;
    }
    pthread_mutex_unlock(&checkpointer->mutex);
    return NULL;
}

struct sqlite_checkpointer *sqlite_checkpointer_start(struct sqlite_bus *bus)
{
    struct sqlite_checkpointer *checkpointer = calloc(1, sizeof *checkpointer);
    if (!checkpointer)
        abort();
    checkpointer->bus = bus;
    pthread_mutex_init(&checkpointer->mutex, NULL);
    pthread_cond_init(&checkpointer->work, NULL);
    if (pthread_create(&checkpointer->thread, NULL, run, checkpointer) == 0)
        return checkpointer;
    pthread_cond_destroy(&checkpointer->work);
    pthread_mutex_destroy(&checkpointer->mutex);
    free(checkpointer);
    return NULL;
}

void sqlite_checkpointer_stop(struct sqlite_checkpointer *checkpointer)
{
    if (!checkpointer)
        return;
    pthread_mutex_lock(&checkpointer->mutex);
    checkpointer->stopping = true;
    pthread_cond_signal(&checkpointer->work);
    pthread_mutex_unlock(&checkpointer->mutex);
    pthread_join(checkpointer->thread, NULL);
    sqlite3_close(checkpointer->db);
    pthread_cond_destroy(&checkpointer->work);
    pthread_mutex_destroy(&checkpointer->mutex);
    free(checkpointer);
}

void sqlite_checkpointer_ask(struct sqlite_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->mutex);
    checkpointer->asked = checkpointer->busy = true;
    pthread_cond_signal(&checkpointer->work);
    pthread_mutex_unlock(&checkpointer->mutex);
}

bool sqlite_checkpointer_is_busy(struct sqlite_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->mutex);
    bool busy = checkpointer->busy;
    pthread_mutex_unlock(&checkpointer->mutex);
    return busy;
}

int sqlite_checkpointer_done(struct sqlite_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->mutex);
    int done = checkpointer->done;
    pthread_mutex_unlock(&checkpointer->mutex);
    return done;
}

void sqlite_checkpointer_restarted(struct sqlite_checkpointer *checkpointer)
{
    pthread_mutex_lock(&checkpointer->mutex);
    checkpointer->done = 0;
    checkpointer->restarts++;
    pthread_mutex_unlock(&checkpointer->mutex);
}
