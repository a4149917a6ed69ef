/* A body is a template whose changing parts have a fixed width: the envelope begins with them, so that they stand at
 * the same place in every body, and each event notes where its time (and its page, when pages are made up) stands.
 *
 *     {"v":1,"id":"b0000000000000000000000","sent":0000000000000,"session":"s...","view":"v...","user":{"id":"u-..."},
 *
 * Event times are renewed when they are older than REFRESH_MS, not at each sending: it is the load generator's CPU.
 * Gzipped bodies are one stored block (the envelope, patched at each sending) and one compressed block (the events,
 * compressed again when renewed); the checksum is put together from those of the two. */
#include "load_bodies.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define REFRESH_MS 1000
#define MAX_EVENT_BYTES 2048
#define GZIP_HEAD 10
#define STORED_HEAD 5
#define GZIP_TAIL 8

/* Where the changing parts of the envelope stand. */
enum { AT_ID = 13, AT_SENT = 44, AT_SESSION = 69, AT_VIEW = 95, AT_USER = 127 };
static const char head[] =
    "{\"v\":1,\"id\":\"b000000000000000000000\",\"sent\":0000000000000,\"session\":\"s000000000000000\","
    "\"view\":\"v000000000000000\",\"user\":{\"id\":\"u-000000\"},";

struct stamp {
    size_t at, page; /* page 0: it has no made-up page */
    uint32_t before_ms;
};

struct body {
    char *text;
    size_t len, envelope;
    struct stamp *stamps;
    uint64_t made_ms;
    unsigned char *packed; /* with gzip: the compressed events */
    size_t packed_len;
    uLong packed_crc, combine;
};

struct beacons {
    struct beacons_options options;
    struct body *bodies;
    uint64_t random, sent;
    size_t max_bytes, mean_bytes;
    z_stream deflate;
};

static uint64_t next_random(struct beacons *beacons)
{
    uint64_t x = (beacons->random += UINT64_C(0x9e3779b97f4a7c15));
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static unsigned pick(struct beacons *beacons, unsigned n)
{
    return (unsigned)(next_random(beacons) >> 33) % n;
}

#define PICK(beacons, list) (list)[pick(beacons, sizeof(list) / sizeof *(list))]

/* Most are short and some are long, as durations are. */
static double duration(struct beacons *beacons, double typical)
{
    double u = (double)(next_random(beacons) >> 11) / 9007199254740992.0;
    return typical * (0.4 + u) / (1.02 - u * u);
}

/* ---- the words of a shop ---- */

static const char *const categories[] = {"lamps",   "chairs", "tables",  "rugs",   "shelves", "beds",
                                         "mirrors", "clocks", "kitchen", "garden", "bath",    "curtains",
                                         "office",  "plants", "storage", "outdoor"};
static const char *const names[] = {"Add to cart",   "Checkout",  "Remove",       "Apply voucher", "Show more",
                                    "Sort by price", "Next page", "Close dialog", "Save address",  "Pay now"};
static const char *const selectors[] = {"#buy",
                                        "main > section.grid > article:nth-of-type(3) > button.add",
                                        "nav a.cart",
                                        "form#voucher button[type=submit]",
                                        "[data-testid=\"checkout\"]",
                                        "ul.pages > li:nth-child(4) > a"};
static const char *const calls[] = {"/api/products/%u",
                                    "/api/products/%u/reviews?page=[redacted]",
                                    "/api/cart/items/%u",
                                    "https://api.shop.test/v2/prices/%u",
                                    "/api/recommendations?for=%u",
                                    "/api/orders/%u/status"};
static const char *const types[] = {"TypeError", "ReferenceError", "NetworkError", "RangeError"};
static const char *const messages[] = {"Cannot read properties of undefined (reading 'price')", "cart is not defined",
                                       "Failed to fetch", "Invalid array length"};
static const char *const agents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 "
    "Edg/131.0.0.0"};

const char *beacon_user_agent(int body)
{
    return agents[(size_t)body % (sizeof agents / sizeof *agents)];
}

/* ---- making a body ---- */

struct writer {
    struct beacons *beacons;
    struct body *body;
    size_t max;
    char page[128];
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *writer, const char *format, ...)
{
    struct body *body = writer->body;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(body->text + body->len, writer->max - body->len, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < writer->max - body->len);
    body->len += (size_t)n;
}

static void choose_page(struct writer *writer)
{
    struct beacons *beacons = writer->beacons;
    unsigned number = pick(beacons, 3000) + 1;
    if (beacons->options.pages) {
        strcpy(writer->page, "/offers/aaaaa");
        return;
    }
    switch (pick(beacons, 10)) {
    case 0: strcpy(writer->page, "/"); break;
    case 1: strcpy(writer->page, "/cart"); break;
    case 2:
        snprintf(writer->page, sizeof writer->page, "/checkout/%s", pick(beacons, 2) ? "address" : "payment");
        break;
    case 3: snprintf(writer->page, sizeof writer->page, "/account/orders/%06u", number); break;
    case 4:
    case 5: snprintf(writer->page, sizeof writer->page, "/category/%s", PICK(beacons, categories)); break;
    default: snprintf(writer->page, sizeof writer->page, "/product/%u", number);
    }
}

