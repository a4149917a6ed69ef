/* Who owns which partition of the Kafka bus: members come and go, and some are busy. */
#include "bus_kafka_stage.h"

struct member {
    struct bus *bus;
    struct bus_cursor *cursor;
    bool owned[PARTITIONS];
    int n_owned, changes;
};

static void note_assigned(void *ctx, enum topic topic, int32_t partition, int64_t *position)
{
    struct member *member = ctx;
    (void)position;
    assert_int_equal(topic, TOPIC_EVENTS);
    assert_false(member->owned[partition]);
    member->owned[partition] = true;
    member->n_owned++;
    member->changes++;
}

static void note_revoked(void *ctx, enum topic topic, int32_t partition, bool lost)
{
    struct member *member = ctx;
    (void)topic;
    (void)lost;
    assert_true(member->owned[partition]);
    member->owned[partition] = false;
    member->n_owned--;
}

static void join_as(struct member *member, struct bus *bus)
{
    struct bus_owner owner = {note_assigned, note_revoked, member};
    member->bus = bus;
    member->cursor = subscribe(bus, TOPIC_EVENTS, "index", &owner);
}

/* Fetches everything into counts by number; commits each fetch. */
static size_t work(struct member *member, int *counts)
{
    struct bus_record records[16];
    size_t n = 0;
    assert_int_equal(bus_fetch(member->cursor, records, 16, &n, 50), ERR_OK);
    for (size_t i = 0; i < n; i++) {
        assert_true(member->owned[records[i].partition]);
        int partition = -1, number = -1;
        char text[32] = "";
        memcpy(text, records[i].value.at, records[i].value.len);
        assert_int_equal(sscanf(text, "%d %d", &partition, &number), 2);
        struct position position = {TOPIC_EVENTS, records[i].partition, records[i].position + 1};
        if (bus_commit(member->cursor, &position, 1) == ERR_OK)
            counts[number * PARTITIONS + partition]++;
    }
    return n;
}

/* busy: the first has no time to fetch while the second joins, and only shows that it is alive. */
static void rebalance(bool busy)
{
    enum { N = 60 };
    int counts[N * PARTITIONS] = {0};
    struct bus *bus = open_bus();
    struct member first = {0}, second = {0};
    join_as(&first, bus);
    publish_numbered(bus, 0, 20);
    for (int i = 0; i < 400 && first.n_owned < PARTITIONS; i++)
        work(&first, counts);
    assert_int_equal(first.n_owned, PARTITIONS);
    join_as(&second, bus);
    publish_numbered(bus, 20, 40);
    for (int i = 0; i < 400 && (first.n_owned != PARTITIONS / 2 || second.n_owned != PARTITIONS / 2); i++) {
        size_t none = 0;
        if (busy)
            assert_int_equal(bus_fetch(first.cursor, NULL, 0, &none, 0), ERR_OK);
        else
            work(&first, counts);
        work(&second, counts);
    }
    assert_int_equal(first.n_owned, PARTITIONS / 2);
    assert_int_equal(second.n_owned, PARTITIONS / 2);
    /* What went to the other may not be committed by the first any more. */
    for (int32_t p = 0; p < PARTITIONS; p++) {
        struct position position = {TOPIC_EVENTS, p, 1};
        if (!first.owned[p]) {
            assert_int_equal(bus_commit(first.cursor, &position, 1), ERR_FENCED);
            assert_int_equal(bus_transact(first.cursor, NULL, 0, &position, 1), ERR_FENCED);
        }
    }
    bus_unsubscribe(second.cursor);
    assert_int_equal(second.n_owned, 0);
    publish_numbered(bus, 40, N);
    for (int i = 0; i < 400 && first.n_owned < PARTITIONS; i++)
        work(&first, counts);
    for (int i = 0; i < 40; i++)
        work(&first, counts);
    bus_unsubscribe(first.cursor);
    assert_int_equal(first.n_owned, 0);
    for (int i = 0; i < N * PARTITIONS; i++)
        assert_true(counts[i] >= 1);
    bus_close(bus, 5000);
}

static void test_rebalance(void **state)
{
    (void)state;
    rebalance(false);
}

static void test_rebalance_while_busy(void **state)
{
    (void)state;
    rebalance(true);
}

static void test_staying_alive(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    struct bus_cursor *cursor = subscribe(bus, TOPIC_EVENTS, "index", NULL);
    struct bus_record records[1], none[1];
    struct seen seen = {0};
    size_t n = 0;
    publish_numbered(bus, 0, 20);
    for (int i = 0; i < 400 && n == 0; i++)
        assert_int_equal(bus_fetch(cursor, records, 1, &n, 50), ERR_OK);
    check_order(&seen, &records[0]);
    char before[32] = "";
    memcpy(before, records[0].value.at, records[0].value.len);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(bus_fetch(cursor, none, 0, &n, 0), ERR_OK);
        assert_int_equal(n, 0);
        nap_ms(20);
    }
    assert_memory_equal(before, records[0].value.at, records[0].value.len); /* still lent */
    assert_int_equal(fetch_some(cursor, 79, check_order, &seen), 79);       /* and nothing was skipped */
    bus_unsubscribe(cursor);
    bus_close(bus, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_staying_alive, begin, end),
        cmocka_unit_test_setup_teardown(test_rebalance, begin, end),
        cmocka_unit_test_setup_teardown(test_rebalance_while_busy, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
