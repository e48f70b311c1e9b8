/*
 * bed.h - a test bed on the embedded log: topics, a member that answers events by itself, readers.
 */
#ifndef TESTS_BUS_BED_H
#define TESTS_BUS_BED_H

#include "engine/bus/embedded_log.h"
#include "tests/test.h"

#define BED_PARTITIONS_MAX 32

/* Every call on a port that must succeed goes through this: the port's own words on failure. */
#define BED_OK(expression, why)                                                                    \
    do {                                                                                           \
        if (!(expression))                                                                         \
            fail_msg("%s: %s", #expression, (why).message);                                        \
    } while (0)

/* A member with its positions: what a shard keeps, without the shard. */
struct bed_member {
    struct member *member;
    struct bus_position owned[BED_PARTITIONS_MAX]; /* offset: next to read */
    uint32_t owned_count;
    uint64_t assigned; /* events seen */
    uint64_t revoked;
    uint64_t lost;
};

struct bus *bed_open(const struct embedded_log_options *options);
void bed_topic(struct bus *bus, const char *name, int32_t partitions, enum topic_cleanup cleanup);
/* Reads `in`, writes `in` and `out`; both must be there. */
void bed_join(struct bus *bus, struct bed_member *m, const char *group,
              const char *transactional_id);
/* Polls once without waiting and answers ASSIGN (at committed), REVOKE and LOST. The event. */
enum member_event bed_poll(struct bed_member *m, struct member_batch *batch);
/* Polls all of them, round and round, until no events are left; records are released unread. */
void bed_settle(struct bed_member *members, uint32_t count);
struct bus_position *bed_owned(struct bed_member *m, struct bus_partition source);
/* Reads back what was committed for all that is owned, and seeks there. */
void bed_rewind(struct bed_member *m);
void bed_produce(struct bed_member *m, const char *topic, int32_t partition, const char *key,
                 const char *value);
void bed_append(struct bus *bus, const char *topic, int32_t partition, const char *key,
                const char *value, int64_t timestamp_ms);
/* All committed records of a partition from its oldest, as "offset=value offset=value …". */
const char *bed_dump(struct bus *bus, const char *topic, int32_t partition, char *out, size_t size);

#endif
