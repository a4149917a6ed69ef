/* Text to values of their type and bounds; the nearest right name for a wrong one. */
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config_int.h"

struct suffix {
    const char *text;
    double factor;
};
static const struct suffix durations[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}, {"", 1}};
static const struct suffix sizes[] = {
    {"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {"TiB", 1099511627776}, {"", 1}};
static const struct suffix plain[] = {{"", 1}};

/* "30s" with its suffixes -> 30000; NAN when it is not a number with one of them. */
static double parse_number(const char *text, const struct suffix *suffixes)
{
    char *end;
    if (!isdigit((unsigned char)*text) && *text != '-' && *text != '.')
        return NAN;
    double number = strtod(text, &end);
    while (*end == ' ')
        end++;
    for (const struct suffix *suffix = suffixes;; suffix++) {
        if (strcmp(end, suffix->text) == 0)
            return number * suffix->factor;
        if (!*suffix->text)
            return NAN;
    }
}

static double parse_bool(const char *text)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return 1;
        if (strcasecmp(text, no[i]) == 0)
            return 0;
    }
    return NAN;
}

static double parse_by_type(const struct setting_row *row, const char *text)
{
    switch (row->type) {
    case TYPE_BOOL: return parse_bool(text);
    case TYPE_MS: return parse_number(text, durations);
    case TYPE_BYTES: return parse_number(text, sizes);
    default: return parse_number(text, plain);
    }
}

static const char *expected(enum setting_type type)
{
    static const char *const words[] = {"a text",        "a whole number",          "a number",
                                        "true or false", "a duration as 30s or 5m", "a size as 256KiB or 2MiB",
                                        "a list"};
    return words[type];
}

static enum err set_number(struct value *value, const struct setting_row *row, const char *text, struct place place,
                           struct err_text *error)
{
    double number = parse_by_type(row, text);
    if (isnan(number) || (row->type != TYPE_REAL && number != floor(number)))
        return err_set(error, ERR_CONFIG, "%s: %s: expected %s, found '%.60s'", place.text, row->key,
                       expected(row->type), text);
    if (row->min < row->max && (number < row->min || number > row->max))
        return err_set(error, ERR_CONFIG, "%s: %s: expected %.15g to %.15g%s%s, found %.15g", place.text, row->key,
                       row->min, row->max, *row->unit ? " " : "", row->unit, number);
    value->number = number;
    return ERR_OK;
}

static enum err set_words(struct config *config, enum setting setting, const char *text, struct place place,
                          struct err_text *error)
{
    const char *list[CONFIG_MAX_LIST + 1];
    size_t n = 0;
    while (*(text += strspn(text, ", \t"))) {
        size_t length = strcspn(text, ",");
        if (n == CONFIG_MAX_LIST)
            return err_set(error, ERR_CONFIG, "%s: %s: more than %d items", place.text, setting_rows[setting].key,
                           CONFIG_MAX_LIST);
        size_t trimmed = length;
        while (trimmed && isspace((unsigned char)text[trimmed - 1]))
            trimmed--;
        list[n++] = config_copy(config, (struct slice){text, trimmed});
        text += length;
    }
    list[n] = NULL;
    return config_set_list(config, setting, list, place);
}

enum err config_set_list(struct config *config, enum setting setting, const char *const *list, struct place place)
{
    size_t n = 0;
    while (list[n])
        n++;
    const char **copy = arena_alloc(config->arena, (n + 1) * sizeof *copy);
    assert(copy);
    memcpy(copy, list, (n + 1) * sizeof *copy);
    config->values[setting].list = copy;
    config->values[setting].source = place.text;
    return ERR_OK;
}

static bool is_word_of(const char *words, struct slice text)
{
    for (;;) {
        size_t n = strcspn(words, "|");
        if (slice_equal((struct slice){words, n}, text))
            return true;
        if (!words[n])
            return false;
        words += n + 1;
    }
}

static enum err set_text(struct value *value, const struct setting_row *row, const char *text, struct place place,
                         struct err_text *error)
{
    if (*row->words && !is_word_of(row->words, slice_of(text)))
        return err_set(error, ERR_CONFIG, "%s: %s: expected one of %s, found '%.60s'", place.text, row->key, row->words,
                       text);
    value->text = text;
    return ERR_OK;
}

enum err config_set(struct config *config, enum setting setting, struct slice text, struct place place,
                    struct err_text *error)
{
    const struct setting_row *row = &setting_rows[setting];
    struct value *value = &config->values[setting];
    const char *copy = config_copy(config, text);
    if (row->type == TYPE_LIST)
        return set_words(config, setting, copy, place, error);
    enum err err = row->type == TYPE_STRING ? set_text(value, row, copy, place, error)
                                            : set_number(value, row, copy, place, error);
    if (!err)
        value->source = place.text;
    return err;
}

#define MAX_WORD 64

/* Levenshtein's distance, of at most MAX_WORD characters. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[MAX_WORD + 1];
    if (n > MAX_WORD || m > MAX_WORD)
        return MAX_WORD;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[m];
}

const char *config_nearest(struct slice word, const char *const *candidates, size_t n)
{
    const char *nearest = NULL;
    size_t least = word.len / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word.at, word.len, candidates[i], strlen(candidates[i]));
        if (d < least) {
            least = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

const char *config_nearest_key(struct slice key)
{
    const char *keys[SETTING_COUNT];
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        keys[i] = setting_rows[i].key;
    return config_nearest(key, keys, SETTING_COUNT);
}
