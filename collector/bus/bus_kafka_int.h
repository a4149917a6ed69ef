/* Inside the Kafka bus: one producer with a thread for its delivery reports; a consumer a cursor. */
#ifndef SEISMO_BUS_BUS_KAFKA_INT_H
#define SEISMO_BUS_BUS_KAFKA_INT_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "bus/bus_int.h"
#include "event/record.h"

#define KAFKA_TOPIC_BYTES 256
#define KAFKA_ASK_MS 10000     /* one question to the cluster */
#define KAFKA_FRAME_BYTES 1024 /* room for a batch's own header within a topic's max.message.bytes */

struct kafka_bus {
    struct bus bus; /* first */
    char *prefix, *brokers, *instance;
    char **properties; /* NULL-ended */
    size_t max_pending_bytes, max_message;
    int n_partitions[TOPIC_COUNT];
    struct metric *spool;

    pthread_rwlock_t lock; /* written only while a producer that has failed for good is replaced */
    rd_kafka_t *producer;
    rd_kafka_topic_t *topics[TOPIC_COUNT];
    atomic_size_t pending_bytes;
    atomic_llong down_since_ms; /* steady clock; 0: the cluster answers */
    atomic_bool closing, fatal;
    pthread_t thread; /* delivery reports */
};

/* A partition as one cursor sees it. */
struct kafka_part {
    bool owned;
    bool fresh;        /* nothing came since it was assigned */
    bool at_end;       /* nothing came since the end was last seen */
    int64_t start;     /* asked for at assignment; -1: the oldest */
    int64_t delivered; /* behind the last record handed out; -1: none yet */
    int64_t committed; /* -1: none */
    int64_t end;       /* where the end was seen; transactions leave marks that are positions but no records */
};

struct kafka_cursor {
    struct bus_cursor cursor; /* first */
    struct kafka_bus *bus;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    int event_fd; /* becomes readable when the queue fills or bus_wake asks */
    atomic_bool woken;
    bool paused, broken, collecting;
    struct kafka_part *parts;
    int n_parts;
    rd_kafka_message_t **lent; /* of the last fetch, or of the one under way */
    size_t n_lent, lent_size;
    rd_kafka_message_t *spare; /* came while paused; first of the next fetch */
    rd_kafka_t *writer;        /* transactional; NULL until first used */
};

/* ---- bus_kafka.c ---- */
/* A configuration with brokers, security, logs and then the settings (name, value, …, NULL). NULL: see text. */
rd_kafka_conf_t *kafka_conf(const struct kafka_bus *bus, const char *const *settings, struct err_text *text);
/* A client of that configuration, which it takes; NULL: see text. */
rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct err_text *text);
void kafka_topic_name(const struct kafka_bus *bus, enum topic topic, char ret_name[KAFKA_TOPIC_BYTES]);
/* What a bus_options becomes before anything is connected. */
struct kafka_bus *kafka_bus_new(const struct bus_options *options);
void kafka_bus_free(struct kafka_bus *bus); /* takes NULL and half-made ones; the threads have ended */

/* ---- bus_kafka_setup.c ---- */
enum err kafka_setup(const struct bus_options *options, struct err_text *text);
/* Fills n_partitions and max_message from the cluster; every topic must exist. */
enum err kafka_look_up(struct kafka_bus *bus, struct err_text *text);

/* ---- bus_kafka_producer.c ---- */
enum err kafka_producer_start(struct kafka_bus *bus, struct err_text *text);
void kafka_producer_stop(struct kafka_bus *bus, int deadline_ms);
enum err kafka_publish(struct bus *bus, const struct bus_message *message, bus_done_fn *done, void *ctx);
bool kafka_is_ready(struct bus *bus);

/* ---- bus_kafka_cursor.c ---- */
enum err kafka_subscribe(struct bus *bus, enum topic topic, const char *group, const struct bus_owner *owner,
                         struct bus_cursor **ret_cursor, struct err_text *text);
void kafka_unsubscribe(struct bus_cursor *cursor);
enum err kafka_fetch(struct bus_cursor *cursor, struct bus_record *ret_records, size_t max, size_t *ret_n, int wait_ms);
void kafka_wake(struct bus_cursor *cursor);
enum err kafka_commit(struct bus_cursor *cursor, const struct position *positions, size_t n);
int64_t kafka_lag(struct bus_cursor *cursor);
int64_t kafka_end(struct bus_cursor *cursor, enum topic topic, int32_t partition);
/* A list for the positions; NULL when one of the partitions is not owned any more. */
rd_kafka_topic_partition_list_t *kafka_positions(struct kafka_cursor *cursor, const struct position *positions,
                                                 size_t n);
void kafka_note_committed(struct kafka_cursor *cursor, const struct position *positions, size_t n);
struct bus_record kafka_record(enum topic topic, const rd_kafka_message_t *message);

/* ---- bus_kafka_group.c: which partitions are ours ---- */
void kafka_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *ctx);

/* ---- bus_kafka_transact.c ---- */
enum err kafka_transact(struct bus_cursor *cursor, const struct bus_message *messages, size_t n_messages,
                        const struct position *positions, size_t n_positions);
void kafka_transact_done(struct kafka_cursor *cursor);

/* ---- bus_kafka_read_back.c ---- */
enum err kafka_read_back(struct bus_cursor *cursor, enum topic topic, int32_t partition, int64_t from_ms,
                         bool (*each)(void *ctx, const struct bus_record *record), void *ctx);
#endif
