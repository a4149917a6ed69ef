/* Inside the live room: what its files share.
 *
 *   live.c           start, stop, and the handler: access, then static files, then jobs
 *   live_access.c    Host, Origin, token, the name that a proxy of ours gives
 *   live_doors.c     sessions that a link or the token began: looked up in the store, away from the loop
 *   live_enter.c     the page of a link, and what opens a session
 *   live_assets.c    headers of every answer, the page's files, errors as JSON
 *   live_first.c     the page with the answers of its first screen in it
 *   live_params.c    a request's parameters, checked, copied into the job
 *   live_jobs.c      the workers: blocking reads away from the loops, answers kept for a moment
 *   live_stream.c    server-sent events
 *   live_audit.c     who looked at whose timeline
 *   live_remarks.c   what people do about alerts, and what they have done
 *   live_windows.c   final windows of the store and the open ones, each once
 *   live_groups.c    windows merged by series and by step of time
 *   live_tally.c     what the overview counts; of a long time, the settled part is kept
 *   live_overview.c  live_series.c  live_sessions.c  live_timeline.c  live_trouble.c  live_errors.c  live_shares.c
 *   live_status.c
 *   live_deploys.c  live_detail.c  live_causes.c  live_rejects.c  live_clicks.c  live_business.c
 *                    the answers
 */
#ifndef SEISMO_LIVE_LIVE_INT_H
#define SEISMO_LIVE_LIVE_INT_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/buf.h"
#include "live/live.h"
#include "serve/serve.h"
#include "store/store.h"

#define LIVE_MAX_ANSWER 8388608     /* bytes of one answer */
#define LIVE_MAX_PARAMETER 2048     /* bytes of one parameter, decoded */
#define LIVE_MAX_POINTS 400         /* steps of one chart */
#define LIVE_MAX_SPAN_MS 2678400000 /* 31 days */

/* ---- parameters ---- */
/* All text lives in the job's arena. */
struct live_query {
    struct slice application, service, environment, name, detail, id, user, code;
    struct slice release, browser, device, country; /* filters of /api/detail */
    enum series_kind kind;                          /* 0: none given */
    int64_t now_ms, from_ms, to_ms;                 /* [from, to), from aligned down and to aligned up to step_ms */
    int32_t width_s;                                /* of the windows that are read */
    int64_t step_ms;                                /* of the chart's points: a multiple of the width */
    size_t limit;
    struct slice body, peer; /* of a change: what was sent, and from where */
    struct slice who;        /* of a change: whom a proxy of ours names; len 0: nobody */
    bool is_gzip;            /* the body is */
    bool is_change;          /* a POST: never answered from what is kept */
    bool is_timed;           /* from or to was given, not only a range */
};
enum err live_query_read(struct serve_request *request, struct arena *arena, int64_t now_ms,
                         struct live_query *ret_query, struct err_text *text);

/* ---- jobs ---- */
/* Writes one JSON object. Runs on a worker; may block on the store. */
struct live;
typedef enum err live_answer_fn(struct live *live, const struct live_query *query, struct buf *buf,
                                struct err_text *text);
struct live_jobs;
struct live_jobs *live_jobs_new(struct live *live); /* starts the workers */
/* Takes the arena, in which the query's text lives. Answers the request at once when it is busy. */
void live_jobs_push(struct live_jobs *jobs, struct serve_request *request, live_answer_fn *answer,
                    const struct live_query *query, struct arena *arena);
/* A page of HTML; key is the address's query. Runs on a worker; says on the page what went wrong. */
typedef void live_page_fn(struct live *live, struct slice key, const struct live_query *query, struct buf *buf);
void live_jobs_push_page(struct live_jobs *jobs, struct serve_request *request, live_page_fn *page,
                         const struct live_query *query, struct arena *arena);
/* On a worker: adds the answer as `key` (of that answer's address) would get it, kept ones too. */
enum err live_jobs_answer(struct live_jobs *jobs, live_answer_fn *answer, struct slice key,
                          const struct live_query *query, struct buf *buf, struct err_text *text);
void live_jobs_free(struct live_jobs *jobs); /* answers what waits, then ends the workers; takes NULL */

/* ---- streams ---- */
struct live_streams;
struct live_streams *live_streams_new(struct live *live);
void live_streams_open(struct live_streams *streams, struct serve_request *request);
void live_streams_changed(struct live_streams *streams);
void live_streams_free(struct live_streams *streams); /* closes all; takes NULL */

