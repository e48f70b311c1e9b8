/*
 * duration.h - a histogram of durations with fixed bounds, 100 µs to 1 min. Plain data: one thread
 * counts, copies are added up by whoever reads.
 */
#ifndef ENGINE_BASE_DURATION_H
#define ENGINE_BASE_DURATION_H

#include <stdint.h>

#define DURATION_BOUNDS 18

/* Upper bounds, inclusive; what is longer goes to one more bin. */
static const uint64_t duration_bounds_ns[DURATION_BOUNDS] = {
    100000,     250000,     500000,      1000000,     2500000,     5000000,     10000000,     25000000,    50000000,
    100000000,  250000000,  500000000,   1000000000,  2500000000,  5000000000,  10000000000,  30000000000, 60000000000};

struct duration_histogram {
    uint64_t bins[DURATION_BOUNDS + 1];
    uint64_t sum_ns;
};

static inline void duration_count(struct duration_histogram *histogram, uint64_t ns)
{
    unsigned bin = 0;
    while (bin < DURATION_BOUNDS && ns > duration_bounds_ns[bin])
        bin++;
    histogram->bins[bin]++;
    histogram->sum_ns += ns;
}

static inline void duration_add(struct duration_histogram *into, const struct duration_histogram *from)
{
    for (unsigned bin = 0; bin <= DURATION_BOUNDS; bin++)
        into->bins[bin] += from->bins[bin];
    into->sum_ns += from->sum_ns;
}

#endif
