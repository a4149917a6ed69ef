/* A lean cursor over one JSON object that was validated before: members in order, nothing decoded, nothing allocated.
 *
 * Bytes that are not valid JSON (a damaged record) end the walk early; they are never read past their end. */
#ifndef SEISMO_EVENT_JSON_SCAN_H
#define SEISMO_EVENT_JSON_SCAN_H

#include "base/slice.h"

struct json_scan {
    const char *at, *end;
};

struct json_member {
    struct slice name;  /* between the quotes, as sent: may hold escapes */
    struct slice value; /* as sent: strings with their quotes, objects with their braces */
};

/* Borrows the object's bytes, `{…}`. */
struct json_scan json_scan_of(struct slice object);
/* False at the end of the object, or where it is damaged. */
bool json_scan_next(struct json_scan *scan, struct json_member *ret_member);
/* The same over an array, `[…]`: its elements in order. */
struct json_scan json_array_of(struct slice array);
bool json_array_next(struct json_scan *scan, struct slice *ret_value);
/* The name without escapes: name itself, or its bytes decoded into text. Names that do not fit come back as sent. */
#define JSON_NAME_BYTES 64
struct slice json_name(struct slice name, char text[JSON_NAME_BYTES]);

enum unescaped {
    UNESCAPED_OK,
    UNESCAPED_ODD, /* valid JSON, but with U+0000 or half of a surrogate pair, which stores choke on */
    UNESCAPED_BAD, /* not JSON */
};
/* Decodes what stands between the quotes of a string. ret_text has room for raw.len bytes; NULL only checks. Half
 * surrogates become U+FFFD. Never longer than raw. */
enum unescaped json_unescape(struct slice raw, char *ret_text, size_t *ret_len);

#endif
