/* Reading Kafka as a member of a group: fetch, wake, commit, and how far behind.
 *
 * A fetch takes what librdkafka has collected; when that is nothing it sleeps on an eventfd that the queue and
 * bus_wake write to, so a record is handed out as soon as it is there. Values are lent from librdkafka's own
 * buffers until the next fetch. */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_int.h"

#define IS_CURRENT_MS 1000
#define COMMIT_LOOK_MS 200
#define NAP_MS 200 /* at most, between looks at the queue */
#define NUDGE_MS 5
#define NUDGE_WITHIN_MS 100

/* ---- birth and death ---- */

static rd_kafka_t *new_consumer(struct kafka_cursor *cursor, struct err_text *text)
{
    char group[KAFKA_TOPIC_BYTES];
    snprintf(group, sizeof group, "%s-%s", cursor->bus->prefix, cursor->cursor.group);
    return kafka_consumer(cursor->bus, KAFKA_MEMBER, group, cursor, text);
}

static enum err join(struct kafka_cursor *cursor, struct err_text *text)
{
    char name[KAFKA_TOPIC_BYTES];
    static const uint64_t one = 1;
    cursor->consumer = new_consumer(cursor, text);
    if (!cursor->consumer)
        return ERR_BUS_OPEN;
    rd_kafka_poll_set_consumer(cursor->consumer);
    cursor->queue = rd_kafka_queue_get_consumer(cursor->consumer);
    rd_kafka_queue_io_event_enable(cursor->queue, cursor->event_fd, &one, sizeof one);
    kafka_topic_name(cursor->bus, cursor->cursor.topic, name);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, name, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(cursor->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code ? err_set(text, ERR_BUS_OPEN, "bus: kafka: subscribing: %s", rd_kafka_err2str(code)) : ERR_OK;
}

static void give_back_lent(struct kafka_cursor *cursor)
{
    for (size_t i = 0; i < cursor->n_lent; i++)
        rd_kafka_message_destroy(cursor->lent[i]);
    cursor->n_lent = 0;
}

/* Leaves the group; `revoked` is called from within. */
static void leave(struct kafka_cursor *cursor)
{
    give_back_lent(cursor);
    if (cursor->spare)
        rd_kafka_message_destroy(cursor->spare);
    cursor->spare = NULL;
    kafka_transact_done(cursor);
    if (cursor->queue) {
        rd_kafka_queue_io_event_enable(cursor->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(cursor->queue);
    }
    if (cursor->consumer) {
        rd_kafka_consumer_close(cursor->consumer);
        rd_kafka_destroy(cursor->consumer);
    }
    cursor->queue = NULL;
    cursor->consumer = NULL;
    cursor->paused = cursor->is_member = false;
}

void kafka_cursor_free(struct kafka_cursor *cursor)
{
    leave(cursor);
    if (cursor->event_fd >= 0)
        close(cursor->event_fd);
    free(cursor->lent);
    free(cursor->parts);
    free(cursor);
}

enum err kafka_subscribe(struct bus *front, enum topic topic, const char *group, const struct bus_owner *owner,
                         struct bus_cursor **ret_cursor, struct err_text *text)
{
    struct kafka_cursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor)
        abort();
    bus_cursor_init(&cursor->cursor, &bus_kafka_ops, topic, group, owner);
    cursor->bus = (struct kafka_bus *)front;
    cursor->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum err err = cursor->event_fd < 0 ? err_set(text, ERR_BUS_OPEN, "bus: no eventfd") : join(cursor, text);
    if (err)
        kafka_cursor_free(cursor);
    else
        *ret_cursor = &cursor->cursor;
    return err;
}

/* ---- fetching ---- */

static void set_paused(struct kafka_cursor *cursor, bool paused)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    if (cursor->paused == paused || rd_kafka_assignment(cursor->consumer, &list))
        return;
    if (paused)
        rd_kafka_pause_partitions(cursor->consumer, list);
    else
        rd_kafka_resume_partitions(cursor->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    cursor->paused = paused;
}

/* The topic is younger than the group's position: what was between is lost at the broker. librdkafka has gone to the
 * oldest record (auto.offset.reset). */
static void note_reset(struct kafka_cursor *cursor, const struct kafka_part *part, const rd_kafka_message_t *message)
{
    METRIC_ADD("seismo_bus_resets_total", "partitions that ended before the place at which their reader stood", 1);
    log_error("bus", ERR_MISSING,
              "kafka: %s/%d ends before record %lld, at which %s stood: the broker has lost records;"
              " going on at %lld",
              rd_kafka_topic_name(message->rkt), (int)message->partition, (long long)part->start, cursor->cursor.group,
              (long long)message->offset);
}

/* The first record after an assignment: if the oldest kept is younger than where the group stood, some are gone. */
static void note_loss(struct kafka_cursor *cursor, struct kafka_part *part, const rd_kafka_message_t *message)
{
    int64_t low = -1, high = -1;
    const char *topic = rd_kafka_topic_name(message->rkt);
    part->fresh = false;
    if (message->offset < part->start) {
        note_reset(cursor, part, message);
        return;
    }
    if (part->start < 0 || rd_kafka_get_watermark_offsets(cursor->consumer, topic, message->partition, &low, &high) ||
        low <= part->start)
        return;
    METRIC_ADD("seismo_bus_lost_total", "records that the bus dropped before they were read", low - part->start);
    log_error("bus", ERR_MISSING, "kafka dropped %lld records of %s/%d before %s had read them",
              (long long)(low - part->start), topic, (int)message->partition, cursor->cursor.group);
}

static void lend(struct kafka_cursor *cursor, rd_kafka_message_t *message)
{
    struct kafka_part *part = &cursor->parts[message->partition];
    if (part->fresh)
        note_loss(cursor, part, message);
    part->at_end = false;
    part->delivered = message->offset + 1;
    if (cursor->n_lent == cursor->lent_size) {
        cursor->lent_size = cursor->lent_size ? cursor->lent_size * 2 : 256;
        cursor->lent = realloc(cursor->lent, cursor->lent_size * sizeof(rd_kafka_message_t *));
        if (!cursor->lent)
            abort();
    }
    cursor->lent[cursor->n_lent++] = message;
}

static bool is_owned(const struct kafka_cursor *cursor, int32_t partition)
{
    return partition >= 0 && partition < cursor->n_parts && cursor->parts[partition].owned;
}

/* What a poll gave that is not a record. */
static enum err note_event(struct kafka_cursor *cursor, const rd_kafka_message_t *message)
{
    char why[256];
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (is_owned(cursor, message->partition)) {
            cursor->parts[message->partition].at_end = true;
            cursor->parts[message->partition].end = message->offset;
        }
        return ERR_OK;
    case RD_KAFKA_RESP_ERR__FATAL:
        rd_kafka_fatal_error(cursor->consumer, why, sizeof why);
        log_error("bus", ERR_BUS_READ, "kafka: %s joins again: %s", cursor->cursor.group, why);
        cursor->broken = true;
        return ERR_BUS_READ;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED: /* out of the group; the next poll joins again */
        log_warn("bus", ERR_FENCED, "kafka: %s was away for too long", cursor->cursor.group);
        return ERR_OK;
    default:
        log_warn("bus", ERR_BUS_READ, "kafka: %s: %s", cursor->cursor.group, rd_kafka_message_errstr(message));
        return ERR_BUS_READ;
    }
}

