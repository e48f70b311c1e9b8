/*
 * decode_test.c - `assay decode` on what real producers wrote, and on damaged copies of it.
 */
#include "tests/command/program.h"

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "tests/bus/registry_server.h"
#include "tests/span/avro_write.h"

#define FOLDER "captured/otel-genai-openai"

static int clean(void **state)
{
    (void)state;
    program_clean();
    return 0;
}

/* How many spans of this file expected.jsonl lists, and whether each of their ids is in `lines`. */
static uint32_t spans_found(const char *file, const char *lines)
{
    char path[600], wanted[80], span_id[17];
    struct error error;
    struct buffer text = BUFFER_WITH_LIMIT((size_t)64 << 20);
    uint32_t count = 0;
    assert_true(test_data_path(path, sizeof path, FOLDER "/expected.jsonl"));
    assert_true(file_read_all(path, &text, &error));
    buffer_put_u8(&text, 0);
    snprintf(wanted, sizeof wanted, "{\"file\":\"%s\",", file);
    for (const char *at = (const char *)text.data; (at = strstr(at, wanted)) != NULL; at++) {
        const char *id = strstr(at, "\"span_id\":\"");
        assert_non_null(id);
        assert_int_equal(sscanf(id, "\"span_id\":\"%16[0-9a-f]", span_id), 1);
        assert_non_null(strstr(lines, span_id));
        count++;
    }
    buffer_free(&text);
    return count;
}

static void captured_spans_become_json_lines(void **state)
{
    (void)state;
    char path[600];
    if (!program_is_there())
        return;
    TEST_NEEDS_DATA(path, FOLDER "/0000.otlp.pb");
    struct program_run run = PROGRAM_RUN(NULL, "decode", path);
    program_expect(&run, 0, "\"operation\":\"chat\"", "");
    uint32_t count = spans_found("0000.otlp.pb", program_out(&run));
    assert_true(count > 0);
    assert_int_equal(program_count(program_out(&run), "\n"), count);
    struct json_document *json = json_create((size_t)1 << 20);
    for (const char *line = program_out(&run); *line != 0; line += strcspn(line, "\n") + 1) {
        struct error error;
        const struct json_value *root = json_parse(json, bytes_of(line, strcspn(line, "\n")), 8, &error);
        assert_true(json_is_object(root));
        assert_int_equal(json_text(json_get(root, "trace_id")).size, 32);
    }
    json_destroy(json);
    program_free(&run);
}

static void damage_is_named_with_file_span_and_byte(void **state)
{
    (void)state;
    char path[600], cut[300];
    struct error error;
    if (!program_is_there())
        return;
    TEST_NEEDS_DATA(path, FOLDER "/0000.otlp.pb");
    struct buffer whole = BUFFER_WITH_LIMIT((size_t)8 << 20);
    assert_true(file_read_all(path, &whole, &error));
    program_file("cut.pb", bytes_of(whole.data, whole.size - 7), cut);
    struct program_run run = PROGRAM_RUN(NULL, "decode", cut);
    program_expect(&run, 1, "", "cut.pb: ");
    program_expect(&run, 1, "", " spans could not be read; the first is span ");
    program_free(&run);
    /* The good file next to it is decoded all the same. */
    run = PROGRAM_RUN(NULL, "decode", cut, path);
    program_expect(&run, 1, "\"operation\":\"chat\"", "cut.pb: ");
    (void)spans_found("0000.otlp.pb", program_out(&run));
    program_free(&run);
    buffer_free(&whole);
}

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    char path[300];
    if (!program_is_there())
        return;
    program_file("spans.gz", BYTES_LITERAL("\x1f\x8b\x08 and so on"), path);
    struct program_run run = PROGRAM_RUN(NULL, "decode", path, "/nowhere/spans.pb");
    program_expect(&run, 1, "", "spans.gz: byte 0: the value itself is compressed (gzip)");
    program_expect(&run, 1, "", "/nowhere/spans.pb: cannot be opened");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode");
    program_expect(&run, 2, "", "decode needs files");
    program_free(&run);
}

