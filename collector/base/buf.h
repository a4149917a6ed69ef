/* A growing run of bytes with a maximum stated at birth.
 *
 * Past the maximum the buffer keeps what it has, drops the rest and remembers that: check buf_failed()
 * once at the end instead of after every call. One thread at a time. Zeroed memory is not a valid buf;
 * buf_init makes one, buf_done frees it and leaves it empty and usable again. */
#ifndef SEISMO_BASE_BUF_H
#define SEISMO_BASE_BUF_H

#include <stdint.h>

#include "base/slice.h"

struct buf {
    char *at; /* always ended by NUL once something was written */
    size_t len, size, max;
    bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf);                                   /* keeps the memory, forgets the failure */
void buf_add_slowly(struct buf *buf, const void *bytes, size_t n); /* what buf_add does when it has to grow */
static inline void buf_add(struct buf *buf, const void *bytes, size_t n)
{
    if (buf->failed || n > buf->max - buf->len || buf->len + n >= buf->size) {
        buf_add_slowly(buf, bytes, n);
        return;
    }
    if (n)
        memcpy(buf->at + buf->len, bytes, n);
    buf->len += n;
    buf->at[buf->len] = '\0';
}
void buf_add_slice(struct buf *buf, struct slice slice);
void buf_text(struct buf *buf, const char *text);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_int(struct buf *buf, int64_t value);
void buf_number(struct buf *buf, double value); /* shortest JSON number that reads back the same; null if not finite */
/* Length of the well-formed UTF-8 sequence at p (RFC 3629), 0 if there is none; left >= 1. */
size_t utf8_length(const unsigned char *p, size_t left);
void buf_json_string(struct buf *buf,
                     struct slice text); /* quoted and escaped; bytes that are not UTF-8 become U+FFFD */
void buf_json_field(struct buf *buf, const char *name,
                    struct slice text); /* ,"name":"text" with the comma left out after { */
void buf_json_int(struct buf *buf, const char *name, int64_t value);
void buf_json_number(struct buf *buf, const char *name, double value);
void buf_json_name(struct buf *buf, const char *name); /* ,"name": */
/* Room for n more bytes, to be written by the caller who then adds to len; NULL past the maximum. */
char *buf_reserve(struct buf *buf, size_t n);
/* What fails if anything did not fit. */
bool buf_failed(const struct buf *buf);
struct slice buf_slice(const struct buf *buf); /* borrowed until the next change */

/* Fixed little-endian integers, for records. */
void buf_u8(struct buf *buf, uint8_t v);
void buf_u16(struct buf *buf, uint16_t v);
void buf_u32(struct buf *buf, uint32_t v);
void buf_u64(struct buf *buf, uint64_t v);
void buf_f64(struct buf *buf, double v);
void buf_varint(struct buf *buf, uint64_t v);     /* LEB128 */
void buf_string(struct buf *buf, struct slice s); /* varint length, bytes */

/* The reading side of the same: past the end `failed` is set and zeros come back. */
struct reader {
    const unsigned char *at, *end;
    bool failed;
};
struct reader reader_of(struct slice bytes);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
double read_f64(struct reader *r);
uint64_t read_varint(struct reader *r);
struct slice read_string(struct reader *r); /* borrowed from the bytes */

#endif
