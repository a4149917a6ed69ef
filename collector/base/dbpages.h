/* The pages of a SQLite file and its WAL, read without SQLite: for salvaging what a damaged tree no longer leads to.
 *
 * Of a WAL count the frames that SQLite would count, up to the last commit. Nothing that the bytes say is trusted:
 * every count, offset, length and page number is checked, and a row that fails a check is no row. A row's values have
 * no checksum: its users look whether they make sense. One thread; nobody writes the file meanwhile. */
#ifndef SEISMO_BASE_DBPAGES_H
#define SEISMO_BASE_DBPAGES_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define DBPAGES_COLUMNS 12            /* rows of more are no rows */
#define DBPAGES_MAX_PAYLOAD (8 << 20) /* larger rows are none */

struct dbpages;

/* What SQLite calls damaged may be a disk that does not answer (it says the same of EIO): then nothing is to be judged
 * yet, as what can be read for the moment is not what is there. */
enum dbpages_disk {
    DISK_ANSWERS, /* every byte of the file and its WAL can be read, or could not for half a minute: it is damaged */
    DISK_FAILS,   /* wait, ask again */
    DISK_IS_BACK, /* it failed and does no more: open the file again */
};
/* *since_ms, 0 at first, is from when on it fails. Reads all of both. */
enum dbpages_disk dbpages_ask_disk(const char *path, _Atomic int64_t *since_ms);

enum dbpage { DBPAGE_OTHER = 0, DBPAGE_INDEX = 2, DBPAGE_TABLE = 5, DBPAGE_INDEX_LEAF = 10, DBPAGE_TABLE_LEAF = 13 };

enum dbvalue_kind { DBVALUE_NULL, DBVALUE_INTEGER, DBVALUE_REAL, DBVALUE_TEXT, DBVALUE_BLOB };

struct dbvalue {
    enum dbvalue_kind kind;
    int64_t integer;
    struct slice bytes; /* at NULL: it goes on in other pages, and the row was not asked for whole */
};

struct dbrow {
    int64_t rowid; /* 0 in an index's leaf */
    size_t n;
    struct dbvalue values[DBPAGES_COLUMNS];
};

/* A child of an inner page of a table: its rows are above those of the child before it, and at most `key`. */
struct dbchild {
    uint32_t page;
    int64_t key; /* INT64_MAX: the last child */
};

/* A file that is missing has no pages. page_bytes is what the file was made with; its header is not asked. ERR_IO. */
enum err dbpages_open(const char *path, size_t page_bytes, struct dbpages **ret_pages);
void dbpages_close(struct dbpages *pages); /* takes NULL */
/* Pages are numbered from 1 to this. */
uint32_t dbpages_count(const struct dbpages *pages);
/* What a page looks like, and how many cells it says it has: never more than fit. */
enum dbpage dbpages_kind(struct dbpages *pages, uint32_t page, size_t *ret_cells);
/* A leaf's row. Its bytes are valid until the next call. With `whole` all of its values are read. */
bool dbpages_row(struct dbpages *pages, uint32_t page, size_t cell, bool whole, struct dbrow *ret_row);
/* Of an inner page of a table; cell = number of cells: the last child. */
bool dbpages_child(struct dbpages *pages, uint32_t page, size_t cell, struct dbchild *ret_child);

#endif
