/*
 * any_json.h - values of OTLP as JSON text: how content that came as a tree becomes the text that
 * content.h reads. A stack of its own, no recursion; the buffer's limit bounds what comes out.
 */
#ifndef ENGINE_SPAN_ANY_JSON_H
#define ENGINE_SPAN_ANY_JSON_H

#include "engine/base/json.h"
#include "engine/span/any_value.h"

#define ANY_JSON_DEPTH_MAX 64

/* One value. False: malformed, nested deeper than that, or too long; what was written is then worthless.
 * Bytes become base64, what is empty becomes null. */
bool any_json_put(struct json_writer *writer, const struct any_value *value);

/* Members of a MAP in their order: start with at = map.data. False at the end, or where it is malformed
 * (*at is then not the end). */
bool any_map_next(struct bytes map, const uint8_t **at, struct bytes *key, struct any_value *value);

#endif
