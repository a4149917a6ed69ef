/* The thread that does what the book asks for. One round:
 *
 *   1. keep the book in the store (compare-and-set), when it is dirty;
 *   2. store and publish the changes that the store's book knows of, tell the live page;
 *   3. claim the changes to be told, which are stored by then unless that fails, keep the book, POST one message, mark
 *      what was told, keep the book. Only what the kept book says is claimed by us is POSTed, and only while the claim
 *      is young: a process that was stopped in between leaves it to whoever claims next.
 *
 * While the store is away, nothing of that happens, but for what is about Seismo itself and was decided here: nobody
 * else knows of it, so it is told without a claim.
 *
 * What is under a silence (alerts_hush.c) is not told. A crash before 3's POST sends it after the restart, once the
 * claim has run out; one after the POST and before the mark sends it twice: that window cannot be closed with a
 * receiver that does not know what it has received. */
#include "alert/alerts_thread.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus.h"
#include "http/http.h"
#include "store/store.h"

#define POST_TIMEOUT_MS 10000
#define CLAIM_YOUNG_MS 5000 /* with the POST's own time well within CLAIM_MS */
#define BASE_PAUSE_MS 500
#define CAP_PAUSE_MS 60000
#define COALESCE 3 /* that many that wait become one message, and any number after a refusal for now */
#define IDLE_MS 60000

/* What only the thread knows. */
struct round {
    struct alerts *alerts;
    struct http_client *client;
    int64_t tell_at_ms, keep_at_ms; /* not before; by the steady clock */
    int tell_attempts, keep_attempts;
    bool cannot_look; /* the silences could not be read */
};

/* ---- 1. keeping ---- */

static bool read_theirs(struct alerts *alerts)
{
    struct buf bytes;
    struct book theirs;
    uint64_t version = 0;
    buf_init(&bytes, STORE_STATE_BYTES);
    enum err err = store_state_get(alerts->options.store, ALERTS_KEY, &bytes, &version);
    if (err == ERR_OK)
        err = book_read(buf_slice(&bytes), &theirs);
    else if (err == ERR_MISSING)
        book_init(&theirs), err = ERR_OK;
    buf_done(&bytes);
    if (err != ERR_OK) {
        log_warn("alert", err, "the alerts in the store cannot be read");
        return false;
    }
    theirs.version = version;
    pthread_mutex_lock(&alerts->mutex);
    book_merge(&alerts->book, &theirs, alerts->owner, alerts->options.n_partitions);
    pthread_mutex_unlock(&alerts->mutex);
    /* what was taken over left NULL behind */
    book_done(&theirs);
    return true;
}

static enum err put_once(struct alerts *alerts)
{
    struct buf bytes;
    uint64_t version = 0;
    buf_init(&bytes, STORE_STATE_BYTES);
    pthread_mutex_lock(&alerts->mutex);
    uint64_t base = alerts->book.version;
    book_write(&alerts->book, &bytes);
    alerts->book_bytes = bytes.len;
    alerts->is_dirty = false;
    pthread_mutex_unlock(&alerts->mutex);
    enum err err = buf_failed(&bytes)
                       ? ERR_TOO_LARGE
                       : store_state_put(alerts->options.store, ALERTS_KEY, buf_slice(&bytes), base, &version);
    pthread_mutex_lock(&alerts->mutex);
    if (err == ERR_OK && !alerts->is_dirty)
        book_kept(&alerts->book, version);
    else if (err == ERR_OK)
        alerts->book.version = version; /* changed meanwhile: another put follows before anything is done */
    else
        alerts->is_dirty = true;
    pthread_cond_broadcast(&alerts->kept);
    pthread_mutex_unlock(&alerts->mutex);
    buf_done(&bytes);
    return err;
}

static bool is_dirty(struct alerts *alerts)
{
    pthread_mutex_lock(&alerts->mutex);
    bool dirty = alerts->is_dirty;
    pthread_mutex_unlock(&alerts->mutex);
    return dirty;
}

