/* How a session begins: POST /enter with a one-time link's secret, or /?token=TOKEN; and what a browser shows of a
 * refusal, where programs get JSON.
 *
 * Without a script the page cannot choose its language, so it is chosen here, by what the browser asks for.
 *
 * GET /enter only shows a button: programs that look at links before people do (previews in chats, mail scanners) send
 * GET, and must not use the link up. The button's POST consumes it. The page has no script; its policy allows a form
 * that leads here and nothing else. Its referrer-policy is same-origin, as with no-referrer browsers say
 * "Origin: null" for the form. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/metric.h"
#include "event/access.h"
#include "live/live_int.h"

static const char policy[] =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

static const char head[] =
    "<!doctype html><html lang=\"%s\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
    "<meta name=\"robots\" content=\"noindex\"><title>Seismo</title><link rel=\"stylesheet\" href=\"/live.css\">"
    "<main><section class=\"card empty\">";
static const char tail[] = "</section></main></html>\n";

struct words {
    const char *language, *once, *open, *spent, *spent_why, *later, *how, *page;
    const char *nowhere, *pageless, *unknown, *wrong_token;
};

static const struct words english = {
    .language = "en",
    .once = "This link opens the page once, in this browser.",
    .open = "Open",
    .spent = "This link does not open the page",
    .later = "The link cannot be looked up now",
    .how =
        "Whoever runs Seismo gets a new link by <code>seismo access</code>, on the machine or in the container where "
        "it runs.",
    .page = "To the live page",
    .nowhere = "There is nothing at this address",
    .pageless = "This instance has no live page; one with role live has",
    .unknown = "This is only for those who have come in",
    .wrong_token = "This is not the token that is set here",
};

static const struct words german = {
    .language = "de",
    .once = "Dieser Link öffnet die Seite einmal, in diesem Browser.",
    .open = "Öffnen",
    .spent = "Dieser Link öffnet die Seite nicht",
    .spent_why = "der Link wurde schon benutzt, ist abgelaufen oder unbekannt",
    .later = "Der Link lässt sich gerade nicht prüfen",
    .how =
        "Wer Seismo betreibt, bekommt mit <code>seismo access</code> einen neuen Link, auf dem Rechner oder im "
        "Container, in dem es läuft.",
    .page = "Zur Live-Seite",
    .nowhere = "Unter dieser Adresse gibt es nichts",
    .pageless = "Diese Instanz hat keine Live-Seite; eine mit der Rolle live hat sie",
    .unknown = "Das ist nur für die, die sich ausgewiesen haben",
    .wrong_token = "Das ist nicht das Token, das hier gilt",
};

/* "de-AT;q=0.8" of Accept-Language: how much of it is wanted, 0 when it is not that language. */
static double weight_of(struct slice part, const char *language)
{
    char text[64];
    size_t n = strlen(language);
    while (part.len && part.at[0] == ' ')
        part = (struct slice){part.at + 1, part.len - 1};
    snprintf(text, sizeof text, "%.*s", part.len < sizeof text ? (int)part.len : 0, part.len ? part.at : "");
    if (strncasecmp(text, language, n) != 0 || (text[n] && !strchr("-; ", text[n])))
        return 0;
    const char *q = strstr(text, "q=");
    return q ? strtod(q + 2, NULL) : 1;
}

/* Of two that are wanted alike, the first. */
static const struct words *words_for(const struct serve_request *request)
{
    struct slice wanted = serve_header(request, "accept-language");
    const struct words *best = &english;
    double most = 0;
    while (wanted.len) {
        const char *end = memchr(wanted.at, ',', wanted.len);
        struct slice part = {wanted.at, end ? (size_t)(end - wanted.at) : wanted.len};
        double de = weight_of(part, "de"), en = weight_of(part, "en");
        if (de > most || en > most) {
            best = de > most ? &german : &english;
            most = de > most ? de : en;
        }
        size_t skip = part.len + (end ? 1 : 0);
        wanted = (struct slice){wanted.at + skip, wanted.len - skip};
    }
    return best;
}

