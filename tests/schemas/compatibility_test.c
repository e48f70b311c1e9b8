/*
 * compatibility_test.c - the schemas of today against every released set, both ways: whoever reads with an older
 * or a newer schema than the writer's reads every record. And that this can fail.
 */
#include "tests/test.h"

#include "engine/base/json.h"
#include "engine/span/avro_check.h"
#include "tests/schemas/files.h"
#include "tests/schemas/strict.h"

#define RELEASES_MAX 1000

/* Both directions; the error says which of them, and the field. */
static bool fits(struct bytes released, struct bytes current, struct error *error)
{
    if (!avro_check_always_reads(released, current, error))
        return error_prefix(error, "what was written with the released schema cannot be read with today's");
    if (!avro_check_always_reads(current, released, error))
        return error_prefix(error, "who has the released schema cannot read what is written today");
    return true;
}

static void test_today_fits_every_release(void **state)
{
    (void)state;
    uint32_t held = 0;
    for (int release = 1; release < RELEASES_MAX; release++) {
        uint32_t found = 0;
        for (int i = 0; i < SCHEMA_FILES; i++) {
            struct buffer current, released;
            struct error error;
            char name[100];
            snprintf(name, sizeof name, "released/%d/%s", release, schema_files[i]);
            if (schema_file_read(name, &released)) {
                assert_true(schema_file_read(schema_files[i], &current));
                if (!fits(buffer_bytes(&released), buffer_bytes(&current), &error))
                    fail_msg("%s: %s", name, error.message);
                buffer_free(&current);
                found++;
            }
            buffer_free(&released);
        }
        if (found == 0)
            break;
        held += found;
    }
    print_message("%u released schemas\n", held);
    assert_true(held >= SCHEMA_FILES);
}

/* The released text with one piece of it changed. */
static void refused(const char *file, const char *piece, const char *instead, const char *why)
{
    struct buffer released, changed = BUFFER_WITH_LIMIT(1 << 20);
    struct error error;
    char name[100];
    snprintf(name, sizeof name, "released/1/%s", file);
    assert_true(schema_file_read(name, &released));
    buffer_put_u8(&released, 0);
    const char *text = (const char *)released.data, *at = strstr(text, piece);
    if (at == NULL)
        fail_msg("%s does not hold %s", name, piece);
    buffer_append(&changed, text, (size_t)(at - text));
    buffer_append_text(&changed, instead);
    buffer_append_text(&changed, at + strlen(piece));
    released.size--;
    if (fits(buffer_bytes(&released), buffer_bytes(&changed), &error))
        fail_msg("%s: nobody minds that %s becomes %s", file, piece, instead);
    if (strstr(error.message, why) == NULL)
        fail_msg("%s: \"%s\" should say %s", file, error.message, why);
    buffer_free(&released);
    buffer_free(&changed);
}

static void test_changes_that_break_are_found(void **state)
{
    (void)state;
    refused("score.avsc", "\"name\": \"env\"", "\"name\": \"environment\"", "no field env");
    refused("score.avsc", "\"name\": \"label\"", "\"name\": \"outcome\"", "field");
    refused("alert.avsc", "\"type\": \"double\"", "\"type\": \"string\"", "effect");
    refused("alert.avsc", "\"values\": \"string\"", "\"values\": \"long\"", "labels");
    refused("judge_request.avsc", "\"name\": \"population\",\n            \"type\": \"boolean\"",
            "\"name\": \"population\",\n            \"type\": \"int\"", "population");
    refused("judge_request.avsc", "\"items\": \"string\"", "\"items\": \"long\"", "purposes");
    refused("score.avsc", "\"null\",\n        \"long\"", "\"null\",\n        \"string\"", "");
    refused("verdict.avsc", "\"fields\": [\n    {\n      \"name\": \"request_id\"",
            "\"fields\": [\n    {\"name\": \"tenant\", \"type\": \"string\"},\n    {\n      \"name\": \"request_id\"", "tenant");
}

static void test_every_field_is_explained(void **state)
{
    (void)state;
    struct json_document *json = json_create(4 << 20);
    for (int i = 0; i < SCHEMA_FILES; i++) {
        struct buffer text, why = BUFFER_WITH_LIMIT(1 << 16);
        struct error error;
        assert_true(schema_file_read(schema_files[i], &text));
        const struct json_value *root = json_parse(json, buffer_bytes(&text), 64, &error);
        bool good = root != NULL && strict_documented(root, &why);
        buffer_put_u8(&why, 0);
        if (!good)
            fail_msg("%s: %s", schema_files[i], (const char *)why.data);
        buffer_free(&text);
        buffer_free(&why);
    }
    struct buffer why = BUFFER_WITH_LIMIT(1000);
    struct bytes bare = BYTES_LITERAL("{\"type\":\"record\",\"name\":\"R\",\"doc\":\"d\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}");
    assert_false(strict_documented(json_parse(json, bare, 64, NULL), &why));
    buffer_free(&why);
    json_destroy(json);
}

/* A type of one file as another file has it. */
static void same_type(const char *one, const char *field_of_one, const char *other, const char *field_of_other)
{
    const char *const files[2] = {one, other}, *const names[2] = {field_of_one, field_of_other};
    const struct json_value *types[2] = {NULL, NULL};
    struct json_document *json[2];
    struct buffer text[2], why = BUFFER_WITH_LIMIT(1 << 16);
    struct error error;
    for (int i = 0; i < 2; i++) {
        json[i] = json_create(4 << 20);
        assert_true(schema_file_read(files[i], &text[i]));
        const struct json_value *fields = json_get(json_parse(json[i], buffer_bytes(&text[i]), 64, &error), "fields");
        for (size_t k = 0; k < json_count(fields); k++)
            if (bytes_equal_text(json_text(json_get(json_at(fields, k), "name")), names[i]))
                types[i] = json_get(json_at(fields, k), "type");
        assert_true(json_is_object(types[i]));
    }
    if (!strict_same(types[0], types[1], &why) || !strict_same(types[1], types[0], &why))
        fail_msg("%s and %s: %.*s", one, other, BYTES_FMT(buffer_bytes(&why)));
    for (int i = 0; i < 2; i++) {
        json_destroy(json[i]);
        buffer_free(&text[i]);
    }
    buffer_free(&why);
}

static void test_what_stands_in_two_files_is_the_same(void **state)
{
    (void)state;
    same_type("judge_request.avsc", "echo", "verdict.avsc", "echo");
    same_type("judge_request.avsc", "source", "score.avsc", "source");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_today_fits_every_release),
        cmocka_unit_test(test_changes_that_break_are_found),
        cmocka_unit_test(test_every_field_is_explained),
        cmocka_unit_test(test_what_stands_in_two_files_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