/* ---- access ---- */
#define LIVE_COOKIE_NAME "seismo_access="
#define LIVE_WHO_BYTES 63 /* of a name that a proxy gives; longer ones are none */
struct live_access {
    char host[256]; /* of the address, without port and brackets; "" is every interface */
    bool loopback;
    atomic_int port; /* known once the listener is up */
    const char *const *names;
    const char *token;       /* NULL: none is set */
    const char *user_header; /* lower case; NULL: no proxy names anybody */
    struct network *proxies;
    size_t n_proxies;
};
/* ERR_LISTEN where the address is open to others and there is no way in. port is set later; proxies live in arena. */
enum err live_access_init(struct live_access *access, const struct live_options *options, struct arena *arena,
                          struct err_text *text);
bool live_host_is_ours(const struct live_access *access, struct slice host);
bool live_origin_is_ours(struct slice origin, struct slice host);
bool live_bearer_is_good(const struct live_access *access, struct slice authorization);
bool live_secret_equal(struct slice a, const char *secret); /* in a time that tells nothing of the secret */
/* Whether the request comes from a proxy of ours, and the name that it gives: borrowed, len 0 if none. One that gives
 * the name twice gives none. */
bool live_from_proxy(const struct live_access *access, const struct serve_request *request);
struct slice live_who(const struct live_access *access, const struct serve_request *request);

/* ---- doors ---- */
struct live_doors;
struct live_doors *live_doors_new(struct live *live); /* starts its thread */
void live_doors_free(struct live_doors *doors);       /* resumes what waits; takes NULL */
/* Whether the cookies hold a session, by what was read within LIVE_DOORS_FRESH_MS. Any thread. */
#define LIVE_DOORS_FRESH_MS 2000
bool live_doors_know(struct live_doors *doors, struct slice cookies);
bool live_doors_may_know(struct slice cookies); /* there is something to look up */
/* Defers the request. Consumes link (len 0: none), begins `session` (len 0: none), reads the store anew, then calls
 * resume on the loop's thread, with how it went. */
typedef void live_door_fn(struct live *live, struct serve_request *request, enum err err, struct slice session);
void live_doors_ask(struct live_doors *doors, struct serve_request *request, struct slice link, struct slice session,
                    live_door_fn *resume);
/* /enter: GET shows a button, POST consumes the link. False: it is another address. */
bool live_enter(struct live *live, struct serve_request *request, struct slice path);

/* JSON for programs; a page with a way on for people's browsers. */
enum live_refusal { LIVE_NOWHERE, LIVE_PAGELESS, LIVE_UNKNOWN, LIVE_WRONG_TOKEN };
void live_refuse(struct serve_request *request, enum live_refusal why);
/* Where a token in the address becomes a session. */
void live_token_redirect(struct live *live, struct serve_request *request, struct slice token);

/* ---- answers ---- */
void live_reply(struct serve_request *request, int status, const char *content_type, struct slice body);
void live_reply_error(struct serve_request *request, int status, enum err err, const char *what);
void live_ticket_reply(struct serve_ticket *ticket, int status, struct slice body);
void live_error_json(struct buf *buf, enum err err, const char *what);
int live_status_of(enum err err);
/* Fields of every answer, in an array of LIVE_FIELDS; two more may be added behind. */
#define LIVE_FIELDS 8
size_t live_fields(struct serve_field fields[LIVE_FIELDS + 2], const char *content_type, const char *cache);
bool live_asset_reply(const struct live *live, struct serve_request *request, struct slice path);

/* ---- the first screen ---- */
/* "/" for the overview, from a store on this machine, for one who is let in: answered with the page and what it would
 * ask for. False: it is another request, or there is nothing to gain. The loop's thread. */
bool live_first_reply(struct live *live, struct serve_request *request);
/* Whether the overview's windows are in memory, so that it takes no reading of a whole day. Any thread. */
bool live_tally_is_kept(struct live *live, const struct live_query *query);

/* ---- windows ---- */
/* Every window of the query's series in its time: final ones, and open ones that are not final yet. each is never
 * called from two threads. filter's kind, name and detail narrow; its time and width come from the query. */
enum err live_windows_read(struct live *live, const struct live_query *query, const struct store_rollup_query *filter,
                           void (*each)(void *ctx, const struct rollup *rollup), void *ctx);

