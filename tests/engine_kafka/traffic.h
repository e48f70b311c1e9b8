/*
 * traffic.h - what applications and judges write, each from a thread of its own.
 *
 * Records are keyed by a running number, so that no trace's spans find each other by key. Traffic is a
 * function of its seed; how it falls into transactions is not.
 */
#ifndef TESTS_ENGINE_KAFKA_TRAFFIC_H
#define TESTS_ENGINE_KAFKA_TRAFFIC_H

#include "engine/bus/kafka.h"
#include "engine/flow/options.h"

struct traffic_options {
    uint64_t seed;
    uint32_t records_per_second;
    uint32_t records_max;    /* then it ends by itself; 0: never */
    int64_t start_ms;        /* timestamp of the first record; 0: all have the present time */
    int64_t step_ms;         /* between timestamps, with start_ms */
    double fail_share;       /* of answers that should be JSON and are not */
    double duplicate_share;
    double late_share;
    double poison_share;     /* random bytes, truncated records, empty values, tombstones */
    uint32_t giants;         /* records of 10 MB, spread over the first seconds */
    bool every_poison;       /* with each record one of poison.h; the engine must have its limits */
    uint32_t noise_bytes;    /* > 0: with each record another one of this much noise */
    bool captured;           /* the real material too, where it is there */
};

struct traffic;
struct traffic *traffic_start(struct bus *bus, const char *app, const char *topic, int32_t partitions,
                              const struct traffic_options *options);
/* Any thread. */
uint64_t traffic_sent(const struct traffic *traffic); /* records, committed */
bool traffic_ended(const struct traffic *traffic);
void traffic_set_fail_share(struct traffic *traffic, double share);
/* Joins and frees; NULL is allowed. Returns how many of the records belong in the DLQ. */
uint64_t traffic_stop(struct traffic *traffic);

/* Answers every request with two scores, at once, the same answer for the same request. */
struct judge;
struct judge *judge_start(struct bus *bus, const struct flow_options *options, int32_t verdict_partitions);
/* Requests answered so far; *idle: there was no more to read at the last look. */
uint64_t judge_answered(const struct judge *judge);
bool judge_idle(const struct judge *judge);
void judge_stop(struct judge *judge);

#endif
