/* yaml_node.c - loading, walking and naming places of a tree that is there. */
#include "engine/base/yaml_internal.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct yaml_document *yaml_load(const char *path, struct error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        error_set(error, ERROR_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    uint8_t *text = memory_allocate_raw(YAML_FILE_BYTES_MAX + 1);
    size_t size = fread(text, 1, YAML_FILE_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    int reason = errno;
    (void)fclose(file);
    struct yaml_document *document = NULL;
    if (failed)
        error_set(error, ERROR_SYSTEM, "%s: cannot be read: %s", path, strerror(reason));
    else
        document = yaml_parse(path, bytes_of(text, size), error);
    memory_free(text);
    return document;
}

void yaml_destroy(struct yaml_document *document)
{
    if (document == NULL)
        return;
    arena_destroy(document->arena);
    memory_free(document->name);
    memory_free(document);
}

/* ---- walking ------------------------------------------------------------------------------------- */

const struct yaml_node *yaml_root(const struct yaml_document *document) { return document->root; }

enum yaml_kind yaml_node_kind(const struct yaml_node *node) { return node->kind; }

int yaml_node_line(const struct yaml_node *node) { return node->line; }

int yaml_node_column(const struct yaml_node *node) { return node->column; }

struct bytes yaml_node_text(const struct yaml_node *node) { return node->kind == YAML_SCALAR ? node->text : BYTES_NONE; }

size_t yaml_node_count(const struct yaml_node *node)
{
    return node->kind == YAML_MAPPING ? node->children_count / 2 : node->children_count;
}

const struct yaml_node *yaml_node_item(const struct yaml_node *sequence, size_t index)
{
    CHECK(sequence->kind == YAML_SEQUENCE && index < sequence->children_count);
    return sequence->children[index];
}

void yaml_node_pair(const struct yaml_node *mapping, size_t index, const struct yaml_node **key, const struct yaml_node **value)
{
    CHECK(mapping->kind == YAML_MAPPING && index < mapping->children_count / 2);
    *key = mapping->children[index * 2];
    *value = mapping->children[index * 2 + 1];
}

const struct yaml_node *yaml_node_get(const struct yaml_node *mapping, const char *key)
{
    if (mapping->kind != YAML_MAPPING)
        return NULL;
    for (uint32_t i = 0; i + 1 < mapping->children_count; i += 2)
        if (bytes_equal_text(mapping->children[i]->text, key))
            return mapping->children[i + 1];
    return NULL;
}

bool yaml_node_error(const struct yaml_node *node, struct error *error, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_INPUT, "%s:%d:%d: %s", node->document->name, node->line, node->column, message);
}
