#include "alert/words.h"

#include <math.h>
#include <time.h>

#include "base/clock.h"

#define AROUND_MS 900000   /* what a link shows before and after */
#define MAX_LINK_NAME 1500 /* encoded; a longer name gets a link to its service */

void words_value_ms(struct buf *buf, double ms)
{
    if (ms < 1)
        buf_printf(buf, "%.2g ms", ms);
    else if (ms < 999.5)
        buf_printf(buf, "%.0f ms", ms);
    else if (ms < 9995)
        buf_printf(buf, "%.2f s", ms / 1000);
    else if (ms < 60000)
        buf_printf(buf, "%.1f s", ms / 1000);
    else
        words_duration(buf, (int64_t)fmin(ms, 1e12));
}

void words_duration(struct buf *buf, int64_t ms)
{
    int64_t s = ms < 0 ? 0 : (ms + 500) / 1000;
    if (s < 60)
        buf_printf(buf, "%lld s", (long long)s);
    else if (s < 3600 && s % 60)
        buf_printf(buf, "%lld min %lld s", (long long)s / 60, (long long)s % 60);
    else if (s < 3600)
        buf_printf(buf, "%lld min", (long long)s / 60);
    else if (s < 86400)
        buf_printf(buf, "%lld h %lld min", (long long)s / 3600, (long long)s / 60 % 60);
    else
        buf_printf(buf, "%lld d %lld h", (long long)s / 86400, (long long)s / 3600 % 24);
}

static struct tm broken_down(int64_t wall_ms)
{
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);
    gmtime_r(&seconds, &tm);
    return tm;
}

void words_time(struct buf *buf, int64_t wall_ms)
{
    struct tm tm = broken_down(wall_ms);
    buf_printf(buf, "%02d:%02d:%02d UTC", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void words_date(struct buf *buf, int64_t wall_ms)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = broken_down(wall_ms);
    buf_printf(buf, "%d %s %d", tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900);
}

void words_share(struct buf *buf, double share)
{
    double percent = fmin(100, fmax(0, share * 100));
    buf_printf(buf, percent > 0 && percent < 10 ? "%.1f %%" : "%.0f %%", percent);
}

void words_factor(struct buf *buf, double factor)
{
    buf_printf(buf, factor < 9.95 ? "%.1f" : "%.0f", fmin(factor, 1e6));
}

void words_count(struct buf *buf, double n, const char *one, const char *many)
{
    double whole = round(n);
    buf_printf(buf, "%.0f %s", whole, whole == 1 ? one : many);
}

static void encode(struct buf *buf, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.' || c == '~' || c == '/';
        if (plain)
            buf_char(buf, (char)c);
        else
            buf_printf(buf, "%%%02X", c);
    }
}

static void parameter(struct buf *buf, const char *name, struct slice value)
{
    if (value.len == 0)
        return;
    if (buf->at[buf->len - 1] != '?')
        buf_char(buf, '&');
    buf_text(buf, name);
    buf_char(buf, '=');
    encode(buf, value);
}

static void time_parameter(struct buf *buf, const char *name, int64_t wall_ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_text(wall_ms, text);
    parameter(buf, name, slice_of(text));
}

static size_t encoded_size(struct slice text)
{
    return text.len * 3;
}

void words_link(struct buf *buf, const struct alert *alert, const char *base)
{
    const struct series_key *key = &alert->key;
    if (!base || !*base)
        return;
    bool one_series = !slice_is(key->name, "*") && key->kind != SERIES_ERROR &&
                      encoded_size(key->name) + encoded_size(key->environment) <= MAX_LINK_NAME;
    int64_t end_ms = alert->state == ALERT_RESOLVED ? alert->resolved_ms : alert->opened_ms;
    buf_text(buf, base);
    buf_text(buf, "/?");
    if (alert->kind == ALERT_SELF) {
        parameter(buf, "view", SLICE("self"));
        return;
    }
    if (one_series)
        parameter(buf, "view", SLICE("series"));
    parameter(buf, "application", key->application);
    parameter(buf, "service", key->service);
    if (one_series) {
        parameter(buf, "environment", key->environment);
        parameter(buf, "kind", slice_of(series_kind_name(key->kind)));
        parameter(buf, "name", key->name);
    }
    time_parameter(buf, "from", alert->since_ms - AROUND_MS);
    time_parameter(buf, "to", end_ms + AROUND_MS);
}
