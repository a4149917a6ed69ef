/* Objects whose members have names of the page's own: labels, and what a page says of a business event. They are known
 * to be JSON with no name twice. */
#include "event/json_scan.h"
#include "validate/field.h"

/* Decoded code points are written with at most two escapes of six characters. */
#define MOST_RAW(code_points) (12 * (size_t)(code_points))
#define MOST_CODE_POINTS 1024

/* raw: between the quotes. */
static enum err check_text(const struct wire_field *rule, struct slice raw)
{
    char decoded[MOST_RAW(MOST_CODE_POINTS)];
    struct member member = {.type = MEMBER_STRING, .text = raw};
    if (raw.len > MOST_RAW(rule->max_length) || raw.len > sizeof decoded)
        return ERR_FIELD_LENGTH;
    if (memchr(raw.at, '\\', raw.len)) {
        member.odd = json_unescape(raw, decoded, &member.text.len) != UNESCAPED_OK;
        member.text.at = decoded;
    }
    return field_check_string(rule, &member);
}

static enum err check_value(const struct wire_field *field, struct slice value)
{
    const struct wire_field text = {.max_length = (uint32_t)field->max};
    char first = value.at[0];
    if (first == '"')
        return check_text(&text, (struct slice){value.at + 1, value.len - 2});
    if (field->type == WIRE_TEXTS || first == '{' || first == '[' || first == 'n')
        return ERR_FIELD_TYPE;
    return first == 't' || first == 'f' || isfinite(structure_number(value)) ? ERR_OK : ERR_FIELD_RANGE;
}

static enum err check_member(const struct wire_field *field, const struct json_member *member)
{
    const struct wire_field name = {
        .min_length = field->min_length, .max_length = field->max_length, .form = field->form};
    enum err err = check_text(&name, member->name);
    return err ? err : check_value(field, member->value);
}

enum err members_check(const struct wire_field *field, struct slice object)
{
    struct json_scan scan = json_scan_of(object);
    struct json_member member;
    enum err err = ERR_OK;
    size_t n = 0;
    while (err == ERR_OK && json_scan_next(&scan, &member))
        err = n++ < (size_t)field->min ? check_member(field, &member) : ERR_TOO_MANY_FIELDS;
    return err;
}

static char *append(char *at, struct slice text)
{
    return (char *)memcpy(at, text.at, text.len) + text.len;
}

enum err members_pick(const struct wire_field *field, struct slice object, struct arena *arena,
                      struct slice *ret_picked, uint64_t *ret_left_out)
{
    struct json_scan scan = json_scan_of(object);
    struct json_member member;
    char *start = arena_alloc(arena, object.len + 1), *at = start;
    size_t n = 0;
    if (!start)
        return ERR_TOO_LARGE;
    *at++ = '{';
    *ret_left_out = 0;
    while (json_scan_next(&scan, &member)) {
        if (n == (size_t)field->min || check_member(field, &member)) {
            ++*ret_left_out;
            continue;
        }
        at = append(at, n++ ? SLICE(",\"") : SLICE("\""));
        at = append(at, member.name);
        at = append(at, SLICE("\":"));
        at = append(at, member.value);
    }
    *at++ = '}';
    *ret_picked = (struct slice){start, (size_t)(at - start)};
    return ERR_OK;
}
