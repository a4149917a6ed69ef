/* Error codes: the same error, the same eight characters, on any machine and for ever. docs/error-codes.md says how.
 *
 * canonical = "v1|" scope "|" type "|" masked message, and "|" frames when the stack tells any. */
#include <assert.h>

#include "base/hash.h"
#include "enrich/enrich_int.h"
#include "event/stack.h"

#define VERSION "v1"
#define CANONICAL_MAX_BYTES 2048
#define MAX_FRAMES 5
#define MAX_STACK 16384

/* ---- frames ------------------------------------------------------------------------------------------------------ */

struct frame {
    struct slice function; /* last part of a dotted name: `Cart.add` is `add` in one browser and `Cart.add` in others */
    struct slice file;     /* the name alone, without folder, ending and the hash that a build puts in */
};

/* Names that a minifier makes: one to three letters; they change with each release. */
#define SHORTEST_NAME 4

/* Inlined, so that the prefix's length is a constant. */
static inline __attribute__((always_inline)) struct slice without_prefix(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);
    return slice_starts(s, prefix) ? (struct slice){s.at + n, s.len - n} : s;
}

/* Signs that end parts of a frame; a character may be of several sorts. */
enum { QUERY = 1, FOLDER = 2, ENDING = 4, ARGUMENTS = 8, OWNER = 16, THEIRS = 32 };
static const unsigned char signs[256] = {
    ['?'] = QUERY,     ['#'] = QUERY | OWNER,
    [')'] = QUERY,     ['/'] = FOLDER | ARGUMENTS | THEIRS,
    ['\\'] = FOLDER,   ['.'] = ENDING | OWNER,
    [':'] = ENDING,    [' '] = ARGUMENTS,
    ['['] = ARGUMENTS, ['<'] = ARGUMENTS | THEIRS,
    ['*'] = OWNER,     ['n'] = THEIRS,
    ['e'] = THEIRS,    ['('] = THEIRS,
    ['w'] = THEIRS,
};

static struct slice behind_last(struct slice s, unsigned char sign)
{
    for (size_t i = s.len; i > 0; i--)
        if (signs[(unsigned char)s.at[i - 1]] & sign)
            return (struct slice){s.at + i, s.len - i};
    return s;
}

static struct slice before_first(struct slice s, unsigned char sign)
{
    size_t n = 0;
    while (n < s.len && !(signs[(unsigned char)s.at[n]] & sign))
        n++;
    return (struct slice){s.at, n};
}

static struct slice clean_function(struct slice s)
{
    s = stack_trim(s);
    s = without_prefix(without_prefix(without_prefix(s, "async "), "async*"), "new ");
    if (slice_is(s, "module code") || slice_is(s, "global code") || slice_is(s, "eval code"))
        return SLICE_NONE; /* Safari's words for code outside of functions, where others say nothing */
    s = before_first(s, ARGUMENTS);
    s = behind_last(s, OWNER);
    for (size_t i = 0; i < s.len; i++)
        if (!is_letter(s.at[i]) && !is_digit(s.at[i]) && s.at[i] != '_' && s.at[i] != '$' && !(s.at[i] & 0x80))
            return SLICE_NONE;
    if (s.len < SHORTEST_NAME || slice_is_among(s, " anonymous eval global "))
        return SLICE_NONE;
    return s;
}

/* `main-8f3a2b1c.js:10:12` -> `main`; chunks that have numbers for names have none. */
static struct slice clean_file(struct slice place)
{
    struct slice file = before_first(place, ENDING);
    size_t start = 0;
    bool digit = false;
    for (size_t i = 0; i <= file.len; i++) {
        if (i < file.len && file.at[i] != '-' && file.at[i] != '_' && file.at[i] != '~') {
            digit = digit || is_digit(file.at[i]);
            continue;
        }
        if (digit || i - start > 24)
            return (struct slice){file.at, start ? start - 1 : 0};
        start = i + 1;
    }
    return file;
}

/* A word of a library, an extension or the browser itself begins; THEIRS are the first letters. */
static bool begins_word_of_theirs(struct slice s)
{
    static const struct slice words[] = {
        {"node_modules", sizeof "node_modules" - 1},
        {"/vendor", sizeof "/vendor" - 1},
        {"extension://", sizeof "extension://" - 1},
        {"<anonymous>", sizeof "<anonymous>" - 1},
        {"(native", sizeof "(native" - 1},
        {"node:internal", sizeof "node:internal" - 1},
        {"webpack/bootstrap", sizeof "webpack/bootstrap" - 1},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].at[0] == s.at[0] && words[i].len <= s.len && words[i].at[1] == s.at[1] &&
            memcmp(s.at, words[i].at, words[i].len) == 0)
            return true;
    return false;
}

