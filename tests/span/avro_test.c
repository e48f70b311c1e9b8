/*
 * avro_test.c - schemas and resolution: what is refused and why, names, aliases, defaults, promotions,
 * enums, recursion, and the bounds that hold whatever a record says. Rules: Avro specification 1.11.
 */
#include "tests/test.h"

#include "engine/span/avro_check.h"
#include "tests/span/avro_text.h"

static void refused(const char *schema, const char *why)
{
    struct error error = {0};
    struct bytes text = bytes_from_text(schema);
    struct avro_schema *parsed = avro_schema_parse(&text, 1, &avro_schema_limits_default, &error);
    if (parsed != NULL)
        fail_msg("accepted: %s", schema);
    if (strstr(error.message, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, why);
}

static void test_bad_schemas_are_refused(void **state)
{
    (void)state;
    refused("", "empty");
    refused("{", "byte");
    refused("\"nothing\"", "\"nothing\" is not known");
    refused("{\"type\":\"record\",\"name\":\"R\"}", "list of \"fields\"");
    refused("{\"type\":\"record\",\"fields\":[]}", "\"name\" is missing");
    refused("{\"type\":\"record\",\"name\":\"a-b\",\"fields\":[]}", "\"name\"");
    refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}", "no \"type\"");
    refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
            "{\"name\":\"a\",\"type\":\"int\"}]}",
            "a of R is there twice");
    refused(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"Missing\"}]}",
        "record R, field a");
    refused("[\"int\",\"int\"]", "two branches of the same type, int");
    refused("[\"int\",[\"null\"]]", "union directly inside a union");
    refused("[]", "without branches");
    refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "A is there twice");
    refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}",
            "none of its symbols");
    refused("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "size");
    refused("{\"type\":\"fixed\",\"name\":\"F\",\"size\":\"4\"}", "size");
    refused("{\"type\":\"array\"}", "items");
    refused("[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"fixed\",\"name\":\"F\","
            "\"size\":1}]",
            "F is defined twice");
    refused("7", "a type must be");
}

static void test_schema_limits_hold(void **state)
{
    (void)state;
    struct error error;
    struct avro_schema_limits limits = avro_schema_limits_default;
    struct bytes text =
        BYTES_LITERAL("{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"int\"}}");
    limits.nesting_max = 1;
    assert_null(avro_schema_parse(&text, 1, &limits, &error));
    assert_non_null(strstr(error.message, "levels"));
    limits = avro_schema_limits_default;
    limits.parts_max = 3;
    assert_null(avro_schema_parse(&text, 1, &limits, &error));
    assert_non_null(strstr(error.message, "more than 3 types"));
    limits = avro_schema_limits_default;
    limits.text_bytes_max = 10;
    assert_null(avro_schema_parse(&text, 1, &limits, &error));
    assert_non_null(strstr(error.message, "at most 10"));
}

/* The record read with both schemas, as the text of avro_text.h; or the reason why not. */
static void reads(const char *writer, const char *reader, struct bytes record, const char *expected)
{
    struct error error = {0};
    struct avro_fault fault = {0};
    struct buffer out = BUFFER_WITH_LIMIT(1 << 20);
    struct avro_program *program =
        avro_text_compile(bytes_from_text(writer), bytes_from_text(reader), &error);
    if (program == NULL)
        buffer_append_text(&out, error.message);
    else if (!avro_text(program, record, &out, &fault)) {
        buffer_clear(&out);
        buffer_printf(&out, "byte %zu: %s", fault.offset, fault.reason);
    }
    buffer_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    avro_program_destroy(program);
    buffer_free(&out);
}

#define RECORD(fields)             "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(name, type)          "{\"name\":\"" name "\",\"type\":" type "}"
#define DEFAULT(name, type, value) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" value "}"

