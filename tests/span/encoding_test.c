/* encoding_test.c - which encoding a value is in, what stands around it, and what is refused with which words. */
#include "tests/test.h"

#include "tests/span/otlp_build.h"
#include "tests/span/rows.h"

#define LIMIT ((size_t)1 << 20)
#define SPAN_JSON                                                                                  \
    "{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\"}"
#define IDS       "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\""
#define OTLP_JSON "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[" SPAN_JSON "]}]}]}"
#define LOGS_JSON "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[]}]}]}"

/* What an Avro decoder would be given. */
struct seen {
    struct framing framing;
    struct bytes record;
    uint32_t calls;
};

static enum decode_result look(void *context, const struct framing *framing,
                               struct otlp_cursor *cursor, struct span_batch *batch)
{
    struct seen *seen = context;
    (void)batch;
    seen->framing = *framing;
    seen->record = cursor->record;
    seen->calls++;
    return DECODE_DONE;
}

static void put_request(struct buffer *out, bool logs)
{
    struct buffer leaf = BUFFER_WITH_LIMIT(LIMIT), scope = leaf, resource = leaf;
    if (logs)
        otlp_put_fixed64_field(&leaf, 1, 1700000000000000000u);
    else
        otlp_put_span_core(&leaf, 1, "chat", 1000, 2000);
    otlp_put_message(&scope, 2, buffer_bytes(&leaf));
    otlp_put_message(&resource, 2, buffer_bytes(&scope));
    otlp_put_message(out, 1, buffer_bytes(&resource));
    buffer_free(&leaf);
    buffer_free(&scope);
    buffer_free(&resource);
}

static struct encoded_record start(struct bytes value, struct bytes header, enum encoding encoding,
                                   enum signal_kind signal, struct seen *seen)
{
    static struct avro_decoder avro;
    static struct encoding_options options;
    struct encoded_record record;
    avro = (struct avro_decoder){seen, look, NULL};
    options = (struct encoding_options){encoding, signal, &otlp_limits_default,
                                        seen != NULL ? &avro : NULL};
    encoding_start(&record, value, header, 0, &options);
    return record;
}

static uint32_t count_rows(struct encoded_record *record)
{
    struct span_batch *batch = span_batch_create(4);
    batch->wanted = rows_all_columns();
    assert_int_equal(encoding_decode(record, batch), DECODE_DONE);
    uint32_t rows = batch->rows;
    span_batch_destroy(batch);
    return rows;
}

