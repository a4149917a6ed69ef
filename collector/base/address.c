#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_port(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return len >= 1 && len <= 5;
}

/* The address without brackets and port. False if what stands around it is broken. */
static bool strip(struct slice *text)
{
    if (text->len && text->at[0] == '[') {
        const char *end = memchr(text->at, ']', text->len);
        if (!end)
            return false;
        size_t behind = text->len - (size_t)(end + 1 - text->at);
        if (behind && (end[1] != ':' || !is_port(end + 2, behind - 1)))
            return false;
        *text = (struct slice){text->at + 1, (size_t)(end - text->at) - 1};
        return true;
    }
    const char *colon = text->len ? memchr(text->at, ':', text->len) : NULL;
    if (!colon || memchr(colon + 1, ':', text->len - (size_t)(colon + 1 - text->at)))
        return true; /* no colon, or the several of IPv6 */
    if (!is_port(colon + 1, text->len - (size_t)(colon + 1 - text->at)))
        return false;
    text->len = (size_t)(colon - text->at);
    return true;
}

bool address_parse(struct slice text, struct address *ret_address)
{
    char copy[ADDRESS_TEXT_BYTES];
    struct address address;
    if (!strip(&text) || text.len == 0)
        return false;
    const char *zone = memchr(text.at, '%', text.len);
    if (zone)
        text.len = (size_t)(zone - text.at);
    if (text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, address.bytes + 12) == 1)
        memcpy(address.bytes, mapped, sizeof mapped);
    else if (inet_pton(AF_INET6, copy, address.bytes) != 1)
        return false;
    *ret_address = address;
    return true;
}

bool address_from_socket(const struct sockaddr *at, struct address *ret_address)
{
    if (at->sa_family == AF_INET) {
        memcpy(ret_address->bytes, mapped, sizeof mapped);
        memcpy(ret_address->bytes + 12, &((const struct sockaddr_in *)(const void *)at)->sin_addr, 4);
        return true;
    }
    if (at->sa_family != AF_INET6)
        return false;
    memcpy(ret_address->bytes, &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr, 16);
    return true;
}

bool address_is_v4(const struct address *address)
{
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

static char *put_decimal(char *at, unsigned byte)
{
    if (byte >= 100)
        *at++ = (char)('0' + byte / 100);
    if (byte >= 10)
        *at++ = (char)('0' + byte / 10 % 10);
    *at++ = (char)('0' + byte % 10);
    return at;
}

void address_text(const struct address *address, char ret_text[ADDRESS_TEXT_BYTES])
{
    if (!address_is_v4(address)) {
        inet_ntop(AF_INET6, address->bytes, ret_text, ADDRESS_TEXT_BYTES);
        return;
    }
    char *at = ret_text; /* each request comes here: inet_ntop would go through printf */
    for (int i = 12; i < 16; i++) {
        at = put_decimal(at, address->bytes[i]);
        *at++ = i == 15 ? '\0' : '.';
    }
}

bool address_is_loopback(const struct address *address)
{
    static const unsigned char v6[16] = {[15] = 1};
    return address_is_v4(address) ? address->bytes[12] == 127 : memcmp(address->bytes, v6, sizeof v6) == 0;
}

static void clear_behind(struct address *address, int bits)
{
    for (int i = 0; i < 16; i++) {
        int kept = bits - 8 * i;
        if (kept <= 0)
            address->bytes[i] = 0;
        else if (kept < 8)
            address->bytes[i] &= (unsigned char)(0xff << (8 - kept));
    }
}

void address_cut(struct address *address, int v4_bits, int v6_bits)
{
    clear_behind(address, address_is_v4(address) ? 96 + v4_bits : v6_bits);
}

bool network_parse(struct slice text, struct network *ret_network)
{
    struct network network;
    const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    struct slice base = {text.at, slash ? (size_t)(slash - text.at) : text.len};
    if (base.len && (base.at[0] == '[' || !address_parse(base, &network.base)))
        return false;
    if (base.len == 0)
        return false;
    int most = address_is_v4(&network.base) ? 32 : 128, bits = most;
    if (slash) {
        size_t n = text.len - base.len - 1;
        if (!is_port(slash + 1, n) || n > 3)
            return false;
        bits = 0;
        for (size_t i = 0; i < n; i++)
            bits = bits * 10 + (slash[1 + i] - '0');
    }
    if (bits > most)
        return false;
    network.bits = 128 - most + bits;
    struct address cut = network.base;
    clear_behind(&cut, network.bits);
    if (memcmp(cut.bytes, network.base.bytes, 16) != 0)
        return false;
    *ret_network = network;
    return true;
}

bool network_has(const struct network *network, const struct address *address)
{
    int whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(network->base.bytes, address->bytes, (size_t)whole) != 0)
        return false;
    return rest == 0 || ((network->base.bytes[whole] ^ address->bytes[whole]) & (0xff << (8 - rest)) & 0xff) == 0;
}

void address_to_reach(const char *listen, char ret_host[ADDRESS_HOST_BYTES])
{
    static const char *const everywhere[] = {"", "*", "0.0.0.0", "[::]"};
    const char *bracket = strrchr(listen, ']'), *colon = strrchr(bracket ? bracket : listen, ':');
    struct slice host = {listen, colon ? (size_t)(colon - listen) : strlen(listen)};
    if (!colon && is_port(host.at, host.len))
        host.len = 0;
    for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
        if (slice_is(host, everywhere[i])) {
            snprintf(ret_host, ADDRESS_HOST_BYTES, "%s", i == 3 ? "[::1]" : "127.0.0.1");
            return;
        }
    }
    snprintf(ret_host, ADDRESS_HOST_BYTES, "%.*s", (int)host.len, host.at);
}
