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
#define MAX_BACK 512 /* back over `user:password` */
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
    return is_word(c) || c == '.' || c == '+' || c == '%' || c & 0x80;
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

/* Where the host behind an @ ends; 0 when it is none: `lodash@4.17.21`, `logo@2x.png`, `buy@app.js`. wide: with letters
 * beyond ASCII. */
static size_t host_end(struct slice t, size_t at, bool wide)
{
    size_t end = at, dot = 0;
    while (end < t.len && (is_letter(t.at[end]) || is_digit(t.at[end]) || t.at[end] == '-' || t.at[end] == '.' ||
                           (wide && t.at[end] & 0x80))) {
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

/* Passwords may hold `&`, `;`, `(` and the like; a token may stand without a user. */
static struct span find_user_info(struct slice t, size_t at)
{
    size_t start = at;
    while (start > 0 && at - start < MAX_BACK && (unsigned char)t.at[start - 1] > ' ' &&
           !memchr("/@\"<>`", t.at[start - 1], 6))
        start--;
    bool in_address = start >= 2 && t.at[start - 1] == '/' && t.at[start - 2] == '/';
    return in_address && start < at ? (struct span){start, at} : nothing;
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
    while (start < at && (t.at[start] & 0xc0) == 0x80) /* not into a character */
        start++;
    size_t end = host_end(t, at + length, false);
    if (!end)
        end = host_end(t, at + length, true);
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

/* What may stand between the groups of a number, in addresses too: its length, 0 for none. */
static size_t separator(struct slice t, size_t at)
{
    if (at + 3 < t.len && t.at[at] == '%')
        return t.at[at + 1] == '2' && t.at[at + 2] == '0' && is_digit(t.at[at + 3]) ? 3 : 0;
    bool is = at + 1 < t.len && (t.at[at] == ' ' || t.at[at] == '-' || t.at[at] == '+') && is_digit(t.at[at + 1]);
    return is ? 1 : 0;
}

/* How cards print their groups: 4 4 4 4, 4 6 5; a date or a code may follow them. */
static bool is_printed(const size_t *groups, size_t n)
{
    if (n == 3)
        return groups[0] == 4 && groups[1] == 6 && groups[2] >= 4 && groups[2] <= 5;
    return (n == 1 && groups[0] <= 19) ||
           (n >= 4 && n <= 5 && groups[0] == 4 && groups[1] == 4 && groups[2] == 4 && groups[3] == 4);
}

static bool stands_alone(struct slice t, size_t at, size_t end)
{
    return (at == 0 || (!is_letter(t.at[at - 1]) && t.at[at - 1] != '.')) && (end == t.len || !is_letter(t.at[end]));
}

/* The groups of digits from the place on. Gives where to look on: behind the card number, or behind the first group.
 * first: no group stands before; then any grouping counts, if the run ends with it. */
static size_t digits_end(struct slice t, size_t at, bool first, struct span *ret_span)
{
    char digits[19];
    size_t n = 0, n_groups = 0, groups[20], end = at, first_end = 0;
    *ret_span = nothing;
    for (size_t next = at, skipped = 1; skipped; next = end + skipped) {
        size_t start = next;
        for (; next < t.len && is_digit(t.at[next]); next++, n++)
            if (n < sizeof digits)
                digits[n] = t.at[next];
        groups[n_groups++] = next - start;
        end = next;
        first_end = first_end ? first_end : end;
        if (n > sizeof digits || (!first && n != 4 && n_groups == 1 && n < FEWEST_CARD_DIGITS))
            break;
        skipped = separator(t, end);
        if (n >= FEWEST_CARD_DIGITS && (is_printed(groups, n_groups) || (first && !skipped)) &&
            stands_alone(t, at, end) && is_card(digits, n))
            *ret_span = (struct span){at, end};
    }
    return ret_span->end ? ret_span->end : first_end;
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
    WORD("pwd", SECRET),        WORD("pass", MAYBE),         WORD("cvv", MAYBE),         WORD("cvc", MAYBE),
    WORD("pin", MAYBE),         WORD("secret", SECRET),      WORD("apikey", SECRET),     WORD("api_key", SECRET),
    WORD("api-key", SECRET),    WORD("jsessionid", SECRET),  WORD("phpsessid", SECRET),  WORD("token", MAYBE),
    WORD("accesstoken", MAYBE), WORD("refreshtoken", MAYBE), WORD("idtoken", MAYBE),     WORD("key", MAYBE),
    WORD("session", MAYBE),     WORD("sessionid", MAYBE),    WORD("session_id", MAYBE),  WORD("session-id", MAYBE),
    WORD("sid", MAYBE),         WORD("sig", MAYBE),          WORD("signature", MAYBE),   WORD("jwt", MAYBE),
    WORD("csrf", MAYBE),        WORD("xsrf", MAYBE),         WORD("credential", MAYBE),  WORD("credentials", MAYBE),
    WORD("auth", MAYBE),        WORD("otp", MAYBE),          WORD("cookie", MAYBE),      WORD("authorization", SCHEME),
};

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

static const struct secret_word cookie = WORD("cookie", MAYBE);
#undef WORD

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

static bool is_quote(char c)
{
    return c == '"' || c == '\'' || c == '`';
}

/* Behind the quote at `at`, whose text may hold `\"`; one that is escaped itself (JSON in a string) ends at the next.
 */
static struct span quoted_at(struct slice t, size_t at, bool escaped)
{
    size_t end = at + 1;
    while (end < t.len && t.at[end] != t.at[at])
        end += !escaped && t.at[end] == '\\' && end + 1 < t.len ? 2 : 1;
    if (end > t.len)
        end = t.len;
    if (escaped && end > at + 1 && t.at[end - 1] == '\\')
        end--;
    return (struct span){at + 1, end};
}

/* The value that begins at the place: to the same quote, or to what ends values; at most so many bytes. equals: commas
 * and brackets with a value right behind them belong to it, since addresses and forms write them so. */
static struct span value_at(struct slice t, size_t at, size_t most, bool equals)
{
    if (at < t.len && t.len - at > most)
        t.len = at + most;
    bool escaped = at + 1 < t.len && t.at[at] == '\\' && is_quote(t.at[at + 1]);
    if (at < t.len && (escaped || is_quote(t.at[at])))
        return quoted_at(t, at + escaped, escaped);
    size_t end = at;
    while (end < t.len && (!ends_value(t.at[end]) || (equals && end > at && end + 1 < t.len && t.at[end] != '&' &&
                                                      memchr(",([{|", t.at[end], 5) && !ends_value(t.at[end + 1]))))
        end++;
    return (struct span){at, end};
}

static size_t line_end(struct slice t, size_t at)
{
    while (at < t.len && t.at[at] != '\n' && t.at[at] != '\r')
        at++;
    return at;
}

/* Behind `authorization:` the scheme may be read, what follows it not: one word, or for schemes with parameters all. */
static struct span behind_scheme(struct slice t, struct span value)
{
    struct slice word = {t.at + value.start, value.end - value.start};
    if (value.end >= t.len || t.at[value.end] != ' ')
        return value;
    if (slice_is_among(word, " bearer basic negotiate "))
        return value_at(t, value.end + 1, t.len, false);
    if (slice_is_among(word, " digest token apikey key hawk aws4-hmac-sha256 "))
        return (struct span){value.end + 1, line_end(t, value.end)};
    return value;
}

/* Back over what may stand between a name and its sign: `"name" :`, `\"name\":`, `user[name]=`, `user%5Bname%5D=`. */
static size_t name_end_of(struct slice t, size_t at)
{
    size_t end = at;
    while (end > 0 && at - end < 3 && (t.at[end - 1] == ' ' || is_quote(t.at[end - 1]) || t.at[end - 1] == '\\'))
        end--;
    if (end == at && end >= 1 && t.at[end - 1] == ']')
        return end - 1;
    if (end == at && end >= 3 && t.at[end - 3] == '%' && t.at[end - 2] == '5' && (t.at[end - 1] | 32) == 'd')
        return end - 3;
    return end;
}

/* Where the value begins: `==`, `=>` and `:=` are signs too, behind names that are secret for sure. */
static size_t value_start(struct slice t, size_t at, enum secrecy secrecy)
{
    if (secrecy != MAYBE)
        while (at < t.len && (t.at[at] == '=' || t.at[at] == '>'))
            at++;
    for (size_t i = 0; i < 4 && at < t.len && (t.at[at] == ' ' || t.at[at] == '\t'); i++)
        at++;
    return at;
}

/* at: the `=` or `:`; length: of it, 3 when it is written as %3D. */
static struct span find_value(struct slice t, size_t at, size_t length)
{
    bool equals = length == 1 ? t.at[at] == '=' : (t.at[at + 2] | 32) == 'd';
    if (!equals && at + 1 < t.len && t.at[at + 1] == '/')
        return nothing; /* https: */
    size_t name_end = name_end_of(t, at), start = name_end;
    while (start > 0 && name_end - start < 64 && is_word(t.at[start - 1]))
        start--;
    if (start > 0 && t.at[start - 1] == '%' && name_end - start > 2)
        start += 2; /* %26password: the sign before it is written as an escape */
    enum secrecy secrecy = secrecy_of((struct slice){t.at + start, name_end - start});
    if (secrecy == OPEN)
        return nothing;
    size_t from = value_start(t, at + length, secrecy);
    bool doubtful = secrecy == MAYBE && !equals;
    struct span span = value_at(t, from, doubtful ? MAX_DOUBTFUL : t.len, equals);
    if (secrecy == SCHEME)
        span = behind_scheme(t, span);
    if (doubtful && ends_in((struct slice){t.at + start, name_end - start}, &cookie))
        span.end = line_end(t, span.end); /* a header holds many */
    struct slice value = {t.at + span.start, span.end - span.start};
    if (value.len == 0 || is_hidden(value) || (doubtful && !looks_random(value)))
        return nothing;
    return span;
}

/* at: the first letter of `Bearer`, which a space follows, in addresses as `+` or `%20`. */
static struct span find_bearer(struct slice t, size_t at)
{
    if (t.len - at < 10 || !slice_is_word((struct slice){t.at + at, 6}, "bearer"))
        return nothing;
    const char *space = t.at + at + 6;
    size_t n = *space == ' ' || *space == '+' ? 1 : memcmp(space, "%20", 3) == 0 ? 3 : 0;
    struct span span = value_at(t, at + 6 + n, MAX_DOUBTFUL, false);
    struct slice value = {t.at + span.start, span.end - span.start};
    return n && looks_random(value) && !is_hidden(value) ? span : nothing;
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
    bool sign =
        stands_at(t, at, "%3D") || stands_at(t, at, "%3d") || stands_at(t, at, "%3A") || stands_at(t, at, "%3a");
    return sign ? find_value(t, at, 3) : nothing;
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
    size_t at = from, digits = SIZE_MAX; /* digits: where the last group of them ended */
    while (at < t.len) {
        unsigned char class = classes[(unsigned char)t.at[at]];
        if (!(class & (MARK | DIGIT))) {
            at++;
            continue;
        }
        size_t next = at + 1;
        if (class == DIGIT)
            digits = next = digits_end(t, at, digits > at || separator(t, digits) != at - digits, ret_span);
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
static bool redact_named(enum secrecy secrecy, struct slice raw)
{
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

/* A walk over an object. What stands in an object or list behind a secret name is as secret as the name. */
struct walk {
    const char *at, *end;
    size_t depth, inherited_at; /* inherited_at: the depth from which on `inherited` counts */
    struct slice name;          /* of the value that comes */
    bool judged;                /* secrecy is that of name; found out late, since few values need it */
    enum secrecy secrecy, inherited;
    bool found;
};

/* Ordered: the graver counts. */
static enum secrecy secrecy_here(struct walk *walk)
{
    if (!walk->judged)
        walk->secrecy = secrecy_of(walk->name);
    walk->judged = true;
    return walk->secrecy > walk->inherited ? walk->secrecy : walk->inherited;
}

static void take_name(struct walk *walk, struct slice raw, const struct glance *glance)
{
    char decoded[JSON_NAME_BYTES];
    walk->name = raw;
    walk->judged = glance->marked; /* before it is overwritten itself */
    if (!glance->marked)
        return;
    walk->secrecy = secrecy_of(glance->escaped ? json_name(raw, decoded) : raw);
    walk->found |= glance->escaped ? redact_escaped(raw) : redact_text(raw);
}

static bool redact_value(struct walk *walk, struct slice raw, const struct glance *glance)
{
    if (raw.len < 4 || (walk->depth == 1 && is_id(walk->name)))
        return false;
    if (redact_named(secrecy_here(walk), raw))
        return true;
    return glance->marked && (glance->escaped ? redact_escaped(raw) : redact_text(raw));
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
        take_name(walk, raw, &glance);
    else
        walk->found |= redact_value(walk, raw, &glance);
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
    bool card = digits == n && n >= FEWEST_CARD_DIGITS && n <= 19 && is_card(start, n);
    if (!card && (secrecy == OPEN || (secrecy == MAYBE && digits < 8)))
        return;
    for (char *p = (char *)(uintptr_t)start; p < walk->at; p++)
        if (is_digit(*p))
            *p = '1';
    walk->found = true;
}

static void enter(struct walk *walk)
{
    walk->depth++;
    if (walk->inherited == OPEN)
        walk->inherited_at = walk->depth;
    walk->inherited = secrecy_here(walk);
    walk->name = SLICE_NONE;
    walk->secrecy = OPEN;
}

static void leave(struct walk *walk)
{
    if (walk->inherited != OPEN && walk->depth == walk->inherited_at)
        walk->inherited = OPEN;
    walk->depth--;
    walk->name = SLICE_NONE;
    walk->secrecy = OPEN;
    walk->judged = true;
}

bool redact_json(struct slice object)
{
    struct walk walk = {.at = object.at, .end = object.at + object.len, .name = SLICE_NONE};
    while (walk.at < walk.end) {
        char c = *walk.at;
        if (c == '"') {
            if (!take_string(&walk))
                break;
        } else if (is_digit(c)) {
            take_number(&walk);
        } else {
            if (c == '{' || c == '[')
                enter(&walk);
            else if (c == '}' || c == ']')
                leave(&walk);
            walk.at++;
        }
    }
    return walk.found;
}
