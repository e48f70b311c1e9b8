/*
 * avro_span_test.c - Avro records into rows: writers of several shapes give the same canonical span, what
 * is not understood is skipped, what cannot be a span is refused with its place.
 */
#include "tests/test.h"

#include "engine/base/memory.h"
#include "engine/span/avro_span.h"
#include "engine/span/canonical_json.h"
#include "tests/laws/allocations.h"
#include "tests/span/avro_write.h"

#define TRACE "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
#define SPAN  "\x11\x12\x13\x14\x15\x16\x17\x18"

struct world {
    struct span_batch *batch;
    struct buffer record, line;
    struct avro_fault fault;
    uint32_t cut;
};

static int set_up(void **state)
{
    struct world *world = memory_allocate(sizeof *world);
    world->batch = span_batch_create(8);
    world->batch->wanted = canonical_json_columns();
    span_columns_add(&world->batch->wanted, SPAN_COLUMN_output_messages);
    world->record = BUFFER_WITH_LIMIT(1 << 20);
    world->line = BUFFER_WITH_LIMIT(1 << 20);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    span_batch_destroy(world->batch);
    buffer_free(&world->record);
    buffer_free(&world->line);
    memory_free(world);
    return 0;
}

static struct avro_span_reader *reader_of_schema(const char *schema)
{
    struct error error;
    struct bytes text = bytes_from_text(schema);
    struct avro_span_reader *reader =
        avro_span_reader_create(&text, 1, &avro_schema_limits_default, &error);
    if (reader == NULL)
        fail_msg("%s", error.message);
    return reader;
}

static bool decode(struct world *world, const struct avro_span_reader *reader)
{
    return avro_span_decode(reader, buffer_bytes(&world->record), (struct row_origin){3, 0},
                            &avro_limits_default, world->batch, &world->cut, &world->fault);
}

/* The record in world as a canonical line, NUL-terminated. */
static const char *line_of(struct world *world, const char *schema)
{
    struct avro_span_reader *reader = reader_of_schema(schema);
    buffer_clear(&world->line);
    if (decode(world, reader))
        canonical_json_row(world->batch, world->batch->rows - 1, &world->line);
    else
        buffer_printf(&world->line, "byte %zu: %s", world->fault.offset, world->fault.reason);
    buffer_put_u8(&world->line, 0);
    avro_span_reader_destroy(reader);
    return (const char *)world->line.data;
}

static void has(const char *line, const char *part)
{
    if (strstr(line, part) == NULL)
        fail_msg("no %s in %s", part, line);
}

#define WRITER(fields)    "{\"type\":\"record\",\"name\":\"x.Whatever\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define FIXED(name, size) "{\"type\":\"fixed\",\"name\":\"" name "\",\"size\":" size "}"
#define IDS               FIELD("trace_id", FIXED("T", "16")) "," FIELD("span_id", FIXED("S", "8"))

static void test_our_own_schema_is_a_writer_too(void **state)
{
    struct world *world = *state;
    struct bytes schema = avro_span_schema();
    struct error error;
    struct avro_span_reader *reader =
        avro_span_reader_create(&schema, 1, &avro_schema_limits_default, &error);
    assert_non_null(reader);
    avro_span_reader_destroy(reader);
    assert_true(schema.size > 1000 && schema.data[0] == '{');
    (void)world;
}

static void test_flat_fields_become_columns(void **state)
{
    struct world *world = *state;
    struct buffer *out = &world->record;
    buffer_append(out, TRACE SPAN, 24);
    avro_put_branch_text(out, 1, "chat gpt-4o");
    buffer_put_zigzag(out, 1700000000123456);
    buffer_put_zigzag(out, 2);
    avro_put_text(out, "chat");
    buffer_put_zigzag(out, 120);
    buffer_put_zigzag(out, 1);
    buffer_put_u8(out, 1);
    const char *line = line_of(
        world,
        WRITER(IDS "," FIELD("name", "[\"null\",\"string\"]") "," FIELD("start_time", "{\"type\":"
                                                                                      "\"long\","
                                                                                      "\"logicalTyp"
                                                                                      "e\":"
                                                                                      "\"timestamp-"
                                                                                      "micros\"}") "," FIELD(
            "status",
            "{\"type\":\"enum\",\"name\":\"St\",\"symbols\":[\"STATUS_CODE_UNSET\","
            "\"STATUS_CODE_OK\",\"STATUS_CODE_ERROR\"]}") "," FIELD("operation",
                                                                    "\"string\"") "," FIELD("input_"
                                                                                            "token"
                                                                                            "s",
                                                                                            "\"int"
                                                                                            "\"") "," FIELD("stream",
                                                                                                            "[\"null\",\"boolean\"]")));
    has(line, "\"trace_id\":\"0102030405060708090a0b0c0d0e0f10\"");
    has(line, "\"span_id\":\"1112131415161718\"");
    has(line, "\"name\":\"chat gpt-4o\"");
    has(line, "\"start_ns\":1700000000123456000");
    has(line, "\"code\":2");
    has(line, "\"operation\":\"chat\"");
    has(line, "\"role\":\"call\"");
    has(line, "\"input_tokens\":120");
    has(line, "\"stream\":true");
    assert_int_equal(world->batch->origin[0].record, 3);
}

