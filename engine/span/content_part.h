/* content_part.h - inside the canonical form: one part of a message, from any provider's block. */
#ifndef ENGINE_SPAN_CONTENT_PART_H
#define ENGINE_SPAN_CONTENT_PART_H

#include "engine/base/json.h"

/* Appends the part that a block or a plain value is. */
void content_part(struct json_writer *out, const struct json_value *block);
void content_part_text(struct json_writer *out, const char *type, struct bytes text);
/* A block that is known to ask for a tool, and one that is known to answer. */
void content_part_call(struct json_writer *out, const struct json_value *block);
void content_part_response(struct json_writer *out, struct bytes id, const struct json_value *response);

#endif
