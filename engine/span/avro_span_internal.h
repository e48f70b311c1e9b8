/*
 * avro_span_internal.h - what a reader of Avro spans is made of: between avro_span_reader.c, which makes it,
 * and avro_span.c, which decodes with it.
 */
#ifndef ENGINE_SPAN_AVRO_SPAN_INTERNAL_H
#define ENGINE_SPAN_AVRO_SPAN_INTERNAL_H

#include "engine/span/avro_span.h"
#include "engine/span/dialect.h"

/* slot = action << 8 | column; 0 is no slot: structure, or a part of it that nobody takes */
enum avro_span_action {
    ACTION_NONE,
    ACTION_TEXT,
    ACTION_VALUE,
    ACTION_ID,
    ACTION_TIME,
    ACTION_CODE,
    ACTION_ATTRIBUTE,
    ACTION_RESOURCE
};

struct avro_span_reader {
    struct avro_program *program;
    struct dialect_alias fields[SPAN_COLUMN_COUNT]; /* how a column takes its own field's value */
};

#endif
