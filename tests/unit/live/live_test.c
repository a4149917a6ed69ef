/* The inner listener over real sockets, on the embedded store. */
#include "live/live.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "event/access.h"
#include "unit/store/make.h"

#define TOKEN "a-token-of-some-length"
#define SPAN "from=1795132800000&to=1795134600000" /* NOW_MS and 30 minutes */

static char folder[64];
static struct store *store;
static int32_t width_s = 10; /* of the windows that are made */
static struct live *live;
static bool is_ready = true;
static bool is_pageless; /* the listener gets no store */

#define PAGE "<!doctype html>page"
#define SCRIPT "<script src=\"/live.js\"></script>"
static const struct live_asset assets[] = {
    {"/", "text/html; charset=utf-8", {PAGE SCRIPT, sizeof PAGE SCRIPT - 1}},
    {"/live.js", "text/javascript; charset=utf-8", {"script", 6}},
};

static bool ready(void *ctx)
{
    return *(bool *)ctx;
}

/* ---- a client ---- */

struct answer {
    int status;
    char text[262144]; /* head and body */
    const char *body;
};
static struct answer answer;

static int connect_to(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

/* Reads until the other side closes or nothing has come for wait_ms. */
static void read_answer(int fd, int wait_ms)
{
    size_t n = 0;
    struct pollfd poll_fd = {fd, POLLIN, 0};
    while (n < sizeof answer.text - 1 && poll(&poll_fd, 1, wait_ms) == 1) {
        ssize_t got = read(fd, answer.text + n, sizeof answer.text - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    answer.text[n] = '\0';
    answer.status = n > 12 ? atoi(answer.text + 9) : 0;
    const char *end = strstr(answer.text, "\r\n\r\n");
    answer.body = end ? end + 4 : "";
}

static int send_request(const char *method, const char *path, const char *host, const char *fields)
{
    char request[4096], own[64];
    int fd = connect_to(live_port(live));
    snprintf(own, sizeof own, "127.0.0.1:%d", live_port(live));
    int n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\n\r\n", method, path,
                     host ? host : own, fields ? fields : "");
    assert_int_equal(write(fd, request, (size_t)n), n);
    return fd;
}

static int ask(const char *path, const char *host, const char *fields)
{
    int fd = send_request("GET", path, host, fields);
    read_answer(fd, 10000);
    close(fd);
    return answer.status;
}

static int get(const char *path)
{
    return ask(path, NULL, NULL);
}

static bool says(const char *text)
{
    return strstr(answer.text, text) != NULL;
}

#define assert_says(words) \
    do { \
        if (!says(words)) \
            fail_msg("\"%s\" is not in: %s", words, answer.text); \
    } while (0)

/* ---- the listener ---- */

static void parts(void *ctx, struct buf *buf)
{
    (void)ctx;
    buf_text(buf, "{\"bus\":{\"ready\":true}}");
}

static enum err start_with(struct live_options options, struct err_text *text)
{
    options.store = is_pageless ? NULL : store;
    options.assets = assets;
    options.n_assets = sizeof assets / sizeof *assets;
    options.ready = ready;
    options.parts = parts;
    options.ready_ctx = &is_ready;
    options.public_url = "http://127.0.0.1:8080";
    options.demo_key = "demo";
    return live_start(&live, &options, text);
}

static void start(struct live_options options)
{
    struct err_text text = {""};
    if (!options.address)
        options.address = "127.0.0.1:0";
    if (start_with(options, &text) != ERR_OK)
        fail_msg("live_start: %s", text.at);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seismo-live-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    struct store_options options = {.kind = "sqlite", .path = folder, .retention_days = 7};
    struct err_text text;
    is_ready = true;
    width_s = 10;
    live = NULL;
    return store_open(&store, &options, &text) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    live_stop(live, 1000);
    store_close(store);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    closedir(dir);
    rmdir(folder);
    return 0;
}

/* ---- what is stored ---- */

static void put(enum store_item_kind kind, struct slice value)
{
    struct store_item item = {.kind = kind, .value = value};
    struct refused refused = {0};
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(refused.n, 0);
}

struct window {
    enum series_kind kind;
    const char *service, *name, *detail;
    int64_t after_ms; /* NOW_MS */
    double count, failed, value;
    const char *session;
};

static void fill(struct rollup *rollup, const struct window *window)
{
    rollup_init(rollup);
    rollup->key = (struct series_key){
        window->kind,        SLICE("demo"),          slice_of(window->service ? window->service : "shop"),
        SLICE("production"), slice_of(window->name), slice_of(window->detail ? window->detail : "")};
    rollup->start_ms = NOW_MS + window->after_ms;
    rollup->width_s = width_s;
    rollup->events = (uint64_t)window->count;
    rollup->count = window->count;
    rollup->failed = window->failed;
    if (window->value >= 0)
        sketch_add(&rollup->values, window->value, window->count);
    hll_add(&rollup->sessions, slice_of(window->session ? window->session : "s-1"));
}

static void put_window(const struct window *window)
{
    struct rollup rollup;
    struct buf buf;
    fill(&rollup, window);
    buf_init(&buf, 65536);
    rollup_write(&rollup, &buf);
    put(STORE_ROLLUP, buf_slice(&buf));
    buf_done(&buf);
    rollup_done(&rollup);
}

/* Two events of a session: a call and an error whose code and message are given. */
static void put_session(const char *id, const char *session, const char *message)
{
    struct make_beacon beacon = {.application = "demo",
                                 .service = "shop",
                                 .session = session,
                                 .id = id,
                                 .n = 2,
                                 .user = "u-17",
                                 .received_ms = NOW_MS + 9000};
    beacon.events[0] = (struct make_event){EVENT_API, NOW_MS + 1000, NULL, "/cart"};
    beacon.events[1] = (struct make_event){EVENT_ERROR, NOW_MS + 2000, "E-4K7QW2ZN", "/cart"};
    struct application application = {.name = "demo"};
    struct batch *batch = batch_new(16);
    batch->application = &application;
    make_fill(batch, &beacon);
    struct buf json;
    buf_init(&json, 8192);
    buf_text(&json, "{\"kind\":\"error\",\"at\":1,\"message\":");
    buf_json_string(&json, slice_of(message));
    buf_char(&json, '}');
    batch->events[0].route = SLICE("POST /api/cart");
    batch->events[1].json = buf_slice(&json);
    batch->events[1].message = batch->events[1].group = slice_of(message);
    assert_int_equal(record_seal(batch), ERR_OK);
    put(STORE_BEACON, batch->value);
    batch_free(batch);
    buf_done(&json);
}

/* ---- who may read ---- */

static void host_must_be_ours(void **state)
{
    (void)state;
    static const struct {
        const char *host; /* %d is the port */
        int status;
    } cases[] = {
        {"127.0.0.1:%d", 200},       {"localhost:%d", 200},
        {"LocalHost:%d", 200},       {"[::1]:%d", 200},
        {"seismo.example", 200},     {"Seismo.Example:8443", 200},
        {"exact.example:8443", 200}, {"exact.example:1", 403},
        {"rebound.example:%d", 403}, {"127.0.0.1:1", 403},
        {"127.0.0.1", 403},          {"127.0.0.1:%d.evil.example", 403},
        {"192.0.2.7:%d", 403},       {"localhost.:%d", 403},
        {"xlocalhost:%d", 403},      {"", 403},
    };
    start((struct live_options){.host_names = (const char *[]){"seismo.example", "exact.example:8443", NULL}});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char host[128];
        snprintf(host, sizeof host, "%s", cases[i].host);
        char *place = strstr(host, "%d");
        if (place)
            snprintf(place, sizeof host - (size_t)(place - host), "%d%s", live_port(live),
                     strstr(cases[i].host, "%d") + 2);
        int status = ask("/api/status", host, NULL);
        if (status != cases[i].status &&
            !(cases[i].status == 403 && status == 400)) /* not a host at all: serve's 400 */
            fail_msg("Host %s: %d", host, status);
        if (status == 403)
            assert_says("SE-1305");
    }
}

static void origin_must_be_ours(void **state)
{
    (void)state;
    static const struct {
        const char *origin;
        int status;
    } cases[] = {
        {"http://127.0.0.1:%d", 200},
        {"https://127.0.0.1:%d", 200},
        {"http://evil.example", 403},
        {"http://localhost:%d", 403},
        {"null", 403},
        {"http://127.0.0.1:%d.evil.example", 403},
        {"http://127.0.0.1", 403},
    };
    start((struct live_options){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char field[256], value[128], port[16];
        const char *place = strstr(cases[i].origin, "%d");
        snprintf(port, sizeof port, "%d", live_port(live));
        snprintf(value, sizeof value, "%.*s%s%s", place ? (int)(place - cases[i].origin) : 1000, cases[i].origin,
                 place ? port : "", place ? place + 2 : "");
        snprintf(field, sizeof field, "Origin: %s\r\n", value);
        if (ask("/api/status", NULL, field) != cases[i].status)
            fail_msg("%s: %d", field, answer.status);
        if (cases[i].status == 403)
            assert_says("SE-1304");
    }
}

static void off_loopback_there_must_be_a_way_in(void **state)
{
    (void)state;
    static const struct {
        const char *address, *token;
        bool has_page, starts;
    } cases[] = {
        {"127.0.0.1:0", NULL, false, true},
        {"[::1]:0", "", false, true},
        {"0.0.0.0:0", NULL, false, false},
        {":0", "", false, false},
        {"[::]:0", NULL, false, false},
        {"0.0.0.0:0", TOKEN, false, true},
        {"0.0.0.0:0", "short", true, false},
        {"0.0.0.0:0", NULL, true, true},
        {":0", "", true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err_text text = {""};
        struct live_options options = {.address = cases[i].address, .access_token = cases[i].token};
        is_pageless = !cases[i].has_page;
        enum err err = start_with(options, &text);
        is_pageless = false;
        if ((err == ERR_OK) != cases[i].starts && !(err == ERR_LISTEN && strstr(cases[i].address, "::1")))
            fail_msg("%s: %s %s", cases[i].address, err_name(err), text.at);
        if (!cases[i].starts) {
            assert_int_equal(err, ERR_LISTEN);
            assert_non_null(strstr(text.at, "token"));
        } else if (err == ERR_OK) {
            assert_int_equal(live_needs_link(live), cases[i].has_page);
            live_stop(live, 1000);
        }
        live = NULL;
    }
}

static void token_opens(void **state)
{
    (void)state;
    char cookie[512], field[600];
    start((struct live_options){.access_token = TOKEN});
    assert_int_equal(get("/"), 200); /* the empty page is no secret, and a link from outside must reach it */
    assert_int_equal(get("/api/status"), 401);
    assert_says("SE-1304");
    assert_says("www-authenticate: Bearer");
    assert_int_equal(get("/metrics"), 401);
    assert_int_equal(get("/api/live"), 401);
    assert_int_equal(get("/readyz"), 200);
    assert_int_equal(ask("/api/status", NULL, "Authorization: Bearer " TOKEN "\r\n"), 200);
    assert_int_equal(ask("/api/status", NULL, "Authorization: Bearer " TOKEN "x\r\n"), 401);
    assert_int_equal(ask("/api/status", NULL, "Authorization: Bearer \r\n"), 401);
    assert_int_equal(get("/?token=wrong"), 401);
    assert_false(says("set-cookie"));
    assert_int_equal(get("/?kind=api&token=" TOKEN "&name=GET%20/"), 303);
    assert_says("location: /?kind=api&name=GET%20/\r\n");
    assert_says("HttpOnly; SameSite=Strict");
    const char *from = strstr(answer.text, "set-cookie: ") + 12;
    snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(from, ";"), from);
    assert_null(strstr(cookie, TOKEN));
    snprintf(field, sizeof field, "Cookie: other=1; seismo_access=old; %s\r\n", cookie);
    assert_int_equal(ask("/api/status", NULL, field), 200);
    snprintf(field, sizeof field, "Cookie: %s0\r\n", cookie);
    assert_int_equal(ask("/api/status", NULL, field), 401);
}

/* ---- links, sessions, proxies ---- */

#define LINK "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void change_access(struct access_change change)
{
    change.now_ms = clock_wall_ms();
    change.until_ms = change.now_ms + 60000;
    assert_int_equal(store_state_change(store, ACCESS_KEY, access_change, &change), ERR_OK);
}

static void post_link(const char *link, const char *fields)
{
    char all[512];
    int fd = connect_to(live_port(live));
    int n = snprintf(all, sizeof all,
                     "POST /enter HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%sContent-Type: application/x-www-form-urlencoded"
                     "\r\nContent-Length: %zu\r\nConnection: close\r\n\r\nonce=%s",
                     live_port(live), fields, strlen(link) + 5, link);
    assert_int_equal(write(fd, all, (size_t)n), n);
    read_answer(fd, 10000);
    close(fd);
}

/* Uses the link; the field with the cookie that it gave. */
static const char *enter(const char *link)
{
    static char field[256];
    post_link(link, "");
    assert_int_equal(answer.status, 303);
    const char *from = strstr(answer.text, "set-cookie: ");
    assert_non_null(from);
    snprintf(field, sizeof field, "Cookie: other=1; seismo_access=old; %.*s\r\n", (int)strcspn(from + 12, ";"),
             from + 12);
    return field;
}

static void a_link_opens_once(void **state)
{
    (void)state;
    start((struct live_options){.address = "0.0.0.0:0"});
    change_access((struct access_change){.link = SLICE(LINK)});
    assert_int_equal(get("/"), 200);
    assert_int_equal(get("/api/status"), 401);
    assert_says("SE-1304");
    assert_int_equal(get("/metrics"), 401);
    assert_int_equal(get("/enter"), 401);
    for (int i = 0; i < 3; i++) { /* those who only look at links */
        assert_int_equal(get("/enter?once=" LINK), 200);
        assert_says("method=\"post\"");
        assert_says("form-action 'self'");
        assert_says("referrer-policy: same-origin\r\n");
        assert_false(says("set-cookie"));
    }
    assert_int_equal(get("/enter?once=%22%3E%3Cscript%3E"), 401);
    assert_false(says("<script"));
    post_link(LINK, "Origin: http://evil.example\r\n");
    assert_int_equal(answer.status, 403);
    const char *cookie = enter(LINK);
    assert_says("location: /\r\n");
    assert_says("HttpOnly; SameSite=Strict; Max-Age=2592000");
    assert_false(says("Secure"));
    assert_null(strstr(answer.text, LINK));
    assert_int_equal(ask("/api/status", NULL, cookie), 200);
    assert_int_equal(ask("/metrics", NULL, cookie), 200);
    assert_int_equal(ask("/api/status", NULL, "Cookie: seismo_access=" LINK "\r\n"), 401);
    assert_int_equal(ask("/api/status", "evil.example", cookie), 403);
    post_link(LINK, "");
    assert_int_equal(answer.status, 401);
    assert_says("SE-1306");
    assert_false(says("set-cookie"));
}

static void a_reset_is_seen(void **state)
{
    (void)state;
    start((struct live_options){.address = "0.0.0.0:0", .is_https = true});
    change_access((struct access_change){.link = SLICE(LINK)});
    const char *cookie = enter(LINK);
    assert_says("; Secure");
    assert_int_equal(ask("/api/status", NULL, cookie), 200);
    change_access((struct access_change){.link = SLICE(LINK), .ends_all = true});
    int64_t until_ms = clock_mono_ms() + 30000;
    while (ask("/api/status", NULL, cookie) == 200 && clock_mono_ms() < until_ms)
        usleep(50000);
    assert_int_equal(answer.status, 401);
    assert_int_equal(ask("/api/status", NULL, enter(LINK)), 200);
}

static void sessions_end(void **state)
{
    (void)state;
    start((struct live_options){.address = "0.0.0.0:0", .session_ms = 1});
    change_access((struct access_change){.link = SLICE(LINK)});
    const char *cookie = enter(LINK);
    usleep(5000);
    assert_int_equal(ask("/api/status", NULL, cookie), 401);
}

static void a_proxy_names_who_asks(void **state)
{
    (void)state;
    static const char *const proxies[] = {"192.0.2.0/24", "127.0.0.1", NULL};
    static const char *const addresses[] = {"127.0.0.1:0", "0.0.0.0:0"};
    for (size_t i = 0; i < 2; i++) {
        start((struct live_options){.address = addresses[i], .user_header = "X-Forwarded-User", .proxies = proxies});
        assert_false(live_needs_link(live));
        assert_int_equal(get("/api/status"), 401);
        assert_int_equal(ask("/api/status", NULL, "X-Forwarded-User: ada\r\n"), 200);
        assert_int_equal(ask("/api/status", NULL, "X-Forwarded-User: \r\n"), 401);
        assert_int_equal(ask("/api/status", NULL, "X-Forwarded-User: eve\r\nX-Forwarded-User: ada\r\n"), 401);
        assert_int_equal(ask("/api/status", NULL,
                             "X-Forwarded-User: "
                             "a-name-of-more-than-sixty-three-bytes-which-nobody-has-and-nobody-should-have\r\n"),
                         401);
        live_stop(live, 1000);
        live = NULL;
    }
}

static void others_name_nobody(void **state)
{
    (void)state;
    static const char *const proxies[] = {"192.0.2.0/24", NULL}, *const wrong[] = {"localhost", NULL};
    struct err_text text = {""};
    start((struct live_options){.address = "0.0.0.0:0", .user_header = "x-forwarded-user", .proxies = proxies});
    assert_int_equal(ask("/api/status", NULL, "X-Forwarded-User: eve\r\n"), 401);
    live_stop(live, 1000);
    live = NULL;
    assert_int_equal(start_with((struct live_options){.address = "127.0.0.1:0", .proxies = wrong}, &text), ERR_CONFIG);
    assert_non_null(strstr(text.at, "inner.trusted_proxies"));
}

static void every_answer_has_the_policy(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",        "/live.js", "/api/status", "/api/overview?range=1y",
                                        "/nothing", "/metrics"};
    start((struct live_options){0});
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        get(paths[i]);
        assert_says(
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
            "data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'\r\n");
        assert_says("x-content-type-options: nosniff\r\n");
        assert_says("referrer-policy: no-referrer\r\n");
    }
    ask("/api/status", "evil.example", NULL);
    assert_says("content-security-policy: ");
}

