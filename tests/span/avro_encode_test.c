/*
 * avro_encode_test.c - outputs as Avro: what is encoded from JSON reads back the same, by our programs and by
 * Apache Avro C; what does not fit is refused with its field; the shipped schemas take what they describe.
 */
#include "tests/test.h"

#include "engine/base/arena.h"
#include "engine/span/avro_encode.h"
#include "tests/span/avro_oracle.h"
#include "tests/span/avro_text.h"
#include "tests/span/rows.h"

struct world {
    struct arena *arena;
    struct json_document *document;
    struct buffer out;
    struct error error;
};

static struct world open_world(void)
{
    return (struct world){.arena = arena_create(1 << 20),
                          .document = json_create(1 << 20),
                          .out = BUFFER_WITH_LIMIT(1 << 16)};
}

static void close_world(struct world *world)
{
    arena_destroy(world->arena);
    json_destroy(world->document);
    buffer_free(&world->out);
}

static bool encode(struct world *world, const struct bytes *texts, uint32_t count, const char *json)
{
    struct avro_schema *schema =
        avro_schema_parse(texts, count, &avro_schema_limits_default, &world->error);
    if (schema == NULL)
        fail_msg("%s", world->error.message);
    const struct json_value *value =
        json_parse(world->document, bytes_from_text(json), 64, &world->error);
    if (value == NULL)
        fail_msg("%s", world->error.message);
    buffer_clear(&world->out);
    bool good = avro_encode(schema, value, world->arena, &world->out, &world->error);
    avro_schema_destroy(schema);
    return good;
}

/* Encoded and read back by both, it is this text (avro_text.h). */
static void becomes(const char *schema, const char *json, const char *expected)
{
    struct world world = open_world();
    struct bytes text = bytes_from_text(schema);
    struct buffer ours = BUFFER_WITH_LIMIT(1 << 16), theirs = BUFFER_WITH_LIMIT(1 << 16);
    struct avro_fault fault;
    size_t left = 1;
    if (!encode(&world, &text, 1, json))
        fail_msg("%s", world.error.message);
    struct avro_program *program = avro_text_compile(text, text, &world.error);
    assert_true(avro_text(program, buffer_bytes(&world.out), &ours, &fault));
    struct oracle *oracle = oracle_create(text, text);
    assert_true(oracle_decode(oracle, buffer_bytes(&world.out), &theirs, &left) && left == 0);
    buffer_put_u8(&ours, 0);
    buffer_put_u8(&theirs, 0);
    assert_string_equal((const char *)ours.data, expected);
    assert_string_equal((const char *)theirs.data, expected);
    oracle_destroy(oracle);
    avro_program_destroy(program);
    buffer_free(&ours);
    buffer_free(&theirs);
    close_world(&world);
}

static void refused(const char *schema, const char *json, const char *why)
{
    struct world world = open_world();
    struct bytes text = bytes_from_text(schema);
    assert_false(encode(&world, &text, 1, json));
    assert_string_equal(world.error.message, why);
    close_world(&world);
}

#define RECORD(fields)    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"

static void test_every_type(void **state)
{
    (void)state;
    becomes(
        RECORD(FIELD("n", "\"null\"") "," FIELD("t", "\"boolean\"") "," FIELD(
            "i", "\"int\"") "," FIELD("l",
                                      "\"long\"") "," FIELD("f",
                                                            "\"float\"") "," FIELD("d",
                                                                                   "\"double\"")),
        "{\"d\":0.5,\"f\":-2,\"l\":-9007199254740993,\"i\":7,\"t\":true,\"n\":null}",
        "{n,t1,i7,l-9007199254740993,f-0x1p+1,d0x1p-1,}");
    becomes(
        RECORD(FIELD("b", "\"bytes\"") "," FIELD("s", "\"string\"") "," FIELD(
            "x", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}") "," FIELD("e",
                                                                             "{\"type\":\"enum\","
                                                                             "\"name\":\"E\","
                                                                             "\"symbols\":[\"A\","
                                                                             "\"B\"]}")),
        "{\"b\":\"\\u00ff\",\"s\":\"\\u00ff\",\"x\":\"ab\",\"e\":\"B\"}", "{bff,sc3bf,x6162,e1,}");
    becomes("{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":[\"null\",\"long\","
            "\"string\"]}}",
            "[{},{\"k\":1,\"m\":null},{\"z\":\"t\"}]", "[(),(k6bu1:l1,k6du0:n,),(k7au2:s74,),]");
    becomes(
        RECORD("{\"name\":\"d\",\"type\":\"int\",\"default\":9}," FIELD("o", "[\"null\",\"R\"]")),
        "{\"o\":{\"d\":1,\"o\":null},\"unknown\":[1,2]}", "{i9,u1:{i1,u0:n,},}");
}

