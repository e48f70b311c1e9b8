/*
 * row_sink.h - attribute values into the columns of one row: wanted or not, precedence, transforms,
 * and what follows from several columns together. Shared by every encoding of spans.
 */
#ifndef ENGINE_SPAN_ROW_SINK_H
#define ENGINE_SPAN_ROW_SINK_H

#include "engine/span/any_value.h"
#include "engine/span/dialect.h"

struct row_sink {
    struct span_batch *batch;
    struct span_column_set wanted;
    uint32_t row;
    uint32_t string_bytes_max;
    uint32_t nesting_depth_max;
    uint32_t cut_strings;  /* counts up */
    uint32_t slots_wanted; /* bits of enum row_slot, for values that feed a column too */
    uint32_t flats_wanted; /* bits of enum dialect_flat */
    bool events_wanted;
    uint16_t *follows; /* the batch's (row_scratch.h) */
    /* of this row */
    uint32_t in_front; /* number + 1 of the alias in front; 0: none yet */
    uint8_t generations; /* enum dialect_generation bits */
    uint8_t mark;        /* enum dialect */
    uint8_t kind_of;     /* enum dialect: whose word slot[SLOT_KIND] is */
    bool ttft_of_server; /* under the name that Strands writes in milliseconds */
    bool apart;          /* cached tokens were found under names that the input total leaves out */
    bool too_deep;       /* a value was nested deeper than nesting_depth_max */
    bool lost_events;    /* the first chunk's may be among them */
    uint8_t event;       /* enum dialect_event: the one being read */
    uint32_t event_number;
    uint32_t flats; /* items of this row in the scratch */
    uint32_t slots; /* bits: slot[i] is set */
    struct bytes slot[SLOT_COUNT];
    int64_t first_token_ns;
    /* Per column and slot, of what it was filled from: RANK_NONE before, RANK_NEVER where it is not wanted. */
    uint8_t rank[SLOTS_FROM + SLOT_COUNT];
};

/* Bands of schemas/dialects.def: values from events are below RANK_FROM_EVENT_MAX, those from inside JSON
 * text below RANK_INSIDE. */
enum {
    RANK_NONE = 1,
    RANK_FROM_EVENT = 15,
    RANK_FROM_EVENT_MAX = 20,
    RANK_INSIDE = 30,
    RANK_FLAT = 65,
    RANK_NEVER = 255
};

/* Ready for rows of this batch; completes batch->wanted: a batch decoded for input_tokens also holds
 * the cache tokens that tell whether the total includes them. */
void row_sink_open(struct row_sink *sink, struct span_batch *batch, uint32_t string_bytes_max,
                   uint32_t nesting_depth_max);

static inline void row_sink_start(struct row_sink *sink, uint32_t row)
{
    sink->row = row;
    sink->in_front = 0;
    sink->generations = 0;
    sink->mark = DIALECT_UNKNOWN;
    sink->kind_of = DIALECT_UNKNOWN;
    sink->ttft_of_server = sink->lost_events = sink->apart = sink->too_deep = false;
    sink->event_number = 0;
    sink->slots = 0;
    sink->flats = 0;
    sink->first_token_ns = SPAN_I64_ABSENT;
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

/* dialect_find, but looks first whether it is what came behind the attribute in front last time. */
static inline __attribute__((always_inline)) const struct dialect_alias *
row_sink_find(struct row_sink *sink, const uint8_t *name, size_t size)
{
    uint16_t *follows = &sink->follows[sink->in_front];
    const struct dialect_alias *alias = &dialect_aliases[*follows];
    if (alias->size != size || !dialect_same_name(alias->name, name, size)) {
        alias = dialect_find(name, size);
        if (alias == NULL)
            return NULL;
        *follows = (uint16_t)(alias - dialect_aliases);
    }
    sink->in_front = *follows + 1u;
    return alias;
}

/* True when the row wants this alias's value now; notes what the name says about the dialect. */
static inline bool row_sink_wants(struct row_sink *sink, const struct dialect_alias *alias)
{
    sink->generations |= alias->generation;
    return alias->span_rank >= sink->rank[alias->column] ||
           (alias->json != SLOT_NONE && (sink->slots_wanted >> alias->json & 1) != 0);
}
static inline bool row_sink_may_be_flat(const struct row_sink *sink, const uint8_t *name,
                                        size_t size)
{
    return sink->flats_wanted != 0 && dialect_may_be_flat(name, size);
}
/* An attribute that is not in the table and may be flat (row_flat.c). */
void row_sink_flat(struct row_sink *sink, struct bytes name, const struct any_value *value);

/* Span events, and log records that are events: what comes between start and the next belongs to it.
 * Only when events_wanted. False: nothing of it is wanted (row_event.c). */
bool row_sink_event(struct row_sink *sink, struct bytes name, int64_t time_ns);
/* False: the value need not be read. */
bool row_sink_event_wants(const struct row_sink *sink, struct bytes name);
void row_sink_event_attribute(struct row_sink *sink, struct bytes name,
                              const struct any_value *value);

/* The value cut to the limit, at a character. */
struct bytes row_sink_cut(struct row_sink *sink, struct bytes text);
/* Only for aliases that row_sink_wants. ARRAY and MAP values are OTLP messages; an encoding that has
 * them as JSON text gives TEXT. */
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
/* A number into a real column; not a number: absent. */
void row_sink_store_real(struct row_sink *sink, const struct dialect_alias *alias, double real);
/* JSON text (or plain) that was made in the arena, into a content column, if it is wanted that much. */
void row_sink_store_made(struct row_sink *sink, unsigned column, uint8_t rank, struct bytes text);

/* Inside the sink: text of any value; numbers from any value (row_value.c). */
struct bytes row_value_text(struct row_sink *sink, const struct any_value *value);
int64_t row_value_count(const struct any_value *value);
bool row_value_real(const struct any_value *value, double *out);
int64_t row_value_nanoseconds(const struct any_value *value, double unit_ns);
int64_t row_value_boolean(const struct any_value *value);
struct bytes row_value_first(struct row_sink *sink, const struct any_value *value);
struct bytes row_value_unquoted(struct bytes text);
/* A tree as JSON text behind what stands in `out`; false: nothing was added, and it is counted. */
bool row_value_tree(struct row_sink *sink, const struct any_value *value, struct buffer *out);
struct bytes row_value_json(struct row_sink *sink, const struct any_value *value);
struct row_scratch *row_sink_scratch(struct row_sink *sink);
/* dialect_of_scope, which is remembered; an absent name is DIALECT_UNKNOWN. */
enum dialect row_sink_scope(struct row_sink *sink, struct bytes name);
/* Inside it: what the slots' JSON text says (row_json.c); what flat attributes and message events amount
 * to (row_flat.c). Both before the last look. */
void row_json_look(struct row_sink *sink, enum span_role role);
void row_flat_finish(struct row_sink *sink, enum span_role role);

/* When all attributes, events and core fields are in: dialect, role, and what columns say about each other. */
void row_sink_finish(struct row_sink *sink, enum dialect scope);

#endif
