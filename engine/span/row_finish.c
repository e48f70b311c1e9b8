/*
 * row_finish.c - the last look over a row: dialect, role, and what columns say about each other.
 *
 * Every rule is one function; a lean span passes by all of them on one comparison each.
 */
#include "engine/span/row_sink.h"

#include "engine/base/iso_time.h"
#include "engine/span/content.h"
#include "engine/span/row_scratch.h"

#define STATUS_ERROR 2

static bool filled(const struct row_sink *sink, unsigned column)
{
    return sink->rank[column] != RANK_NONE && sink->rank[column] != RANK_NEVER;
}

static bool has_slot(const struct row_sink *sink, enum row_slot slot)
{
    return (sink->slots >> slot) & 1;
}

/* ---- failures ------------------------------------------------------------------------------------------- */

/* An exception event on a span that went well was handled: no error of the span's. */
static void settle_failure(struct row_sink *sink)
{
    struct span_batch *batch = sink->batch;
    if (has_slot(sink, SLOT_LEVEL) && bytes_equal_text(sink->slot[SLOT_LEVEL], "ERROR"))
        batch->status[sink->row] = STATUS_ERROR;
    bool from_event = filled(sink, SPAN_COLUMN_error_type) &&
                      sink->rank[SPAN_COLUMN_error_type] < RANK_FROM_EVENT_MAX;
    if (from_event && batch->status[sink->row] != STATUS_ERROR)
        batch->error_type[sink->row] = BYTES_NONE;
}

/* ---- models --------------------------------------------------------------------------------------------- */

static void store_if_empty(struct row_sink *sink, unsigned column, struct bytes text)
{
    if (!filled(sink, column))
        row_sink_store_made(sink, column, RANK_NONE + 1, text);
}

/* Who names one model names the one that answered; where nobody answered, the one that was asked. An
 * embedding has no other. */
static void settle_model(struct row_sink *sink, enum span_role role)
{
    const struct span_batch *batch = sink->batch;
    if (!has_slot(sink, SLOT_MODEL)) {
        if (role == ROLE_EMBEDDINGS && sink->mark == DIALECT_VERCEL_AI)
            store_if_empty(sink, SPAN_COLUMN_response_model, batch->request_model[sink->row]);
        return;
    }
    struct bytes model = sink->slot[SLOT_MODEL];
    bool failed = batch->status[sink->row] == STATUS_ERROR;
    if (failed || role == ROLE_EMBEDDINGS)
        store_if_empty(sink, SPAN_COLUMN_request_model, model);
    if (!failed || !bytes_equal(model, batch->request_model[sink->row]))
        store_if_empty(sink, SPAN_COLUMN_response_model, model);
}

/* ---- time to first token -------------------------------------------------------------------------------- */

/* 0 <= time to first token <= duration. A little more is two clocks; a thousand times the truth is
 * milliseconds under a name that says seconds; anything else is not believed. */
static int64_t plausible_ttft(int64_t ttft, int64_t stream, int64_t start, int64_t end)
{
    if (stream == 0)
        return SPAN_I64_ABSENT; /* not streamed: what stands there is the duration */
    if (start == SPAN_I64_ABSENT || end == SPAN_I64_ABSENT || end < start)
        return ttft;
    int64_t duration = end - start;
    if (ttft <= duration)
        return ttft;
    int64_t slack = duration / 100 > 5000000 ? duration / 100 : 5000000;
    if (ttft - duration <= slack)
        return duration;
    return ttft / 1000 <= duration ? ttft / 1000 : SPAN_I64_ABSENT;
}

