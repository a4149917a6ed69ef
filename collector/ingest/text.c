/* Header values: small pure readers. */
#include <ctype.h>
#include <strings.h>

#include "ingest/ingest_int.h"

bool text_equal(struct slice text, const char *lower_case)
{
    return text.len == strlen(lower_case) && strncasecmp(text.at, lower_case, text.len) == 0;
}

struct slice text_trim(struct slice text)
{
    while (text.len && isspace((unsigned char)text.at[0]))
        text.at++, text.len--;
    while (text.len && isspace((unsigned char)text.at[text.len - 1]))
        text.len--;
    return text;
}

bool list_next(struct slice *list, struct slice *ret_element)
{
    if (list->len == 0)
        return false;
    const char *comma = memchr(list->at, ',', list->len);
    size_t n = comma ? (size_t)(comma - list->at) : list->len, skip = comma ? n + 1 : n;
    *ret_element = text_trim((struct slice){list->at, n});
    list->at += skip;
    list->len -= skip;
    return true;
}

/* "q=0", "q=0.0" and so on behind a ';'. */
static bool is_declined(struct slice parameters)
{
    struct slice p = text_trim(parameters);
    if (p.len < 3 || tolower((unsigned char)p.at[0]) != 'q' || p.at[1] != '=')
        return false;
    for (size_t i = 2; i < p.len; i++)
        if (p.at[i] != '0' && p.at[i] != '.')
            return false;
    return true;
}

bool accepts_gzip(struct slice accept_encoding)
{
    struct slice element;
    while (list_next(&accept_encoding, &element)) {
        const char *semicolon = element.len ? memchr(element.at, ';', element.len) : NULL;
        size_t n = semicolon ? (size_t)(semicolon - element.at) : element.len;
        if (!text_equal(text_trim((struct slice){element.at, n}), "gzip"))
            continue;
        return !semicolon || !is_declined((struct slice){semicolon + 1, element.len - n - 1});
    }
    return false;
}

bool etag_matches(struct slice if_none_match, struct slice etag)
{
    struct slice element;
    while (list_next(&if_none_match, &element)) {
        if (slice_starts(element, "W/"))
            element.at += 2, element.len -= 2;
        if (slice_is(element, "*") || slice_equal(element, etag))
            return true;
    }
    return false;
}
