/* The Elasticsearch store against a real node at ELASTIC_URL; a namespace of its own, so that it can run again. */
#include "unit/store/make.h"

#include <jansson.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/http.h"
#include "store/store_elastic.h"

static const char *url;
static char namespace_[64];
static struct collected collected;

static struct store_options options(void)
{
    return (struct store_options){.kind = "elastic", .url = url, .namespace_ = namespace_, .retention_days = 7};
}

static struct store *open_store(void)
{
    struct store_options with = options();
    struct store *store = NULL;
    struct err_text text = {""};
    enum err err = store_open(&store, &with, &text);
    if (err != ERR_OK)
        fail_msg("store_open: %s: %s", err_name(err), text.at);
    return store;
}

/* The answer's body, to be released by json_decref. */
static json_t *call(const char *method, const char *path, const char *body)
{
    char address[1024];
    struct http_options http = {.connect_timeout_ms = 5000, .timeout_ms = 30000, .max_response = 1 << 20};
    struct http_client *client = http_client_new(&http);
    struct http_response response;
    struct err_text text = {""};
    snprintf(address, sizeof address, "%s%s", url, path);
    struct http_request request = {
        .method = method, .url = address, .body = slice_of(body), .content_type = body ? "application/json" : NULL};
    http_response_init(&response, 1 << 20);
    if (http_send(client, &request, &response, &text) != ERR_OK)
        fail_msg("%s %s: %s", method, path, text.at);
    json_t *root = json_loadb(response.body.at, response.body.len, 0, NULL);
    if (response.status >= 300)
        fail_msg("%s %s: %d %s", method, path, response.status, response.body.at);
    http_response_done(&response);
    http_client_free(client);
    return root;
}

static void refresh(void)
{
    char path[256];
    snprintf(path, sizeof path, "/*-seismo.*-%s/_refresh", namespace_);
    json_decref(call("POST", path, NULL));
}

static json_int_t count(const char *stream)
{
    char path[256];
    refresh();
    snprintf(path, sizeof path, "/%s-%s/_count", stream, namespace_);
    json_t *root = call("GET", path, NULL);
    json_int_t n = json_integer_value(json_object_get(root, "count"));
    json_decref(root);
    return n;
}

static uint32_t write_one(struct store *store, enum store_item_kind kind, struct slice value)
{
    struct refused refused = {0};
    struct store_item item = make_item(kind, value);
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_true(item.done);
    if (refused.n)
        fail_msg("refused: %s", refused.reason);
    make_free(value);
    return item.stored;
}

static size_t read_all(struct store *store, struct store_event_query query)
{
    collected.n = 0;
    refresh();
    assert_int_equal(store_read_events(store, &query, collect_document, &collected), ERR_OK);
    return collected.n;
}

/* A new namespace for each test. */
static int set_up(void **state)
{
    static int n;
    (void)state;
    snprintf(namespace_, sizeof namespace_, "test_%lld_%d_%d", (long long)time(NULL), getpid(), n++);
    return 0;
}

