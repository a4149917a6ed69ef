/* Reading the embedded store: beacons are expanded into documents, in the order of their events' times.
 *
 * A day's file lists its beacons by their last event (newest first) or their first one (oldest first); the files are
 * merged, and a heap holds back each event until no unread beacon can have an earlier one in the order asked for. */
#include "store/store_sqlite.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metric.h"
#include "event/document.h"
#include "event/json_scan.h"

#define MAX_CURSORS 256            /* files with something to read at once: three descriptors each */
#define MAX_HELD_BYTES (64u << 20) /* records held back; past it order gives way to the bound */
#define MAX_DOCUMENT (16u << 20)

/* A beacon with events in the heap. */
struct loaded {
    size_t refs;
    struct arena *arena;
    struct record record;
    size_t bytes;
};

struct held {
    int64_t key; /* the event's time, negated for newest first: the heap's top is the smallest */
    uint64_t order;
    struct loaded *loaded;
    const struct fact *fact;
};

struct cursor {
    struct file file;
    sqlite3_stmt *list;
    int64_t key, beacon;
};

struct scan {
    struct sqlite *sqlite;
    const struct store_event_query *query;
    store_document_fn *each;
    void *ctx;
    struct cursor *cursors;
    size_t n_cursors;
    struct held *heap;
    size_t n_heap, heap_size, held_bytes;
    uint64_t order;
    size_t given;
    bool stopped;
    struct buf document;
};

/* ---- the heap ---- */

static bool comes_before(const struct held *a, const struct held *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void swap(struct held *a, struct held *b)
{
    struct held c = *a;
    *a = *b;
    *b = c;
}

static void heap_push(struct scan *scan, struct held held)
{
    if (scan->n_heap == scan->heap_size) {
        scan->heap_size = scan->heap_size ? 2 * scan->heap_size : 256;
        scan->heap = realloc(scan->heap, scan->heap_size * sizeof *scan->heap);
        if (!scan->heap)
            abort();
    }
    size_t i = scan->n_heap++;
    scan->heap[i] = held;
    for (; i > 0 && comes_before(&scan->heap[i], &scan->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&scan->heap[i], &scan->heap[(i - 1) / 2]);
}

static struct held heap_pop(struct scan *scan)
{
    struct held top = scan->heap[0];
    scan->heap[0] = scan->heap[--scan->n_heap];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < scan->n_heap; child++)
            if (comes_before(&scan->heap[child], &scan->heap[least]))
                least = child;
        if (least == i)
            return top;
        swap(&scan->heap[i], &scan->heap[least]);
        i = least;
    }
}

static void loaded_release(struct scan *scan, struct loaded *loaded)
{
    if (--loaded->refs > 0)
        return;
    scan->held_bytes -= loaded->bytes;
    arena_free(loaded->arena);
    free(loaded);
}

/* ---- what a query asks for ---- */

static bool asks(struct slice wanted, struct slice has)
{
    return wanted.len == 0 || slice_equal(wanted, has);
}

static bool record_matches(const struct store_event_query *query, const struct record *record)
{
    return asks(query->application, record->application) && asks(query->service, record->service) &&
           asks(query->session, record->session) && asks(query->user, record->user) &&
           asks(query->beacon, record->beacon);
}

/* Kinds that the release which took them did not know are kept as EVENT_OTHER; their own name is in the event as sent.
 */
static bool other_kind_is(struct slice kind, struct slice json)
{
    struct json_scan scan = json_scan_of(json);
    struct json_member member;
    char text[256];
    size_t len = 0;
    while (json_scan_next(&scan, &member))
        if (slice_is(member.name, "kind") && member.value.len >= 2 && member.value.len < sizeof text)
            return json_unescape((struct slice){member.value.at + 1, member.value.len - 2}, text, &len) !=
                       UNESCAPED_BAD &&
                   slice_equal(kind, (struct slice){text, len});
    return false;
}

static bool kind_matches(struct slice kind, const struct fact *fact)
{
    return fact->kind == EVENT_OTHER && kind.len ? other_kind_is(kind, fact->json)
                                                 : asks(kind, slice_of(event_kind_name(fact->kind)));
}

static bool fact_matches(const struct store_event_query *query, const struct fact *fact)
{
    return fact->at_ms >= query->from_ms && (query->to_ms == 0 || fact->at_ms < query->to_ms) &&
           asks(query->code, fact->code) && asks(query->page, fact->page_route) && kind_matches(query->kind, fact);
}

