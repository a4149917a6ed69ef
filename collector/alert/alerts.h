/* Findings to alerts: opened once, kept over restarts, told to people, resolved once.
 *
 * A finding_sink with a thread of its own for sending. State lives in the store under "alerts" with compare-and-set:
 * what was decided and not yet sent survives kill -9 and is sent after the restart; what was sent is not sent again.
 *
 * Alerts about Seismo itself (ALERT_SELF) are each decided by the one process that they are about, so they need
 * nobody's consent: while the store is away they are told without it, and then a kill may have one told twice. */
#ifndef SEISMO_ALERT_ALERTS_H
#define SEISMO_ALERT_ALERTS_H

#include "event/finding.h"

struct bus;
struct store;
struct alerts;

struct alerts_options {
    struct store *store;
    struct bus *bus;           /* each change also goes to TOPIC_ALERTS; may be NULL */
    const char *slack_webhook; /* NULL or "": none; a secret */
    const char *live_url;      /* base of links in messages: "http://127.0.0.1:8081" */
    int max_firing;            /* at once; more are counted, not told */
    int n_partitions;          /* of series, for alerts_own; 0: nobody else decides about any */
    /* Told on any change of state, on some thread of ours; may be NULL: live page. */
    void (*changed)(void *ctx);
    void *ctx;
};

enum err alerts_open(struct alerts **ret_alerts, const struct alerts_options *options, struct err_text *text);
struct finding_sink *alerts_sink(struct alerts *alerts);
/* These series are decided about by this process from now on. Waits, at most wait_ms, until the store's book says so
 * and what others have decided is known here. False: not yet, ask again. For the thread that findings come on. */
bool alerts_own(struct alerts *alerts, const struct ownership *taken, size_t n, int wait_ms);
/* Silences have changed in the store: heeded at once and not only at the next telling. Any thread. */
void alerts_look(struct alerts *alerts);
void alerts_close(struct alerts *alerts, int deadline_ms); /* takes NULL */

#endif
