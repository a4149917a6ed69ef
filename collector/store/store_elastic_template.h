/* Templates of the data streams as a node wants them, and how one that it has compares. Pure; any thread. */
#ifndef SEISMO_STORE_STORE_ELASTIC_TEMPLATE_H
#define SEISMO_STORE_STORE_ELASTIC_TEMPLATE_H

#include "store/store_elastic.h"

/* What a node wants otherwise than schemas/elasticsearch/ has it. */
struct template_rules {
    const char *mode;   /* of indices, said explicitly; NULL: the node has none, or does not tell */
    bool is_open;       /* OpenSearch: its name for flattened is flat_object */
    bool is_serverless; /* shards, replicas and refresh are not ours to set */
    int retention_days; /* of raw documents; 0: for ever */
};

enum template_verdict {
    TEMPLATE_PRESENT,  /* as it should be */
    TEMPLATE_OUTDATED, /* ours and different, or none */
    TEMPLATE_NEWER,    /* of a newer release */
    TEMPLATE_FOREIGN,  /* under our name, and not of our making */
};
enum template_retention { RETENTION_NONE, RETENTION_LIFECYCLE, RETENTION_POLICY };

const char *template_name(enum stream stream); /* "seismo-events"; static */
json_t *template_make(enum stream stream, const struct template_rules *rules);
/* theirs: as GET /_index_template gives it; NULL: there is none. */
enum template_verdict template_compare(const json_t *theirs, const json_t *ours);
/* When we may not ask what node it is: the index mode that the template has is kept. */
void template_keep_mode(const json_t *theirs, json_t *ours);
/* The fields of a template, by their dotted names. Borrowed. */
json_t *template_fields(const json_t *whole);
/* True when an index's mapping has every field of the template, with its type. */
bool template_fits(const json_t *mapping, const json_t *ours);
enum template_retention template_retention(const json_t *theirs);

/* Retention by index lifecycle management: the policy under template_name, and the template's use of it. */
json_t *template_policy(enum stream stream, const struct template_rules *rules);
void template_use_policy(json_t *ours, enum stream stream);

#endif
