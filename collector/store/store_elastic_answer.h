/* What Elasticsearch says to a _bulk request of `create` actions, document by document. Pure: bytes in, verdicts out.
 *
 *   201, 200                     stored
 *   409                          a repeat: it is there
 *   429, 5xx, blocked or closed index, too many shards   later
 *   404                          later, and the data stream has gone
 *   401, 403                     the credentials: stop
 *   other 4xx                    refused for good
 *   anything else                later: it is not an answer that we know */
#ifndef SEISMO_STORE_STORE_ELASTIC_ANSWER_H
#define SEISMO_STORE_STORE_ELASTIC_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum verdict { VERDICT_STORED, VERDICT_REPEAT, VERDICT_LATER, VERDICT_NO_STREAM, VERDICT_AUTH, VERDICT_REFUSED };

/* type, reason: "" when the node said none; hostile text, for logs and rejects. The document's number counts from 0. */
typedef void answer_fn(void *ctx, size_t document, enum verdict verdict, const char *type, const char *reason);
/* Calls each() for all n documents in order, or for none and returns false: the bytes are not a whole answer to them
 * (a proxy's page, cut short, more or fewer verdicts), and nothing is known. */
bool answer_read(struct slice body, size_t n, answer_fn *each, void *ctx);
/* Whether all n were stored anew and nothing else is said: the common case, at a glance. */
bool answer_is_all_stored(struct slice body, size_t n);
/* What a filter_path must leave of the answer. */
#define ANSWER_FILTER "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"

#endif
