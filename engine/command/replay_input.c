/* replay_input.c - an index of all records, sorted once; see replay_input.h. */
#include "engine/command/replay_input.h"

#include "engine/base/json.h"
#include "engine/base/memory.h"
#include "engine/command/replay_files.h"
#include "engine/span/otlp_proto.h"

#include <stdio.h>
#include <stdlib.h>

#define TIME_UNKNOWN INT64_MIN
#define JSON_MEMORY_BYTES ((size_t)4 << 20)
#define JSON_DEPTH_MAX 16
#define BATCH_ROWS 1024

struct entry {
    int64_t time_ms;
    int64_t offset;
    uint64_t at_byte;
    uint32_t size;
    uint32_t file;
    uint32_t line; /* 0: the whole file */
    uint32_t input;
};

struct replay_input {
    const struct command_arguments *arguments;
    const struct flow_options *flow;
    char *const *paths;
    struct entry *entries;
    size_t count, capacity;
    size_t next; /* to hand out */
    struct replay_totals totals;
    /* first pass */
    struct span_batch *batch;
    struct json_document *json;
    /* second pass: the file that was read last stays open */
    struct replay_file *open;
    uint32_t open_number;
};

/* ---- what a record is, and when ---------------------------------------------------------------------------- */

static uint32_t input_of_kind(const struct flow_options *flow, enum input_kind kind)
{
    for (uint32_t i = 0; i < flow->inputs_count; i++)
        if (flow->inputs[i].kind == kind)
            return i;
    return 0;
}

/* The latest end of its spans, those that cannot be read left out. */
static int64_t time_of_spans(struct replay_input *input, struct bytes value)
{
    int64_t latest_ns = TIME_UNKNOWN;
    struct otlp_cursor cursor;
    otlp_cursor_start(&cursor, value, 0, &input->flow->otlp);
    enum decode_result result;
    do {
        span_batch_reset(input->batch);
        result = otlp_proto_decode(&cursor, input->batch);
        for (uint32_t row = 0; row < input->batch->rows; row++)
            if (input->batch->end_ns[row] > latest_ns)
                latest_ns = input->batch->end_ns[row];
    } while (result == DECODE_MORE);
    return latest_ns == TIME_UNKNOWN ? TIME_UNKNOWN : latest_ns / 1000000;
}

/* A verdict's input number and the end of its span; else spans, whose JSON is dated like its neighbours. */
static void place_json(struct replay_input *input, struct bytes value, struct entry *entry)
{
    struct error ignored;
    int64_t end_ns = 0;
    const struct json_value *root = json_parse(input->json, value, JSON_DEPTH_MAX, &ignored);
    entry->input = input_of_kind(input->flow, INPUT_SPANS);
    if (!bytes_present(json_text(json_get(root, "request_id"))))
        return;
    entry->input = input_of_kind(input->flow, INPUT_VERDICTS);
    if (json_integer(json_get(json_get(root, "echo"), "end_ns"), &end_ns) && end_ns > 0)
        entry->time_ms = end_ns / 1000000;
}

static void add_entry(struct replay_input *input, const struct entry *entry)
{
    if (input->count == input->capacity) {
        input->capacity = input->capacity ? input->capacity * 2 : 1024;
        input->entries = memory_resize(input->entries, input->capacity * sizeof *input->entries);
    }
    input->entries[input->count++] = *entry;
    input->totals.bytes += entry->size;
}

/* ---- first pass -------------------------------------------------------------------------------------------- */

static void complain(struct replay_input *input, const struct error *error)
{
    input->totals.unread++;
    (void)command_fail(input->arguments, error, COMMAND_FAILED);
}

static bool look_through(struct replay_input *input, uint32_t number, enum replay_file_kind kind, struct error *error)
{
    const char *path = input->paths[number];
    struct replay_file *file = replay_file_open(path, kind, error);
    if (file == NULL)
        return false;
    struct bytes value;
    struct error why = {0};
    for (;;) {
        struct entry entry = {.time_ms = TIME_UNKNOWN, .offset = (int64_t)input->count, .file = number};
        enum replay_piece piece = replay_file_next(file, &value, &entry.at_byte, &entry.line, &why);
        if (piece == REPLAY_PIECE_END)
            break;
        if (piece == REPLAY_PIECE_FAILED || piece == REPLAY_PIECE_TOO_LONG) {
            if (piece == REPLAY_PIECE_TOO_LONG)
                (void)error_set(&why, ERROR_LIMIT, "a record of more than %zu MiB", REPLAY_RECORD_BYTES_MAX >> 20);
            if (entry.line > 0)
                (void)error_prefix(&why, "%s:%u", path, entry.line);
            else
                (void)error_prefix(&why, "%s", path);
            complain(input, &why);
            if (piece == REPLAY_PIECE_FAILED)
                break;
            continue;
        }
        entry.size = (uint32_t)value.size;
        if (kind == REPLAY_FILE_PROTO)
            entry.time_ms = time_of_spans(input, value);
        else
            place_json(input, value, &entry);
        add_entry(input, &entry);
    }
    replay_file_close(file);
    return true;
}

