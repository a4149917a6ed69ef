/* /seismo.js: the agent, and what can be told from who asks for it. */
#include "base/clock.h"
#include "ingest/ingest_int.h"

void visit_note(const struct visit *visit, enum sign sign, struct slice origin)
{
    diagnosis_note(visit->ingest->options.diagnosis, sign, origin, clock_mono_ms());
}

/* Which page asks for the script: its Origin if the tag says crossorigin, else what Referer begins with. */
static struct slice page_of(const struct visit *visit)
{
    struct slice from = serve_header(visit->request, "referer");
    const char *host = from.len ? memmem(from.at, from.len, "://", 3) : NULL;
    if (visit->outlet.origin.len || !host)
        return visit->outlet.origin;
    size_t at = (size_t)(host - from.at) + 3;
    while (at < from.len && from.at[at] != '/')
        at++;
    return (struct slice){from.at, at};
}

/* A proxy stands before us, by its own word. */
static bool is_proxied(const struct visit *visit)
{
    static const char *const names[] = {"x-forwarded-for", "via", "forwarded"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (serve_header(visit->request, names[i]).len)
            return true;
    }
    return false;
}

/* What asks for the script and is no page, such as curl, says neither Referer nor what it is for. */
static void note_script(const struct visit *visit)
{
    struct slice page = page_of(visit);
    if (page.len == 0 && !slice_is(serve_header(visit->request, "sec-fetch-dest"), "script"))
        return;
    visit_note(visit, SIGN_SCRIPT, page);
    if (visit->outlet.origin.len && is_proxied(visit))
        visit_note(visit, SIGN_SCRIPT_CORS, page);
}

/* ?why=: an image without a picture. Kept for an hour by the browser, so that each tells it once. */
static bool hear_why(const struct visit *visit)
{
    static const struct serve_field fields[] = {
        {"cache-control", {"public, max-age=3600", 20}},
        {"cross-origin-resource-policy", {"cross-origin", 12}},
        {"content-type", {"image/svg+xml", 13}},
        {"x-content-type-options", {"nosniff", 7}},
    };
    struct slice why;
    enum sign sign;
    if (!serve_parameter(visit->request, "why", &why) || !diagnosis_sign_of(why, &sign))
        return false;
    visit_note(visit, sign, page_of(visit));
    count_status(200);
    serve_reply_static(visit->request, 200, fields, 4, SLICE("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"));
    return true;
}

void visit_agent(struct visit *visit)
{
    struct ingest *ingest = visit->ingest;
    struct serve_request *request = visit->request;
    if (hear_why(visit))
        return;
    note_script(visit);
    bool gzip = ingest->agent_gzip.bytes.len && accepts_gzip(serve_header(request, "accept-encoding"));
    const struct asset *asset = gzip ? &ingest->agent_gzip : &ingest->agent;
    struct serve_field fields[] = {
        {"etag", slice_of(asset->etag)},
        {"cache-control", SLICE("public, max-age=3600")},
        {"vary", SLICE("Accept-Encoding")},
        {"access-control-allow-origin", SLICE("*")},
        {"cross-origin-resource-policy", SLICE("cross-origin")}, /* pages with COEP may load it too */
        {"content-type", SLICE("text/javascript; charset=utf-8")},
        {"x-content-type-options", SLICE("nosniff")},
        {"content-encoding", SLICE("gzip")},
    };
    if (asset->bytes.len == 0) {
        struct outlet outlet = {.request = request};
        answer_refused(&outlet, 0, ERR_NOT_FOUND, "no agent file is built in", NULL, NULL);
    } else if (etag_matches(serve_header(request, "if-none-match"), slice_of(asset->etag))) {
        count_status(304);
        serve_reply_static(request, 304, fields, 5, SLICE(""));
    } else {
        count_status(200);
        serve_reply_static(request, 200, fields, gzip ? 8 : 7, asset->bytes);
    }
}