static void values_show_what_they_are(void **state)
{
    (void)state;
    static const struct {
        struct bytes value;
        enum encoding encoding;
        uint32_t rows;
    } cases[] = {
        {BYTES_LITERAL(OTLP_JSON), ENCODING_OTLP_JSON, 1},
        {BYTES_LITERAL("\xef\xbb\xbf \n" OTLP_JSON), ENCODING_OTLP_JSON, 1},
        {BYTES_LITERAL("{\"a\":{\"b\":[\"}\"]},\"resource_spans\":[]}"), ENCODING_OTLP_JSON, 0},
        {BYTES_LITERAL("{}"), ENCODING_OTLP_JSON, 0},
        {BYTES_LITERAL(SPAN_JSON), ENCODING_JSON, 1},
        {BYTES_LITERAL("[" SPAN_JSON "," SPAN_JSON "]"), ENCODING_JSON, 2},
        {BYTES_LITERAL("[]"), ENCODING_JSON, 0},
        {BYTES_LITERAL(""), ENCODING_OTLP_PROTO, 0},
        {BYTES_LITERAL("\x0a\x00"), ENCODING_OTLP_PROTO, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct encoded_record record =
            start(cases[i].value, BYTES_NONE, ENCODING_AUTO, SIGNAL_SPANS, NULL);
        assert_int_equal(record.encoding, cases[i].encoding);
        assert_int_equal(count_rows(&record), cases[i].rows);
        assert_int_equal(record.cursor.bad_spans, 0);
    }
}

/* 91 and 123 are the codes of brackets: as the length behind the first tag, which is a line break, they look
 * like JSON. */
static void no_length_makes_protobuf_json(void **state)
{
    (void)state;
    char name[201] = "";
    uint32_t brackets = 0;
    for (size_t size = 0; size < sizeof name - 1; size++) {
        struct buffer span = BUFFER_WITH_LIMIT(LIMIT), scope = span, resource = span,
                      request = span, framed = span;
        memset(name, 'n', size);
        otlp_put_span_core(&span, 1, name, 1, 2);
        otlp_put_message(&scope, 2, buffer_bytes(&span));
        otlp_put_message(&resource, 2, buffer_bytes(&scope));
        otlp_put_message(&request, 1, buffer_bytes(&resource));
        brackets += request.data[1] == '[' || request.data[1] == '{';
        buffer_append(&framed, "\0\0\0\x12\x34\0", 6);
        buffer_append(&framed, request.data, request.size);
        const struct bytes values[] = {buffer_bytes(&request), buffer_bytes(&framed)};
        for (int i = 0; i < 2; i++) {
            struct encoded_record record =
                start(values[i], BYTES_NONE, ENCODING_AUTO, SIGNAL_SPANS, NULL);
            assert_int_equal(record.encoding, ENCODING_OTLP_PROTO);
            assert_int_equal(count_rows(&record), 1);
        }
        buffer_free(&span);
        buffer_free(&scope);
        buffer_free(&resource);
        buffer_free(&request);
        buffer_free(&framed);
    }
    assert_int_equal(brackets, 2);
    struct encoded_record record =
        start(BYTES_LITERAL("\n[\n" SPAN_JSON "]"), BYTES_NONE, ENCODING_AUTO, SIGNAL_SPANS, NULL);
    assert_int_equal(record.encoding, ENCODING_JSON);
    assert_int_equal(count_rows(&record), 1);
}

/* An id of 16 bytes, as Avro writes it, begins with any byte. */
static void avro_behind_a_frame_is_not_json(void **state)
{
    (void)state;
    static const struct bytes values[] = {
        BYTES_LITERAL(
            "\0\0\0\0\x07{\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"),
        BYTES_LITERAL(
            "\0\0\0\0\x07 [\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"),
        BYTES_LITERAL("\0\0\0\0\x07 {\"}\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"),
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct encoded_record record =
            start(values[i], BYTES_NONE, ENCODING_AUTO, SIGNAL_SPANS, NULL);
        assert_int_equal(record.cursor.bad_code, REFUSAL_NO_SCHEMA);
    }
    struct encoded_record record = start(BYTES_LITERAL("\0\0\0\0\x07 " OTLP_JSON "\n"), BYTES_NONE,
                                         ENCODING_AUTO, SIGNAL_SPANS, NULL);
    assert_int_equal(record.encoding, ENCODING_OTLP_JSON);
}

static void frames_are_taken_off(void **state)
{
    (void)state;
    struct buffer proto = BUFFER_WITH_LIMIT(LIMIT), framed = proto;
    put_request(&proto, false);
    static const struct {
        struct bytes before;
        enum encoding option;
    } cases[] = {
        {BYTES_LITERAL("\0\0\0\x12\x34\0"),
         ENCODING_AUTO}, /* message indexes [0], the short form */
        {BYTES_LITERAL("\0\0\0\x12\x34\x02\0"), ENCODING_AUTO}, /* written out: one index, 0 */
        {BYTES_LITERAL("\0\0\0\x12\x34\x04\x02\x06"), ENCODING_OTLP_PROTO}, /* 1, 3 */
        {BYTES_LITERAL("\x01"
                       "0123456789abcdef\0"),
         ENCODING_OTLP_PROTO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&framed);
        buffer_append(&framed, cases[i].before.data, cases[i].before.size);
        buffer_append(&framed, proto.data, proto.size);
        struct encoded_record record =
            start(buffer_bytes(&framed), BYTES_NONE, cases[i].option, SIGNAL_SPANS, NULL);
        assert_int_equal(record.encoding, ENCODING_OTLP_PROTO);
        assert_int_equal(count_rows(&record), 1);
        assert_int_equal(record.cursor.bad_spans, 0);
    }
    /* An id in the header: the value is bare. */
    struct encoded_record record = start(buffer_bytes(&proto), BYTES_LITERAL("\0\0\0\0\x07\0"),
                                         ENCODING_AUTO, SIGNAL_SPANS, NULL);
    assert_int_equal(record.framing.id, 7);
    assert_true(record.framing.in_header);
    assert_int_equal(count_rows(&record), 1);
    record = start(BYTES_LITERAL("\0\0\0\0\x07" OTLP_JSON), BYTES_NONE, ENCODING_AUTO, SIGNAL_SPANS,
                   NULL);
    assert_int_equal(record.encoding, ENCODING_OTLP_JSON);
    assert_int_equal(count_rows(&record), 1);
    /* Places are counted in the whole value. */
    record = start(BYTES_LITERAL("\0\0\0\0\x07[" SPAN_JSON ",5]"), BYTES_NONE, ENCODING_AUTO,
                   SIGNAL_SPANS, NULL);
    assert_int_equal(count_rows(&record), 1);
    assert_int_equal(record.cursor.bad_offset, 5 + 1 + strlen(SPAN_JSON) + 1);
    buffer_free(&proto);
    buffer_free(&framed);
}

static void avro_goes_to_who_has_schemas(void **state)
{
    (void)state;
    struct seen seen = {.calls = 0};
    struct encoded_record record = start(BYTES_LITERAL("\0\0\x01\x02\x03\x08"
                                                       "abcd"),
                                         BYTES_NONE, ENCODING_AUTO, SIGNAL_SPANS, &seen);
    assert_int_equal(count_rows(&record), 0);
    assert_int_equal(seen.framing.kind, FRAMING_ID);
    assert_int_equal(seen.framing.id, 0x010203);
    assert_memory_equal(seen.record.data,
                        "\x08"
                        "abcd",
                        5);
    record = start(BYTES_LITERAL("\x08"
                                 "abcd"),
                   BYTES_LITERAL("\x01"
                                 "0123456789abcdef"),
                   ENCODING_AVRO, SIGNAL_SPANS, &seen);
    assert_int_equal(count_rows(&record), 0);
    assert_int_equal(seen.framing.kind, FRAMING_GUID);
    assert_memory_equal(seen.framing.guid.data, "0123456789abcdef", 16);
    assert_int_equal(seen.record.size, 5);
    record = start(BYTES_LITERAL("\xc3\x01\x01\0\0\0\0\0\0\x80xy"), BYTES_NONE, ENCODING_AUTO,
                   SIGNAL_SPANS, &seen);
    assert_int_equal(count_rows(&record), 0);
    assert_int_equal(seen.framing.kind, FRAMING_FINGERPRINT);
    assert_true(seen.framing.fingerprint == 0x8000000000000001u);
    assert_int_equal(seen.record.size, 2);
    assert_int_equal(seen.calls, 3);
}

static void refusals_say_why(void **state)
{
    (void)state;
    static const struct {
        struct bytes value, header;
        enum encoding option;
        enum signal_kind signal;
        const char *says;
    } cases[] = {
        {BYTES_LITERAL("\0\0\0\x01\x02\x08"
                       "abcd"),
         {NULL, 0},
         ENCODING_AUTO,
         SIGNAL_SPANS,
         "schema registry"},
        {BYTES_LITERAL("abcd"), {NULL, 0}, ENCODING_AVRO, SIGNAL_SPANS, "schema registry"},
        {BYTES_LITERAL("\0\0\x01"), {NULL, 0}, ENCODING_AUTO, SIGNAL_SPANS, "4-byte schema id"},
        {BYTES_LITERAL("\x01"
                       "0123"),
         {NULL, 0},
         ENCODING_AUTO,
         SIGNAL_SPANS,
         "magic byte"},
        {BYTES_LITERAL("x"),
         BYTES_LITERAL("\x05"
                       "0123"),
         ENCODING_AUTO, SIGNAL_SPANS, "magic byte 0"},
        {BYTES_LITERAL("\0\0\0\0\x01\x03{}"),
         {NULL, 0},
         ENCODING_OTLP_PROTO,
         SIGNAL_SPANS,
         "message indexes"},
        {BYTES_LITERAL("\x03\x05"
                       "0123456789abcdefg"),
         {NULL, 0},
         ENCODING_AUTO,
         SIGNAL_SPANS,
         "Glue"},
        {BYTES_LITERAL("\xc3\x01"
                       "123"),
         {NULL, 0},
         ENCODING_AUTO,
         SIGNAL_SPANS,
         "fingerprint"},
        {BYTES_LITERAL("\x1f\x8b\x08"), {NULL, 0}, ENCODING_AUTO, SIGNAL_SPANS, "(gzip)"},
        {BYTES_LITERAL("\x28\xb5\x2f\xfd\x01"),
         {NULL, 0},
         ENCODING_OTLP_PROTO,
         SIGNAL_SPANS,
         "(zstd)"},
        {BYTES_LITERAL("\x04\x22\x4d\x18\x01"),
         {NULL, 0},
         ENCODING_OTLP_JSON,
         SIGNAL_SPANS,
         "(lz4)"},
        {BYTES_LITERAL("\xff\x06\0\0sNaPpY"), {NULL, 0}, ENCODING_JSON, SIGNAL_SPANS, "(snappy)"},
        {BYTES_LITERAL(LOGS_JSON),
         {NULL, 0},
         ENCODING_AUTO,
         SIGNAL_SPANS,
         "log records on a topic of spans"},
        {BYTES_LITERAL(OTLP_JSON),
         {NULL, 0},
         ENCODING_AUTO,
         SIGNAL_LOGS,
         "spans on a topic of log records"},
        {BYTES_LITERAL(SPAN_JSON), {NULL, 0}, ENCODING_AUTO, SIGNAL_LOGS, "other JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct encoded_record record =
            start(cases[i].value, cases[i].header, cases[i].option, cases[i].signal, NULL);
        assert_int_equal(record.encoding, ENCODING_AUTO);
        assert_int_equal(count_rows(&record), 0);
        assert_int_equal(record.cursor.bad_spans, 1);
        if (strstr(record.cursor.bad_reason, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say %s", record.cursor.bad_reason, cases[i].says);
    }
}

static void the_wrong_option_is_no_crash(void **state)
{
    (void)state;
    struct buffer proto = BUFFER_WITH_LIMIT(LIMIT);
    put_request(&proto, false);
    static const enum encoding others[] = {ENCODING_OTLP_JSON, ENCODING_JSON};
    for (size_t i = 0; i < 2; i++) {
        struct encoded_record record =
            start(buffer_bytes(&proto), BYTES_NONE, others[i], SIGNAL_SPANS, NULL);
        assert_int_equal(count_rows(&record), 0);
        assert_true(record.cursor.bad_spans > 0);
    }
    struct encoded_record record =
        start(BYTES_LITERAL(OTLP_JSON), BYTES_NONE, ENCODING_OTLP_PROTO, SIGNAL_SPANS, NULL);
    assert_int_equal(count_rows(&record), 0);
    assert_true(record.cursor.bad_spans > 0);
    buffer_free(&proto);
}

static void logs_and_traces_are_told_apart(void **state)
{
    (void)state;
    for (int logs = 0; logs <= 1; logs++) {
        for (int order = ORDER_ASCENDING; order <= ORDER_DESCENDING; order++) {
            struct buffer plain = BUFFER_WITH_LIMIT(LIMIT), proto = plain;
            put_request(&plain, logs);
            assert_true(otlp_reorder(buffer_bytes(&plain), (enum otlp_order)order, NULL, &proto));
            struct encoded_record record =
                start(buffer_bytes(&proto), BYTES_NONE, ENCODING_AUTO, SIGNAL_ANY, NULL);
            assert_int_equal(record.cursor.logs, logs);
            buffer_free(&plain);
            buffer_free(&proto);
        }
        struct bytes json = logs ? BYTES_LITERAL(LOGS_JSON) : BYTES_LITERAL(OTLP_JSON);
        struct encoded_record record =
            start(json, BYTES_NONE, ENCODING_OTLP_JSON, SIGNAL_ANY, NULL);
        assert_int_equal(record.cursor.logs, logs);
    }
}

#define SCORES(open, sep, close)                                                                   \
    open "quality.score.a" sep "1" close "," open "quality.score.b" sep "2" close "," open         \
         "quality.score.c" sep "3" close

/* A span and its scores may not fit into what a batch has left: the same rows come in any parts. */
static void a_span_of_several_rows_fills_several_batches(void **state)
{
    (void)state;
    static const char *const values[] = {
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS ",\"attributes\":[" SCORES(
            "{\"key\":\"", "\",\"value\":{\"stringValue\":\"", "\"}}") "]},{" IDS "}]}]}]}",
        "[{" IDS ",\"attributes\":{" SCORES("\"", "\":\"", "\"") "}},{" IDS "}]",
    };
    const struct encoding_options options = {ENCODING_AUTO, SIGNAL_SPANS, &otlp_limits_default,
                                             NULL};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct buffer whole = BUFFER_WITH_LIMIT(LIMIT);
        for (uint32_t capacity = 64; capacity > 0; capacity /= 2) {
            struct encoded_record record;
            struct buffer parts = BUFFER_WITH_LIMIT(LIMIT);
            rows_dump_encoded(bytes_from_text(values[i]), &options, capacity, &record,
                              capacity == 64 ? &whole : &parts);
            assert_int_equal(record.cursor.bad_spans, 0);
            assert_int_equal(record.cursor.state.spans, 2);
            if (capacity < 64)
                assert_string_equal((const char *)parts.data, (const char *)whole.data);
            buffer_free(&parts);
        }
        size_t rows = 0;
        for (size_t at = 0; at < whole.size; at++)
            rows += whole.data[at] == '\n';
        assert_int_equal(rows, 5);
        buffer_free(&whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_show_what_they_are),
        cmocka_unit_test(no_length_makes_protobuf_json),
        cmocka_unit_test(avro_behind_a_frame_is_not_json),
        cmocka_unit_test(frames_are_taken_off),
        cmocka_unit_test(avro_goes_to_who_has_schemas),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(the_wrong_option_is_no_crash),
        cmocka_unit_test(logs_and_traces_are_told_apart),
        cmocka_unit_test(a_span_of_several_rows_fills_several_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
