/*
 * avro_schema.h - an Avro schema as flat arrays: nodes, their fields and symbols.
 *
 * Read from JSON without recursion, within stated limits; names are resolved, so a recursive type is
 * a node that is reached again. Immutable after parsing: threads may share it.
 */
#ifndef ENGINE_SPAN_AVRO_SCHEMA_H
#define ENGINE_SPAN_AVRO_SCHEMA_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/json.h"

enum avro_type {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_FIXED,
    AVRO_ENUM,
    AVRO_RECORD, /* from here on: made of other types */
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_UNION,
    AVRO_TYPE_COUNT
};

/* Only those that change what a column gets; others are ignored, as the specification demands. */
enum avro_logical {
    AVRO_LOGICAL_NONE,
    AVRO_LOGICAL_TIMESTAMP_MILLIS,
    AVRO_LOGICAL_TIMESTAMP_MICROS,
    AVRO_LOGICAL_TIMESTAMP_NANOS
};

struct avro_node {
    uint8_t type;    /* enum avro_type */
    uint8_t logical; /* enum avro_logical */
    uint32_t size;   /* of a fixed */
    uint32_t first;  /* in fields (record, array, map, union) or symbols (enum) */
    uint32_t count;
    struct bytes name; /* full name of a named type */
    const struct json_value *aliases;
    struct bytes default_symbol; /* of an enum */
};

/* Of a record; also a branch of a union and the items of an array or map, which have no name. */
struct avro_field {
    struct bytes name;
    uint32_t node;
    const struct json_value *default_value; /* NULL: none */
    const struct json_value *aliases;
};

struct avro_schema {
    struct avro_node *nodes;
    struct avro_field *fields;
    struct bytes *symbols;
    uint32_t nodes_count, fields_count, symbols_count;
    uint32_t root;
    struct avro_schema_memory *memory; /* what the texts lie in */
};

struct avro_schema_limits {
    size_t text_bytes_max;
    uint32_t parts_max;   /* nodes, fields and symbols together */
    uint32_t nesting_max; /* levels of JSON */
};
extern const struct avro_schema_limits avro_schema_limits_default;

/* The last text is the schema; those before it are schemas that it refers to by name. Owner frees with
 * avro_schema_destroy. NULL: the error names the place and what is wrong there. */
struct avro_schema *avro_schema_parse(const struct bytes *texts, uint32_t texts_count,
                                      const struct avro_schema_limits *limits, struct error *error);
void avro_schema_destroy(struct avro_schema *schema);

const char *avro_type_name(enum avro_type type);
static inline bool avro_type_is_leaf(enum avro_type type) { return type < AVRO_RECORD; }
static inline bool avro_type_is_named(enum avro_type type)
{
    return type == AVRO_FIXED || type == AVRO_ENUM || type == AVRO_RECORD;
}
/* What stands behind the last dot. */
struct bytes avro_name_short(struct bytes name);
/* True when a list of aliases (NULL is allowed) has this name; with or without namespaces. */
bool avro_aliases_have(const struct json_value *aliases, struct bytes name);

#endif
