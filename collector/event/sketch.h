/* DDSketch: quantiles with a relative error of at most 1 %, mergeable without loss.
 *
 * C. Masson, J. E. Rim, H. K. Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
 * guarantees", VLDB 2019. Logarithmic buckets with gamma = 1.01 / 0.99; values below SKETCH_MIN count as zero, values
 * above SKETCH_MAX fall into the last bucket. Weights are real numbers (inverse sample rates). At most SKETCH_BUCKETS
 * buckets, taken as they are needed. One thread at a time. */
#ifndef SEISMO_EVENT_SKETCH_H
#define SEISMO_EVENT_SKETCH_H

#include "base/buf.h"

#define SKETCH_ACCURACY 0.01
#define SKETCH_MIN 1e-4     /* a CLS of 0.0001, or 0.1 microseconds */
#define SKETCH_MAX 8.64e7   /* a day in ms */
#define SKETCH_BUCKETS 1408 /* what the range from SKETCH_MIN to SKETCH_MAX can need, 5.5 kB */

struct sketch {
    double count, sum, min, max, zero; /* weighted; min and max are exact; min > max while empty */
    int32_t first;                     /* index of buckets[0] */
    uint32_t n;                        /* buckets in use as a range */
    float *buckets;
};

void sketch_init(struct sketch *sketch);
void sketch_done(struct sketch *sketch);                             /* frees; may be used again after */
void sketch_add(struct sketch *sketch, double value, double weight); /* value >= 0 and finite, weight > 0: asserted */
void sketch_merge(struct sketch *into, const struct sketch *from);
/* q in [0, 1]; NAN while empty. */
double sketch_quantile(const struct sketch *sketch, double q);
/* Weight of all values above the limit: of those whose bucket lies above the limit's. Two sketches that are asked with
 * the same limit cut at the same place, so their shares may be compared. */
double sketch_count_above(const struct sketch *sketch, double limit);
void sketch_write(const struct sketch *sketch, struct buf *buf);
/* ERR_CORRUPT on anything that sketch_write does not write; ret_sketch is then empty but valid. */
bool sketch_read(struct reader *reader, struct sketch *ret_sketch);

#endif
