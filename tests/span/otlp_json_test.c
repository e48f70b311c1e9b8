/*
 * otlp_json_test.c - OTLP JSON as people and programs write it: forms of values, places of members, what is
 * wrong and what it costs, batches that are too small; and what real producers wrote, against protobuf.
 */
#include "tests/test.h"

#include "tests/span/expect.h"
#include "tests/span/rows.h"

#include "engine/base/memory.h"
#include "engine/span/dialect.h"

#include <dirent.h>

#define LIMIT         ((size_t)64 << 20)
#define IDS           "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\""
#define AROUND(spans) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[" spans "]}]}]}"

static const struct encoding_options auto_spans = {ENCODING_AUTO, SIGNAL_SPANS,
                                                   &otlp_limits_default, NULL};

/* Decodes into a batch of 16 rows; the batch is made at the first use. */
static struct otlp_cursor decode(struct span_batch **batch, struct bytes value,
                                 const struct otlp_limits *limits)
{
    struct encoding_options options = auto_spans;
    struct encoded_record record;
    options.limits = limits != NULL ? limits : &otlp_limits_default;
    if (*batch == NULL)
        *batch = span_batch_create(16);
    span_batch_reset(*batch);
    (*batch)->wanted = rows_all_columns();
    encoding_start(&record, value, BYTES_NONE, 0, &options);
    assert_int_equal(record.encoding, ENCODING_OTLP_JSON);
    assert_int_equal(encoding_decode(&record, *batch), DECODE_DONE);
    return record.cursor;
}

static void a_whole_span(void **state)
{
    (void)state;
    struct span_batch *b = NULL;
    struct otlp_cursor cursor = decode(
        &b,
        BYTES_LITERAL(
            "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
            "\"value\":{\"stringValue\":\"shop\"}}]},"
            "\"scopeSpans\":[{\"scope\":{\"name\":\"my.scope\"},\"spans\":[{" IDS
            ",\"parentSpanId\":\"1112131415161718\","
            "\"name\":\"chat "
            "m\",\"kind\":3,\"startTimeUnixNano\":\"1700000000000000001\",\"endTimeUnixNano\":"
            "1700000000000000002,"
            "\"attributes\":[{\"key\":\"gen_ai.operation.name\",\"value\":{\"stringValue\":"
            "\"chat\"}},"
            "{\"key\":\"gen_ai.usage.input_tokens\",\"value\":{\"intValue\":\"17\"}},"
            "{\"key\":\"gen_ai.usage.output_tokens\",\"value\":{\"intValue\":5}},"
            "{\"value\":{\"doubleValue\":0.25},\"key\":\"gen_ai.response.time_to_first_chunk\"},"
            "{\"key\":\"gen_ai.request.stream\",\"value\":{\"boolValue\":true}},"
            "{\"key\":\"gen_ai.response.finish_reasons\",\"value\":{\"arrayValue\":{\"values\":[{"
            "\"stringValue\":\"length\"}]}}}],"
            "\"status\":{\"code\":2,\"message\":\"went \\\"wrong\\\"\"}}]}]}]}"),
        NULL);
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(b->rows, 1);
    assert_memory_equal(b->trace_id[0].data,
                        "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", 16);
    assert_memory_equal(b->parent_span_id[0].data, "\x11\x12\x13\x14\x15\x16\x17\x18", 8);
    expect_text(b->name[0], "chat m");
    expect_text(b->service[0], "shop");
    expect_text(b->scope[0], "my.scope");
    expect_text(b->finish_reason[0], "length");
    expect_text(b->status_message[0], "went \"wrong\"");
    assert_int_equal(b->start_ns[0], 1700000000000000001);
    assert_int_equal(b->end_ns[0], 1700000000000000002);
    assert_int_equal(b->span_kind[0], 3);
    assert_int_equal(b->status[0], 2);
    assert_int_equal(b->input_tokens[0], 17);
    assert_int_equal(b->output_tokens[0], 5);
    assert_int_equal(b->stream[0], 1);
    assert_int_equal(b->role[0], ROLE_CALL);
    assert_int_equal(b->dialect[0], DIALECT_OTEL_GENAI);
    span_batch_destroy(b);
}

