/*
 * verdict.h - verdict records (JSON) into rows: one row per dimension, labels from the echo.
 *
 * A verdict: {"request_id", "evaluator", "revision", "echo": {…as the request carried it},
 * "scores": {"dimension": 1…5, …}, "cost_nanousd"?, "error"?}. Hostile input: bounded before it is read.
 */
#ifndef ENGINE_FLOW_VERDICT_H
#define ENGINE_FLOW_VERDICT_H

#include "engine/base/json.h"
#include "engine/span/span_batch.h"

#define VERDICT_DIMENSIONS_MAX 32

/* Appends the rows of one verdict; texts are copied into the batch's arena. False (no rows) with the
 * reason when it cannot be read. The batch must have VERDICT_DIMENSIONS_MAX rows left. */
bool verdict_decode(struct bytes value, uint32_t record, struct json_document *json, struct span_batch *batch,
                    struct error *error);

#endif
