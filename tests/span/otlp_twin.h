/*
 * otlp_twin.h - random OTLP requests written twice, in protobuf and in JSON, for comparing what is read.
 * JSON in all the ways it may be written: order of members, names, forms of ids, numbers and enums,
 * escapes, spaces, unknown members, nulls.
 */
#ifndef TESTS_SPAN_OTLP_TWIN_H
#define TESTS_SPAN_OTLP_TWIN_H

#include "engine/base/buffer.h"

struct twin {
    uint64_t rng;
    bool logs;
    struct buffer proto, json;
    uint32_t leaves, bad_leaves; /* how many were written, and how many with impossible ids */
};

void twin_open(struct twin *twin, uint64_t seed, bool logs);
void twin_close(struct twin *twin);
/* Another random request, in place of the last one. */
void twin_next(struct twin *twin);

#endif