static void reply_page(struct serve_request *request, int status, const struct words *words, struct slice body)
{
    struct serve_field fields[LIVE_FIELDS + 2];
    struct buf page;
    buf_init(&page, 8192);
    buf_printf(&page, head, words->language);
    buf_add_slice(&page, body);
    buf_text(&page, tail);
    size_t n = live_fields(fields, "text/html; charset=utf-8", "no-store");
    for (size_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, "content-security-policy") == 0)
            fields[i].value = SLICE(policy);
        if (strcmp(fields[i].name, "referrer-policy") == 0)
            fields[i].value = SLICE("same-origin");
    }
    serve_reply(request, status, fields, n, buf_slice(&page));
    buf_done(&page);
}

static bool is_secret(struct slice text)
{
    if (text.len != ACCESS_SECRET_BYTES - 1)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!((text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] >= 'a' && text.at[i] <= 'f')))
            return false;
    return true;
}

static void refuse_link(struct serve_request *request, int status, enum err err)
{
    char body[1024];
    const struct words *words = words_for(request);
    bool is_spent = err == ERR_LINK;
    const char *why = is_spent && words->spent_why ? words->spent_why : err_sentence(err);
    METRIC_ADD("seismo_live_refused_total", "requests refused by Host, Origin, method or token", 1);
    snprintf(body, sizeof body, "<h1>%s</h1><p><b>%s</b>: %s.</p><p>%s</p>", is_spent ? words->spent : words->later,
             err_code(err), why, words->how);
    reply_page(request, status, words, slice_of(body));
}

/* What is not of the API is opened by people, whose browsers ask for HTML. */
static bool is_for_people(const struct serve_request *request)
{
    struct slice accept = serve_header(request, "accept");
    return accept.len && memmem(accept.at, accept.len, "text/html", 9) && !slice_starts(serve_path(request), "/api/");
}

void live_refuse(struct serve_request *request, enum live_refusal why)
{
    static const struct {
        int status;
        enum err err;
        const char *what;
    } all[] = {
        [LIVE_NOWHERE] = {404, ERR_NOT_FOUND, NULL},
        [LIVE_PAGELESS] = {404, ERR_NOT_FOUND, "this instance has no live page: role live has"},
        [LIVE_UNKNOWN] =
            {401, ERR_FORBIDDEN,
             "who are you? Open a one-time link (seismo access prints one), or send inner.token as Bearer"},
        [LIVE_WRONG_TOKEN] = {401, ERR_FORBIDDEN, "the token in the address is not the one that is set here"},
    };
    char body[1024];
    if (!is_for_people(request)) {
        live_reply_error(request, all[why].status, all[why].err, all[why].what);
        return;
    }
    const struct words *words = words_for(request);
    const char *said[] = {words->nowhere, words->pageless, words->unknown, words->wrong_token};
    const char *how = all[why].status == 401 ? words->how : "";
    int n = snprintf(body, sizeof body, "<h1>%s</h1><p><b>%s</b> %s</p>", said[why], err_code(all[why].err), how);
    if (why != LIVE_PAGELESS)
        snprintf(body + n, sizeof body - (size_t)n, "<p><a class=\"button primary\" href=\"/\">%s</a></p>",
                 words->page);
    reply_page(request, all[why].status, words, slice_of(body));
}

/* ---- the answer ---- */

/* The address without its token part; what is left is what the link was for. */
static void write_location(struct buf *buf, struct slice query)
{
    buf_text(buf, "/");
    char joint = '?';
    for (size_t at = 0; at < query.len;) {
        const char *start = query.at + at;
        const char *end = memchr(start, '&', query.len - at);
        struct slice part = {start, end ? (size_t)(end - start) : query.len - at};
        at += part.len + 1;
        if (part.len == 0 || slice_starts(part, "token="))
            continue;
        buf_char(buf, joint);
        buf_add_slice(buf, part);
        joint = '&';
    }
}

