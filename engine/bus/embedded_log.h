/*
 * embedded_log.h - a Kafka-like bus inside one process: topics with partitions, consumer groups,
 * transactions over many partitions, compaction, a settable clock and seeded faults. It is the
 * demo's default, what replay runs on, and the world of the simulation tests.
 *
 * What holds, always:
 *   - A transaction's records and group positions appear together, at commit, or never. Readers see
 *     committed records only.
 *   - Offsets ascend but are not dense: each commit ends with one marker offset per partition it
 *     touched, and aborted records use up the offsets they would have had, as in Kafka.
 *   - A partition has at most one owner per group; a commit that names a partition the member does
 *     not own any more is COMMIT_ABORTED, whatever else it holds. A commit without positions is not
 *     checked against the group (as in Kafka).
 *   - Used by one thread it is a function of the calls made on it: no wall clock (but for poll's
 *     time-out), no address order, one seeded random stream.
 *   - Records stay where they are while borrowed; purge and compaction wait for the borrower.
 *
 * Every function may be called from any thread, except that a member or a reader is used by one
 * thread at a time. Topics are never created implicitly: an unknown one is an error that says so.
 * A record with a key and partition -1 goes to murmur2(key) mod partitions, as the Java client's
 * default partitioner does; without a key, partitions take turns.
 */
#ifndef ENGINE_BUS_EMBEDDED_LOG_H
#define ENGINE_BUS_EMBEDDED_LOG_H

#include "engine/bus/ports.h"

#include <stdatomic.h>

/* ---- a clock that stands still until it is set ---------------------------------------------- */

struct embedded_clock {
    struct clock clock; /* hand out &embedded->clock */
    _Atomic int64_t now_ms;
};

void embedded_clock_init(struct embedded_clock *embedded, int64_t now_ms);
void embedded_clock_set(struct embedded_clock *embedded, int64_t now_ms);

/* ---- opening --------------------------------------------------------------------------------- */

/* Probabilities in [0, 1], drawn per commit or per poll from one stream; all zero: no faults. */
struct embedded_log_faults {
    uint64_t seed;
    double commit_aborts;          /* refused cleanly: COMMIT_ABORTED */
    double commit_unknown_done;    /* applied, the answer lost, resolved inside as COMMIT_DONE */
    double commit_unknown_aborted; /* not applied, the answer lost, resolved as COMMIT_ABORTED */
    double commit_crashes_before;  /* the member vanishes, nothing applied: COMMIT_FAILED */
    double commit_crashes_after;   /* the member vanishes after it was applied: COMMIT_FAILED */
    double poll_nothing;           /* a poll finds no records although there are some */
    double poll_short;             /* a poll gives at most 8 records */
    double revoke;                 /* per poll: a rebalance of the group for no reason */
    double evict;                  /* per poll and commit: the session times out, see _evict */
    bool shuffle_assignment;       /* each rebalance deals the ranges in another member order */
};

struct embedded_log_options {
    const struct clock *clock; /* judges retention_ms; NULL: age removes nothing */
    uint32_t poll_records_max; /* 0: 1,024 */
    uint32_t record_bytes_max; /* key + value + headers; 0: 16 MiB */
    bool cooperative;          /* revoke only what moves; false: everything, as range does */
    bool poll_in_append_order; /* poll merges its partitions in the order records were appended */
    bool reset_to_latest;      /* where offset -1 starts; false: at the oldest record kept */
    struct embedded_log_faults faults;
};

/* options may be NULL. Close members and readers before bus_close. */
struct bus *embedded_log_open(const struct embedded_log_options *options);

/* From now on; the random stream restarts at faults->seed. */
void embedded_log_set_faults(struct bus *bus, const struct embedded_log_faults *faults);

/* ---- outsiders: traffic, tests ----------------------------------------------------------------- */

/* A producer without transactions: the record is visible when this returns true, *offset (may be
 * NULL) is where. No marker follows, so a topic written only this way has dense offsets. */
bool embedded_log_append(struct bus *bus, const struct bus_output *output, int64_t *offset,
                         struct error *error);
/* The same at offset `at` or the next free one, whichever is greater: keeps recorded offsets. */
bool embedded_log_append_at(struct bus *bus, const struct bus_output *output, int64_t at,
                            struct error *error);

/* Deletes the oldest records of each partition beyond this size, but never what a group subscribed
 * to the topic has not committed. 0: no limit. */
bool embedded_log_limit_topic(struct bus *bus, const char *topic, uint64_t bytes_max_per_partition,
                              struct error *error);

/* Largest timestamp of any visible record of the topic (NULL: of all topics); -1: there is none. */
int64_t embedded_log_largest_timestamp_ms(struct bus *bus, const char *topic);

/* Fills what the group committed for the partition (offset -1: nothing). source.topic is ignored.
 * False when the group or the topic is unknown or the group does not read it. */
bool embedded_log_position(struct bus *bus, const char *group, const char *topic, int32_t partition,
                           struct bus_position *out, struct error *error);

/* Memory that holds records, borrowed ones of purged segments not counted. */
uint64_t embedded_log_bytes(struct bus *bus);

/* ---- accidents ----------------------------------------------------------------------------------- */

/* The group believes the member dead: its partitions go to others at once. The member finds out
 * by COMMIT_ABORTED or MEMBER_LOST, and joins again after it has answered that. */
void embedded_log_evict(struct member *member);
/* The process died: nothing of the open transaction is kept, the group goes on without it. Every
 * call on the member fails from now on; member_close still has to free it. */
void embedded_log_crash(struct member *member);
/* Every member of the group is revoked and assigned anew. */
void embedded_log_rebalance(struct bus *bus, const char *group);

/* What happened so far; tests assert that their faults did happen. */
struct embedded_log_counts {
    uint64_t commits;
    uint64_t aborts; /* asked for by the member */
    uint64_t commits_aborted;
    uint64_t commits_unknown_done;
    uint64_t commits_unknown_aborted;
    uint64_t commits_not_owner; /* generation fencing */
    uint64_t commits_fenced;    /* transactional.id fencing */
    uint64_t crashes;
    uint64_t evictions;
    uint64_t rebalances;
    uint64_t compactions;
    uint64_t records_appended;
};
struct embedded_log_counts embedded_log_count(struct bus *bus);

/* The partition of a key: (murmur2(key) & 0x7fffffff) mod partitions. */
int32_t embedded_log_partition_of_key(struct bytes key, int32_t partitions);

#endif
