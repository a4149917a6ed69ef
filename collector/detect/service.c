/* A service's errors against all that its users did, put together from the windows of all kinds. */
#include <stdio.h>
#include <stdlib.h>

#include "detect/detect_int.h"

#define MAX_SERVICES 1000

static struct service *find_service(const struct detect *detect, const struct series_key *key)
{
    for (size_t i = 0; i < detect->n_services; i++) {
        const struct series_key *own = &detect->services[i]->key;
        if (slice_equal(own->service, key->service) && slice_equal(own->environment, key->environment) &&
            slice_equal(own->application, key->application))
            return detect->services[i];
    }
    return NULL;
}

static struct service *make_service(const struct series_key *key)
{
    struct service *service = calloc(1, sizeof *service);
    size_t a = key->application.len, s = key->service.len, e = key->environment.len;
    char *text = malloc(a + s + e + 1);
    if (!service || !text)
        abort();
    snprintf(text, a + s + e + 1, "%.*s%.*s%.*s", SLICE_ARG(key->application), SLICE_ARG(key->service),
             SLICE_ARG(key->environment));
    service->text = text;
    service->key = (struct series_key){.kind = SERIES_ERROR,
                                       .application = {text, a},
                                       .service = {text + a, s},
                                       .environment = {text + a + s, e},
                                       .name = EVERY_NAME,
                                       .detail = SLICE("")};
    return service;
}

void service_free(struct service *service)
{
    for (size_t i = 0; i < service->n_pending; i++)
        rollup_done(&service->pending[i]);
    free(service->text);
    free(service);
}

static struct service *get_service(struct detect *detect, const struct series_key *key)
{
    struct service *service = find_service(detect, key);
    if (service || detect->n_services == MAX_SERVICES)
        return service;
    detect->services = realloc(detect->services, (detect->n_services + 1) * sizeof *detect->services);
    if (!detect->services)
        abort();
    return detect->services[detect->n_services++] = make_service(key);
}

static void release_first(struct detect *detect, struct service *service)
{
    struct rollup whole = service->pending[0];
    bool history = service->is_history[0];
    service->n_pending--;
    memmove(service->pending, service->pending + 1, service->n_pending * sizeof service->pending[0]);
    memmove(service->is_history, service->is_history + 1, service->n_pending * sizeof service->is_history[0]);
    whole.key = service->key;
    struct series *errors = detect_series(detect, &service->key);
    if (errors)
        detect_take(detect, errors, &whole, history);
    rollup_done(&whole);
}

/* Windows of a time come one kind after the other; they wait until the watermark, or newer ones, say that all came. */
void service_add(struct detect *detect, const struct rollup *rollup, bool history)
{
    struct service *service = get_service(detect, &rollup->key);
    if (!service)
        return;
    size_t at = 0;
    while (at < service->n_pending &&
           !(service->pending[at].start_ms == rollup->start_ms && service->pending[at].width_s == rollup->width_s))
        at++;
    if (at == service->n_pending) {
        if (service->n_pending == MAX_PENDING)
            release_first(detect, service);
        at = service->n_pending++;
        rollup_init(&service->pending[at]);
        service->pending[at].start_ms = rollup->start_ms;
        service->pending[at].width_s = rollup->width_s;
        service->is_history[at] = history;
    }
    struct rollup *pending = &service->pending[at];
    pending->events += rollup->events;
    pending->count += rollup->count;
    pending->failed += rollup->key.kind == SERIES_ERROR ? rollup->count : 0;
    hll_merge(&pending->sessions, &rollup->sessions);
    heavy_merge(&pending->busiest, &rollup->busiest);
    heavy_merge(&pending->failing, &rollup->failing);
}

void service_release(struct detect *detect, int64_t watermark_ms)
{
    for (size_t i = 0; i < detect->n_services; i++) {
        struct service *service = detect->services[i];
        while (service->n_pending &&
               service->pending[0].start_ms + (int64_t)service->pending[0].width_s * 1000 <= watermark_ms)
            release_first(detect, service);
    }
}
