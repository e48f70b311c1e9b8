/*
 * avro_schema_type.c - one piece of JSON into one node, and its parts onto the stack of tasks.
 */
#include "engine/span/avro_schema_internal.h"

#include "engine/base/memory.h"

#define FIXED_BYTES_MAX ((int64_t)1 << 30)

/* ---- growing arrays within one limit ------------------------------------------------------------ */

static bool within_limit(struct avro_parse *parse, size_t more)
{
    const struct avro_schema *schema = parse->schema;
    size_t parts = (size_t)schema->nodes_count + schema->fields_count + schema->symbols_count;
    if (more <= parse->limits->parts_max && parts <= parse->limits->parts_max - more)
        return true;
    return avro_parse_fail(parse, "more than %u types, fields and symbols",
                           parse->limits->parts_max);
}

void *avro_parse_grow(void *array, uint32_t *capacity, size_t needed, size_t item_bytes)
{
    if (needed <= *capacity)
        return array;
    while (*capacity < needed)
        *capacity = *capacity ? *capacity * 2 : 32;
    return memory_resize(array, *capacity * item_bytes);
}

static bool add_node(struct avro_parse *parse, enum avro_type type, uint32_t *node)
{
    struct avro_schema *schema = parse->schema;
    if (!within_limit(parse, 1))
        return false;
    schema->nodes = avro_parse_grow(schema->nodes, &parse->nodes_capacity,
                                    (size_t)schema->nodes_count + 1, sizeof *schema->nodes);
    *node = schema->nodes_count++;
    schema->nodes[*node] = (struct avro_node){.type = (uint8_t)type};
    return true;
}

static bool add_fields(struct avro_parse *parse, uint32_t node, size_t count)
{
    struct avro_schema *schema = parse->schema;
    if (!within_limit(parse, count))
        return false;
    schema->fields = avro_parse_grow(schema->fields, &parse->fields_capacity,
                                     schema->fields_count + count, sizeof *schema->fields);
    schema->nodes[node].first = schema->fields_count;
    schema->nodes[node].count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        schema->fields[schema->fields_count++] = (struct avro_field){0};
    return true;
}

void avro_parse_push(struct avro_parse *parse, struct avro_task task)
{
    parse->tasks = avro_parse_grow(parse->tasks, &parse->tasks_capacity,
                                   (size_t)parse->tasks_count + 1, sizeof *parse->tasks);
    parse->tasks[parse->tasks_count++] = task;
}

static void settle(struct avro_parse *parse, const struct avro_task *task, uint32_t node)
{
    if (task->slot == AVRO_NO_SLOT)
        parse->schema->root = node;
    else
        parse->schema->fields[task->slot].node = node;
}

/* A table that has grown large costs more to clear than to give back. */
void avro_parse_forget(struct avro_parse *parse)
{
    if (parse->seen.capacity > 256)
        table_free(&parse->seen);
    else
        table_clear(&parse->seen);
}

/* ---- each kind of type --------------------------------------------------------------------------- */

static struct bytes field_name(const struct avro_schema *schema, uint32_t number)
{
    return schema->fields[number].name;
}
static struct bytes symbol(const struct avro_schema *schema, uint32_t number)
{
    return schema->symbols[number];
}

