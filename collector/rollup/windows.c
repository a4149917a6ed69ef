#include "rollup/rollup_int.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

#define FIRST_SLOTS 64

void windows_init(struct windows *windows)
{
    *windows = (struct windows){0};
}

static void window_free(struct window *window)
{
    rollup_done(&window->rollup);
    free(window);
}

void windows_done(struct windows *windows)
{
    for (size_t i = 0; i < windows->n_slots; i++) {
        struct window *next;
        for (struct window *window = windows->slots[i]; window; window = next) {
            next = window->chain;
            window_free(window);
        }
    }
    free(windows->slots);
    free(windows->endings);
    windows_init(windows);
}

#define SPREAD 0x9e3779b97f4a7c15u

uint64_t series_hash_whom(const struct series_key *key)
{
    uint64_t hash = hash_keyed(key->application) * SPREAD;
    hash = (hash ^ hash_keyed(key->service)) * SPREAD;
    return (hash ^ hash_keyed(key->environment)) * SPREAD;
}

uint64_t series_hash(uint64_t whom, const struct series_key *key)
{
    uint64_t hash = (whom + (uint64_t)key->kind) * SPREAD;
    hash = (hash ^ hash_keyed(key->name)) * SPREAD;
    if (key->detail.len)
        hash = (hash ^ hash_keyed(key->detail)) * SPREAD;
    return hash ^ hash >> 32;
}

static uint64_t hash_at(uint64_t series, int64_t start_ms, int32_t width_s)
{
    uint64_t hash = (series ^ ((uint64_t)start_ms * SPREAD + (uint64_t)width_s)) * SPREAD;
    return hash ^ hash >> 32;
}

static bool is_same(const struct window *window, const struct series_key *key, int64_t start_ms, int32_t width_s)
{
    const struct series_key *own = &window->rollup.key;
    return window->rollup.start_ms == start_ms && window->rollup.width_s == width_s && own->kind == key->kind &&
           slice_equal(own->name, key->name) && slice_equal(own->service, key->service) &&
           slice_equal(own->detail, key->detail) && slice_equal(own->environment, key->environment) &&
           slice_equal(own->application, key->application);
}

static void grow(struct windows *windows)
{
    size_t n_slots = windows->n_slots ? windows->n_slots * 2 : FIRST_SLOTS;
    struct window **slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        abort();
    for (size_t i = 0; i < windows->n_slots; i++) {
        struct window *next;
        for (struct window *window = windows->slots[i]; window; window = next) {
            next = window->chain;
            window->chain = slots[window->hash & (n_slots - 1)];
            slots[window->hash & (n_slots - 1)] = window;
        }
    }
    free(windows->slots);
    windows->slots = slots;
    windows->n_slots = n_slots;
}

static struct slice keep_text(char **at, struct slice text)
{
    struct slice kept = {*at, text.len};
    if (text.len)
        memcpy(*at, text.at, text.len);
    *at += text.len;
    return kept;
}

static size_t size_of(const struct series_key *key)
{
    return sizeof(struct window) + key->application.len + key->service.len + key->environment.len + key->name.len +
           key->detail.len;
}

static struct window *make(const struct series_key *key, int64_t start_ms, int32_t width_s)
{
    struct window *window = malloc(size_of(key));
    if (!window)
        abort();
    *window = (struct window){0};
    rollup_init(&window->rollup);
    char *at = window->text;
    window->rollup.key = (struct series_key){.kind = key->kind,
                                             .application = keep_text(&at, key->application),
                                             .service = keep_text(&at, key->service),
                                             .environment = keep_text(&at, key->environment),
                                             .name = keep_text(&at, key->name),
                                             .detail = keep_text(&at, key->detail)};
    window->rollup.start_ms = start_ms;
    window->rollup.width_s = width_s;
    return window;
}

/* The newest ones are asked for most. */
static struct ending *find_ending(const struct windows *windows, int64_t end_ms)
{
    for (size_t i = windows->n_endings; i-- > 0;)
        if (windows->endings[i].end_ms == end_ms)
            return &windows->endings[i];
    return NULL;
}

static void join_ending(struct windows *windows, struct window *window)
{
    struct ending *ending = find_ending(windows, window_end(window));
    if (!ending) {
        windows->endings = realloc(windows->endings, (windows->n_endings + 1) * sizeof *windows->endings);
        if (!windows->endings)
            abort();
        ending = &windows->endings[windows->n_endings++];
        *ending = (struct ending){.end_ms = window_end(window), .first_position = INT64_MAX, .opened_ms = INT64_MAX};
    }
    window->next = ending->windows;
    if (ending->windows)
        ending->windows->before = window;
    ending->windows = window;
}

static void leave_ending(struct windows *windows, const struct window *window)
{
    struct ending *ending = find_ending(windows, window_end(window));
    if (window->next)
        window->next->before = window->before;
    if (window->before)
        window->before->next = window->next;
    else
        ending->windows = window->next;
    if (!ending->windows)
        *ending = windows->endings[--windows->n_endings];
}

void windows_note(struct windows *windows, const struct window *window, int64_t position, int64_t opened_ms)
{
    struct ending *ending = find_ending(windows, window_end(window));
    if (position < ending->first_position)
        ending->first_position = position;
    if (opened_ms < ending->opened_ms)
        ending->opened_ms = opened_ms;
}

struct window *windows_get(struct windows *windows, const struct series_key *key, uint64_t series, int64_t start_ms,
                           int32_t width_s, bool *ret_is_new)
{
    uint64_t hash = hash_at(series, start_ms, width_s);
    struct window *window = windows->n_slots ? windows->slots[hash & (windows->n_slots - 1)] : NULL;
    while (window && !(window->hash == hash && is_same(window, key, start_ms, width_s)))
        window = window->chain;
    if (ret_is_new)
        *ret_is_new = !window;
    if (window)
        return window;
    if (windows->n >= windows->n_slots)
        grow(windows);
    window = make(key, start_ms, width_s);
    window->hash = hash;
    window->chain = windows->slots[hash & (windows->n_slots - 1)];
    windows->slots[hash & (windows->n_slots - 1)] = window;
    windows->n++;
    windows->bytes += size_of(key);
    join_ending(windows, window);
    return window;
}

void windows_each(const struct windows *windows, void (*each)(void *ctx, struct window *window), void *ctx)
{
    for (size_t i = 0; i < windows->n_slots; i++)
        for (struct window *window = windows->slots[i]; window; window = window->chain)
            each(ctx, window);
}

void windows_remove(struct windows *windows, struct window *window)
{
    struct window **at = &windows->slots[window->hash & (windows->n_slots - 1)];
    while (*at != window) {
        assert(*at); /* it is in the table */
        at = &(*at)->chain;
    }
    *at = window->chain;
    leave_ending(windows, window);
    windows->n--;
    windows->bytes -= size_of(&window->rollup.key);
    window_free(window);
}

int64_t window_end(const struct window *window)
{
    return window->rollup.start_ms + (int64_t)window->rollup.width_s * 1000;
}

int64_t window_start(int64_t at_ms, int32_t width_s)
{
    return at_ms < 0 ? 0 : at_ms - at_ms % ((int64_t)width_s * 1000);
}

void window_merge(struct rollup *into, const struct rollup *from)
{
    into->events += from->events;
    into->count += from->count;
    into->failed += from->failed;
    sketch_merge(&into->values, &from->values);
    hll_merge(&into->sessions, &from->sessions);
    heavy_merge(&into->busiest, &from->busiest);
    heavy_merge(&into->failing, &from->failing);
}
