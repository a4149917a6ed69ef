/* The objects that are imported: their ids in a space, and how they compare with what Kibana has. */
#include <string.h>

#include "kibana/kibana_int.h"

#define PREFIX "seismo-"  /* of each id, and of nothing else in the file: schemas/generate/kibana.mjs */
#define STAMP " (Seismo " /* the stamp's beginning in a description */

void objects_write(const char *space, struct buf *lines)
{
    const char *at = kibana_objects, *found;
    if (!*space) {
        buf_text(lines, at);
        return;
    }
    while ((found = strstr(at, PREFIX))) {
        buf_add(lines, at, (size_t)(found - at));
        buf_printf(lines, PREFIX "%s-", space);
        at = found + strlen(PREFIX);
    }
    buf_text(lines, at);
}

json_t *objects_next(struct slice *lines)
{
    const char *end = lines->len ? memchr(lines->at, '\n', lines->len) : NULL;
    if (!end)
        return NULL;
    json_t *object = json_loadb(lines->at, (size_t)(end - lines->at), 0, NULL);
    lines->len -= (size_t)(end + 1 - lines->at);
    lines->at = end + 1;
    return object;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static const char *stamp_of(const json_t *object)
{
    const char *stamp = strstr(text_of(json_object_get(object, "attributes"), "description"), STAMP);
    return stamp ? stamp : "";
}

static const json_t *find(const json_t *all, const json_t *ours)
{
    size_t i;
    const json_t *theirs;
    json_array_foreach(all, i, theirs) if (strcmp(text_of(theirs, "id"), text_of(ours, "id")) == 0 &&
                                           strcmp(text_of(theirs, "type"), text_of(ours, "type")) == 0) return theirs;
    return NULL;
}

static void compare(const json_t *ours, const json_t *theirs, struct comparison *comparison)
{
    bool is_dashboard = strcmp(text_of(ours, "type"), "dashboard") == 0;
    comparison->objects++;
    comparison->dashboards += is_dashboard;
    if (!theirs || json_object_get(theirs, "error"))
        comparison->missing++;
    else if (is_dashboard && !*stamp_of(theirs))
        snprintf(comparison->foreign, sizeof comparison->foreign, "%s", text_of(ours, "id"));
    else if (is_dashboard)
        comparison->changed += strcmp(stamp_of(theirs), stamp_of(ours)) != 0;
}

bool objects_compare(struct slice lines, struct slice answer, struct comparison *ret_comparison)
{
    json_t *root = json_loadb(answer.at, answer.len, 0, NULL), *ours;
    const json_t *all = json_object_get(root, "saved_objects");
    *ret_comparison = (struct comparison){0};
    while ((ours = objects_next(&lines))) {
        compare(ours, find(all, ours), ret_comparison);
        json_decref(ours);
    }
    bool understood = json_is_array(all);
    json_decref(root);
    return understood;
}

bool objects_imported(struct slice answer, struct err_text *text)
{
    json_t *root = json_loadb(answer.at, answer.len, 0, NULL);
    const json_t *errors = json_object_get(root, "errors"), *first = json_array_get(errors, 0);
    const json_t *error = json_object_get(first, "error");
    bool success = json_is_true(json_object_get(root, "success"));
    if (!success && first)
        err_set(text, ERR_KIBANA, "kibana: %zu objects were not imported, as %.100s %.100s: %.60s %.100s",
                json_array_size(errors), text_of(first, "type"), text_of(first, "id"), text_of(error, "type"),
                text_of(error, "message"));
    else if (!success)
        err_set(text, ERR_KIBANA, "kibana: the import's answer is no success: %.200s", answer.len ? answer.at : "");
    json_decref(root);
    return success;
}