static void test_refusals_name_the_field(void **state)
{
    (void)state;
    refused(RECORD(FIELD("a", "\"int\"")), "{}",
            "field a is missing and has no default; it is a int");
    refused(RECORD(FIELD("a", "\"int\"")), "{\"a\":3000000000}", "field a cannot be a int");
    refused(RECORD(FIELD("a", "\"int\"")), "{\"a\":\"3\"}", "field a cannot be a int");
    refused(RECORD(FIELD("a", "\"float\"")), "{\"a\":1e300}", "field a cannot be a float");
    refused(RECORD(FIELD("a", "[\"null\",\"string\"]")), "{\"a\":3}",
            "field a fits no branch of its union");
    refused(RECORD(FIELD("e", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}")),
            "{\"e\":\"Z\"}", "field e has a text that is no symbol of its enum");
    refused(RECORD(FIELD("x", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}")), "{\"x\":\"abc\"}",
            "field x cannot be a fixed");
    refused("\"int\"", "null", "field (the value itself) cannot be a int");
}

static struct bytes read_schema(const char *name, struct buffer *out)
{
    char path[500];
    snprintf(path, sizeof path, "%s/schemas/%s", ASSAY_SOURCE_DIR, name);
    *out = BUFFER_WITH_LIMIT(1 << 20);
    assert_true(rows_read_file(path, out));
    return buffer_bytes(out);
}

static void test_shipped_schemas_parse_and_encode(void **state)
{
    (void)state;
    struct world world = open_world();
    struct buffer files[5];
    static const char *const names[] = {"judge_request.avsc", "score.avsc", "verdict.avsc",
                                        "alert.avsc", "rate.avsc"};
    for (int i = 0; i < 5; i++) { /* each is complete: none needs another */
        struct bytes text = read_schema(names[i], &files[i]);
        struct avro_schema *schema =
            avro_schema_parse(&text, 1, &avro_schema_limits_default, &world.error);
        if (schema == NULL)
            fail_msg("%s: %s", names[i], world.error.message);
        avro_schema_destroy(schema);
    }
    struct bytes text = buffer_bytes(&files[1]);
    const char *score =
        "{\"trace_id\":\"01\",\"span_id\":\"02\",\"app\":\"a\",\"env\":\"e\",\"intent\":\"i\","
        "\"prompt\":\"p\",\"model\":\"m\",\"end_ns\":5,\"results\":[{\"name\":\"format\","
        "\"label\":\"pass\"}],\"words\":12,\"source\":{\"topic\":\"t\",\"partition\":1,"
        "\"offset\":2,\"span\":3}}";
    if (!encode(&world, &text, 1, score))
        fail_msg("%s", world.error.message);
    assert_true(world.out.size > 30);
    for (int i = 0; i < 5; i++)
        buffer_free(&files[i]);
    close_world(&world);
}

static void test_the_frame(void **state)
{
    (void)state;
    struct buffer out = BUFFER_WITH_LIMIT(100);
    avro_put_frame(&out, 0x01020304);
    assert_int_equal(out.size, 5);
    assert_memory_equal(out.data, "\0\1\2\3\4", 5);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_refusals_name_the_field),
        cmocka_unit_test(test_shipped_schemas_parse_and_encode),
        cmocka_unit_test(test_the_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
