/* Which way a published message goes: to librdkafka, or into the spool.
 *
 * A lane is one topic's messages in the order in which they were taken. In DIRECT they go to librdkafka, in waves: the
 * first at once, those that come meanwhile when it is confirmed, all together (a batch costs far more than a message).
 * Never two waves at a time: with more requests under way than one connection may have, and more to send, librdkafka
 * polls without sleeping until the broker answers; its own linger.ms does so for the last part of a millisecond. When
 * one has no delivery report after spool_after_ms, when one fails, when the brokers are known to be down or three
 * quarters of max_pending_bytes are under way, the lane is HELD: new ones wait in it while librdkafka lets go of those
 * that it has (it is told to, rd_kafka_purge), and then all of them, oldest first, go into the spool. From then on the
 * lane is SPOOLED: what comes goes behind what the spool has. bus_kafka_drain.c brings it back.
 *
 * Guarantees
 *  1. A message is called durable by its delivery report or by the spool's commit, whichever is its way, and once.
 *  2. A value is given back to its owner only when librdkafka has let go of it.
 *  3. Within a partition no message overtakes another on its first way to Kafka, but one that Kafka refuses, by an
 *     error that librdkafka does not try again (no permission): those that had left behind it may arrive before it,
 *     those that had not wait for it. Holding each back until all before it are confirmed would cost a round trip a
 *     batch, always.
 *  4. A message that was taken from librdkafka may have arrived all the same and then comes a second time: ids make
 *     that harmless. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_int.h"

#define SLAB 256
#define TEND_MS 100
#define HELD_TEND_MS 5
#define GRACE_MS 200 /* after one has failed, the others' reports are awaited that long */
#define PURGE_AGAIN_MS 50

/* ---- memory: no malloc a message ---- */

struct slab {
    struct slab *next;
    struct kafka_sent sent[SLAB];
};

struct kafka_sent *kafka_sent_new(struct kafka_bus *bus)
{
    if (!bus->free) {
        struct slab *slab = malloc(sizeof *slab);
        if (!slab)
            abort();
        slab->next = bus->slabs;
        bus->slabs = slab;
        for (size_t i = 0; i < SLAB; i++) {
            slab->sent[i].next = bus->free;
            bus->free = &slab->sent[i];
        }
    }
    struct kafka_sent *sent = bus->free;
    bus->free = sent->next;
    return sent;
}

void kafka_sent_free(struct kafka_bus *bus, struct kafka_sent *sent)
{
    sent->next = bus->free;
    bus->free = sent;
}

void kafka_lane_free(struct kafka_bus *bus)
{
    for (struct slab *slab = bus->slabs, *next; slab; slab = next) {
        next = slab->next;
        free(slab);
    }
}

static struct kafka_lane *lane_of(const struct kafka_sent *sent)
{
    return &sent->bus->lanes[sent->message.topic];
}

static size_t cost(const struct bus_message *message)
{
    return message->value.len + KAFKA_MESSAGE_COST;
}

static void append(struct kafka_lane *lane, struct kafka_sent *sent)
{
    sent->previous = lane->last;
    sent->next = NULL;
    *(lane->last ? &lane->last->next : &lane->first) = sent;
    lane->last = sent;
    sent->is_listed = true;
    atomic_fetch_add(&sent->bus->pending_bytes, cost(&sent->message));
}

static void take_out(struct kafka_lane *lane, struct kafka_sent *sent)
{
    *(sent->previous ? &sent->previous->next : &lane->first) = sent->next;
    *(sent->next ? &sent->next->previous : &lane->last) = sent->previous;
    sent->is_listed = false;
    atomic_fetch_sub(&sent->bus->pending_bytes, cost(&sent->message));
    if (!lane->first && atomic_load(&sent->bus->closing))
        pthread_cond_broadcast(&sent->bus->settled);
}

/* ---- modes; all under the mutex ---- */

static void hold(struct kafka_bus *bus, struct kafka_lane *lane, int64_t purge_at_ms)
{
    if (!bus->spool || lane->mode == KAFKA_SPOOLED)
        return;
    if (lane->mode != KAFKA_HELD || purge_at_ms < lane->purge_at_ms)
        lane->purge_at_ms = purge_at_ms;
    if (lane->mode == KAFKA_DIRECT) {
        METRIC_ADD("seismo_spool_turns_total", "times that a topic's records began to go to the spool", 1);
        lane->must_ask = true;
    }
    lane->mode = KAFKA_HELD;
    lane->gathered = NULL; /* they wait with the others now */
}

