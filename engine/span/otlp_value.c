/* otlp_value.c - AnyValue messages of OTLP protobuf. Fields in any order; of several the last one counts. */
#include "engine/span/any_value.h"
#include "engine/span/otlp_wire.h"

static bool read_field(const uint8_t **at, const uint8_t *end, uint32_t tag, struct any_value *out)
{
    uint64_t number;
    switch (tag) {
    case WIRE_TAG(1, WIRE_BYTES):
        out->kind = ANY_TEXT;
        return wire_bytes(at, end, &out->bytes);
    case WIRE_TAG(2, WIRE_VARINT):
        out->kind = ANY_BOOLEAN;
        if (!wire_varint(at, end, &number))
            return false;
        out->integer = number != 0;
        return true;
    case WIRE_TAG(3, WIRE_VARINT):
        out->kind = ANY_INTEGER;
        if (!wire_varint(at, end, &number))
            return false;
        out->integer = (int64_t)number;
        return true;
    case WIRE_TAG(4, WIRE_FIXED64):
        out->kind = ANY_REAL;
        if (!wire_fixed64(at, end, &number))
            return false;
        memcpy(&out->real, &number, sizeof number);
        return true;
    case WIRE_TAG(5, WIRE_BYTES):
        out->kind = ANY_ARRAY;
        return wire_bytes(at, end, &out->bytes);
    case WIRE_TAG(6, WIRE_BYTES):
        out->kind = ANY_MAP;
        return wire_bytes(at, end, &out->bytes);
    case WIRE_TAG(7, WIRE_BYTES):
        out->kind = ANY_BYTES;
        return wire_bytes(at, end, &out->bytes);
    default:
        return wire_skip(at, end, tag);
    }
}

bool any_value_read(const uint8_t *at, const uint8_t *end, struct any_value *out)
{
    *out = (struct any_value){.kind = ANY_EMPTY, .whole = bytes_of(at, (size_t)(end - at))};
    while (at < end) {
        uint32_t tag;
        if (!wire_tag(&at, end, &tag) || !read_field(&at, end, tag, out))
            return false;
    }
    return true;
}

bool any_value_first(struct bytes array, struct any_value *out)
{
    *out = (struct any_value){.kind = ANY_EMPTY};
    const uint8_t *at = array.data;
    const uint8_t *end = at + array.size;
    while (at < end) {
        uint32_t tag;
        if (!wire_tag(&at, end, &tag))
            return false;
        if (tag == WIRE_TAG(1, WIRE_BYTES)) {
            struct bytes element;
            return wire_bytes(&at, end, &element) &&
                   any_value_read(element.data, element.data + element.size, out);
        }
        if (!wire_skip(&at, end, tag))
            return false;
    }
    return true;
}