static void test_hex_ids_and_uuids(void **state)
{
    struct world *world = *state;
    avro_put_text(&world->record, "01020304-0506-0708-090A-0b0c0d0e0f10");
    avro_put_text(&world->record, "1112131415161718");
    avro_put_text(&world->record, "");
    const char *writer =
        WRITER(FIELD("traceId", "{\"type\":\"string\",\"logicalType\":\"uuid\"}") "," FIELD(
            "spanId", "\"string\"") "," FIELD("parentSpanId", "\"string\""));
    const char *line = line_of(world, writer);
    has(line, "\"trace_id\":\"0102030405060708090a0b0c0d0e0f10\"");
    has(line, "\"span_id\":\"1112131415161718\"");
    assert_null(strstr(line, "\"parent_span_id\":\""));
}

static void put_attributes(struct buffer *out)
{
    buffer_put_zigzag(out, 4);
    avro_put_text(out, "gen_ai.request.model");
    avro_put_branch_text(out, 1, "gpt-4o");
    avro_put_text(out, "gen_ai.usage.output_tokens");
    buffer_put_zigzag(out, 2);
    buffer_put_zigzag(out, 9);
    avro_put_text(out, "gen_ai.response.finish_reasons");
    buffer_put_zigzag(out, 3);
    buffer_put_zigzag(out, 2);
    avro_put_text(out, "length");
    avro_put_text(out, "stop");
    buffer_put_zigzag(out, 0);
    avro_put_text(out, "of nobody");
    buffer_put_zigzag(out, 4);
    buffer_put_zigzag(out, 0);
    buffer_put_zigzag(out, 0);
}

#define ATTRIBUTES                                                                                 \
    "{\"type\":\"map\",\"values\":[\"null\",\"string\",\"int\",{\"type\":\"array\",\"items\":"     \
    "\"string\"},"                                                                                 \
    "{\"type\":\"map\",\"values\":\"string\"}]}"

static void test_attributes_go_through_the_alias_table(void **state)
{
    struct world *world = *state;
    buffer_append(&world->record, TRACE SPAN, 24);
    put_attributes(&world->record);
    buffer_put_zigzag(&world->record, 1);
    avro_put_text(&world->record, "service.name");
    avro_put_text(&world->record, "shop");
    buffer_put_zigzag(&world->record, 0);
    const char *line = line_of(world, WRITER(IDS "," FIELD("attributes", ATTRIBUTES) "," FIELD(
                                          "resource", "{\"type\":\"map\",\"values\":\"string\"}")));
    has(line, "\"request_model\":\"gpt-4o\"");
    has(line, "\"output_tokens\":9");
    has(line, "\"finish\":\"length\"");
    has(line, "\"service\":\"shop\"");
}

static void test_a_field_wins_over_its_attribute_in_any_order(void **state)
{
    struct world *world = *state;
    for (int order = 0; order < 2; order++) {
        buffer_clear(&world->record);
        buffer_append(&world->record, TRACE SPAN, 24);
        if (order == 0)
            avro_put_text(&world->record, "from the field");
        put_attributes(&world->record);
        if (order == 1)
            avro_put_text(&world->record, "from the field");
        const char *line = line_of(
            world, order == 0 ? WRITER(IDS "," FIELD("request_model", "\"string\"") "," FIELD(
                                    "attributes", ATTRIBUTES))
                              : WRITER(IDS "," FIELD("attributes", ATTRIBUTES) "," FIELD(
                                    "request_model", "\"string\"")));
        has(line, "\"request_model\":\"from the field\"");
    }
}

