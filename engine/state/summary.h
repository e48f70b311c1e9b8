/*
 * summary.h - counts per (metric, bin) with an exact sum per metric, as compact sorted bytes.
 *
 * One encoding for deltas on the exchange, for ring slots and for epochs: adding two of them is
 * exact and order-free. Encoding, per metric in ascending id: u32 id, zigzag sum, varint number of
 * bins, then per bin in ascending order varint (bin - previous bin), varint count (>= 1).
 */
#ifndef ENGINE_STATE_SUMMARY_H
#define ENGINE_STATE_SUMMARY_H

#include "engine/base/buffer.h"
#include "engine/state/layout.h"

/* One (bin, count) of a metric. */
struct summary_bin {
    uint16_t bin;
    uint64_t count;
};

struct summary_metric {
    uint32_t metric;
    int64_t sum;
    uint32_t bins;       /* how many follow */
    struct bytes body;   /* encoded bins, borrowed */
};

/* Walks the metrics of a summary; false at the end or on damage (then reader->failed). */
bool summary_next(struct reader *reader, struct summary_metric *out);
/* Walks the bins of a metric from summary_metric.body. previous starts at 0. */
bool summary_next_bin(struct reader *body, uint32_t *previous, struct summary_bin *out);

/* Appends one metric to a summary being built; ids and bins must ascend, counts be >= 1. */
void summary_put(struct buffer *out, uint32_t metric, int64_t sum, const struct summary_bin *bins, uint32_t count);

/* out = a + b (out is cleared first; must not alias). False on malformed input. Saturates at
 * UINT64_MAX / INT64 range never reached in practice: checked, malformed. */
bool summary_add(struct bytes a, struct bytes b, struct buffer *out);
/* True iff these bytes are a summary: ascending, in bounds, nothing left over. */
bool summary_valid(struct bytes summary);
/* Adds the metric's counts into bins[0 … bins_count-1] and its sum into *sum (may be NULL); bins
 * outside are ignored. False when the metric is not there. */
bool summary_collect(struct bytes summary, uint32_t metric, uint64_t *bins, uint16_t bins_count, int64_t *sum);

#endif
