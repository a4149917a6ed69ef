/* Who was forgotten. Bytes: u8 version | 16 bytes of salt | varint n x { 16 bytes of digest | i64 before | i64 until }
 */
#include "event/forgotten.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define VERSION 1
#define SHA_BYTES 32

void forgotten_init(struct forgotten *forgotten)
{
    *forgotten = (struct forgotten){0};
    hash_random(forgotten->salt, sizeof forgotten->salt);
}

void forgotten_done(struct forgotten *forgotten)
{
    free(forgotten->list);
    *forgotten = (struct forgotten){0};
}

/* ---- digests ---- */

static void digest_of(const struct forgotten *forgotten, enum forgotten_kind kind, struct slice application,
                      struct slice name, unsigned char ret_digest[FORGOTTEN_BYTES])
{
    unsigned char bytes[FORGOTTEN_BYTES + 1 + 2 * SHA_BYTES], whole[SHA_BYTES];
    memcpy(bytes, forgotten->salt, FORGOTTEN_BYTES);
    bytes[FORGOTTEN_BYTES] = (unsigned char)kind;
    hash_sha256(application, bytes + FORGOTTEN_BYTES + 1);
    hash_sha256(name, bytes + FORGOTTEN_BYTES + 1 + SHA_BYTES);
    hash_sha256((struct slice){(const char *)bytes, sizeof bytes}, whole);
    memcpy(ret_digest, whole, FORGOTTEN_BYTES);
}

void forgotten_name(const struct forgotten *forgotten, struct slice application, struct slice user,
                    char ret_name[FORGOTTEN_NAME_BYTES])
{
    unsigned char digest[FORGOTTEN_BYTES];
    digest_of(forgotten, FORGOTTEN_USER, application, user, digest);
    for (size_t i = 0; i < FORGOTTEN_NAME_BYTES / 2; i++)
        snprintf(ret_name + 2 * i, 3, "%02x", digest[i]);
}

/* ---- the list ---- */

