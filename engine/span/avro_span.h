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

/* Appends one row; the batch must have room. False: no row, fault says where and why. cut_strings counts up. */
bool avro_span_decode(const struct avro_span_reader *reader, struct bytes record,
                      struct row_origin origin, const struct avro_limits *limits,
                      struct span_batch *batch, uint32_t *cut_strings, struct avro_fault *fault);

/* schemas/span.avsc as it was when the program was built. */
struct bytes avro_span_schema(void);

#endif
