/* The short way of events says what the long way says: of beacons as they come and of damaged ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/beacons.h"
#include "unit/test.h"
#include "validate/validate_int.h"

#define BEACONS 400
#define DAMAGED 6 /* of each */

static struct batch *read(struct slice text, enum err *ret_err)
{
    struct batch *batch = batch_new(text.len);
    memcpy((char *)(uintptr_t)batch->body.at, text.at, text.len);
    *ret_err = validate_beacon(batch);
    return batch;
}

/* With a space before the colon no event is plain. */
static void spread_out(struct slice text, struct buf *spread)
{
    static const char name[] = "{\"kind\"";
    size_t n = sizeof name - 1;
    buf_clear(spread);
    for (const char *found; (found = memmem(text.at, text.len, name, n));) {
        size_t before = (size_t)(found - text.at) + n;
        buf_add(spread, text.at, before);
        buf_char(spread, ' ');
        text = (struct slice){text.at + before, text.len - before};
    }
    buf_add_slice(spread, text);
}

static void compare_events(const struct event *a, const struct event *b)
{
    const struct slice left[] = {a->kind_text, a->page, a->view,    a->url,   a->method,
                                 a->name,      a->type, a->message, a->stack, a->outcome};
    const struct slice right[] = {b->kind_text, b->page, b->view,    b->url,   b->method,
                                  b->name,      b->type, b->message, b->stack, b->outcome};
    assert_true(a->kind == b->kind && a->index == b->index && a->status == b->status && a->count == b->count);
    assert_true(a->flags == b->flags && a->at == b->at &&
                (a->value == b->value || (isnan(a->value) && isnan(b->value))));
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        assert_true(slice_equal(left[i], right[i]));
}

static void compare(struct slice text, struct buf *scratch)
{
    enum err short_err, long_err;
    spread_out(text, scratch);
    struct batch *a = read(text, &short_err), *b = read(buf_slice(scratch), &long_err);
    assert_int_equal(short_err, long_err);
    if (!short_err) {
        assert_int_equal(a->n_events, b->n_events);
        assert_int_equal(a->n_refused, b->n_refused);
        for (size_t i = 0; i < a->n_events; i++)
            compare_events(&a->events[i], &b->events[i]);
        for (size_t i = 0; i < a->n_refused; i++) {
            assert_int_equal(a->refused[i].why, b->refused[i].why);
            assert_string_equal(a->refused[i].field, b->refused[i].field);
        }
    }
    batch_free(a);
    batch_free(b);
}

static void damage(struct dice *dice, struct buf *text)
{
    static const char *const bits[] = {
        "\\", "\\u0041", "\"",       "}",  "{", ",", ":",   "0.",   ".5",        "1e5",
        "-1", "\xc3",    "\"x\":1,", "00", " ", "7", "\\n", "null", "\"at\":1,", "123456789012345"};
    struct buf out;
    buf_init(&out, 65536);
    size_t at = dice_below(dice, (unsigned)text->len), gone = dice_below(dice, 3) ? 0 : dice_below(dice, 12);
    buf_add(&out, text->at, at);
    buf_text(&out, DICE_PICK(dice, bits));
    if (at + gone < text->len)
        buf_add(&out, text->at + at + gone, text->len - at - gone);
    buf_clear(text);
    buf_add_slice(text, buf_slice(&out));
    buf_done(&out);
}

static void both_ways_agree(void **state)
{
    struct buf text, scratch;
    (void)state;
    buf_init(&text, 65536);
    buf_init(&scratch, 65536);
    for (uint64_t seed = 0; seed < BEACONS; seed++)
        for (int damaged = 0; damaged <= DAMAGED; damaged++) {
            struct dice dice = {seed * DAMAGED + (uint64_t)damaged};
            buf_clear(&text);
            beacon_make(seed, &text);
            for (int i = 0; i < damaged; i += 2)
                damage(&dice, &text);
            compare(buf_slice(&text), &scratch);
        }
    buf_done(&text);
    buf_done(&scratch);
}

static bool is_plain(const char *text)
{
    enum err err;
    struct err_text why;
    struct event event = {0};
    struct batch *batch = read(slice_of(text), &err); /* for its padding */
    struct cursor cursor = {.text = batch->body.at, .arena = batch->arena, .end = batch->body.at + batch->body.len};
    assert_int_equal(structure_find(batch->body, &cursor.at, &why), ERR_OK);
    const uint32_t *before = cursor.at;
    bool is = plain_event(&cursor, &event);
    assert_true(is ? cursor.text + *cursor.at == cursor.end : cursor.at == before);
    batch_free(batch);
    return is;
}

static void what_is_plain(void **state)
{
    static const struct {
        const char *text;
        bool is_plain;
    } rows[] = {
        {"{\"kind\":\"page\",\"at\":1}", true},
        {"{\"kind\":\"page\",\"at\":1795354199800.25,\"duration\":0.5}", true},
        {"{\"kind\":\"click\",\"at\":1,\"name\":\"a\\nb\",\"count\":3}", true},
        {"{\"kind\":\"vital\",\"at\":1,\"name\":\"CLS\",\"value\":0}", true},
        {"{\"kind\":\"vital\",\"at\":1,\"name\":\"XYZ\",\"value\":0}", false},
        {"{\"kind\":\"vital\",\"at\":1,\"name\":\"CLS\"}", false},
        {"{\"at\":1,\"kind\":\"page\"}", false},
        {"{\"kind\" :\"page\",\"at\":1}", false},
        {"{\"kind\":\"page\",\"at\":1,\"at\":1}", false},
        {"{\"kind\":\"page\",\"at\":1,\"later\":1}", false},
        {"{\"kind\":\"page\",\"at\":-1}", false},
        {"{\"kind\":\"page\",\"at\":01}", false},
        {"{\"kind\":\"page\",\"at\":1.}", false},
        {"{\"kind\":\"page\",\"at\":1.2.3}", false},
        {"{\"kind\":\"click\",\"at\":1,\"count\":2.5}", false},
        {"{\"kind\":\"later\",\"at\":1}", false},
        {"{\"kind\":\"page\"}", false},
        {"{}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(is_plain(rows[i].text), rows[i].is_plain);
}

/* What is short comes out as strtod reads it; what is none, or longer, is left to others. */
static void short_numbers_are_exact(void **state)
{
    struct dice dice = {5};
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[40] = {0};
        double number = -1;
        size_t n = 1 + dice_below(&dice, 17), point = dice_below(&dice, 20);
        for (size_t at = 0; at < n; at++)
            text[at] = at == point ? '.' : (char)('0' + dice_below(&dice, at ? 10 : 4));
        if (dice_below(&dice, 20) == 0)
            text[dice_below(&dice, (unsigned)n)] = ".:/x-"[dice_below(&dice, 5)];
        char *end;
        double right = strtod(text, &end);
        bool is_number = end == text + n && text[0] != '.' && text[n - 1] != '.' && text[0] != '-' &&
                         !strchr(text, 'x') && (text[0] != '0' || n == 1 || text[1] == '.');
        bool is_short = cursor_short_number(text, text + n, &number);
        assert_true(!is_short || (is_number && number == right));
        assert_true(is_short || !is_number || n > 8); /* none is left out that needs not be */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_agree),
        cmocka_unit_test(what_is_plain),
        cmocka_unit_test(short_numbers_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
