/*
 * otlp_span.h - inside the walkers of records: one Span message into one row, and what resource and
 * scope give to it. For otlp_proto.c and otlp_json.c, which turns its spans into these messages.
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
    enum refusal code;
};

/* Fills the sink's row from a Span message. False when the span is bad: fault and reason are set. */
bool otlp_span_decode(struct span_walk *walk, struct bytes span);

/* An Event message of the sink's row. False when it is malformed. */
bool otlp_event_decode(struct row_sink *sink, struct bytes event);

struct otlp_walk {
    struct otlp_cursor *cursor;
    struct span_walk span;
};

#define OTLP_PLACE_UNKNOWN SIZE_MAX /* the message lies in the record: the fault says where */

void otlp_walk_open(struct otlp_walk *walk, struct otlp_cursor *cursor, struct span_batch *batch);
/* Notes what is wrong, if it is the first thing, at this offset of the record. */
void otlp_note(struct otlp_cursor *cursor, size_t offset, enum refusal code, const char *reason);
/* A container is broken: spans may be missing. */
void otlp_damage(struct otlp_cursor *cursor, size_t offset, enum refusal code, const char *reason);
/* A new row with what resource and scope give to it. */
void otlp_start_row(struct otlp_walk *walk, enum row_kind kind);
/* The next span of the record as its rows, or counted as bad. place: where it stands in the record. False:
 * the batch is full before all rows are written; take the same span again with a fresh one. */
bool otlp_take_span(struct otlp_walk *walk, struct bytes span, size_t place);
/* The next span of the record is bad. */
void otlp_refuse_span(struct otlp_cursor *cursor, size_t place, enum refusal code,
                      const char *reason);
/* What the attributes in this field of a message say about where spans come from, and the name of an
 * InstrumentationScope message; text is borrowed from the message. */
#define OTLP_RESOURCE_ATTRIBUTES 1
#define OTLP_SPAN_ATTRIBUTES     9
void otlp_read_resource(struct otlp_cursor *cursor, struct bytes message, uint32_t field,
                        uint8_t rank[SPAN_COLUMN_COUNT]);
void otlp_forget_resource(struct otlp_cursor *cursor);
void otlp_read_scope(struct otlp_walk *walk, struct bytes scope);
/* When the record is used up. */
void otlp_settle_damage(struct otlp_cursor *cursor);

struct key_value {
    struct bytes key;
    struct bytes value; /* an AnyValue message; absent: an empty value */
};

/* A KeyValue message. Fields in any order, repeated, unknown: of each the last one counts. */
bool key_value_read(const uint8_t *at, const uint8_t *end, struct key_value *out);

/* The key, then the AnyValue message behind or before it. Plain numbers: they stay in registers. */
struct attribute {
    const uint8_t *key, *value;
    size_t key_size, value_size;
};

/* One or two bytes of a length, and how many; 0: longer. Needs at[1] to be readable. */
static inline size_t short_length(const uint8_t *at, size_t *size)
{
    *size = at[0];
    if (__builtin_expect(at[0] < 0x80, 1))
        return 1;
    *size = (size_t)(at[0] & 0x7f) | (size_t)at[1] << 7;
    return at[1] < 0x80 ? 2 : 0;
}

/* Reads the two layouts everybody writes, value then key and key then value and nothing else, with keys
 * under 128 and values under 16,384 bytes. False: read it the slow way. */
static inline __attribute__((always_inline)) bool split_body(const uint8_t *at, const uint8_t *end,
                                                             struct attribute *out)
{
    if (end - at < 6)
        return false;
    size_t header;
    if (at[0] == WIRE_TAG(2, WIRE_BYTES)) {
        header = short_length(at + 1, &out->value_size);
        out->value = at + 1 + header;
        if (header == 0 || (size_t)(end - out->value) < out->value_size + 2)
            return false;
        const uint8_t *key = out->value + out->value_size;
        out->key = key + 2;
        out->key_size = (size_t)(end - out->key);
        return key[0] == WIRE_TAG(1, WIRE_BYTES) && key[1] == out->key_size && key[1] < 0x80;
    }
    out->key_size = at[1];
    out->key = at + 2;
    if (at[0] != WIRE_TAG(1, WIRE_BYTES) || at[1] >= 0x80 ||
        (size_t)(end - out->key) < out->key_size + 3)
        return false;
    const uint8_t *value = out->key + out->key_size;
    header = short_length(value + 1, &out->value_size);
    out->value = value + 1 + header;
    return value[0] == WIRE_TAG(2, WIRE_BYTES) && header != 0 &&
           out->value_size == (size_t)(end - out->value);
}

/* The same two layouts where all three lengths are below 128, as they mostly are. `at` is at the tag of
 * a span's attribute. */
#define SPLIT_ROOM 133 /* an attribute of 127 bytes, and the two behind its first field */
static inline __attribute__((always_inline)) const uint8_t *
split_plain(const uint8_t *at, const uint8_t *end, struct attribute *out)
{
    if (end - at < SPLIT_ROOM)
        return NULL;
    uint32_t head = bytes_load32(at);
    uint32_t layout = head & 0x80ff80ff, size = head >> 8 & 0x7f, first = head >> 24;
    uint32_t second = size - first - 4; /* huge where the first field goes beyond: no two bytes say so */
    const uint8_t *front = at + 4, *behind = front + first + 2;
    if (layout == (WIRE_TAG(9, WIRE_BYTES) | (uint32_t)WIRE_TAG(2, WIRE_BYTES) << 16)) {
        if (bytes_load16(behind - 2) != (WIRE_TAG(1, WIRE_BYTES) | second << 8))
            return NULL;
        *out = (struct attribute){behind, front, second, first};
    } else {
        if (layout != (WIRE_TAG(9, WIRE_BYTES) | (uint32_t)WIRE_TAG(1, WIRE_BYTES) << 16) ||
            bytes_load16(behind - 2) != (WIRE_TAG(2, WIRE_BYTES) | second << 8))
            return NULL;
        *out = (struct attribute){front, behind, first, second};
    }
    return at + 2 + size;
}

/* `at` is at the length of a KeyValue; what follows it, or NULL: read it the slow way. */
static inline __attribute__((always_inline)) const uint8_t *
split_short(const uint8_t *at, const uint8_t *end, struct attribute *out)
{
    size_t size, header;
    if (end - at < 8 || (header = short_length(at, &size)) == 0 ||
        size > (size_t)(end - at) - header)
        return NULL;
    at += header;
    return split_body(at, at + size, out) ? at + size : NULL;
}

#endif
