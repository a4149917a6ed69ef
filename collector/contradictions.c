/* Settings that are right each by itself and wrong together: one row each, for check-config. */
#include "contradictions.h"

#include <stdio.h>
#include <string.h>

#include "roles.h"

static bool has(const struct config *c, enum setting setting)
{
    return *config_text(c, setting) != '\0';
}

static bool is(const struct config *c, enum setting setting, const char *value)
{
    return strcmp(config_text(c, setting), value) == 0;
}

static bool has_proxies(const struct config *c)
{
    return *config_list(c, SETTING_INGEST_TRUSTED_PROXIES) != NULL;
}

static bool is_off_loopback(const char *address)
{
    return strncmp(address, "127.", 4) != 0 && strncmp(address, "[::1]", 5) != 0 &&
           strncmp(address, "localhost", 9) != 0;
}

static bool nobody_can_connect(const struct config *c)
{
    return is(c, SETTING_LISTEN_PROXY_PROTOCOL, "required") && !has_proxies(c);
}
static bool nobody_names_countries(const struct config *c)
{
    return has(c, SETTING_INGEST_COUNTRY_HEADER) && !has_proxies(c);
}
static bool half_a_certificate(const struct config *c)
{
    return has(c, SETTING_LISTEN_TLS_CERTIFICATE) != has(c, SETTING_LISTEN_TLS_KEY);
}
static bool no_such_role(const struct config *c)
{
    unsigned roles;
    struct err_text text;
    return roles_read(config_text(c, SETTING_ROLES), &roles, &text) != ERR_OK;
}
static bool open_inner_listener(const struct config *c)
{
    unsigned roles = 0;
    struct err_text text;
    bool has_links = roles_read(config_text(c, SETTING_ROLES), &roles, &text) == ERR_OK && roles & ROLE_LIVE;
    return is_off_loopback(config_text(c, SETTING_LISTEN_INNER)) && !has(c, SETTING_INNER_TOKEN) &&
           !has(c, SETTING_INNER_TRUSTED_USER_HEADER) && !has_links;
}
static bool nobody_names_readers(const struct config *c)
{
    return has(c, SETTING_INNER_TRUSTED_USER_HEADER) && !*config_list(c, SETTING_INNER_TRUSTED_PROXIES);
}
static bool no_brokers(const struct config *c)
{
    return is(c, SETTING_BUS_KIND, "kafka") && !has(c, SETTING_KAFKA_BROKERS);
}
static bool brokers_unused(const struct config *c)
{
    return !is(c, SETTING_BUS_KIND, "kafka") && has(c, SETTING_KAFKA_BROKERS);
}
static bool more_in_sync_than_copies(const struct config *c)
{
    int64_t copies = config_int(c, SETTING_KAFKA_REPLICATION);
    return copies && config_int(c, SETTING_KAFKA_MIN_INSYNC_REPLICAS) > copies;
}
static bool no_node(const struct config *c)
{
    return is(c, SETTING_STORE_KIND, "elastic") && !has(c, SETTING_ELASTIC_URL) && !has(c, SETTING_ELASTIC_CLOUD_ID);
}
static bool node_unused(const struct config *c)
{
    return !is(c, SETTING_STORE_KIND, "elastic") && (has(c, SETTING_ELASTIC_URL) || has(c, SETTING_ELASTIC_CLOUD_ID));
}
static bool two_addresses(const struct config *c)
{
    return has(c, SETTING_ELASTIC_URL) && has(c, SETTING_ELASTIC_CLOUD_ID);
}
static bool half_a_login(const struct config *c)
{
    return has(c, SETTING_ELASTIC_USER) != has(c, SETTING_ELASTIC_PASSWORD);
}
static bool two_logins(const struct config *c)
{
    return has(c, SETTING_ELASTIC_API_KEY) && has(c, SETTING_ELASTIC_USER);
}
static bool secrets_in_clear_text(const struct config *c)
{
    const char *urls = config_text(c, SETTING_ELASTIC_URL), *url = strstr(urls, "http://");
    return (has(c, SETTING_ELASTIC_API_KEY) || has(c, SETTING_ELASTIC_PASSWORD)) && url && is_off_loopback(url + 7);
}
static bool inflated_is_smaller(const struct config *c)
{
    return config_int(c, SETTING_INGEST_MAX_INFLATED) < config_int(c, SETTING_INGEST_MAX_BODY);
}

static const struct {
    bool (*holds)(const struct config *c);
    bool stops;           /* with it nothing would start, or nothing would work */
    enum setting setting; /* whose place is named */
    const char *sentence;
} all[] = {
    {no_such_role, true, SETTING_ROLES,
     "roles names something else than ingest, index, rollup, detect, sources, live and all"},
    {nobody_can_connect, true, SETTING_LISTEN_PROXY_PROTOCOL,
     "listen.proxy_protocol is required and ingest.trusted_proxies names nobody who may speak it: no connection would "
     "be taken"},
    {half_a_certificate, true, SETTING_LISTEN_TLS_CERTIFICATE,
     "listen.tls_certificate and listen.tls_key belong together, and one is missing"},
    {open_inner_listener, true, SETTING_LISTEN_INNER,
     "listen.inner can be reached from other machines, and without role live there are no one-time links, so "
     "inner.token is needed"},
    {nobody_names_readers, true, SETTING_INNER_TRUSTED_USER_HEADER,
     "inner.trusted_user_header is believed from inner.trusted_proxies only, which names nobody"},
    {no_brokers, true, SETTING_BUS_KIND, "bus.kind is kafka and kafka.brokers is empty"},
    {no_node, true, SETTING_STORE_KIND, "store.kind is elastic, and both elastic.url and elastic.cloud_id are empty"},
    {more_in_sync_than_copies, true, SETTING_KAFKA_MIN_INSYNC_REPLICAS,
     "kafka.min_insync_replicas is larger than kafka.replication: no record would be taken"},
    {half_a_login, true, SETTING_ELASTIC_USER, "elastic.user and elastic.password belong together, and one is missing"},
    {nobody_names_countries, false, SETTING_INGEST_COUNTRY_HEADER,
     "ingest.country_header is believed from ingest.trusted_proxies only, which names nobody"},
    {brokers_unused, false, SETTING_KAFKA_BROKERS, "kafka.brokers is set and bus.kind is not kafka: it is not used"},
    {node_unused, false, SETTING_STORE_KIND,
     "an address of Elasticsearch is set and store.kind is not elastic: it is not used"},
    {two_addresses, false, SETTING_ELASTIC_CLOUD_ID,
     "elastic.url and elastic.cloud_id are both set: one of them is enough"},
    {two_logins, false, SETTING_ELASTIC_API_KEY, "elastic.api_key and elastic.user are both set: the key is used"},
    {secrets_in_clear_text, false, SETTING_ELASTIC_URL,
     "elastic.url is http:// to another machine: the password or key travels in clear text"},
    {inflated_is_smaller, false, SETTING_INGEST_MAX_INFLATED,
     "ingest.max_inflated is less than ingest.max_body: bodies that are not compressed may be larger than others"},
};

bool contradictions_say(const struct config *config)
{
    bool stops = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].holds(config))
            continue;
        fprintf(stderr, "seismo: %s%s: %s: %s\n", all[i].stops ? "" : "warning: ", err_code(ERR_CONFIG),
                config_source(config, all[i].setting), all[i].sentence);
        stops = stops || all[i].stops;
    }
    return stops;
}
