/* Answers later, from any thread.
 *
 * A ticket that ends on its loop's thread goes to the loop's spares: requests come and go without malloc. */
#include "serve/serve_int.h"

struct reply {
    int status;
    size_t n;
    struct serve_field fields[SERVE_MAX_FIELDS];
    struct slice body;
    char bytes[]; /* what values and body point to */
};

#define MAX_SPARES 4096
#define MAX_EARLY_INPUT 65536 /* bytes, with the request that is being answered */

struct serve_ticket {
    struct message message;
    struct home *home;
    struct reply *reply; /* one of the two */
    serve_resume_fn *resume;
    void *ctx;
    struct serve_ticket *next_spare;
    /* the loop's thread only */
    struct loop *loop;
    struct serve_ticket **hook; /* in the request's pool */
    h2o_req_t *req;             /* NULL once h2o has disposed of it */
    h2o_linklist_t link;
};

static void detach(struct serve_ticket *ticket)
{
    *ticket->hook = NULL;
    ticket->hook = NULL;
    ticket->req = NULL;
    h2o_linklist_unlink(&ticket->link);
}

static void on_dispose(void *at)
{
    struct serve_ticket **hook = at;
    if (*hook)
        detach(*hook);
}

static void ticket_free(struct serve_ticket *ticket)
{
    home_release(ticket->home);
    free(ticket->reply);
    free(ticket);
}

/* The loop's thread. */
static void ticket_end(struct loop *loop, struct serve_ticket *ticket)
{
    if (loop->n_spare_tickets == MAX_SPARES) {
        ticket_free(ticket);
        return;
    }
    free(ticket->reply);
    ticket->reply = NULL;
    ticket->next_spare = loop->spare_tickets; /* its reference to the home is kept with it */
    loop->spare_tickets = ticket;
    loop->n_spare_tickets++;
}

static struct serve_ticket *ticket_new(struct loop *loop)
{
    struct serve_ticket *ticket = loop->spare_tickets;
    if (ticket) {
        loop->spare_tickets = ticket->next_spare;
        loop->n_spare_tickets--;
        return ticket;
    }
    ticket = h2o_mem_alloc(sizeof *ticket);
    *ticket = (struct serve_ticket){.home = loop->home};
    atomic_fetch_add(&ticket->home->refs, 1);
    return ticket;
}

void tickets_free_spares(struct loop *loop)
{
    while (loop->spare_tickets) {
        struct serve_ticket *ticket = loop->spare_tickets;
        loop->spare_tickets = ticket->next_spare;
        ticket_free(ticket);
    }
    loop->n_spare_tickets = 0;
}

static void run_reply(struct message *message)
{
    struct serve_ticket *ticket = (struct serve_ticket *)message;
    h2o_req_t *req = ticket->req;
    struct loop *loop = ticket->loop;
    if (req) {
        struct reply *reply = ticket->reply;
        detach(ticket);
        request_answer(loop, req, reply->status, reply->fields, reply->n, reply->body, true);
    }
    ticket_end(loop, ticket);
}

static void run_resume(struct message *message)
{
    struct serve_ticket *ticket = (struct serve_ticket *)message;
    struct serve_request request = {.loop = ticket->loop, .req = ticket->req, .path = SLICE(""), .query = SLICE("")};
    if (request.req)
        detach(ticket);
    ticket->resume(ticket->ctx, request.req ? &request : NULL);
    assert(request.answered || !request.req);
    ticket_end(request.loop, ticket);
}

void serve_read_again(struct serve_request *request)
{
    request_init(request, request->loop, request->req);
}

/* More input, or its end, while the answer is pending: h2o looks at it once the answer is out. */
static void on_early_input(h2o_socket_t *sock, const char *failed)
{
    if (failed || sock->input->size > MAX_EARLY_INPUT)
        h2o_socket_read_stop(sock);
}

/* h2o has stopped to read; to have that told to the kernel, and taken back for the next request, would be two system
 * calls a request. Not without a body: then h2o's strings lie in the input, which may move when it grows. */
static void keep_reading(h2o_req_t *req)
{
    if (req->entity.base)
        h2o_socket_read_start(req->conn->callbacks->get_socket(req->conn), on_early_input);
}

struct serve_ticket *serve_defer(struct serve_request *request)
{
    assert(!request->answered && !request->refusing);
    request->answered = true;
    struct loop *loop = request->loop;
    struct serve_ticket *ticket = ticket_new(loop);
    ticket->loop = loop;
    ticket->req = request->req;
    ticket->hook = h2o_mem_alloc_shared(&request->req->pool, sizeof(void *), on_dispose);
    *ticket->hook = ticket;
    ticket->link = (h2o_linklist_t){NULL, NULL};
    h2o_linklist_insert(&loop->tickets, &ticket->link);
    keep_reading(request->req);
    return ticket;
}

static struct slice put(char **at, struct slice from)
{
    struct slice to = {*at, from.len};
    if (from.len)
        memcpy(*at, from.at, from.len);
    *at += from.len;
    return to;
}

static struct reply *reply_copy(int status, const struct serve_field *fields, size_t n, struct slice body)
{
    assert(n <= SERVE_MAX_FIELDS);
    size_t bytes = body.len;
    for (size_t i = 0; i < n; i++)
        bytes += fields[i].value.len;
    struct reply *reply = h2o_mem_alloc(sizeof *reply + bytes);
    char *at = reply->bytes;
    reply->status = status;
    reply->n = n;
    for (size_t i = 0; i < n; i++)
        reply->fields[i] = (struct serve_field){fields[i].name, put(&at, fields[i].value)};
    reply->body = put(&at, body);
    return reply;
}

void serve_ticket_reply(struct serve_ticket *ticket, int status, const struct serve_field *fields, size_t n,
                        struct slice body)
{
    ticket->message.run = run_reply;
    if (loop_is_mine(ticket->home)) { /* answered within the handler: no detour */
        h2o_req_t *req = ticket->req;
        struct loop *loop = ticket->loop;
        if (req) {
            detach(ticket);
            request_answer(loop, req, status, fields, n, body, true);
        }
        ticket_end(loop, ticket);
        return;
    }
    ticket->reply = reply_copy(status, fields, n, body);
    if (!home_send(ticket->home, &ticket->message))
        ticket_free(ticket);
}

void serve_ticket_resume(struct serve_ticket *ticket, serve_resume_fn *resume, void *ctx)
{
    ticket->message.run = run_resume;
    ticket->resume = resume;
    ticket->ctx = ctx;
    if (loop_is_mine(ticket->home)) {
        run_resume(&ticket->message);
    } else if (!home_send(ticket->home, &ticket->message)) {
        ticket_free(ticket);
        resume(ctx, NULL);
    }
}

void tickets_abandon(struct loop *loop)
{
    while (!h2o_linklist_is_empty(&loop->tickets)) {
        struct serve_ticket *ticket = H2O_STRUCT_FROM_MEMBER(struct serve_ticket, link, loop->tickets.next);
        h2o_req_t *req = ticket->req;
        detach(ticket);
        req->http1_is_persistent = 0;
        struct serve_request request;
        request_init(&request, loop, req);
        request_refuse(&request, 503);
    }
}
