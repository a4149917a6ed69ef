/* Inside the Elasticsearch store.
 *
 *   logs-seismo.events-NS      one document an event           data stream
 *   metrics-seismo.rollups-NS  one document a final window     data stream
 *   logs-seismo.alerts-NS      one document a state of an alert data stream
 *   logs-seismo.rejects-NS     what was refused, with why      data stream
 *   metrics-seismo.health-NS   what instances say of themselves data stream
 *   seismo-state-NS            state with compare-and-set      index
 *
 * Documents are created under our own ids, so that a repeat is a conflict, and a conflict is success. Conflicts do not
 * reach over a data stream's rollover: store_elastic_repeat.c sees to that.
 * All is written and read over HTTP; a client or a writer of the pools belongs to one call at a time. */
#ifndef SEISMO_STORE_STORE_ELASTIC_H
#define SEISMO_STORE_STORE_ELASTIC_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/http.h"
#include "store/store_int.h"

#define MAX_NODES 8
#define IDLE_CLIENTS 8
#define IDLE_WRITERS 4
#define MAX_REQUESTS 16             /* in flight for one store_write */
#define BULK_BYTES_LEAST 65536u     /* halving ends here */
#define BULK_BYTES_FIRST (1u << 20) /* before anything is known of the node */
#define BULK_BYTES_MOST (16u << 20)
#define BULK_DOCUMENTS 4000 /* of one request: twice as many fit the window of a look-up, 10,000 */
#define ANSWER_BYTES (64u << 20)
#define NAME_BYTES 128
#define READY_MS 10000 /* the last good answer may be this old */

enum stream { STREAM_EVENTS, STREAM_ROLLUPS, STREAM_ALERTS, STREAM_REJECTS, STREAM_HEALTH, STREAM_COUNT };

/* One address. After a failure it is left alone for a while, twice as long after each one in a row. */
struct node {
    char *url;
    _Atomic int64_t dead_until_ms; /* monotonic; 0: alive */
    atomic_int failures;
};

/* A data stream's backing indices as of a moment. */
struct view {
    bool is_known;
    bool is_forbidden; /* we may not look: is_known, and nothing else is */
    size_t n;
    char newest[NAME_BYTES + 64];
    int64_t created_ms; /* the newest one's birth, by Elasticsearch's clock */
};

/* How much is sent at once: additive increase, multiplicative decrease. */
struct flow {
    pthread_mutex_t mutex;
    size_t bytes, ceiling, most; /* of a request: now; after a 413; by configuration */
    double requests;             /* in flight: now */
    int most_requests;
};

struct writer;

struct elastic {
    struct store store;
    struct node nodes[MAX_NODES];
    size_t n_nodes;
    atomic_uint turn; /* round robin */
    char *user, *password, *authorization, *ca_file;
    char streams[STREAM_COUNT][NAME_BYTES];
    char state_index[NAME_BYTES];
    int retention_days;
    bool compress;
    pthread_mutex_t pool_mutex;
    struct http_client *idle[IDLE_CLIENTS];
    size_t n_idle;
    struct writer *writers[IDLE_WRITERS];
    size_t n_writers;
    pthread_mutex_t setup_mutex;
    atomic_bool is_set_up;        /* templates are known to be there; nothing is written before */
    atomic_bool requires_streams; /* the node knows require_data_stream */
    atomic_bool is_open;          /* it is OpenSearch, whose points in time are asked for otherwise */
    atomic_bool has_shard_doc;    /* OpenSearch 3.3 and newer: what search_after needs besides the time */
    atomic_bool is_refused;       /* the credentials were, lately */
    struct flow flow;
    pthread_mutex_t view_mutex;
    struct view views[STREAM_COUNT];
    _Atomic int64_t give_up_ms; /* calls end then, by the monotonic clock; 0: not yet */
    _Atomic int64_t pause_ms;   /* nothing is written before: a node has said Retry-After */
    _Atomic int64_t good_ms;    /* when a node last gave an answer, by the monotonic clock; 0: never */
    _Atomic uint64_t generation;
    pthread_t pinger;
    bool is_starting;      /* the process waits: answers are not waited for as long */
    bool has_pinger, stop; /* stop: under ping_mutex */
    pthread_mutex_t ping_mutex;
    pthread_cond_t ping_wake;
    int64_t indexed; /* the pinger's: documents indexed by anyone, as of the last ping */
};

