/*
 * row_evaluation.h - evaluations that stand on a span as score rows of their own, with their evaluator.
 *
 * Found as span events gen_ai.evaluation.result, as OpenInference's annotations.N.… and evaluations.N.…,
 * and as quality.score.NAME attributes. Valid after row_sink_finish and before the next row starts.
 */
#ifndef ENGINE_SPAN_ROW_EVALUATION_H
#define ENGINE_SPAN_ROW_EVALUATION_H

#include "engine/span/row_sink.h"

#define ROW_EVALUATIONS_MAX 16 /* of one span; more are not believed */

/* What score rows take from their span, whose own row may be gone by then. */
struct evaluated_span {
    struct row_origin origin;
    struct bytes trace_id, span_id, service, app_given, environment, intent, request_model, response_model;
    int64_t end_ns;
};
struct evaluated_span row_evaluated_span(const struct span_batch *batch, uint32_t row);

/* Appends rows for the evaluations from number *next on, until there are no more
 * (true) or the batch is full (false: call again with a fresh batch). They are ROW_VERDICT rows: dimension
 * and evaluator, score, the span's ids, time and what labels are made of. */
bool row_evaluations_write(struct row_sink *sink, const struct evaluated_span *span, uint32_t *next);

#endif
