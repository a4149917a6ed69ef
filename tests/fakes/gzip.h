/* gzip for tests, in memory. */
#ifndef SEISMO_FAKES_GZIP_H
#define SEISMO_FAKES_GZIP_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* n bytes of `from`, repeated `times`, as one gzip member; the caller frees. */
static inline unsigned char *gzip_make(const void *from, size_t n, size_t times, size_t *ret_len)
{
    z_stream z = {0};
    size_t size = n * times / 500 + n + 4096;
    unsigned char *out = malloc(size);
    int ok = deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    assert(ok == Z_OK);
    z.next_out = out;
    z.avail_out = (unsigned)size;
    for (size_t i = 0; i < times; i++) {
        z.next_in = (unsigned char *)(uintptr_t)from;
        z.avail_in = (unsigned)n;
        ok = deflate(&z, i + 1 == times ? Z_FINISH : Z_NO_FLUSH);
        assert(ok == (i + 1 == times ? Z_STREAM_END : Z_OK));
    }
    *ret_len = z.total_out;
    deflateEnd(&z);
    return out;
}

#endif
