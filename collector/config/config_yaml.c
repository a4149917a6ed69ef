/* YAML to settings, by libyaml, which knows where each node stands. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "config/config_int.h"

#define MAX_KEY 128

struct walk {
    struct config *config;
    yaml_document_t *document;
    const char *name; /* of the file or the variable */
    struct err_text *error;
};

static struct place place_of(const struct walk *walk, const yaml_node_t *node)
{
    char text[600];
    snprintf(text, sizeof text, "%.500s:%zu:%zu", walk->name, node->start_mark.line + 1, node->start_mark.column + 1);
    return (struct place){config_copy(walk->config, slice_of(text))};
}

static struct slice scalar(const yaml_node_t *node)
{
    return (struct slice){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static yaml_node_t *node_at(const struct walk *walk, int index)
{
    return yaml_document_get_node(walk->document, index);
}

static enum err wrong(const struct walk *walk, const yaml_node_t *node, const char *key, const char *expectation)
{
    static const char *const kinds[] = {"nothing", "a text", "a list", "a mapping"};
    return err_set(walk->error, ERR_CONFIG, "%s: %s: expected %s, found %s", place_of(walk, node).text, key,
                   expectation, kinds[node->type <= YAML_MAPPING_NODE ? node->type : 0]);
}

/* A list of texts into list[0..CONFIG_MAX_LIST], ended by NULL; one text alone counts as a list of one. */
static enum err read_list(const struct walk *walk, const yaml_node_t *node, const char *key, const char **list)
{
    size_t n = 0;
    if (node->type == YAML_SCALAR_NODE) {
        if (node->data.scalar.length)
            list[n++] = config_copy(walk->config, scalar(node));
        list[n] = NULL;
        return ERR_OK;
    }
    if (node->type != YAML_SEQUENCE_NODE)
        return wrong(walk, node, key, "a list");
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        const yaml_node_t *child = node_at(walk, *item);
        if (child->type != YAML_SCALAR_NODE)
            return wrong(walk, child, key, "a text");
        if (n == CONFIG_MAX_LIST)
            return err_set(walk->error, ERR_CONFIG, "%s: %s: more than %d items", place_of(walk, child).text, key,
                           CONFIG_MAX_LIST);
        list[n++] = config_copy(walk->config, scalar(child));
    }
    list[n] = NULL;
    return ERR_OK;
}

static enum err read_setting(const struct walk *walk, enum setting setting, const yaml_node_t *node)
{
    const struct setting_row *row = &setting_rows[setting];
    if (row->type == TYPE_LIST) {
        const char *list[CONFIG_MAX_LIST + 1];
        enum err err = read_list(walk, node, row->key, list);
        return err ? err : config_set_list(walk->config, setting, list, place_of(walk, node));
    }
    if (node->type != YAML_SCALAR_NODE)
        return wrong(walk, node, row->key, "one value");
    return config_set(walk->config, setting, scalar(node), place_of(walk, node), walk->error);
}

/* ---- applications ---- */

static enum err copy_list(const struct walk *walk, const yaml_node_t *node, const char *key,
                          const char *const **ret_list)
{
    const char *list[CONFIG_MAX_LIST + 1];
    enum err err = read_list(walk, node, key, list);
    if (err)
        return err;
    size_t n = 0;
    while (list[n])
        n++;
    const char **copy = arena_alloc(walk->config->arena, (n + 1) * sizeof *copy);
    assert(copy);
    memcpy(copy, list, (n + 1) * sizeof *copy);
    *ret_list = copy;
    return ERR_OK;
}

static enum err read_text(const struct walk *walk, const yaml_node_t *node, const char *key, const char **ret_text)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0 || node->data.scalar.length > 100)
        return wrong(walk, node, key, "a text of 1 to 100 bytes");
    *ret_text = config_copy(walk->config, scalar(node));
    return ERR_OK;
}

static enum err read_flag(const struct walk *walk, const yaml_node_t *node, const char *key, bool *ret_flag)
{
    if (node->type == YAML_SCALAR_NODE && (slice_is(scalar(node), "true") || slice_is(scalar(node), "yes")))
        *ret_flag = true;
    else if (node->type == YAML_SCALAR_NODE && (slice_is(scalar(node), "false") || slice_is(scalar(node), "no")))
        *ret_flag = false;
    else
        return wrong(walk, node, key, "true or false");
    return ERR_OK;
}

static enum err read_bounded(const struct walk *walk, const yaml_node_t *node, const char *key, double most,
                             const char *what, double *ret_number)
{
    char *end = NULL;
    const char *text = node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
    double number = strtod(text, &end);
    if (end == text || *end || !(number >= 0 && number <= most) || !(*text >= '0' && *text <= '9'))
        return wrong(walk, node, key, what);
    *ret_number = number;
    return ERR_OK;
}

