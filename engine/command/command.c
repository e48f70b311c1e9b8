/* command.c - argument reading that subcommands share. */
#include "engine/command/command.h"

#include "engine/base/json.h"

#include <stdio.h>

static bool take_value(int argc, char **argv, int *at, const char *name, const char **out, struct error *error)
{
    if (*at + 1 >= argc)
        return error_set(error, ERROR_INPUT, "%s needs a value", name);
    *out = argv[++*at];
    return true;
}

static bool take_option(int argc, char **argv, int *at, struct command_arguments *out, struct error *error)
{
    const char *name = argv[*at];
    if (strcmp(name, "-c") == 0 || strcmp(name, "--config") == 0)
        return take_value(argc, argv, at, name, &out->config_path, error);
    if (strcmp(name, "--set") == 0) {
        if (out->overrides_count == COMMAND_OVERRIDES_MAX)
            return error_set(error, ERROR_LIMIT, "more than %d --set", COMMAND_OVERRIDES_MAX);
        return take_value(argc, argv, at, name, &out->overrides[out->overrides_count++], error);
    }
    if (strcmp(name, "--json") == 0)
        out->json = true;
    else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        out->help = true;
    else if (strcmp(name, "--print-config") == 0)
        out->print_config = true;
    else
        return error_set(error, ERROR_INPUT, "unknown option %s; see assay %s --help", name, argv[0]);
    return true;
}

bool command_read_arguments(int argc, char **argv, struct command_arguments *out, struct error *error)
{
    *out = (struct command_arguments){0};
    int at = 1;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != 0; at++) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        if (!take_option(argc, argv, &at, out, error))
            return false;
    }
    out->files_from = at;
    return true;
}

int command_fail(const struct command_arguments *arguments, const struct error *error, int code)
{
    if (arguments != NULL && arguments->json) {
        struct buffer text = BUFFER_WITH_LIMIT(4096);
        struct json_writer json = json_writer_on(&text);
        json_open_object(&json);
        json_key(&json, "error");
        json_put_text(&json, bytes_from_text(error->message));
        json_close_object(&json);
        (void)fprintf(stderr, "%.*s\n", (int)text.size, (const char *)text.data);
        buffer_free(&text);
    } else {
        (void)fprintf(stderr, "assay: %s\n", error->message);
    }
    return code;
}
