/* What h2o answers by itself, said in our words.
 *
 * h2o refuses a body over its limit, broken chunks and unknown expectations before any handler is called, with a
 * text of its own. Its answer passes the filters of the fallback path, so a filter swaps fields and body for those of
 * options.refused. It also closes the connection while the client still sends; the kernel then answers the rest with
 * RST, which throws away what the client has not read yet. So a second descriptor keeps the connection open for a
 * moment and swallows the rest ("lingering close"): at most LINGER_MS, LINGER_BYTES, LINGER_MAX at a time a loop. */
#include <fcntl.h>
#include <unistd.h>

#include "serve/serve_int.h"

#define LINGER_MS 5000
#define LINGER_BYTES (8u << 20)
#define LINGER_MAX 64

struct remains {
    h2o_linklist_t link;
    struct loop *loop;
    h2o_socket_t *sock;
    struct remains **hook; /* in the request's pool; NULL once that is gone */
    int64_t until_ms;
    size_t swallowed;
};

static void linger_close(struct remains *remains)
{
    if (remains->hook)
        *remains->hook = NULL;
    h2o_linklist_unlink(&remains->link);
    remains->loop->n_lingers--;
    h2o_socket_close(remains->sock);
    free(remains);
}

static void on_rest(h2o_socket_t *sock, const char *failed)
{
    struct remains *remains = sock->data;
    remains->swallowed += sock->input->size;
    h2o_buffer_consume(&sock->input, sock->input->size);
    if (failed || remains->swallowed > LINGER_BYTES)
        linger_close(remains);
}

/* The request ends: all of the answer is in the kernel's hands, so say that nothing follows. */
static void on_answered(void *at)
{
    struct remains **hook = at;
    if (!*hook)
        return;
    shutdown(h2o_socket_get_fd((*hook)->sock), SHUT_WR);
    (*hook)->hook = NULL;
}

static void linger_start(struct loop *loop, h2o_req_t *req)
{
    int fd = loop->n_lingers < LINGER_MAX ? fcntl(request_fd(req), F_DUPFD_CLOEXEC, 0) : -1;
    if (fd == -1)
        return;
    struct remains *remains = h2o_mem_alloc(sizeof *remains);
    *remains = (struct remains){.loop = loop, .until_ms = serve_mono_ms() + LINGER_MS};
    remains->sock = h2o_evloop_socket_create(loop->evloop, fd, 0);
    remains->sock->data = remains;
    remains->hook = h2o_mem_alloc_shared(&req->pool, sizeof(void *), on_answered);
    *remains->hook = remains;
    h2o_linklist_insert(&loop->lingers, &remains->link);
    loop->n_lingers++;
    h2o_socket_read_start(remains->sock, on_rest);
}

void linger_sweep(struct loop *loop, int64_t now_ms)
{
    for (h2o_linklist_t *at = loop->lingers.next, *next; at != &loop->lingers; at = next) {
        struct remains *remains = H2O_STRUCT_FROM_MEMBER(struct remains, link, at);
        next = at->next;
        if (now_ms >= remains->until_ms)
            linger_close(remains);
    }
}

void linger_end(struct loop *loop)
{
    linger_sweep(loop, INT64_MAX);
}

struct swap {
    h2o_ostream_t super;
    struct slice body;
};

static void send_swapped(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t n, h2o_send_state_t state)
{
    (void)bufs, (void)n;
    struct swap *swap = (struct swap *)self;
    assert(state == H2O_SEND_STATE_FINAL); /* h2o sends its refusals in one go */
    h2o_iovec_t out = {(char *)swap->body.at, swap->body.len};
    h2o_ostream_send_next(self, req, &out, request_is_head(req) || out.len == 0 ? 0 : 1, state);
}

static void on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    struct loop *loop = request_loop(req);
    if (!loop->answering) {
        struct serve_request request;
        request_init(&request, loop, req);
        request.refusing = true;
        linger_start(loop, req);
        request_refuse(&request, req->res.status);
        struct swap *swap = (struct swap *)h2o_add_ostream(req, sizeof *swap, slot);
        swap->super.do_send = send_swapped;
        swap->body = request.refusal;
        slot = &swap->super.next;
    }
    h2o_setup_next_ostream(req, slot);
}

void refuse_register(struct serve *serve, h2o_pathconf_t *path)
{
    (void)serve;
    h2o_filter_t *filter = h2o_create_filter(path, sizeof *filter);
    filter->on_setup_ostream = on_setup_ostream;
}
