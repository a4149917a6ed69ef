#include "store/store_elastic_flow.h"

#include "base/metric.h"

#define BYTES_STEP 131072
#define QUICK_MS 1000 /* answers that take less let the size grow */
#define SLOW_MS 5000  /* answers that take more shrink it */

static void show(const struct flow *flow)
{
    static struct metric *_Atomic bytes, *_Atomic requests;
    if (!bytes)
        bytes = metric_get(METRIC_GAUGE, "seismo_elastic_bulk_bytes", NULL, NULL,
                           "size that a request to Elasticsearch may have now");
    if (!requests)
        requests = metric_get(METRIC_GAUGE, "seismo_elastic_bulk_requests", NULL, NULL,
                              "requests to Elasticsearch that may be in flight now");
    metric_set(bytes, (int64_t)flow->bytes);
    metric_set(requests, (int64_t)flow->requests);
}

void flow_init(struct flow *flow, size_t most_bytes, int most_requests)
{
    *flow = (struct flow){.most = most_bytes, .ceiling = most_bytes, .most_requests = most_requests};
    flow->bytes = most_bytes < BULK_BYTES_FIRST ? most_bytes : BULK_BYTES_FIRST;
    flow->requests = most_requests < 2 ? most_requests : 2;
    pthread_mutex_init(&flow->mutex, NULL);
}

void flow_done(struct flow *flow)
{
    pthread_mutex_destroy(&flow->mutex);
}

size_t flow_bytes(struct flow *flow)
{
    pthread_mutex_lock(&flow->mutex);
    size_t bytes = flow->bytes;
    pthread_mutex_unlock(&flow->mutex);
    return bytes;
}

int flow_requests(struct flow *flow)
{
    pthread_mutex_lock(&flow->mutex);
    int requests = (int)flow->requests;
    pthread_mutex_unlock(&flow->mutex);
    return requests;
}

static void shrink(struct flow *flow, size_t bytes)
{
    flow->bytes = bytes > BULK_BYTES_LEAST ? bytes : BULK_BYTES_LEAST;
    if (flow->bytes > flow->ceiling)
        flow->bytes = flow->ceiling;
}

void flow_note_good(struct flow *flow, size_t bytes, bool full, int64_t took_ms)
{
    pthread_mutex_lock(&flow->mutex);
    if (took_ms > SLOW_MS) {
        shrink(flow, flow->bytes / 4 * 3);
    } else if (full && took_ms < QUICK_MS && bytes + BYTES_STEP > flow->bytes) {
        flow->bytes = flow->bytes + BYTES_STEP < flow->ceiling ? flow->bytes + BYTES_STEP : flow->ceiling;
    }
    if (took_ms <= SLOW_MS && flow->requests < flow->most_requests) { /* one more for a round of good answers */
        flow->requests += 1 / flow->requests;
        if (flow->requests > flow->most_requests)
            flow->requests = flow->most_requests;
    }
    show(flow);
    pthread_mutex_unlock(&flow->mutex);
}

void flow_note_busy(struct flow *flow)
{
    pthread_mutex_lock(&flow->mutex);
    flow->requests = flow->requests > 2 ? flow->requests / 2 : 1;
    shrink(flow, flow->bytes / 2);
    show(flow);
    pthread_mutex_unlock(&flow->mutex);
}

bool flow_note_too_large(struct flow *flow, size_t bytes)
{
    size_t least = flow->most < BULK_BYTES_LEAST ? flow->most : BULK_BYTES_LEAST;
    size_t half = bytes / 2 < least ? least : bytes / 2;
    pthread_mutex_lock(&flow->mutex);
    bool shrunk = half < flow->ceiling;
    if (shrunk) {
        flow->ceiling = half;
        shrink(flow, half < flow->bytes ? half : flow->bytes);
    }
    show(flow);
    pthread_mutex_unlock(&flow->mutex);
    return shrunk;
}