static int kinds_of(struct slice kind)
{
    const int other = 1 << EVENT_OTHER;
    if (!kind.len)
        return -1;
    for (int i = 1; i < EVENT_KINDS; i++)
        if (slice_is(kind, event_kind_name((enum event_kind)i)))
            return i < EVENT_OTHER ? 1 << i : 1 << i | other; /* the later ones were unknown once */
    return other;
}

/* The mark that leads to the fewest beacons; false when only time is left to go by. */
static bool best_mark(const struct store_event_query *query, int64_t *ret_hash)
{
    const struct {
        enum mark mark;
        struct slice text;
    } marks[] = {{MARK_BEACON, query->beacon},
                 {MARK_SESSION, query->session},
                 {MARK_USER, query->user},
                 {MARK_CODE, query->code},
                 {MARK_PAGE, query->page}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (marks[i].text.len) {
            *ret_hash = mark_hash(marks[i].mark, marks[i].text);
            return true;
        }
    return false;
}

/* ---- cursors ---- */

static enum err cursor_step(const struct scan *scan, struct cursor *cursor)
{
    int result = sqlite3_step(cursor->list);
    if (result == SQLITE_ROW) {
        int64_t ms = sqlite3_column_int64(cursor->list, 1);
        cursor->beacon = sqlite3_column_int64(cursor->list, 0);
        cursor->key = scan->query->newest_first ? -ms : ms;
        return ERR_OK;
    }
    return result == SQLITE_DONE ? ERR_MISSING : file_failed(&cursor->file, "read", ERR_STORE_READ);
}

static void cursor_close(struct scan *scan, struct cursor *cursor)
{
    sqlite3_reset(cursor->list);
    reader_give(scan->sqlite, &cursor->file);
}

/* ERR_MISSING when the day has nothing for us; the cursor is closed then. */
static enum err cursor_open(struct scan *scan, struct cursor *cursor, int64_t day)
{
    const struct store_event_query *query = scan->query;
    int64_t hash = 0;
    bool marked = best_mark(query, &hash), newest = query->newest_first;
    enum err err = reader_take(scan->sqlite, day, &cursor->file);
    if (err != ERR_OK)
        return err;
    cursor->list = file_statement(&cursor->file, marked ? (newest ? SQL_MARKED_NEWEST : SQL_MARKED_OLDEST)
                                                        : (newest ? SQL_LIST_NEWEST : SQL_LIST_OLDEST));
    if (!cursor->list) {
        err = file_failed(&cursor->file, "read", ERR_STORE_READ);
    } else {
        sqlite3_bind_int64(cursor->list, 1, query->from_ms);
        sqlite3_bind_int64(cursor->list, 2, query->to_ms ? query->to_ms : INT64_MAX);
        sqlite3_bind_int(cursor->list, 3, kinds_of(query->kind));
        bind_slice(cursor->list, 4, query->application);
        bind_slice(cursor->list, 5, query->service);
        sqlite3_bind_int64(cursor->list, 6, hash);
        err = cursor_step(scan, cursor);
    }
    if (err != ERR_OK)
        cursor_close(scan, cursor);
    return err;
}

static enum err open_cursors(struct scan *scan)
{
    int64_t *days = malloc(MAX_DAYS * sizeof *days);
    if (!days)
        abort();
    size_t n = days_list(scan->sqlite, days, MAX_DAYS);
    enum err err = ERR_OK;
    scan->cursors = calloc(MAX_CURSORS, sizeof *scan->cursors);
    if (!scan->cursors)
        abort();
    for (size_t i = 0; err == ERR_OK && i < n; i++) {
        if (scan->n_cursors == MAX_CURSORS) {
            err = ERR_TOO_LARGE;
            break;
        }
        err = cursor_open(scan, &scan->cursors[scan->n_cursors], days[i]);
        scan->n_cursors += err == ERR_OK;
        if (err == ERR_MISSING)
            err = ERR_OK;
    }
    free(days);
    return err;
}

static struct cursor *first_cursor(struct scan *scan)
{
    struct cursor *first = NULL;
    for (size_t i = 0; i < scan->n_cursors; i++)
        if (!first || scan->cursors[i].key < first->key)
            first = &scan->cursors[i];
    return first;
}

/* ---- expanding ---- */

static void give_top(struct scan *scan)
{
    struct held held = heap_pop(scan);
    char id[RECORD_ID_BYTES];
    buf_clear(&scan->document);
    document_write(&held.loaded->record, held.fact, &scan->document);
    if (buf_failed(&scan->document)) {
        METRIC_ADD("seismo_store_unreadable_total", "stored events that could not be read back", 1);
    } else {
        record_document_id(&held.loaded->record, held.fact, id);
        scan->stopped = !scan->each(scan->ctx, slice_of(id), buf_slice(&scan->document));
        scan->given++;
        if (scan->query->limit && scan->given >= scan->query->limit)
            scan->stopped = true;
    }
    loaded_release(scan, held.loaded);
}

/* Puts the events that the query asks for into the heap. */
static void hold_facts(struct scan *scan, struct loaded *loaded)
{
    const struct record *record = &loaded->record;
    for (size_t i = 0; record_matches(scan->query, record) && i < record->n_facts; i++) {
        const struct fact *fact = &record->facts[i];
        if (!fact_matches(scan->query, fact))
            continue;
        loaded->refs++;
        heap_push(scan,
                  (struct held){scan->query->newest_first ? -fact->at_ms : fact->at_ms, scan->order++, loaded, fact});
    }
}

/* False: the record's bytes, which have its names as they are, hold one of those asked for nowhere. Most of the newest
 * beacons, which have no marks yet, need no decoding then. */
static bool may_match(const struct store_event_query *query, struct slice bytes)
{
    const struct slice texts[] = {query->beacon, query->session, query->user, query->code, query->page};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].len && !memmem(bytes.at, bytes.len, texts[i].at, texts[i].len))
            return false;
    return true;
}