/* Takes what is there, without waiting. */
static enum err collect(struct kafka_cursor *cursor, size_t max)
{
    enum err err = ERR_OK;
    if (cursor->spare) {
        lend(cursor, cursor->spare);
        cursor->spare = NULL;
    }
    cursor->collecting = true;
    while (cursor->n_lent < max && !cursor->broken) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(cursor->consumer, 0);
        if (!message)
            break;
        if (!message->err && is_owned(cursor, message->partition)) {
            lend(cursor, message);
            continue;
        }
        if (message->err)
            err = note_event(cursor, message);
        rd_kafka_message_destroy(message);
        if (err)
            break;
    }
    cursor->collecting = false;
    return err;
}

static void nap(struct kafka_cursor *cursor, int64_t until_ms)
{
    struct pollfd fd = {.fd = cursor->event_fd, .events = POLLIN};
    int64_t left_ms = until_ms - clock_mono_ms();
    if (left_ms > 0)
        poll(&fd, 1, left_ms < NAP_MS ? (int)left_ms : NAP_MS);
}

static void clear_events(struct kafka_cursor *cursor)
{
    uint64_t count;
    while (read(cursor->event_fd, &count, sizeof count) == sizeof count)
        ;
}

struct bus_record kafka_record(enum topic topic, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(message, &type);
    return (struct bus_record){
        topic, message->partition, message->offset, ms, {message->payload, message->payload ? message->len : 0}};
}

