/* Finds what looks secret and overwrites it with `*`, byte for byte, so that nothing moves.
 *
 * One walk over the text; a byte that can stand inside of a secret's mark (`@ = :` …) asks the finder of its sort to
 * look around. Each finder gives the span of the secret alone: `token=abc` becomes `token=***`. Spans begin and end at
 * ASCII characters, so that no UTF-8 character is cut.
 *
 * Strings with escapes are decoded first and the spans carried back: an escape that lies in a span is overwritten as a
 * whole. So `\u0070assword=x` is found as well, and what is left is valid JSON. */
#include <stdlib.h>

#include "enrich/enrich_int.h"
#include "event/json_scan.h"

/* How far is looked around for what may turn out to be nothing: keeps the walk linear whatever the text. */
#define MAX_DOUBTFUL 128
#define MAX_BACK 128
#define SMALL_TEXT 2048
#define FEWEST_CARD_DIGITS 13

/* Half-open, in bytes of the text; end = 0: nothing found. */
struct span {
    size_t start, end;
};
static const struct span nothing = {0, 0};

/* ---- what characters may be -------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

static bool is_local_part(char c)
{
    return is_word(c) || c == '.' || c == '+' || c == '%';
}

/* What ends a value: space, quotes, brackets and the signs that part values. */
static bool ends_value(char c)
{
    static const bool ends[128] = {['"'] = true, ['\''] = true, ['`'] = true, ['<'] = true, ['>'] = true, ['('] = true,
                                   [')'] = true, ['['] = true,  [']'] = true, ['{'] = true, ['}'] = true, [','] = true,
                                   [';'] = true, ['&'] = true,  ['|'] = true, ['#'] = true};
    return (unsigned char)c <= ' ' || ((unsigned char)c < 128 && ends[(unsigned char)c]);
}

static size_t skip(struct slice t, size_t at, bool (*is)(char))
{
    while (at < t.len && is(t.at[at]))
        at++;
    return at;
}

/* ---- e-mail addresses, user:password@ ---------------------------------------------------------------------------- */

/* Where the host behind an @ ends; 0 when it is none: `lodash@4.17.21`, `logo@2x.png`, `buy@app.js`. */
static size_t host_end(struct slice t, size_t at)
{
    size_t end = at, dot = 0;
    while (end < t.len && (is_letter(t.at[end]) || is_digit(t.at[end]) || t.at[end] == '-' || t.at[end] == '.')) {
        if (t.at[end] == '.')
            dot = end;
        end++;
    }
    if (end > at && dot == end - 1) { /* the full stop of a sentence */
        end = dot;
        dot = 0;
        for (size_t i = at; i < end; i++)
            if (t.at[i] == '.')
                dot = i;
    }
    struct slice top = {t.at + dot + 1, end - dot - 1};
    if (dot <= at || top.len < 2 || skip(top, 0, is_letter) != top.len)
        return 0;
    return slice_is_among(top, " js mjs cjs ts jsx tsx css map json html vue png jpg jpeg gif svg webp avif ") ? 0
                                                                                                               : end;
}

static struct span find_user_info(struct slice t, size_t at)
{
    size_t start = at;
    bool colon = false;
    while (start > 0 && at - start < MAX_BACK && !ends_value(t.at[start - 1]) && t.at[start - 1] != '/' &&
           t.at[start - 1] != '@') {
        start--;
        colon = colon || t.at[start] == ':';
    }
    bool in_address = start >= 2 && t.at[start - 1] == '/' && t.at[start - 2] == '/';
    return in_address && colon ? (struct span){start, at} : nothing;
}

/* length: of the @, which may be written as %40. */
static struct span find_email(struct slice t, size_t at, size_t length)
{
    struct span user_info = length == 1 ? find_user_info(t, at) : nothing;
    if (user_info.end)
        return user_info;
    size_t start = at;
    while (start > 0 && at - start < 64 && is_local_part(t.at[start - 1]))
        start--;
    size_t end = host_end(t, at + length);
    return start < at && end ? (struct span){start, end} : nothing;
}

/* ---- card numbers ------------------------------------------------------------------------------------------------ */

/* Luhn's check, and beginnings that networks use: a time in ms or an id seldom passes both. */
static bool is_card(const char *digits, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(digits[n - 1 - i] - '0') << (i % 2);
        sum += d > 9 ? d - 9 : d;
    }
    if (sum % 10)
        return false;
    char first = digits[0], second = digits[1];
    return n == 13   ? first == '4'
           : n == 14 ? first == '3' && (second == '0' || second == '6' || second == '8')
           : n == 15 ? first == '3' && (second == '4' || second == '7')
           : n == 16 ? first >= '2' && first <= '6'
                     : first == '4' || first == '6';
}

