/* Slack, by an incoming webhook (https://api.slack.com/messaging/webhooks).
 *
 * Names come from pages and are hostile: they stand in code spans, where Slack reads no markup, with & < > escaped, so
 * that no <!channel>, link or mention can be made, without control and direction characters, backticks or line ends,
 * and cut. Limits (https://api.slack.com/reference/block-kit): header 150, section 3000, 50 blocks. */
#include "alert/notifier_int.h"

#include <math.h>

#include "alert/words.h"
#include "http/http.h"

#define NAME_CHARS 80 /* of a name in a sentence; in the header what fits */
#define HEADER_BYTES 140
#define MAX_ANSWER 4096

/* ---- hostile text ---- */

/* Length of the character at text[0..len), and whether it may be shown. Broken UTF-8 is one byte that may not. */
static size_t character(const unsigned char *text, size_t len, bool *ret_show)
{
    size_t n = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc2 ? 2 : 0;
    *ret_show = n == 1 ? text[0] >= 0x20 && text[0] != 0x7f && text[0] != '`' : n > 0 && n <= len;
    if (n <= 1 || n > len)
        return 1;
    uint32_t code = n == 2 ? text[0] & 0x1fu : n == 3 ? text[0] & 0x0fu : text[0] & 0x07u;
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            *ret_show = false;
            return 1;
        }
        code = code << 6 | (text[i] & 0x3fu);
    }
    /* C1 controls, directions, line ends, joiners, what is invisible */
    *ret_show =
        !(code < 0xa0 || code == 0xad || code == 0x61c || code == 0x180e || (code >= 0x200b && code <= 0x200f) ||
          (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
          code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) || code >= 0xe0000);
    return n;
}

static const char *escape_of(unsigned char c)
{
    return c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : NULL;
}

/* At most max_chars characters, and max_bytes with the escapes. */
static void add_hostile(struct buf *buf, struct slice text, size_t max_chars, size_t max_bytes)
{
    const unsigned char *at = (const unsigned char *)text.at;
    size_t start = buf->len;
    for (size_t i = 0, chars = 0, n; i < text.len; i += n, chars++) {
        bool show;
        n = character(at + i, text.len - i, &show);
        const char *escape = n == 1 ? escape_of(at[i]) : NULL;
        if (chars == max_chars || buf->len - start + 6 > max_bytes) {
            buf_text(buf, "\xe2\x80\xa6"); /* … */
            return;
        }
        if (escape)
            buf_text(buf, escape);
        else if (show)
            buf_add(buf, at + i, n);
        else
            buf_char(buf, '?');
    }
}

static void add_code(struct buf *buf, struct slice text)
{
    buf_char(buf, '`');
    if (text.len)
        add_hostile(buf, text, NAME_CHARS, NAME_CHARS * 5);
    else
        buf_text(buf, "(none)");
    buf_char(buf, '`');
}

/* ---- sentences ---- */

static bool is_whole(const struct alert *alert)
{
    return slice_is(alert->key.name, "*");
}

/* The header is plain text: no code span, so the name goes in as it is, escaped. */
static void add_subject(struct buf *buf, const struct alert *alert)
{
    static const char *const wholes[SERIES_KINDS] = {
        [SERIES_PAGE] = "All pages of ",   [SERIES_ROUTE] = "All route changes of ",
        [SERIES_API] = "All calls of ",    [SERIES_VITAL] = "All vitals of ",
        [SERIES_CLICK] = "All clicks of ", [SERIES_ERROR] = "Script errors of ",
    };
    if (is_whole(alert))
        buf_text(buf, wholes[alert->key.kind]);
    else if (alert->key.kind == SERIES_PAGE)
        buf_text(buf, "Page ");
    else if (alert->key.kind == SERIES_ROUTE)
        buf_text(buf, "Route ");
    add_hostile(buf, is_whole(alert) ? alert->key.service : alert->key.name, NAME_CHARS, HEADER_BYTES - 70);
}

/* ---- about Seismo itself ---- */

