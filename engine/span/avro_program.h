/*
 * avro_program.h - what a writer's and a reader's schema amount to: a flat program that reads one
 * record of the writer and delivers it as the reader wants it.
 *
 * Straight operations for leaves, routines for what is made of others (so recursive types are calls),
 * tables for unions. Immutable after compiling: threads may share it. No operation trusts a record.
 */
#ifndef ENGINE_SPAN_AVRO_PROGRAM_H
#define ENGINE_SPAN_AVRO_PROGRAM_H

#include "engine/span/avro_schema.h"
#include "engine/span/refusal.h"

enum avro_code {
    /* read a value and deliver it; `type` is what the reader has it as, `slot` whom it is for */
    AVRO_READ_NULL,
    AVRO_READ_BOOLEAN,
    AVRO_READ_INT,       /* type INT or LONG; b: enum avro_logical of the writer */
    AVRO_READ_LONG,      /* type LONG; b: enum avro_logical of the writer */
    AVRO_READ_INT_REAL,  /* promoted to FLOAT or DOUBLE */
    AVRO_READ_LONG_REAL, /* promoted to FLOAT or DOUBLE */
    AVRO_READ_FLOAT,     /* type FLOAT or DOUBLE */
    AVRO_READ_DOUBLE,
    AVRO_READ_TEXT,  /* length and bytes; type BYTES or STRING */
    AVRO_READ_FIXED, /* a: bytes; type FIXED or BYTES */
    AVRO_READ_ENUM, /* a: first of the writer's symbols in enums, b: how many; type ENUM or STRING */
    /* a union of null and one leaf, at once: a is null's branch; null is not delivered (loose programs) */
    AVRO_MAYBE_INT,
    AVRO_MAYBE_LONG,
    AVRO_MAYBE_TEXT,
    AVRO_GIVE,     /* a: constant; nothing is read: the reader's default */
    AVRO_GIVE_KEY, /* a: constant: a key of a default map */
    AVRO_MARK,     /* a: enum avro_mark, b: index; only where the target asked for marks */
    /* read a value and forget it */
    AVRO_SKIP_BOOLEAN,
    AVRO_SKIP_INT,
    AVRO_SKIP_LONG,
    AVRO_SKIP_FIXED, /* a: bytes */
    AVRO_SKIP_TEXT,
    AVRO_SKIP_ENUM, /* b: how many symbols there are */
    /* where to go on */
    AVRO_BRANCH, /* a: first of its branches in targets, b: how many */
    AVRO_JUMP,   /* a: where */
    AVRO_CALL,   /* a: where, b: operations of the routine */
    AVRO_RETURN, /* from a routine; from the first one: the end */
    AVRO_BLOCK, /* next item of an array or map (`type`): at a; behind the last it goes on. b: operations per item */
    AVRO_TEXT_MAP,   /* BLOCK of a map whose item is one READ_TEXT, at a: all items at once */
    AVRO_SKIP_BLOCK, /* the same, hopping over blocks that state their size */
    AVRO_REFUSE      /* a: constant with the reason: the reader has nothing for this value */
};

enum avro_mark {
    AVRO_MARK_RECORD,
    AVRO_MARK_FIELD, /* b: number of the field in the reader's record */
    AVRO_MARK_ARRAY,
    AVRO_MARK_MAP,
    AVRO_MARK_BRANCH, /* b: number of the branch in the reader's union */
    AVRO_MARK_END     /* of a record, array or map */
};

struct avro_op {
    uint8_t code;
    uint8_t type;
    uint16_t slot;
    uint32_t a, b;
};

/* A value that is not in the record: a default, a symbol, a reason. */
struct avro_constant {
    int64_t integer;
    double real;
    struct bytes bytes;
};

struct avro_enum_entry {
    uint32_t reader;   /* number of the symbol there; UINT32_MAX: the reader has none for it */
    struct bytes name; /* as the reader calls it */
};

struct avro_program {
    struct avro_op *ops;
    uint32_t *targets;
    struct avro_enum_entry *enums;
    struct avro_constant *constants;
    uint32_t ops_count, targets_count, enums_count, constants_count;
    uint32_t ops_capacity, targets_capacity, enums_capacity, constants_capacity;
    struct arena *texts;
    /* Places where the schemas do not fit, whatever the record holds (not in branches of a union). */
    uint32_t misfits;
    char first_misfit[200];
};

void avro_program_destroy(struct avro_program *program);

/* ---- compiling ------------------------------------------------------------------------------------ */

struct avro_compile_options {
    /* Marks tell where records, arrays, fields and branches begin and end. */
    bool marks;
    /* For columns: names of types need not agree, a fixed is bytes, an enum is its symbol's text, what the
     * reader has no place for is skipped instead of refused, null is not delivered, and a default is not. */
    bool loose;
    /* Per field of the reader's root record: the slot of all that is inside it; NULL: all 0. */
    const uint16_t *slots;
    uint32_t ops_max;
    uint64_t work_max; /* comparisons of names: schemas are hostile too */
};
extern const struct avro_compile_options avro_compile_options_default;

/* The schemas may be destroyed afterwards. Owner frees with avro_program_destroy. NULL only when a limit is
 * passed or a default does not fit its type; schemas that do not fit each other give a program with misfits. */
struct avro_program *avro_compile(const struct avro_schema *writer,
                                  const struct avro_schema *reader,
                                  const struct avro_compile_options *options, struct error *error);

/* ---- running -------------------------------------------------------------------------------------- */

struct avro_limits {
    uint32_t depth_max;        /* records, arrays, maps and unions inside each other */
    uint64_t steps_max;        /* operations per record: what costs no bytes is bounded, too */
    uint32_t string_bytes_max; /* longer values of columns are cut, counted */
    uint32_t attributes_per_span_max;
};
#define AVRO_DEPTH_CAP 512u
extern const struct avro_limits avro_limits_default;

struct avro_fault {
    size_t offset;      /* of the first bad byte in the record */
    const char *reason; /* lives as long as the program */
    enum refusal code;
};

#endif
