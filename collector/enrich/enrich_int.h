/* Inside the room: its pure parts, without allocations. */
#ifndef SEISMO_ENRICH_ENRICH_INT_H
#define SEISMO_ENRICH_ENRICH_INT_H

#include <stdint.h>

#include "enrich/enrich.h"
#include "event/batch.h"

/* ---- text of a fixed size: what does not fit is cut off, never inside a character ---- */

struct text {
    char *at;
    size_t len, max;
    bool full;
};
/* What does not fit. */
void text_add_part(struct text *text, struct slice slice);
static inline void text_add(struct text *text, struct slice slice)
{
    if (text->full || slice.len > text->max - text->len) {
        text_add_part(text, slice);
        return;
    }
    if (slice.len)
        memcpy(text->at + text->len, slice.at, slice.len);
    text->len += slice.len;
}
static inline void text_char(struct text *text, char c)
{
    text_add(text, (struct slice){&c, 1});
}
static inline struct slice text_slice(const struct text *text)
{
    return (struct slice){text->at, text->len};
}

/* ---- characters: ASCII alone, whatever the locale ---- */

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}
static inline bool is_letter(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}
static inline bool is_hex(char c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}
static inline char lower(char c)
{
    return is_upper(c) ? (char)(c | 32) : c;
}
/* word is given in lower case. */
bool slice_is_word(struct slice slice, const char *word);
/* One of words, which are in lower case, each between single spaces: " one two ". */
bool slice_is_among(struct slice slice, const char *words);

/* ---- route.c ---- */

#define ROUTE_MAX_BYTES 200
#define ROUTE_MAX_SEGMENTS 12
/* The name of a path or address, appended to name. */
void route_write(const struct application *application, struct slice path_or_url, struct text *name);
/* `GET /api/products/:id`, with the host before the path when it is not one of the application's own origins. */
void route_write_call(const struct application *application, struct slice method, struct slice url, struct text *name);

/* ---- client.c ---- */

struct client {
    struct slice browser, version, os, device; /* static but for version, which borrows from the header */
};
struct client client_of(struct slice user_agent);

/* ---- secret.c ---- */

/* Ordered: the graver counts. SCHEME: SECRET but for a first word such as Bearer. */
enum secrecy { SECRECY_OPEN, SECRECY_MAYBE, SECRECY_SECRET, SECRECY_SCHEME };
enum secrecy secret_name(struct slice name);
bool secret_is_cookie(struct slice name);
/* The text ends in the letters of a secret word, whatever stands before them. */
bool secret_ends(struct slice text);

/* ---- redact_json.c, redact.c ---- */

/* Overwrites what looks secret in the string values of an object with `*`, its length kept, still valid JSON. True
 * when something was. names_are_known: it is flat and all its names are the schema's. */
bool redact_json(struct slice object, bool names_are_known);
/* The same of the envelope's labels: none of their names is the schema's. */
bool redact_labels(struct slice object);
/* The same in decoded text. */
bool redact_text(struct slice text);
/* The same, but addresses of e-mail stay: people are looked up by the id that the page gave. */
void redact_user_id(struct slice text);
/* Half-open, in bytes of the text; end = 0: nothing found. */
struct span {
    size_t start, end;
};
/* redact_text would overwrite something. */
bool redact_finds(struct slice text);
/* A value that was hidden before, by the agent or by us. */
bool redact_is_hidden(struct slice value);
bool redact_looks_random(struct slice value);
/* No letter nor digit stands before the place, but for an escape's: `%3Dghp_…`, and `\\nghp_…` of JSON in a text. */
bool redact_begins_word(struct slice text, size_t at);

/* Length of an `@`, `=` or `:` that is written as an escape of addresses, once or more (`%40`, `%2540`), and what it
 * stands for; 0 when it is another or none. */
size_t redact_percent(struct slice text, size_t at, char *ret_c);
/* Length of `%5D`, `%22` or `%27` that ends at the place; 0 for none. */
size_t redact_escaped_end(struct slice text, size_t at);

/* ---- card.c ---- */

#define FEWEST_CARD_DIGITS 13
#define MOST_CARD_DIGITS 19
bool redact_is_card(const char *digits, size_t n); /* so many */
/* The byte at the place, as it is or as an escape of addresses, once or more (`%20`, `%2520`): its length, 0 at the end
 * of the text. */
size_t redact_byte(struct slice text, size_t at, unsigned *ret_byte);
/* Such an escape ends right before the place. */
bool redact_is_behind_percent(struct slice text, size_t at);
/* Length of one sign that may stand between the groups of a number, maybe escaped: a blank of any kind, a hyphen, an en
 * dash, a plus, a point; 0 for none. */
size_t redact_separator(struct slice text, size_t at);
#define MOST_SEPARATOR_BYTES 6 /* two of them, not escaped */
/* The card number that begins with the digit at the place. Gives where to look on. before: where the group of digits
 * before it ended, SIZE_MAX for none. */
size_t card_find(struct slice text, size_t at, size_t before, struct span *ret_span);

/* ---- token.c ---- */

/* What providers give out, by its prefix (`ghp_…`): at the `g` or `x` that it begins with or the first `_`. */
struct span token_find(struct slice text, size_t at);
/* Prefixes alone, whatever follows. */
bool token_begins(struct slice text, size_t at);
/* `/reset/TOKEN`: at the second slash. */
struct span token_find_in_path(struct slice text, size_t at);
/* The text ends in a word that such a segment follows, whatever stands before it. */
bool token_is_led_to(struct slice text);
/* `?code=…&state=…` of OAuth: the value behind this sign is one of the two, and the other is there. */
bool token_is_grant(struct slice text, size_t name_start, size_t name_end);
bool token_ends_grant(struct slice text);

/* ---- trigger.c ---- */

/* True when redact_text finds nothing in the text, nor in any string or number of it when it is JSON, whether decoded
 * or as sent. False when it may. Three instructions a byte, where the finders
 * take twenty. */
bool redact_is_quiet(struct slice text);
/* The same, as on machines without SIMD and, where there is AVX2, without AVX-512: for tests. */
bool redact_is_quiet_plain(struct slice text);
bool redact_is_quiet_avx2(struct slice text);

/* ---- mask.c, code.c ---- */

#define MASKED_MAX_BYTES 512
/* A message with its variable parts as `*`; one line. */
void mask_message(struct slice message, struct text *masked);
/* One log line without time, level and the like; what is left lies in line or in scratch. */
struct line_parts {
    struct slice type, message, stack;
};
#define LINE_MAX_BYTES 8192
struct line_parts line_cut(struct slice line, char scratch[LINE_MAX_BYTES]);
/* What a code is made of; all that two errors must share to have the same one. */
struct code_key {
    struct slice scope, type, message, stack;
};
/* masked: empty, for MASKED_MAX_BYTES. */
void code_write(const struct code_key *key, char ret_code[ENRICH_CODE_BYTES], struct text *masked);

#endif
