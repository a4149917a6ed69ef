/* One-time links to the live page: printed by `seismo run`, `seismo access` and `seismo reset-access`. */
#ifndef SEISMO_ACCESS_H
#define SEISMO_ACCESS_H

#include "config/config.h"
#include "store/store.h"

/* A line on stdout: name and where the page is; with a store, as a new one-time link. Without one when the store does
 * not take it, which is in the log. port: the one that the listener has. Off loopback the address is listen.inner_url,
 * else one that other machines reach. */
void access_say(const struct config *config, struct store *store, const char *name, int port, bool is_loopback);

#endif
