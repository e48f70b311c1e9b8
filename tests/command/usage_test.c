/*
 * usage_test.c - what every subcommand promises: help, exit codes, errors that say where and what to do.
 */
#include "tests/command/program.h"

static int clean(void **state)
{
    (void)state;
    program_clean();
    return 0;
}

/* Names of the subcommands, out of `assay --help`. */
static uint32_t list_commands(char names[16][16])
{
    struct program_run run = PROGRAM_RUN(NULL, "--help");
    uint32_t count = 0;
    program_expect(&run, 0, "assay COMMAND --help", "");
    for (const char *at = program_out(&run); (at = strstr(at, "\n  assay ")) != NULL && count < 16; at++)
        assert_int_equal(sscanf(at, " assay %15s", names[count++]), 1);
    program_free(&run);
    assert_true(count >= 5);
    return count;
}

static void every_command_has_help(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    char names[16][16];
    uint32_t count = list_commands(names);
    for (uint32_t i = 0; i < count; i++) {
        char title[40];
        snprintf(title, sizeof title, "assay %s", names[i]);
        struct program_run run = PROGRAM_RUN(NULL, names[i], "--help");
        program_expect(&run, 0, title, "");
        program_expect(&run, 0, "Exit codes", "");
        assert_string_equal(program_err(&run), "");
        program_free(&run);
    }
}

static void unknown_words_are_refused(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    char names[16][16];
    uint32_t count = list_commands(names);
    for (uint32_t i = 0; i < count; i++) {
        struct program_run run = PROGRAM_RUN(NULL, names[i], "--no-such-option");
        program_expect(&run, 2, "", "--no-such-option");
        assert_string_equal(program_out(&run), "");
        program_free(&run);
    }
    struct program_run run = PROGRAM_RUN(NULL, "no-such-command");
    program_expect(&run, 2, "", "no-such-command");
    program_free(&run);
    run = program_run(NULL, (const char *const[]){NULL});
    program_expect(&run, 2, "", "assay COMMAND --help");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "--version");
    program_expect(&run, 0, "assay ", "");
    program_free(&run);
}

struct wrong_file {
    const char *text;
    const char *says;
};

/* The file is the configuration, or the rules of the default one. */
static void refused_by(const char *command, const char *name, const struct wrong_file *rows, size_t count)
{
    char path[300], says[400], setting[340];
    for (size_t i = 0; i < count; i++) {
        program_file(name, bytes_from_text(rows[i].text), path);
        bool rules = strcmp(name, "rules.yaml") == 0, takes_files = strcmp(command, "replay") == 0;
        snprintf(setting, sizeof setting, "rules.file=%s", path);
        snprintf(says, sizeof says, "assay: %s%s", path, rows[i].says);
        const char *const arguments[] = {command, rules ? "--set" : "-c", rules ? setting : path, takes_files ? path : NULL, NULL};
        struct program_run run = program_run(NULL, arguments);
        program_expect(&run, 2, "", says);
        assert_string_equal(program_out(&run), "");
        program_free(&run);
    }
}

static void configuration_errors_name_their_place(void **state)
{
    static const struct wrong_file rows[] = {
        {"app: x\ncomit: 3\n", ":2:1: unknown option \"comit\""},
        {"commit:\n  interval: 5\n", ":2:13: commit.interval: "},
        {"commit:\n  interval: 1h\n", ":2:13: commit.interval: "},
        {"app: [x\n", ":"},
        {"kafka:\n  enable.auto.commit: true\n", ":2:3: \"kafka.enable.auto.commit\" cannot be set: "},
    };
    static const char *const commands[] = {"run", "topics", "check", "replay"};
    (void)state;
    if (!program_is_there())
        return;
    for (size_t c = 0; c < sizeof commands / sizeof commands[0]; c++)
        refused_by(commands[c], "assay.yaml", rows, sizeof rows / sizeof rows[0]);
}

static void rule_errors_name_their_place(void **state)
{
    static const struct wrong_file rows[] = {
        {"rules:\n  - id: A\n    titel: x\n", ":3:5: "},
        {"rules:\n  - id: A\n    title: t\n    metric: format\n    watch: [{app: '*', env: '*'}]\n    effect: {ratio: 0.5, window: 1h}\n", ":6:21: "},
        {"nothing\n", ":1:1: "},
    };
    (void)state;
    if (!program_is_there())
        return;
    refused_by("check", "rules.yaml", rows, sizeof rows / sizeof rows[0]);
    refused_by("replay", "rules.yaml", rows, sizeof rows / sizeof rows[0]);
}

static void errors_are_json_where_asked_for(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run run = PROGRAM_RUN(NULL, "check", "--json", "-c", "/nowhere/assay.yaml");
    program_expect(&run, 2, "", "{\"error\":\"/nowhere/assay.yaml: cannot be opened");
    program_free(&run);
    run = PROGRAM_RUN(NULL, "decode", "--json", "/nowhere/a.pb");
    program_expect(&run, 1, "", "{\"error\":\"/nowhere/a.pb: ");
    program_free(&run);
}

static void secrets_are_masked_in_print_config(void **state)
{
    (void)state;
    if (!program_is_there())
        return;
    struct program_run run = PROGRAM_RUN(NULL, "check", "--print-config", "--set", "http.token=hunter2", "--set", "commit.interval=1s");
    program_expect(&run, 0, "commit.interval: 1s", "");
    program_expect(&run, 0, "http.token: ", "");
    assert_null(strstr(program_out(&run), "hunter2"));
    program_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_has_help),
        cmocka_unit_test(unknown_words_are_refused),
        cmocka_unit_test(configuration_errors_name_their_place),
        cmocka_unit_test(rule_errors_name_their_place),
        cmocka_unit_test(errors_are_json_where_asked_for),
        cmocka_unit_test(secrets_are_masked_in_print_config),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
