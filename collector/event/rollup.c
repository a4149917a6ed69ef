/* Windows as bytes and as documents.
 *
 * Binary form, version 1 (little-endian; string = LEB128 length and bytes):
 *
 *   u8 version=1 | u8 kind | u8 flags (1 incomplete) | varint width_s | u64 start_ms
 *   | strings: application service environment name detail | varint events | f64 count | f64 failed | sketch
 *   | u8 form of the sessions: 0 = u8 n and n x { u8 register, u8 rank }, 1 = 256 registers
 *   | busiest and failing sessions, each: u8 n and n x { u64 session, u32 bits of a float }
 *
 * It has no length of its own: whoever packs several writes one around each. */
#include "event/rollup.h"

#include <assert.h>
#include <math.h>

#include "base/clock.h"
#include "base/hash.h"

#define VERSION 1
#define INCOMPLETE 1
#define SPARSE 0
#define DENSE 1
#define MAX_RANK 58
#define MAX_TEXT 4096    /* of each part of a key */
#define MAX_BINARY 65536 /* key text, 1408 buckets, 256 registers and then some */

int32_t series_partition(const struct series_key *key, int n)
{
    uint64_t hash = hash_stable(key->application) * 31 + hash_stable(key->service);
    return n > 0 ? (int32_t)(hash % (uint64_t)n) : 0;
}

void rollup_init(struct rollup *rollup)
{
    *rollup = (struct rollup){0};
    sketch_init(&rollup->values);
}

void rollup_done(struct rollup *rollup)
{
    sketch_done(&rollup->values);
}

static void write_sessions(const struct hll *sessions, struct buf *buf)
{
    unsigned used = 0;
    uint8_t at[HLL_REGISTERS];
    for (size_t i = 0; i < HLL_REGISTERS; i += 8) {
        uint64_t eight; /* most are empty in most windows */
        memcpy(&eight, sessions->registers + i, sizeof eight);
        for (size_t j = i; eight && j < i + 8; j++)
            if (sessions->registers[j])
                at[used++] = (uint8_t)j;
    }
    if (used >= HLL_REGISTERS / 2) {
        buf_u8(buf, DENSE);
        buf_add(buf, sessions->registers, HLL_REGISTERS);
        return;
    }
    buf_u8(buf, SPARSE);
    buf_u8(buf, (uint8_t)used);
    for (size_t i = 0; i < used; i++) {
        const uint8_t pair[2] = {at[i], sessions->registers[at[i]]};
        buf_add(buf, pair, sizeof pair);
    }
}

static bool read_sessions(struct reader *reader, struct hll *ret_sessions)
{
    uint8_t form = read_u8(reader);
    size_t n = form == SPARSE ? read_u8(reader) : HLL_REGISTERS;
    if (form > DENSE)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t place = form == SPARSE ? read_u8(reader) : i;
        ret_sessions->registers[place] = read_u8(reader);
        if (ret_sessions->registers[place] > MAX_RANK)
            return false;
    }
    return !reader->failed;
}

static void write_heavy(const struct heavy *heavy, struct buf *buf)
{
    uint8_t n = 0;
    for (size_t i = 0; i < HEAVY_SESSIONS; i++)
        n += heavy->events[i] > 0;
    buf_u8(buf, n);
    for (size_t i = 0; i < HEAVY_SESSIONS; i++) {
        uint32_t bits;
        if (heavy->events[i] <= 0)
            continue;
        memcpy(&bits, &heavy->events[i], sizeof bits);
        buf_u64(buf, heavy->session[i]);
        buf_u32(buf, bits);
    }
}

static bool read_heavy(struct reader *reader, struct heavy *ret_heavy)
{
    uint8_t n = read_u8(reader);
    if (n > HEAVY_SESSIONS)
        return false;
    for (size_t i = 0; i < n; i++) {
        ret_heavy->session[i] = read_u64(reader);
        uint32_t bits = read_u32(reader);
        memcpy(&ret_heavy->events[i], &bits, sizeof bits);
        if (reader->failed || !isfinite(ret_heavy->events[i]) || ret_heavy->events[i] <= 0)
            return false;
    }
    return !reader->failed;
}

