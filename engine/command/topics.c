/* topics.c - `assay topics`: what the application needs, what is there, and creating the rest. */
#include "engine/flow/topics.h"

#include "engine/base/json.h"
#include "engine/command/setup.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "assay topics -c FILE [--create [--input-partitions N]] [--json]\n\n"
    "Lists every topic the application reads or writes, with the settings it must have, and whether it is\n"
    "there and right. With --create, makes the missing ones; existing topics are never changed.\n\n"
    "Exit codes: 0 all there and right, 1 something is missing or wrong, 2 arguments or configuration.\n";

struct options {
    bool create;
    int32_t input_partitions;
};

/* Takes --create and --input-partitions out of argv, so that the common reader sees the rest. */
static bool take_own(int *argc, char **argv, struct options *out, struct error *error)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--create") == 0) {
            out->create = true;
        } else if (strcmp(argv[i], "--input-partitions") == 0 && i + 1 < *argc) {
            char *end = NULL;
            long value = strtol(argv[++i], &end, 10);
            if (*end != 0 || value < 1 || value > 10000)
                return error_set(error, ERROR_INPUT, "--input-partitions %s: a number from 1 to 10000", argv[i]);
            out->input_partitions = (int32_t)value;
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
    return true;
}

static const char *state_of(const struct topic_need *need, const struct topic_info *info)
{
    if (info->partitions == 0)
        return "missing";
    if (need->role != TOPIC_OWN)
        return "there";
    bool right = info->partitions == need->spec.partitions && info->cleanup == need->spec.cleanup &&
                 (need->spec.cleanup == TOPIC_COMPACT || info->retention_ms == -1);
    return right ? "there" : "wrong";
}

static void print_topic(const struct topic_need *need, const struct topic_info *info, bool as_json)
{
    static const char *const roles[] = {"in", "out", "own"};
    const char *cleanup = need->spec.cleanup == TOPIC_COMPACT ? "compact" : "delete";
    if (!as_json) {
        (void)printf("%-8s %-4s %-40s %4d partitions  %s\n", state_of(need, info), roles[need->role], need->spec.name,
                     info->partitions ? info->partitions : need->spec.partitions, cleanup);
        return;
    }
    struct buffer text = BUFFER_WITH_LIMIT(4096);
    struct json_writer json = json_writer_on(&text);
    json_open_object(&json);
    json_key(&json, "topic");
    json_put_text(&json, bytes_from_text(need->spec.name));
    json_key(&json, "role");
    json_put_text(&json, bytes_from_text(roles[need->role]));
    json_key(&json, "state");
    json_put_text(&json, bytes_from_text(state_of(need, info)));
    json_key(&json, "partitions");
    json_put_integer(&json, info->partitions);
    json_key(&json, "partitions_needed");
    json_put_integer(&json, need->spec.partitions);
    json_key(&json, "cleanup");
    json_put_text(&json, bytes_from_text(cleanup));
    json_close_object(&json);
    (void)printf("%.*s\n", (int)text.size, (const char *)text.data);
    buffer_free(&text);
}

static int work(struct bus *bus, const struct flow_options *flow, const struct options *options, bool as_json, struct error *error)
{
    uint32_t created = 0;
    if (options->create && !topics_create(bus, flow, options->input_partitions, &created, error))
        return COMMAND_FATAL;
    if (created > 0 && !as_json)
        (void)printf("created %u topics\n", created);
    struct topic_need needs[TOPICS_MAX];
    uint32_t count = topics_needed(flow, options->input_partitions, needs);
    for (uint32_t i = 0; i < count; i++) {
        struct topic_info info;
        if (!bus_describe(bus, needs[i].spec.name, &info, error))
            return COMMAND_FATAL;
        print_topic(&needs[i], &info, as_json);
    }
    return topics_check(bus, flow, error) ? COMMAND_OK : COMMAND_FAILED;
}

int command_topics(int argc, char **argv, const struct command_operators *operators)
{
    struct command_arguments arguments = {0};
    struct options options = {.input_partitions = 8};
    struct error error = {0};
    if (!take_own(&argc, argv, &options, &error) || !command_read_arguments(argc, argv, &arguments, &error))
        return command_fail(&arguments, &error, COMMAND_USAGE);
    if (arguments.help) {
        (void)fputs(help, stdout);
        return COMMAND_OK;
    }
    struct setup *setup = setup_load(&arguments, operators, &error);
    if (setup == NULL)
        return command_fail(&arguments, &error, COMMAND_USAGE);
    int code = COMMAND_USAGE;
    struct bus *bus = setup_open_kafka(setup, &error);
    if (bus != NULL) {
        code = work(bus, &setup->flow, &options, arguments.json, &error);
        bus_close(bus);
    }
    if (code != COMMAND_OK)
        (void)command_fail(&arguments, &error, code);
    setup_destroy(setup);
    return code;
}
