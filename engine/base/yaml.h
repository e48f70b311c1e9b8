/*
 * yaml.h - a YAML file as a flat walk of scalars with positions; the one home of libfyaml.
 *
 * Bounded: file size, nesting depth, number of nodes, alias expansion. Duplicate keys are errors.
 */
#ifndef ENGINE_BASE_YAML_H
#define ENGINE_BASE_YAML_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

struct yaml_document;
struct yaml_node; /* borrowed from its document */

/* name is for messages ("config/assay.yaml"). NULL with "file:line:column: what; fix" in error. */
struct yaml_document *yaml_parse(const char *name, struct bytes text, struct error *error);
struct yaml_document *yaml_load(const char *path, struct error *error);
void yaml_destroy(struct yaml_document *document);
const struct yaml_node *yaml_root(const struct yaml_document *document); /* NULL: empty file */

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };
enum yaml_kind yaml_node_kind(const struct yaml_node *node);
struct bytes yaml_node_text(const struct yaml_node *node); /* scalar; absent otherwise */
size_t yaml_node_count(const struct yaml_node *node);
const struct yaml_node *yaml_node_item(const struct yaml_node *sequence, size_t index);
/* Pair by place, in file order. */
void yaml_node_pair(const struct yaml_node *mapping, size_t index, const struct yaml_node **key, const struct yaml_node **value);
const struct yaml_node *yaml_node_get(const struct yaml_node *mapping, const char *key); /* NULL: not there */
/* Sets error to "file:line:column: message" for this node; returns false. */
bool yaml_node_error(const struct yaml_node *node, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* From 1. */
int yaml_node_line(const struct yaml_node *node);
int yaml_node_column(const struct yaml_node *node);

#endif
