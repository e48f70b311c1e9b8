/*
 * replay_input.h - what the records of files mean to the engine: which input they belong to, and when
 * they were. Reading, order and places are engine/bus/file_source.h.
 *
 * Plain files know neither topic nor time: a JSON value with a request_id is a verdict and as old as the
 * span that it is about, everything else is spans and as old as the latest of them.
 */
#ifndef ENGINE_COMMAND_REPLAY_INPUT_H
#define ENGINE_COMMAND_REPLAY_INPUT_H

#include "engine/bus/file_source.h"
#include "engine/command/command.h"

struct replay_input;

/* Looks through all files; what cannot be read is said on stderr and counted, and so are topics that are
 * no input. NULL when nothing can be replayed. Everything is borrowed. */
struct replay_input *replay_input_open(const struct command_arguments *arguments, const struct flow_options *flow,
                                       const char *const *paths, uint32_t paths_count, struct error *error);
void replay_input_close(struct replay_input *input);
struct file_source *replay_input_source(struct replay_input *input);
/* Of the input topics, at least 1. */
int32_t replay_input_partitions(const struct replay_input *input);
/* The next record that is an input, if it is before until_ms. END: there is none. */
enum file_event replay_input_next(struct replay_input *input, int64_t until_ms, struct file_record *out, struct error *error);

#endif
