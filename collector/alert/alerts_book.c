/* The book of alerts.
 *
 * Bytes, version 2: u8 version | varint n firing x entry | varint n outbox x entry
 *                   | varint n x { u32 partition, u64 epoch, u64 owner }; version 1 ends before them
 *   entry: u8 flags (1 announced, 2 hushed) | u8 todo | u64 claimed_by | i64 claimed_until_ms | string (alert_write's
 * form)
 *
 * An alert's life: opened by a finding it stands in `firing`, and a change in `outbox` that is to be stored, published
 * and told; resolved it leaves `firing`, and a second change follows the first. Changes leave the outbox when all is
 * done. Both lists are one value in the store, so that what was decided and what was told never disagree. */
#include <assert.h>
#include <stdlib.h>

#include "alert/alerts_int.h"

#define VERSION 2
#define ANNOUNCED 1
#define HUSHED 2

void book_init(struct book *book)
{
    *book = (struct book){0};
}

static void entries_done(struct entries *entries)
{
    for (size_t i = 0; i < entries->n; i++)
        entry_free(entries->list[i]);
    free(entries->list);
    *entries = (struct entries){0};
}

void book_done(struct book *book)
{
    entries_done(&book->firing);
    entries_done(&book->outbox);
    entries_done(&book->gone);
    free(book->owners);
    book->owners = NULL;
    book->n_owners = 0;
}

struct entry *entry_new(const struct alert *alert)
{
    struct entry *entry = calloc(1, sizeof *entry);
    const struct slice parts[] = {alert->key.application, alert->key.service, alert->key.environment, alert->key.name,
                                  alert->key.detail};
    size_t bytes = 1;
    for (size_t i = 0; i < 5; i++)
        bytes += parts[i].len;
    char *at = malloc(bytes);
    if (!entry || !at)
        abort();
    entry->text = at;
    entry->alert = *alert;
    struct slice *kept[] = {&entry->alert.key.application, &entry->alert.key.service, &entry->alert.key.environment,
                            &entry->alert.key.name, &entry->alert.key.detail};
    for (size_t i = 0; i < 5; i++) {
        *kept[i] = (struct slice){at, parts[i].len};
        if (parts[i].len)
            memcpy(at, parts[i].at, parts[i].len);
        at += parts[i].len;
    }
    return entry;
}

void entry_free(struct entry *entry)
{
    if (!entry)
        return;
    free(entry->text);
    free(entry);
}

void entries_add(struct entries *entries, struct entry *entry)
{
    if (entries->n == entries->max) {
        entries->max = entries->max ? entries->max * 2 : 8;
        entries->list = realloc(entries->list, entries->max * sizeof(struct entry *));
        if (!entries->list)
            abort();
    }
    entries->list[entries->n++] = entry;
}

void entries_remove(struct entries *entries, struct entry *entry)
{
    size_t at = 0;
    while (at < entries->n && entries->list[at] != entry)
        at++;
    assert(at < entries->n); /* it is in the list */
    memmove(entries->list + at, entries->list + at + 1, (--entries->n - at) * sizeof(struct entry *));
}

struct entry *entries_find(const struct entries *entries, const char *id, enum alert_state state)
{
    for (size_t i = 0; i < entries->n; i++)
        if (entries->list[i]->alert.state == state && strcmp(entries->list[i]->alert.id, id) == 0)
            return entries->list[i];
    return NULL;
}

static bool is_same_series(const struct series_key *a, const struct series_key *b)
{
    return a->kind == b->kind && slice_equal(a->name, b->name) && slice_equal(a->service, b->service) &&
           slice_equal(a->environment, b->environment) && slice_equal(a->application, b->application) &&
           slice_equal(a->detail, b->detail);
}

struct entry *book_find_firing(const struct book *book, enum alert_kind kind, const struct series_key *key)
{
    for (size_t i = 0; i < book->firing.n; i++) {
        struct entry *entry = book->firing.list[i];
        if (entry->alert.kind == kind && is_same_series(&entry->alert.key, key))
            return entry;
    }
    return NULL;
}

void book_finish(struct book *book, struct entries *from, struct entry *entry)
{
    entries_remove(from, entry);
    entries_add(&book->gone, entry);
}

/* ---- bytes ---- */

static void write_entries(const struct entries *entries, struct buf *buf)
{
    struct buf alert;
    buf_init(&alert, 65536);
    buf_varint(buf, entries->n);
    for (size_t i = 0; i < entries->n; i++) {
        const struct entry *entry = entries->list[i];
        buf_u8(buf, (uint8_t)((entry->announced ? ANNOUNCED : 0) | (entry->is_hushed ? HUSHED : 0)));
        buf_u8(buf, entry->todo);
        buf_u64(buf, entry->claimed_by);
        buf_u64(buf, (uint64_t)entry->claimed_until_ms);
        buf_clear(&alert);
        alert_write(&entry->alert, &alert);
        buf_string(buf, buf_slice(&alert));
    }
    buf_done(&alert);
}

void book_write(const struct book *book, struct buf *buf)
{
    buf_u8(buf, VERSION);
    write_entries(&book->firing, buf);
    write_entries(&book->outbox, buf);
    book_write_owners(book, buf);
}

