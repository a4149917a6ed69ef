/* The batch: one beacon on its way from the socket to the bus.
 *
 * Life of a batch, and which room may touch what in each phase:
 *
 *   phase      made by   what is true then                                         who may change it
 *   BORN       ingest    arena, body (padded, writable), client, application       ingest
 *   DECODED    validate  envelope and events point into body; refused is complete  validate
 *   ENRICHED   enrich    each event has at_ms, route, code, flags; body redacted   enrich
 *   SEALED     bus       value holds the encoded record (event/record.h)           bus
 *   DONE       bus       `done` was called once, with what became of it            ingest, which frees it
 *
 * A batch belongs to one thread at a time. From a successful sink push until `done` it belongs to the sink;
 * `done` may come on another thread, or before push returns. Everything in it lives in its arena and dies with it. */
#ifndef SEISMO_EVENT_BATCH_H
#define SEISMO_EVENT_BATCH_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define BATCH_MAX_EVENTS 1000
#define BATCH_PADDING 64           /* readable bytes behind body, for the decoder's wide loads */
#define BATCH_ARENA_BYTES 16777216 /* 2 MiB of body, its tables and its record fit well within it */

enum event_kind {
    EVENT_PAGE = 1,
    EVENT_ROUTE,
    EVENT_API,
    EVENT_CLICK,
    EVENT_ERROR,
    EVENT_VITAL,
    EVENT_OTHER, /* a kind that this release does not know */
    EVENT_BUSINESS,
    EVENT_MARK,
    EVENT_MEASURE,
    EVENT_KINDS
};
/* "page", …, "other", "event", "mark", "measure"; static. Numbers are stored: they stay. */
const char *event_kind_name(enum event_kind kind);

enum event_flag {
    EVENT_LATE = 1,          /* older than the detection's horizon: stored, kept out of rollups */
    EVENT_FUTURE = 2,        /* ahead of the time of receipt: stored, kept out of rollups */
    EVENT_REDACTED = 4,      /* something secret was overwritten */
    EVENT_UNKNOWN_FIELD = 8, /* members that this release does not know: event.original is stored too */
    EVENT_FAILED = 16,       /* an API call with status 0 or >= 500, or an error */
};

/* One event. Slices point into the body (unescaped values into the arena) until the record is sealed. */
struct event {
    enum event_kind kind;
    uint16_t index;         /* place in the beacon as sent: part of the document's id */
    uint16_t status;        /* HTTP status of an API call, 0 unknown */
    uint32_t count;         /* clicks or errors that it stands for, >= 1 */
    uint32_t flags;         /* enum event_flag */
    double at;              /* ms since the epoch by the device's clock */
    double value;           /* the schema's x-value: duration in ms or the vital; NAN when absent */
    struct slice json;      /* the whole object, `{…}`, as sent */
    struct slice kind_text; /* of unknown kinds too */
    struct slice page, view, url, method, name, type, message, stack, outcome; /* decoded; len 0 when absent */
    /* set by enrich */
    int64_t at_ms;      /* ms since the epoch, corrected */
    struct slice route; /* the page's or the call's route name: `/product/:id`, `GET /api/products/:id` */
    struct slice page_route;
    struct slice code;  /* errors: `E-` and eight characters; else len 0 */
    struct slice group; /* errors: the masked message that the code stands for */
};

struct refusal {
    uint16_t index;
    enum err why;
    char field[32]; /* name of the member, "" when it is the event as a whole */
};

struct envelope {
    struct slice id, service, version, environment, session, view, user, agent_name, agent_version;
    struct slice labels; /* `{…}` as sent, names and texts of the page's own; len 0 when absent */
    double sent;         /* ms since the epoch by the device's clock */
    double rate;         /* (0, 1] */
    double offset;       /* stored clock correction in ms, NAN when absent */
    uint32_t dropped;
};

struct application; /* config/config.h */
struct batch;

/* Told once what became of a batch that a sink had taken. Any thread. */
typedef void batch_done_fn(struct batch *batch, enum err result);

struct batch {
    struct arena *arena;
    batch_done_fn *done;
    void *owner; /* ingest's ticket */
    /* BORN */
    int64_t received_at_ms;
    struct slice body; /* body.at is writable arena memory with BATCH_PADDING bytes behind it */
    const struct application *application;
    struct slice client_address; /* as text, already truncated for storage (IPv4 /24, IPv6 /48) */
    struct slice user_agent, country;
    /* DECODED */
    struct envelope envelope;
    struct event *events;
    size_t n_events;
    struct refusal *refused;
    size_t n_refused;
    /* ENRICHED */
    int64_t clock_offset_ms;                           /* added to every device time; 0 when within 2 s */
    struct slice browser, browser_version, os, device; /* from the user agent */
    /* SEALED */
    struct slice value;
    struct err_text text; /* why a push failed, for the answer */
};

/* A batch in phase BORN with an arena of its own and a writable, padded body of body_bytes. Never NULL. body.len must
 * not change: batch_free goes by it. */
struct batch *batch_new(size_t body_bytes);
void batch_free(struct batch *batch); /* takes NULL */

#endif
