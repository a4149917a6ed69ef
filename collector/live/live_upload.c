/* Source maps from a machine that does not reach the folder: `PUT /api/sourcemaps?release=R&path=P`. */
#include "base/log.h"
#include "live/live_int.h"

#define LIVE_UPLOAD_PATH "/api/sourcemaps"
#define PATH_BYTES 2048

bool live_is_upload(const struct live *live, const struct serve_request *request)
{
    return live->options.keep_map && slice_is(serve_method(request), "PUT") &&
           slice_is(serve_path(request), LIVE_UPLOAD_PATH);
}

static enum err keep(struct live *live, const struct live_query *query, struct buf *buf, struct err_text *text)
{
    char path[PATH_BYTES];
    enum err err = live->options.keep_map(live->options.keep_ctx, query->release, query->name, query->body,
                                          query->is_gzip, path, sizeof path, text);
    if (err != ERR_OK)
        return err;
    log_info("live", "a source map was uploaded from %.*s: %s of release %.*s", SLICE_ARG(query->peer), path,
             SLICE_ARG(query->release));
    buf_char(buf, '{');
    buf_json_field(buf, "release", query->release);
    buf_json_field(buf, "path", slice_of(path));
    buf_text(buf, "}\n");
    return ERR_OK;
}

static struct slice parameter(struct serve_request *request, struct arena *arena, const char *name)
{
    struct slice value;
    return serve_parameter(request, name, &value) ? arena_copy(arena, value) : SLICE_NONE;
}

void live_upload(struct live *live, struct serve_request *request)
{
    struct slice body = serve_body(request);
    struct arena *arena = arena_new(1024, body.len + 65536);
    struct live_query query = {.is_change = true,
                               .is_gzip = slice_is(serve_header(request, "content-encoding"), "gzip"),
                               .release = parameter(request, arena, "release"),
                               .name = parameter(request, arena, "path"),
                               .body = arena_copy(arena, body),
                               .peer = arena_copy(arena, serve_peer(request))};
    live_jobs_push(live->jobs, request, keep, &query, arena);
}
