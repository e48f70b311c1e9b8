/*
 * exemplar.h - keep-k trace ids per (metric, side): which traces to look at, chosen by smallest hash
 * so that merging is order-free.
 *
 * Encoding: entries in ascending (metric, side, order): u32 metric, u8 side, u64 order, 16 bytes id.
 */
#ifndef ENGINE_FLOW_EXEMPLAR_H
#define ENGINE_FLOW_EXEMPLAR_H

#include "engine/base/buffer.h"

#define EXEMPLARS_KEPT 3
#define EXEMPLAR_BYTES 29
enum exemplar_side { EXEMPLAR_GOOD, EXEMPLAR_BAD };

struct exemplar {
    uint32_t metric;
    uint8_t side;
    uint64_t order;
    uint8_t trace_id[16];
};

void exemplar_put(struct buffer *out, const struct exemplar *exemplar);
/* Keeps the EXEMPLARS_KEPT smallest per (metric, side) of both; out is cleared. False on damage. */
bool exemplar_merge(struct bytes a, struct bytes b, struct buffer *out);
/* Copies at most max ids of (metric, side); how many. */
uint32_t exemplar_collect(struct bytes all, uint32_t metric, uint8_t side, uint8_t out[][16], uint32_t max);

#endif
