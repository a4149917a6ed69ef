/* DDSketch in one array: bucket i holds the weight of the values in (gamma^(i-1), gamma^i].
 *
 * Invariants (sketch_check):
 *  1. buckets holds indexes first .. first+n-1, all within [INDEX_LOW, INDEX_HIGH]; n = 0 iff buckets is NULL.
 *  2. count = zero + the sum of the buckets, up to rounding.
 *  3. count > 0 iff min <= max; min and max are values as they were added. */
#include "event/sketch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define INDEX_LOW (-464)                            /* aligned below the index of SKETCH_MIN */
#define INDEX_HIGH (INDEX_LOW + SKETCH_BUCKETS - 1) /* above the index of SKETCH_MAX */
#define GROW 16                                     /* the range grows by whole runs, so that it seldom does */
#define LOG_GAMMA 0.020000666706669435              /* ln((1 + 0.01) / (1 - 0.01)) */
#define BUCKET_VALUE (1 - SKETCH_ACCURACY) /* 2 / (gamma + 1): where a bucket stands for its values, by its end */

static void sketch_check(const struct sketch *sketch)
{
    assert((sketch->n == 0) == (sketch->buckets == NULL));
    assert(sketch->n <= SKETCH_BUCKETS);
    assert(sketch->n == 0 || (sketch->first >= INDEX_LOW && sketch->first + (int32_t)sketch->n - 1 <= INDEX_HIGH));
}

void sketch_init(struct sketch *sketch)
{
    *sketch = (struct sketch){.min = INFINITY, .max = -INFINITY};
}

void sketch_done(struct sketch *sketch)
{
    free(sketch->buckets);
    sketch_init(sketch);
}

static int32_t index_of(double value)
{
    if (value > SKETCH_MAX)
        value = SKETCH_MAX;
    return (int32_t)ceil(log(value) / LOG_GAMMA);
}

/* Rounds down to a multiple of GROW, for negative numbers too. */
static int32_t run_start(int32_t index)
{
    return index >= 0 ? index / GROW * GROW : -((-index + GROW - 1) / GROW * GROW);
}

/* Makes the range hold low..high; keeps what is there. */
static void make_room(struct sketch *sketch, int32_t low, int32_t high)
{
    int32_t end = sketch->first + (int32_t)sketch->n;
    if (sketch->n && low >= sketch->first && high < end)
        return;
    int32_t new_first = run_start(low), new_end = run_start(high) + GROW;
    if (sketch->n && sketch->first < new_first)
        new_first = sketch->first;
    if (sketch->n && end > new_end)
        new_end = end;
    if (new_first < INDEX_LOW)
        new_first = INDEX_LOW;
    if (new_end > INDEX_HIGH + 1)
        new_end = INDEX_HIGH + 1;
    float *buckets = calloc((size_t)(new_end - new_first), sizeof *buckets);
    if (!buckets)
        abort();
    if (sketch->n)
        memcpy(buckets + (sketch->first - new_first), sketch->buckets, sketch->n * sizeof *buckets);
    free(sketch->buckets);
    sketch->buckets = buckets;
    sketch->first = new_first;
    sketch->n = (uint32_t)(new_end - new_first);
    sketch_check(sketch);
}

void sketch_add(struct sketch *sketch, double value, double weight)
{
    assert(value >= 0 && isfinite(value) && weight > 0 && isfinite(weight));
    sketch->count += weight;
    sketch->sum += value * weight;
    sketch->min = fmin(sketch->min, value);
    sketch->max = fmax(sketch->max, value);
    if (value < SKETCH_MIN) {
        sketch->zero += weight;
        return;
    }
    int32_t index = index_of(value);
    make_room(sketch, index, index);
    sketch->buckets[index - sketch->first] += (float)weight;
}

void sketch_merge(struct sketch *into, const struct sketch *from)
{
    if (from->count <= 0)
        return;
    into->count += from->count;
    into->sum += from->sum;
    into->zero += from->zero;
    into->min = fmin(into->min, from->min);
    into->max = fmax(into->max, from->max);
    if (!from->n)
        return;
    make_room(into, from->first, from->first + (int32_t)from->n - 1);
    for (uint32_t i = 0; i < from->n; i++)
        into->buckets[from->first - into->first + (int32_t)i] += from->buckets[i];
}

double sketch_quantile(const struct sketch *sketch, double q)
{
    assert(q >= 0 && q <= 1);
    if (sketch->count <= 0)
        return NAN;
    double rank = q * sketch->count, seen = sketch->zero;
    if (q == 0 || q == 1)
        return q == 0 ? sketch->min : sketch->max;
    if (seen >= rank)
        return fmax(0, sketch->min);
    for (uint32_t i = 0; i < sketch->n; i++) {
        seen += (double)sketch->buckets[i];
        /* A part in a thousand million is the rounding of float weights, not a value. */
        if (seen >= rank * (1 - 1e-9)) {
            double value = exp((sketch->first + (int32_t)i) * LOG_GAMMA) * BUCKET_VALUE;
            return fmax(sketch->min, fmin(sketch->max, value));
        }
    }
    return sketch->max;
}

