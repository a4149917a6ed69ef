/* What the public listener has seen of each origin, and what follows from it when a page's beacons do not arrive.
 *
 * A bounded table: 64 origins, each with when and how often it gave each sign. Not every fault can be seen from here:
 * a script that a page forbids is never asked for. What the agent cannot post it tells by asking for its own file
 * again with ?why=. Any thread; made before the listener and freed after all who ask. */
#ifndef SEISMO_INGEST_DIAGNOSIS_H
#define SEISMO_INGEST_DIAGNOSIS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum sign {
    SIGN_SCRIPT,       /* the agent's file was asked for */
    SIGN_SCRIPT_CORS,  /* the same by a tag with crossorigin, through a proxy: its answer may lack what that needs */
    SIGN_PREFLIGHT,    /* answered well */
    SIGN_ACCEPTED,     /* beacons */
    SIGN_REPEATED,     /* one that had been accepted already: its answer was not heard */
    SIGN_SKEWED,       /* one by a clock that is minutes off */
    SIGN_KEY,          /* refused: none or unknown */
    SIGN_SERVICE,      /* refused: not of the key's application */
    SIGN_ORIGIN,       /* refused: not of the key's application */
    SIGN_TOLD_CSP,     /* the agent was forbidden to post by the page's policy */
    SIGN_TOLD_FAILED,  /* its posts get no answer */
    SIGN_TOLD_SAMPLED, /* its session is not in the share that is kept */
    SIGNS
};

struct diagnosis;
struct diagnosis *diagnosis_new(void);
void diagnosis_free(struct diagnosis *diagnosis); /* takes NULL */
/* origin "": the request names none. Times are clock_mono_ms's. Takes NULL. */
void diagnosis_note(struct diagnosis *diagnosis, enum sign sign, struct slice origin, int64_t now_ms);
/* The reason of a refusal as a sign; nothing when it is none of these. Takes NULL. */
void diagnosis_refused(struct diagnosis *diagnosis, enum err err, struct slice origin, int64_t now_ms);
/* offset_ms: what the beacon's times were corrected by. Skipped while another thread notes: causes, not counts. */
void diagnosis_accepted(struct diagnosis *diagnosis, struct slice origin, struct slice beacon, int64_t offset_ms,
                        int64_t now_ms);
/* "csp", "net" or "rate" of ?why=; false for anything else. */
bool diagnosis_sign_of(struct slice why, enum sign *ret_sign);
/* Adds "scripts", "beacons" and "findings" to an object that is open: the surest finding first. url: where browsers
 * reach the public listener, key: one that is right; both for what is to be pasted. */
void diagnosis_write(struct diagnosis *diagnosis, const char *url, const char *key, int64_t now_ms, int64_t wall_ms,
                     struct buf *buf);

#endif
