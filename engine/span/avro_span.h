/*
 * avro_span.h - Avro records into rows: one span per record, read as schemas/span.avsc says.
 *
 * A reader is made once per writer's schema and shared by all threads; decoding allocates nothing.
 * Framing (magic byte, schema id) is taken off before.
 */
#ifndef ENGINE_SPAN_AVRO_SPAN_H
#define ENGINE_SPAN_AVRO_SPAN_H

#include "engine/span/avro_program.h"
#include "engine/span/span_batch.h"

struct avro_span_reader;

/* The last text is the writer's schema, those before it are what it refers to. NULL: it cannot be read, or
 * no spans can come of it; the error says why. Owner frees with avro_span_reader_destroy. */
struct avro_span_reader *avro_span_reader_create(const struct bytes *texts, uint32_t texts_count,
                                                 const struct avro_schema_limits *limits,
                                                 struct error *error);
void avro_span_reader_destroy(struct avro_span_reader *reader);

/* Appends the span's row, and one for each evaluation on it; the batch must have room for a row, and loses
 * evaluations (counted as a cut) when it has less than AVRO_SPAN_ROWS_MAX. False: no row, fault says where
 * and why. cut_strings counts up. Who decodes a record settles its leaves (leaves.h). */
#define AVRO_SPAN_ROWS_MAX 17 /* 1 + ROW_EVALUATIONS_MAX */
bool avro_span_decode(const struct avro_span_reader *reader, struct bytes record,
                      struct row_origin origin, const struct avro_limits *limits,
                      struct span_batch *batch, uint32_t *cut_strings, struct avro_fault *fault);

/* schemas/span.avsc as it was when the program was built. */
struct bytes avro_span_schema(void);

#endif
