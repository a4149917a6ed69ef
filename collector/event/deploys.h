/* Deploys: when a release was first seen in events, and what people marked. One value in the store's state, drawn on
 * every chart. */
#ifndef SEISMO_EVENT_DEPLOYS_H
#define SEISMO_EVENT_DEPLOYS_H

#include "base/buf.h"
#include "base/err.h"

#define DEPLOYS_KEY "deploys" /* of the store's state */
#define DEPLOYS_MAX 500       /* a new one takes the oldest one's place */
#define DEPLOYS_NAME_BYTES 128
#define DEPLOYS_SEEN_AN_HOUR 12 /* of one service: the key is public, and so anybody may invent releases */

struct deploy {
    char name[DEPLOYS_NAME_BYTES]; /* the release */
    char application[DEPLOYS_NAME_BYTES], service[DEPLOYS_NAME_BYTES], environment[DEPLOYS_NAME_BYTES]; /* "": all */
    char by[64];                                                                                        /* "" if seen */
    int64_t at_ms;
    bool is_seen; /* noticed in events; else marked by somebody */
};

struct deploys {
    struct deploy *list; /* oldest first */
    size_t n;
};
void deploys_init(struct deploys *deploys);
void deploys_done(struct deploys *deploys);
/* False: it is there already (a release is seen first only once), or too many were seen of that service lately. */
bool deploys_add(struct deploys *deploys, const struct deploy *deploy);
/* Bytes, version 1. */
void deploys_write(const struct deploys *deploys, struct buf *buf);
/* No bytes are no deploys. ERR_CORRUPT, ERR_NEWER_VERSION; ret_deploys is initialised and empty then. */
enum err deploys_read(struct slice bytes, struct deploys *ret_deploys);
/* store_state_change's form: adds the deploy that ctx points to. ERR_MISSING: nothing to add. */
enum err deploys_change(void *ctx, struct slice value, struct buf *ret_value);

#endif
