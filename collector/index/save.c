/* The rejects of a batch: durable on the bus, then stored, many at a time. */
#include <assert.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "index/index_int.h"

#define REJECTS_AT_ONCE 128
#define REJECTS_BYTES 1048576 /* of them, but for the last */
#define REJECT_BYTES (REJECT_ORIGINAL_BYTES / 3 * 4 + 65536)

static void note_reject_refused(void *ctx, const struct store_item *item, int event, const char *reason)
{
    (void)ctx;
    (void)item;
    (void)event;
    log_error("index", ERR_STORE_WRITE, "the store refuses a reject; the bus keeps it: %s", reason ? reason : "");
}

/* Some of the rejects, as they are published and stored. */
struct written {
    struct buf json; /* all of them, one behind the other */
    size_t n, at[REJECTS_AT_ONCE + 1];
    char ids[REJECTS_AT_ONCE][33];
};

static struct slice written_json(const struct written *written, size_t i)
{
    return (struct slice){written->json.at + written->at[i], written->at[i + 1] - written->at[i]};
}

/* From the first on, as many as fit; gives where the next ones begin. */
static size_t write_rejects(const struct index *index, size_t first, struct written *written)
{
    size_t i = first;
    buf_clear(&written->json);
    written->n = written->at[0] = 0;
    while (i < index->n_rejects && written->n < REJECTS_AT_ONCE && written->json.len < REJECTS_BYTES) {
        reject_write(index->rejects[i++], clock_wall_ms(), &written->json, written->ids[written->n++]);
        written->at[written->n] = written->json.len;
    }
    assert(!buf_failed(&written->json));
    return i;
}

/* A full bus must take them all the same: what fills the bus may be the records behind these. */
static enum err publish(struct index *index, const struct bus_message *messages, size_t n)
{
    enum err err = bus_publish_wait(index->options.bus, messages, n);
    return err == ERR_FULL ? bus_transact(index->cursor, messages, n, NULL, 0) : err;
}

/* False: stopping. */
static bool publish_all(struct index *index, const struct bus_message *messages, size_t n)
{
    enum err err;
    for (unsigned tries = 0; (err = publish(index, messages, n)); tries++) {
        if (err == ERR_TOO_LARGE && n == 1) {
            log_error("index", err, "a reject of %zu bytes does not fit the bus; the store alone keeps it",
                      messages->value.len);
            return true;
        }
        if (err == ERR_TOO_LARGE) /* one of them: the others have room */
            return publish_all(index, messages, n / 2) && publish_all(index, messages + n / 2, n - n / 2);
        if (!index_back_off(index, tries, err, "publishing rejects"))
            return false;
    }
    return true;
}

/* Durable on the bus first: what the store refuses to keep must not be lost. False: stopping. */
static bool save(struct index *index, const struct written *written)
{
    struct bus_message messages[REJECTS_AT_ONCE];
    struct store_item items[REJECTS_AT_ONCE];
    enum err err;
    for (size_t i = 0; i < written->n; i++) {
        struct slice id = slice_of(written->ids[i]);
        messages[i] = (struct bus_message){TOPIC_REJECTS, hash_stable(id), written_json(written, i)};
        items[i] = (struct store_item){STORE_REJECT, messages[i].value, id, false, 0};
    }
    if (!publish_all(index, messages, written->n))
        return false;
    for (unsigned tries = 0;
         (err = store_write(index->options.store, items, written->n, GROUP, NULL, 0, note_reject_refused, index));
         tries++) {
        if (!index_back_off(index, tries, err, "storing rejects"))
            return false;
    }
    return true;
}

bool index_save_rejects(struct index *index)
{
    struct written written;
    bool ok = true;
    if (index->n_rejects == 0)
        return true;
    buf_init(&written.json, REJECTS_BYTES + REJECT_BYTES);
    for (size_t next = 0; ok && next < index->n_rejects;) {
        next = write_rejects(index, next, &written);
        ok = save(index, &written);
    }
    buf_done(&written.json);
    return ok;
}
