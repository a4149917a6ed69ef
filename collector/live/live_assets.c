/* What every answer carries, errors as JSON, and the page's files.
 *
 * The page needs nothing from elsewhere and nothing inline, so its policy allows nothing of the kind: a string from a
 * page that got into the document by mistake could still not run. */
#include <stdio.h>

#include "live/live_int.h"

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

size_t live_fields(struct serve_field fields[LIVE_FIELDS + 2], const char *content_type, const char *cache)
{
    const struct serve_field all[] = {
        {"content-type", slice_of(content_type)},
        {"cache-control", slice_of(cache)},
        {"content-security-policy", SLICE(policy)},
        {"x-content-type-options", SLICE("nosniff")},
        {"referrer-policy", SLICE("no-referrer")},
        {"cross-origin-resource-policy", SLICE("same-origin")},
        {"cross-origin-opener-policy", SLICE("same-origin")},
        {"x-frame-options", SLICE("DENY")},
    };
    _Static_assert(sizeof all / sizeof *all == LIVE_FIELDS, "LIVE_FIELDS is their number");
    memcpy(fields, all, sizeof all);
    return LIVE_FIELDS;
}

void live_reply(struct serve_request *request, int status, const char *content_type, struct slice body)
{
    struct serve_field fields[LIVE_FIELDS + 2];
    size_t n = live_fields(fields, content_type, "no-store");
    serve_reply(request, status, fields, n, body);
}

void live_ticket_reply(struct serve_ticket *ticket, int status, struct slice body)
{
    struct serve_field fields[LIVE_FIELDS + 2];
    size_t n = live_fields(fields, "application/json", "no-store");
    if (status == 503)
        fields[n++] = (struct serve_field){"retry-after", SLICE("1")};
    serve_ticket_reply(ticket, status, fields, n, body);
}

void live_error_json(struct buf *buf, enum err err, const char *what)
{
    char help[64];
    snprintf(help, sizeof help, "docs/codes/%s.md", err_code(err));
    buf_char(buf, '{');
    buf_json_field(buf, "code", slice_of(err_code(err)));
    buf_json_field(buf, "error", slice_of(what && *what ? what : err_sentence(err)));
    buf_json_field(buf, "help", slice_of(help));
    buf_text(buf, "}\n");
}

void live_reply_error(struct serve_request *request, int status, enum err err, const char *what)
{
    struct serve_field fields[LIVE_FIELDS + 2];
    struct buf buf;
    buf_init(&buf, 16384);
    live_error_json(&buf, err, what);
    size_t n = live_fields(fields, "application/json", "no-store");
    if (status == 405)
        fields[n++] = (struct serve_field){"allow", SLICE("GET, HEAD")};
    if (status == 401)
        fields[n++] = (struct serve_field){"www-authenticate", SLICE("Bearer realm=\"seismo\"")};
    if (status == 503)
        fields[n++] = (struct serve_field){"retry-after", SLICE("1")};
    serve_reply(request, status, fields, n, buf_slice(&buf));
    buf_done(&buf);
}

int live_status_of(enum err err)
{
    switch (err) {
    case ERR_OK: return 200;
    case ERR_BAD_PARAMETER: return 400;
    case ERR_MISSING: return 404;
    case ERR_AGAIN:
    case ERR_DRAINING:
    case ERR_FULL:
    case ERR_HTTP: return 503;
    default: return 500;
    }
}

bool live_asset_reply(const struct live *live, struct serve_request *request, struct slice path)
{
    if (slice_is(path, "/index.html"))
        path = SLICE("/");
    for (size_t i = 0; i < live->n_assets; i++) {
        if (!slice_equal(live->assets[i].path, path))
            continue;
        struct serve_field fields[LIVE_FIELDS + 2];
        size_t n = live_fields(fields, live->assets[i].content_type.at, "no-cache");
        fields[n++] = (struct serve_field){"etag", slice_of(live->assets[i].etag)};
        if (slice_is(serve_header(request, "if-none-match"), live->assets[i].etag))
            serve_reply(request, 304, fields, n, SLICE_NONE);
        else
            serve_reply_static(request, 200, fields, n, live->assets[i].bytes);
        return true;
    }
    return false;
}
