/* The visits of a made-up shop. A day has its curve; five hours ago its checkout turned slow and failed for a while. */
#include "sample.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "event/sample.h"

#define MINUTE_MS 60000
#define INCIDENT_MS 18000000 /* before now */
#define INCIDENT_LASTS_MS 1500000
#define RELEASE_MS 28800000 /* before now */
#define MAX_PAGES 5
#define SESSIONS_A_USER 28
#define PLAN_STEP 65536 /* visits by which the plan grows */

/* ---- chance: splitmix64, the same on any machine ---- */

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double share(uint64_t *state)
{
    return (double)(draw(state) >> 11) / 9007199254740992.0;
}

static double around(uint64_t *state, double middle)
{
    double sum = share(state) + share(state) + share(state) + share(state) - 2; /* about normal */
    return middle * exp(0.8 * sum);
}

static uint64_t seed_of(uint32_t session, uint32_t page)
{
    return (uint64_t)session * 1000003 + page * 7919 + 1;
}

/* ---- the plan ---- */

/* Least at four in the morning (UTC), most at four in the afternoon; SAMPLE_SESSIONS a day. */
static double sessions_a_minute(int64_t at_ms)
{
    double hour = (double)(at_ms % SAMPLE_MS) / 3600000.0;
    return 0.4 + 1.6 * (0.5 - 0.5 * cos((hour - 4) * 3.14159265358979 / 12));
}

static int by_left(const void *a, const void *b)
{
    const struct sample_visit *x = a, *y = b;
    if (x->left_ms != y->left_ms)
        return x->left_ms < y->left_ms ? -1 : 1;
    return x->session < y->session ? -1 : x->session > y->session;
}

static size_t plan_session(struct sample_visit *visits, uint32_t session, int64_t at_ms, int64_t now_ms)
{
    uint64_t chance = seed_of(session, 99);
    size_t n = 0, pages = 2 + draw(&chance) % (MAX_PAGES - 1);
    while (n < pages) {
        int64_t left_ms = at_ms + 6000 + (int64_t)(draw(&chance) % 30000);
        if (left_ms >= now_ms)
            break;
        int64_t ago_ms = now_ms - at_ms;
        visits[n] = (struct sample_visit){at_ms,
                                          left_ms,
                                          session,
                                          (uint16_t)n,
                                          ago_ms < INCIDENT_MS && ago_ms > INCIDENT_MS - INCIDENT_LASTS_MS,
                                          ago_ms < RELEASE_MS,
                                          0};
        at_ms = left_ms;
        n++;
    }
    return n;
}

/* Room for one session more. */
static struct sample_visit *make_room(struct sample_visit *visits, size_t n, size_t *size)
{
    if (n + MAX_PAGES <= *size)
        return visits;
    *size += PLAN_STEP;
    visits = realloc(visits, *size * sizeof *visits);
    if (!visits)
        abort();
    return visits;
}

struct sample_visit *sample_plan(int64_t now_ms, uint32_t sessions, size_t *ret_n)
{
    struct sample_visit *visits = NULL;
    size_t n = 0, size = 0;
    uint32_t session = 0;
    uint64_t chance = 17;
    double times = (double)sessions / SAMPLE_SESSIONS;
    for (int64_t at_ms = now_ms - SAMPLE_MS; at_ms < now_ms; at_ms += MINUTE_MS) {
        double want = times * sessions_a_minute(at_ms) * (0.6 + 0.8 * share(&chance)) + share(&chance);
        for (int i = 0; i < (int)want; i++) {
            visits = make_room(visits, n, &size);
            n += plan_session(visits + n, session++, at_ms + (int64_t)(draw(&chance) % MINUTE_MS), now_ms);
        }
    }
    for (size_t i = 0; i < n; i++)
        visits[i].user = 1 + visits[i].session * 31 % (1 + session / SESSIONS_A_USER);
    if (n)
        qsort(visits, n, sizeof *visits, by_left);
    *ret_n = n;
    return visits;
}

/* ---- who it is ---- */

#define AGENT_SAFARI 2

static unsigned agent_of(const struct sample_visit *visit)
{
    return visit->session * 7 % 11 % 4;
}