/* What every event begins with. */
static void begin_event(struct writer *writer, struct stamp *stamp, const char *kind)
{
    put(writer, "{\"kind\":\"%s\",\"at\":", kind);
    stamp->at = writer->body->len;
    put(writer, "0000000000000,\"page\":\"");
    stamp->page = writer->beacons->options.pages ? writer->body->len + strlen("/offers/") : 0;
    put(writer, "%s\",", writer->page);
}

static void put_page(struct writer *writer)
{
    struct beacons *beacons = writer->beacons;
    put(writer,
        "\"url\":\"http://shop.test%s\",\"title\":\"Shop: %s\",\"referrer\":\"https://search.example/?q=[redacted]\","
        "\"navigation\":\"navigate\",\"duration\":%.1f,\"redirect\":0,\"dns\":%.1f,\"connect\":%.1f,\"request\":%.1f,"
        "\"response\":%.1f,\"dom\":%.1f,\"load\":%.1f,\"bytes\":%u}",
        writer->page, PICK(beacons, categories), duration(beacons, 800), duration(beacons, 4), duration(beacons, 20),
        duration(beacons, 90), duration(beacons, 10), duration(beacons, 300), duration(beacons, 200),
        4000 + pick(beacons, 90000));
}

static void put_route(struct writer *writer)
{
    put(writer,
        "\"url\":\"http://shop.test%s?sort=[redacted]\",\"title\":\"Shop: "
        "%s\",\"from\":\"/category/%s\",\"duration\":%.1f}",
        writer->page, PICK(writer->beacons, categories), PICK(writer->beacons, categories),
        duration(writer->beacons, 150));
}

static void put_call(struct writer *writer)
{
    struct beacons *beacons = writer->beacons;
    bool bad = pick(beacons, 50) == 0;
    char url[160];
    snprintf(url, sizeof url, PICK(beacons, calls), pick(beacons, 3000));
    put(writer,
        "\"url\":\"%s\",\"method\":\"%s\",\"status\":%d,\"duration\":%.1f,\"initiator\":\"%s\",\"outcome\":\"%s\","
        "\"bytes\":%u",
        url, pick(beacons, 5) ? "GET" : "POST", bad ? 503 : 200, duration(beacons, 60),
        pick(beacons, 4) ? "fetch" : "xhr", bad ? "failure" : "success", 200 + pick(beacons, 20000));
    if (pick(beacons, 2))
        put(writer, ",\"trace\":\"%016llx%016llx\"", (unsigned long long)next_random(beacons),
            (unsigned long long)next_random(beacons));
    put(writer, "}");
}

static void put_click(struct writer *writer)
{
    static const char *const roles[] = {"button", "link", "checkbox"};
    char quoted[128], *to = quoted;
    for (const char *c = PICK(writer->beacons, selectors); *c; c++) {
        if (*c == '"')
            *to++ = '\\';
        *to++ = *c;
    }
    *to = 0;
    put(writer, "\"selector\":\"%s\",\"name\":\"%s\",\"role\":\"%s\"}", quoted, PICK(writer->beacons, names),
        PICK(writer->beacons, roles));
}

static void put_vital(struct writer *writer)
{
    static const char *const vitals[] = {"LCP", "INP", "CLS", "FCP", "TTFB"};
    static const double typical[] = {1400, 90, 0.02, 700, 160};
    unsigned which = pick(writer->beacons, 5);
    double value = duration(writer->beacons, typical[which]);
    put(writer,
        "\"name\":\"%s\",\"value\":%.*f,\"rating\":\"%s\",\"metric\":\"v5-%u-%u\",\"navigation\":\"navigate\","
        "\"target\":\"%s\"}",
        vitals[which], which == 2 ? 4 : 1, value, value < 2 * typical[which] ? "good" : "needs-improvement",
        1795354199u + pick(writer->beacons, 99999), pick(writer->beacons, 9), "main>section.hero>img.wide");
}

static void put_error(struct writer *writer)
{
    struct beacons *beacons = writer->beacons;
    unsigned which = pick(beacons, 4), line = pick(beacons, 400) + 1;
    put(writer,
        "\"type\":\"%s\",\"message\":\"%s\",\"stack\":\"%s: %s\\n    at addItem "
        "(http://shop.test/assets/app.js:%u:17)\\n    at "
        "HTMLButtonElement.onClick (http://shop.test/assets/app.js:%u:9)\\n    at dispatch "
        "(http://shop.test/assets/vendor.js:2:%u)\",\"source\":\"error\",\"file\":\"/assets/"
        "app.js\",\"line\":%u,\"column\":17}",
        types[which], messages[which], types[which], messages[which], line, line + 31, pick(beacons, 9000), line);
}