/* Whether the store has the book as it is. */
static bool keep(struct round *round)
{
    for (int conflicts = 0; is_dirty(round->alerts) && conflicts < 10;) {
        enum err err = put_once(round->alerts);
        if (err == ERR_CONFLICT && read_theirs(round->alerts)) {
            conflicts++;
        } else if (err != ERR_OK) {
            log_warn("alert", err, "the alerts cannot be kept; trying again");
            round->keep_at_ms =
                clock_mono_ms() + http_backoff_ms(round->keep_attempts++, BASE_PAUSE_MS, CAP_PAUSE_MS / 4, -1);
            return false;
        }
    }
    round->keep_attempts = 0;
    return !is_dirty(round->alerts);
}

/* ---- 2. storing and publishing ---- */

/* The first change that still wants one of `wanted`, as a copy that outlives the lock. */
static struct entry *copy_next(struct alerts *alerts, uint8_t wanted)
{
    struct entry *copy = NULL;
    pthread_mutex_lock(&alerts->mutex);
    for (size_t i = 0; i < alerts->book.outbox.n; i++) {
        const struct entry *entry = alerts->book.outbox.list[i];
        if (!entry->is_kept || !(entry->todo & wanted))
            continue;
        copy = entry_new(&entry->alert);
        copy->todo = entry->todo;
        break;
    }
    pthread_mutex_unlock(&alerts->mutex);
    return copy;
}

/* Forgets a duty; with the last one the change leaves the book. Lock held. */
static void done_with(struct alerts *alerts, struct entry *entry, uint8_t duty)
{
    entry->todo &= (uint8_t)~duty;
    alerts->is_dirty = true;
    if (!entry->todo)
        book_finish(&alerts->book, &alerts->book.outbox, entry);
}

static void mark_done(struct alerts *alerts, const struct entry *copy, uint8_t duty)
{
    pthread_mutex_lock(&alerts->mutex);
    struct entry *entry = entries_find(&alerts->book.outbox, copy->alert.id, copy->alert.state);
    if (entry)
        done_with(alerts, entry, duty);
    pthread_mutex_unlock(&alerts->mutex);
}

static void refused(void *ctx, const struct store_item *item, int event, const char *reason)
{
    (void)ctx;
    (void)item;
    (void)event;
    METRIC_ADD("seismo_alerts_refused_total", "alerts that the store refused for good", 1);
    log_warn("alert", ERR_STORE_WRITE, "an alert was refused: %s", reason);
}

static enum err file_one(struct alerts *alerts, const struct entry *copy)
{
    struct buf bytes;
    enum err err = ERR_OK;
    buf_init(&bytes, 65536);
    alert_write(&copy->alert, &bytes);
    if (copy->todo & TODO_STORE) {
        struct store_item item = {.kind = STORE_ALERT, .value = buf_slice(&bytes)};
        err = store_write(alerts->options.store, &item, 1, "alert", NULL, 0, refused, alerts);
        if (err == ERR_OK)
            mark_done(alerts, copy, TODO_STORE);
    }
    if (err == ERR_OK && copy->todo & TODO_BUS) {
        struct bus_message message = {.topic = TOPIC_ALERTS, .key = 0, .value = buf_slice(&bytes)};
        err = alerts->options.bus ? bus_publish_wait(alerts->options.bus, &message, 1) : ERR_OK;
        if (err == ERR_OK)
            mark_done(alerts, copy, TODO_BUS);
    }
    buf_done(&bytes);
    return err;
}

static bool file_all(struct round *round)
{
    struct entry *copy;
    while ((copy = copy_next(round->alerts, TODO_STORE | TODO_BUS))) {
        enum err err = file_one(round->alerts, copy);
        entry_free(copy);
        round->alerts->cannot_file = err != ERR_OK;
        if (err != ERR_OK) {
            log_warn("alert", err, "an alert cannot be stored or published; trying again");
            round->keep_at_ms =
                clock_mono_ms() + http_backoff_ms(round->keep_attempts++, BASE_PAUSE_MS, CAP_PAUSE_MS / 4, -1);
            return false;
        }
    }
    return true;
}

static void tell_page(struct alerts *alerts)
{
    pthread_mutex_lock(&alerts->mutex);
    bool owed = alerts->has_changed;
    alerts->has_changed = false;
    pthread_mutex_unlock(&alerts->mutex);
    if (owed && alerts->options.changed)
        alerts->options.changed(alerts->options.ctx);
}