static void forms_that_others_write(void **state)
{
    (void)state;
    struct span_batch *b = NULL;
    /* base64 ids, enum names, snake_case, numbers with exponents, nulls, unknown members, old container names */
    struct otlp_cursor cursor = decode(
        &b,
        BYTES_LITERAL(
            " {\"x\":{\"resourceSpans\":[]},\"resource_spans\":[{\"instrumentationLibrarySpans\":[{"
            "\"spans\":[{\"trace_id\":\"AQIDBAUGBwgJCgsMDQ4PEA==\","
            "\"span_id\":\"AQIDBAUGBwg\",\"parent_span_id\":\"\",\"kind\":\"SPAN_KIND_CLIENT\","
            "\"start_time_unix_nano\":1.7e18,\"name\":null,"
            "\"status\":{\"code\":\"OK\"},\"new\":[{}],\"attributes\":[{\"key\":\"gen_ai.usage."
            "input_tokens\",\"value\":{\"int_value\":\"42\",\"intValue\":null}}]}],"
            "\"instrumentationLibrary\":{\"name\":\"old\"}}],\"schemaUrl\":\"\"}]}\n"
            "{\"resourceSpans\":null}\n{}\n" AROUND("{" IDS ",\"status\":{}}")),
        NULL);
    assert_int_equal(cursor.bad_spans, 0);
    assert_int_equal(b->rows, 2);
    assert_memory_equal(b->trace_id[0].data, b->trace_id[1].data, 16);
    assert_memory_equal(b->span_id[0].data, b->span_id[1].data, 8);
    assert_null(b->parent_span_id[0].data);
    expect_text(b->scope[0], "old");
    expect_text(b->scope[1], NULL);
    assert_int_equal(b->span_kind[0], 3);
    assert_int_equal(b->status[0], 1);
    assert_int_equal(b->start_ns[0], 1700000000000000000);
    assert_int_equal(b->start_ns[1], SPAN_I64_ABSENT);
    assert_int_equal(b->input_tokens[0], 42);
    span_batch_destroy(b);
}

static void escapes_and_trees(void **state)
{
    (void)state;
    struct span_batch *b = NULL;
    decode(&b,
           BYTES_LITERAL(
               AROUND("{" IDS ",\"name\":\"\\u00e9 \\ud83d\\ude00 \\ud800 \\\\ \\/ "
                      "\\b\\f\\n\\r\\t\\\" end\",\"attributes\":["
                      "{\"key\":\"gen_ai.output.messages\",\"value\":{\"arrayValue\":{\"values\":[{"
                      "\"kvlistValue\":{\"values\":"
                      "[{\"key\":\"role\",\"value\":{\"stringValue\":\"assistant\"}}]}}]}}}]}")),
           NULL);
    expect_text(b->name[0], "\xc3\xa9 \xf0\x9f\x98\x80 \xef\xbf\xbd \\ / \b\f\n\r\t\" end");
    expect_text(b->output_messages[0], "[{\"role\":\"assistant\"}]");
    /* A better name without a value changes nothing. */
    decode(&b,
           BYTES_LITERAL(
               AROUND("{" IDS ",\"attributes\":["
                      "{\"key\":\"gen_ai.completion\",\"value\":{\"arrayValue\":{}}},"
                      "{\"key\":\"gen_ai.output.messages\",\"value\":{\"stringValue\":\"\"}}]}")),
           NULL);
    expect_text(b->output_messages[0], "[]");
    span_batch_destroy(b);
}

