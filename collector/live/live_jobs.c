/* The workers: reads that may block, away from the loops that serve connections.
 *
 * A bounded queue and a ticket a request. Answers are kept for a moment, so that a hundred open pages cost one read a
 * change: an answer stands while nothing has changed since its reading began (and the clock has moved by less than a
 * window), and in any case for three times as long as it took to make, at most a second; so reading never takes more
 * than a quarter of a worker however fast things change. */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "live/live_int.h"

#define WORKERS 2
#define MAX_WAITING 128
#define MAX_KEPT 32
#define MAX_KEPT_BYTES 524288 /* of one answer; larger ones are not kept */
#define FRESH_MS 5000
#define MAX_GRACE_MS 1000

struct job {
    struct job *next;
    struct serve_ticket *ticket;
    live_answer_fn *answer;
    live_page_fn *page; /* in place of answer: a page, not kept */
    struct live_query query;
    struct arena *arena; /* query's text and key */
    struct slice key;
};

struct kept {
    live_answer_fn *answer;
    char *key, *body;
    size_t key_len, body_len;
    uint64_t generation;
    int64_t made_ms, took_ms; /* monotonic */
};

struct live_jobs {
    struct live *live;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct job *first, **last;
    size_t n_waiting;
    bool stopping;
    pthread_t workers[WORKERS];
    struct kept kept[MAX_KEPT];
};

static void job_free(struct job *job)
{
    arena_free(job->arena); /* the job lives in it */
}

static bool kept_is_for(const struct kept *kept, live_answer_fn *answer, struct slice key)
{
    return kept->body && kept->answer == answer && slice_equal((struct slice){kept->key, kept->key_len}, key);
}

static bool kept_is_fresh(const struct kept *kept, uint64_t generation, int64_t now_ms)
{
    int64_t age = now_ms - kept->made_ms, grace = 3 * kept->took_ms;
    if (kept->generation == generation && age < FRESH_MS)
        return true;
    return age < (grace < MAX_GRACE_MS ? grace : MAX_GRACE_MS);
}

