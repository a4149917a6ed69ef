/* Writing into the embedded store: beacons into their day's file, the rest and the positions into seismo.db. */
#include "store/store_sqlite.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

/* An item on its way: which transaction it waits for. */
enum stage { STAGE_NONE, STAGE_DAY, STAGE_MAIN, STAGE_DONE };
struct waiting {
    enum stage stage;
    uint32_t stored; /* counted on the item once committed */
    int64_t day;
};

struct write {
    struct sqlite *sqlite;
    struct store_item *items;
    struct waiting *waiting;
    size_t n;
    struct arena *arena;
    store_reject_fn *reject;
    void *ctx;
    int64_t now_ms;
    int64_t missing[OPEN_DAYS]; /* days without a file when last looked, during this write */
    size_t n_missing;
};

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

void id_bytes(const char *hex, unsigned char ret_bytes[16])
{
    for (size_t i = 0; i < 16; i++)
        ret_bytes[i] = (unsigned char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
}

/* ---- one beacon ---- */

struct span {
    int64_t from_ms, to_ms; /* the first and the last event's time */
    int kinds;
};

static struct span span_of(const struct record *record)
{
    struct span span = {record->received_at_ms, record->received_at_ms, 0};
    for (size_t i = 0; i < record->n_facts; i++) {
        const struct fact *fact = &record->facts[i];
        if (i == 0 || fact->at_ms < span.from_ms)
            span.from_ms = fact->at_ms;
        if (i == 0 || fact->at_ms > span.to_ms)
            span.to_ms = fact->at_ms;
        span.kinds |= 1 << fact->kind;
    }
    return span;
}

/* One for each record of a beacon: a large one comes in several. */
static void beacon_id(const struct record *record, unsigned char ret_id[16])
{
    char hex[RECORD_ID_BYTES];
    uint16_t part = record_part(record);
    record_beacon_id(record, hex);
    id_bytes(hex, ret_id);
    ret_id[14] ^= (unsigned char)(part >> 8);
    ret_id[15] ^= (unsigned char)part;
}

/* Whether the file, whose tail is fresh, has the beacon. */
static bool look_up(struct file *file, const struct record *record, const unsigned char id[16], bool *ret_has)
{
    *ret_has = tail_has(file, id);
    if (*ret_has)
        return true;
    sqlite3_stmt *statement = file_statement(file, SQL_BEACON_HAS);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, mark_hash(MARK_BEACON, record->beacon));
    bind_bytes(statement, 2, id, 16);
    int result = sqlite3_step(statement);
    *ret_has = result == SQLITE_ROW;
    return (result == SQLITE_ROW || result == SQLITE_DONE) && sqlite3_reset(statement) == SQLITE_OK;
}

/* What is found may be of a writer that has ended before it was durable: that is ours to see to, then. */
static bool find(struct file *file, const struct record *record, const unsigned char id[16], bool *ret_has)
{
    bool ok = look_up(file, record, id, ret_has);
    file->unsynced |= *ret_has;
    return ok;
}

static bool insert_row(struct file *file, const struct record *record, struct slice value, const unsigned char id[16])
{
    struct span span = span_of(record);
    sqlite3_stmt *statement = file_statement(file, SQL_BEACON_ADD);
    if (!statement)
        return false;
    bind_bytes(statement, 1, id, 16);
    sqlite3_bind_int64(statement, 2, span.from_ms);
    sqlite3_bind_int64(statement, 3, span.to_ms);
    bind_slice(statement, 4, record->application);
    bind_slice(statement, 5, record->service);
    sqlite3_bind_int(statement, 6, span.kinds);
    bind_bytes(statement, 7, value.at, value.len);
    return file_run(statement);
}

bool day_begin(struct file *file)
{
    return file_begin(file) && tail_refresh(file);
}

bool beacon_insert(struct file *file, const struct record *record, struct slice value, bool *ret_new)
{
    unsigned char id[16];
    bool has = false;
    beacon_id(record, id);
    *ret_new = false;
    if (!find(file, record, id, &has))
        return false;
    if (has)
        return true;
    if ((!tail_has_room(file) && !tail_write(file, true)) || !insert_row(file, record, value, id))
        return false;
    *ret_new = sqlite3_changes(file->db) > 0; /* none: the ids' own index in a file of version 1 */
    if (*ret_new)
        tail_add(file, record, id, sqlite3_last_insert_rowid(file->db), span_of(record).to_ms);
    return true;
}

/* ---- transactions ---- */

