/* canonical_json.c - one table from columns to names; the few fields that are made of several columns. */
#include "engine/span/canonical_json.h"

#include "engine/base/json.h"
#include "engine/span/content.h"
#include "engine/span/dialect.h"

#include <math.h>

enum shape { SHAPE_TEXT, SHAPE_INTEGER, SHAPE_BOOLEAN };

struct plain_field {
    const char *name;
    enum span_column column;
    enum shape shape;
};

/* Fields that are one column each, in the order of the line. */
static const struct plain_field plain_fields[] = {
    {"service", SPAN_COLUMN_service, SHAPE_TEXT},
    {"environment", SPAN_COLUMN_environment, SHAPE_TEXT},
    {"scope", SPAN_COLUMN_scope, SHAPE_TEXT},
    {"operation", SPAN_COLUMN_operation, SHAPE_TEXT},
    {"provider", SPAN_COLUMN_provider, SHAPE_TEXT},
    {"leaf", SPAN_COLUMN_leaf, SHAPE_BOOLEAN},
    {"stream", SPAN_COLUMN_stream, SHAPE_BOOLEAN},
    {"request_model", SPAN_COLUMN_request_model, SHAPE_TEXT},
    {"response_model", SPAN_COLUMN_response_model, SHAPE_TEXT},
    {"response_id", SPAN_COLUMN_response_id, SHAPE_TEXT},
    {"input_tokens", SPAN_COLUMN_input_tokens, SHAPE_INTEGER},
    {"output_tokens", SPAN_COLUMN_output_tokens, SHAPE_INTEGER},
    {"cached_tokens", SPAN_COLUMN_cache_read_tokens, SHAPE_INTEGER},
    {"cache_write_tokens", SPAN_COLUMN_cache_write_tokens, SHAPE_INTEGER},
    {"reasoning_tokens", SPAN_COLUMN_reasoning_tokens, SHAPE_INTEGER},
    {"total_tokens", SPAN_COLUMN_total_tokens, SHAPE_INTEGER},
    {"error_type", SPAN_COLUMN_error_type, SHAPE_TEXT},
    {"output_type", SPAN_COLUMN_output_type, SHAPE_TEXT},
    {"app", SPAN_COLUMN_app_given, SHAPE_TEXT},
    {"feature", SPAN_COLUMN_feature, SHAPE_TEXT},
    {"intent", SPAN_COLUMN_intent, SHAPE_TEXT},
    {"session", SPAN_COLUMN_conversation_id, SHAPE_TEXT},
    {"user", SPAN_COLUMN_user_id, SHAPE_TEXT},
    {"agent", SPAN_COLUMN_agent_name, SHAPE_TEXT},
    {"tool_name", SPAN_COLUMN_tool_name, SHAPE_TEXT},
    {"tool_call_id", SPAN_COLUMN_tool_call_id, SHAPE_TEXT},
    {"prompt_name", SPAN_COLUMN_prompt_name, SHAPE_TEXT},
    {"prompt_version", SPAN_COLUMN_prompt_version_given, SHAPE_TEXT},
    {"prompt_hash", SPAN_COLUMN_prompt_hash_given, SHAPE_TEXT},
    {"retrieval_query", SPAN_COLUMN_retrieval_query, SHAPE_TEXT},
    {"retrieval_top_k", SPAN_COLUMN_retrieval_top_k, SHAPE_INTEGER},
};

/* Those that take part in the others. */
static const enum span_column more_columns[] = {
    SPAN_COLUMN_trace_id,       SPAN_COLUMN_span_id,
    SPAN_COLUMN_parent_span_id, SPAN_COLUMN_name,
    SPAN_COLUMN_span_kind,      SPAN_COLUMN_start_ns,
    SPAN_COLUMN_end_ns,         SPAN_COLUMN_status,
    SPAN_COLUMN_status_message, SPAN_COLUMN_dialect,
    SPAN_COLUMN_role,           SPAN_COLUMN_finish_reason,
    SPAN_COLUMN_ttft_ns,        SPAN_COLUMN_system_instructions,
    SPAN_COLUMN_input_messages, SPAN_COLUMN_output_messages,
    SPAN_COLUMN_tool_arguments, SPAN_COLUMN_tool_result,
    SPAN_COLUMN_cost_usd,       SPAN_COLUMN_retrieval_documents,
    SPAN_COLUMN_score,
};

