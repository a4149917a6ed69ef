/* Any bytes as a body, through the whole way to documents: whatever is accepted must come out of the record again, and
 * each document must be an object whose bytes our own scanner reads to its end. */
#include <assert.h>

#include "enrich/enrich.h"
#include "event/document.h"
#include "event/json_scan.h"
#include "validate/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const origins[] = {"https://shop.example", NULL}, *const routes[] = {"/product/:slug", NULL};
static const struct application shop = {.name = "shop", .origins = origins, .routes = routes};
static const struct enrich_options options = {3600000, 60000};

static void check_document(const struct record *record, const struct fact *fact)
{
    struct buf buf;
    struct json_member member;
    buf_init(&buf, DOCUMENT_MAX_BYTES);
    document_write(record, fact, &buf);
    if (!buf_failed(&buf)) {
        struct json_scan scan = json_scan_of(buf_slice(&buf));
        while (json_scan_next(&scan, &member))
            ;
        assert(scan.at + 1 == scan.end && *scan.at == '}');
    }
    buf_done(&buf);
}

static void check_record(const struct batch *batch)
{
    struct arena *arena = arena_new(65536, 16777216);
    struct record record;
    assert(record_decode(batch->value, arena, &record) == ERR_OK);
    assert(record.n_facts == batch->n_events && slice_equal(record.beacon, batch->envelope.id));
    for (size_t i = 0; i < record.n_facts; i++) {
        assert(slice_equal(record.facts[i].json, batch->events[i].json));
        check_document(&record, &record.facts[i]);
    }
    arena_free(arena);
}

/* What is left after redaction and masking is still a beacon: the events are valid and in the same places. */
static void check_again(const struct batch *batch)
{
    struct batch *again = batch_new(batch->body.len);
    memcpy((char *)(uintptr_t)again->body.at, batch->body.at, batch->body.len);
    assert(validate_beacon(again) == ERR_OK && again->n_events == batch->n_events);
    batch_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch *batch = batch_new(size);
    memcpy((char *)(uintptr_t)batch->body.at, data, size);
    batch->application = &shop;
    batch->received_at_ms = INT64_C(1795354200600);
    if (validate_beacon(batch) == ERR_OK && enrich_batch(&options, batch) == ERR_OK && record_seal(batch) == ERR_OK) {
        check_record(batch);
        check_again(batch);
    }
    batch_free(batch);
    return 0;
}
