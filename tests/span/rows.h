/* rows.h - decodes a record and writes every column of every row as text: rows compared as strings. */
#ifndef TESTS_SPAN_ROWS_H
#define TESTS_SPAN_ROWS_H

#include "engine/base/buffer.h"
#include "engine/span/encoding.h"

struct span_column_set rows_all_columns(void);
/* Decodes with batches of this capacity; appends one line per row. The cursor is left for a look at
 * bad_spans and the like. limits NULL: the defaults. */
void rows_dump(struct bytes record, uint32_t capacity, const struct otlp_limits *limits,
               struct otlp_cursor *cursor, struct buffer *out);
/* The same for any encoding; content that is a tree is written as JSON. */
void rows_dump_encoded(struct bytes value, const struct encoding_options *options, uint32_t capacity,
                       struct encoded_record *record, struct buffer *out);
/* Fails the test unless every string of every row lies in the record or in the batch's arena. Returns
 * the number of rows. Text is the record, bounded. */
uint32_t rows_check(struct bytes record, struct span_batch *batch, struct otlp_cursor *cursor);
/* Reads a whole file; owner frees with buffer_free. False when it cannot be read. */
bool rows_read_file(const char *path, struct buffer *out);

#endif