/* A cookie for https only, where the browser says, or the configuration, that people come that way. */
static void reply_cookie(const struct live *live, struct serve_request *request, struct slice session,
                         struct slice query)
{
    struct serve_field fields[LIVE_FIELDS + 2];
    struct buf location;
    char cookie[256];
    bool is_https = live->options.is_https || slice_starts(serve_header(request, "origin"), "https://");
    buf_init(&location, 8192);
    write_location(&location, query);
    snprintf(cookie, sizeof cookie, LIVE_COOKIE_NAME "%.*s; Path=/; HttpOnly; SameSite=Strict%s; Max-Age=%lld",
             (int)session.len, session.at, is_https ? "; Secure" : "", (long long)(live->options.session_ms / 1000));
    size_t n = live_fields(fields, "text/plain", "no-store");
    fields[n++] = (struct serve_field){"location", buf_failed(&location) ? SLICE("/") : buf_slice(&location)};
    fields[n++] = (struct serve_field){"set-cookie", slice_of(cookie)};
    serve_reply(request, 303, fields, n, SLICE_NONE);
    buf_done(&location);
}

static void entered(struct live *live, struct serve_request *request, enum err err, struct slice session)
{
    struct slice peer = serve_peer(request);
    if (err != ERR_OK) {
        refuse_link(request, err == ERR_LINK ? 401 : 503, err);
        return;
    }
    METRIC_ADD("seismo_live_sessions_total", "sessions that a link or the token began", 1);
    log_info("live", "a one-time link was used from %.*s", (int)peer.len, peer.at);
    reply_cookie(live, request, session, SLICE_NONE);
}

static void showed_token(struct live *live, struct serve_request *request, enum err err, struct slice session)
{
    if (err != ERR_OK) {
        live_reply_error(request, 503, err, "the store takes no session now; send the token as Bearer");
        return;
    }
    METRIC_ADD("seismo_live_sessions_total", "sessions that a link or the token began", 1);
    reply_cookie(live, request, session, serve_query(request));
}

/* ---- what is asked ---- */

static void show_button(struct serve_request *request)
{
    struct slice once = SLICE_NONE;
    const struct words *words = words_for(request);
    char body[768];
    if (!serve_parameter(request, "once", &once) || !is_secret(once)) {
        refuse_link(request, 401, ERR_LINK);
        return;
    }
    snprintf(body, sizeof body,
             "<h1>Seismo</h1><p>%s</p><form method=\"post\" action=\"/enter\"><input type=\"hidden\" name=\"once\" "
             "value=\"%.*s\"><button class=\"button primary\" autofocus>%s</button></form>",
             words->once, (int)once.len, once.at, words->open);
    reply_page(request, 200, words, slice_of(body));
}

static void use_link(struct live *live, struct serve_request *request)
{
    struct slice body = serve_body(request), once = SLICE_NONE;
    char session[ACCESS_SECRET_BYTES];
    if (slice_starts(body, "once="))
        once = (struct slice){body.at + 5, body.len - 5};
    if (!is_secret(once)) {
        refuse_link(request, 401, ERR_LINK);
        return;
    }
    access_secret(session);
    live_doors_ask(live->doors, request, once, slice_of(session), entered);
}

bool live_enter(struct live *live, struct serve_request *request, struct slice path)
{
    if (!live->doors || !slice_is(path, "/enter"))
        return false;
    if (slice_is(serve_method(request), "POST"))
        use_link(live, request);
    else
        show_button(request);
    return true;
}

void live_token_redirect(struct live *live, struct serve_request *request, struct slice token)
{
    char session[ACCESS_SECRET_BYTES];
    if (!live_secret_equal(token, live->access.token)) {
        live_refuse(request, LIVE_WRONG_TOKEN);
        return;
    }
    access_secret(session);
    live_doors_ask(live->doors, request, SLICE_NONE, slice_of(session), showed_token);
}
