/* Remarks about alerts.
 *
 * Bytes: u8 version | varint n x { string id, string by, i64 at } | varint n x { string id, u8 kind, u8 series,
 *        5 strings of the series, string by, string reason, i64 from, i64 until } */
#include "event/remarks.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1

void remarks_init(struct remarks *remarks)
{
    *remarks = (struct remarks){0};
}

void remarks_done(struct remarks *remarks)
{
    free(remarks->acks);
    free(remarks->silences);
    remarks_init(remarks);
}

static void *room_for_one(void *list, size_t n, size_t size)
{
    void *grown = realloc(list, (n + 1) * size);
    if (!grown)
        abort();
    return grown;
}

static void add_ack(struct remarks *remarks, const struct remark_ack *ack)
{
    remarks->acks = room_for_one(remarks->acks, remarks->n_acks, sizeof *ack);
    remarks->acks[remarks->n_acks++] = *ack;
}

static void drop_ack(struct remarks *remarks, size_t at)
{
    memmove(remarks->acks + at, remarks->acks + at + 1, (--remarks->n_acks - at) * sizeof *remarks->acks);
}

void remarks_acknowledge(struct remarks *remarks, const struct remark_ack *ack)
{
    for (size_t i = remarks->n_acks; i-- > 0;)
        if (strcmp(remarks->acks[i].id, ack->id) == 0)
            drop_ack(remarks, i);
    if (remarks->n_acks >= REMARKS_ACKS)
        drop_ack(remarks, 0);
    add_ack(remarks, ack);
}

static void add_silence(struct remarks *remarks, const struct remark_silence *silence)
{
    remarks->silences = room_for_one(remarks->silences, remarks->n_silences, sizeof *silence);
    remarks->silences[remarks->n_silences++] = *silence;
}

static bool holds(const struct remark_silence *silence, int64_t now_ms)
{
    return silence->from_ms <= now_ms && now_ms < silence->until_ms;
}

enum err remarks_silence(struct remarks *remarks, const struct remark_silence *silence, int64_t now_ms)
{
    size_t over = 0;
    while (over < remarks->n_silences && remarks->silences[over].until_ms > now_ms)
        over++;
    if (remarks->n_silences >= REMARKS_SILENCES) {
        if (over == remarks->n_silences)
            return ERR_FULL;
        memmove(remarks->silences + over, remarks->silences + over + 1,
                (--remarks->n_silences - over) * sizeof *silence);
    }
    add_silence(remarks, silence);
    return ERR_OK;
}

bool remarks_unsilence(struct remarks *remarks, const char *id, int64_t now_ms)
{
    for (size_t i = 0; i < remarks->n_silences; i++) {
        struct remark_silence *silence = &remarks->silences[i];
        if (strcmp(silence->id, id) == 0 && silence->until_ms > now_ms) {
            silence->until_ms = now_ms;
            return true;
        }
    }
    return false;
}

const struct remark_ack *remarks_ack_of(const struct remarks *remarks, const char *alert_id)
{
    for (size_t i = 0; i < remarks->n_acks; i++)
        if (strcmp(remarks->acks[i].id, alert_id) == 0)
            return &remarks->acks[i];
    return NULL;
}

static bool fits(const char *wanted, struct slice has)
{
    return !*wanted || slice_is(has, wanted);
}

static bool covers(const struct remark_silence *silence, const struct alert *alert)
{
    const struct series_key *key = &alert->key;
    return (!silence->kind || silence->kind == (uint8_t)alert->kind) &&
           (!silence->series || silence->series == (uint8_t)key->kind) &&
           fits(silence->application, key->application) && fits(silence->service, key->service) &&
           fits(silence->environment, key->environment) && fits(silence->name, key->name) &&
           fits(silence->detail, key->detail);
}

const struct remark_silence *remarks_silence_of(const struct remarks *remarks, const struct alert *alert,
                                                int64_t now_ms)
{
    const struct remark_silence *longest = NULL;
    for (size_t i = 0; i < remarks->n_silences; i++) {
        const struct remark_silence *silence = &remarks->silences[i];
        if (holds(silence, now_ms) && covers(silence, alert) && (!longest || silence->until_ms > longest->until_ms))
            longest = silence;
    }
    return longest;
}

