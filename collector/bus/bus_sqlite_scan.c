/* The rows of a damaged queue, found page by page: what a broken tree no longer leads to is there all the same.
 *
 * All leaves are read. Rows that follow each other and prove it (positions one apart, and `bytes`, which counts all
 * values up to a row, apart by the value) are a run. A run belongs to the table whose tree leads to its page. The
 * others, if they fit into a gap of a table that is not proven whole, belong there: pages that SQLite has freed still
 * hold removed rows and fit nowhere. Of a table's runs the heaviest ascending chain is believed, so a garbled row is
 * left out and takes nothing with it. Several damaged tables may claim the same run: first the one whose rows it
 * continues, then the one of its topic, then any. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/dbpages.h"
#include "bus/bus_sqlite_int.h"

#define MOST_DEPTH 12
#define MOST_ROWS_A_PAGE 2048
#define LOOK_BACK 512
#define FARTHEST_BYTES (INT64_C(1) << 56)
#define UNKNOWN (-1) /* instead of a table */
#define GARBLED (-2)

struct run {
    uint32_t page, cell, n; /* its first row's */
    int32_t table;
    bool proven;           /* its rows, or others beside it, go on where it ends or begins */
    int64_t position, end; /* of the first row; behind the last */
    int64_t before, after; /* bytes */
    int64_t weight, link;  /* of the heaviest chain that ends here; the run before in it, -1: none */
};

struct leaf {
    uint32_t first_run, n_runs;
    bool clean;   /* every cell is a row, and all are one run */
    bool reached; /* by a tree */
    bool below;   /* an inner page leads to it */
};

struct sqlite_scan {
    struct dbpages *pages;
    struct leaf *leaves; /* by page */
    struct run *runs;
    size_t n_runs, size;
    struct run **order; /* of all, by position */
    const uint32_t *roots;
    size_t n_tables;
    bool *whole; /* a table: nothing of it can be missing */
};

static bool take_row(struct sqlite_scan *scan, uint32_t page, uint32_t cell, bool value, struct dbrow *ret_row)
{
    if (!dbpages_row(scan->pages, page, cell, value, ret_row) || ret_row->n != 4)
        return false;
    const struct dbvalue *v = ret_row->values;
    return v[0].kind == DBVALUE_NULL && v[1].kind == DBVALUE_INTEGER && v[2].kind == DBVALUE_INTEGER &&
           v[3].kind == DBVALUE_BLOB && ret_row->rowid >= 0 && ret_row->rowid < FARTHEST_BYTES &&
           v[2].integer >= (int64_t)v[3].bytes.len && v[2].integer < FARTHEST_BYTES;
}

/* ---- runs ---- */

static struct run *new_run(struct sqlite_scan *scan)
{
    if (scan->n_runs == scan->size) {
        size_t size = scan->size ? 2 * scan->size : 256;
        struct run *grown = realloc(scan->runs, size * sizeof *grown);
        if (!grown)
            return NULL;
        scan->runs = grown;
        scan->size = size;
    }
    return &scan->runs[scan->n_runs++];
}

/* False: out of memory. */
static bool read_leaf(struct sqlite_scan *scan, uint32_t page, size_t cells)
{
    struct leaf *leaf = &scan->leaves[page];
    struct run *run = NULL;
    leaf->first_run = (uint32_t)scan->n_runs;
    leaf->clean = true;
    for (uint32_t cell = 0; cell < cells; cell++) {
        struct dbrow row;
        if (!take_row(scan, page, cell, false, &row)) {
            leaf->clean = false;
            run = NULL;
            continue;
        }
        int64_t after = row.values[2].integer, before = after - (int64_t)row.values[3].bytes.len;
        if (!run || run->end != row.rowid || run->after != before) {
            if (!(run = new_run(scan)))
                return false;
            *run = (struct run){.page = page,
                                .cell = cell,
                                .table = UNKNOWN,
                                .position = row.rowid,
                                .end = row.rowid,
                                .before = before,
                                .after = before};
        }
        run->n++, run->end++, run->after = after;
    }
    leaf->n_runs = (uint32_t)scan->n_runs - leaf->first_run;
    leaf->clean = leaf->clean && leaf->n_runs <= 1;
    return true;
}

static bool read_leaves(struct sqlite_scan *scan)
{
    bool ok = true;
    for (uint32_t page = 1; page <= dbpages_count(scan->pages) && ok; page++) {
        struct dbchild child;
        size_t cells = 0;
        enum dbpage kind = dbpages_kind(scan->pages, page, &cells);
        if (kind == DBPAGE_TABLE_LEAF)
            ok = read_leaf(scan, page, cells);
        for (size_t i = 0; kind == DBPAGE_TABLE && i <= cells; i++)
            if (dbpages_child(scan->pages, page, i, &child))
                scan->leaves[child.page].below = true;
    }
    return ok;
}

/* ---- trees ---- */

/* Gives a table the runs below a page with positions above `low` and up to `high`. False: something is missing or
 * wrong. *expected: the next position, -1: any. */
