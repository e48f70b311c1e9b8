/*
 * draw.h - seeded rows for laws: every column of every row is filled with something, plausible, odd
 * or absent, so that an annotator which looks where it should not finds something there.
 */
#ifndef TESTS_LAWS_DRAW_H
#define TESTS_LAWS_DRAW_H

#include "engine/span/span_batch.h"
#include "operators/math/random.h"

#define DRAW_ROWS_MAX 48

/* A batch with room, and the ids its rows point at. */
struct drawn {
    struct span_batch *batch;
    uint8_t ids[DRAW_ROWS_MAX][16];
};

struct drawn *drawn_create(void);
void drawn_destroy(struct drawn *drawn);
/* Forgets all rows, then appends `rows` drawn ones. The same seed gives the same rows. */
void draw_rows(struct drawn *drawn, uint32_t rows, uint64_t seed);
/* Other contents for one column of all rows. */
void draw_column(struct drawn *drawn, enum span_column column, uint64_t seed);
void draw_clear_column(struct span_batch *batch, enum span_column column);
/* Appends a copy of a row; its strings stay where they are. */
void draw_copy_row(const struct span_batch *from, uint32_t row, struct span_batch *to);

size_t draw_cell_bytes(enum span_column column);
/* Equal contents: strings by their bytes, numbers by their bits. */
bool draw_same(const struct span_batch *a, uint32_t row_a, const struct span_batch *b,
               uint32_t row_b, enum span_column column);

#endif