void kafka_lane_hold_all(struct kafka_bus *bus)
{
    for (int t = 0; t < TOPIC_COUNT; t++)
        hold(bus, &bus->lanes[t], clock_mono_ms());
}

void kafka_lane_go_direct(struct kafka_bus *bus, struct kafka_lane *lane)
{
    lane->mode = KAFKA_DIRECT;
    lane->spooled_ms = 0;
    for (struct kafka_sent *sent = lane->first; sent && lane->mode == KAFKA_DIRECT; sent = sent->next) {
        sent->steady_ms = clock_mono_ms(); /* its patience begins now */
        sent->is_out = true;
        lane->n_out++;
        if (kafka_produce(bus, sent)) {
            sent->is_out = false;
            lane->n_out--;
            hold(bus, lane, clock_mono_ms() + GRACE_MS);
        }
    }
}

bool kafka_lane_is_idle(const struct kafka_bus *bus)
{
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (bus->lanes[t].first || bus->lanes[t].n_spooling)
            return false;
    }
    return true;
}

/* ---- publishing ---- */

/* librdkafka did not take it. With a spool it goes there in its turn; without one it is the caller's again. */
static enum err not_taken(struct kafka_bus *bus, struct kafka_sent *sent, rd_kafka_resp_err_t code)
{
    struct kafka_lane *lane = lane_of(sent);
    enum err err = ERR_OK;
    pthread_mutex_lock(&bus->mutex);
    sent->is_out = false;
    lane->n_out--;
    if (bus->spool) {
        hold(bus, lane, clock_mono_ms() + GRACE_MS);
    } else {
        take_out(lane, sent);
        kafka_sent_free(bus, sent);
        err = code == RD_KAFKA_RESP_ERR__QUEUE_FULL || code == RD_KAFKA_RESP_ERR__FATAL ? ERR_AGAIN : kafka_err(code);
    }
    pthread_mutex_unlock(&bus->mutex);
    return err;
}

/* Where it goes, decided under the mutex: into the spool, to librdkafka, or to wait in its lane. */
static enum err enlist(struct kafka_bus *bus, struct kafka_lane *lane, struct kafka_sent *sent)
{
    size_t bytes = cost(&sent->message), pending = atomic_load(&bus->pending_bytes) + bytes;
    if (atomic_load(&bus->closing))
        return ERR_CLOSED;
    if (lane->mode == KAFKA_SPOOLED) {
        lane->n_spooling++;
        if (!lane->spooled_ms)
            lane->spooled_ms = sent->wall_ms;
        return ERR_OK;
    }
    if (pending > bus->max_pending_bytes || (atomic_load(&bus->fatal) && !bus->spool))
        return ERR_AGAIN;
    if (lane->mode == KAFKA_DIRECT && pending > bus->max_pending_bytes / 4 * 3)
        hold(bus, lane, sent->steady_ms);
    append(lane, sent);
    if (lane->mode != KAFKA_DIRECT)
        return ERR_OK;
    sent->is_out = !lane->n_out && !lane->gathered;
    if (sent->is_out)
        lane->n_out = 1;
    else if (!lane->gathered) /* the last report of the wave before wakes who sends them */
        lane->gathered = sent;
    return ERR_OK;
}

static void not_spooled(struct kafka_bus *bus, struct kafka_sent *sent)
{
    free(sent->wrapped);
    pthread_mutex_lock(&bus->mutex);
    lane_of(sent)->n_spooling--;
    kafka_sent_free(bus, sent);
    pthread_cond_broadcast(&bus->settled);
    pthread_mutex_unlock(&bus->mutex);
}

enum err kafka_publish(struct bus *front, const struct bus_message *message, bus_done_fn *done, void *ctx)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    struct kafka_lane *lane = &bus->lanes[message->topic];
    int64_t wall_ms = clock_wall_ms(), steady_ms = clock_mono_ms();
    pthread_mutex_lock(&bus->mutex);
    struct kafka_sent *sent = kafka_sent_new(bus);
    *sent = (struct kafka_sent){
        .bus = bus, .message = *message, .done = done, .ctx = ctx, .wall_ms = wall_ms, .steady_ms = steady_ms};
    enum err err = enlist(bus, lane, sent);
    if (err)
        kafka_sent_free(bus, sent);
    bool is_listed = sent->is_listed, is_out = sent->is_out;
    pthread_mutex_unlock(&bus->mutex);
    if (err)
        return err;
    if (!is_listed) {
        if ((err = kafka_spool_add(bus, sent)))
            not_spooled(bus, sent);
        return err;
    }
    rd_kafka_resp_err_t code = is_out ? kafka_produce(bus, sent) : RD_KAFKA_RESP_ERR_NO_ERROR;
    return code ? not_taken(bus, sent, code) : ERR_OK;
}