/* An unreadable record is counted and left out: the rest of the store can still be read. */
static void load(struct scan *scan, struct slice bytes)
{
    if (!may_match(scan->query, bytes))
        return;
    struct loaded *loaded = calloc(1, sizeof *loaded);
    if (!loaded)
        abort();
    loaded->refs = 1;
    loaded->bytes = bytes.len + 4096;
    loaded->arena = arena_new(bytes.len + 16384, bytes.len + FACTS_ARENA_BYTES);
    scan->held_bytes += loaded->bytes;
    enum err err = record_decode(arena_copy(loaded->arena, bytes), loaded->arena, &loaded->record);
    if (err == ERR_OK) {
        hold_facts(scan, loaded);
    } else {
        METRIC_ADD("seismo_store_unreadable_total", "stored events that could not be read back", 1);
        log_warn("store", err, "a stored beacon cannot be read and is left out");
    }
    loaded_release(scan, loaded);
}

static enum err load_next(struct scan *scan, struct cursor *cursor)
{
    sqlite3_stmt *get = file_statement(&cursor->file, SQL_BEACON_GET);
    if (!get)
        return file_failed(&cursor->file, "read", ERR_STORE_READ);
    sqlite3_bind_int64(get, 1, cursor->beacon);
    int result = sqlite3_step(get);
    if (result == SQLITE_ROW)
        load(scan, column_slice(get, 0));
    else if (result != SQLITE_DONE)
        return file_failed(&cursor->file, "read", ERR_STORE_READ);
    sqlite3_reset(get);
    enum err err = cursor_step(scan, cursor);
    if (err == ERR_MISSING) { /* read to its end */
        cursor_close(scan, cursor);
        *cursor = scan->cursors[--scan->n_cursors];
        return ERR_OK;
    }
    return err;
}

static enum err run_scan(struct scan *scan)
{
    enum err err = open_cursors(scan);
    while (err == ERR_OK && !scan->stopped) {
        struct cursor *cursor = first_cursor(scan);
        if (scan->n_heap && (!cursor || scan->heap[0].key <= cursor->key || scan->held_bytes > MAX_HELD_BYTES))
            give_top(scan);
        else if (cursor)
            err = load_next(scan, cursor);
        else
            break;
    }
    return err;
}

