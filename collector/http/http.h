/* HTTP out: one client for everything that Seismo calls (Elasticsearch, Slack, later Jira, AWS, Docker, …), on libcurl.
 *
 * A client belongs to one thread at a time and keeps its connections. Calls block up to their timeout.
 * Secrets in headers and URLs are never logged: error texts name scheme, host and path without the query. */
#ifndef SEISMO_HTTP_HTTP_H
#define SEISMO_HTTP_HTTP_H

#include "base/buf.h"
#include "base/err.h"

struct http_client;

struct http_options {
    const char *ca_file;         /* NULL: the system's */
    const char *user, *password; /* basic auth; NULL: none */
    const char *authorization;   /* whole value of the Authorization header; NULL: none */
    int connect_timeout_ms, timeout_ms;
    size_t max_response; /* bytes; a longer answer is ERR_TOO_LARGE */
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
/* The pause before attempt n (0, 1, …): exponential from base to cap with full jitter, at least retry_after_ms if >= 0.
 */
int http_backoff_ms(int attempt, int base_ms, int cap_ms, int retry_after_ms);

#endif
