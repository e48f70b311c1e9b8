/*
 * labels.h - a label set: what a cell is about, and which exchange partition owns it.
 *
 * Encoding: pairs sorted by name, each "varint length, bytes" twice. A cell's id is the first 16
 * bytes of SHA-256 of it; its partition the first 4 bytes (big endian) of the id mod N.
 */
#ifndef ENGINE_STATE_LABELS_H
#define ENGINE_STATE_LABELS_H

#include "engine/base/buffer.h"
#include "engine/base/sha256.h"

#define LABELS_MAX 8
#define CELL_ID_BYTES 16

struct label {
    struct bytes name;
    struct bytes value;
};

struct labels {
    uint32_t count;
    struct label pairs[LABELS_MAX];
};

struct cell_id {
    uint8_t bytes[CELL_ID_BYTES];
};

/* Appends one label, keeping names sorted; the names of a set must differ. */
void labels_add(struct labels *labels, struct bytes name, struct bytes value);
/* Value of a name; absent when there is none. */
struct bytes labels_get(const struct labels *labels, const char *name);
void labels_encode(const struct labels *labels, struct buffer *out);
/* Borrows from `encoded`. False on malformed or unsorted bytes. */
bool labels_decode(struct bytes encoded, struct labels *out);
struct cell_id cell_id_of(struct bytes encoded_labels, struct sha256 *sha);
uint32_t cell_partition(const struct cell_id *id, uint32_t partitions);

#endif
