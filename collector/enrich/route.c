/* Route names: a path with the parts that differ from visit to visit replaced.
 *
 * A pure function of path and templates, so that every instance gives the same name. It only looks at one segment at a
 * time; what a flood of new names does is bounded where series are kept. */
#include "enrich/enrich_int.h"
#include "event/application.h"

/* ---- what a segment looks like ----------------------------------------------------------------------------------- */

struct shape {
    size_t digits, letters, upper, hex, others; /* others: not a letter, digit, `-` or `_` */
    size_t turns;                               /* between digits and letters, or from lower to upper case */
};

/* A character's sort, and what it counts as: one look-up a character. */
enum sort { SORT_OTHER, SORT_DIGIT, SORT_LOWER, SORT_UPPER };
enum { IS_HEX = 4, IS_SIGN = 8 }; /* signs: `-` `_` */
static const unsigned char sorts[256] = {
    ['0' ... '9'] = SORT_DIGIT | IS_HEX,
    ['a' ... 'f'] = SORT_LOWER | IS_HEX,
    ['g' ... 'z'] = SORT_LOWER,
    ['A' ... 'F'] = SORT_UPPER | IS_HEX,
    ['G' ... 'Z'] = SORT_UPPER,
    ['-'] = IS_SIGN,
    ['_'] = IS_SIGN,
};

static struct shape shape_of(struct slice s)
{
    static const bool is_turn[4][4] = {
        [SORT_DIGIT] = {[SORT_LOWER] = true, [SORT_UPPER] = true},
        [SORT_LOWER] = {[SORT_DIGIT] = true, [SORT_UPPER] = true},
        [SORT_UPPER] = {[SORT_DIGIT] = true},
    };
    size_t counts[16] = {0}, turns = 0;
    unsigned before = SORT_OTHER;
    for (size_t i = 0; i < s.len; i++) {
        unsigned sort = sorts[(unsigned char)s.at[i]];
        counts[sort]++;
        turns += is_turn[before][sort & 3];
        before = sort & 3;
    }
    size_t lower_letters = counts[SORT_LOWER] + counts[SORT_LOWER | IS_HEX];
    size_t upper_letters = counts[SORT_UPPER] + counts[SORT_UPPER | IS_HEX];
    return (struct shape){
        .digits = counts[SORT_DIGIT | IS_HEX],
        .letters = lower_letters + upper_letters,
        .upper = upper_letters,
        .hex = counts[SORT_DIGIT | IS_HEX] + counts[SORT_LOWER | IS_HEX] + counts[SORT_UPPER | IS_HEX],
        .others = counts[SORT_OTHER],
        .turns = turns,
    };
}

/* Every character of the pattern: 0 a digit, x a hex digit, others themselves. */
static bool has_form(struct slice s, const char *pattern)
{
    size_t i = 0;
    for (; i < s.len && pattern[i]; i++)
        if (pattern[i] == '0' ? !is_digit(s.at[i]) : pattern[i] == 'x' ? !is_hex(s.at[i]) : s.at[i] != pattern[i])
            return false;
    return i == s.len && !pattern[i];
}

static bool is_date(struct slice s)
{
    return has_form(s, "0000-00-00") || has_form(s, "0000-00") || has_form(s, "00-00-0000") ||
           has_form(s, "0000_00_00") ||
           (s.len > 10 && s.at[10] == 'T' && has_form((struct slice){s.at, 10}, "0000-00-00"));
}

static bool is_email(struct slice s)
{
    for (size_t i = 1; i + 3 < s.len; i++)
        if (s.at[i] == '@' || (s.at[i] == '%' && s.at[i + 1] == '4' && s.at[i + 2] == '0'))
            return memchr(s.at + i, '.', s.len - i) != NULL;
    return false;
}

static bool is_year(struct slice s)
{
    return s.len == 4 && (slice_starts(s, "19") || slice_starts(s, "20"));
}

/* `lamp-10482`, `user_1f3a9c2b`: one of the parts between `-` and `_` is a number of an entry, not of a kind. */
static bool has_number_part(struct slice s)
{
    size_t start = 0;
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.at[i] != '-' && s.at[i] != '_')
            continue;
        struct slice part = {s.at + start, i - start};
        struct shape shape = shape_of(part);
        if ((part.len >= 4 && shape.digits == part.len && !is_year(part)) ||
            (part.len >= 8 && shape.hex == part.len && shape.digits >= 2))
            return true;
        start = i + 1;
    }
    return false;
}