/* What is wrong with the middle one of three spans, and where (its first byte is '^'). */
static void a_bad_span_costs_itself(void **state)
{
    (void)state;
    static const struct {
        const char *span, *reason;
    } cases[] = {
        {"{\"spanId\":\"0102030405060708\"}", "trace_id"},
        {"{\"traceId\":\"00000000000000000000000000000000\",\"spanId\":\"0102030405060708\"}",
         "trace_id"},
        {"{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"xyz\"}", "span_id"},
        {"{" IDS ",\"parentSpanId\":\"0102\"}", "parent_span_id"},
        {"{" IDS ",\"attributes\":{}}", "an array is expected"},
        {"{" IDS ",\"attributes\":[5]}", "an object is expected"},
        {"{" IDS ",\"name\":5}", "a text is expected"},
        {"{" IDS ",\"name\":\"\\x\"}", "illegal escape"},
        {"{" IDS ",\"endTimeUnixNano\":\"soon\"}", "a time must be"},
        {"{" IDS ",\"endTimeUnixNano\":\"18446744073709551616\"}", "a time must be"},
        {"{" IDS " \"name\":\"\"}", "a comma or a closing bracket"},
        {"{" IDS ",}", "a key in quotes"},
        {"{" IDS ",\"attributes\":[{\"key\":\"a\",\"value\":{\"bytesValue\":\"*\"}}]}", "base64"},
    };
    struct span_batch *b = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1000];
        snprintf(text, sizeof text, AROUND("{" IDS "},%s,{" IDS ",\"name\":\"last\"}"),
                 cases[i].span);
        struct otlp_cursor cursor = decode(&b, bytes_from_text(text), NULL);
        if (b->rows != 2 || cursor.bad_spans != 1 || cursor.bad_index != 1 ||
            strstr(cursor.bad_reason, cases[i].reason) == NULL)
            fail_msg("%s: %u rows, %u bad: %s", cases[i].span, b->rows, cursor.bad_spans,
                     cursor.bad_reason);
        expect_text(b->name[1], "last");
        size_t start = (size_t)(strstr(text, cases[i].span) - text);
        assert_in_range(cursor.bad_offset, start, start + strlen(cases[i].span));
    }
    span_batch_destroy(b);
}

static void broken_containers_keep_what_lies_before(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS "} {" IDS "}]}]}]}",
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS "},[]]}]}]}",
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS "}]}]}",
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS "},{\"name\":\"",
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS "}]}]},{\"scopeSpans\":{}}]}",
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS "}]}]}]} x",
    };
    struct span_batch *b = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct otlp_cursor cursor = decode(&b, bytes_from_text(cases[i]), NULL);
        if (b->rows != 1 || cursor.bad_spans != 1 || cursor.bad_reason == NULL)
            fail_msg("%s: %u rows, %u bad", cases[i], b->rows, cursor.bad_spans);
    }
    span_batch_destroy(b);
}

static void every_truncation_is_bad_and_keeps_what_is_whole(void **state)
{
    (void)state;
    static const char text[] =
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[]},\"scopeSpans\":[{\"scope\":{"
        "\"name\":\"s\"},\"spans\":["
        "{" IDS ",\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"1\"}}]},{" IDS
        ",\"name\":\"\\u0041\"}]}]}]}";
    struct encoding_options options = auto_spans;
    options.encoding = ENCODING_OTLP_JSON;
    uint32_t before = 0;
    for (size_t size = 1; size <= sizeof text - 1; size++) {
        uint8_t *copy = malloc(size); /* of its exact size: one byte too far is seen */
        memcpy(copy, text, size);
        struct encoded_record record;
        struct buffer rows = BUFFER_WITH_LIMIT(LIMIT);
        rows_dump_encoded(bytes_of(copy, size), &options, 1, &record, &rows);
        uint32_t count = 0;
        for (size_t i = 0; i < rows.size; i++)
            count += rows.data[i] == '\n';
        assert_in_range(count, before, 2);
        assert_int_equal(record.cursor.bad_spans > 0, size < sizeof text - 1);
        before = count;
        buffer_free(&rows);
        free(copy);
    }
    assert_int_equal(before, 2);
}