/* What waited for this transaction is stored now. */
static void settle(struct write *write, enum stage stage, int64_t day)
{
    for (size_t i = 0; i < write->n; i++) {
        struct waiting *waiting = &write->waiting[i];
        if (waiting->stage != stage || waiting->day != day)
            continue;
        write->items[i].stored += waiting->stored;
        write->items[i].done = true;
        waiting->stage = STAGE_DONE;
    }
    atomic_fetch_add(&write->sqlite->generation, 1);
}

static enum err commit_day(struct write *write, struct file *file)
{
    if (!tail_write(file, false) || !file_commit(file))
        return file_failed(file, "commit", ERR_STORE_WRITE);
    settle(write, STAGE_DAY, file->day);
    return ERR_OK;
}

/* A slot for one more day's file, committing and closing the one unused for longest. */
static enum err free_slot(struct write *write, struct file **ret_slot)
{
    struct file *slot = &write->sqlite->days[0];
    for (size_t i = 1; i < OPEN_DAYS && slot->db; i++)
        if (!write->sqlite->days[i].db || write->sqlite->days[i].used < slot->used)
            slot = &write->sqlite->days[i];
    enum err err = slot->db && slot->begun ? commit_day(write, slot) : ERR_OK;
    if (err == ERR_OK && slot->db && !file_sync(slot))
        err = file_failed(slot, "sync", ERR_STORE_WRITE);
    if (err != ERR_OK)
        return err;
    file_close(slot);
    *ret_slot = slot;
    return ERR_OK;
}

/* Asked for with each beacon, mostly of the day to come. Within one write nobody but us makes a file that matters. */
static bool is_missing(struct write *write, int64_t day)
{
    for (size_t i = 0; i < write->n_missing; i++)
        if (write->missing[i] == day)
            return true;
    if (day_exists(write->sqlite, day))
        return false;
    if (write->n_missing < OPEN_DAYS)
        write->missing[write->n_missing++] = day;
    return true;
}

static enum err day_file(struct write *write, int64_t day, enum open_mode mode, struct file **ret_file)
{
    struct sqlite *sqlite = write->sqlite;
    for (size_t i = 0; i < OPEN_DAYS; i++)
        if (sqlite->days[i].db && sqlite->days[i].day == day) {
            *ret_file = &sqlite->days[i];
            (*ret_file)->used = ++sqlite->uses;
            return ERR_OK;
        }
    if (mode == OPEN_PRESENT && is_missing(write, day))
        return ERR_MISSING;
    struct err_text text = {""};
    struct file *slot;
    enum err err = free_slot(write, &slot);
    if (err == ERR_OK)
        err = file_open(sqlite, slot, day, mode, &text);
    if (err != ERR_OK && err != ERR_MISSING)
        log_error("store", err, "%s", text.at);
    if (err == ERR_OK) {
        write->n_missing = 0; /* it may be a new one */
        slot->used = ++sqlite->uses;
        *ret_file = slot;
    }
    return err;
}

/* ---- items ---- */

/* Whether the file of that day has the beacon; ERR_MISSING when there is no such file. */
static enum err day_has(struct write *write, int64_t day, const struct record *record, bool *ret_has)
{
    unsigned char id[16];
    struct file *file;
    enum err err = day_file(write, day, OPEN_PRESENT, &file);
    if (err != ERR_OK)
        return err;
    beacon_id(record, id);
    return (file->begun || tail_refresh(file)) && find(file, record, id, ret_has)
               ? ERR_OK
               : file_failed(file, "look up", ERR_STORE_READ);
}

/* A repeat may have been received on another day: not before its events happened, and hardly after tomorrow. Close to
 * an hour of clock error is allowed for. Most beacons fall well within one day and one file. */
static enum err was_stored_elsewhere(struct write *write, const struct record *record, int64_t day, bool *ret_has)
{
    int64_t last_ms = span_of(record).to_ms, first = day_of(last_ms - 3600000);
    if (first < day - LOOK_BACK_DAYS || last_ms > record->received_at_ms + 3600000) /* that clock tells us nothing */
        first = day - LOOK_BACK_DAYS;
    *ret_has = false;
    for (int64_t other = first; other <= day + 1 && !*ret_has; other++) {
        if (other == day)
            continue;
        enum err err = day_has(write, other, record, ret_has);
        if (err != ERR_OK && err != ERR_MISSING)
            return err;
    }
    return ERR_OK;
}

/* A day that has been dropped is not made again: what comes for it, late, goes to the oldest that is kept. */
static int64_t day_for(const struct write *write, int64_t received_at_ms)
{
    int64_t oldest = day_of(write->now_ms) - write->sqlite->retention_days;
    int64_t day = day_of(received_at_ms);
    return write->sqlite->retention_days > 0 && day < oldest ? oldest : day;
}

