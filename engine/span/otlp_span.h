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

/* One or two bytes of a length, and how many; 0: longer, left to the slow way. Needs at[1] to be readable. */
static inline size_t short_length(const uint8_t *at, size_t *size)
{
    *size = at[0];
    if (__builtin_expect(at[0] < 0x80, 1))
        return 1;
    *size = (size_t)(at[0] & 0x7f) | (size_t)at[1] << 7;
    return at[1] < 0x80 ? 2 : 0;
}

/* The two layouts everybody writes, key then value and value then key and nothing else, with keys
 * under 128 bytes. False: read it the slow way. */
static inline bool key_value_short(const uint8_t *at, const uint8_t *end, struct key_value *out)
{
    if (end - at < 6)
        return false;
    size_t key_size, value_size;
    const uint8_t *key, *value;
    if (at[0] == WIRE_TAG(2, WIRE_BYTES)) {
        size_t header = short_length(at + 1, &value_size);
        value = at + 1 + header;
        if (header == 0 || (size_t)(end - value) < value_size + 2)
            return false;
        key = value + value_size;
        if (key[0] != WIRE_TAG(1, WIRE_BYTES))
            return false;
        key_size = key[1];
        key += 2;
        if (key_size != (size_t)(end - key) || key_size >= 0x80)
            return false;
    } else {
        if (at[0] != WIRE_TAG(1, WIRE_BYTES) || at[1] >= 0x80)
            return false;
        key_size = at[1];
        key = at + 2;
        if ((size_t)(end - key) < key_size + 3)
            return false;
        value = key + key_size;
        if (value[0] != WIRE_TAG(2, WIRE_BYTES))
            return false;
        size_t header = short_length(value + 1, &value_size);
        value += 1 + header;
        if (header == 0 || value_size != (size_t)(end - value))
            return false;
    }
    out->key = bytes_of(key, key_size);
    out->value = bytes_of(value, value_size);
    return true;
}

static inline bool key_value_read(const uint8_t *at, const uint8_t *end, struct key_value *out)
{
    return key_value_short(at, end, out) || key_value_read_slow(at, end, out);
}

/* A length and the KeyValue behind it; moves `at` behind that. */
static inline bool key_value_next(const uint8_t **at, const uint8_t *end, struct key_value *out)
{
    size_t size, header = end - *at >= 2 ? short_length(*at, &size) : 0;
    const uint8_t *body = *at + header;
    if (__builtin_expect(header != 0 && size <= (size_t)(end - body), 1)) {
        *at = body + size;
        return key_value_read(body, *at, out);
    }
    struct bytes pair;
    return wire_bytes(at, end, &pair) && key_value_read(pair.data, pair.data + pair.size, out);
}

#endif
