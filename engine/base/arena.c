/* arena.c - a list of blocks, the newest first; reset keeps them, destroy frees them. */
#include "engine/base/arena.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SEPARATE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SEPARATE 1
#endif
#endif
#ifndef ARENA_SEPARATE
#define ARENA_SEPARATE 0
#endif

#define BLOCK_BYTES ((size_t)256 * 1024)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "encodings here assume little endian");

struct block {
    struct block *next;
    size_t size; /* usable bytes behind this header */
    size_t used;
    size_t padding;
};

struct arena {
    struct block *full;  /* blocks in use; the head takes allocations */
    struct block *spare; /* empty blocks of an earlier round */
    size_t limit_bytes;
    size_t used_bytes;
};

struct arena *arena_create(size_t limit_bytes)
{
    struct arena *arena = memory_allocate(sizeof *arena);
    arena->limit_bytes = limit_bytes;
    return arena;
}

static void free_list(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        memory_free(block);
        block = next;
    }
}

void arena_destroy(struct arena *arena)
{
    if (arena == NULL)
        return;
    free_list(arena->full);
    free_list(arena->spare);
    memory_free(arena);
}

static struct block *take_block(struct arena *arena, size_t size)
{
    struct block *block = arena->spare;
    if (!ARENA_SEPARATE && block != NULL && block->size >= size) {
        arena->spare = block->next;
    } else {
        size_t capacity = ARENA_SEPARATE || size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = memory_allocate_raw(sizeof *block + capacity);
        block->size = capacity;
    }
    block->used = 0;
    block->next = arena->full;
    arena->full = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded < size || rounded > arena->limit_bytes - arena->used_bytes)
        return NULL;
    struct block *block = arena->full;
    if (block == NULL || ARENA_SEPARATE || block->size - block->used < rounded)
        block = take_block(arena, ARENA_SEPARATE ? size : rounded);
    void *result = (uint8_t *)(block + 1) + block->used;
    block->used += ARENA_SEPARATE ? block->size : rounded;
    arena->used_bytes += rounded;
    return result;
}

struct bytes arena_copy(struct arena *arena, struct bytes b)
{
    if (!bytes_present(b))
        return BYTES_NONE;
    uint8_t *copy = arena_alloc(arena, b.size + 1);
    if (copy == NULL)
        return BYTES_NONE;
    if (b.size > 0)
        memcpy(copy, b.data, b.size);
    copy[b.size] = 0;
    return bytes_of(copy, b.size);
}

void arena_reset(struct arena *arena)
{
    struct block *block = arena->full;
    while (block != NULL) {
        struct block *next = block->next;
        if (ARENA_SEPARATE || block->size != BLOCK_BYTES) {
            memory_free(block);
        } else {
            block->next = arena->spare;
            arena->spare = block;
        }
        block = next;
    }
    arena->full = NULL;
    arena->used_bytes = 0;
}

size_t arena_used_bytes(const struct arena *arena) { return arena->used_bytes; }

size_t arena_limit_bytes(const struct arena *arena) { return arena->limit_bytes; }
