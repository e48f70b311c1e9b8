/* canonical_json.c - one table from columns to names; the few fields that are made of several columns. */
#include "engine/span/canonical_json.h"

#include "engine/base/json.h"
#include "engine/span/dialect.h"

#define BATCH_ROWS      256
#define LINES_BYTES_MAX ((size_t)256 * 1024 * 1024)

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
    {"stream", SPAN_COLUMN_stream, SHAPE_BOOLEAN},
    {"request_model", SPAN_COLUMN_request_model, SHAPE_TEXT},
    {"response_model", SPAN_COLUMN_response_model, SHAPE_TEXT},
    {"response_id", SPAN_COLUMN_response_id, SHAPE_TEXT},
    {"input_tokens", SPAN_COLUMN_input_tokens, SHAPE_INTEGER},
    {"output_tokens", SPAN_COLUMN_output_tokens, SHAPE_INTEGER},
    {"cached_tokens", SPAN_COLUMN_cache_read_tokens, SHAPE_INTEGER},
    {"cache_write_tokens", SPAN_COLUMN_cache_write_tokens, SHAPE_INTEGER},
    {"reasoning_tokens", SPAN_COLUMN_reasoning_tokens, SHAPE_INTEGER},
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

static void put_made(struct json_writer *writer, const struct span_batch *batch, uint32_t row)
{
    struct bytes reason = batch->finish_reason[row];
    put_text_if(writer, "finish", dialect_finish(reason));
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

void canonical_json_row(const struct span_batch *batch, uint32_t row, struct buffer *out)
{
    struct json_writer writer = json_writer_on(out);
    json_open_object(&writer);
    put_core(&writer, batch, row);
    put_plain(&writer, batch, row);
    put_made(&writer, batch, row);
    json_close_object(&writer);
}

/* ---- whole records --------------------------------------------------------------------------------------- */

bool decode_to_json(struct bytes record, enum encoding encoding,
                    bool (*flush)(void *context, struct bytes lines, struct error *error),
                    void *context, struct decode_report *report, struct error *error)
{
    *report = (struct decode_report){0};
    struct encoding_options options = {encoding, SIGNAL_SPANS, &otlp_limits_default, NULL};
    struct encoded_record encoded;
    const struct otlp_cursor *cursor = &encoded.cursor;
    if (record.size == 0)
        return error_set(error, ERROR_INPUT, "byte 0: the record is empty; nothing to decode");
    encoding_start(&encoded, record, BYTES_NONE, 0, &options);
    if (encoded.encoding == ENCODING_AUTO)
        return error_set(error, ERROR_INPUT, "byte 0: %s", cursor->bad_reason);
    struct span_batch *batch = span_batch_create(BATCH_ROWS);
    struct buffer lines = BUFFER_WITH_LIMIT(LINES_BYTES_MAX);
    batch->wanted = canonical_json_columns();
    bool good = true;
    for (enum decode_result result = DECODE_MORE; good && result == DECODE_MORE;) {
        span_batch_reset(batch);
        buffer_clear(&lines);
        result = encoding_decode(&encoded, batch);
        for (uint32_t row = 0; row < batch->rows; row++) {
            canonical_json_row(batch, row, &lines);
            buffer_put_u8(&lines, '\n');
        }
        report->spans += batch->rows;
        if (lines.failed)
            good = error_set(error, ERROR_LIMIT, "%u spans as JSON need more than %zu bytes",
                             batch->rows, LINES_BYTES_MAX);
        else
            good = flush(context, buffer_bytes(&lines), error);
    }
    report->bad_spans = cursor->bad_spans;
    report->bad_index = cursor->bad_index;
    report->bad_offset = cursor->bad_offset;
    report->bad_reason = cursor->bad_reason;
    report->cut_strings = cursor->cut_strings;
    buffer_free(&lines);
    span_batch_destroy(batch);
    return good;
}
