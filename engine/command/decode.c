/* decode.c - `assay decode`: files of spans as canonical JSON lines, with what could not be read. */
#include "engine/span/canonical_json.h"

#include "engine/base/file.h"
#include "engine/command/command.h"

#include <stdio.h>

#define FILE_BYTES_MAX ((size_t)256 << 20)

static const char help[] =
    "assay decode [--format auto|otlp_proto|otlp_json|json|avro] FILE…\n\n"
    "Prints one canonical span per line as JSON. A file is one record value, as it stands on the topic; JSON\n"
    "may also be lines. What cannot be read is named on stderr with file, span and byte.\n\n"
    "Exit codes: 0 everything was read, 1 something was not, 2 arguments.\n";

static bool print_lines(void *context, struct bytes lines, struct error *error)
{
    (void)context;
    if (fwrite(lines.data, 1, lines.size, stdout) == lines.size)
        return true;
    return error_set(error, ERROR_SYSTEM, "standard output is closed");
}

static bool decode_file(const char *path, enum encoding encoding, struct error *error)
{
    struct buffer content = BUFFER_WITH_LIMIT(FILE_BYTES_MAX);
    struct decode_report report = {0};
    bool ok = file_read_all(path, &content, error) &&
              decode_to_json(buffer_bytes(&content), encoding, print_lines, NULL, &report, error);
    buffer_free(&content);
    if (!ok)
        return error_prefix(error, "%s", path);
    if (report.bad_spans == 0)
        return true;
    return error_set(error, ERROR_INPUT, "%s: %llu of %llu spans could not be read; the first is span %u, byte %zu: %s", path,
                     (unsigned long long)report.bad_spans, (unsigned long long)(report.spans + report.bad_spans),
                     report.bad_index, report.bad_offset, report.bad_reason);
}

/* "--format NAME", which only this subcommand knows, is taken out of the arguments. */
static bool take_format(int *argc, char **argv, enum encoding *encoding, struct error *error)
{
    *encoding = ENCODING_AUTO;
    for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--format") != 0)
            continue;
        int found = ENCODING_AUTO;
        while (i + 1 < *argc && encoding_names[found] != NULL && strcmp(encoding_names[found], argv[i + 1]) != 0)
            found++;
        if (i + 1 >= *argc || encoding_names[found] == NULL)
            return error_set(error, ERROR_INPUT, "--format needs one of auto, otlp_proto, otlp_json, json, avro");
        *encoding = (enum encoding)found;
        memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 1) * sizeof *argv); /* argv ends with a NULL */
        *argc -= 2;
        i--;
    }
    return true;
}

int command_decode(int argc, char **argv, const struct command_operators *operators)
{
    (void)operators;
    struct command_arguments arguments;
    struct error error = {0};
    enum encoding encoding;
    if (!take_format(&argc, argv, &encoding, &error))
        return command_fail(NULL, &error, COMMAND_USAGE);
    if (!command_read_arguments(argc, argv, &arguments, &error))
        return command_fail(&arguments, &error, COMMAND_USAGE);
    if (arguments.help) {
        (void)fputs(help, stdout);
        return COMMAND_OK;
    }
    if (arguments.files_from >= argc) {
        (void)error_set(&error, ERROR_INPUT, "decode needs files; see assay decode --help");
        return command_fail(&arguments, &error, COMMAND_USAGE);
    }
    int code = COMMAND_OK;
    for (int i = arguments.files_from; i < argc; i++)
        if (!decode_file(argv[i], encoding, &error))
            code = command_fail(&arguments, &error, COMMAND_FAILED);
    return code;
}
