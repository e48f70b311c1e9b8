/*
 * output_schemas.h - the schemas that outputs are written with, and their ids in the registry.
 *
 * Registered at the start under the topic-name strategy, <topic>-value; immutable afterwards, shared by all shards.
 */
#ifndef ENGINE_FLOW_OUTPUT_SCHEMAS_H
#define ENGINE_FLOW_OUTPUT_SCHEMAS_H

#include "engine/base/arena.h"
#include "engine/base/buffer.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/flow/schema_texts.h"

struct schema_registry;
struct topic_names;
struct output_schemas;

/* Asks the registry whether the schemas are compatible with what is there and, when `enter` is set, registers
 * them. Waits at most wait_ms for a registry that is away. False: the error says which subject and, where it can
 * be found out, which field. */
bool output_schemas_check(struct schema_registry *registry, const struct topic_names *topics, bool enter,
                          int64_t wait_ms, struct output_schemas **out, struct error *error);
/* NULL is allowed. */
void output_schemas_destroy(struct output_schemas *schemas);

/* Appends the frame and the record. False: the error names the field; what was appended is to be thrown away. */
bool output_schemas_encode(const struct output_schemas *schemas, enum schema_name name, const struct json_value *record,
                           struct arena *arena, struct buffer *out, struct error *error);

#endif
