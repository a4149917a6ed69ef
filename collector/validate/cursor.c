/* Walks the tokens of a body: the grammar of JSON, nothing of beacons. */
#include <string.h>

#include "event/json_scan.h"
#include "validate/validate_int.h"

void cursor_blame(struct cursor *cursor, enum err why, struct slice field)
{
    if (cursor->fault.why == ERR_OK)
        cursor->fault = (struct fault){why, field};
}

/* From the token's first character to its last: up to the next token, without the space between. */
static struct slice token(const struct cursor *cursor)
{
    const char *start = cursor->text + cursor->at[0], *end = cursor->text + cursor->at[1];
    while (end > start && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t'))
        end--;
    return (struct slice){start, (size_t)(end - start)};
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

static enum err decode(struct cursor *cursor, struct slice raw, struct member *ret_member)
{
    char *text = arena_alloc(cursor->arena, raw.len);
    if (!text)
        return ERR_TOO_LARGE;
    enum unescaped how = json_unescape(raw, text, &ret_member->text.len);
    ret_member->text.at = text;
    ret_member->odd = how == UNESCAPED_ODD;
    return how == UNESCAPED_BAD ? ERR_BAD_JSON : ERR_OK;
}

enum err cursor_string_any(struct cursor *cursor, struct member *ret_member)
{
    struct slice raw = token(cursor);
    if (raw.len < 2 || raw.at[0] != '"' || raw.at[raw.len - 1] != '"')
        return ERR_BAD_JSON;
    raw.at++;
    raw.len -= 2;
    cursor->at++;
    ret_member->type = MEMBER_STRING;
    ret_member->odd = false;
    if (memchr(raw.at, '\\', raw.len))
        return decode(cursor, raw, ret_member);
    ret_member->text = raw;
    return ERR_OK;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_number(struct slice text)
{
    const char *p = text.at, *end = text.at + text.len;
    p += *p == '-';
    const char *digits = p;
    p = skip_digits(p, end);
    if (p == digits || (*digits == '0' && p > digits + 1))
        return false;
    if (p < end && *p == '.') {
        const char *point = p++;
        p = skip_digits(p, end);
        if (p == point + 1)
            return false;
    }
    if (p < end && (*p | 32) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        const char *exponent = p;
        p = skip_digits(p, end);
        if (p == exponent)
            return false;
    }
    return p == end;
}

static enum err read_number(struct cursor *cursor, struct member *ret_member)
{
    struct slice text = token(cursor);
    if (!is_number(text))
        return ERR_BAD_JSON;
    cursor->at++;
    ret_member->type = MEMBER_NUMBER;
    ret_member->number = structure_number(text);
    return ERR_OK;
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static enum err read_word(struct cursor *cursor, const char *word, enum member_type type, struct member *ret_member)
{
    if (!slice_is(token(cursor), word))
        return ERR_BAD_JSON;
    cursor->at++;
    ret_member->type = type;
    return ERR_OK;
}

void cursor_note(struct cursor *cursor, struct names *names, struct slice name)
{
    for (size_t i = 0; i < names->n; i++)
        if (slice_equal(names->list[i], name))
            cursor_blame(cursor, ERR_DUPLICATE_FIELD, name);
    if (names->n == VALIDATE_MAX_MEMBERS)
        cursor_blame(cursor, ERR_TOO_MANY_FIELDS, name);
    else
        names->list[names->n++] = name;
}

static enum err walk_object(struct cursor *cursor, int depth)
{
    struct names names;
    struct slice name;
    struct member member;
    names.n = 0;
    cursor->at++;
    if (cursor_take(cursor, '}'))
        return ERR_OK;
    for (bool more = true; more;) {
        enum err err = cursor_name(cursor, &name);
        if (err)
            return err;
        cursor_note(cursor, &names, name);
        if ((err = cursor_value(cursor, depth + 1, &member)) || (err = cursor_more(cursor, '}', &more)))
            return err;
    }
    return ERR_OK;
}

static enum err read_object(struct cursor *cursor, int depth, struct member *ret_member)
{
    const char *start = cursor->text + *cursor->at;
    enum err err = walk_object(cursor, depth);
    ret_member->type = MEMBER_OBJECT;
    ret_member->text = (struct slice){start, (size_t)(cursor->text + cursor->at[-1] + 1 - start)};
    return err;
}

static enum err read_array(struct cursor *cursor, int depth, struct member *ret_member)
{
    struct member member;
    ret_member->type = MEMBER_ARRAY;
    cursor->at++;
    if (cursor_take(cursor, ']'))
        return ERR_OK;
    for (bool more = true; more;) {
        enum err err = cursor_value(cursor, depth + 1, &member);
        if (err || (err = cursor_more(cursor, ']', &more)))
            return err;
    }
    return ERR_OK;
}

enum err cursor_value_any(struct cursor *cursor, int depth, struct member *ret_member)
{
    char first = cursor_peek(cursor);
    switch (first) {
    case '"': return cursor_string_any(cursor, ret_member);
    case 't': return read_word(cursor, "true", MEMBER_BOOL, ret_member);
    case 'f': return read_word(cursor, "false", MEMBER_BOOL, ret_member);
    case 'n': return read_word(cursor, "null", MEMBER_NULL, ret_member);
    case '{':
    case '[':
        if (depth >= VALIDATE_MAX_DEPTH)
            return ERR_TOO_DEEP;
        return first == '{' ? read_object(cursor, depth, ret_member) : read_array(cursor, depth, ret_member);
    default: return first == '-' || (first >= '0' && first <= '9') ? read_number(cursor, ret_member) : ERR_BAD_JSON;
    }
}