/* False when the place is not ours. What stands behind the last folder, without the query; one walk for all. */
static bool read_place(struct slice place, struct slice *ret_file)
{
    size_t start = 0, end = place.len;
    for (size_t at = 0; at < place.len; at++) {
        unsigned char sign = signs[(unsigned char)place.at[at]] & (QUERY | FOLDER | THEIRS);
        if (!sign)
            continue;
        if (sign & THEIRS && begins_word_of_theirs((struct slice){place.at + at, place.len - at}))
            return false;
        if (sign & FOLDER && end == place.len)
            start = at + 1;
        if (sign & QUERY && end == place.len)
            end = at;
    }
    *ret_file = (struct slice){place.at + start, end - start};
    return place.len > 0;
}

static bool read_frame(struct slice line, bool is_chrome, struct frame *ret_frame)
{
    struct slice function = SLICE_NONE, place = SLICE_NONE, file = SLICE_NONE;
    if (!(is_chrome ? stack_read_chrome : stack_read_firefox)(stack_trim(line), &function, &place) ||
        !read_place(place, &file))
        return false;
    *ret_frame = (struct frame){clean_function(function), clean_file(file)};
    return ret_frame->function.len || ret_frame->file.len;
}

static bool same_frame(const struct frame *a, const struct frame *b)
{
    return slice_equal(a->function, b->function) && slice_equal(a->file, b->file);
}

/* The first frames that are ours and have a name; a recursion counts once. */
static void add_frames(struct slice stack, struct text *canonical)
{
    struct frame frame, last = {SLICE_NONE, SLICE_NONE};
    size_t n = 0;
    if (stack.len > MAX_STACK)
        stack.len = MAX_STACK;
    bool is_chrome = stack_is_chrome(stack);
    while (stack.len && n < MAX_FRAMES) {
        if (!read_frame(stack_take_line(&stack), is_chrome, &frame) || same_frame(&frame, &last))
            continue;
        text_char(canonical, n++ ? ';' : '|');
        text_add(canonical, frame.function);
        text_char(canonical, '@');
        text_add(canonical, frame.file);
        last = frame;
    }
}

/* ---- type and message -------------------------------------------------------------------------------------------- */

/* `TypeError`, `java.io.IOException`, `MyError`: one word that ends so. */
static bool is_type(struct slice s)
{
    static const char *const ends[] = {"Error", "Exception", "Warning"};
    for (size_t i = 0; i < s.len; i++)
        if (!is_letter(s.at[i]) && !is_digit(s.at[i]) && !memchr("._$", s.at[i], 3))
            return false;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(ends[i]);
        if (s.len >= n && memcmp(s.at + s.len - n, ends[i], n) == 0)
            return true;
    }
    return false;
}

/* Browsers and loggers put the type before the message, and some say "Uncaught" too. */
static void split_type(struct slice *type, struct slice *message)
{
    *message = without_prefix(without_prefix(stack_trim(*message), "Uncaught "), "(in promise) ");
    struct slice head = stack_before(*message, ':');
    if (head.len == message->len || head.len > 128 || !is_type(head) || (type->len && !slice_equal(*type, head)))
        return;
    *type = head;
    *message = stack_trim((struct slice){message->at + head.len + 1, message->len - head.len - 1});
}

/* ---- the code ---------------------------------------------------------------------------------------------------- */

