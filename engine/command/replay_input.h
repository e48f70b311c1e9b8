/*
 * replay_input.h - files as records, in the order of replay: record timestamp, topic, partition, offset.
 *
 * A first pass over the files finds every record and its time and keeps 40 bytes of each; the records
 * themselves are read again, one by one, when they are due. A file (.pb, .json) or a line (.jsonl) is a
 * record of one partition; its offset is its place on the command line, its time the latest end of its
 * spans, or of the span that a verdict is about. A JSON value with a request_id is a verdict. What has no
 * time of its own takes that of its neighbour before it.
 */
#ifndef ENGINE_COMMAND_REPLAY_INPUT_H
#define ENGINE_COMMAND_REPLAY_INPUT_H

#include "engine/command/command.h"

struct replay_input;

/* The next record to append to the log; borrowed until the next call. */
struct replay_record {
    uint32_t input; /* index in flow_options.inputs */
    struct bus_output output;
    int64_t offset;
    int64_t time_ms; /* what the order goes by: never falls within a recorded partition */
};

struct replay_totals {
    uint64_t records, bytes;
    uint64_t unread; /* pieces of files that are no record; already said on stderr */
    int64_t first_ms, last_ms; /* 0 without records */
    int32_t partitions;        /* of the input topics, at least 1 */
};

/* First pass. NULL when a file cannot be opened or is of no known kind. Everything is borrowed. */
struct replay_input *replay_input_open(const struct command_arguments *arguments, const struct flow_options *flow,
                                       char *const *paths, uint32_t paths_count, struct error *error);
void replay_input_close(struct replay_input *input);
struct replay_totals replay_input_totals(const struct replay_input *input);
/* Time of the record that comes next; false at the end. */
bool replay_input_peek(const struct replay_input *input, int64_t *time_ms);
/* False: the file has changed or gone since the first pass. Not after peek said false. */
bool replay_input_next(struct replay_input *input, struct replay_record *out, struct error *error);
/* "traffic.jsonl:17" of a record that was handed out; false when there was none there. */
bool replay_input_place(const struct replay_input *input, uint32_t topic, int32_t partition, int64_t offset, char *out, size_t size);

#endif
