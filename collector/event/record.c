/* The bus record, version 1: see record.h for the layout.
 *
 * Sealing measures first and then writes into one piece of the batch's arena, so that the hot path allocates nothing
 * else. Decoding trusts nothing: a record may come from another release, another machine or a damaged disk. */
#include "event/record.h"

#include <assert.h>
#include <endian.h>
#include <math.h>

#include "base/hash.h"
#include "event/application.h"

#define MAGIC_0 'S'
#define MAGIC_1 'R'
#define HEAD_BYTES_AT 4
#define FIXED_HEAD_BYTES 36 /* all before the strings */
#define FIXED_FACT_BYTES 30 /* all before a fact's strings */
#define MAX_VARINT_BYTES 5  /* lengths are below 2^32 */
#define HEAD_STRINGS 16
#define FACT_STRINGS 6

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* The order of these two lists is the layout. */
static void list_head_strings(const struct batch *batch, struct slice ret_list[HEAD_STRINGS])
{
    const struct envelope *e = &batch->envelope;
    const struct slice list[HEAD_STRINGS] = {
        slice_of(batch->application->name),
        e->service,
        e->version,
        e->environment,
        e->session,
        e->view,
        e->id,
        e->user,
        e->agent_name,
        e->agent_version,
        batch->browser,
        batch->browser_version,
        batch->os,
        batch->device,
        batch->country,
        batch->client_address,
    };
    memcpy(ret_list, list, sizeof list);
}

static void list_fact_strings(const struct event *event, struct slice ret_list[FACT_STRINGS])
{
    struct slice name = event->kind == EVENT_VITAL || event->kind > EVENT_OTHER ? event->name : SLICE_NONE;
    const struct slice list[FACT_STRINGS] = {event->route, event->page_route, event->code,
                                             event->group, event->view,       name};
    memcpy(ret_list, list, sizeof list);
}

/* An upper bound; a few bytes too many for each varint. */
size_t record_most_bytes(const struct batch *batch)
{
    struct slice head[HEAD_STRINGS];
    list_head_strings(batch, head);
    size_t sum = FIXED_HEAD_BYTES + (HEAD_STRINGS + 1) * MAX_VARINT_BYTES;
    for (size_t i = 0; i < HEAD_STRINGS; i++)
        sum += head[i].len;
    if (batch->envelope.labels.len)
        sum += MAX_VARINT_BYTES + batch->envelope.labels.len;
    sum += batch->n_events * (FIXED_FACT_BYTES + (FACT_STRINGS + 1) * MAX_VARINT_BYTES);
    for (size_t i = 0; i < batch->n_events; i++) {
        const struct event *e = &batch->events[i];
        sum += e->route.len + e->page_route.len + e->code.len + e->group.len + e->view.len + e->name.len + e->json.len;
    }
    return sum;
}

static char *put_u16(char *at, uint16_t v)
{
    v = htole16(v);
    return (char *)memcpy(at, &v, sizeof v) + sizeof v;
}

static char *put_u32(char *at, uint32_t v)
{
    v = htole32(v);
    return (char *)memcpy(at, &v, sizeof v) + sizeof v;
}

static char *put_u64(char *at, uint64_t v)
{
    v = htole64(v);
    return (char *)memcpy(at, &v, sizeof v) + sizeof v;
}

static char *put_double(char *at, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_u64(at, bits);
}

static char *put_varint(char *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *at++ = (char)(unsigned char)(v | 0x80);
    *at++ = (char)v;
    return at;
}

/* Most strings are short, where a call of memcpy costs more than the copy. */
static inline char *put_bytes(char *at, struct slice s)
{
    if (s.len == 0)
        return at;
    if (s.len < 8) {
        for (size_t i = 0; i < s.len; i++)
            at[i] = s.at[i];
    } else if (s.len <= 16) {
        uint64_t first, last;
        memcpy(&first, s.at, 8);
        memcpy(&last, s.at + s.len - 8, 8);
        memcpy(at, &first, 8);
        memcpy(at + s.len - 8, &last, 8);
    } else {
        memcpy(at, s.at, s.len);
    }
    return at + s.len;
}

static char *put_strings(char *at, const struct slice *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        at = put_bytes(put_varint(at, list[i].len), list[i]);
    return at;
}

