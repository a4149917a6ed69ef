/* Pages read without SQLite (base/dbpages.h): the same rows as SQLite reads, also out of a WAL; no bytes make it fall.
 * SEISMO_TEST_DAMAGE=N: damaged files. */
#include "unit/test.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/dbpages.h"

#define PAGE 16384
#define ROWS 300

static char folder[64], path[96], wal[100];
static sqlite3 *db;

static void run_sql(const char *sql)
{
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error))
        fail_msg("%s: %s", sql, error);
}

/* Half of the rows in the file, half in the WAL; some go on in pages of their own. */
static int make(void **state)
{
    (void)state;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    run_sql(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;"
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c BLOB);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)"
        "INSERT INTO t SELECT i * 1000, -i * i * i, 'text ' || i, zeroblob(i % 10 * 7000) FROM n;"
        "PRAGMA wal_checkpoint(TRUNCATE);"
        "WITH RECURSIVE n(i) AS (SELECT 151 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
        "INSERT INTO t SELECT i * 1000, -i * i * i, 'text ' || i, zeroblob(i % 10 * 7000) FROM n;");
    return 0;
}

static int leave(void **state)
{
    (void)state;
    sqlite3_close(db);
    unlink(path);
    unlink(wal);
    return 0;
}

/* Reads all that there is; gives how many rows are as they were made. */
static int read_all(void)
{
    struct dbpages *pages = NULL;
    int n = 0;
    assert_int_equal(dbpages_open(path, PAGE, &pages), ERR_OK);
    for (uint32_t page = 1; page <= dbpages_count(pages); page++) {
        size_t cells = 0;
        struct dbrow row;
        struct dbchild child;
        enum dbpage kind = dbpages_kind(pages, page, &cells);
        for (size_t i = 0; kind == DBPAGE_TABLE && i <= cells; i++)
            if (dbpages_child(pages, page, i, &child))
                assert_in_range(child.page, 1, dbpages_count(pages));
        for (size_t i = 0; i < cells; i++) {
            if (!dbpages_row(pages, page, i, true, &row) || row.n != 4 || row.values[3].kind != DBVALUE_BLOB)
                continue;
            char text[32];
            int64_t k = row.rowid / 1000;
            snprintf(text, sizeof text, "text %lld", (long long)k);
            bool zero = true; /* touches each byte */
            for (size_t b = 0; b < row.values[3].bytes.len; b++)
                zero = row.values[3].bytes.at[b] == 0 && zero;
            n += k > 0 && k <= ROWS && row.values[1].integer == -k * k * k && slice_is(row.values[2].bytes, text) &&
                 row.values[3].bytes.len == (size_t)(k % 10 * 7000) && zero;
        }
    }
    dbpages_close(pages);
    return n;
}

static void rows_are_those_of_sqlite(void **state)
{
    (void)state;
    assert_int_equal(read_all(), ROWS);
    run_sql("PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(read_all(), ROWS);
}

/* Of a transaction that was not committed nothing counts, nor of a WAL behind a torn frame. */
static void only_what_was_committed_counts(void **state)
{
    (void)state;
    run_sql("PRAGMA cache_size = 2; BEGIN; UPDATE t SET a = 0");
    assert_int_equal(read_all(), ROWS);
    run_sql("ROLLBACK");
    int fd = open(wal, O_RDWR);
    assert_int_equal(pwrite(fd, "torn", 4, 32 + 24 + 100), 4);
    close(fd);
    assert_int_equal(read_all(), ROWS / 2);
}

static void overwrite(const char *name, unsigned *seed)
{
    int fd = open(name, O_RDWR);
    off_t size = lseek(fd, 0, SEEK_END);
    for (int i = 0; i < 200; i++) {
        unsigned char byte = (unsigned char)rand_r(seed);
        off_t page = rand_r(seed) % (size / PAGE + 1) * PAGE, at = rand_r(seed) % (rand_r(seed) % 2 ? 200 : PAGE);
        if (page + at < size)
            assert_int_equal(pwrite(fd, &byte, 1, page + at), 1);
    }
    if (*seed % 7 == 0)
        assert_int_equal(ftruncate(fd, rand_r(seed) % size), 0);
    close(fd);
}

static void no_bytes_make_it_fall(void **state)
{
    (void)state;
    const char *asked = getenv("SEISMO_TEST_DAMAGE");
    unsigned many = asked ? (unsigned)atoi(asked) : 100;
    run_sql("PRAGMA wal_checkpoint(TRUNCATE)");
    for (unsigned seed = 1; seed <= many; seed++) {
        unsigned state_ = seed;
        overwrite(path, &state_);
        assert_in_range(read_all(), 0, 2 * ROWS);
        if (seed % 10)
            continue;
        leave(NULL);
        make(NULL);
        run_sql("PRAGMA wal_checkpoint(TRUNCATE)");
    }
}

static void a_missing_file_has_no_pages(void **state)
{
    (void)state;
    struct dbpages *pages = NULL;
    size_t cells = 0;
    assert_int_equal(dbpages_open("/tmp/seismo-there-is-none", PAGE, &pages), ERR_OK);
    assert_int_equal(dbpages_count(pages), 0);
    assert_int_equal(dbpages_kind(pages, 1, &cells), DBPAGE_OTHER);
    dbpages_close(pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_those_of_sqlite, make, leave),
        cmocka_unit_test_setup_teardown(only_what_was_committed_counts, make, leave),
        cmocka_unit_test_setup_teardown(no_bytes_make_it_fall, make, leave),
        cmocka_unit_test(a_missing_file_has_no_pages),
    };
    strcpy(folder, "/tmp/seismo-bus-pages-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(wal, sizeof wal, "%s-wal", path);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
