/* Source maps: hand-made ones whose places are known, hostile ones, the folder, and stacks of three browsers. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sourcemap/sourcemap_int.h"

#include "unit/test.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seismo-sourcemap-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command); /* NOLINT: a name of our own */
}

/* Line 1: column 0 -> cart.ts 10:4 (addItem), column 8 -> nothing, column 16 -> shop.ts 3:0. Line 3, column 2 ->
 * cart.ts 12:7 */
#define MAPPINGS "AASIA,Q,QCPJ;;EDSO"
#define PLAIN \
    "{\"version\":3,\"sourceRoot\":\"src\",\"sources\":[\"cart.ts\",\"shop.ts\"],\"names\":[\"addItem\"]," \
    "\"mappings\":\"" MAPPINGS "\"}"

static enum err decode(const char *json, struct sourcemap *ret_map)
{
    return sourcemap_decode(slice_of(json), ret_map, NULL);
}

static void a_place_is_found_in_its_segment(void **state)
{
    (void)state;
    struct sourcemap map;
    assert_int_equal(decode(PLAIN, &map), ERR_OK);
    const struct segment *segment = sourcemap_find(&map, 0, 5);
    assert_non_null(segment);
    assert_slice(sourcemap_source(&map, segment), "src/cart.ts");
    assert_slice(sourcemap_name(&map, segment), "addItem");
    assert_int_equal(segment->from_line, 9);
    assert_int_equal(segment->from_column, 4);
    assert_null(sourcemap_find(&map, 0, 8));
    assert_slice(sourcemap_source(&map, sourcemap_find(&map, 0, 999)), "src/shop.ts");
    assert_null(sourcemap_find(&map, 1, 0));
    assert_null(sourcemap_find(&map, 2, 1));
    assert_non_null(sourcemap_find(&map, 2, 2));
    assert_null(sourcemap_find(&map, 3, 0));
    sourcemap_done(&map);
}

static void sections_begin_where_they_say(void **state)
{
    (void)state;
    struct sourcemap map;
    assert_int_equal(decode("{\"version\":3,\"sections\":[{\"offset\":{\"line\":0,\"column\":0},\"map\":" PLAIN "},"
                            "{\"offset\":{\"line\":2,\"column\":1},\"map\":" PLAIN "}]}",
                            &map),
                     ERR_OK);
    assert_int_equal(sourcemap_find(&map, 0, 0)->from_line, 9);
    assert_null(sourcemap_find(&map, 2, 0));
    assert_int_equal(sourcemap_find(&map, 2, 2)->from_line,
                     9); /* the first one's line 2 ends where the second begins */
    assert_null(sourcemap_find(&map, 2, 9));
    assert_int_equal(sourcemap_find(&map, 4, 2)->source, 2);
    sourcemap_done(&map);
}

