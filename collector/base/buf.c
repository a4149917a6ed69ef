#include "base/buf.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.max = max_bytes};
}

void buf_done(struct buf *buf)
{
    free(buf->at);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

char *buf_reserve(struct buf *buf, size_t n)
{
    if (buf->failed || n > buf->max - buf->len) {
        buf->failed = true;
        return NULL;
    }
    if (buf->len + n + 1 > buf->size) {
        size_t size = buf->size ? buf->size : 256;
        while (size < buf->len + n + 1)
            size *= 2;
        char *at = realloc(buf->at, size);
        if (!at)
            abort();
        buf->at = at;
        buf->size = size;
    }
    return buf->at + buf->len;
}

void buf_add_slowly(struct buf *buf, const void *bytes, size_t n)
{
    char *at = buf_reserve(buf, n);
    if (!at)
        return;
    if (n)
        memcpy(at, bytes, n);
    buf->len += n;
    buf->at[buf->len] = '\0';
}

void buf_add_slice(struct buf *buf, struct slice slice)
{
    buf_add(buf, slice.at, slice.len);
}

void buf_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    char small[512];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    assert(n >= 0);
    if ((size_t)n < sizeof small) {
        buf_add(buf, small, (size_t)n);
    } else {
        char *at = buf_reserve(buf, (size_t)n + 1);
        if (at) {
            vsnprintf(at, (size_t)n + 1, format, again);
            buf->len += (size_t)n;
        }
    }
    va_end(again);
}

void buf_int(struct buf *buf, int64_t value)
{
    char digits[24];
    size_t n = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        digits[sizeof digits - ++n] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        digits[sizeof digits - ++n] = '-';
    buf_add(buf, digits + sizeof digits - n, n);
}

void buf_number(struct buf *buf, double value)
{
    if (!isfinite(value)) {
        buf_text(buf, "null");
    } else if (value == floor(value) && fabs(value) < 1e15) {
        buf_int(buf, (int64_t)value);
    } else {
        char text[40];
        for (int digits = 6; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, value);
            if (strtod(text, NULL) == value)
                break;
        }
        buf_text(buf, text);
    }
}

size_t utf8_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : 0;
    if (p[0] > 0xf4 || n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static void json_escape(struct buf *buf, unsigned char c)
{
    static const char short_form[128] = {['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (c < 128 && short_form[c]) {
        buf_char(buf, '\\');
        buf_char(buf, short_form[c]);
    } else {
        buf_printf(buf, "\\u%04x", c);
    }
}

/* Characters of ASCII that stand for themselves in a JSON string. */
static const bool is_plain[256] = {
    [' '] = true,
    ['!'] = true,
    ['#' ... '['] = true,
    [']' ... '~'] = true,
};

/* A C1 control character, which some terminals obey: two bytes in UTF-8. */
static bool is_c1(const unsigned char *p, const unsigned char *end)
{
    return end - p > 1 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
}

void buf_json_string(struct buf *buf, struct slice text)
{
    const unsigned char *p = (const unsigned char *)text.at, *end = p + text.len;
    buf_char(buf, '"');
    while (p < end) {
        const unsigned char *run = p;
        size_t n = 1;
        while (p < end && (is_plain[*p] || (*p >= 0x80 && !is_c1(p, end) && (n = utf8_length(p, (size_t)(end - p)))))) {
            p += n;
            n = 1;
        }
        buf_add(buf, run, (size_t)(p - run));
        if (p == end)
            break;
        if (is_c1(p, end))
            json_escape(buf, *++p);
        else if (*p < 0x80)
            json_escape(buf, *p);
        else
            buf_text(buf, "\xef\xbf\xbd");
        p++;
    }
    buf_char(buf, '"');
}

void buf_json_name(struct buf *buf, const char *name)
{
    size_t n = strlen(name);
    bool comma = buf->len && buf->at[buf->len - 1] != '{' && buf->at[buf->len - 1] != '[';
    char *at = buf_reserve(buf, n + 3 + comma);
    if (!at)
        return;
    if (comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name, n);
    memcpy(at + n, "\":", 3);
    buf->len += n + 3 + comma;
}

void buf_json_field(struct buf *buf, const char *name, struct slice text)
{
    buf_json_name(buf, name);
    buf_json_string(buf, text);
}

void buf_json_int(struct buf *buf, const char *name, int64_t value)
{
    buf_json_name(buf, name);
    buf_int(buf, value);
}

void buf_json_number(struct buf *buf, const char *name, double value)
{
    buf_json_name(buf, name);
    buf_number(buf, value);
}

bool buf_failed(const struct buf *buf)
{
    return buf->failed;
}

struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){buf->at ? buf->at : "", buf->len};
}

static void add_little_endian(struct buf *buf, uint64_t v, size_t n)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    buf_add(buf, bytes, n);
}

void buf_u8(struct buf *buf, uint8_t v)
{
    add_little_endian(buf, v, 1);
}

void buf_u16(struct buf *buf, uint16_t v)
{
    add_little_endian(buf, v, 2);
}

void buf_u32(struct buf *buf, uint32_t v)
{
    add_little_endian(buf, v, 4);
}

void buf_u64(struct buf *buf, uint64_t v)
{
    add_little_endian(buf, v, 8);
}

void buf_f64(struct buf *buf, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_u64(buf, bits);
}

void buf_varint(struct buf *buf, uint64_t v)
{
    unsigned char bytes[10];
    size_t n = 0;
    do {
        bytes[n] = (unsigned char)(v & 0x7f);
        v >>= 7;
        if (v)
            bytes[n] |= 0x80;
        n++;
    } while (v);
    buf_add(buf, bytes, n);
}

void buf_string(struct buf *buf, struct slice s)
{
    buf_varint(buf, s.len);
    buf_add_slice(buf, s);
}

struct reader reader_of(struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    return (struct reader){at, at + bytes.len, false};
}

static uint64_t read_little_endian(struct reader *r, size_t n)
{
    if (r->failed || (size_t)(r->end - r->at) < n) {
        r->failed = true;
        return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)r->at[i] << (8 * i);
    r->at += n;
    return v;
}

uint8_t read_u8(struct reader *r)
{
    return (uint8_t)read_little_endian(r, 1);
}

uint16_t read_u16(struct reader *r)
{
    return (uint16_t)read_little_endian(r, 2);
}

uint32_t read_u32(struct reader *r)
{
    return (uint32_t)read_little_endian(r, 4);
}

uint64_t read_u64(struct reader *r)
{
    return read_little_endian(r, 8);
}

double read_f64(struct reader *r)
{
    uint64_t bits = read_u64(r);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

uint64_t read_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = read_u8(r);
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    r->failed = true;
    return 0;
}

struct slice read_string(struct reader *r)
{
    uint64_t n = read_varint(r);
    if (r->failed || n > (uint64_t)(r->end - r->at)) {
        r->failed = true;
        return SLICE("");
    }
    struct slice s = {(const char *)r->at, (size_t)n};
    r->at += n;
    return s;
}
