/*
 * leaves.c - who of several spans about one call is the leaf.
 *
 * The deepest span that carries tokens is it; where none does, the deepest. Calls above it, through
 * anything but a tool, agent or workflow, are around it; calls below one that carries the tokens are
 * copies. Without a parent link a self-tracing library's span is known by the response id.
 */
#include "engine/span/leaves.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/span/dialect.h"
#include "engine/span/row_scratch.h"

#define HOPS_MAX    32
#define FILTER_BITS 12

struct record_rows {
    struct span_batch *batch;
    uint32_t first, end;
    uint32_t *slots;
    uint32_t mask;
};

static bool is_call(const struct span_batch *batch, uint32_t row)
{
    int64_t role = batch->role[row];
    return role == ROLE_CALL || role == ROLE_EMBEDDINGS || role == ROLE_CALL_AROUND ||
           role == ROLE_EMBEDDINGS_AROUND;
}

static bool counts(const struct span_batch *batch, uint32_t row)
{
    return batch->role[row] == ROLE_CALL || batch->role[row] == ROLE_EMBEDDINGS;
}

static bool has_tokens(const struct span_batch *batch, uint32_t row)
{
    return (batch->generations[row] & GENERATION_TOKENS) != 0;
}

static bool of_client(const struct span_batch *batch, uint32_t row)
{
    return batch->kind[row] == ROW_SPAN && (batch->generations[row] & GENERATION_CLIENT) != 0;
}

static void set_leaf(struct span_batch *batch, uint32_t row, bool leaf)
{
    if (span_columns_have(&batch->wanted, SPAN_COLUMN_leaf))
        batch->leaf[row] = leaf;
}

static void make_around(struct span_batch *batch, uint32_t row)
{
    if (batch->role[row] == ROLE_CALL)
        batch->role[row] = ROLE_CALL_AROUND;
    else if (batch->role[row] == ROLE_EMBEDDINGS)
        batch->role[row] = ROLE_EMBEDDINGS_AROUND;
    set_leaf(batch, row, false);
}

static void make_copy(struct span_batch *batch, uint32_t row)
{
    batch->role[row] = ROLE_CALL_COPY;
    set_leaf(batch, row, false);
}

/* ---- a table of the record's rows by some id -------------------------------------------------------------- */

static void table_clear(struct record_rows *rows)
{
    memset(rows->slots, 0, (rows->mask + (size_t)1) * sizeof *rows->slots);
}

static uint64_t id_hash(struct bytes id) { return hash_bytes(id, 0); }

static void table_add(struct record_rows *rows, struct bytes id, uint32_t row)
{
    uint32_t slot = (uint32_t)id_hash(id) & rows->mask;
    while (rows->slots[slot] != 0)
        slot = (slot + 1) & rows->mask;
    rows->slots[slot] = row + 1;
}

/* The row of this id in `column` and trace (absent: any trace), or UINT32_MAX. */
static uint32_t table_find(const struct record_rows *rows, const struct bytes *column, struct bytes id,
                           struct bytes trace_id)
{
    const struct span_batch *batch = rows->batch;
    for (uint32_t slot = (uint32_t)id_hash(id) & rows->mask; rows->slots[slot] != 0;
         slot = (slot + 1) & rows->mask) {
        uint32_t row = rows->slots[slot] - 1;
        if (bytes_equal(column[row], id) &&
            (!bytes_present(trace_id) || bytes_equal(batch->trace_id[row], trace_id)))
            return row;
    }
    return UINT32_MAX;
}

static void table_open(struct record_rows *rows)
{
    struct span_batch *batch = rows->batch;
    if (batch->scratch == NULL)
        batch->scratch = row_scratch_create();
    struct row_scratch *scratch = batch->scratch;
    uint32_t need = 4;
    while (need < 2 * (rows->end - rows->first))
        need *= 2;
    if (scratch->leaf_slots_count < need) {
        scratch->leaf_slots = memory_resize(scratch->leaf_slots, need * sizeof *scratch->leaf_slots);
        scratch->leaf_slots_count = need;
    }
    rows->slots = scratch->leaf_slots;
    rows->mask = need - 1;
    table_clear(rows);
}

/* ---- along parents ------------------------------------------------------------------------------------------ */

static bool is_boundary(int64_t role)
{
    return role == ROLE_TOOL || role == ROLE_AGENT || role == ROLE_WORKFLOW || role == ROLE_RETRIEVAL;
}

/* The next call above this row, not beyond a step of its own; UINT32_MAX: none in the record. *hops is
 * used up. */
