/*
 * row_sink.h - attribute values into the columns of one row: wanted or not, precedence, transforms,
 * and what follows from several columns together. Shared by every encoding of spans.
 */
#ifndef ENGINE_SPAN_ROW_SINK_H
#define ENGINE_SPAN_ROW_SINK_H

#include "engine/span/any_value.h"
#include "engine/span/dialect.h"

/* content_is_tree bits */
enum { TREE_SYSTEM_INSTRUCTIONS = 1, TREE_INPUT_MESSAGES = 2, TREE_OUTPUT_MESSAGES = 4 };

struct row_sink {
    struct span_batch *batch;
    struct span_column_set wanted;
    uint32_t row;
    uint32_t string_bytes_max;
    uint32_t cut_strings; /* counts up */
    uint8_t generations;  /* of this row, enum dialect_generation bits */
    uint8_t mark;         /* enum dialect */
    /* Per column, of the alias it was filled from: RANK_NONE before, RANK_NEVER for unwanted columns.
     * The entry behind the last column takes marks. */
    uint8_t rank[SPAN_COLUMN_COUNT + 1];
};

enum { RANK_NONE = 1, RANK_NEVER = 255 };

/* Ready for rows of this batch; completes batch->wanted: a batch decoded for input_tokens also holds
 * the cache tokens that tell whether the total includes them. */
void row_sink_open(struct row_sink *sink, struct span_batch *batch, uint32_t string_bytes_max);

static inline void row_sink_start(struct row_sink *sink, uint32_t row)
{
    sink->row = row;
    sink->generations = 0;
    sink->mark = DIALECT_UNKNOWN;
    memcpy(sink->rank, sink->batch->first_rank, sizeof sink->rank);
}

/* The column's array. Columns are consecutive pointers in the batch (asserted in row_sink.c). */
static inline void *row_sink_column(const struct row_sink *sink, unsigned column)
{
    void *memory;
    const uint8_t *first = (const uint8_t *)sink->batch + offsetof(struct span_batch, trace_id);
    memcpy(&memory, first + column * sizeof memory, sizeof memory);
    return memory;
}

/* True when the row wants this alias's value now; notes what the name says about the dialect. */
static inline bool row_sink_wants(struct row_sink *sink, const struct dialect_alias *alias)
{
    sink->generations |= alias->generation;
    return alias->span_rank >= sink->rank[alias->column];
}

/* The value cut to the limit, at a character. */
struct bytes row_sink_cut(struct row_sink *sink, struct bytes text);
/* Only for aliases that row_sink_wants. */
void row_sink_store(struct row_sink *sink, const struct dialect_alias *alias,
                    const struct any_value *value);
/* The common case of it: text into a text column. */
static inline void row_sink_store_text(struct row_sink *sink, const struct dialect_alias *alias,
                                       struct bytes text)
{
    struct bytes *column = row_sink_column(sink, alias->column);
    if (text.size ==
        0) { /* written but empty: as if absent, but it still replaces an earlier value of its own */
        if (sink->rank[alias->column] == alias->span_rank)
            column[sink->row] = BYTES_NONE;
        return;
    }
    if (text.size > sink->string_bytes_max)
        text = row_sink_cut(sink, text);
    column[sink->row] = text;
    sink->rank[alias->column] = alias->span_rank;
}
/* Another common case: a number into an integer column; SPAN_I64_ABSENT: it could not be read as one. */
static inline void row_sink_store_integer(struct row_sink *sink, const struct dialect_alias *alias,
                                          int64_t integer)
{
    int64_t *column = row_sink_column(sink, alias->column);
    if (integer != SPAN_I64_ABSENT)
        sink->rank[alias->column] = alias->span_rank;
    else if (sink->rank[alias->column] != alias->span_rank)
        return;
    column[sink->row] = integer;
}
/* When all attributes and core fields are in: dialect, role, and what columns say about each other. */
void row_sink_finish(struct row_sink *sink, enum dialect scope);

#endif
