/* The paces of addresses: a table of fixed size, however many there are.
 *
 * An address (IPv6: its /64) has SLOTS places, found by a keyed hash, so that nobody can choose whom to push out. When
 * all are taken the one that would be full soonest gives way: what is idle is forgotten at no loss, and a flooder is
 * the last to be forgotten. Two loops may meet in a place; then one request is counted for the wrong one. */
#include <stdlib.h>

#include "base/hash.h"
#include "ingest/ingest_int.h"

#define SETS 4096
#define SLOTS 8

struct sender {
    _Atomic uint64_t hash; /* 0: free */
    _Atomic int64_t requests_full_at_ns, bytes_full_at_ns;
};

struct senders {
    struct sender sets[SETS][SLOTS];
};

struct senders *senders_new(void)
{
    struct senders *senders = calloc(1, sizeof *senders); /* pages are the kernel's until somebody comes */
    if (!senders)
        abort();
    return senders;
}

void senders_free(struct senders *senders)
{
    free(senders);
}

static int64_t full_at_ns(struct sender *sender)
{
    int64_t requests = atomic_load_explicit(&sender->requests_full_at_ns, memory_order_relaxed);
    int64_t bytes = atomic_load_explicit(&sender->bytes_full_at_ns, memory_order_relaxed);
    return requests > bytes ? requests : bytes;
}

static struct sender *find(struct senders *senders, uint64_t hash)
{
    struct sender *set = senders->sets[hash % SETS], *idlest = set;
    for (int i = 0; i < SLOTS; i++) {
        if (atomic_load_explicit(&set[i].hash, memory_order_relaxed) == hash)
            return &set[i];
        if (full_at_ns(&set[i]) < full_at_ns(idlest))
            idlest = &set[i];
    }
    atomic_store_explicit(&idlest->hash, hash, memory_order_relaxed);
    atomic_store_explicit(&idlest->requests_full_at_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&idlest->bytes_full_at_ns, 0, memory_order_relaxed);
    return idlest;
}

bool senders_take(struct senders *senders, const struct address *address, const struct ingest_pace *requests,
                  const struct ingest_pace *bytes, size_t body_bytes, int64_t now_ns, int64_t *ret_wait_ns)
{
    if (requests->per_second == 0 && bytes->per_second == 0)
        return true;
    struct address cut = *address;
    address_cut(&cut, 32, 64);
    uint64_t hash = hash_keyed((struct slice){(const char *)cut.bytes, sizeof cut.bytes});
    struct sender *sender = find(senders, hash | 1u << 31);
    return pace_take(&sender->requests_full_at_ns, requests, 1, now_ns, ret_wait_ns) &&
           pace_take(&sender->bytes_full_at_ns, bytes, (int64_t)body_bytes, now_ns, ret_wait_ns);
}
