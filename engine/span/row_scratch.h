/*
 * row_scratch.h - memory that decoding a row or a record needs and a batch keeps: nothing is allocated
 * once it has grown to what the traffic needs. Every part is bounded by its user.
 */
#ifndef ENGINE_SPAN_ROW_SCRATCH_H
#define ENGINE_SPAN_ROW_SCRATCH_H

#include "engine/base/buffer.h"
#include "engine/base/json.h"
#include "engine/span/any_value.h"
#include "engine/span/dialect.h"
#include "engine/span/leaf_rules.h"

#define ROW_FLATS_MAX       4096
#define ROW_SCOPE_BYTES_MAX 64

/* A value that belongs to a place in a list: llm.input_messages.3.message.role. */
struct flat_item {
    uint64_t order; /* list, index, field class, index inside: what sorts them (row_flat.c) */
    struct bytes field;
    struct any_value value;
};

struct row_scratch {
    /* What came behind which attribute last time: aliases' numbers by the number + 1 of the one in front,
     * 0: none. Spans of one producer repeat each other's order (row_sink_find). */
    uint16_t follows[DIALECT_ALIASES_MAX + 1];
    /* The scope asked about last, and its enum dialect: it is the same for many records. */
    uint8_t scope_name[ROW_SCOPE_BYTES_MAX];
    uint8_t scope_size, scope_dialect;
    struct flat_item *flats;
    uint32_t flats_count, flats_capacity;
    struct buffer text, list; /* JSON being written: of one value, of a list of them */
    struct json_document *json; /* made when it is first needed */
    uint32_t *leaf_slots; /* leaves.c: of leaf_rules.c, and half as many spans */
    struct leaf_span *leaf_spans;
    uint32_t leaf_slots_count;
};

struct row_scratch *row_scratch_create(void);
void row_scratch_destroy(struct row_scratch *scratch);
/* One more item, uninitialised; NULL beyond ROW_FLATS_MAX. */
struct flat_item *row_scratch_flat(struct row_scratch *scratch);

#endif
