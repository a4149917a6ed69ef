/* One thread with its listener, its connections and its sweep.
 *
 * The sweep runs twice a second (every 20 ms while stopping) over what h2o does not watch: readers that do not take
 * their answer, streams whose reader left, connections that idle while the server stops. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "serve/serve_int.h"

#define SWEEP_MS 500
#define STOP_SWEEP_MS 20
#define SLOWEST_BYTES_PER_MS 4 /* a reader slower than this does not get the whole of its answer */
#define BREAK_AFTER_MS 200     /* past the deadline: what the 503s get to reach their readers */
#define GIVE_UP_AFTER_MS 2000

static _Thread_local struct loop *current;

bool loop_is_mine(const struct home *home)
{
    return current && current->home == home;
}

static void on_accept(h2o_socket_t *listener, const char *failed)
{
    struct loop *loop = listener->data;
    if (failed)
        return;
    for (int i = 0; i < 64; i++) {
        h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
        if (sock) {
            connection_take(loop, sock);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warn("serve", ERR_IO, "accept: %s; pausing", strerror(errno));
            h2o_socket_read_stop(listener); /* it stays readable: without a pause the loop would spin */
            loop->paused = true;
        }
        return;
    }
}

static void open_context(struct loop *loop)
{
    loop->evloop = h2o_evloop_create();
    h2o_context_init(&loop->context, loop->evloop, &loop->serve->config);
    loop->accept = (h2o_accept_ctx_t){.ctx = &loop->context, .hosts = loop->serve->config.hosts};
}

/* Only wakes: loop_run looks at what was sent. */
static void on_wake(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver, (void)messages;
}

/* On the loop's own thread: h2o's buffers point into thread-local memory. */
static void open_loop(struct loop *loop)
{
    h2o_linklist_init_anchor(&loop->tickets);
    h2o_linklist_init_anchor(&loop->streams);
    h2o_linklist_init_anchor(&loop->lingers);
    h2o_linklist_init_anchor(&loop->waiting);
    h2o_linklist_init_anchor(&loop->all);
    open_context(loop);
    h2o_multithread_register_receiver(loop->context.queue, &loop->receiver, on_wake);
    loop->listener = h2o_evloop_socket_create(loop->evloop, loop->listen_fd, H2O_SOCKET_FLAG_DONT_READ);
    loop->listen_fd = -1;
    loop->listener->data = loop;
    h2o_socket_read_start(loop->listener, on_accept);
    pthread_mutex_lock(&loop->home->mutex);
    loop->home->loop = loop;
    pthread_mutex_unlock(&loop->home->mutex);
}

/* Whoever has connected so far is served: closing a SO_REUSEPORT socket resets what waits in its queue. */
static void close_listener(struct loop *loop)
{
    h2o_socket_t *sock;
    while ((sock = h2o_evloop_socket_accept(loop->listener)))
        connection_take(loop, sock);
    h2o_socket_read_stop(loop->listener);
    h2o_socket_close(loop->listener);
    loop->listener = NULL;
}

struct round {
    struct loop *loop;
    bool close_idle, break_all;
};

static bool is_stuck(const struct round *round, const h2o_req_t *req)
{
    if (req->res.content_length == SIZE_MAX || req->timestamps.response_start_at.tv_sec == 0 ||
        req->timestamps.response_end_at.tv_sec != 0)
        return false;
    struct timeval now;
    gettimeofday(&now, NULL); /* h2o's timestamps are of this clock */
    int64_t age_ms = (now.tv_sec - req->timestamps.response_start_at.tv_sec) * 1000;
    return age_ms >
           round->loop->serve->options.request_timeout_ms + (int64_t)(req->res.content_length / SLOWEST_BYTES_PER_MS);
}

