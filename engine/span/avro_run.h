/*
 * avro_run.h - the interpreter of Avro programs, inlined into each of its targets (avro_span.c,
 * avro_event.c) so that delivering a value is no call.
 *
 * Every length and count is checked against what is left before it is used; calls use an explicit,
 * bounded stack; operations are paid from a budget, so that items of no bytes end, too.
 */
#ifndef ENGINE_SPAN_AVRO_RUN_H
#define ENGINE_SPAN_AVRO_RUN_H

#include "engine/span/avro_wire.h"

/* A target: whom values go to. `value` holds what op->type says: integer for BOOLEAN, INT, LONG and
 * ENUM (bytes: its symbol), real for FLOAT and DOUBLE, bytes for the rest. */
struct avro_target {
    void (*leaf)(void *into, const struct avro_op *op, const struct avro_constant *value);
    void (*key)(void *into, const struct avro_op *op, struct bytes key); /* of a map's next value */
    void (*mark)(void *into, const struct avro_op *op);
    void (*item)(void *into, const struct avro_op *op); /* the next value is one of an array */
};

/* ---- operations ------------------------------------------------------------------------------------------ */

AVRO_INLINE bool avro_read_real(struct avro_run *run, const struct avro_op *op, double *out)
{
    int64_t integer = 0;
    struct bytes raw;
    float single;
    switch (op->code) {
    case AVRO_READ_INT_REAL:
    case AVRO_READ_LONG_REAL:
        if (op->code == AVRO_READ_INT_REAL ? !avro_read_int(run, &integer)
                                           : !avro_read_long(run, &integer))
            return false;
        *out = op->type == AVRO_FLOAT ? (double)(float)integer : (double)integer;
        return true;
    case AVRO_READ_FLOAT:
        if (!avro_take(run, sizeof single, &raw))
            return false;
        memcpy(&single, raw.data, sizeof single);
        *out = (double)single;
        return true;
    default:
        if (!avro_take(run, sizeof *out, &raw))
            return false;
        memcpy(out, raw.data, sizeof *out);
        return true;
    }
}

AVRO_INLINE bool avro_read_enum(struct avro_run *run, const struct avro_program *program,
                                const struct avro_op *op, struct avro_constant *out)
{
    uint32_t index;
    if (!avro_read_index(run, op->b, &index, "an enum's number has no symbol"))
        return false;
    const struct avro_enum_entry *entry = &program->enums[op->a + index];
    if (entry->reader == UINT32_MAX) {
        run->code = REFUSAL_BAD_VALUE;
        run->reason = "the reader has no such symbol in its enum, and no default";
        return false;
    }
    out->integer = entry->reader;
    out->bytes = entry->name;
    return true;
}

/* Of a union of two, one of them null: false in *there when it is null's. */
AVRO_INLINE bool avro_read_there(struct avro_run *run, const struct avro_op *op, bool *there)
{
    uint32_t branch;
    if (run->at < run->end && (*run->at & 0xfd) == 0) { /* 0 or 1 in the one byte they need */
        *there = (uint32_t)*run->at++ >> 1 != op->a;
        return true;
    }
    bool good = avro_read_index(run, 2, &branch, "a union has no branch of this number");
    *there = good && branch != op->a;
    return good;
}

AVRO_INLINE bool avro_skip(struct avro_run *run, const struct avro_op *op)
{
    int64_t integer;
    uint32_t index;
    struct bytes bytes;
    switch (op->code) {
    case AVRO_SKIP_BOOLEAN:
        return avro_read_boolean(run, &integer);
    case AVRO_SKIP_INT:
        return avro_read_int(run, &integer);
    case AVRO_SKIP_LONG:
        return avro_read_long(run, &integer);
    case AVRO_SKIP_FIXED:
        return avro_take(run, op->a, &bytes);
    case AVRO_SKIP_TEXT:
        return avro_read_text(run, &bytes);
    default:
        return avro_read_index(run, op->b, &index, "an enum's number has no symbol");
    }
}

