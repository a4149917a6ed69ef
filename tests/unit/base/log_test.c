/* What stands on stderr, in both formats, of lines that nobody should be able to forge. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int our_stderr, ends[2];
static char said[4096];

static int catch_stderr(void **state)
{
    (void)state;
    our_stderr = dup(STDERR_FILENO);
    return pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0;
}

static int let_go(void **state)
{
    (void)state;
    log_set_json(false);
    dup2(our_stderr, STDERR_FILENO);
    close(our_stderr);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* The one line that was written since, without its time. */
static const char *line_after(const char *mark)
{
    ssize_t n = read(ends[0], said, sizeof said - 1);
    assert_true(n > 0);
    said[n] = '\0';
    assert_ptr_equal(strchr(said, '\n'), said + n - 1);
    const char *at = strstr(said, mark);
    assert_non_null(at);
    return at + strlen(mark);
}

static void test_text(void **state)
{
    (void)state;
    log_warn("room", ERR_IO, "a \"%s\" \\", "\x1b[2J\n\xe4");
    assert_string_equal(line_after("Z "), "warn  room SE-4004 a \"\\x1b[2J\\x0a\\xe4\" \\\n");
}

static void test_json(void **state)
{
    (void)state;
    log_set_json(true);
    log_warn("room", ERR_IO, "b \"%s\" \\", "\x1b[2J\n\xe4");
    assert_string_equal(line_after("\"log.level\":"),
                        "\"warn\",\"ecs.version\":\"8.11.0\",\"service.name\":\"seismo\",\"log.logger\":\"room\","
                        "\"error.code\":\"SE-4004\",\"message\":\"b \\\"\\\\x1b[2J\\\\x0a\\\\xe4\\\" \\\\\"}\n");
    log_info("room", "c");
    assert_string_equal(line_after("\"log.logger\":"), "\"room\",\"message\":\"c\"}\n");
}

/* A message that has to be cut ends as an object all the same. */
static void test_json_long(void **state)
{
    (void)state;
    char quotes[3000];
    memset(quotes, '"', sizeof quotes);
    quotes[sizeof quotes - 1] = '\0';
    log_set_json(true);
    for (int lead = 0; lead < 4; lead++) {
        log_say("%.*s%s", lead, "xxxx", quotes);
        const char *message = line_after("\"message\":\"") + lead;
        size_t pairs = 0;
        for (; memcmp(message, "\\\"", 2) == 0; message += 2)
            pairs++;
        assert_in_range(pairs, 800, 1024);
        assert_string_equal(message, "\"}\n");
        assert_true(strlen(said) <= 2048);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text, catch_stderr, let_go),
        cmocka_unit_test_setup_teardown(test_json, catch_stderr, let_go),
        cmocka_unit_test_setup_teardown(test_json_long, catch_stderr, let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
