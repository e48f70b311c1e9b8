/*
 * avro_emit.c - operations for one value: leaves, unions of leaves, and calls of everything else.
 *
 * Nothing here recurses: what is made of other types becomes a routine that is compiled in its turn.
 */
#include "engine/span/avro_compile_internal.h"

#include "engine/base/memory.h"

#include <stdarg.h>
#include <stdio.h>

void avro_compile_fail(struct avro_compiler *compiler, const char *format, ...)
{
    char text[300];
    va_list values;
    if (compiler->failed)
        return;
    compiler->failed = true;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    error_set(compiler->error, ERROR_LIMIT, "Avro schema: %s", text);
}

static void *grown(void *array, uint32_t *capacity, uint32_t count, size_t item_bytes)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 64;
    return memory_resize(array, *capacity * item_bytes);
}

uint32_t avro_emit(struct avro_compiler *compiler, struct avro_op op)
{
    struct avro_program *program = compiler->program;
    if (program->ops_count >= compiler->options->ops_max) {
        avro_compile_fail(compiler, "reading it takes more than %u operations",
                          compiler->options->ops_max);
        return 0;
    }
    program->ops =
        grown(program->ops, &program->ops_capacity, program->ops_count, sizeof *program->ops);
    program->ops[program->ops_count] = op;
    return program->ops_count++;
}

void avro_emit_mark(struct avro_compiler *compiler, enum avro_mark mark, uint32_t index)
{
    if (compiler->options->marks)
        avro_emit(compiler, (struct avro_op){.code = AVRO_MARK, .a = mark, .b = index});
}

uint32_t avro_constant_add(struct avro_compiler *compiler, struct avro_constant constant)
{
    struct avro_program *program = compiler->program;
    program->constants = grown(program->constants, &program->constants_capacity,
                               program->constants_count, sizeof *program->constants);
    if (bytes_present(constant.bytes)) {
        constant.bytes = arena_copy(program->texts, constant.bytes);
        if (!bytes_present(constant.bytes))
            avro_compile_fail(compiler,
                              "its defaults and symbols need more memory than is allowed");
    }
    program->constants[program->constants_count] = constant;
    return program->constants_count++;
}

void avro_emit_misfit(struct avro_compiler *compiler, const struct avro_routine *in,
                      const char *format, ...)
{
    char text[200];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    struct avro_program *program = compiler->program;
    if (!in->branch && program->misfits++ == 0)
        snprintf(program->first_misfit, sizeof program->first_misfit, "%s", text);
    uint32_t reason =
        avro_constant_add(compiler, (struct avro_constant){.bytes = bytes_from_text(text)});
    avro_emit(compiler, (struct avro_op){.code = AVRO_REFUSE, .a = reason});
}

/* ---- leaves ----------------------------------------------------------------------------------------- */

static uint32_t add_enum(struct avro_compiler *compiler, const struct avro_node *w,
                         const struct avro_node *r)
{
    struct avro_program *program = compiler->program;
    uint32_t first = program->enums_count;
    for (uint32_t i = 0; i < w->count; i++) {
        struct bytes name = compiler->writer->symbols[w->first + i];
        struct avro_enum_entry entry = {UINT32_MAX, BYTES_NONE};
        bool is_enum = r->type == AVRO_ENUM;
        for (uint32_t k = 0; is_enum && k < r->count && entry.reader == UINT32_MAX; k++)
            if (bytes_equal(compiler->reader->symbols[r->first + k], name))
                entry.reader = k;
        for (uint32_t k = 0; is_enum && k < r->count && entry.reader == UINT32_MAX; k++)
            if (bytes_present(r->default_symbol) &&
                bytes_equal(compiler->reader->symbols[r->first + k], r->default_symbol))
                entry.reader = k;
        compiler->work += is_enum ? r->count : 1;
        if (!is_enum)
            entry.reader = i;
        if (is_enum && entry.reader != UINT32_MAX)
            name = compiler->reader->symbols[r->first + entry.reader];
        entry.name = arena_copy(program->texts, name);
        if (!bytes_present(entry.name) || compiler->work > compiler->options->work_max)
            avro_compile_fail(compiler, "its enums are larger than is allowed");
        if (compiler->failed)
            break;
        program->enums = grown(program->enums, &program->enums_capacity, program->enums_count,
                               sizeof *program->enums);
        program->enums[program->enums_count++] = entry;
    }
    return first;
}

