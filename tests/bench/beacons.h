/* Beacons made up by a seed: the same seed, the same bytes. For measurements and for tests that need many.
 *
 * Ordinary ones look like a shop's: ten events and about 2.4 kB, a third of them API calls, one error in twenty
 * events, users, addresses with ids and queries, names in several languages. */
#ifndef SEISMO_TESTS_BENCH_BEACONS_H
#define SEISMO_TESTS_BENCH_BEACONS_H

#include <stdio.h>

#include "base/buf.h"

#define BEACON_EVENTS 10
#define BEACON_TIME INT64_C(1795354200600) /* when it is received */

struct dice {
    uint64_t state;
};

/* Steele, Lea, Flood: splitmix64, 2014. */
static inline uint64_t dice_next(struct dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline unsigned dice_below(struct dice *dice, unsigned n)
{
    return (unsigned)(dice_next(dice) % n);
}

#define DICE_PICK(dice, list) (list)[dice_below(dice, sizeof(list) / sizeof *(list))]

/* n characters of an id as the agent draws them. */
static inline void beacon_id(struct dice *dice, struct buf *buf, unsigned n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    for (unsigned i = 0; i < n; i++)
        buf_char(buf, digits[dice_below(dice, 64)]);
}

static inline void beacon_hex(struct dice *dice, struct buf *buf, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        buf_char(buf, "0123456789abcdef"[dice_below(dice, 16)]);
}

/* ---- words of a shop --------------------------------------------------------------------------------------------- */

static inline void beacon_page(struct dice *dice, struct buf *buf)
{
    static const char *const names[] = {"lamp", "desk-oak", "fauteuil", "k%C3%BCche", "chair", "sofa-grey"};
    switch (dice_below(dice, 8)) {
    case 0: buf_text(buf, "/"); break;
    case 1: buf_text(buf, "/cart"); break;
    case 2: buf_text(buf, "/checkout/address"); break;
    case 3: buf_printf(buf, "/category/%s", DICE_PICK(dice, names)); break;
    case 4: buf_printf(buf, "/account/orders/%u", 100000 + dice_below(dice, 900000)); break;
    default: buf_printf(buf, "/product/%s-%u", DICE_PICK(dice, names), 1000 + dice_below(dice, 9000));
    }
}

static inline void beacon_call(struct dice *dice, struct buf *buf)
{
    static const char *const queries[] = {"lamp", "oak+desk", "k%C3%BCche", "%E3%83%A9%E3%83%B3%E3%83%97"};
    switch (dice_below(dice, 7)) {
    case 0: buf_printf(buf, "/api/products/%u", dice_below(dice, 100000)); break;
    case 1:
        buf_printf(buf, "/api/search?q=%s&page=%u&sort=price", DICE_PICK(dice, queries), 1 + dice_below(dice, 9));
        break;
    case 2: buf_text(buf, "/api/cart"); break;
    case 3:
        buf_printf(buf, "/api/cart/items/%u?quantity=%u", dice_below(dice, 1000000), 1 + dice_below(dice, 5));
        break;
    case 4:
        buf_text(buf, "https://cdn.shop.example/v2/prices/");
        beacon_hex(dice, buf, 32);
        break;
    case 5:
        buf_text(buf, "/api/sessions/");
        beacon_hex(dice, buf, 8);
        buf_char(buf, '-');
        beacon_hex(dice, buf, 4);
        buf_text(buf, "-4");
        beacon_hex(dice, buf, 3);
        buf_text(buf, "-a");
        beacon_hex(dice, buf, 3);
        buf_char(buf, '-');
        beacon_hex(dice, buf, 12);
        break;
    default: buf_printf(buf, "/api/users/%u/recommendations", dice_below(dice, 50000));
    }
}

static inline const char *beacon_name(struct dice *dice)
{
    static const char *const names[] = {
        "Add to cart",
        "In den Warenkorb legen",
        "Ajouter au panier",
        "\xe3\x82\xab\xe3\x83\xbc\xe3\x83\x88\xe3\x81\xab\xe5\x85\xa5\xe3\x82\x8c\xe3\x82\x8b",
        "\xd0\x94\xd0\xbe\xd0\xb1\xd0\xb0\xd0\xb2\xd0\xb8\xd1\x82\xd1\x8c \xd0\xb2 "
        "\xd0\xba\xd0\xbe\xd1\x80\xd0\xb7\xd0\xb8\xd0\xbd\xd1\x83",
        "Checkout",
        "Search",
        "Menu",
        "Weiter zur Kasse",
        "Gr\xc3\xb6\xc3\x9f"
        "e w\xc3\xa4hlen",
    };
    return DICE_PICK(dice, names);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static inline void beacon_ms(struct dice *dice, struct buf *buf, const char *name, unsigned below)
{
    buf_printf(buf, ",\"%s\":%u", name, dice_below(dice, below));
    if (dice_below(dice, 4))
        buf_printf(buf, ".%u", 1 + dice_below(dice, 9));
}

static inline void beacon_page_event(struct dice *dice, struct buf *buf, const char *page)
{
    static const char *const phases[] = {"dns", "connect", "request", "response", "dom", "load"};
    buf_printf(buf, ",\"url\":\"https://shop.example%s?ref=mail&utm_source=news\",\"title\":\"", page);
    buf_text(buf, beacon_name(dice));
    buf_text(buf, " - Shop\",\"navigation\":\"navigate\"");
    beacon_ms(dice, buf, "duration", 4000);
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
        beacon_ms(dice, buf, phases[i], 400);
    buf_printf(buf, ",\"bytes\":%u", dice_below(dice, 200000));
}

static inline void beacon_api_event(struct dice *dice, struct buf *buf)
{
    static const char *const methods[] = {"GET", "GET", "GET", "POST", "PUT"};
    bool failed = dice_below(dice, 30) == 0;
    buf_text(buf, ",\"url\":\"");
    beacon_call(dice, buf);
    buf_printf(buf, "\",\"method\":\"%s\",\"status\":%u", DICE_PICK(dice, methods), failed ? 503 : 200);
    beacon_ms(dice, buf, "duration", 900);
    buf_printf(buf, ",\"initiator\":\"fetch\",\"outcome\":\"%s\",\"bytes\":%u", failed ? "failure" : "success",
               dice_below(dice, 30000));
    if (dice_below(dice, 2)) {
        buf_text(buf, ",\"trace\":\"");
        beacon_hex(dice, buf, 32);
        buf_char(buf, '"');
    }
}

static inline void beacon_click_event(struct dice *dice, struct buf *buf)
{
    static const char *const selectors[] = {"#buy", "nav > ul > li:nth-child(3) > a", "[data-testid=\\\"add\\\"]",
                                            "main > section.products > article:nth-child(12) > button.primary"};
    buf_printf(buf, ",\"selector\":\"%s\",\"name\":\"%s\",\"role\":\"button\"", DICE_PICK(dice, selectors),
               beacon_name(dice));
    if (dice_below(dice, 8) == 0)
        buf_printf(buf, ",\"count\":%u,\"flags\":\"rage\"", 3 + dice_below(dice, 5));
}

static inline void beacon_vital_event(struct dice *dice, struct buf *buf)
{
    static const char *const vitals[] = {"LCP", "INP", "CLS", "FCP", "TTFB"};
    const char *name = DICE_PICK(dice, vitals);
    buf_printf(buf, ",\"name\":\"%s\",\"value\":", name);
    if (*name == 'C')
        buf_printf(buf, "0.%04u", dice_below(dice, 3000));
    else
        buf_printf(buf, "%u.%u", dice_below(dice, 3000), 1 + dice_below(dice, 9));
    buf_printf(buf, ",\"rating\":\"good\",\"metric\":\"v5-%u-%u\"", 1795354000 + dice_below(dice, 199),
               dice_below(dice, 1000000000));
    if (dice_below(dice, 2))
        buf_text(buf, ",\"target\":\"main > div.hero > img.banner\"");
}

/* One of 48 faults of the shop: the same type, words and places each time, in one of four a number of the user. */
static inline void beacon_error_event(struct dice *dice, struct buf *buf)
{
    static const char *const members[] = {"price", "items", "total", "length", "address", "currency"};
    static const char *const functions[] = {"renderCart", "updateTotal", "onSubmit", "fetchPrices", "CartView.render"};
    struct dice fault = {dice_below(dice, 48)};
    const char *member = DICE_PICK(&fault, members);
    char user[24] = "";
    if (dice_below(&fault, 4) == 0)
        snprintf(user, sizeof user, " for user %u", dice_below(dice, 100000));
    buf_printf(buf,
               ",\"type\":\"TypeError\",\"message\":\"Cannot read properties of undefined (reading '%s')%s\","
               "\"stack\":\"TypeError: Cannot read properties of undefined (reading '%s')%s",
               member, user, member, user);
    for (unsigned i = 0, n = 4 + dice_below(&fault, 5); i < n; i++)
        buf_printf(buf, "\\n    at %s (https://shop.example/assets/main-8f3a2b1c.js:%u:%u)",
                   DICE_PICK(&fault, functions), 1 + dice_below(&fault, 40), dice_below(&fault, 90000));
    buf_printf(buf,
               "\",\"source\":\"error\",\"file\":\"https://shop.example/assets/main-8f3a2b1c.js\",\"line\":%u,"
               "\"column\":%u",
               1 + dice_below(&fault, 40), dice_below(&fault, 90000));
}

static inline void beacon_event(struct dice *dice, struct buf *buf, const char *page, double at)
{
    unsigned what = dice_below(dice, 100);
    const char *kind = what < 8    ? "page"
                       : what < 12 ? "route"
                       : what < 47 ? "api"
                       : what < 67 ? "click"
                       : what < 95 ? "vital"
                                   : "error";
    buf_printf(buf, "{\"kind\":\"%s\",\"at\":%.1f,\"page\":\"%s\"", kind, at, page);
    switch (*kind) {
    case 'p': beacon_page_event(dice, buf, page); break;
    case 'r':
        buf_printf(buf, ",\"url\":\"%s?ref=list\",\"from\":\"/\",\"title\":\"%s\"", page, beacon_name(dice));
        break;
    case 'a': beacon_api_event(dice, buf); break;
    case 'c': beacon_click_event(dice, buf); break;
    case 'v': beacon_vital_event(dice, buf); break;
    default: beacon_error_event(dice, buf);
    }
    buf_char(buf, '}');
}

/* One ordinary beacon, appended. */
static inline void beacon_make(uint64_t seed, struct buf *buf)
{
    static const char *const environments[] = {"production", "staging", "demo"};
    struct dice dice = {seed};
    struct buf page;
    buf_init(&page, 4096);
    buf_text(buf, "{\"v\":1,\"id\":\"");
    beacon_id(&dice, buf, 16);
    buf_printf(buf, "\",\"service\":\"shop\",\"version\":\"1.4.%u\",\"environment\":\"%s\",\"session\":\"",
               dice_below(&dice, 4), DICE_PICK(&dice, environments));
    beacon_id(&dice, buf, 16);
    buf_text(buf, "\",\"view\":\"");
    beacon_id(&dice, buf, 12);
    buf_printf(buf, "\",\"sent\":%.0f,\"rate\":1", (double)BEACON_TIME - dice_below(&dice, 1500));
    if (dice_below(&dice, 2))
        buf_printf(buf, ",\"user\":{\"id\":\"u-%u\"}", dice_below(&dice, 1000000));
    buf_text(buf, ",\"agent\":{\"name\":\"seismo-js\",\"version\":\"0.1.0\"},\"events\":[");
    for (unsigned i = 0; i < BEACON_EVENTS; i++) {
        if (i % 4 == 0) {
            buf_clear(&page);
            beacon_page(&dice, &page);
        }
        if (i)
            buf_char(buf, ',');
        beacon_event(&dice, buf, page.at, (double)BEACON_TIME - 30000 + i * 2500 + dice_below(&dice, 20000) / 10.0);
    }
    buf_text(buf, "]}");
    buf_done(&page);
}

#endif
