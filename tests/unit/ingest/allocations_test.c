/* What a beacon costs in memory calls: a constant for a request, nothing for an event. malloc and its kin are counted
 * by the linker's --wrap, so calls from our own code count, h2o's inline ones included; those inside libh2o do not. */
#include "unit/test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "fakes/talk.h"
#include "ingest/ingest.h"

#define ALLOCATIONS_A_REQUEST 0

static atomic_long allocations;
static atomic_bool counting;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);

void *__wrap_malloc(size_t n)
{
    allocations += counting;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations += counting;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t n)
{
    allocations += counting;
    return __real_realloc(at, n);
}

static struct {
    struct sink sink;
    bool threaded;
    struct batch *_Atomic waiting;
    atomic_bool over;
} fake;

static enum err push(struct sink *sink, struct batch *batch)
{
    (void)sink;
    batch->events = arena_zero(batch->arena, 10 * sizeof *batch->events); /* as validate would */
    batch->n_events = 10;
    if (fake.threaded)
        fake.waiting = batch;
    else
        batch->done(batch, ERR_OK);
    return ERR_OK;
}

static void *finish(void *arg)
{
    (void)arg;
    while (!fake.over) {
        struct batch *batch = atomic_exchange(&fake.waiting, NULL);
        if (batch)
            batch->done(batch, ERR_OK);
        else
            sched_yield();
    }
    return NULL;
}

static bool ready(void *ctx)
{
    (void)ctx;
    return true;
}

/* One connection, so that nothing but requests is counted. */
static long count(int requests)
{
    static const char *const keys[] = {"demo", NULL}, *const origins[] = {"https://shop.example", NULL};
    static const struct application application = {.name = "shop", .keys = keys, .origins = origins};
    struct ingest_options options = {.address = "127.0.0.1:0",
                                     .prefix = "/in",
                                     .loops = 1,
                                     .max_connections = 10,
                                     .max_body = 262144,
                                     .max_inflated = 2097152,
                                     .rules = {.applications = &application,
                                               .n_applications = 1,
                                               .address_requests = {1000000, 1000000},
                                               .key_requests = {1000000, 1000000}},
                                     .sink = &fake.sink,
                                     .ready = ready};
    static char request[4096];
    struct ingest *ingest;
    struct err_text text;
    pthread_t thread;
    fake.sink.push = push;
    fake.over = false;
    assert_int_equal(ingest_start(&ingest, &options, &text), ERR_OK);
    if (fake.threaded)
        pthread_create(&thread, NULL, finish, NULL);
    int n = snprintf(request, sizeof request,
                     "POST /in/v1?k=demo HTTP/1.1\r\nHost: h\r\nOrigin: https://shop.example\r\nContent-Type: "
                     "text/plain\r\nUser-Agent: test\r\nContent-Length: 3000\r\n\r\n");
    memset(request + n, ' ', 3000);
    int fd = talk_open(ingest_port(ingest));
    for (int i = -50; i < requests; i++) {
        if (i == 0) {
            allocations = 0;
            counting = true;
        }
        talk_send(fd, request, (size_t)n + 3000);
        assert_int_equal(talk_answer(fd, false).status, 202);
    }
    counting = false;
    close(fd);
    ingest_stop(ingest, 0, 1000);
    fake.over = true;
    if (fake.threaded)
        pthread_join(thread, NULL);
    return allocations;
}

static void test_the_count_counts(void **state)
{
    (void)state;
    allocations = 0;
    counting = true;
    void *volatile at = realloc(calloc(1, 1), 2);
    free(at);
    at = malloc(1);
    free(at);
    counting = false;
    assert_int_equal(allocations, 3);
}

static void test_done_at_once(void **state)
{
    (void)state;
    fake.threaded = false;
    assert_int_equal(count(500), 500 * ALLOCATIONS_A_REQUEST);
}

static void test_done_on_another_thread(void **state)
{
    (void)state;
    fake.threaded = true;
    assert_int_equal(count(500), 500 * ALLOCATIONS_A_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_count_counts),
        cmocka_unit_test(test_done_at_once),
        cmocka_unit_test(test_done_on_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
