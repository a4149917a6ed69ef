/* Route names: a row a case. */
#include "enrich/enrich_int.h"
#include "unit/test.h"

static const char *const templates[] = {"/product/:slug", "/docs/*", "/shop/:area/sale", NULL};
static const char *const origins[] = {"https://shop.example", "https://*.shop.example", NULL};
static const struct application shop = {.name = "shop", .origins = origins, .routes = templates};

static void paths_get_names(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
    } rows[] = {
        {"", ""},
        {"/", "/"},
        {"/cart", "/cart"},
        {"/cart/", "/cart"},
        {"/cart//items", "/cart/items"},
        {"/item/17", "/item/:id"},
        {"/item/17?ref=a#b", "/item/:id"},
        {"https://shop.example/item/17", "/item/:id"},
        {"https://shop.example", "/"},
        {"https://shop.example?x=1", "/"},
        {"//cdn.example/item/17", "/item/:id"},
        {"/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301/pay", "/o/:uuid/pay"},
        {"/c/9e107d9d372bb6826bd81d3542a419d6", "/c/:hash"},
        {"/c/deadbeefdeadbeefcafe", "/c/deadbeefdeadbeefcafe"},
        {"/u/ann.b+c@shop.example", "/u/:email"},
        {"/u/ann%40shop.example", "/u/:email"},
        {"/day/2026-11-22", "/day/:date"},
        {"/t/2026-11-22T10:00:00Z", "/t/:date"},
        {"/share/dQw4w9WgXcQ", "/share/:token"},
        {"/lamp-10482", "/:token"},
        {"/order/INV-2026-0001", "/order/:token"},
        {"/key/AKIAIOSFODNN7EXAMPLE", "/key/:token"},
        {"/en-US/help", "/en-US/help"},
        {"/de_DE/v1/api/v2beta1", "/de_DE/v1/api/v2beta1"},
        {"/phones/iphone15pro", "/phones/iphone15pro"},
        {"/collection-2026", "/collection-2026"},
        {"/index.html", "/index.html"},
        {"/assets/app.min.js", "/assets/app.min.js"},
        {"/report/182734.pdf", "/report/:id.pdf"},
        {"/produkte/gr\xc3\xb6\xc3\x9f"
         "e",
         "/produkte/gr\xc3\xb6\xc3\x9f"
         "e"},
        {"/a\x1b[31mb", "/a?[31mb"},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14", "/:id/:id/:id/:id/:id/:id/:id/:id/:id/:id/:id/:id/\xe2\x80\xa6"},
        {"/product/blue-lamp", "/product/:slug"},
        {"/product/blue-lamp/reviews", "/product/blue-lamp/reviews"},
        {"/docs/a/b/c/17", "/docs/*"},
        {"/shop/garden/sale", "/shop/:area/sale"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf name;
        buf_init(&name, 1024);
        enrich_route(&shop, slice_of(rows[i].path), &name);
        assert_slice(buf_slice(&name), rows[i].name);
        buf_done(&name);
    }
}

static void calls_get_names(void **state)
{
    (void)state;
    static const struct {
        const char *method, *url, *name;
    } rows[] = {
        {"GET", "/api/products/17", "GET /api/products/:id"},
        {"", "/api", "GET /api"},
        {"post", "/api?token=x", "POST /api"},
        {"GET", "https://shop.example/api/1", "GET /api/:id"},
        {"GET", "https://API.example.com:8443/x/1?y", "GET api.example.com:8443/x/:id"},
        {"GET", "https://user:secret@api.example.com/x", "GET api.example.com/x"},
        {"GET", "https://shop.example.evil.com/x", "GET shop.example.evil.com/x"},
        {"GET", "data:text/plain,abc", "GET /data:text/plain,abc"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char bytes[ROUTE_MAX_BYTES];
        struct text name = {bytes, 0, sizeof bytes, false};
        route_write_call(&shop, slice_of(rows[i].method), slice_of(rows[i].url), &name);
        assert_slice(text_slice(&name), rows[i].name);
    }
}

/* Whatever comes in: at most 200 bytes, no control characters, no cut character, and naming a name changes nothing. */
static void names_are_bounded(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        char path[600], bytes[ROUTE_MAX_BYTES];
        size_t n = 0, most = (seed >> 8) % sizeof path;
        while (n + 3 < most) {
            static const char *const parts[] = {"/", "a", "7", "-", "@", ".", "%40", "\xc3\xa4", "?", "Z", "f", "\n"};
            seed = seed * 1103515245u + 12345u;
            const char *part = parts[(seed >> 16) % (sizeof parts / sizeof *parts)];
            memcpy(path + n, part, strlen(part));
            n += strlen(part);
        }
        seed = seed * 1103515245u + 12345u;
        struct text name = {bytes, 0, sizeof bytes, false};
        route_write(NULL, (struct slice){path, n}, &name);
        assert_true(name.len <= ROUTE_MAX_BYTES);
        for (size_t i = 0; i < name.len; i++)
            assert_true((unsigned char)bytes[i] >= 0x20);
        assert_true(name.len == 0 || ((unsigned char)bytes[name.len - 1] & 0xc0) != 0xc0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_get_names),
        cmocka_unit_test(calls_get_names),
        cmocka_unit_test(names_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
