/* traces_internal.h - what traces*.c share; nobody else includes it. */
#ifndef ENGINE_FLOW_TRACES_INTERNAL_H
#define ENGINE_FLOW_TRACES_INTERNAL_H

#include "engine/flow/label_sets.h"
#include "engine/flow/timer_heap.h"
#include "engine/flow/traces.h"
#include "engine/state/store.h"

#define TRACKER_COUNTERS_MAX 16

/* A trace in the order of its first digest: which is the order in which traces are given up. */
struct trace_place {
    struct cell_id id; /* the trace id */
    int64_t place;     /* offset of the record * 2^20 + number of the digest in it */
};

struct traces {
    const struct flow_options *options;
    const struct tracker_class *class;
    const void *conf;
    struct metric_table *metrics;
    struct measure *measure;
    struct store *store; /* trace id -> struct trace_head, the tracker's state */
    struct label_sets *sets;
    struct timer_heap timers;
    struct trace_place *order; /* from order_first on; some may be gone already */
    uint32_t order_first, order_count, order_capacity;
    uint64_t bytes; /* of all states; not what a transaction keeps aside */
    bool muted;

    struct result_metric results[DIGEST_RESULTS];
    uint32_t result_numbers[DIGEST_RESULTS]; /* in the metric table */
    uint32_t results_count;
    uint32_t own_numbers[DIGEST_RESULTS]; /* of class->metrics */

    uint32_t *block_sets; /* of the block at hand: our numbers */
    uint32_t block_sets_capacity;
    struct buffer payload, outputs, scratch;
    uint64_t tracker_counters[TRACKER_COUNTERS_MAX], committed_tracker[TRACKER_COUNTERS_MAX];
    uint64_t muted_counters[TRACKER_COUNTERS_MAX];
    struct trace_counters counters, committed;
};

/* In front of the tracker's state. */
struct trace_head {
    int64_t place;    /* as in struct trace_place */
    int64_t armed_ms; /* the timer that counts; others in the heap are stale */
};

/* traces_measure.c */
bool traces_know_results(struct traces *traces);
struct tracker_call traces_call(struct traces *traces, const struct cell_id *id, int64_t now_ms);
/* What the tracker just said goes to the cells; nowhere when muted. */
void traces_send(struct traces *traces, const struct cell_id *id);
/* A digest's bins and amounts from the order of its block into ours. */
void traces_translate(const struct traces *traces, const struct digest_block *block, struct digest *digest);

#endif
