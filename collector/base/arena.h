/* Memory that is used together and dropped together: build, use, drop in one call.
 *
 * One arena belongs to one thread at a time. It grows by blocks up to the bound given at birth;
 * past it arena_alloc returns NULL, which callers treat as ERR_TOO_LARGE. What is allocated is
 * aligned to 16 bytes and not cleared (arena_zero clears). */
#ifndef SEISMO_BASE_ARENA_H
#define SEISMO_BASE_ARENA_H

#include "base/slice.h"

struct arena;

struct arena *arena_new(size_t first_block_bytes, size_t max_bytes); /* never NULL */
void arena_free(struct arena *arena);                                /* takes NULL */
void arena_reset(struct arena *arena);                               /* keeps the first block */
void *arena_alloc(struct arena *arena, size_t bytes);                /* NULL past the bound */
void *arena_zero(struct arena *arena, size_t bytes);                 /* the same, cleared */
struct slice arena_copy(struct arena *arena, struct slice from);     /* at = NULL past the bound */
size_t arena_used(const struct arena *arena);

#endif