static void test_defaults_of_every_type_fill_in(void **state)
{
    (void)state;
    reads(
        RECORD(FIELD("a", "\"int\"")),
        RECORD(DEFAULT("n", "\"null\"", "null") "," DEFAULT("t", "\"boolean\"", "true") "," DEFAULT("i", "\"int\"", "-7") "," DEFAULT(
            "l", "\"long\"",
            "9007199254740993") "," DEFAULT("f", "\"float\"",
                                            "0.5") "," DEFAULT("d", "\"double\"",
                                                               "2") "," DEFAULT("b", "\"bytes\"",
                                                                                "\"\\u00ff\\u0001A"
                                                                                "\"") "," DEFAULT("s",
                                                                                                  "\"string\"",
                                                                                                  "\"\\u00e9\"") "," FIELD("a",
                                                                                                                           "\"int\"")),
        bytes_of("\x02", 1), "{n,t1,i-7,l9007199254740993,f0x1p-1,d0x1p+1,bff0141,sc3a9,i1,}");
    reads(
        RECORD(""),
        RECORD(DEFAULT("x", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "\"ab\"") "," DEFAULT(
            "e", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}",
            "\"B\"") "," DEFAULT("r", "{\"type\":\"array\",\"items\":[\"null\",\"int\"]}",
                                 "[1,null]") "," DEFAULT("m",
                                                         "{\"type\":\"map\",\"values\":\"long\"}",
                                                         "{\"k\":5}") "," DEFAULT("u",
                                                                                  "[\"string\","
                                                                                  "\"null\"]",
                                                                                  "\"s\"") "," DEFAULT("o",
                                                                                                       "{\"type\":"
                                                                                                       "\"record\","
                                                                                                       "\"name\":"
                                                                                                       "\"O\","
                                                                                                       "\"fields\":"
                                                                                                       "[" FIELD("p", "\"int\"") "," DEFAULT(
                                                                                                           "q",
                                                                                                           "\"int\"",
                                                                                                           "3") "]}",
                                                                                                       "{\"p\":1}")),
        bytes_of("", 0), "{x6162,e1,[u1:i1,u0:n,],(k6bl5,),u0:s73,{i1,i3,},}");
}

static void test_bad_defaults_are_refused(void **state)
{
    (void)state;
    reads(RECORD(""), RECORD(DEFAULT("i", "\"int\"", "\"7\"")), bytes_of("", 0),
          "Avro schema: a default is no int");
    reads(RECORD(""), RECORD(DEFAULT("i", "\"int\"", "3000000000")), bytes_of("", 0),
          "Avro schema: a default is no int");
    reads(RECORD(""), RECORD(DEFAULT("b", "\"bytes\"", "\"\\u0100\"")), bytes_of("", 0),
          "Avro schema: a default is not a value of its bytes");
    reads(RECORD(""),
          RECORD(DEFAULT("x", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "\"abc\"")),
          bytes_of("", 0), "Avro schema: a default is not a value of its fixed");
}

static void test_what_is_missing_without_default_is_said(void **state)
{
    (void)state;
    reads(RECORD(FIELD("a", "\"int\"")), RECORD(FIELD("b", "\"int\"")), bytes_of("\x02", 1),
          "byte 1: the writer has no field b, and the reader no default for it");
    reads("\"string\"", "\"int\"", bytes_of("\x00", 1),
          "byte 0: the reader has no int for the writer's string");
}

static void test_a_check_names_the_field(void **state)
{
    (void)state;
    struct error error;
    struct bytes old = BYTES_LITERAL(RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"string\"")));
    struct bytes added = BYTES_LITERAL(RECORD(FIELD("a", "\"int\"") "," FIELD("score", "\"int\"")));
    struct bytes changed = BYTES_LITERAL(RECORD(FIELD("b", "\"int\"")));
    struct bytes inside =
        BYTES_LITERAL(RECORD(DEFAULT("a", "{\"type\":\"array\",\"items\":\"int\"}", "[]")));
    struct bytes fine =
        BYTES_LITERAL(RECORD(FIELD("a", "\"long\"") "," DEFAULT("score", "\"int\"", "0")));
    assert_true(avro_check_reads(old, fine, &error));
    assert_false(avro_check_reads(old, added, &error));
    assert_string_equal(error.message,
                        "the writer has no field score, and the reader no default for it");
    assert_false(avro_check_reads(old, changed, &error));
    assert_string_equal(error.message, "field b: the reader has no int for the writer's string");
    assert_false(avro_check_reads(old, inside, &error));
    assert_string_equal(error.message, "field a: the reader has no array for the writer's int");
    assert_false(avro_check_reads(old, BYTES_LITERAL("{"), &error));
    assert_non_null(strstr(error.message, "Avro schema"));
}

