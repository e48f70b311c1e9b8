/*
 * avro_compile_internal.h - what the compiler keeps while it works; shared by avro_compile.c (routines
 * and structure), avro_match.c (who fits whom), avro_emit.c (leaves, unions) and avro_default.c.
 */
#ifndef ENGINE_SPAN_AVRO_COMPILE_INTERNAL_H
#define ENGINE_SPAN_AVRO_COMPILE_INTERNAL_H

#include "engine/base/arena.h"
#include "engine/base/table.h"
#include "engine/span/avro_program.h"

#define AVRO_NONE UINT32_MAX

/* A type to read as another, compiled once, called from wherever it occurs. */
struct avro_routine {
    uint32_t writer;                /* node; AVRO_NONE: nothing is read, it delivers a default */
    uint32_t reader;                /* node; AVRO_NONE: skipped */
    const struct json_value *given; /* the default */
    uint16_t slot;
    bool branch; /* somewhere below a branch of the writer's union: a misfit may never be met */
    uint32_t start, length;
    struct bytes field; /* it was first met in; for messages */
};

struct avro_compiler {
    const struct avro_schema *writer, *reader;
    const struct avro_compile_options *options;
    struct avro_program *program;
    struct avro_routine *routines;
    uint32_t routines_count, routines_capacity;
    struct table known;
    uint64_t work;
    struct bytes field; /* of the writer's record that is being compiled; for messages */
    struct error *error;
    bool failed;
};

/* ---- avro_emit.c ---- */
void avro_compile_fail(struct avro_compiler *compiler, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends; its number. Sets failed at the limit. */
uint32_t avro_emit(struct avro_compiler *compiler, struct avro_op op);
void avro_emit_mark(struct avro_compiler *compiler, enum avro_mark mark, uint32_t index);
uint32_t avro_constant_add(struct avro_compiler *compiler, struct avro_constant constant);
/* The reader has no place for what the writer has here. */
void avro_emit_misfit(struct avro_compiler *compiler, const struct avro_routine *in,
                      const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A value of type `writer` delivered as `reader` (AVRO_NONE: skipped). */
void avro_emit_type(struct avro_compiler *compiler, const struct avro_routine *in, uint32_t writer,
                    uint32_t reader, uint16_t slot);
void avro_emit_union(struct avro_compiler *compiler, const struct avro_routine *in, uint32_t writer,
                     uint32_t reader, uint16_t slot);

/* ---- avro_match.c ---- */
/* True when a leaf or composite of the writer can be read as the reader's; neither is a union. */
bool avro_match(struct avro_compiler *compiler, uint32_t writer, uint32_t reader);
/* The branch of the reader's union for a writer's type that is no union; AVRO_NONE: there is none. */
uint32_t avro_match_branch(struct avro_compiler *compiler, uint32_t writer, uint32_t reader_union);
/* For each field of the writer's record the reader's field that takes it; AVRO_NONE: it is skipped. */
void avro_match_fields(struct avro_compiler *compiler, const struct avro_node *writer,
                       const struct avro_node *reader, uint32_t *reader_of_writer);

/* ---- avro_compile.c ---- */
/* Appends a call of the routine, which is compiled later. */
void avro_call(struct avro_compiler *compiler, struct avro_routine routine);

/* ---- avro_default.c ---- */
/* Delivers a default of the reader's type: constants, marks and calls. */
void avro_emit_default(struct avro_compiler *compiler, const struct avro_routine *in,
                       uint32_t reader, const struct json_value *given, uint16_t slot);
/* The body of a routine that delivers a composite default. */
void avro_default_routine(struct avro_compiler *compiler, const struct avro_routine *routine);

#endif
