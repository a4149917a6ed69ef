/* The public listener: beacons in, answers out, the agent's file, health.
 *
 * POST {prefix}/v1?k=KEY, OPTIONS for it, GET /seismo.js, /healthz, /readyz. The 202 is sent when the bus has called
 * the beacon durable. Answers: docs/ingest.md. Owns its server; the sink, the applications and the assets outlive it. A
 * batch that is still with the sink after ingest_stop may be done later: its client has heard 503 by then. */
#ifndef SEISMO_INGEST_INGEST_H
#define SEISMO_INGEST_INGEST_H

#include "event/application.h"
#include "event/sink.h"

struct ingest;

struct ingest_options {
    const char *address;
    const char *prefix; /* "/in": path under which beacons are taken */
    int loops;
    int max_connections;
    size_t max_body, max_inflated; /* bytes: 256 KiB on the wire, 2 MiB inflated */
    const struct application *applications;
    size_t n_applications;
    struct sink *sink;  /* first of the chain */
    struct slice agent; /* the agent's file, gzip'd variant may be empty */
    struct slice agent_gzip;
    bool (*ready)(void *ctx); /* whether beacons can be taken; any thread, quick */
    void *ready_ctx;
    bool trust_proxy; /* the client is the last element of X-Forwarded-For, as the nearest proxy wrote it */
};

enum err ingest_start(struct ingest **ret_ingest, const struct ingest_options *options, struct err_text *text);
int ingest_port(const struct ingest *ingest);
/* Readiness turns bad at once; after grace_ms no new connection is taken; open requests and pending 202s end within
 * deadline_ms. Frees. Takes NULL. */
void ingest_stop(struct ingest *ingest, int grace_ms, int deadline_ms);

#endif
