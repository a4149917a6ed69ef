/* Server-sent events.
 *
 *   write ──> waiting ──(loop's thread)──> flight ──h2o──> socket; proceed: flight is out, take what waits
 *
 * waiting and flight together never exceed max_buffered. References: the caller until serve_stream_close, the request
 * until h2o disposes of it, a message while it is on its way. */
#include <errno.h>

#include "serve/serve_int.h"

struct serve_stream {
    struct message message;
    struct home *home;
    size_t max_buffered;
    /* the loop's thread only */
    h2o_generator_t generator;
    h2o_linklist_t link;
    h2o_req_t *req; /* NULL once h2o has disposed of it */
    struct buf flight;
    bool sending, finished;
    /* under mutex */
    pthread_mutex_t mutex;
    struct buf waiting;
    size_t in_flight;
    bool posted, gone, overflowed, closing;
    int refs;
};

static void unlock_and_release(struct serve_stream *stream, int n)
{
    bool last = (stream->refs -= n) == 0;
    pthread_mutex_unlock(&stream->mutex);
    if (!last)
        return;
    pthread_mutex_destroy(&stream->mutex);
    buf_done(&stream->waiting);
    buf_done(&stream->flight);
    home_release(stream->home);
    free(stream);
}

/* Wakes the loop, once however much is written before it looks. Under mutex. */
static void post(struct serve_stream *stream)
{
    if (stream->posted)
        return;
    stream->posted = true;
    stream->refs++;
    if (!home_send(stream->home, &stream->message)) {
        stream->posted = false;
        stream->gone = true;
        stream->refs--;
    }
}

static void finish(struct serve_stream *stream)
{
    stream->finished = true;
    h2o_send(stream->req, NULL, 0, H2O_SEND_STATE_FINAL); /* may dispose of the request at once */
}

/* Does what can be done now. The loop's thread, req alive. */
static void pump(struct serve_stream *stream)
{
    if (stream->sending || stream->finished)
        return;
    pthread_mutex_lock(&stream->mutex);
    bool end = stream->closing || stream->gone;
    struct buf empty = stream->flight;
    stream->flight = stream->waiting;
    stream->waiting = empty;
    stream->in_flight = stream->flight.len;
    pthread_mutex_unlock(&stream->mutex);
    if (stream->flight.len) {
        stream->sending = true;
        h2o_iovec_t out = {stream->flight.at, stream->flight.len};
        h2o_send(stream->req, &out, 1, H2O_SEND_STATE_IN_PROGRESS);
    } else if (end) {
        finish(stream);
    }
}

static void on_proceed(h2o_generator_t *self, h2o_req_t *req)
{
    (void)req;
    struct serve_stream *stream = H2O_STRUCT_FROM_MEMBER(struct serve_stream, generator, self);
    stream->sending = false;
    buf_clear(&stream->flight);
    pump(stream);
}

static void on_dispose(void *at)
{
    struct serve_stream *stream = *(struct serve_stream **)at;
    stream->req = NULL;
    h2o_linklist_unlink(&stream->link);
    pthread_mutex_lock(&stream->mutex);
    stream->gone = true;
    unlock_and_release(stream, 1);
}

static void run(struct message *message)
{
    struct serve_stream *stream = (struct serve_stream *)message;
    pthread_mutex_lock(&stream->mutex);
    stream->posted = false;
    bool overflowed = stream->overflowed;
    pthread_mutex_unlock(&stream->mutex);
    if (stream->req && overflowed)
        request_break(stream->req); /* its write fails, h2o closes */
    if (stream->req)
        pump(stream);
    pthread_mutex_lock(&stream->mutex);
    unlock_and_release(stream, 1);
}

static void start(struct serve_stream *stream, struct loop *loop, const struct serve_field *fields, size_t n)
{
    h2o_req_t *req = stream->req;
    *(struct serve_stream **)h2o_mem_alloc_shared(&req->pool, sizeof(void *), on_dispose) = stream;
    h2o_linklist_insert(&loop->streams, &stream->link);
    req->http1_is_persistent = 0; /* an HTTP/1.0 reader knows the end by the close */
    req->res.status = 200;
    req->res.reason = "OK";
    request_add_fields(req, fields, n, true);
    loop->answering = true;
    h2o_start_response(req, &stream->generator);
    loop->answering = false;
    buf_text(&stream->waiting, ":\n\n");
    pump(stream);
}

struct serve_stream *serve_stream_open(struct serve_request *request, const struct serve_field *fields, size_t n,
                                       size_t max_buffered)
{
    assert(!request->answered && !request->refusing && max_buffered >= 16);
    struct loop *loop = request->loop;
    struct serve_stream *stream = h2o_mem_alloc(sizeof *stream);
    *stream = (struct serve_stream){
        .message.run = run, .home = loop->home, .max_buffered = max_buffered, .generator.proceed = on_proceed};
    atomic_fetch_add(&stream->home->refs, 1);
    pthread_mutex_init(&stream->mutex, NULL);
    buf_init(&stream->waiting, max_buffered);
    buf_init(&stream->flight, max_buffered);
    stream->refs = 1;
    if (request_is_head(request->req)) {
        stream->gone = true;
        serve_reply(request, 200, fields, n, SLICE(""));
        return stream;
    }
    request->answered = true;
    stream->refs = 2;
    stream->req = request->req;
    start(stream, loop, fields, n);
    return stream;
}

bool serve_stream_write(struct serve_stream *stream, struct slice bytes)
{
    pthread_mutex_lock(&stream->mutex);
    if (!stream->gone && bytes.len > stream->max_buffered - stream->waiting.len - stream->in_flight) {
        stream->gone = stream->overflowed = true;
        METRIC_ADD("seismo_streams_too_slow_total", "streams closed because their reader fell behind", 1);
        post(stream);
    } else if (!stream->gone) {
        buf_add_slice(&stream->waiting, bytes);
        post(stream);
    }
    bool ok = !stream->gone;
    pthread_mutex_unlock(&stream->mutex);
    return ok;
}

void serve_stream_close(struct serve_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    assert(!stream->closing);
    stream->closing = true;
    post(stream);
    unlock_and_release(stream, 1);
}

/* While nothing is being written h2o does not watch the socket, so a reader that left would stay unnoticed. */
void streams_sweep(struct loop *loop)
{
    for (h2o_linklist_t *at = loop->streams.next, *next; at != &loop->streams; at = next) {
        struct serve_stream *stream = H2O_STRUCT_FROM_MEMBER(struct serve_stream, link, at);
        next = at->next;
        char byte;
        ssize_t n = recv(request_fd(stream->req), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
            continue;
        request_break(stream->req);
        if (!stream->sending && !stream->finished)
            finish(stream);
    }
}

void streams_end(struct loop *loop)
{
    for (h2o_linklist_t *at = loop->streams.next, *next; at != &loop->streams; at = next) {
        struct serve_stream *stream = H2O_STRUCT_FROM_MEMBER(struct serve_stream, link, at);
        next = at->next;
        pthread_mutex_lock(&stream->mutex);
        stream->gone = true;
        pthread_mutex_unlock(&stream->mutex);
        pump(stream);
    }
}