struct span_column_set canonical_json_columns(void)
{
    struct span_column_set set = {{0, 0}};
    for (size_t i = 0; i < sizeof plain_fields / sizeof *plain_fields; i++)
        span_columns_add(&set, plain_fields[i].column);
    for (size_t i = 0; i < sizeof more_columns / sizeof *more_columns; i++)
        span_columns_add(&set, more_columns[i]);
    return set;
}

static void put_text_if(struct json_writer *writer, const char *name, struct bytes text)
{
    if (!bytes_present(text))
        return;
    json_key(writer, name);
    json_put_text(writer, text);
}

static void put_integer_if(struct json_writer *writer, const char *name, int64_t value)
{
    if (value == SPAN_I64_ABSENT)
        return;
    json_key(writer, name);
    json_put_integer(writer, value);
}

static void put_core(struct json_writer *writer, const struct span_batch *batch, uint32_t row)
{
    json_key(writer, "trace_id");
    json_put_hex(writer, batch->trace_id[row]);
    json_key(writer, "span_id");
    json_put_hex(writer, batch->span_id[row]);
    json_key(writer, "parent_span_id");
    json_put_hex(writer, batch->parent_span_id[row]);
    json_key(writer, "name");
    json_put_text(writer, bytes_present(batch->name[row]) ? batch->name[row] : BYTES_LITERAL(""));
    put_integer_if(writer, "kind", batch->span_kind[row]);
    put_integer_if(writer, "start_ns", batch->start_ns[row]);
    put_integer_if(writer, "end_ns", batch->end_ns[row]);
    json_key(writer, "status");
    json_open_object(writer);
    put_integer_if(writer, "code", batch->status[row]);
    json_key(writer, "message");
    json_put_text(writer, bytes_present(batch->status_message[row]) ? batch->status_message[row]
                                                                    : BYTES_LITERAL(""));
    json_close_object(writer);
    if (batch->dialect[row] != SPAN_I64_ABSENT)
        put_text_if(writer, "dialect",
                    bytes_from_text(dialect_name((enum dialect)batch->dialect[row])));
    if (batch->role[row] != SPAN_I64_ABSENT)
        put_text_if(writer, "role",
                    bytes_from_text(span_role_name((enum span_role)batch->role[row])));
}

static void put_plain(struct json_writer *writer, const struct span_batch *batch, uint32_t row)
{
    for (size_t i = 0; i < sizeof plain_fields / sizeof *plain_fields; i++) {
        const struct plain_field *field = &plain_fields[i];
        const void *column = span_batch_column(batch, field->column);
        if (field->shape == SHAPE_TEXT) {
            put_text_if(writer, field->name, ((const struct bytes *)column)[row]);
            continue;
        }
        int64_t value = ((const int64_t *)column)[row];
        if (field->shape == SHAPE_INTEGER) {
            put_integer_if(writer, field->name, value);
        } else if (value != SPAN_I64_ABSENT) {
            json_key(writer, field->name);
            json_put_boolean(writer, value != 0);
        }
    }
}

/* Some interfaces say "completed" of an answer that asks for a tool. */
static struct bytes finish_of(const struct span_batch *batch, uint32_t row)
{
    struct bytes finish = dialect_finish(batch->finish_reason[row]);
    if (bytes_equal_text(finish, "stop") && batch->role[row] == ROLE_CALL &&
        bytes_present(content_tool_request(batch->output_messages[row]).name))
        return BYTES_LITERAL("tool_calls");
    return finish;
}

