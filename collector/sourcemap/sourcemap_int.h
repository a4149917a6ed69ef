/* Inside the room: a decoded map, and the names of files.
 *
 *   decode.c     bytes to segments; where a place in the built file comes from
 *   keep.c       the folder
 *   take.c       what comes by HTTP: gzip, and from there into the folder
 *   sourcemap.c  the maps in memory; stacks */
#ifndef SEISMO_SOURCEMAP_SOURCEMAP_INT_H
#define SEISMO_SOURCEMAP_SOURCEMAP_INT_H

#include "sourcemap/sourcemap.h"

#define DIGEST_HEX 64
#define NAME_HEX 32
#define FILE_PATH_BYTES 2048

/* From this place of the built file on, until the next segment. Lines and columns from 0; -1: none. */
struct segment {
    uint32_t line, column;
    int32_t source; /* -1: nothing is known from here on */
    uint32_t from_line, from_column;
    int32_t name;
};

/* Texts one behind the other; the end of each. */
struct texts {
    struct buf bytes;
    size_t *ends;
    size_t n, size;
};

/* Segments in the order of their places. */
struct sourcemap {
    struct segment *segments;
    size_t n, size;
    struct texts sources, names;
};

/* ret_map is to be given to sourcemap_done whatever comes back. ERR_CORRUPT, ERR_TOO_LARGE. */
enum err sourcemap_decode(struct slice json, struct sourcemap *ret_map, struct err_text *text);
void sourcemap_done(struct sourcemap *map);
size_t sourcemap_bytes(const struct sourcemap *map); /* that it takes in memory */
/* The segment in which a place lies; NULL when the map knows nothing of it. */
const struct segment *sourcemap_find(const struct sourcemap *map, uint32_t line, uint32_t column);
struct slice sourcemap_source(const struct sourcemap *map, const struct segment *segment);
struct slice sourcemap_name(const struct sourcemap *map, const struct segment *segment); /* len 0: none */

/* The digest of the map of a release's file; false when none is kept. */
bool sourcemap_look_up(const char *folder, struct slice release, struct slice path, char ret_digest[DIGEST_HEX + 1]);
/* A file of at most max bytes, whole; *ret_bytes is to be freed. */
enum err sourcemap_read_file(const char *path, size_t max, struct slice *ret_bytes, struct err_text *text);

#endif
