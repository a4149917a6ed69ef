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
    bool has_escapes; /* a backslash stands somewhere in the text */
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
enum err cursor_string(struct cursor *cursor, struct member *ret_member);
/* Any value. Members of nested objects are checked for duplicates, which are blamed. depth counts the objects and
 * arrays around it. */
enum err cursor_value(struct cursor *cursor, int depth, struct member *ret_member);
/* `"name":`, decoded. */
enum err cursor_name(struct cursor *cursor, struct slice *ret_name);
/* After a member or an element: true when another follows. close is `}` or `]`. */
enum err cursor_more(struct cursor *cursor, char close, bool *ret_more);

#endif
