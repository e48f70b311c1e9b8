/*
 * poison.h - one record of every kind that is refused, in whole or in part, in each encoding that can hold
 * it: what tests of the decoders, of the front and of the whole engine on a real broker send.
 *
 * Made for poison_limits; ids are a function of `number`, so that good spans beside bad ones are all new.
 */
#ifndef TESTS_SPAN_POISON_H
#define TESTS_SPAN_POISON_H

#include "engine/base/buffer.h"
#include "engine/span/otlp_proto.h"

extern const struct otlp_limits poison_limits;
/* The same, as YAML of the engine's options. */
#define POISON_LIMITS_YAML                                                                         \
    "limits: {spans_per_record: 20, attributes_per_span: 16, nesting_depth: 4, string_bytes: "     \
    "1KiB}\n"

struct poison_facts {
    const char *name;
    const char *code;   /* of its dead letter */
    uint32_t good, bad; /* spans */
};

uint32_t poison_kinds(void);
/* Appends the record of this kind, below poison_kinds(). Good spans end at end_ns. */
struct poison_facts poison_put(uint32_t kind, uint64_t number, uint64_t end_ns, struct buffer *out);

#endif
