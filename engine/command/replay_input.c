/* replay_input.c - see replay_input.h. */
#include "engine/command/replay_input.h"

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/span/encoding.h"

#include <stdio.h>

#define JSON_MEMORY_BYTES ((size_t)4 << 20)
#define JSON_DEPTH_MAX 16
#define BATCH_ROWS 1024

struct replay_input {
    const struct command_arguments *arguments;
    const struct flow_options *flow;
    struct file_source *source;
    int32_t partitions;
    struct span_batch *batch; /* for times */
    struct json_document *json;
};

static const struct input_topic *topic_of_kind(const struct flow_options *flow, enum input_kind kind)
{
    for (uint32_t i = 0; i < flow->inputs_count; i++)
        if (flow->inputs[i].kind == kind)
            return &flow->inputs[i];
    return NULL;
}

static bool is_input(const struct flow_options *flow, const char *topic)
{
    for (uint32_t i = 0; i < flow->inputs_count; i++)
        if (strcmp(flow->inputs[i].name, topic) == 0)
            return true;
    return false;
}

/* ---- what a plain record is, and when -------------------------------------------------------------------------- */

/* The latest end of its spans, those that cannot be read left out; -1: none has one. */
static int64_t time_of_spans(struct replay_input *input, enum encoding encoding, struct bytes value)
{
    int64_t latest_ns = -1;
    struct encoding_options options = {encoding, SIGNAL_SPANS, &input->flow->otlp, input->flow->avro};
    struct encoded_record record;
    encoding_start(&record, value, BYTES_NONE, 0, &options);
    enum decode_result result;
    do {
        span_batch_reset(input->batch);
        result = encoding_decode(&record, input->batch);
        for (uint32_t row = 0; row < input->batch->rows; row++)
            if (input->batch->end_ns[row] > latest_ns)
                latest_ns = input->batch->end_ns[row];
    } while (result == DECODE_MORE);
    return latest_ns < 0 ? -1 : latest_ns / 1000000;
}

static void examine(void *context, enum file_kind kind, struct file_record *record)
{
    struct replay_input *input = context;
    const struct input_topic *spans = topic_of_kind(input->flow, INPUT_SPANS);
    struct error ignored;
    int64_t end_ns = 0;
    const struct json_value *root = NULL;
    if (kind != FILE_PROTO)
        root = json_parse(input->json, record->value, JSON_DEPTH_MAX, &ignored);
    if (!bytes_present(json_text(json_get(root, "request_id")))) {
        record->topic = spans->name;
        record->timestamp_ms = time_of_spans(input, spans->encoding, record->value);
        return;
    }
    record->topic = topic_of_kind(input->flow, INPUT_VERDICTS)->name;
    if (json_integer(json_get(json_get(root, "echo"), "end_ns"), &end_ns) && end_ns > 0)
        record->timestamp_ms = end_ns / 1000000;
}

static void complain(void *context, const struct error *error)
{
    const struct replay_input *input = context;
    (void)command_fail(input->arguments, error, COMMAND_FAILED);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static bool look_at_topics(struct replay_input *input, struct error *error)
{
    int32_t partitions = 0;
    const char *topic, *other = NULL;
    for (uint32_t i = 0; (topic = file_source_topic(input->source, i, &partitions)) != NULL; i++) {
        if (is_input(input->flow, topic)) {
            input->partitions = partitions > input->partitions ? partitions : input->partitions;
            continue;
        }
        other = topic;
        struct error passed = {0};
        (void)error_set(&passed, ERROR_INPUT, "records of topic '%s' are passed over: it is no input of this configuration", topic);
        (void)command_fail(input->arguments, &passed, COMMAND_OK);
    }
    if (other != NULL && input->partitions == 0)
        return error_set(error, ERROR_INPUT, "no record is of an input topic; if these are spans: --set topics.spans=%s", other);
    input->partitions = input->partitions > 0 ? input->partitions : 1;
    return true;
}

struct replay_input *replay_input_open(const struct command_arguments *arguments, const struct flow_options *flow,
                                       const char *const *paths, uint32_t paths_count, struct error *error)
{
    struct replay_input *input = memory_allocate(sizeof *input);
    input->arguments = arguments;
    input->flow = flow;
    input->batch = span_batch_create(BATCH_ROWS);
    span_columns_add(&input->batch->wanted, SPAN_COLUMN_end_ns);
    input->json = json_create(JSON_MEMORY_BYTES);
    struct file_source_options options = {.context = input, .examine = examine, .complain = complain};
    input->source = file_source_open(paths, paths_count, &options, error);
    span_batch_destroy(input->batch);
    json_destroy(input->json);
    if (input->source != NULL && look_at_topics(input, error))
        return input;
    replay_input_close(input);
    return NULL;
}

void replay_input_close(struct replay_input *input)
{
    if (input == NULL)
        return;
    if (input->source != NULL)
        file_source_close(input->source);
    memory_free(input);
}

struct file_source *replay_input_source(struct replay_input *input) { return input->source; }
int32_t replay_input_partitions(const struct replay_input *input) { return input->partitions; }

enum file_event replay_input_next(struct replay_input *input, int64_t until_ms, struct file_record *out, struct error *error)
{
    int64_t time_ms = 0;
    while (file_source_peek(input->source, &time_ms) && time_ms < until_ms) {
        enum file_event event = file_source_next(input->source, out, error);
        if (event != FILE_RECORD || is_input(input->flow, out->topic))
            return event;
    }
    return FILE_END;
}
