/* The templates' text is schemas/elasticsearch/; the retention and what a node has besides or otherwise are put in
 * here. */
#include "store/store_elastic_template.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

extern const char store_template_events[], store_template_rollups[], store_template_alerts[], store_template_rejects[],
    store_template_health[];

static const struct {
    const char *name, *text;
    int retentions; /* how many raw retentions its documents are kept */
} templates[STREAM_COUNT] = {
    [STREAM_EVENTS] = {"seismo-events", store_template_events, 1},
    [STREAM_ROLLUPS] = {"seismo-rollups", store_template_rollups, KEPT_LONGER},
    [STREAM_ALERTS] = {"seismo-alerts", store_template_alerts, KEPT_LONGER},
    [STREAM_REJECTS] = {"seismo-rejects", store_template_rejects, 1},
    [STREAM_HEALTH] = {"seismo-health", store_template_health, 1},
};

const char *template_name(enum stream stream)
{
    return templates[stream].name;
}

static json_t *in_template(const json_t *whole, const char *name)
{
    return json_object_get(json_object_get(whole, "template"), name);
}

json_t *template_fields(const json_t *whole)
{
    return json_object_get(in_template(whole, "mappings"), "properties");
}

/* ---- making ---- */

static void name_for_opensearch(json_t *fields)
{
    const char *name;
    json_t *field;
    json_object_foreach(fields, name, field)
    {
        const char *type = json_string_value(json_object_get(field, "type"));
        if (!type || strcmp(type, "flattened") != 0)
            continue;
        json_object_clear(field); /* its flat_object knows no other members */
        json_object_set_new(field, "type", json_string("flat_object"));
    }
}

static int days_of(enum stream stream, const struct template_rules *rules)
{
    return rules->retention_days * templates[stream].retentions;
}

static void add_retention(json_t *root, int days)
{
    char text[32];
    snprintf(text, sizeof text, "%dd", days);
    json_object_set_new(json_object_get(root, "template"), "lifecycle", json_pack("{s:s}", "data_retention", text));
    json_object_set_new(json_object_get(root, "_meta"), "retention_days", json_integer(days));
}

json_t *template_make(enum stream stream, const struct template_rules *rules)
{
    json_t *root = json_loads(templates[stream].text, 0, NULL);
    assert(root); /* our own file, compiled in */
    json_t *settings = in_template(root, "settings");
    if (rules->mode) {
        json_object_set_new(settings, "index.mode", json_string(rules->mode));
        json_object_set_new(json_object_get(root, "_meta"), "index_mode", json_string(rules->mode));
    }
    if (rules->is_serverless) {
        json_object_del(settings, "index.number_of_shards");
        json_object_del(settings, "index.auto_expand_replicas");
        json_object_del(settings, "index.refresh_interval");
    }
    if (rules->is_open)
        name_for_opensearch(template_fields(root));
    if (rules->retention_days > 0)
        add_retention(root, days_of(stream, rules));
    return root;
}

json_t *template_policy(enum stream stream, const struct template_rules *rules)
{
    int days = days_of(stream, rules), part = days / 10 > 1 ? days / 10 : 1;
    char kept[32], age[32];
    snprintf(kept, sizeof kept, "%dd", days);
    snprintf(age, sizeof age, "%dd", part); /* whole backing indices are deleted: a tenth more is kept */
    return json_pack("{s:{s:{s:s}, s:{s:{s:{s:{s:s, s:s}}}, s:{s:s, s:{s:{}}}}}}", "policy", "_meta", "managed_by",
                     "seismo", "phases", "hot", "actions", "rollover", "max_age", age, "max_primary_shard_size", "50gb",
                     "delete", "min_age", kept, "actions", "delete");
}

void template_use_policy(json_t *ours, enum stream stream)
{
    json_object_set_new(in_template(ours, "settings"), "index.lifecycle.name", json_string(template_name(stream)));
}

/* ---- comparing ---- */

static const json_t *meta(const json_t *whole, const char *name)
{
    return json_object_get(json_object_get(whole, "_meta"), name);
}

static bool is_ours(const json_t *theirs)
{
    const char *maker = json_string_value(meta(theirs, "managed_by"));
    return maker && strcmp(maker, "seismo") == 0;
}

static bool same_meta(const json_t *a, const json_t *b, const char *name)
{
    const json_t *left = meta(a, name), *right = meta(b, name);
    return left == right || json_equal(left, right);
}

static bool same_index(const json_t *theirs, const json_t *ours)
{
    return json_equal(template_fields(theirs), template_fields(ours)) &&
           (!meta(ours, "index_mode") || same_meta(theirs, ours, "index_mode"));
}

/* "a.b.c" in a mapping, which nodes give back as a tree: {"properties":{"a":{"properties":…}}}. */
static const json_t *find_field(const json_t *mapping, const char *name)
{
    for (;;) {
        char part[128];
        size_t n = strcspn(name, ".");
        if (n >= sizeof part)
            return NULL;
        memcpy(part, name, n);
        part[n] = '\0';
        mapping = json_object_get(json_object_get(mapping, "properties"), part);
        if (!mapping || !name[n])
            return mapping;
        name += n + 1;
    }
}

bool template_fits(const json_t *mapping, const json_t *ours)
{
    const char *name;
    json_t *field;
    json_object_foreach(template_fields(ours), name, field)
    {
        const json_t *theirs = find_field(mapping, name);
        if (!theirs || !json_equal(json_object_get(theirs, "type"), json_object_get(field, "type")))
            return false;
    }
    return true;
}

void template_keep_mode(const json_t *theirs, json_t *ours)
{
    const char *mode = json_string_value(meta(theirs, "index_mode"));
    if (!mode || meta(ours, "index_mode"))
        return;
    json_object_set_new(in_template(ours, "settings"), "index.mode", json_string(mode));
    json_object_set_new(json_object_get(ours, "_meta"), "index_mode", json_string(mode));
}

enum template_verdict template_compare(const json_t *theirs, const json_t *ours)
{
    if (!theirs)
        return TEMPLATE_OUTDATED;
    if (!is_ours(theirs))
        return TEMPLATE_FOREIGN;
    json_int_t have = json_integer_value(meta(theirs, "seismo_version"));
    json_int_t want = json_integer_value(meta(ours, "seismo_version"));
    if (have > want)
        return TEMPLATE_NEWER;
    return have == want && same_meta(theirs, ours, "retention_days") && same_index(theirs, ours) ? TEMPLATE_PRESENT
                                                                                                 : TEMPLATE_OUTDATED;
}

enum template_retention template_retention(const json_t *theirs)
{
    const json_t *index = json_object_get(in_template(theirs, "settings"), "index");
    if (in_template(theirs, "lifecycle"))
        return RETENTION_LIFECYCLE;
    return json_object_get(json_object_get(index, "lifecycle"), "name") ? RETENTION_POLICY : RETENTION_NONE;
}
