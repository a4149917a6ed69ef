/* HTTP out: one client for everything that Seismo calls (Elasticsearch, Slack, later Jira, AWS, Docker, …), on libcurl.
 *
 * A client belongs to one thread at a time and keeps its connections. Calls block up to their timeout.
 * Secrets in headers and URLs are never logged: error texts name scheme, host and path without the query. */
#ifndef SEISMO_HTTP_HTTP_H
#define SEISMO_HTTP_HTTP_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"

struct http_client;
struct http_many;

struct http_options {
    const char *ca_file;         /* NULL: the system's */
    const char *user, *password; /* basic auth; NULL: none */
    const char *authorization;   /* whole value of the Authorization header; NULL: none */
    int connect_timeout_ms, timeout_ms;
    size_t max_response; /* bytes; a longer answer is ERR_TOO_LARGE */
    /* Calls end with ERR_TIMED_OUT at this time of the monotonic clock, within about a second; 0: no such time. May be
     * set at any moment by any thread, and outlives the client. NULL: there is none. */
    const _Atomic int64_t *give_up_ms;
};

struct http_request {
    const char *method, *url;
    const char *content_type; /* NULL when there is no body */
    struct slice body;
    const char *const *headers; /* NULL-ended "Name: value"; NULL: none */
    int timeout_ms;             /* 0: the client's */
};

struct http_response {
    int status;
    int retry_after_ms; /* from Retry-After (seconds or date), -1 if absent; at most an hour */
    struct buf body;
};

struct http_client *http_client_new(const struct http_options *options); /* never NULL */
void http_client_free(struct http_client *client);                       /* takes NULL */
/* ERR_OK for any HTTP status; ERR_HTTP (no connection, reset), ERR_TIMED_OUT, ERR_TOO_LARGE fill text.
 * The response must be initialised by http_response_init and is reusable. */
enum err http_send(struct http_client *client, const struct http_request *request, struct http_response *response,
                   struct err_text *text);
void http_response_init(struct http_response *response, size_t max_body);
void http_response_done(struct http_response *response);

/* ---- several calls at once, from one thread ---- */

struct http_done {
    void *ctx;
    enum err err; /* as of http_send */
    struct err_text text;
};
/* At most `max` calls at once, each on a connection of its own that is kept. Never NULL. */
struct http_many *http_many_new(const struct http_options *options, size_t max);
void http_many_free(struct http_many *many); /* takes NULL; ends what is under way */
/* False: `max` are under way. Else the call begins; the request's body and the response are lent until it is told by
 * http_many_wait. */
bool http_many_start(struct http_many *many, const struct http_request *request, struct http_response *response,
                     void *ctx);
/* Moves all calls on, waits once, at most wait_ms, for something to happen, and gives up to max of those that have
 * ended: often none, when only a part of a body has moved. */
size_t http_many_wait(struct http_many *many, int wait_ms, struct http_done *ret_done, size_t max);

/* The pause before attempt n (0, 1, …): exponential from base to cap with full jitter, at least retry_after_ms if >= 0.
 */
int http_backoff_ms(int attempt, int base_ms, int cap_ms, int retry_after_ms);

#endif
