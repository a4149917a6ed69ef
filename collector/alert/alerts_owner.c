/* Who decides about which series.
 *
 * The book says for each partition of series who its owner is, with an epoch that grows from owner to owner. A process
 * that gets a partition writes itself in before it decides anything. One that had it before and did not notice (it was
 * stopped, or cut off) then fails at its next put, reads the book, finds the newer epoch there, and forgets what it has
 * decided about those series and not kept: neither the store nor people ever hear of it. */
#include <stdlib.h>
#include <time.h>

#include "alert/alerts_thread.h"
#include "base/clock.h"
#include "base/metric.h"

#define MAX_OWNERS 4096 /* partitions */

static struct owner_row *find(const struct book *book, int32_t partition)
{
    for (size_t i = 0; i < book->n_owners; i++)
        if (book->owners[i].partition == partition)
            return &book->owners[i];
    return NULL;
}

void book_set_owner(struct book *book, struct owner_row row)
{
    struct owner_row *own = find(book, row.partition);
    if (own) {
        if (row.epoch > own->epoch || (row.epoch == own->epoch && row.owner == own->owner && row.is_kept))
            *own = row;
        return;
    }
    if (book->n_owners == MAX_OWNERS)
        return;
    book->owners = realloc(book->owners, (book->n_owners + 1) * sizeof *book->owners);
    if (!book->owners)
        abort();
    book->owners[book->n_owners++] = row;
}

uint64_t book_owner(const struct book *book, int32_t partition)
{
    const struct owner_row *row = find(book, partition);
    return row ? row->owner : 0;
}

void book_write_owners(const struct book *book, struct buf *buf)
{
    buf_varint(buf, book->n_owners);
    for (size_t i = 0; i < book->n_owners; i++) {
        buf_u32(buf, (uint32_t)book->owners[i].partition);
        buf_u64(buf, book->owners[i].epoch);
        buf_u64(buf, book->owners[i].owner);
    }
}

void book_read_owners(struct reader *reader, struct book *book)
{
    uint64_t n = read_varint(reader);
    for (uint64_t i = 0; i < n && !reader->failed; i++) {
        struct owner_row row = {.is_kept = true};
        row.partition = (int32_t)read_u32(reader);
        row.epoch = read_u64(reader);
        row.owner = read_u64(reader);
        if (!reader->failed)
            book_set_owner(book, row);
    }
}

bool book_is_anothers(const struct book *book, const struct alert *alert, uint64_t me, int n_partitions)
{
    if (n_partitions <= 0 || alert->kind == ALERT_SELF)
        return false;
    uint64_t owner = book_owner(book, series_partition(&alert->key, n_partitions));
    return owner && owner != me;
}

/* An end that was decided wrongly: the alert itself is not gone either. */
static void take_back_end(struct book *book, const struct alert *alert)
{
    struct entry *firing = entries_find(&book->gone, alert->id, ALERT_FIRING);
    if (alert->state != ALERT_RESOLVED || !firing)
        return;
    entries_remove(&book->gone, firing);
    entry_free(firing);
}

static void forsake_in(struct book *book, struct entries *entries, uint64_t me, int n_partitions)
{
    for (size_t i = entries->n; i-- > 0;) {
        struct entry *entry = entries->list[i];
        if (entry->is_kept || !book_is_anothers(book, &entry->alert, me, n_partitions))
            continue;
        METRIC_ADD("seismo_alerts_forsaken_total", "decisions about series that were another instance's by then", 1);
        take_back_end(book, &entry->alert);
        entries_remove(entries, entry);
        entry_free(entry);
    }
}

void book_forsake(struct book *book, uint64_t me, int n_partitions)
{
    if (n_partitions <= 0)
        return;
    forsake_in(book, &book->outbox, me, n_partitions);
    forsake_in(book, &book->firing, me, n_partitions);
}

/* Lock held. */
static bool is_known(const struct alerts *alerts, const struct ownership *taken, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct owner_row *row = find(&alerts->book, taken[i].partition);
        if (row && !row->is_kept && row->epoch <= taken[i].epoch)
            return false;
    }
    return true;
}

bool alerts_own(struct alerts *alerts, const struct ownership *taken, size_t n, int wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000L};
    pthread_mutex_lock(&alerts->mutex);
    for (size_t i = 0; i < n; i++) {
        const struct owner_row row = {taken[i].partition, taken[i].epoch, alerts->owner, false};
        const struct owner_row *own = find(&alerts->book, row.partition);
        if (own && own->epoch >= row.epoch)
            continue;
        book_set_owner(&alerts->book, row);
        alerts->is_dirty = true;
    }
    pthread_cond_signal(&alerts->wake);
    while (!is_known(alerts, taken, n) && !alerts->is_closing && clock_mono_ms() < until_ms)
        pthread_cond_timedwait(&alerts->kept, &alerts->mutex, &until);
    bool known = is_known(alerts, taken, n);
    pthread_mutex_unlock(&alerts->mutex);
    return known;
}
