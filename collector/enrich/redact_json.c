/* Redaction of an object as it was sent: its strings, and the numbers and strings behind secret names.
 *
 * Strings with escapes are decoded first and the spans carried back: an escape that lies in a span is overwritten as a
 * whole. So `\u0070assword=x` is found as well, and what is left is valid JSON. */
#include <stdlib.h>

#include "enrich/enrich_int.h"
#include "event/json_scan.h"

#define SMALL_TEXT 16384 /* longer ones are decoded on the heap */

/* Length of the character or escape at p as it stands in the raw string, and of what it decodes to. */
static size_t raw_length(const char *p, const char *end, size_t *ret_decoded)
{
    size_t length = *p != '\\' ? 1 : end - p >= 2 && p[1] != 'u' ? 2 : end - p >= 12 && p[6] == '\\' ? 12 : 6;
    if (length > (size_t)(end - p))
        length = (size_t)(end - p);
    for (;;) {
        if (length <= 2) {
            *ret_decoded = 1;
            return length;
        }
        json_unescape((struct slice){p, length}, NULL, ret_decoded);
        if (length == 6 || *ret_decoded == 4)
            return length;
        length = 6; /* two escapes that are no pair */
    }
}

/* The decoded text was overwritten in places: overwrites what they were decoded from. */
static void carry_back(struct slice raw, struct slice before, struct slice after)
{
    const char *p = raw.at, *end = raw.at + raw.len;
    size_t at = 0, decoded;
    while (p < end && at < after.len) {
        size_t length = raw_length(p, end, &decoded);
        bool changed = false;
        for (size_t i = at; i < at + decoded && i < after.len; i++)
            changed = changed || after.at[i] != before.at[i];
        if (changed)
            memset((char *)(uintptr_t)p, '*', length);
        p += length;
        at += decoded;
    }
}

static bool redact_escaped(struct slice raw)
{
    char small[2 * SMALL_TEXT], *before = raw.len <= SMALL_TEXT ? small : malloc(2 * raw.len);
    size_t len;
    bool found = false;
    if (!before)
        abort();
    if (json_unescape(raw, before, &len) != UNESCAPED_BAD) {
        char *after = memcpy(before + raw.len, before, len);
        found = redact_text((struct slice){after, len});
        if (found)
            carry_back(raw, (struct slice){before, len}, (struct slice){after, len});
    }
    if (before != small)
        free(before);
    return found;
}

/* A string behind a name that says secret is hidden as a whole. */
static bool redact_named(enum secrecy secrecy, struct slice raw)
{
    if (secrecy == SECRECY_OPEN || redact_is_hidden(raw) || (secrecy == SECRECY_MAYBE && !redact_looks_random(raw)))
        return false;
    memset((char *)(uintptr_t)raw.at, '*', raw.len);
    return true;
}

/* Ids that events are told apart by, made by the agent at random. Only of views is the form checked in every kind. */
static bool is_id(struct slice name, struct slice raw)
{
    if (!slice_is(name, "trace"))
        return slice_is(name, "view");
    size_t digits = 0;
    while (digits < raw.len && is_hex(raw.at[digits]))
        digits++;
    return digits == 32 && raw.len == 32;
}

/* What a look at the characters of a string has told. */
struct glance {
    const char *end; /* the closing quote, NULL when there is none */
    bool escaped;
};

static struct glance glance_at(const char *p, const char *end)
{
    bool escaped = false;
    for (; p < end && *p != '"'; p++)
        if (*p == '\\') {
            escaped = true;
            p++;
        }
    return (struct glance){p < end ? p : NULL, escaped};
}

/* A walk over an object. What stands in an object or list behind a secret name is as secret as the name. */
struct walk {
    const char *at, *end;
    size_t depth, inherited_at; /* inherited_at: the depth from which on `inherited` counts */
    bool quiet;                 /* nothing can be found in any text */
    struct slice name;          /* of the value that comes */
    bool judged;                /* secrecy is that of name; found out late, since few values need it */
    enum secrecy secrecy, inherited;
    bool found;
};

/* Ordered: the graver counts. */
static enum secrecy secrecy_here(struct walk *walk)
{
    if (!walk->judged)
        walk->secrecy = secret_name(walk->name);
    walk->judged = true;
    return walk->secrecy > walk->inherited ? walk->secrecy : walk->inherited;
}

