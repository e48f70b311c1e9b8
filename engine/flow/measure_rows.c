/*
 * measure_rows.c - what a row adds to its leaf: a span its role and every bin it has, a verdict its score,
 * content without a span what it says by itself. Where the trace tracker decides, the row only names its
 * label set here, and a span keeps back what content may still say.
 */
#include "engine/flow/measure_internal.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/flow/digests.h"

#include <stdio.h>

static struct bytes label_or_unknown(struct bytes value)
{
    return bytes_present(value) && value.size > 0 ? value : BYTES_LITERAL("unknown");
}

static void keep_exemplar(struct exemplar_set *set, uint64_t order, struct bytes trace_id)
{
    uint32_t at = set->count;
    if (at == EXEMPLARS_KEPT && order >= set->order[EXEMPLARS_KEPT - 1])
        return;
    for (uint32_t i = 0; i < set->count; i++)
        if (set->order[i] == order)
            return;
    if (at < EXEMPLARS_KEPT)
        set->count++;
    else
        at--;
    while (at > 0 && set->order[at - 1] > order) {
        set->order[at] = set->order[at - 1];
        memcpy(set->id[at], set->id[at - 1], 16);
        at--;
    }
    set->order[at] = order;
    memcpy(set->id[at], trace_id.data, 16);
}

static uint64_t exemplar_order(struct bytes trace_id)
{
    return trace_id.size == 16 ? hash_mix64(bytes_load64(trace_id.data) ^ bytes_load64(trace_id.data + 8)) : 0;
}

static int64_t row_minute(const struct span_batch *batch, uint32_t row, int64_t fallback_ms)
{
    int64_t end_ns = batch->end_ns[row];
    return end_ns == SPAN_I64_ABSENT || end_ns <= 0 ? fallback_ms / 60000 : end_ns / 60000000000;
}

/* A hostile value must not overflow a sum: 2^42 leaves room for two million of them. */
static int64_t clamp_amount(int64_t amount)
{
    const int64_t most = (int64_t)1 << 42;
    return amount > most ? most : amount < -most ? -most : amount;
}

/* ---- one bin of one metric ---------------------------------------------------------------------------------- */

static void add_bin(struct measure *m, uint32_t number, uint32_t s, uint16_t bin, uint64_t order, struct bytes trace_id)
{
    const struct metric_slot *slot = &m->slots[s];
    struct accumulator *acc = &m->accumulators[number];
    if (slot->dense)
        acc->dense[slot->dense_at + bin]++;
    else
        measure_count(m, counter_key(number, s, bin), 1);
    if (slot->exemplars_at != UINT32_MAX && bin <= FLAG_FAIL && trace_id.size == 16)
        keep_exemplar(&acc->exemplars[slot->exemplars_at * 2 + bin], order, trace_id);
}

static void add_amount(struct measure *m, uint32_t number, uint32_t s, int64_t amount)
{
    if (amount != SPAN_I64_ABSENT)
        measure_count(m, counter_key(number, s, COUNTER_SUM), clamp_amount(amount));
}

