/* Releases that are met for the first time become marks (event/deploys.h). What was met is remembered by hash, so that
 * all but the first record of a release cost one look; past MAX_KNOWN further ones are not looked for. */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "event/deploys.h"
#include "index/index_int.h"
#include "store/store.h"

#define RETRY_MS 3000

static bool copy(char to[DEPLOYS_NAME_BYTES], struct slice from)
{
    if (from.len >= DEPLOYS_NAME_BYTES || (from.len && memchr(from.at, '\0', from.len)))
        return false;
    if (from.len)
        memcpy(to, from.at, from.len);
    to[from.len] = '\0';
    return true;
}

/* Whether it is new; then it is known from now on. */
static bool learn(struct releases *releases, uint64_t hash)
{
    size_t at = hash % RELEASES_SLOTS;
    for (; releases->known[at]; at = (at + 1) % RELEASES_SLOTS)
        if (releases->known[at] == hash)
            return false;
    if (releases->n >= RELEASES_SLOTS / 2)
        return false;
    releases->known[at] = hash;
    releases->n++;
    return true;
}

void releases_note(struct releases *releases, const struct record *record)
{
    const struct slice parts[] = {record->application, record->service, record->environment, record->service_version};
    uint64_t hash = 1;
    if (!record->service_version.len || releases->n_met == RELEASES_MET)
        return;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = (hash ^ hash_keyed(parts[i])) * 0x9e3779b97f4a7c15u + (hash >> 29);
    if (!learn(releases, hash | 1))
        return;
    struct deploy *met = &releases->met[releases->n_met];
    *met = (struct deploy){.at_ms = record->received_at_ms, .is_seen = true};
    if (copy(met->application, parts[0]) && copy(met->service, parts[1]) && copy(met->environment, parts[2]) &&
        copy(met->name, parts[3]))
        releases->n_met++;
}

/* A mark that cannot be kept now is tried again after a while. */
void releases_keep(struct releases *releases, struct store *store)
{
    while (releases->n_met && clock_mono_ms() >= releases->retry_ms) {
        struct deploy *met = &releases->met[releases->n_met - 1];
        enum err err = store_state_change(store, DEPLOYS_KEY, deploys_change, met);
        if (err == ERR_OK)
            log_info("index", "release '%s' of service '%s' was seen for the first time", met->name, met->service);
        if (err != ERR_OK && err != ERR_MISSING) {
            log_warn("index", err, "release '%s' of service '%s' cannot be marked yet", met->name, met->service);
            releases->retry_ms = clock_mono_ms() + RETRY_MS;
            return;
        }
        releases->n_met--;
    }
}
