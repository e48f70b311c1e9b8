/*
 * digests.h - digests of the running transaction, by the partition that owns their trace.
 *
 * One per shard, filled in front row by row (88 bytes each, nothing allocated once warm), written beside the
 * cells at the commit, as blocks with a dictionary of label sets. Rows that are no call, tool, agent, … and
 * those that say nothing about a trace have none.
 */
#ifndef ENGINE_FLOW_DIGESTS_H
#define ENGINE_FLOW_DIGESTS_H

#include "engine/flow/measure.h"
#include "engine/operator/digest.h"

/* Content needs a span to belong to; an evaluation without one is of the trace. A verdict came by request:
 * it has its labels. */
static inline bool digest_wanted(const struct span_batch *batch, uint32_t row)
{
    switch (batch->kind[row]) {
    case ROW_SPAN: return batch->role[row] > ROLE_OTHER;
    case ROW_CONTENT:
        return batch->trace_id[row].size == 16 && (batch->span_id[row].size == 8 || bytes_present(batch->response_id[row]));
    case ROW_VERDICT: return batch->trace_id[row].size == 16 && !bytes_present(batch->request_id[row]);
    default: return false;
    }
}

struct digests;

/* NULL with the reason when content decides more metrics than a digest has room for. measure is borrowed. */
struct digests *digests_create(const struct measure *measure, uint32_t partitions, struct error *error);
void digests_destroy(struct digests *digests);
/* A row that digest_wanted, with its set from measure_rows; end_ns is settled. Content without a result is
 * passed over. */
void digests_add(struct digests *digests, const struct span_batch *batch, uint32_t row, uint32_t set, int64_t log_ms);
/* Appends a block with the digests of a partition from number *at on, as many as fit in limit_bytes (one at
 * least; nothing when there are none), and moves *at behind them. True: there are more. */
bool digests_write(struct digests *digests, struct metric_table *metrics, uint32_t partition, uint32_t *at,
                   size_t limit_bytes, struct buffer *out);
size_t digests_bytes(const struct digests *digests);
/* The transaction has ended. */
void digests_clear(struct digests *digests);

#endif
