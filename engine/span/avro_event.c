/*
 * avro_event.c - the interpreter with events as its target.
 */
#include "engine/span/avro_event.h"

#include "engine/span/avro_run.h"

struct listener {
    void (*take)(void *context, const struct avro_event *event);
    void *context;
};

static void take_leaf(void *into, const struct avro_op *op, const struct avro_constant *value)
{
    const struct listener *listener = into;
    struct avro_event event = {.kind = AVRO_EVENT_VALUE, .type = op->type};
    switch (event.type) {
    case AVRO_NULL:
        break;
    case AVRO_BOOLEAN:
    case AVRO_INT:
    case AVRO_LONG:
        event.integer = value->integer;
        break;
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        event.real = value->real;
        break;
    case AVRO_ENUM:
        event.integer = value->integer;
        event.bytes = value->bytes;
        break;
    default:
        event.bytes = value->bytes;
        break;
    }
    listener->take(listener->context, &event);
}

static void take_key(void *into, const struct avro_op *op, struct bytes key)
{
    const struct listener *listener = into;
    (void)op;
    listener->take(listener->context, &(struct avro_event){.kind = AVRO_EVENT_KEY, .bytes = key});
}

static void take_mark(void *into, const struct avro_op *op)
{
    const struct listener *listener = into;
    listener->take(listener->context,
                   &(struct avro_event){.kind = AVRO_EVENT_MARK, .mark = op->a, .index = op->b});
}

static void take_item(void *into, const struct avro_op *op)
{
    const struct listener *listener = into;
    (void)op;
    listener->take(listener->context, &(struct avro_event){.kind = AVRO_EVENT_ITEM});
}

bool avro_events(const struct avro_program *program, struct bytes record,
                 const struct avro_limits *limits,
                 void (*take)(void *context, const struct avro_event *event), void *context,
                 struct avro_fault *fault)
{
    static const struct avro_target target = {take_leaf, take_key, take_mark, take_item};
    struct listener listener = {take, context};
    return avro_run_record(program, record, limits, &target, &listener, fault);
}