static bool is_idle(h2o_req_t *req)
{
    char byte;
    return req->version == 0 && req->conn->callbacks->get_socket(req->conn)->input->size == 0 &&
           recv(request_fd(req), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

static int check_connection(h2o_req_t *req, void *at)
{
    const struct round *round = at;
    request_connection(req)->round = round->loop->round;
    if (is_stuck(round, req)) {
        metric_add(round->loop->serve->stuck, 1);
        request_break(req);
    } else if (round->break_all || (round->close_idle && is_idle(req))) {
        request_break(req);
    }
    return 0;
}

static void sweep(struct loop *loop, int64_t now_ms)
{
    bool stopping = loop->stop_ms != 0;
    struct round round = {loop, stopping, stopping && now_ms >= loop->stop_ms + BREAK_AFTER_MS};
    loop->swept_ms = now_ms;
    loop->round++;
    if (loop->paused && loop->listener) {
        loop->paused = false;
        h2o_socket_read_start(loop->listener, on_accept);
    }
    linger_sweep(loop, now_ms);
    if (stopping)
        streams_end(loop);
    streams_sweep(loop);
    if (stopping && now_ms >= loop->stop_ms)
        tickets_abandon(loop);
    loop->serve->config.http1.callbacks.foreach_request(&loop->context, check_connection, &round);
    connections_sweep(loop, now_ms, stopping);
}

/* Follows the server's phase; true while there is something to do. */
static bool keep_running(struct loop *loop, int64_t now_ms)
{
    int phase = atomic_load(&loop->serve->phase);
    if (phase != PHASE_RUN && !loop->context.shutdown_requested)
        h2o_context_request_shutdown(&loop->context);
    if (phase != PHASE_STOP)
        return true;
    if (loop->stop_ms == 0) {
        loop->stop_ms = now_ms + loop->serve->deadline_ms;
        close_listener(loop);
        sweep(loop, now_ms);
    }
    if (loop->connections && now_ms > loop->stop_ms + GIVE_UP_AFTER_MS) {
        log_error("serve", ERR_TIMED_OUT, "%d connections did not close", loop->connections);
        return false;
    }
    return loop->connections > 0;
}

/* h2o keeps spare blocks for each thread and has no call that frees them when the thread ends: take them out through
 * the calls that use them. */
static void free_spares(void)
{
    h2o_mem_recycle_t *buffers = &h2o_socket_buffer_prototype.allocator;
    while (buffers->cnt)
        free(h2o_mem_alloc_recycle(buffers, sizeof(h2o_buffer_t)));
    for (int i = 0; i < 16; i++) {
        h2o_mem_pool_t pool;
        h2o_mem_init_pool(&pool);
        h2o_mem_alloc_pool(&pool, 1);
        free(pool.chunks);
    }
}

/* h2o_evloop_destroy forgets the epoll descriptor, which lies right behind the public part of its loop. */
static void destroy_evloop(h2o_evloop_t *evloop)
{
    int fd;
    char link[64], target[64] = "";
    memcpy(&fd, evloop + 1, sizeof fd);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    h2o_evloop_destroy(evloop);
    if (readlink(link, target, sizeof target - 1) > 0 && strcmp(target, "anon_inode:[eventpoll]") == 0)
        close(fd);
}

static void close_loop(struct loop *loop)
{
    linger_end(loop);
    pthread_mutex_lock(&loop->home->mutex);
    loop->home->loop = NULL;
    pthread_mutex_unlock(&loop->home->mutex);
    home_run(loop->home, true);
    h2o_evloop_run(loop->evloop, 0); /* the sockets closed by the last messages */
    tickets_free_spares(loop);
    h2o_multithread_queue_t *queue = loop->context.queue;
    h2o_multithread_unregister_receiver(queue, &loop->receiver);
    h2o_context_dispose(&loop->context);
    SSL_CTX_free(loop->accept.ssl_ctx);
    free(queue); /* h2o_multithread_destroy_queue leaves the memory */
    destroy_evloop(loop->evloop);
    free_spares();
}

/* One round: what was sent, then what the sockets bring. Outside of its own callbacks h2o takes note of an answer that
 * is out only in its next round, so that one does not wait. */
static void wait_and_work(struct loop *loop, int at_most_ms)
{
    struct home *home = loop->home;
    bool ran = home_run(home, false);
    atomic_store(&home->asleep, !ran);
    h2o_evloop_run(loop->evloop, ran || atomic_load(&home->posted) ? 0 : at_most_ms);
    atomic_store_explicit(&home->asleep, false, memory_order_relaxed);
}

void *loop_run(void *arg)
{
    struct loop *loop = arg;
    current = loop;
    open_loop(loop);
    int64_t now_ms = serve_mono_ms();
    while (keep_running(loop, now_ms)) {
        int every_ms = loop->stop_ms ? STOP_SWEEP_MS : SWEEP_MS;
        wait_and_work(loop, every_ms);
        now_ms = serve_mono_ms();
        atomic_store_explicit(&loop->round_ms, now_ms, memory_order_relaxed);
        if (now_ms - loop->swept_ms >= every_ms)
            sweep(loop, now_ms);
    }
    close_loop(loop);
    return NULL;
}
