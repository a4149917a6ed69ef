/* Inside the Elasticsearch store.
 *
 *   logs-seismo.events-NS      one document an event           data stream
 *   metrics-seismo.rollups-NS  one document a final window     data stream
 *   logs-seismo.alerts-NS      one document a state of an alert data stream
 *   logs-seismo.rejects-NS     what was refused, with why      data stream
 *   seismo-state-NS            state with compare-and-set      index
 *
 * Documents are created under our own ids, so that a repeat is a conflict, and a conflict is success. Conflicts do not
 * reach over a data stream's rollover: what may be a repeat of something older than a minute is looked up first.
 * All is written and read over HTTP; a client of the pool belongs to one call at a time. */
#ifndef SEISMO_STORE_STORE_ELASTIC_H
#define SEISMO_STORE_STORE_ELASTIC_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/http.h"
#include "store/store_int.h"

#define MAX_URLS 8
#define IDLE_CLIENTS 8
#define BULK_BYTES (8u << 20) /* of one request at most; halved for good when the node answers 413 */
#define BULK_BYTES_LEAST 65536u
#define BULK_DOCUMENTS 8000 /* of one request: below the window of a look-up, 10,000 */
#define ANSWER_BYTES (64u << 20)
#define NAME_BYTES 128
#define READY_MS 10000 /* the last good answer may be this old */

enum stream { STREAM_EVENTS, STREAM_ROLLUPS, STREAM_ALERTS, STREAM_REJECTS, STREAM_COUNT };

struct elastic {
    struct store store;
    char *urls[MAX_URLS];
    size_t n_urls;
    atomic_uint current; /* the address in use; moves on when it fails */
    char *user, *password, *authorization, *ca_file;
    char streams[STREAM_COUNT][NAME_BYTES];
    char state_index[NAME_BYTES];
    int retention_days;
    pthread_mutex_t pool_mutex;
    struct http_client *idle[IDLE_CLIENTS];
    size_t n_idle;
    pthread_mutex_t setup_mutex;
    atomic_bool is_set_up;        /* templates are known to be there; nothing is written before */
    atomic_bool requires_streams; /* the node knows require_data_stream */
    atomic_size_t bulk_bytes;
    _Atomic int64_t good_ms; /* when a node last gave an answer, by the monotonic clock; 0: never */
    _Atomic uint64_t generation;
    pthread_t pinger;
    bool has_pinger, stop; /* stop: under ping_mutex */
    pthread_mutex_t ping_mutex;
    pthread_cond_t ping_wake;
    int64_t indexed; /* the pinger's: documents indexed by anyone, as of the last ping */
};

/* ---- store_elastic.c ---- */
/* One request to the present address. On no connection the next ones are tried too unless `once`: a retry may repeat
 * what the first try did. ERR_OK for any status, which the caller reads; logs what made it fail otherwise. */
enum err elastic_send(struct elastic *elastic, const char *method, const char *path, struct slice body, bool once,
                      struct http_response *response);
/* The error that a status stands for when the whole request failed: 401 and 403 ERR_STORE_AUTH (a 403 for a blocked
 * index ERR_AGAIN), 429 and 5xx ERR_AGAIN, else `otherwise`. Says it in the log. */
enum err elastic_status(const struct http_response *response, const char *doing, enum err otherwise);
/* The same for one error object of Elasticsearch: its type decides about 403. */
bool elastic_is_block(const char *error_type);
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

/* ---- store_elastic_read.c ---- */
enum err elastic_read_events(struct store *store, const struct store_event_query *query, store_document_fn *each,
                             void *ctx);
enum err elastic_read_rollups(struct store *store, const struct store_rollup_query *query, store_rollup_fn *each,
                              void *ctx);
enum err elastic_read_alerts(struct store *store, struct slice application, bool only_firing, size_t limit,
                             store_alert_fn *each, void *ctx);

/* ---- store_elastic_state.c ---- */
enum err elastic_state_get(struct store *store, const char *key, struct buf *ret_value, uint64_t *ret_version);
enum err elastic_state_put(struct store *store, const char *key, struct slice value, uint64_t version,
                           uint64_t *ret_version);

#endif
