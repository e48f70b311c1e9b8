/* framing.c - see framing.h. */
#include "engine/span/framing.h"

#define INDEXES_MAX 64 /* depth of a message within its .proto file */

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Magic byte and id at the front of `from`; what follows them in *rest. */
static bool read_id(struct bytes from, struct framing *out, struct bytes *rest, const char **reason)
{
    size_t size = FRAMING_ID_BYTES;
    if (from.size < size || from.data[0] > 1) {
        *reason = "Confluent framing needs magic byte 0 and a 4-byte schema id, or 1 and 16 bytes";
        return false;
    }
    if (from.data[0] == 0) {
        out->kind = FRAMING_ID;
        out->id = big_endian(from.data + 1);
    } else {
        size = 1 + FRAMING_GUID_BYTES;
        if (from.size < size) {
            *reason = "Confluent framing with magic byte 1 needs a 16-byte schema id behind it";
            return false;
        }
        out->kind = FRAMING_GUID;
        out->guid = bytes_of(from.data + 1, FRAMING_GUID_BYTES);
    }
    *rest = bytes_of(from.data + size, from.size - size);
    return true;
}

bool framing_read(struct bytes value, struct bytes header, struct framing *out, const char **reason)
{
    *out = (struct framing){.payload = value};
    struct bytes rest;
    if (bytes_present(header)) { /* the payload is bare */
        out->in_header = true;
        if (!read_id(header, out, &rest, reason))
            return false;
        out->indexed = rest.size > 0;
        return true;
    }
    if (value.size == 0)
        return true;
    if (value.data[0] <= 1)
        return read_id(value, out, &out->payload, reason);
    if (value.size >= 2 && value.data[0] == 0xc3 && value.data[1] == 0x01) {
        if (value.size < 10) {
            *reason = "Avro single-object encoding needs 8 bytes of fingerprint behind c3 01";
            return false;
        }
        out->kind = FRAMING_FINGERPRINT;
        memcpy(&out->fingerprint, value.data + 2, sizeof out->fingerprint);
        out->payload = bytes_of(value.data + 10, value.size - 10);
        return true;
    }
    if (value.size >= 18 && value.data[0] == 3 && (value.data[1] == 0 || value.data[1] == 5)) {
        *reason = "framing of AWS Glue's schema registry is not read; use Confluent framing";
        return false;
    }
    return true;
}

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 35 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

bool framing_pass_indexes(struct bytes *payload)
{
    const uint8_t *at = payload->data;
    const uint8_t *end = at + payload->size;
    uint64_t count, index;
    if (!read_varint(&at, end, &count) || (count & 1) != 0 || count / 2 > INDEXES_MAX)
        return false; /* counts are zigzag: odd ones are negative */
    for (uint64_t i = 0; i < count / 2; i++)
        if (!read_varint(&at, end, &index) || (index & 1) != 0)
            return false;
    *payload = bytes_of(at, (size_t)(end - at));
    return true;
}

const char *framing_compressed(struct bytes value)
{
#define REASON(method)                                                                             \
    "the value itself is compressed (" method                                                      \
    "): let Kafka do that, with the producer's compression.type"
    static const struct {
        const char *reason;
        uint8_t magic[4];
        uint8_t size;
    } known[] = {
        {REASON("gzip"), {0x1f, 0x8b}, 2},
        {REASON("zstd"), {0x28, 0xb5, 0x2f, 0xfd}, 4},
        {REASON("lz4"), {0x04, 0x22, 0x4d, 0x18}, 4},
        {REASON("snappy"), {0xff, 0x06, 0x00, 0x00}, 4},
    };
#undef REASON
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (value.size >= known[i].size && memcmp(value.data, known[i].magic, known[i].size) == 0)
            return known[i].reason;
    return NULL;
}
