/* Countries of addresses, from a file in MaxMind's format (GeoLite2-Country and its like). */
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "ingest/ingest_int.h"

struct geo {
    MMDB_s file;
};

enum err geo_open(struct geo **ret_geo, const char *path, struct err_text *text)
{
    struct geo *geo = calloc(1, sizeof *geo);
    if (!geo)
        abort();
    int failed = MMDB_open(path, MMDB_MODE_MMAP, &geo->file);
    if (failed) {
        free(geo);
        return err_set(text, ERR_GEO, "%s: %s", path, MMDB_strerror(failed));
    }
    *ret_geo = geo;
    return ERR_OK;
}

void geo_close(struct geo *geo)
{
    if (!geo)
        return;
    MMDB_close(&geo->file);
    free(geo);
}

static MMDB_lookup_result_s look_up(struct geo *geo, const struct address *address, int *ret_failed)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (address_is_v4(address)) {
        memcpy(&v4.sin_addr, address->bytes + 12, 4);
        return MMDB_lookup_sockaddr(&geo->file, (struct sockaddr *)&v4, ret_failed);
    }
    memcpy(&v6.sin6_addr, address->bytes, 16);
    return MMDB_lookup_sockaddr(&geo->file, (struct sockaddr *)&v6, ret_failed);
}

static bool read_code(MMDB_entry_s *entry, const char *member, char ret_code[3])
{
    MMDB_entry_data_s data;
    if (MMDB_get_value(entry, &data, member, "iso_code", NULL) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING)
        return false;
    return country_code((struct slice){data.utf8_string, data.data_size}, ret_code);
}

bool geo_country(struct geo *geo, const struct address *address, char ret_code[3])
{
    int failed = MMDB_SUCCESS;
    MMDB_lookup_result_s found = look_up(geo, address, &failed);
    return failed == MMDB_SUCCESS && found.found_entry &&
           (read_code(&found.entry, "country", ret_code) || read_code(&found.entry, "registered_country", ret_code));
}
