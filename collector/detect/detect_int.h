/* Inside detect, in the order of a window's way:
 *
 *   detect.c    the sink: windows are collected, judged at a watermark
 *   service.c   a service's errors against all that its users did
 *   table.c     all series, bounded
 *   history.c   what is known of a series
 *   compare.c   two samples
 *   assess.c    a series' newest windows against its usual
 *   learn.c     which windows may be learnt as usual
 *   machine.c   what opens, goes on and closes
 *
 * docs/detection.md has the reasoning in words. One thread owns all of it. */
#ifndef SEISMO_DETECT_DETECT_INT_H
#define SEISMO_DETECT_DETECT_INT_H

#include "detect/detect.h"

#define FINE_MS 10000
#define BLOCKS 10    /* the baseline's parts; the oldest leaves as a whole */
#define LONG_SPANS 3 /* the long judgement looks at that many open_ms */
#define NEVER INT64_MIN
#define WEAK_Z 3.0
#define EVERY_NAME SLICE("*")

/* ---- compare.c ---- */

/* Windows of one series added up. */
struct sample {
    struct sketch values;
    double events, count, failed; /* raw number; weighted; weighted */
    struct hll sessions;
    struct heavy busiest, failing;
    int64_t first_ms, end_ms; /* from the first window's start to the last one's end; first > end while empty */
};
void sample_init(struct sample *sample);
void sample_done(struct sample *sample);
void sample_add(struct sample *sample, const struct sample *from);
void sample_add_window(struct sample *sample, const struct rollup *rollup);

struct verdict {
    double z;     /* how surprising, in standard deviations; negative: better than usual */
    double ratio; /* how many times worse */
    double share; /* the effect in shares over its gate: 1 and more is large enough */
    double observed, expected;
};
/* Requests above the usual p50, p75 and p90, against the usual shares. Both samples have values. alone: what one
 * session does counts too; else as many of the slowest are left out as the busiest session has sent. */
struct verdict compare_latency(const struct sample *now, const struct sample *usual, bool alone);
/* Failed ones, against the usual share; gate: what the share must be times the usual. Without alone the failed ones of
 * the session that has most of them are left out. */
struct verdict compare_errors(const struct sample *now, const struct sample *usual, double gate, bool alone);
/* Signed root of the deviance of k of n against a share that n_usual events have told. */
double binomial_z(double k, double n, double share, double n_usual);

/* ---- history.c ---- */

struct recent {
    struct sample sample; /* one fine window */
    bool tainted;         /* slow, or inside an alert: not to be learnt from */
};
struct block {
    int64_t number; /* its time over the width of a block */
    struct sample sample;
};
struct interval {
    int64_t from_ms, to_ms;
};

#define MAX_EXCLUDED 8

struct history {
    struct recent *recents; /* oldest first */
    size_t n_recents, max_recents;
    struct block blocks[BLOCKS + 1];
    size_t n_blocks;
    int64_t block_ms, keep_ms, span_ms; /* width; how old blocks may get; how long windows stay recent */
    int64_t last_end_ms;
    struct interval excluded[MAX_EXCLUDED]; /* alerts of before a restart */
    size_t n_excluded;
};
void history_init(struct history *history, int64_t keep_ms, int64_t span_ms);
void history_done(struct history *history);
/* False: not newer than the last one. frozen: the baseline's old blocks stay. */
bool history_add(struct history *history, const struct rollup *rollup, bool frozen);
/* Straight into the baseline, unless it was excluded. */
void history_learn(struct history *history, const struct rollup *rollup);
void history_exclude(struct history *history, int64_t from_ms, int64_t to_ms);
struct recent *history_newest(struct history *history); /* NULL while there is none */
/* All fine windows that start in [from, to), into an empty sample. */
void history_pool(const struct history *history, int64_t from_ms, int64_t to_ms, struct sample *ret_sample);
/* All that is usual and starts before `before_ms`, into an empty sample. */
void history_usual(const struct history *history, int64_t before_ms, struct sample *ret_sample);

struct detect;

/* ---- table.c: all series, bounded ---- */

enum { LATENCY, ERRORS, MACHINES };

/* What was seen when a series was last judged. */
struct assessment {
    int64_t at_ms; /* NEVER: not yet */
    bool judged;   /* there was history and there were events */
    bool strong, weak, young;
    struct verdict verdict;
    int64_t since_ms; /* of a strong one */
    int32_t history_s;
};

