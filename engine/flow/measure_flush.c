/*
 * measure_flush.c - from counts to deltas: encode every accumulator once, then merge into its levels.
 *
 * Output is sorted by (cell id, minute) and does not depend on the order in which rows came.
 */
#include "engine/flow/measure_internal.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/state/summary.h"

#include <stdlib.h>

static void push_atom(struct measure *m, struct atom atom)
{
    if (m->atoms_count == m->atoms_capacity) {
        m->atoms_capacity = m->atoms_capacity ? m->atoms_capacity * 2 : 4096;
        m->atoms = memory_resize(m->atoms, m->atoms_capacity * sizeof *m->atoms);
    }
    m->atoms[m->atoms_count++] = atom;
}

static void push_dense(struct measure *m, uint32_t number)
{
    const struct accumulator *acc = &m->accumulators[number];
    if (m->leaves[acc->leaf].key.kind != LEAF_TRAFFIC)
        return;
    uint32_t spans_id = metric_at(m->metrics, m->spans_metric)->id;
    uint16_t roles = metric_at(m->metrics, m->spans_metric)->layout.bins;
    for (uint32_t bin = 0; bin < roles; bin++)
        if (acc->dense[bin] > 0)
            push_atom(m, (struct atom){number, spans_id, bin, acc->dense[bin]});
    for (uint32_t s = 0; s < m->slots_count; s++) {
        const struct metric_slot *slot = &m->slots[s];
        if (!slot->dense)
            continue;
        uint32_t id = metric_at(m->metrics, slot->metric)->id;
        for (uint32_t bin = 0; bin < slot->spec->layout.bins; bin++)
            if (acc->dense[slot->dense_at + bin] > 0)
                push_atom(m, (struct atom){number, id, bin, acc->dense[slot->dense_at + bin]});
    }
}

static void push_counters(struct measure *m)
{
    for (uint32_t i = 0; i < m->counter_capacity; i++) {
        uint64_t key = m->counter_keys[i];
        if (key == 0)
            continue;
        uint32_t number = (uint32_t)(key >> 32) - 1;
        uint32_t slot = (uint32_t)(key >> 16) & 0xFFFF;
        uint32_t metric = slot == COUNTER_SCORE ? m->leaves[m->accumulators[number].leaf].key.kind - LEAF_SCORE
                                                : m->slots[slot].metric;
        push_atom(m, (struct atom){number, metric_at(m->metrics, metric)->id, (uint32_t)key & 0xFFFF,
                                   m->counter_values[i]});
    }
}

static int compare_atoms(const void *left, const void *right)
{
    const struct atom *a = left, *b = right;
    if (a->accumulator != b->accumulator)
        return a->accumulator < b->accumulator ? -1 : 1;
    if (a->metric_id != b->metric_id)
        return a->metric_id < b->metric_id ? -1 : 1;
    return a->bin < b->bin ? -1 : a->bin > b->bin;
}

/* Encodes the atoms [from, to) of one accumulator. */
static struct bytes encode_summary(struct measure *m, uint32_t from, uint32_t to)
{
    struct buffer *out = &m->scratch[0];
    buffer_clear(out);
    struct summary_bin bins[LAYOUT_BINS_MAX];
    while (from < to) {
        uint32_t id = m->atoms[from].metric_id;
        uint32_t count = 0;
        int64_t sum = 0;
        for (; from < to && m->atoms[from].metric_id == id; from++) {
            const struct atom *atom = &m->atoms[from];
            if (atom->bin == COUNTER_SUM)
                sum = atom->amount;
            else
                bins[count++] = (struct summary_bin){(uint16_t)atom->bin, (uint64_t)atom->amount};
        }
        summary_put(out, id, sum, bins, count);
    }
    return arena_copy(m->arena, buffer_bytes(out));
}

