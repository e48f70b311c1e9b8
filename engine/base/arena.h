/*
 * arena.h - bump memory with a fixed ceiling; everything is given back at once by reset.
 *
 * Under AddressSanitizer every allocation is a separate malloc, so overruns are seen. Blocks grow on
 * demand up to the ceiling and are kept across resets: the steady state allocates nothing.
 */
#ifndef ENGINE_BASE_ARENA_H
#define ENGINE_BASE_ARENA_H

#include "engine/base/bytes.h"

struct arena;

/* limit_bytes: ceiling of all live allocations. Owner frees with arena_destroy. */
struct arena *arena_create(size_t limit_bytes);
void arena_destroy(struct arena *arena);

/* 16-byte aligned, uninitialised; NULL only when the ceiling would be passed. */
void *arena_alloc(struct arena *arena, size_t size);
/* Copies b into the arena, with a NUL behind it; absent stays absent. BYTES_NONE at the ceiling. */
struct bytes arena_copy(struct arena *arena, struct bytes b);
/* Forgets all allocations; pointers into the arena are dead. */
void arena_reset(struct arena *arena);
size_t arena_used_bytes(const struct arena *arena);
size_t arena_limit_bytes(const struct arena *arena);

#endif
