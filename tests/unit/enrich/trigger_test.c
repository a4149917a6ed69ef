/* A text is called quiet only when the finders would find nothing in it: as it is, and once its escapes are decoded. */
#include "enrich/enrich_int.h"

#include <stdlib.h>

#include "event/json_scan.h"
#include "event/wire_gen.h"
#include "unit/enrich/hostile.h"
#include "unit/test.h"

/* False when the two disagree. */
static bool agrees(struct slice raw, bool *ret_quiet)
{
    size_t len;
    char *decoded = malloc(raw.len + 1);
    bool quiet = redact_is_quiet(raw);
    bool agree = quiet == redact_is_quiet_plain(raw) && quiet == redact_is_quiet_avx2(raw);
    if (quiet && redact_finds(raw))
        agree = false;
    if (quiet && json_unescape(raw, decoded, &len) != UNESCAPED_BAD && redact_finds((struct slice){decoded, len}))
        agree = false;
    free(decoded);
    *ret_quiet = quiet;
    return agree;
}

static void quiet_is_never_wrong(void **state)
{
    (void)state;
    struct buf text;
    size_t n_quiet = 0, n = 40000;
    bool quiet;
    buf_init(&text, 65536);
    for (size_t i = 0; i < n; i++) {
        buf_clear(&text);
        hostile_text(i, &text);
        if (!agrees(buf_slice(&text), &quiet))
            fail_msg("text %zu: %s", i, text.at);
        n_quiet += quiet;
    }
    assert_true(n_quiet > n / 10 && n_quiet < n - n / 10); /* else the test would say little */
    buf_done(&text);
}

/* A secret at every place of a long text, so that it lies on all bounds of blocks. */
static void every_place_is_looked_at(void **state)
{
    (void)state;
    static const char *const secrets[] = {"a@b.example",
                                          "token=abc",
                                          "password: x",
                                          "ann%40b.example",
                                          "pin%3D12",
                                          "Bearer a8f3k2q9x7",
                                          "AKIAIOSFODNN7EXAMPLE",
                                          "4111111111111111",
                                          "4111 1111 1111 1111",
                                          "4111  1111  1111  1111",
                                          "4111\xc2\xa0"
                                          "1111\xc2\xa0"
                                          "1111\xc2\xa0"
                                          "1111",
                                          "4111%C2%A01111%C2%A01111%C2%A01111",
                                          "4111.1111.1111.1111",
                                          "card4111111111111111",
                                          "eyJhbGciOi.eyJzdWIi",
                                          "//joe:pw@db",
                                          "\\u0040",
                                          "ghp_0123456789abcdefghijABCDEFGHIJ012345",
                                          "sk_live_0123456789ab",
                                          "/reset/a8f3k2q9x7",
                                          "ann%2540b.example",
                                          "?code=a&state=b"};
    char text[300];
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        for (size_t len = strlen(secrets[i]); len < sizeof text; len += 7)
            for (size_t at = 0; at + strlen(secrets[i]) <= len; at++) {
                memset(text, ',', sizeof text);
                memcpy(text + at, secrets[i], strlen(secrets[i]));
                assert_false(redact_is_quiet((struct slice){text, len}));
                assert_false(redact_is_quiet_plain((struct slice){text, len}));
                assert_false(redact_is_quiet_avx2((struct slice){text, len}));
            }
}

/* That it is quiet is what makes ordinary traffic cheap. */
static void ordinary_events_are_quiet(void **state)
{
    (void)state;
    struct buf beacon;
    size_t n_quiet = 0;
    buf_init(&beacon, 65536);
    for (size_t i = 0; i < 200; i++) {
        buf_clear(&beacon);
        beacon_make(i, &beacon);
        n_quiet += redact_is_quiet(buf_slice(&beacon));
    }
    buf_done(&beacon);
    assert_true(n_quiet >= 195); /* an id may look like a card number */
}

/* redact_json skips events all of whose names are known. */
static void names_of_the_schema_are_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < WIRE_NAMES; i++)
        assert_int_equal(secret_name(wire_names[i]), SECRECY_OPEN);
}

static void secret_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "password",    "passwd",  "passphrase", "passcode",     "pwd",     "pass",       "cvv",       "cvc",
        "pin",         "secret",  "apikey",     "api_key",      "api-key", "jsessionid", "phpsessid", "token",
        "key",         "session", "sessionid",  "session_id",   "sid",     "sig",        "signature", "jwt",
        "csrf",        "xsrf",    "credential", "credentials",  "auth",    "otp",        "cookie",    "authorization",
        "accesstoken", "idtoken", "session-id", "refreshtoken", "x_PIN",   "userToken",  "my-Key",    "CVV"};
    static const char *const others[] = {"monkey", "origin", "pi", "", "connection", "turkey", "pinned", "es", "d"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(secret_name(slice_of(names[i])) != SECRECY_OPEN && secret_ends(slice_of(names[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(secret_name(slice_of(others[i])), SECRECY_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_is_never_wrong),
        cmocka_unit_test(every_place_is_looked_at),
        cmocka_unit_test(ordinary_events_are_quiet),
        cmocka_unit_test(names_of_the_schema_are_open),
        cmocka_unit_test(secret_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
