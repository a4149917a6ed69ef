/* Any bytes as a log line, and cut in four as an error: one code each, a mask of one line, the same when asked again.
 */
#include <assert.h>

#include "enrich/enrich.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *code, const struct buf *masked)
{
    assert(strlen(code) == 10 && strspn(code + 2, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == 8);
    assert(masked->len == 0 || !memchr(masked->at, '\n', masked->len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char code[ENRICH_CODE_BYTES], again[ENRICH_CODE_BYTES];
    struct slice all = {(const char *)data, size}, part[4];
    struct buf masked;
    buf_init(&masked, 65536);
    enrich_line_code(SLICE("fuzz"), all, code, &masked);
    check(code, &masked);
    enrich_line_code(SLICE("fuzz"), all, again, &masked);
    assert(strcmp(code, again) == 0);
    for (size_t i = 0; i < 4; i++)
        part[i] = (struct slice){all.at + size / 4 * i, i == 3 ? size - size / 4 * 3 : size / 4};
    buf_clear(&masked);
    enrich_error_code(part[0], part[1], part[2], part[3], code, &masked);
    check(code, &masked);
    buf_done(&masked);
    return 0;
}
