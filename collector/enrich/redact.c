/* Finds what looks secret and overwrites it with `*`, byte for byte, so that nothing moves.
 *
 * One walk over the text; a byte that can stand inside of a secret's mark (`@ = :` …) asks the finder of its sort to
 * look around. Each finder gives the span of the secret alone: `token=abc` becomes `token=***`. Spans begin and end at
 * ASCII characters, so that no UTF-8 character is cut.
 *
 * What a finder can find at all must also be seen by trigger.c, which says of most texts that a walk is not needed. */
#include "enrich/enrich_int.h"

/* How far is looked around for what may turn out to be nothing: keeps the walk linear whatever the text. */
#define MAX_DOUBTFUL 128
#define MAX_BACK 512 /* back over `user:password` */

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

/* An escape ends right before the place: `%3D`, or the `\\n` of JSON in a text. What follows it is a new word. */
static bool is_behind_escape(struct slice t, size_t at)
{
    if (at >= 2 && t.at[at - 2] == '\\')
        return memchr("nrtbf", t.at[at - 1], 5);
    return redact_is_behind_percent(t, at);
}

bool redact_begins_word(struct slice t, size_t at)
{
    return at == 0 || !is_word(t.at[at - 1]) || is_behind_escape(t, at);
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

/* ---- tokens with a form of their own ----------------------------------------------------------------------------- */

/* eyJ….eyJ….…: a JSON Web Token. */
static struct span find_jwt(struct slice t, size_t at)
{
    if (!redact_begins_word(t, at))
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
    if (!redact_begins_word(t, at))
        return nothing;
    while (end < t.len && (is_upper(t.at[end]) || is_digit(t.at[end])))
        end++;
    return end - at == 20 ? (struct span){at, end} : nothing;
}

/* ---- name=value, name: value, Bearer value ----------------------------------------------------------------------- */

bool redact_looks_random(struct slice value)
{
    bool digit = false;
    for (size_t i = 0; i < value.len; i++)
        digit = digit || is_digit(value.at[i]);
    return digit && value.len >= 8;
}

bool redact_is_hidden(struct slice value)
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

/* Back over what may stand between a name and its sign: `"name" :`, `\"name\":`, `user[name]=`, `user%5Bname%5D=`,
 * `%22name%22%3A`. */
static size_t name_end_of(struct slice t, size_t at)
{
    size_t end = at;
    while (end > 0 && at - end < 3 && (t.at[end - 1] == ' ' || is_quote(t.at[end - 1]) || t.at[end - 1] == '\\'))
        end--;
    if (end == at && end >= 1 && t.at[end - 1] == ']')
        return end - 1;
    return end == at ? end - redact_escaped_end(t, end) : end;
}

/* Where the value begins: `==`, `=>` and `:=` are signs too, behind names that are secret for sure. */
static size_t value_start(struct slice t, size_t at, enum secrecy secrecy)
{
    if (secrecy != SECRECY_MAYBE)
        while (at < t.len && (t.at[at] == '=' || t.at[at] == '>'))
            at++;
    for (size_t i = 0; i < 4 && at < t.len && (t.at[at] == ' ' || t.at[at] == '\t'); i++)
        at++;
    return at;
}

/* at: the `=` or `:`; length: of it, 3 when it is written as %3D. */
static struct span find_value(struct slice t, size_t at, size_t length, bool equals)
{
    if (!equals && at + 1 < t.len && t.at[at + 1] == '/')
        return nothing; /* https: */
    size_t name_end = name_end_of(t, at), start = name_end;
    while (start > 0 && name_end - start < 64 && is_word(t.at[start - 1]))
        start--;
    if (start > 0 && t.at[start - 1] == '%' && name_end - start > 2)
        start += 2; /* %26password: the sign before it is written as an escape */
    else if (start > 0 && t.at[start - 1] == '\\' && name_end > start && is_behind_escape(t, start + 1))
        start++;
    enum secrecy secrecy = secret_name((struct slice){t.at + start, name_end - start});
    if (secrecy == SECRECY_OPEN && equals && token_is_grant(t, start, name_end))
        secrecy = SECRECY_MAYBE;
    if (secrecy == SECRECY_OPEN)
        return nothing;
    size_t from = value_start(t, at + length, secrecy);
    bool doubtful = secrecy == SECRECY_MAYBE && !equals;
    struct span span = value_at(t, from, doubtful ? MAX_DOUBTFUL : t.len, equals);
    if (secrecy == SECRECY_SCHEME)
        span = behind_scheme(t, span);
    if (doubtful && secret_is_cookie((struct slice){t.at + start, name_end - start}))
        span.end = line_end(t, span.end); /* a header holds many */
    struct slice value = {t.at + span.start, span.end - span.start};
    if (value.len == 0 || redact_is_hidden(value) || (doubtful && !redact_looks_random(value)))
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
    return n && redact_looks_random(value) && !redact_is_hidden(value) ? span : nothing;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* What characters mean to the walk: a mark of some secret, a digit of a card number. */
enum { MARK = 1, DIGIT = 2 };
static const unsigned char classes[256] = {
    ['0'] = DIGIT, ['1'] = DIGIT, ['2'] = DIGIT, ['3'] = DIGIT, ['4'] = DIGIT, ['5'] = DIGIT,
    ['6'] = DIGIT, ['7'] = DIGIT, ['8'] = DIGIT, ['9'] = DIGIT, ['@'] = MARK,  ['='] = MARK,
    [':'] = MARK,  ['%'] = MARK,  ['J'] = MARK,  ['K'] = MARK,  ['S'] = MARK,  ['B'] = MARK,
    ['b'] = MARK,  ['g'] = MARK,  ['x'] = MARK,  ['_'] = MARK,  ['/'] = MARK,
};

static bool stands_at(struct slice t, size_t at, const char *word)
{
    size_t n = strlen(word);
    return t.len - at >= n && memcmp(t.at + at, word, n) == 0;
}

size_t redact_percent(struct slice t, size_t at, char *ret_c)
{
    size_t end = at + 1;
    while (t.len - end >= 4 && t.at[end] == '2' && t.at[end + 1] == '5')
        end += 2;
    if (t.len - end < 2)
        return 0;
    char high = t.at[end], low = t.at[end + 1] | 32;
    *ret_c = high == '4' && t.at[end + 1] == '0' ? '@'
             : high == '3' && low == 'd'         ? '='
             : high == '3' && low == 'a'         ? ':'
                                                 : 0;
    return *ret_c ? end + 2 - at : 0;
}

/* `%5D` or `%22`, what stands between a name and its sign in addresses, ends at the place: its length. */
size_t redact_escaped_end(struct slice t, size_t at)
{
    if (at < 3 || t.at[at - 3] != '%')
        return 0;
    struct slice sign = {t.at + at - 2, 2};
    return slice_is_word(sign, "5d") || slice_is(sign, "22") || slice_is(sign, "27") ? 3 : 0;
}

static struct span find_percent(struct slice t, size_t at)
{
    char c;
    size_t length = redact_percent(t, at, &c);
    if (length == 0)
        return nothing;
    return c == '@' ? find_email(t, at, length) : find_value(t, at, length, c == '=');
}

static struct span find_at(struct slice t, size_t at)
{
    switch (t.at[at]) {
    case '@': return find_email(t, at, 1);
    case '=':
    case ':': return find_value(t, at, 1, t.at[at] == '=');
    case '%': return find_percent(t, at);
    case 'J': return at >= 2 && stands_at(t, at - 2, "eyJ") ? find_jwt(t, at - 2) : nothing;
    case 'K':
    case 'S':
        return at >= 1 && (stands_at(t, at - 1, "AKIA") || stands_at(t, at - 1, "ASIA")) ? find_aws_key(t, at - 1)
                                                                                         : nothing;
    case 'g':
    case 'x':
    case '_': return token_find(t, at);
    case '/': return token_find_in_path(t, at);
    default: return find_bearer(t, at);
    }
}

/* The next secret that ends behind `from`. */
static bool next_span(struct slice t, size_t from, struct span *ret_span)
{
    unsigned byte;
    size_t at = from, digits = SIZE_MAX; /* digits: where the last group of them ended */
    while (at < t.len) {
        unsigned char class = classes[(unsigned char)t.at[at]];
        if (!class) {
            at++;
            continue;
        }
        size_t next = at + 1;
        if (class == DIGIT) {
            digits = next = card_find(t, at, digits, ret_span);
        } else {
            *ret_span = find_at(t, at);
            if (t.at[at] == '%')
                next = at + redact_byte(t, at, &byte); /* its digits are no number's */
        }
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

static bool is_email(struct slice t, struct span span)
{
    struct slice secret = {t.at + span.start, span.end - span.start};
    return memchr(secret.at, '@', secret.len) || memmem(secret.at, secret.len, "%40", 3);
}

void redact_user_id(struct slice text)
{
    struct span span;
    for (size_t from = 0; next_span(text, from, &span); from = span.end)
        if (!is_email(text, span))
            memset((char *)(uintptr_t)text.at + span.start, '*', span.end - span.start);
}

bool redact_finds(struct slice text)
{
    struct span span;
    return next_span(text, 0, &span);
}
