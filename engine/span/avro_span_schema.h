/*
 * avro_span_schema.h - schemas/span.avsc as a text in the program; made at build time.
 */
#ifndef ENGINE_SPAN_AVRO_SPAN_SCHEMA_H
#define ENGINE_SPAN_AVRO_SPAN_SCHEMA_H

#include <stddef.h>

extern const char avro_span_schema_text[];
extern const size_t avro_span_schema_size;

#endif
