/* What follows from which signs; the time is the test's. */
#include "unit/test.h"

#include <stdio.h>

#include "ingest/diagnosis.h"

#define SHOP SLICE("https://shop.example")
#define T0 1000000

static struct diagnosis *diagnosis;

static int make(void **state)
{
    (void)state;
    diagnosis = diagnosis_new();
    return 0;
}

static int drop(void **state)
{
    (void)state;
    diagnosis_free(diagnosis);
    return 0;
}

static const char *said_at(int64_t now_ms)
{
    static char text[65536];
    struct buf buf;
    buf_init(&buf, sizeof text - 1);
    buf_char(&buf, '{');
    diagnosis_write(diagnosis, "http://seismo.example", "demo", now_ms, now_ms + 5000000, &buf);
    assert_false(buf_failed(&buf));
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(buf_slice(&buf)));
    buf_done(&buf);
    return text;
}

/* The causes in their order, as "key csp? ". */
static const char *causes_at(int64_t now_ms)
{
    static char causes[512];
    size_t n = 0;
    causes[0] = '\0';
    for (const char *at = said_at(now_ms); (at = strstr(at, "\"cause\":\"")); at++) {
        const char *name = at + strlen("\"cause\":\"");
        bool is_certain = strncmp(strchr(name, ','), ",\"certain\":true", 15) == 0;
        n += (size_t)snprintf(causes + n, sizeof causes - n, "%.*s%s ", (int)strcspn(name, "\""), name,
                              is_certain ? "" : "?");
    }
    return causes;
}

static void note(enum sign sign, int64_t now_ms)
{
    diagnosis_note(diagnosis, sign, SHOP, now_ms);
}

static void accept(const char *beacon, int64_t offset_ms, int64_t now_ms)
{
    diagnosis_accepted(diagnosis, SHOP, slice_of(beacon), offset_ms, now_ms);
}

static void test_nobody_came(void **state)
{
    (void)state;
    assert_string_equal(causes_at(T0), "nothing? ");
    assert_non_null(strstr(said_at(T0), "script-src 'self' http://seismo.example"));
    note(SIGN_SCRIPT, T0);
    assert_string_equal(causes_at(T0 + 14000), "");
}

static void test_a_healthy_page(void **state)
{
    (void)state;
    note(SIGN_SCRIPT, T0);
    accept("b1", 0, T0 + 10000);
    accept("b2", 1500, T0 + 20000);
    assert_string_equal(causes_at(T0 + 20000), "");
    assert_string_equal(causes_at(T0 + 3000000), "");
}

static void test_refusals_by_reason(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        const char *causes;
    } rows[] = {{ERR_NO_KEY, "key "},         {ERR_UNKNOWN_KEY, "key "},         {ERR_WRONG_SERVICE, "service "},
                {ERR_NO_ORIGIN, "origin "},   {ERR_FORBIDDEN_ORIGIN, "origin "}, {ERR_BAD_JSON, "nothing? "},
                {ERR_EMPTY_BODY, "nothing? "}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        diagnosis_free(diagnosis);
        diagnosis = diagnosis_new();
        diagnosis_refused(diagnosis, rows[i].err, SHOP, T0);
        assert_string_equal(causes_at(T0), rows[i].causes);
    }
}

static void test_what_is_put_right_is_not_said_any_more(void **state)
{
    (void)state;
    note(SIGN_KEY, T0);
    accept("b1", 0, T0 + 1000);
    assert_string_equal(causes_at(T0 + 2000), "key ");
    assert_string_equal(causes_at(T0 + 61000), "");
    note(SIGN_KEY, T0 + 100000);
    assert_string_equal(causes_at(T0 + 200000), "key ");
    assert_string_equal(causes_at(T0 + 3800000), "");
}

static void test_an_answer_that_nobody_hears(void **state)
{
    (void)state;
    accept("b1", 0, T0);
    accept("b1", 0, T0 + 1000);
    note(SIGN_TOLD_FAILED, T0 + 1000);
    assert_string_equal(causes_at(T0 + 1000), ""); /* once may be the network */
    accept("b1", 0, T0 + 3000);
    assert_string_equal(causes_at(T0 + 3000), "cors ");
}

static void test_a_preflight_and_nothing_after_it(void **state)
{
    (void)state;
    note(SIGN_PREFLIGHT, T0);
    assert_string_equal(causes_at(T0 + 5000), "");
    assert_string_equal(causes_at(T0 + 5001), "cors ");
    accept("b1", 0, T0 + 6000);
    assert_string_equal(causes_at(T0 + 7000), "");
}

static void test_what_the_agent_tells(void **state)
{
    (void)state;
    static const struct {
        const char *why, *causes;
    } rows[] = {{"csp", "csp "}, {"net", "blocked "}, {"rate", "sampling "}};
    enum sign sign;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        diagnosis_free(diagnosis);
        diagnosis = diagnosis_new();
        note(SIGN_SCRIPT, T0);
        assert_true(diagnosis_sign_of(slice_of(rows[i].why), &sign));
        note(sign, T0 + 1000);
        assert_string_equal(causes_at(T0 + 4000), rows[i].causes);
        assert_string_equal(causes_at(T0 + 60000), rows[i].causes);
        accept("b1", 0, T0 + 61000);
        assert_string_equal(causes_at(T0 + 61000), "");
    }
    assert_false(diagnosis_sign_of(SLICE("else"), &sign));
    diagnosis_free(diagnosis);
    diagnosis = diagnosis_new();
    note(SIGN_SCRIPT, T0);
    note(SIGN_TOLD_FAILED, T0 + 20000);
    assert_string_equal(causes_at(T0 + 22999), "");
    note(SIGN_TOLD_CSP, T0 + 22999);
    assert_string_equal(causes_at(T0 + 40000), "csp "); /* the failed post is the forbidden one */
}