/* API versions and the like are names though they mix digits and letters. */
static bool is_version(struct slice s)
{
    return s.len <= 8 && s.len >= 2 && lower(s.at[0]) == 'v' && is_digit(s.at[1]);
}

static bool is_token(struct slice s, const struct shape *shape)
{
    if (is_version(s) || shape->others)
        return s.len > 64;
    if (s.len > 64 || has_number_part(s))
        return true;
    if (shape->digits == 0) /* random letters change case again and again, words do not */
        return s.len >= 20 && shape->turns >= 4 && shape->upper * 4 >= shape->letters && shape->letters == s.len;
    bool mixed = shape->letters > 0;
    return mixed &&
           ((s.len >= 6 && shape->turns >= 3) || (s.len >= 5 && shape->digits >= 4 && shape->digits * 2 >= s.len) ||
            (s.len >= 16 && shape->letters + shape->digits == s.len));
}

/* Most segments: lower case and hyphens, not long. */
static bool is_plain(struct slice s)
{
    size_t i = 0;
    while (i < s.len && ((s.at[i] >= 'a' && s.at[i] <= 'z') || s.at[i] == '-'))
        i++;
    return i == s.len && s.len < 20;
}

static bool is_number(struct slice s)
{
    size_t i = 0;
    while (i < s.len && is_digit(s.at[i]))
        i++;
    return i == s.len;
}

