/* Any bytes as a text of a page: what is called quiet holds nothing that the finders find, as sent or
 * decoded, and what is left of an object after redaction is one. */
#include <assert.h>
#include <stdlib.h>

#include "enrich/enrich_int.h"
#include "event/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_quiet(struct slice raw, char *scratch)
{
    size_t len;
    bool quiet = redact_is_quiet(raw);
    assert(quiet == redact_is_quiet_plain(raw) && quiet == redact_is_quiet_avx2(raw));
    if (memchr(raw.at, '"', raw.len))
        return; /* no string of a page: of an object, only its strings and numbers are promised */
    assert(!quiet || !redact_finds(raw));
    if (quiet && json_unescape(raw, scratch, &len) != UNESCAPED_BAD)
        assert(!redact_finds((struct slice){scratch, len}));
}

/* The text as a value, where it may be one: found in the object when it is found in the text. */
static void check_object(struct slice raw, char *scratch)
{
    static const char head[] = "{\"page\":\"", tail[] = "\"}";
    size_t n = sizeof head - 1, len;
    for (size_t i = 0; i < raw.len; i++)
        if (raw.at[i] == '"' || (unsigned char)raw.at[i] < 0x20)
            return;
    if (json_unescape(raw, NULL, &len) == UNESCAPED_BAD)
        return;
    memcpy(scratch, head, n);
    memcpy(scratch + n, raw.at, raw.len);
    memcpy(scratch + n + raw.len, tail, sizeof tail - 1);
    struct slice object = {scratch, n + raw.len + sizeof tail - 1};
    bool found = redact_json(object, false);
    assert(json_unescape((struct slice){scratch + n, raw.len}, NULL, &len) != UNESCAPED_BAD);
    if (!memchr(raw.at, '\\', raw.len) && raw.len >= 4)
        assert(found == redact_finds(raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *scratch = malloc(size + 32), *copy = malloc(size + 1);
    struct slice raw = {copy, size};
    assert(scratch && copy);
    copy[size] = '\0';
    if (size)
        memcpy(copy, data, size);
    check_quiet(raw, scratch);
    check_object(raw, scratch);
    redact_text(raw);
    free(scratch);
    free(copy);
    return 0;
}
