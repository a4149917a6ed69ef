/* Inside ingest: what its files give each other. */
#ifndef SEISMO_INGEST_INT_H
#define SEISMO_INGEST_INT_H

#include "base/buf.h"
#include "ingest/ingest.h"
#include "serve/serve.h"

#define MAX_ORIGIN_BYTES 300
#define MAX_USER_AGENT_BYTES 512
#define MAX_REJECTED_SHOWN 50

/* keys.c: a table from key to application, filled once, read by any thread. */
struct keys;
struct keys *keys_new(const struct application *applications, size_t n);
void keys_free(struct keys *keys);
const struct application *keys_find(const struct keys *keys, struct slice key); /* NULL if unknown */
bool origin_allowed(const struct application *application, struct slice origin);

/* inflate.c: memory for inflating, kept between beacons; any thread. */
struct inflaters;
struct inflater;
struct inflaters *inflaters_new(size_t max_inflated);
void inflaters_free(struct inflaters *inflaters);
struct inflater *inflater_take(struct inflaters *inflaters);
void inflater_give(struct inflaters *inflaters, struct inflater *inflater);
bool is_gzip(struct slice body); /* by its magic bytes */
/* All members of a gzip file. ret_bytes is the inflater's until it is given back.
 * ERR_BAD_GZIP (damage, cut short, rubbish behind it) or ERR_INFLATED_TOO_LARGE, as soon as it is known. */
enum err inflate_body(struct inflater *inflater, struct slice body, struct slice *ret_bytes);

/* answer.c: whom to answer, and what the page may read. */
struct outlet {
    struct serve_request *request;
    struct slice origin; /* echoed; len 0: none was sent */
};
void answer_send(const struct outlet *outlet, int status, const struct serve_field *fields, size_t n,
                 struct slice body);
void answer_accepted(const struct outlet *outlet, const struct batch *batch);
/* status 0: the one that belongs to err. batch NULL or with the refused events; allow: the methods of a 405. */
void answer_refused(const struct outlet *outlet, int status, enum err err, const char *detail,
                    const struct batch *batch, const char *allow);
void count_status(int status);
/* The refused events, each by its reason, or if there are none the beacon itself. */
void count_rejects(enum err err, const struct batch *batch);

/* text.c */
bool text_equal(struct slice text, const char *lower_case); /* ASCII, whatever the case */
struct slice text_trim(struct slice text);
/* Cuts the next element off a comma-separated list. False at its end. */
bool list_next(struct slice *list, struct slice *ret_element);
bool accepts_gzip(struct slice accept_encoding);
bool etag_matches(struct slice if_none_match, struct slice etag); /* weak comparison */

#endif
