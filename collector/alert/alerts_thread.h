/* Inside alert: what alerts.c and its thread, alerts_send.c, share. */
#ifndef SEISMO_ALERT_ALERTS_THREAD_H
#define SEISMO_ALERT_ALERTS_THREAD_H

#include "alert/alerts_int.h"
#include "event/remarks.h"

struct alerts {
    struct finding_sink sink;
    struct alerts_options options;
    char *webhook, *live_url;
    const struct notifier_ops *notifier; /* NULL: nobody is told */
    uint64_t owner;                      /* of claims; drawn at start */
    pthread_t thread;
    struct remarks remarks; /* as last read; the thread's */
    int64_t looked_ms;      /* when that was; the thread's; by the steady clock */

    pthread_mutex_t mutex; /* all below */
    pthread_cond_t wake;   /* the thread */
    pthread_cond_t kept;   /* those that wait in alerts_own */
    struct book book;
    size_t book_bytes; /* when last written */
    bool is_dirty;     /* the store has an older book */
    bool has_changed;  /* `changed` is owed */
    bool cannot_file;  /* the last try to store a change failed */
    bool is_closing;
    bool must_look;                 /* the remarks have changed */
    int64_t closing_ms, touched_ms; /* by the steady clock */
};

void *alerts_run(void *alerts);

/* ---- alerts_hush.c; the thread ---- */
bool hush_read(struct alerts *alerts);  /* the silences of now; false: they cannot be read, so nothing may be told */
void hush_apply(struct alerts *alerts); /* takes the duty to tell from what is silenced, gives it back at the end */
void hush_look(struct alerts *alerts);  /* both, when it is time for it */
int64_t hush_next(const struct alerts *alerts); /* when that is, by the steady clock; lock held */

#endif