static void write_key(const struct series_key *key, struct buf *buf)
{
    buf_string(buf, key->application);
    buf_string(buf, key->service);
    buf_string(buf, key->environment);
    buf_string(buf, key->name);
    buf_string(buf, key->detail);
}

static bool read_key(struct reader *reader, struct series_key *ret_key)
{
    struct slice *parts[] = {&ret_key->application, &ret_key->service, &ret_key->environment, &ret_key->name,
                             &ret_key->detail};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i] = read_string(reader);
        if (reader->failed || parts[i]->len > MAX_TEXT)
            return false;
    }
    return true;
}

void rollup_write(const struct rollup *rollup, struct buf *buf)
{
    buf_u8(buf, VERSION);
    buf_u8(buf, (uint8_t)rollup->key.kind);
    buf_u8(buf, rollup->incomplete ? INCOMPLETE : 0);
    buf_varint(buf, (uint64_t)rollup->width_s);
    buf_u64(buf, (uint64_t)rollup->start_ms);
    write_key(&rollup->key, buf);
    buf_varint(buf, rollup->events);
    buf_f64(buf, rollup->count);
    buf_f64(buf, rollup->failed);
    sketch_write(&rollup->values, buf);
    write_sessions(&rollup->sessions, buf);
    write_heavy(&rollup->busiest, buf);
    write_heavy(&rollup->failing, buf);
}

static bool read_head(struct reader *reader, struct rollup *rollup)
{
    uint8_t kind = read_u8(reader), flags = read_u8(reader);
    uint64_t width_s = read_varint(reader);
    rollup->key.kind = (enum series_kind)kind;
    rollup->incomplete = flags & INCOMPLETE;
    rollup->width_s = (int32_t)width_s;
    rollup->start_ms = (int64_t)read_u64(reader);
    return !reader->failed && kind >= SERIES_PAGE && kind < SERIES_KINDS && flags <= INCOMPLETE && width_s >= 1 &&
           width_s <= 86400 && read_key(reader, &rollup->key);
}

static bool read_body(struct reader *reader, struct rollup *rollup)
{
    rollup->events = read_varint(reader);
    rollup->count = read_f64(reader);
    rollup->failed = read_f64(reader);
    return !reader->failed && isfinite(rollup->count) && isfinite(rollup->failed) && rollup->count >= 0 &&
           rollup->failed >= 0 && sketch_read(reader, &rollup->values) && read_sessions(reader, &rollup->sessions) &&
           read_heavy(reader, &rollup->busiest) && read_heavy(reader, &rollup->failing);
}

enum err rollup_read(struct reader *reader, struct rollup *ret_rollup)
{
    struct rollup rollup;
    rollup_init(&rollup);
    uint8_t version = read_u8(reader);
    if (reader->failed || version < VERSION)
        return ERR_CORRUPT;
    if (version > VERSION)
        return ERR_NEWER_VERSION;
    if (!read_head(reader, &rollup) || !read_body(reader, &rollup)) {
        rollup_done(&rollup);
        return ERR_CORRUPT;
    }
    *ret_rollup = rollup;
    return ERR_OK;
}

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void write_base64(struct slice bytes, struct buf *buf)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t v = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0u);
        char four[4] = {digits64[v >> 18], digits64[v >> 12 & 63], left > 1 ? digits64[v >> 6 & 63] : '=',
                        left > 2 ? digits64[v & 63] : '='};
        buf_add(buf, four, 4);
    }
}