/* The run of digits at the place, with single spaces or hyphens between them. Gives where it ends, secret or not. */
static size_t digits_end(struct slice t, size_t at, struct span *ret_span)
{
    char digits[20];
    size_t n = 0, end = at;
    *ret_span = nothing;
    for (size_t i = at; i < t.len; i++) {
        if (is_digit(t.at[i])) {
            if (n < sizeof digits)
                digits[n] = t.at[i];
            n++;
            end = i + 1;
        } else if ((t.at[i] != ' ' && t.at[i] != '-') || end != i) {
            break;
        }
    }
    bool alone = (at == 0 || !is_letter(t.at[at - 1])) && (end == t.len || !is_letter(t.at[end])) &&
                 (at == 0 || t.at[at - 1] != '.');
    if (n >= FEWEST_CARD_DIGITS && n <= 19 && alone && is_card(digits, n))
        *ret_span = (struct span){at, end};
    return end;
}

/* ---- tokens with a form of their own ----------------------------------------------------------------------------- */

/* eyJ….eyJ….…: a JSON Web Token. */
static struct span find_jwt(struct slice t, size_t at)
{
    if (at > 0 && is_word(t.at[at - 1]))
        return nothing; /* so that a run of eyJeyJ… is walked once */
    size_t first = skip(t, at, is_word);
    if (first - at < 8 || first == t.len || t.at[first] != '.')
        return nothing;
    size_t second = skip(t, first + 1, is_word);
    if (second - first < 6)
        return nothing;
    return (struct span){at, second < t.len && t.at[second] == '.' ? skip(t, second + 1, is_word) : second};
}

/* AKIA and 16 capitals or digits: the id of a key of AWS. */
static struct span find_aws_key(struct slice t, size_t at)
{
    size_t end = at;
    if (at > 0 && is_word(t.at[at - 1]))
        return nothing;
    while (end < t.len && (is_upper(t.at[end]) || is_digit(t.at[end])))
        end++;
    return end - at == 20 ? (struct span){at, end} : nothing;
}

/* ---- name=value, name: value, Bearer value ----------------------------------------------------------------------- */

enum secrecy { OPEN, MAYBE, SECRET, SCHEME };

struct secret_word {
    const char *word;
    size_t len;
    enum secrecy secrecy;
};
#define WORD(word, secrecy) \
    { \
        word, sizeof(word) - 1, secrecy \
    }
/* SECRET names hide their value behind `=` and `:`, MAYBE ones behind `:` only when it looks like one. */
static const struct secret_word secret_words[] = {
    WORD("password", SECRET),   WORD("passwd", SECRET),      WORD("passphrase", SECRET), WORD("passcode", SECRET),
    WORD("pwd", SECRET),        WORD("secret", SECRET),      WORD("apikey", SECRET),     WORD("api_key", SECRET),
    WORD("api-key", SECRET),    WORD("jsessionid", SECRET),  WORD("phpsessid", SECRET),  WORD("token", MAYBE),
    WORD("accesstoken", MAYBE), WORD("refreshtoken", MAYBE), WORD("idtoken", MAYBE),     WORD("key", MAYBE),
    WORD("session", MAYBE),     WORD("sessionid", MAYBE),    WORD("session_id", MAYBE),  WORD("session-id", MAYBE),
    WORD("sid", MAYBE),         WORD("sig", MAYBE),          WORD("signature", MAYBE),   WORD("jwt", MAYBE),
    WORD("csrf", MAYBE),        WORD("xsrf", MAYBE),         WORD("credential", MAYBE),  WORD("credentials", MAYBE),
    WORD("auth", MAYBE),        WORD("otp", MAYBE),          WORD("cookie", MAYBE),      WORD("authorization", SCHEME),
};
#undef WORD

static bool ends_in(struct slice name, const struct secret_word *word)
{
    size_t n = word->len;
    if (name.len < n || lower(name.at[name.len - 1]) != word->word[n - 1])
        return false;
    struct slice tail = {name.at + name.len - n, n};
    if (!slice_is_word(tail, word->word))
        return false;
    char before = name.len > n ? name.at[name.len - n - 1] : '_';
    /* accessKey, access_key and key, but not monkey */
    return !is_letter(before) || (is_upper(tail.at[0]) && !is_upper(before));
}

static enum secrecy secrecy_of(struct slice name)
{
    if (name.len >= 3)
        for (size_t i = 0; i < sizeof secret_words / sizeof *secret_words; i++)
            if (ends_in(name, &secret_words[i]))
                return secret_words[i].secrecy;
    return OPEN;
}

