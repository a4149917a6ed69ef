/* Reading a SQLite file page by page: https://sqlite.org/fileformat2.html. */
#include "base/dbpages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define WAL_HEADER 32
#define FRAME_HEADER 24
#define MAX_PAGES (1 << 24)
#define PATIENCE_MS 30000

struct dbpages {
    int fd, wal_fd;
    size_t page_bytes;
    uint32_t n, n_file; /* pages with those of the WAL; of the file alone */
    int64_t *in_wal;    /* a page: where its newest frame's bytes begin, 0: it has none */
    uint32_t n_in_wal;
    uint32_t cached; /* which page `page` holds; 0: none */
    unsigned char *page, *overflow, *payload;
    size_t payload_bytes;
};

static uint32_t big16(const unsigned char *at)
{
    return (uint32_t)(at[0] << 8 | at[1]);
}

static uint32_t big32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* How many bytes it takes; 0: it goes beyond `end`. */
static size_t varint(const unsigned char *at, const unsigned char *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 9 && at + i < end; i++) {
        if (i == 8) {
            *ret_value = value << 8 | at[i];
            return 9;
        }
        value = value << 7 | (at[i] & 0x7f);
        if (at[i] < 0x80) {
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

/* ---- the WAL ---- */

struct checksum {
    bool big;
    uint32_t a, b;
};

static void add_checksum(struct checksum *sum, const unsigned char *at, size_t n)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint32_t x[2];
        for (size_t k = 0; k < 2; k++) {
            uint32_t word = big32(at + i + 4 * k);
            x[k] = sum->big ? word : __builtin_bswap32(word);
        }
        sum->a += x[0] + sum->b;
        sum->b += x[1] + sum->a;
    }
}

static bool note_frame(struct dbpages *pages, uint32_t page, int64_t at)
{
    if (page > pages->n_in_wal) {
        uint32_t n = page + 1024;
        int64_t *grown = realloc(pages->in_wal, (n + 1) * sizeof *grown);
        if (!grown)
            return false;
        memset(grown + (pages->in_wal ? pages->n_in_wal + 1 : 0), 0,
               (n - pages->n_in_wal + (pages->in_wal ? 0 : 1)) * sizeof *grown);
        pages->in_wal = grown;
        pages->n_in_wal = n;
    }
    pages->in_wal[page] = at;
    if (page > pages->n)
        pages->n = page;
    return true;
}

/* The frames up to the last commit, or those in `note` of them. Gives how many frames that are. */
static size_t walk_wal(struct dbpages *pages, size_t note)
{
    unsigned char header[WAL_HEADER], frame[FRAME_HEADER];
    if (pread(pages->wal_fd, header, sizeof header, 0) != WAL_HEADER || (big32(header) & ~1U) != 0x377f0682 ||
        big32(header + 8) != pages->page_bytes)
        return 0;
    struct checksum sum = {(big32(header) & 1) != 0, 0, 0};
    add_checksum(&sum, header, 24);
    if (big32(header + 24) != sum.a || big32(header + 28) != sum.b)
        return 0;
    int64_t at = WAL_HEADER;
    size_t committed = 0;
    for (size_t i = 0; i < note; i++, at += FRAME_HEADER + (int64_t)pages->page_bytes) {
        if (pread(pages->wal_fd, frame, sizeof frame, at) != FRAME_HEADER ||
            pread(pages->wal_fd, pages->page, pages->page_bytes, at + FRAME_HEADER) != (ssize_t)pages->page_bytes)
            break;
        add_checksum(&sum, frame, 8);
        add_checksum(&sum, pages->page, pages->page_bytes);
        uint32_t page = big32(frame);
        if (memcmp(frame + 8, header + 16, 8) != 0 || big32(frame + 16) != sum.a || big32(frame + 20) != sum.b ||
            page == 0 || page > MAX_PAGES)
            break;
        if (big32(frame + 4))
            committed = i + 1;
        if (note != SIZE_MAX && !note_frame(pages, page, at + FRAME_HEADER))
            break;
    }
    return committed;
}

/* ---- the disk ---- */

