/* The table and the order in which it is filled: defaults, file, environment. */
#include "config/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/config_int.h"

#define ROW(name, key, type, initial, min, max, unit, words, secret, sentence) \
    {key, TYPE_##type, initial, min, max, unit, words, secret, sentence},
const struct setting_row setting_rows[SETTING_COUNT] = {SETTINGS_TABLE(ROW)};
#undef ROW

#define PREFIX "SEISMO_"

char *config_copy(struct config *config, struct slice text)
{
    struct slice copy = arena_copy(config->arena, text);
    assert(copy.at); /* files are bounded far below the arena */
    return (char *)copy.at;
}

enum setting config_find(struct slice key)
{
    enum setting setting = 0;
    while (setting < SETTING_COUNT && !slice_is(key, setting_rows[setting].key))
        setting++;
    return setting;
}

/* A list as YAML writes it, in one line or one entry a line; else it is entries joined by commas. */
static bool is_yaml_list(enum setting setting, struct slice text)
{
    while (text.len && isspace((unsigned char)*text.at)) {
        text.at++;
        text.len--;
    }
    return setting_rows[setting].type == TYPE_LIST && text.len &&
           (*text.at == '[' || (text.len > 1 && memcmp(text.at, "- ", 2) == 0));
}

static enum err read_file(const char *path, struct buf *buf, struct err_text *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set(error, ERR_CONFIG, "%s: %s", path, strerror(errno));
    char part[4096];
    size_t n;
    while (!buf_failed(buf) && (n = fread(part, 1, sizeof part, file)) > 0)
        buf_add(buf, part, n);
    bool broken = ferror(file);
    fclose(file);
    if (broken)
        return err_set(error, ERR_CONFIG, "%s: cannot be read", path);
    if (buf_failed(buf))
        return err_set(error, ERR_CONFIG, "%s: larger than %d bytes", path, CONFIG_MAX_FILE_BYTES);
    return ERR_OK;
}

enum err config_set_from_file(struct config *config, enum setting setting, const char *path, struct place place,
                              struct err_text *error)
{
    struct buf buf;
    buf_init(&buf, CONFIG_MAX_FILE_BYTES);
    enum err err = read_file(path, &buf, error);
    if (!err) {
        struct slice text = buf_slice(&buf);
        if (text.len && text.at[text.len - 1] == '\n')
            text.len--;
        err = is_yaml_list(setting, text) ? config_read_yaml(config, text, path, (int)setting, error)
                                          : config_set(config, setting, text, place, error);
    }
    buf_done(&buf);
    return err;
}

/* "listen.public" -> "SEISMO_LISTEN_PUBLIC" */
static void environment_name(const char *key, char *name, size_t size)
{
    size_t n = (size_t)snprintf(name, size, PREFIX);
    for (; *key && n + 1 < size; key++)
        name[n++] = *key == '.' ? '_' : (char)toupper((unsigned char)*key);
    name[n] = '\0';
}

static enum err set_from_environment(struct config *config, enum setting setting, const char *name, const char *text,
                                     struct err_text *error)
{
    struct place place = {config_copy(config, slice_of(name))};
    if (is_yaml_list(setting, slice_of(text)))
        return config_read_yaml(config, slice_of(text), name, (int)setting, error);
    return config_set(config, setting, slice_of(text), place, error);
}

static const char *nearest_variable(struct slice name)
{
    static char names[SETTING_COUNT][64];
    const char *list[SETTING_COUNT];
    for (enum setting i = 0; i < SETTING_COUNT; i++) {
        environment_name(setting_rows[i].key, names[i], sizeof names[i]);
        list[i] = names[i];
    }
    return config_nearest(name, list, SETTING_COUNT);
}

static enum err read_variable(struct config *config, struct slice name, const char *text, struct err_text *error)
{
    char mine[80];
    if (slice_is(name, PREFIX "APPLICATIONS"))
        return config_read_yaml(config, slice_of(text), PREFIX "APPLICATIONS", SETTING_COUNT, error);
    for (enum setting i = 0; i < SETTING_COUNT; i++) {
        environment_name(setting_rows[i].key, mine, sizeof mine);
        size_t n = strlen(mine);
        if (slice_is(name, mine))
            return set_from_environment(config, i, mine, text, error);
        if (name.len == n + 5 && memcmp(name.at, mine, n) == 0 && memcmp(name.at + n, "_FILE", 5) == 0)
            return config_set_from_file(config, i, text, (struct place){config_copy(config, name)}, error);
    }
    const char *nearest = nearest_variable(name);
    log_warn("config", ERR_CONFIG, "%.*s is not a setting%s%s", SLICE_ARG(name), nearest ? "; did you mean " : "",
             nearest ? nearest : "");
    return ERR_OK;
}

static enum err read_environment(struct config *config, const char *const *environment, struct err_text *error)
{
    enum err err = ERR_OK;
    for (; !err && environment && *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (equals && strncmp(*environment, PREFIX, strlen(PREFIX)) == 0)
            err =
                read_variable(config, (struct slice){*environment, (size_t)(equals - *environment)}, equals + 1, error);
    }
    return err;
}

static void set_defaults(struct config *config)
{
    struct err_text error;
    for (enum setting i = 0; i < SETTING_COUNT; i++) {
        enum err err = config_set(config, i, slice_of(setting_rows[i].initial), (struct place){"default"}, &error);
        assert(!err); /* the table's own defaults are within its own bounds */
    }
}

static enum err fill(struct config *config, const char *file, const char *const *environment, struct err_text *error)
{
    set_defaults(config);
    if (file) {
        struct buf buf;
        buf_init(&buf, CONFIG_MAX_FILE_BYTES);
        enum err err = read_file(file, &buf, error);
        if (!err)
            err = config_read_yaml(config, buf_slice(&buf), file, YAML_WHOLE_FILE, error);
        buf_done(&buf);
        if (err)
            return err;
    }
    return read_environment(config, environment, error);
}

/* What is quoted from a file or a variable may hold anything; terminals and logs get one line of it. */
static void make_printable(struct err_text *error)
{
    for (char *c = error->at; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
}

enum err config_load(struct config **ret_config, const char *file, const char *const *environment,
                     struct err_text *text)
{
    struct arena *arena = arena_new(16384, 16 * CONFIG_MAX_FILE_BYTES);
    struct config *config = arena_zero(arena, sizeof *config);
    config->arena = arena;
    enum err err = fill(config, file, environment, text);
    if (err) {
        make_printable(text);
        config_free(config);
    } else {
        *ret_config = config;
    }
    return err;
}

void config_free(struct config *config)
{
    if (config)
        arena_free(config->arena);
}

const char *config_text(const struct config *config, enum setting setting)
{
    assert(setting < SETTING_COUNT && setting_rows[setting].type == TYPE_STRING);
    return config->values[setting].text;
}

double config_real(const struct config *config, enum setting setting)
{
    assert(setting < SETTING_COUNT && setting_rows[setting].type != TYPE_STRING &&
           setting_rows[setting].type != TYPE_LIST);
    return config->values[setting].number;
}

int64_t config_int(const struct config *config, enum setting setting)
{
    return (int64_t)config_real(config, setting);
}

const char *const *config_list(const struct config *config, enum setting setting)
{
    assert(setting < SETTING_COUNT && setting_rows[setting].type == TYPE_LIST);
    return config->values[setting].list;
}

const char *config_source(const struct config *config, enum setting setting)
{
    assert(setting < SETTING_COUNT);
    return config->values[setting].source;
}

const char *config_key(enum setting setting)
{
    assert(setting < SETTING_COUNT);
    return setting_rows[setting].key;
}

static bool same_list(const char *const *a, const char *const *b)
{
    while (*a && *b && strcmp(*a, *b) == 0)
        a++, b++;
    return !*a && !*b;
}

bool config_same(const struct config *a, const struct config *b, enum setting setting)
{
    const struct value *one = &a->values[setting], *other = &b->values[setting];
    switch (setting_rows[setting].type) {
    case TYPE_STRING: return strcmp(one->text, other->text) == 0;
    case TYPE_LIST: return same_list(one->list, other->list);
    default: return one->number == other->number; /* NOLINT: as they were read */
    }
}

const struct application *config_applications(const struct config *config, size_t *ret_n)
{
    *ret_n = config->n_applications;
    return config->applications;
}

static void print_value(const struct setting_row *row, const struct value *value, struct buf *buf)
{
    if (row->secret && ((value->text && *value->text) || (value->list && *value->list))) {
        buf_text(buf, "***");
    } else if (row->type == TYPE_STRING) {
        buf_json_string(buf, slice_of(value->text));
    } else if (row->type == TYPE_BOOL) {
        buf_text(buf, value->number != 0 ? "true" : "false");
    } else if (row->type == TYPE_LIST) {
        buf_char(buf, '[');
        assert(value->list);
        for (const char *const *item = value->list; *item; item++) {
            buf_text(buf, item == value->list ? "" : ", ");
            buf_json_string(buf, slice_of(*item));
        }
        buf_char(buf, ']');
    } else {
        buf_number(buf, value->number);
    }
}

void config_print(const struct config *config, struct buf *buf)
{
    for (enum setting i = 0; i < SETTING_COUNT; i++) {
        buf_printf(buf, "%s: ", setting_rows[i].key);
        print_value(&setting_rows[i], &config->values[i], buf);
        buf_printf(buf, "  # %s%s%s\n", setting_rows[i].unit, *setting_rows[i].unit ? ", " : "",
                   config->values[i].source);
    }
    for (size_t i = 0; i < config->n_applications; i++) {
        buf_text(buf, "# application ");
        buf_json_string(buf, slice_of(config->applications[i].name));
        buf_char(buf, '\n');
    }
}
