/* Inside the room: the structure of a body, and the cursor that walks it. */
#ifndef SEISMO_VALIDATE_VALIDATE_INT_H
#define SEISMO_VALIDATE_VALIDATE_INT_H

#include <stdint.h>

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
    struct slice text; /* of a string, decoded */
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

/* Up to 15 digits and 15 places are exact in doubles, and so is their quotient rounded (Clinger 1990). */
static inline bool cursor_short_number(const char *p, const char *end, double *ret_number)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    if (end - p > 16 || (*p == '0' && end - p > 1 && p[1] != '.'))
        return false;
    uint64_t mantissa = 0;
    const char *start = p, *point = NULL;
    for (; p < end; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (digit <= 9)
            mantissa = mantissa * 10 + digit;
        else if (*p == '.' && !point && p > start)
            point = p;
        else
            return false;
    }
    size_t places = point ? (size_t)(end - point) - 1 : 0;
    if ((point && places == 0) || end - start - (point != NULL) > 15)
        return false;
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
