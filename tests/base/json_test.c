/* json_test.c - reading, writing and checking JSON; the reader and the checker accept the same texts. */
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/base/memory.h"

#include <math.h>

static const struct json_value *parse(struct json_document *document, const char *text)
{
    struct error error = {0};
    const struct json_value *value = json_parse(document, bytes_from_text(text), 64, &error);
    assert_string_equal(error.message, "");
    return value;
}

static void values_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct json_document *document = json_create(1 << 16);
    const struct json_value *root = parse(document, "{\"a\":[1,-2,3.5,\"7\",true,null],\"t\":\"x\\u00e9\\ny\",\"o\":{\"k\":{}},\"n\":9223372036854775807}");
    assert_true(json_is_object(root));
    assert_int_equal(json_count(root), 4);
    const struct json_value *array = json_get(root, "a");
    assert_true(json_is_array(array));
    assert_int_equal(json_count(array), 6);
    int64_t integer = 0;
    double real = 0;
    assert_true(json_integer(json_at(array, 1), &integer));
    assert_int_equal(integer, -2);
    assert_false(json_integer(json_at(array, 2), &integer));
    assert_true(json_real(json_at(array, 2), &real) && real == 3.5);
    assert_true(json_integer(json_at(array, 3), &integer) && integer == 7); /* OTLP writes int64 as text */
    assert_true(json_is_true(json_at(array, 4)));
    assert_true(json_is_null(json_at(array, 5)));
    assert_null(json_at(array, 6));
    assert_true(bytes_equal_text(json_text(json_get(root, "t")), "x\xc3\xa9\ny"));
    assert_true(json_integer(json_get(root, "n"), &integer) && integer == INT64_MAX);
    assert_true(json_is_object(json_get(json_get(root, "o"), "k")));
    json_destroy(document);
}

static void absent_values_answer_for_themselves(void **state)
{
    (void)state;
    int64_t integer = 5;
    double real = 5;
    assert_null(json_get(NULL, "k"));
    assert_null(json_at(NULL, 0));
    assert_int_equal(json_count(NULL), 0);
    assert_false(json_is_object(NULL) || json_is_array(NULL) || json_is_text(NULL) || json_is_number(NULL) || json_is_true(NULL) ||
                 json_is_null(NULL));
    assert_false(bytes_present(json_text(NULL)));
    assert_false(json_integer(NULL, &integer) || json_real(NULL, &real));
    struct json_members members = json_members(NULL);
    struct bytes key;
    const struct json_value *value;
    assert_false(json_next(&members, &key, &value));
}

static void numbers_are_read_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_integer, is_real;
        int64_t integer;
        double real;
    } rows[] = {
        {"0", true, true, 0, 0},
        {"-9223372036854775808", true, true, INT64_MIN, -0x1p63},
        {"9223372036854775808", false, true, 0, 0x1p63},
        {"18446744073709551616", false, true, 0, 0x1p64},
        {"\"9223372036854775807\"", true, true, INT64_MAX, 0x1p63},
        {"\"-9223372036854775808\"", true, true, INT64_MIN, -0x1p63},
        {"\"9223372036854775808\"", false, true, 0, 0x1p63},
        {"\"-\"", false, false, 0, 0},
        {"\"\"", false, false, 0, 0},
        {"\" 1\"", false, false, 0, 0},
        {"\"0x10\"", false, false, 0, 0},
        {"\"inf\"", false, false, 0, 0},
        {"\"1.5e3\"", false, true, 0, 1500},
        {"1.5e3", true, true, 1500, 1500},
        {"1e400", false, false, 0, 0},
        {"-1e400", false, false, 0, 0},
        {"1e-400", true, true, 0, 0},
        {"0.1", false, true, 0, 0.1},
        {"1e300", false, true, 0, 1e300},
        {"true", false, false, 0, 0},
        {"[1]", false, false, 0, 0},
    };
    struct json_document *document = json_create(1 << 14);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t integer = 0;
        double real = 0;
        const struct json_value *value = parse(document, rows[i].text);
        assert_int_equal(json_integer(value, &integer), rows[i].is_integer);
        assert_int_equal(json_real(value, &real), rows[i].is_real);
        assert_true(integer == rows[i].integer);
        assert_true(real == rows[i].real);
    }
    assert_true(json_is_number(parse(document, "1e400")));
    json_destroy(document);
}