static void test_promotions(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"\"int\"", "\"long\"", "l-1"},         {"\"int\"", "\"float\"", "f-0x1p+0"},
        {"\"int\"", "\"double\"", "d-0x1p+0"},  {"\"long\"", "\"float\"", "f-0x1p+0"},
        {"\"long\"", "\"double\"", "d-0x1p+0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        reads(cases[i][0], cases[i][1], bytes_of("\x01", 1), cases[i][2]);
    reads("\"float\"", "\"double\"", bytes_of("\x00\x00\x00\x3f", 4), "d0x1p-1");
    reads("\"string\"", "\"bytes\"", bytes_of("\x02z", 2), "b7a");
    reads("\"bytes\"", "\"string\"", bytes_of("\x02z", 2), "s7a");
    reads("\"long\"", "\"int\"", bytes_of("\x02", 1),
          "byte 0: the reader has no int for the writer's long");
}

static void test_unions_resolve_branch_by_branch(void **state)
{
    (void)state;
    reads("[\"null\",\"int\"]", "[\"string\",\"long\",\"null\"]", bytes_of("\x02\x0e", 2), "u1:l7");
    reads("[\"null\",\"int\"]", "[\"string\",\"long\",\"null\"]", bytes_of("\x00", 1), "u2:n");
    reads("\"int\"", "[\"null\",\"float\",\"int\"]", bytes_of("\x0e", 1), "u2:i7");
    reads("[\"int\",\"string\"]", "\"int\"", bytes_of("\x00\x0e", 2), "i7");
    reads("[\"int\",\"string\"]", "\"int\"", bytes_of("\x02\x00", 2),
          "byte 1: the reader has no int for the writer's string");
    reads("[\"int\"]", "\"int\"", bytes_of("\x02", 1),
          "byte 0: a union has no branch of this number");
    reads("[\"int\"]", "\"int\"", bytes_of("\x01", 1),
          "byte 0: a union has no branch of this number");
}

static void test_enums_go_by_symbol(void **state)
{
    (void)state;
    const char *writer = "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\",\"C\"]}";
    reads(writer, "{\"type\":\"enum\",\"name\":\"x.E\",\"symbols\":[\"C\",\"A\"]}",
          bytes_of("\x04", 1), "e0");
    reads(writer, "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"C\",\"A\"]}",
          bytes_of("\x02", 1), "byte 1: the reader has no such symbol in its enum, and no default");
    reads(writer, "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"C\",\"A\"],\"default\":\"A\"}",
          bytes_of("\x02", 1), "e1");
    reads(writer, writer, bytes_of("\x06", 1), "byte 0: an enum's number has no symbol");
    reads(writer, "{\"type\":\"enum\",\"name\":\"Other\",\"symbols\":[\"A\"]}", bytes_of("\x00", 1),
          "byte 0: the reader has no enum for the writer's enum E");
    reads(writer, "{\"type\":\"enum\",\"name\":\"Other\",\"aliases\":[\"E\"],\"symbols\":[\"A\"]}",
          bytes_of("\x00", 1), "e0");
}

