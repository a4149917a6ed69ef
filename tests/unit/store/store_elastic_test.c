/* The verdicts of the Elasticsearch store against a fake node with one fault at a time. The real node has its own
 * tests: tests/stack-tests/store_elastic_test.c. */
#include "fake_elastic.h"

#include <jansson.h>

#include "base/clock.h"
#include "store/store_elastic_flow.h"

static struct fake fake;
static char url[256];

static int set_up(void **state)
{
    (void)state;
    fake_start(&fake, 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", fake.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_stop(&fake);
    return 0;
}

static struct store *open_with(struct store_options options)
{
    struct store *store = NULL;
    struct err_text text = {""};
    options.kind = "elastic";
    options.url = options.url ? options.url : url;
    options.retention_days = 7;
    enum err err = store_open(&store, &options, &text);
    if (err != ERR_OK)
        fail_msg("store_open: %s: %s", err_name(err), text.at);
    return store;
}

static struct store *open_store(void)
{
    return open_with((struct store_options){0});
}

/* Three beacons of three fresh events each. */
#define ITEMS 3
struct work {
    struct store *store;
    struct store_item items[ITEMS];
    struct refused refused;
};

static void work_start(struct work *work, struct store *store)
{
    *work = (struct work){.store = store};
    for (int i = 0; i < ITEMS; i++) {
        char id[24];
        snprintf(id, sizeof id, "beacon-%d", i);
        work->items[i] = make_item(STORE_BEACON, make_simple(id, clock_wall_ms() - 5000, 3));
    }
}

static enum err work_write(struct work *work)
{
    return store_write(work->store, work->items, ITEMS, NULL, NULL, 0, count_refused, &work->refused);
}

static uint32_t work_stored(const struct work *work)
{
    uint32_t stored = 0;
    for (int i = 0; i < ITEMS; i++)
        stored += work->items[i].stored;
    return stored;
}

static void work_stop(struct work *work)
{
    for (int i = 0; i < ITEMS; i++)
        make_free(work->items[i].value);
    store_close(work->store);
}

/* A row a case: what the node does once, what the first call says, and what stands after it and after the second. */
static void each_fault_leads_to_its_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct fault fault;
        enum err first;
        uint32_t first_stored, stored;
        int first_done;
        size_t refused;
    } cases[] = {
        {"no fault", {0}, ERR_OK, 9, 9, 3, 0},
        {"one document is to come later", {.documents = 1, .at = {5}, .status = {429}}, ERR_OK, 9, 9, 3, 0},
        {"all are", {.documents = 3, .at = {1, 4, 9}, .status = {429, 429, 429}}, ERR_OK, 9, 9, 3, 0},
        {"a shard is not there", {.documents = 1, .at = {1}, .status = {503}}, ERR_OK, 9, 9, 3, 0},
        {"one is refused", {.documents = 1, .at = {4}, .status = {400}}, ERR_OK, 8, 8, 3, 1},
        {"one is too large", {.documents = 1, .at = {4}, .status = {413}}, ERR_OK, 8, 8, 3, 1},
        {"one refused, one later, in the same beacon",
         {.documents = 2, .at = {4, 6}, .status = {400, 429}},
         ERR_OK,
         8,
         8,
         3,
         1},
        {"the index is blocked",
         {.documents = 1, .at = {9}, .status = {403}, .type = "cluster_block_exception"},
         ERR_OK,
         9,
         9,
         3,
         0},
        {"too many shards in the cluster",
         {.documents = 1, .at = {9}, .status = {400}, .type = "validation_exception"},
         ERR_OK,
         9,
         9,
         3,
         0},
        {"not allowed to write there",
         {.documents = 1, .at = {2}, .status = {403}, .type = "security_exception"},
         ERR_STORE_AUTH,
         8,
         9,
         2,
         0},
        {"no data stream", {.documents = 1, .at = {2}, .status = {404}}, ERR_AGAIN, 8, 9, 2, 0},
        {"a status that there is not", {.documents = 1, .at = {2}, .status = {700}}, ERR_AGAIN, 0, 1, 0, 0},
        {"the key is refused", {.whole_status = 401}, ERR_STORE_AUTH, 0, 9, 0, 0},
        {"not allowed", {.whole_status = 403}, ERR_STORE_AUTH, 0, 9, 0, 0},
        {"the cluster is blocked",
         {.whole_status = 403, .whole_body = "{\"error\":{\"type\":\"cluster_block_exception\"}}"},
         ERR_AGAIN,
         0,
         9,
         0,
         0},
        {"busy", {.whole_status = 429}, ERR_AGAIN, 0, 9, 0, 0},
        {"no master", {.whole_status = 503}, ERR_AGAIN, 0, 9, 0, 0},
        {"broken inside", {.whole_status = 500}, ERR_AGAIN, 0, 9, 0, 0},
        {"a stranger answers", {.whole_status = 200, .whole_body = "<html>hello</html>"}, ERR_AGAIN, 0, 9, 0, 0},
        {"nothing but success is said",
         {.whole_status = 200, .whole_body = "{\"errors\":false}"},
         ERR_AGAIN,
         0,
         9,
         0,
         0},
        {"too many verdicts",
         {.whole_status = 200,
          .whole_body = "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}"
                        ",{\"create\":{\"status\":201}},{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}"
                        ",{\"create\":{\"status\":201}},{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}"
                        ",{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]}"},
         ERR_AGAIN,
         0,
         9,
         0,
         0},
        {"cut short",
         {.whole_status = 200, .whole_body = "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"crea"},
         ERR_AGAIN,
         0,
         9,
         0,
         0},
        {"moved", {.whole_status = 301}, ERR_AGAIN, 0, 9, 0, 0},
        {"verdicts are missing", {.short_answer = true}, ERR_AGAIN, 0, 0, 0, 0},
        {"cut before", {.cut = true}, ERR_HTTP, 0, 9, 0, 0},
        /* nobody learns then that they were new */
        {"cut after", {.cut_after = true}, ERR_HTTP, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct work work;
        work_start(&work, open_store());
        fake.n_ids = 0;
        struct fault fault = cases[i].fault;
        fault.times = 1;
        fake_break(&fake, fault);
        enum err first = work_write(&work);
        uint32_t first_stored = work_stored(&work);
        int done = work.items[0].done + work.items[1].done + work.items[2].done;
        if (first != cases[i].first || first_stored != cases[i].first_stored || done != cases[i].first_done)
            fail_msg("%s: %s, %u stored, %d done", cases[i].name, err_name(first), first_stored, done);
        enum err second = work_write(&work);
        if (second != ERR_OK || work_stored(&work) != cases[i].stored || work.refused.n != cases[i].refused)
            fail_msg("%s: then %s, %u stored, %zu refused", cases[i].name, err_name(second), work_stored(&work),
                     work.refused.n);
        assert_true(fake.n_ids == (cases[i].refused ? 8 : 9));
        work_stop(&work);
    }
}

static void a_refused_document_is_told_once_with_its_reason(void **state)
{
    (void)state;
    struct work work;
    work_start(&work, open_store());
    /* the fourth document is the second beacon's first; the sixth keeps that beacon waiting for longer than a call */
    fake_break(
        &fake,
        (struct fault){
            .documents = 2, .at = {4, 6}, .status = {400, 404}, .times = 1, .type = "document_parsing_exception"});
    assert_int_equal(work_write(&work), ERR_AGAIN);
    assert_int_equal(work.refused.n, 0);
    fake_break(&fake, (struct fault){.documents = 1, .at = {1}, .status = {400}, .type = "document_parsing_exception"});
    assert_int_equal(work_write(&work), ERR_OK);
    assert_int_equal(work.refused.n, 1);
    assert_int_equal(work.refused.event, 0);
    assert_string_equal(work.refused.reason, "document_parsing_exception: why");
    assert_int_equal(work_stored(&work), 8);
    fake_break(&fake, (struct fault){0});
    assert_int_equal(work_write(&work), ERR_OK); /* nothing is left to do */
    assert_int_equal(work.refused.n, 1);
    work_stop(&work);
}

static size_t count_of(const char *text, const char *what)
{
    size_t n = 0;
    while ((text = strstr(text, what))) {
        n++;
        text += strlen(what);
    }
    return n;
}

/* The second request of the call has the two that were put off and nothing else; in the end the call gives up. */
static void only_what_was_put_off_is_sent_again(void **state)
{
    (void)state;
    struct work work;
    work_start(&work, open_store());
    fake_break(&fake, (struct fault){.documents = 2, .at = {2, 7}, .status = {429, 503}, .times = 1});
    assert_int_equal(work_write(&work), ERR_OK);
    assert_int_equal(fake.bulks, 2);
    assert_int_equal(count_of(fake.last_body, "\"create\""), 2);
    work_stop(&work);
    work_start(&work, open_store());
    fake.n_ids = 0;
    fake.bulks = 0;
    fake_break(&fake, (struct fault){.documents = 1, .at = {1}, .status = {429}});
    assert_int_equal(work_write(&work), ERR_AGAIN);
    assert_in_range(fake.bulks, 2, 10);
    assert_int_equal(work_stored(&work), 8);
    assert_true(work.items[1].done && work.items[2].done && !work.items[0].done);
    fake_break(&fake, (struct fault){0});
    assert_int_equal(work_write(&work), ERR_OK);
    assert_int_equal(work_stored(&work), 9);
    work_stop(&work);
}

static void retry_after_is_waited_for(void **state)
{
    (void)state;
    struct work work;
    int64_t start_ms = clock_mono_ms();
    work_start(&work, open_store());
    fake_break(&fake, (struct fault){.whole_status = 429, .retry_after_s = 1, .times = 1});
    assert_int_equal(work_write(&work), ERR_AGAIN);
    assert_int_equal(work_write(&work), ERR_AGAIN);
    assert_int_equal(fake.bulks, 1); /* nobody was asked */
    while (work_write(&work) == ERR_AGAIN)
        usleep(10000);
    assert_true(clock_mono_ms() - start_ms >= 1000);
    assert_int_equal(work_stored(&work), 9);
    work_stop(&work);
}

static void refused_credentials_make_it_unready(void **state)
{
    (void)state;
    struct work work;
    work_start(&work, open_store());
    assert_true(store_is_ready(work.store));
    fake_break(&fake, (struct fault){.whole_status = 401, .times = 1});
    assert_int_equal(work_write(&work), ERR_STORE_AUTH);
    assert_false(store_is_ready(work.store));
    assert_int_equal(work_write(&work), ERR_OK);
    assert_true(store_is_ready(work.store));
    work_stop(&work);
}

static void too_large_requests_are_halved_for_good(void **state)
{
    (void)state;
    enum { N = 300 };
    struct store *store = open_store();
    struct refused refused = {0};
    for (int round = 0; round < 2; round++) {
        struct store_item items[N];
        for (int i = 0; i < N; i++) {
            char id[24];
            snprintf(id, sizeof id, "beacon-%d-%d", round, i);
            items[i] = make_item(STORE_BEACON, make_simple(id, clock_wall_ms() - 5000, 3));
        }
        fake.largest = 0;
        fake_break(&fake, (struct fault){.max_bytes = 150000});
        assert_int_equal(store_write(store, items, N, NULL, NULL, 0, count_refused, &refused), ERR_OK);
        for (int i = 0; i < N; i++) {
            assert_int_equal(items[i].stored, 3);
            make_free(items[i].value);
        }
        assert_true(round == 0 ? fake.largest > 150000 : fake.largest <= 150000);
    }
    assert_int_equal(refused.n, 0);
    store_close(store);
}

static void a_document_too_large_alone_is_refused(void **state)
{
    (void)state;
    struct work work;
    work_start(&work, open_store());
    fake_break(&fake, (struct fault){.max_bytes = 10});
    assert_int_equal(work_write(&work), ERR_OK);
    assert_int_equal(work.refused.n, 9);
    assert_non_null(strstr(work.refused.reason, "413"));
    assert_int_equal(work_stored(&work), 0);
    work_stop(&work);
}

static void what_may_be_a_repeat_is_looked_up(void **state)
{
    (void)state;
    struct slice fresh = make_simple("fresh", clock_wall_ms() - 5000, 2);
    struct slice old = make_simple("old", clock_wall_ms() - 7200000, 2);
    /* received now, but its events are old: an agent's second attempt may come a day later */
    struct make_beacon left_over = {.id = "left-over", .received_ms = clock_wall_ms(), .n = 1};
    left_over.events[0] = (struct make_event){EVENT_PAGE, clock_wall_ms() - 86400000, NULL, NULL};
    struct make_beacon dreamer = {.id = "dreamer", .received_ms = clock_wall_ms(), .n = 1};
    dreamer.events[0] = (struct make_event){EVENT_PAGE, clock_wall_ms() + 86400000, NULL, NULL};
    const struct {
        struct slice value;
        int searches;
        uint32_t n;
    } cases[] = {{fresh, 0, 2}, {old, 1, 2}, {make_record(&left_over), 1, 1}, {make_record(&dreamer), 0, 1}};
    fake.backing = 2;
    fake.created_ms = clock_wall_ms() - 3600000;
    struct store *store = open_store();
    struct refused refused = {0};
    for (size_t i = 0; i < 4; i++) {
        for (int again = 0; again < 2; again++) {
            struct store_item item = make_item(STORE_BEACON, cases[i].value);
            int searches = fake.searches, bulks = fake.bulks;
            assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
            assert_int_equal(fake.searches - searches, cases[i].searches);
            assert_int_equal(fake.bulks - bulks, cases[i].searches && again ? 0 : 1);
            assert_int_equal(item.stored, again ? 0 : cases[i].n);
            assert_true(item.done);
        }
        make_free(cases[i].value);
    }
    assert_int_equal(fake.refreshes, 1);
    store_close(store);
}

static void without_a_rollover_nothing_is_looked_up(void **state)
{
    (void)state;
    struct slice old = make_simple("old", clock_wall_ms() - 7200000, 2);
    fake.created_ms = clock_wall_ms();
    struct store *store = open_store();
    struct refused refused = {0};
    struct store_item item = make_item(STORE_BEACON, old);
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(fake.searches, 0);
    make_free(old);
    store_close(store);
}

/* The stream rolls over between two deliveries of the same beacons, and nobody has told the store: the second delivery
 * is stored for a moment, found out after the call, and removed. */
static void a_rollover_between_two_deliveries_leaves_no_doubles(void **state)
{
    (void)state;
    struct work work, again;
    work_start(&work, open_store());
    assert_int_equal(work_write(&work), ERR_OK);
    assert_int_equal(fake.n_ids, 9);
    work_start(&again, work.store);
    fake.rollover_after = 1;
    assert_int_equal(work_write(&again), ERR_OK);
    assert_int_equal(work_stored(&again), 0);
    assert_int_equal(fake.bulks, 2);
    assert_int_equal(fake.n_ids, 9);
    assert_int_equal(fake.removed, 9);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(fake.in[i], 1);
    for (int i = 0; i < ITEMS; i++)
        make_free(again.items[i].value);
    work_stop(&work);
}

static void a_hanging_node_does_not_hold_up_the_end(void **state)
{
    (void)state;
    struct work work;
    work_start(&work, open_store());
    int64_t start_ms = clock_mono_ms();
    pthread_mutex_lock(&fake.mutex); /* it takes what is sent and says nothing */
    store_give_up(work.store, 500);
    assert_int_equal(work_write(&work), ERR_TIMED_OUT);
    pthread_mutex_unlock(&fake.mutex);
    assert_true(clock_mono_ms() - start_ms < 20000);
    assert_int_equal(work_write(&work), ERR_TIMED_OUT);
    work_stop(&work);
}

static void what_is_sent_may_be_compressed(void **state)
{
    (void)state;
    struct work work;
    work_start(&work, open_with((struct store_options){.compress = true}));
    assert_int_equal(work_write(&work), ERR_AGAIN); /* this node does not read it, and says so in its own way */
    assert_memory_equal(fake.last_body, "\x1f\x8b", 2);
    work_stop(&work);
}

/* Many requests in flight, of all sizes: each document arrives once. */
static void many_requests_are_one_write(void **state)
{
    (void)state;
    enum { N = 1000 };
    static struct store_item items[N];
    struct store *store = open_with((struct store_options){.bulk_bytes = 65536, .requests = 8});
    struct refused refused = {0};
    for (int i = 0; i < N; i++) {
        char id[24];
        snprintf(id, sizeof id, "many-%d", i);
        items[i] = make_item(STORE_BEACON, make_simple(id, clock_wall_ms() - 5000, 5));
    }
    fake_break(&fake, (struct fault){.documents = 1, .at = {17}, .status = {429}, .times = 3});
    assert_int_equal(store_write(store, items, N, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(fake.n_ids, 5 * N);
    assert_in_range(fake.bulks, 30, 200);
    assert_true(fake.largest < 65536 + 4096);
    for (int i = 0; i < N; i++) {
        assert_int_equal(items[i].stored, 5);
        make_free(items[i].value);
    }
    store_close(store);
}

static atomic_ulong allocations;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *at, size_t size)
{
    (void)at, (void)size;
    allocations++;
}

static void on_free(const volatile void *at)
{
    (void)at;
}

static void count_allocations(void)
{
    assert_true(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free));
}
#else
extern void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

static void count_allocations(void)
{
}
#endif

static unsigned long allocations_of(struct store *store, int n, const char *prefix)
{
    static struct store_item items[400];
    struct refused refused = {0};
    for (int i = 0; i < n; i++) {
        char id[32];
        snprintf(id, sizeof id, "%s-%d", prefix, i);
        items[i] = make_item(STORE_BEACON, make_simple(id, clock_wall_ms() - 5000, 10));
    }
    unsigned long before = allocations;
    assert_int_equal(store_write(store, items, (size_t)n, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    unsigned long during = allocations - before;
    for (int i = 0; i < n; i++)
        make_free(items[i].value);
    return during;
}

/* A request costs libcurl some allocations, and the node of this test as many; a document costs none. */
static void a_document_costs_no_allocation(void **state)
{
    (void)state;
    count_allocations();
    struct store *store = open_store();
    fake.says_little = true;
    allocations_of(store, 400, "warm");
    fake.n_ids = 0;
    unsigned long few = allocations_of(store, 40, "few");
    fake.n_ids = 0;
    unsigned long many = allocations_of(store, 400, "many");
    print_message("    %lu allocations for 400 documents, %lu for 4,000\n", few, many);
    assert_true(many < few + 400);
    store_close(store);
}

static void cloud_ids_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *cloud_id, *says; /* NULL: it is taken */
    } cases[] = {
        /* eu-west-1.aws.found.io$0123abcd$kibana01 */
        {"shop:ZXUtd2VzdC0xLmF3cy5mb3VuZC5pbyQwMTIzYWJjZCRraWJhbmEwMQ==",
         "https://0123abcd.eu-west-1.aws.found.io:443"},
        /* found.io:9243$0123abcd$kibana01 */
        {"a:b:Zm91bmQuaW86OTI0MyQwMTIzYWJjZCRraWJhbmEwMQ==", "https://0123abcd.found.io:9243"},
        /* found.io:9243$0123abcd:9200 */
        {"Zm91bmQuaW86OTI0MyQwMTIzYWJjZDo5MjAw", "https://0123abcd.found.io:9200"},
        {"shop:!!", "base64"},
        {"shop:", "base64"},
        {"shop:Zm91bmQuaW8=", "does not hold"},         /* found.io */
        {"shop:Zm91bmQuaW8kYUBiJGM=", "does not hold"}, /* found.io$a@b$c */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct elastic elastic = {0};
        struct err_text text = {""};
        enum err err = elastic_read_nodes(&elastic, "", cases[i].cloud_id, &text);
        if (err == ERR_OK)
            assert_string_equal(elastic.nodes[0].url, cases[i].says);
        else if (!strstr(text.at, cases[i].says))
            fail_msg("%s: %s", cases[i].cloud_id, text.at);
        if (elastic.n_nodes)
            free(elastic.nodes[0].url);
    }
    struct elastic both = {0};
    struct err_text text = {""};
    assert_int_equal(elastic_read_nodes(&both, url, cases[0].cloud_id, &text), ERR_CONFIG);
}

static void a_node_that_failed_is_left_alone_for_a_while(void **state)
{
    (void)state;
    struct elastic elastic = {0};
    struct err_text text = {""};
    assert_int_equal(elastic_read_nodes(&elastic, "http://a, http://b,http://c/", NULL, &text), ERR_OK);
    clock_fake(NOW_MS, 1000000);
    elastic_note_node(&elastic, 1, ERR_HTTP, 0);
    for (int i = 0; i < 6; i++)
        assert_int_not_equal(elastic_pick_node(&elastic), 1);
    clock_fake(NOW_MS, 1000000 + 2000 + 1);
    bool picked = false;
    for (int i = 0; i < 3; i++)
        picked = picked || elastic_pick_node(&elastic) == 1;
    assert_true(picked);
    for (unsigned node = 0; node < 3; node++)
        elastic_note_node(&elastic, node, ERR_OK, 503);
    elastic_pick_node(&elastic); /* all are dead: one of them all the same */
    elastic_note_node(&elastic, 2, ERR_OK, 200);
    for (int i = 0; i < 3; i++)
        assert_int_equal(elastic_pick_node(&elastic), 2);
    clock_fake(-1, 0);
    for (int i = 0; i < 3; i++)
        free(elastic.nodes[i].url);
}

static void what_is_sent_at_once_adapts(void **state)
{
    (void)state;
    struct flow flow;
    flow_init(&flow, 4u << 20, 4);
    size_t first = flow_bytes(&flow);
    for (int i = 0; i < 100; i++)
        flow_note_good(&flow, flow_bytes(&flow), true, 50);
    assert_int_equal(flow_bytes(&flow), 4u << 20);
    assert_int_equal(flow_requests(&flow), 4);
    flow_note_busy(&flow);
    assert_int_equal(flow_bytes(&flow), 2u << 20);
    assert_int_equal(flow_requests(&flow), 2);
    for (int i = 0; i < 20; i++)
        flow_note_busy(&flow);
    assert_int_equal(flow_bytes(&flow), BULK_BYTES_LEAST);
    assert_int_equal(flow_requests(&flow), 1);
    assert_true(flow_note_too_large(&flow, 1u << 20));
    for (int i = 0; i < 100; i++)
        flow_note_good(&flow, flow_bytes(&flow), true, 50);
    assert_int_equal(flow_bytes(&flow), 1u << 19); /* never as large again */
    flow_note_good(&flow, 1u << 19, true, 60000);
    assert_true(flow_bytes(&flow) < 1u << 19 && first == BULK_BYTES_FIRST);
    flow_done(&flow);
}

static void a_dead_address_is_passed_over(void **state)
{
    (void)state;
    char urls[300];
    snprintf(urls, sizeof urls, "http://127.0.0.1:1, %s/", url);
    struct work work;
    work_start(&work, open_with((struct store_options){.url = urls}));
    assert_int_equal(work_write(&work), ERR_OK);
    assert_int_equal(work_stored(&work), 9);
    work_stop(&work);
}

static void a_node_that_comes_later_is_set_up_then(void **state)
{
    (void)state;
    int port = fake.port;
    fake_stop(&fake);
    struct work work;
    work_start(&work, open_store());
    assert_int_equal(work_write(&work), ERR_HTTP);
    assert_false(store_is_ready(work.store));
    fake_start(&fake, port);
    assert_int_equal(work_write(&work), ERR_OK);
    assert_int_equal(fake.puts, 5);
    assert_int_equal(work_stored(&work), 9);
    assert_true(store_is_ready(work.store));
    work_stop(&work);
}

static void a_lost_stream_is_set_up_again(void **state)
{
    (void)state;
    struct work work;
    work_start(&work, open_store());
    assert_int_equal(fake.puts, 5);
    fake_break(&fake, (struct fault){.documents = 1, .at = {2}, .status = {404}, .times = 1});
    assert_int_equal(work_write(&work), ERR_AGAIN);
    assert_int_equal(work_write(&work), ERR_OK);
    assert_int_equal(fake.puts, 10);
    work_stop(&work);
}

static void templates_are_installed_when_missing_or_older(void **state)
{
    (void)state;
    static const struct {
        enum fake_templates installed;
        int puts;
    } cases[] = {{FAKE_NONE, 5}, {FAKE_OLDER, 5}, {FAKE_SAME, 0}, {FAKE_NEWER, 0}};
    for (size_t i = 0; i < 4; i++) {
        fake.puts = 0;
        fake.templates = cases[i].installed;
        store_close(open_store());
        assert_int_equal(fake.puts, cases[i].puts);
    }
    struct store_options options = {.kind = "elastic", .url = url, .retention_days = 7};
    struct err_text text = {""};
    fake.puts = 0;
    fake.templates = FAKE_SAME;
    assert_int_equal(store_setup(&options, &text), ERR_OK); /* asked for, what is as it should be stays too */
    assert_int_equal(fake.puts, 0);
    assert_non_null(strstr(text.at, "0 of 5 templates installed, the others are as they should be"));
    fake.templates = FAKE_NONE;
    fake.refuses_lifecycle = true;
    assert_int_equal(store_setup(&options, &text), ERR_OK);
    assert_non_null(strstr(text.at, "left out: the retention"));
    fake.version = "7.9.1";
    assert_int_equal(store_setup(&options, &text), ERR_STORE_OPEN);
    assert_non_null(strstr(text.at, "7.9.1"));
}

static void credentials_are_sent_and_their_refusal_said(void **state)
{
    (void)state;
    struct store *store = NULL;
    struct err_text text = {""};
    fake.wants_key = true;
    struct store_options options = {.kind = "elastic", .url = url, .api_key = "wrong", .retention_days = 7};
    assert_int_equal(store_open(&store, &options, &text), ERR_STORE_AUTH);
    assert_null(strstr(text.at, "wrong"));
    struct work work;
    work_start(&work, open_with((struct store_options){.api_key = "secret"}));
    assert_int_equal(work_write(&work), ERR_OK);
    work_stop(&work);
}

static void wrong_addresses_and_namespaces_are_said(void **state)
{
    (void)state;
    static const struct {
        const char *url, *namespace_, *says;
    } cases[] = {
        {"", "default", "no address"},
        {"localhost:9200", "default", "localhost:9200"},
        {"http://a:9200", "Upper", "Upper"},
        {"http://a:9200", "with-hyphen", "with-hyphen"},
        {"http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8,http://9", "", "more than 8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store_options options = {.kind = "elastic", .url = cases[i].url, .namespace_ = cases[i].namespace_};
        struct store *store = NULL;
        struct err_text text = {""};
        assert_int_equal(store_open(&store, &options, &text), ERR_CONFIG);
        if (!strstr(text.at, cases[i].says))
            fail_msg("%s does not say %s", text.at, cases[i].says);
    }
}

static void values_that_cannot_be_read_are_refused(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    struct store_item items[] = {make_item(STORE_BEACON, SLICE("nonsense")),
                                 make_item(STORE_ROLLUP, SLICE("")),
                                 make_item(STORE_ALERT, SLICE("x")),
                                 {.kind = STORE_REJECT, .value = SLICE("{}"), .id = SLICE("a\"b")}};
    assert_int_equal(store_write(store, items, 4, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(refused.n, 4);
    assert_int_equal(fake.bulks, 0);
    struct slice newer = make_simple("b", clock_wall_ms(), 1);
    ((char *)(uintptr_t)newer.at)[2] = RECORD_VERSION + 1;
    struct slice good = make_simple("c", clock_wall_ms(), 1);
    struct store_item two[] = {make_item(STORE_BEACON, good), make_item(STORE_BEACON, newer)};
    assert_int_equal(store_write(store, two, 2, NULL, NULL, 0, count_refused, &refused), ERR_NEWER_VERSION);
    assert_true(two[0].done && !two[1].done);
    make_free(good);
    make_free(newer);
    store_close(store);
}

static void a_document_stays_on_one_line(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_item item = {.kind = STORE_REJECT, .value = SLICE("{\"a\":\n1,\n\"b\":2}"), .id = SLICE("id-1")};
    struct refused refused = {0};
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_non_null(strstr(fake.last_body, "{\"a\": 1, \"b\":2}\n"));
    store_close(store);
}

/* Each is sent once: it is not looked for in older backing indices. */
static void what_seismo_says_of_itself_has_a_stream_of_its_own(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    fake.backing = 2;
    fake.searches = 0;
    struct store_item item = {.kind = STORE_HEALTH, .value = SLICE("{\"a\":1}"), .id = SLICE("id-1")};
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_true(item.done && item.stored == 1);
    assert_non_null(strstr(fake.last_body, "{\"a\":1}\n"));
    assert_non_null(strstr(fake.last_bulk, "/metrics-seismo.health-default/_bulk"));
    assert_int_equal(fake.searches, 0);
    store_close(store);
}

/* ---- the templates say everything that documents have ---- */

static json_t *load(const char *name)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, SEISMO_SOURCE "/schemas/%s", name);
    json_t *root = json_load_file(path, 0, &error);
    if (!root)
        fail_msg("%s: %s", path, error.text);
    return root;
}

static void check_mapped(const json_t *fields, const char *name, const char *template)
{
    if (!json_object_get(fields, name))
        fail_msg("%s is not mapped in schemas/elasticsearch/%s", name, template);
}

static void check_ecs_names(const json_t *value, const json_t *fields)
{
    const char *name;
    json_t *member;
    size_t i;
    if (json_is_string(json_object_get(value, "x-ecs")))
        check_mapped(fields, json_string_value(json_object_get(value, "x-ecs")), "events.json");
    json_object_foreach((json_t *)(uintptr_t)value, name, member) check_ecs_names(member, fields);
    json_array_foreach(value, i, member) check_ecs_names(member, fields);
}

static void every_documented_field_is_mapped(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *template;
    } cases[] = {{"document.schema.json", "elasticsearch/events.json"},
                 {"rollup.schema.json", "elasticsearch/rollups.json"},
                 {"alert.schema.json", "elasticsearch/alerts.json"},
                 {"health.schema.json", "elasticsearch/health.json"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *schema = load(cases[i].schema), *template = load(cases[i].template), *field;
        json_t *mappings = json_object_get(json_object_get(template, "template"), "mappings");
        const json_t *fields = json_object_get(mappings, "properties");
        const char *name;
        json_object_foreach(json_object_get(schema, "properties"), name, field)
            check_mapped(fields, name, cases[i].template);
        if (i == 0) {
            json_t *beacon = load("beacon.schema.json");
            check_ecs_names(beacon, fields);
            json_decref(beacon);
        }
        json_decref(schema);
        json_decref(template);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_fault_leads_to_its_verdict),
        TEST(a_refused_document_is_told_once_with_its_reason),
        TEST(only_what_was_put_off_is_sent_again),
        TEST(retry_after_is_waited_for),
        TEST(refused_credentials_make_it_unready),
        TEST(too_large_requests_are_halved_for_good),
        TEST(a_document_too_large_alone_is_refused),
        TEST(what_may_be_a_repeat_is_looked_up),
        TEST(without_a_rollover_nothing_is_looked_up),
        TEST(a_rollover_between_two_deliveries_leaves_no_doubles),
        TEST(a_hanging_node_does_not_hold_up_the_end),
        TEST(what_is_sent_may_be_compressed),
        TEST(many_requests_are_one_write),
        TEST(a_document_costs_no_allocation),
        cmocka_unit_test(cloud_ids_are_read),
        cmocka_unit_test(a_node_that_failed_is_left_alone_for_a_while),
        cmocka_unit_test(what_is_sent_at_once_adapts),
        TEST(a_dead_address_is_passed_over),
        TEST(a_node_that_comes_later_is_set_up_then),
        TEST(a_lost_stream_is_set_up_again),
        TEST(templates_are_installed_when_missing_or_older),
        TEST(credentials_are_sent_and_their_refusal_said),
        TEST(wrong_addresses_and_namespaces_are_said),
        TEST(values_that_cannot_be_read_are_refused),
        TEST(a_document_stays_on_one_line),
        TEST(what_seismo_says_of_itself_has_a_stream_of_its_own),
        cmocka_unit_test(every_documented_field_is_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
