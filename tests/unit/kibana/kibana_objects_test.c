/* What is imported: ids in a space, and the comparison with what Kibana answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kibana/kibana_int.h"

static void make(const char *space, struct buf *lines)
{
    buf_init(lines, OBJECTS_BYTES);
    objects_write(space, lines);
    assert_false(buf_failed(lines));
}

/* An answer of _bulk_get with all of the objects, without the first `missing`, every description taken away or not. */
static void answer_with(struct slice lines, unsigned missing, bool stamped, struct buf *ret_answer)
{
    json_t *all = json_array(), *object;
    for (unsigned i = 0; (object = objects_next(&lines)); i++) {
        if (i < missing)
            json_object_set_new(object, "error", json_pack("{s:i}", "statusCode", 404));
        if (!stamped)
            json_object_set_new(json_object_get(object, "attributes"), "description", json_string("Mine."));
        json_array_append_new(all, object);
    }
    json_t *root = json_pack("{s:o}", "saved_objects", all);
    char *text = json_dumps(root, JSON_COMPACT);
    buf_init(ret_answer, OBJECTS_BYTES);
    buf_text(ret_answer, text);
    free(text);
    json_decref(root);
}

static void every_id_is_of_its_space(void **state)
{
    static const char *const spaces[] = {"", "support",
                                         "a-very-long-name-of-a-space-with-64-letters-0123456789-0123456789"};
    (void)state;
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        struct buf lines;
        char prefix[96];
        json_t *object;
        unsigned n = 0;
        make(spaces[i], &lines);
        snprintf(prefix, sizeof prefix, "seismo-%s%s", spaces[i], *spaces[i] ? "-" : "");
        for (struct slice left = buf_slice(&lines); (object = objects_next(&left)); n++) {
            const char *id = json_string_value(json_object_get(object, "id"));
            assert_int_equal(strncmp(id, prefix, strlen(prefix)), 0);
            json_decref(object);
        }
        assert_true(n > 50);
        buf_done(&lines);
    }
}

static void what_is_there_is_seen(void **state)
{
    static const struct {
        unsigned missing;
        bool stamped, is_foreign;
    } rows[] = {{0, true, false}, {3, true, false}, {0, false, true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf lines, answer;
        struct comparison comparison;
        make("", &lines);
        answer_with(buf_slice(&lines), rows[i].missing, rows[i].stamped, &answer);
        assert_true(objects_compare(buf_slice(&lines), buf_slice(&answer), &comparison));
        assert_int_equal(comparison.missing, rows[i].missing);
        assert_int_equal(comparison.changed, 0);
        assert_int_equal(comparison.foreign[0] != '\0', rows[i].is_foreign);
        assert_true(comparison.dashboards > 5 && comparison.objects > 50);
        buf_done(&lines);
        buf_done(&answer);
    }
}

static void an_answer_that_is_none_is_told(void **state)
{
    struct buf lines;
    struct comparison comparison;
    struct err_text text;
    (void)state;
    make("", &lines);
    assert_false(objects_compare(buf_slice(&lines), SLICE_NONE, &comparison));
    assert_true(comparison.missing == comparison.objects);
    assert_false(objects_compare(buf_slice(&lines), SLICE("{\"saved_objects\":1}"), &comparison));
    assert_false(objects_imported(SLICE("[]"), &text));
    assert_false(objects_imported(SLICE_NONE, &text));
    assert_true(objects_imported(SLICE("{\"success\":true,\"successCount\":2}"), &text));
    buf_done(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_id_is_of_its_space),
        cmocka_unit_test(what_is_there_is_seen),
        cmocka_unit_test(an_answer_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