static bool can_be_read(const char *path)
{
    static _Thread_local unsigned char bytes[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    ssize_t n = 1;
    for (off_t at = 0; n > 0; at += n)
        n = pread(fd, bytes, sizeof bytes, at);
    close(fd);
    return n == 0;
}

enum dbpages_disk dbpages_ask_disk(const char *path, _Atomic int64_t *since_ms)
{
    char wal[4300];
    int64_t now_ms = clock_mono_ms() + 1, none = 0;
    snprintf(wal, sizeof wal, "%s-wal", path);
    if (can_be_read(path) && can_be_read(wal))
        return atomic_exchange(since_ms, 0) ? DISK_IS_BACK : DISK_ANSWERS;
    if (atomic_compare_exchange_strong(since_ms, &none, now_ms) || now_ms - none < PATIENCE_MS)
        return DISK_FAILS;
    atomic_store(since_ms, 0); /* the next one is given its time too */
    return DISK_ANSWERS;
}

/* ---- pages ---- */

enum err dbpages_open(const char *path, size_t page_bytes, struct dbpages **ret_pages)
{
    char wal[4300];
    struct stat stat_;
    struct dbpages *pages = calloc(1, sizeof *pages);
    if (!pages)
        return ERR_IO;
    snprintf(wal, sizeof wal, "%s-wal", path);
    pages->page_bytes = page_bytes;
    pages->fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = pages->fd >= 0 || errno == ENOENT;
    pages->wal_fd = open(wal, O_RDONLY | O_CLOEXEC);
    pages->page = malloc(page_bytes);
    pages->overflow = malloc(page_bytes);
    ok = ok && pages->page && pages->overflow;
    if (ok && pages->fd >= 0 && fstat(pages->fd, &stat_) == 0) {
        uint64_t n = (uint64_t)stat_.st_size / page_bytes;
        pages->n = pages->n_file = n > MAX_PAGES ? MAX_PAGES : (uint32_t)n;
    }
    if (ok && pages->wal_fd >= 0)
        walk_wal(pages, walk_wal(pages, SIZE_MAX));
    if (!ok) {
        dbpages_close(pages);
        return ERR_IO;
    }
    *ret_pages = pages;
    return ERR_OK;
}

void dbpages_close(struct dbpages *pages)
{
    if (!pages)
        return;
    if (pages->fd >= 0)
        close(pages->fd);
    if (pages->wal_fd >= 0)
        close(pages->wal_fd);
    free(pages->in_wal);
    free(pages->page);
    free(pages->overflow);
    free(pages->payload);
    free(pages);
}

uint32_t dbpages_count(const struct dbpages *pages)
{
    return pages->n;
}

static bool read_page(const struct dbpages *pages, uint32_t page, unsigned char *ret_bytes)
{
    if (page == 0 || page > pages->n)
        return false;
    int64_t at = page <= pages->n_in_wal ? pages->in_wal[page] : 0;
    if (at)
        return pread(pages->wal_fd, ret_bytes, pages->page_bytes, at) == (ssize_t)pages->page_bytes;
    at = (int64_t)(page - 1) * (int64_t)pages->page_bytes;
    return page <= pages->n_file && pread(pages->fd, ret_bytes, pages->page_bytes, at) == (ssize_t)pages->page_bytes;
}

/* Where a page's header begins: behind the file's on the first. NULL: it cannot be read. */
static const unsigned char *page_header(struct dbpages *pages, uint32_t page)
{
    if (page != pages->cached) {
        pages->cached = 0;
        if (!read_page(pages, page, pages->page))
            return NULL;
        pages->cached = page;
    }
    return pages->page + (page == 1 ? 100 : 0);
}

static bool is_inner(const unsigned char *header)
{
    return header[0] == DBPAGE_INDEX || header[0] == DBPAGE_TABLE;
}

enum dbpage dbpages_kind(struct dbpages *pages, uint32_t page, size_t *ret_cells)
{
    const unsigned char *header = page_header(pages, page);
    *ret_cells = 0;
    if (!header || (header[0] != DBPAGE_INDEX && header[0] != DBPAGE_TABLE && header[0] != DBPAGE_INDEX_LEAF &&
                    header[0] != DBPAGE_TABLE_LEAF))
        return DBPAGE_OTHER;
    size_t pointers = (size_t)(header - pages->page) + (is_inner(header) ? 12 : 8);
    *ret_cells = big16(header + 3);
    if (*ret_cells > (pages->page_bytes - pointers) / 2)
        *ret_cells = (pages->page_bytes - pointers) / 2;
    return (enum dbpage)header[0];
}

/* Where a cell begins; NULL: nowhere. */
static const unsigned char *cell_at(struct dbpages *pages, uint32_t page, size_t cell)
{
    size_t n = 0;
    if (dbpages_kind(pages, page, &n) == DBPAGE_OTHER || cell >= n)
        return NULL;
    const unsigned char *header = page_header(pages, page), *pointer = header + (is_inner(header) ? 12 : 8) + 2 * cell;
    size_t at = big16(pointer);
    return at >= 8 && at + 4 <= pages->page_bytes ? pages->page + at : NULL;
}

bool dbpages_child(struct dbpages *pages, uint32_t page, size_t cell, struct dbchild *ret_child)
{
    size_t n = 0;
    uint64_t key = INT64_MAX;
    if (dbpages_kind(pages, page, &n) != DBPAGE_TABLE || cell > n)
        return false;
    const unsigned char *at = cell == n ? page_header(pages, page) + 8 : cell_at(pages, page, cell);
    if (!at || (cell < n && !varint(at + 4, pages->page + pages->page_bytes, &key)))
        return false;
    *ret_child = (struct dbchild){big32(at), (int64_t)key};
    return ret_child->page > 0 && ret_child->page <= pages->n;
}

/* ---- rows ---- */

static size_t local_bytes(const struct dbpages *pages, bool table, size_t payload)
{
    size_t usable = pages->page_bytes, least = (usable - 12) * 32 / 255 - 23;
    size_t most = table ? usable - 35 : (usable - 12) * 64 / 255 - 23;
    size_t ragged = least + (payload - least) % (usable - 4);
    return payload <= most ? payload : ragged <= most ? ragged : least;
}

/* The chain of overflow pages; a circle ends with the payload. */
static bool collect(struct dbpages *pages, const unsigned char *local, size_t n_local, size_t payload)
{
    if (payload > pages->payload_bytes) {
        free(pages->payload);
        pages->payload = malloc(payload);
        pages->payload_bytes = pages->payload ? payload : 0;
        if (!pages->payload)
            return false;
    }
    memcpy(pages->payload, local, n_local);
    uint32_t next = big32(local + n_local);
    for (size_t have = n_local; have < payload;) {
        size_t n = payload - have < pages->page_bytes - 4 ? payload - have : pages->page_bytes - 4;
        if (!read_page(pages, next, pages->overflow))
            return false;
        memcpy(pages->payload + have, pages->overflow + 4, n);
        have += n;
        next = big32(pages->overflow);
    }
    return true;
}

static size_t serial_bytes(uint64_t serial)
{
    static const unsigned char small[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
    return serial < sizeof small ? small[serial] : (size_t)((serial - 12) / 2);
}

static int64_t integer_of(const unsigned char *at, size_t n)
{
    uint64_t value = n && at[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | at[i];
    return (int64_t)value;
}

/* A value of `serial`, `have` of its bytes being here. */
static bool take_value(uint64_t serial, const unsigned char *at, size_t have, struct dbvalue *ret_value)
{
    size_t n = serial_bytes(serial);
    *ret_value = (struct dbvalue){DBVALUE_NULL, 0, {NULL, 0}};
    if (serial >= 12) {
        ret_value->kind = serial & 1 ? DBVALUE_TEXT : DBVALUE_BLOB;
        ret_value->bytes = (struct slice){n <= have ? (const char *)at : NULL, n};
    } else if (serial) {
        ret_value->kind = serial == 7 ? DBVALUE_REAL : DBVALUE_INTEGER;
        ret_value->integer = serial > 7 ? (int64_t)serial - 8 : n <= have ? integer_of(at, n) : 0;
    }
    return serial != 10 && serial != 11 && (serial >= 12 || n <= have);
}

/* Whether the values' lengths come to the payload's says much about whether it is one. */
static bool take_values(const unsigned char *at, size_t have, size_t payload, struct dbrow *row)
{
    uint64_t head = 0, serial = 0;
    size_t n = varint(at, at + have, &head), body = (size_t)head;
    if (!n || head < n || head > have)
        return false;
    for (row->n = 0; n < head; row->n++) {
        size_t step = varint(at + n, at + head, &serial);
        if (!step || row->n == DBPAGES_COLUMNS || (serial >= 12 && (serial - 12) / 2 > payload) || body > payload ||
            !take_value(serial, at + (body < have ? body : have), body < have ? have - body : 0, &row->values[row->n]))
            return false;
        n += step;
        body += serial_bytes(serial);
    }
    return body == payload;
}

bool dbpages_row(struct dbpages *pages, uint32_t page, size_t cell, bool whole, struct dbrow *ret_row)
{
    size_t cells = 0;
    enum dbpage kind = dbpages_kind(pages, page, &cells);
    const unsigned char *at = cell_at(pages, page, cell), *end = pages->page + pages->page_bytes;
    if ((kind != DBPAGE_TABLE_LEAF && kind != DBPAGE_INDEX_LEAF) || !at)
        return false;
    uint64_t payload = 0, rowid = 0;
    size_t n = varint(at, end, &payload);
    if (!n || payload > DBPAGES_MAX_PAYLOAD)
        return false;
    at += n;
    n = kind == DBPAGE_TABLE_LEAF ? varint(at, end, &rowid) : 0;
    if (kind == DBPAGE_TABLE_LEAF && !n)
        return false;
    at += n;
    ret_row->rowid = (int64_t)rowid;
    size_t local = local_bytes(pages, kind == DBPAGE_TABLE_LEAF, (size_t)payload), more = local < payload ? 4 : 0;
    if ((size_t)(end - at) < local + more)
        return false;
    if (!more || !whole)
        return take_values(at, local, (size_t)payload, ret_row);
    return collect(pages, at, local, (size_t)payload) &&
           take_values(pages->payload, (size_t)payload, (size_t)payload, ret_row);
}
