/* Damaged queues: opened all the same, the old file kept, everything on pages that are whole still there, in order, and
 * going on without a position given out twice. SEISMO_TEST_DAMAGE=N: seeds. */
#include "bus_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE 16384
#define MANY 600
#define READ 200 /* of these, by the group "copy" */

static char folder[64], path[96];
static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % below;
}

static void empty_folder(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[512];
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    closedir(dir);
}

static size_t files_like(const char *text)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += strstr(entry->d_name, text) != NULL;
    closedir(dir);
    return n;
}

static struct bus *open_queue(void)
{
    struct bus_options options = {.kind = "sqlite",
                                  .path = path,
                                  .partitions = 1,
                                  .max_pending_bytes = 1 << 24,
                                  .retention_ms = INT64_C(1) << 40};
    struct bus *bus = NULL;
    struct err_text text = {""};
    if (bus_open(&bus, &options, &text))
        fail_msg("bus_open: %s", text.at);
    return bus;
}

/* "SR#17#......", an event as far as the bus can tell: found again in the file's bytes. */
static void make_queue(void)
{
    static char texts[MANY][1200];
    static struct bus_message messages[MANY];
    struct bus *bus = open_queue();
    struct bus_cursor *cursor = NULL;
    struct err_text text;
    for (int i = 0; i < MANY; i++) {
        size_t len = 100 + next_random(1000);
        memset(texts[i], '.', len);
        int n = snprintf(texts[i], 16, "SR#%d#", i);
        texts[i][n] = '.';
        messages[i] = (struct bus_message){TOPIC_EVENTS, 0, {texts[i], len}};
    }
    assert_int_equal(bus_publish_wait(bus, messages, MANY), ERR_OK);
    assert_int_equal(bus_subscribe(bus, TOPIC_EVENTS, "copy", NULL, &cursor, &text), ERR_OK);
    struct position position = {TOPIC_EVENTS, 0, READ};
    assert_int_equal(bus_commit(cursor, &position, 1), ERR_OK);
    bus_unsubscribe(cursor);
    bus_close(bus, MAX_MS);
}

/* ---- damage ---- */

struct image {
    unsigned char *bytes;
    size_t n;
    bool *hurt; /* a page */
};

static struct image load(void)
{
    struct stat stat_;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &stat_) == 0);
    struct image image = {malloc((size_t)stat_.st_size), (size_t)stat_.st_size, NULL};
    assert_true(image.bytes && read(fd, image.bytes, image.n) == (ssize_t)image.n);
    image.hurt = calloc(image.n / PAGE + 1, sizeof *image.hurt);
    close(fd);
    return image;
}

static void save(const unsigned char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_true(file && fwrite(bytes, 1, n, file) == n);
    fclose(file);
}

enum way { FLIPPED, BLANK, JUNK, SHORT, WAYS };

static void hurt(struct image *image, enum way way)
{
    unsigned char *copy = malloc(image->n);
    size_t n = image->n, pages = image->n / PAGE, many = 1 + next_random(3);
    memcpy(copy, image->bytes, n);
    for (size_t i = 0; way != SHORT && i < many; i++) {
        size_t page = next_random((uint32_t)pages);
        image->hurt[page] = true;
        for (size_t b = 0; b < PAGE; b++)
            if (way != FLIPPED || next_random(64) == 0)
                copy[page * PAGE + b] = way == BLANK ? 0 : (unsigned char)next_random(256);
    }
    if (way == SHORT) {
        n = next_random(10) ? next_random((uint32_t)n) : 0;
        for (size_t page = n / PAGE; page < pages; page++)
            image->hurt[page] = true;
    }
    save(copy, n);
    free(copy);
}

/* Whether the places of the groups are hurt: nothing else says where a group stood. */
static bool are_places_hurt(const struct image *image)
{
    for (size_t page = 1; page < image->n / PAGE; page++)
        if (image->hurt[page] && image->bytes[page * PAGE] == 10)
            return true;
    return false;
}

/* Whether one of a leaf's cells begins with it, behind some bytes of lengths: what no cell points to is left of before.
 */
static bool has_cell(const unsigned char *page, const char *mark, size_t n)
{
    size_t cells = (size_t)(page[3] << 8 | page[4]);
    for (size_t i = 0; i < cells; i++) {
        size_t at = (size_t)(page[8 + 2 * i] << 8 | page[9 + 2 * i]);
        if (memmem(page + at, PAGE - at < 32 ? PAGE - at : 32, mark, n))
            return true;
    }
    return false;
}

static int page_of(const struct image *image, int number)
{
    char mark[16];
    int n = snprintf(mark, sizeof mark, "SR#%d#.", number);
    for (size_t page = image->n / PAGE; page-- > 1;)
        if (image->bytes[page * PAGE] == 13 && has_cell(image->bytes + page * PAGE, mark, (size_t)n))
            return (int)page;
    fail_msg("record %d is not in the file", number);
    return -1;
}

/* ---- what is there afterwards ---- */

struct found {
    bool seen[MANY];
    int64_t last;
    size_t n, news;
};

static void note(void *ctx, const struct bus_record *record)
{
    struct found *found = ctx;
    assert_true(record->position > found->last);
    found->last = record->position;
    found->n++;
    int number = -1;
    if (slice_is(record->value, "news"))
        found->news++;
    else if (record->value.len > 4 && sscanf(record->value.at, "SR#%d#", &number) == 1 && number >= 0 && number < MANY)
        found->seen[number] |= record->position == number;
}

