/*
 * strict.h - does a JSON record say exactly what a schema says? Every member known, every field there or with a
 * default, every type right; and: is every field of a schema explained?
 */
#ifndef TESTS_SCHEMAS_STRICT_H
#define TESTS_SCHEMAS_STRICT_H

#include "engine/base/buffer.h"
#include "engine/span/avro_schema.h"

/* False with what is wrong, and where, in `why`. */
bool strict_fits(const struct avro_schema *schema, const struct json_value *record, struct buffer *why);
/* The same for what is nested in it; root is the schema's node. */
bool strict_fits_node(const struct avro_schema *schema, uint32_t node, const struct json_value *value, struct buffer *why);
/* Every record and every field of the schema's JSON has words in "doc". */
bool strict_documented(const struct json_value *schema, struct buffer *why);
/* True when b says all that a says; members that only b has are null. */
bool strict_same(const struct json_value *a, const struct json_value *b, struct buffer *why);

#endif
