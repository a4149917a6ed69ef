/* What a node's template is made of, and when one that it has is written again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store_elastic_template.h"

static const struct template_rules plain = {.mode = "standard", .retention_days = 30};

static json_t *setting(const json_t *whole, const char *name)
{
    return json_object_get(json_object_get(json_object_get(whole, "template"), "settings"), name);
}

/* As a node gives a mapping back: dotted names as a tree. */
static json_t *as_tree(const json_t *whole)
{
    json_t *root = json_object(), *field;
    const char *name;
    json_object_foreach(template_fields(whole), name, field)
    {
        json_t *at = root;
        for (const char *part = name;; part += strcspn(part, ".") + 1) {
            char text[128];
            snprintf(text, sizeof text, "%.*s", (int)strcspn(part, "."), part);
            if (!json_object_get(at, "properties"))
                json_object_set_new(at, "properties", json_object());
            json_t *list = json_object_get(at, "properties");
            if (!json_object_get(list, text))
                json_object_set_new(list, text, json_object());
            at = json_object_get(list, text);
            if (!part[strcspn(part, ".")])
                break;
        }
        json_object_update(at, field);
    }
    return root;
}

static void a_stream_rolls_over_when_its_mapping_differs(void **state)
{
    (void)state;
    json_t *ours = template_make(STREAM_EVENTS, &plain), *mapping = as_tree(ours);
    assert_true(template_fits(mapping, ours));
    json_t *session = json_object_get(json_object_get(mapping, "properties"), "session");
    json_t *id = json_object_get(json_object_get(session, "properties"), "id");
    json_object_set_new(id, "type", json_string("long"));
    assert_false(template_fits(mapping, ours));
    json_object_del(json_object_get(session, "properties"), "id");
    assert_false(template_fits(mapping, ours));
    json_decref(mapping);
    mapping = json_object();
    assert_false(template_fits(mapping, ours));
    json_decref(mapping);
    json_decref(ours);
}

static void a_node_gets_what_it_knows(void **state)
{
    (void)state;
    json_t *whole = template_make(STREAM_EVENTS, &plain);
    assert_string_equal(json_string_value(setting(whole, "index.mode")), "standard");
    assert_non_null(setting(whole, "index.number_of_shards"));
    assert_true(json_integer_value(json_object_get(whole, "priority")) > 500);
    json_decref(whole);

    whole = template_make(STREAM_EVENTS, &(struct template_rules){.mode = "standard", .is_serverless = true});
    assert_null(setting(whole, "index.number_of_shards"));
    assert_null(setting(whole, "index.auto_expand_replicas"));
    assert_null(setting(whole, "index.refresh_interval"));
    assert_null(json_object_get(json_object_get(whole, "template"), "lifecycle"));
    json_decref(whole);

    whole = template_make(STREAM_EVENTS, &(struct template_rules){.is_open = true});
    const char *name;
    json_t *field;
    assert_null(setting(whole, "index.mode"));
    json_object_foreach(template_fields(whole), name, field)
        assert_string_not_equal(json_string_value(json_object_get(field, "type")), "flattened");
    json_decref(whole);
}

static void the_retention_is_a_lifecycle_or_a_policy(void **state)
{
    (void)state;
    json_t *whole = template_make(STREAM_ROLLUPS, &plain), *policy = template_policy(STREAM_EVENTS, &plain);
    const char *kept = NULL, *age = NULL, *delete_at = NULL;
    assert_int_equal(template_retention(whole), RETENTION_LIFECYCLE);
    assert_int_equal(json_unpack(whole, "{s:{s:{s:s}}}", "template", "lifecycle", "data_retention", &kept), 0);
    assert_string_equal(kept, "240d");
    assert_int_equal(json_unpack(policy, "{s:{s:{s:{s:s}, s:{s:{s:{s:s}}}}}}", "policy", "phases", "delete", "min_age",
                                 &delete_at, "hot", "actions", "rollover", "max_age", &age),
                     0);
    assert_string_equal(delete_at, "30d");
    assert_string_equal(age, "3d");
    json_decref(policy);
    json_decref(whole);

    /* As a node gives it back: settings in a tree. */
    whole = json_pack("{s:{s:{s:{s:{s:s}}}}}", "template", "settings", "index", "lifecycle", "name", "seismo-events");
    assert_int_equal(template_retention(whole), RETENTION_POLICY);
    json_decref(whole);
    whole = json_pack("{s:{}}", "template");
    assert_int_equal(template_retention(whole), RETENTION_NONE);
    json_decref(whole);
}

static void only_what_differs_is_written(void **state)
{
    (void)state;
    json_t *ours = template_make(STREAM_EVENTS, &plain), *theirs = json_deep_copy(ours);
    json_t *meta = json_object_get(theirs, "_meta");
    assert_int_equal(template_compare(NULL, ours), TEMPLATE_OUTDATED);
    assert_int_equal(template_compare(theirs, ours), TEMPLATE_PRESENT);

    json_object_set_new(meta, "retention_days", json_integer(7));
    assert_int_equal(template_compare(theirs, ours), TEMPLATE_OUTDATED);
    json_object_set_new(meta, "retention_days", json_integer(30));

    json_object_del(template_fields(theirs), "session.id");
    assert_int_equal(template_compare(theirs, ours), TEMPLATE_OUTDATED);

    json_t *modeless = template_make(STREAM_EVENTS, &(struct template_rules){.retention_days = 30});
    template_keep_mode(theirs, modeless);
    assert_string_equal(json_string_value(setting(modeless, "index.mode")), "standard");
    template_keep_mode(NULL, modeless);
    json_decref(modeless);

    json_object_set_new(meta, "seismo_version", json_integer(99));
    assert_int_equal(template_compare(theirs, ours), TEMPLATE_NEWER);
    json_object_set_new(meta, "managed_by", json_string("somebody"));
    assert_int_equal(template_compare(theirs, ours), TEMPLATE_FOREIGN);
    json_object_del(theirs, "_meta");
    assert_int_equal(template_compare(theirs, ours), TEMPLATE_FOREIGN);
    json_decref(ours);
    json_decref(theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_gets_what_it_knows),
        cmocka_unit_test(the_retention_is_a_lifecycle_or_a_policy),
        cmocka_unit_test(only_what_differs_is_written),
        cmocka_unit_test(a_stream_rolls_over_when_its_mapping_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