static void limits_hold(void **state)
{
    (void)state;
    const struct otlp_limits small = {.spans_per_record_max = 2,
                                      .attributes_per_span_max = 1,
                                      .string_bytes_max = 4,
                                      .nesting_depth_max = 32};
    struct span_batch *b = NULL;
    struct otlp_cursor cursor =
        decode(&b,
               BYTES_LITERAL(AROUND("{" IDS ",\"name\":\"abc\xc3\xa9"
                                    "fgh\"},{" IDS "},{" IDS "},{" IDS "}")),
               &small);
    assert_int_equal(b->rows, 2);
    assert_int_equal(cursor.bad_spans, 2);
    assert_int_equal(cursor.cut_strings, 1);
    expect_text(b->name[0], "abc");
    cursor = decode(
        &b, BYTES_LITERAL(AROUND("{" IDS ",\"attributes\":[{\"key\":\"a\"},{\"key\":\"b\"}]}")),
        &small);
    assert_int_equal(b->rows, 0);
    assert_non_null(strstr(cursor.bad_reason, "attributes_per_span_max"));
    struct buffer deep = BUFFER_WITH_LIMIT(LIMIT);
    buffer_append_text(&deep, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS
                              ",\"attributes\":[{\"key\":\"a\",\"value\":");
    for (int i = 0; i < 100000; i++)
        buffer_append_text(&deep, "{\"arrayValue\":{\"values\":[");
    for (int i = 0; i < 100000; i++)
        buffer_append_text(&deep, "]}}");
    buffer_append_text(&deep, "}]},{" IDS "}]}]}]}");
    cursor = decode(&b, buffer_bytes(&deep), NULL);
    assert_int_equal(b->rows, 1);
    assert_non_null(strstr(cursor.bad_reason, "nested deeper"));
    buffer_free(&deep);
    span_batch_destroy(b);
}

/* Texts live in the batch's arena: beyond its bound the rest comes in the next batch, and resource and
 * scope with it; a span that can never fit is refused alone. */
