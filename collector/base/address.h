/* Network addresses as sixteen bytes, IPv4 as ::ffff:a.b.c.d: one form to compare, count and cut. */
#ifndef SEISMO_BASE_ADDRESS_H
#define SEISMO_BASE_ADDRESS_H

#include "base/slice.h"

struct sockaddr;

struct address {
    unsigned char bytes[16];
};

struct network {
    struct address base;
    int bits; /* of the sixteen bytes: 10.0.0.0/8 is 104 */
};

#define ADDRESS_TEXT_BYTES 48

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", each also with ":port" behind (IPv6 then in brackets); a zone behind '%'
 * is left out. False for anything else; ret is written only on success. */
bool address_parse(struct slice text, struct address *ret_address);
/* False if it is neither IPv4 nor IPv6. */
bool address_from_socket(const struct sockaddr *at, struct address *ret_address);
void address_text(const struct address *address, char ret_text[ADDRESS_TEXT_BYTES]);
bool address_is_v4(const struct address *address);
bool address_is_loopback(const struct address *address);
/* Clears what lies behind the first bits, counted within the address' own kind. */
void address_cut(struct address *address, int v4_bits, int v6_bits);

/* "10.0.0.0/8", "2001:db8::/32", or one address. Bits behind the prefix must be zero. */
bool network_parse(struct slice text, struct network *ret_network);
bool network_has(const struct network *network, const struct address *address);

#define ADDRESS_HOST_BYTES 256
/* The host by which this machine reaches a listener, as it stands in a URL: that of "192.0.2.1:8080",
 * "[2001:db8::1]:8080" or "name:8080", and loopback of its kind for one on every interface ("8080", ":8080", "*:8080",
 * "0.0.0.0:8080",
 * "[::]:8080"). One that is too long is cut. */
void address_to_reach(const char *listen, char ret_host[ADDRESS_HOST_BYTES]);

#endif