static bool read_four(const char *four, bool is_last, struct buf *buf)
{
    uint32_t v = 0;
    size_t n = is_last && four[3] == '=' ? four[2] == '=' ? 1 : 2 : 3;
    for (size_t i = 0; i < 4; i++) {
        const char *digit = i <= n ? memchr(digits64, four[i], 64) : digits64;
        if (!digit)
            return false;
        v = v << 6 | (uint32_t)(digit - digits64);
    }
    unsigned char bytes[3] = {(unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
    buf_add(buf, bytes, n);
    return true;
}

bool base64_read(struct slice text, struct buf *buf)
{
    if (text.len % 4 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 4)
        if (!read_four(text.at + i, i + 4 == text.len, buf))
            return false;
    return !buf_failed(buf);
}

static void write_numbers(const struct rollup *rollup, struct buf *buf)
{
    buf_json_int(buf, "seismo.rollup.events", (int64_t)rollup->events);
    buf_json_number(buf, "seismo.rollup.count", rollup->count);
    buf_json_number(buf, "seismo.rollup.failed", rollup->failed);
    buf_json_number(buf, "seismo.rollup.sessions", round(hll_estimate(&rollup->sessions)));
    const struct sketch *values = &rollup->values;
    if (values->count <= 0)
        return;
    buf_json_number(buf, "seismo.rollup.sum", values->sum);
    buf_json_number(buf, "seismo.rollup.min", values->min);
    buf_json_number(buf, "seismo.rollup.max", values->max);
    buf_json_number(buf, "seismo.rollup.p50", sketch_quantile(values, 0.50));
    buf_json_number(buf, "seismo.rollup.p75", sketch_quantile(values, 0.75));
    buf_json_number(buf, "seismo.rollup.p95", sketch_quantile(values, 0.95));
    buf_json_number(buf, "seismo.rollup.p99", sketch_quantile(values, 0.99));
}

void rollup_document(const struct rollup *rollup, struct buf *buf)
{
    char when[CLOCK_TEXT_BYTES];
    const struct series_key *key = &rollup->key;
    clock_text(rollup->start_ms, when);
    buf_char(buf, '{');
    buf_json_field(buf, "@timestamp", slice_of(when));
    buf_json_field(buf, "event.kind", SLICE("metric"));
    buf_json_field(buf, "event.module", SLICE("seismo"));
    buf_json_field(buf, "event.dataset", SLICE("seismo.rollup"));
    buf_json_field(buf, "service.name", key->service);
    buf_json_field(buf, "service.environment", key->environment);
    buf_json_field(buf, "seismo.application", key->application);
    buf_json_field(buf, "seismo.rollup.kind", slice_of(series_kind_name(key->kind)));
    buf_json_field(buf, "seismo.rollup.name", key->name);
    buf_json_field(buf, "seismo.rollup.detail", key->detail);
    buf_json_int(buf, "seismo.rollup.width", rollup->width_s);
    buf_json_name(buf, "seismo.rollup.incomplete");
    buf_text(buf, rollup->incomplete ? "true" : "false");
    write_numbers(rollup, buf);
    struct buf state;
    buf_init(&state, MAX_BINARY);
    rollup_write(rollup, &state);
    assert(!buf_failed(&state)); /* a key is at most what rollup_read allows */
    buf_json_name(buf, "seismo.rollup.state");
    buf_char(buf, '"');
    write_base64(buf_slice(&state), buf);
    buf_text(buf, "\"}");
    buf_done(&state);
}

enum err rollup_from_state(struct slice base64, struct buf *scratch, struct rollup *ret_rollup)
{
    buf_clear(scratch);
    if (!base64_read(base64, scratch))
        return ERR_CORRUPT;
    struct reader reader = reader_of(buf_slice(scratch));
    return rollup_read(&reader, ret_rollup);
}

void rollup_id(const struct rollup *rollup, char ret_id[RECORD_ID_BYTES])
{
    struct buf text;
    buf_init(&text, MAX_BINARY);
    buf_u8(&text, (uint8_t)rollup->key.kind);
    write_key(&rollup->key, &text);
    buf_u64(&text, (uint64_t)rollup->start_ms);
    buf_u32(&text, (uint32_t)rollup->width_s);
    hash_hex(buf_slice(&text), ret_id, 32);
    buf_done(&text);
}
