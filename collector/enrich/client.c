/* Who asks: a small table over the User-Agent header. The order matters, since each browser also names those it wants
 * to be taken for. */
#include "enrich/enrich_int.h"

static const struct {
    const char *mark, *name;
} browsers[] = {
    {"Edg/", "Edge"},
    {"EdgA/", "Edge"},
    {"EdgiOS/", "Edge"},
    {"Edge/", "Edge"},
    {"OPR/", "Opera"},
    {"SamsungBrowser/", "Samsung Internet"},
    {"YaBrowser/", "Yandex"},
    {"Vivaldi/", "Vivaldi"},
    {"FxiOS/", "Firefox"},
    {"Firefox/", "Firefox"},
    {"CriOS/", "Chrome"},
    {"HeadlessChrome/", "Chrome Headless"},
    {"Chrome/", "Chrome"},
    {"Version/", "Safari"},
    {"MSIE ", "Internet Explorer"},
    {"Trident/", "Internet Explorer"},
    {"curl/", "curl"},
    {"node", "Node"},
};

static const struct {
    const char *mark, *os, *device;
} systems[] = {
    {"iPhone", "iOS", "phone"},        {"iPad", "iOS", "tablet"},         {"Android", "Android", "tablet"},
    {"Windows", "Windows", "desktop"}, {"Macintosh", "macOS", "desktop"}, {"CrOS", "ChromeOS", "desktop"},
    {"Linux", "Linux", "desktop"},     {"FreeBSD", "FreeBSD", "desktop"},
};

static const char *find(struct slice text, const char *mark)
{
    return memmem(text.at, text.len, mark, strlen(mark));
}

static bool is_bot(struct slice agent)
{
    static const char *const marks[] = {"bot", "Bot", "crawl", "Crawl", "spider", "Spider", "Lighthouse"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (find(agent, marks[i]))
            return true;
    return false;
}

static struct slice leading_digits(const char *at, const char *end)
{
    struct slice digits = {at, 0};
    while (at + digits.len < end && digits.len < 8 && is_digit(at[digits.len]))
        digits.len++;
    return digits;
}

static struct client look_up(struct slice user_agent)
{
    struct client client = {SLICE(""), SLICE(""), SLICE(""), SLICE("")};
    if (user_agent.len == 0)
        return client;
    for (size_t i = 0; i < sizeof browsers / sizeof *browsers && !client.browser.len; i++) {
        const char *found = find(user_agent, browsers[i].mark);
        if (!found)
            continue;
        client.browser = slice_of(browsers[i].name);
        client.version = leading_digits(found + strlen(browsers[i].mark), user_agent.at + user_agent.len);
    }
    for (size_t i = 0; i < sizeof systems / sizeof *systems && !client.os.len; i++)
        if (find(user_agent, systems[i].mark)) {
            client.os = slice_of(systems[i].os);
            client.device = slice_of(systems[i].device);
        }
    if (slice_is(client.os, "Android") && find(user_agent, "Mobile"))
        client.device = SLICE("phone");
    if (is_bot(user_agent))
        client.device = SLICE("bot");
    return client;
}

/* The last answers of this thread: a look-up takes a microsecond, and the same few headers come again and again. */
#define REMEMBERED 16
#define MAX_REMEMBERED_BYTES 256
struct memory {
    char agent[MAX_REMEMBERED_BYTES];
    size_t len, version_at; /* where the version begins in the header */
    struct client client;
};

struct client client_of(struct slice user_agent)
{
    static _Thread_local struct memory memories[REMEMBERED];
    size_t n = user_agent.len;
    if (n == 0 || n > MAX_REMEMBERED_BYTES)
        return look_up(user_agent);
    unsigned char middle = (unsigned char)user_agent.at[n / 2], last = (unsigned char)user_agent.at[n - 1];
    struct memory *memory = &memories[(n * 5 + middle * 3 + last) % REMEMBERED];
    if (memory->len != n || memcmp(memory->agent, user_agent.at, n) != 0) {
        memory->client = look_up(user_agent);
        memory->len = n;
        memcpy(memory->agent, user_agent.at, n);
        memory->version_at = memory->client.version.len ? (size_t)(memory->client.version.at - user_agent.at) : 0;
    }
    struct client client = memory->client;
    client.version.at = user_agent.at + memory->version_at;
    return client;
}
