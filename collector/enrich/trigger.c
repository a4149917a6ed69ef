/* Most texts hold nothing secret; this file finds that out at the speed of a scan.
 *
 * First every place is marked where a finder of redact.c could start: by three bytes in a row, each looked up by its
 * two halves of four bits (as Hyperscan's Teddy does), and by runs of 13 bytes that card numbers are made of. With
 * AVX2 or AVX-512 that takes a few instructions for 32 or 64 bytes; without, four look-ups a byte. Then the marked
 * places are looked at one by one; most are the `:` of an address or the `=` of a query.
 *
 * All errs towards "maybe": texts are taken as sent, with escapes in them. An escape stands for one character that is
 * no letter and no digit, except `\u…`, which is never quiet. */
#include "enrich/enrich_int.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define MAX_BACK 1100 /* twice what redact.c goes back for a user: escapes take two bytes */

/* ---- marks: bit i stands for byte i of 64 ------------------------------------------------------------------------ */

struct marks {
    uint64_t begin; /* a pattern below */
    uint64_t sign;  /* `:` `=` */
    uint64_t card;  /* digits and what may stand between them */
    uint64_t quote, backslash;
};
#define BLOCK 64
#define AHEAD 2 /* bytes behind the block that are read */

/* One bit each; "" is any byte. Halves of bytes mix within a bit, so that a few others are marked too. */
static const char *const patterns[8][3] = {
    {"@", "", ""},
    {"%", "234CcEe", ""},
    {"eA", "yKS", "JI"},
    {"bB", "eE", "aA"},
    {"\\", "utnr", "0123456789ABCDEFabcdef"},
    {"g", "hil", "pousrt"},
    {"x_", "ol", "xi"},
    {"erftbi"
     "ERFTBI",
     "tdymenc"
     "TDYMENC",
     "/\\"},
};
enum { CARD_HIGH = 128, CARD_LOW = 64, QUOTE = 32, SIGN = 16, BACKSLASH = 8, CARD_WIDE = 4, CARD = 128 | 64 | 4 };
static const struct {
    unsigned char bit;
    const char *bytes;
} classes[] = {
    {CARD_HIGH, "0123456789\xc2\xa0"},
    {CARD_LOW, " +-.%"},
    {QUOTE, "\""},
    {SIGN, ":="},
    {BACKSLASH, "\\"},
    /* the bytes of redact_separator, and so of some letters beyond ASCII */
    {CARD_WIDE, "\xe2\x80\x87\x89\x90\x91\x92\x93\xaf"},
};

/* By the lower and the upper half of a byte; [3] is for the classes. */
static unsigned char halves[4][2][16];
/* The same by the whole byte. */
static unsigned char wholes[4][256];

static void allow(int table, unsigned char bit, const char *bytes)
{
    for (const char *c = bytes; *c; c++) {
        halves[table][0][*c & 15] |= bit;
        halves[table][1][(unsigned char)*c >> 4] |= bit;
    }
    if (!*bytes)
        for (int i = 0; i < 16; i++) {
            halves[table][0][i] |= bit;
            halves[table][1][i] |= bit;
        }
}

static inline struct marks mark_block_anywhere(const unsigned char *p)
{
    struct marks marks = {0};
    for (int i = 0; i < BLOCK; i++) {
        uint64_t class = wholes[3][p[i]];
        marks.begin |= (uint64_t)((wholes[0][p[i]] & wholes[1][p[i + 1]] & wholes[2][p[i + 2]]) != 0) << i;
        marks.card |= (uint64_t)((class & CARD) != 0) << i;
        marks.quote |= (class >> 5 & 1) << i;
        marks.sign |= (class >> 4 & 1) << i;
        marks.backslash |= (class >> 3 & 1) << i;
    }
    return marks;
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,bmi")))

AVX2 static inline __m256i table_of(const unsigned char half[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)half));
}

