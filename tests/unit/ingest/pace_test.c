/* Paces, and the table of those who send: time stands where the test puts it. */
#include "unit/test.h"

#include "base/hash.h"
#include "ingest/ingest_int.h"

#define S 1000000000LL

static void test_pace(void **state)
{
    (void)state;
    struct ingest_pace pace = {10, 5};
    _Atomic int64_t full_at = 0;
    int64_t now = 1000 * S, wait = 0;
    for (int i = 0; i < 5; i++)
        assert_true(pace_take(&full_at, &pace, 1, now, &wait));
    assert_false(pace_take(&full_at, &pace, 1, now, &wait));
    assert_int_equal(wait, S / 10);
    assert_true(pace_take(&full_at, &pace, 1, now + wait, &wait));
    assert_false(pace_take(&full_at, &pace, 1, now + S / 10, &wait));
    int taken = 0;
    for (int64_t t = now + S; t < now + 11 * S; t += S / 100) /* ten seconds of a hundred a second */
        taken += pace_take(&full_at, &pace, 1, t, &wait);
    assert_in_range(taken, 100, 106);
}

static void test_a_large_body_is_paid_for_afterwards(void **state)
{
    (void)state;
    struct ingest_pace pace = {1000, 2000};
    _Atomic int64_t full_at = 0;
    int64_t wait = 0;
    assert_true(pace_take(&full_at, &pace, 1500, S, &wait));
    assert_true(pace_take(&full_at, &pace, 10000, S, &wait));
    assert_false(pace_take(&full_at, &pace, 1, S, &wait));
    assert_in_range(wait, 9 * S, 10 * S);
    struct ingest_pace none = {0, 1};
    assert_true(pace_take(&full_at, &none, 1, S, &wait));
}

static const struct ingest_pace requests = {10, 10}, no_bytes = {0, 1};

static int take_all(struct senders *senders, const char *text, int n, int64_t now_ns)
{
    struct address address;
    int64_t wait;
    int taken = 0;
    assert_true(address_parse(slice_of(text), &address));
    for (int i = 0; i < n; i++)
        taken += senders_take(senders, &address, &requests, &no_bytes, 100, now_ns, &wait);
    return taken;
}

static void test_each_address_has_its_own(void **state)
{
    (void)state;
    struct senders *senders = senders_new();
    assert_int_equal(take_all(senders, "192.0.2.1", 100, S), 10);
    assert_int_equal(take_all(senders, "192.0.2.2", 100, S), 10);
    assert_int_equal(take_all(senders, "2001:db8::1", 6, S), 6);
    assert_int_equal(take_all(senders, "2001:db8::ffff:2", 100, S), 4); /* the same /64 */
    assert_int_equal(take_all(senders, "2001:db8:0:1::1", 100, S), 10);
    assert_int_equal(take_all(senders, "192.0.2.1", 100, 2 * S), 10);
    senders_free(senders);
}

static void test_bytes(void **state)
{
    (void)state;
    struct senders *senders = senders_new();
    struct ingest_pace no_requests = {0, 1}, bytes = {1000, 5000};
    struct address address;
    int64_t wait;
    int taken = 0;
    assert_true(address_parse(SLICE("192.0.2.1"), &address));
    for (int i = 0; i < 100; i++)
        taken += senders_take(senders, &address, &no_requests, &bytes, 500, S, &wait);
    assert_int_equal(taken, 10);
    senders_free(senders);
}

/* A million addresses pass through; who floods meanwhile is not forgotten. */
static void test_a_flood_of_addresses(void **state)
{
    (void)state;
    struct senders *senders = senders_new();
    int64_t now = S, wait;
    int flooded = 0;
    for (uint32_t i = 0; i < 1000000; i++) {
        struct address address = {{[10] = 0xff, [11] = 0xff}};
        memcpy(address.bytes + 12, &i, 4);
        now += 1000; /* a second in all */
        assert_true(senders_take(senders, &address, &requests, &no_bytes, 100, now, &wait));
        if (i % 100 == 0)
            flooded += take_all(senders, "198.51.100.9", 3, now);
    }
    assert_in_range(flooded, 10, 25); /* of 30,000 */
    senders_free(senders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_a_large_body_is_paid_for_afterwards),
        cmocka_unit_test(test_each_address_has_its_own),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_a_flood_of_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
