/* A list of roles, as `ingest,index`. */
#include "roles.h"

#include <string.h>

enum err roles_read(const char *list, unsigned *ret_roles, struct err_text *text)
{
    static const char *const names[] = {"ingest", "index", "rollup", "detect", "sources", "live"};
    unsigned roles = 0;
    while (*list) {
        size_t n = strcspn(list, ","), i = 0;
        while (i < 6 && (strlen(names[i]) != n || strncmp(names[i], list, n) != 0))
            i++;
        if (strncmp(list, "all", n) == 0 && n == 3)
            roles |= 63;
        else if (i == 6)
            return err_set(text, ERR_USAGE,
                           "no role is called '%.*s'; there are ingest, index, rollup, detect, sources, live and all",
                           (int)n, list);
        else
            roles |= 1u << i;
        list += n + (list[n] == ',');
    }
    if (!roles)
        return err_set(text, ERR_USAGE, "no role is named");
    *ret_roles = roles;
    return ERR_OK;
}
