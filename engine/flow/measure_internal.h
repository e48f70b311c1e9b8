/* measure_internal.h - what measure.c and measure_flush.c share; nobody else includes it. */
#ifndef ENGINE_FLOW_MEASURE_INTERNAL_H
#define ENGINE_FLOW_MEASURE_INTERNAL_H

#include "engine/base/table.h"
#include "engine/flow/exemplar.h"
#include "engine/flow/measure.h"

#define MEASURE_METRICS_MAX 64
#define SMALL_BINS_MAX 16
#define MEASURE_ROLES 16 /* bins of the engine's own metric "spans" */
#define ACCUMULATOR_NONE UINT32_MAX

/* Low bits of a counter key. */
#define COUNTER_SUM 0xFFFFu   /* in place of a bin: the exact sum of the metric */
#define COUNTER_SCORE 0xFFFFu /* in place of a slot: the one metric of a score leaf */

enum { LEAF_TRAFFIC = 0, LEAF_SCORE = 1 /* + metric number */ };

struct leaf_key {
    uint32_t kind;
    struct bytes labels[MEASURE_LABELS]; /* app, env, intent, then prompt and model, or evaluator and revision */
};

struct cell_ref {
    struct cell_id id;
    struct bytes labels;
};

struct leaf {
    struct leaf_key key;
    uint32_t cells_count;
    struct cell_ref cells[3];
    uint32_t accumulator; /* newest; ACCUMULATOR_NONE */
};

struct exemplar_set {
    uint32_t count;
    uint64_t order[EXEMPLARS_KEPT];
    uint8_t id[EXEMPLARS_KEPT][16];
};

struct accumulator {
    uint32_t leaf;
    uint32_t next;
    int64_t minute;
    uint32_t *dense;
    struct exemplar_set *exemplars; /* [flag metric][side]; one pair on a score leaf */
};

struct metric_slot {
    const struct metric_spec *spec;
    uint32_t metric;
    uint32_t dense_at;
    uint32_t exemplars_at; /* UINT32_MAX: keeps none */
    bool dense;
    bool flag_of_content; /* its no_content waits for log records when traces are tracked */
};

/* One (accumulator, metric, bin) on its way into an encoding. */
struct atom {
    uint32_t accumulator;
    uint32_t metric_id;
    uint32_t bin; /* COUNTER_SUM sorts last */
    int64_t amount;
};

/* One accumulator's contribution to one cell. */
struct part {
    const struct cell_ref *cell;
    int64_t minute;
    struct bytes summary;
    struct bytes exemplars;
};

/* What rows of one record share is hashed once, while it lies in the same place. Forgotten where places may
 * be used again: before each batch, and for labels that lie nowhere in one. */
struct shared_labels {
    struct bytes app, env;
    uint64_t hash;
};

struct measure {
    struct shared_labels shared;
    struct metric_table *metrics;
    uint32_t spans_metric;
    struct metric_slot slots[MEASURE_METRICS_MAX];
    uint32_t slots_count;
    const struct metric_spec *scores[MEASURE_METRICS_MAX];
    uint32_t score_count;
    uint32_t dense_total;
    uint32_t exemplar_sets;

    struct table leaf_table;
    struct leaf *leaves;
    uint32_t leaves_count, leaves_capacity, leaves_max;
    struct arena *leaf_arena;

    struct accumulator *accumulators;
    uint32_t accumulators_count, accumulators_capacity;
    uint64_t *counter_keys;
    int64_t *counter_values;
    uint32_t counter_count, counter_capacity;
    struct arena *arena;

    struct atom *atoms;
    uint32_t atoms_count, atoms_capacity;
    struct part *parts;
    uint32_t parts_count, parts_capacity;
    struct cell_delta *deltas;
    uint32_t deltas_capacity;
    struct sha256 *sha;
    struct buffer scratch[2];
};

static inline uint64_t counter_key(uint32_t accumulator, uint32_t slot, uint32_t bin)
{
    return ((uint64_t)accumulator + 1) << 32 | (uint64_t)slot << 16 | bin;
}

uint32_t measure_find_leaf(struct measure *measure, const struct leaf_key *key);
uint32_t measure_find_accumulator(struct measure *measure, uint32_t leaf, int64_t minute);
void measure_count(struct measure *measure, uint64_t key, int64_t amount);

#endif
