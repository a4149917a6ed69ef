/* Inside the Kafka bus: how a topic is, and what is otherwise than wanted. */
#ifndef SEISMO_BUS_BUS_KAFKA_COMPARE_H
#define SEISMO_BUS_BUS_KAFKA_COMPARE_H

#include <assert.h>

#include "bus/bus_kafka_int.h"

#define KAFKA_TOPIC_MAX_MESSAGE 4325376  /* RECORD_MAX_BYTES and room for a batch's header */
#define KAFKA_LEAST_RETENTION_MS 3600000 /* readers may be away for an hour */
#define KAFKA_UNTOLD INT64_MIN

struct kafka_topic_found {
    char name[KAFKA_TOPIC_BYTES];
    int n_brokers, partitions, replication; /* replication: of the partition that has the fewest copies */
    int64_t min_insync, max_message;        /* -1: not told */
    int64_t retention_ms;                   /* -1: for ever; KAFKA_UNTOLD */
    char cleanup[64], timestamp[32];        /* "": not told */
};

/* 0: any is fine, as long as what was acknowledged stays. */
struct kafka_topic_wanted {
    int partitions, replication, min_insync;
    int64_t retention_ms;
};

void kafka_topic_found_init(struct kafka_topic_found *found, const char *name); /* nothing is told */
/* Appends a line ("topic NAME: …\n") for each difference and returns how many there were. Pure. */
int kafka_compare(const struct kafka_topic_found *found, const struct kafka_topic_wanted *wanted, struct buf *lines);
/* Fills what the topic's configuration tells; false: it was not told. Blocks for 4 s at most. */
bool kafka_ask_topic(rd_kafka_t *client, struct kafka_topic_found *found);
enum err kafka_differences(const struct bus_options *options, struct buf *lines, int *ret_n, struct err_text *text);

#endif
