/* The maps in memory, and stacks.
 *
 * A few decoded maps are kept, the one that was not used for longest goes first. One that cannot be decoded is kept as
 * an empty one, so that it costs once. One lock for all: role live has two workers. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "event/stack.h"
#include "sourcemap/sourcemap_int.h"

#define MAX_LOADED 16
#define MAX_LOADED_BYTES 201326592
#define MAX_LINE 2048 /* of a stack; longer ones are shown as they came */

struct loaded {
    char digest[DIGEST_HEX + 1]; /* "": free */
    struct sourcemap map;
    uint64_t used; /* grows */
};

struct sourcemaps {
    char *folder;
    pthread_mutex_t mutex;
    struct loaded loaded[MAX_LOADED];
    uint64_t used;
};

struct sourcemaps *sourcemaps_new(const char *folder)
{
    struct sourcemaps *maps = calloc(1, sizeof *maps);
    if (!maps || !(maps->folder = strdup(folder)))
        abort();
    pthread_mutex_init(&maps->mutex, NULL);
    return maps;
}

static void unload(struct loaded *loaded)
{
    if (loaded->digest[0])
        sourcemap_done(&loaded->map);
    *loaded = (struct loaded){0};
}

void sourcemaps_free(struct sourcemaps *maps)
{
    if (!maps)
        return;
    for (size_t i = 0; i < MAX_LOADED; i++)
        unload(&maps->loaded[i]);
    pthread_mutex_destroy(&maps->mutex);
    free(maps->folder);
    free(maps);
}

/* ---- maps ---- */

static struct loaded *oldest_of(struct sourcemaps *maps, const struct loaded *but)
{
    struct loaded *oldest = NULL;
    for (size_t i = 0; i < MAX_LOADED; i++) {
        struct loaded *loaded = &maps->loaded[i];
        if (loaded != but && (!oldest || loaded->used < oldest->used) && (loaded->digest[0] || !but))
            oldest = loaded;
    }
    return oldest;
}

static void keep_bounded(struct sourcemaps *maps, const struct loaded *newest)
{
    size_t bytes = 0;
    for (size_t i = 0; i < MAX_LOADED; i++)
        bytes += sourcemap_bytes(&maps->loaded[i].map);
    while (bytes > MAX_LOADED_BYTES) {
        struct loaded *oldest = oldest_of(maps, newest);
        if (!oldest)
            return;
        bytes -= sourcemap_bytes(&oldest->map);
        unload(oldest);
    }
}

static void read_map(const struct sourcemaps *maps, struct loaded *loaded)
{
    char path[FILE_PATH_BYTES];
    struct err_text text = {{0}};
    struct slice bytes = SLICE_NONE;
    snprintf(path, sizeof path, "%s/maps/%s.map", maps->folder, loaded->digest);
    enum err err = sourcemap_read_file(path, SOURCEMAP_MAX_BYTES, &bytes, &text);
    if (!err) {
        err = sourcemap_decode(bytes, &loaded->map, &text);
        free((char *)(uintptr_t)bytes.at);
    }
    if (err) {
        log_warn("sourcemap", err, "a map cannot be used: %s", text.at);
        sourcemap_done(&loaded->map);
    }
    METRIC_ADD("seismo_sourcemaps_read_total", "source maps read and decoded for the live page", 1);
}

/* NULL when it is not in memory and the budget is spent. */
static const struct sourcemap *load(struct sourcemaps *maps, const char *digest, struct sourcemap_budget *budget)
{
    for (size_t i = 0; i < MAX_LOADED; i++) {
        if (strcmp(maps->loaded[i].digest, digest) != 0)
            continue;
        maps->loaded[i].used = ++maps->used;
        return &maps->loaded[i].map;
    }
    if (budget->left_ms <= 0)
        return NULL;
    int64_t began_ms = clock_mono_ms();
    struct loaded *loaded = oldest_of(maps, NULL);
    unload(loaded);
    memcpy(loaded->digest, digest, DIGEST_HEX + 1);
    loaded->used = ++maps->used;
    read_map(maps, loaded);
    keep_bounded(maps, loaded);
    budget->left_ms -= clock_mono_ms() - began_ms;
    return &loaded->map;
}

/* ---- frames ---- */

/* Numbers from 1, as browsers write them. */
struct frame {
    struct slice line, function, url; /* url.len 0: no place */
    uint32_t at_line, at_column;
    bool is_async;
};

struct place {
    char file[512], name[128]; /* name: of what stands at the place; "": none */
    uint32_t line, column;
};

