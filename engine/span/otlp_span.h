/*
 * otlp_span.h - inside the walker: one Span message into one row. For otlp_proto.c only.
 */
#ifndef ENGINE_SPAN_OTLP_SPAN_H
#define ENGINE_SPAN_OTLP_SPAN_H

#include "engine/span/otlp_proto.h"
#include "engine/span/otlp_wire.h"
#include "engine/span/row_sink.h"

struct span_walk {
    struct row_sink sink;
    uint32_t attributes_max;
    const uint8_t *fault; /* first bad byte of a bad span */
    const char *reason;   /* what is wrong with it; NULL: nothing so far */
};

/* Fills the sink's row from a Span message. False when the span is bad: fault and reason are set. */
bool otlp_span_decode(struct span_walk *walk, struct bytes span);

struct key_value {
    struct bytes key;
    struct bytes value; /* an AnyValue message; absent: an empty value */
};

/* Any order, repeats, unknown fields: the last one of each counts. */
bool key_value_read_slow(const uint8_t *at, const uint8_t *end, struct key_value *out);

/* The two layouts everybody writes: key then value, value then key, and nothing else. */
static inline bool key_value_read(const uint8_t *at, const uint8_t *end, struct key_value *out)
{
    const uint8_t *p = at;
    if (end - p >= 4) {
        uint8_t first = *p++;
        struct bytes a, b;
        if ((first == WIRE_TAG(1, WIRE_BYTES) || first == WIRE_TAG(2, WIRE_BYTES)) && wire_bytes(&p, end, &a) &&
            end - p >= 2 && *p++ == (first ^ WIRE_TAG(1, WIRE_BYTES) ^ WIRE_TAG(2, WIRE_BYTES)) &&
            wire_bytes(&p, end, &b) && p == end) {
            bool key_first = first == WIRE_TAG(1, WIRE_BYTES);
            out->key = key_first ? a : b;
            out->value = key_first ? b : a;
            return true;
        }
    }
    return key_value_read_slow(at, end, out);
}

#endif
