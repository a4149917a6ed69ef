/* Inside serve: the loop, what outlives it, and how answers reach h2o.
 *
 * Threads. A loop's thread alone touches its h2o context, its connections and the `req` of tickets and streams.
 * Other threads hold a ticket or a stream, and through it a `home`:
 *
 *   other thread ──message──> home->posted, a lock-free stack ──(all at once)──> message->run on the loop's thread
 *
 * A loop that is at work looks at the stack before it sleeps, so a burst of messages costs one wake-up or none.
 *
 * Invariants
 *  1. home->posted is HOME_ENDED once the loop has ended: no message can be lost in a stack that nobody empties.
 *     home->loop, under home->mutex, is NULL from then on: nobody wakes what is being torn down.
 *  2. A ticket's or stream's req is NULL as soon as h2o disposes of the request (a hook in the request's pool), so
 *     that nobody can touch a request whose client has gone.
 *  3. Locks are taken in the order stream, home, h2o's queue.
 *  4. Whoever sends a message holds a reference to its home until home_send has returned. */
#ifndef SEISMO_SERVE_INT_H
#define SEISMO_SERVE_INT_H

#include <pthread.h>
#include <stdatomic.h>

/* h2o's headers are not clean under our warnings */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define H2O_USE_LIBUV 0 /* the library is the evloop build */
#include <h2o.h>
#include <h2o/http1.h>
#pragma GCC diagnostic pop

#include "base/address.h"
#include "base/buf.h"
#include "base/metric.h"
#include "serve/serve.h"

struct message {
    struct message *next;
    void (*run)(struct message *message); /* on the loop's thread */
};

struct home {
    _Atomic(struct message *) posted; /* newest first */
    atomic_bool asleep;               /* the loop waits for events, or is about to: the next message wakes it */
    atomic_int refs;                  /* the loop, each ticket, each stream */
    pthread_mutex_t mutex;
    struct loop *loop;
};

/* One for each socket, from accept to close; h2o knows it as on_close.data. */
struct connection {
    struct loop *loop;
    bool has_peer, is_tenant; /* is_tenant: counted under its address */
    struct address peer;      /* the socket's, or whom the PROXY header names */
    h2o_linklist_t link;      /* of loop->all */
    h2o_socket_t *sock;
    unsigned round;         /* the sweep that last saw it speak HTTP */
    int64_t other_ms;       /* since when it has not: it shakes hands, or says good-bye; 0: it does */
    h2o_linklist_t waiting; /* while its PROXY header is awaited */
    int64_t until_ms;
};

struct loop {
    struct serve *serve;
    struct home *home;
    pthread_t thread;
    bool started;
    h2o_loop_t *evloop;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_multithread_receiver_t receiver;
    h2o_socket_t *listener; /* NULL once closed */
    int listen_fd;          /* -1 once the listener owns it */
    bool paused;            /* accepting, for want of file descriptors; taken up again by the sweep */
    bool answering;         /* we are the ones who start a response: refuse.c lets it pass */
    int connections;
    unsigned tls_number; /* of accept.ssl_ctx, which the loop holds */
    h2o_linklist_t tickets, streams, lingers, waiting, all;
    unsigned round;                     /* of sweeps */
    struct serve_ticket *spare_tickets; /* kept for the next requests */
    int n_lingers, n_spare_tickets;
    int64_t swept_ms, stop_ms; /* monotonic; stop_ms is when the deadline ends */
    _Atomic int64_t round_ms;  /* monotonic: when it last came round */
};

enum phase { PHASE_RUN, PHASE_DRAIN, PHASE_STOP };

struct serve {
    struct serve_options options;
    serve_handler_fn *handler;
    void *ctx;
    h2o_globalconf_t config;
    int port;
    atomic_int connections, phase;
    int deadline_ms; /* written before phase turns PHASE_STOP */
    struct metric *open, *surplus, *stuck;
    atomic_int max_per_address; /* 0: no limit */
    struct tenants *tenants;
    pthread_mutex_t mutex;
    SSL_CTX *tls; /* under mutex; NULL: clear text */
    atomic_uint tls_number;
    int n_loops;
    struct loop loops[];
};

