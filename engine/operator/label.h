/*
 * label.h - label values: at most 64 bytes, so that cells and echoes have a bounded size.
 */
#ifndef ENGINE_OPERATOR_LABEL_H
#define ENGINE_OPERATOR_LABEL_H

#include "engine/base/arena.h"

#define LABEL_BYTES_MAX 64

/* The text itself when it is short enough; else its first 47 bytes (fewer where that would cut a
 * character), '~' and 16 hex digits of the whole text's hash, made in the arena. Absent stays absent.
 * At the arena's ceiling: the plain prefix, borrowed. */
struct bytes label_fit_long(struct bytes text, struct arena *arena);

static inline struct bytes label_fit(struct bytes text, struct arena *arena)
{
    return text.size <= LABEL_BYTES_MAX ? text : label_fit_long(text, arena);
}

/* Writes 16 lower-case hex digits. */
void label_hex64(uint64_t value, char out[16]);

#endif
