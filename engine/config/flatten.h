/*
 * flatten.h - nested mappings as dotted names: {commit: {interval: 1s}} and {commit.interval: 1s} are
 * the same setting, "commit.interval".
 *
 * Walks in file order without recursion. Lists are handed out whole, as values.
 */
#ifndef ENGINE_CONFIG_FLATTEN_H
#define ENGINE_CONFIG_FLATTEN_H

#include "engine/base/yaml.h"

#define FLAT_NAME_MAX 200
#define FLAT_DEPTH_MAX 32

struct flat_setting {
    struct bytes name; /* borrowed from the walk, valid until the next call */
    const struct yaml_node *key, *value;
};

struct flat_walk {
    struct {
        const struct yaml_node *mapping;
        size_t next;
        size_t prefix; /* length of the name in front of this mapping's keys */
    } levels[FLAT_DEPTH_MAX];
    unsigned depth;
    char name[FLAT_NAME_MAX];
};

/* mapping must be a mapping. */
void flat_start(struct flat_walk *walk, const struct yaml_node *mapping);
/* False at the end, or on a name that is too long or empty: then error->code is set. */
bool flat_next(struct flat_walk *walk, struct flat_setting *out, struct error *error);

#endif
