/* avro_random.c - see avro_random.h. */
#include "tests/span/avro_random.h"

#include "engine/base/hash.h"

#define DEPTH_MAX 4

uint64_t random_next(uint64_t *rng)
{
    *rng += 0x9e3779b97f4a7c15ULL;
    return hash_mix64(*rng);
}

unsigned random_below(uint64_t *rng, unsigned limit)
{
    return (unsigned)(random_next(rng) % limit);
}

/* ---- schemas ------------------------------------------------------------------------------------- */

static unsigned make(struct random_schema *schema, unsigned depth, unsigned around, bool in_union);

static void make_union(struct random_schema *schema, unsigned node, unsigned depth, unsigned around)
{
    unsigned seen = 0, wanted = 1 + random_below(&schema->rng, 4);
    for (unsigned tries = 0; tries < 20 && schema->nodes[node].children < wanted; tries++) {
        unsigned count = schema->count;
        unsigned child = make(schema, depth + 1, around, true);
        enum avro_type type = schema->nodes[child].type;
        if (schema->careful && type >= AVRO_INT && type <= AVRO_STRING)
            type = type <= AVRO_DOUBLE ? AVRO_INT : AVRO_BYTES;
        /* A value must be able to end: something plain stands before a reference. */
        bool endless = schema->nodes[child].reference && (seen & ((1u << AVRO_FIXED) - 1)) == 0;
        bool there = avro_type_is_named(type) ? schema->nodes[child].reference && (seen >> 31 & 1)
                                              : (seen >> type & 1);
        if (endless || there) {
            schema->count = count;
            continue;
        }
        seen |= schema->nodes[child].reference ? 1u << 31
                : avro_type_is_named(type)     ? 0
                                               : 1u << type;
        schema->nodes[node].child[schema->nodes[node].children++] = child;
    }
}

static enum avro_type pick_type(struct random_schema *schema, unsigned depth, bool in_union)
{
    if (schema->count + 80 > RANDOM_NODES_MAX || depth >= DEPTH_MAX)
        return random_below(&schema->rng, AVRO_FIXED);
    if (depth == 0 && random_below(&schema->rng, 8) > 0)
        return AVRO_RECORD;
    enum avro_type type = random_below(&schema->rng, AVRO_TYPE_COUNT);
    bool blocks = type == AVRO_ARRAY || type == AVRO_MAP;
    return in_union && (type == AVRO_UNION || (blocks && schema->careful)) ? AVRO_NULL : type;
}

static unsigned make(struct random_schema *schema, unsigned depth, unsigned around, bool in_union)
{
    unsigned node = schema->count++;
    struct random_node *made = &schema->nodes[node];
    *made = (struct random_node){.type = pick_type(schema, depth, in_union), .name = node};
    if (in_union && around != RANDOM_NODES_MAX && random_below(&schema->rng, 8) == 0) {
        *made = (struct random_node){
            .type = AVRO_RECORD, .reference = true, .target = around, .name = around};
        return node;
    }
    switch (made->type) {
    case AVRO_FIXED:
    case AVRO_ENUM:
        made->size = 1 + random_below(&schema->rng, 9);
        break;
    case AVRO_RECORD:
        made->children = 1 + random_below(&schema->rng, RANDOM_CHILDREN_MAX);
        for (unsigned i = 0; i < made->children; i++)
            made->child[i] = make(schema, depth + 1, node, false);
        break;
    case AVRO_MAP:
        schema->has_map = true;
        made->children = 1;
        made->child[0] = make(schema, depth + 1, around, false);
        break;
    case AVRO_ARRAY:
        made->children = 1;
        made->child[0] = make(schema, depth + 1, around, false);
        break;
    case AVRO_UNION:
        make_union(schema, node, depth, around);
        break;
    default:
        break;
    }
    return node;
}

void random_schema_make(struct random_schema *schema)
{
    schema->count = 0;
    schema->has_map = false;
    (void)make(schema, 0, RANDOM_NODES_MAX, false);
}

