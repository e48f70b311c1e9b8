/*
 * avro_event.c - the interpreter with events as its target; also the part of the interpreter that is
 * too rare to be inlined.
 */
#include "engine/span/avro_event.h"

#include "engine/base/hash.h"
#include "engine/span/avro_run.h"

struct listener {
    void (*take)(void *context, const struct avro_event *event);
    void *context;
};

/* The low 7 bits of 8 bytes, side by side. */
static uint64_t squeeze(uint64_t bytes)
{
    bytes &= 0x7f7f7f7f7f7f7f7fULL;
    bytes = (bytes & 0x007f007f007f007fULL) | (bytes & 0x7f007f007f007f00ULL) >> 1;
    bytes = (bytes & 0x00003fff00003fffULL) | (bytes & 0x3fff00003fff0000ULL) >> 2;
    return (bytes & 0x000000000fffffffULL) | (bytes & 0x0fffffff00000000ULL) >> 4;
}

static const uint8_t *varint_near_end(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1)
            return NULL;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return at;
        }
    }
    return NULL;
}

const uint8_t *avro_varint_slow(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
    if (end - at < 10)
        return varint_near_end(at, end, out);
    uint64_t raw = hash_load64(at);
    uint64_t stops = ~raw & 0x8080808080808080ULL;
    if (stops != 0) {
        unsigned size = (unsigned)__builtin_ctzll(stops) / 8 + 1;
        *out = squeeze(size == 8 ? raw : raw & (((uint64_t)1 << 8 * size) - 1));
        return at + size;
    }
    *out = squeeze(raw) | (uint64_t)(at[8] & 0x7f) << 56 | (uint64_t)at[9] << 63;
    if (at[8] < 0x80) {
        *out &= INT64_MAX;
        return at + 9;
    }
    return at[9] <= 1 ? at + 10 : NULL;
}

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
