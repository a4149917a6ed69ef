/* HyperLogLog with 256 registers: P. Flajolet, E. Fusy, O. Gandouet, F. Meunier, "HyperLogLog: the analysis of a
 * near-optimal cardinality estimation algorithm", 2007. The hash is the stable one, because registers from different
 * machines and days are merged. */
#include "event/rollup.h"

#include <math.h>

#include "base/hash.h"

void hll_add(struct hll *hll, struct slice member)
{
    hll_add_hash(hll, hash_stable(member));
}

void hll_add_hash(struct hll *hll, uint64_t hash)
{
    hash *= 0x9e3779b97f4a7c15u; /* a second finaliser: the top byte chooses, the rest is counted */
    hash ^= hash >> 32;
    uint64_t rest = hash << 8 | 0x80; /* never zero: at most 57 */
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    uint8_t *place = &hll->registers[hash >> 56];
    if (rank > *place)
        *place = rank;
}

void hll_merge(struct hll *into, const struct hll *from)
{
    for (size_t i = 0; i < HLL_REGISTERS; i += 8) {
        uint64_t eight; /* most are empty in most windows */
        memcpy(&eight, from->registers + i, sizeof eight);
        for (size_t j = i; eight && j < i + 8; j++)
            if (from->registers[j] > into->registers[j])
                into->registers[j] = from->registers[j];
    }
}

double hll_estimate(const struct hll *hll)
{
    const double m = HLL_REGISTERS, alpha = 0.7213 / (1 + 1.079 / m);
    double sum = 0;
    int empty = 0;
    for (size_t i = 0; i < HLL_REGISTERS; i++) {
        sum += ldexp(1, -hll->registers[i]);
        empty += hll->registers[i] == 0;
    }
    double estimate = alpha * m * m / sum;
    if (estimate <= 2.5 * m && empty)
        return m * log(m / empty); /* linear counting */
    return estimate;
}