/* The next block of an array or map. *items: 0 behind the last. */
AVRO_INLINE bool avro_block(struct avro_run *run, const struct avro_op *op, uint64_t *items)
{
    for (;;) {
        int64_t count, size;
        struct bytes body;
        if (!avro_read_long(run, &count))
            return false;
        *items = count < 0 ? (uint64_t)0 - (uint64_t)count : (uint64_t)count;
        if (count >= 0)
            break;
        if (!avro_read_long(run, &size))
            return false;
        if (size < 0 || size > run->end - run->at) {
            run->reason = "the size of a block is negative or goes beyond the record";
            return false;
        }
        if (op->code != AVRO_SKIP_BLOCK)
            break;
        if (!avro_take(run, (uint64_t)size, &body) || !avro_pay(run, 1))
            return false;
    }
    if (*items > run->steps_left) {
        run->code = REFUSAL_TOO_LARGE;
        run->reason = "a block has more items than a record is allowed";
        return false;
    }
    return avro_pay(run, *items * op->b); /* below 2^45 times below 2^18 */
}

AVRO_INLINE bool avro_call_push(struct avro_run *run, const struct avro_op *op, uint32_t back,
                                uint32_t depth_max)
{
    if (run->depth >= depth_max) {
        run->code = REFUSAL_TOO_DEEP;
        run->reason = "it is nested deeper than is allowed";
        return false;
    }
    run->frames[run->depth++] = (struct avro_frame){.back = back};
    return avro_pay(run, op->b);
}

/* ---- the loop ---------------------------------------------------------------------------------------------- */

/* The operation before the one that now comes; NULL at a fault. */
AVRO_INLINE const struct avro_op *avro_next_item(struct avro_run *run,
                                                 const struct avro_program *program,
                                                 const struct avro_op *op,
                                                 const struct avro_target *target, void *into)
{
    struct avro_frame *frame = &run->frames[run->depth - 1];
    struct bytes key;
    if (frame->items_left == 0 && !avro_block(run, op, &frame->items_left))
        return NULL;
    if (frame->items_left == 0)
        return op;
    frame->items_left--;
    if (op->type == AVRO_MAP) {
        if (!avro_read_text(run, &key))
            return NULL;
        if (op->code == AVRO_BLOCK)
            target->key(into, op, key);
    } else if (op->code == AVRO_BLOCK) {
        target->item(into, op);
    }
    return program->ops + op->a - 1;
}

/* A union of null and one leaf, whole: what optional fields mostly are. code: the operation's. */
AVRO_INLINE bool avro_maybe(struct avro_run *run, const struct avro_op *op, enum avro_code code,
                            const struct avro_target *target, void *into)
{
    struct avro_constant value = {0};
    bool there;
    if (!avro_read_there(run, op, &there))
        return false;
    if (!there)
        return true;
    bool good = code == AVRO_MAYBE_TEXT  ? avro_read_text(run, &value.bytes)
                : code == AVRO_MAYBE_INT ? avro_read_int(run, &value.integer)
                                         : avro_read_long(run, &value.integer);
    if (good)
        target->leaf(into, op, &value);
    return good;
}

/* A map of texts, whole: what attributes mostly are. */
AVRO_INLINE bool avro_text_map(struct avro_run *run, const struct avro_program *program,
                               const struct avro_op *op, const struct avro_target *target,
                               void *into)
{
    const struct avro_op *leaf = program->ops + op->a;
    struct avro_constant value = {0};
    struct bytes key;
    uint64_t items;
    for (;;) {
        if (!avro_block(run, op, &items))
            return false;
        if (items == 0)
            return true;
        for (; items > 0; items--) {
            if (!avro_read_text(run, &key))
                return false;
            target->key(into, op, key);
            if (!avro_read_text(run, &value.bytes))
                return false;
            target->leaf(into, leaf, &value);
        }
    }
}

/* All that delivers no value. The operation before the next one; NULL: at the end, or a fault. */
AVRO_INLINE const struct avro_op *avro_step(struct avro_run *run,
                                            const struct avro_program *program,
                                            const struct avro_op *op, uint32_t depth_max,
                                            const struct avro_target *target, void *into)
{
    switch ((enum avro_code)op->code) {
    case AVRO_GIVE_KEY:
        target->key(into, op, program->constants[op->a].bytes);
        return op;
    case AVRO_MARK:
        target->mark(into, op);
        return op;
    case AVRO_JUMP:
        return program->ops + op->a - 1;
    case AVRO_CALL:
        if (!avro_call_push(run, op, (uint32_t)(op - program->ops), depth_max))
            return NULL;
        return program->ops + op->a - 1;
    case AVRO_RETURN:
        return run->depth == 0 ? NULL : program->ops + run->frames[--run->depth].back;
    case AVRO_SKIP_BLOCK:
        return avro_next_item(run, program, op, target, into);
    case AVRO_REFUSE:
        run->code = REFUSAL_BAD_VALUE;
        run->reason = (const char *)program->constants[op->a].bytes.data;
        return NULL;
    default:
        return avro_skip(run, op) ? op : NULL;
    }
}

