/* A source map's bytes to segments (ECMA-426), in one walk over its JSON that allocates nothing but what is kept.
 *
 * An index map is a list of maps with the place at which each begins; one may hold others, MAX_DEPTH deep. What a
 * section says of places behind the beginning of the next one does not count. */
#include <stdlib.h>

#include "event/json_scan.h"
#include "sourcemap/sourcemap_int.h"

#define MAX_DEPTH 4
#define MAX_TEXT_BYTES 33554432 /* of all sources' names, and of all names */

struct decoding {
    struct sourcemap *map;
    struct err_text *text;
    uint32_t line, column; /* at which the section begins */
    int depth;
};

struct parts {
    struct slice version, mappings, sources, names, root, sections;
};

/* ---- texts ---- */

static void *grown(void *at, size_t *size, size_t each)
{
    *size = *size ? *size * 2 : 64;
    at = realloc(at, *size * each);
    if (!at)
        abort();
    return at;
}

static struct slice between_quotes(struct slice value)
{
    return value.len >= 2 && value.at[0] == '"' ? (struct slice){value.at + 1, value.len - 2} : SLICE_NONE;
}

/* Adds what a JSON string says; anything else is an empty text. */
static bool add_json_text(struct buf *buf, struct slice value)
{
    struct slice raw = between_quotes(value);
    char *room = buf_reserve(buf, raw.len);
    size_t len = 0;
    if (!room || json_unescape(raw, room, &len) == UNESCAPED_BAD)
        return false;
    buf->len += len;
    return true;
}

static bool add_text(struct texts *texts, struct slice root, struct slice value)
{
    if (root.len && value.len > 2) {
        if (!add_json_text(&texts->bytes, root))
            return false;
        if (texts->bytes.len && texts->bytes.at[texts->bytes.len - 1] != '/')
            buf_char(&texts->bytes, '/');
    }
    if (!add_json_text(&texts->bytes, value) || texts->n == SOURCEMAP_MAX_NAMES)
        return false;
    if (texts->n == texts->size)
        texts->ends = grown(texts->ends, &texts->size, sizeof *texts->ends);
    texts->ends[texts->n++] = texts->bytes.len;
    return true;
}

static struct slice text_at(const struct texts *texts, int32_t i)
{
    size_t begin = i > 0 ? texts->ends[i - 1] : 0;
    return i < 0 ? SLICE_NONE : (struct slice){texts->bytes.at + begin, texts->ends[i] - begin};
}

static enum err read_texts(struct decoding *decoding, struct slice array, struct slice root, struct texts *texts)
{
    struct json_scan scan = json_array_of(array);
    struct slice value;
    if (between_quotes(root).len == 0)
        root = SLICE_NONE;
    while (json_array_next(&scan, &value))
        if (!add_text(texts, root, value))
            return err_set(decoding->text, ERR_TOO_LARGE, "its names or sources cannot be read or are too many");
    return ERR_OK;
}

/* ---- mappings ---- */

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One base64 VLQ; false when it is none or takes more than 32 bits. */
static bool read_vlq(struct slice *left, int64_t *ret_value)
{
    uint64_t value = 0;
    for (int shift = 0; left->len && shift < 35; shift += 5) {
        if (*left->at == '\\' && left->len > 1 && left->at[1] == '/') { /* as some write JSON */
            left->at++;
            left->len--;
        }
        int digit = digit_of(*left->at);
        if (digit < 0)
            return false;
        left->at++;
        left->len--;
        value |= (uint64_t)(digit & 31) << shift;
        if (digit & 32)
            continue;
        *ret_value = value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
        return value >> 1 <= INT32_MAX;
    }
    return false;
}

struct cursor {
    int64_t line, field[5]; /* column, source, line and column there, name; all but the column go on over lines */
};

static bool segment_is_right(const struct cursor *cursor, int n, size_t sources, size_t names)
{
    const int64_t *field = cursor->field;
    bool is_right = (n == 1 || n == 4 || n == 5) && field[0] >= 0 && field[0] <= INT32_MAX;
    if (is_right && n >= 4)
        is_right = field[1] >= 0 && (size_t)field[1] < sources && field[2] >= 0 && field[2] <= INT32_MAX &&
                   field[3] >= 0 && field[3] <= INT32_MAX;
    return is_right && (n < 5 || (field[4] >= 0 && (size_t)field[4] < names));
}

static bool read_segment(struct slice *left, struct cursor *cursor, int *ret_n)
{
    int n = 0;
    int64_t delta;
    while (left->len && *left->at != ',' && *left->at != ';') {
        if (n == 5 || !read_vlq(left, &delta))
            return false;
        cursor->field[n++] += delta;
    }
    *ret_n = n;
    return true;
}

