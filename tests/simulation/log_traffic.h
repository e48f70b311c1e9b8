/*
 * log_traffic.h - OTLP log records for tests: answers and evaluations apart from their span, and spans below
 * a span of another record.
 */
#ifndef TESTS_SIMULATION_LOG_TRAFFIC_H
#define TESTS_SIMULATION_LOG_TRAFFIC_H

#include "engine/base/buffer.h"

/* The ids that otlp_put_span_core makes of a number, as they are on the wire. */
struct span_ids {
    uint8_t trace_id[16], span_id[8];
};
struct span_ids log_traffic_ids(uint64_t number);

/* A LogRecord in a ScopeLogs message: gen_ai.choice with this text, gen_ai.evaluation.result. */
void log_traffic_answer(struct buffer *scope, const struct span_ids *of, uint64_t time_ns, const char *text, const char *finish);
void log_traffic_score(struct buffer *scope, const struct span_ids *of, uint64_t time_ns, const char *dimension, double score);
/* A Span in a ScopeSpans message: a call below another one; attributes: a message body of field 9s. */
void log_traffic_child(struct buffer *scope, const struct span_ids *of, uint64_t number, uint64_t start_ns, uint64_t end_ns,
                       struct bytes attributes);
/* The whole request of one scope, of spans or of logs: they have the same shape. */
void log_traffic_request(struct buffer *out, const char *service, struct bytes scope);

#endif
