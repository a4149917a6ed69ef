/* What a document costs on its way from a bus record to Elasticsearch, in CPU of the sender alone: store_write against
 * a sink in another process that answers at once (tests/fakes/elastic_sink.h).
 *
 *   ninja -C build bench_index && build/bench_index [plain|gzip] [SECONDS]
 *   build/bench_index sink [PORT]     only the sink, for a run of the whole program: prints its address, ends with its
 *                                     input and says what it took */
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "event/application.h"
#include "event/batch.h"
#include "event/record.h"
#include "fakes/elastic_sink.h"
#include "store/store.h"

#define RECORDS 4000
#define EVENTS 10
#define A_WRITE 500

static const struct application shop = {.name = "shop"};
static struct slice records[RECORDS];

static struct slice say(struct batch *batch, const char *format, unsigned n)
{
    char text[1024];
    int len = snprintf(text, sizeof text, format, n, n * 7 % 1000, n % 97);
    return arena_copy(batch->arena, (struct slice){text, (size_t)len});
}

/* One of each five kinds, as long as those of a real shop. */
static struct event make_event(struct batch *batch, unsigned n, uint16_t index, int64_t now_ms)
{
    static const struct {
        enum event_kind kind;
        const char *json, *route, *code, *group;
    } kinds[] = {
        {EVENT_API,
         "{\"kind\":\"api\",\"at\":1795354199%03u,\"page\":\"/product/%u\",\"url\":\"/api/products/%u/"
         "reviews?sort=newest\",\"method\":\"GET\","
         "\"status\":200,\"duration\":35.25,\"initiator\":\"fetch\",\"outcome\":\"success\",\"bytes\":18231}",
         "GET /api/products/:id/reviews", "", ""},
        {EVENT_CLICK,
         "{\"kind\":\"click\",\"at\":1795354199%03u,\"page\":\"/product/%u\",\"selector\":\"main > section.cart "
         "button#add-%u\","
         "\"name\":\"Add to cart\",\"role\":\"button\",\"count\":1}",
         "", "", ""},
        {EVENT_PAGE,
         "{\"kind\":\"page\",\"at\":1795354199%03u,\"page\":\"/product/%u\",\"title\":\"Product %u - The demo "
         "shop\",\"navigation\":\"hard\","
         "\"duration\":1250.5,\"dns\":3.1,\"connect\":22.7,\"request\":180.2,\"response\":40.8,\"dom\":650,\"load\":"
         "1100.4}",
         "/product/:id", "", ""},
        {EVENT_VITAL,
         "{\"kind\":\"vital\",\"at\":1795354199%03u,\"page\":\"/product/"
         "%u\",\"name\":\"LCP\",\"value\":1820.5,\"rating\":\"good\","
         "\"target\":\"#hero-%u img\"}",
         "", "", ""},
        {EVENT_ERROR,
         "{\"kind\":\"error\",\"at\":1795354199%03u,\"page\":\"/product/"
         "%u\",\"type\":\"TypeError\",\"message\":\"Cannot read properties of "
         "undefined (reading "
         "'price%u')\",\"source\":\"script\",\"file\":\"/assets/shop.js\",\"line\":120,\"column\":33,\"count\":1}",
         "", "E-45TFGR62", "Cannot read properties of undefined (reading *)"},
    };
    unsigned k = (n + index) % 5;
    return (struct event){.kind = kinds[k].kind,
                          .index = index,
                          .count = 1,
                          .status = kinds[k].kind == EVENT_API ? 200 : 0,
                          .at_ms = now_ms - 100 * index,
                          .value = 35.25,
                          .kind_text = slice_of(event_kind_name(kinds[k].kind)),
                          .json = say(batch, kinds[k].json, n * 10 + index),
                          .route = slice_of(kinds[k].route),
                          .page_route = SLICE("/product/:id"),
                          .code = slice_of(kinds[k].code),
                          .group = slice_of(kinds[k].group),
                          .view = SLICE("v7Qm0ZkX2TqS8yLw")};
}