/* ---- what became of them ---- */

/* Nothing else will become of it: it arrived, or no second try would help, or there is no spool. */
static bool is_final(const struct kafka_bus *bus, enum err result)
{
    return result == ERR_OK || result == ERR_TOO_LARGE || !bus->spool;
}

static void say_failure(const rd_kafka_message_t *message, enum err result)
{
    if (result == ERR_BUS_WRITE)
        METRIC_ADD("seismo_bus_undelivered_total", "records that the bus did not take in time", 1);
    if (result != ERR_CLOSED)
        log_warn("bus", result, "kafka: %s did not take a record: %s", rd_kafka_topic_name(message->rkt),
                 rd_kafka_err2str(message->err));
}

/* Under the mutex. True: `done` is to be told the result. */
static bool settle_one(struct kafka_bus *bus, struct kafka_sent *sent, enum err result)
{
    if (!sent->is_listed) /* the drain's */
        return true;
    struct kafka_lane *lane = lane_of(sent);
    sent->is_out = false;
    lane->n_out--;
    if (is_final(bus, result)) {
        take_out(lane, sent);
        return true;
    }
    hold(bus, lane, clock_mono_ms() + GRACE_MS);
    return false;
}

void kafka_lane_settle(struct kafka_bus *bus, const rd_kafka_message_t *const *messages, size_t n)
{
    bool is_told[KAFKA_DRAIN_RECORDS], well = false;
    for (size_t i = 0; i < n; i++) {
        well = well || !messages[i]->err;
        if (messages[i]->err)
            say_failure(messages[i], kafka_err(messages[i]->err));
    }
    if (well && atomic_load(&bus->down_since_ms))
        atomic_store(&bus->down_since_ms, 0);
    pthread_mutex_lock(&bus->mutex);
    for (size_t i = 0; i < n; i++)
        is_told[i] = settle_one(bus, messages[i]->_private, kafka_err(messages[i]->err));
    pthread_mutex_unlock(&bus->mutex);
    for (size_t i = 0; i < n; i++) {
        struct kafka_sent *sent = messages[i]->_private;
        if (is_told[i])
            sent->done(sent->ctx, kafka_err(messages[i]->err));
    }
    pthread_mutex_lock(&bus->mutex);
    for (size_t i = 0; i < n; i++) {
        if (is_told[i])
            kafka_sent_free(bus, messages[i]->_private);
    }
    pthread_mutex_unlock(&bus->mutex);
}

/* ---- the next wave ---- */

/* Marks what waits as out and returns its first; NULL: nothing waits, or not yet. */
static struct kafka_sent *take_wave(struct kafka_bus *bus, struct kafka_lane *lane, struct kafka_sent **ret_last)
{
    struct kafka_sent *first = NULL;
    pthread_mutex_lock(&bus->mutex);
    if (lane->gathered && !lane->n_out && !atomic_load(&bus->fatal)) {
        first = lane->gathered;
        *ret_last = lane->last;
        for (struct kafka_sent *sent = first; sent; sent = sent->next) {
            sent->is_out = true;
            lane->n_out++;
        }
        lane->gathered = NULL;
    }
    pthread_mutex_unlock(&bus->mutex);
    return first;
}

/* They wait again, behind one that librdkafka did not take; the lane is HELD. */
static void put_back(struct kafka_bus *bus, struct kafka_sent *first, const struct kafka_sent *last)
{
    pthread_mutex_lock(&bus->mutex);
    for (struct kafka_sent *sent = first; sent; sent = sent == last ? NULL : sent->next) {
        sent->is_out = false;
        lane_of(sent)->n_out--;
    }
    pthread_mutex_unlock(&bus->mutex);
}

/* What librdkafka has made of them is asked by this thread only: until then they stand in the lane. */
static void send_wave(struct kafka_bus *bus, struct kafka_sent *first, const struct kafka_sent *last)
{
    for (struct kafka_sent *sent = first, *next; sent; sent = next) {
        next = sent == last ? NULL : sent->next;
        bus_done_fn *done = sent->done;
        void *ctx = sent->ctx;
        rd_kafka_resp_err_t code = kafka_produce(bus, sent);
        if (!code)
            continue;
        enum err err = not_taken(bus, sent, code);
        if (err) /* its owner was told that it is taken */
            done(ctx, err == ERR_AGAIN ? ERR_BUS_WRITE : err);
        if (bus->spool) {
            put_back(bus, next, last);
            return;
        }
    }
}

