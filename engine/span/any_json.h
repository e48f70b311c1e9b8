/* any_json.h - an attribute value as JSON text: messages that arrive as trees are read like all others. */
#ifndef ENGINE_SPAN_ANY_JSON_H
#define ENGINE_SPAN_ANY_JSON_H

#include "engine/base/buffer.h"
#include "engine/span/any_value.h"

#define ANY_JSON_DEPTH_MAX 64

/* Appends the value. False when it is malformed or deeper than ANY_JSON_DEPTH_MAX; what was appended is
 * then no JSON. Bytes values become base64 text. */
bool any_json_write(const struct any_value *value, struct buffer *out);

#endif