/* ---- what is asked ---- */

static void wrong_parameters_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *path, *what;
    } cases[] = {
        {"/api/overview?range=1y", "range: "},
        {"/api/overview?range=", "range: "},
        {"/api/overview?from=yesterday", "from: "},
        {"/api/overview?from=-1", "from: "},
        {"/api/overview?from=2026-11-20T10:00:00Z&to=2026-11-20T09:00:00Z", "to: "},
        {"/api/overview?from=2026-01-01T00:00:00Z&to=2026-11-20T00:00:00Z", "from: at most 31 days"},
        {"/api/overview?service=a%00b", "service: has control"},
        {"/api/overview?environment=a%0Ab", "environment: has control"},
        {"/api/sessions?limit=0", "limit: "},
        {"/api/sessions?limit=2001", "limit: "},
        {"/api/sessions?limit=x", "limit: "},
        {"/api/series?kind=gauge", "kind: "},
        {"/api/series?name=/", "kind: "},
        {"/api/session", "id: "},
        {"/api/find", "id: "},
        {"/api/errors", "code: "},
    };
    start((struct live_options){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (get(cases[i].path) != 400)
            fail_msg("%s: %s", cases[i].path, answer.text);
        assert_says("\"code\":\"SE-1303\"");
        assert_says("\"help\":");
        assert_says(cases[i].what);
    }
    char longest[4000] = "/api/overview?service=";
    memset(longest + strlen(longest), 'a', 2100);
    assert_int_equal(get(longest), 400);
}

