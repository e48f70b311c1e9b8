/* find_rules.c - see find_rules.h. */
#include "engine/command/find_rules.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME "rules.file="
#define FILE_NAME "config/rules.yaml"

static bool are_named(const struct command_arguments *arguments)
{
    for (uint32_t i = 0; i < arguments->overrides_count; i++)
        if (strncmp(arguments->overrides[i], NAME, strlen(NAME)) == 0)
            return true;
    return arguments->config_path != NULL;
}

bool find_rules(struct command_arguments *arguments, char setting[FIND_RULES_BYTES], struct error *error)
{
    char program[FIND_RULES_BYTES - 100];
    if (are_named(arguments))
        return true;
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = 0;
    char *slash = strrchr(program, '/');
    if (slash != NULL)
        *slash = 0;
    (void)snprintf(setting, FIND_RULES_BYTES, NAME FILE_NAME);
    if (access(FILE_NAME, R_OK) != 0)
        (void)snprintf(setting, FIND_RULES_BYTES, NAME "%s/../../" FILE_NAME, program);
    if (access(setting + strlen(NAME), R_OK) != 0)
        return error_set(error, ERROR_INPUT,
                         "no rules: neither " FILE_NAME " here nor %s is there; name some with -c FILE or --set rules.file=FILE",
                         setting + strlen(NAME));
    if (arguments->overrides_count == COMMAND_OVERRIDES_MAX)
        return error_set(error, ERROR_LIMIT, "more than %d --set", COMMAND_OVERRIDES_MAX - 1);
    arguments->overrides[arguments->overrides_count++] = setting;
    return true;
}
