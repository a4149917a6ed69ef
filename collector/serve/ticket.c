/* Answers later, from any thread. */
#include "serve/serve_int.h"

struct reply {
    int status;
    size_t n;
    struct serve_field fields[SERVE_MAX_FIELDS];
    struct slice body;
    char bytes[]; /* what values and body point to */
};

struct serve_ticket {
    struct message message;
    struct home *home;
    struct reply *reply;
    /* the loop's thread only */
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

static void run(struct message *message)
{
    struct serve_ticket *ticket = (struct serve_ticket *)message;
    h2o_req_t *req = ticket->req;
    if (req) {
        struct reply *reply = ticket->reply;
        detach(ticket);
        request_answer(request_loop(req), req, reply->status, reply->fields, reply->n, reply->body, true);
    }
    ticket_free(ticket);
}

struct serve_ticket *serve_defer(struct serve_request *request)
{
    assert(!request->answered && !request->refusing);
    request->answered = true;
    struct loop *loop = request->loop;
    struct serve_ticket *ticket = h2o_mem_alloc(sizeof *ticket);
    *ticket = (struct serve_ticket){.message.run = run, .home = loop->home, .req = request->req};
    atomic_fetch_add(&ticket->home->refs, 1);
    ticket->hook = h2o_mem_alloc_shared(&request->req->pool, sizeof(void *), on_dispose);
    *ticket->hook = ticket;
    h2o_linklist_insert(&loop->tickets, &ticket->link);
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
    if (loop_is_mine(ticket->home)) { /* answered within the handler: no detour */
        h2o_req_t *req = ticket->req;
        if (req) {
            detach(ticket);
            request_answer(request_loop(req), req, status, fields, n, body, true);
        }
        ticket_free(ticket);
        return;
    }
    ticket->reply = reply_copy(status, fields, n, body);
    if (!home_send(ticket->home, &ticket->message))
        ticket_free(ticket);
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
