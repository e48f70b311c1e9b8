/* otlp_test.c - the OTLP walker on records made here: orders, empties, repeats, types, limits, resuming. */
#include "tests/test.h"

#include "tests/span/expect.h"
#include "tests/span/otlp_build.h"
#include "tests/span/rows.h"

#define LIMIT ((size_t)1 << 20)

/* One resource, one scope, the given spans; appended to request. */
static void put_group(struct buffer *request, struct bytes resource, struct bytes scope,
                      const struct bytes *spans, size_t count)
{
    struct buffer scope_spans = BUFFER_WITH_LIMIT(LIMIT), both = BUFFER_WITH_LIMIT(LIMIT);
    otlp_put_message(&scope_spans, 1, scope);
    for (size_t i = 0; i < count; i++)
        otlp_put_message(&scope_spans, 2, spans[i]);
    otlp_put_message(&both, 1, resource);
    otlp_put_message(&both, 2, buffer_bytes(&scope_spans));
    otlp_put_message(request, 1, buffer_bytes(&both));
    buffer_free(&scope_spans);
    buffer_free(&both);
}

/* A request with one span whose fields are `extra` behind the core; decoded into `batch`. */
static struct otlp_cursor decode_one(struct bytes extra, struct span_batch *batch,
                                     struct buffer *request)
{
    struct buffer span = BUFFER_WITH_LIMIT(LIMIT);
    otlp_put_span_core(&span, 1, "chat m", 1000, 2000000000);
    buffer_append(&span, extra.data, extra.size);
    struct bytes spans[] = {buffer_bytes(&span)};
    *request = BUFFER_WITH_LIMIT(LIMIT);
    put_group(request, BYTES_LITERAL(""), BYTES_LITERAL(""), spans, 1);
    struct otlp_cursor cursor;
    span_batch_reset(batch);
    batch->wanted = rows_all_columns();
    otlp_cursor_start(&cursor, buffer_bytes(request), 3, &otlp_limits_default);
    assert_int_equal(otlp_proto_decode(&cursor, batch), DECODE_DONE);
    buffer_free(&span);
    return cursor;
}

struct fixture {
    struct span_batch *batch;
    struct buffer extra, request;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->batch = span_batch_create(16);
    f->extra = BUFFER_WITH_LIMIT(LIMIT);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    span_batch_destroy(f->batch);
    buffer_free(&f->extra);
    buffer_free(&f->request);
    free(f);
    return 0;
}

static void core_fields_and_a_whole_call(void **state)
{
    struct fixture *f = *state;
    static const char *const finish[] = {"length", "stop", NULL};
    otlp_put_text(&f->extra, 9, "gen_ai.operation.name", "chat");
    otlp_put_text(&f->extra, 9, "gen_ai.provider.name", "openai");
    otlp_put_texts(&f->extra, 9, "gen_ai.response.finish_reasons", finish);
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.input_tokens", 17);
    otlp_put_real(&f->extra, 9, "gen_ai.response.time_to_first_chunk", 0.25);
    struct buffer status = BUFFER_WITH_LIMIT(LIMIT);
    otlp_put_text_field(&status, 2, "went wrong");
    otlp_put_varint_field(&status, 3, 2);
    otlp_put_message(&f->extra, 15, buffer_bytes(&status));
    buffer_free(&status);
    struct otlp_cursor cursor = decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(f->batch->rows, 1);
    assert_int_equal(f->batch->kind[0], ROW_SPAN);
    assert_int_equal(f->batch->origin[0].record, 3);
    assert_int_equal(f->batch->trace_id[0].size, 16);
    assert_int_equal(f->batch->span_id[0].size, 8);
    assert_null(f->batch->parent_span_id[0].data);
    expect_text(f->batch->name[0], "chat m");
    assert_int_equal(f->batch->span_kind[0], 3);
    assert_int_equal(f->batch->start_ns[0], 1000);
    assert_int_equal(f->batch->status[0], 2);
    expect_text(f->batch->status_message[0], "went wrong");
    assert_int_equal(f->batch->role[0], ROLE_CALL);
    assert_int_equal(f->batch->dialect[0], DIALECT_OTEL_GENAI);
    expect_text(f->batch->finish_reason[0], "length");
    assert_int_equal(f->batch->input_tokens[0], 17);
    assert_int_equal(f->batch->ttft_ns[0], 250000000);
    expect_text(f->batch->service[0], NULL);
}