static void test_finish_reasons_after_an_array_attribute(void **state)
{
    struct world *world = *state;
    buffer_append(&world->record, TRACE SPAN, 24);
    put_attributes(&world->record);
    buffer_put_zigzag(&world->record, 1);
    avro_put_text(&world->record, "stop");
    buffer_put_zigzag(&world->record, 0);
    buffer_put_zigzag(&world->record, 7);
    const char *line = line_of(
        world,
        WRITER(IDS "," FIELD("attributes", ATTRIBUTES) "," FIELD(
            "finish_reasons", "{\"type\":\"array\",\"items\":\"string\"}") "," FIELD("input_tokens",
                                                                                     "\"long\"")));
    has(line, "\"finish\":\"stop\"");
    has(line, "\"input_tokens\":7");
}

static void test_what_cannot_be_a_span_is_refused(void **state)
{
    struct world *world = *state;
    struct error error;
    struct bytes text = BYTES_LITERAL("{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}");
    assert_null(avro_span_reader_create(&text, 1, &avro_schema_limits_default, &error));
    assert_non_null(strstr(error.message, "no trace_id"));
    buffer_append(&world->record, SPAN SPAN SPAN, 24);
    memset(world->record.data, 0, 16);
    assert_string_equal(
        line_of(world, WRITER(IDS)),
        "byte 0: trace_id is neither 16 bytes nor 32 hex digits that are not all zero");
    world->record.size = 20;
    assert_string_equal(line_of(world, WRITER(IDS)), "byte 16: a value goes beyond the record");
    buffer_clear(&world->record);
    buffer_append(&world->record, TRACE, 16);
    avro_put_text(&world->record, "no hex");
    assert_string_equal(
        line_of(world,
                WRITER(FIELD("trace_id", FIXED("T", "16")) "," FIELD("span_id", "\"string\""))),
        "byte 17: span_id is neither 8 bytes nor 16 hex digits that are not all zero");
    assert_int_equal(world->batch->rows, 0);
}

static void test_too_many_attributes_and_too_long_texts(void **state)
{
    struct world *world = *state;
    struct avro_limits limits = avro_limits_default;
    struct avro_span_reader *reader = reader_of_schema(
        WRITER(IDS "," FIELD("attributes", ATTRIBUTES) "," FIELD("name", "\"string\"")));
    buffer_append(&world->record, TRACE SPAN, 24);
    put_attributes(&world->record);
    avro_put_text(&world->record, "0123456789");
    limits.string_bytes_max = 6;
    assert_true(avro_span_decode(reader, buffer_bytes(&world->record), (struct row_origin){0, 0},
                                 &limits, world->batch, &world->cut, &world->fault));
    assert_int_equal(world->batch->name[0].size, 6);
    assert_int_equal(world->cut, 1);
    limits.attributes_per_span_max = 3;
    assert_false(avro_span_decode(reader, buffer_bytes(&world->record), (struct row_origin){0, 0},
                                  &limits, world->batch, &world->cut, &world->fault));
    assert_non_null(strstr(world->fault.reason, "attributes_per_span_max"));
    avro_span_reader_destroy(reader);
}

static void test_decoding_allocates_nothing(void **state)
{
    struct world *world = *state;
    if (!allocations_known() || allocations_arena_counts())
        skip();
    struct avro_span_reader *reader =
        reader_of_schema(WRITER(FIELD("trace_id", "\"string\"") "," FIELD(
            "span_id", "\"string\"") "," FIELD("attributes", ATTRIBUTES)));
    avro_put_text(&world->record, "0102030405060708090a0b0c0d0e0f10");
    avro_put_text(&world->record, "1112131415161718");
    put_attributes(&world->record);
    uint64_t before = 0;
    for (unsigned i = 0; i < 1000; i++) {
        if (i == 10)
            before = allocations_mark();
        span_batch_reset(world->batch);
        assert_true(decode(world, reader));
    }
    assert_true(allocations_mark() == before);
    avro_span_reader_destroy(reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_our_own_schema_is_a_writer_too),
        TEST(test_flat_fields_become_columns),
        TEST(test_hex_ids_and_uuids),
        TEST(test_attributes_go_through_the_alias_table),
        TEST(test_a_field_wins_over_its_attribute_in_any_order),
        TEST(test_finish_reasons_after_an_array_attribute),
        TEST(test_what_cannot_be_a_span_is_refused),
        TEST(test_too_many_attributes_and_too_long_texts),
        TEST(test_decoding_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
