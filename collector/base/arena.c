#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

struct block {
    struct block *next; /* the older one */
    size_t used, size;
    char pad[8];
    char bytes[];
};

struct arena {
    struct block *block; /* the newest */
    size_t total, max;
    char pad[8];
    struct block first; /* one allocation for both; its bytes stand behind */
};

static struct block *block_new(size_t size)
{
    struct block *block = malloc(sizeof *block + size);
    if (!block)
        abort(); /* out of memory on a machine with overcommit: nothing sane is left to do */
    block->next = NULL;
    block->used = 0;
    block->size = size;
    return block;
}

struct arena *arena_new(size_t first_block_bytes, size_t max_bytes)
{
    assert(first_block_bytes > 0 && first_block_bytes <= max_bytes);
    struct arena *arena = malloc(sizeof *arena + first_block_bytes);
    if (!arena)
        abort();
    arena->first.next = NULL;
    arena->first.used = 0;
    arena->first.size = first_block_bytes;
    arena->block = &arena->first;
    arena->total = first_block_bytes;
    arena->max = max_bytes;
    return arena;
}

void arena_reset(struct arena *arena)
{
    while (arena->block->next) {
        struct block *older = arena->block->next;
        arena->total -= arena->block->size;
        free(arena->block);
        arena->block = older;
    }
    arena->block->used = 0;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena);
    free(arena);
}

static struct block *grow(struct arena *arena, size_t bytes)
{
    size_t size = arena->block->size * 2 > bytes ? arena->block->size * 2 : bytes;
    if (size > arena->max - arena->total)
        size = arena->max - arena->total;
    if (size < bytes)
        return NULL;
    struct block *block = block_new(size);
    block->next = arena->block;
    arena->block = block;
    arena->total += size;
    return block;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    if (bytes > arena->max)
        return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    struct block *block = arena->block;
    if (block->size - block->used < bytes && !(block = grow(arena, bytes)))
        return NULL;
    void *at = block->bytes + block->used;
    block->used += bytes;
    return at;
}

void *arena_zero(struct arena *arena, size_t bytes)
{
    void *at = arena_alloc(arena, bytes);
    return at ? memset(at, 0, bytes) : NULL;
}

struct slice arena_copy(struct arena *arena, struct slice from)
{
    char *at = arena_alloc(arena, from.len + 1);
    if (!at)
        return SLICE_NONE;
    if (from.len)
        memcpy(at, from.at, from.len);
    at[from.len] = '\0';
    return (struct slice){at, from.len};
}

size_t arena_used(const struct arena *arena)
{
    size_t used = 0;
    for (const struct block *block = arena->block; block; block = block->next)
        used += block->used;
    return used;
}