/* The first event of most beacons is a page load; every twentieth of all is an error. */
static void put_event(struct writer *writer, int number, int i)
{
    static const struct {
        const char *kind;
        void (*put)(struct writer *);
    } kinds[] = {{"api", put_call},    {"api", put_call},    {"api", put_call},    {"api", put_call},
                 {"click", put_click}, {"click", put_click}, {"vital", put_vital}, {"vital", put_vital},
                 {"route", put_route}, {"page", put_page}};
    struct stamp *stamp = &writer->body->stamps[i];
    unsigned which = i == 0 && pick(writer->beacons, 3) ? 9 : pick(writer->beacons, 9);
    bool is_error = (number * writer->beacons->options.events + i) % 20 == 19;
    stamp->before_ms =
        (uint32_t)(writer->beacons->options.events - i) * 1000 / (uint32_t)writer->beacons->options.events;
    begin_event(writer, stamp, is_error ? "error" : kinds[which].kind);
    (is_error ? put_error : kinds[which].put)(writer);
}

static void make_body(struct beacons *beacons, int number)
{
    struct body *body = &beacons->bodies[number];
    int n = beacons->options.events;
    struct writer writer = {beacons, body, 1024 + (size_t)n * MAX_EVENT_BYTES, ""};
    body->text = malloc(writer.max);
    body->stamps = calloc((size_t)n, sizeof *body->stamps);
    assert(body->text && body->stamps);
    choose_page(&writer);
    put(&writer, "%s\"service\":\"%s\",\"version\":\"1.%u.%u\",\"environment\":\"production\",\"rate\":1,", head,
        beacons->options.service, pick(beacons, 3), pick(beacons, 10));
    put(&writer, "\"agent\":{\"name\":\"seismo-js\",\"version\":\"0.1.0\"},\"events\":[");
    body->envelope = body->len;
    for (int i = 0; i < n; i++) {
        if (i)
            put(&writer, ",");
        put_event(&writer, number, i);
    }
    put(&writer, "]}");
    body->text = realloc(body->text, body->len);
}

/* ---- the changing parts ---- */

static void write_digits(char *at, int width, uint64_t value)
{
    while (width--) {
        at[width] = (char)('0' + value % 10);
        value /= 10;
    }
}

static void write_word(char *at, int width, uint64_t value)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    for (; width--; value >>= 6)
        *at++ = letters[value & 63];
}

static void write_letters(char *at, int width, unsigned value)
{
    for (; width--; value /= 26)
        *at++ = (char)('a' + value % 26);
}

static void pack(struct beacons *beacons, struct body *body)
{
    size_t len = body->len - body->envelope, room = deflateBound(&beacons->deflate, len);
    if (!body->packed)
        body->packed = malloc(room);
    assert(body->packed);
    deflateReset(&beacons->deflate);
    beacons->deflate.next_in = (Bytef *)body->text + body->envelope;
    beacons->deflate.avail_in = (uInt)len;
    beacons->deflate.next_out = body->packed;
    beacons->deflate.avail_out = (uInt)room;
    int done = deflate(&beacons->deflate, Z_FINISH);
    assert(done == Z_STREAM_END);
    body->packed_len = room - beacons->deflate.avail_out;
    body->packed_crc = crc32(0, (Bytef *)body->text + body->envelope, (uInt)len);
    body->combine = crc32_combine_gen((z_off_t)len);
}

static void refresh(struct beacons *beacons, struct body *body, uint64_t now_ms)
{
    for (int i = 0; i < beacons->options.events; i++) {
        struct stamp *stamp = &body->stamps[i];
        write_digits(body->text + stamp->at, 13, now_ms - stamp->before_ms);
        if (stamp->page)
            write_letters(body->text + stamp->page, 5, pick(beacons, (unsigned)beacons->options.pages));
    }
    if (beacons->options.gzip)
        pack(beacons, body);
    body->made_ms = now_ms;
}

static void put_le(char *at, int width, uint64_t value)
{
    for (; width--; value >>= 8)
        *at++ = (char)(value & 255);
}

/* The tail: checksum of envelope and events, and the length of both. */
static void seal(const struct body *body, char *at)
{
    char *envelope = at + GZIP_HEAD + STORED_HEAD, *tail = envelope + body->envelope + body->packed_len;
    uLong crc = crc32(0, (Bytef *)envelope, (uInt)body->envelope);
    put_le(tail, 4, crc32_combine_op(crc, body->packed_crc, body->combine));
    put_le(tail + 4, 4, body->len);
}

