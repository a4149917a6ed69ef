/* Facts to windows: counts and sketches per series, 10 s and 1 min wide.
 *
 * Two stages, so that any number of instances can share the work; role `rollup` runs the first, role `detect` the
 * second with the detector and the alerts behind it, as all three belong to the owner of a series. Partial (group
 * "rollup", TOPIC_EVENTS): each owner of an events partition folds records into partial windows, drops beacon ids seen
 * in the last minutes, and about once a second publishes the partials and its event-time watermark in one transaction
 * with its position. (The ids are read back from the events themselves after a restart: what lies before the position
 * has been counted.) Merge (group "merge", TOPIC_ROLLUPS): the owner of a series merges the partials of all partitions,
 * closes a window once the smallest watermark has passed its end (or after a stated wait, as incomplete), writes it to
 * the store and hands it to detect. Later events are counted, never merged.
 *
 * Series: service x environment x kind x name x detail; and with the name "*" each service as a whole, by kind, and by
 * kind and detail (vitals only so). A page, route or call counts in the window in which it ended, a vital in that in
 * which it was received, clicks and errors when they happened. */
#ifndef SEISMO_ROLLUP_ROLLUP_H
#define SEISMO_ROLLUP_ROLLUP_H

#include "event/finding.h"
#include "event/record.h"

struct bus;
struct store;
struct rollup_stage;

enum rollup_stages { ROLLUP_BOTH, ROLLUP_PARTIAL, ROLLUP_MERGE };

struct rollup_options {
    enum rollup_stages stages;
    struct bus *bus;
    struct store *store;         /* merge only; may be NULL without it */
    struct window_sink *windows; /* detect, or NULL */
    int flush_ms;                /* how often partials leave: 1000 */
    int close_wait_ms;           /* after the end of a window by the wall clock, when a watermark lags: 30000 */
    int idle_ms;    /* a partition without records lets its watermark follow the wall clock, this far behind: 2000 */
    int dedupe_ms;  /* how long beacon ids are remembered: 600000 */
    int max_series; /* per application; the rare are evicted and counted */
    /* Partitions of series have come; on the merging thread, before the first of their windows. What others may have
     * decided meanwhile is to be learnt here, and made known that this process decides now. False: not possible now,
     * will be asked again. May be NULL. */
    bool (*taken)(void *ctx, const struct ownership *taken, size_t n);
    /* Told once a stage, on its thread, when what a newer release wrote has come, which ends the stage: its group has
     * been left, so that an instance that can read on does. May be NULL. */
    void (*halted)(void *ctx);
    void *ctx;
    int64_t history_ms; /* how much is read back from the store at a start, for windows->window(…, true); 0: 30 min */
};

enum err rollup_start(struct rollup_stage **ret_stage, const struct rollup_options *options, struct err_text *text);
void rollup_halt(struct rollup_stage *stage); /* tells it to stop and waits for nothing; takes NULL */
void rollup_stop(struct rollup_stage *stage); /* flushes, commits; takes NULL */
/* Calls each with every open window of the given width that this instance owns: none without the merge stage. Any
 * thread; holds a lock meanwhile, so be quick. */
void rollup_open_windows(struct rollup_stage *stage, int32_t width_s,
                         void (*each)(void *ctx, const struct rollup *rollup), void *ctx);

/* ---- windows of the past, for sample data: the same facts, the same windows, no bus, no clock, no detection ---- */
struct rollup_replay;
typedef enum err rollup_replay_fn(void *ctx, const struct rollup *rollup);  /* borrowed; what is not ERR_OK ends it */
struct rollup_replay *rollup_replay_new(rollup_replay_fn *each, void *ctx); /* never NULL */
void rollup_replay_free(struct rollup_replay *replay);                      /* takes NULL */
/* No fact of it may belong to a window that was closed. */
void rollup_replay_add(struct rollup_replay *replay, const struct record *record);
/* Gives each window that ends by then. */
enum err rollup_replay_close(struct rollup_replay *replay, int64_t upto_ms);

#endif
