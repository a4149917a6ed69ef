/* Who may read: Host against DNS rebinding, Origin against other pages, a token off loopback.
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

#define COOKIE_NAME "seismo_access="

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

enum err live_access_init(struct live_access *access, const struct live_options *options, struct err_text *text)
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
    if (!access->loopback && !token)
        return err_set(text, ERR_LISTEN,
                       "live: %s can be reached from other machines and no access token is set; listen on "
                       "127.0.0.1:%d, or set one (16 characters or more) and open the page once with ?token=",
                       options->address, port > 0 ? port : 8081);
    if (!token)
        return ERR_OK;
    if (!access->loopback && strlen(token) < 16)
        return err_set(text, ERR_LISTEN, "live: the access token is shorter than 16 characters; set a longer one");
    struct buf buf;
    buf_init(&buf, 65536);
    buf_text(&buf, "seismo live page cookie 1\n");
    buf_text(&buf, token);
    hash_hex(buf_slice(&buf), access->cookie, 64);
    buf_done(&buf);
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

/* Several cookies may bear the name (another path, another domain), and any of them may be the one. */
static bool cookie_is_good(const struct live_access *access, struct slice cookies)
{
    size_t name = strlen(COOKIE_NAME);
    for (size_t at = 0; at < cookies.len;) {
        const char *start = cookies.at + at;
        const char *end = memchr(start, ';', cookies.len - at);
        size_t n = end ? (size_t)(end - start) : cookies.len - at;
        at += n + 1;
        while (n && *start == ' ')
            start++, n--;
        if (n > name && memcmp(start, COOKIE_NAME, name) == 0 &&
            live_secret_equal((struct slice){start + name, n - name}, access->cookie))
            return true;
    }
    return false;
}

bool live_token_is_good(const struct live_access *access, struct slice authorization, struct slice cookies)
{
    if (!access->token)
        return true;
    size_t scheme = strlen("bearer ");
    if (authorization.len > scheme && strncasecmp(authorization.at, "bearer ", scheme) == 0 &&
        live_secret_equal((struct slice){authorization.at + scheme, authorization.len - scheme}, access->token))
        return true;
    return cookie_is_good(access, cookies);
}
