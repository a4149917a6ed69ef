/* Beacons as a shop's pages send them, made from a seed: page loads with their phases, calls, clicks, vitals, route
 * changes, and an error with its stack in every twentieth event. Each one sent has a beacon id of its own, the time of
 * sending, and a session, view and user out of many; its events happened within the last second or two. */
#ifndef SEISMO_BENCH_LOAD_BODIES_H
#define SEISMO_BENCH_LOAD_BODIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BEACON_ID_BYTES 23 /* with the end */

struct beacons_options {
    uint64_t seed; /* of the bodies */
    uint64_t run;  /* of ids: another one for each run */
    int bodies;    /* how many different ones */
    int events;    /* in each, 1 to 1000 */
    int pages;     /* 0: those of a shop; else this many names, a new one at each sending */
    int sessions;  /* how many visitors */
    bool gzip;
    const char *service;
};

/* What was written by beacons_write. */
struct beacon_place {
    int body;
    size_t len;
};

struct beacons;
struct beacons *beacons_new(const struct beacons_options *options);
void beacons_free(struct beacons *beacons);

/* No body is longer than this. */
size_t beacons_max_bytes(const struct beacons *beacons);
size_t beacons_mean_bytes(const struct beacons *beacons);

/* Writes the next beacon, which happens now, and its id. */
struct beacon_place beacons_write(struct beacons *beacons, uint64_t now_ms, char *to, char ret_id[BEACON_ID_BYTES]);

/* The same beacon is sent once more: only the time of sending changes (not in a gzipped one). */
void beacons_stamp(const struct beacons *beacons, uint64_t now_ms, char *at);

/* Some browser's name, the same for the same body. */
const char *beacon_user_agent(int body);

#endif
