/* Deploys. Bytes: u8 version | varint n x { u8 flags (1 seen) | i64 at | string name, application, service,
 * environment, by } */
#include "event/deploys.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define SEEN 1
#define HOUR_MS 3600000

void deploys_init(struct deploys *deploys)
{
    *deploys = (struct deploys){0};
}

void deploys_done(struct deploys *deploys)
{
    free(deploys->list);
    deploys_init(deploys);
}

static bool is_of_same(const struct deploy *a, const struct deploy *b)
{
    return strcmp(a->application, b->application) == 0 && strcmp(a->service, b->service) == 0;
}

static bool is_wanted(const struct deploys *deploys, const struct deploy *deploy)
{
    size_t lately = 0;
    if (!deploy->is_seen)
        return true;
    for (size_t i = 0; i < deploys->n; i++) {
        const struct deploy *other = &deploys->list[i];
        if (!other->is_seen || !is_of_same(other, deploy))
            continue;
        if (strcmp(other->name, deploy->name) == 0 && strcmp(other->environment, deploy->environment) == 0)
            return false;
        lately += other->at_ms > deploy->at_ms - HOUR_MS;
    }
    return lately < DEPLOYS_SEEN_AN_HOUR;
}

static void insert(struct deploys *deploys, const struct deploy *deploy)
{
    size_t at = deploys->n;
    deploys->list = realloc(deploys->list, (deploys->n + 1) * sizeof *deploy);
    if (!deploys->list)
        abort();
    while (at && deploys->list[at - 1].at_ms > deploy->at_ms)
        at--;
    memmove(deploys->list + at + 1, deploys->list + at, (deploys->n++ - at) * sizeof *deploy);
    deploys->list[at] = *deploy;
}

bool deploys_add(struct deploys *deploys, const struct deploy *deploy)
{
    if (!is_wanted(deploys, deploy))
        return false;
    if (deploys->n >= DEPLOYS_MAX)
        memmove(deploys->list, deploys->list + 1, --deploys->n * sizeof *deploy);
    insert(deploys, deploy);
    return true;
}

/* ---- bytes ---- */

void deploys_write(const struct deploys *deploys, struct buf *buf)
{
    buf_u8(buf, VERSION);
    buf_varint(buf, deploys->n);
    for (size_t i = 0; i < deploys->n; i++) {
        const struct deploy *deploy = &deploys->list[i];
        buf_u8(buf, deploy->is_seen ? SEEN : 0);
        buf_u64(buf, (uint64_t)deploy->at_ms);
        buf_string(buf, slice_of(deploy->name));
        buf_string(buf, slice_of(deploy->application));
        buf_string(buf, slice_of(deploy->service));
        buf_string(buf, slice_of(deploy->environment));
        buf_string(buf, slice_of(deploy->by));
    }
}

static void take_text(struct reader *reader, char *text, size_t size)
{
    struct slice from = read_string(reader);
    if (reader->failed || from.len >= size || (from.len && memchr(from.at, '\0', from.len))) {
        reader->failed = true;
        return;
    }
    if (from.len)
        memcpy(text, from.at, from.len);
    text[from.len] = '\0';
}

static void read_one(struct reader *reader, struct deploys *deploys)
{
    struct deploy deploy = {0};
    deploy.is_seen = read_u8(reader) & SEEN;
    deploy.at_ms = (int64_t)read_u64(reader);
    take_text(reader, deploy.name, sizeof deploy.name);
    take_text(reader, deploy.application, sizeof deploy.application);
    take_text(reader, deploy.service, sizeof deploy.service);
    take_text(reader, deploy.environment, sizeof deploy.environment);
    take_text(reader, deploy.by, sizeof deploy.by);
    if (!reader->failed)
        insert(deploys, &deploy);
}

enum err deploys_read(struct slice bytes, struct deploys *ret_deploys)
{
    struct reader reader = reader_of(bytes);
    deploys_init(ret_deploys);
    if (bytes.len == 0)
        return ERR_OK;
    uint8_t version = read_u8(&reader);
    if (version < 1)
        return ERR_CORRUPT;
    if (version > VERSION)
        return ERR_NEWER_VERSION;
    uint64_t n = read_varint(&reader);
    for (uint64_t i = 0; i < n && !reader.failed; i++)
        read_one(&reader, ret_deploys);
    if (!reader.failed)
        return ERR_OK;
    deploys_done(ret_deploys);
    return ERR_CORRUPT;
}

enum err deploys_change(void *ctx, struct slice value, struct buf *ret_value)
{
    struct deploys deploys;
    enum err err = deploys_read(value, &deploys);
    if (err == ERR_OK && !deploys_add(&deploys, ctx))
        err = ERR_MISSING;
    if (err == ERR_OK)
        deploys_write(&deploys, ret_value);
    deploys_done(&deploys);
    return err;
}
