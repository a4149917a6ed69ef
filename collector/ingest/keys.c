/* Keys and origins.
 *
 * Keys are public (they stand in pages), yet looked up so that timing tells little: by a keyed hash, then by a
 * comparison that takes as long for every difference. Open addressing, at most half full, never changed after birth but
 * for the paces. */
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hash.h"
#include "ingest/ingest_int.h"

struct slot {
    uint64_t hash;
    struct slice text;
    struct key key; /* its application is NULL when the slot is empty */
};

struct keys {
    size_t mask;
    struct slot slots[];
};

static size_t count(const struct application *applications, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        for (const char *const *key = applications[i].keys; key && *key; key++)
            total++;
    return total;
}

static void add(struct keys *keys, struct slice key, const struct application *application)
{
    uint64_t hash = hash_keyed(key);
    size_t at = hash & keys->mask;
    while (keys->slots[at].key.application)
        at = (at + 1) & keys->mask;
    keys->slots[at].hash = hash;
    keys->slots[at].text = key;
    keys->slots[at].key.application = application;
}

struct keys *keys_new(const struct application *applications, size_t n)
{
    size_t size = 16, total = count(applications, n);
    while (size < total * 2)
        size *= 2;
    struct keys *keys = calloc(1, sizeof *keys + size * sizeof keys->slots[0]);
    if (!keys)
        abort();
    keys->mask = size - 1;
    for (size_t i = 0; i < n; i++)
        for (const char *const *key = applications[i].keys; key && *key; key++)
            add(keys, slice_of(*key), &applications[i]);
    return keys;
}

void keys_free(struct keys *keys)
{
    free(keys);
}

static bool equal_in_constant_time(struct slice a, struct slice b)
{
    unsigned difference = a.len != b.len;
    for (size_t i = 0; i < a.len && i < b.len; i++)
        difference |= (unsigned char)(a.at[i] ^ b.at[i]);
    return difference == 0;
}

struct key *keys_find(struct keys *keys, struct slice key)
{
    uint64_t hash = hash_keyed(key);
    for (size_t at = hash & keys->mask; keys->slots[at].key.application; at = (at + 1) & keys->mask)
        if (keys->slots[at].hash == hash && equal_in_constant_time(keys->slots[at].text, key))
            return &keys->slots[at].key;
    return NULL;
}

static bool equal_ignoring_case(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.at, b.at, a.len) == 0);
}

/* "https://shop.example:8443" into "https://" and "shop.example:8443"; without a scheme the first is empty. */
static struct slice cut_scheme(struct slice *origin)
{
    const char *colon = origin->len >= 3 ? memmem(origin->at, origin->len, "://", 3) : NULL;
    struct slice scheme = {origin->at, colon ? (size_t)(colon - origin->at) + 3 : 0};
    origin->at += scheme.len;
    origin->len -= scheme.len;
    return scheme;
}

/* rest begins with "*.": authority must end with what follows the star and have something in front. */
static bool is_subdomain(struct slice authority, struct slice rest)
{
    struct slice tail = {rest.at + 1, rest.len - 1};
    return authority.len > tail.len &&
           equal_ignoring_case((struct slice){authority.at + authority.len - tail.len, tail.len}, tail);
}

static bool matches(struct slice pattern, struct slice origin)
{
    if (slice_is(pattern, "*"))
        return true;
    if (equal_ignoring_case(pattern, origin))
        return true; /* the usual case; a pattern with a star equals no origin that a browser sends */
    struct slice authority = origin, rest = pattern;
    struct slice scheme = cut_scheme(&authority), wanted = cut_scheme(&rest);
    return slice_starts(rest, "*.") && scheme.len && (wanted.len == 0 || equal_ignoring_case(scheme, wanted)) &&
           is_subdomain(authority, rest);
}

bool origin_allowed(const struct application *application, struct slice origin)
{
    if (origin.len == 0 || origin.len > MAX_ORIGIN_BYTES)
        return false;
    for (const char *const *pattern = application->origins; pattern && *pattern; pattern++)
        if (matches(slice_of(*pattern), origin))
            return true;
    return false;
}
