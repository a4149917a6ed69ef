/* Links and sessions. Bytes: u8 version | string where | 2 x { varint n x { 32 bytes digest | i64 until } }
 *
 * Digests are compared like any bytes: how early two of them differ tells nothing of the secrets. */
#include "event/access.h"

#include <string.h>

#include "base/hash.h"

#define VERSION 1
#define DIGEST_BYTES sizeof((struct access_pass *)NULL)->digest

void access_secret(char ret_secret[ACCESS_SECRET_BYTES])
{
    unsigned char random[32];
    hash_random(random, sizeof random);
    hash_hex((struct slice){(const char *)random, sizeof random}, ret_secret, ACCESS_SECRET_BYTES - 1);
}

/* n when there is none that still holds. */
static size_t find(const struct access_pass *passes, size_t n, struct slice secret, int64_t now_ms)
{
    unsigned char digest[DIGEST_BYTES];
    size_t at = 0;
    hash_sha256(secret, digest);
    while (at < n && (passes[at].until_ms <= now_ms || memcmp(passes[at].digest, digest, sizeof digest) != 0))
        at++;
    return at;
}

static void drop(struct access_pass *passes, size_t *n, size_t at)
{
    memmove(passes + at, passes + at + 1, (--*n - at) * sizeof *passes);
}

static void drop_over(struct access_pass *passes, size_t *n, int64_t now_ms)
{
    for (size_t i = *n; i-- > 0;)
        if (passes[i].until_ms <= now_ms)
            drop(passes, n, i);
}

static void add(struct access_pass *passes, size_t *n, size_t most, struct slice secret, int64_t until_ms)
{
    if (*n == most)
        drop(passes, n, 0);
    hash_sha256(secret, passes[*n].digest);
    passes[(*n)++].until_ms = until_ms;
}

bool access_knows(const struct access_book *book, struct slice session, int64_t now_ms)
{
    return find(book->sessions, book->n_sessions, session, now_ms) < book->n_sessions;
}

static enum err consume(struct access_book *book, struct slice link, int64_t now_ms)
{
    size_t at = find(book->links, book->n_links, link, now_ms);
    if (at == book->n_links)
        return ERR_LINK;
    drop(book->links, &book->n_links, at);
    return ERR_OK;
}

static enum err apply(struct access_book *book, const struct access_change *change)
{
    drop_over(book->links, &book->n_links, change->now_ms);
    drop_over(book->sessions, &book->n_sessions, change->now_ms);
    if (change->ends_all)
        book->n_links = book->n_sessions = 0;
    if (change->where && strlen(change->where) < sizeof book->where)
        strcpy(book->where, change->where);
    if (!change->session.len) {
        add(book->links, &book->n_links, ACCESS_LINKS, change->link, change->until_ms);
        return ERR_OK;
    }
    enum err err = change->link.len ? consume(book, change->link, change->now_ms) : ERR_OK;
    if (err == ERR_OK)
        add(book->sessions, &book->n_sessions, ACCESS_SESSIONS, change->session, change->until_ms);
    return err;
}

enum err access_change(void *ctx, struct slice value, struct buf *ret_value)
{
    struct access_book book;
    enum err err = access_read(value, &book);
    if (err == ERR_OK)
        err = apply(&book, ctx);
    if (err == ERR_OK)
        access_write(&book, ret_value);
    return err;
}

/* ---- bytes ---- */

static void write_passes(struct buf *buf, const struct access_pass *passes, size_t n)
{
    buf_varint(buf, n);
    for (size_t i = 0; i < n; i++) {
        buf_string(buf, (struct slice){(const char *)passes[i].digest, sizeof passes[i].digest});
        buf_u64(buf, (uint64_t)passes[i].until_ms);
    }
}

void access_write(const struct access_book *book, struct buf *buf)
{
    buf_u8(buf, VERSION);
    buf_string(buf, slice_of(book->where));
    write_passes(buf, book->links, book->n_links);
    write_passes(buf, book->sessions, book->n_sessions);
}

static void read_passes(struct reader *reader, struct access_pass *passes, size_t most, size_t *ret_n)
{
    uint64_t n = read_varint(reader);
    if (n > most)
        reader->failed = true;
    for (size_t i = 0; i < n && !reader->failed; i++) {
        struct slice digest = read_string(reader);
        passes[i].until_ms = (int64_t)read_u64(reader);
        if (reader->failed || digest.len != sizeof passes[i].digest)
            reader->failed = true;
        else
            memcpy(passes[i].digest, digest.at, digest.len);
    }
    *ret_n = (size_t)n;
}

enum err access_read(struct slice bytes, struct access_book *ret_book)
{
    struct reader reader = reader_of(bytes);
    *ret_book = (struct access_book){0};
    if (bytes.len == 0)
        return ERR_OK;
    uint8_t version = read_u8(&reader);
    if (version != VERSION)
        return version > VERSION ? ERR_NEWER_VERSION : ERR_CORRUPT;
    struct slice where = read_string(&reader);
    if (where.len >= sizeof ret_book->where)
        reader.failed = true;
    else if (where.len)
        memcpy(ret_book->where, where.at, where.len);
    read_passes(&reader, ret_book->links, ACCESS_LINKS, &ret_book->n_links);
    read_passes(&reader, ret_book->sessions, ACCESS_SESSIONS, &ret_book->n_sessions);
    if (!reader.failed)
        return ERR_OK;
    *ret_book = (struct access_book){0};
    return ERR_CORRUPT;
}
