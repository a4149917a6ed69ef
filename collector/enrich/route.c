/* Route names: a path with the parts that differ from visit to visit replaced.
 *
 * A pure function of path and templates, so that every instance gives the same name. It only looks at one segment at a
 * time; what a flood of new names does is bounded where series are kept. */
#include "enrich/enrich_int.h"
#include "event/application.h"

/* ---- what a segment looks like ----------------------------------------------------------------------------------- */

/* How many of each sort: eight counts in one word, so that a character costs a look-up and an addition. Of more
 * than MOST_COUNTED characters they are worth nothing. */
enum lane { DIGITS, LOWERS, UPPERS, HEX_LETTERS, HYPHENS, UNDERSCORES, CONTROLS, AT_SIGNS }; /* the last: `@` `%` */
#define ONE(lane) (UINT64_C(1) << 8 * (lane))
#define MOST_COUNTED 255
static const uint64_t counted_as[256] = {
    ['0' ... '9'] = ONE(DIGITS), ['a' ... 'f'] = ONE(LOWERS) | ONE(HEX_LETTERS),
    ['g' ... 'z'] = ONE(LOWERS), ['A' ... 'F'] = ONE(UPPERS) | ONE(HEX_LETTERS),
    ['G' ... 'Z'] = ONE(UPPERS), ['-'] = ONE(HYPHENS),
    ['_'] = ONE(UNDERSCORES),    [0 ... 0x1f] = ONE(CONTROLS),
    [0x7f] = ONE(CONTROLS),      ['@'] = ONE(AT_SIGNS),
    ['%'] = ONE(AT_SIGNS),
};

static inline size_t count_of(uint64_t counts, enum lane lane)
{
    return counts >> 8 * lane & 0xff;
}

static uint64_t counts_of(struct slice s)
{
    uint64_t counts = 0;
    for (size_t i = 0; i < s.len; i++)
        counts += counted_as[(unsigned char)s.at[i]];
    return counts;
}

struct shape {
    size_t digits, letters, upper, hex, others; /* others: not a letter, digit, `-` or `_` */
};

static inline struct shape shape_of(size_t length, uint64_t counts)
{
    size_t digits = count_of(counts, DIGITS), uppers = count_of(counts, UPPERS);
    size_t letters = count_of(counts, LOWERS) + uppers;
    return (struct shape){
        .digits = digits,
        .letters = letters,
        .upper = uppers,
        .hex = digits + count_of(counts, HEX_LETTERS),
        .others = length - digits - letters - count_of(counts, HYPHENS) - count_of(counts, UNDERSCORES),
    };
}

static struct shape shape_of_long(struct slice s)
{
    struct shape all = {0};
    for (size_t i = 0; i < s.len; i += MOST_COUNTED) {
        struct slice part = {s.at + i, s.len - i < MOST_COUNTED ? s.len - i : MOST_COUNTED};
        struct shape shape = shape_of(part.len, counts_of(part));
        all.digits += shape.digits;
        all.letters += shape.letters;
        all.upper += shape.upper;
        all.hex += shape.hex;
        all.others += shape.others;
    }
    return all;
}

/* Between digits and letters, or from lower to upper case. */
static size_t turns_of(struct slice s)
{
    enum { OTHER, DIGIT, LOWER, UPPER, SORTS };
    static const bool is_turn[SORTS][SORTS] = {
        [DIGIT] = {[LOWER] = true, [UPPER] = true},
        [LOWER] = {[DIGIT] = true, [UPPER] = true},
        [UPPER] = {[DIGIT] = true},
    };
    size_t turns = 0;
    for (size_t i = 0, before = OTHER, sort; i < s.len; i++, before = sort) {
        sort = is_digit(s.at[i]) ? DIGIT : is_upper(s.at[i]) ? UPPER : is_letter(s.at[i]) ? LOWER : OTHER;
        turns += is_turn[before][sort];
    }
    return turns;
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
        struct shape shape = shape_of(part.len, counts_of(part));
        if ((part.len >= 4 && shape.digits == part.len && !is_year(part)) ||
            (part.len >= 8 && shape.hex == part.len && shape.digits >= 2))
            return true;
        start = i + 1;
    }
    return false;
}

