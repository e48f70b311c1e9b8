/*
 * otlp_wire.h - protobuf's wire format, one step at a time: bounds first, no recursion, no copies.
 *
 * Every function takes the place and the end, moves the place only on success, and reads nothing at
 * or beyond the end. Over-long varints are accepted as protobuf accepts them, up to 10 bytes.
 */
#ifndef ENGINE_SPAN_OTLP_WIRE_H
#define ENGINE_SPAN_OTLP_WIRE_H

#include "engine/base/bytes.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP = 3,
    WIRE_GROUP_END = 4,
    WIRE_FIXED32 = 5
};

/* Tag byte of fields 1 to 15. */
#define WIRE_TAG(number, type) ((number) << 3 | (type))

#define WIRE_GROUP_DEPTH_MAX 16

bool wire_varint_slow(const uint8_t **at, const uint8_t *end, uint64_t *value);
/* Skips the value of a field whose tag was read: any type, groups included. */
bool wire_skip_slow(const uint8_t **at, const uint8_t *end, uint32_t tag);

static inline bool wire_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    if (*at < end && **at < 0x80) {
        *value = *(*at)++;
        return true;
    }
    return wire_varint_slow(at, end, value);
}

/* Reads a tag; false when it is no tag: field number 0, more than 32 bits, no bytes left. */
static inline bool wire_tag(const uint8_t **at, const uint8_t *end, uint32_t *tag)
{
    if (*at < end && **at < 0x80) {
        *tag = **at;
        if (*tag < 8)
            return false;
        (*at)++;
        return true;
    }
    const uint8_t *start = *at;
    uint64_t value;
    if (!wire_varint_slow(at, end, &value))
        return false;
    if (value > UINT32_MAX || value < 8) {
        *at = start;
        return false;
    }
    *tag = (uint32_t)value;
    return true;
}

/* Reads a length and checks that so many bytes follow. */
static inline bool wire_length(const uint8_t **at, const uint8_t *end, size_t *size)
{
    const uint8_t *p = *at;
    uint64_t value;
    if (p < end && p[0] < 0x80) {
        value = p[0];
        p += 1;
    } else if (end - p >= 2 && p[1] < 0x80) {
        value = (uint64_t)(p[0] & 0x7f) | (uint64_t)p[1] << 7;
        p += 2;
    } else {
        const uint8_t *behind = p; /* a copy: p stays in a register */
        if (!wire_varint_slow(&behind, end, &value))
            return false;
        p = behind;
    }
    if (value > (uint64_t)(end - p))
        return false;
    *at = p;
    *size = (size_t)value;
    return true;
}

static inline bool wire_bytes(const uint8_t **at, const uint8_t *end, struct bytes *out)
{
    size_t size;
    if (!wire_length(at, end, &size))
        return false;
    *out = bytes_of(*at, size);
    *at += size;
    return true;
}

static inline bool wire_fixed64(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    if (end - *at < 8)
        return false;
    memcpy(value, *at, 8);
    *at += 8;
    return true;
}

static inline bool wire_skip(const uint8_t **at, const uint8_t *end, uint32_t tag)
{
    struct bytes unused;
    if ((tag & 7) == WIRE_BYTES)
        return wire_bytes(at, end, &unused);
    return wire_skip_slow(at, end, tag);
}

#endif
