/*
 * avro_encode.c - JSON along a schema into Avro: a stack of records, arrays and maps that are being written.
 *
 * Arrays and maps are one block each, as their sizes are known.
 */
#include "engine/span/avro_encode.h"

#include "engine/span/avro_json.h"

#include <string.h>

#define DEPTH_MAX 64

struct frame {
    const struct avro_node *node;
    const struct json_value *value;
    struct json_members members; /* of a map */
    size_t next, count;
    struct bytes field; /* of a record: which is being written, for messages */
};

struct encoder {
    const struct avro_schema *schema;
    struct arena *arena;
    struct buffer *out;
    struct error *error;
    struct frame frames[DEPTH_MAX];
    unsigned depth;
};

static bool refuse(struct encoder *encoder, const char *what, enum avro_type type)
{
    struct bytes field = BYTES_LITERAL("(the value itself)");
    for (unsigned i = 0; i < encoder->depth; i++)
        if (bytes_present(encoder->frames[i].field))
            field = encoder->frames[i].field;
    return error_set(encoder->error, ERROR_INPUT, "field %.100s %s %s", (const char *)field.data,
                     what, avro_type_name(type));
}

static bool put_text(struct encoder *encoder, struct bytes text)
{
    buffer_put_zigzag(encoder->out, (int64_t)text.size);
    buffer_append(encoder->out, text.data, text.size);
    return true;
}

static bool put_enum(struct encoder *encoder, const struct avro_node *node, struct bytes name)
{
    for (uint32_t i = 0; i < node->count; i++) {
        if (!bytes_equal(encoder->schema->symbols[node->first + i], name))
            continue;
        buffer_put_zigzag(encoder->out, i);
        return true;
    }
    return refuse(encoder, "has a text that is no symbol of its", AVRO_ENUM);
}

static bool put_leaf(struct encoder *encoder, const struct avro_node *node,
                     const struct json_value *value)
{
    int64_t integer = 0;
    double real = 0;
    float single;
    struct bytes raw;
    switch ((enum avro_type)node->type) {
    case AVRO_NULL:
        return true;
    case AVRO_BOOLEAN:
        buffer_put_u8(encoder->out, json_is_true(value));
        return true;
    case AVRO_INT:
    case AVRO_LONG:
        if (!json_integer(value, &integer))
            return refuse(encoder, "cannot be a", node->type);
        buffer_put_zigzag(encoder->out, integer);
        return true;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        if (!json_real(value, &real) ||
            (node->type == AVRO_FLOAT &&
             (real > 3.4028234663852886e38 || real < -3.4028234663852886e38)))
            return refuse(encoder, "cannot be a", node->type);
        single = (float)real;
        buffer_append(encoder->out,
                      node->type == AVRO_FLOAT ? (const void *)&single : (const void *)&real,
                      node->type == AVRO_FLOAT ? sizeof single : sizeof real);
        return true;
    case AVRO_STRING:
        return put_text(encoder, json_text(value));
    case AVRO_ENUM:
        return put_enum(encoder, node, json_text(value));
    default: /* bytes and fixed */
        raw = avro_json_bytes(json_text(value), encoder->arena);
        if (!bytes_present(raw) || (node->type == AVRO_FIXED && raw.size != node->size))
            return refuse(encoder, "cannot be a", node->type);
        if (node->type == AVRO_FIXED)
            buffer_append(encoder->out, raw.data, raw.size);
        return node->type == AVRO_FIXED || put_text(encoder, raw);
    }
}

/* A leaf is written, anything else begun. */
static bool put(struct encoder *encoder, uint32_t number, const struct json_value *value)
{
    const struct avro_node *node = &encoder->schema->nodes[number];
    if (node->type == AVRO_UNION) {
        const struct avro_field *branches = &encoder->schema->fields[node->first];
        uint32_t i = 0;
        while (i < node->count &&
               !avro_json_could_be(value, &encoder->schema->nodes[branches[i].node]))
            i++;
        if (i == node->count)
            return refuse(encoder, "fits no branch of its", AVRO_UNION);
        buffer_put_zigzag(encoder->out, i);
        node = &encoder->schema->nodes[branches[i].node];
    } else if (!avro_json_could_be(value, node)) {
        return refuse(encoder, "cannot be a", node->type);
    }
    if (avro_type_is_leaf(node->type))
        return put_leaf(encoder, node, value);
    if (encoder->depth == DEPTH_MAX)
        return error_set(encoder->error, ERROR_LIMIT,
                         "more than %d levels of records, arrays and maps", DEPTH_MAX);
    struct frame *frame = &encoder->frames[encoder->depth++];
    *frame = (struct frame){.node = node, .value = value};
    frame->count = node->type == AVRO_RECORD ? node->count : json_count(value);
    if (node->type == AVRO_MAP)
        frame->members = json_members(value);
    if (node->type != AVRO_RECORD && frame->count > 0)
        buffer_put_zigzag(encoder->out, (int64_t)frame->count);
    return true;
}

static bool put_next(struct encoder *encoder, struct frame *frame)
{
    const struct avro_field *fields = &encoder->schema->fields[frame->node->first];
    const struct json_value *value;
    struct bytes key;
    size_t index = frame->next++;
    switch ((enum avro_type)frame->node->type) {
    case AVRO_RECORD:
        frame->field = fields[index].name;
        value = json_get(frame->value, (const char *)frame->field.data);
        if (value == NULL)
            value = fields[index].default_value;
        if (value == NULL)
            return refuse(encoder, "is missing and has no default; it is a",
                          encoder->schema->nodes[fields[index].node].type);
        return put(encoder, fields[index].node, value);
    case AVRO_ARRAY:
        return put(encoder, fields[0].node, json_at(frame->value, index));
    default:
        return json_next(&frame->members, &key, &value) && put_text(encoder, key) &&
               put(encoder, fields[0].node, value);
    }
}

bool avro_encode(const struct avro_schema *schema, const struct json_value *value,
                 struct arena *arena, struct buffer *out, struct error *error)
{
    struct encoder encoder = {.schema = schema, .arena = arena, .out = out, .error = error};
    if (!put(&encoder, schema->root, value))
        return false;
    while (encoder.depth > 0) {
        struct frame *frame = &encoder.frames[encoder.depth - 1];
        if (frame->next < frame->count) {
            if (!put_next(&encoder, frame))
                return false;
            continue;
        }
        if (frame->node->type != AVRO_RECORD)
            buffer_put_zigzag(out, 0);
        encoder.depth--;
    }
    return !out->failed ||
           error_set(error, ERROR_LIMIT, "the record is larger than %zu bytes", out->limit_bytes);
}