/* One kind of trouble of one series. */
struct machine {
    bool firing, is_restored; /* restored: opened before a restart, `expected` is all that is known */
    int64_t since_ms, opened_ms, last_bad_ms, suspect_since_ms, strong_since_ms;
    double worst, expected, events;
    struct hll sessions;
    bool young;
    int32_t history_s;
    double spread; /* how much wider than independent events the series swings; 1 … 3 */
    struct assessment assessment;
};

struct series {
    struct series *chain;
    uint64_t hash;
    struct series_key key; /* text stands behind it */
    struct history history;
    struct machine machines[MACHINES];
    int64_t seen_ms;   /* by windows' ends */
    int64_t judged_ms; /* windows that end by then were judged */
    bool is_dirty;
    char text[];
};

struct table {
    struct series **slots, **list; /* list: dense, for drawing and walking */
    size_t n_slots, n, max;
    uint64_t random;
};
void table_init(struct table *table, size_t max);
void table_done(struct table *table);
struct series *table_find(const struct table *table, const struct series_key *key);
/* Made when missing; at the bound the longest unseen of a few drawn at random gives way, unless it is firing: then
 * NULL.
 */
struct series *table_get(struct table *table, const struct series_key *key, int64_t keep_ms, int64_t span_ms);

static inline bool series_has_machine(const struct series *series, int kind)
{
    if (kind == ERRORS)
        return series->key.kind == SERIES_API || series->key.kind == SERIES_ERROR;
    return series->key.kind == SERIES_PAGE || series->key.kind == SERIES_ROUTE || series->key.kind == SERIES_API;
}

/* ---- service.c ---- */

#define MAX_PENDING 8 /* windows of a service that wait for all their kinds */
struct service {
    struct series_key key; /* of kind error; its text is `text` */
    char *text;
    struct rollup pending[MAX_PENDING]; /* keys unused */
    size_t n_pending;
    bool is_history[MAX_PENDING];
};
void service_add(struct detect *detect, const struct rollup *rollup, bool history);
void service_release(struct detect *detect, int64_t watermark_ms); /* what is complete by then becomes a window */
void service_free(struct service *service);

/* ---- detect.c ---- */

struct detect {
    struct window_sink sink;
    struct detect_options options;
    struct finding_sink *findings;
    struct table table;
    struct series **dirty; /* have windows that were not judged */
    size_t n_dirty, max_dirty;
    struct service **services;
    size_t n_services;
    int64_t watermark_ms; /* NEVER: none yet */
    struct metric *judged;
};
struct series *detect_series(struct detect *detect, const struct series_key *key); /* made when missing; or NULL */
struct series *detect_parent(const struct detect *detect,
                             const struct series *series); /* the whole of a part; or NULL */
void detect_take(struct detect *detect, struct series *series, const struct rollup *rollup, bool history);

/* ---- assess.c ---- */

/* The newest span_ms of a series, and what is usual before them. */
struct view {
    struct sample now, usual;
    int64_t from_ms, to_ms;
};
void view_init(struct view *view, const struct series *series, int64_t span_ms);
void view_done(struct view *view);
/* Leaves in the machine what is seen now, and since when. */
void assess_series(const struct detect *detect, struct series *series, int kind, const struct view *view);
/* Where more than one session is asked for, the busiest one is left out. False: one of them has nothing to compare. */
bool assess_compare(const struct detect *detect, int kind, const struct sample *now, const struct sample *usual,
                    struct verdict *ret_verdict);
double assess_weak_ratio(const struct detect *detect);

/* ---- learn.c ---- */

bool series_is_firing(const struct series *series);                               /* takes NULL */
bool learn_is_accepted(const struct detect *detect, const struct series *series); /* takes NULL */
/* Looks at the windows that were not judged yet, each by itself: was it bad; may it be learnt? */
void learn_windows(const struct detect *detect, struct series *series, const struct sample *usual);
void learn_not_from(struct series *series, int64_t from_ms);

/* ---- machine.c ---- */

void machine_try_open(struct detect *detect, struct series *series, int kind);
void machine_go_on(struct detect *detect, struct series *series, int kind);
/* Nothing came at all for long enough: what was slow is not being used, and an alert would stay for ever. */
void machine_close_silent(struct detect *detect, int64_t watermark_ms);

#endif