static void a_map_that_is_wrong_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum err err;
    } rows[] = {
        {"", ERR_CORRUPT},
        {"[]", ERR_CORRUPT},
        {"{\"version\":3}", ERR_CORRUPT},
        {"{\"version\":2,\"sources\":[],\"names\":[],\"mappings\":\"\"}", ERR_CORRUPT},
        {"{\"version\":3,\"sources\":[],\"names\":[],\"mappings\":\"AAAA\"}", ERR_CORRUPT},        /* no such source */
        {"{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"AAAAA\"}", ERR_CORRUPT},  /* no such name */
        {"{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"D\"}", ERR_CORRUPT},      /* column -1 */
        {"{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"AA\"}", ERR_CORRUPT},     /* two fields */
        {"{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"AAAAAA\"}", ERR_CORRUPT}, /* six */
        {"{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"g\"}", ERR_CORRUPT},      /* cut short */
        {"{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"ggggggggggg\"}", ERR_CORRUPT},
        {"{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"////////D\"}", ERR_CORRUPT},
        {"{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"A!A\"}", ERR_CORRUPT},
        {"{\"version\":3,\"sections\":[{\"map\":" PLAIN "}]}", ERR_CORRUPT},
        {"{\"version\":3,\"sections\":[{\"offset\":{\"line\":-1,\"column\":0},\"map\":" PLAIN "}]}", ERR_CORRUPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sourcemap map;
        assert_int_equal(decode(rows[i].json, &map), rows[i].err);
        sourcemap_done(&map);
    }
}

/* A hundred thousand deep, and a bomb of empty mappings: neither stack nor memory may follow. */
static void depth_and_number_are_bounded(void **state)
{
    (void)state;
    struct sourcemap map;
    struct buf json;
    buf_init(&json, SOURCEMAP_MAX_BYTES);
    for (int i = 0; i < 100000; i++)
        buf_text(&json, "{\"sections\":[{\"offset\":{\"line\":0,\"column\":0},\"map\":");
    assert_int_not_equal(sourcemap_decode(buf_slice(&json), &map, NULL), ERR_OK);
    sourcemap_done(&map);
    buf_clear(&json);
    for (int i = 0; i < 6; i++)
        buf_text(&json, "{\"sections\":[{\"offset\":{\"line\":0,\"column\":0},\"map\":");
    buf_text(&json, PLAIN);
    for (int i = 0; i < 6; i++)
        buf_text(&json, "}]}");
    assert_int_equal(sourcemap_decode(buf_slice(&json), &map, NULL), ERR_TOO_LARGE);
    sourcemap_done(&map);
    buf_clear(&json);
    buf_text(&json, "{\"version\":3,\"sources\":[],\"names\":[],\"mappings\":\"");
    for (int i = 0; i <= SOURCEMAP_MAX_SEGMENTS; i++)
        buf_add(&json, "A,", 2);
    buf_text(&json, "\"}");
    assert_int_equal(sourcemap_decode(buf_slice(&json), &map, NULL), ERR_TOO_LARGE);
    sourcemap_done(&map);
    buf_done(&json);
}

static void a_path_is_what_stands_behind_the_host(void **state)
{
    (void)state;
    static const struct {
        const char *url, *path;
    } rows[] = {
        {"https://shop.test/assets/main.js", "/assets/main.js"},
        {"https://shop.test/assets/main.js?v=2#x", "/assets/main.js"},
        {"http://[::1]:8080//a//main.js", "/a/main.js"},
        {"assets/main.js", "/assets/main.js"},
        {"/a/%5Bid%5D.js", "/a/[id].js"},
        {"https://shop.test", NULL},
        {"", NULL},
        {"/a%00b", NULL},
        {"/a%0Ab", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[64];
        assert_int_equal(sourcemap_path(slice_of(rows[i].url), path, sizeof path), rows[i].path != NULL);
        if (rows[i].path)
            assert_string_equal(path, rows[i].path);
    }
}

static bool resolve(struct sourcemaps *maps, const char *release, const char *stack, int64_t left_ms, struct buf *buf)
{
    struct sourcemap_budget budget = {left_ms};
    buf_clear(buf);
    return sourcemaps_resolve(maps, slice_of(release), slice_of(stack), &budget, buf);
}

static void stacks_of_three_browsers_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *stack, *resolved;
    } rows[] = {
        {"TypeError: x at https://a/main.js:1:1\n    at e (https://a/main.js:3:3)\n    at https://a/main.js:1:1\n    "
         "at native",
         "TypeError: x at https://a/main.js:1:1\n    at addItem (src/cart.ts:12:8)\n    at src/cart.ts:10:5\n    at "
         "native"},
        {"e@https://a/main.js:3:3\n@https://a/main.js?x:1:17\n", "    at e (src/cart.ts:12:8)\n    at src/shop.ts:3:1"},
        {"e@https://a/main.js:3:3\nglobal code@https://a/other.js:1:17",
         "    at e (src/cart.ts:12:8)\nglobal code@https://a/other.js:1:17"},
    };
    static const char *const raw[] = {"",
                                      "TypeError: x",
                                      "e@https://a/main.js:2:1",
                                      "e@https://a/main.js:0:0",
                                      "@:1:1",
                                      "    at e (https://a/main.js:99999999999:1)",
                                      "e@https://a/../../../etc/passwd:1:1"};
    struct sourcemaps *maps = sourcemaps_new(folder);
    struct buf buf;
    buf_init(&buf, 65536);
    assert_int_equal(sourcemaps_keep(folder, SLICE("1.0"), "/main.js", SLICE(PLAIN), NULL), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(resolve(maps, "1.0", rows[i].stack, 200, &buf));
        assert_slice(buf_slice(&buf), rows[i].resolved);
        assert_false(resolve(maps, "1.1", rows[i].stack, 200, &buf));
        assert_int_equal(buf.len, 0);
    }
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++)
        assert_false(resolve(maps, "1.0", raw[i], 200, &buf));
    buf_done(&buf);
    sourcemaps_free(maps);
}

static void nothing_is_read_once_the_time_is_spent(void **state)
{
    (void)state;
    static const char stack[] = "e@https://a/main.js:3:3";
    struct sourcemaps *maps = sourcemaps_new(folder);
    struct buf buf;
    buf_init(&buf, 65536);
    assert_int_equal(sourcemaps_keep(folder, SLICE("1.0"), "/main.js", SLICE(PLAIN), NULL), ERR_OK);
    assert_false(resolve(maps, "1.0", stack, 0, &buf));
    assert_true(resolve(maps, "1.0", stack, 200, &buf));
    assert_true(resolve(maps, "1.0", stack, 0, &buf)); /* in memory */
    buf_done(&buf);
    sourcemaps_free(maps);
}

