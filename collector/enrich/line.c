/* A line of any log, cut down to what happened: colours, time, level, process and the like are left out; lines in JSON
 * and logfmt give their message. */
#include "enrich/enrich_int.h"
#include "event/json_scan.h"

#define MAX_HEADER_WORDS 10

static struct slice skip_space(struct slice s)
{
    while (s.len && (unsigned char)s.at[0] <= ' ') {
        s.at++;
        s.len--;
    }
    return s;
}

/* rest does not begin with a space, before and after. */
static struct slice next_word(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->len && (unsigned char)rest->at[n] > ' ')
        n++;
    struct slice word = {rest->at, n};
    *rest = skip_space((struct slice){rest->at + n, rest->len - n});
    return word;
}

/* ---- colours ----------------------------------------------------------------------------------------------------- */

/* ESC [ … letter: the sequences of terminals. */
static struct slice without_colours(struct slice line, char scratch[LINE_MAX_BYTES])
{
    if (line.len > LINE_MAX_BYTES)
        line.len = LINE_MAX_BYTES;
    if (!memchr(line.at, 0x1b, line.len))
        return line;
    size_t n = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] != 0x1b) {
            scratch[n++] = line.at[i];
        } else if (i + 1 < line.len && line.at[i + 1] == '[') {
            for (i += 2; i < line.len && !is_letter(line.at[i]); i++)
                ;
        }
    }
    return (struct slice){scratch, n};
}

/* ---- headers ----------------------------------------------------------------------------------------------------- */

static struct slice bare(struct slice word)
{
    while (word.len && memchr("[](){}<>|:,-*\"", word.at[0], 14)) {
        word.at++;
        word.len--;
    }
    while (word.len && memchr("[](){}<>|:,-*\"", word.at[word.len - 1], 14))
        word.len--;
    return word;
}

/* Only digits and what stands between them in dates and times. */
static bool is_time(struct slice word)
{
    size_t digits = 0, others = 0;
    for (size_t i = 0; i < word.len; i++) {
        digits += is_digit(word.at[i]);
        others += !is_digit(word.at[i]) && !memchr("-:./,+TZ", word.at[i], 8);
    }
    return digits > 0 && others == 0;
}

static bool is_date_word(struct slice word)
{
    return slice_is_among(word,
                          " jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun utc gmt ");
}

static bool is_level(struct slice word)
{
    return slice_is_among(
        word, " trace debug info notice warn warning error err fatal crit critical severe alert emerg verbose panic ");
}

/* In capitals or brackets, or with a colon behind: "ERROR", "[error]", "error:". A plain "error" is the message. */
static bool is_marked_level(struct slice word, struct slice inner)
{
    bool capitals = true;
    for (size_t i = 0; i < inner.len; i++)
        capitals = capitals && is_upper(inner.at[i]);
    bool bracketed = word.at[0] == '[' || word.at[0] == '<' || word.at[0] == '(';
    return is_level(inner) && (capitals || bracketed);
}

static bool is_header(struct slice word, bool *time_seen)
{
    struct slice inner = bare(word);
    if (inner.len == 0)
        return *time_seen; /* a dash between header and message */
    if (is_time(inner) && (inner.len >= 5 || *time_seen || word.at[0] == '[')) {
        *time_seen = true;
        return true;
    }
    if (is_date_word(inner) && inner.len == word.len) {
        *time_seen = true;
        return true;
    }
    return is_marked_level(word, inner) || (*time_seen && is_level(inner));
}

static struct slice without_header(struct slice line)
{
    struct slice rest = skip_space(line);
    bool time_seen = false;
    for (size_t i = 0; i < MAX_HEADER_WORDS; i++) {
        struct slice before = rest, word = next_word(&rest);
        if (word.len == 0 || rest.len == 0 || !is_header(word, &time_seen))
            return before;
    }
    return rest;
}

/* ---- JSON and logfmt --------------------------------------------------------------------------------------------- */

struct found {
    struct slice message, error, type, stack;
};