/* Crockford's base32: no I, L, O, U, so that a code can be read out loud. */
static void write_code(struct slice canonical, char ret_code[ENRICH_CODE_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    unsigned char digest[32];
    uint64_t bits = 0;
    hash_sha256(canonical, digest);
    for (int i = 0; i < 5; i++)
        bits = bits << 8 | digest[i];
    ret_code[0] = 'E';
    ret_code[1] = '-';
    for (int i = 0; i < 8; i++)
        ret_code[2 + i] = digits[bits >> (35 - 5 * i) & 31];
    ret_code[10] = '\0';
}

static void make_code(const struct code_key *key, char ret_code[ENRICH_CODE_BYTES], struct text *masked)
{
    char bytes[CANONICAL_MAX_BYTES];
    struct text canonical = {bytes, 0, sizeof bytes, false};
    struct slice type = key->type, message = key->message;
    split_type(&type, &message);
    mask_message(message, masked);
    text_add(&canonical, SLICE(VERSION "|"));
    text_add(&canonical, key->scope);
    text_char(&canonical, '|');
    text_add(&canonical, type);
    text_char(&canonical, '|');
    text_add(&canonical, text_slice(masked));
    add_frames(key->stack, &canonical);
    write_code(text_slice(&canonical), ret_code);
}

/* ---- the last codes of this thread: an error seldom comes alone ---------------------------------------------------
 */

/* 150 KiB a thread, touched when errors come. What is not among them costs a look and a copy more. */
#define SETS 16
#define WAYS 4
#define MAX_REMEMBERED_BYTES 1800
struct memory {
    uint64_t hash; /* 0: empty */
    size_t len[4], masked_len;
    char code[ENRICH_CODE_BYTES], masked[MASKED_MAX_BYTES], text[MAX_REMEMBERED_BYTES];
};

#define PARTS(key) \
    { \
        (key)->scope, (key)->type, (key)->message, (key)->stack \
    }

static uint64_t hash_key(const struct code_key *key)
{
    const struct slice parts[4] = PARTS(key);
    uint64_t hash = 0;
    for (int i = 0; i < 4; i++)
        hash = hash * 31 + hash_quick(parts[i]);
    return hash | 1;
}

static bool remembers(const struct memory *memory, uint64_t hash, const struct code_key *key)
{
    const struct slice parts[4] = PARTS(key);
    const char *at = memory->text;
    if (memory->hash != hash)
        return false;
    for (int i = 0; i < 4; at += parts[i++].len)
        if (memory->len[i] != parts[i].len || (parts[i].len && memcmp(at, parts[i].at, parts[i].len) != 0))
            return false;
    return true;
}

static void remember(struct memory *memory, uint64_t hash, const struct code_key *key, const char *code,
                     const struct text *masked)
{
    const struct slice parts[4] = PARTS(key);
    char *at = memory->text;
    memory->hash = hash;
    for (int i = 0; i < 4; at += parts[i++].len) {
        memory->len[i] = parts[i].len;
        if (parts[i].len)
            memcpy(at, parts[i].at, parts[i].len);
    }
    memcpy(memory->code, code, sizeof memory->code);
    memcpy(memory->masked, masked->at, memory->masked_len = masked->len);
}

void code_write(const struct code_key *key, char ret_code[ENRICH_CODE_BYTES], struct text *masked)
{
    static _Thread_local struct memory memories[SETS][WAYS];
    static _Thread_local unsigned char oldest[SETS];
    assert(masked->len == 0 && masked->max == MASKED_MAX_BYTES);
    if (key->scope.len + key->type.len + key->message.len + key->stack.len > MAX_REMEMBERED_BYTES) {
        make_code(key, ret_code, masked);
        return;
    }
    uint64_t hash = hash_key(key);
    size_t set = hash >> 1 & (SETS - 1);
    for (int way = 0; way < WAYS; way++) {
        const struct memory *memory = &memories[set][way];
        if (remembers(memory, hash, key)) {
            memcpy(ret_code, memory->code, sizeof memory->code);
            text_add(masked, (struct slice){memory->masked, memory->masked_len});
            return;
        }
    }
    make_code(key, ret_code, masked);
    remember(&memories[set][oldest[set]++ % WAYS], hash, key, ret_code, masked);
}

void enrich_error_code(struct slice scope, struct slice type, struct slice message, struct slice stack,
                       char ret_code[ENRICH_CODE_BYTES], struct buf *ret_masked)
{
    char bytes[MASKED_MAX_BYTES];
    struct text masked = {bytes, 0, sizeof bytes, false};
    code_write(&(struct code_key){scope, type, message, stack}, ret_code, &masked);
    buf_add_slice(ret_masked, text_slice(&masked));
}

void enrich_line_code(struct slice scope, struct slice line, char ret_code[ENRICH_CODE_BYTES], struct buf *ret_masked)
{
    char scratch[LINE_MAX_BYTES];
    struct line_parts parts = line_cut(line, scratch);
    enrich_error_code(scope, parts.type, parts.message, parts.stack, ret_code, ret_masked);
}