static void addresses_and_methods(void **state)
{
    (void)state;
    start((struct live_options){0});
    assert_int_equal(get("/"), 200);
    assert_string_equal(answer.body, PAGE SCRIPT);
    char field[128] = "", *end;
    const char *etag = strstr(answer.text, "etag: ") + 6;
    snprintf(field, sizeof field, "If-None-Match: %.*s\r\n", (int)strcspn(etag, "\r"), etag);
    assert_int_equal(ask("/", NULL, field), 304);
    assert_int_equal(get("/api/nothing"), 404);
    assert_says("SE-1301");
    static const char browser[] = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    assert_int_equal(ask("/nothing", NULL, browser), 404);
    assert_says("text/html; charset=utf-8");
    assert_says("There is nothing at this address</h1><p><b>SE-1301</b>");
    assert_says("href=\"/\"");
    assert_int_equal(ask("/nothing", NULL, "Accept: text/html\r\nAccept-Language: de\r\n"), 404);
    assert_says("Unter dieser Adresse gibt es nichts");
    assert_int_equal(ask("/nothing", NULL, "Accept: */*\r\n"), 404);
    assert_string_equal(
        answer.body,
        "{\"code\":\"SE-1301\",\"error\":\"there is nothing at this address\",\"help\":\"docs/codes/SE-1301.md\"}\n");
    assert_int_equal(ask("/api/nothing", NULL, browser), 404);
    assert_says("application/json");
    int fd = send_request("POST", "/api/status", NULL, "Content-Length: 0\r\n");
    read_answer(fd, 5000);
    close(fd);
    assert_int_equal(answer.status, 405);
    assert_says("allow: GET, HEAD");
    assert_int_equal(get("/healthz"), 200);
    assert_int_equal(get("/readyz"), 200);
    assert_string_equal(answer.body, "{\"ready\":true,\"parts\":{\"bus\":{\"ready\":true}}}");
    is_ready = false;
    assert_int_equal(get("/readyz"), 503);
    assert_says("{\"code\":\"SE-2001\",");
    assert_says(".md\",\"ready\":false,\"parts\":{\"bus\":{\"ready\":true}}}");
    assert_int_equal(get("/healthz"), 200);
    assert_int_equal(get("/metrics"), 200);
    end = strstr(answer.text, "# TYPE seismo_");
    assert_non_null(end);
}

/* ---- the page with its first answers ---- */

#define FIRST "<script id=\"first\" type=\"application/json\">"

static const char *after(const char *text)
{
    const char *found = strstr(answer.text, text);
    if (!found)
        fail_msg("\"%s\" is not in: %s", text, answer.text);
    return found + strlen(text);
}

