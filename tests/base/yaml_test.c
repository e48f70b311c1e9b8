/* yaml_test.c - what is read, where it stands, and that hostile files end in a message. */
#define _POSIX_C_SOURCE 200809L
#include "tests/test.h"

#include "engine/base/buffer.h"
#include "engine/base/yaml.h"

#include <unistd.h>

static struct yaml_document *parse(const char *text)
{
    struct error error = {0};
    struct yaml_document *document = yaml_parse("f", bytes_from_text(text), &error);
    assert_string_equal(error.message, "");
    assert_non_null(document);
    return document;
}

static void position_is(const struct yaml_node *node, const char *expected)
{
    struct error error = {0};
    assert_false(yaml_node_error(node, &error, "%s", "here"));
    assert_string_equal(error.message, expected);
}

static void values_and_places_come_out(void **state)
{
    (void)state;
    struct yaml_document *document = parse("# comment\n"
                                           "name: assay\n"
                                           "commit:\n"
                                           "  interval: 500ms   # often\n"
                                           "list: [a, 'b c', \"d\\n\"]\n"
                                           "nothing:\n"
                                           "text: |\n"
                                           "  two\n"
                                           "  lines\n");
    const struct yaml_node *root = yaml_root(document);
    assert_int_equal(yaml_node_kind(root), YAML_MAPPING);
    assert_int_equal(yaml_node_count(root), 5);
    assert_true(bytes_equal_text(yaml_node_text(yaml_node_get(root, "name")), "assay"));
    const struct yaml_node *interval = yaml_node_get(yaml_node_get(root, "commit"), "interval");
    assert_true(bytes_equal_text(yaml_node_text(interval), "500ms"));
    position_is(interval, "f:4:13: here");
    const struct yaml_node *list = yaml_node_get(root, "list");
    assert_int_equal(yaml_node_kind(list), YAML_SEQUENCE);
    assert_int_equal(yaml_node_count(list), 3);
    assert_true(bytes_equal_text(yaml_node_text(yaml_node_item(list, 1)), "b c"));
    assert_true(bytes_equal_text(yaml_node_text(yaml_node_item(list, 2)), "d\n"));
    assert_false(bytes_present(yaml_node_text(list)));
    const struct yaml_node *nothing = yaml_node_get(root, "nothing");
    assert_true(bytes_present(yaml_node_text(nothing)));
    assert_int_equal(yaml_node_text(nothing).size, 0);
    position_is(nothing, "f:6:1: here");
    assert_true(bytes_equal_text(yaml_node_text(yaml_node_get(root, "text")), "two\nlines\n"));
    assert_null(yaml_node_get(root, "absent"));
    assert_null(yaml_node_get(list, "absent"));
    const struct yaml_node *key;
    const struct yaml_node *value;
    yaml_node_pair(root, 1, &key, &value);
    assert_true(bytes_equal_text(yaml_node_text(key), "commit"));
    position_is(key, "f:3:1: here");
    assert_int_equal(yaml_node_kind(value), YAML_MAPPING);
    yaml_destroy(document);
}

static void empty_files_have_no_root(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n\n", "# only a comment\n"};
    for (size_t i = 0; i < 3; i++) {
        struct yaml_document *document = parse(texts[i]);
        assert_null(yaml_root(document));
        yaml_destroy(document);
    }
    yaml_destroy(NULL);
}

static void aliases_repeat_their_anchor(void **state)
{
    (void)state;
    struct yaml_document *document = parse("a: &x {k: 1, l: [2]}\nb: *x\nc: &x 3\nd: *x\n");
    const struct yaml_node *root = yaml_root(document);
    const struct yaml_node *b = yaml_node_get(root, "b");
    assert_int_equal(yaml_node_kind(b), YAML_MAPPING);
    assert_true(bytes_equal_text(yaml_node_text(yaml_node_get(b, "k")), "1"));
    position_is(b, "f:2:5: here");
    assert_true(bytes_equal_text(yaml_node_text(yaml_node_get(root, "d")), "3"));
    yaml_destroy(document);
}

static void refuses(struct bytes text, const char *message)
{
    struct error error = {0};
    struct yaml_document *document = yaml_parse("f", text, &error);
    if (document != NULL || strstr(error.message, message) != error.message)
        fail_msg("expected \"%s\", got \"%s\"", message, error.message);
}

