/*
 * leaf_rules.h - who of several spans about one call is the leaf: the rules, on plain numbers.
 *
 * Used for the rows of one record (leaves.c) and for what is known of one trace (the trace tracker). Linear in
 * the spans; allocates nothing. The more spans are known, the fewer count: none comes back.
 */
#ifndef ENGINE_SPAN_LEAF_RULES_H
#define ENGINE_SPAN_LEAF_RULES_H

#include "engine/span/span_batch.h"

struct leaf_span {
    uint64_t id, parent; /* told apart across traces by whoever makes them; parent 0: none */
    uint64_t response;   /* stands for the provider's id of the answer; 0: none */
    uint32_t tag;        /* the caller's */
    uint8_t role;        /* enum span_role; the rules write it, and leaf */
    bool leaf, tokens, client;
};

static inline bool leaf_rules_counts(uint8_t role) { return role == ROLE_CALL || role == ROLE_EMBEDDINGS; }

/* slots: for the rules' own use; slots_count is a power of two, at least 2 * count. */
void leaf_rules_settle(struct leaf_span *spans, uint32_t count, uint32_t *slots, uint32_t slots_count);

#endif