/* Where the digest stands, or would. */
static size_t place_of(const struct forgotten *forgotten, const unsigned char digest[FORGOTTEN_BYTES])
{
    size_t from = 0, to = forgotten->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (memcmp(forgotten->list[middle].digest, digest, FORGOTTEN_BYTES) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool stands_at(const struct forgotten *forgotten, size_t at, const unsigned char digest[FORGOTTEN_BYTES])
{
    return at < forgotten->n && memcmp(forgotten->list[at].digest, digest, FORGOTTEN_BYTES) == 0;
}

static void take_out(struct forgotten *forgotten, size_t at)
{
    struct forgotten_mark *mark = &forgotten->list[at];
    memmove(mark, mark + 1, (--forgotten->n - at) * sizeof *mark);
}

static void make_room(struct forgotten *forgotten)
{
    size_t first = 0;
    if (forgotten->n < FORGOTTEN_MAX)
        return;
    for (size_t i = 1; i < forgotten->n; i++)
        if (forgotten->list[i].until_ms < forgotten->list[first].until_ms)
            first = i;
    take_out(forgotten, first);
}

static void insert(struct forgotten *forgotten, const struct forgotten_mark *mark)
{
    size_t at = place_of(forgotten, mark->digest);
    if (stands_at(forgotten, at, mark->digest)) {
        forgotten->list[at] = *mark;
        return;
    }
    make_room(forgotten);
    at = place_of(forgotten, mark->digest);
    if ((forgotten->n & (forgotten->n - 1)) == 0) { /* room for a power of two */
        size_t size = forgotten->n ? 2 * forgotten->n : 1;
        forgotten->list = realloc(forgotten->list, size * sizeof *mark);
        if (!forgotten->list)
            abort();
    }
    memmove(forgotten->list + at + 1, forgotten->list + at, (forgotten->n++ - at) * sizeof *mark);
    forgotten->list[at] = *mark;
}

void forgotten_add(struct forgotten *forgotten, enum forgotten_kind kind, struct slice application, struct slice name,
                   int64_t before_ms, int64_t until_ms)
{
    struct forgotten_mark mark = {.before_ms = before_ms, .until_ms = until_ms};
    digest_of(forgotten, kind, application, name, mark.digest);
    insert(forgotten, &mark);
}

void forgotten_expire(struct forgotten *forgotten, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < forgotten->n; i++)
        if (forgotten->list[i].until_ms > now_ms)
            forgotten->list[kept++] = forgotten->list[i];
    if (kept == forgotten->n)
        return;
    struct forgotten tighter = {0}; /* with the room that its number stands for */
    memcpy(tighter.salt, forgotten->salt, FORGOTTEN_BYTES);
    for (size_t i = 0; i < kept; i++)
        insert(&tighter, &forgotten->list[i]);
    forgotten_done(forgotten);
    *forgotten = tighter;
}

static bool concerns(const struct forgotten *forgotten, enum forgotten_kind kind, struct slice application,
                     struct slice name, int64_t received_at_ms)
{
    unsigned char digest[FORGOTTEN_BYTES];
    digest_of(forgotten, kind, application, name, digest);
    size_t at = place_of(forgotten, digest);
    return stands_at(forgotten, at, digest) && received_at_ms <= forgotten->list[at].before_ms;
}

bool forgotten_has(const struct forgotten *forgotten, const struct record *record)
{
    enum forgotten_kind kind = record->user.len ? FORGOTTEN_USER : FORGOTTEN_SESSION;
    struct slice name = record->user.len ? record->user : record->session;
    if (forgotten->n == 0 || name.len == 0)
        return false;
    return concerns(forgotten, kind, SLICE_NONE, name, record->received_at_ms) ||
           concerns(forgotten, kind, record->application, name, record->received_at_ms);
}

/* ---- bytes ---- */

void forgotten_write(const struct forgotten *forgotten, struct buf *buf)
{
    buf_u8(buf, VERSION);
    buf_add(buf, forgotten->salt, FORGOTTEN_BYTES);
    buf_varint(buf, forgotten->n);
    for (size_t i = 0; i < forgotten->n; i++) {
        buf_add(buf, forgotten->list[i].digest, FORGOTTEN_BYTES);
        buf_u64(buf, (uint64_t)forgotten->list[i].before_ms);
        buf_u64(buf, (uint64_t)forgotten->list[i].until_ms);
    }
}

static void take_bytes(struct reader *reader, unsigned char bytes[FORGOTTEN_BYTES])
{
    for (size_t i = 0; i < FORGOTTEN_BYTES; i++)
        bytes[i] = read_u8(reader);
}

enum err forgotten_read(struct slice bytes, struct forgotten *ret_forgotten)
{
    struct reader reader = reader_of(bytes);
    forgotten_init(ret_forgotten);
    if (bytes.len == 0)
        return ERR_OK;
    uint8_t version = read_u8(&reader);
    if (version != VERSION)
        return version > VERSION ? ERR_NEWER_VERSION : ERR_CORRUPT;
    take_bytes(&reader, ret_forgotten->salt);
    uint64_t n = read_varint(&reader);
    for (uint64_t i = 0; i < n && !reader.failed; i++) {
        struct forgotten_mark mark;
        take_bytes(&reader, mark.digest);
        mark.before_ms = (int64_t)read_u64(&reader);
        mark.until_ms = (int64_t)read_u64(&reader);
        if (!reader.failed)
            insert(ret_forgotten, &mark);
    }
    if (!reader.failed)
        return ERR_OK;
    forgotten_done(ret_forgotten);
    return ERR_CORRUPT;
}

enum err forgotten_change(void *ctx, struct slice value, struct buf *ret_value)
{
    struct forgotten_wish *wish = ctx;
    struct forgotten forgotten;
    int64_t until_ms = wish->now_ms + wish->keep_ms;
    enum err err = forgotten_read(value, &forgotten);
    if (err != ERR_OK)
        return err;
    forgotten_expire(&forgotten, wish->now_ms);
    forgotten_add(&forgotten, FORGOTTEN_USER, wish->application, wish->user, wish->now_ms, until_ms);
    for (size_t i = 0; i < wish->n_sessions; i++)
        forgotten_add(&forgotten, FORGOTTEN_SESSION, wish->application, wish->sessions[i], wish->now_ms, until_ms);
    forgotten_name(&forgotten, wish->application, wish->user, wish->name);
    forgotten_write(&forgotten, ret_value);
    forgotten_done(&forgotten);
    return ERR_OK;
}
