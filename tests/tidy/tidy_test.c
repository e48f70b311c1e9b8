/* tidy_test.c - the tree obeys its own rules; and the rules notice planted violations. */
#define _GNU_SOURCE
#include "tests/test.h"

#include "tests/tidy/rules.h"

#include <ftw.h>

static struct tidy_findings found;
static unsigned source_lines[4096];
static size_t sources;

/* ---- planted violations ------------------------------------------------------------------------ */

#define HEAD "/* a.c - what this file is for, said. */\n"

static const struct {
    const char *path;
    const char *text;
    int rule; /* -1: nothing may be found */
} planted[] = {
    {"engine/base/a.c",
     HEAD "#include \"engine/base/bytes.h\"\nstatic const int k[] = {1};\nint f(void);\n", -1},
    {"engine/base/a.c", HEAD "#include \"engine/bus/ports.h\"\n", TIDY_INCLUDE},
    {"engine/bus/a.c", HEAD "#include \"engine/span/span_batch.h\"\n", TIDY_INCLUDE},
    {"engine/state/a.c", HEAD "#include \"engine/bus/ports.h\"\n", -1},
    {"engine/state/a.c", HEAD "#include \"engine/bus/kafka.h\"\n", TIDY_INCLUDE},
    {"engine/operator/a.c", HEAD "#include \"engine/flow/shard.h\"\n", TIDY_INCLUDE},
    {"engine/flow/a.c", HEAD "#include \"operators/math/special.h\"\n", TIDY_INCLUDE},
    {"engine/command/a.c", HEAD "#include \"operators/registry.h\"\n", TIDY_INCLUDE},
    {"engine/main.c", HEAD "#include \"operators/registry.h\"\nstatic int stop;\n", -1},
    {"operators/annotate/cost.c", HEAD "#include \"operators/annotate/cost.h\"\n", -1},
    {"operators/annotate/cost.c", HEAD "#include \"operators/annotate/latency.h\"\n", TIDY_INCLUDE},
    {"operators/annotate/cost.c", HEAD "#include \"operators/annotate/annotate.h\"\n", -1},
    {"operators/detect/shift_arm.c", HEAD "#include \"operators/detect/shift_state.h\"\n", -1},
    {"operators/track/prompt_effect.c", HEAD "#include \"operators/track/prompt.h\"\n",
     TIDY_INCLUDE},
    {"operators/registry.h",
     HEAD "#ifndef OPERATORS_REGISTRY_H\n#include \"operators/track/trace.h\"\n#endif\n", -1},
    {"operators/detect/shift.c", HEAD "#include \"operators/track/trace.h\"\n", TIDY_INCLUDE},
    {"operators/math/a.c", HEAD "#include \"engine/state/layout.h\"\n", TIDY_INCLUDE},
    {"engine/base/a.c", HEAD "#include \"bytes.h\"\n", TIDY_INCLUDE},
    {"tests/base/a.c", HEAD "#include \"engine/base/bytes.c\"\n", TIDY_INCLUDE},
    {"engine/flow/a.c", HEAD "#include \"engine/bus/kafka_internal.h\"\n", TIDY_INCLUDE},
    {"engine/base/a.c",
     HEAD "/*\n a <b\n c */\nint f(const char *a) { return f(\"\\n\" \"include \\\"x\"); }\n", -1},
    {"engine/base/a.c", HEAD "/* #include \"engine/flow/shard.h\" */\n", -1},
    {"engine/bus/kafka_member.c", HEAD "#include <librdkafka/rdkafka.h>\n", TIDY_HOME},
    {"engine/bus/kafka_internal.h",
     HEAD "#ifndef ENGINE_BUS_KAFKA_INTERNAL_H\n#include <librdkafka/rdkafka.h>\n#endif\n", -1},
    {"engine/flow/a.c", HEAD "#include <yyjson.h>\n", TIDY_HOME},
    {"engine/flow/a.c", HEAD "#include <glib.h>\n", TIDY_HOME},
    {"tests/bus/a.c", HEAD "#include <librdkafka/rdkafka_mock.h>\n", -1},
    {"engine/base/a.c", HEAD "int f(char *a) { strcpy(a, \"\"); return 0; }\n", TIDY_CALL},
    {"tests/base/a.c", HEAD "int f(char *a) { return sprintf (a, \"\"); }\n", TIDY_CALL},
    {"tests/base/a.c", HEAD "int f(const char *a) { return atoi(a); }\n", -1},
    {"engine/base/a.c", HEAD "void f(void *a) { free(a); }\n", TIDY_CALL},
    {"engine/base/memory.c", HEAD "void f(void *a) { free(a); }\n", -1},
    {"engine/base/a.c", HEAD "void f(struct x *a) { a->free(a); }\n", -1},
    {"engine/base/a.c", HEAD "void f(void) { g(\"system(1)\"); } // system(2)\n", -1},
    {"engine/base/a.c",
     HEAD "void f(void *a) { free(a); /* tidy: allow call, because it is curl's */ }\n", -1},
    {"engine/base/a.c", HEAD "#define F(a) \\\n    free(a)\n", TIDY_CALL},
    {"engine/base/a.c", "int f(void);\n", TIDY_COMMENT},
    {"engine/base/a.h", HEAD "#ifndef A_H\n#endif\n", TIDY_COMMENT},
    {"engine/base/a.c", HEAD "static int counter;\n", TIDY_GLOBAL},
    {"engine/base/a.c", HEAD "int table[3] = {1, 2, 3};\n", TIDY_GLOBAL},
    {"engine/base/a.c", HEAD "static void (*hook)(int) = 0;\n", TIDY_GLOBAL},
    {"engine/base/a.c", HEAD "static struct { int a; } state;\n", TIDY_GLOBAL},
    {"engine/base/a.c", HEAD "static _Thread_local unsigned depth;\n", TIDY_GLOBAL},
    {"engine/base/a.c", HEAD "int f(void)\n{\n    static int calls;\n    return ++calls;\n}\n",
     TIDY_GLOBAL},
    {"engine/base/a.c", HEAD "int f(void)\n{\n    static const int k = 3;\n    return k;\n}\n", -1},
    {"engine/base/a.c",
     HEAD "/* tidy: allow global, because one level serves all threads */\nstatic int level;\n",
     -1},
    {"engine/base/a.c",
     HEAD "struct a;\nstruct b { int c; };\nenum d { E, F = 2 };\ntypedef int (*g)(void);\n", -1},
    {"engine/base/a.c",
     HEAD "static_assert(sizeof(int) == 4, \"x\");\nconst struct a b = {.c = {1, 2}};\n", -1},
    {"engine/base/a.c",
     HEAD "static int f(int a) __attribute__((cold));\nextern const int table[];\n", -1},
    {"config/a.yaml",
     "path: /wo"
     "rk/shared\n",
     TIDY_PATH},
    {"config/a.yaml",
     "path: /network/rk, the/wo"
     "rk/x\n",
     -1},
    {"run",
     "URIs: http://deb.deb"
     "ian.org/debian\n",
     TIDY_PATH},
};