static uint32_t call_above(const struct record_rows *rows, uint32_t row, unsigned *hops)
{
    const struct span_batch *batch = rows->batch;
    for (; *hops > 0; --*hops) {
        if (!bytes_present(batch->parent_span_id[row]))
            return UINT32_MAX;
        row = table_find(rows, batch->span_id, batch->parent_span_id[row], batch->trace_id[row]);
        if (row == UINT32_MAX || is_boundary(batch->role[row]))
            return UINT32_MAX;
        if (is_call(batch, row))
            return row;
    }
    return UINT32_MAX;
}

static void settle_nested(struct record_rows *rows, bool with_tokens)
{
    struct span_batch *batch = rows->batch;
    for (uint32_t row = rows->first; row < rows->end; row++) {
        if (!is_call(batch, row) || has_tokens(batch, row) != with_tokens)
            continue;
        unsigned hops = HOPS_MAX;
        bool copy = false;
        for (uint32_t above = row; !copy && (above = call_above(rows, above, &hops)) != UINT32_MAX;) {
            copy = !with_tokens && has_tokens(batch, above);
            if (!copy)
                make_around(batch, above);
            hops -= hops > 0;
        }
        if (copy && counts(batch, row))
            make_copy(batch, row);
    }
}

/* ---- without a parent link ------------------------------------------------------------------------------------ */

static void settle_by_response(struct record_rows *rows)
{
    struct span_batch *batch = rows->batch;
    table_clear(rows);
    for (uint32_t row = rows->first; row < rows->end; row++)
        if (of_client(batch, row) && counts(batch, row) && bytes_present(batch->response_id[row]))
            table_add(rows, batch->response_id[row], row);
    for (uint32_t row = rows->first; row < rows->end; row++) {
        if (of_client(batch, row) || !counts(batch, row) || !bytes_present(batch->response_id[row]))
            continue;
        uint32_t client = table_find(rows, batch->response_id, batch->response_id[row], BYTES_NONE);
        if (client == UINT32_MAX || !counts(batch, client))
            continue;
        if (has_tokens(batch, client) || !has_tokens(batch, row))
            make_around(batch, row);
        else
            make_copy(batch, client);
    }
}

/* A second span of a finished stream that carries the tokens is the leaf; the call, its parent or its
 * neighbour, stays the call. */
static void settle_addenda(struct record_rows *rows)
{
    struct span_batch *batch = rows->batch;
    table_clear(rows);
    for (uint32_t row = rows->first; row < rows->end; row++)
        if (counts(batch, row) && !has_tokens(batch, row))
            table_add(rows, batch->parent_span_id[row], row);
    for (uint32_t row = rows->first; row < rows->end; row++) {
        if (batch->role[row] != ROLE_CALL_ADDENDUM || !has_tokens(batch, row))
            continue;
        set_leaf(batch, row, true);
        uint32_t call =
            table_find(rows, batch->parent_span_id, batch->parent_span_id[row], batch->trace_id[row]);
        if (call != UINT32_MAX)
            set_leaf(batch, call, false);
    }
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
static struct findings look(const struct record_rows *rows)
{
    const struct span_batch *batch = rows->batch;
    uint64_t filter[(1 << FILTER_BITS) / 64] = {0};
    struct findings found = {false, false, false};
    for (uint32_t row = rows->first; row < rows->end; row++) {
        if (batch->kind[row] != ROW_SPAN)
            continue;
        uint32_t place = filter_place(batch->span_id[row]);
        filter[place / 64] |= (uint64_t)1 << place % 64;
        found.client |= of_client(batch, row);
        found.addendum |= batch->role[row] == ROLE_CALL_ADDENDUM;
    }
    for (uint32_t row = rows->first; !found.nested && row < rows->end; row++) {
        if (!bytes_present(batch->parent_span_id[row]) || !is_call(batch, row))
            continue;
        uint32_t place = filter_place(batch->parent_span_id[row]);
        found.nested = (filter[place / 64] >> place % 64) & 1;
    }
    return found;
}

void leaves_settle(struct span_batch *batch, uint32_t first)
{
    struct record_rows rows = {.batch = batch, .first = first, .end = batch->rows};
    if (rows.end - first == 0 || !span_columns_have(&batch->wanted, SPAN_COLUMN_role))
        return;
    if (rows.end - first == 1 && batch->role[first] != ROLE_CALL_ADDENDUM)
        return;
    struct findings found = look(&rows);
    if (!found.nested && !found.client && !found.addendum)
        return;
    table_open(&rows);
    if (found.nested) {
        for (uint32_t row = first; row < rows.end; row++)
            if (batch->kind[row] == ROW_SPAN)
                table_add(&rows, batch->span_id[row], row);
        settle_nested(&rows, true);
        settle_nested(&rows, false);
    }
    if (found.client)
        settle_by_response(&rows);
    if (found.addendum)
        settle_addenda(&rows);
}
