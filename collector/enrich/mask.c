/* A message without what differs from one occurrence to the next: numbers, ids, hosts, paths, quoted values.
 *
 * Rules, in the order in which they are tried at each word (docs/error-codes.md):
 *   1. what stands in quotes, unless it is a name that tells errors apart (`reading 'price'`)
 *   2. what stands behind `=`
 *   3. words with a digit, paths, addresses, dotted hosts, long hexadecimal words
 *   4. true, false and null; the word behind user, host and the like
 *   5. runs of masks become one
 * Words that say what happened (failed, denied, started …) are never masked. Changing a rule changes codes: that takes
 * a new version of the code. */
#include "enrich/enrich_int.h"

#define MAX_INPUT 4096

/* Said of somebody or something, they are the message. */
static const char *const guarded[26] = {
    ['a' - 'a'] = " accepted and are at ",
    ['b' - 'a'] = " by ",
    ['c' - 'a'] = " closed connected ",
    ['d' - 'a'] = " denied disconnected ",
    ['e' - 'a'] = " error exception ",
    ['f' - 'a'] = " failed failure for found from ",
    ['h' - 'a'] = " has have ",
    ['i' - 'a'] = " in invalid is ",
    ['l' - 'a'] = " logged lost ",
    ['m' - 'a'] = " missing ",
    ['n' - 'a'] = " not ",
    ['o' - 'a'] = " of on opened or ",
    ['p' - 'a'] = " paused ",
    ['r' - 'a'] = " refused rejected resumed ",
    ['s' - 'a'] = " started starting stopped stopping ",
    ['t' - 'a'] = " timeout to ",
    ['u' - 'a'] = " unknown ",
    ['w' - 'a'] = " was with ",
};
/* Behind them stands a name. */
static const char name_follows[] = " user uid host hostname username rhost ruser ";
/* Before a number or each other they are part of a date: "Fri Jun 17". */
static const char date_words[] = " mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec ";
/* Behind them stands, in quotes, what tells one error from another. */
static const char quote_tells[] =
    " reading setting property properties method attribute export named access execute on "
    "function constructor variable evaluating deleting token module element event ";

struct words {
    struct slice text;
    size_t at;
    struct slice previous; /* the last word as it stood */
    bool masked;           /* the last thing written was a mask */
    bool spaced;           /* a space stands between it and what comes */
};

/* Brackets part words as spaces do, but are kept. `.` and `:` do not: 10.0.0.1:80 is one word. */
enum { SPACE = 1, BRACKET = 2, EQUALS = 4 };
static const unsigned char partings[256] = {
    [0 ... ' '] = SPACE, [0x7f] = SPACE,  ['('] = BRACKET, [')'] = BRACKET, ['['] = BRACKET,
    [']'] = BRACKET,     ['{'] = BRACKET, ['}'] = BRACKET, [','] = BRACKET, [';'] = BRACKET,
    ['<'] = BRACKET,     ['>'] = BRACKET, ['|'] = BRACKET, ['='] = EQUALS,
};

static bool is_space(char c)
{
    return partings[(unsigned char)c] & SPACE;
}

static bool is_bracket(char c)
{
    return partings[(unsigned char)c] & BRACKET;
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'' || c == '`';
}

static void put_space(struct words *words, struct text *masked)
{
    if (words->spaced && masked->len)
        text_char(masked, ' ');
    words->spaced = false;
}

static void put_mask(struct words *words, struct text *masked)
{
    if (words->masked) {
        words->spaced = false;
        return;
    }
    put_space(words, masked);
    text_char(masked, '*');
    words->masked = true;
}

static void put(struct words *words, struct slice slice, struct text *masked)
{
    if (slice.len == 0)
        return;
    put_space(words, masked);
    text_add(masked, slice);
    words->masked = false;
}

/* ---- quotes ------------------------------------------------------------------------------------------------------ */

/* Where the quote that opens here closes, 0 when it is an apostrophe or has no end. */
static size_t closing_quote(const struct words *words)
{
    struct slice t = words->text;
    size_t at = words->at, end = at + 1;
    if (at > 0 && (is_letter(t.at[at - 1]) || is_digit(t.at[at - 1])))
        return 0;
    for (; end < t.len && end - at <= 256; end++)
        if (t.at[end] == t.at[at] && (end + 1 == t.len || !(is_letter(t.at[end + 1]) || is_digit(t.at[end + 1]))))
            return end;
    return 0;
}

/* An identifier or one or two signs, behind a word that says that it matters. */
static bool quote_is_kept(const struct words *words, struct slice inner)
{
    if (!slice_is_among(words->previous, quote_tells) || inner.len == 0 || inner.len > 40)
        return false;
    bool plain = true;
    for (size_t i = 0; i < inner.len; i++)
        plain = plain && (is_letter(inner.at[i]) || inner.at[i] == '_' || inner.at[i] == '$' || inner.at[i] == '.');
    return plain || (inner.len <= 2 && !is_digit(inner.at[0]) && !is_digit(inner.at[inner.len - 1]));
}

