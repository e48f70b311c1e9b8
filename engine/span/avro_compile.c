/*
 * avro_compile.c - a writer's and a reader's schema into a program: one routine per pair of composite
 * types, compiled from a list that grows while it is worked off, until nothing is left.
 *
 * Invariant: jumps inside a routine go forward, but for the one that closes a loop over blocks; so the
 * work of a routine is at most its length, and of a loop its body's length per item.
 */
#include "engine/span/avro_compile_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"

#define TEXT_BYTES_MAX ((size_t)16 << 20) /* of defaults, symbols and reasons */

const struct avro_compile_options avro_compile_options_default = {
    .ops_max = 262144,
    .work_max = 50000000,
};

const struct avro_limits avro_limits_default = {
    .depth_max = 128,
    .steps_max = 16000000,
    .string_bytes_max = 1024 * 1024,
    .attributes_per_span_max = 4096,
};

void avro_program_destroy(struct avro_program *program)
{
    if (program == NULL)
        return;
    memory_free(program->ops);
    memory_free(program->targets);
    memory_free(program->enums);
    memory_free(program->constants);
    arena_destroy(program->texts);
    memory_free(program);
}

/* ---- routines ------------------------------------------------------------------------------------------ */

static uint64_t routine_hash(const struct avro_routine *routine)
{
    uint64_t types = (uint64_t)routine->writer << 32 | routine->reader;
    uint64_t rest =
        (uint64_t)(uintptr_t)routine->given ^ (uint64_t)routine->slot << 48 ^ routine->branch;
    return hash_combine(types, rest);
}

static bool routine_equal(const struct avro_routine *a, const struct avro_routine *b)
{
    return a->writer == b->writer && a->reader == b->reader && a->given == b->given &&
           a->slot == b->slot && a->branch == b->branch;
}

void avro_call(struct avro_compiler *compiler, struct avro_routine routine)
{
    uint32_t cursor, number;
    uint64_t hash = routine_hash(&routine);
    for (number = table_first(&compiler->known, hash, &cursor); number != TABLE_NONE;
         number = table_next(&compiler->known, hash, &cursor))
        if (routine_equal(&compiler->routines[number], &routine))
            break;
    if (number == TABLE_NONE) {
        if (compiler->routines_count == compiler->routines_capacity) {
            compiler->routines_capacity =
                compiler->routines_capacity ? compiler->routines_capacity * 2 : 32;
            compiler->routines = memory_resize(compiler->routines, compiler->routines_capacity *
                                                                       sizeof *compiler->routines);
        }
        number = compiler->routines_count++;
        compiler->routines[number] = routine;
        compiler->routines[number].field = compiler->field;
        table_insert(&compiler->known, hash, number);
    }
    avro_emit(compiler, (struct avro_op){.code = AVRO_CALL, .a = number});
}

/* Fields that the writer does not have, after those it has. */
static void compile_missing(struct avro_compiler *compiler, const struct avro_routine *routine,
                            const struct avro_node *r, const bool *filled)
{
    if (compiler->options->loose)
        return;
    for (uint32_t i = 0; i < r->count && !compiler->failed; i++) {
        const struct avro_field *field = &compiler->reader->fields[r->first + i];
        if (filled[i])
            continue;
        if (field->default_value == NULL) {
            avro_emit_misfit(compiler, routine,
                             "the writer has no field %.80s, and the reader no default for it",
                             (const char *)field->name.data);
            return;
        }
        avro_emit_mark(compiler, AVRO_MARK_FIELD, i);
        avro_emit_default(compiler, routine, field->node, field->default_value, routine->slot);
    }
}

static void compile_record(struct avro_compiler *compiler, const struct avro_routine *routine,
                           bool is_root)
{
    const struct avro_node *w = &compiler->writer->nodes[routine->writer];
    const struct avro_field *fields = &compiler->writer->fields[w->first];
    const struct avro_node *r =
        routine->reader == AVRO_NONE ? NULL : &compiler->reader->nodes[routine->reader];
    uint32_t *into = memory_allocate_array((size_t)w->count + 1, sizeof *into);
    bool *filled = memory_allocate_array(r ? (size_t)r->count + 1 : 1, sizeof *filled);
    memset(into, 0xff, w->count * sizeof *into);
    if (r != NULL) {
        avro_match_fields(compiler, w, r, into);
        avro_emit_mark(compiler, AVRO_MARK_RECORD, 0);
    }
    for (uint32_t i = 0; i < w->count && !compiler->failed; i++) {
        uint32_t reader = AVRO_NONE;
        uint16_t slot = routine->slot;
        if (into[i] != AVRO_NONE) {
            reader = compiler->reader->fields[r->first + into[i]].node;
            filled[into[i]] = true;
            if (is_root && compiler->options->slots != NULL)
                slot = compiler->options->slots[into[i]];
            avro_emit_mark(compiler, AVRO_MARK_FIELD, into[i]);
        }
        compiler->field = fields[i].name;
        avro_emit_type(compiler, routine, fields[i].node, reader, slot);
    }
    if (r != NULL) {
        compile_missing(compiler, routine, r, filled);
        avro_emit_mark(compiler, AVRO_MARK_END, 0);
    }
    memory_free(into);
    memory_free(filled);
}

