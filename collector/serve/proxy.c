/* The PROXY protocol, versions 1 and 2 (haproxy.org/download/2.8/doc/proxy-protocol.txt): a pure function over hostile
 * bytes. */
#include "serve/serve_int.h"

#define V1_MAX 107 /* bytes, by the standard */
#define V2_HEAD 16
#define V2_MAX 2048 /* bytes of addresses and TLVs: far more than anybody sends */

enum { FAMILY_NONE, FAMILY_V4, FAMILY_V6, FAMILY_UNIX };

static struct slice cut_word(struct slice *line)
{
    const char *space = line->len ? memchr(line->at, ' ', line->len) : NULL;
    struct slice word = {line->at, space ? (size_t)(space - line->at) : line->len};
    size_t used = space ? word.len + 1 : word.len;
    line->at += used;
    line->len -= used;
    return word;
}

static bool is_port(struct slice word)
{
    long port = 0;
    if (word.len < 1 || word.len > 5)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] < '0' || word.at[i] > '9')
            return false;
        port = port * 10 + word.at[i] - '0';
    }
    return port <= 65535 && (word.at[0] != '0' || word.len == 1);
}

/* No brackets, no port, no zone, and of the kind that the line announces. */
static bool read_address(struct slice word, bool v4, struct address *ret_address)
{
    return word.len && !memchr(word.at, '[', word.len) && !memchr(word.at, '%', word.len) &&
           (!v4 || !memchr(word.at, ':', word.len)) && (v4 || memchr(word.at, ':', word.len)) &&
           address_parse(word, ret_address);
}

static enum proxy_result read_line(struct slice line, bool *ret_named, struct address *ret_source)
{
    struct address source, target;
    cut_word(&line); /* PROXY */
    struct slice family = cut_word(&line);
    if (slice_is(family, "UNKNOWN")) {
        *ret_named = false;
        return PROXY_DONE;
    }
    bool v4 = slice_is(family, "TCP4");
    if (!v4 && !slice_is(family, "TCP6"))
        return PROXY_BAD;
    struct slice from = cut_word(&line), to = cut_word(&line), from_port = cut_word(&line), to_port = cut_word(&line);
    if (!read_address(from, v4, &source) || !read_address(to, v4, &target) || !is_port(from_port) ||
        !is_port(to_port) || line.len)
        return PROXY_BAD;
    *ret_named = true;
    *ret_source = source;
    return PROXY_DONE;
}

static enum proxy_result parse_v1(struct slice input, size_t *ret_used, bool *ret_named, struct address *ret_source)
{
    size_t most = input.len < V1_MAX ? input.len : V1_MAX;
    const char *feed = memchr(input.at, '\n', most);
    if (!feed)
        return input.len < V1_MAX ? PROXY_MORE : PROXY_BAD;
    if (feed[-1] != '\r')
        return PROXY_BAD;
    *ret_used = (size_t)(feed + 1 - input.at);
    return read_line((struct slice){input.at, *ret_used - 2}, ret_named, ret_source);
}

static enum proxy_result parse_v2(struct slice input, size_t *ret_used, bool *ret_named, struct address *ret_source)
{
    static const size_t least[] = {[FAMILY_NONE] = 0, [FAMILY_V4] = 12, [FAMILY_V6] = 36, [FAMILY_UNIX] = 216};
    const unsigned char *at = (const unsigned char *)input.at;
    if (input.len < V2_HEAD)
        return PROXY_MORE;
    size_t len = (size_t)at[14] << 8 | at[15];
    int command = at[12], family = at[13] >> 4, transport = at[13] & 15;
    if ((command != 0x20 && command != 0x21) || family > FAMILY_UNIX || transport > 2 || len > V2_MAX)
        return PROXY_BAD;
    if (input.len < V2_HEAD + len)
        return PROXY_MORE;
    if (command == 0x21 && len < least[family])
        return PROXY_BAD;
    *ret_used = V2_HEAD + len; /* what lies behind the addresses are TLVs */
    *ret_named = command == 0x21 && (family == FAMILY_V4 || family == FAMILY_V6);
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (*ret_named && family == FAMILY_V4) {
        memcpy(ret_source->bytes, mapped, sizeof mapped);
        memcpy(ret_source->bytes + 12, at + V2_HEAD, 4);
    } else if (*ret_named) {
        memcpy(ret_source->bytes, at + V2_HEAD, 16);
    }
    return PROXY_DONE;
}

enum proxy_result proxy_parse(struct slice input, size_t *ret_used, bool *ret_named, struct address *ret_source)
{
    static const char v1[] = "PROXY ", v2[] = "\r\n\r\n\0\r\nQUIT\n";
    const size_t n1 = sizeof v1 - 1, n2 = sizeof v2 - 1;
    if (input.len == 0)
        return PROXY_MORE;
    if (memcmp(input.at, v1, input.len < n1 ? input.len : n1) == 0)
        return input.len < n1 ? PROXY_MORE : parse_v1(input, ret_used, ret_named, ret_source);
    if (memcmp(input.at, v2, input.len < n2 ? input.len : n2) == 0)
        return input.len < n2 ? PROXY_MORE : parse_v2(input, ret_used, ret_named, ret_source);
    return PROXY_BAD;
}
