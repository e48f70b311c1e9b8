/*
 * allocations.h - has this thread allocated? Exact with jemalloc and under the sanitizers, whose
 * hooks see every allocation of every library.
 */
#ifndef TESTS_LAWS_ALLOCATIONS_H
#define TESTS_LAWS_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Grows with every allocation; before and after are to be compared. */
uint64_t allocations_mark(void);
/* False where nobody can tell. */
bool allocations_known(void);
/* Under a sanitizer an arena allocates for each of its allocations, so that overruns are seen. */
bool allocations_arena_counts(void);

#endif