static bool take_record(struct avro_parse *parse, const struct avro_task *task)
{
    const struct json_value *list = json_get(task->json, "fields");
    uint32_t node;
    struct bytes inner;
    if (!add_node(parse, AVRO_RECORD, &node) || !avro_name_define(parse, task, node, &inner))
        return false;
    settle(parse, task, node);
    if (!json_is_array(list))
        return avro_parse_fail(parse, "a record needs a list of \"fields\"");
    if (!add_fields(parse, node, json_count(list)))
        return false;
    struct avro_node record = parse->schema->nodes[node];
    struct json_value const *item;
    avro_parse_forget(parse);
    for (uint32_t i = 0; i < record.count; i++) {
        struct avro_field *field = &parse->schema->fields[record.first + i];
        item = json_at(list, i);
        struct bytes name = json_text(json_get(item, "name"));
        if (!bytes_present(name) || !avro_name_valid(name))
            return avro_parse_fail(parse, "field %u of %.200s has no valid \"name\"", i,
                                   (const char *)record.name.data);
        if (json_get(item, "type") == NULL)
            return avro_parse_fail(parse, "field %.100s of %.150s has no \"type\"",
                                   (const char *)name.data, (const char *)record.name.data);
        *field = (struct avro_field){.name = name,
                                     .default_value = json_get(item, "default"),
                                     .aliases = json_get(item, "aliases")};
        if (!avro_name_note(parse, name, record.first + i, field_name))
            return avro_parse_fail(parse, "field %.100s of %.150s is there twice",
                                   (const char *)name.data, (const char *)record.name.data);
    }
    for (uint32_t i = record.count; i-- > 0;) /* the first on top */
        avro_parse_push(parse,
                        (struct avro_task){.json = json_get(json_at(list, i), "type"),
                                           .name_space = inner,
                                           .slot = record.first + i,
                                           .record = record.name,
                                           .field = parse->schema->fields[record.first + i].name});
    return true;
}

static bool take_enum(struct avro_parse *parse, const struct avro_task *task)
{
    struct avro_schema *schema = parse->schema;
    const struct json_value *list = json_get(task->json, "symbols");
    uint32_t node;
    struct bytes inner;
    if (!add_node(parse, AVRO_ENUM, &node) || !avro_name_define(parse, task, node, &inner))
        return false;
    settle(parse, task, node);
    size_t count = json_count(list);
    if (!json_is_array(list) || count == 0)
        return avro_parse_fail(parse, "an enum needs a list of \"symbols\"");
    if (!within_limit(parse, count))
        return false;
    schema->symbols = avro_parse_grow(schema->symbols, &parse->symbols_capacity,
                                      schema->symbols_count + count, sizeof *schema->symbols);
    schema->nodes[node].first = schema->symbols_count;
    schema->nodes[node].count = (uint32_t)count;
    struct bytes otherwise = json_text(json_get(task->json, "default"));
    avro_parse_forget(parse);
    for (size_t i = 0; i < count; i++) {
        struct bytes name = json_text(json_at(list, i));
        if (!bytes_present(name) || !avro_name_valid(name))
            return avro_parse_fail(parse, "symbol %zu of the enum is not a valid name", i);
        schema->symbols[schema->symbols_count++] = name;
        if (!avro_name_note(parse, name, schema->symbols_count - 1, symbol))
            return avro_parse_fail(parse, "the enum's symbol %.100s is there twice",
                                   (const char *)name.data);
        if (bytes_present(otherwise) && bytes_equal(otherwise, name))
            schema->nodes[node].default_symbol = name;
    }
    if (bytes_present(otherwise) && !bytes_present(schema->nodes[node].default_symbol))
        return avro_parse_fail(parse, "the enum's default is none of its symbols");
    return true;
}

static bool take_fixed(struct avro_parse *parse, const struct avro_task *task)
{
    uint32_t node;
    int64_t size;
    struct bytes inner;
    if (!add_node(parse, AVRO_FIXED, &node) || !avro_name_define(parse, task, node, &inner))
        return false;
    settle(parse, task, node);
    const struct json_value *given = json_get(task->json, "size");
    if (!json_is_number(given) || !json_integer(given, &size) || size < 0 || size > FIXED_BYTES_MAX)
        return avro_parse_fail(parse, "a fixed needs a \"size\" from 0 to %lld",
                               (long long)FIXED_BYTES_MAX);
    parse->schema->nodes[node].size = (uint32_t)size;
    return true;
}

