/* Servers: start, drain, stop. Rooms that answer HTTP see this; the loops are in loop.c. */
#include "serve/serve.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "serve/serve_int.h"

#define DEFAULT_TIMEOUT_MS 30000
/* h2o refuses a body over its own limit before it is read; up to here we read it and answer on an open connection. */
#define BODY_SLACK 65536

int64_t serve_mono_ms(void)
{
    struct timespec now; /* not base/clock.h: tests that stop that clock still want their sockets served */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct loop *request_loop(h2o_req_t *req)
{
    return H2O_STRUCT_FROM_MEMBER(struct loop, context, req->conn->ctx);
}

int request_fd(h2o_req_t *req)
{
    return h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn));
}

struct connection *request_connection(h2o_req_t *req)
{
    return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

void request_break(h2o_req_t *req)
{
    shutdown(request_fd(req), SHUT_RDWR);
}

static struct home *home_new(void)
{
    struct home *home = h2o_mem_alloc(sizeof *home);
    pthread_mutex_init(&home->mutex, NULL);
    home->loop = NULL;
    atomic_init(&home->posted, NULL);
    atomic_init(&home->asleep, false);
    atomic_init(&home->refs, 1);
    return home;
}

void home_release(struct home *home)
{
    if (atomic_fetch_sub(&home->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&home->mutex);
    free(home);
}

static struct message ended; /* its address alone is used */
#define HOME_ENDED (&ended)

static void wake(struct home *home)
{
    pthread_mutex_lock(&home->mutex);
    if (home->loop)
        h2o_multithread_send_message(&home->loop->receiver, NULL);
    pthread_mutex_unlock(&home->mutex);
}

/* posted is written before asleep is read here, and the other way round in loop.c, each in one order for all: one of
 * the two sees the other's. */
bool home_send(struct home *home, struct message *message)
{
    struct message *newest = atomic_load(&home->posted);
    atomic_fetch_add(&home->refs, 1); /* the message may be run, and its reference dropped, as soon as it is there */
    do {
        if (newest == HOME_ENDED) {
            home_release(home);
            return false;
        }
        message->next = newest;
    } while (!atomic_compare_exchange_weak(&home->posted, &newest, message));
    if (atomic_load(&home->asleep) && atomic_exchange(&home->asleep, false))
        wake(home);
    home_release(home);
    return true;
}

bool home_run(struct home *home, bool end)
{
    if (!end && !atomic_load_explicit(&home->posted, memory_order_relaxed))
        return false;
    struct message *newest = atomic_exchange(&home->posted, end ? HOME_ENDED : NULL), *oldest = NULL;
    assert(newest != HOME_ENDED);
    while (newest) {
        struct message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    bool any = oldest != NULL;
    while (oldest) {
        struct message *message = oldest;
        oldest = message->next;
        message->run(message);
    }
    return any;
}

/* No message needs to wake a loop that is at work: it looks before it sleeps. */
static void is_awake(struct home *home)
{
    if (atomic_load_explicit(&home->asleep, memory_order_relaxed))
        atomic_store_explicit(&home->asleep, false, memory_order_relaxed);
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    struct loop *loop = request_loop(req);
    struct serve *serve = loop->serve;
    struct serve_request request;
    is_awake(loop->home);
    if (!request_init(&request, loop, req)) {
        req->http1_is_persistent = 0;
        request_refuse(&request, 400);
    } else if (req->entity.len > serve->options.max_body) {
        request_refuse(&request, 413);
    } else {
        serve->handler(serve->ctx, &request);
    }
    assert(request.answered);
    return 0;
}

static void configure(struct serve *serve)
{
    h2o_globalconf_t *config = &serve->config;
    h2o_config_init(config);
    config->server_name = (h2o_iovec_t){NULL, 0};
    config->max_request_entity_size = serve->options.max_body + BODY_SLACK;
    config->http1.req_timeout = (uint64_t)serve->options.request_timeout_ms;
    config->http1.upgrade_to_http2 = 0; /* HTTP/2 in clear text is open to rapid reset in this h2o */
    config->http2.callbacks.request_shutdown = NULL;
    h2o_hostconf_t *host = h2o_config_register_host(config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_handler_t *handler = h2o_create_handler(&host->fallback_path, sizeof *handler);
    handler->on_req = on_request;
    refuse_register(serve, &host->fallback_path);
}

static struct serve *serve_new(const struct serve_options *options, serve_handler_fn *handler, void *ctx)
{
    size_t n = (size_t)options->loops;
    struct serve *serve = calloc(1, sizeof *serve + n * sizeof serve->loops[0]);
    if (!serve)
        abort();
    serve->options = *options;
    serve->options.address = NULL; /* not ours beyond the start */
    serve->options.tls_certificate = serve->options.tls_key = NULL;
    if (serve->options.request_timeout_ms == 0)
        serve->options.request_timeout_ms = DEFAULT_TIMEOUT_MS;
    serve->handler = handler;
    serve->ctx = ctx;
    serve->n_loops = options->loops;
    atomic_init(&serve->max_per_address, options->max_connections_per_address);
    serve->tenants = tenants_new();
    pthread_mutex_init(&serve->mutex, NULL);
    const char *name = options->name ? options->name : "http";
    serve->open = metric_get(METRIC_GAUGE, "seismo_connections", "listener", name, "open connections");
    serve->surplus = metric_get(METRIC_COUNTER, "seismo_connections_refused_total", "listener", name,
                                "connections closed at once because the maximum was open");
    serve->stuck = metric_get(METRIC_COUNTER, "seismo_connections_stuck_total", "listener", name,
                              "connections closed because their reader did not take the answer");
    configure(serve);
    return serve;
}

static void serve_free(struct serve *serve)
{
    for (int i = 0; i < serve->n_loops; i++)
        if (serve->loops[i].home)
            home_release(serve->loops[i].home);
    SSL_CTX_free(serve->tls);
    pthread_mutex_destroy(&serve->mutex);
    tenants_free(serve->tenants);
    h2o_config_dispose(&serve->config);
    free(serve);
}

/* Signals are the main thread's business; SIGPIPE nobody's, since h2o writes without MSG_NOSIGNAL. */
static bool start_threads(struct serve *serve)
{
    sigset_t all, before;
    bool ok = true;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < serve->n_loops && ok; i++) {
        atomic_init(&serve->loops[i].round_ms, serve_mono_ms());
        ok = serve->loops[i].started = pthread_create(&serve->loops[i].thread, NULL, loop_run, &serve->loops[i]) == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

enum err serve_start(struct serve **ret_serve, const struct serve_options *options, serve_handler_fn *handler,
                     void *ctx, struct err_text *text)
{
    assert(options->loops >= 1 && options->loops <= SERVE_LOOPS && options->max_connections > 0);
    int fds[SERVE_LOOPS], port;
    struct serve *serve = serve_new(options, handler, ctx);
    enum err err = ERR_OK;
    if (options->tls_certificate && *options->tls_certificate)
        err = serve_set_tls(serve, options->tls_certificate, options->tls_key ? options->tls_key : "", text);
    if (!err)
        err = listen_all(options->address, fds, options->loops, &port, text);
    if (err) {
        serve_free(serve);
        return err;
    }
    serve->port = port;
    for (int i = 0; i < serve->n_loops; i++) {
        serve->loops[i].serve = serve;
        serve->loops[i].listen_fd = fds[i];
        serve->loops[i].home = home_new();
    }
    *ret_serve = serve;
    if (start_threads(serve))
        return ERR_OK;
    serve_stop(serve, 0);
    *ret_serve = NULL;
    return err_set(text, ERR_NO_MEMORY, "no thread could be started for %s", options->address);
}

int64_t serve_quiet_ms(const struct serve *serve)
{
    int64_t now_ms = serve_mono_ms(), most_ms = 0;
    for (int i = 0; i < serve->n_loops; i++) {
        int64_t ms = now_ms - atomic_load_explicit(&serve->loops[i].round_ms, memory_order_relaxed);
        most_ms = ms > most_ms ? ms : most_ms;
    }
    return most_ms;
}

int serve_port(const struct serve *serve)
{
    return serve->port;
}

static void set_phase(struct serve *serve, enum phase phase)
{
    atomic_store(&serve->phase, phase);
    for (int i = 0; i < serve->n_loops; i++)
        wake(serve->loops[i].home);
}

void serve_limit_addresses(struct serve *serve, int max_connections_per_address)
{
    atomic_store(&serve->max_per_address, max_connections_per_address);
}

void serve_drain(struct serve *serve)
{
    set_phase(serve, PHASE_DRAIN);
}

void serve_stop(struct serve *serve, int deadline_ms)
{
    if (!serve)
        return;
    serve->deadline_ms = deadline_ms;
    set_phase(serve, PHASE_STOP);
    for (int i = 0; i < serve->n_loops; i++) {
        struct loop *loop = &serve->loops[i];
        if (loop->started)
            pthread_join(loop->thread, NULL);
        if (loop->listen_fd != -1)
            close(loop->listen_fd);
    }
    serve_free(serve);
}
