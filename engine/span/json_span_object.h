/* json_span_object.h - one plain JSON object as an OTLP Span message. For json_span.c only. */
#ifndef ENGINE_SPAN_JSON_SPAN_OBJECT_H
#define ENGINE_SPAN_JSON_SPAN_OBJECT_H

#include "engine/base/buffer.h"
#include "engine/span/json_walk.h"
#include "engine/span/refusal.h"

struct json_span_object {
    const uint8_t *end;       /* of the JSON text */
    struct buffer *out;       /* the message; its limit bounds what a span may become */
    struct walk_string scope; /* its name, in the JSON text */
    const uint8_t *fault;     /* where it goes wrong */
    const char *reason;
    enum refusal code;
    uint32_t nesting_depth_max; /* lists and objects inside each other in one attribute */
};

/* The object at `at` (its '{'). What stands behind it, or NULL with fault and reason. */
const uint8_t *json_span_object_read(struct json_span_object *object, const uint8_t *at);

#endif
