/* Doors: who has a session. The book (event/access.h) is in the store, which may block, so a thread of its own reads
 * it.
 *
 * A request whose session the book of the last two seconds has goes on at once. Any other that shows one waits here for
 * the book to be read again, all that wait together for one reading, at most ten readings a second whatever strangers
 * send. So what another instance let in is let in here, and what `seismo reset-access` ended is out within two seconds.
 * When the store does not answer, the book of before stands: somebody has to see why. */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "event/access.h"
#include "live/live_int.h"

#define MAX_WAITING 128
#define PAUSE_MS 100  /* between readings */
#define MAX_COOKIES 4 /* of one name that are looked at */

struct asking {
    struct asking *next;
    struct live *live;
    struct serve_ticket *ticket;
    live_door_fn *resume;
    char link[ACCESS_SECRET_BYTES], session[ACCESS_SECRET_BYTES]; /* "": none */
    enum err err;
};

struct live_doors {
    struct live *live;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct asking *first;
    size_t n_waiting;
    bool stopping;
    struct access_book book;
    int64_t tried_ms; /* monotonic; 0: never */
    enum err err;     /* of the last reading */
    pthread_t thread;
};

/* ---- cookies ---- */

/* The sessions that the cookies name: several may bear the name (another path, another domain), and any may be it. */
static size_t sessions_of(struct slice cookies, struct slice ret_sessions[MAX_COOKIES])
{
    size_t name = strlen(LIVE_COOKIE_NAME), found = 0;
    for (size_t at = 0; at < cookies.len && found < MAX_COOKIES;) {
        const char *start = cookies.at + at;
        const char *end = memchr(start, ';', cookies.len - at);
        size_t n = end ? (size_t)(end - start) : cookies.len - at;
        at += n + 1;
        while (n && *start == ' ')
            start++, n--;
        if (n == name + ACCESS_SECRET_BYTES - 1 && memcmp(start, LIVE_COOKIE_NAME, name) == 0)
            ret_sessions[found++] = (struct slice){start + name, n - name};
    }
    return found;
}

bool live_doors_may_know(struct slice cookies)
{
    struct slice sessions[MAX_COOKIES];
    return sessions_of(cookies, sessions) > 0;
}

bool live_doors_know(struct live_doors *doors, struct slice cookies)
{
    struct slice sessions[MAX_COOKIES];
    size_t n = sessions_of(cookies, sessions);
    bool found = false;
    if (n == 0)
        return false;
    pthread_mutex_lock(&doors->mutex);
    if (doors->tried_ms && clock_mono_ms() - doors->tried_ms < LIVE_DOORS_FRESH_MS)
        for (size_t i = 0; i < n && !found; i++)
            found = access_knows(&doors->book, sessions[i], clock_wall_ms());
    pthread_mutex_unlock(&doors->mutex);
    return found;
}

/* ---- the thread ---- */

static enum err change(struct live_doors *doors, const struct asking *asking)
{
    int64_t now_ms = clock_wall_ms();
    struct access_change with = {.link = slice_of(asking->link),
                                 .session = slice_of(asking->session),
                                 .now_ms = now_ms,
                                 .until_ms = now_ms + doors->live->options.session_ms};
    return with.session.len ? store_state_change(doors->live->options.store, ACCESS_KEY, access_change, &with) : ERR_OK;
}

static enum err read_book(struct live_doors *doors)
{
    struct access_book book = {.n_links = 0};
    struct buf bytes;
    uint64_t version;
    buf_init(&bytes, STORE_STATE_BYTES);
    enum err err = store_state_get(doors->live->options.store, ACCESS_KEY, &bytes, &version);
    if (err == ERR_OK || err == ERR_MISSING)
        err = access_read(err == ERR_OK ? buf_slice(&bytes) : SLICE_NONE, &book);
    buf_done(&bytes);
    pthread_mutex_lock(&doors->mutex);
    if (err == ERR_OK)
        doors->book = book;
    else if (err != doors->err)
        log_warn("live", err, "who has a session cannot be read; those that were known are let in");
    doors->err = err;
    doors->tried_ms = clock_mono_ms();
    pthread_mutex_unlock(&doors->mutex);
    return err;
}

