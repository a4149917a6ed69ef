/* Who asks: a small table over the User-Agent header. The order matters, since each browser also names those it wants
 * to be taken for. */
#include "base/hash.h"
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

/* The last answers of this thread: a look-up takes a microsecond, and the same few headers come again and again. Sets
 * of two, the newer one first; a flood of headers made up costs a look-up each and pushes the others out, no more. */
#define SETS 32
#define MAX_REMEMBERED_BYTES 256
struct memory {
    char agent[MAX_REMEMBERED_BYTES];
    size_t len, version_at; /* where the version begins in the header */
    struct client client;
};

static bool remembers(const struct memory *memory, struct slice agent)
{
    return memory->len == agent.len && memcmp(memory->agent, agent.at, agent.len) == 0;
}

static void remember(struct memory *memory, struct slice agent)
{
    memory->client = look_up(agent);
    memory->len = agent.len;
    memcpy(memory->agent, agent.at, agent.len);
    memory->version_at = memory->client.version.len ? (size_t)(memory->client.version.at - agent.at) : 0;
}

struct client client_of(struct slice user_agent)
{
    static _Thread_local struct memory memories[SETS][2];
    static _Thread_local unsigned char newer[SETS];
    if (user_agent.len == 0 || user_agent.len > MAX_REMEMBERED_BYTES)
        return look_up(user_agent);
    size_t set = hash_quick(user_agent) % SETS;
    struct memory *pair = memories[set];
    if (!remembers(&pair[newer[set]], user_agent)) {
        newer[set] ^= 1;
        if (!remembers(&pair[newer[set]], user_agent))
            remember(&pair[newer[set]], user_agent);
    }
    struct client client = pair[newer[set]].client;
    client.version.at = user_agent.at + pair[newer[set]].version_at;
    return client;
}