static void events_are_stored_once_and_found(void **state)
{
    (void)state;
    int64_t now = clock_wall_ms();
    const struct make_beacon beacons[] = {
        {"shop",
         "web",
         "session-1",
         "ann",
         "beacon-1",
         now,
         3,
         {{EVENT_PAGE, now - 3000, NULL, "/home"},
          {EVENT_ERROR, now - 2000, "E-AAAAAAAA", "/home"},
          {EVENT_CLICK, now - 1000, NULL, "/cart"}}},
        {"blog",
         "app",
         "session-2",
         NULL,
         "beacon-2",
         now,
         2,
         {{EVENT_API, now - 7200000, NULL, "/home"}, {EVENT_PAGE, now, NULL, "/cart"}}},
    };
    static const struct {
        const char *name;
        struct store_event_query query;
        size_t n;
    } cases[] = {
        {"all", {.limit = 0}, 5},
        {"application", {.application = {"shop", 4}}, 3},
        {"service", {.service = {"app", 3}}, 2},
        {"session", {.session = {"session-1", 9}}, 3},
        {"user", {.user = {"ann", 3}}, 3},
        {"beacon", {.beacon = {"beacon-2", 8}}, 2},
        {"code", {.code = {"E-AAAAAAAA", 10}}, 1},
        {"kind", {.kind = {"page", 4}}, 2},
        {"page", {.page = {"/cart", 5}}, 2},
        {"limit", {.limit = 2, .newest_first = true}, 2},
    };
    struct store *store = open_store();
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(write_one(store, STORE_BEACON, make_record(&beacons[i])), beacons[i].n);
        assert_int_equal(write_one(store, STORE_BEACON, make_record(&beacons[i])), 0);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = read_all(store, cases[i].query);
        if (n != cases[i].n)
            fail_msg("%s: %zu instead of %zu", cases[i].name, n, cases[i].n);
    }
    assert_int_equal(read_all(store, (struct store_event_query){.from_ms = now - 2000, .to_ms = now}), 2);
    assert_int_equal(read_all(store, (struct store_event_query){.newest_first = true}), 5);
    assert_non_null(strstr(collected.texts[0], "/cart"));
    assert_non_null(strstr(collected.texts[4], "\"api\""));
    assert_true(store_is_ready(store));
    assert_false(store_keeps_positions(store));
    store_close(store);
}

/* The same bytes from either store. */
static void documents_come_back_as_they_were_written(void **state)
{
    (void)state;
    char folder[] = "/tmp/seismo-store-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct store *store = open_store(), *other = NULL;
    struct store_options with = {.kind = "sqlite", .path = folder, .retention_days = 7};
    assert_int_equal(store_open(&other, &with, NULL), ERR_OK);
    struct slice value = make_simple("beacon-1", clock_wall_ms(), 3);
    for (int i = 0; i < 2; i++) {
        struct refused refused = {0};
        struct store_item item = make_item(STORE_BEACON, value);
        assert_int_equal(store_write(i ? other : store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    }
    assert_int_equal(read_all(store, (struct store_event_query){0}), 3);
    struct collected *first = malloc(sizeof *first);
    *first = collected;
    assert_int_equal(read_all(other, (struct store_event_query){0}), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(first->ids[i], collected.ids[i]);
        assert_string_equal(first->texts[i], collected.texts[i]);
    }
    free(first);
    make_free(value);
    store_close(other);
    store_close(store);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void repeats_are_found_across_a_rollover(void **state)
{
    (void)state;
    struct store *store = open_store();
    int64_t then = clock_wall_ms() - 5 * 60000;
    char path[256];
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("beacon-1", then, 3)), 3);
    assert_int_equal(write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", then - 600000, 60)), 1);
    refresh();
    for (int i = 0; i < 2; i++) {
        static const char *const streams[] = {"logs-seismo.events", "metrics-seismo.rollups"};
        snprintf(path, sizeof path, "/%s-%s/_rollover", streams[i], namespace_);
        json_decref(call("POST", path, NULL));
    }
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("beacon-1", then, 3)), 0);
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("beacon-2", then, 2)), 2);
    assert_int_equal(write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", then - 600000, 60)), 0);
    assert_int_equal(count("logs-seismo.events"), 5);
    assert_int_equal(count("metrics-seismo.rollups"), 1);
    store_close(store);
}

