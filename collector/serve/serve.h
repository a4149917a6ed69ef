/* HTTP in: listeners on libh2o, requests handed to one function, answers from any thread.
 *
 * A server has loops (threads); each listener has one SO_REUSEPORT socket a loop. The handler runs on the loop that
 * owns the connection and must not block. HTTP/1.1 only (http1.upgrade_to_http2 is off: decisions/0001-serve.md).
 * A request pointer is valid only inside the handler; to answer later take a ticket (serve_defer), which outlives a
 * client that goes away. */
#ifndef SEISMO_SERVE_SERVE_H
#define SEISMO_SERVE_SERVE_H

#include <stdint.h>

#include "base/address.h"
#include "base/err.h"
#include "base/slice.h"

struct serve;
struct serve_request;
struct serve_ticket;
struct serve_stream;

typedef void serve_handler_fn(void *ctx, struct serve_request *request);
/* Answers, with one serve_reply and in the handler's place, a request that the handler never sees: 413 body too large,
 * 400 broken framing or path, 417 unknown expectation, 503 still pending at the end of serve_stop. The loop's thread;
 * path and query are empty when they were what is wrong; the body is empty. */
typedef void serve_refused_fn(void *ctx, struct serve_request *request, int status);

struct serve_options {
    const char *address;             /* "127.0.0.1:8080", "[::1]:0", ":8080" */
    int loops;                       /* threads, 1 to 64 */
    size_t max_body;                 /* bytes; a larger body is refused with 413 */
    int max_connections;             /* over all loops; more are closed at once and counted */
    int request_timeout_ms;          /* for idle + headers + body together; 0: 30 s */
    const char *name;                /* label of the metrics; NULL: "http" */
    serve_refused_fn *refused;       /* NULL: a line of plain text; gets the handler's ctx */
    int max_connections_per_address; /* IPv6: per /64; 0: no limit. Not for this machine's own and trusted ones */
    /* Whether a peer is a proxy of ours and may speak for others; the loop's thread; NULL: nobody is. */
    bool (*trusts)(void *ctx, int loop, const struct address *peer);
    bool proxy_protocol; /* each connection begins with it, version 1 or 2, and comes from a trusted peer */
    const char *tls_certificate, *tls_key; /* PEM files; NULL or "": clear text */
};

/* Binds and starts its threads. ERR_LISTEN fills text, also when another process has the port. The handler may be
 * called before this returns. ret_serve is set before the first call. */
enum err serve_start(struct serve **ret_serve, const struct serve_options *options, serve_handler_fn *handler,
                     void *ctx, struct err_text *text);
int serve_port(const struct serve *serve); /* the port taken, also for port 0 */
/* For how long the slowest of its loops has not come round, ms; they do at least twice a second. Any thread. */
int64_t serve_quiet_ms(const struct serve *serve);
/* For connections that come from now on; any thread. On an error, ERR_TLS, the old certificate stays. Only for a server
 * that began with one. */
enum err serve_set_tls(struct serve *serve, const char *certificate, const char *key, struct err_text *text);
enum err serve_check_tls(const char *certificate, const char *key, struct err_text *text); /* only looks */
void serve_limit_addresses(struct serve *serve, int max_connections_per_address);          /* 0: no limit */
/* From now on each answer closes its connection, so that clients move to another instance. Accepts still. */
void serve_drain(struct serve *serve);
/* Stops accepting, lets open requests and tickets end within the deadline, ends streams, joins the threads, frees.
 * A ticket that is still out is answered 503 at the deadline; its late serve_ticket_reply is harmless. Takes NULL. */
void serve_stop(struct serve *serve, int deadline_ms);

#define SERVE_LOOPS 64 /* at most */

/* ---- inside the handler ---- */
int serve_loop(const struct serve_request *request); /* which loop's thread this is, from 0 */
struct slice serve_method(const struct serve_request *request);
struct slice serve_path(const struct serve_request *request);  /* decoded and normalised, without the query */
struct slice serve_query(const struct serve_request *request); /* raw, without '?'; len 0 if none */
/* One query parameter, percent-decoded into memory of the request; false if absent. */
bool serve_parameter(struct serve_request *request, const char *name, struct slice *ret_value);
struct slice serve_header(const struct serve_request *request, const char *lower_case_name); /* len 0 if absent */
/* Several at once: the first value of each name, len 0 if absent. */
void serve_headers(const struct serve_request *request, const struct slice *names, size_t n, struct slice *ret_values);
/* The values of one name from the last to the first: *cursor is SIZE_MAX before the first call. False at the end. */
bool serve_header_before(const struct serve_request *request, struct slice lower_case_name, size_t *cursor,
                         struct slice *ret_value);
struct slice serve_body(const struct serve_request *request);
const struct address *serve_address(const struct serve_request *request); /* the other end; NULL if it has none */
struct slice serve_peer(struct serve_request *request);                   /* the same as text, no port */

/* A name that begins with '+' says that the value, ours alone, goes on with "\r\nname: value" of further fields: h2o
 * then writes them as one. */
struct serve_field {
    const char *name; /* lower case, static */
    struct slice value;
};
#define SERVE_MAX_FIELDS 16
/* Answers now; a field whose value holds control characters is left out; header values and body are copied.
 * Content-Length is always sent (but for 204 and 304, which have none). HEAD gets the fields of GET and no body. */
void serve_reply(struct serve_request *request, int status, const struct serve_field *fields, size_t n,
                 struct slice body);
/* The same, body not copied: it must be static. */
void serve_reply_static(struct serve_request *request, int status, const struct serve_field *fields, size_t n,
                        struct slice body);

/* Answer later: exactly one serve_ticket_reply or serve_ticket_resume must follow, from any thread, even when the
 * client has gone. */
struct serve_ticket *serve_defer(struct serve_request *request);
void serve_ticket_reply(struct serve_ticket *ticket, int status, const struct serve_field *fields, size_t n,
                        struct slice body);
/* The cheaper way, in place of serve_ticket_reply: resume is called once on the loop's thread and answers with one
 * serve_reply; request is NULL when there is nobody to answer. When the server has ended, or on the loop's own thread,
 * it is called before this returns. */
typedef void serve_resume_fn(void *ctx, struct serve_request *request);
void serve_ticket_resume(struct serve_ticket *ticket, serve_resume_fn *resume, void *ctx);
/* In a resume: path, query and parameters can be read as in the handler, and the request may be deferred again. */
void serve_read_again(struct serve_request *request);

/* Server-sent events: an open answer. write and close from any thread; bytes are copied; at most max_buffered bytes
 * wait for a slow reader, then the stream is closed. write returns false once the reader has gone; serve_stream_close
 * must be called exactly once in the end, whoever ended it. Opens with an empty comment, so that the reader sees the
 * header fields at once. A reader that goes away is noticed within a second. */
struct serve_stream *serve_stream_open(struct serve_request *request, const struct serve_field *fields, size_t n,
                                       size_t max_buffered);
bool serve_stream_write(struct serve_stream *stream, struct slice bytes);
void serve_stream_close(struct serve_stream *stream);

#endif