AVX2 static inline __m256i look_up(int table, __m256i bytes)
{
    __m256i low = _mm256_set1_epi8(15);
    __m256i upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low);
    return _mm256_and_si256(_mm256_shuffle_epi8(table_of(halves[table][0]), _mm256_and_si256(bytes, low)),
                            _mm256_shuffle_epi8(table_of(halves[table][1]), upper));
}

/* Bit 7 - left of each byte. */
AVX2 static inline uint64_t bits(__m256i bytes, int left)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(bytes, left));
}

AVX2 static inline struct marks mark_block_avx2(const unsigned char *p)
{
    struct marks marks = {0};
    for (int half = 0; half < BLOCK; half += 32) {
        __m256i here = _mm256_loadu_si256((const __m256i *)(const void *)(p + half));
        __m256i next = _mm256_loadu_si256((const __m256i *)(const void *)(p + half + 1));
        __m256i third = _mm256_loadu_si256((const __m256i *)(const void *)(p + half + 2));
        __m256i begin = _mm256_and_si256(_mm256_and_si256(look_up(0, here), look_up(1, next)), look_up(2, third));
        __m256i class = look_up(3, here);
        begin = _mm256_cmpeq_epi8(begin, _mm256_setzero_si256());
        marks.begin |= (~bits(begin, 0) & UINT32_MAX) << half;
        __m256i card = _mm256_cmpeq_epi8(_mm256_and_si256(class, _mm256_set1_epi8((char)CARD)), _mm256_setzero_si256());
        marks.card |= (~bits(card, 0) & UINT32_MAX) << half;
        marks.quote |= bits(class, 2) << half;
        marks.sign |= bits(class, 3) << half;
        marks.backslash |= bits(class, 4) << half;
    }
    return marks;
}

#define AVX512 __attribute__((target("avx512f,avx512bw,bmi")))

AVX512 static inline __m512i wide_look_up(int table, __m512i bytes)
{
    __m512i low = _mm512_set1_epi8(15);
    __m512i lower = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)halves[table][0]));
    __m512i upper = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)halves[table][1]));
    __m512i above = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), low);
    return _mm512_and_si512(_mm512_shuffle_epi8(lower, _mm512_and_si512(bytes, low)),
                            _mm512_shuffle_epi8(upper, above));
}

AVX512 static inline struct marks mark_block_avx512(const unsigned char *p)
{
    __m512i here = _mm512_loadu_si512(p), next = _mm512_loadu_si512(p + 1), third = _mm512_loadu_si512(p + 2);
    __m512i first_two = _mm512_and_si512(wide_look_up(0, here), wide_look_up(1, next)), class = wide_look_up(3, here);
    return (struct marks){
        .begin = _mm512_test_epi8_mask(first_two, wide_look_up(2, third)),
        .card = _mm512_test_epi8_mask(class, _mm512_set1_epi8((char)CARD)),
        .quote = _mm512_test_epi8_mask(class, _mm512_set1_epi8(QUOTE)),
        .sign = _mm512_test_epi8_mask(class, _mm512_set1_epi8(SIGN)),
        .backslash = _mm512_test_epi8_mask(class, _mm512_set1_epi8(BACKSLASH)),
    };
}
#endif

static void make_tables(void)
{
    for (int bit = 0; bit < 8; bit++)
        for (int table = 0; table < 3 && patterns[bit][0]; table++)
            allow(table, (unsigned char)(1 << bit), patterns[bit][table]);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        allow(3, classes[i].bit, classes[i].bytes);
    for (int table = 0; table < 4; table++)
        for (int c = 0; c < 256; c++)
            wholes[table][c] = halves[table][0][c & 15] & halves[table][1][c >> 4];
}

/* ---- a look at one place ----------------------------------------------------------------------------------------- */

static bool stands_at(struct slice t, size_t at, const char *word)
{
    size_t n = strlen(word);
    return t.len - at >= n && memcmp(t.at + at, word, n) == 0;
}