static void a_document_that_the_node_cannot_take_is_refused_alone(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    struct slice good = make_simple("beacon-1", clock_wall_ms(), 2);
    struct store_item items[] = {
        {.kind = STORE_REJECT, .value = SLICE("{\"@timestamp\":\"no time\"}"), .id = SLICE("id-1")},
        {.kind = STORE_REJECT,
         .value = SLICE("{\"@timestamp\":\n1795132800000,\"unknown\":{\"x\":1}}"),
         .id = SLICE("id-2")},
        make_item(STORE_BEACON, good)};
    assert_int_equal(store_write(store, items, 3, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(refused.n, 1);
    assert_non_null(strstr(refused.reason, "document_parsing_exception"));
    assert_int_equal(items[0].stored, 0);
    assert_int_equal(items[1].stored, 1);
    assert_int_equal(items[2].stored, 2);
    make_free(good);
    store_close(store);
}

static void a_blocked_index_means_later(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct refused refused = {0};
    char path[256];
    assert_int_equal(write_one(store, STORE_BEACON, make_simple("beacon-1", clock_wall_ms(), 1)), 1);
    snprintf(path, sizeof path, "/logs-seismo.events-%s/_settings", namespace_);
    json_decref(call("PUT", path, "{\"index.blocks.write\":true}"));
    struct slice value = make_simple("beacon-2", clock_wall_ms(), 2);
    struct store_item item = make_item(STORE_BEACON, value);
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_AGAIN);
    assert_false(item.done);
    json_decref(call("PUT", path, "{\"index.blocks.write\":null}"));
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(item.stored, 2);
    assert_int_equal(refused.n, 0);
    make_free(value);
    store_close(store);
}

/* ---- forgetting ---- */

static struct slice of_user(const char *id, const char *session, const char *user, size_t n)
{
    int64_t at_ms = clock_wall_ms() - 60000;
    struct make_beacon beacon = {.id = id, .session = session, .user = user, .received_ms = at_ms, .n = n};
    for (size_t i = 0; i < n; i++)
        beacon.events[i] = (struct make_event){EVENT_PAGE, at_ms + (int64_t)i, NULL, "/home"};
    return make_record(&beacon);
}

static void write_reject(struct store *store, const char *id, struct slice record)
{
    struct refused refused = {0};
    struct buf json;
    char now[CLOCK_TEXT_BYTES];
    clock_text(clock_wall_ms(), now);
    buf_init(&json, 65536);
    buf_printf(&json, "{\"@timestamp\":\"%s\",\"event.original\":\"", now);
    elastic_add_base64(&json, record);
    buf_text(&json, "\"}");
    struct store_item item = {STORE_REJECT, buf_slice(&json), slice_of(id), false, 0};
    assert_int_equal(store_write(store, &item, 1, NULL, NULL, 0, count_refused, &refused), ERR_OK);
    assert_int_equal(item.stored, 1);
    buf_done(&json);
    make_free(record);
}

static enum err forget(struct store *store, bool is_trial, struct store_forgotten *ret_forgotten)
{
    const struct store_forgetting forgetting = {.user = SLICE("ann"), .is_trial = is_trial, .keep_ms = 60000};
    struct err_text text = {""};
    return store_forget(store, &forgetting, ret_forgotten, &text);
}

static void roll_over(void)
{
    char path[256];
    snprintf(path, sizeof path, "/logs-seismo.events-%s/_rollover", namespace_);
    json_decref(call("POST", path, NULL));
}

/* Out of every backing index, and what was written a moment ago too. */
static void a_user_is_forgotten(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_forgotten forgotten;
    assert_int_equal(forget(store, false, &forgotten), ERR_OK); /* nothing is there yet */
    assert_int_equal(forgotten.events, 0);
    write_one(store, STORE_BEACON, of_user("b-1", "s-1", "", 2));
    write_one(store, STORE_BEACON, of_user("b-2", "s-1", "ann", 3));
    roll_over();
    write_one(store, STORE_BEACON, of_user("b-3", "s-2", "ann", 4));
    write_one(store, STORE_BEACON, of_user("b-4", "s-2", "bob", 5));
    write_one(store, STORE_BEACON, of_user("b-5", "s-3", "", 6));
    write_reject(store, "r-1", of_user("b-6", "s-9", "ann", 1));
    write_reject(store, "r-2", of_user("b-7", "s-2", "", 1));
    write_reject(store, "r-3", of_user("b-8", "s-2", "bob", 1));
    refresh(); /* so that the sessions can be looked up */
    assert_int_equal(forget(store, true, &forgotten), ERR_OK);
    assert_int_equal(forgotten.events, 9);
    assert_int_equal(forgotten.rejects, 2);
    assert_int_equal(count("logs-seismo.events"), 20);
    assert_int_equal(forget(store, false, &forgotten), ERR_OK);
    assert_int_equal(forgotten.events, 9);
    assert_int_equal(forgotten.sessions, 2);
    assert_int_equal(forgotten.rejects, 2);
    assert_int_equal(count("logs-seismo.events"), 11);
    assert_int_equal(count("logs-seismo.rejects"), 1);
    assert_int_equal(read_all(store, (struct store_event_query){.user = SLICE("ann")}), 0);
    assert_int_equal(read_all(store, (struct store_event_query){.user = SLICE("bob")}), 5);
    store_close(store);
}

/* It is said, and once more does the rest. */
static void what_cannot_be_forgotten_is_said(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct store_forgotten forgotten;
    char path[256];
    write_one(store, STORE_BEACON, of_user("b-1", "s-1", "ann", 3));
    roll_over();
    write_one(store, STORE_BEACON, of_user("b-2", "s-1", "ann", 2));
    refresh();
    snprintf(path, sizeof path, "/logs-seismo.events-%s/_settings", namespace_);
    json_decref(call("PUT", path, "{\"index.blocks.write\":true}"));
    assert_int_not_equal(forget(store, false, &forgotten), ERR_OK);
    json_decref(call("PUT", path, "{\"index.blocks.write\":null}"));
    assert_int_equal(forget(store, false, &forgotten), ERR_OK);
    assert_int_equal(forgotten.events, 5);
    assert_int_equal(count("logs-seismo.events"), 0);
    store_close(store);
}

static bool count_all(void *ctx, struct slice id, struct slice json)
{
    (void)id, (void)json;
    ++*(size_t *)ctx;
    return true;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* More than one search may give back, through a point in time; and how fast it goes. */
static void many_documents_go_in_and_come_out(void **state)
{
    (void)state;
    enum { ROUNDS = 10, BEACONS = 500, EVENTS = 10 };
    struct store *store = open_store();
    struct refused refused = {0};
    double took = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct store_item items[BEACONS];
        int64_t now = clock_wall_ms();
        for (int i = 0; i < BEACONS; i++) {
            char id[32];
            snprintf(id, sizeof id, "beacon-%d-%d", round, i);
            items[i] = make_item(STORE_BEACON, make_simple(id, now - 10000, EVENTS));
        }
        double start = seconds();
        assert_int_equal(store_write(store, items, BEACONS, NULL, NULL, 0, count_refused, &refused), ERR_OK);
        took += seconds() - start;
        for (int i = 0; i < BEACONS; i++) {
            assert_int_equal(items[i].stored, EVENTS);
            make_free(items[i].value);
        }
    }
    refresh();
    double start = seconds();
    size_t n = 0;
    assert_int_equal(store_read_events(store, &(struct store_event_query){0}, count_all, &n), ERR_OK);
    print_message("    %d documents in at %.0f/s, out at %.0f/s\n", ROUNDS * BEACONS * EVENTS,
                  ROUNDS * BEACONS * EVENTS / took, (double)n / (seconds() - start));
    assert_int_equal(n, ROUNDS * BEACONS * EVENTS);
    n = 0;
    assert_int_equal(store_read_events(store, &(struct store_event_query){.limit = 2500}, count_all, &n), ERR_OK);
    assert_int_equal(n, 2500);
    store_close(store);
}

static void state_is_compared_and_set(void **state)
{
    (void)state;
    struct store *store = open_store(), *other = open_store();
    struct buf value;
    uint64_t version = 9, newer = 0;
    char bytes[700];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    buf_init(&value, STORE_STATE_BYTES);
    assert_int_equal(store_state_get(store, "a key/with ?", &value, &version), ERR_MISSING);
    assert_int_equal(version, 0);
    assert_int_equal(store_state_put(store, "a key/with ?", (struct slice){bytes, sizeof bytes}, 0, &newer), ERR_OK);
    assert_int_equal(store_state_put(other, "a key/with ?", SLICE("two"), 0, &version), ERR_CONFLICT);
    assert_int_equal(store_state_get(other, "a key/with ?", &value, &version), ERR_OK);
    assert_int_equal(version, newer);
    assert_true(slice_equal(buf_slice(&value), (struct slice){bytes, sizeof bytes}));
    assert_int_equal(store_state_put(other, "a key/with ?", SLICE("two"), version, &version), ERR_OK);
    assert_int_equal(store_state_put(store, "a key/with ?", SLICE("three"), newer, &newer), ERR_CONFLICT);
    char *large = calloc(1, STORE_STATE_BYTES);
    assert_int_equal(store_state_put(store, "large", (struct slice){large, STORE_STATE_BYTES}, 0, &newer), ERR_OK);
    buf_clear(&value);
    assert_int_equal(store_state_get(store, "large", &value, &newer), ERR_OK);
    assert_int_equal(value.len, STORE_STATE_BYTES);
    free(large);
    buf_done(&value);
    store_close(other);
    store_close(store);
}

struct found {
    size_t n;
    double p75;
    struct alert alerts[8];
};
static bool collect_rollup(void *ctx, const struct rollup *rollup)
{
    struct found *found = ctx;
    found->n++;
    found->p75 = sketch_quantile(&rollup->values, 0.75);
    assert_true(slice_is(rollup->key.name, "/home"));
    return true;
}
static bool collect_alert(void *ctx, const struct alert *alert)
{
    struct found *found = ctx;
    assert_true(found->n < 8);
    found->alerts[found->n++] = *alert;
    return true;
}

static void windows_and_alerts_come_back(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct found found = {0};
    int64_t now = clock_wall_ms() / 60000 * 60000;
    write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", now - 60000, 60));
    write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", now - 120000, 60));
    write_one(store, STORE_ROLLUP, make_rollup("shop", "/home", now - 120000, 10));
    write_one(store, STORE_ROLLUP, make_rollup("shop", "/cart", now - 120000, 60));
    write_one(store, STORE_ALERT, make_alert("A-1", ALERT_FIRING, now - 1200000));
    write_one(store, STORE_ALERT, make_alert("A-2", ALERT_FIRING, now - 100000));
    write_one(store, STORE_ALERT, make_alert("A-1", ALERT_RESOLVED, now - 1200000));
    refresh();
    struct store_rollup_query query = {
        .width_s = 60, .kind = SERIES_PAGE, .application = SLICE("shop"), .name = SLICE("/home")};
    assert_int_equal(store_read_rollups(store, &query, collect_rollup, &found), ERR_OK);
    assert_int_equal(found.n, 2);
    assert_true(found.p75 > 245 && found.p75 < 255);
    query.to_ms = now - 60000;
    found.n = 0;
    assert_int_equal(store_read_rollups(store, &query, collect_rollup, &found), ERR_OK);
    assert_int_equal(found.n, 1);
    found.n = 0;
    assert_int_equal(store_read_alerts(store, SLICE("shop"), false, 10, collect_alert, &found), ERR_OK);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.alerts[0].id, "A-2");
    assert_int_equal(found.alerts[1].state, ALERT_RESOLVED);
    assert_int_equal(found.alerts[1].resolved_ms, now - 600000);
    assert_int_equal(found.alerts[1].since_ms, now - 1260000);
    assert_true(found.alerts[0].observed == 1200 && found.alerts[0].expected == 300.5 && found.alerts[0].young);
    assert_int_equal(found.alerts[0].history_s, 86400);
    assert_int_equal(found.alerts[0].kind, ALERT_LATENCY);
    found.n = 0;
    assert_int_equal(store_read_alerts(store, SLICE_NONE, true, 10, collect_alert, &found), ERR_OK);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.alerts[0].id, "A-2");
    store_close(store);
}

