/* gzip bodies.
 *
 * Inflating goes on in steps into one growing buffer that ends a byte past the maximum: a bomb is recognised by that
 * byte, after max_inflated bytes of work and memory, whatever it would have become. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>

#include "ingest/ingest_int.h"

#define STEP 16384
#define KEEP_BYTES 262144 /* a buffer that grew past this is not kept */
#define GZIP_ONLY (15 + 16)

struct inflater {
    struct inflater *next;
    z_stream z;
    struct buf out;
};

struct inflaters {
    pthread_mutex_t mutex;
    struct inflater *idle; /* never more than were in use at once: one a loop */
    size_t max;
};

struct inflaters *inflaters_new(size_t max_inflated)
{
    struct inflaters *inflaters = calloc(1, sizeof *inflaters);
    if (!inflaters)
        abort();
    pthread_mutex_init(&inflaters->mutex, NULL);
    inflaters->max = max_inflated;
    return inflaters;
}

static struct inflater *inflater_new(size_t max)
{
    struct inflater *inflater = calloc(1, sizeof *inflater);
    if (!inflater || inflateInit2(&inflater->z, GZIP_ONLY) != Z_OK)
        abort();
    buf_init(&inflater->out, max + 1);
    return inflater;
}

void inflaters_free(struct inflaters *inflaters)
{
    if (!inflaters)
        return;
    while (inflaters->idle) {
        struct inflater *inflater = inflaters->idle;
        inflaters->idle = inflater->next;
        inflateEnd(&inflater->z);
        buf_done(&inflater->out);
        free(inflater);
    }
    pthread_mutex_destroy(&inflaters->mutex);
    free(inflaters);
}

struct inflater *inflater_take(struct inflaters *inflaters)
{
    pthread_mutex_lock(&inflaters->mutex);
    struct inflater *inflater = inflaters->idle;
    if (inflater)
        inflaters->idle = inflater->next;
    pthread_mutex_unlock(&inflaters->mutex);
    return inflater ? inflater : inflater_new(inflaters->max);
}

void inflater_give(struct inflaters *inflaters, struct inflater *inflater)
{
    if (inflater->out.size > KEEP_BYTES)
        buf_done(&inflater->out);
    pthread_mutex_lock(&inflaters->mutex);
    inflater->next = inflaters->idle;
    inflaters->idle = inflater;
    pthread_mutex_unlock(&inflaters->mutex);
}

bool is_gzip(struct slice body)
{
    return body.len >= 2 && (unsigned char)body.at[0] == 0x1f && (unsigned char)body.at[1] == 0x8b;
}

/* One member, to its end. */
static enum err inflate_member(struct inflater *inflater)
{
    struct buf *out = &inflater->out;
    z_stream *z = &inflater->z;
    for (;;) {
        size_t room = out->max - out->len < STEP ? out->max - out->len : STEP;
        if (room == 0)
            return ERR_INFLATED_TOO_LARGE;
        z->next_out = (unsigned char *)buf_reserve(out, room);
        z->avail_out = (unsigned)room;
        int result = inflate(z, Z_NO_FLUSH);
        out->len += room - z->avail_out;
        if (result == Z_STREAM_END)
            return out->len == out->max ? ERR_INFLATED_TOO_LARGE : ERR_OK;
        if (result != Z_OK || (z->avail_in == 0 && z->avail_out != 0))
            return ERR_BAD_GZIP; /* damaged, or cut short */
    }
}

enum err inflate_body(struct inflater *inflater, struct slice body, struct slice *ret_bytes)
{
    z_stream *z = &inflater->z;
    assert(body.len <= UINT32_MAX);
    buf_clear(&inflater->out);
    z->next_in = (unsigned char *)(uintptr_t)body.at;
    z->avail_in = (unsigned)body.len;
    do {
        if (!is_gzip((struct slice){(const char *)z->next_in, z->avail_in}) || inflateReset(z) != Z_OK)
            return ERR_BAD_GZIP;
        enum err err = inflate_member(inflater);
        if (err)
            return err;
    } while (z->avail_in);
    *ret_bytes = buf_slice(&inflater->out);
    return ERR_OK;
}
