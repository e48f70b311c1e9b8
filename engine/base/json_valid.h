/*
 * json_valid.h - is this text JSON? A checker that stores nothing but one bit per open bracket.
 *
 * For texts whose values nobody wants (is this answer JSON?): no copy, no numbers, no limit but the
 * depth the caller's memory has bits for. RFC 8259, and strings must be valid UTF-8. Surrogate
 * escapes must come in pairs, as in json_parse: both accept the same texts.
 */
#ifndef ENGINE_BASE_JSON_VALID_H
#define ENGINE_BASE_JSON_VALID_H

#include "engine/base/bytes.h"

/* True iff text is one JSON value and nothing else, at most 8 * memory_bytes levels deep. */
bool json_check(struct bytes text, uint8_t *memory, size_t memory_bytes);

#endif