static const struct self_words {
    const char *cause, *firing, *resolved, *code;
} self_words[] = {
    {"lag", "is behind", "has caught up", "SE-5301"},
    {"spool", "spools more than it can bring to Kafka", "has emptied its spool", "SE-5302"},
    {"store", "can store nothing", "stores again", "SE-5303"},
    {"telling", "cannot tell people", "can tell people again", "SE-5304"},
    {"rejects", "refuses much of what comes in", "refuses no more than usual", "SE-5305"},
    {"clock", "sees many wrong times", "sees right times again", "SE-5306"},
};

static const struct self_words *words_of(const struct alert *alert)
{
    static const struct self_words unknown = {"", "is not well", "is well again", "SE-5303"};
    for (size_t i = 0; i < sizeof self_words / sizeof *self_words; i++)
        if (slice_is(alert->key.name, self_words[i].cause))
            return &self_words[i];
    return &unknown;
}

static void add_self_sentence(struct buf *buf, const struct alert *alert)
{
    const struct self_words *words = words_of(alert);
    bool over = alert->state == ALERT_RESOLVED;
    buf_text(buf, "Seismo on ");
    add_code(buf, alert->key.environment);
    buf_printf(buf, " %s", over ? words->resolved : words->firing);
    if (slice_is(alert->key.name, "rejects") || slice_is(alert->key.name, "clock")) {
        buf_text(buf, over ? ": it was up to *" : ": it is *");
        words_share(buf, alert->observed);
        buf_text(buf, "*, at most ");
        words_share(buf, alert->expected);
        buf_text(buf, " are well");
    } else if (slice_is(alert->key.name, "lag")) {
        buf_printf(buf, over ? ": up to *%.0f* records waited on the bus" : ": *%.0f* records wait on the bus",
                   alert->observed);
    }
    if (!over)
        buf_printf(buf, ". What to do: %s", words->code);
    buf_char(buf, '.');
}

static double factor_of(const struct alert *alert)
{
    return alert->expected > 0 ? alert->observed / alert->expected : NAN;
}

static void add_headline(struct buf *buf, const struct alert *alert)
{
    bool over = alert->state == ALERT_RESOLVED, latency = alert->kind == ALERT_LATENCY;
    double factor = factor_of(alert);
    if (alert->kind == ALERT_SELF) {
        buf_printf(buf, "Seismo itself %s", over ? words_of(alert)->resolved : words_of(alert)->firing);
        return;
    }
    add_subject(buf, alert);
    if (over && alert->observed == 0 && latency) {
        buf_text(buf, ": no more calls");
    } else if (over) {
        buf_text(buf, latency ? ": as quick as usual again" : ": no more errors than usual");
    } else if (latency && isfinite(factor)) {
        buf_text(buf, ": ");
        words_factor(buf, factor);
        buf_text(buf, " times slower than usual");
    } else {
        buf_text(buf, latency ? ": slower than usual" : ": more errors than usual");
    }
}

static void add_where(struct buf *buf, const struct alert *alert)
{
    static const char *const what[SERIES_KINDS] = {
        [SERIES_PAGE] = "Loads of page ",   [SERIES_ROUTE] = "Route changes to ", [SERIES_API] = "Calls of ",
        [SERIES_VITAL] = "Vitals of page ", [SERIES_CLICK] = "Clicks on page ",   [SERIES_ERROR] = "Script errors on ",
    };
    static const char *const all[SERIES_KINDS] = {
        [SERIES_PAGE] = "Page loads",  [SERIES_ROUTE] = "Route changes", [SERIES_API] = "API calls",
        [SERIES_VITAL] = "Web vitals", [SERIES_CLICK] = "Clicks",        [SERIES_ERROR] = "Script errors",
    };
    if (is_whole(alert)) {
        buf_text(buf, all[alert->key.kind]);
    } else {
        buf_text(buf, what[alert->key.kind]);
        add_code(buf, alert->key.name);
    }
    buf_text(buf, " in service ");
    add_code(buf, alert->key.service);
    if (alert->key.environment.len) {
        buf_text(buf, ", environment ");
        add_code(buf, alert->key.environment);
    }
}

static void add_latency(struct buf *buf, const struct alert *alert)
{
    double factor = factor_of(alert);
    buf_text(buf, alert->state == ALERT_RESOLVED ? ": p75 was up to *" : ": p75 *");
    words_value_ms(buf, alert->observed);
    buf_text(buf, "*, usually ");
    words_value_ms(buf, alert->expected);
    if (isfinite(factor)) {
        buf_text(buf, ": *");
        words_factor(buf, factor);
        buf_text(buf, " times slower*");
    }
    buf_text(buf, ".");
}

