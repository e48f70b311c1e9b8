/*
 * decode.c - `assay decode`: files of spans as canonical JSON lines, with what could not be read.
 *
 * All files are read before lines are printed: what lies in several of them is told apart as in one.
 */
#include "engine/span/decode_lines.h"

#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/bus/schema_registry.h"
#include "engine/command/command.h"
#include "engine/flow/avro_input.h"

#include <stdio.h>

#define AVRO_WAIT_MS 15000 /* for one schema */
#define FILE_BYTES_MAX ((size_t)256 << 20)

static const char help[] =
    "assay decode [--format auto|otlp_proto|otlp_json|json|avro] [--content] [--schema FILE] [--registry URL] FILE…\n\n"
    "Prints one canonical span per line as JSON. A file is one record value, as it stands on the topic; JSON\n"
    "may also be lines. What cannot be read is named on stderr with file, span and byte. Files of log records\n"
    "may stand beside those of spans: their messages are shown with the span they belong to.\n\n"
    "  --format NAME   what the files are; auto looks at their first bytes\n"
    "  --content       messages, tools and documents too, in one form whatever the dialect\n"
    "  --schema FILE   the schema (.avsc) that Avro records were written with, framed or not\n"
    "  --registry URL  where the schemas are that framed Avro records name\n\n"
    "Exit codes: 0 everything was read, 1 something was not, 2 arguments.\n";

static bool print_lines(void *context, struct bytes lines, struct error *error)
{
    (void)context;
    if (fwrite(lines.data, 1, lines.size, stdout) == lines.size)
        return true;
    return error_set(error, ERROR_SYSTEM, "standard output is closed");
}

static bool decode_file(struct decode_lines *lines, const char *path, struct buffer *content,
                        struct error *error)
{
    struct decode_report report = {0};
    *content = BUFFER_WITH_LIMIT(FILE_BYTES_MAX);
    if (!file_read_all(path, content, error) ||
        !decode_lines_take(lines, buffer_bytes(content), &report, error))
        return error_prefix(error, "%s", path);
    if (report.bad_spans == 0)
        return true;
    return error_set(error, ERROR_INPUT, "%s: %llu of %llu spans could not be read; the first is span %u, byte %zu: %s", path,
                     (unsigned long long)report.bad_spans, (unsigned long long)(report.spans + report.bad_spans),
                     report.bad_index, report.bad_offset, report.bad_reason);
}

struct decode_options {
    enum encoding encoding;
    bool content;
    const char *schema, *registry; /* NULL: none */
};

static bool find_encoding(const char *name, enum encoding *encoding, struct error *error)
{
    for (int i = 0; encoding_names[i] != NULL; i++) {
        if (strcmp(name, encoding_names[i]) == 0) {
            *encoding = (enum encoding)i;
            return true;
        }
    }
    return error_set(error, ERROR_INPUT, "--format needs one of auto, otlp_proto, otlp_json, json, avro");
}

/* Takes decode's own options out of argv; the others are left for command_read_arguments. */
static bool take_options(int *argc, char **argv, struct decode_options *options, struct error *error)
{
    int kept = 1, at = 1;
    for (; at < *argc && argv[at][0] == '-' && strcmp(argv[at], "--") != 0; at++) {
        if (strcmp(argv[at], "--content") == 0) {
            options->content = true;
        } else if (strcmp(argv[at], "--format") == 0) {
            if (!find_encoding(at + 1 < *argc ? argv[++at] : "", &options->encoding, error))
                return false;
        } else if (strcmp(argv[at], "--schema") == 0 || strcmp(argv[at], "--registry") == 0) {
            const char **out = argv[at][2] == 's' ? &options->schema : &options->registry;
            if (at + 1 == *argc)
                return error_set(error, ERROR_INPUT, "%s needs a value", argv[at]);
            *out = argv[++at];
        } else {
            argv[kept++] = argv[at];
        }
    }
    for (; at < *argc; at++)
        argv[kept++] = argv[at];
    *argc = kept;
    return true;
}

/* Who has schemas, as the arguments say; *input stays NULL when they say nothing. */
static bool open_avro(const struct decode_options *options, struct schema_registry **registry, struct avro_input **input,
                      struct error *error)
{
    struct buffer schema = BUFFER_WITH_LIMIT(FILE_BYTES_MAX);
    struct schema_registry_options remote = schema_registry_options_default;
    remote.url = options->registry;
    struct avro_input_options own = {.schemas_max = remote.schemas_max, .wait_ms = AVRO_WAIT_MS, .patient = true};
    if (options->schema == NULL && options->registry == NULL)
        return true;
    bool good = options->registry == NULL || schema_registry_start(&remote, registry, error);
    if (good && options->schema != NULL && !file_read_all(options->schema, &schema, error))
        good = error_prefix(error, "%s", options->schema);
    own.registry = *registry;
    own.local = buffer_bytes(&schema);
    if (good) {
        *input = avro_input_create(&own, error);
        good = *input != NULL || error_prefix(error, "%s", options->schema);
    }
    buffer_free(&schema);
    return good;
}

static int decode_files(const struct command_arguments *arguments, const struct decode_options *options, int argc, char **argv)
{
    struct error error = {0};
    int code = COMMAND_OK;
    struct decode_lines *lines = decode_lines_open(options->encoding, options->content, print_lines, NULL);
    struct schema_registry *registry = NULL;
    struct avro_input *avro = NULL;
    struct buffer *contents = memory_allocate_array((size_t)argc, sizeof *contents);
    bool good = open_avro(options, &registry, &avro, &error);
    if (!good)
        code = command_fail(arguments, &error, COMMAND_USAGE);
    else if (avro != NULL)
        decode_lines_use_avro(lines, avro_input_decoder(avro));
    for (int i = arguments->files_from; good && i < argc; i++)
        if (!decode_file(lines, argv[i], &contents[i], &error))
            code = command_fail(arguments, &error, COMMAND_FAILED);
    if (!decode_lines_finish(lines, &error))
        code = command_fail(arguments, &error, COMMAND_FAILED);
    for (int i = arguments->files_from; i < argc; i++)
        buffer_free(&contents[i]);
    memory_free(contents);
    decode_lines_close(lines);
    avro_input_destroy(avro);
    schema_registry_stop(registry);
    return code;
}

int command_decode(int argc, char **argv, const struct command_operators *operators)
{
    (void)operators;
    struct command_arguments arguments = {0};
    struct decode_options options = {.encoding = ENCODING_AUTO};
    struct error error = {0};
    if (!take_options(&argc, argv, &options, &error) ||
        !command_read_arguments(argc, argv, &arguments, &error))
        return command_fail(&arguments, &error, COMMAND_USAGE);
    if (arguments.help) {
        (void)fputs(help, stdout);
        return COMMAND_OK;
    }
    if (arguments.files_from >= argc) {
        (void)error_set(&error, ERROR_INPUT, "decode needs files; see assay decode --help");
        return command_fail(&arguments, &error, COMMAND_USAGE);
    }
    return decode_files(&arguments, &options, argc, argv);
}
