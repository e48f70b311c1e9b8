/*
 * replay_files.h - plain files cut into records: whole files (.pb, .json) and lines (.jsonl).
 */
#ifndef ENGINE_COMMAND_REPLAY_FILES_H
#define ENGINE_COMMAND_REPLAY_FILES_H

#include "engine/base/buffer.h"
#include "engine/base/error.h"

#define REPLAY_RECORD_BYTES_MAX ((size_t)64 << 20)

enum replay_file_kind { REPLAY_FILE_PROTO, REPLAY_FILE_JSON, REPLAY_FILE_LINES, REPLAY_FILE_RECORDS, REPLAY_FILE_UNKNOWN };

/* By the end of its name. */
enum replay_file_kind replay_file_kind_of(const char *path);

/* One pass over a file. */
struct replay_file;

enum replay_piece { REPLAY_PIECE_RECORD, REPLAY_PIECE_TOO_LONG, REPLAY_PIECE_END, REPLAY_PIECE_FAILED };

struct replay_file *replay_file_open(const char *path, enum replay_file_kind kind, struct error *error);
void replay_file_close(struct replay_file *file);
/* The next record, borrowed until the next call, and where it stands: byte and line (0: it is the whole
 * file). Empty lines are passed over. TOO_LONG: over REPLAY_RECORD_BYTES_MAX, passed over. */
enum replay_piece replay_file_next(struct replay_file *file, struct bytes *value, uint64_t *at_byte, uint32_t *line,
                                   struct error *error);
/* Reads one piece again. False when it is not there any more. */
bool replay_file_read(struct replay_file *file, uint64_t at_byte, size_t size, struct bytes *value, struct error *error);

#endif