/* Adds what is kept, if it still stands. */
static bool add_kept(struct live_jobs *jobs, live_answer_fn *answer, struct slice key, struct buf *buf)
{
    bool found = false;
    pthread_mutex_lock(&jobs->mutex);
    uint64_t generation = atomic_load(&jobs->live->generation);
    for (size_t i = 0; i < MAX_KEPT && !found; i++) {
        const struct kept *kept = &jobs->kept[i];
        found = kept_is_for(kept, answer, key) && kept_is_fresh(kept, generation, clock_mono_ms());
        if (found)
            buf_add(buf, kept->body, kept->body_len);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return found;
}

static char *copied(struct slice bytes)
{
    char *copy = malloc(bytes.len + 1);
    if (!copy)
        abort();
    memcpy(copy, bytes.at, bytes.len);
    return copy;
}

static void keep(struct live_jobs *jobs, live_answer_fn *answer, struct slice key, struct slice body,
                 uint64_t generation, int64_t began_ms)
{
    if (body.len > MAX_KEPT_BYTES)
        return;
    pthread_mutex_lock(&jobs->mutex);
    struct kept *place = &jobs->kept[0];
    for (size_t i = 0; i < MAX_KEPT; i++) {
        if (kept_is_for(&jobs->kept[i], answer, key)) {
            place = &jobs->kept[i];
            break;
        }
        if (!jobs->kept[i].body || (place->body && jobs->kept[i].made_ms < place->made_ms))
            place = &jobs->kept[i];
    }
    free(place->key);
    free(place->body);
    int64_t now_ms = clock_mono_ms();
    *place = (struct kept){answer, copied(key), copied(body), key.len, body.len, generation, now_ms, now_ms - began_ms};
    pthread_mutex_unlock(&jobs->mutex);
}

enum err live_jobs_answer(struct live_jobs *jobs, live_answer_fn *answer, struct slice key,
                          const struct live_query *query, struct buf *buf, struct err_text *text)
{
    if (!query->is_change && add_kept(jobs, answer, key, buf))
        return ERR_OK;
    int64_t began_ms = clock_mono_ms();
    uint64_t generation = atomic_load(&jobs->live->generation);
    size_t before = buf->len;
    enum err err = answer(jobs->live, query, buf, text);
    if (err == ERR_OK && buf_failed(buf))
        err = ERR_TOO_LARGE;
    if (err == ERR_OK && !query->is_change)
        keep(jobs, answer, key, (struct slice){buf->at + before, buf->len - before}, generation, began_ms);
    return err;
}

static void run_page(struct live_jobs *jobs, struct job *job)
{
    struct serve_field fields[LIVE_FIELDS + 2];
    struct buf buf;
    buf_init(&buf, LIVE_MAX_ANSWER);
    job->page(jobs->live, job->key, &job->query, &buf);
    size_t n = live_fields(fields, "text/html; charset=utf-8", "no-store");
    serve_ticket_reply(job->ticket, 200, fields, n, buf_slice(&buf));
    buf_done(&buf);
}

static void run(struct live_jobs *jobs, struct job *job)
{
    struct buf buf;
    struct err_text text = {{0}};
    if (job->page) {
        run_page(jobs, job);
        return;
    }
    buf_init(&buf, LIVE_MAX_ANSWER);
    enum err err = live_jobs_answer(jobs, job->answer, job->key, &job->query, &buf, &text);
    if (err != ERR_OK) {
        int status = live_status_of(err);
        if (status == 500)
            log_warn("live", err, "an answer failed: %s", text.at[0] ? text.at : err_sentence(err));
        buf_clear(&buf);
        live_error_json(&buf, err, text.at);
    }
    live_ticket_reply(job->ticket, live_status_of(err), buf_slice(&buf));
    buf_done(&buf);
}

static struct job *take(struct live_jobs *jobs)
{
    pthread_mutex_lock(&jobs->mutex);
    while (!jobs->first && !jobs->stopping)
        pthread_cond_wait(&jobs->wake, &jobs->mutex);
    struct job *job = jobs->first;
    if (job) {
        jobs->first = job->next;
        if (!jobs->first)
            jobs->last = &jobs->first;
        jobs->n_waiting--;
    }
    pthread_mutex_unlock(&jobs->mutex);
    return job;
}

static void *work(void *ctx)
{
    struct live_jobs *jobs = ctx;
    for (struct job *job; (job = take(jobs));) {
        run(jobs, job);
        job_free(job);
    }
    return NULL;
}

struct live_jobs *live_jobs_new(struct live *live)
{
    struct live_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        abort();
    jobs->live = live;
    jobs->last = &jobs->first;
    pthread_mutex_init(&jobs->mutex, NULL);
    pthread_cond_init(&jobs->wake, NULL);
    for (size_t i = 0; i < WORKERS; i++)
        if (pthread_create(&jobs->workers[i], NULL, work, jobs))
            abort();
    return jobs;
}

static bool enqueue(struct live_jobs *jobs, struct serve_request *request, struct job *job)
{
    pthread_mutex_lock(&jobs->mutex);
    bool room = jobs->n_waiting < MAX_WAITING && !jobs->stopping;
    if (room) {
        job->ticket = serve_defer(request);
        *jobs->last = job;
        jobs->last = &job->next;
        jobs->n_waiting++;
        pthread_cond_signal(&jobs->wake);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return room;
}

/* A job of its own arena; NULL, and the request answered, when there is no room in it. */
static struct job *job_new(struct serve_request *request, const struct live_query *query, struct arena *arena)
{
    struct job *job = arena_zero(arena, sizeof *job);
    struct slice key = job ? arena_copy(arena, serve_query(request)) : SLICE_NONE;
    if (!key.at) {
        live_reply_error(request, 400, ERR_BAD_PARAMETER, "the address is too long");
        arena_free(arena);
        return NULL;
    }
    *job = (struct job){.query = *query, .arena = arena, .key = key};
    return job;
}

static void push(struct live_jobs *jobs, struct serve_request *request, struct job *job)
{
    if (enqueue(jobs, request, job))
        return;
    METRIC_ADD("seismo_live_busy_total", "requests of the live page refused because too many waited", 1);
    live_reply_error(request, 503, ERR_AGAIN, NULL);
    job_free(job);
}

void live_jobs_push(struct live_jobs *jobs, struct serve_request *request, live_answer_fn *answer,
                    const struct live_query *query, struct arena *arena)
{
    struct job *job = job_new(request, query, arena);
    if (!job)
        return;
    job->answer = answer;
    push(jobs, request, job);
}

void live_jobs_push_page(struct live_jobs *jobs, struct serve_request *request, live_page_fn *page,
                         const struct live_query *query, struct arena *arena)
{
    struct job *job = job_new(request, query, arena);
    if (!job)
        return;
    job->page = page;
    push(jobs, request, job);
}

void live_jobs_free(struct live_jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->mutex);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->mutex);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_join(jobs->workers[i], NULL);
    assert(!jobs->first);
    for (size_t i = 0; i < MAX_KEPT; i++) {
        free(jobs->kept[i].key);
        free(jobs->kept[i].body);
    }
    pthread_cond_destroy(&jobs->wake);
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs);
}
