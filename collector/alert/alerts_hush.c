/* Silences, as alert keeps them: what one covers is not told while it holds, and told once it is over and the alert
 * still fires.
 *
 * The remarks are the live page's, maybe that of another process, so they are read from the store: before each telling
 * in any case, and from time to time for the end of one. An alert under a silence is marked in the book, so that its
 * end is noticed after a restart too, and only by the owner of the series, so that it is told once. */
#include "alert/alerts_thread.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/store.h"

#define LOOK_MS 10000

bool hush_read(struct alerts *alerts)
{
    struct buf bytes;
    struct remarks remarks;
    uint64_t version;
    buf_init(&bytes, STORE_STATE_BYTES);
    enum err err = store_state_get(alerts->options.store, REMARKS_KEY, &bytes, &version);
    remarks_init(&remarks);
    if (err == ERR_OK)
        err = remarks_read(buf_slice(&bytes), &remarks);
    else if (err == ERR_MISSING)
        err = ERR_OK;
    buf_done(&bytes);
    alerts->looked_ms = clock_mono_ms();
    if (err != ERR_OK) {
        log_warn("alert", err, "the silences cannot be read: nothing is told until they can");
        return false;
    }
    remarks_done(&alerts->remarks);
    alerts->remarks = remarks;
    return true;
}

static void leave_untold(struct alerts *alerts, struct entry *entry)
{
    METRIC_ADD("seismo_alerts_silenced_total", "changes of alerts that were not told because of a silence", 1);
    entry->todo &= (uint8_t)~TODO_TELL;
    alerts->is_dirty = true;
    if (!entry->todo)
        book_finish(&alerts->book, &alerts->book.outbox, entry);
}

static void tell_again(struct alerts *alerts, const struct entry *firing)
{
    struct entry *change = entries_find(&alerts->book.outbox, firing->alert.id, ALERT_FIRING);
    if (!change && alerts->book.outbox.n < MAX_OUTBOX) {
        change = entry_new(&firing->alert);
        change->is_mine = true;
        entries_add(&alerts->book.outbox, change);
    }
    if (change)
        change->todo |= TODO_TELL;
}

/* Lock held. */
static void mark(struct alerts *alerts, int64_t now_ms)
{
    for (size_t i = 0; i < alerts->book.firing.n; i++) {
        struct entry *entry = alerts->book.firing.list[i];
        bool is_silent = remarks_silence_of(&alerts->remarks, &entry->alert, now_ms);
        if (is_silent == entry->is_hushed ||
            book_is_anothers(&alerts->book, &entry->alert, alerts->owner, alerts->options.n_partitions))
            continue;
        entry->is_hushed = is_silent;
        alerts->is_dirty = true;
        if (!is_silent)
            tell_again(alerts, entry);
    }
}

void hush_apply(struct alerts *alerts)
{
    int64_t now_ms = clock_wall_ms();
    if (!alerts->notifier)
        return;
    pthread_mutex_lock(&alerts->mutex);
    mark(alerts, now_ms);
    for (size_t i = alerts->book.outbox.n; i-- > 0;) {
        struct entry *entry = alerts->book.outbox.list[i];
        if (entry->todo & TODO_TELL && remarks_silence_of(&alerts->remarks, &entry->alert, now_ms))
            leave_untold(alerts, entry);
    }
    pthread_mutex_unlock(&alerts->mutex);
}

int64_t hush_next(const struct alerts *alerts)
{
    int64_t wall_ms = clock_wall_ms(), end_ms = remarks_next_end(&alerts->remarks, wall_ms);
    if (!alerts->notifier || alerts->book.firing.n == 0)
        return INT64_MAX;
    int64_t look_ms = alerts->looked_ms + LOOK_MS;
    if (end_ms != INT64_MAX && clock_mono_ms() + end_ms - wall_ms < look_ms)
        look_ms = clock_mono_ms() + end_ms - wall_ms;
    return alerts->must_look ? 0 : look_ms;
}

void hush_look(struct alerts *alerts)
{
    pthread_mutex_lock(&alerts->mutex);
    bool is_due = hush_next(alerts) <= clock_mono_ms();
    alerts->must_look = false;
    pthread_mutex_unlock(&alerts->mutex);
    if (is_due)
        hush_read(alerts);
    hush_apply(alerts);
}

void alerts_look(struct alerts *alerts)
{
    pthread_mutex_lock(&alerts->mutex);
    alerts->must_look = true;
    pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->mutex);
}
