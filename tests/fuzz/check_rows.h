/* check_rows.h - what must hold for any bytes in any encoding; for the fuzz targets of records. */
#ifndef TESTS_FUZZ_CHECK_ROWS_H
#define TESTS_FUZZ_CHECK_ROWS_H

#include "engine/span/encoding.h"

/* Decodes with batches of one row and of many: the same rows, every string can be touched, every row can
 * be printed, what is bad has a reason and a place in the value. */
void check_rows(struct bytes value, struct bytes header, enum encoding encoding,
                enum signal_kind signal);

#endif