/* ---- store_elastic.c ---- */
/* How every client of this store calls. */
struct http_options elastic_http_options(struct elastic *elastic);
bool elastic_is_giving_up(const struct elastic *elastic);

/* ---- store_elastic_nodes.c ---- */
/* "http://a:9200, http://b:9200/" and a Cloud id ("name:base64") to addresses without a slash at the end. Either may be
 * NULL or "", not both. ERR_CONFIG. */
enum err elastic_read_nodes(struct elastic *elastic, const char *urls, const char *cloud_id, struct err_text *text);
/* The next one in turn that is alive; else the one that has been dead the longest. */
unsigned elastic_pick_node(struct elastic *elastic);
/* What a call to it ended with. */
void elastic_note_node(struct elastic *elastic, unsigned node, enum err err, int status);
/* One request. On no connection the next nodes are tried too unless `once`: a retry may repeat what the first try did.
 * ERR_OK for any status, which the caller reads; logs what made it fail otherwise. */
enum err elastic_send(struct elastic *elastic, const char *method, const char *path, struct slice body, bool once,
                      struct http_response *response);
/* The same with a client of the caller's own; says nothing. */
enum err elastic_send_by(struct elastic *elastic, struct http_client *client, const char *method, const char *path,
                         struct slice body, struct http_response *response, struct err_text *text);
/* The error that a status stands for when the whole request failed: 401 and 403 ERR_STORE_AUTH (a 403 for a blocked
 * index ERR_AGAIN), 429 and 5xx ERR_AGAIN, else `otherwise`. Says it in the log. */
enum err elastic_status(const struct http_response *response, const char *doing, enum err otherwise);
/* Percent-encodes all but letters, digits, '-', '_' and '.'. */
void elastic_escape(struct buf *buf, struct slice text);

/* ---- store_elastic_setup.c ---- */
/* Installs what is missing or older than ours; `all`: installs everything again. Templates of a newer release stay.
 * Text says what was left out. ERR_HTTP or ERR_AGAIN: nobody answers yet. */
enum err elastic_set_up(struct elastic *elastic, bool all, struct err_text *text);
/* Nothing once that has succeeded. Any thread. */
enum err elastic_ensure_set_up(struct elastic *elastic);

/* ---- store_elastic_bulk.c ---- */
enum err elastic_write(struct store *store, struct store_item *items, size_t n, const char *group,
                       const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx);
void elastic_writer_free(struct writer *writer); /* takes NULL */

/* ---- store_elastic_read.c ---- */
enum err elastic_read_events(struct store *store, const struct store_event_query *query, store_document_fn *each,
                             void *ctx);
enum err elastic_read_rollups(struct store *store, const struct store_rollup_query *query, store_rollup_fn *each,
                              void *ctx);
enum err elastic_read_rejects(struct store *store, size_t limit, store_document_fn *each, void *ctx);
enum err elastic_read_alerts(struct store *store, struct slice application, bool only_firing, size_t limit,
                             store_alert_fn *each, void *ctx);

/* ---- store_elastic_forget.c ---- */
enum err elastic_forget(struct store *store, const struct forget_task *task, struct store_forgotten *forgotten,
                        struct err_text *text);

/* ---- store_elastic_state.c ---- */
enum err elastic_state_get(struct store *store, const char *key, struct buf *ret_value, uint64_t *ret_version);
enum err elastic_state_put(struct store *store, const char *key, struct slice value, uint64_t version,
                           uint64_t *ret_version);
/* Standard base64; read: false when it is none. */
void elastic_add_base64(struct buf *buf, struct slice bytes);
bool elastic_read_base64(struct buf *buf, const char *text, size_t len);

#endif
