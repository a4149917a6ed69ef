/* Findings to alerts. A finding only changes the book in memory, under the lock, and never waits; the thread of
 * alerts_send.c keeps the book in the store and does what its outbox asks for, in that order. A crash before the book
 * was kept loses nothing that was told: detect says the same again after the restart. */
#include "alert/alerts_thread.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/store.h"

#define TOUCH_MS 30000 /* how often mere progress of an alert is kept */

static struct metric *state_metric(enum alert_state state)
{
    return metric_get(METRIC_COUNTER, "seismo_alerts_total", "state", alert_state_name(state),
                      "alerts that opened or were resolved");
}

static void make_id(struct alert *alert)
{
    struct buf text;
    char hex[16];
    const struct series_key *key = &alert->key;
    buf_init(&text, 65536);
    buf_u8(&text, (uint8_t)alert->kind);
    buf_u8(&text, (uint8_t)key->kind);
    buf_string(&text, key->application);
    buf_string(&text, key->service);
    buf_string(&text, key->environment);
    buf_string(&text, key->name);
    buf_string(&text, key->detail);
    buf_u64(&text, (uint64_t)alert->opened_ms);
    hash_hex(buf_slice(&text), hex, 12);
    memcpy(alert->id, "A-", 2);
    memcpy(alert->id + 2, hex, 13);
    buf_done(&text);
}

static void take_numbers(struct alert *alert, const struct finding *finding)
{
    if (isfinite(finding->observed))
        alert->observed = fmax(alert->observed, finding->observed);
    if (isfinite(finding->sessions))
        alert->sessions = fmax(alert->sessions, finding->sessions);
    if (isfinite(finding->events))
        alert->events = fmax(alert->events, finding->events);
}

static void add_change(struct alerts *alerts, const struct alert *alert, bool tell)
{
    struct entry *change = entry_new(alert);
    change->todo = TODO_STORE | (alerts->options.bus ? TODO_BUS : 0) | (tell ? TODO_TELL : 0);
    change->is_mine = true;
    entries_add(&alerts->book.outbox, change);
    metric_add(state_metric(alert->state), 1);
    alerts->is_dirty = alerts->has_changed = true;
}

static bool has_room(const struct alerts *alerts)
{
    int most = alerts->options.max_firing;
    return alerts->book.firing.n < (size_t)(most > 0 && most < MAX_FIRING ? most : MAX_FIRING) &&
           alerts->book.outbox.n < MAX_OUTBOX && alerts->book_bytes < BOOK_BYTES;
}

/* That messages do not arrive cannot be said by such a message: once one arrives it is not true any more. */
static bool is_about_telling(const struct alert *alert)
{
    return alert->kind == ALERT_SELF && slice_is(alert->key.name, "telling");
}

static void open_alert(struct alerts *alerts, const struct finding *finding)
{
    if (!has_room(alerts)) {
        METRIC_ADD("seismo_alerts_suppressed_total", "findings that made no alert because too many were firing", 1);
        return;
    }
    struct alert alert = {.kind = finding->kind,
                          .state = ALERT_FIRING,
                          .key = finding->key,
                          .since_ms = finding->since_ms,
                          .opened_ms = clock_wall_ms(),
                          .expected = isfinite(finding->expected) ? finding->expected : 0,
                          .young = finding->young,
                          .history_s = finding->history_s};
    take_numbers(&alert, finding);
    make_id(&alert);
    struct entry *entry = entry_new(&alert);
    entry->is_mine = true;
    entries_add(&alerts->book.firing, entry);
    add_change(alerts, &alert, alerts->notifier && !is_about_telling(&alert));
}

static void go_on(struct alerts *alerts, struct entry *entry, const struct finding *finding)
{
    take_numbers(&entry->alert, finding);
    entry->is_mine = true;
    if (clock_mono_ms() - alerts->touched_ms < TOUCH_MS)
        return;
    alerts->touched_ms = clock_mono_ms();
    alerts->is_dirty = true;
}

/* An alert that nobody was told of is not told as over either. One that is being told right now may still have been:
 * its end then waits to see (alerts_send.c). */
static bool must_tell_end(struct alerts *alerts, const struct entry *entry)
{
    struct entry *opening = entries_find(&alerts->book.outbox, entry->alert.id, ALERT_FIRING);
    if (!opening || !(opening->todo & TODO_TELL))
        return entry->announced && alerts->notifier;
    if (opening->claimed_until_ms > clock_wall_ms())
        return true;
    opening->todo &= (uint8_t)~TODO_TELL;
    METRIC_ADD("seismo_alerts_untold_total", "alerts that were over before they could be told", 1);
    return false;
}

