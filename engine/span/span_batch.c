/*
 * span_batch.c - columns that grow together.
 *
 * Invariant: every column of every row at or beyond `rows` is absent. Adding a row therefore touches
 * nothing but its kind and origin; the clearing is done column by column when rows are forgotten,
 * where it runs at memory speed, and only of columns that are wanted: nobody writes others.
 */
#include "engine/span/span_batch.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"
#include "engine/span/row_scratch.h"

#include <math.h>

/* Text made for a row (labels, unescaped answers) has this much room on average before the batch should
 * be worked off; the ceiling leaves room for the whole text of the record that was begun last. */
#define TEXT_BYTES_PER_ROW  ((size_t)4096)
#define TEXT_BYTES_MIN      ((size_t)512 * 1024)
#define ARENA_BYTES_MAX     ((size_t)128 * 1024 * 1024)

#define NAME_OF(name, type, unit, meaning)  #name,
#define TYPE_OF(name, type, unit, meaning)  SPAN_TYPE_##type,
#define PLACE_OF(name, type, unit, meaning) offsetof(struct span_batch, name),

#define SPAN_COLUMN NAME_OF
static const char *const column_names[] = {
#include "schemas/span_columns.def"
};
#undef SPAN_COLUMN

#define SPAN_COLUMN TYPE_OF
static const uint8_t column_types[] = {
#include "schemas/span_columns.def"
};
#undef SPAN_COLUMN

#define SPAN_COLUMN PLACE_OF
static const size_t column_places[] = {
#include "schemas/span_columns.def"
};
#undef SPAN_COLUMN

static const size_t type_bytes[] = {
    [SPAN_TYPE_bytes] = sizeof(struct bytes),
    [SPAN_TYPE_i64] = sizeof(int64_t),
    [SPAN_TYPE_f64] = sizeof(double),
    [SPAN_TYPE_bin] = sizeof(uint16_t),
};

/* Columns of one size start at different cache sets: filling a row touches all of them, and at equal
 * page offsets they would fight for a few lines. */
static size_t stagger_bytes(unsigned column) { return (size_t)(column % 64) * 64; }

static void make_absent(void *column, enum span_column_type type, size_t first, size_t count)
{
    switch (type) {
    case SPAN_TYPE_bytes:
        memset((struct bytes *)column + first, 0, count * sizeof(struct bytes));
        break;
    case SPAN_TYPE_i64:
        for (size_t i = first; i < first + count; i++)
            ((int64_t *)column)[i] = SPAN_I64_ABSENT;
        break;
    case SPAN_TYPE_f64:
        for (size_t i = first; i < first + count; i++)
            ((double *)column)[i] = (double)NAN;
        break;
    case SPAN_TYPE_bin:
        memset((uint16_t *)column + first, 0xff, count * sizeof(uint16_t));
        break;
    }
}

_Static_assert(SPAN_BIN_ABSENT == 0xffff, "absent bins are written with memset");

#ifdef ASSAY_CHECK_HOT
static bool is_absent(const void *column, enum span_column_type type, size_t row)
{
    switch (type) {
    case SPAN_TYPE_bytes:
        return !bytes_present(((const struct bytes *)column)[row]);
    case SPAN_TYPE_i64:
        return ((const int64_t *)column)[row] == SPAN_I64_ABSENT;
    case SPAN_TYPE_f64:
        return isnan(((const double *)column)[row]);
    default:
        return ((const uint16_t *)column)[row] == SPAN_BIN_ABSENT;
    }
}

static bool all_absent(const struct span_batch *batch, unsigned column, uint32_t first, uint32_t count)
{
    bool absent = true;
    for (size_t row = first; row < first + count; row++)
        absent = absent && is_absent(span_batch_column(batch, column), column_types[column], row);
    return absent;
}
#endif

/* Columns that nobody wants were never written. */
static void forget_rows(struct span_batch *batch, uint32_t first, uint32_t count)
{
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++) {
        if (span_columns_have(&batch->wanted, column))
            make_absent(span_batch_column(batch, column), column_types[column], first, count);
        else
            CHECK_HOT(all_absent(batch, column, first, count));
    }
}

