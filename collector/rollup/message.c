#include "rollup/rollup_int.h"

#include <stdlib.h>

#define VERSION 1

void message_begin(struct buf *buf, const struct source_mark *marks, size_t n)
{
    buf_text(buf, "SP");
    buf_u8(buf, VERSION);
    buf_u8(buf, 0);
    buf_varint(buf, n);
    for (size_t i = 0; i < n; i++) {
        buf_varint(buf, (uint64_t)marks[i].partition);
        buf_u64(buf, (uint64_t)marks[i].watermark_ms);
    }
}

/* The length is written last, in as many bytes as any needs; a varint may be longer than it must. */
void message_add(struct buf *buf, const struct rollup *rollup)
{
    size_t at = buf->len;
    buf_add(buf, "\x80\x80\0", 3);
    rollup_write(rollup, buf);
    if (buf_failed(buf))
        return;
    size_t bytes = buf->len - at - 3;
    if (bytes >= 1u << 21) {
        buf->failed = true;
        return;
    }
    buf->at[at] = (char)(unsigned char)((bytes & 0x7f) | 0x80);
    buf->at[at + 1] = (char)(unsigned char)((bytes >> 7 & 0x7f) | 0x80);
    buf->at[at + 2] = (char)(unsigned char)(bytes >> 14);
}

static enum err read_head(struct reader *reader)
{
    char a = (char)read_u8(reader), b = (char)read_u8(reader);
    uint8_t version = read_u8(reader), flags = read_u8(reader);
    if (reader->failed || a != 'S' || b != 'P' || version == 0)
        return ERR_CORRUPT;
    return version > VERSION || flags ? ERR_NEWER_VERSION : ERR_OK;
}

static enum err read_marks(struct reader *reader, const struct message_handler *handler)
{
    uint64_t n = read_varint(reader);
    if (reader->failed || n > MESSAGE_MAX_SOURCES)
        return ERR_CORRUPT;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t partition = read_varint(reader);
        struct source_mark mark = {(int32_t)partition, (int64_t)read_u64(reader)};
        if (reader->failed || partition > INT32_MAX)
            return ERR_CORRUPT;
        if (handler)
            handler->mark(handler->ctx, mark);
    }
    return ERR_OK;
}

/* What was read of a message; nothing is handed on before all of it was. */
struct contents {
    struct rollup *rollups;
    size_t n, size;
};

static void contents_done(struct contents *contents)
{
    for (size_t i = 0; i < contents->n; i++)
        rollup_done(&contents->rollups[i]);
    free(contents->rollups);
}

static enum err read_one(struct reader *reader, struct contents *contents)
{
    struct slice bytes = read_string(reader);
    if (reader->failed)
        return ERR_CORRUPT;
    if (contents->n == contents->size) {
        contents->size = contents->size ? contents->size * 2 : 64;
        contents->rollups = realloc(contents->rollups, contents->size * sizeof *contents->rollups);
        if (!contents->rollups)
            abort();
    }
    struct reader inner = reader_of(bytes);
    enum err err = rollup_read(&inner, &contents->rollups[contents->n]);
    if (err != ERR_OK)
        return err;
    contents->n++;
    return inner.at == inner.end ? ERR_OK : ERR_CORRUPT;
}

/* The rollups come before the marks that speak for them, though they stand behind them. */
enum err message_read(struct slice value, const struct message_handler *handler)
{
    struct reader reader = reader_of(value);
    struct contents contents = {0};
    enum err err = read_head(&reader);
    struct reader marks = reader;
    if (err == ERR_OK)
        err = read_marks(&reader, NULL);
    while (err == ERR_OK && reader.at < reader.end)
        err = read_one(&reader, &contents);
    for (size_t i = 0; err == ERR_OK && i < contents.n; i++)
        handler->rollup(handler->ctx, &contents.rollups[i]);
    if (err == ERR_OK)
        err = read_marks(&marks, handler);
    contents_done(&contents);
    return err;
}