double sketch_count_above(const struct sketch *sketch, double limit)
{
    double above = 0;
    if (limit < 0)
        return sketch->count;
    int32_t cut = limit < SKETCH_MIN ? INDEX_LOW - 1 : index_of(limit);
    for (uint32_t i = 0; i < sketch->n; i++)
        if (sketch->first + (int32_t)i > cut)
            above += (double)sketch->buckets[i];
    return above;
}

static uint64_t zigzag(int64_t v)
{
    return v < 0 ? (uint64_t)(-(v + 1)) * 2 + 1 : (uint64_t)v * 2;
}

static int64_t unzigzag(uint64_t v)
{
    return v & 1 ? -(int64_t)(v >> 1) - 1 : (int64_t)(v >> 1);
}

/* Whole weights, the common case without sampling, take a byte or two: twice the number; others 1 and the float. */
static void write_weight(struct buf *buf, float weight)
{
    if (weight < 1e9f && weight == floorf(weight)) {
        buf_varint(buf, (uint64_t)weight * 2);
        return;
    }
    uint32_t bits;
    memcpy(&bits, &weight, sizeof bits);
    buf_varint(buf, 1);
    buf_u32(buf, bits);
}

static float read_weight(struct reader *reader)
{
    uint64_t v = read_varint(reader);
    if (v != 1)
        return v & 1 || v >= 2000000000 ? NAN : (float)(v / 2);
    uint32_t bits = read_u32(reader);
    float weight;
    memcpy(&weight, &bits, sizeof weight);
    return weight < 1e9f && weight == floorf(weight) ? NAN : weight;
}

/* f64 count, and unless that is 0: f64 sum, min, max, zero | varint number of buckets that hold something
 * | for each: the distance to the one before (the first: its index, zigzag), its weight. */
void sketch_write(const struct sketch *sketch, struct buf *buf)
{
    sketch_check(sketch);
    buf_f64(buf, sketch->count);
    if (sketch->count <= 0)
        return;
    buf_f64(buf, sketch->sum);
    buf_f64(buf, sketch->min);
    buf_f64(buf, sketch->max);
    buf_f64(buf, sketch->zero);
    uint32_t used = 0;
    for (uint32_t i = 0; i < sketch->n; i++)
        used += sketch->buckets[i] > 0;
    buf_varint(buf, used);
    int32_t last = 0;
    bool first = true;
    for (uint32_t i = 0; i < sketch->n; i++) {
        if (sketch->buckets[i] <= 0)
            continue;
        int32_t index = sketch->first + (int32_t)i;
        buf_varint(buf, first ? zigzag(index) : (uint64_t)(index - last));
        write_weight(buf, sketch->buckets[i]);
        last = index;
        first = false;
    }
}

struct bucket {
    int32_t index;
    float weight;
};

static bool read_bucket(struct reader *reader, bool first, int64_t *last, struct bucket *ret_bucket)
{
    uint64_t step = read_varint(reader);
    float weight = read_weight(reader);
    if (reader->failed || !(weight > 0) || !isfinite(weight) || (!first && step == 0) || step > 4 * SKETCH_BUCKETS)
        return false;
    *last = first ? unzigzag(step) : *last + (int64_t)step;
    if (*last < INDEX_LOW || *last > INDEX_HIGH)
        return false;
    *ret_bucket = (struct bucket){(int32_t)*last, weight};
    return true;
}

/* All are read before there is room for any: it is made once. */
static bool read_buckets(struct reader *reader, size_t n, struct sketch *sketch)
{
    struct bucket buckets[SKETCH_BUCKETS];
    int64_t last = 0;
    for (size_t i = 0; i < n; i++)
        if (!read_bucket(reader, i == 0, &last, &buckets[i]))
            return false;
    if (n)
        make_room(sketch, buckets[0].index, buckets[n - 1].index);
    for (size_t i = 0; i < n; i++)
        sketch->buckets[buckets[i].index - sketch->first] = buckets[i].weight;
    return true;
}

static bool totals_are_sane(const struct sketch *sketch)
{
    return isfinite(sketch->count) && sketch->count > 0 && isfinite(sketch->sum) && sketch->sum >= 0 &&
           isfinite(sketch->max) && sketch->min >= 0 && sketch->min <= sketch->max && sketch->zero >= 0 &&
           isfinite(sketch->zero) && sketch->zero <= sketch->count;
}

static bool read_into(struct reader *reader, struct sketch *sketch)
{
    sketch->count = read_f64(reader);
    if (reader->failed || sketch->count == 0)
        return !reader->failed;
    sketch->sum = read_f64(reader);
    sketch->min = read_f64(reader);
    sketch->max = read_f64(reader);
    sketch->zero = read_f64(reader);
    uint64_t used = read_varint(reader);
    if (reader->failed || !totals_are_sane(sketch) || used > SKETCH_BUCKETS || (used == 0 && sketch->zero <= 0))
        return false;
    return read_buckets(reader, used, sketch);
}

bool sketch_read(struct reader *reader, struct sketch *ret_sketch)
{
    sketch_init(ret_sketch);
    if (read_into(reader, ret_sketch))
        return true;
    sketch_done(ret_sketch);
    return false;
}