static void wrong_types_are_tolerated(void **state)
{
    struct fixture *f = *state;
    otlp_put_text(&f->extra, 9, "gen_ai.usage.input_tokens", "1234");
    otlp_put_real(&f->extra, 9, "gen_ai.usage.output_tokens", 56.0);
    otlp_put_text(&f->extra, 9, "gen_ai.usage.reasoning.output_tokens", "many");
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.cache_read.input_tokens", -4);
    otlp_put_text(&f->extra, 9, "gen_ai.request.stream", "True");
    otlp_put_text(&f->extra, 9, "gen_ai.response.time_to_first_chunk", "0.5");
    otlp_put_text(&f->extra, 9, "gen_ai.response.finish_reasons", "[\"tool_calls\"]");
    otlp_put_integer(&f->extra, 9, "gen_ai.prompt.version", 7);
    otlp_put_boolean(&f->extra, 9, "user.id", true);
    otlp_put_real(&f->extra, 9, "session.id", 1.5);
    decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    assert_int_equal(f->batch->input_tokens[0], 1234);
    assert_int_equal(f->batch->output_tokens[0], 56);
    assert_int_equal(f->batch->reasoning_tokens[0], SPAN_I64_ABSENT);
    assert_int_equal(f->batch->cache_read_tokens[0], SPAN_I64_ABSENT);
    assert_int_equal(f->batch->stream[0], 1);
    assert_int_equal(f->batch->ttft_ns[0], 500000000);
    expect_text(f->batch->finish_reason[0], "tool_calls");
    expect_text(f->batch->prompt_version_given[0], "7");
    expect_text(f->batch->user_id[0], "true");
    expect_text(f->batch->conversation_id[0], "1.5");
}

static void newest_name_wins_in_any_order_and_last_of_one_name(void **state)
{
    struct fixture *f = *state;
    otlp_put_text(&f->extra, 9, "gen_ai.provider.name", "first");
    otlp_put_text(&f->extra, 9, "gen_ai.provider.name", "anthropic");
    otlp_put_text(&f->extra, 9, "gen_ai.system", "old");
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.prompt_tokens", 1);
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.input_tokens", 2);
    otlp_put_text(&f->extra, 9, "gen_ai.conversation.id", "");
    otlp_put_text(&f->extra, 9, "session.id", "s-1");
    decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    expect_text(f->batch->provider[0], "anthropic");
    assert_int_equal(f->batch->input_tokens[0], 2);
    expect_text(f->batch->conversation_id[0], "s-1");
    assert_int_equal(f->batch->dialect[0], DIALECT_OTEL_GENAI);
}

static void old_names_alone_say_the_old_convention(void **state)
{
    struct fixture *f = *state;
    otlp_put_text(&f->extra, 9, "gen_ai.system", "openai");
    otlp_put_text(&f->extra, 9, "gen_ai.operation.name", "chat");
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.completion_tokens", 3);
    decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    assert_int_equal(f->batch->dialect[0], DIALECT_OTEL_GENAI_OLD);
    assert_int_equal(f->batch->role[0], ROLE_CALL);
    assert_int_equal(f->batch->output_tokens[0], 3);
}

static void cached_tokens_are_part_of_the_total(void **state)
{
    struct fixture *f = *state;
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.input_tokens", 10);
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.cache_read.input_tokens", 90);
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.cache_creation.input_tokens", 5);
    decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    assert_int_equal(f->batch->input_tokens[0], 105);
    assert_int_equal(f->batch->cache_write_tokens[0], 5);
}

static void first_token_times_are_plausible_or_absent(void **state)
{
    struct fixture *f = *state; /* the span lasts 1.999999 s */
    static const struct {
        double seconds;
        int stream; /* -1: not said */
        int64_t ns;
    } cases[] = {
        {0.4, 1, 400000000},         {0.4, -1, 400000000},     {0.4, 0, SPAN_I64_ABSENT},
        {1.5, 1, 1500000000},        {2.001, 1, 1999999000},   {400, 1, 400000000},
        {90000, 1, SPAN_I64_ABSENT}, {-1, 1, SPAN_I64_ABSENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&f->extra);
        if (cases[i].stream >= 0)
            otlp_put_boolean(&f->extra, 9, "gen_ai.request.stream", cases[i].stream);
        otlp_put_real(&f->extra, 9, "gen_ai.response.time_to_first_chunk", cases[i].seconds);
        decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
        assert_int_equal(f->batch->ttft_ns[0], cases[i].ns);
        buffer_free(&f->request);
    }
}