#define LONGEST_NAME 64

/* API versions and the like are names though they mix digits and letters. */
static bool is_version(struct slice s)
{
    return s.len <= 8 && s.len >= 2 && lower(s.at[0]) == 'v' && is_digit(s.at[1]);
}

static bool is_token(struct slice s, const struct shape *shape)
{
    if (is_version(s) || shape->others)
        return s.len > LONGEST_NAME;
    if (s.len > LONGEST_NAME || has_number_part(s))
        return true;
    if (shape->digits == 0) /* random letters change case again and again, words do not */
        return s.len >= 20 && shape->upper * 4 >= shape->letters && shape->letters == s.len && turns_of(s) >= 4;
    bool mixed = shape->letters > 0;
    return mixed &&
           ((s.len >= 6 && turns_of(s) >= 3) || (s.len >= 5 && shape->digits >= 4 && shape->digits * 2 >= s.len) ||
            (s.len >= 16 && shape->letters + shape->digits == s.len));
}

/* What stands for the segment, NULL when it is a name; counts: counts_of(s). */
static const char *placeholder(struct slice s, uint64_t counts)
{
    bool is_counted = s.len <= MOST_COUNTED;
    if (s.len == 36 && has_form(s, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"))
        return ":uuid";
    struct shape shape = is_counted ? shape_of(s.len, counts) : shape_of_long(s);
    if (shape.digits == s.len)
        return ":id";
    if (shape.digits && is_date(s))
        return ":date";
    if (s.len >= 16 && shape.hex == s.len && shape.digits)
        return ":hash";
    if (shape.others && (!is_counted || count_of(counts, AT_SIGNS)) && is_email(s))
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

/* The ending of a file's name, 1 to 5 letters and digits behind the last dot; empty when it has none. */
static struct slice ending_of(struct slice s)
{
    size_t dot = s.len;
    while (dot > 2 && s.len - dot < 6 && s.at[dot - 1] != '.')
        dot--;
    struct slice ending = {s.at + dot, s.len - dot};
    if (dot < 2 || ending.len < 1 || ending.len > 5 || s.at[dot - 1] != '.')
        return (struct slice){s.at, 0};
    struct shape shape = shape_of(ending.len, counts_of(ending));
    return shape.letters > 0 && !shape.others ? ending : (struct slice){s.at, 0};
}

/* File names keep their ending: `report-18273.pdf` is `:token.pdf`. */
static void add_odd_segment(struct text *name, struct slice s, uint64_t counts)
{
    struct slice ending = ending_of(s);
    bool is_file = ending.len > 0;
    const char *instead;
    if (is_file && !is_email(s)) {
        struct slice stem = {s.at, s.len - ending.len - 1};
        instead = placeholder(stem, s.len <= MOST_COUNTED ? counts - counts_of(ending) : counts_of(stem));
    } else {
        instead = placeholder(s, counts);
    }
    if (!instead) {
        add_clean(name, s);
        return;
    }
    text_add(name, slice_of(instead));
    if (is_file && strcmp(instead, ":email") != 0)
        text_add(name, (struct slice){ending.at - 1, ending.len + 1});
}

/* Most are lower case and hyphens, not long, or numbers. counts: counts_of(s). */
static inline void add_segment(struct text *name, struct slice s, uint64_t counts)
{
    if (s.len < 20 && count_of(counts, LOWERS) + count_of(counts, HYPHENS) == s.len)
        text_add(name, s);
    else if (s.len <= MOST_COUNTED && count_of(counts, DIGITS) == s.len)
        text_add(name, SLICE(":id"));
    else
        add_odd_segment(name, s, counts);
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
    size_t n = 0;
    for (const char *at = path.at, *end = path.at + path.len; at < end;) {
        if (*at == '/') {
            at++;
            continue;
        }
        text_char(name, '/');
        if (++n > ROUTE_MAX_SEGMENTS) {
            text_add(name, SLICE("\xe2\x80\xa6"));
            return;
        }
        const char *start = at;
        uint64_t counts = 0;
        for (; at < end && *at != '/'; at++)
            counts += counted_as[(unsigned char)*at];
        add_segment(name, (struct slice){start, (size_t)(at - start)}, counts);
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
