/* The public listener: beacons in, answers out, the agent's file, health.
 *
 * POST {prefix}/v1?k=KEY, OPTIONS for it, GET /seismo.js, /healthz, /readyz. The 202 is sent when the bus has called
 * the beacon durable. Answers: docs/ingest.md. Owns its server; the sink and the assets outlive it. A
 * batch that is still with the sink after ingest_stop may be done later: its client has heard 503 by then. */
#ifndef SEISMO_INGEST_INGEST_H
#define SEISMO_INGEST_INGEST_H

#include "event/application.h"
#include "event/sink.h"

struct diagnosis;
struct ingest;

/* Units a second and units at once; 0 a second: no limit. */
struct ingest_pace {
    int64_t per_second, burst;
};

/* What a reload changes. All that is pointed to is borrowed until release(release_ctx) is called, on any thread: once
 * no beacon that came under these rules is on its way any more. release may be NULL. */
struct ingest_rules {
    const struct application *applications;
    size_t n_applications;
    const char *const *trusted_proxies; /* networks, NULL-ended; NULL: none */
    const char *country_header;         /* of trusted proxies, as "cf-ipcountry"; "" or NULL: none */
    const char *geo_file;               /* MaxMind's format; "" or NULL: none */
    /* An address is IPv4's /32 or IPv6's /64. This machine's own and trusted proxies' addresses have no pace. */
    struct ingest_pace address_requests, address_bytes, key_requests, key_bytes;
    int max_connections_per_address;       /* 0: no limit */
    const char *tls_certificate, *tls_key; /* PEM files; "" or NULL: clear text, for good */
    void (*release)(void *ctx);
    void *release_ctx;
};

struct ingest_options {
    const char *address;
    const char *prefix; /* "/in": path under which beacons are taken */
    int loops;
    int max_connections;
    size_t max_body, max_inflated; /* bytes: 256 KiB on the wire, 2 MiB inflated */
    int request_timeout_ms;        /* for idle, headers and body together; 0: 30 s */
    bool proxy_protocol;           /* each connection begins with it, from a trusted proxy */
    struct ingest_rules rules;
    struct sink *sink;  /* first of the chain */
    struct slice agent; /* the agent's file, gzip'd variant may be empty */
    struct slice agent_gzip;
    bool (*ready)(void *ctx); /* whether beacons can be taken; any thread, quick */
    void *ready_ctx;
    struct diagnosis *diagnosis; /* is told what goes wrong; may be NULL; outlives the listener */
};

/* Whether rules could be taken over: reads all files that they name. Nothing is released. */
enum err ingest_check(const struct ingest_rules *rules, struct err_text *text);
enum err ingest_start(struct ingest **ret_ingest, const struct ingest_options *options, struct err_text *text);
/* Beacons that come from now on meet the new rules; those under way keep the old ones. On an error, with its text, all
 * stays as it is and the new rules are still the caller's. One thread at a time. */
enum err ingest_reload(struct ingest *ingest, const struct ingest_rules *rules, struct err_text *text);
int ingest_port(const struct ingest *ingest);
int64_t ingest_quiet_ms(const struct ingest *ingest); /* serve_quiet_ms of its listener; takes NULL: 0 */
/* Readiness turns bad at once; after grace_ms no new connection is taken; open requests and pending 202s end within
 * deadline_ms. Frees. Takes NULL. */
void ingest_stop(struct ingest *ingest, int grace_ms, int deadline_ms);

#endif