static void emit_leaf(struct avro_compiler *compiler, uint32_t writer, uint32_t reader,
                      uint16_t slot)
{
    const struct avro_node *w = &compiler->writer->nodes[writer];
    const struct avro_node *r = &compiler->reader->nodes[reader];
    struct avro_op op = {.type = r->type, .slot = slot};
    bool real = r->type == AVRO_FLOAT || r->type == AVRO_DOUBLE;
    switch ((enum avro_type)w->type) {
    case AVRO_NULL:
        if (compiler->options->loose)
            return;
        op.code = AVRO_READ_NULL;
        break;
    case AVRO_BOOLEAN:
        op.code = AVRO_READ_BOOLEAN;
        break;
    case AVRO_INT:
    case AVRO_LONG:
        op.code = w->type == AVRO_INT ? (real ? AVRO_READ_INT_REAL : AVRO_READ_INT)
                                      : (real ? AVRO_READ_LONG_REAL : AVRO_READ_LONG);
        op.b = w->logical;
        break;
    case AVRO_FLOAT:
        op.code = AVRO_READ_FLOAT;
        break;
    case AVRO_DOUBLE:
        op.code = AVRO_READ_DOUBLE;
        break;
    case AVRO_FIXED:
        op.code = AVRO_READ_FIXED;
        op.a = w->size;
        break;
    case AVRO_ENUM:
        op.code = AVRO_READ_ENUM;
        op.a = add_enum(compiler, w, r);
        op.b = w->count;
        break;
    default:
        op.code = AVRO_READ_TEXT;
        break;
    }
    avro_emit(compiler, op);
}

static void skip_leaf(struct avro_compiler *compiler, const struct avro_node *w)
{
    static const uint8_t codes[] = {
        [AVRO_BOOLEAN] = AVRO_SKIP_BOOLEAN, [AVRO_INT] = AVRO_SKIP_INT,
        [AVRO_LONG] = AVRO_SKIP_LONG,       [AVRO_FLOAT] = AVRO_SKIP_FIXED,
        [AVRO_DOUBLE] = AVRO_SKIP_FIXED,    [AVRO_BYTES] = AVRO_SKIP_TEXT,
        [AVRO_STRING] = AVRO_SKIP_TEXT,     [AVRO_FIXED] = AVRO_SKIP_FIXED,
        [AVRO_ENUM] = AVRO_SKIP_ENUM,
    };
    if (w->type == AVRO_NULL)
        return;
    uint32_t size = w->type == AVRO_FLOAT ? 4 : w->type == AVRO_DOUBLE ? 8 : w->size;
    avro_emit(compiler, (struct avro_op){.code = codes[w->type], .a = size, .b = w->count});
}

/* ---- anything ------------------------------------------------------------------------------------------ */

static void call(struct avro_compiler *compiler, const struct avro_routine *in, uint32_t writer,
                 uint32_t reader, uint16_t slot)
{
    avro_call(compiler,
              (struct avro_routine){
                  .writer = writer, .reader = reader, .slot = slot, .branch = in->branch});
}

/* `writer` is no union. */
static void emit_plain(struct avro_compiler *compiler, const struct avro_routine *in,
                       uint32_t writer, uint32_t reader, uint16_t slot)
{
    const struct avro_node *w = &compiler->writer->nodes[writer];
    uint32_t into = reader;
    if (reader != AVRO_NONE) {
        const struct avro_node *r = &compiler->reader->nodes[reader];
        uint32_t branch = 0;
        if (r->type == AVRO_UNION) {
            branch = avro_match_branch(compiler, writer, reader);
            into =
                branch == AVRO_NONE ? AVRO_NONE : compiler->reader->fields[r->first + branch].node;
        } else if (!avro_match(compiler, writer, reader)) {
            into = AVRO_NONE;
        }
        if (into == AVRO_NONE && !compiler->options->loose) {
            avro_emit_misfit(
                compiler, in, "%s%.60s%sthe reader has no %s for the writer's %s%s%.60s",
                compiler->field.size ? "field " : "",
                compiler->field.size ? (const char *)compiler->field.data : "",
                compiler->field.size ? ": " : "", avro_type_name(r->type), avro_type_name(w->type),
                w->name.size ? " " : "", w->name.size ? (const char *)w->name.data : "");
            return;
        }
        if (into != AVRO_NONE && r->type == AVRO_UNION)
            avro_emit_mark(compiler, AVRO_MARK_BRANCH, branch);
    }
    if (!avro_type_is_leaf(w->type))
        call(compiler, in, writer, into, slot);
    else if (into == AVRO_NONE)
        skip_leaf(compiler, w);
    else
        emit_leaf(compiler, writer, into, slot);
}

