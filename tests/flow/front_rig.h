/*
 * front_rig.h - a front with annotators on an embedded log of one input partition, for tests of what records become.
 */
#ifndef TESTS_FLOW_FRONT_RIG_H
#define TESTS_FLOW_FRONT_RIG_H

#include "tests/test.h"

#include "engine/bus/embedded_log.h"
#include "engine/flow/front.h"

#define FRONT_RIG_NOW_MS ((int64_t)1700000000000)
#define FRONT_RIG_CLASSES 5

struct rig {
    struct annotator_instance annotators[FRONT_RIG_CLASSES];
    struct rule_set rules;
    struct flow_options options;
    struct bus *bus;
    struct member *member;
    struct outbox *outbox;
    struct metric_table *metrics;
    struct rates *rates;
    struct front *front;
    uint32_t records_seen;
};

void open_rig(struct rig *rig, enum input_kind kind, enum encoding encoding, bool track_traces);
void close_rig(struct rig *rig);
/* schema_id: of the header that may name a schema, or absent. */
void send(struct rig *rig, struct bytes value, struct bytes schema_id);
/* Works off what was sent until this many records were seen, without committing. */
void take(struct rig *rig, uint32_t records);
/* The same, and commits. */
const struct front_counters *run(struct rig *rig, uint32_t records);
/* The messages of all dead letters, one a line; returns how many. */
uint32_t dead_letters(struct rig *rig, char *out, size_t size);

#endif
