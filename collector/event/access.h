/* Who may read the live page of a listener that other machines reach: links that open it once, and the sessions that
 * they began. One value in the store's state, so that all instances on one store agree; of every secret only its
 * SHA-256 is kept. */
#ifndef SEISMO_EVENT_ACCESS_H
#define SEISMO_EVENT_ACCESS_H

#include "base/buf.h"
#include "base/err.h"

#define ACCESS_KEY "access"    /* of the store's state */
#define ACCESS_LINKS 16        /* a new one takes the oldest one's place */
#define ACCESS_SESSIONS 256    /* the same */
#define ACCESS_SECRET_BYTES 65 /* 64 hex digits and NUL */
#define ACCESS_WHERE_BYTES 320

struct access_pass {
    unsigned char digest[32];
    int64_t until_ms;
};

struct access_book {
    char where[ACCESS_WHERE_BYTES]; /* what links begin with: "http://192.0.2.7:8081"; "" while unknown */
    struct access_pass links[ACCESS_LINKS], sessions[ACCESS_SESSIONS]; /* oldest first */
    size_t n_links, n_sessions;
};

void access_secret(char ret_secret[ACCESS_SECRET_BYTES]); /* a new one, 256 bits */
bool access_knows(const struct access_book *book, struct slice session, int64_t now_ms);
/* Bytes, version 1. */
void access_write(const struct access_book *book, struct buf *buf);
/* No bytes are an empty book. ERR_CORRUPT, ERR_NEWER_VERSION; ret_book is empty then. */
enum err access_read(struct slice bytes, struct access_book *ret_book);

/* store_state_change's form; ctx is a struct access_change. What is over at now_ms goes with every change. */
struct access_change {
    struct slice link;    /* len 0: none */
    struct slice session; /* begins, until until_ms; len 0: link is a new one, until until_ms */
    const char *where;    /* new beginning of links; NULL: as it was */
    bool ends_all;        /* links and sessions of before */
    int64_t now_ms, until_ms;
};
/* With a link and a session the link is consumed. ERR_LINK: it was before, or is over, or never was. */
enum err access_change(void *ctx, struct slice value, struct buf *ret_value);

#endif
