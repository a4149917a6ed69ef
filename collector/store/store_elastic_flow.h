/* How much is sent at once: the size of a request and how many are in flight, found by trying. Any thread.
 *
 * Each good and quick answer lets both grow by a step; 429, failures and slow answers halve the number in flight and
 * shrink the size; a 413 halves the size for good. */
#ifndef SEISMO_STORE_STORE_ELASTIC_FLOW_H
#define SEISMO_STORE_STORE_ELASTIC_FLOW_H

#include "store/store_elastic.h"

void flow_init(struct flow *flow, size_t most_bytes, int most_requests);
void flow_done(struct flow *flow);
size_t flow_bytes(struct flow *flow);
int flow_requests(struct flow *flow);
/* A request of that size was answered after so long; `full`: it was as large as it could be. */
void flow_note_good(struct flow *flow, size_t bytes, bool full, int64_t took_ms);
void flow_note_busy(struct flow *flow);
/* True when the size allowed has shrunk by it. */
bool flow_note_too_large(struct flow *flow, size_t bytes);

#endif
