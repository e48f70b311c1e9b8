/*
 * embedded_log_internal.h - the structs behind embedded_log.h, shared by embedded_log_*.c only.
 *
 *   embedded_log ── topics ── partitions (embedded_log_partition.h)
 *        ├───────── groups ── slots: one per partition a group reads: owner, target, position
 *        ├───────── members: owned partitions, the open transaction
 *        └───────── readers
 *
 * One mutex guards everything but what a member's own thread alone uses (its open transaction, its
 * batch). Functions ending in _locked, and all of log_group_*, need it held. `changed` wakes polls.
 */
#ifndef ENGINE_BUS_EMBEDDED_LOG_INTERNAL_H
#define ENGINE_BUS_EMBEDDED_LOG_INTERNAL_H

#include "engine/base/table.h"
#include "engine/bus/embedded_log.h"
#include "engine/bus/embedded_log_partition.h"

#include <pthread.h>

struct log_member;

struct log_topic {
    char *name;
    int32_t partitions_count;
    enum topic_cleanup cleanup;
    int64_t retention_ms;
    uint64_t bytes_max; /* per partition; 0: none */
    uint32_t turn;      /* of outsiders' records without key */
    int64_t largest_timestamp_ms;
    struct log_partition *partitions;
};

/* One partition of one topic as a group sees it. */
struct log_slot {
    struct log_topic *topic;
    int32_t partition;
    struct log_member *owner;  /* it was given to; NULL: free */
    struct log_member *target; /* who shall have it; NULL: nobody */
    int64_t offset;            /* committed; -1: never */
    char metadata[BUS_METADATA_MAX + 1];
};

struct log_group {
    char *name;
    struct log_slot *slots; /* a topic's partitions side by side */
    uint32_t slots_count;
    struct log_member **members; /* in the order they joined */
    uint32_t members_count;
    uint32_t members_capacity;
};

struct log_owned {
    struct bus_partition source; /* topic: index in topics_read */
    struct log_topic *topic;
    struct log_partition *log;
    int64_t position;
    struct log_cursor cursor;
    bool started; /* the assignment was answered */
    bool paused;
};

/* A topic a member reads (slot: its first in the group) or writes (turn: of keyless records). */
struct log_subscription {
    struct log_topic *topic;
    uint32_t slot;
    uint32_t turn;
};

struct log_pending {
    struct log_topic *topic;
    int32_t partition;
    struct bus_output output; /* key, value, headers are the caller's */
};

struct log_member {
    struct member member; /* first */
    struct embedded_log *log;
    struct log_group *group; /* NULL: writes only */
    char *transactional_id;
    uint64_t number; /* order of opening, never reused */
    struct log_subscription *reads;
    uint32_t reads_count;
    struct log_subscription *writes;
    uint32_t writes_count;
    struct log_owned *owned;
    uint32_t owned_count;
    uint32_t owned_capacity;
    uint32_t first_owned; /* where the next poll begins: partitions take turns */
    bool joined;
    bool revoke_all; /* eager: everything owned must be given back before anybody gets anything */
    bool lost;       /* evicted; MEMBER_LOST not answered yet */
    bool awaits_answer;
    bool fenced;
    bool crashed;
    bool open; /* between begin and commit or abort */
    bool borrowed;
    struct log_pending *pending;
    uint32_t pending_count;
    uint32_t pending_capacity;
    struct bus_record *records;
    struct bus_partition *partitions;
    struct log_segment **pins;
    uint32_t pins_count;
};

struct log_reader {
    struct bus_reader reader; /* first */
    struct embedded_log *log;
    struct log_topic *topic;
    int32_t partition;
    int64_t position;
    int64_t end; /* -1: follows */
    struct log_cursor cursor;
    struct log_segment *pin;
    const struct log_entry *entry;
};

struct embedded_log {
    struct bus bus; /* first */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct embedded_log_options options;
    uint64_t random;
    struct log_topic **topics;
    uint32_t topics_count;
    struct table topics_by_name;
    struct log_group **groups;
    uint32_t groups_count;
    struct log_member **members;
    uint32_t members_count;
    uint64_t members_opened;
    struct log_reader **readers;
    uint32_t readers_count;
    uint64_t sequence;     /* records ever appended */
    uint64_t transactions; /* ended ones; numbers markers */
    int64_t largest_timestamp_ms;
    struct embedded_log_counts counts;
};

static inline struct embedded_log *log_of(struct bus *bus)
{
    return (struct embedded_log *)(void *)bus;
}
static inline struct log_member *log_member_of(struct member *m)
{
    return (struct log_member *)(void *)m;
}

