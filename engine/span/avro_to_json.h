/*
 * avro_to_json.h - an Avro record as plain JSON under the reader's field names: how the rare inputs that are
 * read as JSON (verdicts) may come as Avro, too. The counterpart of avro_encode.h.
 */
#ifndef ENGINE_SPAN_AVRO_TO_JSON_H
#define ENGINE_SPAN_AVRO_TO_JSON_H

#include "engine/base/buffer.h"
#include "engine/span/avro_program.h"

/* Appends one JSON value; a union is the value itself, bytes are text with one character up to U+00FF each. The
 * program was compiled with marks for this reader's schema. False: fault says where and why (what was appended
 * is to be thrown away), or the buffer's limit is passed (out->failed). */
bool avro_to_json(const struct avro_program *program, const struct avro_schema *reader,
                  struct bytes record, const struct avro_limits *limits, struct buffer *out,
                  struct avro_fault *fault);

#endif