/* ---- 3. telling ---- */

struct batch_of_changes {
    struct entry *copies[NOTIFIER_MAX_BATCH];
    size_t n;
};

static void batch_done(struct batch_of_changes *batch)
{
    for (size_t i = 0; i < batch->n; i++)
        entry_free(batch->copies[i]);
    batch->n = 0;
}

/* The end of an alert waits until its beginning was told. */
static bool waits_for_opening(const struct alerts *alerts, const struct entry *entry)
{
    const struct entry *opening =
        entry->alert.state == ALERT_RESOLVED ? entries_find(&alerts->book.outbox, entry->alert.id, ALERT_FIRING) : NULL;
    return opening && opening->todo & TODO_TELL;
}

/* How long somebody else's claim still holds. A clock that jumped does not make it longer than a claim can be. */
static int64_t claimed_for(const struct alerts *alerts, const struct entry *entry)
{
    int64_t left_ms = entry->claimed_until_ms - clock_wall_ms();
    return entry->claimed_by == alerts->owner || left_ms > CLAIM_MS || left_ms < 0 ? 0 : left_ms;
}

static bool wants_telling(const struct alerts *alerts, const struct entry *entry)
{
    return alerts->notifier && entry->todo & TODO_TELL && !waits_for_opening(alerts, entry);
}

/* Who follows the message's link should find in the store what it says; but a store that takes no alerts now does not
 * keep people from hearing of them. */
static bool may_claim(const struct alerts *alerts, const struct entry *entry)
{
    return entry->is_kept && wants_telling(alerts, entry) && claimed_for(alerts, entry) == 0 &&
           (!(entry->todo & TODO_STORE) || alerts->cannot_file);
}

static bool has_to_tell(struct alerts *alerts)
{
    bool has = false;
    pthread_mutex_lock(&alerts->mutex);
    for (size_t i = 0; i < alerts->book.outbox.n && !has; i++)
        has = may_claim(alerts, alerts->book.outbox.list[i]);
    pthread_mutex_unlock(&alerts->mutex);
    return has;
}

/* Takes the oldest; all that wait when there are many, or when the receiver has asked for patience. */
static void claim(struct round *round, struct batch_of_changes *batch)
{
    struct alerts *alerts = round->alerts;
    int64_t now_ms = clock_wall_ms();
    size_t waiting = 0;
    pthread_mutex_lock(&alerts->mutex);
    for (size_t i = 0; i < alerts->book.outbox.n; i++)
        waiting += may_claim(alerts, alerts->book.outbox.list[i]);
    size_t most = round->tell_attempts || waiting > COALESCE ? NOTIFIER_MAX_BATCH : 1;
    for (size_t i = 0; i < alerts->book.outbox.n && batch->n < most; i++) {
        struct entry *entry = alerts->book.outbox.list[i];
        if (!may_claim(alerts, entry))
            continue;
        entry->claimed_by = alerts->owner;
        entry->claimed_until_ms = now_ms + CLAIM_MS;
        batch->copies[batch->n++] = entry_new(&entry->alert);
        alerts->is_dirty = true;
    }
    pthread_mutex_unlock(&alerts->mutex);
}

/* Somebody else may have been faster with a claim, or with the telling. */
static void drop_unclaimed(struct alerts *alerts, struct batch_of_changes *batch)
{
    size_t kept = 0;
    pthread_mutex_lock(&alerts->mutex);
    for (size_t i = 0; i < batch->n; i++) {
        const struct entry *entry =
            entries_find(&alerts->book.outbox, batch->copies[i]->alert.id, batch->copies[i]->alert.state);
        if (entry && entry->todo & TODO_TELL && entry->claimed_by == alerts->owner)
            batch->copies[kept++] = batch->copies[i];
        else
            entry_free(batch->copies[i]);
    }
    batch->n = kept;
    pthread_mutex_unlock(&alerts->mutex);
}