/* What agents are told with each answer. */
struct advice {
    double rate, wait_s;
    bool has_rate, stop;
};

static const char *write_advice(struct config *config, const struct advice *advice)
{
    struct buf buf;
    buf_init(&buf, APPLICATION_ADVICE_BYTES);
    if (advice->has_rate) {
        buf_text(&buf, ",\"rate\":");
        buf_number(&buf, advice->rate);
    }
    if (advice->stop)
        buf_text(&buf, ",\"stop\":true");
    if (advice->wait_s > 0) {
        buf_text(&buf, ",\"wait\":");
        buf_int(&buf, (int64_t)advice->wait_s);
    }
    assert(!buf_failed(&buf));
    const char *text = config_copy(config, buf_slice(&buf));
    buf_done(&buf);
    return text;
}

/* False: the member is none of these. */
static bool read_advice(const struct walk *walk, struct slice name, const yaml_node_t *value, struct advice *advice,
                        enum err *ret_err)
{
    if (slice_is(name, "rate")) {
        *ret_err = read_bounded(walk, value, "applications.rate", 1, "a number from 0 to 1", &advice->rate);
        advice->has_rate = true;
    } else if (slice_is(name, "stop")) {
        *ret_err = read_flag(walk, value, "applications.stop", &advice->stop);
    } else if (slice_is(name, "wait")) {
        *ret_err =
            read_bounded(walk, value, "applications.wait", 86400, "whole seconds from 0 to 86400", &advice->wait_s);
        if (!*ret_err && advice->wait_s != floor(advice->wait_s))
            *ret_err = wrong(walk, value, "applications.wait", "whole seconds from 0 to 86400");
    } else {
        return false;
    }
    return true;
}

static enum err read_member(const struct walk *walk, const yaml_node_t *key, const yaml_node_t *value,
                            struct application *application, struct advice *advice)
{
    static const char *const members[] = {"name",           "keys", "origins", "services", "routes",
                                          "server_clients", "rate", "stop",    "wait"};
    enum err err;
    struct slice name = scalar(key);
    if (slice_is(name, "name"))
        return read_text(walk, value, "applications.name", &application->name);
    if (slice_is(name, "keys"))
        return copy_list(walk, value, "applications.keys", &application->keys);
    if (slice_is(name, "origins"))
        return copy_list(walk, value, "applications.origins", &application->origins);
    if (slice_is(name, "services"))
        return copy_list(walk, value, "applications.services", &application->services);
    if (slice_is(name, "routes"))
        return copy_list(walk, value, "applications.routes", &application->routes);
    if (slice_is(name, "server_clients"))
        return read_flag(walk, value, "applications.server_clients", &application->server_clients);
    if (read_advice(walk, name, value, advice, &err))
        return err;
    const char *nearest = config_nearest(name, members, sizeof members / sizeof *members);
    return err_set(walk->error, ERR_CONFIG, "%s: unknown key 'applications.%.60s'%s%s", place_of(walk, key).text,
                   config_copy(walk->config, name), nearest ? "; did you mean " : "", nearest ? nearest : "");
}

static bool has_key(const struct config *config, const char *key)
{
    for (size_t i = 0; i < config->n_applications; i++)
        for (const char *const *k = config->applications[i].keys; *k; k++)
            if (strcmp(*k, key) == 0)
                return true;
    return false;
}

static enum err check_application(const struct walk *walk, const yaml_node_t *node,
                                  const struct application *application)
{
    const char *place = place_of(walk, node).text;
    if (!application->name)
        return err_set(walk->error, ERR_CONFIG, "%s: applications: this one has no name", place);
    if (!*application->keys)
        return err_set(walk->error, ERR_CONFIG, "%s: application %s: it has no keys", place, application->name);
    for (const char *const *key = application->keys; *key; key++)
        if (!**key || has_key(walk->config, *key))
            return err_set(walk->error, ERR_CONFIG,
                           "%s: application %s: a key is empty or belongs to another application", place,
                           application->name);
    if (!*application->origins && !application->server_clients)
        return err_set(walk->error, ERR_CONFIG,
                       "%s: application %s: neither origins nor server_clients: nobody could send", place,
                       application->name);
    return ERR_OK;
}

static enum err read_application(const struct walk *walk, const yaml_node_t *node)
{
    static const char *const none[] = {NULL};
    struct application application = {.keys = none, .origins = none, .services = none, .routes = none};
    struct advice advice = {0};
    if (node->type != YAML_MAPPING_NODE)
        return wrong(walk, node, "applications", "a mapping with name, keys and origins");
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(walk, pair->key);
        if (key->type != YAML_SCALAR_NODE)
            return wrong(walk, key, "applications", "a name");
        enum err err = read_member(walk, key, node_at(walk, pair->value), &application, &advice);
        if (err)
            return err;
    }
    application.advice = write_advice(walk->config, &advice);
    enum err err = check_application(walk, node, &application);
    if (!err)
        walk->config->applications[walk->config->n_applications++] = application;
    return err;
}

