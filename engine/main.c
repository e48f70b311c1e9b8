/*
 * main.c - the composition root: which subcommand, and the operators it may use. It alone sees the
 * registry.
 */
#include "engine/command/command.h"
#include "operators/registry.h"

#include <stdio.h>

struct subcommand {
    const char *name;
    command_function *function;
    const char *summary;
};

static const struct subcommand subcommands[] = {
    {"demo", command_demo, "weeks of invented traffic with scripted incidents; needs no Kafka"},
    {"run", command_run, "the engine, on Kafka"},
    {"replay", command_replay, "the engine on files: every alert, and what is missing"},
    {"check", command_check, "is the configuration right, and what do its numbers mean?"},
    {"topics", command_topics, "lists the topics an application needs, creates what is missing"},
    {"decode", command_decode, "files of spans as canonical JSON lines"},
};
#define SUBCOMMANDS (sizeof subcommands / sizeof subcommands[0])

static void usage(FILE *out)
{
    (void)fprintf(out, "assay %s: says when the quality of what LLM applications answer has moved, where and why.\n\n", ASSAY_VERSION);
    for (size_t i = 0; i < SUBCOMMANDS; i++)
        (void)fprintf(out, "  assay %-8s %s\n", subcommands[i].name, subcommands[i].summary);
    (void)fprintf(out, "\nassay COMMAND --help says more.\n");
}

static bool check_registry(void *registry, struct error *error) { return registry_check(registry, error); }

static int run_subcommand(const struct subcommand *subcommand, int argc, char **argv, struct registry *registry)
{
    struct annotator_instance annotators[REGISTRY_OPERATORS_MAX];
    struct tracker_instance trackers[REGISTRY_OPERATORS_MAX];
    struct config_section sections[2 * REGISTRY_OPERATORS_MAX];
    for (uint32_t i = 0; i < registry->annotators_count; i++)
        annotators[i] = (struct annotator_instance){registry->annotators[i].class, registry->annotators[i].conf};
    for (uint32_t i = 0; i < registry->trackers_count; i++)
        trackers[i] = (struct tracker_instance){registry->trackers[i].class, registry->trackers[i].conf};
    for (uint32_t i = 0; i < registry->sections_count; i++)
        sections[i] = (struct config_section){registry->sections[i].name, registry->sections[i].options, registry->sections[i].conf};
    struct command_operators operators = {
        .annotators = annotators, .annotators_count = registry->annotators_count,
        .trackers = trackers, .trackers_count = registry->trackers_count,
        .sure = registry_find_detector(BYTES_LITERAL("shift")), .big = registry_find_detector(BYTES_LITERAL("effect")),
        .sections = sections, .sections_count = registry->sections_count,
        .check = check_registry, .registry = registry,
    };
    return subcommand->function(argc, argv, &operators);
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? COMMAND_USAGE : COMMAND_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("assay %s\n", ASSAY_VERSION);
        return COMMAND_OK;
    }
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        if (strcmp(argv[1], subcommands[i].name) != 0)
            continue;
        struct registry *registry = registry_create();
        int code = run_subcommand(&subcommands[i], argc - 1, argv + 1, registry);
        registry_destroy(registry);
        return code;
    }
    (void)fprintf(stderr, "assay: unknown command '%s'\n\n", argv[1]);
    usage(stderr);
    return COMMAND_USAGE;
}