static char *put_head(char *at, const struct batch *batch)
{
    struct slice strings[HEAD_STRINGS];
    list_head_strings(batch, strings);
    *at++ = MAGIC_0;
    *at++ = MAGIC_1;
    *at++ = RECORD_VERSION;
    *at++ = 0;
    at = put_u32(at, 0); /* head_bytes, known at the end */
    at = put_u64(at, (uint64_t)batch->received_at_ms);
    at = put_u64(at, (uint64_t)batch->clock_offset_ms);
    at = put_double(at, batch->envelope.rate);
    at = put_u32(at, batch->envelope.dropped);
    at = put_strings(at, strings, HEAD_STRINGS);
    return put_varint(at, batch->n_events);
}

static char *put_fact(char *at, const struct event *event)
{
    struct slice strings[FACT_STRINGS];
    list_fact_strings(event, strings);
    at = put_u16(at, event->index);
    *at++ = (char)event->kind;
    *at++ = 0;
    at = put_u32(at, event->flags);
    at = put_u16(at, event->status);
    at = put_u32(at, event->count);
    at = put_u64(at, (uint64_t)event->at_ms);
    at = put_double(at, event->value);
    at = put_strings(at, strings, FACT_STRINGS);
    return put_varint(at, event->json.len);
}

enum err record_seal(struct batch *batch)
{
    assert(batch->application && batch->n_events <= BATCH_MAX_EVENTS);
    size_t most = record_most_bytes(batch);
    char *start = arena_alloc(batch->arena, most);
    if (!start)
        return err_set(&batch->text, ERR_TOO_LARGE, "the beacon needs a record of %zu bytes", most);
    char *at = put_head(start, batch);
    for (size_t i = 0; i < batch->n_events; i++)
        at = put_fact(at, &batch->events[i]);
    if (batch->envelope.labels.len)
        at = put_strings(at, &batch->envelope.labels, 1);
    put_u32(start + HEAD_BYTES_AT, (uint32_t)(at - start));
    for (size_t i = 0; i < batch->n_events; i++)
        at = put_bytes(at, batch->events[i].json);
    size_t bytes = (size_t)(at - start);
    assert(bytes <= most);
    if (bytes > RECORD_MAX_BYTES)
        return err_set(&batch->text, ERR_TOO_LARGE, "the beacon's record has %zu bytes, at most %d are allowed", bytes,
                       RECORD_MAX_BYTES);
    batch->value = (struct slice){start, bytes};
    return ERR_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static enum err check_version(struct slice bytes)
{
    if (bytes.len < FIXED_HEAD_BYTES || bytes.at[0] != MAGIC_0 || bytes.at[1] != MAGIC_1 || bytes.at[2] == 0)
        return ERR_CORRUPT;
    /* A flag would change how the rest is read, so that an unknown one is a newer release's. */
    return bytes.at[2] != RECORD_VERSION || bytes.at[3] != 0 ? ERR_NEWER_VERSION : ERR_OK;
}

static void read_head(struct reader *r, struct record *record)
{
    record->received_at_ms = (int64_t)read_u64(r);
    record->clock_offset_ms = (int64_t)read_u64(r);
    record->sample_rate = read_f64(r);
    record->dropped = read_u32(r);
    struct slice *const strings[HEAD_STRINGS] = {
        &record->application, &record->service,       &record->service_version, &record->environment,
        &record->session,     &record->view,          &record->beacon,          &record->user,
        &record->agent_name,  &record->agent_version, &record->browser,         &record->browser_version,
        &record->os,          &record->device,        &record->country,         &record->client_address,
    };
    for (size_t i = 0; i < HEAD_STRINGS; i++)
        *strings[i] = read_string(r);
    record->n_facts = read_varint(r);
}

/* Kinds that a newer release has named are "other" here, as they are when they come from a page. */
static void read_fact(struct reader *r, struct fact *fact)
{
    fact->index = read_u16(r);
    uint8_t kind = read_u8(r);
    fact->kind = kind == 0 || kind >= EVENT_KINDS ? EVENT_OTHER : (enum event_kind)kind;
    read_u8(r);
    fact->flags = read_u32(r);
    fact->status = read_u16(r);
    fact->count = read_u32(r);
    fact->at_ms = (int64_t)read_u64(r);
    fact->value = read_f64(r);
    if (!isfinite(fact->value))
        fact->value = NAN;
    struct slice *const strings[FACT_STRINGS] = {&fact->route, &fact->page_route, &fact->code,
                                                 &fact->group, &fact->view,       &fact->name};
    for (size_t i = 0; i < FACT_STRINGS; i++)
        *strings[i] = read_string(r);
    fact->json.len = read_varint(r);
}

/* Gives each fact its piece of the events' bytes; they must be used up exactly. */
static bool cut_events(struct record *record, struct slice rest)
{
    for (size_t i = 0; i < record->n_facts; i++) {
        struct fact *fact = &record->facts[i];
        if (fact->json.len > rest.len || fact->json.len < 2 || rest.at[0] != '{' || rest.at[fact->json.len - 1] != '}')
            return false;
        fact->json.at = rest.at;
        rest.at += fact->json.len;
        rest.len -= fact->json.len;
        if (fact->view.len == 0)
            fact->view = record->view;
    }
    return rest.len == 0;
}

static bool is_object_or_none(struct slice json)
{
    return json.len == 0 || (json.len >= 2 && json.at[0] == '{' && json.at[json.len - 1] == '}');
}

enum err record_decode(struct slice bytes, struct arena *arena, struct record *ret_record)
{
    enum err err = check_version(bytes);
    if (err)
        return err;
    struct reader r = reader_of(bytes);
    r.at += HEAD_BYTES_AT;
    size_t head_bytes = read_u32(&r);
    if (head_bytes < FIXED_HEAD_BYTES || head_bytes > bytes.len)
        return ERR_CORRUPT;
    r.end = (const unsigned char *)bytes.at + head_bytes;
    struct record record = {0};
    read_head(&r, &record);
    if (r.failed || record.n_facts > BATCH_MAX_EVENTS || !(record.sample_rate > 0 && record.sample_rate <= 1))
        return ERR_CORRUPT;
    record.facts = arena_zero(arena, (record.n_facts ? record.n_facts : 1) * sizeof *record.facts);
    if (!record.facts)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < record.n_facts; i++)
        read_fact(&r, &record.facts[i]);
    if (r.at < r.end) /* releases before labels end here */
        record.labels = read_string(&r);
    if (r.failed || !is_object_or_none(record.labels) ||
        !cut_events(&record, (struct slice){bytes.at + head_bytes, bytes.len - head_bytes}))
        return ERR_CORRUPT;
    *ret_record = record;
    return ERR_OK;
}