struct serve_request {
    struct loop *loop;
    h2o_req_t *req;
    struct slice path, query;
    bool answered;
    bool refusing; /* h2o is sending an answer of its own; serve_reply replaces it */
    struct slice refusal;
};

/* serve.c */
int64_t serve_mono_ms(void);
struct loop *request_loop(h2o_req_t *req);
bool loop_is_mine(const struct home *home); /* this thread is that loop's */
void home_release(struct home *home);       /* drops one reference */
/* Any thread. False when the loop has ended: the message stays the caller's. */
bool home_send(struct home *home, struct message *message);
/* The loop's thread: runs what was sent, oldest first; false if nothing was. With end, nothing can be sent from now
 * on. */
bool home_run(struct home *home, bool end);
int request_fd(h2o_req_t *req);
struct connection *request_connection(h2o_req_t *req);
void request_break(h2o_req_t *req); /* shuts the connection down; h2o notices and closes it */

/* connection.c */
struct tenants *tenants_new(void);
void tenants_free(struct tenants *tenants);
void connection_take(struct loop *loop, h2o_socket_t *sock); /* just accepted */
/* After the connections that speak HTTP were marked with the loop's round: closes those that take too long to begin or
 * to end, and when the loop stops all that have not begun. */
void connections_sweep(struct loop *loop, int64_t now_ms, bool stopping);

/* proxy.c: what input begins with. PROXY_DONE: its length, and the client's address if it names one. Nothing else is
 * written. */
enum proxy_result { PROXY_MORE, PROXY_BAD, PROXY_DONE };
enum proxy_result proxy_parse(struct slice input, size_t *ret_used, bool *ret_named, struct address *ret_source);

/* tls.c */
enum err tls_load(SSL_CTX **ret_context, const char *certificate, const char *key, struct err_text *text);
void tls_refresh(struct loop *loop); /* takes over the latest certificate for what is accepted from now on */

/* loop.c: the life of one thread; its loop is set up, run and torn down within. */
void *loop_run(void *arg);

/* listen.c: n sockets on one address; ret_fds are the caller's. */
enum err listen_all(const char *address, int *ret_fds, int n, int *ret_port, struct err_text *text);

/* path.c */
/* Decodes a request target's path into out (len bytes suffice). False if it is not plain: no leading '/', a broken
 * escape, a control character or NUL, a '.' or '..' segment, plain or escaped. */
bool path_decode(struct slice target, char *out, struct slice *ret_path, struct slice *ret_query);
/* Decodes the first parameter of that name; out holds query.len bytes. */
bool query_find(struct slice query, const char *name, char *out, struct slice *ret_value);
/* Input from a request's first byte on, as h2o left it (names in lower case): whether its head can be read in one way
 * only. version: 0x101 for HTTP/1.1. Looks no further than the empty line. */
bool framing_is_plain(struct slice input, int version);

/* request.c */
bool request_init(struct serve_request *request, struct loop *loop, h2o_req_t *req);
void request_refuse(struct serve_request *request, int status);
const char *status_reason(int status);
/* copy: the values, which else must live until the head has been sent. */
void request_add_fields(h2o_req_t *req, const struct serve_field *fields, size_t n, bool copy);
bool request_is_head(const h2o_req_t *req);
void request_answer(struct loop *loop, h2o_req_t *req, int status, const struct serve_field *fields, size_t n,
                    struct slice body, bool copy);

/* refuse.c */
void refuse_register(struct serve *serve, h2o_pathconf_t *path);
void linger_sweep(struct loop *loop, int64_t now_ms);
void linger_end(struct loop *loop);

/* ticket.c, stream.c */
void tickets_abandon(struct loop *loop);
void tickets_free_spares(struct loop *loop);
void streams_sweep(struct loop *loop);
void streams_end(struct loop *loop);

#endif