static void the_page_brings_its_first_answers(void **state)
{
    (void)state;
    start((struct live_options){.kind = "sqlite"});
    put_window(&(struct window){
        .kind = SERIES_PAGE, .name = "/</script><script>alert(1)", .after_ms = 60000, .count = 3, .value = 120});
    assert_int_equal(get("/?service=shop&" SPAN), 200);
    assert_says("content-type: text/html; charset=utf-8\r\n");
    assert_says("cache-control: no-store\r\n");
    assert_says(PAGE FIRST "{\"status\":{");
    assert_says("\n,\"alerts\":{\"rows\":[]");
    assert_says("\n,\"deploys\":{\"rows\":[]}");
    assert_says("\n,\"overview\":{\"generation\":");
    assert_says("\n,\"sessions\":{");
    assert_says("\"name\":\"/\\u003c/script>\\u003cscript>alert(1)\"");
    assert_string_equal(after("\n}</script>\n"), SCRIPT);
    json_t *all = json_loads(after(FIRST), JSON_DISABLE_EOF_CHECK, NULL);
    const json_t *rows = json_object_get(json_object_get(json_object_get(all, "overview"), "pages"), "rows");
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "name")),
                        "/</script><script>alert(1)");
    json_decref(all);
}

static void the_page_is_plain_where_it_asks_for_itself(void **state)
{
    (void)state;
    static const char *const paths[] = {"/?view=alerts",     "/?id=s-1",   "/?user=u",      "/?code=E-1",
                                        "/?kind=api&name=x", "/?range=1y", "/?service=a%00"};
    start((struct live_options){.kind = "sqlite"});
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(get(paths[i]), 200);
        assert_string_equal(answer.body, PAGE SCRIPT);
    }
    live_stop(live, 1000);
    start((struct live_options){.kind = "elastic"});
    assert_int_equal(get("/"), 200);
    assert_string_equal(answer.body, PAGE SCRIPT);
}

static void nobody_unknown_gets_answers_with_the_page(void **state)
{
    (void)state;
    start((struct live_options){.kind = "sqlite", .access_token = TOKEN});
    assert_int_equal(get("/"), 200);
    assert_string_equal(answer.body, PAGE SCRIPT);
    assert_int_equal(ask("/", NULL, "Authorization: Bearer " TOKEN "\r\n"), 200);
    assert_says(FIRST);
    assert_int_equal(ask("/", "evil.example", "Authorization: Bearer " TOKEN "\r\n"), 403);
}

/* ---- what is answered ---- */

static struct rollup open_windows[2];
static size_t n_open;

static void give_open(void *ctx, int32_t of_width_s, void (*each)(void *each_ctx, const struct rollup *rollup),
                      void *each_ctx)
{
    (void)ctx;
    for (size_t i = 0; i < n_open; i++)
        if (open_windows[i].width_s == of_width_s)
            each(each_ctx, &open_windows[i]);
}

static void overview_merges_final_and_open(void **state)
{
    (void)state;
    const struct window final[] = {
        {SERIES_PAGE, NULL, "*", NULL, 0, 4, 0, 100, "s-1"},
        {SERIES_PAGE, NULL, "/", NULL, 0, 3, 0, 100, "s-1"},
        {SERIES_PAGE, NULL, "/cart", NULL, 0, 1, 0, 100, "s-2"},
        {SERIES_ROUTE, NULL, "/cart", NULL, 10000, 5, 0, 70, "s-2"},
        {SERIES_ROUTE, NULL, "*", NULL, 10000, 5, 0, 70, "s-2"},
        {SERIES_API, NULL, "*", NULL, 0, 10, 2, 50, "s-1"},
        {SERIES_API, NULL, "POST /api/cart", NULL, 0, 10, 2, 50, "s-1"},
        {SERIES_VITAL, NULL, "*", "LCP", 0, 8, 0, 2000, "s-1"},
        {SERIES_VITAL, NULL, "*", "CLS", 0, 8, 0, 0.3, "s-1"},
        {SERIES_VITAL, NULL, "*", "INP", 0, 8, 0, 300, "s-1"},
        {SERIES_VITAL, NULL, "/", "TTFB", 0, 8, 0, 300, "s-1"}, /* of one page: not the service's */
        {SERIES_API, "other", "*", NULL, 0, 100, 0, 50, "s-9"},
    };
    for (size_t i = 0; i < sizeof final / sizeof *final; i++)
        put_window(&final[i]);
    /* The first stands in the store too, with other figures: the final one counts. */
    fill(&open_windows[0], &(struct window){SERIES_API, NULL, "POST /api/cart", NULL, 0, 900, 0, 50, "s-1"});
    fill(&open_windows[1], &(struct window){SERIES_API, NULL, "POST /api/cart", NULL, 20000, 7, 0, 50, "s-3"});
    n_open = 2;
    start((struct live_options){.open_windows = give_open});
    assert_int_equal(get("/api/overview?service=shop&" SPAN), 200);
    assert_says("\"step\":10000");
    assert_says("\"loads\":4,\"routes\":5,\"calls\":10,\"failed_calls\":2,");
    assert_says("{\"name\":\"LCP\",\"p75\":2000,\"count\":8,\"rating\":\"good\",\"good\":1,\"needs\":0,\"poor\":0,");
    assert_says("{\"name\":\"CLS\",\"p75\":0.3,\"count\":8,\"rating\":\"poor\"");
    assert_says("{\"name\":\"INP\",\"p75\":300,\"count\":8,\"rating\":\"needs-improvement\"");
    assert_says("{\"name\":\"TTFB\",\"p75\":null,\"count\":0,\"rating\":null,");
    assert_says("\"traffic\":{\"views\":[4,5,0,");
    assert_says("\"name\":\"/cart\",\"kind\":\"page\",\"count\":6,\"loads\":1,\"p50\":100");
    assert_says("\"name\":\"POST /api/cart\",\"count\":17,\"failed\":2,\"failed_share\":0.1176,\"p50\":50");
    assert_false(says("other"));
    assert_int_equal(get("/api/overview?" SPAN), 200);
    assert_says("\"calls\":110,");
    assert_int_equal(get("/api/overview?service=shop%27%20OR%201=1&" SPAN), 200);
    assert_says("\"calls\":0,");
    for (size_t i = 0; i < 2; i++)
        rollup_done(&open_windows[i]);
    n_open = 0;
}

/* Of a day the settled part is kept between two readings; nothing may count twice or get lost by that. */
static void a_day_is_the_same_when_asked_again(void **state)
{
    (void)state;
    static const int64_t minutes_ago[] = {1200, 300, 30, 11, 9, 1};
    int64_t now_ms = clock_wall_ms() / 60000 * 60000;
    width_s = 60;
    struct window window = {SERIES_PAGE, NULL, "*", NULL, 0, 10, 0, 50, "s-1"};
    for (size_t i = 0; i < sizeof minutes_ago / sizeof *minutes_ago; i++) {
        window.after_ms = now_ms - minutes_ago[i] * 60000 - NOW_MS;
        window.name = "*";
        put_window(&window);
        window.name = "/cart";
        put_window(&window);
        window.kind = SERIES_ROUTE;
        put_window(&window);
        window.kind = SERIES_PAGE;
    }
    start((struct live_options){0});
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "/api/overview?range=24h&again=%d", i);
        assert_int_equal(get(path), 200);
        assert_says(i < 2 ? "\"loads\":60," : "\"loads\":67,");
        assert_says("\"name\":\"/cart\",\"kind\":\"page\",\"count\":120,\"loads\":60,\"p50\":50");
        if (i == 1)
            put_window(&(struct window){SERIES_PAGE, NULL, "*", NULL, now_ms - NOW_MS, 7, 0, 50, "s-1"});
    }
}

