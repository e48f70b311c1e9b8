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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_today_fits_every_release),
        cmocka_unit_test(test_changes_that_break_are_found),
        cmocka_unit_test(test_every_field_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