const char *sample_user_agent(const struct sample_visit *visit)
{
    static const char *const agents[] = {
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
        "Safari/537.36",
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile "
        "Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
        "Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    };
    return agents[agent_of(visit)];
}

const char *sample_country(const struct sample_visit *visit)
{
    static const char *const countries[] = {"DE", "DE", "AT", "CH", "FR", "US"};
    return countries[visit->session * 5 % 13 % 6];
}

/* ---- a beacon ---- */

struct making {
    const struct sample_visit *visit;
    struct buf *body;
    uint64_t chance;
    const char *page;
    int64_t at_ms;
};

/* Begins an event that happens after_ms after the page; never after it is left. */
static void begin(struct making *making, const char *kind, double after_ms)
{
    int64_t at_ms = making->at_ms + (int64_t)after_ms;
    if (at_ms > making->visit->left_ms)
        at_ms = making->visit->left_ms;
    buf_printf(making->body, "%s{\"kind\":\"%s\",\"at\":%" PRId64 ",\"page\":\"%s\"",
               making->body->at[making->body->len - 1] == '[' ? "" : ",", kind, at_ms, making->page);
}

/* On one page load in four, and on the checkout, a headline is the largest there is; it has nothing to load. */
static void add_largest(const struct making *making, double value)
{
    bool is_checkout = making->page[1] != '\0';
    if (is_checkout || making->visit->session % 4 == 0)
        buf_printf(making->body, ",\"target\":\"%s\",\"ttfb\":%.1f,\"render_delay\":%.1f",
                   is_checkout ? "form.payment > h2" : "main > h1", value * 0.4, value * 0.6);
    else
        buf_printf(making->body,
                   ",\"target\":\"main > img.hero\",\"resource\":\"https://shop.example/hero.avif\",\"ttfb\":%.1f,"
                   "\"load_delay\":%.1f,\"load_time\":%.1f,\"render_delay\":%.1f",
                   value * 0.3, value * 0.2, value * 0.35, value * 0.15);
}

/* What a vital is made of: shares of its value, so that nothing else is drawn. */
static void add_parts(const struct making *making, const char *name, double value)
{
    struct buf *body = making->body;
    if (*name == 'L')
        add_largest(making, value);
    if (*name == 'I')
        buf_printf(body,
                   ",\"target\":\"button.%s\",\"interaction\":\"pointerup\",\"input_delay\":%.1f,\"processing\":%.1f,"
                   "\"presentation\":%.1f,\"script\":\"https://shop.example/app.js\",\"invoker\":\"BUTTON.onclick\"",
                   making->visit->session % 3 ? "search" : "menu", value * 0.15, value * 0.65, value * 0.2);
    if (*name == 'C')
        buf_printf(body, ",\"target\":\"%s\",\"shift\":%.4f", making->visit->session % 5 ? "#banner" : "div.offers",
                   value * 0.7);
}

static void add_vital(struct making *making, const char *name, double value)
{
    begin(making, "vital", 3000);
    buf_printf(making->body, ",\"name\":\"%s\",\"value\":%.4f", name, value);
    add_parts(making, name, value);
    buf_char(making->body, '}');
}

static void add_load(struct making *making)
{
    double request = around(&making->chance, 140), response = around(&making->chance, 40);
    double dom = around(&making->chance, 260), load = around(&making->chance, 180);
    double dns = around(&making->chance, 12), connect = around(&making->chance, 45);
    begin(making, "page", 0);
    buf_printf(making->body,
               ",\"url\":\"https://shop.example%s\",\"navigation\":\"navigate\",\"duration\":%.1f,\"dns\":%.1f,"
               "\"connect\":%.1f,\"request\":%.1f,\"response\":%.1f,\"dom\":%.1f,\"load\":%.1f}",
               making->page, dns + connect + request + response + dom + load, dns, connect, request, response, dom,
               load);
    const struct {
        const char *name;
        double value;
    } vitals[] = {{"TTFB", dns + connect + request},
                  {"FCP", around(&making->chance, 900)},
                  {"LCP", around(&making->chance, 1700)},
                  {"INP", around(&making->chance, 120)},
                  {"CLS", around(&making->chance, 0.06)}};
    for (size_t i = 0; i < sizeof vitals / sizeof *vitals; i++)
        add_vital(making, vitals[i].name, vitals[i].value);
    begin(making, "mark", vitals[1].value);
    buf_printf(making->body, ",\"name\":\"hero shown\",\"value\":%.1f}", vitals[1].value);
}

static void add_route(struct making *making)
{
    begin(making, "route", 0);
    buf_printf(making->body, ",\"url\":\"https://shop.example%s\",\"duration\":%.1f}", making->page,
               around(&making->chance, 230));
}

static void add_call(struct making *making, const char *method, const char *url, double middle_ms, double after_ms)
{
    bool fails = share(&making->chance) < 0.006;
    double duration = around(&making->chance, middle_ms);
    begin(making, "api", after_ms);
    buf_printf(making->body,
               ",\"url\":\"%s\",\"method\":\"%s\",\"status\":%d,\"duration\":%.1f,\"initiator\":\"fetch\",\"dns\":0,"
               "\"connect\":0,\"request\":%.1f,\"response\":%.1f}",
               url, method, fails ? 500 : 200, duration, duration * 0.8, duration * 0.15);
}

/* What counts for the business; props: members of an object. */
static void add_business(struct making *making, const char *name, double value, const char *props, double after_ms)
{
    begin(making, "event", after_ms);
    buf_printf(making->body, ",\"name\":\"%s\"", name);
    if (value > 0)
        buf_printf(making->body, ",\"value\":%.2f", value);
    buf_printf(making->body, ",\"props\":{%s}}", props);
}

static void add_click(struct making *making, const char *name, double after_ms)
{
    double what = share(&making->chance);
    const char *flags = what < 0.02 ? "rage" : what < 0.05 ? "dead" : "";
    begin(making, "click", after_ms);
    buf_printf(making->body,
               ",\"selector\":\"button\",\"role\":\"button\",\"name\":\"%s\",\"count\":%d,\"flags\":\"%s\"}", name,
               *flags == 'r' ? 5 : 1, flags);
}

static void add_error(struct making *making, const char *type, const char *message, double after_ms)
{
    begin(making, "error", after_ms);
    buf_printf(making->body,
               ",\"type\":\"%s\",\"message\":\"%s\",\"stack\":\"%s: %s\\n    at pay "
               "(https://shop.example/app.js:120:17)\",\"source\":\"error\"}",
               type, message, type, message);
}

static void add_checkout(struct making *making)
{
    bool is_bad = making->visit->is_incident, fails = is_bad && share(&making->chance) < 0.4;
    add_click(making, "Pay now", 3500);
    begin(making, "api", 3600);
    buf_printf(
        making->body,
        ",\"url\":\"/api/checkout\",\"method\":\"POST\",\"status\":%d,\"duration\":%.1f,\"initiator\":\"fetch\"}",
        fails ? 503 : 200, is_bad ? fmin(around(&making->chance, 2100), 9000) : around(&making->chance, 280));
    if (fails)
        add_error(making, "PaymentError", "Payment was not confirmed in time", 5800);
    else
        add_business(making, "purchase", 20 + making->visit->session * 37 % 180 + 0.9,
                     "\"currency\":\"EUR\",\"items\":2", 5900);
}

static void add_page(struct making *making, int which, unsigned product)
{
    char url[64];
    snprintf(url, sizeof url, "/api/products/%u", product);
    switch (which) {
    case 0:
        add_call(making, "GET", "/api/products", 90, 400);
        if (making->visit->session % 9 == 0)
            add_business(making, "sign-up", 0, "\"plan\":\"free\"", 4500);
        break;
    case 1:
        add_call(making, "GET", "/api/search?q=[redacted]", 160, 300);
        begin(making, "measure", 320);
        buf_printf(making->body, ",\"name\":\"results drawn\",\"duration\":%u}", 30 + making->visit->session % 50);
        break;
    case 2:
        add_call(making, "GET", url, 70, 350);
        add_click(making, "Add to cart", 4000);
        add_call(making, "POST", "/api/cart", 110, 4100);
        add_business(making, "added to cart", 0, "\"first\":true", 4300);
        break;
    case 3: add_call(making, "GET", "/api/cart", 80, 300); break;
    default: add_checkout(making);
    }
    if (share(&making->chance) >= 0.008)
        return;
    /* Whoever looks at the first one is to find where it is met. */
    if (agent_of(making->visit) == AGENT_SAFARI || making->visit->session % 8 == 0)
        add_error(making, "TypeError", "Cannot read properties of undefined (reading 'price')", 1200);
    else
        add_error(making, "TypeError", "Failed to fetch", 1200);
}

void sample_beacon(const struct sample_visit *visit, struct buf *body)
{
    static const char *const pages[] = {"/", "/search", "/product/", "/cart", "/checkout"};
    struct making making = {visit, body, seed_of(visit->session, visit->page), NULL, visit->at_ms};
    unsigned product = 100 + (unsigned)(draw(&making.chance) % 40);
    char page[32];
    int length = snprintf(page, sizeof page, "%s", pages[visit->page]);
    if (visit->page == 2)
        snprintf(page + length, sizeof page - (size_t)length, "%u", product);
    making.page = page;
    buf_printf(
        body,
        "{\"v\":1,\"id\":\"sample-%06u-%u\",\"service\":\"" SAMPLE_NAME
        "\",\"version\":\"%s\","
        "\"environment\":\"production\",\"session\":\"sample-%06u\",\"view\":\"sample-%06u-%u\",\"sent\":%" PRId64,
        visit->session, visit->page, visit->is_new_release ? "2.4.0" : "2.3.0", visit->session, visit->session,
        visit->page, visit->left_ms);
    if (visit->session % 5 < 2)
        buf_printf(body, ",\"user\":{\"id\":\"sample-%u\"}", visit->user);
    buf_printf(body, ",\"labels\":{\"plan\":\"%s\"}", visit->session % 4 ? "free" : "pro");
    buf_text(body, ",\"agent\":{\"name\":\"sample\",\"version\":\"1\"},\"events\":[");
    if (visit->page == 0 || visit->page == 4)
        add_load(&making);
    else
        add_route(&making);
    add_page(&making, visit->page, product);
    buf_text(body, "]}");
}