static size_t copy_packed(const struct body *body, char *to)
{
    memcpy(to, "\x1f\x8b\x08\0\0\0\0\0\0\x03", GZIP_HEAD);
    to[GZIP_HEAD] = 0; /* a stored block, not the last */
    put_le(to + GZIP_HEAD + 1, 2, body->envelope);
    put_le(to + GZIP_HEAD + 3, 2, ~(uint64_t)body->envelope);
    memcpy(to + GZIP_HEAD + STORED_HEAD, body->text, body->envelope);
    memcpy(to + GZIP_HEAD + STORED_HEAD + body->envelope, body->packed, body->packed_len);
    return GZIP_HEAD + STORED_HEAD + body->envelope + body->packed_len + GZIP_TAIL;
}

static size_t copy_plain(const struct body *body, char *to)
{
    memcpy(to, body->text, body->len);
    return body->len;
}

static void put_envelope(struct beacons *beacons, char *at, char id[BEACON_ID_BYTES])
{
    uint64_t visitor = next_random(beacons) % (uint64_t)beacons->options.sessions, number = beacons->sent++;
    id[0] = 'b';
    write_word(id + 1, 9, beacons->options.run);
    write_digits(id + 10, 12, number);
    id[BEACON_ID_BYTES - 1] = 0;
    memcpy(at + AT_ID, id, BEACON_ID_BYTES - 1);
    write_word(at + AT_SESSION + 1, 8, beacons->options.run);
    write_digits(at + AT_SESSION + 9, 7, visitor);
    write_word(at + AT_VIEW + 1, 8, beacons->options.run ^ visitor << 20);
    write_digits(at + AT_VIEW + 9, 7, number / 8 % 10000000);
    write_digits(at + AT_USER + 2, 6, visitor % 1000000);
}

/* ---- the whole ---- */

static void check_head(void)
{
    assert(strncmp(head + AT_ID - 5, "id\":\"b", 6) == 0 && strncmp(head + AT_SENT - 7, "\"sent\":0", 8) == 0);
    assert(strncmp(head + AT_SESSION - 3, "\":\"s", 4) == 0 && strncmp(head + AT_VIEW - 3, "\":\"v", 4) == 0);
    assert(strncmp(head + AT_USER, "u-", 2) == 0);
}

struct beacons *beacons_new(const struct beacons_options *options)
{
    struct beacons *beacons = calloc(1, sizeof *beacons);
    assert(beacons);
    check_head();
    beacons->options = *options;
    beacons->random = options->seed;
    beacons->bodies = calloc((size_t)options->bodies, sizeof *beacons->bodies);
    assert(beacons->bodies);
    int begun = deflateInit2(&beacons->deflate, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    assert(begun == Z_OK);
    for (int i = 0; i < options->bodies; i++) {
        make_body(beacons, i);
        beacons->mean_bytes += beacons->bodies[i].len;
        if (beacons->bodies[i].len > beacons->max_bytes)
            beacons->max_bytes = beacons->bodies[i].len;
    }
    beacons->mean_bytes /= (size_t)options->bodies;
    return beacons;
}

void beacons_free(struct beacons *beacons)
{
    for (int i = 0; i < beacons->options.bodies; i++) {
        free(beacons->bodies[i].text);
        free(beacons->bodies[i].stamps);
        free(beacons->bodies[i].packed);
    }
    deflateEnd(&beacons->deflate);
    free(beacons->bodies);
    free(beacons);
}

size_t beacons_max_bytes(const struct beacons *beacons)
{
    return beacons->max_bytes + GZIP_HEAD + STORED_HEAD + GZIP_TAIL + 64;
}

size_t beacons_mean_bytes(const struct beacons *beacons)
{
    return beacons->mean_bytes;
}

struct beacon_place beacons_write(struct beacons *beacons, uint64_t now_ms, char *to, char ret_id[BEACON_ID_BYTES])
{
    struct beacon_place place = {(int)pick(beacons, (unsigned)beacons->options.bodies), 0};
    struct body *body = &beacons->bodies[place.body];
    if (now_ms - body->made_ms > REFRESH_MS || beacons->options.pages)
        refresh(beacons, body, now_ms);
    place.len = beacons->options.gzip ? copy_packed(body, to) : copy_plain(body, to);
    put_envelope(beacons, to + (beacons->options.gzip ? GZIP_HEAD + STORED_HEAD : 0), ret_id);
    if (beacons->options.gzip) {
        write_digits(to + GZIP_HEAD + STORED_HEAD + AT_SENT, 13, now_ms);
        seal(body, to);
    } else {
        beacons_stamp(beacons, now_ms, to);
    }
    return place;
}

void beacons_stamp(const struct beacons *beacons, uint64_t now_ms, char *at)
{
    if (!beacons->options.gzip)
        write_digits(at + AT_SENT, 13, now_ms);
}