static void settle_ttft(struct row_sink *sink, enum dialect dialect)
{
    struct span_batch *batch = sink->batch;
    uint32_t row = sink->row;
    int64_t *ttft = &batch->ttft_ns[row];
    if (*ttft != SPAN_I64_ABSENT && sink->ttft_of_server && dialect == DIALECT_STRANDS)
        *ttft /= 1000;
    int64_t first = has_slot(sink, SLOT_FIRST_TOKEN)
                        ? iso_time_ns(row_value_unquoted(sink->slot[SLOT_FIRST_TOKEN]))
                        : SPAN_I64_ABSENT;
    if (first == SPAN_I64_ABSENT && *ttft == SPAN_I64_ABSENT && !sink->lost_events)
        first = sink->first_token_ns;
    int64_t start = batch->start_ns[row];
    if (first != SPAN_I64_ABSENT && start != SPAN_I64_ABSENT && first >= start)
        *ttft = first - start;
    if (*ttft != SPAN_I64_ABSENT)
        *ttft = plausible_ttft(*ttft, batch->stream[row], start, batch->end_ns[row]);
}

/* ---- tokens --------------------------------------------------------------------------------------------- */

/* Cached tokens are part of the total. Where they exceed it, or stand in Anthropic's own usage object
 * beside it, the total was written without them. */
static void include_cached(struct row_sink *sink)
{
    struct span_batch *batch = sink->batch;
    uint32_t row = sink->row;
    int64_t input = batch->input_tokens[row];
    int64_t read = batch->cache_read_tokens[row], write = batch->cache_write_tokens[row];
    if (input == SPAN_I64_ABSENT || (read == SPAN_I64_ABSENT && write == SPAN_I64_ABSENT))
        return;
    read = read == SPAN_I64_ABSENT ? 0 : read;
    write = write == SPAN_I64_ABSENT ? 0 : write;
    const int64_t most = INT64_MAX / 4; /* counts beyond it are nonsense and stay as they are */
    bool apart = sink->apart && sink->rank[SPAN_COLUMN_input_tokens] < RANK_INSIDE;
    if (input < most && read < most && write < most && (apart || read + write > input))
        batch->input_tokens[row] = input + read + write;
}

/* ---- tools and messages ---------------------------------------------------------------------------------- */

/* What a step was given and gave is, on a tool's span, the tool's arguments and result. */
static void settle_tool(struct row_sink *sink)
{
    const struct span_batch *batch = sink->batch;
    if (has_slot(sink, SLOT_ENTITY))
        store_if_empty(sink, SPAN_COLUMN_tool_name, sink->slot[SLOT_ENTITY]);
    store_if_empty(sink, SPAN_COLUMN_tool_arguments, batch->input_messages[sink->row]);
    store_if_empty(sink, SPAN_COLUMN_tool_result, batch->output_messages[sink->row]);
    if (sink->mark == DIALECT_LANGFUSE) /* its tools are named by their spans only */
        store_if_empty(sink, SPAN_COLUMN_tool_name, batch->name[sink->row]);
}

/* Vercel writes text and tools apart: one message of both. */
static void join_tool_calls(struct row_sink *sink)
{
    const struct span_batch *batch = sink->batch;
    struct buffer *text = &row_sink_scratch(sink)->text;
    struct bytes answer = batch->output_messages[sink->row];
    buffer_clear(text);
    struct json_writer out = json_writer_on(text);
    json_open_object(&out);
    json_key(&out, "role");
    json_put_text(&out, BYTES_LITERAL("assistant"));
    if (bytes_present(answer)) {
        json_key(&out, "content");
        json_put_text(&out, answer);
    }
    json_key(&out, "toolCalls");
    json_put_raw(&out, sink->slot[SLOT_TOOL_CALLS]);
    json_close_object(&out);
    if (!text->failed)
        row_sink_store_made(sink, SPAN_COLUMN_output_messages, sink->rank[SPAN_COLUMN_output_messages],
                            arena_copy(batch->arena, buffer_bytes(text)));
}

