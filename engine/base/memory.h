/*
 * memory.h - allocation for set-up and growth; the one home of jemalloc.
 *
 * Running out of memory ends the process with a message: state is in Kafka, limits are enforced
 * earlier by whoever grows. Every growable thing states its own maximum.
 */
#ifndef ENGINE_BASE_MEMORY_H
#define ENGINE_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed; never NULL. */
void *memory_allocate(size_t size);
/* Not zeroed; never NULL. */
void *memory_allocate_raw(size_t size);
/* count * size, zeroed, overflow-checked; never NULL. */
void *memory_allocate_array(size_t count, size_t size);
/* Keeps the contents; new bytes are not zeroed; never NULL. */
void *memory_resize(void *memory, size_t size);
void memory_free(void *memory);
/* NUL-terminated copy; NULL stays NULL. */
char *memory_copy_text(const char *text);

/* Bytes handed out to the program by the allocator; 0 where it cannot tell (sanitizer builds). */
uint64_t memory_allocated_bytes(void);
/* Total bytes ever allocated by the calling thread since it started; 0 where unknown. */
uint64_t memory_thread_allocated_bytes(void);

#endif
