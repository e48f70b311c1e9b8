/*
 * otlp_transcode.h - one OTLP message from JSON text into protobuf bytes, so that one walker reads both.
 *
 * Driven by the tables of otlp_schema.h with a stack of its own: nothing recurses, nothing allocates,
 * and nothing is written beyond the room given. Fields come out in their order of arrival with the
 * shortest lengths; unknown ones and nulls are left out. Tolerant where the message stays whole: an
 * unreadable number or enum in an attribute is an empty value.
 */
#ifndef ENGINE_SPAN_OTLP_TRANSCODE_H
#define ENGINE_SPAN_OTLP_TRANSCODE_H

#include "engine/span/otlp_schema.h"
#include "engine/span/refusal.h"

#define TRANSCODE_DEPTH_MAX                                                                        \
    208 /* messages in messages: maps inside each other 64 times, and what is around */

struct transcode {
    const uint8_t *end;  /* of the JSON text */
    uint8_t *out, *room; /* next byte to write, end of the room */
    size_t
        text_bytes_max; /* longer texts are cut one byte above it: who cuts them for good sees that */
    uint32_t nesting_depth_max; /* lists and maps inside each other in one value */
    const uint8_t *fault;       /* where it goes wrong */
    const char *reason;
    enum refusal code;
};

/* The object at `at` (its '{') as this message. What stands behind it, or NULL with fault and reason. A
 * message takes at most as many bytes as its text, whatever the text. */
const uint8_t *transcode_message(struct transcode *to, const uint8_t *at,
                                 const struct otlp_message *message);

#endif
