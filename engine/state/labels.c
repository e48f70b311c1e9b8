/* labels.c - sorted label sets and their identity. */
#include "engine/state/labels.h"

#include "engine/base/check.h"

void labels_add(struct labels *labels, struct bytes name, struct bytes value)
{
    CHECK(labels->count < LABELS_MAX);
    uint32_t at = labels->count;
    while (at > 0 && bytes_compare(labels->pairs[at - 1].name, name) > 0) {
        labels->pairs[at] = labels->pairs[at - 1];
        at--;
    }
    CHECK(at == 0 || bytes_compare(labels->pairs[at - 1].name, name) != 0);
    labels->pairs[at] = (struct label){name, bytes_present(value) ? value : bytes_of("", 0)};
    labels->count++;
}

struct bytes labels_get(const struct labels *labels, const char *name)
{
    for (uint32_t i = 0; i < labels->count; i++)
        if (bytes_equal_text(labels->pairs[i].name, name))
            return labels->pairs[i].value;
    return BYTES_NONE;
}

void labels_encode(const struct labels *labels, struct buffer *out)
{
    for (uint32_t i = 0; i < labels->count; i++) {
        buffer_put_bytes(out, labels->pairs[i].name);
        buffer_put_bytes(out, labels->pairs[i].value);
    }
}

bool labels_decode(struct bytes encoded, struct labels *out)
{
    struct reader reader = reader_of(encoded);
    out->count = 0;
    while (reader_left(&reader) > 0) {
        struct label pair;
        pair.name = reader_bytes(&reader);
        pair.value = reader_bytes(&reader);
        if (reader.failed || out->count == LABELS_MAX)
            return false;
        if (out->count > 0 && bytes_compare(out->pairs[out->count - 1].name, pair.name) >= 0)
            return false;
        out->pairs[out->count++] = pair;
    }
    return !reader.failed;
}

struct cell_id cell_id_of(struct bytes encoded_labels, struct sha256 *sha)
{
    uint8_t digest[SHA256_BYTES];
    sha256_digest(sha, encoded_labels, digest);
    struct cell_id id;
    memcpy(id.bytes, digest, sizeof id.bytes);
    return id;
}

uint32_t cell_partition(const struct cell_id *id, uint32_t partitions)
{
    uint32_t first = (uint32_t)id->bytes[0] << 24 | (uint32_t)id->bytes[1] << 16 |
                     (uint32_t)id->bytes[2] << 8 | id->bytes[3];
    return first % partitions;
}
