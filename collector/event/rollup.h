/* One window of one series: what rollup writes, the store keeps, detect and the live page read. */
#ifndef SEISMO_EVENT_ROLLUP_H
#define SEISMO_EVENT_ROLLUP_H

#include "event/record.h"
#include "event/sketch.h"

enum series_kind {
    SERIES_PAGE = 1,
    SERIES_ROUTE,
    SERIES_API,
    SERIES_VITAL,
    SERIES_CLICK,
    SERIES_ERROR,
    SERIES_KINDS,
    SERIES_SELF = SERIES_KINDS /* of no events: what Seismo says about itself, in alerts only */
};
const char *series_kind_name(enum series_kind kind); /* "page", "route", "api", "vital", "click", "error" */

/* service x environment x kind x page or route. name is the page route, the call's route (`GET /api/x`), the vital's
 * page; detail is the vital's name (LCP …) or the error's code, else empty. */
struct series_key {
    enum series_kind kind;
    struct slice application, service, environment, name, detail;
};

/* The partition of TOPIC_ROLLUPS, of n, that a series travels on: a service is one owner's as a whole. */
int32_t series_partition(const struct series_key *key, int n);

/* HyperLogLog of sessions, 256 registers: about 6.5 % standard error (Flajolet et al. 2007; small range: linear
 * counting). */
#define HLL_REGISTERS 256
struct hll {
    uint8_t registers[HLL_REGISTERS];
};
void hll_add(struct hll *hll, struct slice member);
void hll_add_hash(struct hll *hll, uint64_t hash_stable_of_member); /* for whoever has it already */
void hll_merge(struct hll *into, const struct hll *from);
double hll_estimate(const struct hll *hll);

/* The sessions that are behind most events, so that detect can leave the busiest one out. Misra and Gries, "Finding
 * repeated elements", 1982: an estimate is never too high, and too low by at most an eighth of what others sent. */
#define HEAVY_SESSIONS 8
struct heavy {
    uint64_t session[HEAVY_SESSIONS]; /* stable hash */
    float events[HEAVY_SESSIONS];     /* 0: free */
};
void heavy_add(struct heavy *heavy, struct slice session, double events);
void heavy_add_hash(struct heavy *heavy, uint64_t hash_stable_of_session, double events);
void heavy_merge(struct heavy *into, const struct heavy *from);
double heavy_most(const struct heavy *heavy); /* events of the busiest */

struct rollup {
    struct series_key key;
    int64_t start_ms;     /* of the window, aligned to its width */
    int32_t width_s;      /* 10 or 60 */
    bool incomplete;      /* closed by the wait, not by the watermark: says nothing about traffic */
    uint64_t events;      /* raw number */
    double count;         /* weighted by the inverse of the sample rate */
    double failed;        /* of them, weighted: API calls with status 0 or >= 500, errors */
    struct sketch values; /* ms, or the vital's value; empty for series without a value */
    struct hll sessions;
    struct heavy busiest, failing; /* sessions by raw events, and by failed ones */
};

void rollup_init(struct rollup *rollup);
void rollup_done(struct rollup *rollup); /* frees the sketch, not the key's text */
/* Binary form, version 1, used in partials on the bus and in the embedded store; key text is copied in. */
void rollup_write(const struct rollup *rollup, struct buf *buf);
/* Key text borrows from the reader's bytes. */
enum err rollup_read(struct reader *reader, struct rollup *ret_rollup);
/* The ECS document (schemas/rollup.schema.json): count, sum, p50, p75, p95, p99 as plain numbers, and the binary
 * form in base64 under seismo.rollup.state so that windows can be merged again. */
void rollup_document(const struct rollup *rollup, struct buf *buf);
/* Adds the bytes that base64 text stands for; false when it is none. */
bool base64_read(struct slice text, struct buf *buf);
/* Back from a document's seismo.rollup.state (base64 text); the scratch buffer owns the bytes that the key borrows. */
enum err rollup_from_state(struct slice base64, struct buf *scratch, struct rollup *ret_rollup);
/* 32 hex digits over key, start and width; ret_id holds RECORD_ID_BYTES. */
void rollup_id(const struct rollup *rollup, char ret_id[RECORD_ID_BYTES]);

#endif
