/* file.h - whole files into memory, bounded. */
#ifndef ENGINE_BASE_FILE_H
#define ENGINE_BASE_FILE_H

#include "engine/base/buffer.h"
#include "engine/base/error.h"

/* Appends the file's bytes to `out`, whose limit bounds it. The error says what is wrong with the file,
 * without its name: callers prefix that. */
bool file_read_all(const char *path, struct buffer *out, struct error *error);

#endif