static void compile_blocks(struct avro_compiler *compiler, const struct avro_routine *routine)
{
    const struct avro_node *w = &compiler->writer->nodes[routine->writer];
    bool skipped = routine->reader == AVRO_NONE;
    uint32_t items = compiler->writer->fields[w->first].node;
    uint32_t into = AVRO_NONE;
    if (!skipped) {
        into = compiler->reader->fields[compiler->reader->nodes[routine->reader].first].node;
        avro_emit_mark(compiler, w->type == AVRO_ARRAY ? AVRO_MARK_ARRAY : AVRO_MARK_MAP, 0);
    }
    struct avro_routine inside = *routine;
    inside.branch = true; /* there may be no items */
    /* The test stands behind the body: one operation less for each item. */
    uint32_t entry = avro_emit(compiler, (struct avro_op){.code = AVRO_JUMP});
    avro_emit_type(compiler, &inside, items, into, routine->slot);
    uint32_t loop =
        avro_emit(compiler, (struct avro_op){.code = skipped ? AVRO_SKIP_BLOCK : AVRO_BLOCK,
                                             .type = w->type,
                                             .slot = routine->slot,
                                             .a = entry + 1});
    if (compiler->failed)
        return;
    struct avro_op *ops = compiler->program->ops;
    ops[entry].a = loop;
    ops[loop].b = loop - entry;
    if (!skipped && w->type == AVRO_MAP && loop == entry + 2 &&
        ops[entry + 1].code == AVRO_READ_TEXT)
        ops[loop].code = AVRO_TEXT_MAP;
    if (!skipped)
        avro_emit_mark(compiler, AVRO_MARK_END, 0);
}

static void compile_routine(struct avro_compiler *compiler, uint32_t number)
{
    struct avro_routine routine = compiler->routines[number]; /* the list moves when it grows */
    uint32_t start = compiler->program->ops_count;
    compiler->field = routine.field;
    if (routine.writer == AVRO_NONE) {
        avro_default_routine(compiler, &routine);
    } else {
        switch ((enum avro_type)compiler->writer->nodes[routine.writer].type) {
        case AVRO_RECORD:
            compile_record(compiler, &routine, routine.reader == compiler->reader->root);
            break;
        case AVRO_UNION:
            avro_emit_union(compiler, &routine, routine.writer, routine.reader, routine.slot);
            break;
        default:
            compile_blocks(compiler, &routine);
            break;
        }
    }
    avro_emit(compiler, (struct avro_op){.code = AVRO_RETURN});
    compiler->routines[number].start = start;
    compiler->routines[number].length = compiler->program->ops_count - start;
}

/* Calls name routines by number until all are there. */
static void link_calls(struct avro_compiler *compiler)
{
    for (uint32_t i = 0; i < compiler->program->ops_count; i++) {
        struct avro_op *op = &compiler->program->ops[i];
        if (op->code != AVRO_CALL)
            continue;
        const struct avro_routine *routine = &compiler->routines[op->a];
        op->a = routine->start;
        op->b = routine->length;
    }
}

/* The program begins with the root's value and a RETURN, which ends it. */
static void compile_all(struct avro_compiler *compiler)
{
    struct avro_routine root = {.writer = AVRO_NONE, .reader = AVRO_NONE};
    avro_emit_type(compiler, &root, compiler->writer->root, compiler->reader->root, 0);
    avro_emit(compiler, (struct avro_op){.code = AVRO_RETURN});
    for (uint32_t i = 0; i < compiler->routines_count && !compiler->failed; i++) {
        compile_routine(compiler, i);
        if (compiler->work > compiler->options->work_max)
            avro_compile_fail(compiler, "matching its names takes more than %llu comparisons",
                              (unsigned long long)compiler->options->work_max);
    }
    if (!compiler->failed)
        link_calls(compiler);
}

struct avro_program *avro_compile(const struct avro_schema *writer,
                                  const struct avro_schema *reader,
                                  const struct avro_compile_options *options, struct error *error)
{
    struct avro_program *program = memory_allocate(sizeof *program);
    program->texts = arena_create(TEXT_BYTES_MAX);
    struct avro_compiler compiler = {
        .writer = writer, .reader = reader, .options = options, .program = program, .error = error};
    compile_all(&compiler);
    table_free(&compiler.known);
    memory_free(compiler.routines);
    if (!compiler.failed)
        return program;
    avro_program_destroy(program);
    return NULL;
}
