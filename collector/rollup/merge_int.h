/* Inside stage two: merge.c reads and merges, merge_close.c closes, stores and commits. */
#ifndef SEISMO_ROLLUP_MERGE_INT_H
#define SEISMO_ROLLUP_MERGE_INT_H

#include "base/clock.h"
#include "base/metric.h"
#include "rollup/rollup_int.h"

#define HISTORY_FINE_MS 300000
#define MAX_OPEN 200000 /* windows of one partition; past it the oldest close as they are */

struct merge_source {
    int64_t watermark_ms;
    int64_t moved_ms; /* by the steady clock */
};

/* That windows are about to be closed, kept in the state before the first of them is written. */
struct merge_intent {
    bool is_set;
    int64_t upto_ms;    /* those that end by then, */
    int64_t next;       /* made of the records before this one, */
    int64_t reached_ms; /* and incomplete when they end after this */
};

/* Invariants: committed <= next; every open window ends after closed_ms and its first_position >= committed. */
struct merge_part {
    int32_t partition;
    int64_t next;         /* behind the newest record that was merged */
    int64_t committed;    /* where the next owner begins */
    int64_t committed_at; /* when that was put, by the steady clock */
    int64_t reread_until; /* records before it were merged before the restart: what they bring late was counted */
    int64_t closed_ms;    /* all windows that end by then are final */
    int64_t reached_ms;   /* the smallest watermark of all sources */
    uint64_t version;     /* of the state */
    uint64_t epoch;       /* how many owners there were, with this one */
    bool has_state, is_fenced;
    bool is_fresh;      /* nobody was told of it yet */
    bool needs_history; /* others have closed windows since we last saw it */
    struct merge_intent intent;
    struct merge_source *sources; /* by partition of events */
    size_t n_sources;
    struct windows open;
};

struct merge {
    struct rollup_stage *stage;
    struct bus_cursor *cursor;
    pthread_t thread;
    pthread_mutex_t mutex; /* parts and their open windows: the live page looks at them */
    struct merge_part **parts;
    size_t n_parts;
    uint64_t *left_epochs; /* by partition, of those that went: what our own epoch was */
    size_t n_partitions;
    uint64_t owner; /* this process, for states; drawn at start */
    struct series_table *series;
    int64_t trouble_ms, decayed_ms; /* by the steady clock; trouble_ms 0: never */
    int64_t told_ms;                /* the watermark that the window_sink has */
    int64_t looked_ms, calm_ms; /* by the steady clock: last look at the bus; since when it is calm (merge_mind_calm) */
    struct believed believed;
    int64_t published_ms; /* of the newest record, by the bus */
    bool is_caught_up, halted, is_running;
};

/* Fills a fresh part from the store; ERR_OK with has_state = false when there is none. */
enum err merge_state_load(struct merge *merge, struct merge_part *part);
/* Makes the partition ours: whoever believes to own it still fails at the next put. ERR_CONFLICT: another one was
 * faster; load and try again. */
enum err merge_state_claim(struct merge *merge, struct merge_part *part);
/* Closes what an owner of before wanted to close, when all that it had read is read; nothing else closes before. False:
 * fenced, or not possible now. */
bool merge_close_intended(struct merge *merge, struct merge_part *part);
/* Waiting for a source counts only while we run, the bus answers, and what it has is read: call often. */
void merge_mind_calm(struct merge *merge);
/* When the clock was far ahead and is right again, time begins anew here: by what was said then, all that comes would
 * be late for as long. Windows of times that are yet to come, by our clock and by a shared bus's, are dropped and
 * counted. */
void merge_mind_clock(struct merge *merge, struct merge_part *part);
/* Closes what can be closed in every part, stores it, commits, tells the window_sink. False: fenced. */
bool merge_close(struct merge *merge);

#endif
