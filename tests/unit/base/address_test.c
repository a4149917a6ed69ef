/* Addresses and networks, table by table. */
#include "unit/test.h"

#include <arpa/inet.h>

#include "base/address.h"

static const struct {
    const char *text, *address, *cut; /* address NULL: refused; cut: /24 and /48 */
} addresses[] = {
    {"203.0.113.77", "203.0.113.77", "203.0.113.0"},
    {"127.0.0.1", "127.0.0.1", "127.0.0.0"},
    {"100.10.9.0", "100.10.9.0", "100.10.9.0"},
    {"1.2.3.4:80", "1.2.3.4", "1.2.3.0"},
    {"::ffff:203.0.113.77", "203.0.113.77", "203.0.113.0"},
    {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1::"},
    {"[2001:db8::1]", "2001:db8::1", "2001:db8::"},
    {"[2001:db8::1]:443", "2001:db8::1", "2001:db8::"},
    {"fe80::1%eth0", "fe80::1", "fe80::"},
    {"::1", "::1", "::"},
    {"", NULL, NULL},
    {"nonsense", NULL, NULL},
    {"unknown", NULL, NULL},
    {"_hidden", NULL, NULL},
    {"1.2.3", NULL, NULL},
    {"1.2.3.4:", NULL, NULL},
    {"1.2.3.4:http", NULL, NULL},
    {"1.2.3.4:123456", NULL, NULL},
    {"[::1", NULL, NULL},
    {"[::1]x", NULL, NULL},
    {"[::1]:", NULL, NULL},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL},
};

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct address address;
        char text[ADDRESS_TEXT_BYTES];
        if (address_parse(slice_of(addresses[i].text), &address) != (addresses[i].address != NULL))
            fail_msg("%s", addresses[i].text);
        if (!addresses[i].address)
            continue;
        address_text(&address, text);
        assert_string_equal(text, addresses[i].address);
        address_cut(&address, 24, 48);
        address_text(&address, text);
        assert_string_equal(text, addresses[i].cut);
    }
}

static void test_to_reach(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"127.0.0.1:8080", "127.0.0.1"},
        {"192.0.2.1:0", "192.0.2.1"},
        {"[::1]:8080", "[::1]"},
        {"[2001:db8::1]:1", "[2001:db8::1]"},
        {"[::1]", "[::1]"},
        {"localhost:8080", "localhost"},
        {"0.0.0.0:8080", "127.0.0.1"},
        {":8080", "127.0.0.1"},
        {"8080", "127.0.0.1"},
        {"*:8080", "127.0.0.1"},
        {"[::]:8080", "[::1]"},
        {"", "127.0.0.1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char host[ADDRESS_HOST_BYTES];
        address_to_reach(rows[i][0], host);
        assert_string_equal(host, rows[i][1]);
    }
}

static const struct {
    const char *network, *address;
    bool has;
} networks[] = {
    {"10.0.0.0/8", "10.255.0.1", true},
    {"10.0.0.0/8", "11.0.0.1", false},
    {"10.0.0.0/8", "::1", false},
    {"192.0.2.128/25", "192.0.2.200", true},
    {"192.0.2.128/25", "192.0.2.100", false},
    {"192.0.2.7", "192.0.2.7", true},
    {"192.0.2.7", "192.0.2.8", false},
    {"0.0.0.0/0", "1.2.3.4", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"::/0", "2001:db8::1", true},
    {"2001:db8::/33", "2001:db8:7fff::1", true},
    {"2001:db8::/33", "2001:db8:8000::1", false},
    {"::1", "::1", true},
};

static void test_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        struct network network;
        struct address address;
        assert_true(network_parse(slice_of(networks[i].network), &network));
        assert_true(address_parse(slice_of(networks[i].address), &address));
        if (network_has(&network, &address) != networks[i].has)
            fail_msg("%s %s", networks[i].network, networks[i].address);
    }
    static const char *const wrong[] = {
        "",       "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/",   "10.0.0.0/-1",   "a/8",
        "::/129", "/8",          "[::]/0",     "10.0.0.0/8 ", "10.0.0.0/0008", "::1/64"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct network network;
        if (network_parse(slice_of(wrong[i]), &network))
            fail_msg("%s", wrong[i]);
    }
}

static void test_sockets_and_loopback(void **state)
{
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct address address;
    assert_true(address_from_socket((struct sockaddr *)&v4, &address));
    assert_true(address_is_v4(&address) && address_is_loopback(&address));
    assert_true(address_from_socket((struct sockaddr *)&v6, &address));
    assert_true(!address_is_v4(&address) && address_is_loopback(&address));
    assert_false(address_from_socket(&other, &address));
    assert_true(address_parse(SLICE("128.0.0.1"), &address));
    assert_false(address_is_loopback(&address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_to_reach),
        cmocka_unit_test(test_sockets_and_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
