/*
 * span_batch.h - rows of one batch as columns; strings stay in the record they came in.
 *
 * Rows are spans, verdict dimensions, labels, feedback or content. A column that nobody declared is
 * not decoded and stays absent. A batch lives on one shard; its strings die with the records.
 */
#ifndef ENGINE_SPAN_SPAN_BATCH_H
#define ENGINE_SPAN_SPAN_BATCH_H

#include "engine/base/arena.h"
#include "engine/base/buffer.h"
#include "engine/base/error.h"

enum span_column {
#define SPAN_COLUMN(name, type, unit, meaning) SPAN_COLUMN_##name,
#include "schemas/span_columns.def"
#undef SPAN_COLUMN
    SPAN_COLUMN_COUNT
};

enum span_column_type { SPAN_TYPE_bytes, SPAN_TYPE_i64, SPAN_TYPE_f64, SPAN_TYPE_bin };

#define SPAN_I64_ABSENT INT64_MIN
#define SPAN_BIN_ABSENT UINT16_MAX

struct span_column_set {
    uint64_t bits[2];
};
_Static_assert(SPAN_COLUMN_COUNT <= 128, "span_column_set has 128 bits");

static inline bool span_columns_have(const struct span_column_set *set, enum span_column column)
{
    return (set->bits[(unsigned)column / 64] >> ((unsigned)column % 64)) & 1;
}
static inline void span_columns_add(struct span_column_set *set, enum span_column column)
{
    set->bits[(unsigned)column / 64] |= (uint64_t)1 << ((unsigned)column % 64);
}

enum row_kind { ROW_SPAN, ROW_VERDICT, ROW_LABEL, ROW_FEEDBACK, ROW_CONTENT };

/* What a span is about. One request = one row of ROLE_CALL or ROLE_EMBEDDINGS, whatever else of the
 * record is about it too (leaves.h). */
enum span_role {
    ROLE_OTHER,
    ROLE_CALL,
    ROLE_EMBEDDINGS,
    ROLE_TOOL,
    ROLE_RETRIEVAL,
    ROLE_AGENT,
    ROLE_WORKFLOW,
    ROLE_TASK,
    ROLE_CHAIN,
    ROLE_HTTP,
    ROLE_CALL_COPY,
    ROLE_CALL_ADDENDUM,
    ROLE_CALL_AROUND,       /* a call around the span that counts: an instrumented, self-tracing library */
    ROLE_EMBEDDINGS_AROUND, /* the same of embeddings */
    ROLE_COUNT
};

/* Which naming convention. */
enum dialect {
    DIALECT_UNKNOWN,
    DIALECT_OTEL_GENAI,
    DIALECT_OTEL_GENAI_OLD,
    DIALECT_CLIENT, /* a client library that traces itself, in OTel GenAI names */
    DIALECT_OTHER,
    DIALECT_OPENINFERENCE,
    DIALECT_OPENLLMETRY,
    DIALECT_OPENLLMETRY_OLD, /* only as the owner of llm.request.type */
    DIALECT_OPENLIT,
    DIALECT_LANGFUSE,
    DIALECT_LANGSMITH,
    DIALECT_LITELLM,
    DIALECT_PYDANTIC_AI,
    DIALECT_LOGFIRE,
    DIALECT_STRANDS,
    DIALECT_VERCEL_AI,
    DIALECT_HTTP,
    DIALECT_COUNT
};

/* Text of a span that is no column but decides others when the span is complete (dialects.def). */
enum row_slot {
    SLOT_NONE, /* takes marks */
    SLOT_KIND,
    SLOT_MODEL,
    SLOT_ENTITY,
    SLOT_LEVEL,
    SLOT_FIRST_TOKEN,
    SLOT_TOOL_CALLS,
    SLOT_REQUEST,
    SLOT_RESPONSE,
    SLOT_PARAMETERS,
    SLOT_USAGE,
    SLOT_INPUT_DETAILS,
    SLOT_OUTPUT_DETAILS,
    SLOT_METADATA,
    SLOT_PROMPT,
    SLOT_COST,
    SLOT_COUNT
};

/* Where both are numbered in one go, slots come behind the columns. */
#define SLOTS_FROM ((int)SPAN_COLUMN_COUNT)

/* Where a row came from: the record's number in the member's batch, and its place in the record. */
struct row_origin {
    uint32_t record;
    uint32_t span;
};

struct span_batch {
    uint32_t rows;
    uint32_t capacity;  /* rows that decoders may fill; see span_batch_bound */
    uint32_t allocated; /* rows there is memory for */
    uint32_t enough;    /* rows worth working off: as many as the batch was created for */
    size_t text_stop_bytes; /* decoders begin no further span when the arena holds more */
    struct span_column_set wanted; /* set while there are no rows; nobody writes others */
    uint8_t *kind;                 /* enum row_kind */
    struct row_origin *origin;
#define SPAN_CTYPE_bytes struct bytes
#define SPAN_CTYPE_i64 int64_t
#define SPAN_CTYPE_f64 double
#define SPAN_CTYPE_bin uint16_t
#define SPAN_COLUMN(name, type, unit, meaning) SPAN_CTYPE_##type *name;
#include "schemas/span_columns.def"
#undef SPAN_COLUMN
    struct arena *arena; /* for text that had to be made (JSON escapes, labels); reset with the batch */
    /* The decoder's own (row_sink.c): ranks every row starts with, and the `wanted` they were made for. */
    struct span_column_set ranked;
    uint32_t slots_wanted, flats_wanted;
    uint8_t first_rank[SLOTS_FROM + SLOT_COUNT];
    uint8_t *generations;        /* per row, enum dialect_generation bits */
    struct row_scratch *scratch; /* made when it is first needed (row_scratch.h) */
    /* Where decoders put a message together before it goes to the arena at its true size. */
    struct buffer message;
};

/* All columns allocated for `capacity` rows, grown by span_batch_grow only. Owner frees with
 * span_batch_destroy. */
struct span_batch *span_batch_create(uint32_t capacity);
void span_batch_destroy(struct span_batch *batch);
/* Forgets all rows; keeps `wanted`. Every column of every row is absent again, the arena is empty. */
void span_batch_reset(struct span_batch *batch);
/* Appends a row of this kind with every wanted column absent; the batch must have room. Its number. */
uint32_t span_batch_add(struct span_batch *batch, enum row_kind kind, struct row_origin origin);
/* Takes back the newest row (it turned out bad); its columns are absent again. */
void span_batch_drop_last(struct span_batch *batch);

static inline bool span_batch_full(const struct span_batch *batch) { return batch->rows == batch->capacity; }
/* No further record should be begun: the batch has the rows it was created for, or much text. */
bool span_batch_enough(const struct span_batch *batch);
/* Decoders fill no row beyond rows_max (as far as there is memory), and no more text than the stop.
 * UINT32_MAX, SIZE_MAX: no bounds but the memory's. */
void span_batch_bound(struct span_batch *batch, uint32_t rows_max, size_t text_stop_bytes);
/* Twice the rows, but not beyond rows_max; the memory stays. Rows keep their numbers, pointers into
 * columns die. */
void span_batch_grow(struct span_batch *batch, uint32_t rows_max);

const char *span_column_name(enum span_column column);
enum span_column_type span_column_type(enum span_column column);
/* SPAN_COLUMN_COUNT when there is none of that name. */
enum span_column span_column_find(struct bytes name);
/* Untyped access for tools (decode, tests): pointer to the column's array of its type. */
void *span_batch_column(const struct span_batch *batch, enum span_column column);

#endif