static bool redact_raw(const struct walk *walk, struct slice raw, bool escaped)
{
    if (walk->quiet || redact_is_quiet(raw))
        return false;
    return escaped ? redact_escaped(raw) : redact_text(raw);
}

static void take_name(struct walk *walk, struct slice raw, bool escaped)
{
    char decoded[JSON_NAME_BYTES];
    walk->name = raw;
    walk->judged = escaped || !walk->quiet; /* before it is overwritten itself */
    if (!walk->judged)
        return;
    walk->secrecy = secret_name(escaped ? json_name(raw, decoded) : raw);
    walk->found |= redact_raw(walk, raw, escaped);
}

static bool redact_value(struct walk *walk, struct slice raw, bool escaped)
{
    if (raw.len < 4 || (walk->depth == 1 && is_id(walk->name, raw)))
        return false;
    return redact_named(secrecy_here(walk), raw) || redact_raw(walk, raw, escaped);
}

/* A string with its quotes; one that a colon follows is the name of what comes next. False where it has no end. */
static bool take_string(struct walk *walk)
{
    struct glance glance = glance_at(walk->at + 1, walk->end);
    if (!glance.end)
        return false;
    struct slice raw = {walk->at + 1, (size_t)(glance.end - walk->at) - 1};
    walk->at = glance.end + 1;
    const char *next = walk->at;
    while (next < walk->end && (*next == ' ' || *next == '\t' || *next == '\n' || *next == '\r'))
        next++;
    if (next < walk->end && *next == ':')
        take_name(walk, raw, glance.escaped);
    else
        walk->found |= redact_value(walk, raw, glance.escaped);
    return true;
}

/* Numbers stay numbers: their digits become 1. */
static void take_number(struct walk *walk)
{
    const char *start = walk->at;
    size_t digits = 0;
    while (walk->at < walk->end && (is_digit(*walk->at) || memchr("+-.eE", *walk->at, 5)))
        digits += is_digit(*walk->at++);
    size_t n = (size_t)(walk->at - start);
    if (digits < 4 || (walk->depth == 1 && slice_is(walk->name, "at")))
        return;
    enum secrecy secrecy = secrecy_here(walk);
    bool card = digits == n && n >= FEWEST_CARD_DIGITS && n <= MOST_CARD_DIGITS && redact_is_card(start, n);
    if (!card && (secrecy == SECRECY_OPEN || (secrecy == SECRECY_MAYBE && digits < 8)))
        return;
    for (char *p = (char *)(uintptr_t)start; p < walk->at; p++)
        if (is_digit(*p))
            *p = '1';
    walk->found = true;
}

static void enter(struct walk *walk)
{
    walk->depth++;
    if (walk->inherited == SECRECY_OPEN)
        walk->inherited_at = walk->depth;
    walk->inherited = secrecy_here(walk);
    walk->name = SLICE_NONE;
    walk->secrecy = SECRECY_OPEN;
}

static void leave(struct walk *walk)
{
    if (walk->inherited != SECRECY_OPEN && walk->depth == walk->inherited_at)
        walk->inherited = SECRECY_OPEN;
    walk->depth--;
    walk->name = SLICE_NONE;
    walk->secrecy = SECRECY_OPEN;
    walk->judged = true;
}

static bool walk_through(struct walk *walk)
{
    while (walk->at < walk->end) {
        char c = *walk->at;
        if (c == '"') {
            if (!take_string(walk))
                break;
        } else if (is_digit(c)) {
            take_number(walk);
        } else {
            if (c == '{' || c == '[')
                enter(walk);
            else if (c == '}' || c == ']')
                leave(walk);
            walk->at++;
        }
    }
    return walk->found;
}

bool redact_json(struct slice object, bool names_are_known)
{
    struct walk walk = {.at = object.at, .end = object.at + object.len, .name = SLICE_NONE};
    walk.quiet = redact_is_quiet(object);
    return !(walk.quiet && names_are_known) && walk_through(&walk);
}

bool redact_labels(struct slice object)
{
    struct walk walk = {.at = object.at, .end = object.at + object.len, .name = SLICE_NONE, .depth = 1};
    walk.quiet = redact_is_quiet(object);
    return walk_through(&walk);
}
