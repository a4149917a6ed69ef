/* How fast something may come: so many units a second, and so many at once.
 *
 * One number stands for a whole bucket of tokens: the moment at which it would be full again ("generic cell rate
 * algorithm", ITU-T I.371). A moment in the past says nothing, so that forgetting it changes nothing. Any thread. */
#ifndef SEISMO_INGEST_PACE_H
#define SEISMO_INGEST_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ingest/ingest.h"

/* Takes units, or leaves all as it is and says when to come again. What is left over may be taken by one too many: a
 * body larger than what is left passes, and is paid for afterwards. */
bool pace_take(_Atomic int64_t *full_at_ns, const struct ingest_pace *pace, int64_t units, int64_t now_ns,
               int64_t *ret_wait_ns);

#endif
