#include "ingest/pace.h"

#define SECOND_NS 1000000000.0

bool pace_take(_Atomic int64_t *full_at_ns, const struct ingest_pace *pace, int64_t units, int64_t now_ns,
               int64_t *ret_wait_ns)
{
    if (pace->per_second == 0)
        return true;
    double unit_ns = SECOND_NS / (double)pace->per_second;
    int64_t burst_ns = (int64_t)((double)pace->burst * unit_ns), cost_ns = (int64_t)((double)units * unit_ns);
    int64_t full_at = atomic_load_explicit(full_at_ns, memory_order_relaxed), after;
    do {
        int64_t from = full_at > now_ns ? full_at : now_ns;
        if (from - now_ns >= burst_ns) {
            *ret_wait_ns = from - now_ns - burst_ns + (int64_t)unit_ns;
            return false;
        }
        after = from + cost_ns;
    } while (!atomic_compare_exchange_weak_explicit(full_at_ns, &full_at, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}
