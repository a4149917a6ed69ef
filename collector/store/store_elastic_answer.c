#include "store/store_elastic_answer.h"

#include <jansson.h>

static bool is_one_of(const char *type, const char *const *types)
{
    for (; *types; types++)
        if (strcmp(type, *types) == 0)
            return true;
    return false;
}

static enum verdict verdict_of(json_int_t status, const char *type)
{
    /* the cluster's faults that come with a document's status, 400 or 403 */
    static const char *const not_its_fault[] = {"cluster_block_exception",
                                                "index_closed_exception",
                                                "validation_exception",
                                                "es_rejected_execution_exception",
                                                "circuit_breaking_exception",
                                                "unavailable_shards_exception",
                                                "process_cluster_event_timeout_exception",
                                                NULL};
    if (status == 200 || status == 201)
        return VERDICT_STORED;
    if (status == 409)
        return VERDICT_REPEAT;
    if (status == 404)
        return VERDICT_NO_STREAM;
    if (status == 429 || status >= 500 || status < 400 || is_one_of(type, not_its_fault))
        return VERDICT_LATER;
    return status == 401 || status == 403 ? VERDICT_AUTH : VERDICT_REFUSED;
}

/* {"errors":false,"items":[{"create":{"status":201}},…]}: as Elasticsearch writes it, byte for byte. */
bool answer_is_all_stored(struct slice body, size_t n)
{
    static const char head[] = "{\"errors\":false,\"items\":[", item[] = "{\"create\":{\"status\":201}}";
    if (n == 0 || body.len != sizeof head - 1 + n * sizeof item + 1 || memcmp(body.at, head, sizeof head - 1) != 0)
        return false;
    const char *at = body.at + sizeof head - 1;
    for (size_t i = 0; i < n; i++, at += sizeof item)
        if (memcmp(at, item, sizeof item - 1) != 0 || at[sizeof item - 1] != (i + 1 < n ? ',' : ']'))
            return false;
    return *at == '}';
}

/* NULL: no verdict on a document that was to be created. */
static const json_t *create_of(const json_t *item)
{
    const json_t *create = json_object_get(item, "create");
    json_int_t status = json_integer_value(json_object_get(create, "status"));
    return status >= 100 && status <= 599 ? create : NULL;
}

static bool is_whole(const json_t *items, size_t n)
{
    bool whole = n > 0 && json_array_size(items) == n;
    for (size_t i = 0; whole && i < n; i++)
        whole = create_of(json_array_get(items, i)) != NULL;
    return whole;
}

static const char *text_of(const json_t *error, const char *name)
{
    const char *text = json_string_value(json_object_get(error, name));
    return text ? text : "";
}

bool answer_read(struct slice body, size_t n, answer_fn *each, void *ctx)
{
    if (answer_is_all_stored(body, n)) {
        for (size_t i = 0; i < n; i++)
            each(ctx, i, VERDICT_STORED, "", "");
        return true;
    }
    json_t *root = body.len ? json_loadb(body.at, body.len, JSON_ALLOW_NUL, NULL) : NULL;
    const json_t *items = json_object_get(root, "items");
    bool whole = is_whole(items, n);
    for (size_t i = 0; whole && i < n; i++) {
        const json_t *create = create_of(json_array_get(items, i)), *error = json_object_get(create, "error");
        const char *type = text_of(error, "type"), *cause = text_of(json_object_get(error, "caused_by"), "reason");
        json_int_t status = json_integer_value(json_object_get(create, "status"));
        each(ctx, i, verdict_of(status, type), type, *cause ? cause : text_of(error, "reason"));
    }
    json_decref(root);
    return whole;
}
