/*
 * kafka.h - the bus port on a real Kafka cluster, through librdkafka.
 *
 * For whoever opens a bus (main, tests, benches). Members read committed records only, never commit
 * consumer offsets by themselves, and write in transactions; a transaction whose outcome is unknown
 * is resolved inside member_commit by comparing the committed positions with those that were sent.
 * That needs two things of the caller: every transaction names every owned partition, and the
 * metadata of a position is different in each transaction (it carries the commit sequence).
 *
 * Settings are chosen by the version of the library that is loaded at run time. Versions that are
 * known to hang or crash are refused by kafka_bus_open, with the reason.
 */
#ifndef ENGINE_BUS_KAFKA_H
#define ENGINE_BUS_KAFKA_H

#include "engine/base/log.h"
#include "engine/bus/ports.h"

/* The process ends with this code when a call into librdkafka hangs; starting again is safe. */
#define KAFKA_EXIT_HANG 75

enum kafka_reset {
    KAFKA_RESET_EARLIEST,
    KAFKA_RESET_LATEST,
    KAFKA_RESET_ERROR, /* a partition without a committed offset is an error */
};

/* A librdkafka property as the user wrote it. */
struct kafka_setting {
    const char *key;
    const char *value;
};

struct kafka_settings {
    const struct kafka_setting *rows;
    uint32_t count;
};

/* Zero-initialise; 0 and NULL mean the default in brackets. Copied by kafka_bus_open. */
struct kafka_options {
    const char *bootstrap_servers;   /* required: host:port,host:port */
    const char *client_id;           /* ["assay"] */
    struct kafka_settings common;    /* kafka.*: for every client; security and such */
    struct kafka_settings consumer;  /* kafka.consumer.* */
    struct kafka_settings producer;  /* kafka.producer.* */
    const char *assignment_strategy; /* ["range"]; "cooperative-sticky" from library 2.10.1 */
    enum kafka_reset offset_reset;   /* [earliest] where nothing was ever committed */
    bool at_least_once;         /* [false] no transactions: a crash may repeat records, never lose one */
    bool skip_truncated;        /* [false: fail] go on when retention overtook us, with a warning */
    int32_t session_timeout_ms; /* [10,000] */
    int32_t transaction_timeout_ms; /* [15,000] */
    int32_t patience_ms;        /* [60,000] how long one call waits for a cluster that is away */
    int32_t linger_ms;          /* [20] */
    int32_t message_bytes_max;  /* [1,000,000] largest record written */
    int32_t batch_records_max;  /* [1,000] records per member_poll */
    int32_t replication_factor; /* [the cluster's default] of topics that bus_create makes */
    /* Called from librdkafka's threads, rate limited. [log_line] */
    void (*log)(void *context, enum log_level level, const char *text);
    void *log_context;
};

/* Checks the library's version and every setting; does not wait for the cluster. NULL on failure. */
struct bus *kafka_bus_open(const struct kafka_options *options, struct error *error);

/* Counters of a member opened on this bus, for tests and metrics; readable from any thread. */
struct kafka_member_counts {
    uint64_t producers_replaced; /* after a socket closed, a fence or an unknown outcome */
    uint64_t outcomes_resolved;  /* transactions decided by reading the committed positions */
    uint64_t fenced;             /* times the broker refused our epoch */
    uint64_t deliveries_failed;  /* records reported as not written; their transactions aborted */
};
void kafka_member_read_counts(const struct member *member, struct kafka_member_counts *out);

/* Why this library version must not be used, or NULL. version: as rd_kafka_version() gives it. */
const char *kafka_version_refused(int version);
/* Why the engine must own this property, or NULL when users may set it. */
const char *kafka_key_refused(const char *key);
/* The loaded library, e.g. "2.15.1". */
const char *kafka_library_version(void);

#endif