static void resume(void *ctx, struct serve_request *request)
{
    struct asking *asking = ctx;
    if (request) {
        serve_read_again(request);
        asking->resume(asking->live, request, asking->err, slice_of(asking->session));
    }
    free(asking);
}

/* Waits for somebody, and for the end of the pause; takes all who wait. NULL: it is the end. */
static struct asking *take_all(struct live_doors *doors)
{
    pthread_mutex_lock(&doors->mutex);
    for (;;) {
        int64_t left_ms = doors->tried_ms ? doors->tried_ms + PAUSE_MS - clock_mono_ms() : 0;
        if (doors->stopping || (doors->first && left_ms <= 0))
            break;
        if (!doors->first) {
            pthread_cond_wait(&doors->wake, &doors->mutex);
        } else {
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until); /* a leap of the other would hold those who wait */
            int64_t ns = until.tv_nsec + left_ms * 1000000;
            until.tv_sec += ns / 1000000000;
            until.tv_nsec = ns % 1000000000;
            pthread_cond_timedwait(&doors->wake, &doors->mutex, &until);
        }
    }
    struct asking *all = doors->first;
    doors->first = NULL;
    doors->n_waiting = 0;
    pthread_mutex_unlock(&doors->mutex);
    return all;
}

static void *work(void *ctx)
{
    struct live_doors *doors = ctx;
    for (struct asking *all, *next; (all = take_all(doors));) {
        for (struct asking *asking = all; asking; asking = asking->next)
            asking->err = change(doors, asking);
        enum err err = read_book(doors);
        for (; all; all = next) {
            next = all->next;
            if (all->err == ERR_OK && !all->session[0])
                all->err = err;
            serve_ticket_resume(all->ticket, resume, all);
        }
    }
    return NULL;
}

/* ---- the room's side ---- */

static void put(char to[ACCESS_SECRET_BYTES], struct slice from)
{
    assert(from.len < ACCESS_SECRET_BYTES);
    if (from.len)
        memcpy(to, from.at, from.len);
}

void live_doors_ask(struct live_doors *doors, struct serve_request *request, struct slice link, struct slice session,
                    live_door_fn *fn)
{
    struct asking *asking = calloc(1, sizeof *asking);
    if (!asking)
        abort();
    asking->live = doors->live;
    asking->resume = fn;
    put(asking->link, link);
    put(asking->session, session);
    pthread_mutex_lock(&doors->mutex);
    bool has_room = doors->n_waiting < MAX_WAITING && !doors->stopping;
    if (has_room) {
        asking->ticket = serve_defer(request);
        asking->next = doors->first;
        doors->first = asking;
        doors->n_waiting++;
        pthread_cond_signal(&doors->wake);
    }
    pthread_mutex_unlock(&doors->mutex);
    if (!has_room) {
        free(asking);
        live_reply_error(request, 503, ERR_AGAIN, NULL);
    }
}

struct live_doors *live_doors_new(struct live *live)
{
    struct live_doors *doors = calloc(1, sizeof *doors);
    if (!doors)
        abort();
    doors->live = live;
    pthread_mutex_init(&doors->mutex, NULL);
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&doors->wake, &steady);
    pthread_condattr_destroy(&steady);
    if (pthread_create(&doors->thread, NULL, work, doors))
        abort();
    return doors;
}

void live_doors_free(struct live_doors *doors)
{
    if (!doors)
        return;
    pthread_mutex_lock(&doors->mutex);
    doors->stopping = true;
    pthread_cond_signal(&doors->wake);
    pthread_mutex_unlock(&doors->mutex);
    pthread_join(doors->thread, NULL);
    pthread_mutex_destroy(&doors->mutex);
    pthread_cond_destroy(&doors->wake);
    free(doors);
}
