/* Inside watch: whether this instance is alive, apart from whom it is told. */
#ifndef SEISMO_WATCH_HEARTBEAT_INT_H
#define SEISMO_WATCH_HEARTBEAT_INT_H

#include <stdint.h>

#include "watch/heartbeat.h"

struct pulse {
    int64_t patience_ms;
    bool detects;
    int64_t well_ms, moved_ms; /* when last; by the steady clock */
    int64_t judged;            /* up to when windows were judged, at the last look; -1: there was none */
};

void pulse_init(struct pulse *pulse, int64_t now_ms, int64_t patience_ms, bool detects);
/* Whether it was well, and judged more than before, within its patience. */
bool pulse_look(struct pulse *pulse, int64_t now_ms, bool is_well, int64_t judged);

#endif
