/* A request inside the handler, and answers. */
#include <stdio.h>

#include "serve/serve_int.h"

/* What h2o has read, from the request's first byte on: it stays there until the answer is out. */
static struct slice input_of(const h2o_req_t *req)
{
    const h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    return (struct slice){sock->input->bytes, sock->input->size};
}

bool request_init(struct serve_request *request, struct loop *loop, h2o_req_t *req)
{
    *request = (struct serve_request){.loop = loop, .req = req, .path = SLICE(""), .query = SLICE("")};
    struct slice target = {req->input.path.base, req->input.path.len};
    return path_decode(target, h2o_mem_alloc_pool(&req->pool, target.len + 1), &request->path, &request->query) &&
           framing_is_plain(input_of(req), req->version);
}

bool request_is_head(const h2o_req_t *req)
{
    return req->input.method.len == 4 && memcmp(req->input.method.base, "HEAD", 4) == 0;
}

int serve_loop(const struct serve_request *request)
{
    return (int)(request->loop - request->loop->serve->loops);
}

struct slice serve_method(const struct serve_request *request)
{
    return (struct slice){request->req->input.method.base, request->req->input.method.len};
}

struct slice serve_path(const struct serve_request *request)
{
    return request->path;
}

struct slice serve_query(const struct serve_request *request)
{
    return request->query;
}

bool serve_parameter(struct serve_request *request, const char *name, struct slice *ret_value)
{
    char *out = h2o_mem_alloc_pool(&request->req->pool, request->query.len + 1);
    return query_find(request->query, name, out, ret_value);
}

struct slice serve_header(const struct serve_request *request, const char *lower_case_name)
{
    const h2o_req_t *req = request->req;
    if (strcmp(lower_case_name, "host") == 0) /* h2o keeps it apart */
        return (struct slice){req->input.authority.base, req->input.authority.len};
    ssize_t at = h2o_find_header_by_str(&req->headers, lower_case_name, strlen(lower_case_name), -1);
    if (at == -1)
        return SLICE("");
    return (struct slice){req->headers.entries[at].value.base, req->headers.entries[at].value.len};
}

struct slice serve_body(const struct serve_request *request)
{
    return request->refusing ? SLICE("") : (struct slice){request->req->entity.base, request->req->entity.len};
}

void serve_headers(const struct serve_request *request, const struct slice *names, size_t n, struct slice *ret_values)
{
    const h2o_headers_t *headers = &request->req->headers;
    for (size_t i = 0; i < n; i++)
        ret_values[i] = SLICE("");
    for (size_t i = headers->size; i-- > 0;) { /* from the end, so that the first of a name stays */
        const h2o_iovec_t *name = headers->entries[i].name;
        for (size_t j = 0; j < n; j++) {
            if (name->len != names[j].len || memcmp(name->base, names[j].at, name->len) != 0)
                continue;
            ret_values[j] = (struct slice){headers->entries[i].value.base, headers->entries[i].value.len};
            break;
        }
    }
}

bool serve_header_before(const struct serve_request *request, struct slice lower_case_name, size_t *cursor,
                         struct slice *ret_value)
{
    const h2o_headers_t *headers = &request->req->headers;
    for (size_t i = *cursor < headers->size ? *cursor : headers->size; i-- > 0;) {
        const h2o_iovec_t *name = headers->entries[i].name;
        if (name->len != lower_case_name.len || memcmp(name->base, lower_case_name.at, name->len) != 0)
            continue;
        *ret_value = (struct slice){headers->entries[i].value.base, headers->entries[i].value.len};
        *cursor = i;
        return true;
    }
    return false;
}

const struct address *serve_address(const struct serve_request *request)
{
    const struct connection *connection = request_connection(request->req);
    return connection->has_peer ? &connection->peer : NULL;
}