static bool looks_random(struct slice value)
{
    bool digit = false;
    for (size_t i = 0; i < value.len; i++)
        digit = digit || is_digit(value.at[i]);
    return digit && value.len >= 8;
}

/* A value that was hidden before, by the agent or by us. */
static bool is_hidden(struct slice value)
{
    size_t stars = 0;
    while (stars < value.len && value.at[stars] == '*')
        stars++;
    return stars == value.len || slice_starts(value, "[redacted");
}

/* The value that begins at the place: to the same quote, or to what ends values; at most so many bytes. */
static struct span value_at(struct slice t, size_t at, size_t most)
{
    if (t.len - at > most && at < t.len)
        t.len = at + most;
    char quote = at < t.len && (t.at[at] == '"' || t.at[at] == '\'' || t.at[at] == '`') ? t.at[at] : '\0';
    size_t end = at += quote != '\0';
    if (quote) {
        const char *close = memchr(t.at + at, quote, t.len - at);
        end = close ? (size_t)(close - t.at) : t.len;
    } else {
        while (end < t.len && !ends_value(t.at[end]))
            end++;
    }
    return (struct span){at, end};
}

/* Behind `authorization:` the scheme may be read, what follows it not. */
static struct span behind_scheme(struct slice t, struct span value)
{
    struct slice word = {t.at + value.start, value.end - value.start};
    if (value.end < t.len && t.at[value.end] == ' ' && slice_is_among(word, " bearer basic digest token negotiate "))
        return value_at(t, value.end + 1, t.len);
    return value;
}

/* at: the `=` or `:`; length: of it, 3 when it is written as %3D. */
static struct span find_value(struct slice t, size_t at, size_t length)
{
    bool equals = t.at[at] != ':';
    if (!equals && at + 1 < t.len && t.at[at + 1] == '/')
        return nothing; /* https: */
    size_t name_end = at;
    while (name_end > 0 && at - name_end < 2 &&
           (t.at[name_end - 1] == ' ' || t.at[name_end - 1] == '"' || t.at[name_end - 1] == '\''))
        name_end--;
    size_t start = name_end;
    while (start > 0 && name_end - start < 64 && is_word(t.at[start - 1]))
        start--;
    if (start > 0 && t.at[start - 1] == '%' && name_end - start > 2)
        start += 2; /* %26password: the sign before it is written as an escape */
    enum secrecy secrecy = secrecy_of((struct slice){t.at + start, name_end - start});
    if (secrecy == OPEN)
        return nothing;
    size_t from = at + length;
    while (from < t.len && t.at[from] == ' ' && from - at < 4)
        from++;
    bool doubtful = secrecy == MAYBE && !equals;
    struct span span = value_at(t, from, doubtful ? MAX_DOUBTFUL : t.len);
    if (secrecy == SCHEME)
        span = behind_scheme(t, span);
    struct slice value = {t.at + span.start, span.end - span.start};
    if (value.len == 0 || is_hidden(value) || (doubtful && !looks_random(value)))
        return nothing;
    return span;
}

