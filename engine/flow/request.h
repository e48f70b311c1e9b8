/*
 * request.h - what the front writes per row: judge requests for selected spans, per-span results for
 * failing and selected ones. Ids are functions of the span, so a repeat is the same request.
 */
#ifndef ENGINE_FLOW_REQUEST_H
#define ENGINE_FLOW_REQUEST_H

#include "engine/base/buffer.h"
#include "engine/base/sha256.h"
#include "engine/bus/ports.h"
#include "engine/span/span_batch.h"

#define REQUEST_ID_CHARS 32

struct row_source {
    const char *topic;
    int32_t partition;
    int64_t offset;
    uint32_t span;
};

/* 32 hex digits of SHA-256 over trace id, span id, pool: the same for every copy of the span. */
void request_make_id(const struct span_batch *batch, uint32_t row, struct sha256 *sha, char out[REQUEST_ID_CHARS]);
/* JSON of a judge request; see schemas/judge_request.avsc. population: u < base probability. */
void request_write(const struct span_batch *batch, uint32_t row, const struct row_source *source,
                   struct bytes request_id, struct buffer *out);
/* True when the row's results are worth a record: something failed, or it was selected. */
bool score_wanted(const struct span_batch *batch, uint32_t row);
/* JSON of the span's results; see schemas/score.avsc. */
void score_write(const struct span_batch *batch, uint32_t row, const struct row_source *source, struct buffer *out);

#endif