static void huge_records_come_in_parts(void **state)
{
    (void)state;
    struct span_batch *batch = span_batch_create(64);
    struct buffer record = BUFFER_WITH_LIMIT((size_t)256 << 20);
    const struct otlp_limits limits = {.spans_per_record_max = 100,
                                       .attributes_per_span_max = 100,
                                       .string_bytes_max = 256 << 20,
                                       .nesting_depth_max = 32};
    batch->wanted = rows_all_columns();
    buffer_append_text(&record, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[");
    for (int i = 0; i < 20; i++) {
        buffer_append_text(&record, i > 0 ? ",{" IDS ",\"name\":\"" : "{" IDS ",\"name\":\"");
        size_t size = i == 7 ? (size_t)130 << 20 : (size_t)4000000;
        uint8_t *text = buffer_reserve(&record, size);
        memset(text, 'a' + i, size);
        record.size += size;
        buffer_append_text(&record, "\"}");
    }
    buffer_append_text(&record, "],\"scope\":{\"name\":\"my "
                                "\\\"scope\"}}],\"resource\":{\"attributes\":[{\"key\":\"service."
                                "name\",\"value\":{\"stringValue\":\"sh\\u006fp\"}}]}}]}");
    struct encoding_options options = {ENCODING_AUTO, SIGNAL_SPANS, &limits, NULL};
    struct encoded_record encoded;
    encoding_start(&encoded, buffer_bytes(&record), BYTES_NONE, 0, &options);
    uint32_t rows = 0, batches = 0;
    for (enum decode_result result = DECODE_MORE; result == DECODE_MORE; batches++) {
        span_batch_reset(batch);
        result = encoding_decode(&encoded, batch);
        for (uint32_t row = 0; row < batch->rows; row++, rows++) {
            expect_text(batch->service[row], "shop");
            expect_text(batch->scope[row], "my \"scope");
            assert_int_equal(batch->name[row].data[0], 'a' + batch->origin[row].span);
            assert_int_equal(batch->name[row].size, 4000000);
        }
    }
    assert_int_equal(rows, 19);
    assert_true(batches > 2);
    assert_int_equal(encoded.cursor.bad_spans, 1);
    assert_int_equal(encoded.cursor.bad_index, 7);
    buffer_free(&record);
    span_batch_destroy(batch);
}

static void nothing_is_allocated_in_the_steady_state(void **state)
{
    (void)state;
    static const char text[] =
        AROUND("{" IDS ",\"name\":\"\\u0041 "
               "name\",\"attributes\":[{\"key\":\"gen_ai.response.finish_reasons\",\"value\":"
               "{\"arrayValue\":{\"values\":[{\"stringValue\":\"stop\"}]}}}]}");
    struct span_batch *b = NULL;
    for (int i = 0; i < 20; i++)
        decode(&b, bytes_from_text(text), NULL);
    uint64_t before = memory_thread_allocated_bytes();
    for (int i = 0; i < 1000; i++)
        decode(&b, bytes_from_text(text), NULL);
    assert_int_equal(memory_thread_allocated_bytes() - before, 0);
    span_batch_destroy(b);
}

/* ---- what real producers wrote ---------------------------------------------------------------------------------- */

static void compare_files(const char *json, enum signal_kind signal)
{
    char proto[1200];
    struct buffer a = BUFFER_WITH_LIMIT(LIMIT), b = a, left = a, right = a;
    struct encoding_options options = {ENCODING_AUTO, signal, &otlp_limits_default, NULL};
    struct encoded_record record;
    snprintf(proto, sizeof proto, "%.*s.pb", (int)(strlen(json) - strlen(".json")), json);
    assert_true(rows_read_file(json, &a) && rows_read_file(proto, &b));
    rows_dump_encoded(buffer_bytes(&a), &options, 3, &record, &left);
    assert_int_equal(record.encoding, ENCODING_OTLP_JSON);
    assert_int_equal(record.cursor.bad_spans, 0);
    rows_dump_encoded(buffer_bytes(&b), &options, 64, &record, &right);
    assert_int_equal(record.encoding, ENCODING_OTLP_PROTO);
    assert_true(left.size > 1);
    if (!bytes_equal(buffer_bytes(&left), buffer_bytes(&right)))
        fail_msg("%s gives other rows than %s", json, proto);
    struct buffer *all[] = {&a, &b, &left, &right};
    for (size_t i = 0; i < 4; i++)
        buffer_free(all[i]);
}

static void captured_json_is_captured_protobuf(void **state)
{
    (void)state;
    char root[1024], folder[1300], path[1600];
    uint32_t traces = 0, logs = 0;
    TEST_NEEDS_DATA(root, "captured");
    DIR *producers = opendir(root);
    assert_non_null(producers);
    for (struct dirent *p = readdir(producers); p != NULL; p = readdir(producers)) {
        snprintf(folder, sizeof folder, "%s/%s", root, p->d_name);
        DIR *files = p->d_name[0] != '.' ? opendir(folder) : NULL;
        for (struct dirent *f = files != NULL ? readdir(files) : NULL; f != NULL;
             f = readdir(files)) {
            snprintf(path, sizeof path, "%s/%s", folder, f->d_name);
            bool is_logs = strstr(f->d_name, ".logs.json") != NULL;
            if (!is_logs && strstr(f->d_name, ".otlp.json") == NULL)
                continue;
            compare_files(path, is_logs ? SIGNAL_LOGS : SIGNAL_SPANS);
            compare_files(path, SIGNAL_ANY);
            traces += !is_logs;
            logs += is_logs;
        }
        if (files != NULL)
            closedir(files);
    }
    closedir(producers);
    print_message("%u files of traces and %u of logs are the same in both encodings\n", traces,
                  logs);
    assert_true(traces > 0 && logs > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_span),
        cmocka_unit_test(forms_that_others_write),
        cmocka_unit_test(escapes_and_trees),
        cmocka_unit_test(a_bad_span_costs_itself),
        cmocka_unit_test(broken_containers_keep_what_lies_before),
        cmocka_unit_test(every_truncation_is_bad_and_keeps_what_is_whole),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(huge_records_come_in_parts),
        cmocka_unit_test(nothing_is_allocated_in_the_steady_state),
        cmocka_unit_test(captured_json_is_captured_protobuf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