/* at: the first letter of `Bearer`. */
static struct span find_bearer(struct slice t, size_t at)
{
    if (t.len - at < 8 || t.at[at + 6] != ' ' || !slice_is_word((struct slice){t.at + at, 6}, "bearer"))
        return nothing;
    struct span span = value_at(t, at + 7, MAX_DOUBTFUL);
    struct slice value = {t.at + span.start, span.end - span.start};
    return looks_random(value) && !is_hidden(value) ? span : nothing;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* What characters mean to the walk: a mark of some secret, a digit of a card number; in JSON the two that lead out of
 * the text of a string. */
enum { MARK = 1, DIGIT = 1 << 1, QUOTE = 4, ESCAPE = 8 };
static const unsigned char classes[256] = {
    ['0'] = DIGIT, ['1'] = DIGIT, ['2'] = DIGIT, ['3'] = DIGIT, ['4'] = DIGIT, ['5'] = DIGIT, ['6'] = DIGIT,
    ['7'] = DIGIT, ['8'] = DIGIT, ['9'] = DIGIT, ['@'] = MARK,  ['='] = MARK,  [':'] = MARK,  ['%'] = MARK,
    ['J'] = MARK,  ['K'] = MARK,  ['S'] = MARK,  ['B'] = MARK,  ['b'] = MARK,  ['"'] = QUOTE, ['\\'] = ESCAPE,
};
static bool stands_at(struct slice t, size_t at, const char *word)
{
    size_t n = strlen(word);
    return t.len - at >= n && memcmp(t.at + at, word, n) == 0;
}

static struct span find_percent(struct slice t, size_t at)
{
    if (stands_at(t, at, "%40"))
        return find_email(t, at, 3);
    return stands_at(t, at, "%3D") || stands_at(t, at, "%3d") || stands_at(t, at, "%3A") ? find_value(t, at, 3)
                                                                                         : nothing;
}

static struct span find_at(struct slice t, size_t at)
{
    switch (t.at[at]) {
    case '@': return find_email(t, at, 1);
    case '=':
    case ':': return find_value(t, at, 1);
    case '%': return find_percent(t, at);
    case 'J': return at >= 2 && stands_at(t, at - 2, "eyJ") ? find_jwt(t, at - 2) : nothing;
    case 'K':
    case 'S':
        return at >= 1 && (stands_at(t, at - 1, "AKIA") || stands_at(t, at - 1, "ASIA")) ? find_aws_key(t, at - 1)
                                                                                         : nothing;
    default: return find_bearer(t, at);
    }
}

/* The next secret that ends behind `from`. */
static bool next_span(struct slice t, size_t from, struct span *ret_span)
{
    size_t at = from;
    while (at < t.len) {
        unsigned char class = classes[(unsigned char)t.at[at]];
        if (!(class & (MARK | DIGIT))) {
            at++;
            continue;
        }
        size_t next = at + 1;
        if (class == DIGIT)
            next = digits_end(t, at, ret_span);
        else
            *ret_span = find_at(t, at);
        if (ret_span->end > from)
            return true;
        at = next;
    }
    return false;
}

bool redact_text(struct slice text)
{
    struct span span;
    size_t from = 0;
    while (next_span(text, from, &span)) {
        memset((char *)(uintptr_t)text.at + span.start, '*', span.end - span.start);
        from = span.end;
    }
    return from > 0;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

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
static bool redact_named(struct slice name, struct slice raw)
{
    enum secrecy secrecy = secrecy_of(name);
    if (secrecy == OPEN || is_hidden(raw) || (secrecy == MAYBE && !looks_random(raw)))
        return false;
    memset((char *)(uintptr_t)raw.at, '*', raw.len);
    return true;
}

/* Ids that events are told apart by; their form is checked and they are made by the agent, at random. */
static bool is_id(struct slice name)
{
    return slice_is(name, "view") || slice_is(name, "trace") || slice_is(name, "metric") || slice_is(name, "kind");
}

/* What a look at every character of a string has told. */
struct glance {
    const char *end; /* the closing quote, NULL when there is none */
    bool escaped;
    bool marked; /* something may be found in it */
};

static struct glance glance_at(const char *p, const char *end)
{
    size_t digits = 0;
    unsigned seen = 0, class = 0;
    for (;;) {
        for (; p < end && !((class = classes[(unsigned char)*p]) & (QUOTE | ESCAPE)); p++) {
            seen |= class;
            digits += class >> 1;
        }
        if (p >= end || class & QUOTE)
            break;
        seen |= ESCAPE;
        p += 2;
    }
    bool escaped = seen & ESCAPE;
    return (struct glance){p < end ? p : NULL, escaped, escaped || seen & MARK || digits >= FEWEST_CARD_DIGITS};
}

static bool redact_value(struct slice name, struct slice raw, const struct glance *glance, size_t depth)
{
    if (raw.len < 4 || (depth == 1 && is_id(name)))
        return false;
    if (redact_named(name, raw))
        return true;
    return glance->marked && (glance->escaped ? redact_escaped(raw) : redact_text(raw));
}

/* Strings in order, whatever they are in; one that a colon follows is the name of what comes next. */
bool redact_json(struct slice object)
{
    const char *p = object.at, *end = object.at + object.len;
    struct slice name = SLICE_NONE;
    bool found = false;
    size_t depth = 0;
    for (; p < end; p++) {
        if (*p == '{' || *p == '[')
            depth++;
        else if (*p == '}' || *p == ']')
            depth--;
        if (*p != '"')
            continue;
        struct glance glance = glance_at(p + 1, end);
        if (!glance.end)
            break;
        struct slice raw = {p + 1, (size_t)(glance.end - p) - 1};
        p = glance.end;
        const char *next = p + 1;
        while (next < end && (*next == ' ' || *next == '\t' || *next == '\n' || *next == '\r'))
            next++;
        if (next < end && *next == ':')
            name = raw;
        else if (redact_value(name, raw, &glance, depth))
            found = true;
    }
    return found;
}