static int compare_exemplars(const void *left, const void *right)
{
    const struct exemplar *a = left, *b = right;
    if (a->metric != b->metric)
        return a->metric < b->metric ? -1 : 1;
    if (a->side != b->side)
        return a->side < b->side ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static struct bytes encode_exemplars(struct measure *m, const struct accumulator *acc)
{
    struct exemplar all[MEASURE_METRICS_MAX * 2 * EXEMPLARS_KEPT];
    uint32_t count = 0;
    uint32_t kind = m->leaves[acc->leaf].key.kind;
    uint32_t slots = kind == LEAF_TRAFFIC ? m->slots_count : 1;
    for (uint32_t s = 0; s < slots; s++) {
        uint32_t at = kind == LEAF_TRAFFIC ? m->slots[s].exemplars_at : 0;
        if (at == UINT32_MAX)
            continue;
        uint32_t metric = kind == LEAF_TRAFFIC ? m->slots[s].metric : kind - LEAF_SCORE;
        for (uint32_t side = 0; side < 2; side++) {
            const struct exemplar_set *set = &acc->exemplars[at * 2 + side];
            for (uint32_t i = 0; i < set->count; i++) {
                struct exemplar *e = &all[count++];
                *e = (struct exemplar){metric_at(m->metrics, metric)->id, (uint8_t)side, set->order[i], {0}};
                memcpy(e->trace_id, set->id[i], 16);
            }
        }
    }
    qsort(all, count, sizeof all[0], compare_exemplars);
    buffer_clear(&m->scratch[0]);
    for (uint32_t i = 0; i < count; i++)
        exemplar_put(&m->scratch[0], &all[i]);
    return arena_copy(m->arena, buffer_bytes(&m->scratch[0]));
}

static void push_parts(struct measure *m, const struct accumulator *acc, struct bytes summary, struct bytes exemplars)
{
    const struct leaf *leaf = &m->leaves[acc->leaf];
    for (uint32_t i = 0; i < leaf->cells_count; i++) {
        if (m->parts_count == m->parts_capacity) {
            m->parts_capacity = m->parts_capacity ? m->parts_capacity * 2 : 1024;
            m->parts = memory_resize(m->parts, m->parts_capacity * sizeof *m->parts);
        }
        m->parts[m->parts_count++] = (struct part){&leaf->cells[i], acc->minute, summary, exemplars};
    }
}

static int compare_parts(const void *left, const void *right)
{
    const struct part *a = left, *b = right;
    int order = memcmp(a->cell->id.bytes, b->cell->id.bytes, CELL_ID_BYTES);
    if (order != 0)
        return order;
    return a->minute < b->minute ? -1 : a->minute > b->minute;
}

/* Adds b to *a through the two scratch buffers. */
static void merge_part(struct measure *m, struct cell_delta *into, const struct part *part)
{
    CHECK(summary_add(into->summary, part->summary, &m->scratch[0]));
    into->summary = arena_copy(m->arena, buffer_bytes(&m->scratch[0]));
    CHECK(exemplar_merge(into->exemplars, part->exemplars, &m->scratch[0]));
    into->exemplars = arena_copy(m->arena, buffer_bytes(&m->scratch[0]));
    CHECK(bytes_present(into->summary) && bytes_present(into->exemplars));
}

static uint32_t merge_parts(struct measure *m)
{
    if (m->parts_count > m->deltas_capacity) {
        m->deltas_capacity = m->parts_capacity;
        m->deltas = memory_resize(m->deltas, m->deltas_capacity * sizeof *m->deltas);
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->parts_count; i++) {
        const struct part *part = &m->parts[i];
        struct cell_delta *last = count > 0 ? &m->deltas[count - 1] : NULL;
        if (last != NULL && last->minute == part->minute &&
            memcmp(last->id.bytes, part->cell->id.bytes, CELL_ID_BYTES) == 0)
            merge_part(m, last, part);
        else
            m->deltas[count++] = (struct cell_delta){part->cell->id, part->cell->labels, part->minute, part->summary,
                                                     part->exemplars};
    }
    return count;
}

static void forget(struct measure *m)
{
    for (uint32_t i = 0; i < m->accumulators_count; i++)
        m->leaves[m->accumulators[i].leaf].accumulator = ACCUMULATOR_NONE;
    m->accumulators_count = 0;
    if (m->counter_count > 0)
        memset(m->counter_keys, 0, m->counter_capacity * sizeof *m->counter_keys);
    m->counter_count = 0;
    m->atoms_count = m->parts_count = 0;
}

void measure_discard(struct measure *m)
{
    forget(m);
    arena_reset(m->arena);
}

/* Label sets are remembered until there are too many; then all go, and come back as they are seen. */
void measure_release(struct measure *m)
{
    CHECK(m->accumulators_count == 0);
    arena_reset(m->arena);
    if (m->leaves_count < m->leaves_max)
        return;
    m->leaves_count = 0;
    table_clear(&m->leaf_table);
    arena_reset(m->leaf_arena);
}

const struct cell_delta *measure_flush(struct measure *m, uint32_t *count)
{
    if (m->accumulators_count == 0) {
        *count = 0;
        return NULL;
    }
    for (uint32_t i = 0; i < m->accumulators_count; i++)
        push_dense(m, i);
    push_counters(m);
    qsort(m->atoms, m->atoms_count, sizeof *m->atoms, compare_atoms);
    uint32_t at = 0;
    for (uint32_t i = 0; i < m->accumulators_count; i++) {
        uint32_t from = at;
        while (at < m->atoms_count && m->atoms[at].accumulator == i)
            at++;
        const struct accumulator *acc = &m->accumulators[i];
        struct bytes summary = encode_summary(m, from, at);
        struct bytes exemplars = encode_exemplars(m, acc);
        CHECK(bytes_present(summary) && bytes_present(exemplars));
        push_parts(m, acc, summary, exemplars);
    }
    qsort(m->parts, m->parts_count, sizeof *m->parts, compare_parts);
    *count = merge_parts(m);
    forget(m);
    return m->deltas;
}
