/*
 * command.h - one file per subcommand; what they share: operators handed in by main, exit codes,
 * reading of arguments.
 */
#ifndef ENGINE_COMMAND_COMMAND_H
#define ENGINE_COMMAND_COMMAND_H

#include "engine/config/config.h"
#include "engine/flow/options.h"

enum command_exit {
    COMMAND_OK = 0,
    COMMAND_FAILED = 1, /* it ran, and the answer is no: alerts, mismatch, bad records */
    COMMAND_USAGE = 2,  /* arguments or configuration are wrong */
    COMMAND_FATAL = 3,  /* the outside failed for good: fenced, unavailable */
};

/* Every operator of the program with its conf, from the registry that only main sees. */
struct command_operators {
    const struct annotator_instance *annotators;
    uint32_t annotators_count;
    const struct tracker_instance *trackers;
    uint32_t trackers_count;
    const struct detector_class *sure, *big;
    const struct config_section *sections;
    uint32_t sections_count;
    bool (*check)(void *registry, struct error *error); /* after the confs were set */
    void *registry;
};

/* argv[0] is the subcommand's name. The result is the exit code. */
typedef int command_function(int argc, char **argv, const struct command_operators *operators);
/* tidy: allow global, because these are functions. */
command_function command_run, command_replay, command_check, command_topics, command_decode, command_demo;

/* ---- arguments ----------------------------------------------------------------------------------------- */

#define COMMAND_OVERRIDES_MAX 64

/* What most subcommands take. */
struct command_arguments {
    const char *config_path;
    const char *overrides[COMMAND_OVERRIDES_MAX + 1];
    uint32_t overrides_count;
    bool json, help, print_config;
    int files_from; /* argv[files_from …] are the rest */
};

/* -c FILE, --set NAME=VALUE, --json, --print-config, --help, then the rest. Unknown options: false. */
bool command_read_arguments(int argc, char **argv, struct command_arguments *out, struct error *error);
/* Prints the error on stderr in one line for people, as JSON when asked; returns code. */
int command_fail(const struct command_arguments *arguments, const struct error *error, int code);

#endif
