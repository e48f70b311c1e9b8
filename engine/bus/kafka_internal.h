/*
 * kafka_internal.h - what the files of the Kafka port share; the one home of <librdkafka/rdkafka.h>.
 *
 *     kafka_bus         open, close, log          kafka_member      open, poll, release, close
 *     kafka_settings    options -> rd_kafka_conf  kafka_assignment  rebalances
 *     kafka_admin       topics, watermarks        kafka_position    committed, seek, pause
 *     kafka_reader      partitions by hand        kafka_producer    one producer's life, produce
 *     kafka_watchdog    calls that must return    kafka_commit      begin, commit, abort, resolve
 *                                                 kafka_at_least_once   the same without transactions
 *
 * A member belongs to one thread. What librdkafka's own threads touch is atomic or behind a lock:
 * the log limiter, the count of closed sockets, the watchdog's list.
 */
#ifndef ENGINE_BUS_KAFKA_INTERNAL_H
#define ENGINE_BUS_KAFKA_INTERNAL_H

#include "engine/bus/kafka.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#define KAFKA_BATCH_MAX        10000
#define KAFKA_READERS_IDLE_MAX 4

struct kafka_bus;
struct kafka_member;

/* ---- watchdog ------------------------------------------------------------------------------ */

/* One per thread that calls librdkafka; lives as long as its owner. */
struct kafka_watch {
    struct kafka_watch *next;
    const char *owner;   /* named in the last message */
    const char *what;    /* the call in progress, or NULL */
    uint64_t generation; /* of calls, so that two in a row are told apart */
    uint64_t seen;       /* the watchdog's: generation at its last tick */
    int64_t limit_ms;
    int64_t waited_ms; /* counted in ticks, so that a stopped and continued process is not late */
};

struct kafka_watchdog;
struct kafka_watchdog *kafka_watchdog_start(void);
void kafka_watchdog_stop(struct kafka_watchdog *watchdog);
void kafka_watch_add(struct kafka_watchdog *watchdog, struct kafka_watch *watch, const char *owner);
void kafka_watch_remove(struct kafka_watchdog *watchdog, struct kafka_watch *watch);
/* The call about to be made must return within 3 x timeout_ms, or the process ends. */
void kafka_watch_enter(struct kafka_watchdog *watchdog, struct kafka_watch *watch, const char *what,
                       int timeout_ms);
void kafka_watch_leave(struct kafka_watchdog *watchdog, struct kafka_watch *watch);

/* ---- settings ------------------------------------------------------------------------------ */

enum kafka_role { KAFKA_CONSUMER, KAFKA_PRODUCER, KAFKA_READER, KAFKA_ADMIN };

/* options: with defaults filled in. group, transactional_id: for their roles, else NULL. NULL on failure. */
rd_kafka_conf_t *kafka_settings_build(const struct kafka_options *options, enum kafka_role role,
                                      const char *group, const char *transactional_id,
                                      struct error *error);
/* Fills in the defaults and checks ranges; the strings stay the caller's. */
bool kafka_settings_default(struct kafka_options *options, struct error *error);
/* Refuses engine-owned keys by name, with the reason. */
bool kafka_settings_check_keys(const struct kafka_options *options, struct error *error);

/* ---- bus ----------------------------------------------------------------------------------- */

/* The opaque of one rd_kafka_t. */
struct kafka_client {
    struct kafka_bus *bus;
    struct kafka_member *member; /* or NULL */
    atomic_uint_fast64_t sockets_closed;
};

struct kafka_reader_handle {
    rd_kafka_t *rk;
    struct kafka_client *client;
};

struct kafka_bus {
    struct bus base;
    struct kafka_options options; /* strings owned */
    struct kafka_watchdog *watchdog;
    atomic_bool twin_found; /* by one of our members: the others do not fight it */
    rd_kafka_t *admin; /* read_uncommitted: watermarks are where the log ends */
    struct kafka_client admin_client;
    pthread_mutex_t lock; /* of all below */
    struct kafka_reader_handle idle[KAFKA_READERS_IDLE_MAX];
    uint32_t idle_count;
    int64_t log_window_start_ns;
    uint32_t log_window_lines;
    uint32_t log_suppressed;
};

/* Sets log, error and socket callbacks and makes the handle; takes conf. NULL on failure. */
rd_kafka_t *kafka_client_new(struct kafka_bus *bus, struct kafka_client *client,
                             rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *error);
