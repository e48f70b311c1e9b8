/*
 * avro_json.h - JSON values as values of Avro types: what defaults are written in, and what records are
 * encoded from (avro_encode.h).
 */
#ifndef ENGINE_SPAN_AVRO_JSON_H
#define ENGINE_SPAN_AVRO_JSON_H

#include "engine/base/arena.h"
#include "engine/span/avro_schema.h"

/* By its outermost kind only: what is inside is looked at when it is its turn. */
bool avro_json_could_be(const struct json_value *given, const struct avro_node *node);
/* Each character up to U+00FF is one byte. Absent: a character beyond it, or no memory in the arena. */
struct bytes avro_json_bytes(struct bytes text, struct arena *arena);

#endif