static enum err stay_alive(struct kafka_cursor *cursor)
{
    set_paused(cursor, true);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(cursor->consumer, 0);
    if (message && !message->err && !cursor->spare && is_owned(cursor, message->partition)) {
        cursor->spare = message; /* was on its way before the pause */
        return ERR_OK;
    }
    if (message && message->err)
        note_event(cursor, message);
    else if (message && is_owned(cursor, message->partition))
        rd_kafka_seek(message->rkt, message->partition, message->offset, kafka_patience_ms(cursor->bus, KAFKA_ASK_MS));
    if (message)
        rd_kafka_message_destroy(message);
    return ERR_OK;
}

static enum err join_again(struct kafka_cursor *cursor)
{
    struct err_text text = {""};
    leave(cursor);
    cursor->broken = false;
    for (int p = 0; p < cursor->n_parts; p++)
        cursor->parts[p].owned = false;
    enum err err = join(cursor, &text);
    if (err) {
        log_error("bus", err, "%s", text.at);
        leave(cursor);
        cursor->broken = true;
    }
    return err ? ERR_BUS_READ : ERR_OK;
}

/* Asks where the ends are, all partitions in one question. */
static bool ask_ends(struct kafka_cursor *cursor, int within_ms)
{
    char name[KAFKA_TOPIC_BYTES];
    kafka_topic_name(cursor->bus, cursor->cursor.topic, name);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(cursor->n_parts);
    for (int32_t p = 0; p < cursor->n_parts; p++)
        if (cursor->parts[p].owned)
            rd_kafka_topic_partition_list_add(list, name, p)->offset = RD_KAFKA_OFFSET_END;
    bool ok = list->cnt == 0 || !rd_kafka_offsets_for_times(cursor->consumer, list, within_ms);
    for (int i = 0; i < list->cnt && ok; i++) {
        cursor->parts[list->elems[i].partition].asked_end = list->elems[i].offset;
        ok = !list->elems[i].err;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* Records are at the broker, known of and not asked for. */
static bool is_stalled(struct kafka_cursor *cursor)
{
    char name[KAFKA_TOPIC_BYTES];
    int64_t low, high;
    kafka_topic_name(cursor->bus, cursor->cursor.topic, name);
    for (int32_t p = 0; p < cursor->n_parts; p++) {
        const struct kafka_part *part = &cursor->parts[p];
        if (part->owned && !part->at_end && part->delivered >= 0 &&
            !rd_kafka_get_watermark_offsets(cursor->consumer, name, p, &low, &high) && high > part->delivered)
            return true;
    }
    return false;
}

/* librdkafka before 2.2 sleeps for up to a second once its queue was full, however soon that was emptied
 * (librdkafka#2879); any question to the same broker wakes it. */
static void nudge(struct kafka_cursor *cursor)
{
    int64_t now_ms = clock_mono_ms();
    if (now_ms - cursor->nudged_ms < NUDGE_MS || !is_stalled(cursor))
        return;
    ask_ends(cursor, NUDGE_WITHIN_MS);
    cursor->nudged_ms = clock_mono_ms();
}

enum err kafka_fetch(struct bus_cursor *front, struct bus_record *ret_records, size_t max, size_t *ret_n, int wait_ms)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    int64_t until_ms = clock_mono_ms() + wait_ms;
    if (max == 0) /* what is lent is in use: joining again must wait */
        return cursor->broken ? ERR_OK : stay_alive(cursor);
    if (cursor->broken && join_again(cursor))
        return ERR_BUS_READ;
    give_back_lent(cursor);
    enum err err = ERR_OK;
    if (!atomic_load(&cursor->bus->is_known)) { /* how many partitions there are is told before any is assigned */
        clear_events(cursor);
        nap(cursor, until_ms);
        return ERR_OK;
    }
    set_paused(cursor, false);
    for (;;) {
        clear_events(cursor);
        err = collect(cursor, max);
        if (err || cursor->n_lent || cursor->broken || atomic_exchange(&cursor->woken, false) ||
            clock_mono_ms() >= until_ms)
            break;
        nudge(cursor);
        nap(cursor, until_ms);
    }
    for (size_t i = 0; i < cursor->n_lent; i++)
        ret_records[i] = kafka_record(front->topic, cursor->lent[i]);
    *ret_n = cursor->n_lent;
    return cursor->n_lent ? ERR_OK : err;
}

void kafka_wake(struct bus_cursor *front)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    uint64_t one = 1;
    atomic_store(&cursor->woken, true);
    if (write(cursor->event_fd, &one, sizeof one) != sizeof one)
        return; /* the counter is full, so it is readable already */
}

/* ---- committing ---- */

