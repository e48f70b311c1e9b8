/*
 * avro_schema_internal.h - what the parser of Avro schemas keeps while it works; shared by
 * avro_schema.c (structure) and avro_schema_name.c (names).
 */
#ifndef ENGINE_SPAN_AVRO_SCHEMA_INTERNAL_H
#define ENGINE_SPAN_AVRO_SCHEMA_INTERNAL_H

#include "engine/base/arena.h"
#include "engine/base/table.h"
#include "engine/span/avro_schema.h"

#define AVRO_NO_SLOT UINT32_MAX

/* A piece of JSON that becomes a node, and the field that will point to it. */
struct avro_task {
    const struct json_value *json;
    struct bytes name_space;
    uint32_t slot;       /* in fields; AVRO_NO_SLOT: the root */
    bool inside_union;   /* a union must not hold a union */
    struct bytes record; /* for messages */
    struct bytes field;
};

struct avro_parse {
    struct avro_schema *schema;
    const struct avro_schema_limits *limits;
    struct error *error;
    struct arena *names;
    struct table by_name;
    struct table seen; /* scratch: field names, symbols */
    struct avro_task *tasks;
    uint32_t tasks_count, tasks_capacity;
    uint32_t nodes_capacity, fields_capacity, symbols_capacity;
    const struct avro_task *now; /* for messages */
};

/* Fills the error with the place of the task in front; returns false. */
bool avro_parse_fail(struct avro_parse *parse, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* ---- avro_schema_type.c ---- */
/* The array with room for `needed` items. */
void *avro_parse_grow(void *array, uint32_t *capacity, size_t needed, size_t item_bytes);
void avro_parse_push(struct avro_parse *parse, struct avro_task task);
/* Empties `seen`; a table that has grown large costs more to clear than to give back. */
void avro_parse_forget(struct avro_parse *parse);
/* Makes the task's node, or says why not. */
bool avro_parse_take(struct avro_parse *parse, struct avro_task *task);

/* ---- avro_schema_name.c ---- */
/* Letters, digits and _, not starting with a digit. */
bool avro_name_valid(struct bytes name);
/* The full name of a definition, and the namespace of what is inside it. */
bool avro_name_define(struct avro_parse *parse, const struct avro_task *task, uint32_t node,
                      struct bytes *name_space);
/* The node that a name stands for; false when there is none (no error is set). */
bool avro_name_find(struct avro_parse *parse, struct bytes name, struct bytes name_space,
                    uint32_t *node);
/* False when the name was noted before in this container. */
bool avro_name_note(struct avro_parse *parse, struct bytes name, uint32_t number,
                    struct bytes (*get)(const struct avro_schema *, uint32_t));

#endif
