/*
 * avro_schema.c - JSON into nodes: a stack of tasks instead of recursion, in the order of the text,
 * so that a name is known where it is used.
 *
 * Why not Apache Avro C: it drops default, aliases and logicalType, which resolution needs, and it
 * is not written for schemas from strangers. It is the oracle of the tests.
 */
#include "engine/span/avro_schema_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"

#define TEXTS_MAX       64
#define FIXED_BYTES_MAX ((int64_t)1 << 30)
#define POOL_BYTES_PER_BYTE                                                                        \
    16 /* yyjson: a 16-byte value for as little as two bytes of text, and the text */
#define POOL_BYTES_SPARE    ((size_t)4096)
#define NAME_BYTES_PER_BYTE 64 /* a namespace is repeated in each name inside it */
#define NAME_BYTES_MIN      ((size_t)65536)

const struct avro_schema_limits avro_schema_limits_default = {
    .text_bytes_max = (size_t)1 << 20,
    .parts_max = 65536,
    .nesting_max = 200,
};

struct avro_schema_memory {
    struct json_document *documents[TEXTS_MAX];
    struct arena *names;
};

static const char *const type_names[AVRO_TYPE_COUNT] = {
    "null",   "boolean", "int",  "long",   "float", "double", "bytes",
    "string", "fixed",   "enum", "record", "array", "map",    "union",
};

const char *avro_type_name(enum avro_type type) { return type_names[type]; }

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

static void *grown(void *array, uint32_t *capacity, size_t needed, size_t item_bytes)
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
    schema->nodes = grown(schema->nodes, &parse->nodes_capacity, (size_t)schema->nodes_count + 1,
                          sizeof *schema->nodes);
    *node = schema->nodes_count++;
    schema->nodes[*node] = (struct avro_node){.type = (uint8_t)type};
    return true;
}

static bool add_fields(struct avro_parse *parse, uint32_t node, size_t count)
{
    struct avro_schema *schema = parse->schema;
    if (!within_limit(parse, count))
        return false;
    schema->fields = grown(schema->fields, &parse->fields_capacity, schema->fields_count + count,
                           sizeof *schema->fields);
    schema->nodes[node].first = schema->fields_count;
    schema->nodes[node].count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        schema->fields[schema->fields_count++] = (struct avro_field){0};
    return true;
}

static void push(struct avro_parse *parse, struct avro_task task)
{
    parse->tasks = grown(parse->tasks, &parse->tasks_capacity, (size_t)parse->tasks_count + 1,
                         sizeof *parse->tasks);
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
static void forget_seen(struct avro_parse *parse)
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
    forget_seen(parse);
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
        push(parse, (struct avro_task){.json = json_get(json_at(list, i), "type"),
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
    schema->symbols = grown(schema->symbols, &parse->symbols_capacity,
                            schema->symbols_count + count, sizeof *schema->symbols);
    schema->nodes[node].first = schema->symbols_count;
    schema->nodes[node].count = (uint32_t)count;
    struct bytes otherwise = json_text(json_get(task->json, "default"));
    forget_seen(parse);
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
    push(parse, inner);
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
        push(parse, branch);
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
        if (!bytes_equal_text(name, type_names[type]))
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

static bool take_task(struct avro_parse *parse, struct avro_task *task)
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

/* ---- the whole --------------------------------------------------------------------------------------- */

/* A union may hold each unnamed type once, and each named type once. */
static bool check_union(struct avro_parse *parse, const struct avro_node *node)
{
    const struct avro_schema *schema = parse->schema;
    uint32_t types = 0;
    forget_seen(parse);
    for (uint32_t i = 0; i < node->count; i++) {
        uint32_t branch = schema->fields[node->first + i].node, cursor;
        enum avro_type type = schema->nodes[branch].type;
        bool twice = !avro_type_is_named(type) && (types >> type & 1);
        types |= 1u << type;
        uint64_t hash = hash_mix64(branch);
        if (avro_type_is_named(type) && table_first(&parse->seen, hash, &cursor) != TABLE_NONE)
            twice = true; /* hash_mix64 maps one to one */
        if (twice)
            return avro_parse_fail(parse, "a union has two branches of the same type, %s",
                                   type_names[type]);
        table_insert(&parse->seen, hash, branch);
    }
    return true;
}

static bool parse_text(struct avro_parse *parse, struct bytes text, struct json_document **document)
{
    if (text.size > parse->limits->text_bytes_max)
        return avro_parse_fail(parse, "its text has %zu bytes; at most %zu are read", text.size,
                               parse->limits->text_bytes_max);
    *document = json_create(text.size * POOL_BYTES_PER_BYTE + POOL_BYTES_SPARE);
    const struct json_value *json =
        json_parse(*document, text, parse->limits->nesting_max, parse->error);
    if (json == NULL)
        return error_prefix(parse->error, "Avro schema");
    push(parse, (struct avro_task){.json = json, .slot = AVRO_NO_SLOT});
    while (parse->tasks_count > 0) {
        struct avro_task task = parse->tasks[--parse->tasks_count];
        parse->now = &task;
        bool good = take_task(parse, &task);
        parse->now = NULL;
        if (!good)
            return false;
    }
    return true;
}

static bool parse_texts(struct avro_parse *parse, const struct bytes *texts, uint32_t count)
{
    if (count == 0 || count > TEXTS_MAX)
        return avro_parse_fail(parse, "it refers to %u others; at most %d are read", count,
                               TEXTS_MAX - 1);
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += texts[i].size < parse->limits->text_bytes_max ? texts[i].size : 0;
    parse->names = parse->schema->memory->names =
        arena_create(NAME_BYTES_MIN + bytes * NAME_BYTES_PER_BYTE);
    for (uint32_t i = 0; i < count; i++)
        if (!parse_text(parse, texts[i], &parse->schema->memory->documents[i]))
            return false;
    for (uint32_t i = 0; i < parse->schema->nodes_count; i++)
        if (parse->schema->nodes[i].type == AVRO_UNION &&
            !check_union(parse, &parse->schema->nodes[i]))
            return false;
    return true;
}

struct avro_schema *avro_schema_parse(const struct bytes *texts, uint32_t texts_count,
                                      const struct avro_schema_limits *limits, struct error *error)
{
    struct avro_schema *schema = memory_allocate(sizeof *schema);
    schema->memory = memory_allocate(sizeof *schema->memory);
    struct avro_parse parse = {.schema = schema, .limits = limits, .error = error};
    /* Never NULL: an empty record's fields have an address, too. */
    schema->fields = grown(NULL, &parse.fields_capacity, 1, sizeof *schema->fields);
    schema->symbols = grown(NULL, &parse.symbols_capacity, 1, sizeof *schema->symbols);
    bool good = parse_texts(&parse, texts, texts_count);
    table_free(&parse.by_name);
    table_free(&parse.seen);
    memory_free(parse.tasks);
    if (good)
        return schema;
    avro_schema_destroy(schema);
    return NULL;
}

void avro_schema_destroy(struct avro_schema *schema)
{
    if (schema == NULL)
        return;
    for (unsigned i = 0; i < TEXTS_MAX; i++)
        json_destroy(schema->memory->documents[i]);
    arena_destroy(schema->memory->names);
    memory_free(schema->memory);
    memory_free(schema->nodes);
    memory_free(schema->fields);
    memory_free(schema->symbols);
    memory_free(schema);
}
