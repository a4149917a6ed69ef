/* The inner listener: every instance has its figures and its health there, the one with role live also the page. */
#include <stdio.h>
#include <string.h>

#include "assets.h"
#include "base/address.h"
#include "base/clock.h"
#include "commands.h"
#include "seismo.h"

const char *scheme(const struct seismo *seismo)
{
    return *config_text(seismo->config, SETTING_LISTEN_TLS_CERTIFICATE) ? "https" : "http";
}

/* Where browsers reach the public listener, for the tag that is shown: as configured, else this machine. */
const char *public_url(const struct seismo *seismo)
{
    static char url[ADDRESS_HOST_BYTES + 16];
    char host[ADDRESS_HOST_BYTES];
    const char *configured = config_text(seismo->config, SETTING_LISTEN_PUBLIC_URL);
    if (*configured || !seismo->ingest)
        return configured;
    address_to_reach(config_text(seismo->config, SETTING_LISTEN_PUBLIC), host);
    snprintf(url, sizeof url, "%s://%s:%d", scheme(seismo), host, ingest_port(seismo->ingest));
    return url;
}

/* The host of listen.inner_url is one of the inner listener's names. */
static const char *const *inner_names(const struct seismo *seismo)
{
    static char host[256];
    static const char *names[] = {host, NULL};
    const char *url = config_text(seismo->config, SETTING_LISTEN_INNER_URL), *begin = strstr(url, "://");
    begin = begin ? begin + 3 : url;
    snprintf(host, sizeof host, "%.*s", (int)strcspn(begin, "/"), begin);
    return *host ? names : NULL;
}

static void diagnose(void *ctx, const char *url, const char *key, struct buf *buf)
{
    diagnosis_write(ctx, url, key, clock_mono_ms(), clock_wall_ms(), buf);
}

/* For the tag that is shown. */
const char *first_service(const struct seismo *seismo)
{
    const struct application *first = &seismo->applications[0];
    return first->services[0] ? first->services[0] : first->name;
}

static bool resolve_stack(void *ctx, struct slice release, struct slice stack, int64_t *left_ms, struct buf *buf)
{
    struct sourcemap_budget budget = {*left_ms};
    bool is_resolved = sourcemaps_resolve(ctx, release, stack, &budget, buf);
    *left_ms = budget.left_ms;
    return is_resolved;
}

static enum err keep_map(void *ctx, struct slice release, struct slice name, struct slice body, bool is_gzip,
                         char *ret_path, size_t size, struct err_text *text)
{
    return sourcemaps_take(ctx, release, name, body, is_gzip, ret_path, size, text);
}

/* NULL: none are taken. */
static struct sourcemaps_door *open_door(const struct config *c, bool has_page)
{
    static struct sourcemaps_door door;
    folder_of_sourcemaps(c, door.folder, sizeof door.folder);
    door.retention_days = (int)config_int(c, SETTING_SOURCEMAPS_RETENTION_DAYS);
    door.max_bytes = (uint64_t)config_int(c, SETTING_SOURCEMAPS_MAX_BYTES);
    return has_page && config_int(c, SETTING_SOURCEMAPS_UPLOAD_BYTES) > 0 ? &door : NULL;
}

static struct sourcemaps *open_sourcemaps(const struct seismo *seismo)
{
    char folder[1100];
    folder_of_sourcemaps(seismo->config, folder, sizeof folder);
    return seismo->roles & ROLE_LIVE ? sourcemaps_new(folder) : NULL;
}

/* The inner listener: every instance has its figures and its health there, the one with role live also the page. */
enum err start_live(struct seismo *seismo, struct err_text *text)
{
    const bool has_page = seismo->roles & ROLE_LIVE;
    static struct live_asset assets[4];
    assets[0] = (struct live_asset){"/", "text/html; charset=utf-8", asset_page_html()};
    assets[1] = (struct live_asset){"/live.js", "text/javascript; charset=utf-8", asset_page_js()};
    assets[2] = (struct live_asset){"/live.css", "text/css; charset=utf-8", asset_page_css()};
    assets[3] = (struct live_asset){"/api/openapi.json", "application/json", asset_live_api()};
    const struct config *c = seismo->config;
    seismo->sourcemaps = open_sourcemaps(seismo);
    struct sourcemaps_door *door = open_door(c, has_page);
    struct live_options options = {
        .address = config_text(c, SETTING_LISTEN_INNER),
        .access_token = config_text(c, SETTING_INNER_TOKEN),
        .user_header = config_text(c, SETTING_INNER_TRUSTED_USER_HEADER),
        .proxies = config_list(c, SETTING_INNER_TRUSTED_PROXIES),
        .session_ms = config_int(c, SETTING_INNER_SESSION_MS),
        .is_https = strncmp(config_text(c, SETTING_LISTEN_INNER_URL), "https://", 8) == 0,
        .store = has_page ? seismo->store : NULL,
        .assets = assets,
        .n_assets = has_page ? sizeof assets / sizeof *assets : 0,
        .open_windows = seismo->roles & ROLE_DETECT ? open_windows : NULL,
        .open_ctx = seismo,
        .series_max = (int)config_int(c, SETTING_ROLLUP_MAX_SERIES),
        .bus = config_text(c, SETTING_BUS_KIND),
        .kind = config_text(c, SETTING_STORE_KIND),
        .remarked = alerts_were_remarked,
        .remarked_ctx = seismo,
        .ready = all_is_ready,
        .unready = why_not_ready,
        .parts = add_parts,
        .ready_ctx = seismo,
        .host_names = inner_names(seismo),
        .public_url = public_url(seismo),
        .demo_key = seismo->applications[0].keys[0],
        .demo_service = first_service(seismo),
        .resolve_stack = seismo->sourcemaps ? resolve_stack : NULL,
        .resolve_ctx = seismo->sourcemaps,
        .keep_map = door ? keep_map : NULL,
        .keep_ctx = door,
        .upload_bytes = door ? (size_t)config_int(c, SETTING_SOURCEMAPS_UPLOAD_BYTES) : 0,
        .diagnosis = seismo->diagnosis ? diagnose : NULL,
        .diagnosis_ctx = seismo->diagnosis,
    };
    struct live *live = NULL;
    enum err err = live_start(&live, &options, text);
    set_live(seismo, live);
    return err;
}