enum err sqlite_read_events(struct store *store, const struct store_event_query *query, store_document_fn *each,
                            void *ctx)
{
    struct scan scan = {.sqlite = (struct sqlite *)store, .query = query, .each = each, .ctx = ctx};
    buf_init(&scan.document, MAX_DOCUMENT);
    enum err err = run_scan(&scan);
    while (scan.n_heap)
        /* Each entry has a reference of its own. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        loaded_release(&scan, heap_pop(&scan).loaded);
    for (size_t i = 0; i < scan.n_cursors; i++)
        cursor_close(&scan, &scan.cursors[i]);
    assert(scan.held_bytes == 0);
    buf_done(&scan.document);
    free(scan.cursors);
    free(scan.heap);
    return err;
}

/* ---- windows and alerts ---- */

static bool give_rollup(struct slice bytes, store_rollup_fn *each, void *ctx)
{
    struct reader reader = reader_of(bytes);
    struct rollup rollup;
    bool more = true;
    rollup_init(&rollup);
    if (rollup_read(&reader, &rollup) == ERR_OK)
        more = each(ctx, &rollup);
    else
        METRIC_ADD("seismo_store_unreadable_total", "stored events that could not be read back", 1);
    rollup_done(&rollup);
    return more;
}

enum err sqlite_read_rollups(struct store *store, const struct store_rollup_query *query, store_rollup_fn *each,
                             void *ctx)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    struct file file;
    enum err err = reader_take(sqlite, MAIN_DAY, &file);
    if (err != ERR_OK)
        return err;
    sqlite3_stmt *statement = file_statement(&file, query->name.len ? SQL_ROLLUPS_OF_NAME : SQL_ROLLUPS);
    int result = SQLITE_ERROR;
    if (statement) {
        sqlite3_bind_int(statement, 1, query->width_s);
        sqlite3_bind_int64(statement, 2, query->from_ms);
        sqlite3_bind_int64(statement, 3, query->to_ms ? query->to_ms : INT64_MAX);
        sqlite3_bind_int(statement, 4, (int)query->kind);
        bind_slice(statement, 5, query->application);
        bind_slice(statement, 6, query->service);
        bind_slice(statement, 7, query->environment);
        bind_slice(statement, 8, query->name);
        bind_slice(statement, 9, query->detail);
        while ((result = sqlite3_step(statement)) == SQLITE_ROW)
            if (!give_rollup(column_slice(statement, 0), each, ctx))
                break;
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        err = file_failed(&file, "read windows", ERR_STORE_READ);
    sqlite3_reset(statement);
    reader_give(sqlite, &file);
    return err;
}

static bool give_alert(struct slice bytes, store_alert_fn *each, void *ctx)
{
    struct reader reader = reader_of(bytes);
    struct alert alert;
    if (alert_read(&reader, &alert) == ERR_OK)
        return each(ctx, &alert);
    METRIC_ADD("seismo_store_unreadable_total", "stored events that could not be read back", 1);
    return true;
}

enum err sqlite_read_alerts(struct store *store, struct slice application, bool only_firing, size_t limit,
                            store_alert_fn *each, void *ctx)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    struct file file;
    enum err err = reader_take(sqlite, MAIN_DAY, &file);
    if (err != ERR_OK)
        return err;
    sqlite3_stmt *statement = file_statement(&file, SQL_ALERTS);
    int result = SQLITE_ERROR;
    if (statement) {
        bind_slice(statement, 1, application);
        sqlite3_bind_int(statement, 2, only_firing);
        sqlite3_bind_int64(statement, 3, limit > INT32_MAX ? INT32_MAX : (int64_t)limit);
        while ((result = sqlite3_step(statement)) == SQLITE_ROW)
            if (!give_alert(column_slice(statement, 0), each, ctx))
                break;
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        err = file_failed(&file, "read alerts", ERR_STORE_READ);
    sqlite3_reset(statement);
    reader_give(sqlite, &file);
    return err;
}

enum err sqlite_read_rejects(struct store *store, size_t limit, store_document_fn *each, void *ctx)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    struct file file;
    enum err err = reader_take(sqlite, MAIN_DAY, &file);
    if (err != ERR_OK)
        return err;
    sqlite3_stmt *statement = file_statement(&file, SQL_REJECTS);
    int result = SQLITE_ERROR;
    if (statement) {
        sqlite3_bind_int64(statement, 1, limit > INT32_MAX ? INT32_MAX : (int64_t)limit);
        while ((result = sqlite3_step(statement)) == SQLITE_ROW)
            if (!each(ctx, column_slice(statement, 0), column_slice(statement, 1)))
                break;
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        err = file_failed(&file, "read rejects", ERR_STORE_READ);
    sqlite3_reset(statement);
    reader_give(sqlite, &file);
    return err;
}