static void test_aliases_of_fields_and_records(void **state)
{
    (void)state;
    const char *reader =
        "{\"type\":\"record\",\"name\":\"New\",\"aliases\":[\"R\"],\"fields\":["
        "{\"name\":\"b\",\"type\":\"int\",\"aliases\":[\"old\",\"a\"],\"default\":0},"
        "{\"name\":\"c\",\"type\":\"int\",\"default\":9}]}";
    reads(RECORD(FIELD("a", "\"int\"")), reader, bytes_of("\x02", 1), "{i1,i9,}");
    /* the real name wins over an alias, and the first alias over the second */
    reads(RECORD(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")), reader, bytes_of("\x02\x04", 2),
          "{i2,i9,}");
    reads(RECORD(FIELD("a", "\"int\"") "," FIELD("old", "\"int\"")), reader,
          bytes_of("\x02\x04", 2), "{i2,i9,}");
}

static void test_skipped_fields_of_every_type(void **state)
{
    (void)state;
    const char
        *writer =
            RECORD(
                FIELD("n", "\"null\"") "," FIELD("t", "\"boolean\"") "," FIELD("i", "\"int\"") "," FIELD(
                    "l", "\"long\"") "," FIELD("f",
                                               "\"float\"") "," FIELD("d",
                                                                      "\"double\"") "," FIELD("b", "\"bytes"
                                                                                                   "\"") "," FIELD("s", "\"string\"") "," FIELD("x", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}") "," FIELD("e", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}") "," FIELD("r", "{\"type\":\"array\",\"items\":\"int\"}") "," FIELD("m",
                                                                                                                                                                                                                                                                                                                                                   "{\"type\":\"map\",\"values\":\"string\"}") "," FIELD("u",
                                                                                                                                                                                                                                                                                                                                                                                                         "[\"null\",\"F\"]") "," FIELD("o",
                                                                                                                                                                                                                                                                                                                                                                                                                                       "{\"type\":\"record\",\"name\":\"O\",\"fields\":[" FIELD(
                                                                                                                                                                                                                                                                                                                                                                                                                                           "p", "\"int\"") "]}") "," FIELD("last",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                           "\"int\""));
    static const uint8_t record[] = {1, 2, 2, 0,   0, 0,   0,   0,   0,   0,   0, 0, 0,
                                     0, 0, 2, 'b', 2, 's', 'x', 'y', 0,   3,   4, 2, 4,
                                     0, 2, 2, 'k', 2, 'v', 0,   2,   'z', 'z', 8, 84};
    reads(writer, RECORD(FIELD("last", "\"int\"")), bytes_of(record, sizeof record), "{i42,}");
}

static void test_recursion_and_its_bound(void **state)
{
    (void)state;
    const char *list = RECORD(FIELD("v", "\"int\"") "," FIELD("next", "[\"null\",\"R\"]"));
    uint8_t record[2000];
    reads(list, list, bytes_of("\x02\x02\x04\x00", 4), "{i1,u1:{i2,u0:n,},}");
    memset(record, 2, sizeof record);
    reads(list, list, bytes_of(record, sizeof record),
          "byte 128: it is nested deeper than is allowed");
    const char *endless = RECORD(FIELD("r", "\"R\""));
    reads(endless, endless, bytes_of("", 0), "byte 0: it is nested deeper than is allowed");
}

