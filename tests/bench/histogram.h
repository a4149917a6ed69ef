/* Latencies in microseconds, counted in buckets that are 1.6 % wide: 64 to each power of two. */
#ifndef SEISMO_BENCH_HISTOGRAM_H
#define SEISMO_BENCH_HISTOGRAM_H

#include <stdint.h>
#include <string.h>

#define HISTOGRAM_BUCKETS (64 * 32)

struct histogram {
    uint64_t n, max;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline int histogram_bucket(uint64_t us)
{
    if (us < 128)
        return (int)us;
    int shift = 57 - __builtin_clzll(us);
    int bucket = shift * 64 + (int)(us >> shift);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static inline uint64_t histogram_edge(int bucket)
{
    if (bucket < 128)
        return (uint64_t)bucket;
    int shift = bucket / 64 - 1;
    return (((uint64_t)bucket - (uint64_t)shift * 64 + 1) << shift) - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t us)
{
    histogram->counts[histogram_bucket(us)]++;
    histogram->n++;
    if (us > histogram->max)
        histogram->max = us;
}

/* The value that `share` of all are not above; 0 when there is none. */
static inline uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t left = (uint64_t)((double)histogram->n * share + 0.5);
    for (int i = 0; i < HISTOGRAM_BUCKETS && histogram->n; i++) {
        if (histogram->counts[i] >= left)
            return histogram_edge(i) < histogram->max ? histogram_edge(i) : histogram->max;
        left -= histogram->counts[i];
    }
    return histogram->max;
}

#endif
