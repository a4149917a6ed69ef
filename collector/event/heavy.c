#include "event/rollup.h"

#include <assert.h>
#include <math.h>

#include "base/hash.h"

static size_t find(const struct heavy *heavy, uint64_t session)
{
    size_t at = 0;
    while (at < HEAVY_SESSIONS && !(heavy->events[at] > 0 && heavy->session[at] == session))
        at++;
    return at;
}

static size_t find_least(const struct heavy *heavy)
{
    size_t least = 0;
    for (size_t i = 1; i < HEAVY_SESSIONS; i++)
        if (heavy->events[i] < heavy->events[least])
            least = i;
    return least;
}

static void add(struct heavy *heavy, uint64_t session, float events)
{
    size_t at = find(heavy, session);
    if (at < HEAVY_SESSIONS) {
        heavy->events[at] += events;
        return;
    }
    at = find_least(heavy);
    float less = fminf(events, heavy->events[at]);
    if (less > 0) /* all places are taken: everybody pays */
        for (size_t i = 0; i < HEAVY_SESSIONS; i++)
            heavy->events[i] -= less;
    if (events > less) {
        heavy->session[at] = session;
        heavy->events[at] = events - less;
    }
}

void heavy_add(struct heavy *heavy, struct slice session, double events)
{
    heavy_add_hash(heavy, hash_stable(session), events);
}

void heavy_add_hash(struct heavy *heavy, uint64_t session, double events)
{
    assert(events > 0 && isfinite(events));
    add(heavy, session, (float)events);
}

void heavy_merge(struct heavy *into, const struct heavy *from)
{
    for (size_t i = 0; i < HEAVY_SESSIONS; i++)
        if (from->events[i] > 0)
            add(into, from->session[i], from->events[i]);
}

double heavy_most(const struct heavy *heavy)
{
    float most = 0;
    for (size_t i = 0; i < HEAVY_SESSIONS; i++)
        most = fmaxf(most, heavy->events[i]);
    return (double)most;
}