void kafka_lane_send_gathered(struct kafka_bus *bus)
{
    for (int t = 0; t < TOPIC_COUNT; t++) {
        struct kafka_sent *last = NULL, *first = take_wave(bus, &bus->lanes[t], &last);
        if (first)
            send_wave(bus, first, last);
    }
}

/* ---- from DIRECT to SPOOLED ---- */

/* All that the lane holds, on its way into the spool; NULL: it holds nothing, and is SPOOLED from now on. */
static struct kafka_sent *take_held(struct kafka_bus *bus, struct kafka_lane *lane)
{
    pthread_mutex_lock(&bus->mutex);
    struct kafka_sent *first = lane->first;
    for (struct kafka_sent *sent = first; sent; sent = sent->next) {
        sent->is_listed = false;
        lane->n_spooling++;
        atomic_fetch_sub(&bus->pending_bytes, cost(&sent->message));
    }
    if (first && (!lane->spooled_ms || first->wall_ms < lane->spooled_ms))
        lane->spooled_ms = first->wall_ms;
    lane->first = lane->last = NULL;
    if (!first) {
        lane->mode = KAFKA_SPOOLED;
        pthread_cond_signal(&bus->drain_work);
        pthread_cond_broadcast(&bus->settled);
    }
    pthread_mutex_unlock(&bus->mutex);
    return first;
}

/* The spool's writer may be busy with those before it: waits for its turn. */
static void add_in_turn(struct kafka_bus *bus, struct kafka_sent *sent)
{
    bus_done_fn *done = sent->done;
    void *ctx = sent->ctx;
    enum err err;
    while ((err = kafka_spool_add(bus, sent)) == ERR_AGAIN)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    if (!err)
        return;
    not_spooled(bus, sent);
    done(ctx, err);
}

static void hand_over(struct kafka_bus *bus, struct kafka_lane *lane)
{
    for (struct kafka_sent *sent; (sent = take_held(bus, lane));) {
        while (sent) {
            struct kafka_sent *next = sent->next;
            add_in_turn(bus, sent);
            sent = next;
        }
    }
}

static bool is_late(const struct kafka_bus *bus, const struct kafka_lane *lane, int64_t now_ms)
{
    return (lane->mode == KAFKA_DIRECT || lane->mode == KAFKA_RETURNING) && lane->first &&
           now_ms - lane->first->steady_ms >= bus->spool_after_ms;
}

int kafka_lane_tend(struct kafka_bus *bus)
{
    int64_t now_ms = clock_mono_ms();
    bool purge = false, hand[TOPIC_COUNT] = {false};
    int wait_ms = TEND_MS;
    pthread_mutex_lock(&bus->mutex);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        struct kafka_lane *lane = &bus->lanes[t];
        if (bus->spool && is_late(bus, lane, now_ms)) {
            log_warn("bus", ERR_BUS_WRITE, "kafka has not answered for %d ms: %s go to the spool", bus->spool_after_ms,
                     topic_name((enum topic)t));
            hold(bus, lane, now_ms);
        }
        if (lane->mode != KAFKA_HELD)
            continue;
        wait_ms = HELD_TEND_MS;
        hand[t] = lane->n_out == 0;
        purge = purge || (lane->n_out && now_ms >= lane->purge_at_ms);
    }
    pthread_mutex_unlock(&bus->mutex);
    if (purge && now_ms - bus->purged_ms >= PURGE_AGAIN_MS) {
        rd_kafka_purge(bus->producer,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        bus->purged_ms = now_ms;
    }
    for (int t = 0; t < TOPIC_COUNT; t++) {
        if (hand[t])
            hand_over(bus, &bus->lanes[t]);
    }
    return wait_ms;
}

int64_t kafka_oldest_waiting_ms(struct bus *front)
{
    struct kafka_bus *bus = (struct kafka_bus *)front;
    int64_t oldest_ms = 0;
    pthread_mutex_lock(&bus->mutex);
    for (int t = 0; t < TOPIC_COUNT; t++) {
        const struct kafka_lane *lane = &bus->lanes[t];
        int64_t ms = lane->spooled_ms ? lane->spooled_ms : lane->first ? lane->first->wall_ms : 0;
        if (ms && (!oldest_ms || ms < oldest_ms))
            oldest_ms = ms;
    }
    pthread_mutex_unlock(&bus->mutex);
    return oldest_ms;
}
