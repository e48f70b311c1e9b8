/*
 * canonical_json.h - rows as JSON lines with the canonical names, for `assay decode` and for tests.
 *
 * A line: {"trace_id","span_id","parent_span_id","name","kind","start_ns","end_ns","status":{"code",
 * "message"},"service","environment","scope","dialect","role", then what the span carries: operation,
 * provider, stream, request_model, response_model, response_id, input_tokens, output_tokens,
 * cached_tokens, cache_write_tokens, reasoning_tokens, finish (stop, length, tool_calls or
 * content_filter), finish_reasons (as written), ttft_ms, error_type, output_type, failed, app, feature,
 * intent, session, user, agent, tool_name, tool_call_id, prompt_name, prompt_version, prompt_hash,
 * content_bytes}. What a span does not carry is left out; of content only the sizes are shown.
 */
#ifndef ENGINE_SPAN_CANONICAL_JSON_H
#define ENGINE_SPAN_CANONICAL_JSON_H

#include "engine/base/buffer.h"
#include "engine/base/error.h"
#include "engine/span/encoding.h"

/* Every column a line is made of: the batch's `wanted` for decoding. */
struct span_column_set canonical_json_columns(void);
/* One span row as one JSON object, no newline. Columns that were not decoded count as absent. */
void canonical_json_row(const struct span_batch *batch, uint32_t row, struct buffer *out);

struct decode_report {
    uint64_t spans;
    uint64_t bad_spans;
    uint32_t bad_index;     /* of the first bad one: place among the spans of the record */
    size_t bad_offset;      /* byte of the record where it goes wrong */
    const char *bad_reason; /* NULL: nothing is bad */
    uint64_t cut_strings;
};

/* Decodes one record (a file's bytes) and hands over its spans as JSON lines, batch by batch; `flush`
 * takes the lines and returns false to stop (the error is its own). False with the error set when the
 * bytes are no encoding that is read, or flush said stop. Bad spans are no failure: see the report. */
bool decode_to_json(struct bytes record, enum encoding encoding,
                    bool (*flush)(void *context, struct bytes lines, struct error *error),
                    void *context, struct decode_report *report, struct error *error);

#endif