static void nothing_stored_is_nothing_found(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct found found = {0};
    collected.n = 0;
    assert_int_equal(store_read_events(store, &(struct store_event_query){0}, collect_document, &collected), ERR_OK);
    assert_int_equal(store_read_events(store, &(struct store_event_query){.limit = 5}, collect_document, &collected),
                     ERR_OK);
    assert_int_equal(store_read_rollups(store, &(struct store_rollup_query){.width_s = 60}, collect_rollup, &found),
                     ERR_OK);
    assert_int_equal(store_read_alerts(store, SLICE_NONE, false, 5, collect_alert, &found), ERR_OK);
    assert_int_equal(collected.n + found.n, 0);
    store_close(store);
}

static void setup_can_be_repeated_and_streams_have_our_mapping(void **state)
{
    (void)state;
    struct store_options with = options();
    struct err_text text = {""};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_setup(&with, &text), ERR_OK);
        print_message("    %s\n", text.at);
        assert_true(i == 0 || strstr(text.at, "0 of 5 templates"));
    }
    struct store *store = open_store();
    write_one(store, STORE_BEACON, make_simple("beacon-1", clock_wall_ms(), 1));
    assert_int_equal(store_setup(&with, &text), ERR_OK); /* the stream is there now */
    char path[256];
    snprintf(path, sizeof path, "/logs-seismo.events-%s/_mapping/field/seismo.page.route,session.id,@timestamp",
             namespace_);
    json_t *root = call("GET", path, NULL);
    json_t *mappings = json_object_get(json_object_iter_value(json_object_iter(root)), "mappings");
    assert_int_equal(json_object_size(mappings), 3);
    json_decref(root);
    snprintf(path, sizeof path, "/logs-seismo.events-%s/_settings", namespace_);
    root = call("GET", path, NULL);
    const char *name = json_object_iter_key(json_object_iter(root));
    assert_int_equal(strncmp(name, ".ds-logs-seismo.events-", 23), 0); /* a data stream, not an index */
    json_decref(root);
    store_close(store);
}