static void mark_told(struct alerts *alerts, const struct entry *copy, enum notify_result result)
{
    struct entry *change = entries_find(&alerts->book.outbox, copy->alert.id, copy->alert.state);
    struct entry *firing = entries_find(&alerts->book.firing, copy->alert.id, ALERT_FIRING);
    struct entry *end = entries_find(&alerts->book.outbox, copy->alert.id, ALERT_RESOLVED);
    if (firing && result == NOTIFY_SENT)
        firing->announced = true;
    if (change && result == NOTIFY_RETRY)
        change->claimed_until_ms = 0;
    else if (change)
        done_with(alerts, change, TODO_TELL);
    /* It was over while it was being told, and the telling failed: then neither is told. */
    if (copy->alert.state == ALERT_FIRING && result != NOTIFY_SENT && end && end->todo & TODO_TELL) {
        if (change && result == NOTIFY_RETRY)
            done_with(alerts, change, TODO_TELL);
        done_with(alerts, end, TODO_TELL);
    }
    alerts->is_dirty = true;
}

static enum notify_result post(struct round *round, const struct batch_of_changes *batch)
{
    struct alerts *alerts = round->alerts;
    const struct alert *list[NOTIFIER_MAX_BATCH];
    const struct notifier notifier = {alerts->webhook, alerts->live_url, round->client};
    struct buf message;
    struct err_text text = {""};
    int pause_ms = -1;
    for (size_t i = 0; i < batch->n; i++)
        list[i] = &batch->copies[i]->alert;
    buf_init(&message, NOTIFIER_MAX_BYTES);
    alerts->notifier->format(list, batch->n, alerts->live_url, &message);
    enum notify_result result = buf_failed(&message)
                                    ? NOTIFY_REJECTED
                                    : alerts->notifier->send(&notifier, buf_slice(&message), &pause_ms, &text);
    buf_done(&message);
    if (result == NOTIFY_RETRY) {
        round->tell_at_ms =
            clock_mono_ms() + http_backoff_ms(round->tell_attempts++, BASE_PAUSE_MS, CAP_PAUSE_MS, pause_ms);
        log_warn("alert", ERR_NOTIFY_RETRY, "%s", text.at);
    } else if (result == NOTIFY_REJECTED) {
        log_error("alert", ERR_NOTIFY, "%s; %zu changes are not told", text.at, batch->n);
    }
    return result;
}

static struct metric *told_metric(const char *result)
{
    return metric_get(METRIC_COUNTER, "seismo_notifications_total", "result", result,
                      "messages to people: sent, retry, rejected");
}

/* Writes down what has become of them. */
static void conclude(struct round *round, struct batch_of_changes *batch, enum notify_result result)
{
    static const char *const names[] = {
        [NOTIFY_SENT] = "sent", [NOTIFY_RETRY] = "retry", [NOTIFY_REJECTED] = "rejected"};
    struct alerts *alerts = round->alerts;
    metric_add(told_metric(names[result]), 1);
    if (result != NOTIFY_RETRY)
        round->tell_attempts = 0;
    pthread_mutex_lock(&alerts->mutex);
    for (size_t i = 0; i < batch->n; i++)
        mark_told(alerts, batch->copies[i], result);
    pthread_mutex_unlock(&alerts->mutex);
    batch_done(batch);
}

/* Whether there may be more to tell at once. */
static bool tell(struct round *round)
{
    struct alerts *alerts = round->alerts;
    struct batch_of_changes batch = {.n = 0};
    if (!alerts->notifier || clock_mono_ms() < round->tell_at_ms)
        return false;
    if (!has_to_tell(alerts))
        return false;
    round->cannot_look = !hush_read(alerts);
    if (round->cannot_look) {
        round->tell_at_ms = clock_mono_ms() + http_backoff_ms(round->tell_attempts++, BASE_PAUSE_MS, CAP_PAUSE_MS, -1);
        return false;
    }
    hush_apply(alerts);
    int64_t claimed_ms = clock_mono_ms();
    claim(round, &batch);
    if (batch.n == 0)
        return false;
    if (!keep(round)) { /* the claim is not durable: somebody else might be telling the same */
        batch_done(&batch);
        return false;
    }
    drop_unclaimed(alerts, &batch);
    if (batch.n == 0 || clock_mono_ms() - claimed_ms > CLAIM_YOUNG_MS) {
        batch_done(&batch);
        return true;
    }
    enum notify_result result = post(round, &batch);
    conclude(round, &batch, result);
    keep(round);
    return result != NOTIFY_RETRY;
}

