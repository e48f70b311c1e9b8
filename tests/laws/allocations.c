/* allocations.c - see allocations.h. */
#include "tests/laws/allocations.h"

#include "engine/base/memory.h"

#include <stddef.h>

/* Of the sanitizers' run-time; not there without one. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *))
    __attribute__((weak));

static _Thread_local uint64_t hooked;
static bool installed;

static void on_malloc(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
    hooked++;
}

static void on_free(const volatile void *memory) { (void)memory; }

bool allocations_arena_counts(void) { return __sanitizer_install_malloc_and_free_hooks != NULL; }

uint64_t allocations_mark(void)
{
    if (!allocations_arena_counts())
        return memory_thread_allocated_bytes();
    if (!installed)
        installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0;
    return hooked;
}

bool allocations_known(void)
{
    uint64_t before = allocations_mark();
    memory_free(memory_allocate(64));
    return allocations_mark() > before;
}