static void read_all(struct bus *bus, const char *group, struct found *found)
{
    struct bus_cursor *cursor = NULL;
    struct err_text text = {""};
    struct bus_record records[64];
    size_t n = 0;
    memset(found, 0, sizeof *found);
    found->last = -1;
    assert_int_equal(bus_subscribe(bus, TOPIC_EVENTS, group, NULL, &cursor, &text), ERR_OK);
    for (int nothing = 0; nothing < 3; nothing = n ? 0 : nothing + 1) { /* a gap is passed over in a round of its own */
        assert_int_equal(bus_fetch(cursor, records, 64, &n, 0), ERR_OK);
        for (size_t i = 0; i < n; i++)
            note(found, &records[i]);
    }
    bus_unsubscribe(cursor);
}

static void check(const struct image *image, unsigned seed, enum way way)
{
    static struct found found, copy;
    struct bus *bus = open_queue();
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "news"), ERR_OK);
    read_all(bus, "all", &found);
    read_all(bus, "copy", &copy);
    if (found.news != 1 || copy.news != 1)
        fail_msg("seed %u, way %d: what was published afterwards is not read", seed, (int)way);
    bool places = are_places_hurt(image), any = false;
    for (size_t page = 0; page < image->n / PAGE; page++)
        any |= image->hurt[page];
    for (int i = 0; i < MANY; i++)
        if (!found.seen[i] && !image->hurt[page_of(image, i)])
            fail_msg("seed %u, way %d: record %d is on a page that is whole, and is lost", seed, (int)way, i);
    for (int i = READ; i < MANY && !places; i++)
        if (!copy.seen[i] && !image->hurt[page_of(image, i)])
            fail_msg("seed %u, way %d: record %d was not read and is passed over", seed, (int)way, i);
    bus_close(bus, MAX_MS);
    if (way != FLIPPED && way != SHORT && any && !files_like(".corrupt-"))
        fail_msg("seed %u, way %d: nothing was set aside", seed, (int)way);
    assert_int_equal(files_like(".salvage") + files_like(".patched") + files_like(".model"), 0);
}

static void whole_pages_are_kept(void **state)
{
    const char *asked = getenv("SEISMO_TEST_DAMAGE");
    unsigned seeds = asked ? (unsigned)atoi(asked) : 32;
    (void)state;
    for (unsigned seed = 1; seed <= seeds; seed++) {
        random_state = seed;
        make_queue();
        struct image image = load();
        hurt(&image, (enum way)(seed % WAYS));
        check(&image, seed, (enum way)(seed % WAYS));
        free(image.bytes);
        free(image.hurt);
        empty_folder();
    }
}

/* Found while in use: the writer replaces the file under its readers. */
static void damage_in_use_is_mended(void **state)
{
    static struct found found;
    (void)state;
    random_state = 4711;
    make_queue();
    struct bus *bus = open_queue();
    struct bus_cursor *cursor = NULL;
    struct err_text text = {""};
    struct bus_record records[8];
    size_t n = 0;
    assert_int_equal(bus_subscribe(bus, TOPIC_EVENTS, "early", NULL, &cursor, &text), ERR_OK);
    assert_int_equal(bus_fetch(cursor, records, 8, &n, 0), ERR_OK);
    struct image image = load();
    size_t page = (size_t)page_of(&image, 300);
    image.hurt[page] = true;
    memset(image.bytes + page * PAGE, 0, PAGE);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, image.bytes + page * PAGE, PAGE, (off_t)(page * PAGE)), PAGE);
    close(fd);
    memset(&found, 0, sizeof found);
    found.last = 7;
    for (int ms = 0; ms < MAX_MS && found.last < MANY - 1; ms += 10) {
        n = 0;
        if (bus_fetch(cursor, records, 8, &n, 10))
            nap_ms(10);
        for (size_t i = 0; i < n; i++)
            note(&found, &records[i]);
    }
    assert_true(found.n > MANY - 8 - 200 && found.n < MANY - 8);
    assert_true(files_like(".corrupt-") >= 1); /* with its WAL */
    assert_int_equal(publish_text(bus, TOPIC_EVENTS, 0, "news"), ERR_OK);
    assert_int_equal(fetch_some(cursor, 1, note, &found), 1);
    assert_int_equal(found.news, 1);
    bus_unsubscribe(cursor);
    bus_close(bus, MAX_MS);
    bus = open_queue();
    read_all(bus, "later", &found);
    assert_int_equal(found.news, 1);
    bus_close(bus, MAX_MS);
    free(image.bytes);
    free(image.hurt);
    empty_folder();
}

/* Between two renames the queue has another name. */
static void a_cut_short_salvage_is_ended(void **state)
{
    static struct found found;
    char salvage[128];
    (void)state;
    random_state = 5;
    make_queue();
    snprintf(salvage, sizeof salvage, "%s.salvage", path);
    assert_int_equal(rename(path, salvage), 0);
    struct bus *bus = open_queue();
    read_all(bus, "copy", &found);
    assert_int_equal(found.n, MANY - READ);
    bus_close(bus, MAX_MS);
    empty_folder();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_pages_are_kept),
        cmocka_unit_test(damage_in_use_is_mended),
        cmocka_unit_test(a_cut_short_salvage_is_ended),
    };
    strcpy(folder, "/tmp/seismo-bus-damage-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/queue", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    empty_folder();
    rmdir(folder);
    return failed;
}
