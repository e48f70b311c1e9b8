/* canonical_json_test.c - one record to golden lines; bytes that are no record; the batch itself. */
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/span/canonical_json.h"
#include "engine/span/decode_lines.h"
#include "tests/span/otlp_build.h"
#include "tests/span/rows.h"

#define LIMIT ((size_t)1 << 20)

static void put_record(struct buffer *out, unsigned spans)
{
    static const char *const finish[] = {"max_tokens", NULL};
    struct buffer resource = BUFFER_WITH_LIMIT(LIMIT), scope = resource, scope_spans = resource,
                  both = resource, span = resource;
    otlp_put_text(&resource, 1, "service.name", "shop");
    otlp_put_text(&resource, 1, "deployment.environment.name", "prod");
    otlp_put_text_field(&scope, 1, "my.scope");
    otlp_put_message(&scope_spans, 1, buffer_bytes(&scope));
    for (unsigned i = 0; i < spans; i++) {
        static const uint8_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
        buffer_clear(&span);
        otlp_put_message(&span, 1, bytes_of(ids, 16));
        otlp_put_message(&span, 2, bytes_of(ids + 8, 8));
        otlp_put_message(&span, 4, bytes_of(ids, 8));
        otlp_put_text_field(&span, 5, "chat \"m\"");
        otlp_put_varint_field(&span, 6, 3);
        otlp_put_fixed64_field(&span, 7, 1795227554174398990u);
        otlp_put_fixed64_field(&span, 8, 1795227555174398990u);
        otlp_put_text(&span, 9, "gen_ai.operation.name", "chat");
        otlp_put_text(&span, 9, "gen_ai.provider.name", "anthropic");
        otlp_put_text(&span, 9, "gen_ai.request.model", "claude");
        otlp_put_boolean(&span, 9, "gen_ai.request.stream", true);
        otlp_put_integer(&span, 9, "gen_ai.usage.input_tokens", 120);
        otlp_put_integer(&span, 9, "gen_ai.usage.cache_read.input_tokens", 20);
        otlp_put_texts(&span, 9, "gen_ai.response.finish_reasons", finish);
        otlp_put_real(&span, 9, "gen_ai.response.time_to_first_chunk", 0.1125);
        otlp_put_text(&span, 9, "gen_ai.conversation.id", "c-1");
        otlp_put_text(&span, 9, "app.intent", "refund");
        otlp_put_text(&span, 9, "gen_ai.output.messages", "secret words");
        otlp_put_text(&span, 9, "error.type", "timeout");
        otlp_put_message(&scope_spans, 2, buffer_bytes(&span));
    }
    otlp_put_message(&both, 1, buffer_bytes(&resource));
    otlp_put_message(&both, 2, buffer_bytes(&scope_spans));
    otlp_put_message(out, 1, buffer_bytes(&both));
    struct buffer *all[] = {&resource, &scope, &scope_spans, &both, &span};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buffer_free(all[i]);
}

static bool collect(void *context, struct bytes lines, struct error *error)
{
    (void)error;
    buffer_append(context, lines.data, lines.size);
    return true;
}

static void a_span_as_a_line(void **state)
{
    (void)state;
    struct buffer record = BUFFER_WITH_LIMIT(LIMIT), lines = record;
    struct decode_report report;
    struct error error = {0};
    put_record(&record, 1);
    assert_true(decode_to_json(buffer_bytes(&record), ENCODING_AUTO, collect, &lines, &report, &error));
    buffer_put_u8(&lines, 0);
    assert_string_equal(
        (char *)lines.data,
        "{\"trace_id\":\"0102030405060708090a0b0c0d0e0f10\",\"span_id\":\"090a0b0c0d0e0f10\","
        "\"parent_span_id\":\"0102030405060708\",\"name\":\"chat "
        "\\\"m\\\"\",\"kind\":3,\"start_ns\":1795227554174398990,"
        "\"end_ns\":1795227555174398990,\"status\":{\"code\":0,\"message\":\"\"},\"dialect\":"
        "\"otel-genai\",\"role\":\"call\","
        "\"service\":\"shop\",\"environment\":\"prod\",\"scope\":\"my.scope\",\"operation\":"
        "\"chat\",\"provider\":\"anthropic\",\"leaf\":true,"
        "\"stream\":true,\"request_model\":\"claude\",\"input_tokens\":120,\"cached_tokens\":20,"
        "\"error_type\":\"timeout\","
        "\"intent\":\"refund\",\"session\":\"c-1\",\"finish\":\"length\",\"finish_reasons\":[\"max_"
        "tokens\"],"
        "\"ttft_ms\":112.5,\"failed\":true,\"content_bytes\":{\"output_messages\":12}}\n");
    assert_int_equal(report.spans, 1);
    assert_int_equal(report.bad_spans, 0);
    assert_null(report.bad_reason);
    buffer_free(&record);
    buffer_free(&lines);
}

