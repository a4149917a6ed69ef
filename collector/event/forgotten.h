/* Who was forgotten: what the bus still holds of them is not stored any more. One value in the store's state.
 *
 * Neither users nor sessions stand in it, only SHA-256 over them and a salt of this store. Each mark concerns what was
 * received until it was made, and goes when no bus can hold that any longer. */
#ifndef SEISMO_EVENT_FORGOTTEN_H
#define SEISMO_EVENT_FORGOTTEN_H

#include "base/buf.h"
#include "base/err.h"
#include "event/record.h"

#define FORGOTTEN_KEY "forgotten" /* of the store's state */
#define FORGOTTEN_MAX 20000       /* past it the one that is to go first goes at once */
#define FORGOTTEN_LOOK_MS 1000    /* whoever stores looks at it that often */
#define FORGOTTEN_BYTES 16        /* of a digest */

enum forgotten_kind { FORGOTTEN_USER = 'u', FORGOTTEN_SESSION = 's' };
struct forgotten_mark {
    unsigned char digest[FORGOTTEN_BYTES];
    int64_t before_ms, until_ms; /* received by then; kept until then */
};
struct forgotten {
    unsigned char salt[FORGOTTEN_BYTES];
    struct forgotten_mark *list; /* by digest */
    size_t n;
};
void forgotten_init(struct forgotten *forgotten); /* with a new salt */
void forgotten_done(struct forgotten *forgotten);
/* application len 0: of any. */
void forgotten_add(struct forgotten *forgotten, enum forgotten_kind kind, struct slice application, struct slice name,
                   int64_t before_ms, int64_t until_ms);
void forgotten_expire(struct forgotten *forgotten, int64_t now_ms);
/* Whether the record is of a forgotten user, or names nobody and is of such a user's session. */
bool forgotten_has(const struct forgotten *forgotten, const struct record *record);
/* What stands for a user in logs: 12 hex digits and NUL. */
#define FORGOTTEN_NAME_BYTES 13
void forgotten_name(const struct forgotten *forgotten, struct slice application, struct slice user,
                    char ret_name[FORGOTTEN_NAME_BYTES]);
/* Bytes, version 1. */
void forgotten_write(const struct forgotten *forgotten, struct buf *buf);
/* No bytes are nobody. ERR_CORRUPT, ERR_NEWER_VERSION; ret_forgotten is initialised and empty then. */
enum err forgotten_read(struct slice bytes, struct forgotten *ret_forgotten);

/* store_state_change's form, of a wish: adds the user and the sessions, drops what has expired. */
struct forgotten_wish {
    struct slice application, user;
    const struct slice *sessions;
    size_t n_sessions;
    int64_t now_ms, keep_ms;
    char name[FORGOTTEN_NAME_BYTES]; /* set */
};
enum err forgotten_change(void *ctx, struct slice value, struct buf *ret_value);

#endif
