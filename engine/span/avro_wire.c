/*
 * avro_wire.c - numbers longer than a byte, eight bytes at a time.
 */
#include "engine/span/avro_wire.h"

#include "engine/base/hash.h"

/* The low 7 bits of 8 bytes, side by side. */
static uint64_t squeeze(uint64_t bytes)
{
    bytes &= 0x7f7f7f7f7f7f7f7fULL;
    bytes = (bytes & 0x007f007f007f007fULL) | (bytes & 0x7f007f007f007f00ULL) >> 1;
    bytes = (bytes & 0x00003fff00003fffULL) | (bytes & 0x3fff00003fff0000ULL) >> 2;
    return (bytes & 0x000000000fffffffULL) | (bytes & 0x0fffffff00000000ULL) >> 4;
}

static const uint8_t *varint_near_end(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1)
            return NULL;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return at;
        }
    }
    return NULL;
}

const uint8_t *avro_varint_slow(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    if (end - at < 10)
        return varint_near_end(at, end, out);
    uint64_t raw = bytes_load64(at);
    uint64_t stops = ~raw & 0x8080808080808080ULL;
    if (stops != 0) {
        unsigned size = (unsigned)__builtin_ctzll(stops) / 8 + 1;
        *out = squeeze(size == 8 ? raw : raw & (((uint64_t)1 << 8 * size) - 1));
        return at + size;
    }
    *out = squeeze(raw) | (uint64_t)(at[8] & 0x7f) << 56 | (uint64_t)at[9] << 63;
    if (at[8] < 0x80) {
        *out &= INT64_MAX;
        return at + 9;
    }
    return at[9] <= 1 ? at + 10 : NULL;
}
