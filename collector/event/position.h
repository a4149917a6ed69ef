/* Where a consumer stands in one partition of a topic. Lives where the consumer's output lives. */
#ifndef SEISMO_EVENT_POSITION_H
#define SEISMO_EVENT_POSITION_H

#include <stdint.h>

enum topic { TOPIC_EVENTS, TOPIC_ROLLUPS, TOPIC_ALERTS, TOPIC_REJECTS, TOPIC_COUNT };
const char *topic_name(enum topic topic); /* "events"; static */

struct position {
    enum topic topic;
    int32_t partition;
    int64_t next; /* the first record not yet consumed */
};

#endif
