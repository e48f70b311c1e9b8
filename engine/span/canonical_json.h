/*
 * canonical_json.h - rows as JSON lines with the canonical names, for `assay decode` and for tests.
 *
 * A line: {"trace_id","span_id","parent_span_id","name","kind","start_ns","end_ns","status":{"code",
 * "message"},"dialect","role","service","environment","scope", then what the span carries: operation,
 * provider, leaf (of calls: the one span per request whose tokens count), stream, request_model,
 * response_model, response_id, input_tokens, output_tokens, cached_tokens, cache_write_tokens,
 * reasoning_tokens, total_tokens, error_type, output_type, app, feature, intent, session, user, agent,
 * tool_name and tool_call_id (of a call: the first tool it asks for), prompt_name, prompt_version,
 * prompt_hash, retrieval_query, retrieval_top_k, finish (stop, length, tool_calls, content_filter or
 * error), finish_reasons (as written), ttft_ms, cost_usd, failed, content_bytes}. What a span does not
 * carry is left out; of content only the sizes are shown unless it is asked for.
 */
#ifndef ENGINE_SPAN_CANONICAL_JSON_H
#define ENGINE_SPAN_CANONICAL_JSON_H

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/span/span_batch.h"

/* Every column a line is made of: the batch's `wanted` for decoding. */
struct span_column_set canonical_json_columns(void);
/* One span row as one JSON object, no newline. Columns that were not decoded count as absent. With a
 * document to read it by, "content" too: messages in the canonical form of content.h. */
void canonical_json_row(const struct span_batch *batch, uint32_t row, struct json_document *content,
                        struct buffer *out);

#endif
