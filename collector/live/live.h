/* The inner listener: the live page, its API, /metrics, health.
 *
 * Default on loopback, where nobody is asked who he is. Host and Origin are checked against the listener's own names;
 * off loopback people come in by a one-time link (event/access.h), by the token, or named by a proxy that is trusted;
 * it refuses to start where none of these can be. The page is static files in the binary under a strict CSP, live by
 * server-sent events. The API is described in docs/live-api.md. */
#ifndef SEISMO_LIVE_LIVE_H
#define SEISMO_LIVE_LIVE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "event/rollup.h"

struct store;
struct live;

struct live_asset {
    const char *path, *content_type; /* "/", "/live.js" */
    struct slice bytes;
};

struct live_options {
    const char *address;
    const char *access_token;   /* NULL or "": none; a secret */
    const char *user_header;    /* in which the proxies below name who asks; NULL or "": none does */
    const char *const *proxies; /* networks, NULL-ended; may be NULL */
    int64_t session_ms;         /* how long a session holds; 0: 30 days */
    bool is_https;              /* people reach it by https: cookies are for that only */
    /* What Host may say besides the address itself: "seismo.example" (any port) or "seismo.example:8443"; NULL-ended,
     * may be NULL. Needed behind a proxy and where a container's port is published under another number. */
    const char *const *host_names;
    struct store *store; /* NULL: this instance has no page; only /metrics, /healthz and /readyz are served */
    const struct live_asset *assets;
    size_t n_assets;
    /* Windows that are still open, by whoever owns them; NULL: another instance does, and the page says so. */
    void (*open_windows)(void *ctx, int32_t width_s, void (*each)(void *each_ctx, const struct rollup *rollup),
                         void *each_ctx);
    void *open_ctx;
    void (*remarked)(void *ctx); /* somebody has acknowledged or silenced an alert; any thread; may be NULL */
    void *remarked_ctx;
    bool (*ready)(void *ctx);          /* may be NULL */
    const char *(*unready)(void *ctx); /* why it is not, a literal; may be NULL */
    /* Writes {"PART":{"ready":…,"reason":…},…}, how each part is; may be NULL. Any thread, quick. */
    void (*parts)(void *ctx, struct buf *buf);
    void *ready_ctx;
    int series_max;         /* of an application: what "series" is measured against; 0: unknown */
    const char *bus, *kind; /* "kafka", "elastic": what the page calls them; may be NULL; must live on */
    const char *public_url, *demo_key, *demo_service; /* for the tag that an empty page shows */
    /* Writes a stack as it stands in the source, by source maps; false, and nothing written, when none knows it. Takes
     * what it needed from *left_ms. NULL: there are no maps. Any thread; may read files. */
    bool (*resolve_stack)(void *ctx, struct slice release, struct slice stack, int64_t *left_ms, struct buf *buf);
    void *resolve_ctx;
    /* Keeps the source map of a script, as sent; ret_path of size bytes: under which it is found. ERR_BAD_PARAMETER
     * when it cannot be used. NULL: none are taken. A worker; writes files. */
    enum err (*keep_map)(void *ctx, struct slice release, struct slice name, struct slice body, bool is_gzip,
                         char *ret_path, size_t size, struct err_text *text);
    void *keep_ctx;
    size_t upload_bytes; /* of a map, as sent */
    /* Adds what the public listener of this process knows about beacons that do not arrive to an object that is open;
     * NULL: it has none. Any thread, quick. */
    void (*diagnosis)(void *ctx, const char *public_url, const char *key, struct buf *buf);
    void *diagnosis_ctx;
};

enum err live_start(struct live **ret_live, const struct live_options *options, struct err_text *text);
int live_port(const struct live *live);
int64_t live_quiet_ms(const struct live *live); /* serve_quiet_ms of its listener */
bool live_needs_link(const struct live *live);  /* nothing but a one-time link opens the page */
bool live_is_loopback(const struct live *live); /* listens where only this machine reaches it */
void live_changed(
    struct live *live); /* something new can be read; any thread; coalesced to at most 4 pushes a second */
void live_stop(struct live *live, int deadline_ms); /* takes NULL */

#endif