static bool take_quoted(struct words *words, struct text *masked)
{
    size_t end = closing_quote(words);
    if (!end)
        return false;
    struct slice whole = {words->text.at + words->at, end + 1 - words->at};
    struct slice inner = {whole.at + 1, whole.len - 2};
    if (quote_is_kept(words, inner))
        put(words, whole, masked);
    else
        put_mask(words, masked);
    words->at = end + 1;
    words->previous = SLICE_NONE;
    return true;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

struct look {
    size_t digits, letters, hex, dots, slashes, others;
    bool address; /* `://` or `\\` */
};

static struct look look_at(struct slice word)
{
    struct look look = {0};
    for (size_t i = 0; i < word.len; i++) {
        char c = word.at[i];
        look.digits += is_digit(c);
        look.letters += is_letter(c);
        look.hex += is_hex(c);
        look.dots += c == '.';
        look.slashes += c == '/' || c == '\\';
        look.others += !is_digit(c) && !is_letter(c) && c != '.' && c != '-' && c != '_';
        look.address = look.address || (c == '/' && i >= 2 && word.at[i - 1] == '/' && word.at[i - 2] == ':');
    }
    return look;
}

/* `shop.example.com`, `@db.internal.local`: two dots or more between letters. Not `a.b` nor `...`. */
static bool is_dotted_host(struct slice word, const struct look *look)
{
    return look->dots >= 2 && look->others == 0 && look->letters >= 4 && is_letter(word.at[0]) &&
           !memmem(word.at, word.len, "..", 2);
}

static bool is_guarded(struct slice word)
{
    const char *list = is_letter(word.at[0]) ? guarded[(word.at[0] | 32) - 'a'] : NULL;
    return list && slice_is_among(word, list);
}

/* The word behind the one that ends at words->at; of a longer one so much as tells it from those looked for. */
#define LONGEST_PEEKED 16
static struct slice peek_word(const struct words *words)
{
    struct slice t = words->text;
    size_t start = words->at;
    while (start < t.len && is_space(t.at[start]))
        start++;
    size_t end = start;
    while (end < t.len && end - start < LONGEST_PEEKED && !is_space(t.at[end]))
        end++;
    return (struct slice){t.at + start, end - start};
}

static bool is_part_of_date(const struct words *words, struct slice word)
{
    if (word.len != 3 || !is_upper(word.at[0]) || !slice_is_among(word, date_words))
        return false;
    struct slice next = peek_word(words);
    return next.len && (is_digit(next.at[0]) || slice_is_among(next, date_words));
}

/* "for NAME from": of logins. */
static bool is_name_of_login(const struct words *words)
{
    return slice_is_word(words->previous, "for") && slice_is_word(peek_word(words), "from");
}

static bool is_before_name(struct slice word)
{
    char first = word.len ? lower(word.at[0]) : 0;
    return (first == 'u' || first == 'h' || first == 'r') && slice_is_among(word, name_follows);
}

static bool is_variable(const struct words *words, struct slice word)
{
    struct look look = look_at(word);
    if (look.digits || look.address)
        return true;
    if (look.slashes >= 2 || (look.slashes && (word.at[0] == '/' || word.at[0] == '.')))
        return look.letters > 0;
    if (slice_is_word(word, "true") || slice_is_word(word, "false"))
        return true;
    if (is_guarded(word))
        return false;
    return is_before_name(words->previous) || is_part_of_date(words, word) || is_name_of_login(words) ||
           is_dotted_host(word, &look);
}

static size_t word_end(const struct words *words)
{
    size_t end = words->at;
    while (end < words->text.len && !partings[(unsigned char)words->text.at[end]])
        end++;
    return end;
}

/* The signs at the end of a word belong to the sentence. */
static size_t without_signs(struct slice word)
{
    size_t n = word.len;
    while (n > 0 && memchr(".,:;!?'\"", word.at[n - 1], 8))
        n--;
    return n;
}

/* Behind `=`: to the next space or sign that parts values. */
static void take_value(struct words *words, struct text *masked)
{
    size_t end = words->at;
    if (end < words->text.len && is_quote(words->text.at[end]) && closing_quote(words)) {
        end = closing_quote(words) + 1;
    } else {
        while (end < words->text.len && !is_space(words->text.at[end]) && !memchr(",;)&]}", words->text.at[end], 6))
            end++;
    }
    words->masked = false;
    if (end > words->at)
        put_mask(words, masked);
    words->at = end;
}

static void take_word(struct words *words, struct text *masked)
{
    size_t end = word_end(words);
    struct slice word = {words->text.at + words->at, end - words->at};
    size_t bare = without_signs(word);
    struct slice signs = {word.at + bare, word.len - bare};
    word.len = bare;
    words->at = end;
    if (bare && is_variable(words, word))
        put_mask(words, masked);
    else
        put(words, word, masked);
    put(words, signs, masked);
    words->previous = word;
    if (words->at < words->text.len && words->text.at[words->at] == '=') {
        put(words, SLICE("="), masked);
        words->at++;
        take_value(words, masked);
    }
}

void mask_message(struct slice message, struct text *masked)
{
    struct words words = {.text = message};
    if (words.text.len > MAX_INPUT)
        words.text.len = MAX_INPUT;
    while (words.at < words.text.len && !masked->full) {
        char c = words.text.at[words.at];
        if (is_space(c)) {
            words.spaced = true;
            words.at++;
        } else if (is_quote(c) && take_quoted(&words, masked)) {
            continue;
        } else if (is_bracket(c)) {
            put(&words, (struct slice){words.text.at + words.at++, 1}, masked);
            words.previous = SLICE_NONE;
        } else {
            take_word(&words, masked);
        }
    }
}
