/* Inside the room: what is imported, and what Kibana says to it. */
#ifndef SEISMO_KIBANA_KIBANA_INT_H
#define SEISMO_KIBANA_KIBANA_INT_H

#include <jansson.h>
#include <stdbool.h>

#include "kibana/kibana.h"

#define OBJECTS_BYTES (8u << 20) /* of all objects, with the longest name of a space in each id */

extern const char kibana_objects[]; /* one JSON object a line */

/* The objects under the ids of a space ("" is the default one), one a line. */
void objects_write(const char *space, struct buf *lines);
/* The next of the lines as a tree, and the lines behind it; NULL at the end. */
json_t *objects_next(struct slice *lines);

/* What an answer to a look at all objects means. */
struct comparison {
    unsigned objects, dashboards; /* of ours */
    unsigned missing;             /* of ours that are not there */
    unsigned changed;             /* dashboards with another stamp */
    char foreign[128];            /* a dashboard under our id without a stamp; "": none */
};
/* lines: ours; answer: of _bulk_get. False: the answer is none that we understand. */
bool objects_compare(struct slice lines, struct slice answer, struct comparison *ret_comparison);
/* True when all were imported; else text says which was not and why. */
bool objects_imported(struct slice answer, struct err_text *text);

#endif