static void series_has_points_and_samples(void **state)
{
    (void)state;
    put_window(&(struct window){SERIES_API, NULL, "POST /api/cart", NULL, 0, 10, 2, 50, "s-1"});
    put_window(&(struct window){SERIES_API, NULL, "POST /api/cart", NULL, 20000, 4, 0, 80, "s-2"});
    put_window(&(struct window){SERIES_ERROR, NULL, "*", NULL, 0, 3, 3, -1, "s-1"});
    put_window(&(struct window){SERIES_ERROR, NULL, "*", "E-1", 0, 3, 3, -1, "s-1"});
    put_session("beacon-1", "session-1", "boom");
    start((struct live_options){0});
    assert_int_equal(get("/api/series?kind=api&name=POST%20/api/cart&" SPAN), 200);
    assert_says("\"all\":{\"count\":14,\"failed\":2,\"p50\":50");
    assert_says("\"points\":{\"count\":[10,0,4,0");
    assert_says("\"p75\":[50,null,80,null");
    assert_says("\"session\":\"session-1\"");
    assert_int_equal(get("/api/series?kind=error&" SPAN), 200);
    assert_says("\"all\":{\"count\":3,");
    assert_int_equal(get("/api/series?kind=error&detail=E-1&" SPAN), 200);
    assert_says("\"all\":{\"count\":3,");
}

static void hostile_text_stays_text(void **state)
{
    (void)state;
    put_window(&(struct window){SERIES_ERROR, NULL, "*", "E-4K7QW2ZN", 0, 3, 3, -1, "s-1"});
    put_window(&(struct window){SERIES_PAGE, NULL, "/\"><script>\n", NULL, 0, 3, 3, 5, "s-1"});
    put_session("beacon-1", "session-1", "</script><img src=x onerror=\"alert(1)\">\n");
    start((struct live_options){0});
    assert_int_equal(get("/api/overview?" SPAN), 200);
    assert_says("content-type: application/json\r\n");
    assert_says("\"code\":\"E-4K7QW2ZN\",\"message\":\"</script><img src=x onerror=\\\"alert(1)\\\">\\n\",\"count\":3");
    assert_says("\"name\":\"/\\\"><script>\\n\"");
    assert_int_equal(get("/api/errors?code=E-4K7QW2ZN"), 200);
    assert_says("\"session\":\"session-1\"");
    assert_int_equal(get("/api/errors?code=E-0"), 404);
}

static void put_business(const char *id, const char *session, const char *name, const char *more)
{
    struct make_beacon beacon = {
        .application = "demo", .service = "shop", .session = session, .id = id, .n = 1, .received_ms = NOW_MS + 9000};
    beacon.events[0] = (struct make_event){EVENT_BUSINESS, NOW_MS + 1000, NULL, "/cart"};
    struct application application = {.name = "demo"};
    struct batch *batch = batch_new(16);
    char json[256];
    int n = snprintf(json, sizeof json, "{\"kind\":\"event\",\"at\":1,\"name\":\"%s\"%s}", name, more);
    batch->application = &application;
    make_fill(batch, &beacon);
    batch->envelope.rate = strcmp(session, "s-half") == 0 ? 0.5 : 1;
    batch->events[0].json = (struct slice){json, (size_t)n};
    assert_int_equal(record_seal(batch), ERR_OK);
    put(STORE_BEACON, batch->value);
    batch_free(batch);
}

/* Counts and worth are weighted by sample rate; a session counts once for a name. */
static void business_events_are_told_by_name(void **state)
{
    (void)state;
    static const char *const sessions[] = {"s-1", "s-2", "s-half", "s-4"};
    for (int i = 0; i < 4; i++)
        put_window(&(struct window){SERIES_PAGE, NULL, "/cart", NULL, 10000 * i, 1, 0, 100, sessions[i]});
    put_business("b-1", "s-1", "purchase", ",\"value\":10.25,\"props\":{\"say \\\"x\\\"\":true}");
    put_business("b-2", "s-1", "purchase", ",\"value\":-0.25");
    put_business("b-3", "s-half", "purchase", ",\"value\":5");
    put_business("b-4", "s-2", "sign-up", "");
    start((struct live_options){0});
    assert_int_equal(get("/api/business?" SPAN), 200);
    assert_says("\"looked_at\":4,\"more\":false,");
    assert_says("\"count\":5,\"sessions\":4,\"converted\":3,\"conversion\":0.75,\"all\":2,\"rows\":[");
    assert_says(
        "[{\"name\":\"purchase\",\"count\":4,\"sessions\":2,\"conversion\":0.5,\"value\":20,\"service\":\"shop\",");
    assert_says("{\"name\":\"sign-up\",\"count\":1,\"sessions\":1,\"conversion\":0.25,\"value\":null,");
    assert_int_equal(get("/api/session?id=s-1"), 200);
    assert_says("\"event\":\"purchase\",\"worth\":10.25,\"props\":{\"say \\\"x\\\"\":true}");
}

static void business_without_sessions_is_no_share(void **state)
{
    (void)state;
    start((struct live_options){0});
    assert_int_equal(get("/api/business?" SPAN), 200);
    assert_says("\"count\":0,\"sessions\":0,\"converted\":0,\"conversion\":null,\"all\":0,\"rows\":[]}");
}

static void a_session_is_told_in_order(void **state)
{
    (void)state;
    put_session("beacon-1", "session-1", "boom");
    start((struct live_options){0});
    assert_int_equal(get("/api/session?id=session-1"), 200);
    const char *call = strstr(answer.text, "\"kind\":\"api\""), *error = strstr(answer.text, "\"kind\":\"error\"");
    assert_true(call && error && call < error);
    assert_says("\"code\":\"E-4K7QW2ZN\"");
    assert_says("\"more\":false");
    assert_says("\"user\":\"u-17\"");
    assert_int_equal(get("/api/session?id=session-2"), 404);
    assert_says("SE-3203");
    assert_int_equal(get("/api/sessions?" SPAN), 200);
    assert_says("{\"rows\":[{\"id\":\"session-1\",\"user\":\"u-17\"");
    assert_says("\"calls\":1,\"failed\":");
}