static enum err read_applications(const struct walk *walk, const yaml_node_t *node)
{
    struct config *config = walk->config;
    if (node->type != YAML_SEQUENCE_NODE)
        return wrong(walk, node, "applications", "a list");
    size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (n > CONFIG_MAX_APPLICATIONS)
        return err_set(walk->error, ERR_CONFIG, "%s: applications: more than %d", place_of(walk, node).text,
                       CONFIG_MAX_APPLICATIONS);
    config->applications = arena_zero(config->arena, (n + 1) * sizeof *config->applications);
    config->n_applications = 0; /* the environment replaces the file's list */
    enum err err = ERR_OK;
    for (yaml_node_item_t *item = node->data.sequence.items.start; !err && item < node->data.sequence.items.top; item++)
        err = read_application(walk, node_at(walk, *item));
    return err;
}

/* ---- the whole file ---- */

static bool is_group(struct slice key)
{
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        if (slice_starts((struct slice){setting_rows[i].key, strlen(setting_rows[i].key)}, key.at) &&
            setting_rows[i].key[key.len] == '.')
            return true;
    return false;
}

static enum err unknown(const struct walk *walk, const yaml_node_t *node, struct slice key)
{
    const char *nearest = config_nearest_key(key);
    return err_set(walk->error, ERR_CONFIG, "%s: unknown key '%s'%s%s%s", place_of(walk, node).text, key.at,
                   nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static enum err read_mapping(const struct walk *walk, const yaml_node_t *node, const char *prefix);

static enum err read_pair(const struct walk *walk, const yaml_node_t *key_node, const yaml_node_t *value,
                          const char *prefix)
{
    if (key_node->type != YAML_SCALAR_NODE || key_node->data.scalar.length + strlen(prefix) + 2 > MAX_KEY)
        return wrong(walk, key_node, *prefix ? prefix : "the file", "a known key");
    char text[MAX_KEY];
    snprintf(text, sizeof text, "%s%s%s", prefix, *prefix ? "." : "", (const char *)key_node->data.scalar.value);
    struct slice key = slice_of(text);
    if (slice_is(key, "applications"))
        return read_applications(walk, value);
    enum setting setting = config_find(key);
    if (setting < SETTING_COUNT)
        return read_setting(walk, setting, value);
    if (key.len > 5 && strcmp(text + key.len - 5, "_file") == 0) {
        setting = config_find((struct slice){text, key.len - 5});
        if (setting < SETTING_COUNT && value->type == YAML_SCALAR_NODE)
            return config_set_from_file(walk->config, setting, (const char *)value->data.scalar.value,
                                        place_of(walk, value), walk->error);
    }
    if (!is_group(key))
        return unknown(walk, key_node, key);
    return value->type == YAML_MAPPING_NODE ? read_mapping(walk, value, text) : wrong(walk, value, text, "a mapping");
}

static enum err read_mapping(const struct walk *walk, const yaml_node_t *node, const char *prefix)
{
    enum err err = ERR_OK;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; !err && pair < node->data.mapping.pairs.top; pair++)
        err = read_pair(walk, node_at(walk, pair->key), node_at(walk, pair->value), prefix);
    return err;
}

static enum err read_root(const struct walk *walk, int only)
{
    const yaml_node_t *root = yaml_document_get_root_node(walk->document);
    if (!root || (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0))
        return ERR_OK; /* an empty file is all defaults */
    if (only == SETTING_COUNT)
        return read_applications(walk, root);
    if (only != YAML_WHOLE_FILE)
        return read_setting(walk, (enum setting)only, root);
    return root->type == YAML_MAPPING_NODE ? read_mapping(walk, root, "") : wrong(walk, root, "the file", "a mapping");
}

enum err config_read_yaml(struct config *config, struct slice text, const char *name, int only, struct err_text *error)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return err_set(error, ERR_NO_MEMORY, "%s: out of memory", name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.len);
    enum err err;
    if (yaml_parser_load(&parser, &document)) {
        struct walk walk = {config, &document, name, error};
        err = read_root(&walk, only);
        yaml_document_delete(&document);
    } else {
        err = err_set(error, ERR_CONFIG, "%s:%zu:%zu: not YAML: %s", name, parser.problem_mark.line + 1,
                      parser.problem_mark.column + 1, parser.problem ? parser.problem : "unreadable");
    }
    yaml_parser_delete(&parser);
    return err;
}
