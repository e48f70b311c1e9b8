/*
 * pipeline.h - annotators in the order their columns demand; a cycle or a doubly written column is a
 * start-up error. One per shard (scratch is the shard's), classes and conf are shared.
 */
#ifndef ENGINE_FLOW_PIPELINE_H
#define ENGINE_FLOW_PIPELINE_H

#include "engine/flow/options.h"

struct pipeline;

struct pipeline *pipeline_create(const struct annotator_instance *annotators, uint32_t count, struct error *error);
void pipeline_destroy(struct pipeline *pipeline);
/* Every column some annotator reads or writes, plus what the engine itself needs. */
const struct span_column_set *pipeline_columns(const struct pipeline *pipeline);
/* All metrics of all annotators, borrowed. */
const struct metric_spec *const *pipeline_metrics(const struct pipeline *pipeline, uint32_t *count);
void pipeline_run(struct pipeline *pipeline, struct span_batch *batch, const struct rates *rates);

/* Cost and counters, for /metrics: index 0 … pipeline_count - 1 in running order. */
uint32_t pipeline_count(const struct pipeline *pipeline);
struct pipeline_stage {
    const struct annotator_class *class;
    uint64_t rows, batches, nanoseconds;
    const uint64_t *counters;
};
struct pipeline_stage pipeline_stage_at(const struct pipeline *pipeline, uint32_t index);

#endif
