/*
 * leaves.c - the rows of one record to the rules of leaf_rules.c and back, when there is anything to settle.
 */
#include "engine/span/leaves.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/span/dialect.h"
#include "engine/span/leaf_rules.h"
#include "engine/span/row_scratch.h"

#define FILTER_BITS 12

static bool is_call(const struct span_batch *batch, uint32_t row)
{
    int64_t role = batch->role[row];
    return role == ROLE_CALL || role == ROLE_EMBEDDINGS || role == ROLE_CALL_AROUND ||
           role == ROLE_EMBEDDINGS_AROUND;
}

static bool of_client(const struct span_batch *batch, uint32_t row)
{
    return batch->kind[row] == ROW_SPAN && (batch->generations[row] & GENERATION_CLIENT) != 0;
}

/* ---- whether there is anything to settle ------------------------------------------------------------------------ */

struct findings {
    bool nested, client, addendum;
};

static uint32_t filter_place(struct bytes id)
{
    return (uint32_t)(bytes_load64(id.data) * 0x9e3779b97f4a7c15ULL >> (64 - FILTER_BITS));
}

/* Most records have nothing of all that: a call whose parent may be in the record is rare. */
static struct findings look(const struct span_batch *batch, uint32_t first)
{
    uint64_t filter[(1 << FILTER_BITS) / 64] = {0};
    struct findings found = {false, false, false};
    for (uint32_t row = first; row < batch->rows; row++) {
        if (batch->kind[row] != ROW_SPAN)
            continue;
        uint32_t place = filter_place(batch->span_id[row]);
        filter[place / 64] |= (uint64_t)1 << place % 64;
        found.client |= of_client(batch, row);
        found.addendum |= batch->role[row] == ROLE_CALL_ADDENDUM;
    }
    for (uint32_t row = first; !found.nested && row < batch->rows; row++) {
        if (!bytes_present(batch->parent_span_id[row]) || !is_call(batch, row))
            continue;
        uint32_t place = filter_place(batch->parent_span_id[row]);
        found.nested = (filter[place / 64] >> place % 64) & 1;
    }
    return found;
}

/* ---- there and back ------------------------------------------------------------------------------------------------ */

/* A span's id within its trace; roots of one trace have one parent, which is nobody. */
static uint64_t id_in_trace(struct bytes trace_id, struct bytes span_id)
{
    uint64_t trace = hash_bytes(trace_id, 0);
    return bytes_present(span_id) ? trace ^ hash_bytes(span_id, 1) : trace;
}

static struct leaf_span leaf_span_of(const struct span_batch *batch, uint32_t row)
{
    struct bytes trace_id = batch->trace_id[row], response = batch->response_id[row];
    return (struct leaf_span){
        .id = id_in_trace(trace_id, batch->span_id[row]),
        .parent = id_in_trace(trace_id, batch->parent_span_id[row]),
        .response = bytes_present(response) ? hash_bytes(response, 0) : 0,
        .tag = row,
        .role = (uint8_t)batch->role[row],
        .leaf = batch->leaf[row] == 1,
        .tokens = (batch->generations[row] & GENERATION_TOKENS) != 0,
        .client = of_client(batch, row),
    };
}

static struct row_scratch *scratch_for(struct span_batch *batch, uint32_t rows)
{
    if (batch->scratch == NULL)
        batch->scratch = row_scratch_create();
    struct row_scratch *scratch = batch->scratch;
    uint32_t need = 4;
    while (need < 2 * rows)
        need *= 2;
    if (scratch->leaf_slots_count < need) {
        scratch->leaf_slots = memory_resize(scratch->leaf_slots, need * sizeof *scratch->leaf_slots);
        scratch->leaf_spans = memory_resize(scratch->leaf_spans, need / 2 * sizeof *scratch->leaf_spans);
        scratch->leaf_slots_count = need;
    }
    return scratch;
}

void leaves_settle(struct span_batch *batch, uint32_t first)
{
    const uint32_t rows = batch->rows - first;
    if (rows == 0 || !span_columns_have(&batch->wanted, SPAN_COLUMN_role))
        return;
    if (rows == 1 && batch->role[first] != ROLE_CALL_ADDENDUM)
        return;
    struct findings found = look(batch, first);
    if (!found.nested && !found.client && !found.addendum)
        return;
    struct row_scratch *scratch = scratch_for(batch, rows);
    struct leaf_span *spans = scratch->leaf_spans;
    uint32_t count = 0;
    for (uint32_t row = first; row < batch->rows; row++)
        if (batch->kind[row] == ROW_SPAN)
            spans[count++] = leaf_span_of(batch, row);
    leaf_rules_settle(spans, count, scratch->leaf_slots, scratch->leaf_slots_count);
    bool leaf_wanted = span_columns_have(&batch->wanted, SPAN_COLUMN_leaf);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = spans[i].tag;
        if (leaf_wanted && spans[i].leaf != (batch->leaf[row] == 1))
            batch->leaf[row] = spans[i].leaf;
        batch->role[row] = spans[i].role;
    }
}
