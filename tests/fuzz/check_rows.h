/* check_rows.h - what must hold for any bytes in any encoding; for the fuzz targets of records. */
#ifndef TESTS_FUZZ_CHECK_ROWS_H
#define TESTS_FUZZ_CHECK_ROWS_H

#include "engine/span/encoding.h"

/* Every bad span is counted under one code, and the first one has a reason. */
void check_rows_refusals(const struct otlp_cursor *cursor);
/* Reads the first and the last byte of every string: a sanitizer sees one that is not where it should be. */
void check_rows_touch(const struct span_batch *batch);
/* Decodes with batches of one row and of many: the same rows, printed alike, every string can be touched, every row can
 * be printed, what is bad has a reason and a place in the value. */
void check_rows(struct bytes value, struct bytes header, enum encoding encoding,
                enum signal_kind signal);

#endif
