/* Who looked at whose timeline: a line in the log, once for a viewer and a subject in ten minutes, since an open page
 * asks again with each change. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "live/live_int.h"

#define SAID_AGAIN_MS 600000

static bool is_new(struct live *live, uint64_t hash, int64_t now_ms)
{
    size_t oldest = 0;
    pthread_mutex_lock(&live->views_mutex);
    for (size_t i = 0; i < LIVE_KNOWN_VIEWS; i++) {
        if (live->views[i].hash == hash && live->views[i].at_ms && now_ms - live->views[i].at_ms < SAID_AGAIN_MS) {
            pthread_mutex_unlock(&live->views_mutex);
            return false;
        }
        if (live->views[i].at_ms < live->views[oldest].at_ms)
            oldest = i;
    }
    live->views[oldest].hash = hash;
    live->views[oldest].at_ms = now_ms;
    pthread_mutex_unlock(&live->views_mutex);
    return true;
}

void live_audit(struct live *live, struct serve_request *request, const struct live_query *query)
{
    struct slice peer = serve_peer(request), who = live_who(&live->access, request),
                 subject = query->user.len ? query->user : query->id;
    const char *kind = query->user.len ? "user" : "session";
    uint64_t hash = hash_keyed(subject) ^ (hash_keyed(who.len ? who : peer) << 1) ^ (query->user.len != 0);
    if (!subject.len || !is_new(live, hash, clock_mono_ms() + 1))
        return;
    METRIC_ADD("seismo_live_timelines_viewed_total", "timelines of users and sessions that somebody opened", 1);
    if (who.len)
        log_info("live", "the timeline of %s '%.*s' was opened by '%.*s' from %.*s", kind, (int)subject.len, subject.at,
                 (int)who.len, who.at, (int)peer.len, peer.at);
    else
        log_info("live", "the timeline of %s '%.*s' was opened from %.*s", kind, (int)subject.len, subject.at,
                 (int)peer.len, peer.at);
}
