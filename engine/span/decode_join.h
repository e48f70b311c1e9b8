/*
 * decode_join.h - for `assay decode`: messages that log records carry apart from their span, shown with it.
 */
#ifndef ENGINE_SPAN_DECODE_JOIN_H
#define ENGINE_SPAN_DECODE_JOIN_H

#include "engine/span/span_batch.h"

/* Gives each span of the batch the messages and the finish reason of its CONTENT rows, in their order, where
 * it has none of its own. Quadratic in the rows: for a tool's few files, not for a topic. */
void decode_join(struct span_batch *batch);

#endif
