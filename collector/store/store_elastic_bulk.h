/* Inside the Elasticsearch store: one store_write on its way. A writer belongs to one call at a time and keeps its
 * buffers and connections from call to call, so that a document costs no allocation. */
#ifndef SEISMO_STORE_STORE_ELASTIC_BULK_H
#define SEISMO_STORE_STORE_ELASTIC_BULK_H

#include "base/arena.h"
#include "event/document.h"
#include "store/store_elastic.h"

#define MAX_RANGES 32 /* of one request still to be sent: halving 4,000 documents needs 12 */

struct document {
    size_t at; /* in the request's body: the action's line and the document's */
    uint32_t len, item;
    int32_t event;
    bool may_be_old; /* could have been stored before the last rollover: looked up first */
};

/* What the call has made of one item so far. */
struct progress {
    bool is_complete; /* all its documents were put into requests */
    bool again;
    uint32_t waiting; /* documents without a verdict */
};

struct refused {
    uint32_t item;
    int32_t event;
    char reason[240];
};

struct range {
    size_t first, n;
    int64_t not_before_ms; /* monotonic */
};

enum phase { PHASE_FREE, PHASE_FILLING, PHASE_WAITING, PHASE_SENT };

/* Documents of one stream that travel together. Halved or thinned out, it stays busy until its last range is done. */
struct request {
    struct writer *writer;
    enum phase phase;
    enum stream stream;
    struct buf body, packed;
    struct document *documents;
    size_t n, size;
    bool may_be_old, is_full;
    struct range todo[MAX_RANGES], now; /* todo: a stack */
    size_t n_todo, n_later;
    unsigned node, tries, later_tries; /* tries: on nodes that did not answer */
    int64_t started_ms;
    struct http_response response;
};

struct writer {
    struct elastic *elastic;
    struct http_many *many;
    struct request requests[MAX_REQUESTS + 1];
    size_t n_requests;
    struct request *filling;
    struct arena *arena;
    struct buf head, query;
    void *deflate; /* NULL: not compressed yet */

    /* of this call */
    struct store_item *items;
    size_t n, size; /* size: of progress */
    struct progress *progress;
    struct refused *refusals;
    size_t n_refusals, refusals_size;
    struct view views[STREAM_COUNT];
    bool has_sent[STREAM_COUNT];
    int64_t now_ms;
    enum err stopped; /* why nothing more is sent in this call */
    enum err newer;   /* ERR_NEWER_VERSION: an item that only a newer release can read */
};

/* An id as it stands in the body. */
#define ACTION_HEAD "{\"create\":{\"_id\":\""
struct slice document_id(const struct request *request, const struct document *document);

/* ---- store_elastic_build.c: items to documents ---- */
/* Puts all items' documents into requests and hands full ones to writer_submit; the last stays in writer->filling. */
void writer_add_all(struct writer *writer);

/* ---- store_elastic_bulk.c ---- */
void writer_submit(struct writer *writer); /* sends writer->filling on its way; nothing when there is none */
void writer_next(struct writer *writer);   /* waits for a free request, makes it writer->filling */
void writer_refuse(struct writer *writer, uint32_t item, int32_t event, const char *kind, const char *reason);
void writer_note_stored(struct writer *writer, const struct document *document, bool is_new);

/* ---- store_elastic_repeat.c: repeats across a rollover ---- */
/* Before the call: knows the streams' backing indices. */
void repeat_begin(struct writer *writer);
/* Whether a document that cannot have existed before at_ms may stand in an older backing index. */
bool repeat_may_be_old(const struct writer *writer, enum stream stream, int64_t at_ms);
/* Takes out of the request what is stored already. writer->stopped says why it could not. */
void repeat_look_up(struct writer *writer, struct request *request);
/* After the call: whether a stream rolled over meanwhile, so that what was sent must be looked up: the call is done
 * again. */
bool repeat_was_overtaken(struct writer *writer);

#endif