/* How often text is in the answer. */
static int times_said(const char *text)
{
    int n = 0;
    for (const char *at = answer.text; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void an_error_is_told_with_who_met_it(void **state)
{
    (void)state;
    put_session("beacon-1", "session-1", "boom");
    put_session("beacon-2", "session-2", "boom");
    put_session("beacon-3", "session-2", "boom");
    start((struct live_options){0});
    assert_int_equal(get("/api/errors?code=E-4K7QW2ZN"), 200);
    assert_says("\"looked_at\":3,\"sessions\":2,\"users\":1,");
    assert_says("\"first\":\"2026-11-20T");
    assert_says("\"last\":\"2026-11-20T");
    assert_int_equal(times_said("\"session\":\"session-2\""), 1);
    assert_says("\"pages\":[{\"value\":\"/cart\",\"count\":3,\"all\":1,\"stands_out\":false}]");
    assert_int_equal(get("/api/errors?code=E-4K7QW2ZN&limit=1"), 200);
    assert_int_equal(times_said("\"session\":"), 1);
}

static const char *plain_view; /* of the next; NULL: none */

/* Events of one kind, a second apart, of one session in one release; on: which page. */
static void put_plain(const char *session, const char *version, enum event_kind kind, const char *page, size_t n,
                      const char *json)
{
    static int made;
    char id[32];
    snprintf(id, sizeof id, "plain-%d", made++);
    struct make_beacon beacon = {
        .application = "demo", .service = "shop", .session = session, .id = id, .n = n, .received_ms = NOW_MS + 29000};
    for (size_t i = 0; i < n; i++)
        beacon.events[i] = (struct make_event){kind, NOW_MS + 1000 * (int64_t)(i + 1),
                                               kind == EVENT_ERROR ? "E-4K7QW2ZN" : NULL, page};
    struct application application = {.name = "demo"};
    struct batch *batch = batch_new(16);
    batch->application = &application;
    make_fill(batch, &beacon);
    batch->envelope.version = slice_of(version);
    for (size_t i = 0; i < n && plain_view; i++)
        batch->events[i].view = slice_of(plain_view);
    for (size_t i = 0; i < n && kind == EVENT_ERROR; i++)
        batch->events[i].message = batch->events[i].group = SLICE("boom");
    for (size_t i = 0; i < n && json; i++)
        batch->events[i].json = slice_of(json);
    assert_int_equal(record_seal(batch), ERR_OK);
    put(STORE_BEACON, batch->value);
    batch_free(batch);
}

/* Half of all traffic is in the new release, and all of the error: the release stands out, the page that all are on
 * does not. */
static void what_comes_with_an_error_is_held_against_all_traffic(void **state)
{
    (void)state;
    char session[32];
    for (int i = 0; i < 24; i++) {
        snprintf(session, sizeof session, "session-%d", i);
        put_plain(session, i % 4 ? "old" : "new", EVENT_PAGE, "/cart", 10, NULL);
        if (i % 4 == 0)
            put_plain(session, "new", EVENT_ERROR, "/cart", 1, NULL);
    }
    start((struct live_options){0});
    assert_int_equal(get("/api/errors?code=E-4K7QW2ZN"), 200);
    assert_says("\"looked_at\":6,\"sessions\":6,");
    assert_says("\"releases\":[{\"value\":\"new\",\"count\":6,\"all\":0.25,");
    assert_says(",\"stands_out\":true}],\"browsers\"");
    assert_says("\"pages\":[{\"value\":\"/cart\",\"count\":6,\"all\":1,\"stands_out\":false}]");
    assert_int_equal(get("/api/errors?code=E-4K7QW2ZN&" SPAN), 200);
    assert_says("\"looked_at\":6,");
    assert_int_equal(get("/api/errors?code=E-4K7QW2ZN&from=2026-11-19T22:00:00Z&to=2026-11-19T23:00:00Z"), 200);
    assert_says("\"first\":\"2026-11-20T");
    assert_says("\"looked_at\":0,\"sessions\":0,\"users\":0,\"releases\":[]");
}

/* All see both pages once, and one of them tells ten times as much of itself. */
static void a_view_weighs_once_however_much_it_tells(void **state)
{
    (void)state;
    char session[32], view[32];
    for (int i = 0; i < 20; i++) {
        snprintf(session, sizeof session, "session-%d", i);
        plain_view = view;
        snprintf(view, sizeof view, "view-of-home-%d", i);
        put_plain(session, "old", EVENT_PAGE, "/", 10, NULL);
        if (i % 2)
            put_plain(session, "old", EVENT_ERROR, "/", 1, NULL);
        snprintf(view, sizeof view, "view-of-search-%d", i);
        put_plain(session, "old", EVENT_PAGE, "/search", 1, NULL);
        if (i % 2 == 0)
            put_plain(session, "old", EVENT_ERROR, "/search", 1, NULL);
        plain_view = NULL;
    }
    start((struct live_options){0});
    assert_int_equal(get("/api/errors?code=E-4K7QW2ZN"), 200);
    assert_says("\"pages\":[{\"value\":\"/\",\"count\":10,\"all\":0.5");
    assert_false(says("\"stands_out\":true"));
}

/* However often one visitor meets it, it says nothing of the others. */
static void few_sessions_make_nothing_stand_out(void **state)
{
    (void)state;
    put_plain("session-1", "old", EVENT_PAGE, "/cart", 16, NULL);
    put_plain("session-2", "new", EVENT_PAGE, "/cart", 1, NULL);
    put_plain("session-2", "new", EVENT_ERROR, "/cart", 16, NULL);
    start((struct live_options){0});
    assert_int_equal(get("/api/errors?code=E-4K7QW2ZN"), 200);
    assert_says("\"releases\":[{\"value\":\"new\",\"count\":16,\"all\":0.5,");
    assert_false(says("\"stands_out\":true"));
}

#define LCP "{\"kind\":\"vital\",\"at\":1,\"name\":\"LCP\","

static void what_lies_behind_vitals_is_told_by_element(void **state)
{
    (void)state;
    put_plain("session-1", "1", EVENT_VITAL, "/cart", 3, LCP "\"value\":1000,\"target\":\"img\",\"ttfb\":100}");
    put_plain("session-2", "1", EVENT_VITAL, "/cart", 1,
              LCP "\"value\":4000,\"target\":\"img\",\"resource\":\"/\\\"><script>.avif\"}");
    put_plain("session-3", "2", EVENT_VITAL, "/", 1, LCP "\"value\":50,\"target\":\"h1\"}");
    put_plain("session-3", "2", EVENT_VITAL, "/", 1,
              "{\"kind\":\"vital\",\"at\":1,\"name\":\"CLS\",\"value\":0.2,\"target\":\"#ad\"}");
    start((struct live_options){0});
    assert_int_equal(get("/api/causes?name=/cart&" SPAN), 200);
    assert_says("\"looked_at\":4,\"more\":false,\"vitals\":[{\"name\":\"LCP\",\"count\":4,");
    assert_says("\"parts\":[{\"name\":\"ttfb\",\"count\":3,");
    assert_says("\"elements\":[{\"value\":\"img\",\"count\":4,");
    assert_says("\"session\":\"session-2\"}],\"resources\":[{\"value\":\"/\\\"><script>.avif\",\"count\":1,");
    assert_false(says("CLS"));
    assert_int_equal(get("/api/causes?name=*&" SPAN), 200);
    assert_says("\"looked_at\":6,");
    assert_says("{\"name\":\"CLS\",\"count\":1,");
    assert_int_equal(get("/api/causes?detail=CLS&release=2&" SPAN), 200);
    assert_says("\"vitals\":[{\"name\":\"CLS\",\"count\":1,");
    assert_int_equal(get("/api/causes?release=3&" SPAN), 200);
    assert_says("\"vitals\":[]}");
}

/* A flood of names that come once leaves the one that comes often in its place. */
static void many_elements_do_not_hide_the_frequent_one(void **state)
{
    (void)state;
    char json[160];
    for (int i = 0; i < 200; i++) {
        snprintf(json, sizeof json, LCP "\"value\":10,\"target\":\"#id-%d\"}", i);
        put_plain("session-1", "1", EVENT_VITAL, "/cart", 1, json);
        if (i >= 100)
            put_plain("session-1", "1", EVENT_VITAL, "/cart", 1, LCP "\"value\":10,\"target\":\"img\"}");
    }
    start((struct live_options){0});
    assert_int_equal(get("/api/causes?" SPAN), 200);
    assert_says("\"elements\":[{\"value\":\"img\",\"count\":100,");
    assert_int_equal(times_said("\"value\":\"#id-"), 4);
}

static void a_user_is_told_over_all_sessions(void **state)
{
    (void)state;
    put_session("beacon-1", "session-1", "boom");
    put_session("beacon-2", "session-2", "boom");
    start((struct live_options){0});
    assert_int_equal(get("/api/session?user=u-17"), 200);
    assert_true(times_said("\"session\":\"session-1\"") > 1);
    assert_int_equal(times_said("\"session\":\"session-1\""), times_said("\"session\":\"session-2\""));
    assert_true(strstr(answer.text, "\"kind\":\"api\"") < strstr(answer.text, "\"kind\":\"error\""));
    assert_int_equal(get("/api/session?user=u-18"), 404);
    assert_int_equal(get("/api/session?user=u-17&id=session-1"), 400);
    assert_int_equal(get("/api/sessions?user=u-17&" SPAN), 200);
    assert_int_equal(times_said("\"user\":\"u-17\""), 2);
    assert_int_equal(get("/api/sessions?user=u-18&" SPAN), 200);
    assert_says("{\"rows\":[]");
}

static void what_is_pasted_is_found(void **state)
{
    (void)state;
    put_session("beacon-1", "session-1", "boom");
    start((struct live_options){0});
    assert_int_equal(get("/api/find?id=session-1"), 200);
    assert_says("{\"kind\":\"session\",\"id\":\"session-1\"}");
    assert_int_equal(get("/api/find?id=u-17"), 200);
    assert_says("{\"kind\":\"user\",\"id\":\"u-17\"}");
    assert_int_equal(get("/api/find?id=e-4k7qw2zn"), 200);
    assert_says("{\"kind\":\"error\",\"id\":\"E-4K7QW2ZN\"}");
    assert_int_equal(get("/api/find?id=E-00000000"), 404);
    assert_int_equal(get("/api/find?id=nobody"), 404);
    assert_int_equal(get("/api/find"), 400);
}

static void opened_timelines_are_counted_once(void **state)
{
    (void)state;
    struct metric *viewed = metric_get(METRIC_COUNTER, "seismo_live_timelines_viewed_total", NULL, NULL, "");
    put_session("beacon-1", "session-1", "boom");
    start((struct live_options){0});
    int64_t before = metric_value(viewed);
    for (int i = 0; i < 3; i++)
        assert_int_equal(get("/api/session?id=session-1"), 200);
    assert_int_equal(get("/api/session?user=u-17"), 200);
    assert_int_equal(metric_value(viewed) - before, 2);
}

static void firing_alerts_come_first(void **state)
{
    (void)state;
    const struct {
        const char *id;
        enum alert_state state;
        int64_t opened_ms;
    } alerts[] = {{"A-000000000001", ALERT_FIRING, NOW_MS}, {"A-000000000002", ALERT_RESOLVED, NOW_MS + 60000}};
    for (size_t i = 0; i < 2; i++) {
        struct slice value = make_alert(alerts[i].id, alerts[i].state, alerts[i].opened_ms);
        put(STORE_ALERT, value);
        make_free(value);
    }
    start((struct live_options){0});
    assert_int_equal(get("/api/alerts"), 200);
    assert_true(strstr(answer.text, "A-000000000001") < strstr(answer.text, "A-000000000002"));
    assert_says("\"firing\":1}");
    assert_says("\"resolved\":null");
    assert_int_equal(get("/api/alerts?service=other"), 200);
    assert_says("{\"rows\":[],\"silences\":[],\"firing\":0}");
}

static int post(const char *path, const char *fields, const char *body)
{
    char text[1024];
    snprintf(text, sizeof text, "%sContent-Length: %zu\r\n\r\n%s", fields, strlen(body), body);
    text[strlen(text)] = '\0';
    int fd = send_request("POST", path, NULL, text);
    read_answer(fd, 5000);
    close(fd);
    return answer.status;
}

#define JSON "Content-Type: application/json\r\n"
#define SILENCE "{\"id\":\"A-000000000001\",\"by\":\"Ada\",\"minutes\":60,\"reason\":\"<b>known</b>\"}"

static void count_remark(void *ctx)
{
    ++*(int *)ctx;
}

/* Acknowledged, silenced, and all of it there after a restart; refused from other pages and where it makes no sense. */
static void people_say_what_they_do_about_an_alert(void **state)
{
    (void)state;
    int remarked = 0;
    const struct live_options options = {.remarked = count_remark, .remarked_ctx = &remarked};
    struct slice value = make_alert("A-000000000001", ALERT_FIRING, NOW_MS);
    put(STORE_ALERT, value);
    make_free(value);
    start(options);
    assert_int_equal(post("/api/alerts/acknowledge", "Content-Type: text/plain\r\n", "{}"), 415);
    assert_int_equal(post("/api/alerts/acknowledge", JSON "Origin: http://evil.test\r\n", "{}"), 403);
    assert_int_equal(get("/api/alerts/acknowledge"), 405);
    assert_int_equal(post("/api/alerts/acknowledge", JSON, "[1"), 400);
    assert_int_equal(post("/api/alerts/acknowledge", JSON, "{\"id\":\"A-000000000001\"}"), 400);
    assert_says("by: expected a text");
    assert_int_equal(post("/api/alerts/acknowledge", JSON, "{\"id\":\"A-0\",\"by\":\"Ada\"}"), 404);
    assert_int_equal(post("/api/alerts/silence", JSON, "{\"id\":\"A-000000000001\",\"by\":\"Ada\"}"), 400);
    assert_int_equal(remarked, 0);
    assert_int_equal(get("/api/alerts"), 200);
    assert_says("\"acknowledged\":null,\"silence\":null");
    assert_int_equal(post("/api/alerts/acknowledge", JSON, "{\"id\":\"A-000000000001\",\"by\":\"Ada\"}"), 200);
    assert_int_equal(post("/api/alerts/silence", JSON, SILENCE), 200);
    assert_int_equal(remarked, 2);
    live_stop(live, 1000);
    start(options);
    assert_int_equal(get("/api/alerts?id=A-000000000001"), 200);
    assert_says("\"acknowledged\":{\"by\":\"Ada\",\"at\":\"");
    assert_says("\"reason\":\"<b>known</b>\"");
    char end[128] = "{\"by\":\"Bob\",\"id\":\"";
    strncat(end, strstr(answer.text, "S-"), 14);
    strcat(end, "\"}");
    assert_int_equal(post("/api/alerts/unsilence", JSON, end), 200);
    assert_int_equal(post("/api/alerts/unsilence", JSON, end), 404);
    assert_int_equal(get("/api/alerts"), 200);
    assert_says("\"silence\":null");
    assert_says("\"silences\":[]");
}

static void add_base64(struct buf *buf, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        unsigned group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (i + k < bytes.len ? (unsigned char)bytes.at[i + k] : 0);
        buf_char(buf, digits[group >> 18]);
        buf_char(buf, digits[group >> 12 & 63]);
        buf_char(buf, i + 1 < bytes.len ? digits[group >> 6 & 63] : '=');
        buf_char(buf, i + 2 < bytes.len ? digits[group & 63] : '=');
    }
}

static void put_reject(const char *id, int event, struct slice record)
{
    struct buf json;
    buf_init(&json, 65536);
    buf_printf(
        &json,
        "{\"@timestamp\":\"2026-11-22T10:00:00.000Z\",\"seismo.reject\":{\"reason\":\"<b>no</b>\",\"code\":"
        "\"SE-3101\",\"topic\":\"events\",\"partition\":0,\"position\":7,\"event\":%d,\"refused\":1,\"bytes\":99},"
        "\"event.original\":\"",
        event);
    add_base64(&json, record);
    buf_text(&json, "\"}");
    struct store_item item = {.kind = STORE_REJECT, .value = buf_slice(&json), .id = slice_of(id)};
    struct refused refused = {0};
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    buf_done(&json);
}

/* With the event that was refused; what cannot be read shows why it was refused all the same. */
static void rejects_are_shown_with_what_they_were(void **state)
{
    (void)state;
    start((struct live_options){0});
    assert_int_equal(get("/api/rejects"), 200);
    assert_says("{\"rows\":[]}");
    struct make_beacon beacon = {
        .application = "demo", .service = "shop", .session = "s-7", .id = "b-reject", .n = 2, .received_ms = NOW_MS};
    beacon.events[0] = (struct make_event){EVENT_API, NOW_MS, NULL, "/cart"};
    beacon.events[1] = (struct make_event){EVENT_ERROR, NOW_MS, "E-4K7QW2ZN", "/cart"};
    struct slice record = make_record(&beacon);
    put_reject("r-1", 1, record);
    put_reject("r-2", -1, SLICE("no record"));
    make_free(record);
    assert_int_equal(get("/api/rejects?limit=5"), 200);
    assert_says("\"id\":\"r-1\"");
    assert_says("\"id\":\"r-2\"");
    assert_says("\"reason\":\"<b>no</b>\"");
    assert_says("\"service\":\"shop\",\"session\":\"s-7\",\"original\":\"{");
    assert_null(strstr(strstr(answer.text, "\"original\"") + 1, "\"original\""));
    assert_int_equal(get("/api/rejects?limit=1"), 200);
    assert_null(strstr(strstr(answer.text, "\"id\"") + 1, "\"id\""));
}

static void status_tells_what_metrics_tell(void **state)
{
    (void)state;
    metric_add(metric_get(METRIC_COUNTER, "seismo_events_accepted_total", NULL, NULL, "events"), 3);
    metric_add(metric_get(METRIC_COUNTER, "seismo_rejects_total", "reason", "unknown_key", "rejects"), 2);
    metric_set(metric_get(METRIC_GAUGE, "seismo_bus_lag", "group", "index", "lag"), 5);
    start((struct live_options){0});
    assert_int_equal(get("/api/status"), 200);
    assert_says("\"version\":\"");
    assert_says("\"ready\":true");
    assert_says("\"public_url\":\"http://127.0.0.1:8080\",\"demo_key\":\"demo\"");
    assert_says("\"accepted\":3,");
    assert_says("\"lag\":{\"index\":5},\"rejects\":{\"unknown_key\":2}");
}

static void nothing_stored_is_no_figure(void **state)
{
    (void)state;
    start((struct live_options){0});
    assert_int_equal(get("/api/overview"), 200);
    assert_says("\"rows\":[],\"all\":0");
    assert_says("{\"name\":\"INP\",\"p75\":null,\"count\":0,\"rating\":null,");
    assert_false(says("good\""));
}

/* ---- the stream ---- */

static size_t changes(void)
{
    size_t n = 0;
    for (const char *at = answer.text; (at = strstr(at, "event: change\n")); at++)
        n++;
    return n;
}

static void *change_for_a_second(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 100; i++) {
        live_changed(live);
        usleep(10000);
    }
    return NULL;
}