static void bad_files_are_refused_with_their_place(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"a: 1\nb: [x, y\n", "f:3:1: flow sequence without a closing bracket"},
        {"a: 1\n\na: 2\n", "f:3:1: \"a\" is here twice, first on line 1; remove one"},
        {"m: {k: 1, j: 2, k: 3}\n", "f:1:17: \"k\" is here twice, first on line 1"},
        {"a:\n\tb: 1\n", "f:2:1: tab character"},
        {"a: b: c\n", "f:1:5: invalid nested block mapping"},
        {"a: !!int 3\n", "f:1:10: tags (!"},
        {"a: !x {b: 1}\n", "f:1:7: tags (!"},
        {"a: 1\n---\nb: 2\n", "f:2:1: a second document"},
        {"a: &x [*x]\n", "f:1:9: *x stands inside itself"},
        {"a: *no\n", "f:1:5: no anchor &no before this place"},
        {"? [a]\n: b\n", "f:1:3: a list or mapping cannot be a key"},
        {"a: %x\n", "f:1:4: plain scalar cannot start with '%'"},
        {"a: 1\nb: \xff\n", "f:2:4: not UTF-8 text"},
        {"\xff\xfe" "a", "f:1:1: not UTF-8 text"},
        {"a: \"x\n", "f:"},
        {"}", "f:1:1: "},
        {"a: 'b' c\n", "f:1:8: "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuses(bytes_from_text(rows[i][0]), rows[i][1]);
    refuses(bytes_of("a: b\0c\n", 7), "f:1:5: not UTF-8 text");
    refuses(bytes_of("a\0", 2), "f:1:2: not UTF-8 text");
}

static void repeat(struct buffer *buffer, const char *text, int times)
{
    for (int i = 0; i < times; i++)
        buffer_append_text(buffer, text);
}

static void hostile_files_end_in_a_message(void **state)
{
    (void)state;
    static const struct {
        const char *piece;
        int times;
        const char *message;
    } rows[] = {
        {"[", 50000, "f:1:33: nested more than 32 levels"},
        {"{a: ", 50000, "f:1:129: nested more than 32 levels"},
        {"- ", 50000, "f:1:65: nested more than 32 levels"},
        {"? ", 50000, "f:1:"},
        {"- a\n", 150000, "f:100000:3: more than 100000 values"},
        {"xxxxxxxxxxxxxxxx", 300000, "f: larger than 4 MiB"},
        {"&a ", 1000, "f:1:"},
        {"*a ", 1000, "f:1:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer buffer = BUFFER_WITH_LIMIT(8 << 20);
        repeat(&buffer, rows[i].piece, rows[i].times);
        refuses(buffer_bytes(&buffer), rows[i].message);
        buffer_free(&buffer);
    }
}

static void alias_bombs_are_counted_as_written_out(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_WITH_LIMIT(1 << 20);
    buffer_append_text(&buffer, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        buffer_printf(&buffer, "a%d: &a%d [", i, i);
        for (int n = 0; n < 9; n++)
            buffer_printf(&buffer, "*a%d, ", i - 1);
        buffer_append_text(&buffer, "x]\n");
    }
    refuses(buffer_bytes(&buffer), "f:6:11: more than 100000 values");
    buffer_clear(&buffer);
    buffer_append_text(&buffer, "[");
    for (int i = 0; i < 300; i++)
        buffer_printf(&buffer, "&a%d x, ", i);
    buffer_append_text(&buffer, "x]\n");
    refuses(buffer_bytes(&buffer), "f:1:");
    buffer_free(&buffer);
}

static void large_files_within_the_limits_are_read(void **state)
{
    (void)state;
    struct buffer buffer = BUFFER_WITH_LIMIT(4 << 20);
    for (int i = 0; i < 49000; i++)
        buffer_printf(&buffer, "key_number_%d: some value\n", i);
    struct error error = {0};
    struct yaml_document *document = yaml_parse("f", buffer_bytes(&buffer), &error);
    assert_non_null(document);
    assert_int_equal(yaml_node_count(yaml_root(document)), 49000);
    yaml_destroy(document);
    buffer_free(&buffer);
}

static void files_are_loaded_or_named(void **state)
{
    (void)state;
    struct error error = {0};
    assert_null(yaml_load("/nowhere/assay.yaml", &error));
    assert_string_equal(error.message, "/nowhere/assay.yaml: cannot be opened: No such file or directory");
    assert_null(yaml_load("/", &error));
    assert_string_equal(error.message, "/: cannot be read: Is a directory");
    char path[300];
    snprintf(path, sizeof path, "%s/a.yaml", test_scratch_folder());
    FILE *file = fopen(path, "w");
    fputs("a: 1\n", file);
    fclose(file);
    struct yaml_document *document = yaml_load(path, &error);
    assert_true(bytes_equal_text(yaml_node_text(yaml_node_get(yaml_root(document), "a")), "1"));
    yaml_destroy(document);
    unlink(path);
    rmdir(test_scratch_folder());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_places_come_out),
        cmocka_unit_test(empty_files_have_no_root),
        cmocka_unit_test(aliases_repeat_their_anchor),
        cmocka_unit_test(bad_files_are_refused_with_their_place),
        cmocka_unit_test(hostile_files_end_in_a_message),
        cmocka_unit_test(alias_bombs_are_counted_as_written_out),
        cmocka_unit_test(large_files_within_the_limits_are_read),
        cmocka_unit_test(files_are_loaded_or_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