void kafka_log(struct kafka_bus *bus, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* ERROR_UNAVAILABLE where trying again may help, else ERROR_SYSTEM. */
enum error_code kafka_error_code(rd_kafka_resp_err_t err);
bool kafka_error_transient(rd_kafka_resp_err_t err);
/* Sleeps that long (under a second); false when the deadline has passed. */
bool kafka_pause_until(int64_t deadline_ns, int pause_ms);

bool kafka_admin_describe(struct bus *base, const char *topic, struct topic_info *out,
                          struct error *error);
bool kafka_admin_create(struct bus *base, const struct topic_spec *spec, struct error *error);
bool kafka_admin_watermarks(struct bus *base, const char *topic, int32_t partition, int64_t *low,
                            int64_t *high, struct error *error);
bool kafka_admin_purge(struct bus *base, const char *topic, int32_t partition, int64_t before,
                       struct error *error);
struct bus_reader *kafka_reader_open(struct bus *base, const char *topic, int32_t partition,
                                     int64_t from, int64_t end, struct error *error);
/* Copies key, value and coordinates' borrowed pointers; source.topic is left to the caller. */
void kafka_record_fill(struct bus_record *record, rd_kafka_message_t *message);
uint32_t kafka_record_headers(const rd_kafka_message_t *message, struct bus_header *out,
                              uint32_t max);

/* ---- member -------------------------------------------------------------------------------- */

struct kafka_partition {
    bool assigned;
    bool at_end;
    bool paused;
    int64_t origin; /* where reading began at the assignment: stands in for "nothing committed" */
    int64_t next;   /* the lowest offset that may still come; older ones are leftovers of a seek */
};

struct kafka_topic {
    char *name;
    struct kafka_partition *partitions;
    int32_t partitions_count;
};

struct kafka_output {
    char *name;
    rd_kafka_topic_t *rkt; /* of the current producer */
};

struct kafka_member {
    struct member base;
    struct kafka_bus *bus;
    struct kafka_watch watch;
    char *group;
    char *transactional_id; /* only a name when the bus is at_least_once */

    /* consumer */
    rd_kafka_t *consumer;
    struct kafka_client consumer_client;
    rd_kafka_queue_t *queue;
    struct kafka_topic *topics;
    uint32_t topics_count;
    rd_kafka_message_t **messages;
    struct bus_record *records;
    uint32_t records_count;
    const rd_kafka_topic_t *last_rkt; /* of last_topic, until the next assignment */
    uint32_t last_topic;

    /* a rebalance that waits for its answer */
    enum member_event pending; /* MEMBER_IDLE: none */
    bool pending_told;
    struct bus_partition *pending_partitions;
    uint32_t pending_count;
    bool closing;

    bool failed;
    struct error failure;

    /* producer */
    rd_kafka_t *producer; /* NULL: the last replacement failed; begin tries again */
    struct kafka_client producer_client;
    struct kafka_output *outputs;
    uint32_t outputs_count;
    bool open;    /* between begin and commit or abort */
    bool suspect; /* a request of it may still be under way: replace before begin */
    uint64_t sockets_closed_at_begin;
    uint32_t produced; /* in this transaction */
    int64_t begun_ns;
    int64_t opened_ns;
    int64_t fenced_ns;        /* last time before its time-out; 0: never */
    uint32_t fences;          /* each within FENCE_MEMORY_NS of the one before */
    uint32_t outlived_in_row; /* fenced after its time-out, and no commit since */
    struct error broken;      /* this transaction cannot commit, and why */

    atomic_uint_fast64_t count_replaced;
    atomic_uint_fast64_t count_resolved;
    atomic_uint_fast64_t count_fenced;
    atomic_uint_fast64_t count_undelivered;
};

struct member *kafka_member_open(struct bus *base, const struct member_spec *spec,
                                 struct error *error);

/* kafka_assignment.c */
void kafka_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                        rd_kafka_topic_partition_list_t *list, void *opaque);
/* NULL when the partition is not one of ours now. */
struct kafka_partition *kafka_partition_of(struct kafka_member *m, struct bus_partition which);
bool kafka_member_assign(struct member *base, const struct bus_position *starts, uint32_t count,
                         struct error *error);
bool kafka_member_unassign(struct member *base, const struct bus_partition *gone, uint32_t count,
                           struct error *error);
/* After its offset was gone: a partition's fetcher stands still, and a seek does not wake it. */
bool kafka_partition_restart(struct kafka_member *m, struct bus_partition which, int64_t offset,
                             struct error *error);

/* kafka_position.c */
bool kafka_member_committed(struct member *base, struct bus_position *positions, uint32_t count,
                            struct error *error);
bool kafka_member_seek(struct member *base, const struct bus_position *positions, uint32_t count,
                       struct error *error);
bool kafka_member_pause(struct member *base, struct bus_partition which, bool paused);
bool kafka_member_at_end(struct member *base, struct bus_partition which);
int64_t kafka_member_behind(struct member *base, struct bus_partition which, int64_t next);
rd_kafka_topic_partition_list_t *
kafka_list_of(struct kafka_member *m, const struct bus_position *positions, uint32_t count);

/* kafka_producer.c */
bool kafka_producer_open(struct kafka_member *m, struct error *error);
/* Purges what is queued and frees the handle; borrowed payloads are no longer referenced. */
void kafka_producer_close(struct kafka_member *m);
/* close + open with the same transactional.id: ends what the old one left open, and fences it. */
bool kafka_producer_replace(struct kafka_member *m, const char *why, struct error *error);
bool kafka_member_produce(struct member *base, const struct bus_output *output,
                          struct error *error);

/* kafka_commit.c */
bool kafka_member_begin(struct member *base, struct error *error);
enum commit_outcome kafka_member_commit(struct member *base, const struct bus_position *positions,
                                        uint32_t count, struct error *error);
enum commit_outcome kafka_member_abort(struct member *base, struct error *error);
/* A position that is not valid would not be sent at all: where reading began stands in for it. */
int64_t kafka_valid_offset(struct kafka_member *m, const struct bus_position *position);
/* Compares what is committed with what was sent: DONE, ABORTED, or FAILED when it cannot be read. One
 * commit moves all positions or none, and its metadata is unlike any other's: one equal partition proves
 * it. Partitions that are someone else's by now may differ. */
enum commit_outcome kafka_compare_committed(struct kafka_member *m, const struct bus_position *sent,
                                            uint32_t count, struct error *error);

/* kafka_at_least_once.c */
bool kafka_at_least_once_begin(struct member *base, struct error *error);
enum commit_outcome kafka_at_least_once_commit(struct member *base, const struct bus_position *positions,
                                               uint32_t count, struct error *error);
enum commit_outcome kafka_at_least_once_abort(struct member *base, struct error *error);

#endif
