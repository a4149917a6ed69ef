/* What `seismo demo` fills in: the visits of a made-up shop, the same ones at each call but for the hour of the day. */
#ifndef SEISMO_SAMPLE_H
#define SEISMO_SAMPLE_H

#include "base/buf.h"

#define SAMPLE_MS 86400000
#define SAMPLE_SESSIONS 1700  /* unless more are asked for; about */
#define SAMPLE_HOLD_MS 180000 /* no beacon comes as late as that after its first event */

/* A page that somebody looked at: one beacon, sent when it is left. */
struct sample_visit {
    int64_t at_ms, left_ms;
    uint32_t session;
    uint16_t page; /* which of the session */
    bool is_incident;
    bool is_new_release;
    uint32_t user; /* two in five sessions say who they are of */
};

/* About so many sessions, their visits ordered by the time at which they are left, none after now_ms. The caller frees
 * it: 40 bytes a visit, three or four visits a session. */
struct sample_visit *sample_plan(int64_t now_ms, uint32_t sessions, size_t *ret_n);
/* The beacon as a browser would send it. */
void sample_beacon(const struct sample_visit *visit, struct buf *body);
/* Of the session's browser; static. */
const char *sample_user_agent(const struct sample_visit *visit);
const char *sample_country(const struct sample_visit *visit);

#endif