static void add_errors(struct buf *buf, const struct alert *alert)
{
    bool over = alert->state == ALERT_RESOLVED;
    if (alert->key.kind == SERIES_ERROR)
        buf_text(buf, over ? ": they were up to *" : ": they are *");
    else
        buf_text(buf, over ? ": up to *" : ": *");
    words_share(buf, alert->observed);
    buf_text(buf, alert->key.kind == SERIES_ERROR ? "* of all that users did, usually " : "* failed, usually ");
    words_share(buf, alert->expected);
    buf_text(buf, ".");
}

static void add_times(struct buf *buf, const struct alert *alert)
{
    bool over = alert->state == ALERT_RESOLVED;
    buf_text(buf, over ? "From " : "Since ");
    words_time(buf, alert->since_ms);
    if (over) {
        buf_text(buf, " to ");
        words_time(buf, alert->resolved_ms);
    }
    buf_text(buf, ", ");
    words_date(buf, alert->since_ms);
    if (over) {
        buf_text(buf, ": ");
        words_duration(buf, alert->resolved_ms - alert->since_ms);
    }
    if (alert->kind == ALERT_SELF) {
        buf_char(buf, '.');
        return;
    }
    buf_text(buf, ". In about ");
    words_count(buf, alert->sessions, "session", "sessions");
    buf_text(buf, ", ");
    words_count(buf, alert->events, "event", "events");
    buf_text(buf, ".");
}

static void add_history(struct buf *buf, const struct alert *alert)
{
    if (!alert->young)
        return;
    buf_text(buf, "\nOnly ");
    if (alert->history_s < 120)
        words_count(buf, alert->history_s, "second", "seconds");
    else
        words_count(buf, alert->history_s / 60, "minute", "minutes");
    buf_text(buf, " of history to compare with, so the limits were wider.");
}

static void add_sentences(struct buf *buf, const struct alert *alert)
{
    if (alert->kind == ALERT_SELF)
        add_self_sentence(buf, alert);
    else
        add_where(buf, alert);
    if (alert->kind == ALERT_LATENCY && alert->state == ALERT_RESOLVED && alert->observed == 0)
        buf_text(buf, ": nobody uses it any more, so whether it is well is not known.");
    else if (alert->kind == ALERT_LATENCY)
        add_latency(buf, alert);
    else if (alert->kind != ALERT_SELF)
        add_errors(buf, alert);
    buf_char(buf, '\n');
    add_times(buf, alert);
    add_history(buf, alert);
}

static const char *sign_of(const struct alert *alert)
{
    return alert->state == ALERT_RESOLVED ? "\xe2\x9c\x85 Resolved: " : "\xf0\x9f\x94\xb4 Firing: ";
}

static void add_link(struct buf *buf, const struct alert *alert, const char *live_url)
{
    struct buf link;
    buf_init(&link, 4096);
    words_link(&link, alert, live_url);
    struct slice url = buf_slice(&link);
    if (url.len && url.len < 2500 && !buf_failed(&link)) {
        buf_char(buf, '<');
        for (size_t i = 0; i < url.len; i++) /* & separates parameters; Slack wants it escaped here too */
            if (url.at[i] == '&')
                buf_text(buf, "&amp;");
            else
                buf_char(buf, url.at[i]);
        buf_text(buf, "|Open the live page>");
    }
    buf_done(&link);
}

/* ---- blocks ---- */

static void add_text(struct buf *buf, const char *type, const struct buf *text)
{
    buf_text(buf, "{\"type\":\"");
    buf_text(buf, type);
    buf_text(buf, "\",\"text\":");
    buf_json_string(buf, buf_slice(text));
    buf_char(buf, '}');
}

static void add_block(struct buf *buf, const char *block, const char *type, const struct buf *text)
{
    if (text->len == 0)
        return;
    if (buf->at[buf->len - 1] == '}')
        buf_char(buf, ',');
    buf_text(buf, "{\"type\":\"");
    buf_text(buf, block);
    buf_text(buf, "\",\"text\":");
    add_text(buf, type, text);
    buf_char(buf, '}');
}

