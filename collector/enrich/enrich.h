/* What the server adds to decoded events: corrected times, route names, redaction, error codes, the client.
 *
 * Pure functions of the batch and the settings: same beacon, same result, on any machine and after any restart. */
#ifndef SEISMO_ENRICH_ENRICH_H
#define SEISMO_ENRICH_ENRICH_H

#include "base/buf.h"
#include "event/application.h"
#include "event/sink.h"

struct enrich_options {
    int64_t late_ms;   /* events older than that at receipt are flagged EVENT_LATE and kept out of detection */
    int64_t future_ms; /* likewise for events ahead of the receipt */
};

struct sink *enrich_sink_new(const struct enrich_options *options, struct sink *next); /* options are copied */
void enrich_sink_free(struct sink *sink);                                              /* takes NULL */
/* DECODED -> ENRICHED. ERR_TOO_LARGE when the arena is used up. Any thread. */
enum err enrich_batch(const struct enrich_options *options, struct batch *batch);

/* Route name of a path or address: templates first, then segments that look like ids become `:id`, `:uuid`, `:hash`, …;
 * at most 200 bytes, query and fragment cut off. Appends to name. Pure. */
void enrich_route(const struct application *application, struct slice path_or_url, struct buf *name);

/* Canonical error codes, version 1 (docs/error-codes.md): the same error has the same code on any machine, order or
 * restart. masked is the message with its variable parts as `*`. */
#define ENRICH_CODE_BYTES 16
void enrich_error_code(struct slice scope, struct slice type, struct slice message, struct slice stack,
                       char ret_code[ENRICH_CODE_BYTES], struct buf *ret_masked);
/* Code of one line of any log (seismo code): header, level and time cut off, JSON and logfmt understood. */
void enrich_line_code(struct slice scope, struct slice line, char ret_code[ENRICH_CODE_BYTES], struct buf *ret_masked);

#endif