/* ---- schemas as JSON ------------------------------------------------------------------------------- */

struct printing {
    const struct random_schema *schema;
    uint64_t *rng; /* NULL: as it is */
    struct buffer *out;
};

static void print(struct printing *printing, unsigned node, bool in_union);

static enum avro_type promoted(struct printing *printing, enum avro_type type)
{
    static const enum avro_type wider[] = {AVRO_LONG, AVRO_FLOAT, AVRO_DOUBLE};
    if (printing->rng == NULL || random_below(printing->rng, 4) > 0)
        return type;
    if (type == AVRO_INT)
        return wider[random_below(printing->rng, 3)];
    if (type == AVRO_LONG)
        return wider[1 + random_below(printing->rng, 2)];
    return type == AVRO_FLOAT ? AVRO_DOUBLE : type;
}

static void print_record(struct printing *printing, const struct random_node *made)
{
    unsigned order[RANDOM_CHILDREN_MAX], count = made->children;
    for (unsigned i = 0; i < count; i++)
        order[i] = i;
    if (printing->rng != NULL) { /* a reader: another order, and perhaps fewer */
        for (unsigned i = count - 1; i > 0; i--) {
            unsigned other = random_below(printing->rng, i + 1), kept = order[i];
            order[i] = order[other];
            order[other] = kept;
        }
        if (count > 1 && random_below(printing->rng, 2) == 0)
            count = 1 + random_below(printing->rng, count);
    }
    buffer_printf(printing->out, "{\"type\":\"record\",\"name\":\"R%u\",\"fields\":[", made->name);
    for (unsigned i = 0; i < count; i++) {
        buffer_printf(printing->out, "%s{\"name\":\"f%u\",\"type\":", i > 0 ? "," : "", order[i]);
        print(printing, made->child[order[i]], false);
        buffer_append_text(printing->out, "}");
    }
    buffer_append_text(printing->out, "]}");
}

static void print(struct printing *printing, unsigned node, bool in_union)
{
    const struct random_node *made = &printing->schema->nodes[node];
    struct buffer *out = printing->out;
    bool widen = printing->rng != NULL && !in_union && made->type < AVRO_FIXED &&
                 made->type != AVRO_NULL && random_below(printing->rng, 8) == 0;
    if (made->reference) {
        buffer_printf(out, "\"R%u\"", made->name);
        return;
    }
    if (widen)
        buffer_append_text(out, "[\"null\",");
    switch (made->type) {
    case AVRO_RECORD:
        print_record(printing, made);
        break;
    case AVRO_FIXED:
        buffer_printf(out, "{\"type\":\"fixed\",\"name\":\"F%u\",\"size\":%u}", made->name,
                      made->size);
        break;
    case AVRO_ENUM:
        buffer_printf(out, "{\"type\":\"enum\",\"name\":\"E%u\",\"symbols\":[", made->name);
        for (unsigned i = 0; i < made->size; i++)
            buffer_printf(out, "%s\"S%u\"", i > 0 ? "," : "", i);
        buffer_append_text(out, "]}");
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        buffer_append_text(out, made->type == AVRO_ARRAY ? "{\"type\":\"array\",\"items\":"
                                                         : "{\"type\":\"map\",\"values\":");
        print(printing, made->child[0], false);
        buffer_append_text(out, "}");
        break;
    case AVRO_UNION:
        buffer_append_text(out, "[");
        for (unsigned i = 0; i < made->children; i++) {
            buffer_append_text(out, i > 0 ? "," : "");
            print(printing, made->child[i], true);
        }
        buffer_append_text(out, "]");
        break;
    default:
        buffer_printf(out, "\"%s\"",
                      avro_type_name(in_union ? made->type : promoted(printing, made->type)));
        break;
    }
    if (widen)
        buffer_append_text(out, "]");
}