/* A host with a dot behind the @, or `//user` before it. */
static bool is_at_sign_of_somebody(struct slice t, size_t at)
{
    for (size_t i = at + 1; i < t.len; i++) {
        char c = t.at[i];
        if (c == '.')
            return true;
        if (!is_letter(c) && !is_digit(c) && c != '-' && !(c & 0x80))
            break;
    }
    size_t start = at;
    while (start > 0 && at - start < MAX_BACK && (unsigned char)t.at[start - 1] > ' ' &&
           !memchr("/@\"<>`", t.at[start - 1], 6))
        start--;
    return at - start >= MAX_BACK ||
           (start >= 2 && t.at[start - 1] == '/' && (t.at[start - 2] == '/' || t.at[start - 2] == '\\'));
}

static bool is_between_name_and_sign(char c)
{
    return c == ' ' || c == '"' || c == '\'' || c == '`' || c == '\\';
}

/* Before the sign a secret word ends, as name_end_of in redact.c has it; each of its three may be escaped twice. */
static bool is_sign_of_secret(struct slice t, size_t at)
{
    size_t end = at;
    if (at == 0 || is_digit(t.at[at - 1]) || t.at[at - 1] == '/')
        return false; /* most: places in stacks */
    while (end > 0 && at - end < 12 && is_between_name_and_sign(t.at[end - 1]))
        end--;
    if (end == at && end >= 1 && t.at[end - 1] == ']')
        end--;
    else if (end == at)
        end -= redact_escaped_end(t, end);
    return secret_ends((struct slice){t.at, end}) || token_ends_grant((struct slice){t.at, end});
}

static bool is_card_byte(char c)
{
    return wholes[3][(unsigned char)c] & CARD;
}

/* An escaped sign between digits that has letters in it; others are looked at as a run. */
static bool is_separator_with_letters(struct slice t, size_t at)
{
    if (at == 0 || t.len - at < 3 || !is_card_byte(t.at[at - 1]) || (t.at[at + 1] != '2' && t.at[at + 2] != '2'))
        return false;
    size_t n = redact_separator(t, at), i = at;
    while (i < at + n && is_card_byte(t.at[i]))
        i++;
    return i < at + n;
}

static bool is_percent_of_something(struct slice t, size_t at)
{
    char c;
    if (is_separator_with_letters(t, at))
        return true;
    if (!redact_percent(t, at, &c))
        return false;
    size_t quote = redact_escaped_end(t, at);
    return c == '@' || (quote ? secret_ends((struct slice){t.at, at - quote}) : is_sign_of_secret(t, at));
}

/* Of any character, or of a tab or a line's end between two groups of digits. */
static bool is_escape_of_something(struct slice t, size_t at)
{
    char c = t.len - at > 1 ? t.at[at + 1] : '\0';
    bool between = (c == 't' || c == 'n' || c == 'r') && at > 0 && t.len - at > 2;
    return c == 'u' || (between && is_digit(t.at[at - 1]) && is_digit(t.at[at + 2]));
}

/* At the last but one letter of the word. */
static bool is_before_token_in_path(struct slice t, size_t at)
{
    size_t next = at + 2;
    if (next < t.len && t.at[next] == '\\')
        next++;
    return next < t.len && t.at[next] == '/' && token_is_led_to((struct slice){t.at, at + 2});
}

static bool is_suspicious(struct slice t, size_t at)
{
    if (is_before_token_in_path(t, at))
        return true;
    switch (t.at[at]) {
    case '@': return is_at_sign_of_somebody(t, at);
    case ':':
    case '=': return is_sign_of_secret(t, at);
    case '%': return is_percent_of_something(t, at);
    case 'e': return stands_at(t, at, "eyJ");
    case 'A': return stands_at(t, at, "AKIA") || stands_at(t, at, "ASIA");
    case 'b':
    case 'B': return t.len - at >= 6 && slice_is_word((struct slice){t.at + at, 6}, "bearer");
    case '\\': return is_escape_of_something(t, at);
    case 'g':
    case 'x':
    case '_': return token_begins(t, at);
    default: return false;
    }
}