static void changes_are_coalesced(void **state)
{
    (void)state;
    pthread_t thread;
    start((struct live_options){0});
    int fd = send_request("GET", "/api/live", NULL, NULL);
    read_answer(fd, 300);
    assert_int_equal(answer.status, 200);
    assert_says("content-type: text/event-stream");
    assert_int_equal(changes(), 1); /* where the reader begins */
    int64_t began_ms = clock_mono_ms();
    assert_int_equal(pthread_create(&thread, NULL, change_for_a_second, NULL), 0);
    read_answer(fd, 400);
    pthread_join(thread, NULL);
    double seconds = (double)(clock_mono_ms() - began_ms) / 1000;
    assert_true(changes() >= 3);
    assert_true((double)changes() <= 4 * seconds + 1);
    close(fd);
}

static void what_others_write_is_noticed(void **state)
{
    (void)state;
    start((struct live_options){0});
    int fd = send_request("GET", "/api/live", NULL, NULL);
    read_answer(fd, 300);
    put_session("beacon-1", "session-1", "boom"); /* nobody calls live_changed */
    read_answer(fd, 700);
    assert_true(changes() >= 1);
    close(fd);
}

static void streams_are_bounded_and_end(void **state)
{
    (void)state;
    int fds[64];
    start((struct live_options){0});
    for (size_t i = 0; i < 64; i++) {
        fds[i] = send_request("GET", "/api/live", NULL, NULL);
        struct pollfd poll_fd = {fds[i], POLLIN, 0};
        assert_int_equal(poll(&poll_fd, 1, 5000), 1);
    }
    assert_int_equal(get("/api/live"), 503);
    assert_says("SE-2003");
    live_stop(live, 1000);
    live = NULL;
    for (size_t i = 0; i < 64; i++) {
        read_answer(fds[i], 5000);
        char last;
        assert_true(read(fds[i], &last, 1) <= 0);
        close(fds[i]);
    }
}

