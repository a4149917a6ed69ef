/* Maps that come over the network: unpacked within bounds, then kept like others. */
#include <stdio.h>
#include <zlib.h>

#include "base/clock.h"
#include "sourcemap/sourcemap_int.h"

#define GZIP (15 + 16) /* the largest window, with gzip's header */
#define EXPIRE_MS 60000
#define PART_BYTES 65536

enum err sourcemap_pack(struct slice map, struct buf *buf, struct err_text *text)
{
    unsigned char part[PART_BYTES];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)map.at, .avail_in = (unsigned)map.len};
    int code = Z_OK;
    if (deflateInit2(&z, 6, Z_DEFLATED, GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(text, ERR_IO, "zlib: %s", z.msg ? z.msg : "it does not begin");
    while (code == Z_OK) {
        z.next_out = part;
        z.avail_out = sizeof part;
        code = deflate(&z, Z_FINISH);
        buf_add(buf, part, sizeof part - z.avail_out);
    }
    deflateEnd(&z);
    return code == Z_STREAM_END && !buf_failed(buf) ? ERR_OK : err_set(text, ERR_TOO_LARGE, "it cannot be packed");
}

static enum err unpack(struct slice packed, struct buf *buf, struct err_text *text)
{
    unsigned char part[PART_BYTES];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)packed.at, .avail_in = (unsigned)packed.len};
    int code = Z_OK;
    if (inflateInit2(&z, GZIP) != Z_OK)
        return err_set(text, ERR_IO, "zlib: %s", z.msg ? z.msg : "it does not begin");
    while (code == Z_OK && !buf_failed(buf)) {
        z.next_out = part;
        z.avail_out = sizeof part;
        code = inflate(&z, Z_NO_FLUSH);
        buf_add(buf, part, sizeof part - z.avail_out);
    }
    inflateEnd(&z);
    if (buf_failed(buf))
        return err_set(text, ERR_BAD_PARAMETER, "more than %d bytes", SOURCEMAP_MAX_BYTES);
    return code == Z_STREAM_END ? ERR_OK : err_set(text, ERR_BAD_PARAMETER, "it is no gzip");
}

static void expire(struct sourcemaps_door *door)
{
    int64_t now_ms = clock_mono_ms(), before_ms = atomic_load(&door->expired_ms);
    struct err_text ignored;
    if ((before_ms && now_ms - before_ms < EXPIRE_MS) ||
        !atomic_compare_exchange_strong(&door->expired_ms, &before_ms, now_ms))
        return;
    sourcemaps_expire(door->folder, clock_wall_ms() / 1000 - door->retention_days * INT64_C(86400), door->max_bytes,
                      &ignored);
}

enum err sourcemaps_take(struct sourcemaps_door *door, struct slice release, struct slice name, struct slice body,
                         bool is_gzip, char *ret_path, size_t size, struct err_text *text)
{
    struct buf unpacked;
    enum err err = ERR_OK;
    buf_init(&unpacked, SOURCEMAP_MAX_BYTES);
    if (release.len == 0 || release.len > SOURCEMAP_RELEASE_BYTES || !sourcemap_path(name, ret_path, size))
        err = err_set(text, ERR_BAD_PARAMETER, "release and path: of a script, and of the build that it belongs to");
    else if (is_gzip)
        err = unpack(body, &unpacked, text);
    if (!err)
        err = sourcemaps_keep(door->folder, release, ret_path, is_gzip ? buf_slice(&unpacked) : body, text);
    buf_done(&unpacked);
    if (!err)
        expire(door);
    return err == ERR_CORRUPT || err == ERR_TOO_LARGE ? ERR_BAD_PARAMETER : err;
}
