/* Bytes to events, or a reason.
 *
 * One scan over the body with simdjson On-Demand (one C++ file behind this header). What a beacon must be is
 * schemas/beacon.schema.json; both are tested against the same example folders. A wrong event is refused alone
 * (batch->refused), a wrong envelope refuses the beacon. Unknown members and kinds are kept and flagged. No member may
 * stand twice in one object, at any depth: stored documents could not be indexed. */
#ifndef SEISMO_VALIDATE_VALIDATE_H
#define SEISMO_VALIDATE_VALIDATE_H

#include "event/sink.h"

#define VALIDATE_MAX_DEPTH 16

/* BORN -> DECODED. On error batch->text says where: the member, or the byte; the err says why. Any thread; parsers are
 * per thread. */
enum err validate_beacon(struct batch *batch);
/* The first sink of the chain. Freed by sink_free's twin validate_sink_free; takes NULL. */
struct sink *validate_sink_new(struct sink *next);
void validate_sink_free(struct sink *sink);

#endif