static void resolve_alert(struct alerts *alerts, struct entry *entry, const struct finding *finding)
{
    struct alert over = entry->alert;
    over.state = ALERT_RESOLVED;
    /* By the data; the store tells the two documents of an alert apart by their times. */
    over.resolved_ms = finding->at_ms > over.opened_ms ? finding->at_ms : over.opened_ms + 1;
    if (finding->observed == 0)
        over.observed = 0; /* no more calls: nothing is known of how it is now */
    add_change(alerts, &over, must_tell_end(alerts, entry));
    book_finish(&alerts->book, &alerts->book.firing, entry);
}

static void take_finding(struct finding_sink *sink, const struct finding *finding)
{
    struct alerts *alerts = (struct alerts *)sink;
    pthread_mutex_lock(&alerts->mutex);
    struct entry *entry = book_find_firing(&alerts->book, finding->kind, &finding->key);
    if (finding->state == ALERT_RESOLVED && entry)
        resolve_alert(alerts, entry, finding);
    else if (finding->state == ALERT_FIRING && entry)
        go_on(alerts, entry, finding);
    else if (finding->state == ALERT_FIRING)
        open_alert(alerts, finding);
    if (alerts->is_dirty)
        pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->mutex);
}

/* ---- opening and closing ---- */

/* Where nobody is to be told any more, nothing waits for it. */
static void drop_telling(struct book *book)
{
    for (size_t i = book->outbox.n; i-- > 0;) {
        struct entry *entry = book->outbox.list[i];
        entry->todo &= (uint8_t)~TODO_TELL;
        if (!entry->todo)
            book_finish(book, &book->outbox, entry);
    }
}

/* A store that is away now is asked again by the thread: its put then meets a conflict and reads what there is. */
static enum err load(struct alerts *alerts, struct err_text *text)
{
    struct buf bytes;
    uint64_t version = 0;
    buf_init(&bytes, STORE_STATE_BYTES);
    /* One that is known to be away would only hold up the start. */
    enum err err = store_is_ready(alerts->options.store)
                       ? store_state_get(alerts->options.store, ALERTS_KEY, &bytes, &version)
                       : ERR_AGAIN;
    if (err == ERR_OK) {
        err = book_read(buf_slice(&bytes), &alerts->book);
        if (err != ERR_OK)
            err_set(text, err, "alerts: the state '" ALERTS_KEY "' of the store: %s", err_sentence(err));
        alerts->book.version = version;
        alerts->book_bytes = bytes.len;
        if (!alerts->notifier)
            drop_telling(&alerts->book);
    } else if (err == ERR_MISSING) {
        err = ERR_OK;
    } else {
        log_warn("alert", err, "the alerts of before cannot be read yet");
        err = ERR_OK;
    }
    buf_done(&bytes);
    return err;
}

static char *without_slash(const char *url)
{
    char *copy = strdup(url ? url : "");
    if (!copy)
        abort();
    for (size_t n = strlen(copy); n && copy[n - 1] == '/'; n--)
        copy[n - 1] = '\0';
    return copy;
}

static void start(struct alerts *alerts)
{
    pthread_condattr_t steady;
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_mutex_init(&alerts->mutex, NULL);
    pthread_cond_init(&alerts->wake, &steady);
    pthread_cond_init(&alerts->kept, &steady);
    pthread_condattr_destroy(&steady);
    hash_random(&alerts->owner, sizeof alerts->owner);
    alerts->touched_ms = clock_mono_ms();
    alerts->must_look = true;
    state_metric(ALERT_FIRING);
    state_metric(ALERT_RESOLVED);
    if (pthread_create(&alerts->thread, NULL, alerts_run, alerts))
        abort();
}

static void release(struct alerts *alerts)
{
    book_done(&alerts->book);
    remarks_done(&alerts->remarks);
    free(alerts->webhook);
    free(alerts->live_url);
    free(alerts);
}

enum err alerts_open(struct alerts **ret_alerts, const struct alerts_options *options, struct err_text *text)
{
    struct alerts *alerts = calloc(1, sizeof *alerts);
    if (!alerts)
        abort();
    alerts->sink.finding = take_finding;
    alerts->options = *options;
    book_init(&alerts->book);
    alerts->live_url = without_slash(options->live_url);
    if (options->slack_webhook && *options->slack_webhook) {
        alerts->notifier = &notifier_slack;
        alerts->webhook = strdup(options->slack_webhook);
    }
    enum err err = load(alerts, text);
    if (err != ERR_OK) {
        release(alerts);
        return err;
    }
    start(alerts);
    *ret_alerts = alerts;
    return ERR_OK;
}

struct finding_sink *alerts_sink(struct alerts *alerts)
{
    return &alerts->sink;
}

void alerts_close(struct alerts *alerts, int deadline_ms)
{
    if (!alerts)
        return;
    pthread_mutex_lock(&alerts->mutex);
    alerts->closing_ms = clock_mono_ms() + deadline_ms;
    alerts->is_closing = true;
    pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->mutex);
    pthread_join(alerts->thread, NULL);
    pthread_mutex_destroy(&alerts->mutex);
    pthread_cond_destroy(&alerts->wake);
    pthread_cond_destroy(&alerts->kept);
    release(alerts);
}
