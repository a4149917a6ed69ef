#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"

static enum err load(struct config **config, const char *yaml, const char *const *environment, struct err_text *text)
{
    char path[] = "/tmp/seismo-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
    close(fd);
    enum err err = config_load(config, path, environment, text);
    unlink(path);
    return err;
}

static void defaults_hold_without_a_file(void **state)
{
    (void)state;
    struct config *config;
    struct err_text text;
    size_t n;
    assert_int_equal(config_load(&config, NULL, NULL, &text), ERR_OK);
    assert_string_equal(config_text(config, SETTING_LISTEN_PUBLIC), "127.0.0.1:8080");
    assert_int_equal(config_int(config, SETTING_INGEST_MAX_BODY), 262144);
    assert_true(config_real(config, SETTING_DETECT_RATIO) == 1.5);
    assert_null(config_list(config, SETTING_KAFKA_PROPERTIES)[0]);
    config_applications(config, &n);
    assert_int_equal(n, 0);
    config_free(config);
    config_free(NULL);
}

static void the_environment_wins_over_the_file(void **state)
{
    (void)state;
    struct config *config;
    struct err_text text;
    const char *const environment[] = {"SEISMO_LISTEN_LOOPS=4", "SEISMO_DETECT_OPEN_MS=1m", "OTHER=1",
                                       "SEISMO_KAFKA_PROPERTIES=[\"a=b\", \"c=d,e\"]", NULL};
    assert_int_equal(
        load(&config, "listen: {loops: 2, public: '[::1]:0'}\ndetect: {open_ms: 20s}\n", environment, &text), ERR_OK);
    assert_int_equal(config_int(config, SETTING_LISTEN_LOOPS), 4);
    assert_int_equal(config_int(config, SETTING_DETECT_OPEN_MS), 60000);
    assert_string_equal(config_text(config, SETTING_LISTEN_PUBLIC), "[::1]:0");
    assert_string_equal(config_list(config, SETTING_KAFKA_PROPERTIES)[1], "c=d,e");
    config_free(config);
}

static void a_problem_is_told_in_one_printable_line(void **state)
{
    (void)state;
    struct config *config;
    struct err_text text;
    const char *const environment[] = {"SEISMO_LISTEN_LOOPS=\x1b]0;title\x07\n2", NULL};
    assert_int_equal(config_load(&config, NULL, environment, &text), ERR_CONFIG);
    assert_null(strpbrk(text.at, "\x1b\x07\n"));
    assert_int_equal(load(&config, "listen: {loops: \"\\e[2J\"}\n", NULL, &text), ERR_CONFIG);
    assert_null(strpbrk(text.at, "\x1b\n"));
}

static void a_file_without_an_end_is_read_to_the_maximum(void **state)
{
    (void)state;
    struct config *config;
    struct err_text text;
    assert_int_equal(config_load(&config, "/dev/zero", NULL, &text), ERR_CONFIG);
    assert_non_null(strstr(text.at, "/dev/zero: larger than"));
}

static void applications_are_read(void **state)
{
    (void)state;
    struct config *config;
    struct err_text text;
    size_t n;
    assert_int_equal(
        load(&config,
             "applications:\n"
             "  - name: shop\n    keys: [a, b]\n    origins: [https://shop.example]\n    routes: /product/:id\n"
             "  - {name: batch, keys: c, server_clients: true}\n",
             NULL, &text),
        ERR_OK);
    const struct application *list = config_applications(config, &n);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].keys[1], "b");
    assert_string_equal(list[0].routes[0], "/product/:id");
    assert_null(list[0].services[0]);
    assert_false(list[0].server_clients);
    assert_true(list[1].server_clients);
    config_free(config);
}

