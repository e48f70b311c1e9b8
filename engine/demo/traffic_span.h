/*
 * traffic_span.h - one span as it will be, and how a Collector writes a batch of them.
 */
#ifndef ENGINE_DEMO_TRAFFIC_SPAN_H
#define ENGINE_DEMO_TRAFFIC_SPAN_H

#include "engine/demo/answers.h"
#include "engine/demo/otlp_writer.h"
#include "engine/demo/world.h"

enum traffic_span_kind { SPAN_CALL, SPAN_AGENT, SPAN_TOOL };

struct traffic_span {
    enum traffic_span_kind kind;
    uint32_t intent, model;
    uint64_t trace_id[2], span_id, parent_id; /* parent_id 0: a root */
    uint64_t conversation;
    int64_t start_ms, end_ms;
    const char *prompt;
    enum answer_form form;
    bool failed; /* the provider said no: no answer */
    uint32_t input_tokens, output_tokens;
};

/* One record: an ExportTraceServiceRequest with the spans in their order, one resource per app. */
struct bytes traffic_span_write(struct otlp_writer *writer, const struct traffic_span *spans,
                                uint32_t count, const struct answers *answers, struct dice *dice);

#endif
