/* A way to tell people: one file a channel, each ending in its ops table; the list is in alerts_send.c. */
#ifndef SEISMO_ALERT_NOTIFIER_INT_H
#define SEISMO_ALERT_NOTIFIER_INT_H

#include "event/alert.h"

struct http_client;

enum notify_result {
    NOTIFY_SENT,
    NOTIFY_RETRY,   /* nothing arrived, as far as one can know: again after a pause */
    NOTIFY_REJECTED /* the other side will never take it */
};

#define NOTIFIER_MAX_BATCH 40 /* changes that one message can carry */
#define NOTIFIER_MAX_BYTES 65536

struct notifier {
    const char *target;   /* where to: an address, a secret */
    const char *live_url; /* base of links, without a slash at the end; "": no links */
    struct http_client *client;
};

struct notifier_ops {
    const char *name; /* "slack" */
    /* The message for 1 to NOTIFIER_MAX_BATCH changes, newest last. Pure. */
    void (*format)(const struct alert *const *alerts, size_t n, const char *live_url, struct buf *buf);
    /* Blocks. *ret_pause_ms: what the other side asked for, -1 if nothing. text says why when it was not sent. */
    enum notify_result (*send)(const struct notifier *notifier, struct slice message, int *ret_pause_ms,
                               struct err_text *text);
};

extern const struct notifier_ops notifier_slack;

#endif