static int count_files(const char *name)
{
    char path[128];
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

/* Releases that share a map keep one; names lead nowhere; what is wrong is not kept; the last release takes its map. */
static void maps_are_kept_and_expire(void **state)
{
    (void)state;
    char digest[DIGEST_HEX + 1];
    assert_int_equal(sourcemaps_keep(folder, SLICE("../../1.0"), "/../../../main.js", SLICE(PLAIN), NULL), ERR_OK);
    assert_int_equal(sourcemaps_keep(folder, SLICE("1.1"), "/main.js", SLICE(PLAIN), NULL), ERR_OK);
    assert_int_equal(sourcemaps_keep(folder, SLICE("1.1"), "/bad.js", SLICE("{}"), NULL), ERR_CORRUPT);
    assert_int_equal(count_files(""), 3); /* lock, maps, releases */
    assert_int_equal(count_files("maps"), 1);
    assert_int_equal(count_files("releases"), 2);
    assert_true(sourcemap_look_up(folder, SLICE("../../1.0"), SLICE("/../../../main.js"), digest));
    assert_int_equal(sourcemaps_expire(folder, 0, sizeof PLAIN, NULL), ERR_OK);
    assert_int_equal(count_files("releases"), 2);
    assert_int_equal(sourcemaps_keep(folder, SLICE("1.2"), "/main.js", SLICE(PLAIN " "), NULL), ERR_OK);
    assert_int_equal(count_files("maps"), 2);
    assert_int_equal(sourcemaps_expire(folder, 0, sizeof PLAIN, NULL), ERR_OK);
    assert_int_equal(count_files("maps"), 1);
    assert_int_equal(sourcemaps_expire(folder, INT64_MAX, 1 << 30, NULL), ERR_OK);
    assert_int_equal(count_files("maps"), 0);
    assert_int_equal(count_files("releases"), 0);
}

/* What comes over the network: packed or not, whole or not, more than is allowed once it is unpacked. */
static void maps_are_taken_from_elsewhere(void **state)
{
    (void)state;
    struct sourcemaps_door door = {.retention_days = 90, .max_bytes = 1 << 20};
    char path[64], digest[DIGEST_HEX + 1];
    struct buf packed, bomb;
    struct err_text text;
    snprintf(door.folder, sizeof door.folder, "%s", folder);
    buf_init(&packed, 65536);
    buf_init(&bomb, SOURCEMAP_MAX_BYTES);
    assert_int_equal(sourcemap_pack(SLICE(PLAIN), &packed, &text), ERR_OK);
    struct slice whole = buf_slice(&packed), cut = {whole.at, whole.len - 9};
    char *blanks = malloc(SOURCEMAP_MAX_BYTES + 1);
    memset(blanks, ' ', SOURCEMAP_MAX_BYTES + 1);
    assert_int_equal(sourcemap_pack((struct slice){blanks, SOURCEMAP_MAX_BYTES + 1}, &bomb, &text), ERR_OK);
    free(blanks);
    const struct {
        struct slice release, name, body;
        bool is_gzip;
        enum err err;
    } rows[] = {
        {SLICE("1"), SLICE("https://x.example/a.js?v=1"), whole, true, ERR_OK},
        {SLICE("1"), SLICE("a.js"), SLICE(PLAIN), false, ERR_OK},
        {SLICE("1"), SLICE("b.js"), cut, true, ERR_BAD_PARAMETER},
        {SLICE("1"), SLICE("b.js"), SLICE(PLAIN), true, ERR_BAD_PARAMETER},
        {SLICE("1"), SLICE("b.js"), whole, false, ERR_BAD_PARAMETER},
        {SLICE("1"), SLICE("b.js"), buf_slice(&bomb), true, ERR_BAD_PARAMETER},
        {SLICE(""), SLICE("b.js"), whole, true, ERR_BAD_PARAMETER},
        {SLICE("1"), SLICE(""), whole, true, ERR_BAD_PARAMETER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(sourcemaps_take(&door, rows[i].release, rows[i].name, rows[i].body, rows[i].is_gzip, path,
                                         sizeof path, &text),
                         rows[i].err);
    assert_true(sourcemap_look_up(folder, SLICE("1"), SLICE("/a.js"), digest));
    assert_false(sourcemap_look_up(folder, SLICE("1"), SLICE("/b.js"), digest));
    assert_int_equal(count_files("maps"), 1);
    buf_done(&bomb);
    buf_done(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_found_in_its_segment),
        cmocka_unit_test(sections_begin_where_they_say),
        cmocka_unit_test(a_map_that_is_wrong_is_refused),
        cmocka_unit_test(depth_and_number_are_bounded),
        cmocka_unit_test(a_path_is_what_stands_behind_the_host),
        cmocka_unit_test_setup_teardown(stacks_of_three_browsers_are_resolved, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(nothing_is_read_once_the_time_is_spent, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(maps_are_kept_and_expire, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(maps_are_taken_from_elsewhere, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
