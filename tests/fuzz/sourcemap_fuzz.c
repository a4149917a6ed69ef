/* Any bytes as a source map: refused, or a map whose every segment names what is there. */
#include <assert.h>

#include "sourcemap/sourcemap_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sourcemap map;
    if (sourcemap_decode((struct slice){(const char *)data, size}, &map, NULL) == ERR_OK) {
        for (size_t i = 0; i < map.n; i++) {
            const struct segment *segment = &map.segments[i];
            struct slice source = sourcemap_source(&map, segment), name = sourcemap_name(&map, segment);
            assert(source.len <= size * 2 && name.len <= size);
            sourcemap_find(&map, segment->line, segment->column);
        }
    }
    sourcemap_done(&map);
    return 0;
}
