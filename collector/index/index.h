/* Bus to store: what was acknowledged becomes documents; the position is committed after them, or with them.
 *
 * One thread a cursor. What can't be decoded or is refused by the store goes to TOPIC_REJECTS and the store's rejects,
 * with its reason and count, and never blocks what follows; a burst of refusals pauses and tells. What a newer release
 * wrote is left for it, uncommitted, with all that follows. The thread also has
 * the store drop what is older than the retention, every ten minutes. */
#ifndef SEISMO_INDEX_INDEX_H
#define SEISMO_INDEX_INDEX_H

#include <stdbool.h>

#include "base/err.h"

struct bus;
struct store;
struct index;

struct index_options {
    struct bus *bus;
    struct store *store;
    int batch_records; /* at most that many beacons a write */
    /* Told after each commit on index's thread: documents newly stored. May be NULL. */
    void (*stored)(void *ctx, unsigned long documents);
    /* Told, on index's thread, when a burst of refusals makes it pause, and when that is over. May be NULL. */
    void (*paused)(void *ctx, bool paused);
    /* Told once, on index's thread, when a record of a newer release has come, which ends it: on a shared bus the group
     * has been left, so that an instance that can read on does. May be NULL. */
    void (*halted)(void *ctx);
    void *ctx;
};

enum err index_start(struct index **ret_index, const struct index_options *options, struct err_text *text);
void index_halt(struct index *index); /* tells it to stop and waits for nothing; takes NULL */
void index_stop(struct index *index); /* ends after the write under way; takes NULL */

#endif
