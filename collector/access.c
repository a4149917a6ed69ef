/* The secret of a link goes to stdout, to whoever runs Seismo, and nowhere else: neither log nor store has it. */
#include "access.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "commands.h"
#include "event/access.h"

#define HOST_BYTES 64

/* The first address of this machine that others may reach: a listener on every interface is known by addresses only. */
static void find_own_host(char ret_host[HOST_BYTES])
{
    struct ifaddrs *all = NULL;
    strcpy(ret_host, "127.0.0.1");
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *each = all; each; each = each->ifa_next) {
        bool fits = each->ifa_addr && each->ifa_addr->sa_family == AF_INET && each->ifa_flags & IFF_UP &&
                    !(each->ifa_flags & IFF_LOOPBACK);
        if (fits &&
            getnameinfo(each->ifa_addr, sizeof(struct sockaddr_in), ret_host, HOST_BYTES, NULL, 0, NI_NUMERICHOST) == 0)
            break;
    }
    freeifaddrs(all);
}

static bool is_every_interface(const char *host, size_t n)
{
    static const char *const all[] = {"", "*", "0.0.0.0", "[::]", "::"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strlen(all[i]) == n && memcmp(all[i], host, n) == 0)
            return true;
    return false;
}

/* "http://192.0.2.7:8081", without a slash at the end. port 0: as it is configured. */
static void find_where(const struct config *config, int port, char ret_where[ACCESS_WHERE_BYTES])
{
    const char *url = config_text(config, SETTING_LISTEN_INNER_URL);
    const char *address = config_text(config, SETTING_LISTEN_INNER), *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : strlen(address);
    char host[HOST_BYTES];
    if (*url) {
        size_t end = strlen(url);
        while (end && url[end - 1] == '/')
            end--;
        snprintf(ret_where, ACCESS_WHERE_BYTES, "%.*s", (int)end, url);
        return;
    }
    if (is_every_interface(address, n)) {
        find_own_host(host);
        address = host;
        n = strlen(host);
    }
    if (port)
        snprintf(ret_where, ACCESS_WHERE_BYTES, "http://%.*s:%d", (int)n, address, port);
    else
        snprintf(ret_where, ACCESS_WHERE_BYTES, "http://%.*s%s", (int)n, address, colon ? colon : ":8081");
}

static enum err add_link(struct store *store, const struct config *config, const char *where, bool ends_all,
                         char ret_secret[ACCESS_SECRET_BYTES])
{
    int64_t now_ms = clock_wall_ms();
    access_secret(ret_secret);
    struct access_change change = {.link = slice_of(ret_secret),
                                   .where = where,
                                   .ends_all = ends_all,
                                   .now_ms = now_ms,
                                   .until_ms = now_ms + config_int(config, SETTING_INNER_LINK_MS)};
    return store_state_change(store, ACCESS_KEY, access_change, &change);
}

void access_say(const struct config *config, struct store *store, const char *name, int port, bool is_loopback)
{
    char where[ACCESS_WHERE_BYTES], secret[ACCESS_SECRET_BYTES], host[ADDRESS_HOST_BYTES];
    enum err err = ERR_OK;
    find_where(config, port, where);
    if (store)
        err = add_link(store, config, where, false, secret);
    if (err)
        log_warn("main", err, "no one-time link could be made; `seismo access` makes one when the store is there");
    if (store && !err) {
        log_say("%s %s/enter?once=%s", name, where, secret);
    } else if (is_loopback) {
        address_to_reach(config_text(config, SETTING_LISTEN_INNER), host);
        log_say("%s http://%s:%d/", name, host, port);
    } else {
        log_say("%s %s/", name, where);
    }
    if (!is_loopback && !store)
        log_say("which asks for inner.token, or for what a trusted proxy says; `seismo access` prints a link");
}

/* Where the instance that printed a link last is; unless it is configured, as its port may not be. */
static void find_where_it_runs(const struct config *config, struct store *store, char ret_where[ACCESS_WHERE_BYTES])
{
    struct access_book book;
    struct buf bytes;
    uint64_t version;
    buf_init(&bytes, STORE_STATE_BYTES);
    find_where(config, 0, ret_where);
    if (!*config_text(config, SETTING_LISTEN_INNER_URL) &&
        store_state_get(store, ACCESS_KEY, &bytes, &version) == ERR_OK &&
        access_read(buf_slice(&bytes), &book) == ERR_OK && book.where[0])
        memcpy(ret_where, book.where, sizeof book.where);
    buf_done(&bytes);
}

static int print_link(const struct config *config, const char *name, int argc, bool ends_all)
{
    char where[ACCESS_WHERE_BYTES], secret[ACCESS_SECRET_BYTES];
    struct store_options options;
    struct store *store = NULL;
    struct err_text text = {""};
    if (argc) {
        fprintf(stderr, "usage: seismo %s [--config FILE]\n", name);
        return EXIT_USAGE;
    }
    enum err err = options_of_store(config, &options, &text);
    if (!err)
        err = store_open(&store, &options, &text);
    if (!err) {
        find_where_it_runs(config, store, where);
        err = add_link(store, config, NULL, ends_all, secret);
    }
    store_close(store);
    if (err)
        return complain(name, err, &text);
    printf("%s/enter?once=%s\n", where, secret);
    return EXIT_OK;
}

int command_access(const struct config *config, int argc, char **argv)
{
    (void)argv;
    return print_link(config, "access", argc, false);
}

int command_reset_access(const struct config *config, int argc, char **argv)
{
    (void)argv;
    return print_link(config, "reset-access", argc, true);
}
