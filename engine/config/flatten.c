/* flatten.c - a stack of open mappings and one name that grows and shrinks with it. */
#include "engine/config/flatten.h"

#include "engine/base/check.h"

void flat_start(struct flat_walk *walk, const struct yaml_node *mapping)
{
    CHECK(yaml_node_kind(mapping) == YAML_MAPPING);
    walk->depth = 1;
    walk->levels[0].mapping = mapping;
    walk->levels[0].next = 0;
    walk->levels[0].prefix = 0;
}

bool flat_next(struct flat_walk *walk, struct flat_setting *out, struct error *error)
{
    while (walk->depth > 0) {
        unsigned top = walk->depth - 1;
        if (walk->levels[top].next == yaml_node_count(walk->levels[top].mapping)) {
            walk->depth--;
            continue;
        }
        yaml_node_pair(walk->levels[top].mapping, walk->levels[top].next++, &out->key, &out->value);
        struct bytes key = yaml_node_text(out->key);
        size_t size = walk->levels[top].prefix;
        if (key.size == 0)
            return yaml_node_error(out->key, error, "an empty name; write an option in front of the colon");
        if (size + key.size + 1 > sizeof walk->name)
            return yaml_node_error(out->key, error, "a name longer than %d characters; no option has one", FLAT_NAME_MAX - 1);
        memcpy(walk->name + size, key.data, key.size);
        size += key.size;
        if (yaml_node_kind(out->value) != YAML_MAPPING) {
            out->name = bytes_of(walk->name, size);
            return true;
        }
        CHECK(walk->depth < FLAT_DEPTH_MAX); /* YAML files nest no deeper */
        walk->name[size++] = '.';
        walk->levels[walk->depth].mapping = out->value;
        walk->levels[walk->depth].next = 0;
        walk->levels[walk->depth].prefix = size;
        walk->depth++;
    }
    return false;
}
