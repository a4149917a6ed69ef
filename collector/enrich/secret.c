/* Names whose values are secret: `password=`, `accessToken:`. */
#include "enrich/enrich_int.h"

struct secret_word {
    const char *word;
    size_t len;
    enum secrecy secrecy;
};
#define WORD(word, secrecy) \
    { \
        word, sizeof(word) - 1, secrecy \
    }
/* SECRECY_SECRET names hide their value behind `=` and `:`, SECRECY_MAYBE ones behind `:` only when it looks like one.
 */
static const struct secret_word secret_words[] = {
    WORD("password", SECRECY_SECRET),  WORD("passwd", SECRECY_SECRET),     WORD("passphrase", SECRECY_SECRET),
    WORD("passcode", SECRECY_SECRET),  WORD("pwd", SECRECY_SECRET),        WORD("pass", SECRECY_MAYBE),
    WORD("cvv", SECRECY_MAYBE),        WORD("cvc", SECRECY_MAYBE),         WORD("pin", SECRECY_MAYBE),
    WORD("secret", SECRECY_SECRET),    WORD("apikey", SECRECY_SECRET),     WORD("api_key", SECRECY_SECRET),
    WORD("api-key", SECRECY_SECRET),   WORD("jsessionid", SECRECY_SECRET), WORD("phpsessid", SECRECY_SECRET),
    WORD("token", SECRECY_MAYBE),      WORD("accesstoken", SECRECY_MAYBE), WORD("refreshtoken", SECRECY_MAYBE),
    WORD("idtoken", SECRECY_MAYBE),    WORD("key", SECRECY_MAYBE),         WORD("session", SECRECY_MAYBE),
    WORD("sessionid", SECRECY_MAYBE),  WORD("session_id", SECRECY_MAYBE),  WORD("session-id", SECRECY_MAYBE),
    WORD("sid", SECRECY_MAYBE),        WORD("sig", SECRECY_MAYBE),         WORD("signature", SECRECY_MAYBE),
    WORD("jwt", SECRECY_MAYBE),        WORD("csrf", SECRECY_MAYBE),        WORD("xsrf", SECRECY_MAYBE),
    WORD("credential", SECRECY_MAYBE), WORD("credentials", SECRECY_MAYBE), WORD("auth", SECRECY_MAYBE),
    WORD("otp", SECRECY_MAYBE),        WORD("cookie", SECRECY_MAYBE),      WORD("authorization", SECRECY_SCHEME),
};

static bool ends_so(struct slice text, const struct secret_word *word)
{
    size_t n = word->len;
    return text.len >= n && lower(text.at[text.len - 1]) == word->word[n - 1] &&
           slice_is_word((struct slice){text.at + text.len - n, n}, word->word);
}

/* accessKey, access_key and key, but not monkey */
static bool ends_in(struct slice name, const struct secret_word *word)
{
    if (!ends_so(name, word))
        return false;
    char before = name.len > word->len ? name.at[name.len - word->len - 1] : '_';
    return !is_letter(before) || (is_upper(name.at[name.len - word->len]) && !is_upper(before));
}

/* What the last two letters of a word above may be; a bit for the one before the last. */
#define BIT(letter) (UINT32_C(1) << ((letter) - 'a'))
static const uint32_t before_last[26] = {
    ['c' - 'a'] = BIT('v'),
    ['d' - 'a'] = BIT('r') | BIT('w') | BIT('i'),
    ['e' - 'a'] = BIT('s') | BIT('d') | BIT('r') | BIT('i'),
    ['f' - 'a'] = BIT('r'),
    ['g' - 'a'] = BIT('i'),
    ['h' - 'a'] = BIT('t'),
    ['l' - 'a'] = BIT('a'),
    ['n' - 'a'] = BIT('i') | BIT('e') | BIT('o'),
    ['p' - 'a'] = BIT('t'),
    ['s' - 'a'] = BIT('s') | BIT('l'),
    ['t' - 'a'] = BIT('e') | BIT('w'),
    ['v' - 'a'] = BIT('v'),
    ['y' - 'a'] = BIT('e'),
};
#undef BIT

/* Most names are done with here. */
static bool may_end(struct slice name)
{
    if (name.len < 3)
        return false;
    unsigned last = (unsigned char)(name.at[name.len - 1] | 32) - 'a', before = (name.at[name.len - 2] | 32) - 'a';
    return last < 26 && before < 26 && before_last[last] >> before & 1;
}

enum secrecy secret_name(struct slice name)
{
    if (may_end(name))
        for (size_t i = 0; i < sizeof secret_words / sizeof *secret_words; i++)
            if (ends_in(name, &secret_words[i]))
                return secret_words[i].secrecy;
    return SECRECY_OPEN;
}

bool secret_ends(struct slice text)
{
    if (may_end(text))
        for (size_t i = 0; i < sizeof secret_words / sizeof *secret_words; i++)
            if (ends_so(text, &secret_words[i]))
                return true;
    return false;
}

bool secret_is_cookie(struct slice name)
{
    static const struct secret_word cookie = WORD("cookie", SECRECY_MAYBE);
    return ends_in(name, &cookie);
}
#undef WORD
