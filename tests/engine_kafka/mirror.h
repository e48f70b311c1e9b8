/*
 * mirror.h - committed records of many partitions, copied at the same offsets into an embedded log in
 * this process, where the oracle may read them as often as it likes.
 */
#ifndef TESTS_ENGINE_KAFKA_MIRROR_H
#define TESTS_ENGINE_KAFKA_MIRROR_H

#include "engine/bus/ports.h"

#define MIRROR_PARTITIONS_MAX 64

struct mirror_partition {
    const char *topic;
    int32_t partition;
    int64_t from; /* 0: all there is */
    uint32_t records; /* out */
    int64_t next;     /* out: where to go on */
};

/* The topics are made with as many partitions as are named. NULL with *error when a partition cannot
 * be read to its present end. Several threads read; the caller may use bus meanwhile. */
struct bus *mirror_copy(struct bus *bus, struct mirror_partition *partitions, uint32_t count, struct error *error);

/* Calls function for every partition number, from several threads. */
void mirror_each(uint32_t count, void (*function)(void *context, uint32_t number), void *context);

#endif
