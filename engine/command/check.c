/*
 * check.c - `assay check`: is the configuration right, and what do its numbers mean?
 */
#include "engine/command/check_report.h"

#include "engine/base/memory.h"
#include "engine/command/find_rules.h"
#include "engine/flow/topics.h"

#include <stdio.h>

static const char help[] =
    "assay check [-c FILE] [--set NAME=VALUE …] [--kafka] [--json] [--print-config]\n\n"
    "Reads configuration and rules as `assay run` would, and refuses what it would refuse. Then it says for\n"
    "each rule, at 100, 1,000 and 10,000 observations a day: how small a change shows in a day, a week, a\n"
    "month; how often a series in which nothing changes cries wolf, and how often it would if the rule's\n"
    "number alone decided; how long the baseline takes. Last comes the phase of the roll-out and what to do\n"
    "next. With --kafka it looks at the cluster, too: topics and their settings, and what the newest spans\n"
    "carry; and, where registry.url is set, whether the registry takes the schemas of the outputs. --print-config shows every option and where its value came from, and nothing else.\n\n"
    "Exit codes: 0 right, 1 the topics are not, or the registry refuses a schema (--kafka), 2 arguments,\n"
    "configuration or rules, 3 the cluster or the registry does not answer.\n";

/* Takes --kafka out of argv, so that the common reader sees the rest. */
static bool take_kafka(int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], "--kafka") != 0)
            argv[kept++] = argv[i];
    bool given = kept < *argc;
    *argc = kept;
    return given;
}

static int look_at_kafka(struct check_findings *findings, struct error *error)
{
    struct bus *bus = setup_open_kafka(findings->setup, error);
    if (bus == NULL)
        return COMMAND_USAGE;
    struct topic_info info;
    int code = COMMAND_FATAL;
    /* The first question tells an absent cluster from absent topics. */
    if (bus_describe(bus, findings->setup->config->topic_spans, &info, error)) {
        code = topics_check(bus, &findings->setup->flow, error) ? COMMAND_OK : COMMAND_FAILED;
        if (code == COMMAND_OK && !setup_settle_outputs(findings->setup, false, error))
            code = error->code == ERROR_UNAVAILABLE ? COMMAND_FATAL : COMMAND_FAILED;
        struct error why;
        if (code != COMMAND_FATAL && !phase_find(findings->setup, bus, &findings->phases, code == COMMAND_OK ? error : &why))
            code = COMMAND_FATAL;
    }
    bus_close(bus);
    return code;
}

static int check_setup(struct check_findings *findings, const struct command_arguments *arguments,
                       const struct command_operators *operators, struct error *error)
{
    const struct rule_set *rules = findings->setup->rules;
    struct rule_check *checks = memory_allocate_array(rules->count + 1, sizeof *checks);
    int code = COMMAND_OK;
    for (uint32_t r = 0; r < rules->count && code == COMMAND_OK; r++)
        if (!check_rule(&rules->rules[r], operators, (uint32_t)findings->setup->config->series_max, &checks[r], error)) {
            (void)error_prefix(error, "%s", findings->setup->config->rules_file);
            code = COMMAND_USAGE;
        }
    findings->rules = checks;
    if (code == COMMAND_OK && !setup_open_schemas(findings->setup, true, error))
        code = COMMAND_USAGE;
    if (code == COMMAND_OK && findings->kafka)
        code = look_at_kafka(findings, error);
    else if (code == COMMAND_OK)
        (void)phase_find(findings->setup, NULL, &findings->phases, error);
    findings->topics = code == COMMAND_FAILED ? error->message : NULL;
    if (code == COMMAND_OK || code == COMMAND_FAILED) {
        if (arguments->json)
            check_report_json(findings);
        else
            check_report_words(findings);
    }
    memory_free(checks);
    return code;
}

static int print_config(const struct setup *setup)
{
    struct buffer text = BUFFER_WITH_LIMIT((size_t)1 << 20);
    config_print(setup->config, &text);
    (void)printf("%.*s", (int)text.size, (const char *)text.data);
    buffer_free(&text);
    return COMMAND_OK;
}

int command_check(int argc, char **argv, const struct command_operators *operators)
{
    struct command_arguments arguments = {0};
    struct error error = {0};
    char rules[FIND_RULES_BYTES];
    bool kafka = take_kafka(&argc, argv);
    bool good = command_read_arguments(argc, argv, &arguments, &error);
    if (good && arguments.files_from < argc && !arguments.help)
        good = error_set(&error, ERROR_INPUT, "check takes no files; name the configuration with -c %s", argv[arguments.files_from]);
    if (!good)
        return command_fail(&arguments, &error, COMMAND_USAGE);
    if (arguments.help) {
        (void)fputs(help, stdout);
        return COMMAND_OK;
    }
    struct setup *setup = find_rules(&arguments, rules, &error) ? setup_load(&arguments, operators, &error) : NULL;
    if (setup == NULL)
        return command_fail(&arguments, &error, COMMAND_USAGE);
    struct check_findings findings = {.setup = setup, .config_path = arguments.config_path, .kafka = kafka};
    int code = arguments.print_config ? print_config(setup) : check_setup(&findings, &arguments, operators, &error);
    if (code != COMMAND_OK)
        (void)command_fail(&arguments, &error, code);
    setup_destroy(setup);
    return code;
}