static void format_one(const struct alert *alert, const char *live_url, struct buf *buf)
{
    struct buf text;
    buf_init(&text, NOTIFIER_MAX_BYTES);
    buf_text(buf, "{\"text\":");
    buf_text(&text, sign_of(alert));
    add_sentences(&text, alert);
    buf_json_string(buf, buf_slice(&text));
    buf_text(buf, ",\"unfurl_links\":false,\"unfurl_media\":false,\"blocks\":[");
    buf_clear(&text);
    buf_text(&text, sign_of(alert));
    add_headline(&text, alert);
    add_block(buf, "header", "plain_text", &text);
    buf_clear(&text);
    add_sentences(&text, alert);
    add_block(buf, "section", "mrkdwn", &text);
    buf_clear(&text);
    add_link(&text, alert, live_url);
    add_block(buf, "section", "mrkdwn", &text);
    buf_text(buf, ",{\"type\":\"context\",\"elements\":[");
    buf_clear(&text);
    buf_text(&text, "Seismo, alert ");
    buf_text(&text, alert->id);
    if (alert->key.application.len) {
        buf_text(&text, ", application ");
        add_code(&text, alert->key.application);
    }
    add_text(buf, "mrkdwn", &text);
    buf_text(buf, "]}]}");
    buf_done(&text);
}

/* Several that waited: one line each, one message. */
static void format_many(const struct alert *const *alerts, size_t n, const char *live_url, struct buf *buf)
{
    struct buf text;
    size_t firing = 0;
    buf_init(&text, NOTIFIER_MAX_BYTES);
    for (size_t i = 0; i < n; i++)
        firing += alerts[i]->state == ALERT_FIRING;
    buf_printf(&text, "%zu firing, %zu resolved", firing, n - firing);
    buf_text(buf, "{\"text\":");
    buf_json_string(buf, buf_slice(&text));
    buf_text(buf, ",\"unfurl_links\":false,\"unfurl_media\":false,\"blocks\":[");
    add_block(buf, "header", "plain_text", &text);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&text);
        buf_text(&text, sign_of(alerts[i]));
        add_sentences(&text, alerts[i]);
        add_block(buf, "section", "mrkdwn", &text);
    }
    buf_clear(&text);
    if (live_url && *live_url)
        buf_printf(&text, "<%s/|Open the live page>", live_url);
    add_block(buf, "section", "mrkdwn", &text);
    buf_text(buf, "]}");
    buf_done(&text);
}

static void format(const struct alert *const *alerts, size_t n, const char *live_url, struct buf *buf)
{
    if (n == 1)
        format_one(alerts[0], live_url, buf);
    else
        format_many(alerts, n, live_url, buf);
}

static enum notify_result judge_answer(const struct http_response *response, int *ret_pause_ms, struct err_text *text)
{
    struct slice body = buf_slice(&response->body);
    int status = response->status;
    bool later = status == 429 || status == 408 || status >= 500;
    *ret_pause_ms = response->retry_after_ms;
    if (status >= 200 && status < 300)
        return NOTIFY_SENT; /* Slack's body is "ok" */
    err_set(text, later ? ERR_NOTIFY_RETRY : ERR_NOTIFY, "slack answered %d: %.*s", status,
            (int)(body.len < 100 ? body.len : 100), body.at);
    return later ? NOTIFY_RETRY : NOTIFY_REJECTED;
}

/* The address is the secret, so the client's own text, which names its path, is not passed on. */
static enum notify_result send(const struct notifier *notifier, struct slice message, int *ret_pause_ms,
                               struct err_text *text)
{
    struct http_response response;
    struct err_text secret;
    const struct http_request request = {
        .method = "POST", .url = notifier->target, .content_type = "application/json", .body = message};
    http_response_init(&response, MAX_ANSWER);
    *ret_pause_ms = -1;
    enum err err = http_send(notifier->client, &request, &response, &secret);
    enum notify_result result = NOTIFY_RETRY;
    if (err == ERR_OK)
        result = judge_answer(&response, ret_pause_ms, text);
    else
        err_set(text, ERR_NOTIFY_RETRY, "slack: %s", err_sentence(err));
    http_response_done(&response);
    return result;
}

const struct notifier_ops notifier_slack = {.name = "slack", .format = format, .send = send};
