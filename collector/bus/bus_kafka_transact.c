/* Output and position as one: a transactional producer a cursor.
 *
 * What is said about a transaction is what became of it: ERR_OK committed, ERR_AGAIN nothing happened, ERR_FENCED
 * another member owns the partition now. When the answer to a commit is lost, the producer is replaced, which makes
 * the cluster end the transaction one way or the other, and the group's committed position tells which. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "bus/bus_kafka_int.h"

#define TRANSACTION_MS "12000" /* what a member that stopped holds up, less than windows wait for it */
#define DELIVERY_MS "10000"
#define DEADLINE_MS 30000
#define SLICE_MS 2000 /* after so long a call that waits looks whether the program ends */

static bool is_fenced(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST: return true;
    default: return false;
    }
}

static int slice_ms(const struct kafka_cursor *cursor)
{
    return kafka_patience_ms(cursor->bus, SLICE_MS);
}

/* Whether a call that ended with error is made again: all that block for long can be. */
static bool may_wait(const struct kafka_cursor *cursor, const rd_kafka_error_t *error, int64_t until_ms)
{
    return error && rd_kafka_error_is_retriable(error) && clock_mono_ms() < until_ms &&
           !kafka_is_out_of_time(cursor->bus);
}

void kafka_transact_done(struct kafka_cursor *cursor)
{
    if (!cursor->writer)
        return;
    rd_kafka_purge(cursor->writer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(cursor->writer);
    cursor->writer = NULL;
}

/* ---- the producer ---- */

static rd_kafka_t *new_writer(struct kafka_cursor *cursor, struct err_text *text)
{
    char id[KAFKA_TOPIC_BYTES], batch[32];
    size_t max = atomic_load(&cursor->bus->max_message);
    snprintf(id, sizeof id, "%s-%s-%s-%s", cursor->bus->prefix, cursor->cursor.group, topic_name(cursor->cursor.topic),
             cursor->bus->instance);
    snprintf(batch, sizeof batch, "%zu", max < 1000000 ? max : 1000000);
    const char *const settings[] = {"enable.idempotence",
                                    "true",
                                    "acks",
                                    "all",
                                    "linger.ms",
                                    "1",
                                    "compression.codec",
                                    "lz4",
                                    "transactional.id",
                                    id,
                                    "transaction.timeout.ms",
                                    TRANSACTION_MS,
                                    "message.timeout.ms",
                                    DELIVERY_MS,
                                    "message.max.bytes",
                                    "5000000",
                                    "batch.size",
                                    batch,
                                    NULL};
    return kafka_client(RD_KAFKA_PRODUCER, kafka_conf(cursor->bus, settings, text), text);
}

static enum err need_writer(struct kafka_cursor *cursor)
{
    struct err_text text = {""};
    if (cursor->writer)
        return ERR_OK;
    cursor->writer = new_writer(cursor, &text);
    if (!cursor->writer) {
        log_error("bus", ERR_BUS_OPEN, "%s", text.at);
        return ERR_AGAIN;
    }
    int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    rd_kafka_error_t *error = NULL;
    do {
        rd_kafka_error_destroy(error);
        error = rd_kafka_init_transactions(cursor->writer, slice_ms(cursor));
    } while (may_wait(cursor, error, until_ms));
    if (!error)
        return ERR_OK;
    log_warn("bus", ERR_BUS_WRITE, "kafka: beginning transactions: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    kafka_transact_done(cursor);
    return ERR_AGAIN;
}

/* ---- one transaction ---- */

static rd_kafka_error_t *produce_all(struct kafka_cursor *cursor, const struct bus_message *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char name[KAFKA_TOPIC_BYTES];
        kafka_topic_name(cursor->bus, messages[i].topic, name);
        int32_t partition = (int32_t)(messages[i].key % (uint64_t)cursor->bus->n_partitions[messages[i].topic]);
        rd_kafka_resp_err_t code;
        do { /* the value outlives the call, as the transaction ends within it */
            code = rd_kafka_producev(cursor->writer, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_PARTITION(partition),
                                     RD_KAFKA_V_VALUE((void *)(uintptr_t)messages[i].value.at, messages[i].value.len),
                                     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_BLOCK), RD_KAFKA_V_END);
        } while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        if (code)
            return rd_kafka_error_new(code, "producing: %s", rd_kafka_err2str(code));
    }
    return NULL;
}

