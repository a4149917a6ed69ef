#include "event/json_scan.h"

#include <stdint.h>

/* ---- walking ----------------------------------------------------------------------------------------------------- */

static void skip_space(struct json_scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool take(struct json_scan *scan, char c)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

/* From behind the opening quote to behind the closing one. */
static bool skip_string(struct json_scan *scan)
{
    for (;;) {
        const char *quote = memchr(scan->at, '"', (size_t)(scan->end - scan->at));
        if (!quote)
            return false;
        size_t backslashes = 0;
        while (quote - backslashes > scan->at && quote[-1 - (ptrdiff_t)backslashes] == '\\')
            backslashes++;
        scan->at = quote + 1;
        if (backslashes % 2 == 0)
            return true;
    }
}

/* Objects and arrays are skipped by counting brackets of both sorts: the bytes are known to be well nested. */
static bool skip_nested(struct json_scan *scan)
{
    size_t depth = 0;
    while (scan->at < scan->end) {
        char c = *scan->at++;
        if (c == '"' && !skip_string(scan))
            return false;
        if (c == '{' || c == '[')
            depth++;
        if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

static bool skip_value(struct json_scan *scan)
{
    skip_space(scan);
    if (scan->at == scan->end)
        return false;
    if (*scan->at == '"') {
        scan->at++;
        return skip_string(scan);
    }
    if (*scan->at == '{' || *scan->at == '[')
        return skip_nested(scan);
    const char *start = scan->at;
    while (scan->at < scan->end && !memchr(",}] \t\r\n", *scan->at, 8))
        scan->at++;
    return scan->at > start;
}

/* Nothing ends where it begins. */
static const char *end_of(struct slice slice)
{
    return slice.len ? slice.at + slice.len : slice.at;
}

struct json_scan json_scan_of(struct slice object)
{
    struct json_scan scan = {object.at, end_of(object)};
    if (!take(&scan, '{'))
        scan.at = scan.end;
    return scan;
}

bool json_scan_next(struct json_scan *scan, struct json_member *ret_member)
{
    skip_space(scan);
    if (scan->at < scan->end && *scan->at == ',')
        scan->at++;
    if (!take(scan, '"'))
        return false;
    struct json_member member;
    member.name.at = scan->at;
    if (!skip_string(scan))
        return false;
    member.name.len = (size_t)(scan->at - member.name.at) - 1;
    if (!take(scan, ':'))
        return false;
    skip_space(scan);
    member.value.at = scan->at;
    if (!skip_value(scan))
        return false;
    member.value.len = (size_t)(scan->at - member.value.at);
    *ret_member = member;
    return true;
}

struct json_scan json_array_of(struct slice array)
{
    struct json_scan scan = {array.at, end_of(array)};
    if (!take(&scan, '['))
        scan.at = scan.end;
    return scan;
}

bool json_array_next(struct json_scan *scan, struct slice *ret_value)
{
    skip_space(scan);
    if (scan->at < scan->end && *scan->at == ',')
        scan->at++;
    skip_space(scan);
    const char *start = scan->at;
    if (!skip_value(scan))
        return false;
    *ret_value = (struct slice){start, (size_t)(scan->at - start)};
    return true;
}

struct slice json_name(struct slice name, char text[JSON_NAME_BYTES])
{
    size_t len;
    if (name.len == 0 || name.len > JSON_NAME_BYTES || !memchr(name.at, '\\', name.len) ||
        json_unescape(name, text, &len) == UNESCAPED_BAD)
        return name;
    return (struct slice){text, len};
}

/* ---- escapes ----------------------------------------------------------------------------------------------------- */

struct writer {
    char *text; /* NULL: count only */
    size_t len;
};

static void put(struct writer *writer, unsigned c)
{
    if (writer->text)
        writer->text[writer->len] = (char)(unsigned char)c;
    writer->len++;
}

static void put_code_point(struct writer *writer, uint32_t c)
{
    if (c < 0x80) {
        put(writer, c);
    } else if (c < 0x800) {
        put(writer, 0xc0 | c >> 6);
        put(writer, 0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put(writer, 0xe0 | c >> 12);
        put(writer, 0x80 | (c >> 6 & 0x3f));
        put(writer, 0x80 | (c & 0x3f));
    } else {
        put(writer, 0xf0 | c >> 18);
        put(writer, 0x80 | (c >> 12 & 0x3f));
        put(writer, 0x80 | (c >> 6 & 0x3f));
        put(writer, 0x80 | (c & 0x3f));
    }
}

/* Four hex digits at p, -1 if they are not. */
static int32_t read_hex(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* p stands behind `\u`. Gives where to go on, NULL when it is not JSON. */
static const char *take_unicode(struct writer *writer, const char *p, const char *end, bool *odd)
{
    int32_t c = read_hex(p, end);
    if (c < 0)
        return NULL;
    p += 4;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        int32_t low = read_hex(p + 2, end);
        if (low >= 0xdc00 && low < 0xe000) {
            put_code_point(writer, 0x10000 + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
            return p + 6;
        }
    }
    bool half = c >= 0xd800 && c < 0xe000;
    *odd = *odd || half || c == 0;
    put_code_point(writer, half ? 0xfffd : (uint32_t)c);
    return p;
}

enum unescaped json_unescape(struct slice raw, char *ret_text, size_t *ret_len)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    struct writer writer = {ret_text, 0};
    const char *p = raw.at, *end = end_of(raw);
    bool odd = false;
    while (p < end) {
        const char *backslash = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((backslash ? backslash : end) - p);
        if (ret_text)
            memcpy(ret_text + writer.len, p, run);
        writer.len += run;
        if (!backslash)
            break;
        if (end - backslash < 2)
            return UNESCAPED_BAD;
        p = backslash + 2;
        const char *found = memchr(escapes, backslash[1], sizeof escapes - 1);
        if (found)
            put(&writer, (unsigned char)meanings[found - escapes]);
        else if (backslash[1] != 'u' || !(p = take_unicode(&writer, p, end, &odd)))
            return UNESCAPED_BAD;
    }
    if (ret_len)
        *ret_len = writer.len;
    return odd ? UNESCAPED_ODD : UNESCAPED_OK;
}