static void add_score(struct measure *m, uint32_t number, const struct layout *layout, uint16_t bin, struct bytes trace_id)
{
    measure_count(m, counter_key(number, COUNTER_SCORE, bin), 1);
    double badness = 0;
    if (trace_id.size == 16 && layout_badness(layout, bin, &badness) && badness != 0.5)
        keep_exemplar(&m->accumulators[number].exemplars[badness > 0.5], exemplar_order(trace_id), trace_id);
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static uint32_t traffic_leaf(struct measure *m, const struct span_batch *batch, uint32_t row)
{
    struct leaf_key key = {.kind = LEAF_TRAFFIC,
                           .labels = {label_or_unknown(batch->app[row]), label_or_unknown(batch->env[row]),
                                      label_or_unknown(batch->intent_label[row]),
                                      label_or_unknown(batch->prompt_label[row]),
                                      label_or_unknown(batch->model_label[row])}};
    return measure_find_leaf(m, &key);
}

/* held: no_content of what log records may still bring is for the trace tracker to say. */
static void add_traffic_row(struct measure *m, const struct span_batch *batch, uint32_t row, uint32_t leaf,
                            int64_t minute, bool held)
{
    uint32_t number = measure_find_accumulator(m, leaf, minute);
    int64_t role = batch->role[row];
    m->accumulators[number].dense[role >= 0 && role < MEASURE_ROLES ? role : 0]++;
    struct bytes trace = batch->trace_id[row];
    uint64_t order = exemplar_order(trace);
    for (uint32_t s = 0; s < m->slots_count; s++) {
        const struct metric_spec *spec = m->slots[s].spec;
        if (spec->bin_column == SPAN_COLUMN_COUNT)
            continue; /* a tracker's */
        uint16_t bin = ((const uint16_t *)span_batch_column(batch, spec->bin_column))[row];
        if (bin >= spec->layout.bins || (held && bin == FLAG_NO_CONTENT && m->slots[s].flag_of_content))
            continue;
        add_bin(m, number, s, bin, order, trace);
        if (spec->sum_column != SPAN_COLUMN_COUNT)
            add_amount(m, number, s, ((const int64_t *)span_batch_column(batch, spec->sum_column))[row]);
    }
}

/* It is no span, so it has no role; and what only a span knows to apply is left out. */
static void add_content_row(struct measure *m, const struct span_batch *batch, uint32_t row, int64_t minute)
{
    uint32_t number = ACCUMULATOR_NONE; /* a question alone measures nothing */
    for (uint32_t s = 0; s < m->slots_count; s++) {
        const struct metric_spec *spec = m->slots[s].spec;
        if (spec->content != METRIC_OF_CONTENT)
            continue;
        uint16_t bin = ((const uint16_t *)span_batch_column(batch, spec->bin_column))[row];
        if (bin >= spec->layout.bins)
            continue;
        if (number == ACCUMULATOR_NONE)
            number = measure_find_accumulator(m, traffic_leaf(m, batch, row), minute);
        add_bin(m, number, s, bin, exemplar_order(batch->trace_id[row]), batch->trace_id[row]);
        if (spec->sum_column != SPAN_COLUMN_COUNT)
            add_amount(m, number, s, ((const int64_t *)span_batch_column(batch, spec->sum_column))[row]);
    }
}

/* The leaf of a score under this metric of the pipeline; MEASURE_NO_SET: it cannot be named. */
static uint32_t score_leaf(struct measure *m, const struct metric_spec *spec, const struct span_batch *batch, uint32_t row)
{
    char name[96];
    struct bytes suffix = BYTES_NONE;
    if (spec->name_column != SPAN_COLUMN_COUNT)
        suffix = ((const struct bytes *)span_batch_column(batch, spec->name_column))[row];
    int size = snprintf(name, sizeof name, "%s%.*s", spec->name, BYTES_FMT(suffix));
    if (size < 0 || (size_t)size >= sizeof name)
        return MEASURE_NO_SET;
    uint32_t metric = metric_intern(m->metrics, bytes_of(name, (size_t)size), &spec->layout, (uint8_t)spec->epoch);
    if (metric == METRIC_NONE)
        return MEASURE_NO_SET;
    struct leaf_key key = {.kind = LEAF_SCORE + metric,
                           .labels = {label_or_unknown(batch->app[row]), label_or_unknown(batch->env[row]),
                                      label_or_unknown(batch->intent_label[row]),
                                      label_or_unknown(batch->evaluator[row]),
                                      label_or_unknown(batch->evaluator_revision[row])}};
    return measure_find_leaf(m, &key);
}

/* tracked: names the leaf of the (one) score it has, and adds nothing. */
static uint32_t score_row(struct measure *m, const struct span_batch *batch, uint32_t row, int64_t minute, bool tracked)
{
    uint32_t leaf = MEASURE_NO_SET;
    for (uint32_t s = 0; s < m->score_count; s++) {
        const struct metric_spec *spec = m->scores[s];
        uint16_t bin = ((const uint16_t *)span_batch_column(batch, spec->bin_column))[row];
        if (bin >= spec->layout.bins)
            continue;
        leaf = score_leaf(m, spec, batch, row);
        if (leaf == MEASURE_NO_SET)
            continue;
        if (tracked)
            return leaf;
        add_score(m, measure_find_accumulator(m, leaf, minute), &spec->layout, bin, batch->trace_id[row]);
    }
    return leaf;
}

static uint32_t measure_row(struct measure *m, const struct span_batch *batch, uint32_t row, int64_t minute, bool tracked)
{
    uint32_t leaf;
    switch (batch->kind[row]) {
    case ROW_SPAN:
        leaf = traffic_leaf(m, batch, row);
        add_traffic_row(m, batch, row, leaf, minute, tracked);
        return leaf;
    case ROW_VERDICT:
        return score_row(m, batch, row, minute, tracked);
    case ROW_CONTENT:
        if (tracked)
            return traffic_leaf(m, batch, row);
        add_content_row(m, batch, row, minute);
        return MEASURE_NO_SET;
    default:
        return MEASURE_NO_SET;
    }
}

void measure_rows(struct measure *m, const struct span_batch *batch, const uint8_t *include, int64_t fallback_ms, uint32_t *sets)
{
    m->shared = (struct shared_labels){.hash = 0}; /* of absent labels: no key has them */
    for (uint32_t row = 0; row < batch->rows; row++) {
        if (include != NULL && !include[row])
            continue;
        bool tracked = sets != NULL && digest_wanted(batch, row);
        uint32_t set = measure_row(m, batch, row, row_minute(batch, row, fallback_ms), tracked);
        if (sets != NULL)
            sets[row] = tracked ? set : MEASURE_NO_SET;
    }
}

/* ---- what trackers measure ------------------------------------------------------------------------------------ */

static void add_tracked_traffic(struct measure *m, const struct measurement *add, uint32_t number)
{
    uint32_t s = 0;
    while (s < m->slots_count && m->slots[s].metric != add->metric)
        s++;
    if (s == m->slots_count || add->bin >= m->slots[s].spec->layout.bins)
        return;
    add_bin(m, number, s, add->bin, exemplar_order(add->trace_id), add->trace_id);
    if (add->amount != 0)
        add_amount(m, number, s, add->amount);
}

void measure_add(struct measure *m, const struct measurement *add)
{
    const struct layout *layout = &metric_at(m->metrics, add->metric)->layout;
    struct leaf_key key = {.kind = add->score ? LEAF_SCORE + add->metric : LEAF_TRAFFIC};
    memcpy(key.labels, add->labels, sizeof key.labels);
    m->shared = (struct shared_labels){.hash = 0};
    uint32_t number = measure_find_accumulator(m, measure_find_leaf(m, &key), add->minute);
    if (!add->score)
        add_tracked_traffic(m, add, number);
    else if (add->bin < layout->bins)
        add_score(m, number, layout, add->bin, add->trace_id);
}
