/*
 * avro_random.h - random Avro schemas, readers that differ from them by what resolution allows, and
 * random values of them on the wire.
 */
#ifndef TESTS_SPAN_AVRO_RANDOM_H
#define TESTS_SPAN_AVRO_RANDOM_H

#include "engine/base/buffer.h"
#include "engine/span/avro_schema.h"

#define RANDOM_NODES_MAX    128
#define RANDOM_CHILDREN_MAX 6

struct random_node {
    enum avro_type type;
    unsigned name;     /* of named types; a reference repeats its target's */
    bool reference;    /* to the record of that name around it */
    unsigned target;   /* node it refers to */
    unsigned size;     /* bytes of a fixed, symbols of an enum */
    unsigned children; /* of records, unions; 1 of arrays and maps */
    unsigned child[RANDOM_CHILDREN_MAX];
};

struct random_schema {
    struct random_node nodes[RANDOM_NODES_MAX];
    unsigned count;
    bool has_map;
    /* Set before, when a reader is to differ: unions have one number and one text, so that every resolver
     * picks the same branch, and no arrays or maps, of which Avro C's (1.11.1) forgets empty ones. */
    bool careful;
    uint64_t rng;
};

uint64_t random_next(uint64_t *rng);
unsigned random_below(uint64_t *rng, unsigned limit);

/* Node 0 is the root. */
void random_schema_make(struct random_schema *schema);
/* As the writer has it. */
void random_schema_print(const struct random_schema *schema, struct buffer *out);
/* As a reader may: promoted numbers, fewer and reordered fields, wider unions. */
void random_schema_print_reader(struct random_schema *schema, struct buffer *out);
void random_value(struct random_schema *schema, struct buffer *out);

#endif
