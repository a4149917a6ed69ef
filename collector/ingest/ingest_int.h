/* Inside ingest: what its files give each other. */
#ifndef SEISMO_INGEST_INT_H
#define SEISMO_INGEST_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/address.h"
#include "base/buf.h"
#include "ingest/diagnosis.h"
#include "ingest/ingest.h"
#include "ingest/pace.h"
#include "serve/serve.h"

#define MAX_ORIGIN_BYTES 300
#define MAX_USER_AGENT_BYTES 512
#define MAX_REJECTED_SHOWN 50

/* keys.c: a table from key to application, filled once, read by any thread. */
struct keys;
struct key {
    const struct application *application;
    _Atomic int64_t requests_full_at_ns, bytes_full_at_ns; /* its paces */
};
struct keys *keys_new(const struct application *applications, size_t n);
void keys_free(struct keys *keys);
struct key *keys_find(struct keys *keys, struct slice key); /* NULL if unknown */
bool origin_allowed(const struct application *application, struct slice origin);

/* geo.c */
struct geo;
enum err geo_open(struct geo **ret_geo, const char *path, struct err_text *text); /* ERR_GEO */
void geo_close(struct geo *geo);                                                  /* takes NULL */
/* Any thread. False when the file says nothing of it. */
bool geo_country(struct geo *geo, const struct address *address, char ret_code[3]);

/* rules.c */
struct rules {
    atomic_int refs;
    struct ingest_rules from;
    struct keys *keys;
    struct network *trusted;
    size_t n_trusted;
    struct geo *geo; /* NULL: none */
    char country_header[64];
    unsigned number; /* which reload made it */
};
/* On an error nothing is released. */
enum err rules_new(struct rules **ret_rules, const struct ingest_rules *from, struct err_text *text);
struct rules *rules_hold(struct rules *rules);
void rules_release(struct rules *rules); /* takes NULL */
bool rules_trust(const struct rules *rules, const struct address *address);

/* client.c */
struct client {
    bool is_known, is_proxied;
    bool is_shared; /* a proxy's or this machine's own: many may stand behind it, so that it has no pace */
    struct address address;
};
void client_find(const struct rules *rules, const struct serve_request *request, struct client *ret_client);
/* Two capital letters, written into code, or none. */
struct slice client_country(const struct rules *rules, const struct serve_request *request, const struct client *client,
                            char code[3]);
bool country_code(struct slice text, char ret_code[3]);

/* senders.c: the paces of addresses; any thread. */
struct senders;
struct senders *senders_new(void);
void senders_free(struct senders *senders);
/* False when the address has to wait. */
bool senders_take(struct senders *senders, const struct address *address, const struct ingest_pace *requests,
                  const struct ingest_pace *bytes, size_t body_bytes, int64_t now_ns, int64_t *ret_wait_ns);

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
/* 429, with when to come again. */
void answer_too_fast(const struct outlet *outlet, enum err err, int64_t wait_ns);
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

/* ingest.c: the room. */
#define ETAG_HEX 32
struct asset {
    struct slice bytes;
    char etag[ETAG_HEX + 3];
};

struct ingest {
    struct ingest_options options;
    struct slice endpoint; /* prefix and "/v1"; ours */
    struct senders *senders;
    struct inflaters *inflaters;
    struct asset agent, agent_gzip;
    atomic_bool draining;
    bool has_tls; /* for good */
    struct serve *serve;
    /* rules.c tells who holds what */
    pthread_mutex_t mutex;
    struct rules *latest;               /* under mutex */
    atomic_uint number;                 /* of the latest */
    struct rules *current[SERVE_LOOPS]; /* each its loop's alone */
};

/* What of a request's head is looked at. */
enum header { ORIGIN, CONTENT_TYPE, CONTENT_ENCODING, USER_AGENT, HEADERS };

/* A request while the handler has it. */
struct visit {
    struct ingest *ingest;
    struct serve_request *request;
    struct rules *rules; /* borrowed for as long as the handler runs */
    struct slice headers[HEADERS];
    struct outlet outlet;
    struct client client; /* of requests to the endpoint */
};

/* beacon.c, script.c: whom a request goes to. The loop's thread. */
void visit_endpoint(struct visit *visit);
void visit_agent(struct visit *visit);
void visit_note(const struct visit *visit, enum sign sign, struct slice origin); /* for the diagnosis */

#endif