static void content_as_text_or_tree(void **state)
{
    struct fixture *f = *state;
    struct buffer list = BUFFER_WITH_LIMIT(LIMIT), any = BUFFER_WITH_LIMIT(LIMIT);
    otlp_put_message(&list, 1, BYTES_LITERAL("\x0a\x02hi"));
    otlp_put_message(&any, 5, buffer_bytes(&list));
    otlp_put_value(&f->extra, 9, "gen_ai.input.messages", buffer_bytes(&any));
    otlp_put_text(&f->extra, 9, "gen_ai.operation.name", "chat");
    otlp_put_text(&f->extra, 9, "gen_ai.output.messages",
                  "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"\\\"finish_"
                  "reason\\\":\\\"x\\\"\"}],"
                  "\"finish_reason\":\"stop\"}]");
    decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    expect_text(f->batch->input_messages[0], "[\"hi\"]");
    expect_text(f->batch->finish_reason[0], "stop");
    buffer_free(&list);
    buffer_free(&any);
}

static void unknown_fields_are_skipped(void **state)
{
    struct fixture *f = *state;
    otlp_put_message(&f->extra, 100, BYTES_LITERAL("future"));
    otlp_put_varint_field(&f->extra, 101, UINT64_MAX);
    otlp_put_fixed64_field(&f->extra, 102, 1);
    static const uint8_t rest[] = {
        0x85, 0x01, 1,    2,    3,   4, /* flags, fixed32 */
        0xbb, 0x06, 0x0a, 0x01, 'x', 0xc3, 0x06, 0x08, 0x05, 0xc4, 0x06, 0xbc, 0x06, /* group 103 holding group 104 */
        0x8a, 0x00, 0x10, 1,    1,   1,    1,    1,    1,    1,    1,    1,    1,    1,
        1,    1,    1,    1,    1, /* trace_id again, over-long tag */
        0x08, 0x01,                /* field 1 with a wrong wire type */
    };
    buffer_append(&f->extra, rest, sizeof rest);
    struct otlp_cursor cursor = decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(f->batch->rows, 1);
    assert_int_equal(f->batch->trace_id[0].data[7], 1);
}

