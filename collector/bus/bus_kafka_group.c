/* Which partitions a Kafka cursor owns. librdkafka tells it from within a poll, so on the cursor's thread.
 *
 * The assignor is `range`, which takes all partitions away and gives all back at each change; a cluster whose
 * properties ask for cooperative-sticky is served too. A record of a partition that goes while a fetch is collecting
 * has not been handed out yet: it is dropped, its next owner reads it. */
#include <stdlib.h>

#include "base/log.h"
#include "bus/bus_kafka_int.h"

#define ASK_ONCE_MS 5000
#define ASKS 6

static struct kafka_part *part_of(struct kafka_cursor *cursor, int32_t partition)
{
    if (partition >= cursor->n_parts) {
        int n = partition + 1;
        cursor->parts = realloc(cursor->parts, (size_t)n * sizeof *cursor->parts);
        if (!cursor->parts)
            abort();
        memset(cursor->parts + cursor->n_parts, 0, (size_t)(n - cursor->n_parts) * sizeof *cursor->parts);
        cursor->n_parts = n;
    }
    return &cursor->parts[partition];
}

static void take_over(struct kafka_cursor *cursor, rd_kafka_topic_partition_t *given)
{
    struct bus_owner *owner = &cursor->cursor.owner;
    int64_t committed = given->offset >= 0 ? given->offset : -1, position = committed;
    *part_of(cursor, given->partition) = (struct kafka_part){.owned = true,
                                                             .fresh = true,
                                                             .start = committed,
                                                             .delivered = -1,
                                                             .committed = committed,
                                                             .asked_end = -1,
                                                             .end = -1};
    if (owner->assigned)
        owner->assigned(owner->ctx, cursor->cursor.topic, given->partition, &position);
    cursor->parts[given->partition].start = position;
    given->offset = position >= 0 ? position : RD_KAFKA_OFFSET_BEGINNING;
}

/* One answer may take its time; in between it is seen when the program ends. */
static rd_kafka_resp_err_t ask_positions(struct kafka_cursor *cursor, rd_kafka_t *consumer,
                                         rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int tries = 0; tries < ASKS && code == RD_KAFKA_RESP_ERR__TIMED_OUT && !kafka_is_out_of_time(cursor->bus);
         tries++)
        code = rd_kafka_committed(consumer, list, kafka_patience_ms(cursor->bus, ASK_ONCE_MS));
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code;
}

static void assign(struct kafka_cursor *cursor, rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = list->cnt ? ask_positions(cursor, consumer, list) : 0;
    if (code) {
        /* Without knowing where the group stands, no beginning would be right: join again. */
        log_warn("bus", ERR_BUS_READ, "kafka: where %s stands: %s", cursor->cursor.group, rd_kafka_err2str(code));
        cursor->broken = true;
        rd_kafka_assign(consumer, NULL);
        return;
    }
    for (int i = 0; i < list->cnt; i++)
        take_over(cursor, &list->elems[i]);
    if (strcmp(rd_kafka_rebalance_protocol(consumer), "COOPERATIVE") == 0)
        rd_kafka_error_destroy(rd_kafka_incremental_assign(consumer, list));
    else
        rd_kafka_assign(consumer, list);
    /* A partition that was paused when it went comes back paused. */
    rd_kafka_resume_partitions(consumer, list);
}

static void drop_collected(struct kafka_cursor *cursor, int32_t partition)
{
    size_t kept = 0;
    for (size_t i = 0; i < cursor->n_lent; i++) {
        if (cursor->lent[i]->partition == partition)
            rd_kafka_message_destroy(cursor->lent[i]);
        else
            cursor->lent[kept++] = cursor->lent[i];
    }
    cursor->n_lent = kept;
}

static void revoke(struct kafka_cursor *cursor, rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list)
{
    struct bus_owner *owner = &cursor->cursor.owner;
    bool lost = rd_kafka_assignment_lost(consumer);
    for (int i = 0; i < list->cnt; i++) {
        int32_t partition = list->elems[i].partition;
        struct kafka_part *part = part_of(cursor, partition);
        if (!part->owned)
            continue;
        if (cursor->collecting)
            drop_collected(cursor, partition);
        if (cursor->spare && cursor->spare->partition == partition) {
            rd_kafka_message_destroy(cursor->spare);
            cursor->spare = NULL;
        }
        /* Still ours for the length of the call, so that its last output can be committed. */
        if (owner->revoked)
            owner->revoked(owner->ctx, cursor->cursor.topic, partition, lost);
        cursor->parts[partition].owned = false;
    }
    if (strcmp(rd_kafka_rebalance_protocol(consumer), "COOPERATIVE") == 0)
        rd_kafka_error_destroy(rd_kafka_incremental_unassign(consumer, list));
    else
        rd_kafka_assign(consumer, NULL);
}

void kafka_let_go_all(struct kafka_cursor *cursor)
{
    struct bus_owner owner = cursor->cursor.owner;
    for (int32_t p = 0; p < cursor->n_parts; p++) {
        if (cursor->parts[p].owned && owner.revoked)
            owner.revoked(owner.ctx, cursor->cursor.topic, p, false);
        cursor->parts[p].owned = false;
    }
    cursor->cursor.owner = (struct bus_owner){0};
}

void kafka_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *ctx)
{
    struct kafka_cursor *cursor = ctx;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assign(cursor, consumer, list);
        cursor->is_member = !cursor->broken;
    } else {
        revoke(cursor, consumer, list);
        cursor->is_member = false; /* until it is told what is ours instead */
    }
    rd_kafka_topic_partition_list_t *now = NULL;
    if (cursor->paused && !rd_kafka_assignment(consumer, &now)) {
        rd_kafka_resume_partitions(consumer, now);
        rd_kafka_topic_partition_list_destroy(now);
        cursor->paused = false; /* the next fetch decides anew */
    }
}
