/* What becomes of a record that can't be stored: a document that says why and holds it, and the count of them. */
#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "index/index_int.h"

#define PAUSE_FIRST_MS 10000
#define PAUSE_MOST_MS 300000
#define BURST_DOCUMENTS 100 /* fewer say nothing */
#define BACKOFF_FIRST_MS 200
#define BACKOFF_MOST_MS 30000

static void add_base64(struct buf *json, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < n ? (unsigned char)bytes.at[i + k] : 0);
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63], n > 1 ? digits[group >> 6 & 63] : '=',
                        n > 2 ? digits[group & 63] : '='};
        buf_add(json, four, 4);
    }
}

static void write_id(const struct reject *reject, char ret_id[33])
{
    char record[65], text[128];
    hash_hex(reject->record->value, record, 64);
    int first = reject->n_events ? reject->events[0] : -1;
    int len = snprintf(text, sizeof text, "%s %d %zu", record, first, reject->n_refused);
    hash_hex((struct slice){text, (size_t)len}, ret_id, 32);
}

void reject_write(const struct reject *reject, int64_t now_ms, struct buf *json, char ret_id[33])
{
    char time[CLOCK_TEXT_BYTES];
    struct slice original = reject->record->value;
    clock_text(now_ms, time);
    buf_char(json, '{');
    buf_json_field(json, "@timestamp", slice_of(time));
    buf_json_field(json, "event.dataset", SLICE("seismo.rejects"));
    buf_json_name(json, "seismo.reject");
    buf_char(json, '{');
    buf_json_field(json, "reason", slice_of(reject->reason));
    buf_json_field(json, "code", slice_of(err_code(reject->code)));
    buf_json_field(json, "topic", slice_of(topic_name(reject->record->topic)));
    buf_json_int(json, "partition", reject->record->partition);
    buf_json_int(json, "position", reject->record->position);
    buf_json_int(json, "event", reject->n_events ? reject->events[0] : -1);
    buf_json_int(json, "refused", (int64_t)reject->n_refused);
    buf_json_int(json, "bytes", (int64_t)original.len);
    buf_json_name(json, "events");
    buf_char(json, '[');
    for (size_t i = 0; i < reject->n_events; i++) {
        if (i)
            buf_char(json, ',');
        buf_int(json, reject->events[i]);
    }
    buf_text(json, "]}");
    buf_json_name(json, "event.original");
    buf_char(json, '"');
    original.len = original.len < REJECT_ORIGINAL_BYTES ? original.len : REJECT_ORIGINAL_BYTES;
    add_base64(json, original);
    buf_text(json, "\"}");
    write_id(reject, ret_id);
}

/* ---- bursts ---- */

void burst_add(struct burst *burst, int64_t now_ms, unsigned long documents, unsigned long refused)
{
    int64_t second = now_ms / 1000;
    size_t i = (size_t)(second % BURST_SLOTS);
    if (burst->slots[i].second != second) {
        burst->slots[i].second = second;
        burst->slots[i].documents = burst->slots[i].refused = 0;
    }
    burst->slots[i].documents += documents;
    burst->slots[i].refused += refused;
}

int burst_pause_ms(struct burst *burst, int64_t now_ms)
{
    unsigned long documents = 0, refused = 0;
    for (size_t i = 0; i < BURST_SLOTS; i++) {
        if (burst->slots[i].second > now_ms / 1000 - BURST_SLOTS) {
            documents += burst->slots[i].documents;
            refused += burst->slots[i].refused;
        }
    }
    if (documents < BURST_DOCUMENTS)
        return 0; /* too few to tell either way */
    if (refused * 2 <= documents) {
        burst->pause_ms = 0;
        return 0;
    }
    memset(burst->slots, 0, sizeof burst->slots);
    burst->pause_ms = burst->pause_ms ? burst->pause_ms * 2 : PAUSE_FIRST_MS;
    if (burst->pause_ms > PAUSE_MOST_MS)
        burst->pause_ms = PAUSE_MOST_MS;
    return burst->pause_ms;
}

int backoff_ms(unsigned tries, uint32_t random)
{
    int most = tries < 8 ? BACKOFF_FIRST_MS << tries : BACKOFF_MOST_MS;
    if (most > BACKOFF_MOST_MS)
        most = BACKOFF_MOST_MS;
    return most / 2 + (int)(random % (uint32_t)(most / 2 + 1));
}
