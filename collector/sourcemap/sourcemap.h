/* Source maps (ECMA-426): kept by release and file, and read when an error is shown.
 *
 *   FOLDER/maps/DIGEST.map          a map as it was built, by its SHA-256; releases that share a file share its map
 *   FOLDER/releases/RELEASE/PATH    which map: "DIGEST\nrelease\npath\n"; both names are hashes, in hex
 *
 * No name in the folder is made of what strangers or builds call things, so none leads out of it. Files appear whole,
 * by rename; one uploader at a time, any number of readers. Maps come from people who may upload and stacks from
 * strangers: neither can take more memory or time than the bounds below. Only role live reads the folder, and what it
 * answers is places, never a map. */
#ifndef SEISMO_SOURCEMAP_SOURCEMAP_H
#define SEISMO_SOURCEMAP_SOURCEMAP_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"

#define SOURCEMAP_RELEASE_BYTES 1024   /* of its name */
#define SOURCEMAP_MAX_BYTES 67108864   /* of one map */
#define SOURCEMAP_MAX_SEGMENTS 4000000 /* of one map, decoded: 24 bytes each */
#define SOURCEMAP_MAX_NAMES 1000000    /* and as many sources */
#define SOURCEMAP_MAX_FRAMES 64        /* of one stack; what follows is shown as it came */

/* ---- reading ---- */

/* What one answer may spend on reading maps. The first map is always read; once nothing is left, what is not in memory
 * is shown as it came, and the next answer goes on from there. */
struct sourcemap_budget {
    int64_t left_ms;
};

struct sourcemaps;
/* Never NULL; the folder need not exist. The text is copied. */
struct sourcemaps *sourcemaps_new(const char *folder);
void sourcemaps_free(struct sourcemaps *maps); /* takes NULL */
/* Writes the stack with each frame that a map of this release knows as `function (file:line:column)` of its source, the
 * others as they came. False, and nothing written, when no map knows any of them. Any thread; reads files. */
bool sourcemaps_resolve(struct sourcemaps *maps, struct slice release, struct slice stack,
                        struct sourcemap_budget *budget, struct buf *buf);

/* ---- keeping ---- */

/* The path under which browsers load a file, from an address or a path: without origin, query and fragment, %XX
 * decoded, one slash in front. ret_path holds at most size bytes; false when it does not fit or there is none. */
bool sourcemap_path(struct slice url, char *ret_path, size_t size);
/* Keeps a map, in place of an earlier one of the same release and path. ERR_CORRUPT when it is no source map that can
 * be read here, ERR_TOO_LARGE past a bound, ERR_IO. */
enum err sourcemaps_keep(const char *folder, struct slice release, const char *path, struct slice map,
                         struct err_text *text);
/* gzip: what `seismo sourcemap upload --url` sends. buf is empty and allows SOURCEMAP_MAX_BYTES. */
enum err sourcemap_pack(struct slice map, struct buf *buf, struct err_text *text);

/* Where uploads by HTTP go. */
struct sourcemaps_door {
    char folder[1100];
    int retention_days;
    uint64_t max_bytes;
    _Atomic int64_t expired_ms; /* when old ones were removed last, monotonic; 0: never */
};
/* Keeps a map that came over the network, as sourcemaps_keep does; old ones are removed at most once a minute.
 * ERR_BAD_PARAMETER when it cannot be used. ret_path: under which it is found. Any thread. */
enum err sourcemaps_take(struct sourcemaps_door *door, struct slice release, struct slice name, struct slice body,
                         bool is_gzip, char *ret_path, size_t size, struct err_text *text);

/* Removes what was kept before oldest_s (seconds since the epoch), then the oldest until max_bytes are left, and maps
 * of which no release knows any more. */
enum err sourcemaps_expire(const char *folder, int64_t oldest_s, uint64_t max_bytes, struct err_text *text);

#endif