/* ---- ids --------------------------------------------------------------------------------------------------------- */

uint16_t record_part(const struct record *record)
{
    return record->n_facts ? record->facts[0].index : 0;
}

/* The NUL between the two keeps ("ab", "c") and ("a", "bc") apart; neither holds one. */
void record_beacon_id(const struct record *record, char ret_id[RECORD_ID_BYTES])
{
    char small[256];
    struct buf large;
    buf_init(&large, RECORD_MAX_BYTES);
    struct slice key = {small, record->application.len + 1 + record->beacon.len};
    if (key.len <= sizeof small) {
        char *at = put_bytes(small, record->application);
        *at++ = '\0';
        put_bytes(at, record->beacon);
    } else { /* never of our making, but a record may come from anywhere */
        buf_add_slice(&large, record->application);
        buf_char(&large, '\0');
        buf_add_slice(&large, record->beacon);
        key = buf_slice(&large);
    }
    hash_hex(key, ret_id, 32);
    buf_done(&large);
}

size_t record_event_id(char id[RECORD_ID_BYTES], const struct fact *fact)
{
    char digits[8];
    size_t n = 0;
    unsigned rest = fact->index;
    do
        digits[n++] = (char)('0' + rest % 10);
    while (rest /= 10);
    char *at = id + 32;
    *at++ = '-';
    while (n)
        *at++ = digits[--n];
    *at = '\0';
    return (size_t)(at - id);
}

void record_document_id(const struct record *record, const struct fact *fact, char ret_id[RECORD_ID_BYTES])
{
    record_beacon_id(record, ret_id);
    record_event_id(ret_id, fact);
}