rd_kafka_topic_partition_list_t *kafka_positions(struct kafka_cursor *cursor, const struct position *positions,
                                                 size_t n)
{
    char name[KAFKA_TOPIC_BYTES];
    kafka_topic_name(cursor->bus, cursor->cursor.topic, name);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        if (!is_owned(cursor, positions[i].partition)) {
            rd_kafka_topic_partition_list_destroy(list);
            return NULL;
        }
        rd_kafka_topic_partition_list_add(list, name, positions[i].partition)->offset = positions[i].next;
    }
    return list;
}

void kafka_note_committed(struct kafka_cursor *cursor, const struct position *positions, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cursor->parts[positions[i].partition].committed = positions[i].next;
}

/* Waits for the answer however long it takes, but not past the program's end. */
static rd_kafka_resp_err_t commit_in_time(struct kafka_cursor *cursor, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(cursor->consumer);
    rd_kafka_event_t *event = NULL;
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(cursor->consumer, list, queue, NULL, NULL);
    while (!code && !event) {
        event = rd_kafka_queue_poll(queue, COMMIT_LOOK_MS);
        if (!event && kafka_is_out_of_time(cursor->bus))
            code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    if (event) {
        rd_kafka_topic_partition_list_t *done = rd_kafka_event_topic_partition_list(event);
        code = rd_kafka_event_error(event);
        for (int i = 0; done && i < done->cnt && !code; i++)
            code = done->elems[i].err;
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return code;
}

enum err kafka_commit(struct bus_cursor *front, const struct position *positions, size_t n)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    rd_kafka_topic_partition_list_t *list = cursor->consumer ? kafka_positions(cursor, positions, n) : NULL;
    if (!list)
        return ERR_FENCED;
    rd_kafka_resp_err_t code = commit_in_time(cursor, list);
    rd_kafka_topic_partition_list_destroy(list);
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: kafka_note_committed(cursor, positions, n); return ERR_OK;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case RD_KAFKA_RESP_ERR__FENCED: return ERR_FENCED;
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS: return ERR_AGAIN;
    default: return ERR_BUS_WRITE;
    }
}

/* ---- how far behind ---- */

/* Behind the newest record: at the end, what was handed out, not the marks of transactions behind it. -1 unknown. */
static int64_t end_of(struct kafka_cursor *cursor, int32_t partition)
{
    const struct kafka_part *part = &cursor->parts[partition];
    char name[KAFKA_TOPIC_BYTES];
    int64_t low = -1, high = -1;
    if (part->at_end)
        return part->delivered >= 0 ? part->delivered : part->committed >= 0 ? part->committed : part->end;
    kafka_topic_name(cursor->bus, cursor->cursor.topic, name);
    if (rd_kafka_get_watermark_offsets(cursor->consumer, name, partition, &low, &high) || high < 0)
        return -1;
    return high;
}

bool kafka_is_current(struct bus_cursor *front)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    bool current = cursor->consumer && !cursor->broken;
    for (int32_t p = 0; current && p < cursor->n_parts; p++) {
        const struct kafka_part *part = &cursor->parts[p];
        int64_t seen = part->at_end && part->end > part->delivered ? part->end : part->delivered;
        current = !part->owned || (part->asked_end >= 0 && seen >= part->asked_end);
    }
    return cursor->consumer && !cursor->broken && ask_ends(cursor, IS_CURRENT_MS) && current;
}

/* Where the group stands; without a commit, at the oldest record kept as far as that is known. */
static int64_t place_of(struct kafka_cursor *cursor, int32_t partition)
{
    char name[KAFKA_TOPIC_BYTES];
    int64_t low = 0, high = 0;
    if (cursor->parts[partition].committed >= 0)
        return cursor->parts[partition].committed;
    kafka_topic_name(cursor->bus, cursor->cursor.topic, name);
    if (rd_kafka_get_watermark_offsets(cursor->consumer, name, partition, &low, &high))
        return 0;
    return low > 0 ? low : 0;
}

int64_t kafka_lag(struct bus_cursor *front)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    int64_t lag = 0;
    if (!cursor->consumer || cursor->broken || !cursor->is_member)
        return -1;
    for (int32_t p = 0; p < cursor->n_parts; p++) {
        int64_t end = cursor->parts[p].owned ? end_of(cursor, p) : 0, place = end > 0 ? place_of(cursor, p) : 0;
        if (end < 0)
            return -1;
        if (end > place)
            lag += end - place;
    }
    return lag;
}

int64_t kafka_end(struct bus_cursor *front, enum topic topic, int32_t partition)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    if (topic != front->topic || !cursor->consumer || !is_owned(cursor, partition))
        return -1;
    return end_of(cursor, partition);
}
