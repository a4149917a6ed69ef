#include "rollup/rollup_int.h"

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

void message_add(struct buf *buf, const struct rollup *rollup)
{
    struct buf bytes;
    buf_init(&bytes, MESSAGE_BYTES);
    rollup_write(rollup, &bytes);
    buf_string(buf, buf_slice(&bytes));
    if (buf_failed(&bytes))
        buf->failed = true;
    buf_done(&bytes);
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

static enum err read_rollups(struct reader *reader, const struct message_handler *handler)
{
    while (reader->at < reader->end) {
        struct slice bytes = read_string(reader);
        if (reader->failed)
            return ERR_CORRUPT;
        struct reader inner = reader_of(bytes);
        struct rollup rollup;
        enum err err = rollup_read(&inner, &rollup);
        if (err != ERR_OK)
            return err;
        if (handler)
            handler->rollup(handler->ctx, &rollup);
        rollup_done(&rollup);
        if (inner.at != inner.end)
            return ERR_CORRUPT;
    }
    return ERR_OK;
}

/* The rollups come before the marks that speak for them, though they stand behind them. */
static enum err walk(struct slice value, const struct message_handler *handler)
{
    struct reader reader = reader_of(value);
    enum err err = read_head(&reader);
    struct reader marks = reader;
    if (err == ERR_OK)
        err = read_marks(&reader, NULL);
    if (err == ERR_OK)
        err = read_rollups(&reader, handler);
    if (err == ERR_OK && handler)
        err = read_marks(&marks, handler);
    return err;
}

enum err message_read(struct slice value, const struct message_handler *handler)
{
    enum err err = walk(value, NULL);
    return err == ERR_OK ? walk(value, handler) : err;
}
