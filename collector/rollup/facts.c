/* What a record's facts add to windows of FINE_S, and which series each of those windows is part of. */
#include "rollup/rollup_int.h"

#include <math.h>

#include "base/hash.h"

#define MAX_NAME 512 /* bytes of any part of a key */
#define MIN_RATE 1e-4

static struct slice cut(struct slice text)
{
    if (text.len <= MAX_NAME)
        return text;
    text.len = MAX_NAME;
    while (text.len && ((unsigned char)text.at[text.len] & 0xc0) == 0x80)
        text.len--; /* no half characters */
    return text;
}

static struct slice name_of(const struct fact *fact)
{
    bool own = fact->kind == EVENT_PAGE || fact->kind == EVENT_ROUTE || fact->kind == EVENT_API;
    struct slice name = cut(own && fact->route.len ? fact->route : fact->page_route);
    return slice_equal(name, EVERY_NAME) ? SLICE("/*") : name; /* no stranger names the whole service */
}

static bool key_of(const struct record *record, const struct fact *fact, struct series_key *ret_key)
{
    static const enum series_kind kinds[EVENT_KINDS] = {
        [EVENT_PAGE] = SERIES_PAGE,   [EVENT_ROUTE] = SERIES_ROUTE, [EVENT_API] = SERIES_API,
        [EVENT_CLICK] = SERIES_CLICK, [EVENT_ERROR] = SERIES_ERROR, [EVENT_VITAL] = SERIES_VITAL,
    };
    if (!kinds[fact->kind] || fact->flags & (EVENT_LATE | EVENT_FUTURE))
        return false;
    struct slice detail = fact->kind == EVENT_VITAL ? fact->name : fact->kind == EVENT_ERROR ? fact->code : SLICE("");
    *ret_key = (struct series_key){.kind = kinds[fact->kind],
                                   .application = cut(record->application),
                                   .service = cut(record->service),
                                   .environment = cut(record->environment),
                                   .name = name_of(fact),
                                   .detail = cut(detail)};
    return true;
}

static int64_t time_of(const struct record *record, const struct fact *fact)
{
    int64_t at_ms = fact->at_ms;
    if (fact->kind == EVENT_VITAL)
        return record->received_at_ms;
    if ((fact->kind == EVENT_PAGE || fact->kind == EVENT_ROUTE || fact->kind == EVENT_API) && fact->value > 0)
        at_ms += (int64_t)fmin(fact->value, SKETCH_MAX);
    return at_ms < record->received_at_ms ? at_ms : record->received_at_ms;
}

/* What is the same for all facts of a record: computed once. */
struct common {
    uint64_t whom, session;
    double rate;
};

static void add_fact(struct windows *windows, struct delays *delays, const struct record *record,
                     const struct common *common, const struct fact *fact)
{
    struct series_key key;
    if (!key_of(record, fact, &key))
        return;
    int64_t at_ms = time_of(record, fact);
    uint32_t number = fact->count ? fact->count : 1;
    double weight = number / common->rate;
    if (fact->kind != EVENT_VITAL)
        delays_add(delays, record->received_at_ms - at_ms);
    uint64_t hash = series_hash(common->whom, &key);
    struct window *window = windows_get(windows, &key, hash, window_start(at_ms, FINE_S), FINE_S, NULL);
    window->rollup.events += number;
    window->rollup.count += weight;
    if (fact->flags & EVENT_FAILED) {
        window->rollup.failed += weight;
        heavy_add_hash(&window->rollup.failing, common->session, number);
    }
    if (fact->value >= 0 && isfinite(fact->value) && key.kind != SERIES_CLICK && key.kind != SERIES_ERROR)
        sketch_add(&window->rollup.values, fmin(fact->value, SKETCH_MAX), weight);
    hll_add_hash(&window->rollup.sessions, common->session);
    heavy_add_hash(&window->rollup.busiest, common->session, number);
}

void facts_add(struct windows *windows, struct delays *delays, const struct record *record)
{
    const struct series_key whom = {.application = cut(record->application),
                                    .service = cut(record->service),
                                    .environment = cut(record->environment)};
    const struct common common = {
        .whom = series_hash_whom(&whom),
        .session = hash_stable(record->session),
        .rate = record->sample_rate >= MIN_RATE && record->sample_rate <= 1 ? record->sample_rate : 1};
    for (size_t i = 0; i < record->n_facts; i++)
        add_fact(windows, delays, record, &common, &record->facts[i]);
}

void facts_spread(const struct rollup *rollup, void (*each)(void *ctx, const struct series_key *key, uint64_t hash),
                  void *ctx)
{
    struct series_key key = rollup->key;
    uint64_t whom = series_hash_whom(&key);
    each(ctx, &key, series_hash(whom, &key));
    key.name = EVERY_NAME;
    if (key.kind != SERIES_VITAL) {
        key.detail = SLICE("");
        each(ctx, &key, series_hash(whom, &key));
    }
    key.detail = rollup->key.detail;
    if (key.detail.len)
        each(ctx, &key, series_hash(whom, &key));
}
