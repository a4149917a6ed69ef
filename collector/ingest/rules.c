/* What a reload changes: made whole, shared by reference, never changed after birth but for the paces of keys.
 *
 * The latest one is the ingest's. Each loop holds the one that it saw last and takes over the latest when the number
 * has changed, so a request costs one load; each pending beacon holds the one it came under. The last who lets go
 * frees it, on any thread. */
#include <stdlib.h>
#include <strings.h>

#include "ingest/ingest_int.h"

static enum err read_networks(struct rules *rules, const char *const *list, struct err_text *text)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    rules->trusted = calloc(n + 1, sizeof *rules->trusted);
    if (!rules->trusted)
        abort();
    for (; rules->n_trusted < n; rules->n_trusted++)
        if (!network_parse(slice_of(list[rules->n_trusted]), &rules->trusted[rules->n_trusted]))
            return err_set(text, ERR_CONFIG,
                           "ingest.trusted_proxies: expected a network as 10.0.0.0/8 or 2001:db8::/32, or one "
                           "address, found '%.60s'",
                           list[rules->n_trusted]);
    return ERR_OK;
}

static void read_country_header(struct rules *rules, const char *name)
{
    size_t n = name ? strnlen(name, sizeof rules->country_header - 1) : 0;
    for (size_t i = 0; i < n; i++)
        rules->country_header[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
}

enum err rules_new(struct rules **ret_rules, const struct ingest_rules *from, struct err_text *text)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (!rules)
        abort();
    atomic_init(&rules->refs, 1);
    rules->from = *from;
    rules->from.release = NULL; /* ours only once we are made */
    read_country_header(rules, from->country_header);
    enum err err = read_networks(rules, from->trusted_proxies, text);
    if (!err && from->geo_file && *from->geo_file)
        err = geo_open(&rules->geo, from->geo_file, text);
    if (err) {
        rules_release(rules);
        return err;
    }
    rules->keys = keys_new(from->applications, from->n_applications);
    rules->from.release = from->release;
    *ret_rules = rules;
    return ERR_OK;
}

struct rules *rules_hold(struct rules *rules)
{
    atomic_fetch_add_explicit(&rules->refs, 1, memory_order_relaxed);
    return rules;
}

void rules_release(struct rules *rules)
{
    if (!rules || atomic_fetch_sub(&rules->refs, 1) != 1)
        return;
    keys_free(rules->keys);
    geo_close(rules->geo);
    free(rules->trusted);
    if (rules->from.release)
        rules->from.release(rules->from.release_ctx);
    free(rules);
}

bool rules_trust(const struct rules *rules, const struct address *address)
{
    for (size_t i = 0; i < rules->n_trusted; i++)
        if (network_has(&rules->trusted[i], address))
            return true;
    return false;
}