/* A run without any of what a card number in groups has (digits_end in redact.c): a first group of 4, or all groups
 * together of a card's length. */
static bool has_groups_of_card(struct slice run)
{
    size_t group = 0, sum = 0, separators = 0;
    for (size_t i = 0; i <= run.len; i++) {
        if (i < run.len && is_digit(run.at[i])) {
            group++;
            separators = 0;
            continue;
        }
        sum += group;
        bool ends = i == run.len || separators++ >= MOST_SEPARATOR_BYTES;
        if (group == 4 || group >= FEWEST_CARD_DIGITS || (i < run.len && run.at[i] == '%') ||
            (ends && sum >= FEWEST_CARD_DIGITS && sum <= MOST_CARD_DIGITS))
            return true;
        sum = ends ? 0 : sum;
        group = 0;
    }
    return false;
}

static inline bool are_digits(const char eight[8])
{
    const uint64_t high = 0xf0f0f0f0f0f0f0f0u;
    uint64_t bytes;
    memcpy(&bytes, eight, sizeof bytes);
    return (bytes & high) == 0x3030303030303030u && ((bytes + 0x0606060606060606u) & high) == 0x3030303030303030u;
}

/* Behind a time in ms whose 13th byte, the first that makes a run long, is at the place: such a run does not begin as a
 * card. It may have a fraction. 0: it is something else. */
static inline size_t time_end(struct slice t, size_t at)
{
    size_t start = at + 1 - FEWEST_CARD_DIGITS, end = at + 1;
    if (t.at[start] == '4' || (start > 0 && is_card_byte(t.at[start - 1])))
        return 0;
    if (end < t.len && t.at[end] == '.' && are_digits(t.at + start) && are_digits(t.at + end - 8))
        do
            end++;
        while (end < t.len && is_digit(t.at[end]));
    return end == t.len || !is_card_byte(t.at[end]) ? end : 0;
}

/* A number with one point, as browsers give times. */
static bool is_decimal(struct slice run, size_t whole)
{
    if (run.at[whole] != '.')
        return false;
    for (size_t i = whole + 1; i < run.len; i++)
        if (!is_digit(run.at[i]))
            return false;
    return true;
}

/* The whole run of such bytes around the place, the last of so many; what stands around the run can only make it less
 * of a card. */
static bool is_card_around(struct slice t, size_t at, size_t *looked_at)
{
    size_t start = at + 1 - FEWEST_CARD_DIGITS, end = at + 1;
    while (start > 0 && is_card_byte(t.at[start - 1]))
        start--;
    while (end < t.len && is_card_byte(t.at[end]))
        end++;
    *looked_at = end;
    if (start > 0 && is_hex(t.at[start - 1]) && redact_is_behind_percent(t, start + 1))
        start++; /* the last digit of `%D0` */
    struct slice run = {t.at + start, end - start};
    size_t digits = 0;
    while (digits < run.len && is_digit(run.at[digits]))
        digits++;
    if (digits == run.len || is_decimal(run, digits))
        return digits >= FEWEST_CARD_DIGITS && digits <= MOST_CARD_DIGITS && redact_is_card(run.at, digits);
    return has_groups_of_card(run) && redact_finds(run);
}

/* ---- the text ---------------------------------------------------------------------------------------------------- */

/* From block to block: the words before, those of runs of 1, 2, 4, 8 bytes, and where the last run ended. */
struct carry {
    uint64_t quote, backslash, run[4];
    size_t looked_at;
};

static inline uint64_t shifted(uint64_t now, uint64_t before, unsigned by)
{
    return now << by | before >> (64 - by);
}

