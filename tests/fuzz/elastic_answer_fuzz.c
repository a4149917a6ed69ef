/* Any bytes as Elasticsearch's answer to a _bulk request of as many documents as the first byte says: verdicts on all
 * of them in order, or on none; and never a success that a whole parse of the same bytes does not find. The same bytes
 * as a Cloud id and as a value of the state. */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

#include "store/store_elastic.h"
#include "store/store_elastic_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t n, stored;
};

static void see(void *ctx, size_t document, enum verdict verdict, const char *type, const char *reason)
{
    struct seen *seen = ctx;
    assert(document == seen->n++ && type && reason && strlen(type) + strlen(reason) < SIZE_MAX);
    seen->stored += verdict == VERDICT_STORED;
}

static size_t count_created(struct slice body, size_t *ret_items)
{
    json_t *root = json_loadb(body.at, body.len, JSON_ALLOW_NUL, NULL);
    const json_t *items = json_object_get(root, "items");
    size_t created = 0, i;
    const json_t *item;
    *ret_items = json_array_size(items);
    json_array_foreach(items, i, item)
    {
        json_int_t status = json_integer_value(json_object_get(json_object_get(item, "create"), "status"));
        created += status == 200 || status == 201;
    }
    json_decref(root);
    return created;
}

static void check_answer(struct slice body, size_t n)
{
    struct seen seen = {0};
    size_t items;
    bool whole = answer_read(body, n, see, &seen);
    assert(seen.n == (whole ? n : 0));
    if (whole) {
        assert(seen.stored == count_created(body, &items));
        assert(items == n);
    }
}

static void check_texts(const char *text, size_t len)
{
    struct elastic elastic = {0};
    struct err_text why = {""};
    struct buf value;
    elastic_read_nodes(&elastic, NULL, text, &why);
    for (size_t i = 0; i < elastic.n_nodes; i++)
        free(elastic.nodes[i].url);
    buf_init(&value, STORE_STATE_BYTES);
    elastic_read_base64(&value, text, len);
    buf_done(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    check_answer((struct slice){text, size - 1}, data[0] % 16);
    check_texts(text, size - 1);
    free(text);
    return 0;
}