static void another_instances_writes_show_in_the_generation(void **state)
{
    (void)state;
    struct store *store = open_store(), *other = open_store();
    write_one(other, STORE_BEACON, make_simple("beacon-1", clock_wall_ms(), 1));
    usleep(4000000);
    uint64_t before = store_generation(store);
    write_one(other, STORE_BEACON, make_simple("beacon-2", clock_wall_ms(), 1));
    for (int i = 0; i < 100 && store_generation(store) == before; i++)
        usleep(100000);
    assert_true(store_generation(store) > before);
    store_close(other);
    store_close(store);
}

int main(void)
{
    url = getenv("ELASTIC_URL");
    if (!url || !*url) {
        fprintf(stderr, "ELASTIC_URL is not set: start the stack first (tests/stack/with-stack)\n");
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_are_stored_once_and_found, set_up),
        cmocka_unit_test_setup(documents_come_back_as_they_were_written, set_up),
        cmocka_unit_test_setup(repeats_are_found_across_a_rollover, set_up),
        cmocka_unit_test_setup(a_document_that_the_node_cannot_take_is_refused_alone, set_up),
        cmocka_unit_test_setup(a_blocked_index_means_later, set_up),
        cmocka_unit_test_setup(a_user_is_forgotten, set_up),
        cmocka_unit_test_setup(what_cannot_be_forgotten_is_said, set_up),
        cmocka_unit_test_setup(many_documents_go_in_and_come_out, set_up),
        cmocka_unit_test_setup(state_is_compared_and_set, set_up),
        cmocka_unit_test_setup(windows_and_alerts_come_back, set_up),
        cmocka_unit_test_setup(nothing_stored_is_nothing_found, set_up),
        cmocka_unit_test_setup(setup_can_be_repeated_and_streams_have_our_mapping, set_up),
        cmocka_unit_test_setup(another_instances_writes_show_in_the_generation, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