static void test_items_of_no_bytes_end(void **state)
{
    (void)state;
    const char *nulls = "{\"type\":\"array\",\"items\":\"null\"}";
    reads(nulls, nulls, bytes_of("\x04\x00", 2), "[n,n,]");
    reads(nulls, nulls, bytes_of("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10),
          "byte 10: a block has more items than a record is allowed");
    reads(nulls, nulls, bytes_of("\x80\xc2\xd7\x2f", 4), /* 50,000,000 */
          "byte 4: a block has more items than a record is allowed");
    /* the most negative count, whose magnitude is no int64 */
    reads(nulls, nulls, bytes_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", 11),
          "byte 11: a block has more items than a record is allowed");
    /* 2^30 empty records in 31 levels of two: no bytes, no depth to speak of */
    struct buffer writer = BUFFER_WITH_LIMIT(1 << 16);
    buffer_append_text(&writer, "{\"type\":\"record\",\"name\":\"Z\",\"fields\":[");
    for (int i = 30; i > 0; i--)
        buffer_printf(&writer,
                      "{\"name\":\"a\",\"type\":{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[",
                      i);
    for (int i = 1; i <= 30; i++) {
        buffer_append_text(&writer, "]}}");
        buffer_printf(&writer, ",{\"name\":\"b\",\"type\":\"R%d\"}", i);
    }
    buffer_append_text(&writer, "]}");
    buffer_put_u8(&writer, 0);
    struct error error;
    struct avro_fault fault;
    struct bytes text = bytes_from_text((const char *)writer.data);
    struct avro_schema *schema = avro_schema_parse(&text, 1, &avro_schema_limits_default, &error);
    if (schema == NULL)
        fail_msg("%s", error.message);
    struct avro_program *program =
        avro_compile(schema, schema, &avro_compile_options_default, &error);
    assert_non_null(program);
    assert_false(avro_events(program, bytes_of("", 0), &avro_limits_default, NULL, NULL, &fault));
    assert_non_null(strstr(fault.reason, "more operations"));
    avro_program_destroy(program);
    avro_schema_destroy(schema);
    buffer_free(&writer);
}

static void test_bytes_that_lie(void **state)
{
    (void)state;
    reads("\"long\"", "\"long\"", bytes_of("\x80", 1),
          "byte 0: a number is cut off or longer than 64 bits");
    reads("\"long\"", "\"long\"", bytes_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10),
          "byte 0: a number is cut off or longer than 64 bits");
    reads("\"int\"", "\"int\"", bytes_of("\x80\x80\x80\x80\x10", 5),
          "byte 5: an int is beyond 32 bits");
    reads("\"string\"", "\"string\"",
          bytes_of("\x06"
                   "ab",
                   3),
          "byte 0: a length goes beyond the record");
    reads("\"string\"", "\"string\"", bytes_of("\x01", 1), "byte 0: a length is negative");
    reads("\"boolean\"", "\"boolean\"", bytes_of("\x02", 1),
          "byte 0: a boolean is neither 0 nor 1");
    reads("\"double\"", "\"double\"", bytes_of("\x02", 1),
          "byte 0: a value goes beyond the record");
    reads("\"int\"", "\"int\"", bytes_of("\x02\x02", 2),
          "byte 1: bytes are left behind the value: written with another schema?");
    reads("\"null\"", "\"null\"", BYTES_NONE, "n");
}

static void test_names_and_references(void **state)
{
    (void)state;
    struct error error;
    struct bytes texts[] = {
        BYTES_LITERAL("{\"type\":\"record\",\"name\":\"Id\",\"namespace\":\"a.b\",\"fields\":["
                      "{\"name\":\"i\",\"type\":\"int\"}]}"),
        BYTES_LITERAL("{\"type\":\"record\",\"name\":\"a.b.Main\",\"fields\":["
                      "{\"name\":\"x\",\"type\":\"Id\"},{\"name\":\"y\",\"type\":\"a.b.Id\"}]}"),
    };
    struct avro_schema *schema = avro_schema_parse(texts, 2, &avro_schema_limits_default, &error);
    assert_non_null(schema);
    const struct avro_node *root = &schema->nodes[schema->root];
    assert_true(bytes_equal_text(root->name, "a.b.Main"));
    assert_int_equal(schema->fields[root->first].node, schema->fields[root->first + 1].node);
    avro_schema_destroy(schema);
    assert_null(avro_schema_parse(&texts[1], 1, &avro_schema_limits_default, &error));
    assert_non_null(strstr(error.message, "\"Id\" is not known"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_schemas_are_refused),
        cmocka_unit_test(test_schema_limits_hold),
        cmocka_unit_test(test_defaults_of_every_type_fill_in),
        cmocka_unit_test(test_bad_defaults_are_refused),
        cmocka_unit_test(test_what_is_missing_without_default_is_said),
        cmocka_unit_test(test_a_check_names_the_field),
        cmocka_unit_test(test_promotions),
        cmocka_unit_test(test_unions_resolve_branch_by_branch),
        cmocka_unit_test(test_enums_go_by_symbol),
        cmocka_unit_test(test_aliases_of_fields_and_records),
        cmocka_unit_test(test_skipped_fields_of_every_type),
        cmocka_unit_test(test_recursion_and_its_bound),
        cmocka_unit_test(test_items_of_no_bytes_end),
        cmocka_unit_test(test_bytes_that_lie),
        cmocka_unit_test(test_names_and_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
