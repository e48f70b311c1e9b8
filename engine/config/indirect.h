/*
 * indirect.h - values that stand elsewhere: ${NAME} in the environment, file:/path in a file.
 *
 * For secrets above all. Nothing else of the environment is ever looked at.
 */
#ifndef ENGINE_CONFIG_INDIRECT_H
#define ENGINE_CONFIG_INDIRECT_H

#include "engine/base/buffer.h"
#include "engine/base/error.h"

#define INDIRECT_BYTES_MAX ((size_t)64 * 1024)

/* Appends the value that `written` stands for:
 *   file:/run/secrets/x   the file's contents without the line end at its end
 *   ${NAME}               the variable; an error when it is not set
 *   ${NAME:-otherwise}    the variable, or what is written when it is not set
 *   $${                   the two characters ${
 * *indirect: something was fetched. The error says what is missing; the caller adds where. */
bool indirect_resolve(struct bytes written, struct buffer *out, bool *indirect, struct error *error);

#endif
