/* What is overwritten, and what is left as it is. Stars in `after` show the secret. */
#include "enrich/enrich_int.h"

#include <jansson.h>
#include <stdlib.h>

#include "event/json_scan.h"
#include "unit/test.h"

struct row {
    const char *before, *after;
};

/* What must be gone, in its order, written over with stars; all else stays byte for byte. */
static char *without(const char *text, const json_t *gone)
{
    char *clean = strdup(text), *from = clean;
    size_t i;
    json_t *secret;
    json_array_foreach(gone, i, secret)
    {
        size_t n = json_string_length(secret);
        char *at = strstr(from, json_string_value(secret));
        assert_non_null(at);
        from = at ? (char *)memset(at, '*', n) + n : from;
    }
    return clean;
}

static bool is_for_server(const json_t *row)
{
    const char *where = json_string_value(json_object_get(row, "where"));
    return !where || strcmp(where, "agent") != 0;
}

/* What redact_text makes of it, and that the scan before it does not take it for harmless as it is sent. */
static void check_case(const json_t *given, const json_t *gone)
{
    char *text = strdup(json_string_value(given)), *expected = without(text, gone);
    char *sent = json_dumps(given, JSON_ENCODE_ANY);
    bool found = redact_text((struct slice){text, strlen(text)});
    assert_string_equal(text, expected);
    assert_int_equal(found, strcmp(json_string_value(given), expected) != 0);
    assert_true(!found || !redact_is_quiet((struct slice){sent + 1, strlen(sent) - 2}));
    free(sent);
    free(expected);
    free(text);
}

/* The cases that the agent is held to as well: js-agent/test/redaction.test.mjs says what they mean. */
static void secrets_in_text(void **state)
{
    (void)state;
    json_t *rows = json_load_file(SEISMO_SOURCE "/tests/cases/redaction.json", 0, NULL), *row;
    size_t i;
    assert_true(json_array_size(rows) > 100);
    json_array_foreach(rows, i, row)
    {
        const json_t *text = json_object_get(row, "text");
        if (is_for_server(row))
            check_case(text ? text : json_object_get(row, "address"), json_object_get(row, "gone"));
    }
    json_decref(rows);
}

static void secrets_in_json(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"message\":\"to a@b.example\",\"n\":4111111111111111}",
         "{\"message\":\"to ***********\",\"n\":1111111111111111}"},
        {"{\"x\":{\"y\":[\"a@b.example\",1]}}", "{\"x\":{\"y\":[\"***********\",1]}}"},
        {"{\"message\":\"say \\\"password=abc\\\" now\"}", "{\"message\":\"say \\\"password=***\\\" now\"}"},
        {"{\"message\":\"\\u0070assword=\\u0061bc\\n\"}", "{\"message\":\"\\u0070assword=********\\n\"}"},
        {"{\"message\":\"secret='\\ud83d\\ude00'\"}", "{\"message\":\"secret='************'\"}"},
        {"{\"stack\":\"a\\nb password=x\\\\y\\nc\"}", "{\"stack\":\"a\\nb password=****\\nc\"}"},
        {"{\"form\":{\"password\":\"swordfish\"},\"key\":\"Enter\"}",
         "{\"form\":{\"password\":\"*********\"},\"key\":\"Enter\"}"},
        {"{\"a@b.example\":1,\"token=abc\":2}", "{\"***********\":1,\"token=***\":2}"},
        {"{\"\\u0070assword\":\"swordfish\"}", "{\"\\u0070assword\":\"*********\"}"},
        {"{\"password\":{\"a\":\"fish\",\"key\":[{\"b\":1},\"fish\"]},\"c\":\"fish\"}",
         "{\"password\":{\"a\":\"****\",\"key\":[{\"b\":1},\"****\"]},\"c\":\"fish\"}"},
        {"{\"auth\":{\"x\":\"fish\",\"password\":{\"a\":\"fish\"}},\"c\":\"fish\"}",
         "{\"auth\":{\"x\":\"fish\",\"password\":{\"a\":\"****\"}},\"c\":\"fish\"}"},
        {"{\"at\":4111111111111111,\"pin\":1234,\"password\":-12.5e10,\"key\":1234}",
         "{\"at\":4111111111111111,\"pin\":1234,\"password\":-11.1e11,\"key\":1234}"},
        {"{\"view\":\"4111111111111111\",\"x\":{\"view\":\"4111111111111111\"}}",
         "{\"view\":\"4111111111111111\",\"x\":{\"view\":\"****************\"}}"},
        {"{\"kind\":\"a@b.example\",\"metric\":\"4111111111111111\",\"trace\":\"to a@b.example\"}",
         "{\"kind\":\"***********\",\"metric\":\"****************\",\"trace\":\"to ***********\"}"},
        {"{\"trace\":\"4111111111111111aaaa11111111111a\",\"props\":{\"card "
         "4111111111111111\":\"x\",\"password\":{\"a\":1234}}}",
         "{\"trace\":\"4111111111111111aaaa11111111111a\",\"props\":{\"card "
         "****************\":\"x\",\"password\":{\"a\":1111}}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = strdup(rows[i].before);
        bool found = redact_json((struct slice){text, strlen(text)}, false);
        assert_string_equal(text, rows[i].after);
        assert_int_equal(found, strcmp(rows[i].before, rows[i].after) != 0);
        free(text);
    }
}

/* Long runs of what may begin a secret take time in proportion to their length: hours, were it
 * squared. */
static void floods_end(void **state)
{
    (void)state;
    static const char *const parts[] = {"@",   "a@",   "//:@",    "token:",  "token=", "eyJ",     "eyJaaaaaaaa.",
                                        "1 ",  "1..",  "4111..",  "1%C2%A0", "AKIA",   "bearer ", "password=[redacted",
                                        "%40", "a:\"", "Bearer x"};
    size_t bytes = 500000;
    char *text = malloc(bytes);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t n = strlen(parts[i]);
        for (size_t at = 0; at < bytes; at++)
            text[at] = parts[i][at % n];
        redact_text((struct slice){text, bytes});
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_in_text),
        cmocka_unit_test(secrets_in_json),
        cmocka_unit_test(floods_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
