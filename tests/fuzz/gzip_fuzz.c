/* Any bytes as a gzip body: never more than the maximum, never a crash, the same verdict twice. */
#include <assert.h>
#include <stdlib.h>

#include "ingest/ingest_int.h"

#define MAX_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct inflaters *inflaters;
    if (!inflaters)
        inflaters = inflaters_new(MAX_BYTES);
    enum err first = ERR_OK;
    for (int i = 0; i < 2; i++) {
        struct inflater *inflater = inflater_take(inflaters);
        struct slice out = SLICE("");
        enum err err = inflate_body(inflater, (struct slice){(const char *)data, size}, &out);
        assert(err == ERR_OK || err == ERR_BAD_GZIP || err == ERR_INFLATED_TOO_LARGE);
        assert(out.len <= MAX_BYTES);
        assert(i == 0 || err == first);
        first = err;
        inflater_give(inflaters, inflater);
    }
    return 0;
}
