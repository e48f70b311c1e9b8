/*
 * measure.h - the front's sums: (cell, event minute, metric, bin) += 1, nothing else.
 *
 * Rows are added to leaves (the finest label set) only; at the flush a leaf rolls up to its levels,
 * which is exact because everything adds. Leaves keep their cell ids from commit to commit; counts
 * live from flush to flush. Steady state allocates nothing. One per shard.
 */
#ifndef ENGINE_FLOW_MEASURE_H
#define ENGINE_FLOW_MEASURE_H

#include "engine/flow/metric.h"
#include "engine/state/labels.h"

struct measure;

/* specs: the metrics of the pipeline's annotators, in any order; borrowed. leaves_max bounds the
 * label sets remembered between flushes; reaching it asks for an early flush. */
struct measure *measure_create(struct metric_table *metrics, const struct metric_spec *const *specs, uint32_t specs_count,
                               uint32_t leaves_max);
void measure_destroy(struct measure *measure);

#define MEASURE_LABELS 5 /* app, env, intent, then prompt and model, or evaluator and revision */
#define MEASURE_NO_SET UINT32_MAX
#define CONTENT_METRICS_MAX 64

/* Adds all rows with include[row] != 0 (NULL: all). Row event time is end_ns; rows without one are
 * measured at fallback_ms. sets: NULL, or traces are tracked: of each row that gets a digest (digests.h) the
 * number of its label set is put there (of others MEASURE_NO_SET), it holds until measure_release; what the
 * tracker decides is then not added here. */
void measure_rows(struct measure *measure, const struct span_batch *batch, const uint8_t *include, int64_t fallback_ms,
                  uint32_t *sets);

/* Labels of a set, borrowed; true for a score's, whose metric is then put into *metric. */
bool measure_set(const struct measure *measure, uint32_t set, struct bytes labels[MEASURE_LABELS], uint32_t *metric);
/* The metrics that content may decide, in the order in which digests carry them; how many. */
struct content_metric {
    const struct metric_spec *spec;
    uint32_t metric;
};
uint32_t measure_content_metrics(const struct measure *measure, struct content_metric out[CONTENT_METRICS_MAX]);

/* What a tracker measured: one bin, and an amount for the metric's exact sum. */
struct measurement {
    uint32_t metric; /* number in the table */
    bool score;
    struct bytes labels[MEASURE_LABELS];
    int64_t minute;
    uint16_t bin;
    int64_t amount;
    struct bytes trace_id;
};
void measure_add(struct measure *measure, const struct measurement *add);

/* One cell's delta, in ascending (id, minute) order. Borrowed until measure_release. */
struct cell_delta {
    struct cell_id id;
    struct bytes labels;
    int64_t minute; /* event time / 60 s */
    struct bytes summary;
    struct bytes exemplars; /* keep-k, see exemplar.h */
};

/* Rolls up and hands out everything added since the last flush, and forgets it. The caller encodes
 * the deltas and then calls measure_release, before adding more rows. */
const struct cell_delta *measure_flush(struct measure *measure, uint32_t *count);
void measure_release(struct measure *measure);
/* Forgets everything added since the last flush (the transaction was aborted). */
void measure_discard(struct measure *measure);
bool measure_empty(const struct measure *measure);
/* True when memory for leaves is nearly used up: commit now. */
bool measure_wants_flush(const struct measure *measure);

#endif
