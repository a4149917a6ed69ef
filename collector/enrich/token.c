/* Secrets that are told by where they stand in an address, or by the prefix that their provider gives them. */
#include "enrich/enrich_int.h"

#define MAX_QUERY 512 /* so far is looked around for the other parameter */

static bool is_token_char(char c)
{
    return is_letter(c) || is_digit(c) || c == '_' || c == '-';
}

/* ---- prefixes ---------------------------------------------------------------------------------------------------- */

static const struct {
    struct slice prefix;
    size_t mark;  /* where in it the finder is asked */
    size_t least; /* characters behind it */
} providers[] = {
#define PROVIDER(prefix, mark, least) \
    { \
        {prefix, sizeof(prefix) - 1}, mark, least \
    }
    PROVIDER("ghp_", 0, 20),  PROVIDER("gho_", 0, 20),        PROVIDER("ghu_", 0, 20),     PROVIDER("ghs_", 0, 20),
    PROVIDER("ghr_", 0, 20),  PROVIDER("github_pat_", 0, 20), PROVIDER("glpat-", 0, 16),   PROVIDER("xoxb-", 0, 10),
    PROVIDER("xoxp-", 0, 10), PROVIDER("xoxa-", 0, 10),       PROVIDER("xoxr-", 0, 10),    PROVIDER("xoxs-", 0, 10),
    PROVIDER("xoxe-", 0, 10), PROVIDER("sk_live_", 2, 10),    PROVIDER("rk_live_", 2, 10),
#undef PROVIDER
};
#define PROVIDERS (sizeof providers / sizeof *providers)

static size_t provider_at(struct slice t, size_t at)
{
    size_t i = 0;
    for (; i < PROVIDERS; i++) {
        struct slice prefix = providers[i].prefix;
        size_t mark = providers[i].mark;
        if (at >= mark && t.at[at] == prefix.at[mark] && t.len - (at - mark) >= prefix.len &&
            memcmp(t.at + at - mark, prefix.at, prefix.len) == 0)
            break;
    }
    return i;
}

bool token_begins(struct slice t, size_t at)
{
    return provider_at(t, at) < PROVIDERS;
}

struct span token_find(struct slice t, size_t at)
{
    static const struct span nothing = {0, 0};
    size_t provider = provider_at(t, at);
    if (provider == PROVIDERS)
        return nothing;
    size_t start = at - providers[provider].mark, end = start + providers[provider].prefix.len, first = end;
    if (!redact_begins_word(t, start))
        return nothing; /* so that a run of prefixes is walked once */
    while (end < t.len && is_token_char(t.at[end]))
        end++;
    return end - first >= providers[provider].least ? (struct span){start, end} : nothing;
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

/* The last two letters of one of the words below: most segments are done with here. A bit for the one before the last.
 */
#define BIT(letter) (UINT32_C(1) << ((letter) - 'a'))
static const uint32_t before_last[26] = {
    ['c' - 'a'] = BIT('i'), ['d' - 'a'] = BIT('r'), ['e' - 'a'] = BIT('t') | BIT('b'),
    ['m' - 'a'] = BIT('r'), ['n' - 'a'] = BIT('e'), ['t' - 'a'] = BIT('e'),
    ['y' - 'a'] = BIT('f'),
};
#undef BIT

static inline bool may_lead(struct slice t)
{
    if (t.len < 5)
        return false;
    unsigned last = (unsigned char)(t.at[t.len - 1] | 32) - 'a', before = (unsigned char)(t.at[t.len - 2] | 32) - 'a';
    return last < 26 && before < 26 && before_last[last] >> before & 1;
}

static size_t leading_word(struct slice t)
{
    static const char *const words[] = {"reset",  "password", "verify", "confirm",    "activate",
                                        "invite", "token",    "magic",  "unsubscribe"};
    if (!may_lead(t))
        return 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (t.len >= n && slice_is_word((struct slice){t.at + t.len - n, n}, words[i]))
            return n;
    }
    return 0;
}

bool token_is_led_to(struct slice t)
{
    return leading_word(t) > 0;
}

struct span token_find_in_path(struct slice t, size_t at)
{
    static const struct span nothing = {0, 0};
    size_t n = leading_word((struct slice){t.at, at}), end = at + 1;
    if (n == 0 || (at > n && (is_letter(t.at[at - n - 1]) || t.at[at - n - 1] == ':')))
        return nothing; /* `:token` stands in names of routes */
    while (end < t.len && (is_token_char(t.at[end]) || memchr(".~%+=", t.at[end], 5)))
        end++;
    struct slice value = {t.at + at + 1, end - at - 1};
    return redact_looks_random(value) ? (struct span){at + 1, end} : nothing;
}

/* ---- OAuth ------------------------------------------------------------------------------------------------------- */

/* `?`, `&` or `#` stands before it, maybe as an escape. */
static bool is_introduced(struct slice t, size_t at)
{
    if (at >= 1 && memchr("?&#", t.at[at - 1], 3))
        return true;
    struct slice escape = at >= 3 ? (struct slice){t.at + at - 3, 3} : SLICE_NONE;
    return slice_is_word(escape, "%3f") || slice_is(escape, "%26") || slice_is(escape, "%23");
}

static bool is_sign(struct slice t, size_t at)
{
    char c = 0;
    return at < t.len && (t.at[at] == '=' || (t.at[at] == '%' && redact_percent(t, at, &c) && c == '='));
}

static bool has_parameter(struct slice t, size_t from, size_t to, const char *name)
{
    size_t n = strlen(name);
    while (from < to) {
        const char *found = memmem(t.at + from, to - from, name, n);
        if (!found)
            return false;
        size_t at = (size_t)(found - t.at);
        if (is_introduced(t, at) && is_sign(t, at + n))
            return true;
        from = at + n;
    }
    return false;
}

bool token_is_grant(struct slice t, size_t start, size_t end)
{
    struct slice name = {t.at + start, end - start};
    bool code = slice_is(name, "code");
    if ((!code && !slice_is(name, "state")) || !is_introduced(t, start))
        return false;
    size_t from = start > MAX_QUERY ? start - MAX_QUERY : 0, to = t.len - end > MAX_QUERY ? end + MAX_QUERY : t.len;
    return has_parameter(t, from, to, code ? "state" : "code");
}

bool token_ends_grant(struct slice t)
{
    return (t.len >= 4 && memcmp(t.at + t.len - 4, "code", 4) == 0) ||
           (t.len >= 5 && memcmp(t.at + t.len - 5, "state", 5) == 0);
}
