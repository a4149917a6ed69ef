/* What is overwritten, and what is left as it is. Stars in `after` show the secret. */
#include "enrich/enrich_int.h"

#include <stdlib.h>

#include "event/json_scan.h"
#include "unit/test.h"

struct row {
    const char *before, *after;
};

static void secrets_in_text(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"nothing to hide", "nothing to hide"},
        {"mail to ann.b+c@shop.example.", "mail to ********************."},
        {"u=ann%40shop.example&x=1", "u=******************&x=1"},
        {"/u/ann@shop.example/cart", "/u/****************/cart"},
        {"https://joe:pw1@db.example/x", "https://*******@db.example/x"},
        {"buy@https://shop.example/app.js:1:2", "buy@https://shop.example/app.js:1:2"},
        {"npm/lodash@4.17.21/x.js logo@2x.png a@app.js:1", "npm/lodash@4.17.21/x.js logo@2x.png a@app.js:1"},
        {"card 4111 1111 1111 1111 ok", "card ******************* ok"},
        {"card 4111-1111-1111-1111", "card *******************"},
        {"378282246310005", "***************"},
        {"card 4111 1111 1111 1112 no", "card 4111 1111 1111 1112 no"},
        {"at 1795354199800 ms", "at 1795354199800 ms"},
        {"/a?token=abc&b=1", "/a?token=***&b=1"},
        {"access_token=abc#x", "access_token=***#x"},
        {"accessKey=abc monkey=abc", "accessKey=*** monkey=abc"},
        {"token=", "token="},
        {"a?session=[redacted]&key=[redacted]", "a?session=[redacted]&key=[redacted]"},
        {"PASSWORD: hunter2, next", "PASSWORD: *******, next"},
        {"{\"password\":\"a b\",\"x\":1}", "{\"password\":\"***\",\"x\":1}"},
        {"secret = 'it is'", "secret = '*****'"},
        {"Unexpected token: foo", "Unexpected token: foo"},
        {"token: a8f3k2q9x7", "token: **********"},
        {"key: Enter", "key: Enter"},
        {"Authorization: Bearer abc.def", "Authorization: Bearer *******"},
        {"Authorization: Basic dXNlcjpwdw==", "Authorization: Basic ************"},
        {"sent Bearer a8f3k2q9x7 twice", "sent Bearer ********** twice"},
        {"the bearer of news", "the bearer of news"},
        {"x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1 y", "x ******************************************* y"},
        {"id AKIAIOSFODNN7EXAMPLE.", "id ********************."},
        {"redirect%3Fpassword%3Dabc&x", "redirect%3Fpassword%3D***&x"},
        {"https://joe:a;b&c(d@db/x", "https://***********@db/x"},
        {"https://joe:a%40b@db.example/x", "https://*********@db.example/x"},
        {"https://t0ken@localhost:3000/x", "https://*****@localhost:3000/x"},
        {"https://unpkg.example/@scope/x@1.2.3", "https://unpkg.example/@scope/x@1.2.3"},
        {"j\xc3\xb6rg@shop.example", "******************"},
        {"ann@sh\xc3\xb6p.example", "*****************"},
        {"ann@shop.example\xef\xbc\x8cnext", "****************\xef\xbc\x8cnext"},
        {"card 4111 1111 1111 1111 12/27", "card ******************* 12/27"},
        {"2 x 4111 1111 1111 1111 or 2 4111111111111111", "2 x ******************* or 2 ****************"},
        {"c=4111%201111%201111%201111&d=3782+822463+10005", "c=*************************&d=*****************"},
        {"12 34 56 78 90 12 34 56 78", "12 34 56 78 90 12 34 56 78"},
        {"card4111111111111111 4111111111111111EUR", "card**************** ****************EUR"},
        {"4111.1111.1111.1111, 4111  1111  1111  1111", "*******************, **********************"},
        {"4111\xc2\xa0"
         "1111\xc2\xa0"
         "1111\xc2\xa0"
         "1111",
         "**********************"},
        {"c=4111%C2%A01111%c2%a01111%C2%A01111&d=1", "c=**********************************&d=1"},
        {"c=4111%20%201111%20%201111%20%201111", "c=**********************************"},
        {"c=4111++1111++1111++1111 3782 - 822463", "c=********************** 3782 - 822463"},
        /* numbers that pass Luhn's check by chance */
        {"0.4111111111111111 4.111111111111111 0.5454545454545454",
         "0.4111111111111111 4.111111111111111 0.5454545454545454"},
        {"4111111111111111abcdef0 ab4111111111111111", "4111111111111111abcdef0 ab4111111111111111"},
        {"41111111.11111111 4111.11111111.1111", "41111111.11111111 4111.11111111.1111"},
        {"user[password]=abc user%5Bpassword%5D=abc", "user[password]=*** user%5Bpassword%5D=***"},
        {"?password=a(b,c&d=1", "?password=*****&d=1"},
        {"(password=abc), next", "(password=***), next"},
        {"pass=abc, pass: 12 of 12", "pass=***, pass: 12 of 12"},
        {"password == 'abc', password => abc, password := abc", "password == '***', password => ***, password := ***"},
        {"password:\tabc", "password:\t***"},
        {"password=\"a\\\"b\" c", "password=\"****\" c"},
        {"body {\\\"password\\\":\\\"abc\\\",\\\"x\\\":1}", "body {\\\"password\\\":\\\"***\\\",\\\"x\\\":1}"},
        {"Authorization: ApiKey abc", "Authorization: ApiKey ***"},
        {"Authorization: Token token=\"abc\"\nnext", "Authorization: Token ***********\nnext"},
        {"h=Bearer%20a8f3k2q9x7", "h=Bearer%20**********"},
        {"Cookie: sid=a8f3k2q9x7; other=abc\nnext", "Cookie: *************************\nnext"},
        {"q=password%3aabc", "q=password%3a***"},
        {"bad password:\nbuy@https://shop.example/app.js:1:2", "bad password:\nbuy@https://shop.example/app.js:1:2"},
        {"pass\xc3\xa4word=x password=\xc3\xa4\xc3\xb6 z", "pass\xc3\xa4word=x password=**** z"},
        {"/back?code=a8f3&state=xyz&x=1", "/back?code=****&state=***&x=1"},
        {"/back#state=xyz&code=a8f3", "/back#state=***&code=****"},
        {"?next=%2Fback%3Fcode%3Da8f3%26state%3Dxyz", "?next=%2Fback%3Fcode%3D******************"},
        {"/shop?code=SAVE10 state=Ohio", "/shop?code=SAVE10 state=Ohio"},
        {"?code=SAVE10&zipstate=x&statement=y", "?code=SAVE10&zipstate=x&statement=y"},
        {"/reset/a8f3k2q9x7/new", "/reset/**********/new"},
        {"https://x.example/reset-password/a8f3k2q9x7?x=1", "https://x.example/reset-password/**********?x=1"},
        {"/verify/12/orders/a8f3k2q9x7 /invite/friends", "/verify/12/orders/a8f3k2q9x7 /invite/friends"},
        {"/preset/a8f3k2q9x7 /:token/a8f3k2q9x7", "/preset/a8f3k2q9x7 /:token/a8f3k2q9x7"},
        {"x ghp_0123456789abcdefghijABCDEFGHIJ012345 y", "x **************************************** y"},
        {"github_pat_11ABCDEFG0abcdefghij_0123456789", "******************************************"},
        {"xoxb-123456789012-abc glpat-0123456789abcdefghij", "********************* **************************"},
        {"key sk_live_0123456789ab rk_live_0123456789ab", "key ******************** ********************"},
        {"ghp_short xox task_live_0123456789ab", "ghp_short xox task_live_0123456789ab"},
        {"u=ann%2540shop.example&x=1", "u=********************&x=1"},
        {"q=password%253Dabc%2526x&y=%25253D", "q=password%253D*********&y=%25253D"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = strdup(rows[i].before);
        bool found = redact_text((struct slice){text, strlen(text)});
        assert_string_equal(text, rows[i].after);
        assert_int_equal(found, strcmp(rows[i].before, rows[i].after) != 0);
        free(text);
    }
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
