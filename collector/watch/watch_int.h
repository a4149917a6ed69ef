/* Inside watch: what is judged (judge.c) apart from where it comes from (watch.c). */
#ifndef SEISMO_WATCH_WATCH_INT_H
#define SEISMO_WATCH_WATCH_INT_H

#include "base/err.h"
#include "watch/watch.h"

/* Read at one moment. Counters since the start. */
struct figures {
    int64_t now_ms; /* by the steady clock */
    int64_t lag, spool_age_s, spool_bytes;
    bool is_away; /* the store takes nothing */
    int64_t sent, failed;
    int64_t accepted, rejected, wrong_clock; /* events */
};

/* One cause. It goes well -> bad -> firing -> mending -> well; a relapse goes one step back. */
struct state {
    bool is_firing;
    bool is_told_well;         /* since the start: an alert of the process before ours is over too */
    int64_t bad_ms, well_ms;   /* since when; 0: it is not */
    double observed, expected; /* the worst while it fires; the limit */
};

#define STEPS 60

struct judge {
    struct watch_limits limits;
    struct state states[WATCH_CAUSES];
    struct figures steps[STEPS]; /* a ring over for_ms, from which shares are made */
    int n_steps, at;
    int64_t sent, failed, failing_ms, away_ms; /* telling: as last seen, and since when; store: since when */
};

enum verdict { VERDICT_SAME, VERDICT_FIRING, VERDICT_OVER };

void judge_init(struct judge *judge, const struct watch_limits *limits);
/* To be called at each look. Fills what each cause does now: FIRING each time while it fires, OVER once. */
void judge_look(struct judge *judge, const struct figures *figures, enum verdict ret_verdicts[WATCH_CAUSES]);

extern const char *const watch_cause_names[WATCH_CAUSES];
extern const enum err watch_cause_codes[WATCH_CAUSES];

#endif