/* Into the target what there is for it; false: reason is set, and `at` is near the fault. */
AVRO_INLINE bool avro_run_ops(struct avro_run *run, const struct avro_program *program,
                              uint32_t depth_max, const struct avro_target *target, void *into)
{
    for (const struct avro_op *op = program->ops;; op++) {
        struct avro_constant value = {0};
        uint32_t index;
        bool good = true;
        switch ((enum avro_code)op->code) {
        case AVRO_READ_TEXT: /* most values: a delivery of its own */
            if (!avro_read_text(run, &value.bytes))
                return false;
            target->leaf(into, op, &value);
            continue;
        case AVRO_MAYBE_TEXT: /* a copy of its own */
            if (!avro_maybe(run, op, AVRO_MAYBE_TEXT, target, into))
                return false;
            continue;
        case AVRO_MAYBE_INT:
        case AVRO_MAYBE_LONG:
            if (!avro_maybe(run, op, (enum avro_code)op->code, target, into))
                return false;
            continue;
        case AVRO_READ_NULL:
            break;
        case AVRO_READ_BOOLEAN:
            good = avro_read_boolean(run, &value.integer);
            break;
        case AVRO_READ_INT:
        case AVRO_READ_LONG:
            good = op->code == AVRO_READ_INT ? avro_read_int(run, &value.integer)
                                             : avro_read_long(run, &value.integer);
            break;
        case AVRO_READ_INT_REAL:
        case AVRO_READ_LONG_REAL:
        case AVRO_READ_FLOAT:
        case AVRO_READ_DOUBLE:
            good = avro_read_real(run, op, &value.real);
            break;
        case AVRO_READ_FIXED:
            good = avro_take(run, op->a, &value.bytes);
            break;
        case AVRO_READ_ENUM:
            good = avro_read_enum(run, program, op, &value);
            break;
        case AVRO_GIVE:
            value = program->constants[op->a];
            break;
        case AVRO_BRANCH:
            if (!avro_read_index(run, op->b, &index, "a union has no branch of this number"))
                return false;
            op = program->ops + program->targets[op->a + index] - 1;
            continue;
        case AVRO_TEXT_MAP:
            if (!avro_text_map(run, program, op, target, into))
                return false;
            continue;
        case AVRO_BLOCK:
            op = avro_next_item(run, program, op, target, into);
            if (op == NULL)
                return false;
            continue;
        default:
            op = avro_step(run, program, op, depth_max, target, into);
            if (op == NULL)
                return run->reason == NULL;
            continue;
        }
        if (!good)
            return false;
        target->leaf(into, op, &value);
    }
}

/* The whole record: nothing may be left behind it. */
AVRO_INLINE bool avro_run_record(const struct avro_program *program, struct bytes record,
                                 const struct avro_limits *limits, const struct avro_target *target,
                                 void *into, struct avro_fault *fault)
{
    struct avro_run run;
    run.at = record.size > 0 ? record.data : (const uint8_t *)"";
    run.end = run.at + record.size;
    run.steps_left = limits->steps_max;
    run.depth = 0;
    run.reason = NULL;
    run.code = REFUSAL_MALFORMED;
    const uint8_t *base = run.at;
    uint32_t depth_max = limits->depth_max < AVRO_DEPTH_CAP ? limits->depth_max : AVRO_DEPTH_CAP;
    bool good = avro_run_ops(&run, program, depth_max, target, into);
    if (good && run.at != run.end) {
        run.reason = "bytes are left behind the value: written with another schema?";
        good = false;
    }
    if (!good)
        *fault = (struct avro_fault){(size_t)(run.at - base), run.reason, run.code};
    return good;
}

#endif
