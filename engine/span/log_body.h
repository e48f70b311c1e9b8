/*
 * log_body.h - the body of a message event of a log record as the message it holds, in the JSON text that
 * content.h reads: [{"role":…, "content":…, "tool_calls":…, "finish_reason":…}].
 */
#ifndef ENGINE_SPAN_LOG_BODY_H
#define ENGINE_SPAN_LOG_BODY_H

#include "engine/base/buffer.h"
#include "engine/span/refusal.h"

struct log_body {
    struct bytes
        body; /* an AnyValue message: a map, JSON text, or the content itself; may be absent */
    struct bytes
        text; /* the body as JSON text, where a writer puts it into an attribute; or absent */
    const char *role; /* of who speaks, when the body is no JSON text */
    bool wrapped;     /* a choice: its message is a member of it */
    uint32_t nesting_depth_max;
};

/* Appends it; *count: how many things it says besides its role. MALFORMED or TOO_DEEP, or the buffer failed:
 * what was appended is no message. */
enum refusal log_body_put(struct buffer *out, const struct log_body *log, uint32_t *count);

#endif