static void add_segment(struct decoding *decoding, const struct cursor *cursor, int n, size_t first_source,
                        size_t first_name)
{
    struct sourcemap *map = decoding->map;
    const int64_t *field = cursor->field;
    if (map->n == map->size)
        map->segments = grown(map->segments, &map->size, sizeof *map->segments);
    map->segments[map->n++] = (struct segment){
        .line = decoding->line + (uint32_t)cursor->line,
        .column = (uint32_t)field[0] + (cursor->line ? 0 : decoding->column),
        .source = n >= 4 ? (int32_t)(first_source + (size_t)field[1]) : -1,
        .from_line = n >= 4 ? (uint32_t)field[2] : 0,
        .from_column = n >= 4 ? (uint32_t)field[3] : 0,
        .name = n == 5 ? (int32_t)(first_name + (size_t)field[4]) : -1,
    };
}

static enum err read_mappings(struct decoding *decoding, struct slice left, size_t first_source, size_t first_name)
{
    struct cursor cursor = {0};
    const struct sourcemap *map = decoding->map;
    const char *begin = left.at;
    int n;
    while (left.len) {
        char sign = *left.at;
        if (sign == ';') {
            cursor.line++;
            cursor.field[0] = 0;
        }
        if (sign == ';' || sign == ',') {
            left.at++;
            left.len--;
            continue;
        }
        if (!read_segment(&left, &cursor, &n) ||
            !segment_is_right(&cursor, n, map->sources.n - first_source, map->names.n - first_name))
            return err_set(decoding->text, ERR_CORRUPT, "its mappings are wrong at byte %zu",
                           (size_t)(left.at - begin));
        if (map->n == SOURCEMAP_MAX_SEGMENTS)
            return err_set(decoding->text, ERR_TOO_LARGE, "it has more than %d mappings", SOURCEMAP_MAX_SEGMENTS);
        add_segment(decoding, &cursor, n, first_source, first_name);
    }
    return ERR_OK;
}

/* ---- order ---- */

static int by_place(const struct segment *a, uint32_t line, uint32_t column)
{
    if (a->line != line)
        return a->line < line ? -1 : 1;
    return (a->column > column) - (a->column < column);
}

/* Builders write mappings in order; qsort would not keep the order of equal ones, so a merge does. */
static void merge(struct segment *segments, size_t n, struct segment *room)
{
    size_t half = n / 2, left = 0, right = half;
    if (n < 2)
        return;
    merge(segments, half, room);
    merge(segments + half, n - half, room);
    for (size_t i = 0; i < n; i++) {
        bool take_left =
            right == n || (left < half && by_place(&segments[left], segments[right].line, segments[right].column) <= 0);
        room[i] = segments[take_left ? left++ : right++];
    }
    memcpy(segments, room, n * sizeof *segments);
}

static void put_in_order(struct sourcemap *map, size_t first)
{
    for (size_t i = first + 1; i < map->n; i++) {
        if (by_place(&map->segments[i - 1], map->segments[i].line, map->segments[i].column) <= 0)
            continue;
        struct segment *room = malloc((map->n - first) * sizeof *room);
        if (!room)
            abort();
        merge(map->segments + first, map->n - first, room);
        free(room);
        return;
    }
}

/* ---- maps ---- */

static struct parts parts_of(struct slice json)
{
    struct parts parts = {.version = SLICE_NONE};
    const struct {
        const char *name;
        struct slice *to;
    } wanted[] = {
        {"version", &parts.version}, {"mappings", &parts.mappings}, {"sources", &parts.sources},
        {"names", &parts.names},     {"sourceRoot", &parts.root},   {"sections", &parts.sections},
    };
    struct json_scan scan = json_scan_of(json);
    for (struct json_member member; json_scan_next(&scan, &member);)
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (slice_is(member.name, wanted[i].name))
                *wanted[i].to = member.value;
    return parts;
}

static enum err decode_plain(struct decoding *decoding, const struct parts *parts)
{
    struct sourcemap *map = decoding->map;
    size_t first = map->n, first_source = map->sources.n, first_name = map->names.n;
    if (!parts->mappings.len || parts->mappings.at[0] != '"' || !slice_is(parts->version, "3"))
        return err_set(decoding->text, ERR_CORRUPT, "it is no source map of version 3");
    enum err err = read_texts(decoding, parts->sources, parts->root, &map->sources);
    if (!err)
        err = read_texts(decoding, parts->names, SLICE_NONE, &map->names);
    if (!err)
        err = read_mappings(decoding, between_quotes(parts->mappings), first_source, first_name);
    if (!err)
        put_in_order(map, first);
    return err;
}

