/* What the bus's tests share: a scratch file, a published message that knows what became of it. */
#ifndef TESTS_UNIT_BUS_BUS_TEST_H
#define TESTS_UNIT_BUS_BUS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/bus.h"

#define MAX_MS 20000 /* nothing here may take longer */

static inline void nap_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

struct outcome {
    atomic_int told;
    _Atomic enum err result;
};

static inline void note_outcome(void *ctx, enum err result)
{
    struct outcome *outcome = ctx;
    atomic_store(&outcome->result, result);
    atomic_fetch_add(&outcome->told, 1);
}

static inline enum err outcome_wait(struct outcome *outcome)
{
    for (int ms = 0; ms < 2 * MAX_MS && atomic_load(&outcome->told) == 0; ms++)
        nap_ms(1);
    assert_int_equal(atomic_load(&outcome->told), 1);
    return atomic_load(&outcome->result);
}

static inline struct bus_message message_of(enum topic topic, uint64_t key, const char *text)
{
    return (struct bus_message){topic, key, slice_of(text)};
}

static inline enum err publish_text(struct bus *bus, enum topic topic, uint64_t key, const char *text)
{
    struct bus_message message = message_of(topic, key, text);
    return bus_publish_wait(bus, &message, 1);
}

/* Fetches until `wanted` records came or the time is over; calls each. */
static inline size_t fetch_some(struct bus_cursor *cursor, size_t wanted,
                                void (*each)(void *ctx, const struct bus_record *record), void *ctx)
{
    struct bus_record records[64];
    size_t all = 0;
    for (int ms = 0; ms < MAX_MS && all < wanted; ms += 100) {
        size_t n = 0, max = wanted - all < 64 ? wanted - all : 64;
        enum err err = bus_fetch(cursor, records, max, &n, 100);
        assert_true(err == ERR_OK || err == ERR_BUS_READ);
        for (size_t i = 0; i < n && each; i++)
            each(ctx, &records[i]);
        all += n;
    }
    return all;
}

#endif