static void test_a_script_and_silence(void **state)
{
    (void)state;
    note(SIGN_SCRIPT, T0);
    assert_string_equal(causes_at(T0 + 15000), "csp? ");
    note(SIGN_SCRIPT_CORS, T0);
    assert_string_equal(causes_at(T0 + 15000), "cors? ");
    accept("b1", 0, T0 + 16000);
    for (int i = 0; i < 4; i++) /* visitors who left at once */
        note(SIGN_SCRIPT, T0 + 700000 + i);
    assert_string_equal(causes_at(T0 + 800000), "");
    note(SIGN_SCRIPT, T0 + 800000);
    assert_string_equal(causes_at(T0 + 820000), "cors? ");
}

static void test_who_hides_his_origin_is_cleared_by_any_beacon(void **state)
{
    (void)state;
    diagnosis_note(diagnosis, SIGN_SCRIPT, SLICE(""), T0);
    assert_string_equal(causes_at(T0 + 20000), "csp? ");
    diagnosis_note(diagnosis, SIGN_TOLD_FAILED, SLICE(""), T0 + 20000);
    assert_string_equal(causes_at(T0 + 30000), "blocked ");
    accept("b1", 0, T0 + 20000);
    assert_string_equal(causes_at(T0 + 40000), "");
}

static void test_clocks(void **state)
{
    (void)state;
    accept("b1", 7200000, T0);
    assert_string_equal(causes_at(T0), "clock ");
    assert_non_null(strstr(said_at(T0), "differ by 2 h"));
    accept("b2", 0, T0);
    assert_string_equal(causes_at(T0), "clock ");
    accept("b3", 0, T0); /* one device among many */
    assert_string_equal(causes_at(T0), "");
}

static void test_the_surest_first(void **state)
{
    (void)state;
    accept("b1", -7200000, T0);
    diagnosis_note(diagnosis, SIGN_SCRIPT, SLICE("https://silent.example"), T0);
    diagnosis_note(diagnosis, SIGN_TOLD_CSP, SLICE("https://strict.example"), T0);
    diagnosis_note(diagnosis, SIGN_ORIGIN, SLICE("https://other.example"), T0);
    diagnosis_note(diagnosis, SIGN_KEY, SLICE("https://first.example"), T0);
    assert_string_equal(causes_at(T0 + 20000), "key origin csp csp? clock ");
    assert_non_null(strstr(said_at(T0), "\"since_ms\":6000000"));
}

static void test_a_flood_of_origins_is_bounded(void **state)
{
    (void)state;
    char origin[64];
    for (int i = 0; i < 10; i++)
        note(SIGN_KEY, T0);
    for (int i = 0; i < 100000; i++) {
        snprintf(origin, sizeof origin, "https://%d.example", i);
        diagnosis_note(diagnosis, SIGN_ORIGIN, slice_of(origin), T0 + 1);
    }
    assert_string_equal(causes_at(T0 + 2),
                        "key origin origin origin origin origin origin origin origin origin origin "
                        "origin origin origin origin origin origin origin origin origin ");
}

/* Somebody pastes it into a configuration. */
static void test_an_origin_that_browsers_do_not_send_is_nobody(void **state)
{
    (void)state;
    static const char *const hostile[] = {"https://x\",\"*", "*", "<b>", "https://x\n", "shop.example", "%1$s://x"};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        diagnosis_note(diagnosis, SIGN_ORIGIN, slice_of(hostile[i]), T0);
    assert_string_equal(causes_at(T0), "origin ");
    assert_non_null(strstr(said_at(T0), "\"origin\":\"\",\"count\":6"));
    diagnosis_note(diagnosis, SIGN_ORIGIN, SLICE("null"), T0);
    assert_non_null(strstr(said_at(T0), "\"origin\":\"null\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nobody_came, make, drop),
        cmocka_unit_test_setup_teardown(test_a_healthy_page, make, drop),
        cmocka_unit_test_setup_teardown(test_refusals_by_reason, make, drop),
        cmocka_unit_test_setup_teardown(test_what_is_put_right_is_not_said_any_more, make, drop),
        cmocka_unit_test_setup_teardown(test_an_answer_that_nobody_hears, make, drop),
        cmocka_unit_test_setup_teardown(test_a_preflight_and_nothing_after_it, make, drop),
        cmocka_unit_test_setup_teardown(test_what_the_agent_tells, make, drop),
        cmocka_unit_test_setup_teardown(test_a_script_and_silence, make, drop),
        cmocka_unit_test_setup_teardown(test_who_hides_his_origin_is_cleared_by_any_beacon, make, drop),
        cmocka_unit_test_setup_teardown(test_clocks, make, drop),
        cmocka_unit_test_setup_teardown(test_the_surest_first, make, drop),
        cmocka_unit_test_setup_teardown(test_a_flood_of_origins_is_bounded, make, drop),
        cmocka_unit_test_setup_teardown(test_an_origin_that_browsers_do_not_send_is_nobody, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