static enum err write_beacon(struct write *write, struct store_item *item, struct waiting *waiting)
{
    struct record record;
    struct file *file;
    bool is_repeat, is_new = false;
    arena_reset(write->arena);
    enum err err = record_decode(item->value, write->arena, &record);
    if (err == ERR_NEWER_VERSION)
        return err;
    if (err != ERR_OK) {
        write->reject(write->ctx, item, -1, "the record is damaged");
        item->done = true;
        return ERR_OK;
    }
    int64_t day = day_for(write, record.received_at_ms);
    err = was_stored_elsewhere(write, &record, day, &is_repeat);
    if (err != ERR_OK)
        return err;
    if (is_repeat) {
        item->done = true;
        return ERR_OK;
    }
    err = day_file(write, day, OPEN_OR_MAKE, &file);
    if (err != ERR_OK)
        return err;
    if ((!file->begun && !day_begin(file)) || !beacon_insert(file, &record, item->value, &is_new))
        return file_failed(file, "write a beacon", ERR_STORE_WRITE);
    *waiting = (struct waiting){STAGE_DAY, is_new ? (uint32_t)record.n_facts : 0, day};
    return ERR_OK;
}

static bool insert_rollup(struct file *file, const struct rollup *rollup, struct slice value)
{
    const struct series_key *key = &rollup->key;
    char hex[RECORD_ID_BYTES];
    unsigned char id[16];
    sqlite3_stmt *statement = file_statement(file, SQL_ROLLUP_ADD);
    if (!statement)
        return false;
    rollup_id(rollup, hex);
    id_bytes(hex, id);
    sqlite3_bind_int(statement, 1, rollup->width_s);
    sqlite3_bind_int64(statement, 2, rollup->start_ms);
    bind_bytes(statement, 3, id, sizeof id);
    sqlite3_bind_int(statement, 4, (int)key->kind);
    bind_slice(statement, 5, key->application);
    bind_slice(statement, 6, key->service);
    bind_slice(statement, 7, key->environment);
    bind_slice(statement, 8, key->name);
    bind_slice(statement, 9, key->detail);
    bind_bytes(statement, 10, value.at, value.len);
    return file_run(statement);
}

static bool insert_alert(struct file *file, const struct alert *alert, struct slice value)
{
    sqlite3_stmt *statement = file_statement(file, SQL_ALERT_ADD);
    if (!statement)
        return false;
    bind_slice(statement, 1, slice_of(alert->id));
    bind_slice(statement, 2, alert->key.application);
    sqlite3_bind_int(statement, 3, (int)alert->state);
    sqlite3_bind_int64(statement, 4, alert->opened_ms);
    sqlite3_bind_int64(statement, 5, alert->state == ALERT_RESOLVED ? alert->resolved_ms : alert->opened_ms);
    bind_bytes(statement, 6, value.at, value.len);
    return file_run(statement);
}

static bool insert_reject(struct file *file, const struct store_item *item, int64_t now_ms)
{
    sqlite3_stmt *statement = file_statement(file, SQL_REJECT_ADD);
    if (!statement)
        return false;
    bind_slice(statement, 1, item->id);
    sqlite3_bind_int64(statement, 2, now_ms);
    bind_bytes(statement, 3, item->value.at, item->value.len);
    return file_run(statement);
}

/* Rollups, alerts and rejects; *ret_ok is the statement's success when the value could be read. */
static enum err insert_small(struct write *write, const struct store_item *item, bool *ret_ok)
{
    struct file *file = &write->sqlite->main;
    struct reader reader = reader_of(item->value);
    struct rollup rollup;
    struct alert alert;
    enum err err = ERR_OK;
    switch (item->kind) {
    case STORE_ROLLUP:
        rollup_init(&rollup);
        err = rollup_read(&reader, &rollup);
        if (err == ERR_OK)
            *ret_ok = insert_rollup(file, &rollup, item->value);
        rollup_done(&rollup);
        return err;
    case STORE_ALERT:
        err = alert_read(&reader, &alert);
        if (err == ERR_OK)
            *ret_ok = insert_alert(file, &alert, item->value);
        return err;
    case STORE_HEALTH: *ret_ok = true; return ERR_OK; /* the live page has it */
    default: *ret_ok = insert_reject(file, item, write->now_ms); return ERR_OK;
    }
}

static enum err write_small(struct write *write, struct store_item *item, struct waiting *waiting)
{
    bool ok = false;
    enum err err = insert_small(write, item, &ok);
    if (err == ERR_NEWER_VERSION)
        return err;
    if (err != ERR_OK) {
        write->reject(write->ctx, item, -1, "the value is damaged");
        item->done = true;
        return ERR_OK;
    }
    if (!ok)
        return file_failed(&write->sqlite->main, "write", ERR_STORE_WRITE);
    *waiting = (struct waiting){STAGE_MAIN, item->kind != STORE_HEALTH && sqlite3_changes(write->sqlite->main.db) > 0,
                                MAIN_DAY};
    return ERR_OK;
}