#define ON_LIVE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_LIVE(addresses_and_methods),
        ON_LIVE(the_page_brings_its_first_answers),
        ON_LIVE(the_page_is_plain_where_it_asks_for_itself),
        ON_LIVE(nobody_unknown_gets_answers_with_the_page),
        ON_LIVE(host_must_be_ours),
        ON_LIVE(origin_must_be_ours),
        ON_LIVE(off_loopback_there_must_be_a_way_in),
        ON_LIVE(a_link_opens_once),
        ON_LIVE(a_reset_is_seen),
        ON_LIVE(sessions_end),
        ON_LIVE(a_proxy_names_who_asks),
        ON_LIVE(others_name_nobody),
        ON_LIVE(token_opens),
        ON_LIVE(every_answer_has_the_policy),
        ON_LIVE(wrong_parameters_are_named),
        ON_LIVE(overview_merges_final_and_open),
        ON_LIVE(a_day_is_the_same_when_asked_again),
        ON_LIVE(series_has_points_and_samples),
        ON_LIVE(hostile_text_stays_text),
        ON_LIVE(business_events_are_told_by_name),
        ON_LIVE(business_without_sessions_is_no_share),
        ON_LIVE(a_session_is_told_in_order),
        ON_LIVE(an_error_is_told_with_who_met_it),
        ON_LIVE(what_comes_with_an_error_is_held_against_all_traffic),
        ON_LIVE(a_view_weighs_once_however_much_it_tells),
        ON_LIVE(few_sessions_make_nothing_stand_out),
        ON_LIVE(what_lies_behind_vitals_is_told_by_element),
        ON_LIVE(many_elements_do_not_hide_the_frequent_one),
        ON_LIVE(a_user_is_told_over_all_sessions),
        ON_LIVE(what_is_pasted_is_found),
        ON_LIVE(opened_timelines_are_counted_once),
        ON_LIVE(firing_alerts_come_first),
        ON_LIVE(people_say_what_they_do_about_an_alert),
        ON_LIVE(rejects_are_shown_with_what_they_were),
        ON_LIVE(status_tells_what_metrics_tell),
        ON_LIVE(nothing_stored_is_no_figure),
        ON_LIVE(changes_are_coalesced),
        ON_LIVE(what_others_write_is_noticed),
        ON_LIVE(streams_are_bounded_and_end),
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