/* A nullable value that is one operation: the union is part of it. */
static void fuse_nullable(struct avro_compiler *compiler, const struct avro_node *w,
                          uint32_t branch_op)
{
    struct avro_program *program = compiler->program;
    struct avro_op *ops = &program->ops[branch_op];
    const struct avro_field *branches = &compiler->writer->fields[w->first];
    if (compiler->failed || !compiler->options->loose || compiler->options->marks || w->count != 2)
        return;
    uint32_t null = compiler->writer->nodes[branches[0].node].type == AVRO_NULL ? 0 : 1;
    /* null first: BRANCH, READ; null last: BRANCH, READ, JUMP */
    if (compiler->writer->nodes[branches[null].node].type != AVRO_NULL ||
        program->ops_count - branch_op != 2 + null)
        return;
    uint8_t code = ops[1].code == AVRO_READ_TEXT   ? AVRO_MAYBE_TEXT
                   : ops[1].code == AVRO_READ_LONG ? AVRO_MAYBE_LONG
                   : ops[1].code == AVRO_READ_INT  ? AVRO_MAYBE_INT
                                                   : AVRO_BRANCH;
    if (code == AVRO_BRANCH)
        return;
    program->targets_count = ops[0].a;
    ops[0] = ops[1];
    ops[0].code = code;
    ops[0].a = null;
    program->ops_count = branch_op + 1;
}

void avro_emit_union(struct avro_compiler *compiler, const struct avro_routine *in, uint32_t writer,
                     uint32_t reader, uint16_t slot)
{
    struct avro_program *program = compiler->program;
    const struct avro_node *w = &compiler->writer->nodes[writer];
    struct avro_routine branch = *in;
    branch.branch = true;
    uint32_t first = program->targets_count, branch_op = program->ops_count;
    avro_emit(compiler, (struct avro_op){.code = AVRO_BRANCH, .a = first, .b = w->count});
    for (uint32_t i = 0; i < w->count; i++) {
        program->targets = grown(program->targets, &program->targets_capacity,
                                 program->targets_count, sizeof *program->targets);
        program->targets[program->targets_count++] = 0;
    }
    uint32_t jumps = AVRO_NONE; /* those that want to know the end, each naming the one before */
    for (uint32_t i = 0; i < w->count && !compiler->failed; i++) {
        uint32_t start = program->ops_count;
        program->targets[first + i] = start;
        emit_plain(compiler, &branch, compiler->writer->fields[w->first + i].node, reader, slot);
        if (program->ops_count == start && i + 1 < w->count)
            program->targets[first + i] = AVRO_NONE; /* nothing to do: to the end */
        else if (i + 1 < w->count)
            jumps = avro_emit(compiler, (struct avro_op){.code = AVRO_JUMP, .a = jumps});
    }
    uint32_t end = program->ops_count;
    for (uint32_t i = 0; i < w->count; i++)
        if (program->targets[first + i] == AVRO_NONE)
            program->targets[first + i] = end;
    while (!compiler->failed && jumps != AVRO_NONE) {
        uint32_t before = program->ops[jumps].a;
        program->ops[jumps].a = end;
        jumps = before;
    }
    fuse_nullable(compiler, w, branch_op);
}

static bool is_leaf_union(const struct avro_schema *schema, const struct avro_node *node)
{
    for (uint32_t i = 0; i < node->count; i++)
        if (!avro_type_is_leaf(schema->nodes[schema->fields[node->first + i].node].type))
            return false;
    return true;
}

void avro_emit_type(struct avro_compiler *compiler, const struct avro_routine *in, uint32_t writer,
                    uint32_t reader, uint16_t slot)
{
    const struct avro_node *w = &compiler->writer->nodes[writer];
    if (w->type != AVRO_UNION)
        emit_plain(compiler, in, writer, reader, slot);
    else if (is_leaf_union(compiler->writer, w))
        avro_emit_union(compiler, in, writer, reader, slot);
    else
        call(compiler, in, writer, reader, slot);
}