static rd_kafka_error_t *send_positions(struct kafka_cursor *cursor, const rd_kafka_topic_partition_list_t *list)
{
    if (list->cnt == 0)
        return NULL;
    rd_kafka_consumer_group_metadata_t *member = rd_kafka_consumer_group_metadata(cursor->consumer);
    if (!member)
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, "not a member of the group");
    int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    rd_kafka_error_t *error = NULL;
    do {
        rd_kafka_error_destroy(error);
        error = rd_kafka_send_offsets_to_transaction(cursor->writer, list, member, slice_ms(cursor));
    } while (may_wait(cursor, error, until_ms));
    rd_kafka_consumer_group_metadata_destroy(member);
    return error;
}

/* Nothing of it may remain: abort, or replace the producer, which fences what is left of it. */
static enum err back_out(struct kafka_cursor *cursor, rd_kafka_error_t *error)
{
    enum err err = is_fenced(rd_kafka_error_code(error)) ? ERR_FENCED : ERR_AGAIN;
    log_line(err == ERR_FENCED ? LOG_INFO : LOG_WARN, "bus", err, "kafka: a transaction of %s is taken back: %s",
             cursor->cursor.group, rd_kafka_error_string(error));
    METRIC_ADD("seismo_bus_transactions_aborted_total", "transactions that were taken back", 1);
    bool fatal = rd_kafka_error_is_fatal(error);
    rd_kafka_error_destroy(error);
    int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    error = NULL;
    if (!fatal && kafka_is_out_of_time(cursor->bus)) {
        fatal = true; /* whoever begins next ends what is left of it */
    } else if (!fatal) {
        do {
            rd_kafka_error_destroy(error);
            error = rd_kafka_abort_transaction(cursor->writer, slice_ms(cursor));
        } while (may_wait(cursor, error, until_ms));
        fatal = error != NULL;
        rd_kafka_error_destroy(error);
    }
    if (fatal)
        kafka_transact_done(cursor);
    return err;
}

/* Whether the group stands where the transaction wanted it. */
static enum err ask_outcome(struct kafka_cursor *cursor, const rd_kafka_topic_partition_list_t *wanted)
{
    if (wanted->cnt == 0)
        return ERR_AGAIN;
    kafka_transact_done(cursor);
    if (kafka_is_out_of_time(cursor->bus))
        return ERR_FENCED; /* whoever begins next asks */
    if (need_writer(cursor))
        return ERR_FENCED; /* unknown to the end: the caller forgets what it has and begins at the bus's position */
    rd_kafka_topic_partition_list_t *is = rd_kafka_topic_partition_list_copy(wanted);
    enum err err =
        rd_kafka_committed(cursor->consumer, is, kafka_patience_ms(cursor->bus, KAFKA_ASK_MS)) ? ERR_FENCED : ERR_OK;
    for (int i = 0; i < is->cnt && !err; i++) {
        if (is->elems[i].err || is->elems[i].offset != wanted->elems[i].offset)
            err = is->elems[i].err ? ERR_FENCED : ERR_AGAIN;
    }
    rd_kafka_topic_partition_list_destroy(is);
    return err;
}

static enum err end_transaction(struct kafka_cursor *cursor, const rd_kafka_topic_partition_list_t *wanted)
{
    int64_t until_ms = clock_mono_ms() + 2 * DEADLINE_MS;
    rd_kafka_error_t *error = NULL;
    do {
        rd_kafka_error_destroy(error);
        error = rd_kafka_commit_transaction(cursor->writer, slice_ms(cursor));
    } while (may_wait(cursor, error, until_ms));
    if (!error)
        return ERR_OK;
    if (rd_kafka_error_txn_requires_abort(error) || is_fenced(rd_kafka_error_code(error)))
        return back_out(cursor, error);
    log_warn("bus", ERR_BUS_WRITE, "kafka: what became of a transaction is asked: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return ask_outcome(cursor, wanted);
}

enum err kafka_transact(struct bus_cursor *front, const struct bus_message *messages, size_t n_messages,
                        const struct position *positions, size_t n_positions)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    for (size_t i = 0; i < n_messages; i++) {
        if (messages[i].value.len > atomic_load(&cursor->bus->max_message))
            return ERR_TOO_LARGE;
    }
    rd_kafka_topic_partition_list_t *list = cursor->consumer ? kafka_positions(cursor, positions, n_positions) : NULL;
    if (!list)
        return ERR_FENCED;
    enum err err = kafka_is_out_of_time(cursor->bus) ? ERR_CLOSED : need_writer(cursor);
    if (err)
        goto out;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(cursor->writer);
    if (!error)
        error = produce_all(cursor, messages, n_messages);
    if (!error)
        error = send_positions(cursor, list);
    err = error ? back_out(cursor, error) : end_transaction(cursor, list);
    if (!err)
        kafka_note_committed(cursor, positions, n_positions);
out:
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}
