/*
 * otlp_logs.h - OTLP log records that belong to GenAI calls, into rows: what event mode writes apart from
 * the span. Records and containers are walked by otlp_proto.c and otlp_json.c, for a cursor with `logs`.
 *
 *   gen_ai.{system,user,assistant,tool}.message   CONTENT: input_messages is one message with its role
 *   gen_ai.choice                                 CONTENT: output_messages is one message; finish_reason
 *   gen_ai.client.inference.operation.details     CONTENT: whatever attributes a span would have
 *   gen_ai.evaluation.result                      VERDICT: evaluator and dimension, score
 *
 * A row carries trace_id and span_id of the span it belongs to (or response_id, where the writer knows no
 * more), and end_ns is the time of the event. Other log records, and those that say nothing, are counted
 * in cursor->skipped. A malformed one is bad and costs only itself.
 */
#ifndef ENGINE_SPAN_OTLP_LOGS_H
#define ENGINE_SPAN_OTLP_LOGS_H

#include "engine/span/otlp_span.h"

/* The next log record of the record, as a LogRecord message. place: as for otlp_take_span. */
void otlp_take_log(struct otlp_walk *walk, struct bytes log, size_t place);

#endif
