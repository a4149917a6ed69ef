/* The door between rooms: something that takes batches.
 *
 * The pipeline is a chain of sinks made by main.c: validate -> enrich -> bus. Each does its part and pushes the
 * batch to the next. */
#ifndef SEISMO_EVENT_SINK_H
#define SEISMO_EVENT_SINK_H

#include "event/batch.h"

struct sink {
    /* On ERR_OK the batch is taken: batch->done is called exactly once, maybe on another thread, maybe before this
     * returns. On any other err the batch stays the caller's, unchanged but for refused and text: ERR_AGAIN or
     * ERR_FULL say "not now" (503), all others that the beacon as a whole is refused (400). Never blocks. */
    enum err (*push)(struct sink *sink, struct batch *batch);
    struct sink *next; /* NULL for the last */
};

static inline enum err sink_push(struct sink *sink, struct batch *batch)
{
    return sink->push(sink, batch);
}

#endif