static struct slice make_record(unsigned n, int64_t now_ms)
{
    struct batch *batch = batch_new(16);
    batch->application = &shop;
    batch->received_at_ms = now_ms;
    struct envelope *e = &batch->envelope;
    *e = (struct envelope){
        .service = SLICE("web"), .version = SLICE("1.4.2"), .environment = SLICE("production"), .rate = 1};
    e->id = say(batch, "b7Qm0ZkX%06u", n);
    e->session = say(batch, "s9fK2mQx%06u", n / 20);
    e->view = SLICE("v7Qm0ZkX2TqS8yLw");
    e->agent_name = SLICE("seismo-js");
    e->agent_version = SLICE("0.1.0");
    batch->browser = SLICE("Chrome");
    batch->browser_version = SLICE("131.0");
    batch->os = SLICE("Linux");
    batch->device = SLICE("desktop");
    batch->client_address = SLICE("203.0.113.0");
    batch->events = arena_zero(batch->arena, EVENTS * sizeof *batch->events);
    batch->n_events = EVENTS;
    for (uint16_t i = 0; i < EVENTS; i++)
        batch->events[i] = make_event(batch, n, i, now_ms);
    if (record_seal(batch))
        abort();
    char *bytes = malloc(batch->value.len);
    memcpy(bytes, batch->value.at, batch->value.len);
    struct slice value = {bytes, batch->value.len};
    batch_free(batch);
    return value;
}

static double cpu_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void refused(void *ctx, const struct store_item *item, int event, const char *reason)
{
    (void)ctx, (void)item, (void)event;
    fprintf(stderr, "refused: %s\n", reason);
    exit(1);
}

static void write_all(struct store *store, unsigned long *documents)
{
    static struct store_item items[A_WRITE];
    for (unsigned i = 0; i < RECORDS; i += A_WRITE) {
        for (unsigned j = 0; j < A_WRITE; j++)
            items[j] = (struct store_item){STORE_BEACON, records[i + j], SLICE_NONE, false, 0};
        if (store_write(store, items, A_WRITE, "index", NULL, 0, refused, NULL))
            exit(1);
        for (unsigned j = 0; j < A_WRITE; j++)
            *documents += items[j].stored;
    }
}

static void measure(const struct store_options *options, double seconds)
{
    struct store *store;
    struct err_text text;
    unsigned long documents = 0;
    size_t bytes = 0;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (unsigned i = 0; i < RECORDS; i++)
        bytes += (records[i] = make_record(i, (int64_t)now.tv_sec * 1000)).len;
    if (store_open(&store, options, &text)) {
        fprintf(stderr, "%s\n", text.at);
        exit(1);
    }
    write_all(store, &documents); /* warm */
    documents = 0;
    double start = cpu_us(), spent;
    do
        write_all(store, &documents);
    while ((spent = cpu_us() - start) < seconds * 1e6);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf(
        "%lu documents of records of %zu bytes: %.3f us a document, %.0f k documents a CPU-second, %ld MB resident at "
        "most (%zu of it "
        "the records)\n",
        documents, bytes / RECORDS, spent / (double)documents, (double)documents / spent * 1e3, used.ru_maxrss >> 10,
        bytes >> 20);
    store_close(store);
}

int main(int argc, char **argv)
{
    int port = argc > 2 ? atoi(argv[2]) : 0, listener, pipes[2];
    char url[64];
    if (argc > 1 && strcmp(argv[1], "sink") == 0) {
        listener = sink_listen(&port);
        printf("http://127.0.0.1:%d\n", port);
        fflush(stdout);
        sink_serve(listener, 0);
        printf("%lu documents in %lu requests of %lu bytes\n", sink_documents, sink_requests,
               sink_wire_bytes / (sink_requests + !sink_requests));
        return 0;
    }
    port = 0;
    listener = sink_listen(&port);
    if (pipe(pipes))
        return 1;
    pid_t sink = fork();
    if (sink == 0) {
        close(pipes[1]);
        sink_serve(listener, pipes[0]);
        _exit(0);
    }
    close(listener);
    close(pipes[0]);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    struct store_options options = {.kind = "elastic",
                                    .url = url,
                                    .namespace_ = "bench",
                                    .retention_days = 7,
                                    .bulk_bytes = 4194304,
                                    .compress = argc > 1 && strcmp(argv[1], "gzip") == 0};
    measure(&options, argc > 2 ? atof(argv[2]) : 5);
    close(pipes[1]);
    waitpid(sink, NULL, 0);
    return 0;
}