static void members_come_in_file_order(void **state)
{
    (void)state;
    struct json_document *document = json_create(1 << 14);
    const struct json_value *root = parse(document, "{\"z\":[1,[2],{\"q\":3}],\"a\":{\"n\":{}},\"\":0,\"z\":1}");
    struct json_members members = json_members(root);
    struct bytes key;
    const struct json_value *value;
    char seen[50] = "";
    while (json_next(&members, &key, &value))
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s:%zu,", BYTES_FMT(key), json_count(value));
    assert_string_equal(seen, "z:3,a:1,:0,z:0,");
    json_destroy(document);
}

static void refused(const char *text, size_t size, unsigned depth_max, const char *message)
{
    struct json_document *document = json_create(1 << 13);
    struct error error = {0};
    char *exact = memory_allocate(size);
    memcpy(exact, text, size);
    assert_null(json_parse(document, bytes_of(exact, size), depth_max, &error));
    if (strstr(error.message, message) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", message, error.message);
    memory_free(exact);
    json_destroy(document);
}

static void bad_texts_are_refused_with_the_place(void **state)
{
    (void)state;
    refused("", 0, 9, "byte 0");
    refused("{\"a\":tru}", 9, 9, "byte 5");
    refused("[1,]", 4, 9, "byte 2: trailing comma");
    refused("[1] x", 5, 9, "byte 4");
    refused("[NaN]", 5, 9, "byte 1");
    refused("[1 /*c*/]", 9, 9, "byte 3");
    refused("\xef\xbb\xbf[]", 5, 9, "byte 0");
    refused("[\"\xff\"]", 5, 9, "byte 2");
    refused("[\"a", 3, 9, "byte 3");
    refused("[[[[1]]]]", 9, 3, "more than 3 levels");
    refused("[{},{\"a\":[[]]},[]]", 18, 3, "more than 3 levels");
    refused("[]", 2, 0, "more than 0 levels");
}

static void depth_counts_levels_not_siblings(void **state)
{
    (void)state;
    struct json_document *document = json_create(1 << 16);
    struct error error = {0};
    assert_non_null(json_parse(document, BYTES_LITERAL("[[],[],{\"a\":[],\"b\":{}},[[1,2]],[]]"), 3, &error));
    assert_null(json_parse(document, BYTES_LITERAL("[[],[],{\"a\":[],\"b\":{}},[[1,2]],[]]"), 2, &error));
    assert_int_equal(error.code, ERROR_LIMIT);
    assert_non_null(json_parse(document, BYTES_LITERAL("7"), 0, &error));
    json_destroy(document);
}

static void deep_and_large_texts_are_limits_not_crashes(void **state)
{
    (void)state;
    size_t levels = 200000;
    char *text = malloc(levels * 2);
    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    struct json_document *small = json_create(1 << 16);
    struct json_document *large = json_create(32 << 20);
    struct error error = {0};
    assert_null(json_parse(small, bytes_of(text, levels * 2), 100, &error));
    assert_int_equal(error.code, ERROR_LIMIT); /* does not fit the pool */
    assert_null(json_parse(large, bytes_of(text, levels * 2), 100, &error));
    assert_string_equal(error.message, "more than 100 levels of arrays and objects");
    assert_true(json_valid(small, bytes_of(text, levels * 2))); /* a bit per level is enough */
    assert_false(json_valid(small, bytes_of(text, levels * 2 - 1)));
    json_destroy(small);
    json_destroy(large);
    free(text);
}

static void reading_again_allocates_nothing(void **state)
{
    (void)state;
    struct json_document *document = json_create(1 << 16);
    uint64_t before = memory_thread_allocated_bytes();
    for (int i = 0; i < 1000; i++) {
        assert_non_null(json_parse(document, BYTES_LITERAL("{\"a\":[1,2,{\"b\":\"text\"}],\"c\":\"\\u0041\"}"), 8, NULL));
        assert_null(json_parse(document, BYTES_LITERAL("{\"a\":[1,2,{\"b\":\"text\"}],\"c\":\"\\u0041\""), 8, NULL));
    }
    assert_int_equal(memory_thread_allocated_bytes() - before, 0);
    json_destroy(document);
}

/* ---- the checker ------------------------------------------------------------------------------------- */

/* Random small edits of valid texts: the checker must answer as the reader does. */
static void checker_and_reader_agree(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"a\":[1,-2.5e+3,\"x\\u00e9\\n\"],\"b\":{\"c\":null,\"d\":[true,false]}}", "[\"\\ud83d\\ude00 \xf0\x9f\x98\x80\",0,{}]", " [ [ ] , { } ] "};
    static const char alphabet[] = "{}[]\",:\\u0123456789abcdefEe+-. tn\xc3\xa9\xf0\xed\x01";
    uint64_t random = test_seed(7);
    struct json_document *document = json_create(1 << 14);
    struct json_document *levels = json_create(1 << 14);
    int valid = 0;
    for (int round = 0; round < 300000; round++) {
        char text[120];
        size_t size = strlen(seeds[round % 3]);
        memcpy(text, seeds[round % 3], size);
        for (int edit = 0; edit <= round % 2; edit++) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            size_t at = (random >> 33) % size;
            if ((random >> 20) % 3 == 0) {
                memmove(text + at, text + at + 1, size - at - 1);
                size--;
            } else {
                text[at] = alphabet[(random >> 45) % (sizeof alphabet - 1)];
            }
        }
        bool read = json_parse(document, bytes_of(text, size), 64, NULL) != NULL;
        bool checked = json_valid(levels, bytes_of(text, size));
        if (read != checked)
            fail_msg("reader says %d, checker %d: %.*s", read, checked, (int)size, text);
        valid += read;
    }
    assert_true(valid > 1000);
    json_destroy(document);
    json_destroy(levels);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

