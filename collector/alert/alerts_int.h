/* Inside alert: the book of alerts (alerts_book.c), its bytes in the store, the sending (alerts_send.c). */
#ifndef SEISMO_ALERT_ALERTS_INT_H
#define SEISMO_ALERT_ALERTS_INT_H

#include <pthread.h>

#include "alert/alerts.h"
#include "alert/notifier_int.h"
#include "base/buf.h"

#define ALERTS_KEY "alerts"
#define MAX_FIRING 1000
#define MAX_OUTBOX 1000
#define BOOK_BYTES 900000 /* of at most STORE_STATE_BYTES */
#define CLAIM_MS 20000    /* longer than a POST may take */

/* What is still to be done for one change of an alert. */
enum todo { TODO_STORE = 1, TODO_BUS = 2, TODO_TELL = 4 };

/* An alert with text of its own. */
struct entry {
    struct alert alert;
    char *text;
    bool announced; /* firing: people were told */
    bool is_mine;   /* this process decided it, or took it over */
    bool is_kept;   /* the store has it */
    bool is_hushed; /* firing: under a silence; it is told again when that ends */
    uint8_t todo;   /* of a change in the outbox */
    uint64_t claimed_by;
    int64_t claimed_until_ms; /* by the wall clock: another process must understand it */
};

struct entries {
    struct entry **list; /* in order of coming */
    size_t n, max;
};

/* Who decides about a partition of series: alerts_owner.c. */
struct owner_row {
    int32_t partition;
    uint64_t epoch, owner;
    bool is_kept; /* the store has it */
};

/* All alerts that fire and all changes not yet told. One lock around it: alerts.c. */
struct book {
    struct entries firing, outbox;
    struct entries gone; /* changes that this process has finished with since the last put: not to be read back */
    uint64_t version;    /* of the state in the store */
    struct owner_row *owners;
    size_t n_owners;
};
void book_init(struct book *book);
void book_done(struct book *book);
struct entry *entry_new(const struct alert *alert); /* copies */
void entry_free(struct entry *entry);               /* takes NULL */
void entries_add(struct entries *entries, struct entry *entry);
void entries_remove(struct entries *entries, struct entry *entry); /* takes it out, does not free */
struct entry *entries_find(const struct entries *entries, const char *id, enum alert_state state);
struct entry *book_find_firing(const struct book *book, enum alert_kind kind, const struct series_key *key);
/* Finishes with a change or an alert: it leaves its list and is remembered as gone until the next put. */
void book_finish(struct book *book, struct entries *from, struct entry *entry);
/* The later epoch stays. */
void book_set_owner(struct book *book, struct owner_row row);
uint64_t book_owner(const struct book *book, int32_t partition); /* 0: unknown */
/* Whether the series is known to be decided about by somebody else than `me`. */
bool book_is_anothers(const struct book *book, const struct alert *alert, uint64_t me, int n_partitions);
void book_write_owners(const struct book *book, struct buf *buf);
void book_read_owners(struct reader *reader, struct book *book);
/* Forgets what is new, not kept, and about series of another owner than `me`. */
void book_forsake(struct book *book, uint64_t me, int n_partitions);
void book_write(const struct book *book, struct buf *buf);
/* ERR_CORRUPT, ERR_NEWER_VERSION; ret_book is initialised and empty then. */
enum err book_read(struct slice bytes, struct book *ret_book);
/* Somebody else has put `theirs`, read by process `me`: what it has decided about series that are another's by now is
 * forgotten; what they added comes in, what they finished goes, what is ours and new stays. */
void book_merge(struct book *book, struct book *theirs, uint64_t me, int n_partitions);
/* All of it is in the store now. */
void book_kept(struct book *book, uint64_t version);

#endif
