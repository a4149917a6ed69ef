/* State in Elasticsearch: one small document a key. Its version is the document's primary term and sequence number,
 * with which Elasticsearch itself compares and sets. */
#include "store/store_elastic.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"

/* 20 bits of primary term (it grows by one when a shard moves), 44 of sequence number. Never 0: terms start at 1. */
#define SEQUENCE_BITS 44

static uint64_t pack_version(json_int_t term, json_int_t sequence)
{
    return (uint64_t)term << SEQUENCE_BITS | ((uint64_t)sequence & ((UINT64_C(1) << SEQUENCE_BITS) - 1));
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void elastic_add_base64(struct buf *buf, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        const unsigned char *at = (const unsigned char *)bytes.at + i;
        uint32_t v = (uint32_t)at[0] << 16 | (left > 1 ? (uint32_t)at[1] << 8 : 0u) | (left > 2 ? at[2] : 0u);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], left > 1 ? digits[v >> 6 & 63] : '=',
                        left > 2 ? digits[v & 63] : '='};
        buf_add(buf, four, 4);
    }
}

bool elastic_read_base64(struct buf *buf, const char *text, size_t len)
{
    uint32_t v = 0, bits = 0;
    while (len && text[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        v = v << 6 | (uint32_t)(digit - digits);
        if ((bits += 6) >= 8)
            buf_char(buf, (char)(v >> (bits -= 8)));
    }
    return true;
}

static void start_path(struct buf *path, const struct elastic *elastic, const char *how, const char *key)
{
    buf_init(path, 4096);
    buf_printf(path, "/%s/%s/", elastic->state_index, how);
    elastic_escape(path, slice_of(key));
}

static enum err read_state(const struct http_response *response, struct buf *ret_value, uint64_t *ret_version)
{
    json_int_t term, sequence;
    const char *value;
    size_t len;
    json_t *root = json_loadb(response->body.at, response->body.len, 0, NULL);
    enum err err = ERR_CORRUPT;
    if (json_unpack(root, "{s:I, s:I, s:{s:s%}}", "_primary_term", &term, "_seq_no", &sequence, "_source", "value",
                    &value, &len) == 0 &&
        elastic_read_base64(ret_value, value, len)) {
        *ret_version = pack_version(term, sequence);
        err = buf_failed(ret_value) ? ERR_TOO_LARGE : ERR_OK;
    }
    json_decref(root);
    return err;
}

enum err elastic_state_get(struct store *store, const char *key, struct buf *ret_value, uint64_t *ret_version)
{
    struct elastic *elastic = (struct elastic *)store;
    struct http_response response;
    struct buf path;
    *ret_version = 0;
    start_path(&path, elastic, "_doc", key);
    http_response_init(&response, ANSWER_BYTES);
    enum err err = elastic_send(elastic, "GET", path.at, SLICE_NONE, false, &response);
    if (err == ERR_OK && response.status == 404)
        err = ERR_MISSING; /* the document or its index */
    else if (err == ERR_OK && response.status == 200)
        err = read_state(&response, ret_value, ret_version);
    else if (err == ERR_OK)
        err = elastic_status(&response, "read state", ERR_STORE_READ);
    http_response_done(&response);
    buf_done(&path);
    return err;
}

static enum err put_state(struct elastic *elastic, const char *path, struct slice body, uint64_t *ret_version)
{
    struct http_response response;
    json_int_t term, sequence;
    http_response_init(&response, ANSWER_BYTES);
    enum err err = elastic_send(elastic, "PUT", path, body, true, &response);
    if (err == ERR_OK && response.status == 409) {
        err = ERR_CONFLICT;
    } else if (err == ERR_OK && (response.status == 200 || response.status == 201)) {
        json_t *root = json_loadb(response.body.at, response.body.len, 0, NULL);
        if (json_unpack(root, "{s:I, s:I}", "_primary_term", &term, "_seq_no", &sequence) == 0)
            *ret_version = pack_version(term, sequence);
        else
            err = ERR_STORE_WRITE;
        json_decref(root);
    } else if (err == ERR_OK) {
        err = elastic_status(&response, "write state", ERR_STORE_WRITE);
    }
    http_response_done(&response);
    return err;
}

enum err elastic_state_put(struct store *store, const char *key, struct slice value, uint64_t version,
                           uint64_t *ret_version)
{
    struct elastic *elastic = (struct elastic *)store;
    char now[CLOCK_TEXT_BYTES];
    struct buf path, body;
    enum err err = elastic_ensure_set_up(elastic); /* else Elasticsearch makes an index with mappings of its own */
    if (err != ERR_OK)
        return err;
    start_path(&path, elastic, version ? "_doc" : "_create", key);
    if (version)
        buf_printf(&path, "?if_primary_term=%" PRIu64 "&if_seq_no=%" PRIu64, version >> SEQUENCE_BITS,
                   version & ((UINT64_C(1) << SEQUENCE_BITS) - 1));
    buf_init(&body, STORE_STATE_BYTES / 3 * 4 + 8192);
    clock_text(clock_wall_ms(), now);
    buf_char(&body, '{');
    buf_json_field(&body, "@timestamp", slice_of(now));
    buf_json_field(&body, "key", slice_of(key));
    buf_text(&body, ",\"value\":\"");
    elastic_add_base64(&body, value);
    buf_text(&body, "\"}");
    err = buf_failed(&body) || buf_failed(&path) ? ERR_TOO_LARGE
                                                 : put_state(elastic, path.at, buf_slice(&body), ret_version);
    buf_done(&body);
    buf_done(&path);
    return err;
}