/* The last of 13 bytes in a row that card numbers are made of. */
static inline uint64_t long_runs(uint64_t card, struct carry *carry)
{
    uint64_t two = card & shifted(card, carry->run[0], 1);
    uint64_t four = two & shifted(two, carry->run[1], 2);
    uint64_t eight = four & shifted(four, carry->run[2], 4);
    uint64_t all = eight & shifted(eight, carry->run[3], 5);
    carry->run[0] = card;
    carry->run[1] = two;
    carry->run[2] = four;
    carry->run[3] = eight;
    return all;
}

/* A colon right behind a quote that is not escaped stands between a name and its value. */
static inline uint64_t signs_in_text(const struct marks *marks, struct carry *carry)
{
    uint64_t behind_quote = shifted(marks->quote, carry->quote, 1);
    uint64_t escaped = shifted(marks->backslash, carry->backslash, 2);
    carry->quote = marks->quote;
    carry->backslash = marks->backslash;
    return marks->sign & (escaped | ~behind_quote);
}

static inline __attribute__((always_inline)) bool is_clear(struct slice text, size_t at, const struct marks *marks,
                                                           struct carry *carry)
{
    uint64_t doubts = marks->begin | signs_in_text(marks, carry), runs = long_runs(marks->card, carry);
    for (; doubts; doubts &= doubts - 1)
        if (is_suspicious(text, at + (size_t)__builtin_ctzll(doubts)))
            return false;
    for (; runs; runs &= runs - 1) {
        size_t run = at + (size_t)__builtin_ctzll(runs), end;
        if (run < carry->looked_at)
            continue;
        if ((end = time_end(text, run)))
            carry->looked_at = end;
        else if (is_card_around(text, run, &carry->looked_at))
            return false;
    }
    return true;
}

/* First the marks of up to so many blocks, in a loop without calls that keeps its tables in registers, then the looks.
 * The last blocks of the text are copied, so that nothing behind it is read. */
#define BLOCKS_AT_ONCE 16
#define WALK(mark) \
    struct carry carry = {0}; \
    struct marks marks[BLOCKS_AT_ONCE]; \
    unsigned char last[2 * BLOCK + AHEAD]; \
    for (size_t at = 0; at < text.len;) { \
        const unsigned char *p = (const unsigned char *)text.at + at; \
        size_t left = text.len - at, n = left < AHEAD ? 0 : (left - AHEAD) / BLOCK; \
        if (n == 0) { \
            memset(last, 0, sizeof last); \
            p = memcpy(last, p, left); \
            n = (left + BLOCK - 1) / BLOCK; \
        } \
        n = n < BLOCKS_AT_ONCE ? n : BLOCKS_AT_ONCE; \
        for (size_t i = 0; i < n; i++) \
            marks[i] = mark(p + i * BLOCK); \
        for (size_t i = 0; i < n; i++, at += BLOCK) \
            if (!is_clear(text, at, &marks[i], &carry)) \
                return false; \
    } \
    return true;

static bool walk_anywhere(struct slice text){WALK(mark_block_anywhere)}

#if defined(__x86_64__)
AVX2 static bool walk_avx2(struct slice text){WALK(mark_block_avx2)}

AVX512 static bool walk_avx512(struct slice text)
{
    WALK(mark_block_avx512)
}
#endif

static bool (*walk)(struct slice) = walk_anywhere;

__attribute__((constructor)) static void choose(void)
{
    make_tables();
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw"))
        walk = walk_avx512;
    else if (__builtin_cpu_supports("avx2"))
        walk = walk_avx2;
#endif
}

bool redact_is_quiet_plain(struct slice text)
{
    return walk_anywhere(text);
}

bool redact_is_quiet(struct slice text)
{
    return walk(text);
}

bool redact_is_quiet_avx2(struct slice text)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return walk_avx2(text);
#endif
    return walk_anywhere(text);
}
