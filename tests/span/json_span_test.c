/* json_span_test.c - plain JSON spans: names, forms, containers, times, and what a bad one costs. */
#include "tests/test.h"

#include "tests/span/expect.h"
#include "tests/span/rows.h"

#include "engine/span/dialect.h"
#include "engine/span/json_span_names.h"

#define IDS "\"trace_id\":\"0102030405060708090a0b0c0d0e0f10\",\"span_id\":\"0102030405060708\""

static struct otlp_cursor decode(struct span_batch **batch, const char *text)
{
    static const struct encoding_options options = {ENCODING_AUTO, SIGNAL_SPANS,
                                                    &otlp_limits_default, NULL};
    struct encoded_record record;
    if (*batch == NULL)
        *batch = span_batch_create(16);
    span_batch_reset(*batch);
    (*batch)->wanted = rows_all_columns();
    encoding_start(&record, bytes_from_text(text), BYTES_NONE, 0, &options);
    assert_int_equal(record.encoding, ENCODING_JSON);
    assert_int_equal(encoding_decode(&record, *batch), DECODE_DONE);
    return record.cursor;
}

static void canonical_names(void **state)
{
    (void)state;
    struct span_batch *b = NULL;
    struct otlp_cursor cursor =
        decode(&b, "{" IDS ",\"parent_span_id\":null,\"name\":\"c\\u0068at\",\"kind\":\"client\","
                           "\"start_ns\":1700000000000000001,\"end_ns\":\"1700000002000000001\","
                   "\"status\":{\"code\":2,\"message\":\"no "
                   "\\\"x\\\"\"},\"service\":\"shop\",\"environment\":\"prod\",\"app\":\"web\","
                   "\"feature\":\"f\",\"intent\":\"i\","
                   "\"operation\":\"chat\",\"provider\":\"openai\",\"model\":\"gpt\",\"response_"
                   "model\":\"gpt-1\",\"stream\":true,\"finish_reasons\":[\"length\"],"
                   "\"input_tokens\":17,\"output_tokens\":5.0,\"cached_tokens\":\"3\",\"ttft_ms\":"
                   "250.5,\"session\":\"s\",\"user\":\"u\",\"prompt_name\":\"p\","
                   "\"prompt_version\":7,\"prompt_hash\":\"h\",\"error_type\":\"Timeout\","
                   "\"scope\":{\"name\":\"my.\\u0073cope\",\"version\":\"1\"},"
                   "\"output_messages\":[{\"role\":\"assistant\",\"content\":\"a "
                   "\\\"b\\\"\"}],\"input_messages\":\"plain\\ntext\",\"unknown\":[[{}]],"
                   "\"finish\":\"stop\"}");
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(b->rows, 1);
    expect_text(b->name[0], "chat");
    assert_null(b->parent_span_id[0].data);
    assert_int_equal(b->span_kind[0], 3);
    assert_int_equal(b->start_ns[0], 1700000000000000001);
    assert_int_equal(b->end_ns[0], 1700000002000000001);
    assert_int_equal(b->status[0], 2);
    expect_text(b->status_message[0], "no \"x\"");
    expect_text(b->service[0], "shop");
    expect_text(b->environment[0], "prod");
    expect_text(b->app_given[0], "web");
    expect_text(b->feature[0], "f");
    expect_text(b->intent[0], "i");
    expect_text(b->operation[0], "chat");
    assert_int_equal(b->role[0], ROLE_CALL);
    expect_text(b->request_model[0], "gpt");
    expect_text(b->response_model[0], "gpt-1");
    expect_text(b->finish_reason[0], "length");
    assert_int_equal(b->stream[0], 1);
    assert_int_equal(b->input_tokens[0], 17);
    assert_int_equal(b->output_tokens[0], 5);
    assert_int_equal(b->cache_read_tokens[0], 3);
    assert_int_equal(b->ttft_ns[0], 250500000);
    expect_text(b->conversation_id[0], "s");
    expect_text(b->user_id[0], "u");
    expect_text(b->prompt_version_given[0], "7");
    expect_text(b->prompt_hash_given[0], "h");
    expect_text(b->error_type[0], "Timeout");
    expect_text(b->scope[0], "my.scope");
    expect_text(b->output_messages[0], "[{\"role\":\"assistant\",\"content\":\"a \\\"b\\\"\"}]");
    expect_text(b->input_messages[0], "plain\ntext");
    span_batch_destroy(b);
}

