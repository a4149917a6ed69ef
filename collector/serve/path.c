/* Paths, queries and framing: pure functions over hostile bytes. */
#include "serve/serve_int.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The escaped byte at from[at], which is '%'; -1 if the escape is broken. */
static int escaped(struct slice from, size_t at)
{
    if (from.len - at < 3)
        return -1;
    int high = hex(from.at[at + 1]), low = hex(from.at[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool has_dot_segment(struct slice path)
{
    for (size_t i = 0; i + 1 < path.len; i++) {
        if (path.at[i] != '/' || path.at[i + 1] != '.')
            continue;
        size_t left = path.len - i - 2; /* behind "/." */
        if (left == 0 || path.at[i + 2] == '/' || (path.at[i + 2] == '.' && (left == 1 || path.at[i + 3] == '/')))
            return true;
    }
    return false;
}

bool path_decode(struct slice target, char *out, struct slice *ret_path, struct slice *ret_query)
{
    const char *mark = target.len ? memchr(target.at, '?', target.len) : NULL;
    struct slice raw = {target.at, mark ? (size_t)(mark - target.at) : target.len};
    struct slice query = mark ? (struct slice){mark + 1, target.len - raw.len - 1} : SLICE("");
    size_t n = 0;
    if (raw.len == 0 || raw.at[0] != '/')
        return false;
    for (size_t i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.at[i];
        if (c == '%') {
            c = escaped(raw, i);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return false;
        out[n++] = (char)c;
    }
    struct slice path = {out, n};
    if (has_dot_segment(path))
        return false;
    *ret_path = path;
    *ret_query = query;
    return true;
}

static struct slice decode_value(struct slice raw, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        int c = raw.at[i] == '%' ? escaped(raw, i) : -1;
        if (c >= 0)
            i += 2;
        else
            c = raw.at[i] == '+' ? ' ' : raw.at[i];
        out[n++] = (char)c;
    }
    return (struct slice){out, n};
}

bool query_find(struct slice query, const char *name, char *out, struct slice *ret_value)
{
    size_t name_len = strlen(name);
    for (size_t at = 0; at < query.len;) {
        const char *end = memchr(query.at + at, '&', query.len - at);
        struct slice pair = {query.at + at, (end ? (size_t)(end - query.at) : query.len) - at};
        at += pair.len + 1;
        if (slice_starts(pair, name) && (pair.len == name_len || pair.at[name_len] == '=')) {
            size_t skip = pair.len == name_len ? name_len : name_len + 1;
            *ret_value = decode_value((struct slice){pair.at + skip, pair.len - skip}, out);
            return true;
        }
    }
    return false;
}

struct tally {
    int lengths, encodings, hosts;
};

static void count_line(struct tally *tally, struct slice line)
{
    if (line.at[0] == 'c')
        tally->lengths += slice_starts(line, "content-length:");
    else if (line.at[0] == 't')
        tally->encodings += slice_starts(line, "transfer-encoding:");
    else if (line.at[0] == 'h')
        tally->hosts += slice_starts(line, "host:");
}

/* h2o takes Transfer-Encoding and Content-Length together, the first of two lengths, lines that end in a bare LF or go
 * on in the next one, chunks in HTTP/1.0, and HTTP/1.1 without a Host. A proxy in front of us might read such a head in
 * another way and so let a stranger write into a neighbour's request. */
bool framing_is_plain(struct slice input, int version)
{
    struct tally tally = {0};
    const char *at = input.at, *end = input.at + input.len;
    bool first = true;
    if (input.len >= 2 && at[0] == '\r' && at[1] == '\n')
        at += 2; /* h2o lets one empty line go before the request */
    for (;;) {
        const char *feed = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (!feed || feed == at || feed[-1] != '\r')
            return false;
        struct slice line = {at, (size_t)(feed - 1 - at)};
        if (line.len == 0)
            break;
        if (line.at[0] == ' ' || line.at[0] == '\t')
            return false;
        if (!first)
            count_line(&tally, line);
        first = false;
        at = feed + 1;
    }
    bool old = version < 0x101; /* knows no Transfer-Encoding, and needs no Host */
    return tally.lengths + tally.encodings <= 1 && tally.hosts <= 1 && (old ? tally.encodings == 0 : tally.hosts == 1);
}
