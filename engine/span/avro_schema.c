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

#define TEXTS_MAX 64
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

/* A union may hold each unnamed type once, and each named type once. */
static bool check_union(struct avro_parse *parse, const struct avro_node *node)
{
    const struct avro_schema *schema = parse->schema;
    uint32_t types = 0;
    avro_parse_forget(parse);
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
    avro_parse_push(parse, (struct avro_task){.json = json, .slot = AVRO_NO_SLOT});
    while (parse->tasks_count > 0) {
        struct avro_task task = parse->tasks[--parse->tasks_count];
        parse->now = &task;
        bool good = avro_parse_take(parse, &task);
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
    schema->fields = avro_parse_grow(NULL, &parse.fields_capacity, 1, sizeof *schema->fields);
    schema->symbols = avro_parse_grow(NULL, &parse.symbols_capacity, 1, sizeof *schema->symbols);
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