/* What OpenTelemetry's console exporters print, and attributes in a tree. */
static void other_programs_spans(void **state)
{
    (void)state;
    struct span_batch *b = NULL;
    struct otlp_cursor cursor = decode(
        &b, "{\"name\":\"chat\",\"context\":{\"trace_id\":\"0x0102030405060708090a0b0c0d0e0f10\","
            "\"span_id\":\"0x0102030405060708\",\"trace_state\":\"[]\"},"
            "\"kind\":\"SpanKind.SERVER\",\"parent_id\":\"0x1112131415161718\",\"start_time\":"
            "\"2026-11-01T10:07:00.000001Z\",\"end_time\":\"2026-11-01T12:07:01+02:00\","
            "\"status\":{\"status_code\":\"ERROR\",\"description\":\"d\"},\"attributes\":{\"gen_ai."
            "operation.name\":\"chat\",\"gen_ai\":{\"request\":{\"model\":\"m\"},"
            "\"usage\":{\"input_tokens\":1}},\"name\":\"not the "
            "span's\"},\"events\":[],\"links\":[],\"resource\":{\"attributes\":{\"service.name\":"
            "\"shop\"},\"schema_url\":\"\"}}");
    assert_int_equal(cursor.bad_spans, 0);
    expect_text(b->name[0], "chat");
    assert_memory_equal(b->trace_id[0].data,
                        "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16);
    assert_memory_equal(b->parent_span_id[0].data, "\x11\x12\x13\x14\x15\x16\x17\x18", 8);
    assert_int_equal(b->span_kind[0], 2);
    assert_int_equal(b->start_ns[0], 1793527620000001000);
    assert_int_equal(b->end_ns[0], 1793527621000000000);
    assert_int_equal(b->status[0], 2);
    expect_text(b->status_message[0], "d");
    expect_text(b->operation[0], "chat");
    expect_text(b->request_model[0], "m");
    assert_int_equal(b->input_tokens[0], 1);
    expect_text(b->service[0], "shop");
    decode(&b, "{\"traceId\":\"01020304-0506-0708-090A-0B0C0D0E0F10\",\"spanId\":\"AQIDBAUGBwg=\","
               "\"start_ms\":1700000000000.5,\"duration_ms\":2,\"status\":\"OK\"}");
    assert_int_equal(b->rows, 1);
    assert_int_equal(b->start_ns[0], 1700000000000500000);
    assert_int_equal(b->end_ns[0], 1700000000002500000);
    assert_int_equal(b->status[0], 1);
    span_batch_destroy(b);
}

static void arrays_and_lines(void **state)
{
    (void)state;
    struct span_batch *b = NULL;
    struct otlp_cursor cursor =
        decode(&b, " [ {" IDS ",\"name\":\"0\"} , {" IDS ",\"name\":\"1\"} ]\n{" IDS
                   ",\"name\":\"2\",\"scope\":\"s\"}\r\n{" IDS ",\"name\":\"3\"}\n\n[]");
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(b->rows, 4);
    for (uint32_t row = 0; row < 4; row++) {
        assert_int_equal(b->name[row].data[0], '0' + row);
        assert_int_equal(b->origin[row].span, row);
        expect_text(b->scope[row], row == 2 ? "s" : NULL);
    }
    span_batch_destroy(b);
}

static void a_bad_span_costs_itself(void **state)
{
    (void)state;
    static const struct {
        const char *span, *reason;
    } cases[] = {
        {"{\"hello\":1}", "trace_id"},
        {"{" IDS ",\"start_time\":1700000000}", "ISO 8601"},
        {"{" IDS ",\"end_time\":\"2026-13-01T00:00:00Z\"}", "ISO 8601"},
        {"{" IDS ",\"duration_ms\":-1}", "not negative"},
        {"{" IDS ",\"user\":\"\\u00zz\"}", "illegal escape"},
        {"{" IDS ",\"name\":\"\\q\"}", "illegal escape"},
        {"{" IDS " \"a\":1}", "a comma or a closing bracket"},
        {"{" IDS ",\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":{\"h\":{}}}}}}}}}",
         "nested too deep"},
    };
    struct span_batch *b = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1000];
        snprintf(text, sizeof text, "[{" IDS "},%s,{" IDS ",\"name\":\"last\"}]", cases[i].span);
        struct otlp_cursor cursor = decode(&b, text);
        if (b->rows != 2 || cursor.bad_spans != 1 || cursor.bad_index != 1 ||
            strstr(cursor.bad_reason, cases[i].reason) == NULL)
            fail_msg("%s: %u rows, %u bad: %s", cases[i].span, b->rows, cursor.bad_spans,
                     cursor.bad_reason ? cursor.bad_reason : "");
        expect_text(b->name[1], "last");
    }
    struct otlp_cursor cursor = decode(&b, "[{" IDS "},{" IDS ",\"name\":\"open");
    assert_int_equal(b->rows, 1);
    assert_true(cursor.bad_spans > 0);
    span_batch_destroy(b);
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns; /* 0: refused */
    } cases[] = {
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"2000-02-29 12:30:00", 951827400000000000u},
        {"2026-11-01T10:07:00.123456789123+00:00", 1793527620123456789u},
        {"2026-11-01t10:07:00,5-0130", 1793533020500000000u},
        {"2026-11-01T10:07z", 1793527620000000000u},
        {"2261-12-31T23:59:59Z", 9214646399000000000u},
        {"1969-12-31T23:59:59Z", 0},
        {"2262-01-01T00:00:00Z", 0},
        {"2026-11-01", 0},
        {"2026-11-01T10:07:00.Z", 0},
        {"2026-11-01T10:07:00+25:00", 0},
        {"2026-11-01T10:07:00Zx", 0},
        {"20261101T100700Z", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t ns = 0;
        bool good = json_span_time(bytes_from_text(cases[i].text), &ns);
        if (good != (cases[i].ns != 0) || (good && ns != cases[i].ns))
            fail_msg("%s: %s, %llu", cases[i].text, good ? "read" : "refused",
                     (unsigned long long)ns);
    }
}

