/* Inside alert: what alerts.c and its thread, alerts_send.c, share. */
#ifndef SEISMO_ALERT_ALERTS_THREAD_H
#define SEISMO_ALERT_ALERTS_THREAD_H

#include "alert/alerts_int.h"

struct alerts {
    struct finding_sink sink;
    struct alerts_options options;
    char *webhook, *live_url;
    const struct notifier_ops *notifier; /* NULL: nobody is told */
    uint64_t owner;                      /* of claims; drawn at start */
    pthread_t thread;

    pthread_mutex_t mutex; /* all below */
    pthread_cond_t wake;   /* the thread */
    pthread_cond_t kept;   /* those that wait in alerts_own */
    struct book book;
    size_t book_bytes; /* when last written */
    bool is_dirty;     /* the store has an older book */
    bool has_changed;  /* `changed` is owed */
    bool is_closing;
    int64_t closing_ms, touched_ms; /* by the steady clock */
};

void *alerts_run(void *alerts);

#endif
