/* Events as the agent writes them, in one go: each member is checked against its kind's table as it comes and kept at
 * once. What is not so plain, or wrong, is left to validate.c, which says what is wrong with it.
 *
 * What every member pays is written so that the compiler keeps it in registers: places by value, names compared as two
 * words. */
#include <assert.h>
#include <math.h>

#include "validate/field.h"

/* A name and the quote behind it, as words of memory, and which of their bits count. */
static struct name_words {
    uint64_t first, second, first_bits, second_bits;
} name_words[WIRE_NAMES];

__attribute__((constructor)) static void make_name_words(void)
{
    for (size_t i = 0; i < WIRE_NAMES; i++) {
        unsigned char text[16] = {0}, bits[16] = {0};
        size_t n = wire_names[i].len;
        assert(n < sizeof text);
        memcpy(text, wire_names[i].at, n);
        text[n] = '"';
        memset(bits, 0xff, n + 1);
        memcpy(&name_words[i].first, text, 8), memcpy(&name_words[i].second, text + 8, 8);
        memcpy(&name_words[i].first_bits, bits, 8), memcpy(&name_words[i].second_bits, bits + 8, 8);
    }
}

/* `"name":` whose quote and colon are at these places; -1: no name of the schema. */
static inline int read_name(const char *quote, const char *colon)
{
    uint64_t first, second;
    const char *name = quote + 1;
    size_t n = (size_t)(colon - quote) - 2;
    if (*quote != '"' || *colon != ':' || n - 1 > 14)
        return -1;
    int found =
        wire_lookup[WIRE_HASH(n, (unsigned char)name[0], (unsigned char)name[n / 2], (unsigned char)name[n - 1])] - 1;
    if (found < 0 || wire_names[found].len != n)
        return -1;
    memcpy(&first, name, 8), memcpy(&second, name + 8, 8); /* behind the body stands padding */
    const struct name_words *words = &name_words[found];
    uint64_t other = ((first ^ words->first) & words->first_bits) | ((second ^ words->second) & words->second_bits);
    return other ? -1 : found;
}

/* Strings with escapes take the way of all others. Not inline: what is written as two words and read as one at once
 * stalls the processor, and so the texts of the others must not pass through memory. */
static __attribute__((noinline)) bool read_escaped(struct cursor *cursor, const uint32_t *at,
                                                   const struct wire_field *field, struct event *event)
{
    struct member member;
    cursor->at = at;
    if (cursor_string_any(cursor, &member) || field_check_string(field, &member))
        return false;
    field_keep(field, &member, event);
    return true;
}

static __attribute__((noinline)) bool is_right(const struct wire_field *field, const char *at, size_t n)
{
    const struct member member = {.type = MEMBER_STRING, .text = {at, n}};
    return field_check_string(field, &member) == ERR_OK;
}

static inline bool read_string(struct cursor *cursor, const uint32_t *at, const struct wire_field *field,
                               struct event *event)
{
    const char *start = cursor->text + at[0] + 1, *end = cursor->text + at[1] - 1;
    size_t n = (size_t)(end - start);
    if (field->type != WIRE_STRING || *end != '"' || end < start)
        return false;
    if (cursor_has_backslash(cursor, start, end))
        return read_escaped(cursor, at, field, event);
    bool is_simple = !field->form && !field->one_of && n >= field->min_length && n <= field->max_length;
    if (!is_simple && !is_right(field, start, n))
        return false;
    if (field->store == WIRE_SLICE) {
        struct slice *slot = (struct slice *)(void *)((char *)event + field->slot);
        slot->at = start;
        slot->len = n;
    }
    return true;
}

static inline bool read_number(struct cursor *cursor, const uint32_t *at, const struct wire_field *field,
                               struct event *event)
{
    const char *start = cursor->text + at[0], *end = cursor->text + at[1];
    struct member member = {.type = MEMBER_NUMBER};
    if (field->type - (unsigned)WIRE_NUMBER > WIRE_INTEGER - WIRE_NUMBER || *start < '0' || *start > '9' ||
        !cursor_short_number(start, end, &member.number) || field_check_number(field, member.number))
        return false;
    if (field->store == WIRE_DOUBLE)
        *(double *)(void *)((char *)event + field->slot) = member.number;
    else
        field_keep(field, &member, event);
    return true;
}

/* at: the first place in the object. NULL: not plain, or not right. */
static const uint32_t *read_members(struct cursor *cursor, const uint32_t *at, struct event *event)
{
    const char *text = cursor->text;
    const struct wire_field *kind = &wire_fields[wire_event[EVENT_PAGE][WIRE_NAME_kind]];
    if (read_name(text + at[0], text + at[1]) != WIRE_NAME_kind || text[at[2]] != '"' ||
        !read_string(cursor, at + 2, kind, event))
        return NULL;
    event->kind = field_kind(event->kind_text);
    const uint8_t *places = wire_event[event->kind];
    uint64_t seen = UINT64_C(1) << WIRE_NAME_kind;
    for (at += 3; text[*at] == ','; at += 4) {
        int name = read_name(text + at[1], text + at[2]);
        if (name < 0 || !places[name] || seen >> name & 1)
            return NULL;
        seen |= UINT64_C(1) << name;
        const struct wire_field *field = &wire_fields[places[name]];
        if (!(text[at[3]] == '"' ? read_string(cursor, at + 3, field, event)
                                 : read_number(cursor, at + 3, field, event)))
            return NULL;
    }
    bool is_whole = event->kind != EVENT_OTHER && !(wire_required[event->kind] & ~seen) && text[*at] == '}';
    return is_whole ? at + 1 : NULL;
}

bool plain_event(struct cursor *cursor, struct event *event)
{
    const uint32_t *at = cursor->at;
    const char *backslash = cursor->backslash;
    event->count = 1;
    event->value = NAN;
    const uint32_t *end = read_members(cursor, at + 1, event);
    cursor->at = end ? end : at;
    if (!end)
        cursor->backslash = backslash;
    return end != NULL;
}