/* What agents are told, as it stands in every answer. */
static void advice_is_written_out(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *advice;
    } rows[] = {
        {"", ""},
        {", rate: 1", ",\"rate\":1"},
        {", rate: 0", ",\"rate\":0"},
        {", wait: 0, stop: false", ""},
        {", wait: 86400, stop: yes, rate: 0.1", ",\"rate\":0.1,\"stop\":true,\"wait\":86400"},
        {", rate: 2.2250738585072014e-308, stop: true, wait: 86400",
         ",\"rate\":2.2250738585072014e-308,\"stop\":true,\"wait\":86400"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config *config;
        struct err_text text;
        char yaml[256];
        size_t n;
        snprintf(yaml, sizeof yaml, "applications:\n  - {name: a, keys: k, server_clients: true%s}\n", rows[i].yaml);
        assert_int_equal(load(&config, yaml, NULL, &text), ERR_OK);
        const char *advice = config_applications(config, &n)->advice;
        assert_string_equal(advice, rows[i].advice);
        assert_true(strlen(advice) < APPLICATION_ADVICE_BYTES);
        config_free(config);
    }
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } rows[] = {
        {"listen:\n  publc: x\n", ":2:3: unknown key 'listen.publc'; did you mean 'listen.public'?"},
        {"nothing_like_it: 1\n", ":1:1: unknown key 'nothing_like_it'"},
        {"listen:\n  loops: 1.5\n", ":2:10: listen.loops: expected a whole number, found '1.5'"},
        {"listen:\n  loops: 0\n", ":2:10: listen.loops: expected 1 to 64 threads, found 0"},
        {"detect: {open_ms: 5 parsecs}\n", "detect.open_ms: expected a duration as 30s or 5m"},
        {"bus: {kind: rabbit}\n", "bus.kind: expected one of sqlite|kafka, found 'rabbit'"},
        {"listen: 5\n", ":1:9: listen: expected a mapping, found a text"},
        {"- a\n", "expected a mapping, found a list"},
        {"a: [\n", "not YAML"},
        {"a: &x {b: *x}\n", "unknown key 'a'"},
        {"applications: {}\n", "applications: expected a list, found a mapping"},
        {"applications:\n- {name: a, keys: [k]}\n", "neither origins nor server_clients"},
        {"applications:\n- {name: a, keys: [k], rate: 1.1}\n",
         ":2:30: applications.rate: expected a number from 0 to 1"},
        {"applications:\n- {name: a, keys: [k], rate: nan}\n", "applications.rate: expected a number from 0 to 1"},
        {"applications:\n- {name: a, keys: [k], rate: [1]}\n", "applications.rate: expected a number from 0 to 1"},
        {"applications:\n- {name: a, keys: [k], rate: -0.1}\n", "applications.rate: expected a number from 0 to 1"},
        {"applications:\n- {name: a, keys: [k], stop: 1}\n", "applications.stop: expected true or false"},
        {"applications:\n- {name: a, keys: [k], wait: 1.5}\n", "applications.wait: expected whole seconds"},
        {"applications:\n- {name: a, keys: [k], wait: 30s}\n", "applications.wait: expected whole seconds"},
        {"applications:\n- {name: a, keys: [k], wait: 86401}\n", "applications.wait: expected whole seconds"},
        {"applications:\n- {name: a, keys: [k], rat: 1}\n", "did you mean rate"},
        {"slack: {webhook_file: /nonexistent}\n", "/nonexistent: No such file"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config *config;
        struct err_text text = {""};
        assert_int_equal(load(&config, rows[i].yaml, NULL, &text), ERR_CONFIG);
        if (!strstr(text.at, rows[i].message))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, text.at, rows[i].message);
    }
}

static void secrets_are_never_printed(void **state)
{
    (void)state;
    struct config *config;
    struct err_text text;
    struct buf buf;
    const char *const environment[] = {"SEISMO_SLACK_WEBHOOK=https://hooks/secret",
                                       "SEISMO_KAFKA_PROPERTIES=sasl.password=secret", NULL};
    assert_int_equal(config_load(&config, NULL, environment, &text), ERR_OK);
    buf_init(&buf, 100000);
    config_print(config, &buf);
    assert_null(strstr(buf.at, "secret"));
    assert_non_null(strstr(buf.at, "slack.webhook: ***  # SEISMO_SLACK_WEBHOOK\n"));
    assert_non_null(strstr(buf.at, "listen.public: \"127.0.0.1:8080\"  # default\n"));
    buf_done(&buf);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_without_a_file),
        cmocka_unit_test(the_environment_wins_over_the_file),
        cmocka_unit_test(a_problem_is_told_in_one_printable_line),
        cmocka_unit_test(a_file_without_an_end_is_read_to_the_maximum),
        cmocka_unit_test(applications_are_read),
        cmocka_unit_test(advice_is_written_out),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(secrets_are_never_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