void random_schema_print(const struct random_schema *schema, struct buffer *out)
{
    struct printing printing = {schema, NULL, out};
    print(&printing, 0, false);
}

void random_schema_print_reader(struct random_schema *schema, struct buffer *out)
{
    struct printing printing = {schema, &schema->rng, out};
    print(&printing, 0, false);
}

/* ---- values ------------------------------------------------------------------------------------------ */

static void value_of(struct random_schema *schema, unsigned node, unsigned depth,
                     struct buffer *out);

static void put_bytes(struct random_schema *schema, size_t size, struct buffer *out)
{
    for (size_t i = 0; i < size; i++)
        buffer_put_u8(out, (uint8_t)('!' + random_below(&schema->rng, 90)));
}

static void put_items(struct random_schema *schema, const struct random_node *made, unsigned depth,
                      struct buffer *out)
{
    unsigned key = 0;
    for (unsigned blocks = depth > 6 ? 0 : random_below(&schema->rng, 3); blocks > 0; blocks--) {
        unsigned items = 1 + random_below(&schema->rng, 3);
        bool sized = random_below(&schema->rng, 2) == 0;
        struct buffer body = BUFFER_WITH_LIMIT(1 << 24);
        for (unsigned i = 0; i < items; i++) {
            if (made->type == AVRO_MAP) {
                buffer_put_zigzag(&body, 4);
                buffer_printf(&body, "k%03u", key++ % 1000);
            }
            value_of(schema, made->child[0], depth + 1, &body);
        }
        buffer_put_zigzag(out, sized ? -(int64_t)items : (int64_t)items);
        if (sized)
            buffer_put_zigzag(out, (int64_t)body.size);
        buffer_append(out, body.data, body.size);
        buffer_free(&body);
    }
    buffer_put_zigzag(out, 0);
}

static int64_t number(struct random_schema *schema, unsigned bits)
{
    uint64_t raw = random_next(&schema->rng) >> (64 - 1 - random_below(&schema->rng, bits));
    return random_below(&schema->rng, 2) ? (int64_t)raw : -(int64_t)raw;
}

static void value_of(struct random_schema *schema, unsigned node, unsigned depth,
                     struct buffer *out)
{
    const struct random_node *made = &schema->nodes[node];
    uint64_t raw = random_next(&schema->rng);
    if (made->reference)
        made = &schema->nodes[made->target];
    switch (made->type) {
    case AVRO_NULL:
        break;
    case AVRO_BOOLEAN:
        buffer_put_u8(out, raw & 1);
        break;
    case AVRO_INT:
        buffer_put_zigzag(out, number(schema, 31));
        break;
    case AVRO_LONG:
        buffer_put_zigzag(out, number(schema, 63));
        break;
    case AVRO_FLOAT:
        buffer_append(out, &raw, 4);
        break;
    case AVRO_DOUBLE:
        buffer_append(out, &raw, 8);
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
        buffer_put_zigzag(out, (int64_t)(raw % 100));
        put_bytes(schema, raw % 100, out);
        break;
    case AVRO_FIXED:
        put_bytes(schema, made->size, out);
        break;
    case AVRO_ENUM:
        buffer_put_zigzag(out, (int64_t)(raw % made->size));
        break;
    case AVRO_RECORD:
        for (unsigned i = 0; i < made->children; i++)
            value_of(schema, made->child[i], depth + 1, out);
        break;
    case AVRO_UNION: {
        unsigned branch = (unsigned)(raw % made->children);
        for (unsigned i = 0; depth > 6 && i < made->children; i++) /* away from what is deep */
            if (schema->nodes[made->child[i]].type < AVRO_RECORD)
                branch = i;
        buffer_put_zigzag(out, branch);
        value_of(schema, made->child[branch], depth + 1, out);
        break;
    }
    default:
        put_items(schema, made, depth, out);
        break;
    }
}

void random_value(struct random_schema *schema, struct buffer *out) { value_of(schema, 0, 0, out); }