/* What stands for the segment, NULL when it is a name. */
static const char *placeholder(struct slice s)
{
    if (is_plain(s))
        return NULL;
    if (s.len == 36 && has_form(s, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"))
        return ":uuid";
    struct shape shape = shape_of(s);
    if (shape.digits == s.len)
        return ":id";
    if (shape.digits && is_date(s))
        return ":date";
    if (s.len >= 16 && shape.hex == s.len && shape.digits)
        return ":hash";
    if (shape.others && is_email(s))
        return ":email";
    return is_token(s, &shape) ? ":token" : NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* As sent, but for control characters, which must not reach a terminal. */
static void add_clean(struct text *name, struct slice s)
{
    size_t start = 0;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f) {
            text_add(name, (struct slice){s.at + start, i - start});
            text_char(name, '?');
            start = i + 1;
        }
    text_add(name, (struct slice){s.at + start, s.len - start});
}

/* File names keep their ending: `report-18273.pdf` is `:token.pdf`. */
static void add_segment(struct text *name, struct slice s)
{
    if (is_plain(s)) {
        text_add(name, s);
        return;
    }
    if (is_number(s)) {
        text_add(name, SLICE(":id"));
        return;
    }
    size_t dot = s.len;
    while (dot > 0 && s.at[dot - 1] != '.')
        dot--;
    struct slice ending = {s.at + dot, s.len - dot};
    struct shape shape = shape_of(ending);
    bool is_file = dot > 1 && ending.len >= 1 && ending.len <= 5 && shape.letters > 0 && !shape.others;
    const char *instead = is_file && !is_email(s) ? placeholder((struct slice){s.at, dot - 1}) : placeholder(s);
    if (!instead) {
        add_clean(name, s);
        return;
    }
    text_add(name, slice_of(instead));
    if (is_file && strcmp(instead, ":email") != 0)
        text_add(name, (struct slice){s.at + dot - 1, ending.len + 1});
}

/* The next segment of a path, and what is left; empty ones are skipped. */
static bool next_segment(struct slice *rest, struct slice *ret_segment)
{
    while (rest->len && *rest->at == '/') {
        rest->at++;
        rest->len--;
    }
    if (rest->len == 0)
        return false;
    const char *slash = memchr(rest->at, '/', rest->len);
    size_t n = slash ? (size_t)(slash - rest->at) : rest->len;
    *ret_segment = (struct slice){rest->at, n};
    rest->at += n;
    rest->len -= n;
    return true;
}

/* `:name` stands for one segment, `*` for all that follow. */
static bool template_matches(struct slice template, struct slice path)
{
    struct slice wanted, found;
    while (next_segment(&template, &wanted)) {
        if (slice_is(wanted, "*"))
            return true;
        if (!next_segment(&path, &found) || (wanted.at[0] != ':' && !slice_equal(wanted, found)))
            return false;
    }
    return !next_segment(&path, &found);
}

static const char *find_template(const struct application *application, struct slice path)
{
    if (application && application->routes)
        for (const char *const *route = application->routes; *route; route++)
            if (template_matches(slice_of(*route), path))
                return *route;
    return NULL;
}

static void write_path(const struct application *application, struct slice path, struct text *name)
{
    const char *template = find_template(application, path);
    if (template) {
        text_add(name, slice_of(template));
        return;
    }
    struct slice segment;
    size_t n = 0;
    while (next_segment(&path, &segment)) {
        text_char(name, '/');
        if (++n > ROUTE_MAX_SEGMENTS) {
            text_add(name, SLICE("\xe2\x80\xa6"));
            return;
        }
        add_segment(name, segment);
    }
    if (n == 0)
        text_char(name, '/');
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

struct address {
    struct slice origin; /* "https://host:8080", len 0 for a path alone */
    struct slice host;   /* "host:8080", without user and password */
    struct slice path;
};

/* Up to the query or the fragment. */
static struct slice without_query(struct slice s)
{
    if (s.len == 0)
        return s;
    const char *query = memchr(s.at, '?', s.len);
    size_t n = query ? (size_t)(query - s.at) : s.len;
    const char *fragment = memchr(s.at, '#', n);
    return (struct slice){s.at, fragment ? (size_t)(fragment - s.at) : n};
}

static struct slice up_to_path(struct slice s)
{
    size_t n = 0;
    while (n < s.len && s.at[n] != '/' && s.at[n] != '?' && s.at[n] != '#')
        n++;
    return (struct slice){s.at, n};
}

static size_t scheme_length(struct slice url)
{
    size_t n = 0;
    while (n < url.len && (is_letter(url.at[n]) || (n && (is_digit(url.at[n]) || memchr("+-.", url.at[n], 3)))))
        n++;
    return n && url.len - n >= 3 && memcmp(url.at + n, "://", 3) == 0 ? n + 1 : 0;
}

static struct address address_of(struct slice url)
{
    struct address address = {{url.at, 0}, {url.at, 0}, {url.at, 0}};
    size_t scheme = scheme_length(url);
    if (!scheme && !slice_starts(url, "//")) {
        address.path = without_query(url);
        return address;
    }
    struct slice rest = {url.at + scheme + 2, url.len - scheme - 2};
    address.host = up_to_path(rest);
    address.origin = (struct slice){url.at, scheme + 2 + address.host.len};
    address.path = without_query((struct slice){rest.at + address.host.len, rest.len - address.host.len});
    const char *at = memrchr(address.host.at, '@', address.host.len);
    if (at) {
        address.host.len -= (size_t)(at + 1 - address.host.at);
        address.host.at = at + 1;
    }
    return address;
}

void route_write(const struct application *application, struct slice path_or_url, struct text *name)
{
    if (path_or_url.len)
        write_path(application, address_of(path_or_url).path, name);
}

static bool is_own(const struct application *application, const struct address *address)
{
    if (address->origin.len == 0)
        return true;
    if (application && application->origins)
        for (const char *const *origin = application->origins; *origin; origin++)
            if (slice_is(address->origin, *origin))
                return true;
    return false;
}

static char upper(char c)
{
    return is_letter(c) ? (char)(c & ~32) : c;
}

void route_write_call(const struct application *application, struct slice method, struct slice url, struct text *name)
{
    struct address address = address_of(url);
    if (method.len == 0)
        method = SLICE("GET");
    for (size_t i = 0; i < method.len; i++)
        text_char(name, upper(method.at[i]));
    text_char(name, ' ');
    if (!is_own(application, &address))
        for (size_t i = 0; i < address.host.len && i < 100; i++)
            text_char(name, (unsigned char)address.host.at[i] <= ' ' ? '?' : lower(address.host.at[i]));
    write_path(application, address.path, name);
}

void enrich_route(const struct application *application, struct slice path_or_url, struct buf *name)
{
    char bytes[ROUTE_MAX_BYTES];
    struct text text = {bytes, 0, sizeof bytes, false};
    route_write(application, path_or_url, &text);
    buf_add_slice(name, text_slice(&text));
}