static bool read_number(struct slice json, uint32_t *ret_number)
{
    uint64_t number = 0;
    if (!json.len || json.len > 9)
        return false;
    for (size_t i = 0; i < json.len; i++) {
        if (json.at[i] < '0' || json.at[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(json.at[i] - '0');
    }
    *ret_number = (uint32_t)number;
    return true;
}

static bool read_offset(struct slice json, uint32_t *ret_line, uint32_t *ret_column)
{
    struct json_scan scan = json_scan_of(json);
    struct slice line = SLICE_NONE, column = SLICE_NONE;
    for (struct json_member member; json_scan_next(&scan, &member);)
        *(slice_is(member.name, "line") ? &line : &column) = member.value;
    return read_number(line, ret_line) && read_number(column, ret_column);
}

static enum err decode_map(struct decoding *decoding, struct slice json);

static enum err decode_section(struct decoding *outer, struct slice json)
{
    struct decoding decoding = *outer;
    struct slice offset = SLICE_NONE, map = SLICE_NONE;
    struct json_scan scan = json_scan_of(json);
    uint32_t line, column;
    for (struct json_member member; json_scan_next(&scan, &member);) {
        if (slice_is(member.name, "offset"))
            offset = member.value;
        else if (slice_is(member.name, "map"))
            map = member.value;
    }
    if (!read_offset(offset, &line, &column) || !map.len)
        return err_set(outer->text, ERR_CORRUPT, "a section has no offset or no map");
    decoding.column = column + (line ? 0 : outer->column);
    decoding.line = outer->line + line;
    decoding.depth = outer->depth + 1;
    struct sourcemap *to = decoding.map;
    while (to->n && by_place(&to->segments[to->n - 1], decoding.line, decoding.column) >= 0)
        to->n--;
    return decode_map(&decoding, map);
}

static enum err decode_map(struct decoding *decoding, struct slice json) // NOLINT(misc-no-recursion)
{
    struct parts parts = parts_of(json);
    if (!parts.sections.len)
        return decode_plain(decoding, &parts);
    if (decoding->depth == MAX_DEPTH)
        return err_set(decoding->text, ERR_TOO_LARGE, "its sections are nested more than %d deep", MAX_DEPTH);
    struct json_scan scan = json_array_of(parts.sections);
    enum err err = ERR_OK;
    for (struct slice section; !err && json_array_next(&scan, &section);)
        err = decode_section(decoding, section);
    return err;
}

enum err sourcemap_decode(struct slice json, struct sourcemap *ret_map, struct err_text *text)
{
    struct decoding decoding = {.map = ret_map, .text = text};
    memset(ret_map, 0, sizeof *ret_map);
    buf_init(&ret_map->sources.bytes, MAX_TEXT_BYTES);
    buf_init(&ret_map->names.bytes, MAX_TEXT_BYTES);
    if (json.len > SOURCEMAP_MAX_BYTES)
        return err_set(text, ERR_TOO_LARGE, "it is larger than %d bytes", SOURCEMAP_MAX_BYTES);
    if (slice_starts(json, ")]}")) { /* which keeps pages of other origins from running it */
        const char *end = memchr(json.at, '\n', json.len);
        size_t n = end ? (size_t)(end + 1 - json.at) : json.len;
        json = (struct slice){json.at + n, json.len - n};
    }
    return decode_map(&decoding, json);
}

void sourcemap_done(struct sourcemap *map)
{
    free(map->segments);
    free(map->sources.ends);
    free(map->names.ends);
    buf_done(&map->sources.bytes);
    buf_done(&map->names.bytes);
    *map = (struct sourcemap){0};
}

size_t sourcemap_bytes(const struct sourcemap *map)
{
    return map->size * sizeof *map->segments + map->sources.bytes.size + map->names.bytes.size +
           (map->sources.size + map->names.size) * sizeof(size_t);
}

/* The last segment at or before the place, in the same line; of several at the very place the first. */
const struct segment *sourcemap_find(const struct sourcemap *map, uint32_t line, uint32_t column)
{
    size_t low = 0, high = map->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_place(&map->segments[middle], line, column) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_there = low < map->n && by_place(&map->segments[low], line, column) == 0;
    if (!is_there && (low == 0 || map->segments[low - 1].line != line))
        return NULL;
    const struct segment *segment = &map->segments[is_there ? low : low - 1];
    return segment->source < 0 ? NULL : segment;
}

struct slice sourcemap_source(const struct sourcemap *map, const struct segment *segment)
{
    return text_at(&map->sources, segment->source);
}

struct slice sourcemap_name(const struct sourcemap *map, const struct segment *segment)
{
    return text_at(&map->names, segment->name);
}
