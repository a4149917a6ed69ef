/* Any bytes as a record: an error, or views that lie within the bytes and documents that end. */
#include <assert.h>

#include "event/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(65536, 1048576);
    struct record record;
    struct buf buf;
    buf_init(&buf, DOCUMENT_MAX_BYTES);
    if (record_decode((struct slice){(const char *)data, size}, arena, &record) == ERR_OK)
        for (size_t i = 0; i < record.n_facts; i++) {
            char id[RECORD_ID_BYTES];
            const struct slice json = record.facts[i].json;
            assert(json.at >= (const char *)data && json.at + json.len <= (const char *)data + size);
            record_document_id(&record, &record.facts[i], id);
            buf_clear(&buf);
            document_write(&record, &record.facts[i], &buf);
        }
    buf_done(&buf);
    arena_free(arena);
    return 0;
}
