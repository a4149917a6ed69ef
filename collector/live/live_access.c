/* Who may read: Host against DNS rebinding, Origin against other pages, the token, the name that a proxy gives.
 *
 * A page of another site can make a browser send requests here, and by rebinding its own name it can read the answers;
 * only the Host header tells. So every request must name us by a name that is ours. A literal address cannot be
 * rebound, so a listener on every interface, which cannot know its addresses, takes any. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hash.h"
#include "live/live_int.h"

/* "[::1]:8081" to "::1" and 8081; port -1 when absent or not a number. */
static bool split_host(struct slice text, struct slice *ret_host, int *ret_port)
{
    struct slice host = text, port = SLICE_NONE;
    if (text.len && text.at[0] == '[') {
        const char *end = memchr(text.at, ']', text.len);
        if (!end)
            return false;
        host = (struct slice){text.at + 1, (size_t)(end - text.at) - 1};
        port = (struct slice){end + 1, text.len - host.len - 2};
        if (port.len && port.at[0] != ':')
            return false;
    } else if (text.len) {
        const char *colon = memchr(text.at, ':', text.len);
        if (colon) {
            host.len = (size_t)(colon - text.at);
            port = (struct slice){colon, text.len - host.len};
        }
    }
    *ret_port = -1;
    if (port.len > 6)
        return false;
    if (port.len > 1) {
        *ret_port = 0;
        for (size_t i = 1; i < port.len; i++) {
            if (!isdigit((unsigned char)port.at[i]))
                return false;
            *ret_port = *ret_port * 10 + (port.at[i] - '0');
        }
    }
    *ret_host = host;
    return true;
}

static bool same_name(struct slice host, const char *name)
{
    return host.len == strlen(name) && strncasecmp(host.at, name, host.len) == 0;
}

static bool is_literal(struct slice host)
{
    char text[64];
    unsigned char bytes[16];
    if (host.len == 0 || host.len >= sizeof text)
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool is_every_interface(const char *host)
{
    return !*host || strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return strcmp(host, "::1") == 0 || strcasecmp(host, "localhost") == 0;
}

static enum err take_proxies(struct live_access *access, const struct live_options *options, struct arena *arena,
                             struct err_text *text)
{
    size_t n = 0;
    while (options->proxies && options->proxies[n])
        n++;
    access->proxies = arena_zero(arena, (n + 1) * sizeof *access->proxies);
    if (!access->proxies)
        abort();
    for (; access->n_proxies < n; access->n_proxies++)
        if (!network_parse(slice_of(options->proxies[access->n_proxies]), &access->proxies[access->n_proxies]))
            return err_set(text, ERR_CONFIG,
                           "inner.trusted_proxies: expected a network as 10.0.0.0/8 or 2001:db8::/32, or one address, "
                           "found '%.60s'",
                           options->proxies[access->n_proxies]);
    return ERR_OK;
}

static void take_user_header(struct live_access *access, const char *name, struct arena *arena)
{
    if (!name || !*name)
        return;
    struct slice copy = arena_copy(arena, slice_of(name));
    if (!copy.at)
        abort();
    for (char *at = (char *)copy.at; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    access->user_header = copy.at;
}

enum err live_access_init(struct live_access *access, const struct live_options *options, struct arena *arena,
                          struct err_text *text)
{
    struct slice host;
    int port;
    const char *token = options->access_token && *options->access_token ? options->access_token : NULL;
    if (!split_host(slice_of(options->address), &host, &port) || host.len >= sizeof access->host)
        return err_set(text, ERR_LISTEN, "live: \"%s\" is no address; write it as 127.0.0.1:8081 or [::1]:8081",
                       options->address);
    *access = (struct live_access){.port = port, .names = options->host_names, .token = token};
    memcpy(access->host, host.at, host.len);
    access->loopback = is_loopback(access->host);
    take_user_header(access, options->user_header, arena);
    enum err err = take_proxies(access, options, arena, text);
    if (err != ERR_OK)
        return err;
    if (!access->loopback && !token && !access->user_header && !options->store)
        return err_set(text, ERR_LISTEN,
                       "live: %s can be reached from other machines and no access token is set; listen on "
                       "127.0.0.1:%d, or set inner.token (16 characters or more)",
                       options->address, port > 0 ? port : 8081);
    if (token && !access->loopback && strlen(token) < 16)
        return err_set(text, ERR_LISTEN, "live: inner.token is shorter than 16 characters; set a longer one");
    return ERR_OK;
}

static bool is_configured(const struct live_access *access, struct slice whole, struct slice host)
{
    for (const char *const *name = access->names; name && *name; name++)
        if (same_name(strchr(*name, ':') ? whole : host, *name))
            return true;
    return false;
}

bool live_host_is_ours(const struct live_access *access, struct slice whole)
{
    struct slice host;
    int port;
    if (whole.len == 0 || !split_host(whole, &host, &port) || host.len == 0)
        return false;
    if (is_configured(access, whole, host))
        return true;
    if ((port < 0 ? 80 : port) != atomic_load(&access->port))
        return false;
    if (same_name(host, "localhost") || same_name(host, "127.0.0.1") || same_name(host, "::1"))
        return true;
    return is_every_interface(access->host) ? is_literal(host) : same_name(host, access->host);
}

bool live_origin_is_ours(struct slice origin, struct slice host)
{
    size_t scheme = slice_starts(origin, "http://") ? 7 : slice_starts(origin, "https://") ? 8 : 0;
    return scheme && origin.len - scheme == host.len && strncasecmp(origin.at + scheme, host.at, host.len) == 0;
}

bool live_secret_equal(struct slice a, const char *secret)
{
    /* Digests have one length, and an early difference between them tells nothing of the texts. */
    unsigned char left[32], right[32];
    volatile unsigned char differs = 0;
    hash_sha256(a, left);
    hash_sha256(slice_of(secret), right);
    for (size_t i = 0; i < sizeof left; i++)
        differs |= left[i] ^ right[i];
    return !differs;
}

bool live_bearer_is_good(const struct live_access *access, struct slice authorization)
{
    size_t scheme = strlen("bearer ");
    return access->token && authorization.len > scheme && strncasecmp(authorization.at, "bearer ", scheme) == 0 &&
           live_secret_equal((struct slice){authorization.at + scheme, authorization.len - scheme}, access->token);
}

bool live_from_proxy(const struct live_access *access, const struct serve_request *request)
{
    const struct address *peer = serve_address(request);
    for (size_t i = 0; peer && access->user_header && i < access->n_proxies; i++)
        if (network_has(&access->proxies[i], peer))
            return true;
    return false;
}

struct slice live_who(const struct live_access *access, const struct serve_request *request)
{
    struct slice who, second;
    size_t cursor = SIZE_MAX;
    if (!live_from_proxy(access, request) ||
        !serve_header_before(request, slice_of(access->user_header), &cursor, &who) ||
        serve_header_before(request, slice_of(access->user_header), &cursor, &second) || who.len > LIVE_WHO_BYTES)
        return SLICE_NONE;
    for (size_t i = 0; i < who.len; i++)
        if ((unsigned char)who.at[i] < 0x20 || who.at[i] == 0x7f)
            return SLICE_NONE;
    return who;
}