static void json_is_read_as_what_it_is(void **state)
{
    (void)state;
    char otlp[300], plain[300];
    if (!program_is_there())
        return;
    program_file("otlp.json",
                 BYTES_LITERAL("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\","
                               "\"spanId\":\"0102030405060708\",\"name\":\"chat m\"}]}]}]}"),
                 otlp);
    program_file("plain.jsonl",
                 BYTES_LITERAL("{\"trace_id\":\"0102030405060708090a0b0c0d0e0f10\",\"span_id\":\"0102030405060708\",\"operation\":\"chat\"}\n"
                               "{\"trace_id\":\"0102030405060708090a0b0c0d0e0f10\",\"span_id\":\"no id\"}\n"),
                 plain);
    struct program_run run = PROGRAM_RUN(NULL, "decode", otlp);
    program_expect(&run, 0, "\"name\":\"chat m\"", "");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", "--format", "json", plain);
    program_expect(&run, 1, "\"operation\":\"chat\"", "plain.jsonl: 1 of 2 spans could not be read; the first is span 1");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", "--format", "xml", plain);
    program_expect(&run, 2, "", "--format needs one of");
    program_free(&run);
    /* What decode prints, it reads. */
    run = PROGRAM_RUN(NULL, "decode", otlp);
    program_file("again.jsonl", bytes_from_text(program_out(&run)), plain);
    struct program_run again = PROGRAM_RUN(NULL, "decode", plain);
    program_expect(&again, 0, program_out(&run), "");
    program_free(&run);
    program_free(&again);
}

static void log_records_are_shown_with_their_span(void **state)
{
    (void)state;
    char spans[300], logs[300];
    if (!program_is_there())
        return;
#define IDS "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\""
#define MESSAGE(name, text) "{" IDS ",\"eventName\":\"gen_ai." name "\",\"body\":{\"stringValue\":\"" text "\"}}"
    program_file("join.json", BYTES_LITERAL("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS "}]}]}]}"), spans);
    program_file("join.logs.json",
                 BYTES_LITERAL("{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":["
                               MESSAGE("system.message", "be kind") "," MESSAGE("user.message", "hi") ","
                               MESSAGE("choice", "hello") "]}]}]}"),
                 logs);
    struct program_run run = PROGRAM_RUN(NULL, "decode", "--content", logs, spans);
    program_expect(&run, 0, "be kind", "");
    assert_int_equal(program_count(program_out(&run), "\n"), 1);
    const char *system = strstr(program_out(&run), "be kind"), *user = strstr(program_out(&run), "\"hi\"");
    assert_true(user != NULL && user > system);
    assert_non_null(strstr(user, "\"hello\""));
    program_free(&run);
#undef IDS
#undef MESSAGE
}

#define SPAN_SCHEMA                                                                                                    \
    "{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"trace_id\",\"type\":\"string\"},"                 \
    "{\"name\":\"span_id\",\"type\":\"string\"},{\"name\":\"input_tokens\",\"type\":\"int\"}]}"

/* The same bytes bare and in a frame. */
static void avro_is_read_with_a_schema(void **state)
{
    (void)state;
    char schema[300], bare[300], framed[300], cut[300], bad[300];
    struct buffer record = BUFFER_WITH_LIMIT(1000), frame = record;
    if (!program_is_there())
        return;
    avro_put_text(&record, "0102030405060708090a0b0c0d0e0f10");
    avro_put_text(&record, "1112131415161718");
    buffer_put_zigzag(&record, 4711);
    buffer_append(&frame, "\0\0\0\0\7", 5);
    buffer_append(&frame, record.data, record.size);
    program_file("span.avsc", BYTES_LITERAL(SPAN_SCHEMA), schema);
    program_file("int.avsc", BYTES_LITERAL("\"int\""), bad);
    program_file("bare.avro", buffer_bytes(&record), bare);
    program_file("framed.avro", buffer_bytes(&frame), framed);
    program_file("cut.avro", bytes_of(frame.data, frame.size - 1), cut);
    struct program_run run = PROGRAM_RUN(NULL, "decode", "--format", "avro", "--schema", schema, bare);
    program_expect(&run, 0, "\"input_tokens\":4711", "");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", "--schema", schema, framed); /* the frame says that it is Avro */
    program_expect(&run, 0, "\"input_tokens\":4711", "");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", "--schema", schema, cut);
    program_expect(&run, 1, "", "byte 5");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", "--schema", bad, framed);
    program_expect(&run, 2, "", "trace_id");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", framed);
    program_expect(&run, 1, "", "no schemas are at hand");
    program_free(&run);
    buffer_free(&record);
    buffer_free(&frame);
}

