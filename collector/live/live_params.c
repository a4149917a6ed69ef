/* Parameters: read, checked, copied. What is wrong is said by name; nothing is guessed.
 *
 * Text from here reaches the store only as values of its queries, never as part of their text. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "live/live_int.h"

#define MINUTE_MS 60000
#define FINE_SPAN_MS (30 * MINUTE_MS) /* up to here 10 s windows */

static enum err wrong(struct err_text *text, const char *name, const char *what)
{
    return err_set(text, ERR_BAD_PARAMETER, "%s: %s", name, what);
}

static enum err read_text(struct serve_request *request, const char *name, struct arena *arena, struct slice *ret_value,
                          struct err_text *text)
{
    struct slice value;
    *ret_value = SLICE_NONE;
    if (!serve_parameter(request, name, &value))
        return ERR_OK;
    if (value.len > LIVE_MAX_PARAMETER)
        return wrong(text, name, "longer than 2048 bytes");
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f)
            return wrong(text, name, "has control characters");
    *ret_value = arena_copy(arena, value);
    return ret_value->at ? ERR_OK : wrong(text, name, "too much text in the parameters");
}

static enum err read_number(struct serve_request *request, const char *name, int64_t least, int64_t most,
                            int64_t *value, struct err_text *text)
{
    struct slice given;
    char what[96];
    if (!serve_parameter(request, name, &given))
        return ERR_OK;
    int64_t number = 0;
    bool good = given.len > 0 && given.len <= 16;
    for (size_t i = 0; good && i < given.len; i++) {
        good = given.at[i] >= '0' && given.at[i] <= '9';
        number = number * 10 + (given.at[i] - '0');
    }
    if (!good || number < least || number > most) {
        snprintf(what, sizeof what, "expected a whole number from %lld to %lld", (long long)least, (long long)most);
        return wrong(text, name, what);
    }
    *value = number;
    return ERR_OK;
}

/* RFC 3339 in UTC, or ms since the epoch. */
static enum err read_time(struct serve_request *request, const char *name, int64_t *value, bool *ret_given,
                          struct err_text *text)
{
    struct slice given;
    *ret_given = serve_parameter(request, name, &given);
    if (!*ret_given)
        return ERR_OK;
    int64_t parsed = clock_parse(given.at, given.len);
    if (parsed >= 0) {
        *value = parsed;
        return ERR_OK;
    }
    if (read_number(request, name, 0, 253402300799999, value, NULL) == ERR_OK)
        return ERR_OK;
    return wrong(text, name, "expected a time as 2026-11-22T13:37:00Z or ms since 1970");
}

static enum err read_range(struct serve_request *request, int64_t *ret_span_ms, struct err_text *text)
{
    static const struct {
        const char *name;
        int64_t minutes;
    } ranges[] = {{"5m", 5}, {"30m", 30}, {"3h", 180}, {"24h", 1440}};
    struct slice given;
    *ret_span_ms = FINE_SPAN_MS;
    if (!serve_parameter(request, "range", &given))
        return ERR_OK;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (slice_is(given, ranges[i].name)) {
            *ret_span_ms = ranges[i].minutes * MINUTE_MS;
            return ERR_OK;
        }
    }
    return wrong(text, "range", "expected 5m, 30m, 3h or 24h");
}

/* The span becomes whole steps; the step is the least round one that keeps the points in bounds, so that the bars of a
 * chart stand still while time moves on. */
static void align(struct live_query *query)
{
    static const int64_t round_widths[] = {1, 2, 5, 10, 15, 30, 60, 120};
    int64_t span = query->to_ms - query->from_ms;
    query->width_s = span <= FINE_SPAN_MS ? 10 : 60;
    for (size_t i = 0; i < sizeof round_widths / sizeof *round_widths; i++) {
        query->step_ms = round_widths[i] * query->width_s * 1000;
        if (span / query->step_ms <= LIVE_MAX_POINTS - 2)
            break;
    }
    query->from_ms -= query->from_ms % query->step_ms;
    int64_t over = query->to_ms % query->step_ms;
    query->to_ms += over ? query->step_ms - over : 0;
}

static enum err read_span(struct serve_request *request, struct live_query *query, struct err_text *text)
{
    int64_t span;
    bool has_from, has_to;
    enum err err = read_range(request, &span, text);
    if (err == ERR_OK)
        err = read_time(request, "from", &query->from_ms, &has_from, text);
    if (err == ERR_OK)
        err = read_time(request, "to", &query->to_ms, &has_to, text);
    if (err != ERR_OK)
        return err;
    if (!has_to)
        query->to_ms = has_from ? query->from_ms + span : query->now_ms;
    if (!has_from)
        query->from_ms = query->to_ms > span ? query->to_ms - span : 0;
    if (query->to_ms <= query->from_ms)
        return wrong(text, "to", "must be later than from");
    if (query->to_ms - query->from_ms > LIVE_MAX_SPAN_MS)
        return wrong(text, "from", "at most 31 days before to");
    query->is_timed = has_from || has_to;
    align(query);
    return ERR_OK;
}

static enum err read_kind(struct serve_request *request, struct live_query *query, struct err_text *text)
{
    struct slice given;
    if (!serve_parameter(request, "kind", &given))
        return ERR_OK;
    for (enum series_kind kind = SERIES_PAGE; kind < SERIES_KINDS; kind++) {
        if (slice_is(given, series_kind_name(kind))) {
            query->kind = kind;
            return ERR_OK;
        }
    }
    return wrong(text, "kind", "expected page, route, api, vital, click or error");
}

enum err live_query_read(struct serve_request *request, struct arena *arena, int64_t now_ms,
                         struct live_query *ret_query, struct err_text *text)
{
    struct live_query query = {.now_ms = now_ms, .limit = 50};
    int64_t limit = 50;
    const struct {
        const char *name;
        struct slice *value;
    } texts[] = {
        {"application", &query.application},
        {"service", &query.service},
        {"environment", &query.environment},
        {"name", &query.name},
        {"detail", &query.detail},
        {"id", &query.id},
        {"user", &query.user},
        {"code", &query.code},
        {"release", &query.release},
        {"browser", &query.browser},
        {"device", &query.device},
        {"country", &query.country},
    };
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < sizeof texts / sizeof *texts; i++)
        err = read_text(request, texts[i].name, arena, texts[i].value, text);
    if (err == ERR_OK)
        err = read_span(request, &query, text);
    if (err == ERR_OK)
        err = read_kind(request, &query, text);
    if (err == ERR_OK)
        err = read_number(request, "limit", 1, 2000, &limit, text);
    query.limit = (size_t)limit;
    if (err == ERR_OK)
        *ret_query = query;
    return err;
}
