/* Dashboards into Kibana, by its saved objects API.
 *
 * What is imported is made from schemas/kibana/ and carried in the binary. Every id of it begins with `seismo-`, in a
 * space of its own name with `seismo-SPACE-`, since ids are unique over all spaces; nothing else is ever written. Each
 * dashboard's description ends with a stamp of what it shows: by that a second import sees that it has nothing to do.
 */
#ifndef SEISMO_KIBANA_KIBANA_H
#define SEISMO_KIBANA_KIBANA_H

#include "base/buf.h"
#include "base/err.h"

struct kibana_options {
    const char *url;     /* as http://127.0.0.1:5601, with the base path if Kibana has one; no user or password in it */
    const char *space;   /* id of a space; NULL or "": the default one */
    const char *api_key; /* as Kibana or Elasticsearch gives it out, encoded; NULL or "": none */
    const char *user, *password; /* when there is no key; NULL or "": none */
    const char *ca_file;         /* NULL or "": the system's */
};

/* Imports what differs from what is there: all of it, or nothing. Blocks for up to a few minutes; any thread. On ERR_OK
 * text says in one line what was done. ERR_HTTP, ERR_TIMED_OUT: Kibana was not reached; ERR_KIBANA_AUTH,
 * ERR_KIBANA: it refuses, or has something under our ids that is not ours. No secret is ever in text. */
enum err kibana_import(const struct kibana_options *options, struct err_text *text);

#endif
