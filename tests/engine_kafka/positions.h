/*
 * positions.h - looks at a group's committed positions and at the ends of partitions from outside,
 * without joining anything.
 */
#ifndef TESTS_ENGINE_KAFKA_POSITIONS_H
#define TESTS_ENGINE_KAFKA_POSITIONS_H

#include <stdbool.h>
#include <stdint.h>

struct positions;

struct positions *positions_open(const char *servers, const char *group);
void positions_close(struct positions *positions);
/* Offsets for partitions 0 … count-1; -1 where nothing is committed. False: not to be had now. */
bool positions_committed(struct positions *positions, const char *topic, int32_t count, int64_t *out);
/* Where the log ends; committed: where the oldest open transaction begins. -1: not to be had now. */
int64_t positions_end(struct positions *positions, const char *topic, int32_t partition, bool committed);
/* Records in a partition, of committed transactions or of all. */
int64_t positions_count(struct positions *positions, const char *topic, int32_t partition, bool committed);

#endif