int64_t remarks_next_end(const struct remarks *remarks, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < remarks->n_silences; i++)
        if (holds(&remarks->silences[i], now_ms) && remarks->silences[i].until_ms < next_ms)
            next_ms = remarks->silences[i].until_ms;
    return next_ms;
}

/* ---- bytes ---- */

static void write_silence(const struct remark_silence *silence, struct buf *buf)
{
    buf_string(buf, slice_of(silence->id));
    buf_u8(buf, silence->kind);
    buf_u8(buf, silence->series);
    buf_string(buf, slice_of(silence->application));
    buf_string(buf, slice_of(silence->service));
    buf_string(buf, slice_of(silence->environment));
    buf_string(buf, slice_of(silence->name));
    buf_string(buf, slice_of(silence->detail));
    buf_string(buf, slice_of(silence->by));
    buf_string(buf, slice_of(silence->reason));
    buf_u64(buf, (uint64_t)silence->from_ms);
    buf_u64(buf, (uint64_t)silence->until_ms);
}

void remarks_write(const struct remarks *remarks, struct buf *buf)
{
    buf_u8(buf, VERSION);
    buf_varint(buf, remarks->n_acks);
    for (size_t i = 0; i < remarks->n_acks; i++) {
        buf_string(buf, slice_of(remarks->acks[i].id));
        buf_string(buf, slice_of(remarks->acks[i].by));
        buf_u64(buf, (uint64_t)remarks->acks[i].at_ms);
    }
    buf_varint(buf, remarks->n_silences);
    for (size_t i = 0; i < remarks->n_silences; i++)
        write_silence(&remarks->silences[i], buf);
}

static void take_text(struct reader *reader, char *text, size_t size)
{
    struct slice from = read_string(reader);
    if (reader->failed || from.len >= size || memchr(from.len ? from.at : "", '\0', from.len)) {
        reader->failed = true;
        return;
    }
    memcpy(text, from.len ? from.at : "", from.len);
    text[from.len] = '\0';
}

static void read_silence(struct reader *reader, struct remark_silence *silence)
{
    take_text(reader, silence->id, sizeof silence->id);
    silence->kind = read_u8(reader);
    silence->series = read_u8(reader);
    take_text(reader, silence->application, sizeof silence->application);
    take_text(reader, silence->service, sizeof silence->service);
    take_text(reader, silence->environment, sizeof silence->environment);
    take_text(reader, silence->name, sizeof silence->name);
    take_text(reader, silence->detail, sizeof silence->detail);
    take_text(reader, silence->by, sizeof silence->by);
    take_text(reader, silence->reason, sizeof silence->reason);
    silence->from_ms = (int64_t)read_u64(reader);
    silence->until_ms = (int64_t)read_u64(reader);
}

static void read_lists(struct reader *reader, struct remarks *remarks)
{
    uint64_t n = read_varint(reader);
    for (uint64_t i = 0; i < n && !reader->failed; i++) {
        struct remark_ack ack = {0};
        take_text(reader, ack.id, sizeof ack.id);
        take_text(reader, ack.by, sizeof ack.by);
        ack.at_ms = (int64_t)read_u64(reader);
        if (!reader->failed)
            add_ack(remarks, &ack);
    }
    n = reader->failed ? 0 : read_varint(reader);
    for (uint64_t i = 0; i < n && !reader->failed; i++) {
        struct remark_silence silence = {0};
        read_silence(reader, &silence);
        if (!reader->failed)
            add_silence(remarks, &silence);
    }
}

enum err remarks_read(struct slice bytes, struct remarks *ret_remarks)
{
    struct reader reader = reader_of(bytes);
    remarks_init(ret_remarks);
    uint8_t version = read_u8(&reader);
    if (reader.failed || version < 1)
        return ERR_CORRUPT;
    if (version > VERSION)
        return ERR_NEWER_VERSION;
    read_lists(&reader, ret_remarks);
    if (!reader.failed)
        return ERR_OK;
    remarks_done(ret_remarks);
    return ERR_CORRUPT;
}