static bool take_items(struct avro_parse *parse, const struct avro_task *task, enum avro_type type)
{
    const struct json_value *items = json_get(task->json, type == AVRO_ARRAY ? "items" : "values");
    uint32_t node;
    if (!add_node(parse, type, &node) || !add_fields(parse, node, 1))
        return false;
    settle(parse, task, node);
    if (items == NULL)
        return avro_parse_fail(parse, type == AVRO_ARRAY ? "an array needs \"items\""
                                                         : "a map needs \"values\"");
    struct avro_task inner = *task;
    inner.json = items;
    inner.slot = parse->schema->nodes[node].first;
    inner.inside_union = false;
    avro_parse_push(parse, inner);
    return true;
}

static bool take_union(struct avro_parse *parse, const struct avro_task *task)
{
    uint32_t node;
    if (task->inside_union)
        return avro_parse_fail(parse, "a union directly inside a union");
    if (!add_node(parse, AVRO_UNION, &node) || !add_fields(parse, node, json_count(task->json)))
        return false;
    settle(parse, task, node);
    struct avro_node made = parse->schema->nodes[node];
    if (made.count == 0)
        return avro_parse_fail(parse, "a union without branches");
    for (uint32_t i = made.count; i-- > 0;) {
        struct avro_task branch = *task;
        branch.json = json_at(task->json, i);
        branch.slot = made.first + i;
        branch.inside_union = true;
        avro_parse_push(parse, branch);
    }
    return true;
}

/* ---- names and dispatch --------------------------------------------------------------------------- */

static enum avro_logical logical_of(const struct json_value *json, enum avro_type type)
{
    struct bytes name = json_text(json_get(json, "logicalType"));
    if (type != AVRO_LONG || !bytes_present(name))
        return AVRO_LOGICAL_NONE;
    return bytes_equal_text(name, "timestamp-millis")   ? AVRO_LOGICAL_TIMESTAMP_MILLIS
           : bytes_equal_text(name, "timestamp-micros") ? AVRO_LOGICAL_TIMESTAMP_MICROS
           : bytes_equal_text(name, "timestamp-nanos")  ? AVRO_LOGICAL_TIMESTAMP_NANOS
                                                        : AVRO_LOGICAL_NONE;
}

static bool take_name(struct avro_parse *parse, const struct avro_task *task, struct bytes name)
{
    uint32_t node;
    for (unsigned type = AVRO_NULL; type <= AVRO_STRING; type++) {
        if (!bytes_equal_text(name, avro_type_name(type)))
            continue;
        if (!add_node(parse, type, &node))
            return false;
        parse->schema->nodes[node].logical = (uint8_t)logical_of(task->json, type);
        settle(parse, task, node);
        return true;
    }
    if (!avro_name_find(parse, name, task->name_space, &node))
        return avro_parse_fail(parse, "type \"%.*s\" is not known here", BYTES_FMT(name));
    settle(parse, task, node);
    return true;
}

bool avro_parse_take(struct avro_parse *parse, struct avro_task *task)
{
    for (;;) { /* {"type": {"type": …}}: the outer one says nothing */
        if (json_is_text(task->json))
            return take_name(parse, task, json_text(task->json));
        if (json_is_array(task->json))
            return take_union(parse, task);
        const struct json_value *type = json_get(task->json, "type");
        if (type == NULL)
            return avro_parse_fail(parse,
                                   "a type must be a name, a list, or an object with \"type\"");
        struct bytes name = json_text(type);
        if (bytes_equal_text(name, "record") || bytes_equal_text(name, "error"))
            return take_record(parse, task);
        if (bytes_equal_text(name, "enum"))
            return take_enum(parse, task);
        if (bytes_equal_text(name, "fixed"))
            return take_fixed(parse, task);
        if (bytes_equal_text(name, "array"))
            return take_items(parse, task, AVRO_ARRAY);
        if (bytes_equal_text(name, "map"))
            return take_items(parse, task, AVRO_MAP);
        if (bytes_present(name))
            return take_name(parse, task, name);
        task->json = type;
    }
}