static unsigned answer(void *context, const struct registry_request *request, struct buffer *body)
{
    (void)context;
    if (strcmp(request->path, "/schemas/ids/7") != 0)
        return 404;
    struct json_writer json = json_writer_on(body);
    json_open_object(&json);
    json_key(&json, "schema");
    json_put_text(&json, BYTES_LITERAL(SPAN_SCHEMA));
    json_close_object(&json);
    return 200;
}

static void avro_is_read_with_a_registry(void **state)
{
    (void)state;
    char framed[300], other[300];
    struct buffer frame = BUFFER_WITH_LIMIT(1000);
    if (!program_is_there())
        return;
    struct registry_server *server = registry_server_start(answer, NULL);
    buffer_append(&frame, "\0\0\0\0\7", 5);
    avro_put_text(&frame, "0102030405060708090a0b0c0d0e0f10");
    avro_put_text(&frame, "1112131415161718");
    buffer_put_zigzag(&frame, 4711);
    program_file("framed.avro", buffer_bytes(&frame), framed);
    frame.data[4] = 8;
    program_file("other.avro", buffer_bytes(&frame), other);
    struct program_run run = PROGRAM_RUN(NULL, "decode", "--registry", registry_server_url(server), framed);
    program_expect(&run, 0, "\"input_tokens\":4711", "");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", "--registry", registry_server_url(server), other);
    program_expect(&run, 1, "", "the registry has no schema for this record");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", "--registry", "nonsense", other);
    program_expect(&run, 2, "", "must begin with http:// or https://");
    program_free(&run);
    registry_server_stop(server);
    buffer_free(&frame);
}

static void captured_records_replay(void **state)
{
    (void)state;
    char path[600];
    if (!program_is_there())
        return;
    TEST_NEEDS_DATA(path, FOLDER "/0000.otlp.pb");
    struct program_run run = PROGRAM_RUN(NULL, "replay", "--json", path);
    program_expect(&run, 0, "\"kind\":\"summary\"", "");
    program_expect(&run, 0, "\"records\":1,\"bad_records\":0", "");
    TEST_NEEDS_DATA(path, FOLDER "/0000.otlp.json");
    struct program_run json = PROGRAM_RUN(NULL, "replay", "--json", path);
    program_expect(&json, 0, "\"records\":1,\"bad_records\":0", "");
    const char *in_proto = strstr(program_out(&run), "\"spans\":"), *in_json = strstr(program_out(&json), "\"spans\":");
    assert_non_null(in_proto);
    assert_non_null(in_json);
    assert_int_equal(strtol(in_proto + 8, NULL, 10), strtol(in_json + 8, NULL, 10));
    assert_true(strtol(in_json + 8, NULL, 10) > 0);
    program_free(&json);
    program_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_spans_become_json_lines),
        cmocka_unit_test(damage_is_named_with_file_span_and_byte),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(json_is_read_as_what_it_is),
        cmocka_unit_test(log_records_are_shown_with_their_span),
        cmocka_unit_test(avro_is_read_with_a_schema),
        cmocka_unit_test(avro_is_read_with_a_registry),
        cmocka_unit_test(captured_records_replay),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
