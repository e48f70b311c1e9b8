/* otlp_wire.c - the rare steps of the wire format: long varints and fields nobody knows. */
#include "engine/span/otlp_wire.h"

bool wire_varint_slow(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    const uint8_t *p = *at;
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t byte = *p++;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = result;
            *at = p;
            return true;
        }
    }
    return false;
}

static bool skip_plain(const uint8_t **at, const uint8_t *end, uint32_t type)
{
    uint64_t number;
    struct bytes bytes;
    switch (type) {
    case WIRE_VARINT:
        return wire_varint(at, end, &number);
    case WIRE_FIXED64:
        return wire_fixed64(at, end, &number);
    case WIRE_BYTES:
        return wire_bytes(at, end, &bytes);
    case WIRE_FIXED32:
        if (end - *at < 4)
            return false;
        *at += 4;
        return true;
    default:
        return false;
    }
}

/* A group ends with the end tag of its own number; groups nest up to a limit. */
static bool skip_group(const uint8_t **at, const uint8_t *end, uint32_t number)
{
    uint32_t open[WIRE_GROUP_DEPTH_MAX];
    unsigned depth = 0;
    open[depth++] = number;
    const uint8_t *p = *at;
    while (depth > 0) {
        uint32_t tag;
        if (!wire_tag(&p, end, &tag))
            return false;
        uint32_t type = tag & 7;
        if (type == WIRE_GROUP) {
            if (depth == WIRE_GROUP_DEPTH_MAX)
                return false;
            open[depth++] = tag >> 3;
        } else if (type == WIRE_GROUP_END) {
            if (open[--depth] != tag >> 3)
                return false;
        } else if (!skip_plain(&p, end, type)) {
            return false;
        }
    }
    *at = p;
    return true;
}

bool wire_skip_slow(const uint8_t **at, const uint8_t *end, uint32_t tag)
{
    if ((tag & 7) == WIRE_GROUP)
        return skip_group(at, end, tag >> 3);
    return skip_plain(at, end, tag & 7);
}