struct slice serve_peer(struct serve_request *request)
{
    const struct address *address = serve_address(request);
    if (!address)
        return SLICE("");
    char *text = h2o_mem_alloc_pool(&request->req->pool, ADDRESS_TEXT_BYTES);
    address_text(address, text);
    return slice_of(text);
}

const char *status_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {409, "Conflict"},
                   {413, "Content Too Large"},
                   {415, "Unsupported Media Type"},
                   {417, "Expectation Failed"},
                   {421, "Misdirected Request"},
                   {429, "Too Many Requests"},
                   {500, "Internal Server Error"},
                   {503, "Service Unavailable"},
                   {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Other";
}

static bool is_clean(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.at[i] < 0x20 && value.at[i] != '\t') || value.at[i] == 0x7f)
            return false;
    return true;
}

static struct slice pool_copy(h2o_req_t *req, struct slice from)
{
    char *to = h2o_mem_alloc_pool(&req->pool, from.len + 1);
    if (from.len)
        memcpy(to, from.at, from.len);
    return (struct slice){to, from.len};
}

void request_add_fields(h2o_req_t *req, const struct serve_field *fields, size_t n, bool copy)
{
    assert(n <= SERVE_MAX_FIELDS);
    for (size_t i = 0; i < n; i++) {
        bool joined = fields[i].name[0] == '+';
        if (!joined && !is_clean(fields[i].value))
            continue; /* would split the answer in two */
        struct slice value = copy ? pool_copy(req, fields[i].value) : fields[i].value;
        const char *name = fields[i].name + joined;
        h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 0, NULL, value.at, value.len);
    }
}

void request_answer(struct loop *loop, h2o_req_t *req, int status, const struct serve_field *fields, size_t n,
                    struct slice body, bool copy)
{
    static h2o_generator_t none; /* everything is sent in one go */
    bool bodiless = status == 204 || status == 304;
    req->res.status = status;
    req->res.reason = status_reason(status);
    req->res.content_length = bodiless ? SIZE_MAX : body.len;
    request_add_fields(req, fields, n, false); /* h2o_send writes the head before it returns */
    loop->answering = true;
    h2o_start_response(req, &none);
    loop->answering = false;
    if (bodiless || body.len == 0 || request_is_head(req)) {
        h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
        return;
    }
    struct slice bytes = copy ? pool_copy(req, body) : body;
    h2o_iovec_t out = {(char *)bytes.at, bytes.len};
    h2o_send(req, &out, 1, H2O_SEND_STATE_FINAL);
}

static void reply(struct serve_request *request, int status, const struct serve_field *fields, size_t n,
                  struct slice body, bool copy)
{
    assert(!request->answered);
    request->answered = true;
    h2o_req_t *req = request->req;
    if (!request->refusing) {
        request_answer(request->loop, req, status, fields, n, body, copy);
        return;
    }
    req->res.status = status;
    req->res.reason = status_reason(status);
    memset(&req->res.headers, 0, sizeof req->res.headers); /* their memory is the pool's */
    request_add_fields(req, fields, n, true);
    request->refusal = copy ? pool_copy(req, body) : body;
    req->res.content_length = body.len;
}

void serve_reply(struct serve_request *request, int status, const struct serve_field *fields, size_t n,
                 struct slice body)
{
    reply(request, status, fields, n, body, true);
}

void serve_reply_static(struct serve_request *request, int status, const struct serve_field *fields, size_t n,
                        struct slice body)
{
    reply(request, status, fields, n, body, false);
}

void request_refuse(struct serve_request *request, int status)
{
    struct serve *serve = request->loop->serve;
    if (serve->options.refused) {
        serve->options.refused(serve->ctx, request, status);
    } else {
        struct serve_field type = {"content-type", SLICE("text/plain; charset=utf-8")};
        char line[64];
        int n = snprintf(line, sizeof line, "%d %s\n", status, status_reason(status));
        serve_reply(request, status, &type, 1, (struct slice){line, (size_t)n});
    }
    assert(request->answered);
}