/* ---- without the store ---- */

/* Lock held. */
static bool may_tell_alone(const struct alerts *alerts, const struct entry *entry)
{
    return entry->alert.kind == ALERT_SELF && entry->is_mine && wants_telling(alerts, entry);
}

static void take_alone(struct alerts *alerts, struct batch_of_changes *batch)
{
    pthread_mutex_lock(&alerts->mutex);
    for (size_t i = 0; i < alerts->book.outbox.n && batch->n < NOTIFIER_MAX_BATCH; i++)
        if (may_tell_alone(alerts, alerts->book.outbox.list[i]))
            batch->copies[batch->n++] = entry_new(&alerts->book.outbox.list[i]->alert);
    pthread_mutex_unlock(&alerts->mutex);
}

/* The silences are those last read. */
static void tell_alone(struct round *round)
{
    struct alerts *alerts = round->alerts;
    struct batch_of_changes batch = {.n = 0};
    if (!alerts->notifier || clock_mono_ms() < round->tell_at_ms)
        return;
    hush_apply(alerts);
    take_alone(alerts, &batch);
    if (batch.n)
        conclude(round, &batch, post(round, &batch));
}

/* ---- the thread ---- */

/* What somebody else has claimed and may not finish is looked at again when the claim has run out. */
static int64_t next_time(const struct round *round)
{
    const struct alerts *alerts = round->alerts;
    int64_t now_ms = clock_mono_ms(), at_ms = now_ms + IDLE_MS;
    if (alerts->is_dirty)
        at_ms = round->keep_at_ms;
    if (hush_next(alerts) < at_ms)
        at_ms = hush_next(alerts);
    for (size_t i = 0; i < alerts->book.outbox.n; i++) {
        const struct entry *entry = alerts->book.outbox.list[i];
        int64_t due_ms = at_ms;
        if ((alerts->is_dirty || round->cannot_look) && may_tell_alone(alerts, entry))
            due_ms = round->tell_at_ms;
        else if (entry->todo & (TODO_STORE | TODO_BUS))
            due_ms = round->keep_at_ms;
        else if (wants_telling(alerts, entry) && claimed_for(alerts, entry))
            due_ms = now_ms + claimed_for(alerts, entry);
        else if (wants_telling(alerts, entry))
            due_ms = round->tell_at_ms;
        if (due_ms < at_ms)
            at_ms = due_ms;
    }
    return at_ms;
}

/* Nothing is left, or nothing that can be done before the deadline. */
static bool is_over(const struct round *round)
{
    const struct alerts *alerts = round->alerts;
    bool has_more = alerts->is_dirty || alerts->book.outbox.n;
    return alerts->is_closing &&
           (!has_more || clock_mono_ms() >= alerts->closing_ms || next_time(round) > alerts->closing_ms);
}

/* Until there is something to do. False: it is over. */
static bool await(struct round *round)
{
    struct alerts *alerts = round->alerts;
    pthread_mutex_lock(&alerts->mutex);
    int64_t at_ms;
    while (!is_over(round) && (at_ms = next_time(round)) > clock_mono_ms()) {
        struct timespec until = {at_ms / 1000, at_ms % 1000 * 1000000L};
        pthread_cond_timedwait(&alerts->wake, &alerts->mutex, &until);
    }
    bool over = is_over(round);
    pthread_mutex_unlock(&alerts->mutex);
    return !over;
}

void *alerts_run(void *ctx)
{
    struct alerts *alerts = ctx;
    const struct http_options options = {
        .connect_timeout_ms = POST_TIMEOUT_MS / 2, .timeout_ms = POST_TIMEOUT_MS, .max_response = 65536};
    struct round round = {.alerts = alerts, .client = http_client_new(&options)};
    do {
        round.cannot_look = false;
        hush_look(alerts);
        bool kept = keep(&round);
        if (kept && file_all(&round))
            keep(&round);
        tell_page(alerts);
        while (kept && tell(&round))
            ;
        if (!kept || round.cannot_look)
            tell_alone(&round);
    } while (await(&round));
    http_client_free(round.client);
    return NULL;
}