static void writes(struct buffer *buffer, const char *expected)
{
    buffer_put_u8(buffer, 0);
    assert_string_equal((const char *)buffer->data, expected);
    buffer_free(buffer);
}

static void writer_places_commas(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_WITH_LIMIT(4096);
    struct json_writer w = json_writer_on(&buffer);
    json_open_object(&w);
    json_key(&w, "a");
    json_open_array(&w);
    json_put_integer(&w, INT64_MIN);
    json_put_unsigned(&w, UINT64_MAX);
    json_open_object(&w);
    json_close_object(&w);
    json_put_null(&w);
    json_close_array(&w);
    json_key(&w, "b");
    json_put_boolean(&w, true);
    json_key(&w, "c");
    json_put_raw(&w, BYTES_LITERAL("{\"x\":1}"));
    json_key(&w, "d");
    json_put_hex(&w, bytes_of("\x00\xff\x1a", 3));
    json_key(&w, "e");
    json_put_hex(&w, BYTES_NONE);
    json_key(&w, "f");
    json_put_text(&w, BYTES_NONE);
    json_close_object(&w);
    writes(&buffer, "{\"a\":[-9223372036854775808,18446744073709551615,{},null],\"b\":true,\"c\":{\"x\":1},\"d\":\"00ff1a\",\"e\":null,\"f\":null}");
}

static void writer_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"plain", "\"plain\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"a\xff" "b", "\"a\xef\xbf\xbd" "b\""},
        {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},             /* overlong */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {"\xf0\x9f\x98", "\"\xef\xbf\xbd\""},                      /* cut short: one piece */
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"", "\"\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer buffer = BUFFER_WITH_LIMIT(4096);
        struct json_writer w = json_writer_on(&buffer);
        json_put_text(&w, bytes_from_text(rows[i].text));
        writes(&buffer, rows[i].expected);
    }
}

static void writer_prints_the_shortest_real(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *expected;
    } rows[] = {{0.1, "0.1"}, {1, "1.0"}, {-2.5, "-2.5"}, {1e21, "1e21"}, {5e-324, "5e-324"}, {0.30000000000000004, "0.30000000000000004"},
                {4.21, "4.21"}, {1.7976931348623157e308, "1.7976931348623157e308"}, {NAN, "null"}, {INFINITY, "null"}, {-INFINITY, "null"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer buffer = BUFFER_WITH_LIMIT(4096);
        struct json_writer w = json_writer_on(&buffer);
        json_put_real(&w, rows[i].value);
        writes(&buffer, rows[i].expected);
    }
}

static void writer_at_its_limit_fails_quietly(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_WITH_LIMIT(10);
    struct json_writer w = json_writer_on(&buffer);
    json_open_array(&w);
    for (int i = 0; i < 100; i++)
        json_put_text(&w, BYTES_LITERAL("text\xff"));
    json_put_real(&w, 0.5);
    json_close_array(&w);
    assert_true(buffer.failed);
    assert_true(buffer.size <= 10);
    buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_out_as_they_went_in),
        cmocka_unit_test(absent_values_answer_for_themselves),
        cmocka_unit_test(numbers_are_read_exactly),
        cmocka_unit_test(members_come_in_file_order),
        cmocka_unit_test(bad_texts_are_refused_with_the_place),
        cmocka_unit_test(depth_counts_levels_not_siblings),
        cmocka_unit_test(deep_and_large_texts_are_limits_not_crashes),
        cmocka_unit_test(reading_again_allocates_nothing),
        cmocka_unit_test(checker_and_reader_agree),
        cmocka_unit_test(writer_places_commas),
        cmocka_unit_test(writer_escapes),
        cmocka_unit_test(writer_prints_the_shortest_real),
        cmocka_unit_test(writer_at_its_limit_fails_quietly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