static bool walk(struct sqlite_scan *scan, int32_t table, uint32_t page, int depth, int64_t low, int64_t high,
                 int64_t *expected)
{
    size_t cells = 0;
    enum dbpage kind = dbpages_kind(scan->pages, page, &cells);
    struct leaf *leaf = &scan->leaves[page];
    if (leaf->reached || depth > MOST_DEPTH || (kind != DBPAGE_TABLE && kind != DBPAGE_TABLE_LEAF))
        return false;
    leaf->reached = true;
    bool whole = kind == DBPAGE_TABLE || leaf->clean;
    for (size_t i = 0; kind == DBPAGE_TABLE && i <= cells; i++) {
        struct dbchild child;
        if (!dbpages_child(scan->pages, page, i, &child)) {
            whole = false;
            continue;
        }
        int64_t key = child.key < high ? child.key : high;
        whole = walk(scan, table, child.page, depth + 1, low, key, expected) && whole;
        low = key > low ? key : low;
    }
    for (uint32_t i = 0; i < leaf->n_runs; i++) {
        struct run *run = &scan->runs[leaf->first_run + i];
        bool fits = run->position > low && run->end - 1 <= high;
        whole = whole && fits && (*expected < 0 || *expected == run->position);
        run->table = fits ? table : UNKNOWN;
        *expected = run->end;
    }
    return whole;
}

static void walk_trees(struct sqlite_scan *scan)
{
    for (size_t t = 0; t < scan->n_tables; t++) {
        int64_t expected = -1;
        uint32_t root = scan->roots[t];
        bool known = root > 1 && root <= dbpages_count(scan->pages) && !scan->leaves[root].below;
        scan->whole[t] = known && walk(scan, (int32_t)t, root, 0, -1, INT64_MAX, &expected);
        for (size_t other = 0; other < t; other++)
            if (scan->roots[other] == root)
                scan->whole[other] = false;
    }
}

/* ---- what no tree leads to ---- */

static int by_position(const void *a, const void *b)
{
    const struct run *x = *(struct run *const *)a, *y = *(struct run *const *)b;
    return x->position != y->position ? (x->position < y->position ? -1 : 1)
                                      : (x->before > y->before) - (x->before < y->before);
}

static bool can_follow(const struct run *a, const struct run *b)
{
    return a->end <= b->position && a->after <= b->before;
}

/* How well a run fits to a table, between what stands before and behind its place. A single row far from all others is
 * no row. */
enum fit { NOT = 0, BEGINS = 1, IN_A_GAP = 2, OF_TOPIC = 4, CONTINUES = 8 };

static int fit(const struct sqlite_scan *scan, const struct run *before, const struct run *run, const struct run *after)
{
    int64_t farthest = (int64_t)dbpages_count(scan->pages) * MOST_ROWS_A_PAGE;
    if ((before && !can_follow(before, run)) || (after && !can_follow(run, after)))
        return NOT;
    if ((before && before->end == run->position && before->after == run->before) ||
        (after && run->end == after->position && run->after == after->before))
        return CONTINUES;
    bool far = (!before || run->position - before->end > farthest) && (!after || after->position - run->end > farthest);
    if (!before && !after)
        return BEGINS;
    return run->n == 1 && far ? NOT : IN_A_GAP;
}

/* By how its value begins: marks and records, rollups, and JSON. */
static bool is_of_topic(struct sqlite_scan *scan, const struct run *run, size_t table)
{
    struct dbrow row;
    if (!take_row(scan, run->page, run->cell, true, &row))
        return false;
    struct slice value = row.values[3].bytes;
    size_t topic = table / (scan->n_tables / TOPIC_COUNT);
    if (slice_starts(value, "SR") || slice_starts(value, "SM"))
        return topic == TOPIC_EVENTS;
    if (slice_starts(value, "SP"))
        return topic == TOPIC_ROLLUPS;
    return topic != TOPIC_EVENTS && topic != TOPIC_ROLLUPS;
}

/* What stands around a place in the order, of one table. */
struct side {
    const struct run *last;
    size_t next; /* in the order; n_runs: none */
};

static void adopt(struct sqlite_scan *scan, size_t at, struct side *sides)
{
    struct run *run = scan->order[at];
    int best = 0;
    for (size_t t = 0; t < scan->n_tables; t++) {
        if (scan->whole[t])
            continue;
        struct side *side = &sides[t];
        while (side->next < scan->n_runs && (side->next <= at || scan->order[side->next]->table != (int32_t)t))
            side->next++;
        int fits = fit(scan, side->last, run, side->next < scan->n_runs ? scan->order[side->next] : NULL);
        if (fits)
            fits += fits < CONTINUES && is_of_topic(scan, run, t) ? OF_TOPIC : 0;
        if (fits > best) {
            best = fits;
            run->table = (int32_t)t;
        }
    }
}

