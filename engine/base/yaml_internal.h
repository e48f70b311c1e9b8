/* yaml_internal.h - the tree that yaml.c builds and yaml_node.c walks; nobody else includes it. */
#ifndef ENGINE_BASE_YAML_INTERNAL_H
#define ENGINE_BASE_YAML_INTERNAL_H

#include "engine/base/arena.h"
#include "engine/base/yaml.h"

#define YAML_FILE_BYTES_MAX ((size_t)4 * 1024 * 1024)

struct yaml_node {
    struct yaml_document *document;
    struct yaml_node **children; /* of a mapping: key, value, key, value … */
    struct yaml_node *next;      /* sibling, while the container is open */
    struct bytes text;
    uint32_t children_count;
    uint32_t expanded; /* nodes in this subtree, aliases written out */
    int line, column;
    enum yaml_kind kind;
};

struct yaml_document {
    struct arena *arena;
    struct yaml_node *root;
    char *name;
};

#endif