/* ---- groups: windows of one series merged ---- */
struct live_group {
    struct series_key key; /* text in the groups' arena */
    uint64_t hash, events;
    double count, failed;
    int64_t last_ms; /* end of the newest window with something in it */
    struct sketch values;
    struct hll sessions;
    struct live_group *next; /* in the same bucket */
    struct live_group *twin; /* of a page's loads: its route changes, or NULL */
};
#define LIVE_GROUP_BUCKETS 1024
#define LIVE_MAX_GROUPS 5000
struct live_groups {
    struct arena *arena;
    struct live_group *buckets[LIVE_GROUP_BUCKETS];
    size_t n;
    uint64_t left_out; /* windows of series that found no place */
};
void live_groups_init(struct live_groups *groups);
void live_groups_done(struct live_groups *groups);
/* Merges one window into the group of its application, service, kind, name and detail; NULL when there is no place. */
struct live_group *live_groups_add(struct live_groups *groups, const struct rollup *rollup);
/* Merges a group of another table, and its twin; NULL when there is no place. */
struct live_group *live_groups_absorb(struct live_groups *groups, const struct live_group *from);
/* Calls each in descending order of weight(group), at most limit; groups of weight < 0 are left out. Returns how many
 * there were. */
size_t live_groups_top(const struct live_groups *groups, size_t limit, double (*weight)(const struct live_group *),
                       void (*each)(void *ctx, const struct live_group *group), void *ctx);
void live_write_quantiles(struct buf *buf, const struct sketch *values);

/* ---- tally: what the overview shows, from all windows of its time ---- */
/* Where a series stands: the whole service, the whole service for one detail, one page or route. What concerns the
 * whole is taken from the first of them that has something. */
enum live_scope { SCOPE_ALL, SCOPE_DETAIL, SCOPE_ONE, SCOPES };
struct live_tally {
    int64_t from_ms, step_ms, recent_ms; /* windows from recent_ms on count as recent */
    size_t n_points;
    double *points[SERIES_KINDS][SCOPES], *failed_points[SERIES_KINDS][SCOPES]; /* each n_points, in one block */
    double sum[SERIES_KINDS][SCOPES], failed[SERIES_KINDS][SCOPES];
    struct hll sessions, recent;
    struct live_groups groups;
};
enum live_scope live_scope_of(const struct series_key *key);
/* ret_tally is to be given to live_tally_done whatever comes back. */
enum err live_tally_read(struct live *live, const struct live_query *query, struct live_tally *ret_tally);
void live_tally_done(struct live_tally *tally);
/* Frees kept tallies that nobody has asked for in the last minutes; all: every one, once no worker runs any more. */
void live_tally_forget(struct live *live, bool all);

/* ---- the answers ---- */
live_answer_fn live_answer_overview, live_answer_series, live_answer_alerts, live_answer_sessions, live_answer_session,
    live_answer_find, live_answer_errors, live_answer_status, live_answer_deploys, live_answer_detail,
    live_answer_rejects, live_answer_clicks, live_answer_business, live_answer_causes;
void live_write_span(struct buf *buf, const struct live_query *query); /* now, from, to, step */
/* The masked message behind an error code, from its newest document; false when there is none. Remembered. */
bool live_error_name(struct live *live, struct slice code, struct buf *ret_name);

/* A document as a tree, to be given to json_decref; NULL, and counted, when it cannot be read. */
json_t *live_document(struct slice json);
/* Text member of a document (NULL allowed); len 0 when absent. Borrowed from the document. */
struct slice live_member(const json_t *document, const char *name);
double live_member_number(const json_t *document, const char *name); /* NAN when absent */
/* Whether a document (NULL allowed) is of the environment that is asked for, if any is. Stores cannot ask for one. */
bool live_is_of_environment(const struct live_query *query, const json_t *document);
/* Whether a document is of the page, route or call, and the release, browser, device, country and environment that are
 * asked for. */
bool live_passes(const struct live_query *query, const json_t *document);

/* Adds the field "resolved", an error's stack as it stands in the source, where source maps know it. *left_ms is what
 * one answer may still spend on reading maps, at first LIVE_RESOLVE_MS. */
#define LIVE_RESOLVE_MS 200
void live_write_resolved(struct live *live, const json_t *document, int64_t *left_ms, struct buf *buf);