/* Ascending, so that what stands before a run is settled when it is looked at. */
static bool adopt_all(struct sqlite_scan *scan, bool proven)
{
    assert(scan->n_tables > 0);
    struct side *sides = calloc(scan->n_tables, sizeof *sides);
    for (size_t i = 0; i < scan->n_runs && sides; i++) {
        struct run *run = scan->order[i];
        if (run->table == UNKNOWN && run->proven == proven)
            adopt(scan, i, sides);
        if (run->table >= 0)
            sides[run->table].last = run;
    }
    bool ok = sides != NULL;
    free(sides);
    return ok;
}

/* ---- what is believed ---- */

/* A run that another one continues is no accident, nor is one of several rows. */
static void prove(struct sqlite_scan *scan)
{
    for (size_t i = 0, low = 0; i < scan->n_runs; i++) {
        struct run *run = scan->order[i];
        run->proven = run->proven || run->n > 1;
        size_t high = scan->n_runs;
        for (low = i + 1; low < high;) {
            size_t middle = low + (high - low) / 2;
            if (scan->order[middle]->position < run->end)
                low = middle + 1;
            else
                high = middle;
        }
        for (; low < scan->n_runs && scan->order[low]->position == run->end; low++)
            if (scan->order[low]->before == run->after)
                run->proven = scan->order[low]->proven = true;
    }
}

/* Of a table's runs the heaviest ascending chain stays. What does not fit to the best so far is mostly garbled, and
 * few such come in a row. */
static void keep_chain(struct sqlite_scan *scan, int32_t table)
{
    int64_t best = -1;
    for (size_t i = 0; i < scan->n_runs; i++) {
        struct run *run = scan->order[i];
        if (run->table != table)
            continue;
        run->link = best >= 0 && can_follow(scan->order[best], run) ? best : -1;
        for (size_t back = i; run->link != best && back-- > 0 && i - back <= LOOK_BACK;) {
            const struct run *other = scan->order[back];
            if (other->table == table && can_follow(other, run) &&
                (run->link < 0 || other->weight > scan->order[run->link]->weight))
                run->link = (int64_t)back;
        }
        run->weight = run->n + (run->link >= 0 ? scan->order[run->link]->weight : 0);
        if (best < 0 || run->weight > scan->order[best]->weight)
            best = (int64_t)i;
    }
    for (size_t i = scan->n_runs; i-- > 0;) {
        if (scan->order[i]->table != table)
            continue;
        if ((int64_t)i == best)
            best = scan->order[i]->link;
        else
            scan->order[i]->table = GARBLED;
    }
}

static bool sort_runs(struct sqlite_scan *scan)
{
    scan->order = calloc(scan->n_runs + 1, sizeof(struct run *));
    if (!scan->order)
        return false;
    for (size_t i = 0; i < scan->n_runs; i++)
        scan->order[i] = &scan->runs[i];
    qsort(scan->order, scan->n_runs, sizeof(struct run *), by_position);
    return true;
}

static bool settle(struct sqlite_scan *scan)
{
    walk_trees(scan);
    if (!sort_runs(scan))
        return false;
    prove(scan);
    for (size_t t = 0; t < scan->n_tables; t++)
        keep_chain(scan, (int32_t)t);
    return adopt_all(scan, true) && adopt_all(scan, false);
}

/* ---- the whole ---- */

void sqlite_scan_close(struct sqlite_scan *scan)
{
    if (!scan)
        return;
    dbpages_close(scan->pages);
    free(scan->leaves);
    free(scan->runs);
    free(scan->order);
    free(scan->whole);
    free(scan);
}

enum err sqlite_scan_open(const char *path, const uint32_t *roots, size_t n_tables, struct sqlite_scan **ret_scan)
{
    struct sqlite_scan *scan = calloc(1, sizeof *scan);
    enum err err = scan ? dbpages_open(path, SQLITE_BUS_PAGE_BYTES, &scan->pages) : ERR_IO;
    if (!err) {
        scan->roots = roots;
        scan->n_tables = n_tables;
        scan->leaves = calloc((size_t)dbpages_count(scan->pages) + 1, sizeof *scan->leaves);
        scan->whole = calloc(n_tables, sizeof *scan->whole);
        if (!scan->leaves || !scan->whole || !read_leaves(scan) || !settle(scan))
            err = ERR_IO;
    }
    if (err)
        sqlite_scan_close(scan);
    else
        *ret_scan = scan;
    return err;
}

bool sqlite_scan_each(struct sqlite_scan *scan, size_t table, sqlite_scan_fn *each, void *ctx)
{
    bool ok = true;
    for (size_t i = 0; i < scan->n_runs && ok; i++) {
        const struct run *run = scan->order[i];
        uint32_t cell = run->cell;
        for (int64_t at = run->position; run->table == (int32_t)table && at < run->end && ok; at++, cell++) {
            struct dbrow row;
            if (take_row(scan, run->page, cell, true, &row) && row.rowid == at)
                ok = each(ctx, &row);
        }
    }
    return ok;
}
