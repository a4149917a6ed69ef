#include "rollup/rollup_int.h"

#define ENOUGH 50     /* below that many nothing is known */
#define HALVE_AT 4096 /* old ones fade */

void delays_add(struct delays *delays, int64_t delay_ms)
{
    int64_t step = delay_ms < 0 ? 0 : delay_ms / DELAY_STEP_MS;
    if (step >= DELAY_STEPS)
        return;
    delays->steps[step]++;
    if (++delays->n < HALVE_AT)
        return;
    delays->n = 0;
    for (size_t i = 0; i < DELAY_STEPS; i++)
        delays->n += delays->steps[i] /= 2;
}

int64_t delays_lag_ms(const struct delays *delays)
{
    if (delays->n < ENOUGH)
        return DELAY_FIRST_MS;
    uint64_t seen = 0;
    for (int64_t i = 0; i < DELAY_STEPS; i++) {
        seen += delays->steps[i];
        if (seen * 1000 >= (uint64_t)delays->n * 995)
            return (i + 2) * DELAY_STEP_MS; /* the end of its step and one more */
    }
    return (DELAY_STEPS + 1) * DELAY_STEP_MS;
}