/* ---- shares: with what an error comes ---- */
#define LIVE_SHARED 4      /* releases, browsers, countries, pages */
#define LIVE_MAX_SHARES 32 /* values told apart of each */
#define LIVE_SHARE_BYTES 128
struct live_share {
    char value[LIVE_SHARE_BYTES];
    unsigned n;
    double slice, all; /* of the traffic: in the slice that is read, and the sum of its shares */
};
struct live_shares { /* zero: nothing counted */
    struct live_share found[LIVE_MAX_SHARES];
    size_t n, slices;
};
void live_shares_count(struct live_shares shares[LIVE_SHARED], const json_t *document);
/* Reads how frequent the values are among all events around the n times, newest first, at which the error happened. */
enum err live_shares_hold(struct live *live, const struct live_query *query, const int64_t *times, size_t n,
                          struct live_shares shares[LIVE_SHARED]);
/* of: events counted; sessions: whose they are. */
void live_shares_write(struct buf *buf, struct live_shares shares[LIVE_SHARED], size_t of, size_t sessions);

/* ---- remarks: event/remarks.h ---- */
struct remarks;
live_answer_fn live_change_acknowledge, live_change_silence, live_change_unsilence, live_change_deploys;
/* After a change: tells open pages and whoever tells people, and answers with the id. */
void live_announce(struct live *live, struct buf *buf, const char *id);
/* A text member of a body: not empty, no control characters, shorter than size. */
enum err live_body_text(const json_t *body, const char *name, char *ret_text, size_t size, struct err_text *text);
/* Who changes something: whom a proxy of ours names, else the body's member "by". */
enum err live_body_by(const struct live_query *query, const json_t *body, char ret_by[LIVE_WHO_BYTES + 1],
                      struct err_text *text);
/* To be given to remarks_done whatever comes back. */
enum err live_remarks_get(struct live *live, struct remarks *ret_remarks, uint64_t *ret_version);
/* The fields "acknowledged" and "silence" of one alert; "silences", all that hold. */
void live_write_remarks(struct buf *buf, const struct remarks *remarks, const struct alert *alert, int64_t now_ms);
void live_write_silences(struct buf *buf, const struct remarks *remarks, int64_t now_ms);

/* ---- source maps ---- */
/* The request is `PUT /api/sourcemaps`, and maps are taken. */
bool live_is_upload(const struct live *live, const struct serve_request *request);
void live_upload(struct live *live, struct serve_request *request);

/* ---- audit ---- */
/* Notes in the log who opened whose timeline. The loop's thread. */
void live_audit(struct live *live, struct serve_request *request, const struct live_query *query);

/* ---- the room ---- */
#define LIVE_MAGIC 0x4c697665
#define LIVE_KNOWN_ERRORS 1024
#define LIVE_KEPT_TALLIES 3
#define LIVE_KNOWN_VIEWS 64
struct live_kept_tally {
    bool used;
    uint64_t scope;             /* hash of application, service and environment */
    int64_t until_ms, asked_ms; /* what it covers; when it was last of use, monotonic */
    struct live_tally tally;
};
struct live {
    uint32_t magic;
    struct live_options options; /* strings are copied into the arena */
    struct arena *arena;
    struct live_access access;
    struct serve *serve;
    struct live_jobs *jobs;
    struct live_streams *streams;
    struct live_doors *doors;    /* NULL: nobody needs one, or there is no store */
    _Atomic uint64_t generation; /* of what readers may see; grows */
    atomic_bool stopping;
    struct {
        struct slice path, content_type, bytes;
        char etag[40];
    } * assets;
    size_t n_assets;
    pthread_mutex_t kept_mutex;
    struct live_kept_tally kept[LIVE_KEPT_TALLIES];
    pthread_mutex_t views_mutex;
    struct {
        uint64_t hash;
        int64_t at_ms;         /* monotonic; 0: free */
    } views[LIVE_KNOWN_VIEWS]; /* of timelines, by viewer and subject; a new one takes the oldest one's place */
    pthread_mutex_t names_mutex;
    struct {
        uint64_t hash;
        char *name;
    } names[LIVE_KNOWN_ERRORS]; /* of error codes, by hash; a newer one takes an older one's place */
};

int64_t live_memory_bytes(void); /* of this process; 0 where the system does not say */

#endif