static bool stop_at_once(void *context, struct bytes lines, struct error *error)
{
    (void)lines;
    ++*(int *)context;
    return error_set(error, ERROR_SYSTEM, "pipe closed");
}

static void many_spans_come_in_parts_and_can_be_stopped(void **state)
{
    (void)state;
    struct buffer record = BUFFER_WITH_LIMIT((size_t)16 << 20), lines = record;
    struct decode_report report;
    struct error error = {0};
    put_record(&record, 1000);
    assert_true(decode_to_json(buffer_bytes(&record), ENCODING_AUTO, collect, &lines, &report, &error));
    assert_int_equal(report.spans, 1000);
    size_t count = 0;
    for (size_t i = 0; i < lines.size; i++)
        count += lines.data[i] == '\n';
    assert_int_equal(count, 1000);
    int calls = 0;
    assert_false(decode_to_json(buffer_bytes(&record), ENCODING_AUTO, stop_at_once, &calls, &report, &error));
    assert_int_equal(calls, 1);
    assert_string_equal(error.message, "pipe closed");
    record.size -= 5; /* cut off: what can be read is read, the rest is said */
    buffer_clear(&lines);
    assert_true(decode_to_json(buffer_bytes(&record), ENCODING_AUTO, collect, &lines, &report, &error));
    assert_int_equal(report.spans, 999);
    assert_int_equal(report.bad_spans, 1);
    assert_int_equal(report.bad_index, 0);
    assert_non_null(report.bad_reason);
    buffer_free(&record);
    buffer_free(&lines);
}

static void other_encodings_are_named(void **state)
{
    (void)state;
    static const struct {
        struct bytes record;
        const char *says;
    } cases[] = {
        {{(const uint8_t *)"", 0}, "empty"},
        {{(const uint8_t *)"\x1f\x8b\x08\0", 4}, "gzip"},
        {{(const uint8_t *)"\0\0\0\1", 4}, "Confluent"},
        {{(const uint8_t *)"\0\0\0\0\1\2", 6}, "Avro"},
        {{(const uint8_t *)"\xc3\x01", 2}, "Avro"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct decode_report report;
        struct error error = {0};
        assert_false(decode_to_json(cases[i].record, ENCODING_AUTO, collect, NULL, &report, &error));
        assert_int_equal(error.code, ERROR_INPUT);
        assert_non_null(strstr(error.message, cases[i].says));
    }
}

/* ---- the batch ------------------------------------------------------------------------------------------- */

static void all_absent(const struct span_batch *batch, uint32_t row)
{
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++) {
        const void *values = span_batch_column(batch, column);
        switch (span_column_type(column)) {
        case SPAN_TYPE_bytes:
            assert_null(((const struct bytes *)values)[row].data);
            assert_int_equal(((const struct bytes *)values)[row].size, 0);
            break;
        case SPAN_TYPE_i64:
            assert_true(((const int64_t *)values)[row] == SPAN_I64_ABSENT);
            break;
        case SPAN_TYPE_f64:
            assert_true(((const double *)values)[row] != ((const double *)values)[row]);
            break;
        case SPAN_TYPE_bin:
            assert_int_equal(((const uint16_t *)values)[row], SPAN_BIN_ABSENT);
            break;
        }
    }
}

static void rows_are_absent_until_written(void **state)
{
    (void)state;
    struct span_batch *batch = span_batch_create(3);
    const enum span_column written[] = {SPAN_COLUMN_trace_id, SPAN_COLUMN_score, SPAN_COLUMN_score_bin,
                                        SPAN_COLUMN_purpose, SPAN_COLUMN_leaf};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++)
        span_columns_add(&batch->wanted, written[i]);
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t row = span_batch_add(batch, ROW_VERDICT, (struct row_origin){9, i});
            assert_int_equal(row, i);
            all_absent(batch, row);
            batch->trace_id[row] = BYTES_LITERAL("x");
            batch->score[row] = 3;
            batch->score_bin[row] = 2;
            batch->purpose[row] = 1;
            batch->leaf[row] = 1;
        }
        assert_true(span_batch_full(batch));
        span_batch_drop_last(batch);
        assert_int_equal(batch->rows, 2);
        all_absent(batch, span_batch_add(batch, ROW_SPAN, (struct row_origin){0, 0}));
        span_batch_reset(batch);
        assert_int_equal(batch->rows, 0);
    }
    span_batch_destroy(batch);
    span_batch_destroy(NULL);
}

static void columns_by_name(void **state)
{
    (void)state;
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        assert_int_equal(span_column_find(bytes_from_text(span_column_name(column))), column);
    assert_int_equal(span_column_find(BYTES_LITERAL("no such column")), SPAN_COLUMN_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_as_a_line),
        cmocka_unit_test(many_spans_come_in_parts_and_can_be_stopped),
        cmocka_unit_test(other_encodings_are_named),
        cmocka_unit_test(rows_are_absent_until_written),
        cmocka_unit_test(columns_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
