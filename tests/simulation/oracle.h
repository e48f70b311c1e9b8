/*
 * oracle.h - the answer that the engine must have given, recomputed from what went in.
 *
 * Works on any bus: the embedded log of the simulation, a real broker. Front: every input record, one
 * after another, with the rates that the exchange says were in force; no commits, no shards. Back: a
 * fresh one folds the committed exchange log as far as it is committed as folded.
 */
#ifndef TESTS_SIMULATION_ORACLE_H
#define TESTS_SIMULATION_ORACLE_H

#include "engine/flow/options.h"
#include "tests/simulation/lines.h"

struct oracle_record {
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    struct bytes value; /* borrowed; absent: a tombstone */
};

struct oracle_input {
    const struct oracle_record *records; /* in the order of each partition */
    uint32_t count;
};

struct oracle {
    struct bus *bus;
    const struct flow_options *options;
    struct oracle_input inputs[INPUT_TOPICS_MAX]; /* as options->inputs */
    /* Where the group is committed on each exchange partition: cells 0 … N-1, digests N … 2N-1. */
    const int64_t *folded;
    /* Values on the rates topic with this text in them were put there from outside; or NULL. */
    const char *outside;
    bool digests; /* check the trackers' side too */
};

/* Adds to *out what differs, and prints the first differences. Aborts (CHECK) when the topics cannot
 * be read or hold what the engine never writes. */
void oracle_check_front(const struct oracle *oracle, struct lines_difference *out);
void oracle_check_back(const struct oracle *oracle, struct lines_difference *out);
/* What the committed exchange adds up to: a line per cell, minute, metric and bin. */
void oracle_sum_exchange(struct bus *bus, const struct flow_options *options, struct lines *out);

/* ---- shared by oracle*.c ---------------------------------------------------------------------------------- */

/* What the inputs must have become. */
struct oracle_answer {
    struct lines sums, requests, scores, letters;
};
void oracle_recompute(const struct oracle *oracle, struct oracle_answer *out);
void oracle_answer_free(struct oracle_answer *answer);

typedef void oracle_visit_record(void *context, const struct bus_record *record, struct bus_reader *reader);
/* Committed records of a partition up to end; -1: all there is now. */
void oracle_visit(struct bus *bus, const char *topic, uint32_t partition, int64_t end, oracle_visit_record *function,
                  void *context);

#endif