/* What the answer says about itself and asks for. */
static void settle_answer(struct row_sink *sink)
{
    const struct span_batch *batch = sink->batch;
    if (has_slot(sink, SLOT_TOOL_CALLS) && sink->rank[SPAN_COLUMN_output_messages] < RANK_FLAT)
        join_tool_calls(sink);
    struct bytes answer = batch->output_messages[sink->row];
    if (!bytes_present(answer))
        return;
    if (sink->rank[SPAN_COLUMN_finish_reason] == RANK_NONE)
        store_if_empty(sink, SPAN_COLUMN_finish_reason, content_finish_reason(answer));
    bool name = sink->rank[SPAN_COLUMN_tool_name] == RANK_NONE;
    bool id = sink->rank[SPAN_COLUMN_tool_call_id] == RANK_NONE;
    if (!name && !id)
        return;
    struct tool_request request = content_tool_request(answer);
    if (name)
        store_if_empty(sink, SPAN_COLUMN_tool_name, request.name);
    if (id)
        store_if_empty(sink, SPAN_COLUMN_tool_call_id, request.id);
}

/* ---- all of it ------------------------------------------------------------------------------------------- */

static enum span_role role_by_all(struct row_sink *sink, enum dialect dialect)
{
    struct span_batch *batch = sink->batch;
    uint32_t row = sink->row;
    const struct dialect_claim claim = {
        .dialect = dialect,
        .kind_of = sink->kind_of,
        .kind = has_slot(sink, SLOT_KIND) ? sink->slot[SLOT_KIND] : BYTES_NONE,
        .operation = batch->operation[row],
        .name = batch->name[row],
        .generations = sink->generations,
    };
    return dialect_role(&claim, &batch->operation[row]);
}

/* The convention's own word, where there is no other, needs no second look. */
static enum span_role settle_role(struct row_sink *sink, enum dialect dialect)
{
    struct span_batch *batch = sink->batch;
    uint32_t row = sink->row;
    enum span_role role = ROLE_OTHER;
    if (batch->operation[row].size > 0 && sink->kind_of == DIALECT_UNKNOWN && dialect != DIALECT_HTTP)
        role = dialect_role_of_operation(batch->operation[row]);
    if (role == ROLE_OTHER)
        role = role_by_all(sink, dialect);
    batch->role[row] = role;
    batch->generations[row] =
        (uint8_t)(sink->generations | (dialect == DIALECT_CLIENT ? GENERATION_CLIENT : 0));
    if (role == ROLE_CALL || role == ROLE_EMBEDDINGS || role == ROLE_CALL_COPY ||
        role == ROLE_CALL_ADDENDUM) {
        if (span_columns_have(&sink->wanted, SPAN_COLUMN_leaf))
            batch->leaf[row] = role == ROLE_CALL || role == ROLE_EMBEDDINGS;
    }
    return role;
}

void row_sink_finish(struct row_sink *sink, enum dialect scope)
{
    enum dialect dialect = dialect_decide(sink->generations, sink->mark, scope);
    enum span_role role = ROLE_OTHER;
    if (span_columns_have(&sink->wanted, SPAN_COLUMN_dialect))
        sink->batch->dialect[sink->row] = dialect;
    if (span_columns_have(&sink->wanted, SPAN_COLUMN_role))
        role = settle_role(sink, dialect);
    bool call = role == ROLE_CALL || role == ROLE_EMBEDDINGS || role == ROLE_CALL_ADDENDUM;
    if (sink->flats > 0)
        row_flat_finish(sink, role);
    if (sink->slots >> SLOT_REQUEST)
        row_json_look(sink, role);
    if (sink->slots != 0 || filled(sink, SPAN_COLUMN_error_type))
        settle_failure(sink);
    if (sink->slots != 0 && (call || role == ROLE_CALL_COPY))
        settle_model(sink, role);
    if (sink->batch->ttft_ns[sink->row] != SPAN_I64_ABSENT || has_slot(sink, SLOT_FIRST_TOKEN) ||
        sink->first_token_ns != SPAN_I64_ABSENT)
        settle_ttft(sink, dialect);
    include_cached(sink);
    if (call)
        settle_answer(sink);
    else if (role == ROLE_TOOL)
        settle_tool(sink);
}
