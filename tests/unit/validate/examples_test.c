/* Every example of schemas/examples/beacon: what is valid is taken whole, what is not fails as its .expect says. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "unit/test.h"
#include "validate/validate.h"

#define EXAMPLES SEISMO_SOURCE "/schemas/examples/beacon"

static struct batch *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    struct batch *batch = batch_new(bytes);
    assert_int_equal(fread((char *)(uintptr_t)batch->body.at, 1, bytes, file), bytes);
    fclose(file);
    return batch;
}

/* "SE-1005 400", or "202 rejected 1:SE-1007 …": as in the .expect files. */
static void describe(const struct batch *batch, enum err err, struct buf *buf)
{
    if (err) {
        buf_printf(buf, "%s 400\n", err_code(err));
        return;
    }
    buf_text(buf, "202");
    for (size_t i = 0; i < batch->n_refused; i++)
        buf_printf(buf, "%s %u:%s", i ? "" : " rejected", batch->refused[i].index, err_code(batch->refused[i].why));
    buf_char(buf, '\n');
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

static bool is_as_expected(const char *folder, const char *name, bool valid)
{
    char path[1024], expected[256] = "202\n";
    struct buf found;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    struct batch *batch = read_file(path);
    if (!valid) {
        snprintf(path, sizeof path, "%s/%.*s.expect", folder, (int)(strrchr(name, '.') - name), name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        assert_non_null(fgets(expected, sizeof expected, file));
        fclose(file);
    }
    buf_init(&found, 65536);
    enum err err = validate_beacon(batch);
    describe(batch, err, &found);
    bool same = strcmp(found.at, expected) == 0;
    if (!same)
        print_error("%s: expected %s found %s (%s)\n", name, expected, found.at, batch->text.at);
    assert_true(!err || batch->text.at[0]);
    buf_done(&found);
    batch_free(batch);
    return same;
}

static void walk(const char *folder, bool valid, int at_least)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int seen = 0, wrong = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (ends_with(entry->d_name, ".json") || ends_with(entry->d_name, ".bin")) {
            seen++;
            wrong += !is_as_expected(folder, entry->d_name, valid);
        }
    closedir(dir);
    assert_int_equal(wrong, 0);
    assert_true(seen >= at_least);
}

static void valid_ones_are_taken(void **state)
{
    (void)state;
    walk(EXAMPLES "/valid", true, 10);
}

static void invalid_ones_are_refused_as_expected(void **state)
{
    (void)state;
    walk(EXAMPLES "/invalid", false, 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_ones_are_taken),
        cmocka_unit_test(invalid_ones_are_refused_as_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
