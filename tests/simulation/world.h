/*
 * world.h - a whole Assay on the embedded log, for tests: topics, rules, shards, traffic, a judge.
 *
 * Everything is driven by one thread and one seed. Crashed or failed shards are replaced by new ones
 * under the same name, as a supervisor would.
 */
#ifndef TESTS_SIMULATION_WORLD_H
#define TESTS_SIMULATION_WORLD_H

#include "engine/bus/embedded_log.h"
#include "engine/flow/options.h"
#include "engine/flow/shard.h"
#include "tests/simulation/oracle.h"

#define WORLD_SHARDS_MAX 4
#define WORLD_START_MS ((int64_t)1700000000000)

struct world {
    struct flow_options options;
    struct rule_set rules;
    struct annotator_instance annotators[8];
    struct tracker_instance trackers[2]; /* of traces */
    struct embedded_clock clock;
    struct bus *bus;
    struct shard *shards[WORLD_SHARDS_MAX];
    uint32_t shards_count;
    uint64_t random;
    /* every record ever appended to the spans, verdicts and logs topics, in order */
    struct oracle_record *records[3];
    uint32_t records_count[3], records_capacity[3];
    int64_t now_ms;
    uint64_t next_trace;
    uint32_t restarts;
    uint64_t spans_sent;
    int64_t requests_read[8];
    /* memory of annotator confs */
    void *confs[8];
    void *trace_conf;
};

struct world_traffic {
    uint32_t records;
    double fail_share;     /* of answers that should be JSON and are not */
    double duplicate_share; /* of records sent a second time */
    double late_share;     /* of spans that ended up to an hour ago */
    double poison_share;   /* of records that are not OTLP */
    double log_share;      /* of spans whose answer comes in a log record, and some evaluations with it */
    double wrapped_share;  /* of spans that are around a call of another record */
    double elsewhere_share; /* of records sent again to another partition */
    int64_t step_ms;       /* between records */
    int turns;             /* of every shard after each record; 1 lets the exchange fall behind */
};

/* Traces are tracked, with a quiet time of a minute and a memory of ten. */
struct world *world_create(uint64_t seed, uint32_t shards, const struct embedded_log_faults *faults);
/* The same with a topic of spans that is Avro, read by this decoder. */
struct world *world_create_avro(uint64_t seed, uint32_t shards, const struct embedded_log_faults *faults,
                                const struct avro_decoder *avro);
void world_destroy(struct world *world);
/* Appends traffic and moves the clock on, stepping the shards after every record or so. */
void world_run(struct world *world, const struct world_traffic *traffic);
/* Steps until every shard has been idle and everything is committed. Faults should be off. */
void world_settle(struct world *world);
void world_step(struct world *world);
/* Answers all judge requests that were not answered yet: one verdict each with two dimensions. */
void world_judge(struct world *world, double mean);
/* Kills a shard without warning and starts it anew. */
void world_crash(struct world *world, uint32_t shard);
double world_chance(struct world *world); /* [0, 1) */

/* Compares everything that was committed with what the oracle makes of world->records; fails the
 * running cmocka test where it differs. */
void world_check(struct world *world);

#endif