static bool first_pass(struct replay_input *input, uint32_t paths_count, struct error *error)
{
    for (uint32_t i = 0; i < paths_count; i++) {
        enum replay_file_kind kind = replay_file_kind_of(input->paths[i]);
        if (kind == REPLAY_FILE_UNKNOWN || kind == REPLAY_FILE_RECORDS)
            return error_set(error, ERROR_INPUT, "%s: what it holds is told by its name: .pb (a record), .json (a record), .jsonl (a record a line)",
                             input->paths[i]);
        if (!look_through(input, i, kind, error))
            return false;
    }
    return true;
}

/* ---- order ------------------------------------------------------------------------------------------------- */

static void date_by_neighbours(struct replay_input *input)
{
    int64_t time_ms = 0;
    for (size_t i = 0; i < input->count && (time_ms = input->entries[i].time_ms) == TIME_UNKNOWN;)
        i++;
    if (time_ms == TIME_UNKNOWN)
        time_ms = 0; /* nothing here has a time */
    for (size_t i = 0; i < input->count; i++) {
        if (input->entries[i].time_ms == TIME_UNKNOWN)
            input->entries[i].time_ms = time_ms;
        time_ms = input->entries[i].time_ms;
    }
}

static int by_order(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    if (a->input != b->input)
        return a->input < b->input ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* Offsets ascend in a log: a record given earlier than an older one takes the next free place. */
static void settle_offsets(struct replay_input *input)
{
    int64_t next[INPUT_TOPICS_MAX] = {0};
    for (size_t i = 0; i < input->count; i++) {
        struct entry *entry = &input->entries[i];
        if (entry->offset < next[entry->input])
            entry->offset = next[entry->input];
        next[entry->input] = entry->offset + 1;
    }
}

struct replay_input *replay_input_open(const struct command_arguments *arguments, const struct flow_options *flow,
                                       char *const *paths, uint32_t paths_count, struct error *error)
{
    struct replay_input *input = memory_allocate(sizeof *input);
    input->arguments = arguments;
    input->flow = flow;
    input->paths = paths;
    input->batch = span_batch_create(BATCH_ROWS);
    span_columns_add(&input->batch->wanted, SPAN_COLUMN_end_ns);
    input->json = json_create(JSON_MEMORY_BYTES);
    bool good = first_pass(input, paths_count, error);
    span_batch_destroy(input->batch);
    json_destroy(input->json);
    if (!good) {
        replay_input_close(input);
        return NULL;
    }
    date_by_neighbours(input);
    if (input->count > 0)
        qsort(input->entries, input->count, sizeof *input->entries, by_order);
    settle_offsets(input);
    input->totals.records = input->count;
    input->totals.partitions = 1;
    if (input->count > 0) {
        input->totals.first_ms = input->entries[0].time_ms;
        input->totals.last_ms = input->entries[input->count - 1].time_ms;
    }
    return input;
}

void replay_input_close(struct replay_input *input)
{
    if (input == NULL)
        return;
    replay_file_close(input->open);
    memory_free(input->entries);
    memory_free(input);
}

struct replay_totals replay_input_totals(const struct replay_input *input) { return input->totals; }

/* ---- second pass ------------------------------------------------------------------------------------------- */

bool replay_input_peek(const struct replay_input *input, int64_t *time_ms)
{
    if (input->next == input->count)
        return false;
    *time_ms = input->entries[input->next].time_ms;
    return true;
}

static bool open_file(struct replay_input *input, uint32_t number, struct error *error)
{
    if (input->open != NULL && input->open_number == number)
        return true;
    replay_file_close(input->open);
    input->open = replay_file_open(input->paths[number], replay_file_kind_of(input->paths[number]), error);
    input->open_number = number;
    return input->open != NULL;
}

bool replay_input_next(struct replay_input *input, struct replay_record *out, struct error *error)
{
    const struct entry *entry = &input->entries[input->next];
    struct bytes value;
    if (!open_file(input, entry->file, error))
        return false;
    if (!replay_file_read(input->open, entry->at_byte, entry->size, &value, error))
        return error_prefix(error, "%s", input->paths[entry->file]);
    *out = (struct replay_record){.input = entry->input, .offset = entry->offset, .time_ms = entry->time_ms,
                                  .output = {.topic = input->flow->inputs[entry->input].name, .timestamp_ms = entry->time_ms,
                                             .value = value}};
    input->next++;
    return true;
}

bool replay_input_place(const struct replay_input *input, uint32_t topic, int32_t partition, int64_t offset, char *out, size_t size)
{
    for (size_t i = 0; i < input->count; i++) {
        const struct entry *entry = &input->entries[i];
        if (entry->input != topic || entry->offset != offset || partition != 0)
            continue;
        if (entry->line > 0)
            (void)snprintf(out, size, "%s:%u", input->paths[entry->file], entry->line);
        else
            (void)snprintf(out, size, "%s", input->paths[entry->file]);
        return true;
    }
    return false;
}
