/*
 * audit.h - compares what a group has committed with what it has written: for each partition of
 * `in`, the visible records of `out` are exactly the input records before the committed position,
 * once each, and the position's metadata counts them.
 */
#ifndef TESTS_BUS_AUDIT_H
#define TESTS_BUS_AUDIT_H

#include "tests/bus/bed.h"

#define AUDIT_NUMBERS_MAX 40000

struct audit {
    struct bus *bus;
    int32_t in_partitions;
    int32_t out_partitions;
    struct bus_reader *in[BED_PARTITIONS_MAX];
    struct bus_reader *out[BED_PARTITIONS_MAX];
    int32_t partition_of[AUDIT_NUMBERS_MAX]; /* by number; -1: not in `in` */
    int64_t offset_of[AUDIT_NUMBERS_MAX];
    bool written[AUDIT_NUMBERS_MAX];
    uint32_t numbers; /* read from `in` so far */
    uint64_t copied;  /* read from `out` so far */
};

/* Follows both topics. The value of each record is its number, a uint64_t. */
void audit_start(struct audit *audit, struct bus *bus, int32_t in_partitions,
                 int32_t out_partitions);
/* Reads on and compares; fails the test with the seed when they disagree. Only between commits. */
void audit_check(struct audit *audit, uint64_t seed);
void audit_stop(struct audit *audit);

#endif
