/*
 * avro_schema_name.c - names in Avro schemas: what is a name, namespaces, definitions, references.
 *
 * A definition is known by its full name. A reference without dots means the enclosing namespace
 * first, then none at all, as Apache's own parsers do.
 */
#include "engine/base/hash.h"
#include "engine/span/avro_schema_internal.h"

#include <stdarg.h>
#include <stdio.h>

#define NAME_BYTES_MAX ((size_t)1024)

bool avro_parse_fail(struct avro_parse *parse, const char *format, ...)
{
    char text[300];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    const struct avro_task *now = parse->now;
    if (now == NULL || now->record.size == 0)
        return error_set(parse->error, ERROR_INPUT, "Avro schema: %s", text);
    return error_set(parse->error, ERROR_INPUT, "Avro schema, record %.80s, field %.60s: %s",
                     (const char *)now->record.data,
                     now->field.data ? (const char *)now->field.data : "-", text);
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool avro_name_valid(struct bytes name)
{
    if (name.size == 0 || name.size > NAME_BYTES_MAX || !is_letter(name.data[0]))
        return false;
    for (size_t i = 1; i < name.size; i++)
        if (!is_letter(name.data[i]) && (name.data[i] < '0' || name.data[i] > '9'))
            return false;
    return true;
}

/* Valid names with dots between them. */
static bool path_valid(struct bytes path)
{
    if (path.size > NAME_BYTES_MAX)
        return false;
    size_t start = 0;
    for (size_t i = 0; i <= path.size; i++) {
        if (i < path.size && path.data[i] != '.')
            continue;
        if (!avro_name_valid(bytes_of(path.data + start, i - start)))
            return false;
        start = i + 1;
    }
    return true;
}

struct bytes avro_name_short(struct bytes name)
{
    size_t start = name.size;
    while (start > 0 && name.data[start - 1] != '.')
        start--;
    return bytes_of(name.data + start, name.size - start);
}

/* What stands in front of the last dot; empty when there is none. */
static struct bytes space_of(struct bytes name)
{
    size_t size = avro_name_short(name).size;
    return bytes_of(name.data, name.size > size ? name.size - size - 1 : 0);
}

static struct bytes join(struct avro_parse *parse, struct bytes name_space, struct bytes name)
{
    if (name_space.size == 0)
        return arena_copy(parse->names, name);
    size_t size = name_space.size + 1 + name.size;
    uint8_t *text = arena_alloc(parse->names, size + 1);
    if (text == NULL)
        return BYTES_NONE;
    memcpy(text, name_space.data, name_space.size);
    text[name_space.size] = '.';
    memcpy(text + name_space.size + 1, name.data, name.size);
    text[size] = 0;
    return bytes_of(text, size);
}

static uint32_t find_full(struct avro_parse *parse, struct bytes full)
{
    uint32_t cursor;
    uint64_t hash = hash_bytes(full, 0);
    for (uint32_t n = table_first(&parse->by_name, hash, &cursor); n != TABLE_NONE;
         n = table_next(&parse->by_name, hash, &cursor))
        if (bytes_equal(parse->schema->nodes[n].name, full))
            return n;
    return TABLE_NONE;
}

bool avro_name_define(struct avro_parse *parse, const struct avro_task *task, uint32_t node,
                      struct bytes *name_space)
{
    struct bytes name = json_text(json_get(task->json, "name"));
    const struct json_value *given = json_get(task->json, "namespace");
    struct bytes space = json_is_text(given) ? json_text(given) : task->name_space;
    if (!bytes_present(name) || !path_valid(name))
        return avro_parse_fail(parse,
                               "\"name\" is missing or is not made of letters, digits and _");
    if (avro_name_short(name).size < name.size)
        space = space_of(name); /* a name with dots is a full one */
    else if (space.size > 0 && !path_valid(space))
        return avro_parse_fail(parse, "\"namespace\" is not made of letters, digits, _ and dots");
    struct bytes full = join(parse, space, avro_name_short(name));
    if (!bytes_present(full))
        return avro_parse_fail(parse, "its names need more memory than is allowed");
    if (find_full(parse, full) != TABLE_NONE)
        return avro_parse_fail(parse, "%.200s is defined twice", (const char *)full.data);
    parse->schema->nodes[node].name = full;
    parse->schema->nodes[node].aliases = json_get(task->json, "aliases");
    table_insert(&parse->by_name, hash_bytes(full, 0), node);
    *name_space = space_of(full);
    return true;
}

bool avro_name_find(struct avro_parse *parse, struct bytes name, struct bytes name_space,
                    uint32_t *node)
{
    uint8_t full[2 * NAME_BYTES_MAX + 1];
    bool plain = avro_name_short(name).size == name.size;
    if (name.size > NAME_BYTES_MAX || name_space.size > NAME_BYTES_MAX)
        return false;
    if (plain && name_space.size > 0) {
        memcpy(full, name_space.data, name_space.size);
        full[name_space.size] = '.';
        memcpy(full + name_space.size + 1, name.data, name.size);
        *node = find_full(parse, bytes_of(full, name_space.size + 1 + name.size));
        if (*node != TABLE_NONE)
            return true;
    }
    *node = find_full(parse, name);
    return *node != TABLE_NONE;
}

bool avro_name_note(struct avro_parse *parse, struct bytes name, uint32_t number,
                    struct bytes (*get)(const struct avro_schema *, uint32_t))
{
    uint32_t cursor;
    uint64_t hash = hash_bytes(name, 0);
    for (uint32_t n = table_first(&parse->seen, hash, &cursor); n != TABLE_NONE;
         n = table_next(&parse->seen, hash, &cursor))
        if (bytes_equal(get(parse->schema, n), name))
            return false;
    table_insert(&parse->seen, hash, number);
    return true;
}

bool avro_aliases_have(const struct json_value *aliases, struct bytes name)
{
    size_t count = json_is_array(aliases) ? json_count(aliases) : 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes alias = json_text(json_at(aliases, i));
        if (bytes_present(alias) && bytes_equal(avro_name_short(alias), avro_name_short(name)))
            return true;
    }
    return false;
}