/* ---- embedded_log.c --------------------------------------------------------------------------- */

void log_lock(struct embedded_log *log);
void log_unlock(struct embedded_log *log);
/* Waits for a change until deadline_ns (monotonic); false when it has passed. */
bool log_wait_locked(struct embedded_log *log, int64_t deadline_ns);
/* True with this probability, from the seeded stream; draws nothing at probability 0. */
bool log_chance_locked(struct embedded_log *log, double probability);
uint64_t log_random_locked(struct embedded_log *log);

/* ---- embedded_log_topic.c ------------------------------------------------------------------------ */

struct log_topic *log_topic_find_locked(struct embedded_log *log, const char *name);
/* NULL and an error that says what to do when it is not there. */
struct log_topic *log_topic_get_locked(struct embedded_log *log, const char *name,
                                       struct error *error);
/* NULL and an error when topic or partition are not there. */
struct log_partition *log_partition_get_locked(struct embedded_log *log, const char *name,
                                               int32_t partition, struct error *error);
bool log_output_check(const struct embedded_log *log, const struct log_topic *topic,
                      const struct bus_output *output, struct error *error);
/* The partition a record goes to; *turn is the caller's counter for records without key. */
int32_t log_output_partition(const struct log_topic *topic, const struct bus_output *output,
                             uint32_t *turn);
void log_append_locked(struct embedded_log *log, struct log_topic *topic, int32_t partition,
                       const struct bus_output *output);
/* Retention and compaction of a partition that has grown. */
void log_tidy_locked(struct embedded_log *log, struct log_topic *topic, int32_t partition);

bool log_topic_create(struct bus *bus, const struct topic_spec *spec, struct error *error);
bool log_topic_describe(struct bus *bus, const char *name, struct topic_info *out,
                        struct error *error);
bool log_topic_watermarks(struct bus *bus, const char *name, int32_t partition, int64_t *low,
                          int64_t *high, struct error *error);
bool log_topic_purge(struct bus *bus, const char *name, int32_t partition, int64_t before,
                     struct error *error);
void log_topic_free(struct log_topic *topic);

/* ---- embedded_log_group.c ----------------------------------------------------------------------- */

struct log_group *log_group_find(struct embedded_log *log, const char *name);
struct log_group *log_group_get(struct embedded_log *log, const char *name);
void log_group_free(struct log_group *group);
/* The number of the topic's first slot, made when the group does not read it yet. */
uint32_t log_group_subscribe(struct log_group *group, struct log_topic *topic);
/* UINT32_MAX: the group does not read the topic. */
uint32_t log_group_slot(const struct log_group *group, const struct log_topic *topic);
void log_group_join(struct log_member *member);
/* The member's partitions are free at once; it keeps its own list until it answers. */
void log_group_leave(struct log_member *member);
void log_group_rebalance(struct embedded_log *log, struct log_group *group);
/* What the group wants from the member now. Fills member->partitions, *count; IDLE: nothing. */
enum member_event log_group_event(struct log_member *member, uint32_t *count);
struct log_owned *log_member_owned(struct log_member *member, struct bus_partition source);
struct log_slot *log_owned_slot(const struct log_member *member, const struct log_owned *owned);

/* ---- embedded_log_member.c, _poll.c, _transaction.c, _reader.c ---------------------------------------- */

struct member *log_member_open(struct bus *bus, const struct member_spec *spec,
                               struct error *error);
/* Leaves the group, forgets the open transaction, refuses everything from now on. */
void log_member_crash_locked(struct log_member *member);
/* With this probability the group takes the member for dead. */
void log_member_evict_locked(struct log_member *member, double probability);

enum member_event log_poll(struct member *m, int timeout_ms, struct member_batch *batch,
                           struct error *error);
void log_poll_release(struct member *m, struct member_batch *batch);
uint32_t log_poll_headers(struct member *m, const struct bus_record *record, struct bus_header *out,
                          uint32_t max);
void log_poll_unpin_locked(struct log_member *member);

bool log_transaction_begin(struct member *m, struct error *error);
bool log_transaction_produce(struct member *m, const struct bus_output *output,
                             struct error *error);
enum commit_outcome log_transaction_commit(struct member *m, const struct bus_position *positions,
                                           uint32_t count, struct error *error);
enum commit_outcome log_transaction_abort(struct member *m, struct error *error);
/* Uses up the offsets of the open transaction's records and forgets it. */
void log_transaction_discard_locked(struct log_member *member);

struct bus_reader *log_reader_open(struct bus *bus, const char *topic, int32_t partition,
                                   int64_t from, int64_t end, struct error *error);

#endif