static void bad_ids_cost_only_their_span(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeros[16];
    static const struct {
        uint32_t field;
        size_t size;
        const char *reason;
    } cases[] = {
        {1, 15, "trace_id"}, {1, 16, "trace_id"}, {1, 0, "trace_id"},       {2, 4, "span_id"},
        {2, 8, "span_id"},   {2, 16, "span_id"},  {4, 7, "parent_span_id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer good = BUFFER_WITH_LIMIT(LIMIT), bad = BUFFER_WITH_LIMIT(LIMIT),
                      request = BUFFER_WITH_LIMIT(LIMIT);
        otlp_put_span_core(&good, 5, "good", 1, 2);
        otlp_put_span_core(&bad, 6, "bad", 1, 2);
        otlp_put_message(&bad, cases[i].field, bytes_of(zeros, cases[i].size));
        struct bytes spans[] = {buffer_bytes(&good), buffer_bytes(&bad), buffer_bytes(&good)};
        put_group(&request, BYTES_LITERAL(""), BYTES_LITERAL(""), spans, 3);
        struct otlp_cursor cursor;
        span_batch_reset(f->batch);
        otlp_cursor_start(&cursor, buffer_bytes(&request), 0, &otlp_limits_default);
        otlp_proto_decode(&cursor, f->batch);
        assert_int_equal(f->batch->rows, 2);
        assert_int_equal(f->batch->origin[1].span, 2);
        assert_int_equal(cursor.bad_spans, 1);
        assert_int_equal(cursor.bad_index, 1);
        assert_non_null(strstr(cursor.bad_reason, cases[i].reason));
        assert_in_range(cursor.bad_offset, 1, request.size - good.size);
        buffer_free(&good);
        buffer_free(&bad);
        buffer_free(&request);
    }
}

static void zero_parents_are_roots(void **state)
{
    struct fixture *f = *state;
    otlp_put_message(&f->extra, 4, BYTES_LITERAL("\0\0\0\0\0\0\0\0"));
    decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    assert_int_equal(f->batch->rows, 1);
    assert_null(f->batch->parent_span_id[0].data);
    buffer_free(&f->request);
    buffer_clear(&f->extra);
    otlp_put_message(&f->extra, 4, BYTES_LITERAL("12345678"));
    decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    expect_text(f->batch->parent_span_id[0], "12345678");
}

static void resources_and_scopes_behind_their_spans(void **state)
{
    struct fixture *f = *state;
    struct buffer resource = BUFFER_WITH_LIMIT(LIMIT), scope = resource, span = resource,
                  ascending = resource;
    otlp_put_text(&resource, 1, "service.name", "shop");
    otlp_put_text(&resource, 1, "deployment.environment", "old name");
    otlp_put_text(&resource, 1, "deployment.environment.name", "prod");
    otlp_put_text(&resource, 1, "assay.feature", "checkout");
    otlp_put_text_field(&scope, 1, "my.scope");
    otlp_put_span_core(&span, 1, "a", 1, 2);
    struct bytes spans[] = {buffer_bytes(&span)};
    put_group(&ascending, buffer_bytes(&resource), buffer_bytes(&scope), spans, 1);
    otlp_put_text(&span, 9, "app.feature", "search");
    otlp_put_text(&span, 9, "service.name", "not from a span");
    spans[0] = buffer_bytes(&span);
    put_group(&ascending, BYTES_LITERAL(""), BYTES_LITERAL(""), spans, 1);
    f->request = BUFFER_WITH_LIMIT(LIMIT);
    assert_true(otlp_reorder(buffer_bytes(&ascending), ORDER_DESCENDING, NULL, &f->request));
    struct otlp_cursor cursor;
    f->batch->wanted = rows_all_columns();
    otlp_cursor_start(&cursor, buffer_bytes(&f->request), 0, &otlp_limits_default);
    otlp_proto_decode(&cursor, f->batch);
    assert_int_equal(f->batch->rows, 2);
    expect_text(f->batch->service[0], "shop");
    expect_text(f->batch->environment[0], "prod");
    expect_text(f->batch->feature[0], "checkout");
    expect_text(f->batch->scope[0], "my.scope");
    expect_text(f->batch->service[1], NULL);
    expect_text(f->batch->environment[1], NULL);
    expect_text(f->batch->feature[1], "search");
    expect_text(f->batch->scope[1], NULL);
    buffer_free(&resource);
    buffer_free(&scope);
    buffer_free(&span);
    buffer_free(&ascending);
}

static void unwanted_columns_stay_absent(void **state)
{
    struct fixture *f = *state;
    otlp_put_text(&f->extra, 9, "gen_ai.provider.name", "openai");
    otlp_put_integer(&f->extra, 9, "gen_ai.usage.input_tokens", 5);
    struct otlp_cursor cursor = decode_one(buffer_bytes(&f->extra), f->batch, &f->request);
    span_batch_reset(f->batch);
    f->batch->wanted = (struct span_column_set){{0, 0}};
    span_columns_add(&f->batch->wanted, SPAN_COLUMN_input_tokens);
    otlp_cursor_start(&cursor, buffer_bytes(&f->request), 0, &otlp_limits_default);
    otlp_proto_decode(&cursor, f->batch);
    assert_int_equal(f->batch->rows, 1);
    assert_int_equal(f->batch->input_tokens[0], 5);
    assert_null(f->batch->trace_id[0].data);
    assert_null(f->batch->provider[0].data);
    assert_int_equal(f->batch->status[0], SPAN_I64_ABSENT);
    assert_int_equal(f->batch->role[0], SPAN_I64_ABSENT);
}

static void limits_are_kept_and_counted(void **state)
{
    struct fixture *f = *state;
    struct otlp_limits limits = {.spans_per_record_max = 2,
                                 .attributes_per_span_max = 2,
                                 .string_bytes_max = 8,
                                 .nesting_depth_max = 32};
    struct buffer spans_of[4], request = BUFFER_WITH_LIMIT(LIMIT);
    struct bytes spans[4];
    for (uint64_t i = 0; i < 4; i++) {
        spans_of[i] = BUFFER_WITH_LIMIT(LIMIT);
        otlp_put_span_core(&spans_of[i], i, i == 0 ? "123456\xc3\xa4\xc3\xa4" : "1234567\xc3\xa4",
                           1, 2);
        for (uint64_t a = 0; a < 2 + (i == 1); a++)
            otlp_put_text(&spans_of[i], 9, "user.id", "u");
        spans[i] = buffer_bytes(&spans_of[i]);
    }
    put_group(&request, BYTES_LITERAL(""), BYTES_LITERAL(""), spans, 4);
    struct otlp_cursor cursor;
    f->batch->wanted = rows_all_columns();
    otlp_cursor_start(&cursor, buffer_bytes(&request), 0, &limits);
    assert_int_equal(otlp_proto_decode(&cursor, f->batch), DECODE_DONE);
    assert_int_equal(f->batch->rows, 1); /* span 1: attributes; 2 and 3: spans */
    assert_int_equal(cursor.bad_spans, 3);
    assert_int_equal(cursor.bad_index, 1);
    assert_int_equal(cursor.cut_strings, 1);
    expect_text(f->batch->name[0], "123456\xc3\xa4");
    buffer_free(&request);
    for (size_t i = 0; i < 4; i++)
        buffer_free(&spans_of[i]);
}

static void a_record_fills_several_batches(void **state)
{
    (void)state;
    struct buffer request = BUFFER_WITH_LIMIT(LIMIT), scope = request;
    otlp_put_text_field(&scope, 1, "s");
    for (uint64_t group = 0; group < 3; group++) {
        struct buffer spans_of[5];
        struct bytes spans[5];
        for (uint64_t i = 0; i < 5; i++) {
            spans_of[i] = BUFFER_WITH_LIMIT(LIMIT);
            otlp_put_span_core(&spans_of[i], group * 5 + i, "n", 1, 2);
            otlp_put_integer(&spans_of[i], 9, "gen_ai.usage.input_tokens",
                             (int64_t)(group * 5 + i));
            spans[i] = buffer_bytes(&spans_of[i]);
        }
        put_group(&request, BYTES_LITERAL(""), buffer_bytes(&scope), spans, 5);
        for (size_t i = 0; i < 5; i++)
            buffer_free(&spans_of[i]);
    }
    struct buffer whole = BUFFER_WITH_LIMIT(LIMIT);
    struct otlp_cursor cursor;
    rows_dump(buffer_bytes(&request), 100, NULL, &cursor, &whole);
    assert_int_equal(cursor.state.spans, 15);
    for (uint32_t capacity = 1; capacity <= 16; capacity++) {
        struct buffer parts = BUFFER_WITH_LIMIT(LIMIT);
        rows_dump(buffer_bytes(&request), capacity, NULL, &cursor, &parts);
        assert_string_equal((char *)parts.data, (char *)whole.data);
        buffer_free(&parts);
    }
    buffer_free(&whole);
    buffer_free(&request);
    buffer_free(&scope);
}

static void records_that_are_no_records(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t size;
        uint32_t bad;
    } cases[] = {
        {"", 0, 0},         {"\x0a\x00", 2, 0},         {"{\"resourceSpans\":[]}", 20, 1},
        {"\x00", 1, 1},     {"\xff\xff\xff", 3, 1},     {"\x0a\x7f", 2, 1},
        {"\x10\x01", 2, 1}, {"\x0a\x02\x12\x05", 4, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct otlp_cursor cursor;
        span_batch_reset(f->batch);
        otlp_cursor_start(&cursor, bytes_of(cases[i].bytes, cases[i].size), 0,
                          &otlp_limits_default);
        assert_int_equal(otlp_proto_decode(&cursor, f->batch), DECODE_DONE);
        assert_int_equal(f->batch->rows, 0);
        assert_int_equal(cursor.bad_spans, cases[i].bad);
        assert_int_equal(cursor.bad_reason != NULL, cases[i].bad != 0);
    }
    struct otlp_cursor cursor;
    otlp_cursor_start(&cursor, BYTES_NONE, 0, &otlp_limits_default); /* a tombstone */
    assert_int_equal(otlp_proto_decode(&cursor, f->batch), DECODE_DONE);
    assert_int_equal(cursor.bad_spans, 0);
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(core_fields_and_a_whole_call),
        WITH_FIXTURE(wrong_types_are_tolerated),
        WITH_FIXTURE(newest_name_wins_in_any_order_and_last_of_one_name),
        WITH_FIXTURE(old_names_alone_say_the_old_convention),
        WITH_FIXTURE(cached_tokens_are_part_of_the_total),
        WITH_FIXTURE(first_token_times_are_plausible_or_absent),
        WITH_FIXTURE(content_as_text_or_tree),
        WITH_FIXTURE(unknown_fields_are_skipped),
        WITH_FIXTURE(bad_ids_cost_only_their_span),
        WITH_FIXTURE(zero_parents_are_roots),
        WITH_FIXTURE(resources_and_scopes_behind_their_spans),
        WITH_FIXTURE(unwanted_columns_stay_absent),
        WITH_FIXTURE(limits_are_kept_and_counted),
        WITH_FIXTURE(records_that_are_no_records),
        cmocka_unit_test(a_record_fills_several_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