static enum err put_position(struct file *file, const char *group, const struct position *position)
{
    sqlite3_stmt *statement = file_statement(file, SQL_POSITION_PUT);
    if (statement) {
        bind_slice(statement, 1, slice_of(group));
        sqlite3_bind_int(statement, 2, (int)position->topic);
        sqlite3_bind_int(statement, 3, position->partition);
        sqlite3_bind_int64(statement, 4, position->next);
    }
    return file_run(statement) ? ERR_OK : file_failed(file, "write a position", ERR_STORE_WRITE);
}

/* ---- the whole ---- */

static bool is_lost(const struct file *file)
{
    return file->damaged || file->removed;
}

/* Begins a damaged file afresh, and one that was removed at its next use; the caller comes again then. */
static enum err replace(struct sqlite *sqlite, struct file *file)
{
    struct err_text text = {""};
    if (file->removed) {
        int64_t day = file->day;
        file_close(file);
        readers_close(sqlite, day);
        return ERR_AGAIN;
    }
    enum err err = file_replace(sqlite, file, &text);
    if (err != ERR_OK)
        log_error("store", err, "%s", text.at);
    return err == ERR_OK ? ERR_AGAIN : err;
}

static enum err write_days(struct write *write)
{
    struct sqlite *sqlite = write->sqlite;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < write->n; i++)
        if (!write->items[i].done && write->items[i].kind == STORE_BEACON)
            err = write_beacon(write, &write->items[i], &write->waiting[i]);
    for (size_t i = 0; err == ERR_OK && i < OPEN_DAYS; i++)
        if (sqlite->days[i].db && sqlite->days[i].begun)
            err = commit_day(write, &sqlite->days[i]);
    for (size_t i = 0; err != ERR_OK && i < OPEN_DAYS; i++) {
        file_roll_back(&sqlite->days[i]);
        if (is_lost(&sqlite->days[i]))
            err = replace(sqlite, &sqlite->days[i]);
    }
    return err;
}

static enum err sync_days(struct sqlite *sqlite)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < OPEN_DAYS; i++)
        if (sqlite->days[i].db && !file_sync(&sqlite->days[i]))
            err = file_failed(&sqlite->days[i], "sync", ERR_STORE_WRITE);
    return err;
}

static bool is_for_main(const struct write *write)
{
    bool found = false;
    for (size_t i = 0; i < write->n && !found; i++)
        found = !write->items[i].done && write->items[i].kind != STORE_BEACON;
    return found;
}

static enum err write_main(struct write *write, const char *group, const struct position *positions, size_t n)
{
    struct file *file = &write->sqlite->main;
    enum err err = file_begin(file) ? ERR_OK : file_failed(file, "begin", ERR_STORE_WRITE);
    for (size_t i = 0; err == ERR_OK && i < write->n; i++)
        if (!write->items[i].done && write->items[i].kind != STORE_BEACON)
            err = write_small(write, &write->items[i], &write->waiting[i]);
    for (size_t i = 0; err == ERR_OK && i < n; i++)
        err = put_position(file, group, &positions[i]);
    if (err == ERR_OK && !file_commit(file))
        err = file_failed(file, "commit", ERR_STORE_WRITE);
    if (err == ERR_OK)
        settle(write, STAGE_MAIN, MAIN_DAY);
    else
        file_roll_back(file);
    return is_lost(file) ? replace(write->sqlite, file) : err;
}

enum err sqlite_write(struct store *store, struct store_item *items, size_t n, const char *group,
                      const struct position *positions, size_t n_positions, store_reject_fn *reject, void *ctx)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    struct write write = {.sqlite = sqlite, .items = items, .n = n, .reject = reject, .ctx = ctx};
    write.now_ms = clock_wall_ms();
    write.waiting = calloc(n + 1, sizeof *write.waiting);
    write.arena = arena_new(65536, FACTS_ARENA_BYTES);
    if (!write.waiting)
        abort();
    pthread_mutex_lock(&sqlite->day_mutex);
    enum err err = write_days(&write);
    if (err == ERR_OK && n_positions)
        err = sync_days(sqlite);
    if (err == ERR_OK && (n_positions || is_for_main(&write))) {
        err = main_take(sqlite);
        if (err == ERR_OK)
            err = write_main(&write, group, positions, n_positions);
        main_give(sqlite);
    }
    pthread_mutex_unlock(&sqlite->day_mutex);
    atomic_store(&sqlite->ready, err == ERR_OK || err == ERR_AGAIN);
    arena_free(write.arena);
    free(write.waiting);
    return err;
}
