/* json_suite_test.c - JSONTestSuite: 95 texts must be accepted, 188 refused, 35 are up to us but must
 * not crash; the reader and the checker agree on all. */
#define _POSIX_C_SOURCE 200809L
#include "tests/test.h"

#include "engine/base/json.h"

#define LINE_BYTES_MAX (1 << 20)

static size_t decode_base64(struct bytes text, uint8_t *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned have = 0;
    size_t used = 0;
    for (size_t i = 0; i < text.size && text.data[i] != '='; i++) {
        const char *digit = strchr(digits, text.data[i]);
        assert_non_null(digit);
        bits = bits << 6 | (uint32_t)(digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[used++] = (uint8_t)(bits >> have);
        }
    }
    return used;
}

static void accepts_and_refuses_as_the_suite_says(void **state)
{
    (void)state;
    char path[1024];
    char command[1100];
    TEST_NEEDS_DATA(path, "jsontestsuite/test_parsing.jsonl.gz");
    snprintf(command, sizeof command, "gzip -dc '%s'", path);
    FILE *lines = popen(command, "r");
    assert_non_null(lines);
    char *line = malloc(LINE_BYTES_MAX);
    uint8_t *text = malloc(LINE_BYTES_MAX);
    struct json_document *outer = json_create(32 << 20);
    struct json_document *inner = json_create(32 << 20);
    int accepted = 0;
    int refused = 0;
    int either = 0;
    while (fgets(line, LINE_BYTES_MAX, lines) != NULL) {
        const struct json_value *row = json_parse(outer, bytes_from_text(line), 8, NULL);
        assert_non_null(row);
        struct bytes name = json_text(json_get(row, "name"));
        char expect = (char)json_text(json_get(row, "expect")).data[0];
        struct bytes held = bytes_of(text, decode_base64(json_text(json_get(row, "b64")), text));
        bool checked = json_valid(inner, held);
        struct error error = {0};
        bool read = json_parse(inner, held, 1024, &error) != NULL || error.code == ERROR_LIMIT;
        if (read != checked)
            fail_msg("%.*s: reader says %d, checker %d", BYTES_FMT(name), read, checked);
        if ((expect == 'y' && !read) || (expect == 'n' && read))
            fail_msg("%.*s: %s", BYTES_FMT(name), read ? "accepted" : error.message);
        accepted += expect == 'y';
        refused += expect == 'n';
        either += expect == 'i';
    }
    assert_int_equal(pclose(lines), 0);
    assert_int_equal(accepted, 95);
    assert_int_equal(refused, 188);
    assert_int_equal(either, 35);
    json_destroy(outer);
    json_destroy(inner);
    free(line);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accepts_and_refuses_as_the_suite_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
