/* The stacks that browsers write: their lines, and what a line says of the function and of the place.
 *
 * For error codes, which leave places' numbers out, and for source maps, which need them. Nothing is copied: what comes
 * back is borrowed from the stack. Inlined, as each error passes here. */
#ifndef SEISMO_EVENT_STACK_H
#define SEISMO_EVENT_STACK_H

#include "base/slice.h"

static inline struct slice stack_trim(struct slice s)
{
    while (s.len && (unsigned char)s.at[0] <= ' ') {
        s.at++;
        s.len--;
    }
    while (s.len && (unsigned char)s.at[s.len - 1] <= ' ')
        s.len--;
    return s;
}

static inline struct slice stack_before(struct slice s, char c)
{
    const char *found = s.len ? memchr(s.at, c, s.len) : NULL;
    return (struct slice){s.at, found ? (size_t)(found - s.at) : s.len};
}

static inline const char *stack_find_place(struct slice line)
{
    for (size_t i = 1; i < line.len; i++)
        if (line.at[i] == '(' && line.at[i - 1] == ' ')
            return line.at + i - 1;
    return NULL;
}

/* `    at buy (https://x/shop.js:10:12)`, `    at https://x/shop.js:10:12` */
static inline bool stack_read_chrome(struct slice line, struct slice *ret_function, struct slice *ret_place)
{
    if (!slice_starts(line, "at "))
        return false;
    line = (struct slice){line.at + 3, line.len - 3};
    const char *open = stack_find_place(line);
    if (open) {
        *ret_function = (struct slice){line.at, (size_t)(open - line.at)};
        *ret_place = (struct slice){open + 2, (size_t)(line.at + line.len - open) - 2};
    } else {
        *ret_function = SLICE_NONE;
        *ret_place = line;
    }
    return true;
}

/* `buy@https://x/shop.js:10:12` of Firefox and Safari */
static inline bool stack_read_firefox(struct slice line, struct slice *ret_function, struct slice *ret_place)
{
    const char *at = memchr(line.at, '@', line.len);
    if (!at)
        return false;
    *ret_function = (struct slice){line.at, (size_t)(at - line.at)};
    *ret_place = (struct slice){at + 1, (size_t)(line.at + line.len - at) - 1};
    return memchr(ret_place->at, ':', ret_place->len) || memchr(ret_place->at, '/', ret_place->len);
}

static inline struct slice stack_take_line(struct slice *stack)
{
    struct slice line = stack_before(*stack, '\n');
    size_t n = line.len < stack->len ? line.len + 1 : line.len;
    *stack = (struct slice){stack->at + n, stack->len - n};
    return line;
}

/* Chrome puts the message before the frames, and an address in it must not be taken for a frame of Firefox. */
static inline bool stack_is_chrome(struct slice stack)
{
    while (stack.len)
        if (slice_starts(stack_trim(stack_take_line(&stack)), "at "))
            return true;
    return false;
}

#endif
