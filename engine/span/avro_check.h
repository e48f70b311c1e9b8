/*
 * avro_check.h - can records of one schema be read with another? For compatibility at start: a registry
 * says no without always saying why.
 */
#ifndef ENGINE_SPAN_AVRO_CHECK_H
#define ENGINE_SPAN_AVRO_CHECK_H

#include "engine/base/bytes.h"
#include "engine/base/error.h"

/* False: the error names the first field that stands against it, or what is wrong with a schema. Values that
 * only some records have (branches of unions, symbols, items) are not looked at. */
bool avro_check_reads(struct bytes writer, struct bytes reader, struct error *error);

/* The same, and false too when the reader refuses values that only some records have. */
bool avro_check_always_reads(struct bytes writer, struct bytes reader, struct error *error);

#endif
