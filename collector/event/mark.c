#include "event/mark.h"

#define VERSION 1
#define GOODBYE 1

void mark_write(const struct mark *mark, struct buf *buf)
{
    buf_text(buf, "SM");
    buf_u8(buf, VERSION);
    buf_u8(buf, mark->is_goodbye ? GOODBYE : 0);
    buf_u64(buf, mark->instance);
    buf_u64(buf, (uint64_t)mark->upto_ms);
    buf_u64(buf, (uint64_t)mark->sent_ms);
}

bool mark_is(struct slice value)
{
    return value.len >= 4 && value.at[0] == 'S' && value.at[1] == 'M';
}

bool mark_read(struct slice value, struct mark *ret_mark)
{
    struct reader reader = reader_of(value);
    if (!mark_is(value))
        return false;
    read_u16(&reader);
    uint8_t version = read_u8(&reader), flags = read_u8(&reader);
    struct mark mark = {.instance = read_u64(&reader), .is_goodbye = flags & GOODBYE};
    mark.upto_ms = (int64_t)read_u64(&reader);
    mark.sent_ms = (int64_t)read_u64(&reader);
    if (reader.failed || version != VERSION || flags & ~GOODBYE || mark.upto_ms < 0 || mark.sent_ms < mark.upto_ms)
        return false;
    *ret_mark = mark;
    return true;
}

bool mark_send_again(struct slice value, int64_t sent_ms, struct buf *into)
{
    struct mark mark;
    if (!mark_read(value, &mark))
        return false;
    mark.sent_ms = sent_ms < mark.upto_ms ? mark.upto_ms : sent_ms;
    mark_write(&mark, into);
    return true;
}
