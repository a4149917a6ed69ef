#include "reload.h"

#include "base/log.h"
#include "base/metric.h"

extern char **environ;

static const enum setting reloadable[] = {
    SETTING_LOG_LEVEL,
    SETTING_LISTEN_MAX_CONNECTIONS_PER_ADDRESS,
    SETTING_LISTEN_TLS_CERTIFICATE,
    SETTING_LISTEN_TLS_KEY,
    SETTING_INGEST_TRUSTED_PROXIES,
    SETTING_INGEST_COUNTRY_HEADER,
    SETTING_INGEST_GEO_FILE,
    SETTING_INGEST_ADDRESS_REQUESTS,
    SETTING_INGEST_ADDRESS_REQUESTS_BURST,
    SETTING_INGEST_ADDRESS_BYTES,
    SETTING_INGEST_ADDRESS_BYTES_BURST,
    SETTING_INGEST_KEY_REQUESTS,
    SETTING_INGEST_KEY_REQUESTS_BURST,
    SETTING_INGEST_KEY_BYTES,
    SETTING_INGEST_KEY_BYTES_BURST,
};

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0 ||
           strncmp(address, "localhost", 9) == 0;
}

enum err applications_of(const struct config *config, bool is_public, const struct application **ret_applications,
                         size_t *ret_n, struct err_text *text)
{
    static const char *const keys[] = {"demo", NULL}, *const any[] = {"*", NULL}, *const none[] = {NULL};
    static const struct application trial = {"default", keys, any, none, none, true, NULL};
    const char *address = config_text(config, SETTING_LISTEN_PUBLIC);
    *ret_applications = config_applications(config, ret_n);
    if (*ret_n)
        return ERR_OK;
    if (is_public && !is_loopback(address))
        return err_set(
            text, ERR_CONFIG,
            "listen.public is %s, which others can reach, and no applications are configured: name them with "
            "their keys and origins",
            address);
    *ret_applications = &trial;
    *ret_n = 1;
    return ERR_OK;
}

static struct ingest_pace pace_of(const struct config *config, enum setting per_second, enum setting burst)
{
    return (struct ingest_pace){config_int(config, per_second), config_int(config, burst)};
}

enum err rules_of(const struct config *c, struct ingest_rules *ret_rules, struct err_text *text)
{
    *ret_rules = (struct ingest_rules){
        .trusted_proxies = config_list(c, SETTING_INGEST_TRUSTED_PROXIES),
        .country_header = config_text(c, SETTING_INGEST_COUNTRY_HEADER),
        .geo_file = config_text(c, SETTING_INGEST_GEO_FILE),
        .address_requests = pace_of(c, SETTING_INGEST_ADDRESS_REQUESTS, SETTING_INGEST_ADDRESS_REQUESTS_BURST),
        .address_bytes = pace_of(c, SETTING_INGEST_ADDRESS_BYTES, SETTING_INGEST_ADDRESS_BYTES_BURST),
        .key_requests = pace_of(c, SETTING_INGEST_KEY_REQUESTS, SETTING_INGEST_KEY_REQUESTS_BURST),
        .key_bytes = pace_of(c, SETTING_INGEST_KEY_BYTES, SETTING_INGEST_KEY_BYTES_BURST),
        .max_connections_per_address = (int)config_int(c, SETTING_LISTEN_MAX_CONNECTIONS_PER_ADDRESS),
        .tls_certificate = config_text(c, SETTING_LISTEN_TLS_CERTIFICATE),
        .tls_key = config_text(c, SETTING_LISTEN_TLS_KEY),
    };
    return applications_of(c, true, &ret_rules->applications, &ret_rules->n_applications, text);
}

void reload_say_where(const struct config *config, enum err err, struct err_text *text)
{
    struct err_text said = *text;
    enum setting setting = err == ERR_GEO   ? SETTING_INGEST_GEO_FILE
                           : err == ERR_TLS ? SETTING_LISTEN_TLS_CERTIFICATE
                                            : SETTING_INGEST_TRUSTED_PROXIES;
    if (err == ERR_GEO || err == ERR_TLS || strncmp(said.at, "ingest.trusted_proxies", 22) == 0)
        err_set(text, err, "%.200s: %.300s", config_source(config, setting), said.at);
}

static enum log_level log_level_of(const struct config *config)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    int i = 0;
    while (i < 3 && strcmp(config_text(config, SETTING_LOG_LEVEL), names[i]) != 0)
        i++;
    return (enum log_level)i;
}

void reload_log_level(const struct config *config)
{
    log_set_level(log_level_of(config));
}

static bool is_reloadable(enum setting setting)
{
    for (size_t i = 0; i < sizeof reloadable / sizeof *reloadable; i++)
        if (reloadable[i] == setting)
            return true;
    return false;
}

/* A listener that began in clear text stays so. */
static bool waits(const struct config *running, const struct config *fresh, enum setting setting)
{
    if (config_same(running, fresh, setting))
        return false;
    if (setting == SETTING_LISTEN_TLS_CERTIFICATE)
        return !*config_text(running, setting) || !*config_text(fresh, setting);
    return !is_reloadable(setting);
}

static void name_what_waits(const struct config *running, const struct config *fresh)
{
    for (enum setting i = 0; i < SETTING_COUNT; i++)
        if (waits(running, fresh, i))
            log_warn("main", ERR_RESTART, "%s: %s has changed: it takes effect after a restart",
                     config_source(fresh, i), config_key(i));
}

static void free_config(void *config)
{
    config_free(config);
}

/* On success the new configuration belongs to the rules, until no beacon needs it any more. */
static enum err take_over(struct config *fresh, struct ingest *ingest, struct err_text *text)
{
    struct ingest_rules rules;
    enum err err = rules_of(fresh, &rules, text);
    rules.release = free_config;
    rules.release_ctx = fresh;
    if (!err)
        err = ingest_reload(ingest, &rules, text);
    if (err)
        reload_say_where(fresh, err, text);
    return err;
}

static void count(bool ok)
{
    if (ok)
        METRIC_ADD("seismo_config_reloads_total", "configurations taken over by SIGHUP", 1);
    else
        METRIC_ADD("seismo_config_reload_failures_total", "configurations that were not taken over", 1);
    metric_set(metric_get(METRIC_GAUGE, "seismo_config_last_reload_successful", NULL, NULL,
                          "1 when the newest configuration is in use, 0 when it is wrong and the old one stays"),
               ok);
}

void reload(const struct config *running, const char *file, struct ingest *ingest)
{
    struct err_text text = {""};
    struct config *fresh = NULL;
    enum err err = config_load(&fresh, file, (const char *const *)environ, &text);
    if (!err) {
        name_what_waits(running, fresh);
        enum log_level level = log_level_of(fresh);
        if (ingest)
            err = take_over(fresh, ingest, &text); /* fresh is the rules' now, and may be gone soon */
        if (!err)
            log_set_level(level);
    }
    count(!err);
    if (err)
        log_error("main", ERR_RELOAD, "the configuration in use stays: %s: %s", err_code(err), text.at);
    else
        log_info("main", "configuration taken over");
    if (err || !ingest)
        config_free(fresh);
}