/* `rows` of what was at `memory` move to new memory for `capacity`, all further ones absent. */
static void *resize_column(void *memory, enum span_column column, uint32_t rows, uint32_t capacity)
{
    const size_t bytes = type_bytes[column_types[column]];
    uint8_t *resized = memory_allocate_raw(stagger_bytes(column) + capacity * bytes);
    resized += stagger_bytes(column);
    if (rows > 0)
        memcpy(resized, memory, rows * bytes);
    if (memory != NULL)
        memory_free((uint8_t *)memory - stagger_bytes(column));
    make_absent(resized, column_types[column], rows, capacity - rows);
    return resized;
}

static void resize(struct span_batch *batch, uint32_t capacity)
{
    batch->kind = memory_resize(batch->kind, capacity * sizeof *batch->kind);
    batch->origin = memory_resize(batch->origin, capacity * sizeof *batch->origin);
    batch->generations = memory_resize(batch->generations, capacity * sizeof *batch->generations);
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++) {
        void *memory = resize_column(span_batch_column(batch, column), column, batch->rows, capacity);
        memcpy((uint8_t *)batch + column_places[column], &memory, sizeof memory);
    }
    batch->allocated = capacity;
}

struct span_batch *span_batch_create(uint32_t capacity)
{
    CHECK(capacity > 0);
    struct span_batch *batch = memory_allocate(sizeof *batch);
    resize(batch, capacity);
    batch->enough = capacity;
    batch->arena = arena_create(ARENA_BYTES_MAX);
    span_batch_bound(batch, UINT32_MAX, SIZE_MAX);
    return batch;
}

void span_batch_destroy(struct span_batch *batch)
{
    if (batch == NULL)
        return;
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++)
        memory_free((uint8_t *)span_batch_column(batch, column) - stagger_bytes(column));
    memory_free(batch->kind);
    memory_free(batch->origin);
    memory_free(batch->generations);
    row_scratch_destroy(batch->scratch);
    arena_destroy(batch->arena);
    buffer_free(&batch->message);
    memory_free(batch);
}

void span_batch_reset(struct span_batch *batch)
{
    forget_rows(batch, 0, batch->rows);
    batch->rows = 0;
    arena_reset(batch->arena);
}

bool span_batch_enough(const struct span_batch *batch)
{
    return batch->rows >= batch->enough ||
           arena_used_bytes(batch->arena) > TEXT_BYTES_MIN + batch->enough * TEXT_BYTES_PER_ROW;
}

void span_batch_bound(struct span_batch *batch, uint32_t rows_max, size_t text_stop_bytes)
{
    CHECK(rows_max >= batch->rows);
    batch->capacity = batch->allocated < rows_max ? batch->allocated : rows_max;
    batch->text_stop_bytes = text_stop_bytes;
}

void span_batch_grow(struct span_batch *batch, uint32_t rows_max)
{
    CHECK(rows_max > batch->allocated);
    resize(batch, rows_max / 2 < batch->allocated ? rows_max : batch->allocated * 2);
    batch->capacity = batch->allocated;
}

uint32_t span_batch_add(struct span_batch *batch, enum row_kind kind, struct row_origin origin)
{
    CHECK_HOT(batch->rows < batch->capacity);
    uint32_t row = batch->rows++;
    batch->kind[row] = (uint8_t)kind;
    batch->origin[row] = origin;
    return row;
}

void span_batch_drop_last(struct span_batch *batch)
{
    CHECK(batch->rows > 0);
    batch->rows--;
    forget_rows(batch, batch->rows, 1);
}

const char *span_column_name(enum span_column column)
{
    CHECK(column < SPAN_COLUMN_COUNT);
    return column_names[column];
}

enum span_column_type span_column_type(enum span_column column)
{
    CHECK(column < SPAN_COLUMN_COUNT);
    return column_types[column];
}

enum span_column span_column_find(struct bytes name)
{
    for (unsigned column = 0; column < SPAN_COLUMN_COUNT; column++) {
        if (bytes_equal_text(name, column_names[column]))
            return column;
    }
    return SPAN_COLUMN_COUNT;
}

void *span_batch_column(const struct span_batch *batch, enum span_column column)
{
    CHECK_HOT(column < SPAN_COLUMN_COUNT);
    void *memory;
    memcpy(&memory, (const uint8_t *)batch + column_places[column], sizeof memory);
    return memory;
}
