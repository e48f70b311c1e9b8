/*
 * front_rig.h - a front on the embedded log with one input topic: what tests of it set up, send and run.
 */
#ifndef TESTS_FLOW_FRONT_RIG_H
#define TESTS_FLOW_FRONT_RIG_H

#include "engine/bus/embedded_log.h"
#include "engine/flow/front.h"

#define NOW_MS         ((int64_t)1700000000000)
#define RIG_ANNOTATORS 5

struct rig {
    struct annotator_instance annotators[RIG_ANNOTATORS];
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

void rig_open(struct rig *rig, enum encoding encoding);
void rig_open_logs(struct rig *rig, bool track_traces);
void rig_close(struct rig *rig);
/* schema_id: the record's header __value_schema_id, or absent. */
void rig_send(struct rig *rig, struct bytes value, struct bytes schema_id);
/* Reads until so many records were seen, works them off and commits. */
const struct front_counters *rig_run(struct rig *rig, uint32_t records);
/* The same without a commit. */
void rig_take(struct rig *rig, uint32_t records);
/* A request in protobuf with one span, always the same. */
void rig_put_request(struct buffer *out);

#endif
