/* Inside the room: names and fields by the tables that are made from the schema; what every member of an event pays,
 * and therefore inline. */
#ifndef SEISMO_VALIDATE_FIELD_H
#define SEISMO_VALIDATE_FIELD_H

#include <math.h>
#include <stdlib.h>

#include "event/wire_gen.h"
#include "validate/validate_int.h"

static inline int field_find(struct slice name)
{
    if (name.len == 0)
        return -1;
    unsigned char first = (unsigned char)name.at[0], middle = (unsigned char)name.at[name.len / 2],
                  last = (unsigned char)name.at[name.len - 1];
    int found = wire_lookup[WIRE_HASH(name.len, first, middle, last)] - 1;
    return found >= 0 && cursor_same(wire_names[found], name) ? found : -1;
}

#define FIELD_KIND_HASH(first, last) (((unsigned)(first) + 2 * (unsigned)(last)) & 31)

static inline enum event_kind field_kind(struct slice text)
{
    static const struct {
        struct slice name;
        enum event_kind kind;
    } kinds[32] = {
        /* by the first letter and the last, whose sum is another one for each */
        [FIELD_KIND_HASH('p', 'e')] = {{"page", 4}, EVENT_PAGE},
        [FIELD_KIND_HASH('r', 'e')] = {{"route", 5}, EVENT_ROUTE},
        [FIELD_KIND_HASH('a', 'i')] = {{"api", 3}, EVENT_API},
        [FIELD_KIND_HASH('c', 'k')] = {{"click", 5}, EVENT_CLICK},
        [FIELD_KIND_HASH('e', 'r')] = {{"error", 5}, EVENT_ERROR},
        [FIELD_KIND_HASH('v', 'l')] = {{"vital", 5}, EVENT_VITAL},
        [FIELD_KIND_HASH('e', 't')] = {{"event", 5}, EVENT_BUSINESS},
        [FIELD_KIND_HASH('m', 'k')] = {{"mark", 4}, EVENT_MARK},
        [FIELD_KIND_HASH('m', 'e')] = {{"measure", 7}, EVENT_MEASURE},
    };
    if (!text.len)
        return EVENT_OTHER;
    unsigned at = FIELD_KIND_HASH((unsigned char)text.at[0], (unsigned char)text.at[text.len - 1]);
    return cursor_same(text, kinds[at].name) ? kinds[at].kind : EVENT_OTHER;
}

static inline size_t field_code_points(struct slice text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return n;
}

static inline bool field_is_one_of(struct slice word, const char *words)
{
    for (const char *end;; words = end + 1) {
        for (end = words; *end && *end != ' '; end++)
            ;
        if (cursor_same(word, (struct slice){words, (size_t)(end - words)}))
            return true;
        if (!*end)
            return false;
    }
}

static inline enum err field_check_string(const struct wire_field *field, const struct member *member)
{
    struct slice text = member->text;
    if (member->odd)
        return ERR_FIELD_FORM;
    if (text.len < field->min_length || (text.len > field->max_length && field_code_points(text) > field->max_length))
        return ERR_FIELD_LENGTH;
    if (field->form) {
        unsigned common = field->form; /* of all characters: no branch for each */
        for (size_t i = 0; i < text.len; i++)
            common &= wire_forms[(unsigned char)text.at[i]];
        if (!common)
            return ERR_FIELD_FORM;
    }
    return field->one_of && !field_is_one_of(text, field->one_of) ? ERR_FIELD_VALUE : ERR_OK;
}

static inline enum err field_check_number(const struct wire_field *field, double number)
{
    if (!(number >= field->min && number <= field->max) || (field->above_min && number == field->min))
        return ERR_FIELD_RANGE;
    if (field->type != WIRE_INTEGER)
        return ERR_OK;
    bool whole = fabs(number) < 9e15 ? number == (double)(int64_t)number : number == floor(number);
    return whole ? ERR_OK : ERR_FIELD_TYPE;
}

/* members.c: an object whose members have names of the page's own; nothing stands twice in it. */
enum err members_check(const struct wire_field *field, struct slice object);
/* Those of its members that are right, `{…}` in the arena, and how many are not. ERR_TOO_LARGE: the arena is full. */
enum err members_pick(const struct wire_field *field, struct slice object, struct arena *arena,
                      struct slice *ret_picked, uint64_t *ret_left_out);

static inline enum err field_check(const struct wire_field *field, const struct member *member)
{
    switch ((enum wire_type)field->type) {
    case WIRE_STRING: return member->type == MEMBER_STRING ? field_check_string(field, member) : ERR_FIELD_TYPE;
    case WIRE_NUMBER:
    case WIRE_INTEGER:
        return member->type == MEMBER_NUMBER ? field_check_number(field, member->number) : ERR_FIELD_TYPE;
    case WIRE_OBJECT: return member->type == MEMBER_OBJECT ? ERR_OK : ERR_FIELD_TYPE;
    case WIRE_ARRAY: return member->type == MEMBER_ARRAY ? ERR_OK : ERR_FIELD_TYPE;
    case WIRE_TEXTS:
    case WIRE_VALUES: return member->type == MEMBER_OBJECT ? members_check(field, member->text) : ERR_FIELD_TYPE;
    }
    abort(); /* the table has no other type */
}

/* base is the struct event or struct envelope that the table's slots are in. field_check has seen the member's type, so
 * that its number is set where one is kept. */
static inline void field_keep(const struct wire_field *field, const struct member *member, void *base)
{
    char *slot = (char *)base + field->slot;
    switch ((enum wire_store)field->store) {
    case WIRE_NOWHERE: break;
    case WIRE_SLICE: *(struct slice *)(void *)slot = member->text; break;
    case WIRE_DOUBLE: /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
        *(double *)(void *)slot = member->number;
        break;
    case WIRE_U16: /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
        *(uint16_t *)(void *)slot = (uint16_t)member->number;
        break;
    case WIRE_U32: /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign) */
        *(uint32_t *)(void *)slot = (uint32_t)member->number;
        break;
    }
}

#endif
