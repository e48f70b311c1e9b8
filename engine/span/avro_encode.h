/*
 * avro_encode.h - a JSON value as an Avro record: how outputs, which are built as JSON with the field names
 * of schemas/, are written where a schema registry is configured.
 *
 * Unions are plain: null or the value itself, whose kind picks the branch. A field that is missing takes its
 * default. Members that the schema does not know are left out.
 */
#ifndef ENGINE_SPAN_AVRO_ENCODE_H
#define ENGINE_SPAN_AVRO_ENCODE_H

#include "engine/base/arena.h"
#include "engine/base/buffer.h"
#include "engine/span/avro_schema.h"

/* Appends the encoding. The arena takes bytes that have to be made. False: the error names the field; what was
 * appended is to be thrown away. */
bool avro_encode(const struct avro_schema *schema, const struct json_value *value,
                 struct arena *arena, struct buffer *out, struct error *error);

/* The frame in front of it: magic 0 and the schema's id, big endian. */
static inline void avro_put_frame(struct buffer *out, uint32_t schema_id)
{
    for (int shift = 32; shift >= 0; shift -= 8)
        buffer_put_u8(out, (uint8_t)((uint64_t)schema_id >> shift));
}

#endif
