/* Inside the room: the structure of a body, and the cursor that walks it. */
#ifndef SEISMO_VALIDATE_VALIDATE_INT_H
#define SEISMO_VALIDATE_VALIDATE_INT_H

#include <stdint.h>
#include <string.h>

#include "event/batch.h"
#include "validate/validate.h"

#define VALIDATE_MAX_MEMBERS 64 /* of one object */

/* ---- structure.cc: simdjson ---- */

/* The places of all `{}[]:,` outside of strings and of the first character of each string and scalar, in order; behind
 * them stands the length of the bytes. Also says that the bytes are UTF-8 and that strings end and hold no control
 * characters. Borrowed until the next call on this thread. */
enum err structure_find(struct slice bytes, const uint32_t **ret_places, struct err_text *text);
/* The value of a number whose form was checked; HUGE_VAL when no double holds it. */
double structure_number(struct slice text);

/* ---- cursor.c ---- */

/* The first thing that is wrong with an object though it is JSON. */
struct fault {
    enum err why; /* ERR_OK: none */
    struct slice field;
};

struct cursor {
    const char *text;
    const uint32_t *at; /* place of the next token; the last one is the text's length, where a NUL stands */
    struct arena *arena;
    const char *backslash; /* the next one from the last string on, or end; found when asked for */
    const char *end;
    struct fault fault;
};

enum member_type { MEMBER_STRING, MEMBER_NUMBER, MEMBER_BOOL, MEMBER_NULL, MEMBER_OBJECT, MEMBER_ARRAY };

/* A value, walked and found to be JSON. */
struct member {
    enum member_type type;
    bool odd;          /* a string with U+0000 or half a surrogate pair */
    struct slice text; /* of a string, decoded; of an object, all of it as sent */
    double number;
};

static inline char cursor_peek(const struct cursor *cursor)
{
    return cursor->text[*cursor->at];
}

static inline bool cursor_take(struct cursor *cursor, char c)
{
    if (cursor_peek(cursor) != c)
        return false;
    cursor->at++;
    return true;
}

/* The names of one object's members, to find those that stand twice. */
struct names {
    size_t n;
    struct slice list[VALIDATE_MAX_MEMBERS];
};

/* Notes the first fault; later ones are not told. */
void cursor_blame(struct cursor *cursor, enum err why, struct slice field);
/* Adds the name; blames it when it is there already, or one too many. */
void cursor_note(struct cursor *cursor, struct names *names, struct slice name);
/* All return ERR_BAD_JSON when it is not JSON, ERR_TOO_DEEP, ERR_TOO_LARGE when the arena is used up. */
enum err cursor_string_any(struct cursor *cursor, struct member *ret_member);
/* Any value. Members of nested objects are checked for duplicates, which are blamed. depth counts the objects and
 * arrays around it. */
enum err cursor_value_any(struct cursor *cursor, int depth, struct member *ret_member);

/* ---- the same for what nearly all beacons hold: strings without escapes and short numbers, no space between ---- */

/* Asked from the front to the back. */
static inline bool cursor_has_backslash(struct cursor *cursor, const char *start, const char *end)
{
    if (cursor->backslash < start) {
        const char *found = (const char *)memchr(start, '\\', (size_t)(cursor->end - start));
        cursor->backslash = found ? found : cursor->end;
    }
    return cursor->backslash < end;
}

static inline enum err cursor_string(struct cursor *cursor, struct member *ret_member)
{
    const char *start = cursor->text + cursor->at[0], *end = cursor->text + cursor->at[1] - 1;
    if (*start != '"' || *end != '"' || start == end || cursor_has_backslash(cursor, start + 1, end))
        return cursor_string_any(cursor, ret_member);
    cursor->at++;
    ret_member->type = MEMBER_STRING;
    ret_member->odd = false;
    ret_member->text = (struct slice){start + 1, (size_t)(end - start) - 1};
    return ERR_OK;
}

/* The last 8 of up to 8 characters as a word whose top byte is the last one, filled up with zeros in front. */
static inline uint64_t cursor_eight(const char *p, size_t n)
{
    uint64_t word;
    memcpy(&word, p, sizeof word); /* behind the body stands padding */
    return (word << (8 - n) * 8) | ((UINT64_C(0x3030303030303030) >> (n - 1) * 8) >> 8);
}

static inline bool cursor_eight_are_digits(uint64_t word)
{
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0), zeros = UINT64_C(0x3030303030303030);
    return (((word & high) ^ zeros) | (((word + UINT64_C(0x0606060606060606)) & high) ^ zeros)) == 0;
}