static void expect_only(const char *path, const char *text, int rule)
{
    struct tidy_findings got = {0};
    if (strstr(path, ".c") != NULL || strstr(path, ".h") != NULL)
        tidy_check_source(path, text, &got);
    tidy_check_text(path, text, &got);
    size_t expected = rule < 0 ? 0 : 1;
    if (got.count != expected || (expected == 1 && (int)got.items[0].rule != rule)) {
        print_error("in %s:\n%s\nexpected %s, found %zu:\n", path, text,
                    rule < 0 ? "nothing" : tidy_rule_names[rule], got.count);
        for (size_t i = 0; i < got.count; i++)
            print_error("  %s: %s\n", tidy_rule_names[got.items[i].rule], got.items[i].text);
        free(got.items);
        fail();
    }
    free(got.items);
}

static void planted_violations_are_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof planted / sizeof *planted; i++)
        expect_only(planted[i].path, planted[i].text, planted[i].rule);
}

/* lines: of the body, braces included. */
static void fill_function(char *out, size_t size, unsigned lines)
{
    size_t used = (size_t)snprintf(out, size, HEAD "int f(void)\n{\n");
    for (unsigned i = 2; i < lines; i++)
        used += (size_t)snprintf(out + used, size - used, "    g();\n");
    snprintf(out + used, size - used, "}\n");
}

static void long_functions_and_files_are_reported(void **state)
{
    (void)state;
    static char text[65536];
    fill_function(text, sizeof text, TIDY_FUNCTION_LINES_MAX);
    expect_only("engine/base/a.c", text, -1);
    fill_function(text, sizeof text, TIDY_FUNCTION_LINES_MAX + 1);
    expect_only("engine/base/a.c", text, TIDY_FUNCTION);
    expect_only("tests/base/a.c", text, -1);
    size_t used = (size_t)snprintf(text, sizeof text, HEAD);
    for (unsigned i = 0; i < TIDY_FILE_LINES_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "int f%u(void);\n", i);
    expect_only("engine/base/a.c", text, TIDY_FILE);
}

