/* A steady stream of ordinary beacons allocates nothing on its way, neither an event nor a beacon. */
#include <stdlib.h>

#include "bench/beacons.h"
#include "enrich/enrich.h"
#include "event/record.h"
#include "unit/test.h"
#include "validate/validate.h"

#define BEACONS 300

/* ---- counting all of the process, libraries too ------------------------------------------------------------------ */

static size_t n_allocations;

#ifdef __SANITIZE_ADDRESS__
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t), void (*)(const volatile void *));

static void count(const volatile void *at, size_t bytes)
{
    (void)at;
    (void)bytes;
    n_allocations++;
}

static void ignore(const volatile void *at)
{
    (void)at;
}

static void start_counting(void)
{
    assert_true(__sanitizer_install_malloc_and_free_hooks(count, ignore) > 0);
}
#else
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

void *malloc(size_t bytes)
{
    n_allocations++;
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    n_allocations++;
    return __libc_calloc(n, bytes);
}

void *realloc(void *at, size_t bytes)
{
    n_allocations++;
    return __libc_realloc(at, bytes);
}

static void start_counting(void)
{
}
#endif

/* ---- the way ----------------------------------------------------------------------------------------------------- */

static const struct application shop = {.name = "shop"};
static const struct enrich_options options = {.late_ms = 3600000, .future_ms = 60000};

static size_t go(struct slice body)
{
    size_t before = n_allocations;
    struct batch *batch = batch_new(body.len);
    memcpy((char *)(uintptr_t)batch->body.at, body.at, body.len);
    batch->application = &shop;
    batch->user_agent = SLICE("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0");
    batch->received_at_ms = BEACON_TIME;
    enum err err = validate_beacon(batch);
    err = err ? err : enrich_batch(&options, batch);
    err = err ? err : record_seal(batch);
    assert_int_equal(err, ERR_OK);
    assert_int_equal(batch->n_events, BEACON_EVENTS);
    batch_free(batch);
    return n_allocations - before;
}

/* The first time, the thread gets its arenas, simdjson and OpenSSL their tables. */
static void beacons_allocate_nothing(void **state)
{
    (void)state;
    static struct buf beacons[BEACONS];
    for (size_t i = 0; i < BEACONS; i++) {
        buf_init(&beacons[i], 65536);
        beacon_make(i, &beacons[i]);
    }
    start_counting();
    size_t first = 0, later = 0;
    for (size_t i = 0; i < BEACONS; i++)
        first += go(buf_slice(&beacons[i]));
    assert_true(first > 0); /* else nothing is counted */
    for (size_t i = 0; i < BEACONS; i++)
        later += go(buf_slice(&beacons[i]));
    assert_int_equal(later, 0);
    for (size_t i = 0; i < BEACONS; i++)
        buf_done(&beacons[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beacons_allocate_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
