/* any_json.h - an attribute value as JSON text: messages that arrive as trees are read like all others. */
#ifndef ENGINE_SPAN_ANY_JSON_H
#define ENGINE_SPAN_ANY_JSON_H

#include "engine/base/buffer.h"
#include "engine/span/any_value.h"
#include "engine/span/refusal.h"

#define ANY_JSON_DEPTH_MAX 64

/* Appends the value. MALFORMED, or TOO_DEEP: lists and maps inside each other more than depth_max times or
 * ANY_JSON_DEPTH_MAX; what was appended is then no JSON. Bytes values become base64 text. */
enum refusal any_json_write(const struct any_value *value, uint32_t depth_max, struct buffer *out);

#endif
