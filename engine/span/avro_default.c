/*
 * avro_default.c - the reader's defaults, from JSON into constants, marks and calls.
 *
 * They stand for fields that the writer does not have. A default that does not fit its type is an
 * error of the reader's schema, found when it is needed.
 */
#include "engine/span/avro_compile_internal.h"
#include "engine/span/avro_json.h"

#include <math.h>

static bool leaf_constant(struct avro_compiler *compiler, const struct avro_node *node,
                          const struct json_value *given, struct avro_constant *out)
{
    *out = (struct avro_constant){0};
    switch ((enum avro_type)node->type) {
    case AVRO_NULL:
        return true;
    case AVRO_BOOLEAN:
        out->integer = json_is_true(given);
        return true;
    case AVRO_INT:
    case AVRO_LONG:
        return json_integer(given, &out->integer);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        if (!json_real(given, &out->real))
            return false;
        if (node->type == AVRO_FLOAT)
            out->real = fabs(out->real) <= 3.4028235677973366e38
                            ? (double)(float)out->real
                            : copysign((double)INFINITY, out->real);
        return true;
    case AVRO_STRING:
        out->bytes = json_text(given);
        return true;
    case AVRO_ENUM:
        for (uint32_t i = 0; i < node->count; i++) {
            if (!bytes_equal(compiler->reader->symbols[node->first + i], json_text(given)))
                continue;
            out->integer = i;
            out->bytes = json_text(given);
            return true;
        }
        return false;
    default: /* bytes and fixed */
        out->bytes = avro_json_bytes(json_text(given), compiler->program->texts);
        return bytes_present(out->bytes) &&
               (node->type != AVRO_FIXED || out->bytes.size == node->size);
    }
}

void avro_emit_default(struct avro_compiler *compiler, const struct avro_routine *in,
                       uint32_t reader, const struct json_value *given, uint16_t slot)
{
    const struct avro_node *node = &compiler->reader->nodes[reader];
    if (node->type == AVRO_UNION) {
        const struct avro_field *branches = &compiler->reader->fields[node->first];
        uint32_t i = 0;
        while (i < node->count &&
               !avro_json_could_be(given, &compiler->reader->nodes[branches[i].node]))
            i++;
        if (i == node->count) {
            avro_compile_fail(compiler, "a default fits no branch of its union");
            return;
        }
        avro_emit_mark(compiler, AVRO_MARK_BRANCH, i);
        reader = branches[i].node;
        node = &compiler->reader->nodes[reader];
    }
    struct avro_constant constant;
    if (!avro_json_could_be(given, node)) {
        avro_compile_fail(compiler, "a default is no %s", avro_type_name(node->type));
    } else if (!avro_type_is_leaf(node->type)) {
        avro_call(compiler, (struct avro_routine){.writer = AVRO_NONE,
                                                  .reader = reader,
                                                  .given = given,
                                                  .slot = slot,
                                                  .branch = in->branch});
    } else if (!leaf_constant(compiler, node, given, &constant)) {
        avro_compile_fail(compiler, "a default is not a value of its %s",
                          avro_type_name(node->type));
    } else {
        uint32_t number = avro_constant_add(compiler, constant);
        avro_emit(compiler, (struct avro_op){
                                .code = AVRO_GIVE, .type = node->type, .slot = slot, .a = number});
    }
}

static void record_default(struct avro_compiler *compiler, const struct avro_routine *routine,
                           const struct avro_node *node)
{
    for (uint32_t i = 0; i < node->count && !compiler->failed; i++) {
        const struct avro_field *field = &compiler->reader->fields[node->first + i];
        const struct json_value *given = json_get(routine->given, (const char *)field->name.data);
        if (given == NULL)
            given = field->default_value;
        if (given == NULL) {
            avro_compile_fail(compiler, "the default of a record has no field %.100s",
                              (const char *)field->name.data);
            return;
        }
        avro_emit_mark(compiler, AVRO_MARK_FIELD, i);
        avro_emit_default(compiler, routine, field->node, given, routine->slot);
    }
}

void avro_default_routine(struct avro_compiler *compiler, const struct avro_routine *routine)
{
    const struct avro_node *node = &compiler->reader->nodes[routine->reader];
    avro_emit_mark(compiler,
                   node->type == AVRO_RECORD  ? AVRO_MARK_RECORD
                   : node->type == AVRO_ARRAY ? AVRO_MARK_ARRAY
                                              : AVRO_MARK_MAP,
                   0);
    uint32_t items = node->type == AVRO_RECORD ? 0 : compiler->reader->fields[node->first].node;
    if (node->type == AVRO_RECORD)
        record_default(compiler, routine, node);
    for (size_t i = 0;
         node->type == AVRO_ARRAY && i < json_count(routine->given) && !compiler->failed; i++)
        avro_emit_default(compiler, routine, items, json_at(routine->given, i), routine->slot);
    if (node->type == AVRO_MAP) {
        struct json_members members = json_members(routine->given);
        struct bytes key;
        const struct json_value *value;
        while (!compiler->failed && json_next(&members, &key, &value)) {
            uint32_t number = avro_constant_add(compiler, (struct avro_constant){.bytes = key});
            avro_emit(compiler,
                      (struct avro_op){.code = AVRO_GIVE_KEY, .slot = routine->slot, .a = number});
            avro_emit_default(compiler, routine, items, value, routine->slot);
        }
    }
    avro_emit_mark(compiler, AVRO_MARK_END, 0);
}
