/* memory.c - the allocator's only home; jemalloc replaces malloc for all libraries when linked. */
#include "engine/base/memory.h"

#include "engine/base/check.h"

#include <string.h>

#ifdef ASSAY_JEMALLOC
#include <jemalloc/jemalloc.h>
/* Decompression buffers come and go with each fetch, between two threads: giving their pages back and
 * faulting them in again costs a quarter of all CPU time. What is freed is kept, peak is the ceiling. */
const char *malloc_conf = "background_thread:false,dirty_decay_ms:-1,narenas:2";
#endif

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr,
            "{\"level\":\"fatal\",\"msg\":\"out of memory asking for %zu bytes; give the process more "
            "or lower memory.limit_mb\"}\n",
            size);
    abort();
}

void *memory_allocate(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (memory == NULL)
        out_of_memory(size);
    return memory;
}

void *memory_allocate_raw(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (memory == NULL)
        out_of_memory(size);
    return memory;
}

void *memory_allocate_array(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (memory == NULL)
        out_of_memory(count * size);
    return memory;
}

void *memory_resize(void *memory, size_t size)
{
    void *grown = realloc(memory, size ? size : 1);
    if (grown == NULL)
        out_of_memory(size);
    return grown;
}

void memory_free(void *memory) { free(memory); }

char *memory_copy_text(const char *text)
{
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = memory_allocate_raw(size);
    memcpy(copy, text, size);
    return copy;
}

#ifdef ASSAY_JEMALLOC
uint64_t memory_allocated_bytes(void)
{
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    (void)mallctl("epoch", &epoch, &size, &epoch, size);
    size_t allocated = 0;
    size = sizeof allocated;
    if (mallctl("stats.allocated", &allocated, &size, NULL, 0) != 0)
        return 0;
    return allocated;
}

uint64_t memory_thread_allocated_bytes(void)
{
    uint64_t bytes = 0;
    size_t size = sizeof bytes;
    if (mallctl("thread.allocated", &bytes, &size, NULL, 0) != 0)
        return 0;
    return bytes;
}
#else
uint64_t memory_allocated_bytes(void) { return 0; }
uint64_t memory_thread_allocated_bytes(void) { return 0; }
#endif