#define RANK_OF_VENDORS 90 /* dialects.def: Langfuse and LangSmith override, ten ranks each */

/* A canonical name is the column, or its attribute fills the column before all others but those that
 * override whatever else a span says. */
static void canonical_names_are_the_tables(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < dialect_aliases_count; i++) {
        const struct dialect_alias *alias = &dialect_aliases[i];
        if (alias->column >= SPAN_COLUMN_COUNT || alias->transform == TRANSFORM_MARK)
            continue;
        const char *column = span_column_name(alias->column);
        const struct json_span_name *known = json_span_name_find(bytes_from_text(column));
        if (known == NULL)
            fail_msg("plain JSON spans have no name for column %s", column);
        if (known->attribute == NULL)
            continue; /* a core field, or one with a unit */
        const struct dialect_alias *named =
            dialect_find((const uint8_t *)known->attribute, strlen(known->attribute));
        assert_non_null(named);
        assert_int_equal(named->column, alias->column);
        bool overrides = alias->span_rank >= RANK_OF_VENDORS && alias->span_rank < RANK_OF_VENDORS + 10;
        if (!overrides && alias->span_rank + alias->rank > named->span_rank + named->rank &&
            alias->rank <= named->rank)
            fail_msg("%s ranks before %s", alias->name, named->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_names),
        cmocka_unit_test(other_programs_spans),
        cmocka_unit_test(arrays_and_lines),
        cmocka_unit_test(a_bad_span_costs_itself),
        cmocka_unit_test(times),
        cmocka_unit_test(canonical_names_are_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
