/* Who is at the other end, behind proxies that are known.
 *
 *   client ──> proxies of others ──> our proxies (ingest.trusted_proxies) ──> here
 *
 * Each proxy writes whom it saw behind what X-Forwarded-For held already, so the list is read from its end for as long
 * as those who wrote it are trusted; what stands before is anybody's claim. */
#include "ingest/ingest_int.h"

#define MAX_ELEMENTS 32

/* Cuts the last element off a comma-separated list. */
static struct slice cut_last(struct slice *list)
{
    size_t at = list->len;
    while (at && list->at[at - 1] != ',')
        at--;
    struct slice element = text_trim((struct slice){list->at + at, list->len - at});
    list->len = at ? at - 1 : 0;
    return element;
}

/* The next element from the end of all lines of the field. */
static bool next_element(const struct serve_request *request, size_t *cursor, struct slice *line,
                         struct slice *ret_element)
{
    while (line->len == 0)
        if (!serve_header_before(request, SLICE("x-forwarded-for"), cursor, line))
            return false;
    *ret_element = cut_last(line);
    return true;
}

/* client->is_shared stays when no element names somebody who is no proxy of ours. */
static void walk_forwarded(const struct rules *rules, const struct serve_request *request, struct client *client)
{
    struct slice line = SLICE(""), element;
    size_t cursor = SIZE_MAX;
    struct address address;
    for (int i = 0; i < MAX_ELEMENTS && next_element(request, &cursor, &line, &element); i++) {
        if (!address_parse(element, &address))
            return;
        client->address = address;
        client->is_shared = rules_trust(rules, &address);
        if (!client->is_shared)
            return;
    }
}

bool country_code(struct slice text, char ret_code[3])
{
    if (text.len != 2 || text.at[0] < 'A' || text.at[0] > 'Z' || text.at[1] < 'A' || text.at[1] > 'Z' ||
        slice_is(text, "XX"))
        return false;
    memcpy(ret_code, text.at, 2);
    ret_code[2] = '\0';
    return true;
}

void client_find(const struct rules *rules, const struct serve_request *request, struct client *ret_client)
{
    const struct address *peer = serve_address(request);
    *ret_client = (struct client){.is_known = peer != NULL, .is_shared = true};
    if (!peer)
        return;
    ret_client->address = *peer;
    ret_client->is_shared = address_is_loopback(peer);
    if (rules->n_trusted == 0 || !rules_trust(rules, peer))
        return;
    ret_client->is_shared = ret_client->is_proxied = true;
    walk_forwarded(rules, request, ret_client);
}

struct slice client_country(const struct rules *rules, const struct serve_request *request, const struct client *client,
                            char code[3])
{
    if (client->is_proxied && rules->country_header[0] &&
        country_code(text_trim(serve_header(request, rules->country_header)), code))
        return (struct slice){code, 2};
    if (rules->geo && client->is_known && geo_country(rules->geo, &client->address, code))
        return (struct slice){code, 2};
    return SLICE("");
}