static enum err read_entry(struct reader *reader, struct entries *entries)
{
    uint8_t flags = read_u8(reader), todo = read_u8(reader);
    uint64_t claimed_by = read_u64(reader);
    int64_t claimed_until_ms = (int64_t)read_u64(reader);
    struct slice bytes = read_string(reader);
    struct reader inner = reader_of(bytes);
    struct alert alert;
    enum err err = reader->failed ? ERR_CORRUPT : alert_read(&inner, &alert);
    if (err != ERR_OK)
        return err;
    struct entry *entry = entry_new(&alert);
    entry->announced = flags & ANNOUNCED;
    entry->is_hushed = flags & HUSHED;
    entry->todo = todo & (TODO_STORE | TODO_BUS | TODO_TELL);
    entry->claimed_by = claimed_by;
    entry->claimed_until_ms = claimed_until_ms;
    entry->is_kept = true;
    entries_add(entries, entry);
    return ERR_OK;
}

static enum err read_entries(struct reader *reader, struct entries *entries)
{
    enum err err = ERR_OK;
    uint64_t n = read_varint(reader);
    for (uint64_t i = 0; i < n && err == ERR_OK; i++)
        err = read_entry(reader, entries);
    return reader->failed ? ERR_CORRUPT : err;
}

enum err book_read(struct slice bytes, struct book *ret_book)
{
    struct reader reader = reader_of(bytes);
    book_init(ret_book);
    uint8_t version = read_u8(&reader);
    if (reader.failed || version > VERSION || version == 0)
        return version > VERSION ? ERR_NEWER_VERSION : ERR_CORRUPT;
    enum err err = read_entries(&reader, &ret_book->firing);
    if (err == ERR_OK)
        err = read_entries(&reader, &ret_book->outbox);
    if (err == ERR_OK && version > 1)
        book_read_owners(&reader, ret_book);
    if (err == ERR_OK && (reader.failed || reader.at != reader.end))
        err = ERR_CORRUPT;
    if (err != ERR_OK)
        book_done(ret_book);
    return err;
}

/* ---- two processes, one book ---- */

static bool is_gone(const struct book *book, const struct entry *entry)
{
    return entries_find(&book->gone, entry->alert.id, entry->alert.state) != NULL;
}

/* What was in the store and is no longer there was finished by them. */
static void drop_finished(struct entries *ours, const struct entries *theirs)
{
    for (size_t i = ours->n; i-- > 0;) {
        struct entry *entry = ours->list[i];
        if (!entry->is_kept || entries_find(theirs, entry->alert.id, entry->alert.state))
            continue;
        entries_remove(ours, entry);
        entry_free(entry);
    }
}

static void take_theirs(struct book *book, struct entries *ours, struct entries *theirs)
{
    for (size_t i = 0; i < theirs->n; i++) {
        struct entry *other = theirs->list[i];
        struct entry *own = entries_find(ours, other->alert.id, other->alert.state);
        if (own) {
            own->announced = own->announced || other->announced;
            own->is_hushed = other->is_hushed; /* of two that notice an end, one tells it */
            own->todo &= other->todo;
            own->claimed_by = other->claimed_by;
            own->claimed_until_ms = other->claimed_until_ms;
            own->is_kept = true;
        } else if (!is_gone(book, other)) {
            entries_add(ours, other);
            theirs->list[i] = NULL;
        }
    }
}

/* Both opened one for the same series: the older stays, and ours, which nobody has heard of yet, goes with its change.
 */
static void drop_twins(struct book *book)
{
    for (size_t i = book->firing.n; i-- > 0;) {
        struct entry *entry = book->firing.list[i];
        if (entry->is_kept)
            continue;
        entries_remove(&book->firing, entry);
        struct entry *twin = book_find_firing(book, entry->alert.kind, &entry->alert.key);
        if (!twin) {
            entries_add(&book->firing, entry);
            continue;
        }
        twin->is_mine = true;
        struct entry *change = entries_find(&book->outbox, entry->alert.id, ALERT_FIRING);
        if (change) {
            entries_remove(&book->outbox, change);
            entry_free(change);
        }
        entry_free(entry);
    }
}

void book_merge(struct book *book, struct book *theirs, uint64_t me, int n_partitions)
{
    for (size_t i = 0; i < theirs->n_owners; i++)
        book_set_owner(book, theirs->owners[i]);
    book_forsake(book, me, n_partitions);
    drop_finished(&book->firing, &theirs->firing);
    drop_finished(&book->outbox, &theirs->outbox);
    take_theirs(book, &book->firing, &theirs->firing);
    take_theirs(book, &book->outbox, &theirs->outbox);
    drop_twins(book);
    book->version = theirs->version;
}

void book_kept(struct book *book, uint64_t version)
{
    for (size_t i = 0; i < book->firing.n; i++)
        book->firing.list[i]->is_kept = true;
    for (size_t i = 0; i < book->outbox.n; i++)
        book->outbox.list[i]->is_kept = true;
    for (size_t i = 0; i < book->n_owners; i++)
        book->owners[i].is_kept = true;
    entries_done(&book->gone);
    book->version = version;
}