/* ---- the tree ---------------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    size_t capacity = 1 << 21;
    char *text = malloc(capacity);
    size_t size = text != NULL ? fread(text, 1, capacity - 1, file) : 0;
    fclose(file);
    if (text == NULL || memchr(text, '\0', size) != NULL) {
        free(text); /* not text */
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static bool is_source(const char *path)
{
    const char *dot = strrchr(path, '.');
    bool in_tree = strncmp(path, "engine/", 7) == 0 || strncmp(path, "operators/", 10) == 0 ||
                   strncmp(path, "tests/", 6) == 0 || strncmp(path, "bench/", 6) == 0;
    return in_tree && dot != NULL && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0);
}

static int visit(const char *full, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    const char *path = full + strlen(ASSAY_SOURCE_DIR) + 1;
    if (type == FTW_D && place->level == 1 && (strcmp(path, "build") == 0 || path[0] == '.'))
        return strcmp(path, ".ci") == 0 ? FTW_CONTINUE : FTW_SKIP_SUBTREE;
    if (type == FTW_D && (strstr(path, "/corpus") != NULL || strstr(path, "__pycache__") != NULL))
        return FTW_SKIP_SUBTREE;
    char *text = type == FTW_F ? read_text(full) : NULL;
    if (text == NULL)
        return FTW_CONTINUE;
    tidy_check_text(path, text, &found);
    if (is_source(path)) {
        tidy_check_source(path, text, &found);
        if (sources < sizeof source_lines / sizeof *source_lines && strstr(path, ".c") != NULL &&
            strncmp(path, "tests/", 6) != 0)
            source_lines[sources++] = tidy_count_lines(text);
        if (tidy_count_lines(text) > TIDY_FILE_LINES_WARN && strncmp(path, "tests/", 6) != 0)
            print_message("long: %s has %u lines\n", path, tidy_count_lines(text));
    }
    free(text);
    return FTW_CONTINUE;
}

static int read_tree(void **state)
{
    (void)state;
    return nftw(ASSAY_SOURCE_DIR, visit, 16, FTW_PHYS | FTW_ACTIONRETVAL);
}

static int forget_tree(void **state)
{
    (void)state;
    free(found.items);
    return 0;
}

static void expect_clean(enum tidy_rule rule)
{
    unsigned count = 0;
    for (size_t i = 0; i < found.count; i++)
        if (found.items[i].rule == rule) {
            print_error("%s:%u: %s\n", found.items[i].path, found.items[i].line,
                        found.items[i].text);
            count++;
        }
    assert_int_equal(count, 0);
}

static int compare_lines(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a;
    unsigned right = *(const unsigned *)b;
    return (left > right) - (left < right);
}

static void includes_run_downwards(void **state)
{
    (void)state;
    expect_clean(TIDY_INCLUDE);
}
static void third_party_headers_have_one_home(void **state)
{
    (void)state;
    expect_clean(TIDY_HOME);
}
static void no_banned_call(void **state)
{
    (void)state;
    expect_clean(TIDY_CALL);
}
static void functions_fit_a_screen(void **state)
{
    (void)state;
    expect_clean(TIDY_FUNCTION);
}
static void files_say_what_they_are_for(void **state)
{
    (void)state;
    expect_clean(TIDY_COMMENT);
}
static void no_mutable_state_outside_main(void **state)
{
    (void)state;
    expect_clean(TIDY_GLOBAL);
}
static void nothing_of_one_machine(void **state)
{
    (void)state;
    expect_clean(TIDY_PATH);
}

static void files_have_one_reason_to_change(void **state)
{
    (void)state;
    expect_clean(TIDY_FILE);
    assert_true(sources > 0);
    qsort(source_lines, sources, sizeof *source_lines, compare_lines);
    print_message("%zu sources, median %u lines\n", sources, source_lines[sources / 2]);
    assert_true(source_lines[sources / 2] <= TIDY_FILE_LINES_WARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_violations_are_reported),
        cmocka_unit_test(long_functions_and_files_are_reported),
        cmocka_unit_test(includes_run_downwards),
        cmocka_unit_test(third_party_headers_have_one_home),
        cmocka_unit_test(no_banned_call),
        cmocka_unit_test(functions_fit_a_screen),
        cmocka_unit_test(files_have_one_reason_to_change),
        cmocka_unit_test(files_say_what_they_are_for),
        cmocka_unit_test(no_mutable_state_outside_main),
        cmocka_unit_test(nothing_of_one_machine),
    };
    return cmocka_run_group_tests_name("tidy", tests, read_tree, forget_tree);
}
