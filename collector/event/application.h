/* An application: who may send under which key. Made by config, read by ingest, validate and enrich; immutable. */
#ifndef SEISMO_EVENT_APPLICATION_H
#define SEISMO_EVENT_APPLICATION_H

#include <stdbool.h>
#include <stddef.h>

#define APPLICATION_ADVICE_BYTES 64

struct application {
    const char *name;
    const char *const *keys; /* NULL-ended; two or more while a key is rotated */
    const char *const
        *origins; /* NULL-ended: "https://shop.example", one leading "*." stands for any subdomain, "*" alone for any */
    const char *const *services; /* NULL-ended; an empty list allows every service */
    const char *const *routes;   /* NULL-ended templates, "/product/:id", tried in order before the built-in naming */
    bool server_clients;         /* requests without an Origin header are accepted */
    const char *advice; /* to agents, members of each 202: `,"rate":0.1,"stop":true,"wait":30`; NULL or "": none */
};

#endif