/* A string's text, decoded to the end of what scratch holds already. */
static struct slice text_of(struct slice value, struct text *scratch)
{
    size_t len;
    if (value.len < 2 || value.at[0] != '"')
        return value.at && value.len && value.at[0] != '{' && value.at[0] != '[' ? value : SLICE_NONE;
    struct slice raw = {value.at + 1, value.len - 2};
    if (raw.len > scratch->max - scratch->len)
        raw.len = scratch->max - scratch->len;
    if (!memchr(raw.at, '\\', raw.len))
        return raw;
    char *at = scratch->at + scratch->len;
    if (json_unescape(raw, at, &len) == UNESCAPED_BAD)
        return raw;
    scratch->len += len;
    return (struct slice){at, len};
}

static void keep(struct slice *into, struct slice value, struct text *scratch)
{
    if (into->len == 0)
        *into = text_of(value, scratch);
}

/* depth 0: the line; 1: its error or exception. */
static void read_json(struct slice object, int depth, struct found *found, struct text *scratch)
{
    struct json_scan scan = json_scan_of(object);
    struct json_member member;
    char name[JSON_NAME_BYTES];
    while (json_scan_next(&scan, &member)) {
        struct slice key = json_name(member.name, name);
        if (slice_is_among(key, " message msg @message log text event "))
            keep(&found->message, member.value, scratch);
        else if (slice_is_among(key, " error err exception exc error.message "))
            if (depth == 0 && member.value.at[0] == '{')
                read_json(member.value, 1, found, scratch);
            else
                keep(&found->error, member.value, scratch);
        else if (slice_is_among(key, " error.type exception.type exception_class ") ||
                 (depth == 1 && slice_is_among(key, " type name class ")))
            keep(&found->type, member.value, scratch);
        else if (slice_is_among(key, " stack stacktrace stack_trace error.stack_trace exc_info "))
            keep(&found->stack, member.value, scratch);
    }
}

/* `key=value key="a value"`; a line is logfmt when it says msg or message so. */
static void read_logfmt(struct slice line, struct found *found, struct text *scratch)
{
    while (line.len) {
        size_t start = 0, at;
        while (start < line.len && (unsigned char)line.at[start] <= ' ')
            start++;
        for (at = start; at < line.len && line.at[at] != '=' && (unsigned char)line.at[at] > ' '; at++)
            ;
        struct slice key = {line.at + start, at - start}, value = {line.at + at, 0};
        if (at < line.len && line.at[at] == '=') {
            value.at = line.at + ++at;
            bool quoted = at < line.len && line.at[at] == '"';
            for (at += quoted; at < line.len && (quoted ? line.at[at] != '"' : (unsigned char)line.at[at] > ' '); at++)
                at += line.at[at] == '\\' && at + 1 < line.len;
            at += quoted && at < line.len;
            value.len = (size_t)(line.at + at - value.at);
        }
        if (slice_is_among(key, " msg message "))
            keep(&found->message, value, scratch);
        else if (slice_is_among(key, " err error "))
            keep(&found->error, value, scratch);
        line = (struct slice){line.at + at, line.len - at};
    }
}

struct line_parts line_cut(struct slice line, char scratch[LINE_MAX_BYTES])
{
    static char empty[1];
    struct slice rest = line.at ? without_colours(line, scratch) : (struct slice){empty, 0};
    size_t used = rest.at == scratch ? rest.len : 0;
    struct text text = {scratch + used, 0, LINE_MAX_BYTES - used, false};
    struct found found = {0};
    rest = without_header(rest);
    if (rest.len && rest.at[0] == '{')
        read_json(rest, 0, &found, &text);
    else if (memmem(rest.at, rest.len, "msg=", 4) || memmem(rest.at, rest.len, "message=", 8))
        read_logfmt(rest, &found, &text);
    if (found.message.len == 0 && found.error.len == 0)
        return (struct line_parts){found.type, rest, SLICE_NONE};
    if (found.message.len == 0)
        return (struct line_parts){found.type, found.error, found.stack};
    if (found.type.len == 0)
        found.type = found.error; /* what went wrong tells one "request failed" from another */
    return (struct line_parts){found.type, found.message, found.stack};
}
