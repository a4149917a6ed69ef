/* Reading one partition again, with a consumer of its own that joins no group. */
#include "base/clock.h"
#include "bus/bus_kafka_int.h"

#define ASK_ONCE_MS 5000
#define SILENCE_MS 30000 /* nothing comes for that long: the cluster is away */

/* One of librdkafka's questions about one partition: what comes back is an offset. */
typedef rd_kafka_resp_err_t question_fn(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list, int timeout_ms);

static enum err ask(question_fn *question, rd_kafka_t *client, int most_ms, const char *topic, int32_t partition,
                    int64_t in, int64_t *ret_offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = in;
    rd_kafka_resp_err_t code = question(client, list, most_ms);
    if (!code)
        code = list->elems[0].err;
    if (!code)
        *ret_offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code ? ERR_BUS_READ : ERR_OK;
}

static void begin_at(rd_kafka_t *reader, const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static enum err read_until(const struct kafka_bus *bus, rd_kafka_t *reader, enum topic topic, int64_t end,
                           bool (*each)(void *ctx, const struct bus_record *record), void *ctx)
{
    int64_t heard_ms = clock_mono_ms();
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 1000);
        bool more = true;
        if (!message && (clock_mono_ms() - heard_ms > SILENCE_MS || kafka_is_out_of_time(bus)))
            return ERR_BUS_READ;
        if (!message)
            continue;
        if (!message->err) {
            struct bus_record record = kafka_record(topic, message);
            heard_ms = clock_mono_ms();
            more = record.position < end && each(ctx, &record) && record.position + 1 < end;
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            more = false;
        }
        rd_kafka_message_destroy(message);
        if (!more)
            return ERR_OK;
    }
}

enum err kafka_read_back(struct bus_cursor *front, enum topic topic, int32_t partition, int64_t from_ms,
                         bool (*each)(void *ctx, const struct bus_record *record), void *ctx)
{
    struct kafka_cursor *cursor = (struct kafka_cursor *)front;
    char name[KAFKA_TOPIC_BYTES];
    int64_t from = -1, end = -1;
    int ask_ms = kafka_patience_ms(cursor->bus, ASK_ONCE_MS);
    kafka_topic_name(cursor->bus, topic, name);
    if (!cursor->consumer || ask(rd_kafka_committed, cursor->consumer, ask_ms, name, partition, 0, &end))
        return ERR_BUS_READ;
    if (end <= 0)
        return ERR_OK;
    struct err_text text;
    rd_kafka_t *reader = kafka_consumer(cursor->bus, KAFKA_READER, "seismo-read-back", NULL, &text);
    if (!reader)
        return ERR_BUS_READ;
    enum err err = ask(rd_kafka_offsets_for_times, reader, ask_ms, name, partition, from_ms, &from);
    if (!err && from >= 0 && from < end) {
        begin_at(reader, name, partition, from);
        err = read_until(cursor->bus, reader, topic, end, each, ctx);
    }
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    return err;
}