static bool cut_number(struct slice *text, uint32_t *ret_number)
{
    uint64_t number = 0, unit = 1;
    size_t n = 0;
    for (; n < 9 && n < text->len && text->at[text->len - 1 - n] >= '0' && text->at[text->len - 1 - n] <= '9'; n++) {
        number += (uint64_t)(text->at[text->len - 1 - n] - '0') * unit;
        unit *= 10;
    }
    if (n == 0 || n == text->len || text->at[text->len - 1 - n] != ':')
        return false;
    text->len -= n + 1;
    *ret_number = (uint32_t)number;
    return number > 0;
}

/* `https://x/shop.js:10:12` */
static bool cut_place(struct slice place, struct frame *frame)
{
    if (place.len && place.at[place.len - 1] == ')')
        place.len--;
    if (!cut_number(&place, &frame->at_column) || !cut_number(&place, &frame->at_line))
        return false;
    frame->url = place;
    return true;
}

static struct frame read_frame(struct slice line, bool is_chrome)
{
    struct frame frame = {.line = line};
    struct slice place = SLICE_NONE, words = stack_trim(line);
    if (line.len > MAX_LINE || !(is_chrome ? stack_read_chrome : stack_read_firefox)(words, &frame.function, &place) ||
        !cut_place(place, &frame)) {
        frame.function = frame.url = SLICE_NONE;
        return frame;
    }
    frame.is_async = slice_starts(frame.function, "async ") || slice_starts(frame.function, "async*");
    return frame;
}

static void copy_text(struct slice from, char *to, size_t size)
{
    size_t n = from.len < size - 1 ? from.len : size - 1;
    memcpy(to, from.len ? from.at : "", n);
    to[n] = '\0';
}

static bool find_place(struct sourcemaps *maps, struct slice release, const struct frame *frame,
                       struct sourcemap_budget *budget, struct place *ret_place)
{
    char path[MAX_LINE + 2], digest[DIGEST_HEX + 1];
    if (!frame->url.len || !sourcemap_path(frame->url, path, sizeof path) ||
        !sourcemap_look_up(maps->folder, release, slice_of(path), digest))
        return false;
    const struct sourcemap *map = load(maps, digest, budget);
    const struct segment *segment = map ? sourcemap_find(map, frame->at_line - 1, frame->at_column - 1) : NULL;
    if (!segment)
        return false;
    copy_text(sourcemap_source(map, segment), ret_place->file, sizeof ret_place->file);
    copy_text(sourcemap_name(map, segment), ret_place->name, sizeof ret_place->name);
    ret_place->line = segment->from_line + 1;
    ret_place->column = segment->from_column + 1;
    return true;
}

/* A function's name is what its caller calls it: what stands at the place of the frame below. */
static void write_frame(struct buf *buf, const struct frame *frame, const struct place *place, const char *called)
{
    buf_text(buf, "    at ");
    if (frame->is_async)
        buf_text(buf, "async ");
    struct slice function = *called ? slice_of(called) : frame->function;
    if (!*called && frame->is_async)
        function = (struct slice){function.at + 6, function.len - 6};
    if (function.len) {
        buf_add_slice(buf, function);
        buf_text(buf, " (");
    }
    buf_printf(buf, "%s:%u:%u%s", place->file, place->line, place->column, function.len ? ")" : "");
}

struct stack {
    struct frame frames[SOURCEMAP_MAX_FRAMES];
    struct place places[SOURCEMAP_MAX_FRAMES];
    bool found[SOURCEMAP_MAX_FRAMES];
    size_t n;
};

static void write_stack(const struct stack *stack, struct slice rest, struct buf *buf)
{
    for (size_t i = 0; i < stack->n; i++) {
        bool has_caller = i + 1 < stack->n && stack->found[i + 1] && !stack->frames[i + 1].is_async;
        if (i)
            buf_char(buf, '\n');
        if (stack->found[i])
            write_frame(buf, &stack->frames[i], &stack->places[i], has_caller ? stack->places[i + 1].name : "");
        else
            buf_add_slice(buf, stack->frames[i].line);
    }
    if (rest.len)
        buf_char(buf, '\n');
    buf_add_slice(buf, rest);
}

bool sourcemaps_resolve(struct sourcemaps *maps, struct slice release, struct slice text,
                        struct sourcemap_budget *budget, struct buf *buf)
{
    struct stack *stack = calloc(1, sizeof *stack);
    bool is_chrome = stack_is_chrome(text), is_found = false;
    if (!stack)
        abort();
    pthread_mutex_lock(&maps->mutex);
    while (text.len && stack->n < SOURCEMAP_MAX_FRAMES) {
        size_t i = stack->n++;
        stack->frames[i] = read_frame(stack_take_line(&text), is_chrome);
        stack->found[i] = find_place(maps, release, &stack->frames[i], budget, &stack->places[i]);
        is_found = is_found || stack->found[i];
    }
    pthread_mutex_unlock(&maps->mutex);
    if (is_found)
        write_stack(stack, text, buf);
    free(stack);
    return is_found;
}