static void put_made(struct json_writer *writer, const struct span_batch *batch, uint32_t row)
{
    struct bytes reason = batch->finish_reason[row];
    put_text_if(writer, "finish", finish_of(batch, row));
    if (bytes_present(reason)) {
        json_key(writer, "finish_reasons");
        json_open_array(writer);
        json_put_text(writer, reason);
        json_close_array(writer);
    }
    if (batch->ttft_ns[row] != SPAN_I64_ABSENT) {
        json_key(writer, "ttft_ms");
        json_put_real(writer, (double)batch->ttft_ns[row] / 1e6);
    }
    if (!isnan(batch->cost_usd[row])) {
        json_key(writer, "cost_usd");
        json_put_real(writer, batch->cost_usd[row]);
    }
    json_key(writer, "failed");
    json_put_boolean(writer, batch->status[row] == 2 || bytes_present(batch->error_type[row]));
    const struct bytes contents[] = {batch->system_instructions[row], batch->input_messages[row],
                                     batch->output_messages[row]};
    static const char *const names[] = {"system_instructions", "input_messages", "output_messages"};
    if (!bytes_present(contents[0]) && !bytes_present(contents[1]) && !bytes_present(contents[2]))
        return;
    json_key(writer, "content_bytes");
    json_open_object(writer);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        if (bytes_present(contents[i])) {
            json_key(writer, names[i]);
            json_put_unsigned(writer, contents[i].size);
        }
    }
    json_close_object(writer);
}

/* Tools and documents are values, messages take the canonical form; what cannot be read is shown as it is. */
static void put_content(struct json_writer *writer, const struct span_batch *batch, uint32_t row,
                        struct json_document *document)
{
    const struct {
        const char *name, *role;
        struct bytes text;
    } contents[] = {
        {"system_instructions", "system", batch->system_instructions[row]},
        {"input_messages", "user", batch->input_messages[row]},
        {"output_messages", "assistant", batch->output_messages[row]},
        {"tool_arguments", NULL, batch->tool_arguments[row]},
        {"tool_result", NULL, batch->tool_result[row]},
        {"retrieval_documents", NULL, batch->retrieval_documents[row]},
    };
    json_key(writer, "content");
    json_open_object(writer);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        struct bytes text = contents[i].text;
        if (!bytes_present(text))
            continue;
        json_key(writer, contents[i].name);
        if (contents[i].role != NULL && content_canonical(text, contents[i].role, document, writer))
            continue;
        if (contents[i].role == NULL && json_valid(document, text))
            json_put_raw(writer, text);
        else
            json_put_text(writer, text);
    }
    json_close_object(writer);
}

/* Score rows follow their span. */
static void put_evaluations(struct json_writer *writer, const struct span_batch *batch, uint32_t span)
{
    bool any = false;
    for (uint32_t row = span + 1; row < batch->rows && batch->kind[row] == ROW_VERDICT; row++) {
        if (batch->origin[row].record != batch->origin[span].record ||
            batch->origin[row].span != batch->origin[span].span)
            break;
        if (!any) {
            json_key(writer, "evaluations");
            json_open_array(writer);
        }
        any = true;
        json_open_object(writer);
        json_key(writer, "name");
        json_put_text(writer, batch->dimension[row]);
        json_key(writer, "evaluator");
        json_put_text(writer, batch->evaluator[row]);
        json_key(writer, "score");
        json_put_real(writer, batch->score[row]);
        json_close_object(writer);
    }
    if (any)
        json_close_array(writer);
}

void canonical_json_row(const struct span_batch *batch, uint32_t row, struct json_document *content,
                        struct buffer *out)
{
    struct json_writer writer = json_writer_on(out);
    json_open_object(&writer);
    put_core(&writer, batch, row);
    put_plain(&writer, batch, row);
    put_made(&writer, batch, row);
    put_evaluations(&writer, batch, row);
    if (content != NULL)
        put_content(&writer, batch, row, content);
    json_close_object(&writer);
}
