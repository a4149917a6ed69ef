/* What an instance does. Rooms know nothing of it. */
#ifndef SEISMO_ROLES_H
#define SEISMO_ROLES_H

#include "base/err.h"

enum role { ROLE_INGEST = 1, ROLE_INDEX = 2, ROLE_ROLLUP = 4, ROLE_DETECT = 8, ROLE_SOURCES = 16, ROLE_LIVE = 32 };

/* Some of them by name, joined by commas, or `all`, as a set of bits. ERR_USAGE: one that there is not, or none. */
enum err roles_read(const char *list, unsigned *ret_roles, struct err_text *text);

#endif