/* D. Lemire: "Quickly parsing eight digits", 2018. */
static inline uint64_t cursor_eight_value(uint64_t word)
{
    word -= UINT64_C(0x3030303030303030);
    word = word * 10 + (word >> 8);
    return ((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
            (word >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* Up to 15 digits and 15 places are exact in doubles, and so is their quotient rounded (Clinger 1990). Eight
 * characters at a time: the last ones, in which the point is taken out, and those before. False for numbers that are
 * longer or no numbers. */
static inline bool cursor_short_number(const char *p, const char *end, double *ret_number)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t n = (size_t)(end - p), tail = n < 8 ? n : 8, places = 0;
    if (n == 0 || n > 16 || (*p == '0' && n > 1 && p[1] != '.'))
        return false;
    uint64_t word = cursor_eight(end - tail, tail), points = word ^ '.' * ones;
    points = (points - ones) & ~points & ones << 7;
    bool has_point = points != 0;
    /* Of the first point; a second is no digit. Without branches, for numbers come with and without. */
    unsigned at = (unsigned)__builtin_ctzll(points | UINT64_C(1) << 63) & ~7u;
    uint64_t before = word & ((UINT64_C(1) << at) - 1), change = -(uint64_t)has_point;
    uint64_t closed_up = (word & (~UINT64_C(0) << at << 8)) | (before << 8) | '0';
    word = (closed_up & change) | (word & ~change);
    places = 7 - at / 8;
    if ((has_point ? places == 0 || n - 1 == places : n == 16) || !cursor_eight_are_digits(word))
        return false;
    uint64_t mantissa = cursor_eight_value(word);
    if (n > 8) {
        uint64_t head = cursor_eight(p, n - 8);
        if (!cursor_eight_are_digits(head))
            return false;
        mantissa += cursor_eight_value(head) * (has_point ? 10000000 : 100000000);
    }
    *ret_number = places ? (double)mantissa / powers[places] : (double)mantissa;
    return true;
}

static inline enum err cursor_value(struct cursor *cursor, int depth, struct member *ret_member)
{
    const char *start = cursor->text + cursor->at[0];
    if (*start == '"')
        return cursor_string(cursor, ret_member);
    if (*start < '0' || *start > '9' || !cursor_short_number(start, cursor->text + cursor->at[1], &ret_member->number))
        return cursor_value_any(cursor, depth, ret_member);
    cursor->at++;
    ret_member->type = MEMBER_NUMBER;
    return ERR_OK;
}

/* `"name":`, decoded. */
static inline enum err cursor_name(struct cursor *cursor, struct slice *ret_name)
{
    struct member member;
    enum err err = cursor_string(cursor, &member);
    if (err)
        return err;
    *ret_name = member.text;
    return cursor_take(cursor, ':') ? ERR_OK : ERR_BAD_JSON;
}

/* After a member or an element: true when another follows. close is `}` or `]`. */
static inline enum err cursor_more(struct cursor *cursor, char close, bool *ret_more)
{
    *ret_more = cursor_take(cursor, ',');
    return *ret_more || cursor_take(cursor, close) ? ERR_OK : ERR_BAD_JSON;
}

/* ---- plain.c ---- */

/* Reads the object at the cursor into the cleared event when it is as the agent writes it: `kind` first, then members
 * that the kind has, once each, no space between, all of them right. False: it is something else; the cursor is where
 * it was and the event is to be cleared again. */
bool plain_event(struct cursor *cursor, struct event *event);

/* For short texts, where a call of memcmp costs more than what it does. */
static inline bool cursor_same(struct slice a, struct slice b)
{
    uint64_t a8, b8, a8_end, b8_end;
    uint32_t a4, b4, a4_end, b4_end;
    size_t n = a.len;
    if (n != b.len)
        return false;
    if (n > 16)
        return memcmp(a.at, b.at, n) == 0;
    if (n >= 8) {
        memcpy(&a8, a.at, 8), memcpy(&b8, b.at, 8);
        memcpy(&a8_end, a.at + n - 8, 8), memcpy(&b8_end, b.at + n - 8, 8);
        return ((a8 ^ b8) | (a8_end ^ b8_end)) == 0;
    }
    if (n >= 4) {
        memcpy(&a4, a.at, 4), memcpy(&b4, b.at, 4);
        memcpy(&a4_end, a.at + n - 4, 4), memcpy(&b4_end, b.at + n - 4, 4);
        return ((a4 ^ b4) | (a4_end ^ b4_end)) == 0;
    }
    return n == 0 || (a.at[0] == b.at[0] && a.at[n / 2] == b.at[n / 2] && a.at[n - 1] == b.at[n - 1]);
}

#endif
